"""What a reader can copy runs."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_readme_runs(tmp_path, monkeypatch):
    """All Python blocks, one after the other, as somebody would paste them."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) >= 4
    space: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), space)
    assert space["z"].shape == (359, 8)  # type: ignore[attr-defined]


def test_commands_in_the_readme_exist():
    from typer.main import get_command

    from isthmus.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"^\$ isthmus (\w+)", README, re.M))
    assert named and named <= known
