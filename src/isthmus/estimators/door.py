"""What estimators check at the door, so that they can trust inside."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ..data import DataError, read, read_frame
from ..data.blocks import blocks
from ..data.preparation import named_family
from ..likelihoods import gaussian

PLAIN = re.compile(r"(sparse\[)?u?(int|float)\d+")  # numbers of numpy, pandas or polars


def values_of(X: Any) -> Any:
    """Tensors, frames and masked arrays as arrays, NaN in their gaps; a large memory map by its blocks.

    Raises:
        DataError: where a column holds no numbers, naming it.
    """
    if isinstance(X, Tensor | np.ma.MaskedArray) or hasattr(X, "columns"):
        return read(X).values
    return blocks(X)


def table_of(X: Any, asked: Mapping[str, str] | None = None) -> Any:
    """A pandas frame, where some columns are no plain numbers or kinds are `asked` for; otherwise None.

    Raises:
        DataError: where kinds are `asked` for of something that has no names of columns.
    """
    if not hasattr(X, "columns"):
        if asked:
            raise DataError(
                f"columns= speaks of columns by their names, and a {type(X).__name__} has none: give a frame"
            )
        return None
    kinds = [str(kind).lower() for kind in getattr(X, "dtypes", ())]
    if not asked and all(PLAIN.match(kind) for kind in kinds):
        return None
    frame = frame_of(X)
    return frame if asked or not all(_is_plain(frame[name]) for name in frame.columns) else None


def frame_of(X: Any) -> Any:
    """A pandas frame of whatever frame this is.

    Raises:
        DataError: where it is none.
    """
    if not hasattr(X, "columns"):
        raise DataError(
            f"this was fitted to a frame, whose columns are found by name; a {type(X).__name__} has no names"
        )
    return read_frame(X)


def numbers_of(method: Any, likelihood: Any) -> Any:
    """What explains the numbers of a mixed table: what was asked for, or what the method does by itself."""
    if likelihood != "auto":
        return named_family(likelihood) if isinstance(likelihood, str) else likelihood
    default = inspect.signature(method).parameters.get("likelihood")
    return gaussian if default is None else default.default


def _is_plain(series: Any) -> bool:
    """Whether a column of a pandas frame holds numbers, some of them perhaps as objects."""
    if series.dtype == object:
        return all(
            isinstance(cell, int | float | np.number) or cell is None or type(cell).__name__ == "NAType"
            for cell in series
        )
    return bool(PLAIN.match(str(series.dtype).lower()))


def labels_of(y: ArrayLike) -> np.ndarray:
    """One label for each row, (n,); a single column will do.

    Raises:
        DataError: where there are several to a row, or one that is neither number nor word.
    """
    labels = np.atleast_1d(np.asarray(y))
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim > 1:
        raise DataError(f"labels are one for each row, (n,); these have shape {labels.shape}")
    for row, label in enumerate(labels.tolist() if labels.dtype.kind in "biufUO" else labels):
        if not isinstance(label, str | int | float) or label != label:
            raise DataError(f"the label of row {row} is {label!r}: labels are numbers or words")
    return labels


def has_label(y: np.ndarray) -> np.ndarray:
    """Which rows have a label, (n,) of bool: all whose label is neither None nor NaN."""
    if y.dtype.kind not in "fO":
        return np.ones(len(y), bool)
    flat = y.reshape(len(y), -1)
    return np.array([all(each is not None and each == each for each in row) for row in flat], bool)


def counted(name: str, value: Any, least: int) -> int:
    """An option that counts something, whatever kind of integer it came as."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        also = ' or "auto"' if name == "epochs" else ""
        raise ValueError(f"{name} is a whole number, {least} or more{also}, not {value!r}")
    return int(value)
