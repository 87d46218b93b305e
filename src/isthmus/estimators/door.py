"""What estimators check at the door, so that they can trust inside."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ..data import DataError, read


def values_of(X: Any) -> Any:
    """Tensors, frames and masked arrays as arrays, with NaN in their gaps; anything else as it is.

    Raises:
        DataError: where a column holds no numbers, naming it.
    """
    return read(X).values if isinstance(X, Tensor | np.ma.MaskedArray) or hasattr(X, "columns") else X


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


def counted(name: str, value: Any, least: int) -> int:
    """An option that counts something, whatever kind of integer it came as."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        also = ' or "auto"' if name == "epochs" else ""
        raise ValueError(f"{name} is a whole number, {least} or more{also}, not {value!r}")
    return int(value)
