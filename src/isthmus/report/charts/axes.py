"""What the charts share: their width, the colours of model and PCA, and how an axis is marked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import COLOURS

MODEL, LINEAR = COLOURS[0], COLOURS[3]
WIDE = 7.4  # inches: a page's column
COLUMNS = 24  # that a figure names, of wide tables those that matter most


def percents(axis: Any) -> None:
    ticks = np.linspace(0, 1, 6)
    axis.set_xticks(ticks, [f"{100 * tick:.0f} %" for tick in ticks])


def above(axis: Any) -> None:
    """The legend where no mark can be."""
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
