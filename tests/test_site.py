"""The documentation builds as a site without network, holds every page, and its pages ask nobody for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from grader.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MADE = {"commands.md"}
NOWHERE = "http://127.0.0.1:9"

LOADED = re.compile(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"([^\"]+)\"|<link\b[^>]*\bhref=\"([^\"]+)\"")
FETCHED = re.compile(r"url\(\s*['\"]?(https?://|//)|@import\s+['\"]?(https?://|//)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as CI builds it; whoever asked for the network would ask a port where nobody listens."""
    pytest.importorskip("material", reason="the site is made by mkdocs-material")
    folder = tmp_path_factory.mktemp("site")
    proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    told = subprocess.run(command, cwd=ROOT, env=os.environ | proxies, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return folder


def pages_in(nav: object) -> Iterator[str]:
    """The files that a part of the navigation leads to."""
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from pages_in(part)


def test_every_page_has_its_place_and_only_one() -> None:
    listed = list(pages_in(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert sorted(listed) == sorted(written | MADE)


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert pages
    for page in pages:
        for loaded in LOADED.findall(page.read_text(encoding="utf-8")):
            assert not "".join(loaded).startswith(("http:", "https:", "//")), page.name


def test_styles_load_nothing_from_elsewhere(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        assert not FETCHED.search(sheet.read_text(encoding="utf-8")), sheet.name


def test_the_commands_are_those_of_the_readme(site: Path) -> None:
    page = (site / "commands.html").read_text(encoding="utf-8")
    for command in set(COMMANDS) - {"run"}:
        assert re.search(rf"<h2 id=\"grade-{command}[^>]*>", page), command


def test_the_sites_own_program_is_no_page(site: Path) -> None:
    assert not list(site.rglob("*.py"))
