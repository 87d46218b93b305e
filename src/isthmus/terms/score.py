"""Gradients of an expectation over codes that do not pass through the code."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..objective import term
from ..trace import Trace
from .divergence import only_stage


@term
def score_function(model: Any, trace: Trace) -> Tensor:
    """−log p(x | z), whose gradient reaches the encoder through log q(z | x) and not through z.

        ∇_φ E_q[f(z)] = E_q[f(z) ∇_φ log q(z | x)],   f(z) = −log p(x | z)

    Also called REINFORCE, or likelihood-ratio gradient (Williams 1992; Paisley, Blei & Jordan 2012,
    arXiv:1206.6430). In place of `reconstruction` it has the same value and the same expected gradient, for
    any q that has a density; its variance is why codes are reparameterised where they can be.
    """
    z, q, _ = only_stage(trace, "the score-function gradient")
    fixed, observed = z.detach(), trace.batch.context.get("observed")
    cost = -model.decode(fixed, **trace.batch.context).log_prob(trace.batch.target, observed)
    log_q = q.log_prob(fixed)
    return cost + cost.detach() * (log_q - log_q.detach())
