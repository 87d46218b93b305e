"""Codes of which few are active."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..objective import Term, term
from ..trace import Trace


@term
def l1(model: Any, trace: Trace) -> Tensor:
    """Σ_j |z_j|. The decoder needs unit columns, or it takes over the scale and the term vanishes."""
    return trace.code.z.abs().sum(1)


@term
def l0(model: Any, trace: Trace) -> Tensor:
    """Σ_j H(f_j − θ_j), the number of active entries (Rajamanoharan et al. 2024, equation 9).

    It has a derivative only where the latent gives it one: `JumpReLU`.
    """
    if "active" not in trace.code.extra:
        raise ValueError(
            f"l0 needs a code that says with a gradient which entries are active: JumpReLU; this latent is "
            f"{type(model.latent).__name__}"
        )
    return trace.code.extra["active"].sum(1)


def kl_to_rate(rate: float) -> Term:
    """Σ_j KL(ρ ‖ ρ̂_j), ρ̂_j the mean activation of unit j over the batch (Ng 2011, section 3).

    Units must lie in (0, 1): give the latent a sigmoid. The mean ties samples, so the term is a scalar; with
    batches smaller than about 10 / ρ it is too noisy to mean much.
    """
    if not 0 < rate < 1:
        raise ValueError(f"the target rate must lie between 0 and 1; it is {rate}")

    @term
    def kl_to_rate(model: Any, trace: Trace) -> Tensor:
        mean = trace.code.z.mean(0).clamp(1e-6, 1 - 1e-6)
        active = rate * (math.log(rate) - mean.log())
        silent = (1 - rate) * (math.log1p(-rate) - torch.log1p(-mean))
        return (active + silent).sum()

    return kl_to_rate
