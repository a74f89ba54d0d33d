"""Every sandbox configuration must pass every case: what is refused, and what still works.

Hostile code runs in the sandbox under test only, in a private mount namespace where the suite is root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.breakages import BREAKAGES
from tests.conformance.case import CASES, Case
from tests.conformance.cases import load_all
from tests.conformance.configurations import Configuration, Running, configurations
from tests.conformance.inside import LAST

load_all()


class Parents:
    """A parent for each configuration, started when it is first asked for."""

    def __init__(self) -> None:
        self._running: dict[Configuration, Running] = {}

    def of(self, configuration: Configuration) -> Running:
        if configuration not in self._running:
            self._running[configuration] = Running(configuration)
        return self._running[configuration]

    def close(self) -> None:
        for running in self._running.values():
            running.close()


@pytest.fixture(scope="module")
def parents() -> Iterator[Parents]:
    started = Parents()
    yield started
    started.close()


def complaints(case: Case, result: dict[str, Any]) -> list[str]:
    """What is wrong with a result, in words; nothing when the sandbox held."""
    found = [
        f"{line['wish']}: {line['what']}: {line['came']}" for line in result["lines"] if not line["good"]
    ]
    found += result["harm"]
    if result["failed"]:
        found.append(f"the sandbox failed: {result['failed']}")
    if result["late"]:
        found.append("it had to be ended after all patience was spent")
    whole = any(line["what"] == LAST for line in result["lines"])
    if case.endless:
        return found if result["lines"] else [*found, "nothing was tried"]
    if not whole and not (case.stopped and result["incidents"]):
        found.append(f"the case did not come to its end: status {result['status']}, {result['incidents']}")
    if whole and result["status"] != 0:
        found.append(f"it ended with status {result['status']}")
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("configuration", configurations(), ids=str)
def test_the_sandbox_holds(parents: Parents, configuration: Configuration, name: str) -> None:
    case = CASES[name]
    if case.needs and case.needs not in configuration.layers:
        pytest.skip(f"needs {case.needs}: {case.why}")
    found = complaints(case, parents.of(configuration).run(name))
    assert not found, "\n" + "\n".join(found)


def test_there_are_cases_enough() -> None:
    assert len(CASES) >= 45
    assert sum(bool(case.needs) for case in CASES.values()) <= 18


NEVER_TRIED = 70
"""How a process of the sandbox's own ends that failed before the case."""
BROKEN = [
    pytest.param(
        Configuration(tuple(breakage.layers.split("+")), user), name, red, id=f"{name} as {user}-{red}"
    )
    for name, breakage in BREAKAGES.items()
    for user in breakage.started_as
    for red in breakage.red
]


@pytest.mark.parametrize(("configuration", "breakage", "name"), BROKEN)
def test_a_broken_sandbox_is_noticed(
    parents: Parents, configuration: Configuration, breakage: str, name: str
) -> None:
    if configuration not in configurations():
        pytest.skip("only root can start a sandbox as root")
    result = parents.of(configuration).run(name, breakage, patience=3)
    assert complaints(CASES[name], result)
    # Red for the right reason: something was let through, and not that the sandbox never came up.
    assert (result["status"] == NEVER_TRIED) == BREAKAGES[breakage].guarded, result


def test_every_exception_is_written_down() -> None:
    rows = {f"| `{case.name}` | {case.needs} | {case.why} |" for case in CASES.values() if case.needs}
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    assert {line for line in text.splitlines() if line.startswith("| `") and line.count("|") == 4} == rows
