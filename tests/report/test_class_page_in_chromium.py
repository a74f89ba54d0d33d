"""The class page in a browser: its script sorts and filters, its policy stops every other one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from grader.model.classroom import ClassRow
from grader.report.class_page import to_class_page
from grader.report.text import one_line
from tests.report.browser import CHROMIUM, Tab, opened
from tests.report.class_sample import ATTACK, class_record

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here")

RECORD = class_record(30)
NAMES = "Array.from(document.querySelectorAll('#table tbody tr:not([hidden]) th'), cell => cell.textContent.trim())"
HEADERS = "#table thead th:nth-child({})"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(tmp_path_factory.mktemp("profile")) as tab:
        tab.call("Network.enable")
        yield tab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The class page, and every report that it links to."""
    folder = tmp_path_factory.mktemp("class report #1")
    (folder / "students").mkdir()
    for row in RECORD.rows:
        if row.report:
            (folder / row.report).write_text(f"<title>report of {row.key}</title>", encoding="utf-8")
    (folder / "class.html").write_text(to_class_page(RECORD), encoding="utf-8")
    return folder


@pytest.fixture
def page(tab: Tab, folder: Path) -> Tab:
    tab.call("Emulation.setDeviceMetricsOverride", width=1300, height=900, deviceScaleFactor=1, mobile=False)
    tab.call("Emulation.setScriptExecutionDisabled", value=False)
    tab.open(folder / "class.html")
    return tab


def shown(row: ClassRow) -> str:
    return one_line(row.name or row.key, 80)


def trouble(page: Tab) -> list[Any]:
    """Whatever the console, the policy or a dialog has said."""
    words = (
        "Log.entryAdded",
        "Runtime.exceptionThrown",
        "Runtime.consoleAPICalled",
        "Page.javascriptDialogOpening",
    )
    return [event for word in words for event in page.seen(word)]


def test_it_loads_alone_and_without_a_word(page: Tab) -> None:
    assert trouble(page) == []
    assert [request["documentURL"] for request in page.seen("Network.requestWillBeSent")] == [
        page.value("location.href")
    ]
    assert page.value("document.getElementById('filters').hidden") is False
    assert page.value("document.getElementById('filter-count').innerText") == "30 of 30 shown"


