"""The innermost process: a Jupyter kernel that waits, sealed and ready, for the submission it will serve."""

# mypy: allow-untyped-calls
# ipykernel carries few types.

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from grader.launcher.forked_output import route_through
from grader.launcher.lineage import Room
from grader.sandbox import rlimits

CONNECTION = "connection.json"
JOB = "job.json"
_PORTS = {
    f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)
}


def serve(room: Room) -> None:
    """Start a kernel, tell the launcher that it is there, wait for the job, and serve it to its end."""
    try:
        _serve(room)
    except BaseException:
        # A kernel's standard error leads to a notebook that nobody reads yet.
        with (room.plan.inside / "kernel.log").open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        raise


def _serve(room: Room) -> None:
    from grader.record import launch

    folder = room.plan.inside
    settle_in(folder)
    connection = _connection(folder)
    file = folder / CONNECTION
    file.write_text(json.dumps(connection), encoding="utf-8")
    sys.argv[1:] = ["-f", str(file)]
    if room.plan.layers.namespaces:
        route_through(folder)
    app = launch.start_kernel(str(file))
    file.unlink()
    job = _await_job(room, connection)
    rlimits.limit(job["limits"])
    if "recorder" in job:
        launch.serve(app, job)
    else:
        app.start()


def _await_job(room: Room, connection: dict[str, Any]) -> dict[str, Any]:
    """Hand out the folder and a pipe; when a byte comes through it, the job lies in the folder."""
    folder = os.open(room.plan.inside, os.O_RDONLY | os.O_DIRECTORY)
    waiting, starting = os.pipe()
    room.say({"say": "ready", "connection": connection, "inside": str(room.plan.inside)}, folder, starting)
    for descriptor in (folder, starting):
        os.close(descriptor)
    # The student's code finds no way to the launcher.
    room.line.close()
    if not os.read(waiting, 1):
        os._exit(0)
    os.close(waiting)
    file = room.plan.inside / JOB
    job: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return job


def settle_in(folder: Path) -> None:
    """Make the scratch folder this process's home."""
    home = folder / "home"
    os.environ.update(
        HOME=str(home),
        TMPDIR=str(folder / "tmp"),
        IPYTHONDIR=str(home / ".ipython"),
        MPLCONFIGDIR=str(home / ".matplotlib"),
    )
    tempfile.tempdir = None
    os.chdir(folder / "work")


def _connection(folder: Path) -> dict[str, Any]:
    return {
        "transport": "ipc",
        "ip": str(folder / "k"),
        "key": os.urandom(16).hex(),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "",
        **_PORTS,
    }
