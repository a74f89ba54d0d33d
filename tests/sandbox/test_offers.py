"""What a machine has to offer before untrusted code may run on it, and what is said where it has not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from grader.sandbox import offers as offering
from grader.sandbox.offers import NoSandbox, Offer, layers_for, missing, offers
from grader.sandbox.plan import Layers

NAMES = ("namespaces", "landlock", "seccomp", "cgroup", "rlimits")
HELD_BY = {"namespaces", "landlock", "seccomp"}


def machine(*there: str) -> tuple[Offer, ...]:
    """One with these layers; the others are missing for a reason that can be found again."""
    return tuple(
        Offer(name, name in there, "" if name in there else f"{name} was switched off") for name in NAMES
    )


@pytest.fixture
def on_a_machine_with(monkeypatch: pytest.MonkeyPatch):
    def become(*there: str) -> None:
        monkeypatch.setattr(offering, "offers", lambda: machine(*there))
        monkeypatch.setattr(offering.landlock, "abi", lambda: 6 if "landlock" in there else 0)

    return become


@pytest.mark.parametrize(
    ("there", "lacking"),
    [
        (("landlock", "seccomp"), {"namespaces"}),
        (("namespaces", "landlock"), {"seccomp"}),
        (("landlock",), {"namespaces", "seccomp"}),
        ((), {"namespaces", "seccomp"}),
    ],
)
def test_strict_demands_namespaces_and_seccomp(on_a_machine_with, there, lacking) -> None:
    on_a_machine_with(*there)
    with pytest.raises(NoSandbox) as refusal:
        layers_for("strict")
    told = str(refusal.value)
    assert told.startswith("--sandbox strict")
    assert {name for name in HELD_BY if f"{name} was switched off" in told} == lacking


def test_strict_is_content_without_landlock(on_a_machine_with) -> None:
    on_a_machine_with("namespaces", "seccomp")
    assert layers_for("strict") == Layers(namespaces=True, landlock=0, seccomp=True)


@pytest.mark.parametrize("there", [(), ("seccomp",), ("seccomp", "cgroup", "rlimits")])
def test_auto_refuses_where_nothing_holds_files(on_a_machine_with, there) -> None:
    on_a_machine_with(*there)
    with pytest.raises(NoSandbox, match="only ones that you trust, with --sandbox none") as refusal:
        layers_for("auto")
    assert "namespaces was switched off" in str(refusal.value)
    assert "landlock was switched off" in str(refusal.value)


@pytest.mark.parametrize(
    ("there", "layers"),
    [
        (("namespaces",), Layers(namespaces=True)),
        (("landlock",), Layers(landlock=6)),
        (("landlock", "seccomp"), Layers(landlock=6, seccomp=True)),
        (("namespaces", "landlock", "seccomp"), Layers(namespaces=True, landlock=6, seccomp=True)),
    ],
)
def test_auto_uses_what_there_is(on_a_machine_with, there, layers: Layers) -> None:
    on_a_machine_with(*there)
    assert layers_for("auto") == layers


def test_none_uses_nothing_that_is_there(on_a_machine_with) -> None:
    on_a_machine_with(*NAMES)
    assert layers_for("none") == Layers()


@pytest.mark.parametrize("lacking", sorted(HELD_BY))
def test_what_is_missing_is_a_sentence_with_its_reason(lacking: str) -> None:
    (sentence,) = missing(machine(*{*NAMES} - {lacking}))
    assert sentence.startswith(f"no {lacking}, so ") and f"({lacking} was switched off)" in sentence


def test_control_groups_and_limits_are_not_missed() -> None:
    assert missing(machine(*HELD_BY)) == ()
    assert len(missing(machine())) == len(HELD_BY)


@pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's")
def test_asking_changes_nothing_and_gives_a_reason_for_each_no() -> None:
    def self() -> tuple[int, dict[str, str]]:
        namespaces = {link.name: str(link.readlink()) for link in Path("/proc/self/ns").iterdir()}
        return os.getuid(), namespaces

    before = self()
    found = offers()
    assert [offer.layer for offer in found] == [*NAMES]
    assert all(offer.note for offer in found if not offer.there)
    assert self() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize(
    ("user", "file", "off", "remedy"),
    [
        (1000, "/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces="),
        (
            1000,
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        (1000, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor profile"),
        (1000, "/proc/sys/kernel/unprivileged_userns_clone", "1", "Docker"),
        (1000, None, "", "Docker"),
        (0, "/proc/sys/user/max_user_namespaces", "0", "SYS_ADMIN"),
        (0, None, "", "SYS_ADMIN"),
    ],
)
def test_refused_namespaces_come_with_a_remedy(tmp_path, monkeypatch, user, file, off, remedy) -> None:
    def elsewhere(path: str):
        return tmp_path / path.strip("/").replace("/", "-")

    def refused() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(offering.sys, "platform", "linux")
    monkeypatch.setattr(offering, "Path", elsewhere)
    monkeypatch.setattr(offering.os, "geteuid", lambda: user)
    monkeypatch.setattr(offering, "_try_namespaces", refused)
    if file is not None:
        elsewhere(file).write_text(f"{off}\n")
    namespaces = offering._namespaces()
    assert not namespaces.there and "Operation not permitted" in namespaces.note
    assert remedy in namespaces.note


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_elsewhere_linux_is_the_remedy(monkeypatch, system: str) -> None:
    monkeypatch.setattr(offering.sys, "platform", system)
    assert not offering._namespaces().there
    with pytest.raises(NoSandbox, match="Linux, or WSL 2 on Windows"):
        layers_for("auto")
