"""`python -m grader.launcher CONTROL CONFIG`: serves kernels to the process at the other end of a socket.

CONTROL is the number of an inherited socket, CONFIG is JSON: `sandbox` (auto, strict, none), `spares` (kernels to
keep ready), `scratch` (where folders go that cannot be in memory), `ceiling` (fields of `Ceiling`).
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from grader.launcher.server import Server
from grader.launcher.warmth import threads, warm_up
from grader.sandbox import seccomp
from grader.sandbox.offers import NoSandbox, layers_for
from grader.sandbox.plan import Ceiling, Plan
from grader.sandbox.readable import python_files


def main() -> None:
    """Warm up, then serve until the other end hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    config = json.loads(sys.argv[2])
    # What comes from the command line is not for the student's process to read.
    sys.argv[1:] = []
    try:
        layers = layers_for(config["sandbox"])
    except NoSandbox as problem:
        control.send(json.dumps({"tell": "refused", "why": str(problem)}).encode())
        return
    warm_up()
    plan = Plan(
        layers=layers,
        readable=python_files(),
        ceiling=Ceiling(**config["ceiling"]),
        program=seccomp.program(connect=layers.namespaces) if layers.seccomp else b"",
        sealed=config["sandbox"] != "none",
    )
    if threads() != 1:
        control.send(
            json.dumps({"tell": "refused", "why": "a library started a thread at its import"}).encode()
        )
        return
    Server(control, plan, Path(config["scratch"]), config["spares"]).run()


if __name__ == "__main__":
    main()
