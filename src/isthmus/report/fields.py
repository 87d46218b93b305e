"""What the columns of a table are, where the net reads several numbers for one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..data.columns import Column
from ..data.schema import Schema
from .blocks import number, percent

NUMBERS = ("number", "whole number")
LONGEST = 28  # of a class's name, in letters


class Field(NamedTuple):
    """A column by name, the place of its values in a row (d,), and what it was taken for if that is known."""

    name: str
    place: slice
    column: Column | None = None

    @property
    def kind(self) -> str:
        return "number" if self.column is None else self.column.kind

    @property
    def classes(self) -> list[str]:
        """The values of a boolean or a category."""
        return [] if self.column is None else [str(value) for value in self.column.values]

    @property
    def numeric(self) -> bool:
        """Whether a difference between two values means something."""
        return self.kind in (*NUMBERS, "date")

    def show(self, row: np.ndarray) -> str:
        """The cell of a row (d,), or what is expected of it: a class with its probability."""
        values = np.asarray(row[self.place], float)
        if np.isnan(values).any():
            return "–"
        if self.column is None or self.kind in NUMBERS:
            exact = self.column is not None and self.kind == "whole number"
            return number(float(np.round(values[0]) if exact else values[0]))
        if self.kind == "date":
            return self.text(values[0])
        chances = values if self.kind == "category" else np.array([1 - values[0], values[0]])
        likeliest = int(chances.argmax())
        sure = float(chances[likeliest])
        name = self.classes[likeliest]
        return (name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…") + (
            "" if sure > 0.995 else f" ({percent(sure)})"
        )

    def text(self, moment: float) -> str:
        """A date."""
        assert self.column is not None
        return str(self.column.restore(np.array([moment]))[0]).removesuffix(" 00:00:00")

    def agreement(self, row: np.ndarray, expected: np.ndarray) -> float:
        """The probability that was given to the class of a row."""
        given, guess = row[self.place], expected[self.place]
        if self.kind == "boolean":
            return float(guess[0] if given[0] > 0.5 else 1 - guess[0])
        return float((given * guess).sum())


def fields_of(schema: Schema | None, names: Sequence[str]) -> list[Field]:
    """The columns that are learned, in the order of the file; `names` where every value is one."""
    if schema is None:
        return [Field(name, slice(i, i + 1)) for i, name in enumerate(names)]
    places = schema.places
    return [Field(str(c.name), places[c.name], c) for c in schema.columns if c.name in places]


def summed(fields: Sequence[Field], values: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, fields): over the values of a column; NaN where all of them are."""
    if all(field.column is None for field in fields):
        return values
    columns = []
    for field in fields:
        block = values[:, field.place]
        total = np.where(np.isnan(block), 0.0, block).sum(1)
        columns.append(np.where(np.isnan(block).all(1), np.nan, total))
    return np.column_stack(columns)
