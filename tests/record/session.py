"""Cells run in an IPython shell, recorded or not, each session in a process of its own.

The recorder wraps torch for good, so no session may run where tests run. A session's cells end with one that
puts what the test wants to know into `answer`: anything that JSON holds.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

_RUNNER = Path(__file__)


@dataclass(frozen=True)
class Session:
    """What a session said and what was recorded of it."""

    answer: Any
    events: list[dict[str, Any]]
    arrays: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


def run_sessions(
    folder: Path, sessions: Sequence[tuple[Sequence[str], bool]], config: dict[str, Any] | None = None
) -> list[Session]:
    """Run (cells, recorded) sessions, forked one after another from one process that has imported torch."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = [
        {"cells": list(cells), "folder": str(folder / str(number)), "config": config if recorded else None}
        for number, (cells, recorded) in enumerate(sessions)
    ]
    for order, (_, recorded) in zip(orders, sessions, strict=True):
        Path(order["folder"]).mkdir()
        order["config"] = {"seed": 7, **(config or {})} if recorded else None
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_RUNNER.parents[2])}
    subprocess.run(
        [sys.executable, str(_RUNNER)],
        input=json.dumps(orders),
        text=True,
        env=environment,
        check=True,
        timeout=300,
        stdout=subprocess.DEVNULL,
    )
    return [_read(Path(order["folder"])) for order in orders]


def _read(folder: Path) -> Session:
    arrays: dict[str, Any] = {}
    for file in sorted(folder.glob("tensors-*.safetensors")):
        arrays |= load_file(file)
    lines = folder / "events.jsonl"
    events = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    return Session(json.loads((folder / "answer.json").read_text()), events, arrays)


def _play(order: dict[str, Any]) -> None:
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from grader.record.recorder import Recorder
    from grader.record.seeding import seed_everything

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings = Config()
    settings.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=settings)
    recorder = None
    if order["config"] is None:
        seed_everything(7)
    else:
        recorder = Recorder(Path(order["folder"]), order["config"])
        shell.user_ns["_recorder"] = recorder
        recorder.install(shell)
    for cell in order["cells"]:
        shell.run_cell(cell)
    if recorder is not None:
        recorder.finish()
    Path(order["folder"], "answer.json").write_text(json.dumps(shell.user_ns.get("answer")))


def _main() -> None:
    # Once, for all children.
    for name in ("IPython.core.interactiveshell", "sklearn.datasets", "torch", "grader.record.recorder"):
        importlib.import_module(name)
    for order in json.loads(sys.stdin.read()):
        child = os.fork()
        if child == 0:
            try:
                _play(order)
            finally:
                os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main()
