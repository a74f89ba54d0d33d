"""The page as a browser sees it: shown, and nothing refused by its own policy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grader.report.html_report import to_html
from tests.report.browser import CHROMIUM, OPTIONS
from tests.report.sample import SAMPLES

LOGGED = (*OPTIONS, "--enable-logging=stderr", "--v=0", "--window-size=360,800")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed here")


def load(page: Path, profile: Path) -> tuple[str, str]:
    """The document after loading, and what the browser's console said."""
    command = [str(CHROMIUM), *LOGGED, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_loads_without_a_word_on_the_console(name: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(to_html(SAMPLES[name]()), encoding="utf-8")
    document, console = load(page, tmp_path / "profile")
    assert "How this was graded" in document
    assert console == ""


def test_the_policy_is_at_work(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    html = to_html(SAMPLES["excellent"]()).replace(
        "</main>", "<script>document.title = 'ran'</script></main>"
    )
    page.write_text(html, encoding="utf-8")
    document, console = load(page, tmp_path / "profile")
    assert "<title>ran</title>" not in document
    assert "Content Security Policy" in console
