"""What estimators check at the door, so that they can trust inside."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor
from torch.utils.data import Dataset

from ..data import DataError, read, read_frame
from ..data.blocks import blocks
from ..data.identifiers import identifiers
from ..data.preparation import named_family
from ..data.sources import records
from ..likelihoods import gaussian

STEPS = 3000  # that epochs="auto" aims at, in 10 epochs or more
SIZED = ("__len__", "__array__", "__arrow_c_stream__")  # one of which all has that holds its rows
PLAIN = re.compile(r"(sparse\[)?u?(int|float)\d+")  # numbers of numpy, pandas or polars


def handed(X: Any) -> Any:
    """The rows of a data set of torch or Hugging Face or of an iterator, gone through once; else as it is.

    Labels that such a data set holds are left out: an estimator is given them apart.
    """
    if isinstance(X, Dataset) or (isinstance(X, Iterable) and not any(hasattr(X, a) for a in SIZED)):
        return read(X).values
    if hasattr(X, "column_names") and not hasattr(X, "columns"):  # pyarrow's tables have both
        return records(X)[0]
    return X


def values_of(X: Any) -> Any:
    """Tensors, frames and masked arrays as arrays, NaN in their gaps; a large memory map by its blocks.

    Raises:
        DataError: where a column holds no numbers, naming it.
    """
    if isinstance(X, Tensor | np.ma.MaskedArray) or hasattr(X, "columns"):
        return read(X).values
    return blocks(X)


def table_of(X: Any, asked: Mapping[str, str] | None = None) -> Any:
    """A pandas frame, where some columns are no plain numbers or identify rows, or kinds are `asked` for.

    Otherwise None: all columns are numbers to learn from.

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
    plain = all(PLAIN.match(kind) for kind in kinds)
    if not asked and plain and not (kinds and identifiers(_numbers(X))):
        return None
    frame = frame_of(X)
    if asked or plain or not all(_is_plain(frame[name]) for name in frame.columns):
        return frame
    return frame if identifiers(_numbers(frame)) else None


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
    return gaussian if default is None or default.default is None else default.default


def _numbers(frame: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Each column of plain numbers, by name, without what is missing."""
    for name, cells in frame.items() if hasattr(frame, "items") else zip(frame.columns, frame):
        there = cells.dropna() if hasattr(cells, "dropna") else cells.drop_nulls()
        yield name, np.asarray(there, np.float64)


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


def classes_of(y: ArrayLike | None, method: str, partial: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The classes that a conditional method learns, and each row's place among them; −1 for none.

    Raises:
        ValueError: where there are no labels, numbers and words among them, or but one class to be told.
    """
    if y is None:
        raise ValueError(f"{method} is conditional: fit it with labels, fit(X, y)")
    labels, known = present(y, partial)
    if not known.any():
        raise DataError(f"{method} learns classes from labels, and no row has one")
    places = np.full(len(known), -1)
    try:
        classes, places[known] = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError(f"labels are all numbers or all words: {error}") from error
    if partial and len(classes) == 1:
        only = classes.tolist()[0]
        raise DataError(
            f"{method} tells classes apart, and all labels are {only!r}: another class needs some too"
        )
    return classes, places


def places_of(y: ArrayLike | None, n: int, classes: np.ndarray, partial: bool = False) -> np.ndarray:
    """Where the label of each of n rows stands among the classes; −1 for none, where that may be.

    Raises:
        ValueError: where a row has no label but should, or one that is not among them.
    """
    if y is None and not partial:
        raise ValueError("this model is conditional: give the labels too")
    labels, known = present([-1] * n if y is None else y, partial)
    if len(known) != n:
        raise DataError(f"every row needs a label: there are {n} rows and {len(known)} labels")
    learned = set(classes.tolist())
    if unknown := [label for label in labels.tolist() if label not in learned]:
        raise ValueError(f"the label {unknown[0]!r} was not seen in training; known are {classes.tolist()}")
    places = np.full(n, -1)
    places[known] = np.searchsorted(classes, labels)
    return places


def present(y: ArrayLike, partial: bool) -> tuple[np.ndarray, np.ndarray]:
    """The labels that there are, and which rows (n,) have one.

    Where a part may do, None, NaN and, as in scikit-learn, −1 stand for none.
    """
    every = np.atleast_1d(np.asarray(y))
    if not partial or every.ndim > 2 or (every.ndim == 2 and every.shape[1] > 1):
        labels = labels_of(y)  # which refuses what is not one for each row
        return labels, np.ones(len(labels), bool)
    known = np.array([not (each is None or each != each or each == -1) for each in every.ravel().tolist()])
    return labels_of(every.ravel()[known]) if known.any() else every[:0], known


def counted(name: str, value: Any, least: int) -> int:
    """An option that counts something, whatever kind of integer it came as."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        also = ' or "auto"' if name == "epochs" else ""
        raise ValueError(f"{name} is a whole number, {least} or more{also}, not {value!r}")
    return int(value)


def lengths(rows: int, batch_size: Any, epochs: Any) -> tuple[int, int, int]:
    """The rows of a batch, epochs and steps of a fit; epochs may be "auto"."""
    batch_size = counted("batch_size", batch_size, 1)
    batches = -(-rows // batch_size)
    epochs = max(10, STEPS // batches) if epochs == "auto" else counted("epochs", epochs, 0)
    return batch_size, epochs, epochs * batches
