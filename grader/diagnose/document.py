"""Writes `docs/diagnoses.md` from the table of codes: `python -m grader.diagnose.document > docs/diagnoses.md`."""

from __future__ import annotations

from itertools import groupby

from grader.diagnose.codes import Code, codes

_FAMILIES = {
    "data": "Preparing the data",
    "model": "Building a model",
    "loss": "Choosing and calling the loss",
    "optimizer": "The optimizer",
    "loop": "The training loop",
    "metric": "Figures that are reported",
    "plot": "What is drawn",
    "run": "Cells that did not end well",
    "integrity": "For the instructor to look at",
}
_OPENING = """# Named mistakes

A check says how much; a named mistake says why. Each is judged by what the code did, is told once, at the place
where it was made, and where two explain what was seen, the deeper one is told. `fail` zeroes the named checks,
`part` halves them, `warn` costs nothing, `info` is for the instructor.

This page is made from `grader/diagnose/codes.toml` by `python -m grader.diagnose.document`.
"""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [_OPENING]
    for family, entries in groupby(codes().items(), key=lambda entry: entry[0].split("-")[0]):
        parts.append(f"\n## {_FAMILIES[family]}\n")
        parts.extend(_paragraph(name, code) for name, code in entries)
    return "".join(parts)


def _paragraph(name: str, code: Code) -> str:
    cost = f"`{code.severity}`: {code.costs}." if code.costs else f"`{code.severity}`: it costs nothing."
    return (
        f"\n### {name}\n\n{code.seen}\n\n{cost[0].upper()}{cost[1:]}\n\n"
        f"**Why it matters.** {code.why}\n\n**How to mend it.** {code.mend} [Read more]({code.read}).\n\n"
        f"```python\n{code.example.strip()}\n```\n"
    )


if __name__ == "__main__":
    print(page(), end="")
