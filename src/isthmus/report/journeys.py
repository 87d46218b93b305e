"""What the model makes of codes on the way along a dimension, or from one row to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Plate
from .study import Study

SPAN = np.linspace(-2.4, 2.4, 9)  # standard deviations of a traversal


def traversal(study: Study, view: Any) -> Plate | None:
    """Along the dimensions that vary most, from the mean code; drawn by `view`, `charts` or `pictures`."""
    spread = study.codes.std(0)
    which = np.sort(np.argsort(spread)[::-1][: 4 if study.shape is None else 8])
    which = which[spread[which] > 0]
    if not len(which):
        return None
    steps = SPAN if study.shape is not None else np.linspace(SPAN[0], SPAN[-1], 21)
    codes = np.tile(study.codes.mean(0), (len(which), len(steps), 1))
    for line, dimension in enumerate(which):
        codes[line, :, dimension] += steps * spread[dimension]
    path = _decoded(study, codes, np.zeros(len(which), int))
    plate: Plate = view.traversal(study, which.tolist(), steps, path)
    return plate


def interpolation(study: Study, view: Any) -> Plate | None:
    """From one row's code to another's, for a few pairs drawn at random."""
    n = len(study.codes)
    if n < 2:
        return None
    rng = np.random.default_rng(2)
    ends = [tuple(rng.choice(n, 2, replace=False).tolist()) for _ in range(3 if study.shape is None else 4)]
    along = np.linspace(0, 1, 8 if study.shape is not None else 15)[:, None]
    codes = np.stack([(1 - along) * study.codes[a] + along * study.codes[b] for a, b in ends])
    path = _decoded(study, codes, np.array([a for a, _ in ends]))
    plate: Plate = view.interpolation(study, ends, path)
    return plate


def _decoded(study: Study, codes: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Codes (lines, steps, dim) -> (lines, steps, d); a conditional model is given the label of a row."""
    lines, steps = codes.shape[:2]
    labels = None if study.labels is None else np.repeat(study.labels[like], steps)
    return study.decode(codes.reshape(lines * steps, -1), labels).reshape(lines, steps, -1)
