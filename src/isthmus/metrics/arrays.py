"""Whatever the person measures, as float64 on the host: sums over a data set outgrow single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

Array = npt.NDArray[np.float64]


def float64(x: Any) -> Array:
    """A tensor (any device, with or without gradient) or anything numpy reads, as a float64 array."""
    return np.asarray(x.detach().cpu().double().numpy() if isinstance(x, Tensor) else x, dtype=np.float64)


def paired(x: Any, x_hat: Any) -> tuple[Array, Array]:
    """Both as float64, of one shape and with at least one row."""
    x, x_hat = float64(x), float64(x_hat)
    if x.shape != x_hat.shape:
        raise ValueError(
            f"the data have shape {x.shape}, their reconstruction {x_hat.shape}; they must agree"
        )
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"expected at least one row of data, got shape {x.shape}")
    return x, x_hat


def rows_of_numbers(x: Any, what: str = "features") -> Array:
    """As float64 (n, d), checked: at least one row, and every value finite."""
    x = float64(x)
    if x.ndim == 0 or x.size == 0:
        raise ValueError(f"expected {what} (n, d), of at least one row; got shape {x.shape}")
    x = x.reshape(len(x), -1)
    if len(bad := np.flatnonzero(~np.isfinite(x).all(1))):
        raise ValueError(
            f"the {what} of {len(bad)} rows are not finite, first of row {bad[0]}; leave them out"
        )
    return x


def positive(peak: float) -> float:
    """The largest value a pixel can take, checked."""
    if not peak > 0:
        raise ValueError(f"peak is the largest value a pixel can take, such as 1.0 or 255; got {peak}")
    return peak
