"""Which shell commands of a notebook run."""

from __future__ import annotations

import pytest

from grader.record.notebook_habits import is_harmless


@pytest.mark.parametrize(
    "command",
    ["ls", "ls -la data", "mkdir -p data && unzip -q a.zip -d data", "cat a.txt | wc -l", "echo hi > a.txt"],
)
def test_harmless(command: str) -> None:
    assert is_harmless(command)


@pytest.mark.parametrize(
    "command",
    [
        "",
        "pip install torch",
        "ls; pip install torch",
        "ls && wget http://localhost",
        "ls || curl http://localhost",
        "echo $(pip install torch)",
        "echo `pip install torch`",
        "ls\npip install torch",
        "sleep 100 &",
        "ls & sleep 100",
        "nvidia-smi",
        "git clone http://localhost",
        "apt-get install x",
        "echo 'unclosed",
    ],
)
def test_not_harmless(command: str) -> None:
    assert not is_harmless(command)
