"""The site's page of commands, made from the README, so that the two cannot differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_PAGE = "commands.md"


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the page: what stands in the README between its headings Commands and More."""
    readme = (Path(config["docs_dir"]).parent / "README.md").read_text(encoding="utf-8")
    commands = readme.split("\n## Commands\n", 1)[1].split("\n## More\n", 1)[0]
    text = "# Commands\n" + commands.replace("](docs/", "](").replace("\n### ", "\n## ")
    files.append(File.generated(config, _PAGE, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Where a page leads to the README, which is not part of the site, lead to the page made of it."""
    return markdown.replace("](../README.md", f"]({_PAGE}")
