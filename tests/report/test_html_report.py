from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from grader.model.grade import Boundary, Curve, Diagnosis, OutputExcerpt, Pictures, SourceExcerpt
from grader.report.html_report import MAX_BYTES, safe_link, to_html
from tests.report import sample

TAGS = """
html head meta title style body a header div p h1 h2 h3 svg circle path text nav ol ul li span small
main section article details summary figure figcaption b code pre mark img dl dt dd footer
"""
ATTRIBUTES = """
lang charset http-equiv content name class href id aria-label aria-labelledby aria-hidden focusable
viewbox d cx cy r x y pathlength stroke-dasharray transform text-anchor role tabindex open src width
height alt rel
"""


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img") and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for _, attributes in self.tags if attribute in attributes]


EVERY = {**sample.SAMPLES, "heavy": sample.heavy}


@pytest.fixture(params=EVERY)
def html(request: pytest.FixtureRequest) -> str:
    return to_html(EVERY[request.param]())


def test_only_the_tags_and_attributes_that_the_templates_write(html: str) -> None:
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= {*TAGS.split()}
    assert {name for _, attributes in page.tags for name in attributes} <= {*ATTRIBUTES.split()}
    assert page.open == []


def test_nothing_is_loaded_and_only_documentation_is_linked(html: str) -> None:
    page = Page(html)
    assert all(
        re.fullmatch(r"data:image/png;base64,[A-Za-z0-9+/=]+", source) for source in page.values("src")
    )
    assert all(re.match(r"#|https://docs\.pytorch\.org/", link) for link in page.values("href"))
    assert "url(" not in html and "@import" not in html


def test_the_policy_allows_this_style_and_nothing_more(html: str) -> None:
    page = Page(html)
    policies = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    wanted = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert policies == [wanted]


def test_ids_are_unique_and_every_jump_has_its_place(html: str) -> None:
    page = Page(html)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)


def test_headings_and_landmarks(html: str) -> None:
    tags = [tag for tag, _ in Page(html).tags]
    assert [tags.count(tag) for tag in ("h1", "main", "nav", "footer")] == [1, 1, 1, 1]
    assert all(attributes.get("alt") for tag, attributes in Page(html).tags if tag == "img")


def test_the_page_stays_small(html: str) -> None:
    assert len(html.encode()) < MAX_BYTES


def test_an_attack_is_shown_as_text() -> None:
    html = to_html(sample.hostile())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\x1b" not in html and "\u202e" not in html and "49" not in re.findall(r"\{\{(.*?)\}\}", html)
    assert "{{7*7}}" in "".join(Page(html).text)
    assert "javascript:" not in html
    assert "<img" not in html


def test_what_is_left_out_is_said() -> None:
    html = to_html(sample.heavy())
    assert "pictures and" in html and "not shown here, to keep this page small and safe." in html
    assert "characters not shown" in html and "Some lines are not shown." in html
    assert html.count("<img") >= 3


def test_pictures_go_first_to_exercises_that_lost_points() -> None:
    picture = OutputExcerpt(cell=1, kind="image", png_base64=sample.png(padding=90_000))
    passed = [sample.exercise(n, sample.check("a", "A", 1.0), outputs=(picture,) * 3) for n in range(1, 9)]
    failed = sample.exercise(9, points=0.0, outputs=(picture,) * 3)
    shown = to_html(sample.grade((*passed, failed)))
    assert "<img" in shown.split('id="ex9"')[1]


def test_too_much_of_everything_still_fits() -> None:
    remark = Diagnosis(code="run-error", severity="info", message="x" * 100_000, hint="y" * 100_000)
    code = SourceExcerpt(cell=1, first_line=1, text=("z = '<&>'; " * 60 + "\n") * 500)
    one = sample.exercise(1, diagnoses=(remark,) * 300, source=(code,) * 50, pictures=sample.trained())
    html = to_html(sample.grade((one,) * 9, diagnoses=(remark,) * 300, notes=("n" * 10_000,) * 300))
    assert len(html.encode()) < MAX_BYTES
    assert "more remarks, excerpts or drawings are not shown here" in html


def test_a_named_mistake_leads_to_its_paragraph_on_the_page() -> None:
    page = Page(to_html(sample.mixed()))
    taught = {f"about-{lesson.code}" for lesson in sample.LESSONS}
    linked = {link.removeprefix("#") for link in page.values("href") if link.startswith("#about-")}
    assert linked == taught <= {*page.values("id")}
    assert "Each step then goes by the sum" not in to_html(sample.excellent())
    assert sample.LESSONS[0].why in "".join(page.text)
    assert sample.LESSONS[0].example in "".join(page.text)


def test_without_a_paragraph_nothing_leads_there() -> None:
    bare = sample.mixed().model_copy(update={"lessons": ()})
    html = to_html(bare)
    assert "#about-" not in html and "What the named mistakes mean" not in html


