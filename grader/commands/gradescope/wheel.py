"""The grader that is running, as a wheel: what an instructor tried is what Gradescope runs.

Format: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from grader.errors import UsageError

_DISTRIBUTION = "evidence-grader"
_FROM_THE_INSTALL = ("METADATA", "entry_points.txt")
_WHEEL = "Wheel-Version: 1.0\nGenerator: evidence-grader\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""A zip's first moment: the same files give the same bytes."""


def own_wheel() -> tuple[str, bytes]:
    """File name and bytes of a wheel of this very package, without the assignment that comes with it.

    Raises:
        UsageError: the grader is not installed, so that nothing says what it needs.
    """
    try:
        installed = distribution(_DISTRIBUTION)
    except PackageNotFoundError as error:
        raise UsageError(f"{_DISTRIBUTION} is not installed here: install it with pip first") from error
    stem = f"{_DISTRIBUTION.replace('-', '_')}-{installed.version}"
    files = dict(_files(installed, f"{stem}.dist-info"))
    record = f"{stem}.dist-info/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "".join(f"{line}\n" for line in (*lines, f"{record},,")).encode()
    packed = {name: (data, 0o644) for name, data in files.items()}
    return f"{stem}-py3-none-any.whl", zipped(packed)


def installed_versions() -> str:
    """Every distribution of this environment as a constraint, a line each, without builds' local versions."""
    found = {one.name.lower(): one.version.partition("+")[0] for one in distributions() if one.name}
    found.pop(_DISTRIBUTION, None)
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def zipped(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A zip of name → bytes and mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _files(installed: Distribution, info: str) -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).resolve().parents[2]
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if path.is_file() and "__pycache__" not in inside.parts and inside.parts[0] != "assignments":
            yield (package.name / inside).as_posix(), path.read_bytes()
    for name in _FROM_THE_INSTALL:
        yield f"{info}/{name}", (installed.read_text(name) or "").encode()
    yield f"{info}/WHEEL", _WHEEL.encode()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
