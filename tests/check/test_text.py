"""What exercise 1 shows: shapes, the second dimension, values, in many wordings."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import torch

from grader.check.numbers import printed_numbers
from grader.model.finding import Finding
from tests.check.building import excellent, found, with_page

CIRCLES = excellent().datasets["circles"]
X, Y = CIRCLES.features, CIRCLES.labels
TENSOR = torch.tensor(X, dtype=torch.float32)
FRAME = pd.DataFrame({"x1": X[:, 0], "x2": X[:, 1], "y": Y})


def seen(check: str, printed: str = "", prose: str = "") -> Finding:
    return found(check, with_page(1, printed=printed, prose=prose))


def info(frame: pd.DataFrame) -> str:
    text = io.StringIO()
    frame.info(buf=text)
    return text.getvalue()


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    "printed",
    [
        "torch.Size([2000, 2]) torch.Size([2000])",
        "torch.Size([2000, 2])\ntorch.Size([2000, 1])",
        "(2000, 2)\n(2000,)",
        "X: (2000, 2), y: (2000,)",
        "(2000, 2) (2000, 1)",
        "X: 2000 x 2\ny: 2000",
        "np.shape -> 2000×2 and 2000",
        "X: 2000 by 2, y: 2000",
        "2000\n2\n2000",
        "2,000 samples, 2 features; 2,000 labels",
        "X.shape[0]: 2000\nX.shape[1]: 2\nlen(y): 2000",
        "rows=2000 cols=2 labels=2000",
        "Number of samples: 2000\nNumber of features: 2\nLabels: 2000",
        "X has 2000 samples with 2 features each and y has 2000 labels",
        "X are 2000 de rânduri și 2 coloane\ny are 2000 de etichete",
        "Forma lui X: (2000, 2)\nForma lui y: (2000,)",
        "X tiene 2000 filas y 2 columnas; y tiene 2000 etiquetas",
        "2000 rows × 3 columns",
        FRAME.to_string(max_rows=6) + "\n\n[2000 rows x 3 columns]",
        info(FRAME),
    ],
)
def test_shapes_of_x_and_y_in_any_wording(printed: str) -> None:
    assert seen("ex1.shapes", printed).share == 1.0


@pytest.mark.parametrize(
    ("printed", "which"),
    [
        ("(2000, 2)", "X only"),
        ("torch.Size([2000, 2])", "X only"),
        ("X: 2000 x 2", "X only"),
        ("2000 rows × 2 columns", "X only"),
        (info(FRAME[["x1", "x2"]]), "X only"),
        ("(2000,)", "y only"),
        ("y has 2000 labels in 2 classes", "y only"),
        ("torch.Size([2000])\n2", "y only"),
    ],
)
def test_one_of_the_two_shapes_is_half(printed: str, which: str) -> None:
    finding = seen("ex1.shapes", printed)
    assert (finding.share, finding.actual) == (0.5, which)


@pytest.mark.parametrize(
    "printed",
    ["", "2", "(1600, 2) (400, 2)", "(1000, 2) (1000,)", "20001 2", "0.2000 0.2", "epoch 200 of 2000.5"],
)
def test_other_numbers_are_no_shapes(printed: str) -> None:
    finding = seen("ex1.shapes", printed)
    assert (finding.share, finding.attempted) == (0.0, True)


# ---------------------------------------------------------------- the second dimension


@pytest.mark.parametrize(
    "printed",
    [
        "2",
        "X.shape[1]: 2",
        "X.shape[1] = 2",
        "2 features",
        "number of features 2.",
        "Second dimension: 2",
        "d = 2",
        "X has 2000 samples and 2 features",
        "X are 2 coloane",
        "Numărul de caracteristici: 2",
        "a doua dimensiune este 2",
        "columnas: 2",
        "Cada muestra tiene 2 características",
        "Chaque point a 2 caractéristiques",
        "Numero di caratteristiche: 2",
        "Each circle sample has 2 features",
    ],
)
def test_the_second_dimension_in_the_output(printed: str) -> None:
    finding = seen("ex1.features", printed)
    assert finding.share == 1.0
    assert printed in finding.message


@pytest.mark.parametrize(
    "prose",
    [
        "There are two features per sample.",
        "- 2 features: x1 and x2",
        "**2** features",
        "The second dimension of X is 2: the coordinates.",
        "The second dimension of X holds the two coordinates",
        "X are două coloane",
        "Cada punto tiene dos coordenadas",
        "Jeder Punkt hat zwei Koordinaten",
        "Cada amostra tem duas características",
        "Ex 1: what is the second dimension? -> 2 features",
    ],
)
def test_the_second_dimension_in_a_sentence(prose: str) -> None:
    assert seen("ex1.features", prose=prose).share == 1.0


@pytest.mark.parametrize(
    "printed",
    [
        "(2000, 2)",
        "X shape: (2000, 2)",
        "X shape: 2000 x 2",
        "X: torch.Size([2000, 2]) y: torch.Size([2000])",
        "2000 rows × 2 columns",
        "2000 rows × 3 columns",
        "Ex 2",
        "Ex 2 shape",
        "Step 2",
        "2. The next",
        "2) shapes",
        "Epoch 2",
        "2 classes",
        "classes 2",
        "number of classes: 2",
        "[0 1] 2 unique labels",
        "Class counts: 1000, 1000",
        "[[ 0.1 2. ]]",
        "   0  1  2\n0  0.5 0.3 1",
        FRAME.head().to_string(),
    ],
)
def test_a_bare_shape_and_other_twos_do_not_answer(printed: str) -> None:
    finding = seen("ex1.features", printed)
    assert (finding.share, finding.attempted) == (0.0, True)


@pytest.mark.parametrize(
    "prose",
    [
        "What is the second dimension of X?",
        "2. The next exercise",
        "Ex 2: tensors",
        "Section 2: the shapes",
        "We have 2 classes of circles",
        "two circles",
        "Look at the first two samples",
    ],
)
def test_prose_that_says_something_else_does_not_answer(prose: str) -> None:
    assert seen("ex1.features", prose=prose).share == 0.0


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    "printed",
    [
        str(X[:5]),
        repr(X[:5]),
        str(X),
        str(TENSOR[:5]),
        str(TENSOR[:5].tolist()),
        str(X[:3].tolist()),
        str([tuple(row) for row in X[:3]]),
        FRAME.head().to_string(),
        str(FRAME),
        "\n".join("{:e} {:e}".format(*row) for row in X[:3]),
        "\n".join(f"({a:.3f}, {b:.3f}) -> {c}" for (a, b), c in zip(X[:3], Y, strict=False)),
        "\n".join(f"{a:.2f}, {b:.2f}" for a, b in X[:3]),
        str(X[[5, 900, 1500]]),
        str(X[-5:]),
        str(TENSOR[:3, 0]),
        str(X[1000:1005, 1]),
        "x1: 0.4452\nx1: -0.6263\nx1: -0.4009",
    ],
)
def test_values_at_any_precision(printed: str) -> None:
    assert seen("ex1.values", printed).share == 1.0


def test_numbers_that_are_not_the_data() -> None:
    random = np.random.default_rng(0)
    others = [
        "",
        str(X[:2]),
        str(random.uniform(-1, 1, (10, 2))),
        "\n".join(f"{a:.2f} {b:.2f}" for a, b in random.uniform(-1, 1, (30, 2))),
        "\n".join(f"{a:.2f}" for a in random.uniform(-1, 1, 100)),
        "\n".join(f"Epoch {10 * n} loss 0.69 acc 0.{40 + n}" for n in range(30)),
        "Epoch 10 loss 0.6931 acc 0.5025\n" * 30,
        str(excellent().datasets["blobs"].features[:5]),
        FRAME.describe().to_string(),
    ]
    assert [seen("ex1.values", printed).share for printed in others] == [0.0] * len(others)


def test_nothing_of_the_students_is_not_attempted() -> None:
    bare = with_page(1, cells=(), printed="", prose="")
    for check in ("ex1.shapes", "ex1.features", "ex1.values"):
        finding = found(check, bare)
        assert (finding.share, finding.attempted, finding.outcome) == (0.0, False, "not_attempted")


# ---------------------------------------------------------------- numbers in text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.445 -0.558", [0.445, -0.558]),
        ("[-6.263146e-01, .25]", [-0.6263146, 0.25]),
        ("1.50e+02", []),
        ("0.5 1. 2", []),
        ("v1.2.3 torch 2.13.0", []),
        ("loss=0.25, acc: 97.50%", [0.25, 97.5]),
    ],
)
def test_decimals_are_read_with_two_places_or_more(text: str, values: list[float]) -> None:
    assert [number.value for number in printed_numbers(text)] == pytest.approx(values)


def test_a_number_is_known_to_half_its_last_place() -> None:
    slack = [number.slack for number in printed_numbers("0.25 0.2500 2.5000e-01")]
    assert slack == pytest.approx([0.005, 0.00005, 0.000005], abs=2e-6)


def test_a_flood_of_numbers_is_read_to_a_bound() -> None:
    assert len(printed_numbers("0.25 " * 10_000)) == 4000
