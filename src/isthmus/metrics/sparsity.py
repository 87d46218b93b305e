"""How sparse a code is, and whether a dictionary is the one that made the data. All take codes (n, dim)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arrays import Array, float64


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
