"""Folders and archives as students and platforms make them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path


def notebook(*code: str, exercise: int | None = None) -> bytes:
    """A notebook with these code cells, marked with the handout's exercise if one is given."""
    metadata = {} if exercise is None else {"grader": {"exercise": exercise}}
    cells = [{"cell_type": "code", "source": source, "metadata": metadata, "outputs": []} for source in code]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


WORK = notebook("x = 1")


def write(folder: Path, files: Mapping[str, bytes] | str) -> Path:
    """Write files (path → bytes), or the names in one string with a different notebook or script in each."""
    if isinstance(files, str):
        files = {name: content(name) for name in files.split()}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def content(name: str) -> bytes:
    return notebook(f"name = {name!r}") if name.endswith(".ipynb") else f"name = {name!r}\n".encode()


def zipped(path: Path, files: Mapping[str, bytes] | str, how: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zip_bytes(files, how))
    return path


def zip_bytes(files: Mapping[str, bytes] | str, how: int = zipfile.ZIP_DEFLATED) -> bytes:
    if isinstance(files, str):
        files = {name: content(name) for name in files.split()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=how)
    return buffer.getvalue()


def tarred(path: Path, files: Mapping[str, bytes], mode: str = "w:gz") -> Path:
    path.write_bytes(tar_bytes(files, mode))
    return path


def tar_bytes(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]  # a plain string
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
