"""What a shell offers after Tab. Names are read off the source: an import would wait for torch."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]


@cache
def methods() -> list[str]:
    """Keys of `NAMED`, without importing it."""
    text = (HOME / "models" / "__init__.py").read_text("utf-8")
    listed = text[text.index("METHODS = {") : text.index("\n}")]
    compared = re.search(r"^GENERATORS = .* in \((.*)\)\}", text, re.M)
    assert compared is not None
    return sorted([*re.findall(r"^        (\w+),$", listed, re.M), *re.findall(r"\w+", compared[1])])


@cache
def datasets() -> list[str]:
    """Keys of the catalogue, without importing it."""
    text = (HOME / "data" / "entries.py").read_text("utf-8")
    return sorted(re.findall(r'^    "([\w-]+)": Entry\(', text, re.M))


def method(incomplete: str) -> list[str]:
    return [name for name in methods() if name.startswith(incomplete)]


def dataset(incomplete: str) -> list[str]:
    """Data sets; where none begins like this the shell goes on with files."""
    return [name for name in datasets() if name.startswith(incomplete)]


def either(incomplete: str) -> list[str]:
    return method(incomplete) + dataset(incomplete)
