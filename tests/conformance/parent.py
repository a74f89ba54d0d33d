"""One process for each configuration: it plants what is to be found, and forks a sandbox for each case.

`python -m tests.conformance.parent CONFIG` with CONFIG as JSON (see `Config`). A first stage, as root, lays the
ground; a second, started afresh as whoever starts the sandbox, answers a line with a request by a line with a result.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from grader.sandbox import calls, seccomp
from grader.sandbox.plan import Ceiling, Layers, Plan, Readable
from grader.sandbox.readable import python_files
from tests.conformance import breakages, ground
from tests.conformance.case import CASES, Case, World
from tests.conformance.cases import load_all
from tests.conformance.inside import Inside
from tests.conformance.trial import Trial, plant

REPOSITORY = Path(__file__).resolve().parents[2]
_MEGABYTE = 1 << 20
_SMALL = {
    "memory": 96 * _MEGABYTE,
    "processes": 24,
    "file": 4 * _MEGABYTE,
    "disk": 16 * _MEGABYTE,
    "names": 400,
    "open_files": 64,
    "cpu_s": 60,
}
"""Limits that a flood reaches within a moment."""
_USUAL = _SMALL | {
    "memory": 2048 * _MEGABYTE,
    "processes": 64,
    "file": 64 * _MEGABYTE,
    "disk": 256 * _MEGABYTE,
    "names": 5000,
    "open_files": 256,
}


@dataclass(frozen=True)
class Config:
    """What a parent is told."""

    base: str
    """A folder of its own, made by the harness."""
    token: str
    layers: list[str]
    """Of `namespaces`, `landlock`, `seccomp`."""
    uid: int
    """Who starts the sandbox; the own one where the harness is no root."""
    set_id: list[str]
    set_id_planted: str = ""
    ready: bool = False
    """Whether the ground has been laid."""


def main(config: Config) -> None:
    if os.getuid() == 0 and not config.ready:
        _lay_ground(config)
    load_all()
    Parent(config).serve()


def _lay_ground(config: Config) -> None:
    base = Path(config.base)
    ground.private(base)
    planted = ground.plant_set_id(base)
    # Without namespaces a student of root's, who is nobody, has to reach the interpreter too.
    places = [REPOSITORY, base, *map(Path, (sys.executable, sys.prefix, sys.base_prefix, *sys.path))]
    there = [path for path in places if path.is_absolute() and path.exists()]
    ground.open_ways(sorted({*there, *(path.resolve() for path in there)}))
    if config.uid:
        os.chown(base, config.uid, config.uid)
        ground.become(config.uid)
    told = replace(config, ready=True, set_id_planted=planted)
    command = [sys.executable, "-m", "tests.conformance.parent", json.dumps(asdict(told))]
    # Afresh, as somebody who logged in would: who merely changed its user may not be looked at, not even by itself.
    os.execv(sys.executable, command)


class Parent:
    """Stands where the launcher stands."""

    def __init__(self, config: Config) -> None:
        calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
        self._config = config
        self._base = Path(config.base)
        self._library = _plant_library(self._base)
        secrets = _plant_secrets(self._base, config.token)
        self._scratches = self._base / "scratches"
        self._scratches.mkdir(mode=0o711)
        open_folder = self._base / "open"
        self._process = _start_bystander(open_folder, config.token)
        assert self._process.stdout is not None
        bystander = json.loads(self._process.stdout.readline())
        bystander |= {"opened": _leave_open(self._base), "devices": list(_devices())}
        secrets["reference"] += _existing("reference", "*.py", "*.ipynb")
        secrets["rubric"] += _existing("exercises", "*/rubric.toml")
        secrets["rubric"].append(str(self._library / "grader" / "rubric.toml"))
        self._world = World(
            token=config.token,
            secrets=secrets,
            open_folder=str(open_folder),
            open_file=str(open_folder / "file.txt"),
            set_id=config.set_id,
            set_id_planted=config.set_id_planted,
            bystander=bystander,
            limits=_SMALL,
            sources=[str(REPOSITORY / "grader")],
            shown=[str(self._library), str(self._base / "set-id"), *map(str, python_files().trees)],
            library=str(self._library / "module.py"),
            python=sys.executable,
            layers=config.layers,
        )

    def serve(self) -> None:
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            request = json.loads(line)
            result = self._answer(CASES[request["case"]], request["breakage"], request["patience"])
            print(json.dumps(result), flush=True)
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()

    def _answer(self, case: Case, breakage: str, patience: float) -> dict[str, Any]:
        world = replace(self._world, limits=_USUAL if case.torch else _SMALL)
        trial = Trial(self._base / "open", world.token, self._process)
        self._require_ground(world)
        plan = breakages.bent(breakage, self._plan(world), self._base)
        with breakages.broken(breakage, world.token):
            result = trial.run(plan, Inside(case, world), case, patience)
        if plan.scratch is not None:
            # As the launcher does.
            shutil.rmtree(plan.scratch)
        return result

    def _require_ground(self, world: World) -> None:
        """All that is planted must be there to be found, or a refusal would say nothing.

        Raises:
            OSError: a secret cannot be read, not even from here.
        """
        for path in (*world.every_secret(), world.library):
            Path(path).read_bytes()
        for name in ("stream", "datagram"):
            Path(world.bystander[name]).stat()

    def _plan(self, world: World) -> Plan:
        layers = _layers(self._config.layers)
        limits = world.limits
        ceiling = Ceiling(limits["memory"], limits["processes"], limits["disk"], limits["names"])
        program = seccomp.program(connect=layers.namespaces) if layers.seccomp else b""
        scratch = None
        if not layers.namespaces:
            scratch = self._scratches / f"scratch{len(list(self._scratches.iterdir()))}-{os.urandom(4).hex()}"
            scratch.mkdir(mode=0o700)
        files = python_files()
        planted = self._config.set_id_planted
        shown = (*files.trees, self._library, *([Path(planted).parent] if planted else []))
        readable = Readable(shown, (*files.hidden, self._library / "grader"))
        return Plan(layers=layers, readable=readable, ceiling=ceiling, program=program, scratch=scratch)


def _layers(names: list[str]) -> Layers:
    from grader.sandbox import landlock

    return Layers("namespaces" in names, landlock.abi() if "landlock" in names else 0, "seccomp" in names)


def _plant_secrets(base: Path, token: str) -> dict[str, list[str]]:
    """Files that only the sandbox protects: everybody may read them as far as their modes go."""
    names = {
        "rubric": "assignment/ex1/rubric.toml",
        "reference": "reference/ex1.py",
        "submission": "submissions/other.ipynb",
        "evidence": "reports/other.evidence.zip",
        "report": "reports/other.report.html",
    }
    for name in names.values():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"canary {token}", encoding="utf-8")
    folder = base / "open"
    folder.mkdir()
    folder.chmod(0o777)
    plant(folder, token)
    return {kind: [str(base / name)] for kind, name in names.items()}


def _plant_library(base: Path) -> Path:
    """A folder that may be read, with one in it that may not: so lies an installed grader among other packages."""
    library = base / "library"
    (library / "grader").mkdir(parents=True)
    (library / "module.py").write_text("open = True\n", encoding="utf-8")
    (library / "grader" / "rubric.toml").write_text("secret = true\n", encoding="utf-8")
    return library


def _existing(folder: str, *patterns: str) -> list[str]:
    """Real files of the repository, one for each pattern that finds any."""
    found = (next((REPOSITORY / folder).rglob(pattern), None) for pattern in patterns)
    return [str(path) for path in found if path is not None]


def _start_bystander(folder: Path, token: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", str(Path(__file__).with_name("bystander.py")), str(folder), token]
    pipe = subprocess.PIPE
    environment = {"GRADER_SECRET": token}
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)


def _leave_open(base: Path) -> list[list[int]]:
    """What a careless launcher might have open, inheritable; the device and number of each file."""
    first, second = socket.socketpair()
    kept = [
        os.open(base, os.O_RDONLY),
        os.open(base / "open/file.txt", os.O_RDWR),
        first.detach(),
        second.detach(),
    ]
    high = os.dup2(kept[0], 900)
    for descriptor in (*kept, high):
        os.set_inheritable(descriptor, True)
    return [[os.fstat(number).st_dev, os.fstat(number).st_ino] for number in kept]


def _devices() -> Iterator[str]:
    for path in sorted(Path("/dev").iterdir()):
        if path.is_char_device() or path.is_block_device():
            yield str(path)


if __name__ == "__main__":
    main(Config(**json.loads(sys.argv[1])))
