"""What is written down of an exception: the library's calls, from the student's line inwards."""

from __future__ import annotations

from pathlib import Path

from tests.record.session import run_sessions

SETUP = "import torch\nfrom torch import nn\nX, y = torch.randn(8, 2), torch.ones(8)\nmodel = nn.Linear(2, 1)"


def test_a_refused_loss_is_written_down_with_its_operands(tmp_path: Path) -> None:
    cells = [
        SETUP,
        "loss_fn = nn.BCEWithLogitsLoss()\nloss_fn(model(X), y)",
        "nn.BCEWithLogitsLoss(model(X), y)",
        "answer = 1",
    ]
    (session,) = run_sessions(tmp_path / "s", [(cells, True)])
    refused, built = session.of("failure")
    assert (refused["error"], refused["at"]) == ("ValueError", [[2, 2]])
    last = refused["calls"][-1]
    assert last["function"] == "torch.nn.functional.binary_cross_entropy_with_logits"
    assert last["arguments"]["input"] == {
        "type": "Tensor",
        "shape": [8, 1],
        "dtype": "torch.float32",
        "grad": True,
    }
    assert last["arguments"]["target"]["grad"] is False
    owners = [argument for call in built["calls"] for argument in call["arguments"].values()]
    assert {"type": "BCEWithLogitsLoss", "family": "loss", "own_init": True} in owners


def test_a_cell_that_ends_well_writes_no_failure(tmp_path: Path) -> None:
    (session,) = run_sessions(tmp_path / "s", [([SETUP, "answer = 1"], True)])
    assert session.of("failure") == []
