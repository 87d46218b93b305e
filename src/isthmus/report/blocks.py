"""What a section of the report is made of: words, facts, tables, and figures with their numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Numbers(NamedTuple):
    """What a figure shows, as a table: a header, and rows of numbers or words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([f"{c:.6g}" if isinstance(c, float) else c for c in row] for row in self.rows)
        return buffer.getvalue()


class Plate(NamedTuple):
    """A figure by the name of its files, its numbers, and in words what it shows and how to read it."""

    name: str
    figure: Figure
    numbers: Numbers
    alt: str
    caption: str


class Words(NamedTuple):
    """A paragraph."""

    text: str


class Facts(NamedTuple):
    """Names and values, one below the other; `long` values are set as code."""

    pairs: Sequence[tuple[str, str]]
    code: bool = False


class Cell(NamedTuple):
    """A number that is drawn too: a bar from -1 to 1 behind it."""

    text: str
    share: float


class Table(NamedTuple):
    """Rows of text or `Cell`s under a header. The first column names the row; the `text` first are words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str
    text: int = 1


Block = Plate | Words | Facts | Table


class Section(NamedTuple):
    """A chapter of the report; `key` is its address on the page, `lead` its first paragraph."""

    key: str
    title: str
    lead: str
    blocks: Sequence[Block]


def number(value: float, digits: int = 3) -> str:
    """As a person reads it: three digits, a true minus sign, an en dash where there is none."""
    if value != value:
        return "–"
    text = whole(value) if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"
    return text.replace("-", "−")


def whole(value: float) -> str:
    """To the nearest whole number, thousands set apart by a narrow space."""
    return f"{value:,.0f}".replace(",", "\u202f")


def percent(share: float) -> str:
    """With a space before the sign, at which no line is broken."""
    if 0 < abs(share) < 0.0005:
        return "< 0.1\u00a0%"
    return "–" if share != share else f"{number(100 * share, 2 if abs(share) < 0.995 else 3)}\u00a0%"
