"""Damage done to the input while training. The target stays.

A corruption is a function from a batch to a harder one; these functions make them. Whatever the loss must
know about the damage goes into the context.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..model import in_sight
from ..trace import Batch

Corruption = Callable[[Batch], Batch]


def damaging(damage: Callable[[Tensor], Tensor]) -> Corruption:
    """A corruption out of a function of the input alone. Missing values stay out of sight."""

    def corrupt(batch: Batch) -> Batch:
        damaged = damage(batch.input)
        observed = batch.context.get("observed")
        if observed is not None and observed.shape == damaged.shape:
            damaged = torch.where(observed, damaged, batch.input)
        return batch._replace(input=damaged)

    return corrupt


def gaussian_noise(scale: float) -> Corruption:
    """x + scale · ε, ε ~ N(0, I), in units of the data as the model sees them (Vincent et al. 2010).

    Not clipped: the denoiser's optimum is then x̃ + scale² ∇ log p(x̃) (Alain & Bengio 2014).
    """
    _positive("scale", scale)
    return damaging(lambda x: x + scale * torch.randn_like(x))


def masking_noise(rate: float, value: float = 0.0) -> Corruption:
    """Each value replaced by `value` with probability `rate`; no rescaling, unlike dropout (Vincent 2008)."""
    _probability("rate", rate)
    return damaging(lambda x: torch.where(torch.rand_like(x) < rate, value, x))


def salt_and_pepper(rate: float, low: float = 0.0, high: float = 1.0) -> Corruption:
    """Each value replaced, with probability `rate`, by `low` or `high` at even odds (Vincent et al. 2010)."""
    _probability("rate", rate)

    def damage(x: Tensor) -> Tensor:
        toss = torch.rand_like(x)  # below rate/2: pepper; below rate: salt
        return torch.where(toss < rate, torch.where(toss < rate / 2, low, high), x)

    return damaging(damage)


def binarise(batch: Batch) -> Batch:
    """Input and target drawn anew from Bernoulli(x) each time: dynamic binarisation (Burda et al. 2016)."""
    x = torch.bernoulli(in_sight(batch.target, batch.context))
    return batch._replace(input=x, target=x)


def _positive(name: str, value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must not be negative; it is {value}")


def _probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is a probability; {value} is not between 0 and 1")


def dequantisation(width: float) -> Corruption:
    """x + width · u, u ~ U(0, 1): whole numbers, in steps of `width` as the model sees them, made continuous.

    A density of the sum bounds the probability of the whole numbers, log P(x) ≥ E_u log p(x + width u) + d
    log width (Theis, van den Oord & Bethge 2016, section 3.1, arXiv:1511.01844). Without it the likelihood
    has no maximum, for a density may put any mass onto a grid.
    """
    _positive("width", width)
    return damaging(lambda x: x + width * torch.rand_like(x))
