"""How well the output explains the target."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..distributions import total
from ..likelihoods.real import Normal
from ..objective import Term, term
from ..trace import Trace
from .divergence import only_gaussian, only_stage


@term
def reconstruction(model: Any, trace: Trace) -> Tensor:
    """−log p(x | z), in nats; missing values are left out."""
    return -trace.output.log_prob(trace.batch.target, trace.batch.context.get("observed"))


@term
def squared_error(model: Any, trace: Trace) -> Tensor:
    """‖x − x̂‖², summed over the event, in squared units of the data; missing values are left out."""
    target, observed = trace.batch.target, trace.batch.context.get("observed")
    if observed is not None:
        target = torch.where(observed, target, 0)  # a NaN in its place would come back as 0 * NaN
    return total((trace.output.mean - target).square(), target.dim() - 1, observed)


@term
def hidden_reconstruction(model: Any, trace: Trace) -> Tensor:
    """−log p(x | z) of what the corruption hid, in nats; what was visible, or is missing, is left out.

    A mean of it says nothing of parts that were read: copying them is no task (He et al. 2022, section 3).
    Raises ValueError where the context does not say what is `hidden`.
    """
    context = trace.batch.context
    if "hidden" not in context:
        raise ValueError(
            "hidden_reconstruction explains what was hidden, and the context does not say what: the model "
            "needs a corruption that does, such as isthmus.corruptions.hide_patches"
        )
    observed = context.get("observed")
    guessed = context["hidden"] if observed is None else context["hidden"] & observed
    return -trace.output.log_prob(trace.batch.target, guessed)


def importance_weighted(k: int, groups: int = 1) -> Term:
    """−log 1/k Σ_i p(x, z_i) / q(z_i | x), z_i ~ q: the bound of Burda et al. (2016, eq. 8, 1509.00519).

    At k = 1 it is the negative ELBO; it falls towards −log p(x) as k grows. With several `groups` it is the
    mean of as many such bounds, each of k codes of its own: no tighter, but its gradient is less noisy, where
    that of the encoder drowns in noise as k grows (Rainforth et al. 2018, eq. 12, arXiv:1802.04537). It draws
    its own codes, so what else the trace holds is not used. A context other than `observed` is handed to the
    decoder, repeated.
    """
    if k < 1 or groups < 1:
        raise ValueError(
            f"an importance-weighted bound needs at least one sample and group, not {k} and {groups}"
        )
    draws = k * groups

    @term
    def importance_weighted(model: Any, trace: Trace) -> Tensor:
        _, q, p = only_stage(trace, "the importance-weighted bound")
        z = q.rsample((draws,))  # (groups * k, b, d)
        target, context = trace.batch.target, trace.batch.context

        def repeat(x: Any) -> Any:
            return x.expand(draws, *x.shape).flatten(0, 1) if isinstance(x, Tensor) else x

        output = model.decode(z.flatten(0, 1), **{name: repeat(value) for name, value in context.items()})
        observed = context.get("observed")
        log_x = output.log_prob(repeat(target), None if observed is None else repeat(observed))
        log_w = log_x.view(draws, -1) + p.log_prob(z) - q.log_prob(z)
        return math.log(k) - log_w.unflatten(0, (groups, k)).logsumexp(1).mean(0)

    return importance_weighted


@term
def expected_reconstruction(model: Any, trace: Trace) -> Tensor:
    """−E_q log p(x | z) in closed form, for an affine decoder under a Gaussian of fixed or learned scale.

        −log N(x; Wμ + b, σ²) + ½ Σ_j (W diag(s²) Wᵀ)_jj / σ_j²,   q = N(μ, diag(s²))

    No sampling noise: with it the linear VAE can be trained to the digits of probabilistic PCA (Lucas et al.
    2019, appendix, arXiv:1911.02469).

    Raises:
        ValueError: for a decoder of more than one linear layer, or another likelihood.
    """
    _, q, _ = only_gaussian(trace, "the expected reconstruction")
    output = model.decode(q.mean, **trace.batch.context)
    layers = [each for each in model.decoder.modules() if not isinstance(each, nn.Sequential | nn.Unflatten)]
    affine, explains = layers[0], output.mean[0].numel()
    if len(layers) > 1 or not isinstance(affine, nn.Linear) or affine.out_features != explains:
        raise ValueError(f"{EXACT}; here the decoder is {model.decoder}, for {explains} elements")
    if not isinstance(output, Normal):
        raise ValueError(
            f'{EXACT}; here it is {type(output).__name__}: likelihood="gaussian" asks for the other'
        )
    with torch.autocast(q.log_scale.device.type, enabled=False):  # variances, in full precision
        spread = ((2 * q.log_scale).exp() @ affine.weight.square().T).view_as(output.mean)
    observed = trace.batch.context.get("observed")
    excess = total(0.5 * spread * (-2 * output.log_scale).exp(), spread.dim() - 1, observed)
    return excess - output.log_prob(trace.batch.target, observed)


EXACT = (
    "the expected reconstruction is exact for a decoder of one linear layer, and a Gaussian whose scale is "
    "the same for all samples"
)
