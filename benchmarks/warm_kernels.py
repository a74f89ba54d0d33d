"""What a warm, sandboxed kernel saves and costs, paired with nbclient on an ordinary kernel in the same run.

python benchmarks/warm_kernels.py [--pairs 5] [--only reply,notebooks,sandbox,two,memory] [NOTEBOOK…]

`reply`: from asking for a kernel to the first answer of `import torch`, with a pool that is ready. `notebooks`: the
whole execution, recording and sandbox included, of each notebook (default: the reference and the example).
`sandbox`: milliseconds from the fork to a closed sandbox, and without one. `two`: throughput of two at once against
one after the other. `memory`: MiB (PSS) that a further waiting kernel adds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from grader.api import configured
from grader.evidence.before import markers_of, probes_for
from grader.evidence.operator_names import ALLOWED
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.execute.launcher import Comfort, Launcher
from grader.execute.warm import WarmSource
from grader.load.submission import load_submission
from grader.model.submission import Cell, Submission

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = (ROOT / "reference" / "solution.ipynb", ROOT / "examples" / "submission.ipynb")
FIRST_CELL = "import torch\ntorch.ones(2).sum().item()"

SETUP = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from grader.launcher.lineage import spawn
from grader.launcher.warmth import warm_up
from grader.sandbox import calls, seccomp
from grader.sandbox.offers import layers_for
from grader.sandbox.plan import Layers, Plan
from grader.sandbox.readable import python_files
import os
warm_up()
calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
layers = layers_for("auto")
sealed = Plan(layers, python_files(), program=seccomp.program(connect=layers.namespaces))
def measured(plan):
    began = time.perf_counter()
    kept = spawn(plan, lambda room: room.say({"at": time.perf_counter()}))
    said = json.loads(kept.line.recv(65536))
    os.waitpid(kept.keeper, 0)
    return 1000 * (said["at"] - began)
times = {"with": [], "without": []}
for _ in range(int(sys.argv[1])):
    times["with"].append(measured(sealed))
    times["without"].append(measured(Plan(Layers(), sealed.readable, sealed=False, scratch=Path(mkdtemp()))))
print(json.dumps(times))
"""


def timed(work: Callable[[], object]) -> float:
    """Seconds on the wall."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def plainly(notebook: nbformat.NotebookNode) -> None:
    """As Jupyter does it: an ordinary kernel, nobody watching."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (ROOT / "exercises" / "support").glob("*.py"):
            Path(folder, file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", allow_errors=True)
        client.execute(cwd=folder)


def submission_of(path: Path) -> tuple[Submission, Job]:
    assignment, submission = configured(None), load_submission(path)
    probes = probes_for(assignment)
    job = Job(
        limits=assignment.limits,
        support=assignment.support,
        exercise_of_cell=markers_of(submission, assignment),
        probes=lambda: probes,
        operators=ALLOWED,
    )
    return submission, job


def pairs_of(ours: Callable[[], object], plain: Callable[[], object], count: int) -> dict[str, object]:
    """Both in turns as to who goes first; the median of the pairs' ratios counts."""
    rows = []
    for number in range(count):
        order = (ours, plain) if number % 2 else (plain, ours)
        seconds = {work: timed(work) for work in order}
        rows.append((seconds[ours], seconds[plain]))
    return {
        "ratio": round(statistics.median(mine / other for mine, other in rows), 3),
        "ratios": [round(mine / other, 2) for mine, other in rows],
        "ours_s": round(statistics.median(mine for mine, _ in rows), 2),
        "plain_s": round(statistics.median(other for _, other in rows), 2),
    }


def reply(kernel: JupyterKernel, settle: Callable[[], None], count: int) -> dict[str, object]:
    """First reply of a kernel that was waiting; `settle` lets the pool fill up again, outside the clock."""
    one = Submission(
        "a.ipynb", Path("a.ipynb"), "0", "notebook", (Cell(kind="code", source=FIRST_CELL, number=1),)
    )
    times = []
    for _ in range(count):
        settle()
        times.append(timed(lambda: kernel.run(one, Job())))
    cold = [timed(lambda: plainly(new_notebook(cells=[new_code_cell(FIRST_CELL)]))) for _ in range(3)]
    return {"warm_s": round(statistics.median(times), 3), "nbclient_s": round(statistics.median(cold), 2)}


def two_at_once(kernel: JupyterKernel, path: Path, count: int) -> dict[str, object]:
    submission, job = submission_of(path)

    def run() -> None:
        kernel.run(submission, job)

    def together() -> None:
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    gains = [2 * timed(run) / timed(together) for _ in range(count)]
    return {"throughput": round(statistics.median(gains), 2), "all": [round(gain, 2) for gain in gains]}


def memory_of_a_kernel(spares: int = 4) -> dict[str, object]:
    """PSS of the launcher and all its kernels, with so many waiting, and with one."""
    few, many = (family_memory(count) for count in (1, spares))
    return {"per_kernel_mib": round((many - few) / (spares - 1), 1), "launcher_with_one_mib": round(few, 1)}


def family_memory(spares: int) -> float:
    with Launcher(Comfort(spares=spares)) as launcher:
        kernels = [launcher.take() for _ in range(spares)]
        try:
            # What was taken is replaced by as many spares, which are still on their way: only the taken count.
            return sum(map(proportional_mib, family_of(launcher, [kernel.number for kernel in kernels])))
        finally:
            for kernel in kernels:
                kernel.close()


def family_of(launcher: Launcher, _: list[int]) -> list[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    family = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family - {os.getpid()})


def proportional_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", default="reply,notebooks,sandbox,two,memory")
    options = parser.parse_args()
    wanted = options.only.split(",")
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    notebooks = options.notebooks or NOTEBOOKS
    found: dict[str, object] = {"python": platform.python_version(), "load": os.getloadavg()[0]}
    if "sandbox" in wanted:
        done = subprocess.run(
            [sys.executable, "-c", SETUP, str(4 * options.pairs)], check=True, capture_output=True, text=True
        )
        found["sandbox_ms"] = {
            name: round(statistics.median(times), 1) for name, times in json.loads(done.stdout).items()
        }
    if "memory" in wanted:
        found["memory"] = memory_of_a_kernel()
    with Launcher(Comfort(spares=2)) as launcher:
        kernel = JupyterKernel(WarmSource(launcher))

        def settle() -> None:
            launcher.take().close()

        if "reply" in wanted:
            found["reply"] = reply(kernel, settle, 3 * options.pairs)
        for path in notebooks if "notebooks" in wanted else ():
            submission, job = submission_of(path)
            plain = nbformat.read(path, as_version=4)
            settle()
            found[path.name if options.notebooks else f"{path.parent.name}/{path.name}"] = pairs_of(
                lambda s=submission, j=job: kernel.run(s, j), lambda n=plain: plainly(n), options.pairs
            )
        if "two" in wanted:
            settle()
            found["two"] = two_at_once(kernel, NOTEBOOKS[0], options.pairs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
