"""What a check answers with: a finding, and the numbers by which it can be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..metrics.arrays import Array


class Bars(NamedTuple):
    """A value for each of some things, and a `line` to hold them against, which `legend` explains."""

    title: str
    values: Mapping[str, float]
    of: str
    line: float | None = None
    legend: str = ""


class Spread(NamedTuple):
    """How the values of two groups or more lie: a histogram each, on one axis."""

    title: str
    values: Mapping[str, Array]
    of: str


class Curves(NamedTuple):
    """Several lines over one axis."""

    title: str
    along: str
    at: Array
    values: Mapping[str, Array]
    of: str


Picture = Bars | Spread | Curves


class Finding(NamedTuple):
    """Something that is wrong, how it shows, and what to do, to be pasted.

    `severity` is "problem" (the model is of no use as it is), "warning" (it could be better) or "note";
    `isthmus.report.charts.finding` draws the `picture`.
    """

    name: str
    severity: str
    evidence: str
    remedy: str
    picture: Picture | None = None

    def to_json(self) -> dict[str, Any]:
        """What it says, in words."""
        return {name: value for name, value in self._asdict().items() if name != "picture"}


def by_number(letter: str, values: np.ndarray) -> dict[str, float]:
    """`z0`, `z1`, … of a list."""
    return {f"{letter}{index}": float(value) for index, value in enumerate(values)}
