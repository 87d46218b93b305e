"""Gradients of an expectation over codes that do not pass through the code."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..objective import Term, term
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


def leave_one_out(k: int = 4) -> Term:
    """The score-function gradient of k draws, each measured against the mean cost of the others.

        1/k Σ_i (f(z_i) − 1/(k−1) Σ_{j≠i} f(z_j)) ∇_φ log q(z_i | x),   f(z) = −log p(x | z)

    Its value is the mean of the costs. The others know nothing of z_i, so that they may be subtracted without
    bias, and what all draws of a row have in common is gone: variance falls by far more than k draws bring by
    themselves (Salimans & Knowles 2014; Kool, van Hoof & Welling 2019, "Buy 4 REINFORCE samples, get a
    baseline for free!"). To be used in place of `reconstruction`, where codes are choices.
    """
    if k < 2:
        raise ValueError(f"a draw needs others to be measured against: k is 2 or more, not {k}")

    @term
    def leave_one_out(model: Any, trace: Trace) -> Tensor:
        _, q, _ = only_stage(trace, "the leave-one-out gradient")
        z = q.rsample((k,)).detach()  # (k, b, d)
        target, context = trace.batch.target, trace.batch.context

        def repeat(x: Any) -> Any:
            return x.expand(k, *x.shape).flatten(0, 1) if isinstance(x, Tensor) else x

        output = model.decode(z.flatten(0, 1), **{name: repeat(value) for name, value in context.items()})
        observed = context.get("observed")
        cost = -output.log_prob(repeat(target), None if observed is None else repeat(observed)).view(k, -1)
        advantage = (cost - (cost.sum(0) - cost) / (k - 1)).detach()
        log_q = q.log_prob(z)
        return (cost + advantage * (log_q - log_q.detach())).mean(0)

    return leave_one_out
