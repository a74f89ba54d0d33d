"""`python -m grader.launcher CONTROL CONFIG`: serves kernels to the process at the other end of a socket.

CONTROL is the number of an inherited socket, CONFIG is JSON: `sandbox` (auto, strict, none), `spares` (kernels to
keep ready), `home` (a folder of this launcher alone, which it removes at its end; scratch folders that cannot be in
memory go there), `ceiling` (fields of `Ceiling`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

from grader.launcher.server import Server
from grader.launcher.warmth import threads, warm_up
from grader.sandbox import seccomp
from grader.sandbox.offers import NoSandbox, layers_for
from grader.sandbox.plan import Ceiling, Plan
from grader.sandbox.readable import python_files


def main() -> None:
    """Warm up, serve until the other end hangs up, and leave nothing."""
    control = socket.socket(fileno=int(sys.argv[1]))
    config = json.loads(sys.argv[2])
    # What comes from the command line is not for the student's process to read.
    sys.argv[1:] = []
    try:
        plan = _planned(config)
    except NoSandbox as problem:
        refusal = {"tell": "refused", "why": str(problem)}
        with contextlib.suppress(OSError):
            control.send(json.dumps(refusal).encode())
    else:
        Server(control, plan, Path(config["home"]), config["spares"]).run()
    # The other end does the same, unless something killed it. After an error it reads first what that was.
    shutil.rmtree(config["home"], ignore_errors=True)


def _planned(config: dict[str, Any]) -> Plan:
    """Import everything that kernels need and decide how they are held.

    Raises:
        NoSandbox: this machine cannot hold them as it was asked for, or this process cannot fork them.
    """
    layers = layers_for(config["sandbox"])
    warm_up()
    if threads() != 1:
        raise NoSandbox("a library started a thread at its import")
    return Plan(
        layers=layers,
        readable=python_files(),
        ceiling=Ceiling(**config["ceiling"]),
        program=seccomp.program(connect=layers.namespaces) if layers.seccomp else b"",
        sealed=config["sandbox"] != "none",
    )


if __name__ == "__main__":
    main()
