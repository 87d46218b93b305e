"""What the model reads: the scale of its columns."""

from __future__ import annotations

import numpy as np

from .examination import Patient
from .findings import Bars, Finding, by_number


def scale(patient: Patient) -> Finding | None:
    """Columns so unequal that the error of the small ones counts for nothing, or values no net can read."""
    if patient.pixels or not np.all(patient.embedder.preparation_.continuous):
        return None
    spread = np.nanstd(patient.train.target, 0)
    spread = spread[spread > 0]
    if not len(spread):
        return None
    large, small = float(spread.max()), float(spread.min())
    remedy = f"{patient.again} --scaling columns"
    widest = by_number("", np.sort(spread)[::-1])
    picture = Bars("The spread of each column as the model reads it", widest, "standard deviation, log scale")
    if large > 100 * small:
        few = int((spread < large / 100).sum())
        evidence = (
            f"as the model reads them, columns spread from {small:.2g} to {large:.2g}: the squared error of "
            f"{few} of {len(spread)} columns counts for less than a ten-thousandth of that of the largest."
        )
        return Finding("scale", "warning", evidence, remedy, picture)
    if large > 100 or large < 0.01:
        evidence = f"the model reads values that spread by {large:.2g}; nets and learning rates expect 1."
        return Finding("scale", "warning", evidence, remedy, picture)
    return None
