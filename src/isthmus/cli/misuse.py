"""What ends a command early, other than failing work: used wrongly (status 2), or stopped (status 130)."""

from __future__ import annotations

from collections.abc import Iterable

import typer

# typer gives `BadParameter` alone a public name; its parent is click's before typer 0.20, typer's own later
UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]


class Misuse(Exception):
    """The message says what was asked, and what would work."""


class Stopped(Exception):
    """By Ctrl-C; the message says how to go on."""


def hint(name: str, known: Iterable[str]) -> str:
    """` (did you mean "vae"?).`, or the end of the sentence alone."""
    from ..recipes import nearest

    return f"{nearest(name, known)}."