def test_nothing_of_a_students_becomes_an_element(page: Tab) -> None:
    assert page.value("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
    assert page.value("document.scripts.length") == 1
    assert page.value("document.title") == "Building classification models with PyTorch: 30 students"
    named = "Array.from(document.querySelectorAll('#table th a'), a => a.textContent)"
    assert one_line(ATTACK, 80) in page.value(named)


@pytest.mark.parametrize(
    "injected",
    [
        "<script>document.title = 'ran'</script>",
        "<img src=x onerror=\"document.title = 'ran'\">",
        "<a id=trap href=\"javascript:document.title = 'ran'\">x</a>",
        "<script src='data:text/javascript,document.title=1'></script>",
    ],
)
def test_the_policy_stops_every_other_script(tab: Tab, tmp_path: Path, injected: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(to_class_page(RECORD).replace("</main>", f"{injected}</main>"), encoding="utf-8")
    tab.open(page)
    tab.value("document.getElementById('trap')?.click()")
    assert tab.value("document.title").endswith("30 students")
    assert any("Content Security Policy" in str(said) for said in trouble(tab))
    assert tab.value("document.getElementById('filter-count').innerText") == "30 of 30 shown"


# ---------------------------------------------------------------- sorting


def column(page: Tab, place: int) -> list[str]:
    """What stands in a column, from the top; without what belongs to the reason."""
    cells = f"Array.from(document.querySelectorAll('#table tbody tr'), r => r.cells[{place}].firstChild)"
    return list(page.value(f"{cells}.map(n => (n.firstChild ?? n).textContent.trim())"))


def values(page: Tab, place: int) -> list[float]:
    return [float(text) for text in column(page, place) if text != "–"]


NUMBERS = (*range(2, 17),)


@pytest.mark.parametrize("place", NUMBERS)
def test_numbers_sort_as_numbers_and_what_has_none_stays_last(page: Tab, place: int) -> None:
    before = sorted(values(page, place))
    for direction in ("ascending", "descending"):
        page.click(HEADERS.format(place + 1) + " button")
        assert values(page, place) == (before if direction == "ascending" else before[::-1])
        texts = column(page, place)
        assert all(text == "–" for text in texts[len(before) :])
        header = f"document.querySelector('{HEADERS.format(place + 1)}').getAttribute('aria-sort')"
        assert page.value(header) == direction
    assert (
        page.value("document.querySelectorAll('[aria-sort=ascending], [aria-sort=descending]').length") == 1
    )
    assert len(page.value(NAMES)) == 30


def test_equals_stay_in_the_order_of_names(page: Tab) -> None:
    page.click(HEADERS.format(5) + " button")
    full = [
        shown(row) for row in RECORD.rows if any(e.number == 1 and e.points == 1.0 for e in row.exercises)
    ]
    assert [name for name in page.value(NAMES) if name in full] == full


def test_names_sort_as_people_do(page: Tab) -> None:
    page.click(HEADERS.format(1) + " button")
    names = page.value(NAMES)
    assert sorted(names) == sorted(map(shown, RECORD.rows)) and names != [shown(row) for row in RECORD.rows]
    assert names.index("Eda Partly") < names.index("Émile Abreu") < names.index("Farah Abreu")
    page.click(HEADERS.format(1) + " button")
    assert page.value(NAMES) == names[::-1]


def test_status_sorts(page: Tab) -> None:
    page.click(HEADERS.format(2) + " button")
    assert column(page, 1) == sorted(row.status.replace("_", " ") for row in RECORD.rows)


def test_keys_sort_as_well(page: Tab) -> None:
    page.value("document.querySelector('#filters button').focus()")
    for _ in range(4):  # the table's own scrolling, then three columns
        page.press("Tab")
    assert page.value("document.activeElement.innerText.trim()") == "Grade"
    page.press("Enter", "\r")
    assert values(page, 2) == sorted(values(page, 2))
    assert page.value("document.activeElement.innerText.trim()") == "Grade"


# ---------------------------------------------------------------- filtering


def names_where(kept: Any) -> list[str]:
    return [shown(row) for row in RECORD.rows if kept(row)]


def codes(row: ClassRow) -> set[str]:
    return {*row.codes, *(code for one in row.exercises for code in one.codes)}


def choose(page: Tab, name: str, value: str) -> None:
    page.value(
        f"(f => {{ f.value = {value!r}; f.dispatchEvent(new Event('input', {{bubbles: true}})) }})"
        f"(document.getElementById('filter-{name}'))"
    )


def test_text_filters_without_accents_and_case(page: Tab) -> None:
    page.click("#filter-text")
    page.type("STEFAN tepes")
    assert page.value(NAMES) == ['Ștefan "Țepeș" Ionescu']
    assert page.value("document.getElementById('filter-count').innerText") == "1 of 30 shown"
    page.type(" no such words")
    assert page.value(NAMES) == [] and page.value("document.getElementById('nobody').hidden") is False


@pytest.mark.parametrize(
    ("text", "key"), [("absent@example.org", "absent"), ("=2+3", "formula"), ("unlucky", "raised")]
)
def test_text_finds_what_is_known_of_a_student(page: Tab, text: str, key: str) -> None:
    page.click("#filter-text")
    page.type(text)
    assert names_where(lambda row: row.key == key)[0] in page.value(NAMES)
    assert len(page.value(NAMES)) <= 2


@pytest.mark.parametrize("status", ["graded", "partly_graded", "not_graded", "refused", "missing"])
def test_status_filters(page: Tab, status: str) -> None:
    choose(page, "status", status)
    assert page.value(NAMES) == names_where(lambda row: row.status == status) != []


@pytest.mark.parametrize("code", [info.code for info in RECORD.mistakes])
def test_mistakes_filter(page: Tab, code: str) -> None:
    choose(page, "code", code)
    assert page.value(NAMES) == names_where(lambda row: code in codes(row)) != []


def test_review_filters_with_the_rest_and_clears(page: Tab) -> None:
    page.click("#filter-review")
    assert page.value(NAMES) == names_where(lambda row: row.needs_review)
    choose(page, "code", "run-error")
    assert page.value(NAMES) == ["Dag Crashed"]
    page.click(HEADERS.format(3) + " button")
    assert page.value(NAMES) == ["Dag Crashed"]
    page.click("#filters button")
    assert len(page.value(f"new Promise(done => setTimeout(() => done({NAMES})))")) == 30


# ---------------------------------------------------------------- links and notes


def test_every_link_leads_to_a_file(page: Tab, folder: Path) -> None:
    links = page.value("Array.from(document.links, a => a.href).filter(h => !h.includes('class.html#'))")
    found = {Path(unquote(urlsplit(link).path)) for link in links}
    assert found == {folder / row.report for row in RECORD.rows if row.report}
    assert all(path.is_file() for path in found)
    assert not any(urlsplit(link).query or urlsplit(link).fragment for link in links)


@pytest.mark.parametrize("key", ["stefan", "attack", "long"])
def test_a_click_opens_the_report(page: Tab, key: str) -> None:
    (place,) = [i for i, row in enumerate(RECORD.rows, start=1) if row.key == key]
    page.events.clear()
    page.click(f"#table tbody tr:nth-child({place}) th a")
    page.wait("Page.loadEventFired")
    assert page.value("document.title") == f"report of {key}"


def test_a_reason_shows_at_the_focus(page: Tab) -> None:
    box = "document.querySelector('.in-conflict .reason').getBoundingClientRect()"
    assert page.value(f"{box}.width") <= 1
    page.value("document.querySelector('.in-conflict').focus()")
    assert page.value(f"{box}.width") > 150 and page.value(f"{box}.height") > 30


@pytest.mark.parametrize("script", [True, False])
def test_a_note_opens_with_or_without_script(page: Tab, folder: Path, script: bool) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=not script)
    page.open(folder / "class.html")
    if not script:
        assert page.value("document.getElementById('filters').hidden") is True
        assert page.value("document.querySelectorAll('#table th button').length") == 0
    (place,) = [i for i, row in enumerate(RECORD.rows, start=1) if row.key == "raised"]
    page.click(f"#table tbody tr:nth-child({place}) .more button")
    note = f"document.getElementById('more-{place}')"
    assert page.value(f"{note}.matches(':popover-open')") is True
    assert "Come and see me about exercise 3." in page.value(f"{note}.innerText")
    page.click(f"#more-{place} > button")
    assert page.value(f"{note}.matches(':popover-open')") is False


@pytest.mark.parametrize("width", [320, 390, 768, 1300])
def test_the_page_is_as_wide_as_the_screen(page: Tab, width: int) -> None:
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
    )
    assert page.value("document.documentElement.scrollWidth") <= width


