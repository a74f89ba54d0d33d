"""Runs corpus submissions as plain Python, without the grader, so that the data can be trusted.

Usage: `python tests/corpus/check_plain.py CASE…`, each a folder beside this file. The cells run in order in
one namespace, figures unseen. Printed per case: cells that raised, seconds of compute, the number of figures,
what the code printed last (`--tail N` lines), and for every outermost module made on the way its accuracy on
circles or blobs drawn from seeds that no submission uses. Knows nothing of points or rubrics.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_blobs, make_circles
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

HERE = Path(__file__).resolve().parent
SUPPORT = HERE.parents[1] / "exercises" / "support"
HELD_OUT_ROWS = 4000


def sources(case: Path) -> list[str]:
    """The code of each cell; a script is one cell."""
    script = case / "submission.py"
    if script.exists():
        return [script.read_text(encoding="utf-8-sig")]
    notebook = json.loads((case / "submission.ipynb").read_text(encoding="utf-8-sig"))
    if "worksheets" in notebook:
        cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        return ["".join(cell["input"]) for cell in cells if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def neutralised(code: str) -> str:
    """The same lines with shell escapes and line magics made `pass`."""
    return re.sub(r"^(\s*)[!%].*$", r"\1pass", code, flags=re.M)


def stand_in_for_colab() -> None:
    """Enough of `google.colab` for the imports that such notebooks begin with."""
    names = ("google", "google.colab", "google.colab.drive")
    google, colab, drive = (types.ModuleType(name) for name in names)
    drive.mount = lambda *_, **__: None  # type: ignore[attr-defined]
    colab.drive, google.colab = drive, colab  # type: ignore[attr-defined]
    sys.modules.update(zip(names, (google, colab, drive), strict=True))


@contextlib.contextmanager
def every_module() -> Iterator[list[nn.Module]]:
    """Holds every module made inside, also those that a function forgets on return."""
    made: list[nn.Module] = []
    plain = nn.Module.__init__

    def remembering(module: nn.Module, *args: Any, **kwargs: Any) -> None:
        plain(module, *args, **kwargs)
        made.append(module)

    nn.Module.__init__ = remembering  # type: ignore[method-assign, assignment]
    try:
        yield made
    finally:
        nn.Module.__init__ = plain  # type: ignore[method-assign]


def outermost(made: list[nn.Module]) -> list[nn.Module]:
    inner = {id(child) for module in made for child in list(module.modules())[1:]}
    return [module for module in made if id(module) not in inner and list(module.parameters())]


def held_out(columns: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Fresh rows (4000, 2), labels (4000,): blobs about the worked centres for four columns, else circles."""
    if columns != 4:
        features, labels = make_circles(HELD_OUT_ROWS, noise=0.05, random_state=1001)
        return features, labels
    worked = {"n_features": 2, "centers": 4, "cluster_std": 1.5, "random_state": 42}
    _, _, centres = make_blobs(1000, return_centers=True, **worked)
    features, labels = make_blobs(HELD_OUT_ROWS, centers=centres, cluster_std=1.5, random_state=1001)
    return features, labels


def accuracy(model: nn.Module) -> str:
    """What the model makes of held-out rows, its outputs taken as logits."""
    model.eval()
    kind = next(model.parameters()).dtype
    with torch.no_grad():
        columns = model(torch.zeros(3, 2, dtype=kind)).reshape(3, -1).shape[1]
        features, labels = held_out(columns)
        logits = model(torch.tensor(features, dtype=kind)).reshape(HELD_OUT_ROWS, -1)
    guess = logits.argmax(1) if columns > 1 else (logits[:, 0] > 0).long()
    wanted = torch.tensor(labels)
    loss = nn.functional.cross_entropy(logits, wanted) if columns > 1 else bce(logits[:, 0], wanted.to(kind))
    return f"{columns} output(s), {(guess.numpy() == labels).mean():.4f} right, loss {loss:.4f}"


def described(model: nn.Module) -> str:
    try:
        return f"{type(model).__name__}: {accuracy(model)}"
    except Exception as error:
        return f"{type(model).__name__}: not callable on raw rows ({type(error).__name__})"


def run(codes: list[str]) -> list[str]:
    """Executes the cells; returns one line for each that raised."""
    namespace: dict[str, Any] = {"__name__": "__main__", "display": print, "get_ipython": lambda: None}
    raised = []
    for number, code in enumerate(codes, start=1):
        try:
            exec(compile(neutralised(code), f"<cell {number}>", "exec"), namespace)
        except BaseException as error:
            raised.append(f"cell {number} line {line_of(error)}: {type(error).__name__}: {error}")
    return raised


def line_of(error: BaseException) -> int | None:
    """Where the cell raised: for a cell that does not parse, where parsing stopped."""
    if isinstance(error, SyntaxError):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename.startswith("<cell")), None)


def show_counted() -> list[int]:
    """Makes `plt.show` close the figures; returns the list that it notes their numbers in."""
    shown: list[int] = []

    def show(*_: Any, **__: Any) -> None:
        shown.extend(plt.get_fignums())
        plt.close("all")

    plt.close("all")
    plt.show = show
    return shown


def check(case: Path, seed: int, tail: int) -> None:
    for sow in (random.seed, np.random.seed, torch.manual_seed):
        sow(seed)
    printed, figures = io.StringIO(), show_counted()
    sys.stdin = io.StringIO()
    begun = time.process_time()
    quiet = contextlib.redirect_stderr(io.StringIO())
    with every_module() as made, contextlib.redirect_stdout(printed), quiet:
        raised = run(sources(case))
    spent = time.process_time() - begun
    drawn = len(figures) + len(plt.get_fignums())
    print(f"== {case.name}  seed {seed}  {spent:.1f} s CPU  {drawn} figures  {len(raised)} raised")
    for line in raised:
        print("   !!", line)
    for model in outermost(made):
        print("   ", described(model))
    for line in printed.getvalue().splitlines()[-tail:] if tail else []:
        print("   |", line[:160])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("cases", nargs="+", metavar="CASE")
    options.add_argument("--seed", type=int, nargs="*", default=[42])
    options.add_argument("--tail", type=int, default=0)
    wanted = options.parse_args()
    torch.set_num_threads(1)
    stand_in_for_colab()
    cases = [HERE / name for name in wanted.cases]
    plain_path = list(sys.path)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for case in cases:
            for seed in wanted.seed:
                sys.path[:] = [str(case), str(SUPPORT), *plain_path]
                check(case, seed, wanted.tail)


if __name__ == "__main__":
    main()
