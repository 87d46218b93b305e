"""Data sets that hand out items: of torch, of Hugging Face, and anything that can be iterated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any, cast

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from .errors import DataError

LABELS = ("label", "labels", "target")


def read_items(source: Any) -> tuple[np.ndarray, np.ndarray | None] | None:
    """All that it hands out as values (n, ...) and labels (n,) or None; None for what hands out nothing.

    Items are x, pairs (x, label), or records of numbers or of one array, and perhaps a label. Those of a
    torch `Dataset` are rows. What another iterable gives is a row where x has one axis or its label none, and
    a batch where it has more.

    Raises:
        DataError: for an item that is no array, or of another shape than those before it, with its number.
    """
    if isinstance(source, Dataset):
        if isinstance(source, Sized):  # iter() would ask for more until IndexError, which few raise
            return _stacked((source[i] for i in range(len(source))), many=False)
        return _stacked(cast("Iterable[Any]", source), many=False)
    if isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
        return _stacked(source, many=True)
    return None


def _stacked(items: Iterable[Any], many: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """`many`: items with several axes are batches."""
    values: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for number, item in enumerate(items):
        x, label = _pair(item)
        x = _values(x, number)
        if not many or x.ndim == 1 or (label is not None and np.ndim(_array(label)) == 0):
            x, label = x[None], None if label is None else [_scalar(label)]
        if values and x.shape[1:] != values[0].shape[1:]:
            raise DataError(
                f"item {number} has shape {x.shape[1:]} and those before it {values[0].shape[1:]}; a model "
                "needs rows of one shape: cut, pad or resize them alike"
            )
        values.append(x)
        if label is not None:
            labels.append(np.asarray(_scalar(label)).reshape(len(x)))
    if not values:
        raise DataError("the data gave no items; an iterator is used up after one pass")
    return np.concatenate(values), np.concatenate(labels) if len(labels) == len(values) else None


def read_columns(source: Any) -> tuple[np.ndarray | None, np.ndarray | None, str | None]:
    """Of a Hugging Face `Dataset`: a column of arrays or images, if it has one, labels and their column.

    Labels are the column that its features call a class label, or that is named so.

    Raises:
        DataError: for several columns of arrays.
    """
    names, features = list(source.column_names), getattr(source, "features", None) or {}
    if not len(source):
        raise DataError("this data set has no rows")
    first = source[0]
    wide = [name for name in names if np.ndim(_array(first[name])) > 0]
    if len(wide) > 1:
        raise DataError(
            f"the columns {', '.join(wide)} hold arrays; give one of them, as in "
            f"data.select_columns({wide[0]!r})"
        )
    classes = [n for n in names if hasattr(features.get(n), "names") or n in LABELS]
    label = classes[0] if len(classes) == 1 and classes[0] not in wide else None
    labels = None if label is None else np.asarray(source[label])
    if not wide:
        return None, labels, label
    return _stacked((source[i][wide[0]] for i in range(len(source))), many=False)[0], labels, label


def _pair(item: Any) -> tuple[Any, Any]:
    """(x, label) of a pair, or of a record of one array or of numbers; of anything else, (itself, None)."""
    if isinstance(item, Mapping):
        labels = [name for name in item if name in LABELS]
        rest = {name: value for name, value in item.items() if name not in labels[:1]}
        wide = [value for value in rest.values() if np.ndim(_array(value)) > 0]
        x = wide[0] if len(wide) == 1 else [*rest.values()] if not wide else item
        return x, item[labels[0]] if labels else None
    if isinstance(item, tuple | list) and len(item) == 2 and np.ndim(_array(item[0])) > 0:
        x, label = item
        if np.ndim(_array(label)) < np.ndim(_array(x)):
            return x, label
    if isinstance(item, tuple | list) and len(item) == 1:
        return item[0], None
    return item, None


def _values(x: Any, number: int) -> np.ndarray:
    values = _array(x)
    if values.ndim == 3 and values.shape[-1] == 3 and hasattr(x, "getbands"):
        values = np.moveaxis(values, -1, 0)  # a coloured image of Pillow
    if values.dtype.kind not in "biuf" or values.ndim == 0:
        raise DataError(
            f"item {number} is {x if isinstance(x, str) else type(x).__name__!r}; what works is an array, a "
            "tensor or a list of numbers, or a pair of such and a label"
        )
    return values


def _array(x: Any) -> np.ndarray:
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        return (x.float() if x.is_floating_point() and x.dtype.itemsize < 4 else x).numpy()
    try:
        return np.asarray(x)
    except ValueError:  # ragged
        return np.asarray(None)


def _scalar(label: Any) -> Any:
    return _array(label) if isinstance(label, Tensor) else label
