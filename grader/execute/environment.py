"""The environment of the student's process: what it needs and nothing of the grader's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from grader.execute.job import Device
from grader.execute.scratch import Scratch
from grader.execute.temporary import held_folder

_FONT_LIST = "fontlist-*.json"


def kernel_environment(scratch: Scratch, device: Device) -> dict[str, str]:
    """Environment variables for a kernel; no name of the grader's environment gets through unasked."""
    folders = {
        "HOME": str(scratch.home),
        "TMPDIR": str(scratch.temporary),
        "IPYTHONDIR": str(scratch.home / ".ipython"),
        "MPLCONFIGDIR": str(scratch.home / ".matplotlib"),
    }
    return _common(device) | folders


def launcher_environment(home: Path, device: Device) -> dict[str, str]:
    """The same for the process that forks kernels, each of which puts its own folders in the place of these."""
    fonts = _font_cache()
    folders = {"HOME": str(home), "TMPDIR": str(home), "IPYTHONDIR": str(home / ".ipython")}
    return _common(device) | folders | {"MPLCONFIGDIR": str(fonts or home)}


def _common(device: Device) -> dict[str, str]:
    tools = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    variables = {
        "PATH": os.pathsep.join(tools),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONHASHSEED": "0",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # torch.compile then hands back what it is given: the same results, and modules that can be watched.
        "TORCHDYNAMO_DISABLE": "1",
        # A pip that is started behind the notebook's back finds nothing to install.
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return variables | (_cuda() if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""})


def lend_fonts(scratch: Scratch) -> None:
    """Copy matplotlib's list of fonts into the scratch folder: each kernel would spend seconds on its own."""
    folder = scratch.home / ".matplotlib"
    folder.mkdir(exist_ok=True)
    cache = _font_cache()
    for path in cache.glob(_FONT_LIST) if cache else ():
        shutil.copyfile(path, folder / path.name)


def _cuda() -> dict[str, str]:
    names = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
    asked = {name: os.environ[name] for name in names if name in os.environ}
    # cuBLAS needs a fixed workspace to give the same sums twice.
    return {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", **asked}


def _font_cache() -> Path | None:
    """A folder of this user that holds the list of fonts; it is made once for each matplotlib."""
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        cache = caches / "evidence-grader" / f"matplotlib-{version('matplotlib')}"
        if not any(cache.glob(_FONT_LIST)):
            _make_font_list(cache)
    except (OSError, RuntimeError, PackageNotFoundError, subprocess.SubprocessError):
        # Without it the kernel makes its own, which is only slower.
        return None
    return cache


def _make_font_list(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with held_folder("fonts", cache) as fresh:
        command = [sys.executable, "-P", "-c", "import matplotlib.font_manager"]
        environment = os.environ | {"MPLCONFIGDIR": str(fresh)}
        subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True)
        for path in fresh.glob(_FONT_LIST):
            path.replace(cache / path.name)
