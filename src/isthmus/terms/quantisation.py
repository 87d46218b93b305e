"""What a codebook and its encoder owe each other (van den Oord et al. 2017, eq. 3, arXiv:1711.00937)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..objective import term
from ..trace import Trace


@term
def codebook(model: Any, trace: Trace) -> Tensor:
    """‖sg[z_e] − e‖²: entries move to the features that chose them. For a codebook that is a parameter."""
    extra = trace.code.extra
    return (extra["nearest"] - extra["before"].detach()).square().flatten(1).sum(1)


@term
def commitment(model: Any, trace: Trace) -> Tensor:
    """‖z_e − sg[e]‖²: features stay near the entry they chose."""
    extra = trace.code.extra
    return (extra["before"] - extra["nearest"].detach()).square().flatten(1).sum(1)