def test_students_do_not_see_what_was_noticed() -> None:
    html = to_html(sample.mixed(), "student")
    assert sample.LESSONS[0].why in html
    assert "integrity" not in html and "does not depend on the training" not in html
    assert "An instructor will look at this submission." in html
    assert "integrity-hardcoded" in to_html(sample.mixed(), "instructor")


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://docs.pytorch.org/x?a=1#b", True),
        ("http://example.org/", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("https://", False),
        ("https://a@evil.example/", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_links(link: str | None, kept: bool) -> None:
    assert safe_link(link) == (link if kept else None)


@pytest.mark.parametrize(
    "encoded",
    [
        "no base64!",
        base64.b64encode(b"GIF89a").decode(),
        sample.png()[:-40],
        base64.b64encode(base64.b64decode(sample.png()) + b"<script>").decode(),
        sample.png(width=6001, height=1),
        sample.png(padding=200_000),
    ],
)
def test_what_is_no_sound_picture_is_not_shown(encoded: str) -> None:
    picture = OutputExcerpt(cell=1, kind="image", png_base64=encoded)
    html = to_html(sample.grade((sample.exercise(1, outputs=(picture,)),)))
    assert "<img" not in html and "1 picture from the notebook is not shown here" in html


def test_a_line_that_a_finding_names_is_marked_and_linked() -> None:
    html = to_html(sample.mixed())
    assert '<a class="where" href="#ex5-b1-l7">cell 7, line 7</a>' in html
    assert re.search(r'class="line marked" id="ex5-b1-l7">.*<mark>.*backward', html)


def test_a_long_excerpt_keeps_the_lines_around_the_marked_one() -> None:
    html = to_html(sample.heavy())
    assert 'class="line marked" id="ex1-b1-l1500"' in html and 'id="ex1-b1-l1800"' not in html


def test_a_string_over_several_lines_is_coloured_on_each() -> None:
    code = SourceExcerpt(cell=1, first_line=3, text="x = '''one\ntwo < 3\n\n'''\n")
    html = to_html(sample.grade((sample.exercise(1, source=(code,)),)))
    assert re.search(
        r'id="ex1-b1-l4"><span class="ln">4</span><code><span class="s\w*">two &lt; 3</span>', html
    )


def test_every_outcome_is_named_in_words() -> None:
    text = "".join(Page(to_html(sample.mixed())).text)
    for word in ("passed", "partial", "failed", "skipped", "not attempted", "not graded", "Partly graded"):
        assert word in text


def test_a_class_keeps_its_colour_and_mark_in_area_and_points() -> None:
    boundary = Boundary(
        title="t", x_range=(0, 1), y_range=(0, 1), classes=((0, 0), (2, 2)), points=((0.5, 0.5, 2), (9, 9, 0))
    )
    html = to_html(sample.grade((sample.exercise(8, pictures=Pictures(boundaries=(boundary,))),)))
    assert 'class="area area-0" d="M34 138H294V268H34z"' in html
    assert 'class="area area-1" d="M34 8H294V138H34z"' in html
    assert 'class="point point-1" d="M161.4 135.4h' in html
    assert 'class="point point-0" d=""' in html


@pytest.mark.parametrize(
    "boundary",
    [
        Boundary(title="empty", x_range=(0, 1), y_range=(0, 1), classes=()),
        Boundary(title="ragged", x_range=(0, 1), y_range=(0, 1), classes=((0,), (0, 1))),
        Boundary(title="flat", x_range=(1, 1), y_range=(0, 1), classes=((0,),)),
        Boundary(title="endless", x_range=(0, float("inf")), y_range=(0, 1), classes=((0,),)),
    ],
)
def test_a_map_that_cannot_be_drawn_is_passed_over(boundary: Boundary) -> None:
    html = to_html(sample.grade((sample.exercise(8, pictures=Pictures(boundaries=(boundary,))),)))
    assert 'class="map"' not in html


def test_a_chequered_map_is_made_coarser() -> None:
    grid = tuple(tuple((x * 7 + y * 3) % 2 for x in range(300)) for y in range(300))
    boundary = Boundary(title="noise", x_range=(0, 1), y_range=(0, 1), classes=grid)
    assert (
        len(to_html(sample.grade((sample.exercise(8, pictures=Pictures(boundaries=(boundary,) * 2)),))))
        < 300_000
    )


@pytest.mark.parametrize("values", [(0.5,), (0.0, 0.0), (1e-9, 1e9), (-3.0, -2.0)])
def test_curves_of_any_range_are_drawn(values: tuple[float, ...]) -> None:
    curve = Curve(label="loss", epochs=tuple(map(float, range(len(values)))), values=values)
    html = to_html(sample.grade((sample.exercise(5, pictures=Pictures(curves=(curve,))),)))
    path = re.search(r'class="curve curve-0" d="M([^"]*)"', html)
    assert path and all(0 <= float(part) <= 440 for part in re.split("[L ]", path[1]))
