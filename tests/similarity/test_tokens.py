"""Code as symbols."""

from __future__ import annotations

import pytest

from grader.similarity.tokens import MAX_CODE, bounded, symbols


def texts(*sources: str) -> str:
    return " ".join(symbol.text for symbol in symbols(sources))


SAID = """
def train(model, epochs):
    losses = []
    for epoch in range(epochs):
        loss = nn.BCELoss()(model(X), y)
        losses.append(f"{loss.item():.2f}")
    return losses
"""
SAME = [
    SAID.replace("losses", "verluste").replace("epoch", "e").replace("train", "fit"),
    SAID.replace("losses = []", "losses = []  # none yet\n    # still none"),
    SAID.replace("(model, epochs):", "(model, epochs):\n    '''Trains.'''"),
    SAID.replace("(model(X), y)", "(\n            model(X),\n            y,\n        )"),
    SAID.replace("losses = []", "losses = [];"),
    SAID.replace('f"{loss.item():.2f}"', "f'Verlust {loss.item()}' 'x' \"(\""),
    SAID.replace("    return", "    print('done', (1 + 2))\n    return"),
    "import torch\nfrom torch import (\n    nn,\n)\n%matplotlib inline\n!pip install torch\n" + SAID,
    SAID.replace("nn.", "torch.nn."),
]


@pytest.mark.parametrize("other", SAME[:-1])
def test_what_does_not_change_the_solution_does_not_change_the_symbols(other: str) -> None:
    assert other != SAID
    assert texts(other) == texts(SAID)


@pytest.mark.parametrize(
    "other", [SAID.replace("BCELoss", "MSELoss"), SAID.replace("range", "reversed"), SAME[-1]]
)
def test_what_pytorch_and_python_call_it_stays(other: str) -> None:
    assert texts(other) != texts(SAID)


def test_attributes_of_the_students_own_are_names_like_others() -> None:
    assert texts("self.hidden = nn.Linear(2, 8)\nself.hidden(x)") == "V . V = V . Linear ( 0 0 ) V . V ( V )"
    assert texts("def evaluate(self): pass", "net.evaluate()").endswith("V . V ( )")


def test_a_comparison_makes_no_attribute() -> None:
    assert texts("a.grad == 1") == "V . grad == 0"


def test_symbols_know_their_lines_and_cells() -> None:
    found = symbols(["%time\n\nx = '''a\nb'''\ny = 'ü\u2028'\n", "\n\nz"])
    assert [(symbol.text, symbol.cell, symbol.line) for symbol in found] == [
        ("V", 0, 2),
        ("=", 0, 2),
        ("S", 0, 2),
        ("V", 0, 4),
        ("=", 0, 4),
        ("S", 0, 4),
        ("V", 1, 2),
    ]


@pytest.mark.parametrize(
    "source", ["%%bash\nls -l", "\n%%html\n<b>", "%%writefile a.py\nx = 1", "df?", "x = !ls"]
)
def test_what_is_no_python_has_no_symbols(source: str) -> None:
    assert texts(source) == ""


def test_a_timed_cell_is_python() -> None:
    assert texts("%%time\nx = 1") == "V = 0"


@pytest.mark.parametrize(
    "source", ["", "\n\n", "def f(:\n  x = (1,\n", "'''open", "\x00\ud800 ²³ é = 1", "((((" * 99]
)
def test_broken_code_is_read_as_far_as_it_goes(source: str) -> None:
    symbols([source, "x = 1"])
    assert texts(source, "x = 1").endswith("V = 0")


def test_a_huge_work_is_read_in_part() -> None:
    assert list(bounded(["abc", "def", "ghi"], 4)) == ["abc", "d", ""]
    assert symbols(["#" * MAX_CODE, "y"]) == []
