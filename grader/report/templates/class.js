"use strict";
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const keys = {
    text: (cell) => cell.textContent.trim(),
    number: (cell) => parseFloat(cell.textContent),
  };
  const compare = {
    text: (a, b) => collator.compare(a, b),
    number: (a, b) => a - b,
  };

  function sorted(column, order, sign) {
    const keyed = rows.map((row, place) => ({ row, place, key: keys[order](row.cells[column]) }));
    const empty = (item) => item.key === "" || Number.isNaN(item.key);
    // What has no value stays last in either direction; equals stay in the page's first order.
    keyed.sort((a, b) =>
      empty(a) - empty(b) || (empty(a) ? 0 : sign * compare[order](a.key, b.key)) || a.place - b.place);
    return keyed.map((item) => item.row);
  }

  function sortBy(header) {
    const up = header.getAttribute("aria-sort") !== "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...sorted(header.cellIndex, header.dataset.order, up ? 1 : -1));
  }

  for (const header of table.querySelectorAll("th[data-order]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(header));
    header.append(button);
    header.setAttribute("aria-sort", "none");
  }

  const form = document.getElementById("filters");
  const field = (name) => document.getElementById("filter-" + name);
  const noteOf = (row) => document.getElementById(row.querySelector("[popovertarget]").getAttribute("popovertarget"));
  const searched = rows.map((row) => plain(row.textContent + " " + noteOf(row).textContent));
  const coded = rows.map((row) => row.dataset.codes.split("\n"));

  function filter() {
    const words = plain(field("text").value).split(/\s+/).filter(Boolean);
    const status = field("status").value;
    const code = field("code").value;
    const review = field("review").checked;
    let shown = 0;
    rows.forEach((row, place) => {
      row.hidden = !(
        words.every((word) => searched[place].includes(word)) &&
        (!status || row.dataset.status === status) &&
        (!code || coded[place].includes(code)) &&
        (!review || "review" in row.dataset)
      );
      shown += !row.hidden;
    });
    field("count").textContent = `${shown} of ${rows.length} shown`;
    document.getElementById("nobody").hidden = shown > 0;
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields are emptied after this event.
  form.addEventListener("reset", () => setTimeout(filter));
  form.hidden = false;
  // A browser that comes back to the page may have kept what was typed.
  filter();
})();
