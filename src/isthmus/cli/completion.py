"""What a shell offers after Tab. Names are read off the source: an import would wait for torch."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]


@cache
def methods() -> list[str]:
    """Functions marked `@method`, without importing them."""
    texts = (path.read_text("utf-8") for path in sorted((HOME / "models").glob("*.py")))
    return sorted(name for text in texts for name in re.findall(r"^@method\ndef (\w+)", text, re.M))


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
