"""The class page against its record: every number is in it, and nothing that a student wrote gets out of its place."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from grader.model.classroom import AlikePair, ClassRecord, ClassRow, Excerpt
from grader.report import class_page
from grader.report.class_page import to_class_page
from grader.report.text import number, one_line
from tests.report.class_sample import ATTACK, FORMULA, LONG, class_record, exercise, nothing, row

TAGS = """
html head meta title style body script a header div p h1 h2 h3 svg rect path text nav ul ol li span small main
section details summary figure figcaption b code table thead tbody tr th td form label input select option button
dl dt dd
"""
ATTRIBUTES = """
lang charset http-equiv content name class href id aria-label aria-labelledby aria-hidden focusable viewbox
preserveaspectratio d x y width height rx text-anchor role tabindex open scope title type autocomplete spellcheck
value hidden popover popovertarget popovertargetaction data-order data-status data-codes data-review
"""
VOID = ("meta", "input")


class Node:
    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Node | str] = []

    def walk(self) -> list[Node]:
        """This element and all below, in the page's order."""
        return [self, *(n for child in self.children if isinstance(child, Node) for n in child.walk())]

    def all(self, tag: str, style: str = "") -> list[Node]:
        return [n for n in self.walk() if n.tag == tag and style in n.attributes.get("class", "")]

    def one(self, anchor: str) -> Node:
        (found,) = [n for n in self.walk() if n.attributes.get("id") == anchor]
        return found

    @property
    def text(self) -> str:
        return "".join(child.text if isinstance(child, Node) else child for child in self.children)

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


