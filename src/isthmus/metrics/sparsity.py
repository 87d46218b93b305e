"""How sparse a code is, what that costs, and whether a dictionary is the one that made the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..model import Learner
from .arrays import Array, float64
from .passes import Rows, at_rest, batches


class Sparsity(NamedTuple):
    """What a code explains, and with how many entries.

    Attributes:
        explained: share of the variance, 1 − Σ ‖x − x̂‖² / Σ ‖x − x̄‖², in the units the model reads.
        active: L0, entries of a row that are not zero, the mean over rows.
        dead: share of the `units` entries that are zero in all of the `rows`.
    """

    explained: float
    active: float
    dead: float
    units: int
    rows: int

    def __str__(self) -> str:
        return (
            f"{100 * self.explained:.1f} % of the variance explained by {self.active:.3g} of {self.units} "
            f"entries a row; {100 * self.dead:.1f} % of the entries are never active in {self.rows} rows"
        )


def sparsity(model: Learner, rows: Rows) -> Sparsity:
    """Explained variance, L0 and dead fraction of a model at rest, in one pass with flat memory.

    Rows may be an array, `isthmus.data` rows that stay on disk, or an iterable of batches. Variance is about
    the mean of these rows; missing values count for nothing.

    Raises:
        ValueError: where there are no rows, or they do not vary.
    """
    active, n, error, moments, ever = 0.0, 0, 0.0, None, None
    with at_rest(model) as autoencoder:
        for batch in batches(rows, autoencoder):
            trace = autoencoder(batch)
            present = trace.code.z.flatten(1) != 0  # (b, dim)
            active, n = active + float(present.sum()), n + len(present)
            ever = present.any(0) if ever is None else ever | present.any(0)
            x = batch.target.double().flatten(1)
            seen = batch.context.get("observed", torch.ones_like(batch.target, dtype=torch.bool)).flatten(1)
            gap = torch.where(seen, x - trace.output.mean.double().flatten(1), 0)
            error += float(gap.square().sum())
            moments = _joined(moments, _moments(x, seen))
    if moments is None or ever is None:
        raise ValueError("there are no rows to measure")
    variance = float(moments[2].sum())
    if not variance > 0:
        raise ValueError(f"these {n} rows are all alike: there is no variance to explain")
    return Sparsity(1 - error / variance, active / n, 1 - float(ever.double().mean()), len(ever), n)


def sparsity_table(models: Mapping[str, Learner], rows: Rows) -> str:
    """A line a model: explained variance, L0 and dead fraction, on the same rows.

    >>> print(sparsity_table({"L1": l1, "top-k": top_k}, x_test))  # doctest: +SKIP
    """
    width = max(map(len, models), default=0)
    lines = [f"{'':{width}}  explained  active (L0)  dead  of"]
    for name, model in models.items():
        s = sparsity(model, rows)
        lines.append(f"{name:{width}}  {s.explained:>9.3f}  {s.active:>11.2f}  {s.dead:>4.2f}  {s.units}")
    return "\n".join(lines)


def active_per_row(codes: Any) -> float:
    """L0: how many entries of a row are not zero, the mean over rows."""
    return float((_rows(codes) != 0).sum(1).mean())


def dead_units(codes: Any) -> Array:
    """The entries (bool, (dim,)) that are zero in every row. Ask many rows: a rare entry is not dead."""
    return ~(_rows(codes) != 0).any(0)


def hoyer(codes: Any) -> float:
    """Hoyer's sparseness, the mean over rows that are not all zero: 0 where all entries are equal, 1 for one.

        (√d − ‖z‖₁ / ‖z‖₂) / (√d − 1)

    (Hoyer 2004, Journal of Machine Learning Research 5.) Unlike L0 it needs no exact zeros, and no scale.

    Raises:
        ValueError: for codes of fewer than two entries, or zeros only.
    """
    codes = np.abs(_rows(codes))
    length = np.sqrt(np.square(codes).sum(1))
    if codes.shape[1] < 2 or not length.any():
        raise ValueError("sparseness compares entries: it needs two or more, and a row that is not all zero")
    root = math.sqrt(codes.shape[1])
    ratio = codes[length > 0].sum(1) / length[length > 0]
    return float(((root - ratio) / (root - 1)).mean())


def recovery(atoms: Any, learned: Any) -> Array:
    """How well each true atom was found: its largest cosine with a learned one, (m,), between −1 and 1.

    The mean is the mean max cosine similarity (Sharkey, Braun & Millidge 2022). Asked from the true side:
    superfluous learned atoms cost nothing, missing ones do.

    Args:
        atoms: (m, d), those that made the data, a row each.
        learned: (k, d); a decoder's weight, transposed.
    """
    atoms, learned = _unit(float64(atoms)), _unit(float64(learned))
    if atoms.ndim != 2 or learned.ndim != 2 or atoms.shape[1] != learned.shape[1]:
        raise ValueError(f"expected atoms of one width, a row each; got {atoms.shape} and {learned.shape}")
    return (atoms @ learned.T).max(1)


def _rows(codes: Any) -> Array:
    codes = float64(codes)
    if codes.ndim != 2 or not codes.size:
        raise ValueError(f"expected codes (n, dim), got shape {codes.shape}")
    return codes


def _unit(rows: Array) -> Array:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.where(length > 0, length, 1)


Moments = tuple[Tensor, Tensor, Tensor]  # count, mean, and sum of squares about it, of each column


def _moments(x: Tensor, seen: Tensor) -> Moments:
    count = seen.sum(0).double()
    mean = torch.where(seen, x, 0).sum(0) / count.clamp(min=1)
    return count, mean, torch.where(seen, x - mean, 0).square().sum(0)


def _joined(a: Moments | None, b: Moments) -> Moments:
    """Of both parts together (Chan, Golub & LeVeque 1983): a large mean swallows nothing."""
    if a is None:
        return b
    count, step = a[0] + b[0], b[1] - a[1]
    share = b[0] / count.clamp(min=1)
    return count, a[1] + step * share, a[2] + b[2] + step.square() * a[0] * share
