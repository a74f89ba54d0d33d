"""The matrix: which layers, started by whom."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from grader.execute.environment import launcher_environment
from tests.conformance.parent import REPOSITORY, Config

PATIENCE_S = 100.0
"""A sandbox that has not ended by then has failed; no sound one comes near."""
_GRACE_S = 30.0
"""Longer for its parent to say so."""


@dataclass(frozen=True)
class Configuration:
    """One way to be sandboxed."""

    layers: tuple[str, ...]
    started_as: str
    """`root` or `user`."""

    def __str__(self) -> str:
        return f"{'+'.join(self.layers)} as {self.started_as}"


COMBINATIONS = (
    ("namespaces", "landlock", "seccomp"),
    ("namespaces", "seccomp"),
    ("namespaces", "landlock"),
    ("landlock", "seccomp"),
)


def configurations() -> list[Configuration]:
    """All that can be tried here: an ordinary user cannot start anything as root."""
    users = ("root", "user") if os.getuid() == 0 else ("user",)
    return [Configuration(layers, user) for layers in COMBINATIONS for user in users]


class Running:
    """A parent process that is ready for cases."""

    def __init__(self, configuration: Configuration) -> None:
        self._base = Path(tempfile.mkdtemp(prefix="conformance-")).resolve()
        self._base.chmod(0o755)
        ordinary = 0x60000000 + os.getpid() if os.getuid() == 0 else os.getuid()
        config = Config(
            base=str(self._base),
            token=os.urandom(6).hex(),
            layers=list(configuration.layers),
            uid=ordinary if configuration.started_as == "user" else 0,
            set_id=list(_set_id_programs()),
        )
        pipe = subprocess.PIPE
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed in `close`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.parent", json.dumps(asdict(config))],
            stdin=pipe,
            stdout=pipe,
            stderr=self._log,
            text=True,
            cwd=REPOSITORY,
            env=_as_for_a_launcher(self._base, config.token),
        )
        self._answer()

    def run(self, case: str, breakage: str = "", patience: float = PATIENCE_S) -> dict[str, Any]:
        """Run a case in a fresh sandbox; see `Trial.run`."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"case": case, "breakage": breakage, "patience": patience}) + "\n"
        )
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S + _GRACE_S)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            self._log.seek(0)
            raise RuntimeError(f"the parent gave no answer: {self._log.read()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)
        self._log.close()
        shutil.rmtree(self._base, ignore_errors=True)


def _as_for_a_launcher(home: Path, secret: str) -> dict[str, str]:
    """The environment that the grader gives a launcher, made while its own holds a secret."""
    os.environ["GRADER_SECRET"] = secret
    try:
        return launcher_environment(home, "cpu")
    finally:
        del os.environ["GRADER_SECRET"]


@cache
def _set_id_programs() -> tuple[str, ...]:
    """Those of this machine that do nothing without arguments and an input."""
    names = ("su", "ping", "mount", "umount", "passwd", "chsh", "newgrp", "sudo", "fusermount3")
    found = [path for name in names if (path := shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin"))]
    return tuple(path for path in found if _gives_rights(path))


def _gives_rights(path: str) -> bool:
    if Path(path).stat().st_mode & 0o6000:
        return True
    with_capabilities = "security.capability"
    return with_capabilities in os.listxattr(path)


def each() -> Iterator[Configuration]:
    yield from configurations()
