"""Draws from a density that is known up to a constant, by walking downhill in its energy and shaking."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def langevin(
    energy: Callable[[Tensor], Tensor],
    x: Tensor,
    steps: int,
    step: float,
    *,
    temperature: float = 1.0,
    onto: Callable[[Tensor], Tensor] | None = None,
    limit: float | None = None,
) -> Tensor:
    """The end of chains that start at the rows x (b, ...), for the density exp(−E(x) / T) / Z.

        x ← x − ε²/2T ∇E(x) + ε ξ,   ξ ~ N(0, I)

    Unadjusted Langevin: exact as ε → 0 and `steps` → ∞. At N(0, σ²) with T = 1 its variance is σ² / (1 −
    ε²/4σ²). Noise and drift belong together: a drift s with noise ε, each set by hand, is a walk at the
    temperature ε²/2s, whatever else is said.

    Args:
        energy: rows (b, ...) -> (b,); its parameters get no gradient.
        step: ε, in units of x.
        temperature: T.
        onto: puts rows back where they belong after each step, a sphere or a box.
        limit: the longest drift, in lengths of the noise, ε √d; beyond it the walk is not Langevin's. None
            for no limit, and then a steep energy may throw a chain out.

    Reference: Roberts & Tweedie, Bernoulli 2, 1996; for energies: Du & Mordatch 2019, arXiv:1903.08689.
    """
    if steps < 0 or not step > 0 or not temperature > 0:
        raise ValueError(
            "a chain takes 0 or more steps, of a size above 0, at a temperature above 0; "
            f"these are {steps}, {step} and {temperature}"
        )
    x = x.detach()
    for _ in range(steps):
        with torch.enable_grad():  # also where the loss is only read, on held-out data
            at = x.requires_grad_()
            (slope,) = torch.autograd.grad(energy(at).sum(), at)
        drift = (step**2 / (2 * temperature)) * slope.detach()
        if limit is not None:
            lengths = drift.flatten(1).norm(dim=1).clamp(min=1e-12)
            most = limit * step * math.sqrt(x[0].numel())
            drift = drift * (most / lengths).clamp(max=1).view(-1, *[1] * (x.dim() - 1))
        x = x.detach() - drift + step * torch.randn_like(x)
        x = x if onto is None else onto(x)
    return x.detach()
