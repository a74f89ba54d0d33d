"""Carries out a Dockerfile by the shell commands it contains, in roots of its own: no container engine is needed.

It takes root and a base: a folder with a small Debian and its Python, as debootstrap makes it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

INTO_A_ROOT = """
set -e
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777 tmp "$ROOT/tmp"
for shared in $SHARED; do mount --rbind "$shared" "$ROOT$shared"; done
cd "$ROOT"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
exec chroot --userspec="$USERSPEC" / env -i $ENVIRONMENT /bin/sh -ec 'cd "$0"; eval "$1"' "$PLACE" "$COMMAND"
"""
"""pivot_root, as a process in a mere chroot may make no user namespaces, and the sandbox is to make some."""


@dataclass
class Stage:
    """A root that is being built, and the state that its instructions have made."""

    root: Path
    user: str = "0"
    place: str = "/"
    variables: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin"}
    )
    entry: list[str] = field(default_factory=list)

    def run(
        self, command: str, shared: tuple[str, ...] = (), *, check: bool = True, timeout: float = 1200
    ) -> subprocess.CompletedProcess[str]:
        """A command in the root, as the user, in the folder and with the variables of the moment."""
        for path in shared:
            _mount_point(Path(path), self.root / path.lstrip("/"))
        names = {"HOME": "/home/grader" if self.user != "0" else "/root", **self.variables}
        given = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ROOT": str(self.root),
            "SHARED": " ".join(shared),
            "USERSPEC": f"{self._id()}:{self._id()}",
            "ENVIRONMENT": " ".join(f"{name}={value}" for name, value in names.items()),
            "PLACE": self.place,
            "COMMAND": command,
        }
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", INTO_A_ROOT]
        done = subprocess.run(apart, env=given, capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def _id(self) -> str:
        users = (line.split(":") for line in (self.root / "etc" / "passwd").read_text().splitlines())
        return next((user[2] for user in users if user[0] == self.user), self.user)


def instructions(path: Path) -> list[tuple[str, str]]:
    """Each instruction in capitals with its arguments."""
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    lines = (line.strip() for line in text.splitlines())
    split = (line.split(None, 1) for line in lines if line and not line.startswith("#"))
    return [(name.upper(), rest) for name, rest in split]


def built(
    path: Path, context: Path, base: Path, scratch: Path, shared: tuple[str, ...], arguments: dict[str, str]
) -> Stage:
    """The last stage of a Dockerfile.

    Args:
        base: stands for every image that it starts from.
        shared: paths of this machine that RUN sees.
        arguments: as `--build-arg` gives them.
    """
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    for name, rest in instructions(path):
        if name == "ARG" and (key := rest.partition("=")[0]) in arguments:
            stage.variables[key] = arguments[key]
        elif name == "FROM":
            words = rest.split()
            label = words[2] if len(words) == 3 else "last"
            stage = stages[label] = Stage(scratch / label)
            subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(stage.root)], check=True)
        else:
            _carry_out(stage, stages, name, rest, context, shared)
    return stage


def _carry_out(
    stage: Stage, stages: dict[str, Stage], name: str, rest: str, context: Path, shared: tuple[str, ...]
) -> None:
    if name == "RUN":
        stage.run(rest, shared)
    elif name in ("ARG", "ENV"):
        for pair in shlex.split(rest):
            key, _, value = pair.partition("=")
            stage.variables[key] = re.sub(r"\$(\w+)", lambda found: stage.variables.get(found[1], ""), value)
    elif name == "WORKDIR":
        stage.place = rest
        (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif name == "USER":
        stage.user = rest
    elif name == "COPY":
        _copy(stage, stages, rest.split(), context)
    elif name == "ENTRYPOINT":
        stage.entry = re.findall(r'"([^"]+)"', rest)
    else:
        assert name == "CMD", f"no such instruction here: {name}"


def _copy(stage: Stage, stages: dict[str, Stage], words: list[str], context: Path) -> None:
    source = context
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *names, target = words
    into = stage.root / os.path.normpath(f"{stage.place}/{target}").lstrip("/")
    if target.startswith("/"):
        into = stage.root / target.lstrip("/")
    for name in names:
        path = source / name.lstrip("/")
        if path.is_dir():
            shutil.copytree(path, into, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(path, into)


def _mount_point(outside: Path, inside: Path) -> None:
    if inside.exists():
        return
    if outside.is_dir():
        inside.mkdir(parents=True)
    else:
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.touch()