class Tree(HTMLParser):
    """The page as elements; a tag that is closed out of turn is an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open = [Node("", {})]
        self.feed(html)
        self.close()
        (self.root,) = self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def page_of(record: ClassRecord) -> Node:
    return Tree(to_class_page(record)).root


RECORD = class_record(60)
PAGE = page_of(RECORD)


def called(student: ClassRow) -> str:
    return one_line(student.name or student.key, 80)


def linked(node: Node) -> list[str]:
    """Where the links below lead, decoded."""
    return [unquote(a.attributes["href"]) for a in node.all("a")]


# ---------------------------------------------------------------- what is on it


def test_the_head_counts_everybody() -> None:
    rows = RECORD.rows
    grades = [row.grade for row in rows if row.grade is not None]
    tiles = [item.words for item in PAGE.all("ul", "counts")[0].all("li")]
    assert tiles == [
        f"{len(rows)} students",
        f"{sum(row.status in ('graded', 'partly_graded') for row in rows)} graded, 1 of them in part",
        f"{sum(row.needs_review for row in rows)} to review",
        "1 not graded",
        "1 refused",
        "2 missing",
        f"{number(statistics.mean(grades))} mean grade of 10",
        f"{number(statistics.median(grades))} median grade of 10",
    ]
    assert PAGE.all("h1")[0].text == RECORD.assignment_title
    assert "pytorch-classification 1.0, graded by version 1.0" in PAGE.words


def test_what_needs_review_comes_first_with_its_reasons() -> None:
    first = PAGE.all("main")[0].all("section")[0]
    assert first.attributes["id"] == "review"
    asked = [row for row in RECORD.rows if row.needs_review]
    assert linked(first) == [row.report for row in asked]
    listed = {called(row): item.words for row, item in zip(asked, first.all("li"), strict=True)}
    assert listed["Cem Reviewed"] == (
        "Cem Reviewed 10 of 10 Whole submission: integrity-hardcoded Ex 9: integrity-hardcoded"
    )
    assert listed["Dag Crashed"].endswith("1 of 10 Whole submission: run-error")
    assert any("No named mistake is the reason" in words for words in listed.values())


def test_not_graded_says_whose_fault_it_is() -> None:
    section = PAGE.one("not-graded")
    ours, theirs, partly = [item.words for item in section.all("li")]
    headings = [h.words for h in section.all("h3")]
    assert headings == [
        "The grader could not do its work 1",
        "Handed in, but unreadable 1",
        "Graded in part 1",
    ]
    assert "no space left on the disk. class.zip: ours/lab.ipynb" in ours and "Finn Unlucky" in ours
    assert "Gus Unreadable" in theirs and "it holds no JSON." in theirs
    assert partly == "Eda Partly 8 of 10 Ex 3, Ex 4"


def test_missing_students_are_named() -> None:
    assert [item.words for item in PAGE.one("missing").all("li")] == [
        "nameless@example.org",
        "Hal Missing absent@example.org",
    ]


def test_remarks_are_shown_and_bounded() -> None:
    assert [item.text for item in PAGE.one("remarks").all("li")][:2] == list(RECORD.remarks[:2])
    many = page_of(RECORD.model_copy(update={"remarks": tuple(f"remark {n}" for n in range(130))}))
    assert len(many.one("remarks").all("li")) == 100
    assert "30 more are in the JSON of the class." in many.one("remarks").text


def test_the_distribution_counts_each_grade_once() -> None:
    grades = [row.grade for row in RECORD.rows if row.grade is not None]
    bins = [sum(min(int(grade + 1e-9), 9) == tenth for grade in grades) for tenth in range(10)]
    drawing = PAGE.one("grades").all("svg")[0]
    assert [int(n.text) for n in drawing.all("text", "bar-count")] == [count for count in bins if count]
    assert len(drawing.all("rect")) == sum(map(bool, bins))
    for tenth, count in enumerate(bins):
        assert (f"{tenth} to {tenth + 1}: {count}" in drawing.attributes["aria-label"]) == bool(count)
    heights = [float(rect.attributes["height"]) for rect in drawing.all("rect")]
    tallest = max(bins)
    assert heights == pytest.approx([160 * count / tallest for count in bins if count], abs=0.06)


@pytest.mark.parametrize(
    ("grade", "label"), [(9.0, "9 to 10"), (10.0, "9 to 10"), (0.0, "0 to 1"), (8.99, "8 to 9")]
)
def test_a_grade_on_an_edge(grade: float, label: str) -> None:
    one = RECORD.model_copy(update={"rows": (row("a", "A", (), grade=grade),)})
    assert f"{label}: 1." in page_of(one).one("grades").all("svg")[0].attributes["aria-label"]


def test_each_exercise_has_its_mean_and_shares() -> None:
    lines = PAGE.one("exercises").all("tr")[1:]
    assert len(lines) == len(RECORD.titles)
    for line, (n, title) in zip(lines, RECORD.titles.items(), strict=True):
        done = [one for row in RECORD.rows for one in row.exercises if one.number == n]
        points = [one.points for one in done if one.points is not None]
        full, none = points.count(1.0), points.count(0.0)
        cells = [cell.words for cell in line.children if isinstance(cell, Node)]
        assert cells[0] == f"Ex {n} {title}"
        assert cells[1] == f"{number(statistics.mean(points))} / 1"
        counted = [int(cell.split()[0]) for cell in cells[3:]]
        assert counted == [full, len(points) - full - none, none, len(done) - len(points)]
        assert cells[3].split()[1] == str(round(100 * full / len(points)))
        widths = [float(rect.attributes["width"]) for rect in line.all("rect")]
        assert widths[0] == pytest.approx(100 * full / len(points), abs=0.01)
        assert sum(widths) == pytest.approx(100, abs=0.02)


def test_the_commonest_mistakes_lead_to_those_who_made_them() -> None:
    made = {
        info.code: [
            row for row in RECORD.rows
            if info.code in row.codes or any(info.code in one.codes for one in row.exercises)
        ]
        for info in RECORD.mistakes
    }  # fmt: skip
    items = PAGE.one("mistakes").all("li", "mistake")
    counted = [int(item.all("b")[0].text) for item in items]
    assert counted == sorted(counted, reverse=True)
    for item, count in zip(items, counted, strict=True):
        (code,) = [one.text for one in item.all("code")]
        (info,) = [info for info in RECORD.mistakes if info.code == code]
        assert info.title in item.text and f"is-{info.severity}" in item.attributes["class"]
        assert count == len(made[code])
        assert linked(item) == [row.report for row in made[code]]
    words = {item.all("code")[0].text: item.all("span", "severity")[0].text for item in items}
    assert words["loop-no-zero-grad"] == "Mistake" and words["loop-no-eval-mode"] == "Half right"
    assert words["data-split-unseeded"] == "Worth knowing" and words["run-error"] == "Note"


def test_running_times_and_the_slowest() -> None:
    times = [row.student_s for row in RECORD.rows if row.student_s > 0]
    section = PAGE.one("times")
    assert f"median {statistics.median(times):.1f} s, mean {statistics.mean(times):.1f} s" in section.text
    counts = [int(n.text) for n in section.all("text", "bar-count")]
    assert sum(counts) == len(times)
    assert f"8 to 16 s: {sum(8 <= t < 16 for t in times)};" in section.all("svg")[0].attributes["aria-label"]
    slowest = [item.words for item in section.all("li")]
    assert slowest[0] == "Dag Crashed 241.6 s" and len(slowest) == 8
    assert [float(words.split()[-2]) for words in slowest] == [round(t, 1) for t in sorted(times)[:-9:-1]]


def test_similar_pairs_are_side_by_side_and_never_points() -> None:
    section = PAGE.one("alike")
    assert "It is a reason to look, and never points." in section.words
    pairs = section.all("li", "pair")
    assert len(pairs) == len(RECORD.pairs)
    assert "97 % of the first one's own code, 88 % of the second one's, 412 tokens" in pairs[0].words
    assert linked(pairs[0]) == [
        "students/<b>&amp; onerror=1.report.html",
        'students/Ștefan "Țepeș" #1 100%?.report.html',
    ]
    left, right = pairs[1].all("div", "beside")[0].all("figure")
    assert "net.train()" in left.text and "model.train()" in right.text
    assert [n.text for n in left.all("span", "ln")][:2] == ["41", "42"]
    assert right.all("span", "ln")[0].text == "57"


def test_pairs_and_passages_are_bounded() -> None:
    long = Excerpt(first_line=1, text="x = 1\n" * 300 + "y" * 3000)
    pair = AlikePair(
        first="raised", second="unknown", first_share=0.999, second_share=0.0001, tokens=9,
        passages=((long, long),) * 50,
    )  # fmt: skip
    section = page_of(RECORD.model_copy(update={"pairs": (pair,) * 500})).one("alike")
    pairs = section.all("li", "pair")
    assert len(pairs) == class_page.MAX_PAIRS
    assert "460 less alike are in the JSON of the class." in section.words
    assert "3 passages side by side, the longest of 50" in pairs[0].words
    assert len(pairs[0].all("figure")) == 6 and len(pairs[0].all("div", "line")) <= 6 * 25
    assert "Some lines are not shown." in pairs[0].words
    assert "99 % of the first one's own code, 1 % of" in pairs[0].words
    assert "unknown" in pairs[0].words and len(pairs[0].all("a")) == 1


def test_points_set_by_hand_have_their_reasons_conflicts_apart() -> None:
    section = PAGE.one("changes")
    assert [item.words for item in section.all("li")] == [
        'Bea Disputed Ex 3: 0.5 instead of 1 Discussed in the lab, "half" <agreed>.',
        f"{one_line(ATTACK)} Ex 2: 0.25 instead of 0 {one_line(ATTACK)}",
        "Ada Overruled Ex 5: 1 instead of 0.4 The loop is right; the seed was unlucky.",
    ]
    (folded,) = section.all("details")
    assert "Bea Disputed" not in folded.text and len(folded.all("li")) == 2
    assert [h.words for h in section.all("h3")] == ["In conflict 1", "The others"]


# ---------------------------------------------------------------- the table


def lines() -> list[tuple[ClassRow, Node]]:
    return list(zip(RECORD.rows, PAGE.one("table").all("tbody")[0].all("tr"), strict=True))


def test_every_student_has_a_line_with_all_numbers() -> None:
    for student, line in lines():
        cells = [cell for cell in line.children if isinstance(cell, Node)]
        codes = {*student.codes, *(code for one in student.exercises for code in one.codes)}
        points = {one.number: one.points for one in student.exercises}
        own = [cell.words.split("Set by hand")[0] for cell in cells[:-1]]
        assert own == [
            called(student),
            student.status.replace("_", " ") + (" to review" if student.needs_review else ""),
            number(student.grade),
            number(student.points),
            *(number(points.get(n)) for n in RECORD.titles),
            "–" if student.late_days is None else str(student.late_days),
            str(student.attempts),
            f"{student.student_s:.1f}" if student.student_s else "–",
            str(len(codes)),
        ]
        assert {*filter(None, line.attributes["data-codes"].split("\n"))} == codes
        assert line.attributes["data-status"] == student.status
        assert ("data-review" in line.attributes) == student.needs_review


def test_every_line_leads_to_the_report_and_knows_the_rest() -> None:
    for student, line in lines():
        (opener,) = line.all("button")
        note = PAGE.one(opener.attributes["popovertarget"])
        assert linked(line) == linked(note) == ([student.report] if student.report else [])
        known = note.words
        facts = [student.key, student.email, student.submission, student.shown, student.problem]
        facts += [*student.comments, *student.remarks, *student.ids.values()]
        facts += [f"Ex {one.number}: {', '.join(one.codes)}" for one in student.exercises if one.codes]
        for fact in facts:
            assert one_line(fact) in known
        assert ("The grader's points" in known) == (student.points != student.machine_points)


def test_points_set_by_hand_say_so_in_their_cell() -> None:
    (raised,) = [line for student, line in lines() if student.key == "raised"]
    (disputed,) = [line for student, line in lines() if student.key == "disputed"]
    (mark,) = raised.all("span", "changed")
    assert mark.attributes["tabindex"] == "0"
    assert mark.words == "1Set by hand, instead of 0.4. The loop is right; the seed was unlucky."
    assert "The grader's points have changed since." in disputed.all("span", "in-conflict")[0].words
    assert len(PAGE.one("table").all("span", "changed")) == 3


def test_students_of_one_name_are_told_apart() -> None:
    twins = tuple(row(key, "Ana Ito", ()) for key in ("a1", "a2"))
    page = page_of(RECORD.model_copy(update={"rows": twins, "pairs": ()}))
    assert [line.all("a")[0].text for line in page.one("table").all("tr")[1:]] == [
        "Ana Ito (a1)",
        "Ana Ito (a2)",
    ]


# ---------------------------------------------------------------- odd classes


def test_an_empty_class_is_a_page() -> None:
    empty = RECORD.model_copy(update={"rows": (), "pairs": (), "mistakes": (), "remarks": ()})
    page = page_of(empty)
    assert [item.words for item in page.all("ul", "counts")[0].all("li")] == [
        "0 students", "0 graded", "0 to review", "0 not graded", "0 refused", "0 missing",
    ]  # fmt: skip
    assert "Nobody has a grade." in page.words
    ids = {n.attributes["id"] for n in page.walk() if "id" in n.attributes}
    assert not ids & {"not-graded", "missing", "remarks", "times", "alike", "changes"}


def test_a_class_that_handed_in_nothing() -> None:
    rows = tuple(nothing(key, key.title(), "missing", "") for key in ("a", "b"))
    page = page_of(RECORD.model_copy(update={"rows": rows, "pairs": (), "mistakes": ()}))
    assert "0 graded" in page.words and "2 missing" in page.words


@pytest.mark.parametrize("seconds", [1e-9, 0.3, 1e300])
def test_any_running_time_is_drawn(seconds: float) -> None:
    one = row("a", "A", (exercise(1, 1.0),), student_s=seconds)
    drawing = page_of(RECORD.model_copy(update={"rows": (one,), "pairs": ()})).one("times").all("svg")[0]
    assert [n.text for n in drawing.all("text", "bar-count")] == ["1"]


# ---------------------------------------------------------------- what students wrote


def test_only_the_tags_and_attributes_that_the_templates_write() -> None:
    nodes = PAGE.walk()[1:]
    assert {n.tag for n in nodes} <= {*TAGS.split()}
    assert {name for n in nodes for name in n.attributes} <= {*ATTRIBUTES.split()}


def test_hostile_names_make_no_element() -> None:
    """The page has the same elements as if everything hostile had been harmless."""
    record = RECORD.model_copy(update={"pairs": ()})
    text = record.model_dump_json()
    for hostile in (ATTACK, FORMULA, LONG, "👩🏽\u200d💻 Zoë 🦊", 'Ștefan "Țepeș" Ionescu'):
        text = text.replace(json.dumps(hostile, ensure_ascii=False)[1:-1], "w")
    harmless = ClassRecord.model_validate_json(text)
    assert "script" not in text
    assert [n.tag for n in page_of(record).walk()] == [n.tag for n in page_of(harmless).walk()]


def test_an_attack_is_shown_as_text() -> None:
    html = to_class_page(RECORD)
    assert html.count("<script>") == html.count("</script>") == html.count("</style>") == 1
    assert "<b>bold" not in html and "<img" not in html and "\x1b" not in html and "\u202e" not in html
    assert "{{7*7}}" in PAGE.text and FORMULA in PAGE.text


def test_code_of_students_is_escaped_beside_each_other() -> None:
    figure = PAGE.one("alike").all("figure")[0]
    assert one_line(f"x = 1  # {ATTACK}").replace(" ", "") in figure.words.replace(" ", "")
    assert {n.tag for n in figure.walk()} <= {"figure", "figcaption", "div", "span", "code"}


def test_long_texts_are_cut() -> None:
    long = "word " * 2_000
    attacked = row("a", long, (exercise(1, 0.5, overridden=True, reason=long),), comments=(long,) * 300,
                   remarks=(long,) * 300, email=long, submission=long, shown=long, needs_review=True)  # fmt: skip
    html = to_class_page(
        RECORD.model_copy(update={"rows": (attacked,), "remarks": (long,) * 300, "pairs": ()})
    )
    assert len(html) < 120_000


def test_the_policy_allows_one_style_and_one_script() -> None:
    html = to_class_page(RECORD)
    digest = {
        name: base64.b64encode(
            hashlib.sha256(html.split(f"<{name}>")[1].split(f"</{name}>")[0].encode()).digest()
        )
        for name in ("style", "script")
    }
    (policy,) = [
        n.attributes["content"] for n in PAGE.all("meta")
        if n.attributes.get("http-equiv") == "Content-Security-Policy"
    ]  # fmt: skip
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest['style'].decode()}'; "
        f"script-src 'sha256-{digest['script'].decode()}'; base-uri 'none'; form-action 'none'"
    )


def test_the_script_writes_no_markup() -> None:
    (script,) = PAGE.all("script")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function|import\(", script.text
    )
    assert "fetch" not in script.text and "XMLHttp" not in script.text


def test_every_jump_has_its_place_and_ids_are_unique() -> None:
    ids = [n.attributes["id"] for n in PAGE.walk() if "id" in n.attributes]
    assert len(ids) == len(set(ids))
    wanted = [n.attributes[a].removeprefix("#") for n in PAGE.walk()
              for a in ("href", "aria-labelledby", "popovertarget")
              if a in n.attributes and (a != "href" or n.attributes[a].startswith("#"))]  # fmt: skip
    assert {*wanted} <= {*ids}


@pytest.mark.parametrize(
    "report",
    [
        "//evil.example/x",
        "javascript:alert(1)",
        "https://evil.example",
        "a b#c?d%2e&é.html",
        "\\\\evil\\x",
        "x\ud800",
    ],
)
def test_a_link_stays_in_its_folder(report: str) -> None:
    one = row("a", "A", (), report=report)
    page = page_of(RECORD.model_copy(update={"rows": (one,), "pairs": ()}))
    (link, *_) = [a.attributes["href"] for a in page.one("table").all("a")]
    target = urlsplit(urljoin("file:///class/class.html", link))
    assert (target.scheme, target.netloc, target.query, target.fragment) == ("file", "", "", "")
    assert unquote(target.path) == "/class/" + report.lstrip("/").replace("\ud800", "?").replace("//", "/")


# ---------------------------------------------------------------- always the same


def test_the_same_record_gives_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.report.class_sample import class_record;"
        "from grader.report.class_page import to_class_page;"
        "print(hashlib.sha256(to_class_page(class_record(60)).encode()).hexdigest())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "1"},
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert told == hashlib.sha256(to_class_page(RECORD).encode()).hexdigest()
