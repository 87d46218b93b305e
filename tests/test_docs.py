"""The pages: what a reader can copy runs, what they name exists, and they build without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def blocks(text: str) -> list[str]:
    """Python blocks, those within tabs too."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p.read_text())], ids=lambda p: str(p.relative_to(ROOT / "docs"))
)
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "page"}
    for block in blocks(page.read_text()):
        exec(compile(block, str(page), "exec"), space)


def test_commands_in_the_pages_exist() -> None:
    from typer.main import get_command

    from isthmus.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = {verb for page in PAGES for verb in re.findall(r"^ *\$ isthmus (\w+)", page.read_text(), re.M)}
    assert named and named <= known


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + [p for e in project["optional-dependencies"].values() for p in e]
    names = {re.split(r"[\[<>=; ]", each)[0] for each in asked} - {"isthmus"}
    explained = set(re.findall(r"[\w-]+", (ROOT / "docs" / "dependencies.md").read_text()))
    assert names <= explained, names - explained
    extras = set(project["optional-dependencies"]) - {"all"}
    assert extras <= explained, extras - explained


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="the extra docs is not installed")
def test_the_pages_build_without_a_warning_and_fetch_nothing(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text()
        fetched = re.findall(r'<(?:script|img|iframe)[^>]*\ssrc="(https?:[^"]*)', text)
        fetched += re.findall(
            r'<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="(https?:[^"]*)', text
        )
        assert not fetched, (page, fetched)