_LOOKS = 50


def test_the_table_is_one_to_a_screen_reader(folder: Path, tmp_path: Path) -> None:
    with opened(tmp_path) as tab:  # its own: a browser that has shown many pages tells less of this one
        tab.open(folder / "class.html")
        tab.click(HEADERS.format(1) + " button")
        for _ in range(_LOOKS):  # rows in sight are laid out a moment after the click
            told = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if "role" in node]
            roles = [node["role"]["value"] for node in told]
            if roles.count("rowheader") > 9:
                break
    assert roles.count("table") == 2 and roles.count("columnheader") == 7 + 4 + 9 + 5
    assert roles.count("rowheader") > 9 and roles.count("row") == 10 + 31
    names = {node["name"]["value"] for node in told if node["role"]["value"] == "row" and "name" in node}
    assert {"Ada Overruled: graded, 9.5 of 10", "Hal Missing: missing"} <= names
    assert len({name for name in names if ":" in name}) == 30


def test_on_paper_everything_is_there(page: Tab) -> None:
    page.call("Emulation.setEmulatedMedia", media="print")
    table = "document.querySelector('.scroll.tall')"
    assert page.value(f"{table}.scrollHeight - {table}.clientHeight") <= 1
    assert page.value("getComputedStyle(document.getElementById('filters')).display") == "none"
    heights = (
        "Array.from(document.querySelectorAll('.mistake .names a'), a => a.getBoundingClientRect().height)"
    )
    assert min(page.value(heights)) > 0
    page.call("Emulation.setEmulatedMedia", media="")
