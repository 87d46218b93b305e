"""What an experiment gives: tables, pictures, and claims that hold or do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")


@dataclass(frozen=True)
class Budget:
    """How much an experiment may spend: seconds on bundled data, or `full`, minutes on real data sets."""

    full: bool = False
    seed: int = 0

    def pick(self, quick: T, full: T) -> T:
        """The one of the two that this budget allows."""
        return full if self.full else quick


@dataclass(frozen=True)
class Claim:
    """A sentence, the value measured for it, and the bounds that value must keep.

    A `guarded` claim must fail when the experiment runs with its bug; one that is not states what holds
    either way, as the ranking of baselines.
    """

    sentence: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    guarded: bool = True

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"a claim needs a bound: {self.sentence}")
        for name in ("value", "at_least", "at_most"):  # NumPy's numbers know no JSON
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def holds(self) -> bool:
        """Whether the value keeps its bounds; one that is not a number keeps none."""
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below and self.value == self.value

    @property
    def bounds(self) -> str:
        """`≥ 2`, `≤ 0.5`, or `2 to 3`."""
        if self.at_least is None:
            return f"≤ {self.at_most:g}"
        return f"≥ {self.at_least:g}" if self.at_most is None else f"{self.at_least:g} to {self.at_most:g}"


@dataclass(frozen=True)
class Table:
    """Rows under columns; a trivial baseline stands among them, even where it wins."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: {len(row)} cells under {len(self.columns)} columns: {row}")
        object.__setattr__(self, "rows", [list(map(_plain, row)) for row in self.rows])

    def cells(self) -> list[list[str]]:
        """Every cell as text, numbers with four digits."""
        return [[_text(cell) for cell in row] for row in self.rows]

    def __str__(self) -> str:
        lines = [list(self.columns), *self.cells()]
        widths = [max(map(len, column)) for column in zip(*lines)]
        left = [all(isinstance(row[i], str) for row in self.rows) for i in range(len(widths))]
        said = [
            "  ".join(
                cell.ljust(width) if words else cell.rjust(width)
                for cell, width, words in zip(line, widths, left)
            )
            for line in lines
        ]
        return "\n".join([self.title, *(f"    {line.rstrip()}" for line in said)])


@dataclass(frozen=True)
class Picture:
    """A figure, drawn only when it is wanted: `draw` receives an empty matplotlib `Figure`.

    `alt` says in words what it shows, for those who do not see it.
    """

    title: str
    alt: str
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (6.4, 4.0)

    def figure(self) -> Figure:
        """Needs matplotlib, the extra `report`."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=self.size, layout="constrained", facecolor="white")
        self.draw(figure)
        return figure


@dataclass(frozen=True)
class Evidence:
    """All that an experiment shows."""

    claims: Sequence[Claim]
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = field(default=(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """Claims and tables as plain values."""
        return {
            "claims": [
                {
                    "sentence": claim.sentence,
                    "value": claim.value,
                    "at_least": claim.at_least,
                    "at_most": claim.at_most,
                    "guarded": claim.guarded,
                    "holds": claim.holds,
                }
                for claim in self.claims
            ],
            "tables": [
                {"title": t.title, "columns": list(t.columns), "rows": [list(row) for row in t.rows]}
                for t in self.tables
            ],
        }


def _plain(cell: Any) -> str | float | None:
    """A cell as Python's own kind, whatever array it came from."""
    return cell.item() if hasattr(cell, "item") else cell


def _text(cell: str | float | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    return str(cell) if isinstance(cell, int) else f"{cell:.4g}"
