"""How far posteriors are from their priors, and the remedies when that term takes over."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor

from ..distributions import Density, DiagonalNormal
from ..objective import Term, term
from ..trace import Stage, Trace


def only_stage(trace: Trace, who: str) -> Stage:
    """The one stochastic layer of a trace, or an error that says what needs it."""
    stages = trace.code.stages
    if len(stages) != 1:
        raise ValueError(
            f"{who} needs a code with one stochastic layer, such as Gaussian; this one has {len(stages)}"
        )
    return stages[0]


def only_gaussian(trace: Trace, who: str) -> tuple[Tensor, DiagonalNormal, Density]:
    """The one stochastic layer of a trace, its posterior a diagonal Gaussian."""
    z, q, p = only_stage(trace, who)
    if not isinstance(q, DiagonalNormal):
        raise ValueError(f"{who} needs a diagonal Gaussian posterior; this one is {type(q).__name__}")
    return z, q, p


def kl_by_dimension(trace: Trace) -> list[Tensor]:
    """KL(q ‖ p) of every dimension, (b, d), a stage at a time; (b, 1) where it is estimated at the draw."""
    if not trace.code.stages:
        raise ValueError("kl needs a stochastic code, such as Gaussian; this model's code is deterministic")
    return [stage.divergence() for stage in trace.code.stages]


@term
def kl(model: Any, trace: Trace) -> Tensor:
    """KL(q(z|x) ‖ p(z)), summed over dimensions and layers, in nats (Kingma & Welling 2014, appendix B).

    Where there is no closed form, log q(z|x) − log p(z) at the draw, whose expectation it is.
    """
    return reduce(add, (each.sum(-1) for each in kl_by_dimension(trace)))


def free_bits(nats: float) -> Term:
    """Σ_j max(λ, E_batch KL_j): below λ nats a dimension costs nothing (Kingma et al. 2016, appendix C.8).

    The floor is on the mean over the batch, which ties samples: a scalar. Also called "free nats".
    It is never below the KL, so that with `reconstruction` it still is a bound, but it is not the KL.
    """
    if not nats >= 0:
        raise ValueError(f"free nats are 0 or more, not {nats}")

    @term
    def free_bits(model: Any, trace: Trace) -> Tensor:
        return reduce(add, (each.mean(0).clamp_min(nats).sum() for each in kl_by_dimension(trace)))

    return free_bits


def capacity(target: Callable[[int], float]) -> Term:
    """|E KL − C(step)|: hold the information at C nats and let C grow (Burgess et al. 2018, eq. 8).

    The mean over the batch is held at C, which ties samples: a scalar. To hold each sample's KL there would
    spend as much on an empty image as on a full one; disentanglement_lib (Locatello et al. 2019) reads it so.
    """

    @term
    def capacity(model: Any, trace: Trace) -> Tensor:
        return (kl(model, trace).mean() - target(trace.step)).abs()

    return capacity
