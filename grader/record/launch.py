"""Starts the kernel that runs a student's code: `python -m grader.record.launch -f CONNECTION --job JOB`.

The job file is JSON: `seed`, `device`, `work` (the student's folder), `record` (the recorder's), `hello` (a
file to write versions into), `script` (the file's name when it is one, else null), `memory_bytes`,
`output_chars` (per cell) and `recorder` (its config).
"""

# mypy: allow-untyped-calls
# IPython and ipykernel carry few types.

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import site
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets.config import Config

from grader.record import foreign_imports
from grader.record.notebook_habits import StudentShell, bound_speech, keep_inline

FINISH_REQUEST = "grader_finish_request"
FINISH_REPLY = "grader_finish_reply"
_FINISH_BYTES = 512 * 1024**2
"""What writing the recording may take beyond the student's memory."""
_DRIVER_BYTES = 16 * 1024**3
"""What an accelerator's driver maps when it starts, after the limit is set."""


class RecordingKernel(IPythonKernel):
    """An IPython kernel that can be told that the notebook is over, outside of the student's namespace."""

    shell_class = StudentShell

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.finish: Callable[[], None] = lambda: None
        self.shell_handlers[FINISH_REQUEST] = self._finish_request

    async def _finish_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        problem = None
        try:
            self.finish()
        # Whatever the student's code left behind, also an exit hook, must not cost the reply.
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"[:500]
        session: Any = self.session
        session.send(stream, FINISH_REPLY, {"problem": problem}, parent, ident)


def main() -> None:
    """Prepare this process and serve cells until the grader ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", dest="connection", required=True)
    parser.add_argument("--job", type=Path, required=True)
    arguments = parser.parse_args()
    job = json.loads(arguments.job.read_text(encoding="utf-8"))
    arguments.job.unlink()
    serve(start_kernel(arguments.connection), job)


def serve(app: IPKernelApp, job: dict[str, Any]) -> None:
    """Make a kernel that listens the job's, and serve its cells to the end."""
    settle(job)
    prepare_session(app.kernel, job)
    Path(job["hello"]).write_text(json.dumps(_versions()), encoding="utf-8")
    app.start()


def settle(job: dict[str, Any]) -> None:
    """Seeds, one thread, deterministic algorithms: a second run gives what the first gave."""
    import numpy as np
    import torch

    random.seed(job["seed"])
    np.random.seed(job["seed"] % 2**32)
    torch.manual_seed(job["seed"])
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)


def start_kernel(connection: str) -> IPKernelApp:
    """The kernel, listening; nothing is served yet."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.IPKernelApp.kernel_class = RecordingKernel
    app = IPKernelApp.instance(config=settings)
    app.initialize(["-f", connection])
    return app


def prepare_session(kernel: Any, job: dict[str, Any]) -> None:
    """Give the shell its habits, its recorder and its limits; from here on the process is the student's."""
    shell = kernel.shell
    keep_inline(shell)
    _end_stray_copies(shell)
    # Before the recorder, which then hears all of it.
    bound_speech(shell, job["output_chars"])
    foreign_imports.install(shell.note)
    # `exit()` is answered by the grader, not by advice about how to leave Jupyter.
    warnings.filterwarnings("ignore", message="To exit: use")
    _stand_in_folder(shell, job)
    recorder = _recorder(shell, job)
    limit_core_dumps()
    widen = limit_memory(job["memory_bytes"] + (_DRIVER_BYTES if job["device"] != "cpu" else 0))

    def finish() -> None:
        widen()
        recorder.finish()

    kernel.finish = finish


def _end_stray_copies(shell: StudentShell) -> None:
    """A child that a cell forked and forgot ends with the cell; it would go on as a second kernel.

    Once the machine refused to fork, ended children are taken leave of before each cell: they count as processes.
    """
    own = os.getpid()
    refused = False

    def leave(result: Any) -> None:
        nonlocal refused
        if os.getpid() != own:
            os._exit(0)
        refused = refused or isinstance(getattr(result, "error_in_exec", None), BlockingIOError)

    def bury(_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while refused and os.waitpid(-1, os.WNOHANG)[0]:
                pass

    shell.events.register("post_run_cell", leave)
    shell.events.register("pre_run_cell", bury)


def limit_memory(allowance: int) -> Callable[[], None]:
    """Let this process take `allowance` more bytes of data than now; past it allocations fail as MemoryError.

    Returns:
        What gives it some more, for writing the recording.
    """
    # Only Linux counts anonymous memory against RLIMIT_DATA.
    status = Path("/proc/self/status")
    if not status.exists():
        return lambda: None
    import resource

    line = next(line for line in status.read_text().splitlines() if line.startswith("VmData:"))
    soft = int(line.split()[1]) * 1024 + allowance
    hard = soft + _FINISH_BYTES
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def limit_core_dumps() -> None:
    """A crash leaves no image of the process behind."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _recorder(shell: StudentShell, job: dict[str, Any]) -> Any:
    from grader.record.recorder import Recorder

    recorder = Recorder(Path(job["record"]), job["recorder"])
    recorder.install(shell)
    return recorder


def _stand_in_folder(shell: StudentShell, job: dict[str, Any]) -> None:
    """Import from the student's folder first, as at home, and no longer from where the grader lies."""
    source = os.environ.pop("PYTHONPATH", "")
    installed = [*site.getsitepackages(), site.getusersitepackages()]
    sys.path[:] = [job["work"], *(entry for entry in sys.path if entry != source or entry in installed)]
    if job["script"]:
        sys.argv = [job["script"]]
        shell.user_ns["__file__"] = str(Path(job["work"]) / job["script"])


def _versions() -> dict[str, str]:
    import torch

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
    }


if __name__ == "__main__":
    main()
