"""Codes of which few are active."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from ..distributions import Distribution, full
from ..model import call
from ..objective import Term, term
from ..trace import Trace


@term
def l1(model: Any, trace: Trace) -> Tensor:
    """Σ_j |z_j|. The decoder needs unit columns, or it takes over the scale and the term vanishes."""
    return trace.code.z.abs().sum(1)


@term
def code_size(model: Any, trace: Trace) -> Tensor:
    """½ ‖z‖²: codes stay near the origin (Ghosh et al. 2020, section 3, arXiv:1903.12436)."""
    return 0.5 * trace.code.z.flatten(1).square().sum(1)


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


@term
def gate_l1(model: Any, trace: Trace) -> Tensor:
    """Σ_j ReLU(π_j): L1 of the open gates, not of what comes through them (Rajamanoharan et al. 2024)."""
    return _extra(trace, "gate", "gate_l1 needs a code with gates: Gated").sum(1)


@term
def gate_reconstruction(model: Any, trace: Trace) -> Tensor:
    """−log p(x | ĝ(ReLU(π))): the open gates alone must explain the row, by ĝ, the decoder held still.

    It is the gate's only cause to open (Rajamanoharan et al. 2024, section 3, arXiv:2404.16014).
    """
    gate = _extra(trace, "gate", "gate_reconstruction needs a code with gates: Gated")
    still = {name: p.detach() for name, p in model.decoder.named_parameters()}
    seen = model.likelihood(full(functional_call(model.decoder, still, (gate,))))
    return -_explained(seen, trace)


def prefix_reconstruction(prefixes: tuple[int, ...]) -> Term:
    """Σ_m −log p(x | z_1 … z_m): the first m entries alone must explain the row, for each m of `prefixes`.

    With `reconstruction`, which is the prefix of all, the loss of Matryoshka sparse autoencoders (Bussmann et
    al. 2025, arXiv:2503.17547). The first entries become the general ones.
    """
    if not prefixes or min(prefixes) < 1:
        raise ValueError(f"prefixes count entries, at least one each; they are {prefixes}")

    @term
    def prefix_reconstruction(model: Any, trace: Trace) -> Tensor:
        z, context = trace.code.z, trace.batch.context
        place = torch.arange(z.shape[1], device=z.device)
        nested = (model.decode(torch.where(place < m, z, 0), **context) for m in prefixes)
        return -sum((_explained(seen, trace) for seen in nested), z.new_zeros(len(z)))

    return prefix_reconstruction


def revival(after: int, k: int) -> Term:
    """−log p(x | sg[D z + b] + D z_dead) + log p(x | sg[D z + b]): what dead entries could add, as a loss.

    z_dead are the k largest positive features among entries silent for more than `after` rows. Under a unit
    Gaussian it is ½‖e − D z_dead‖² − ½‖e‖² with e the error that is left: the dead learn to explain it, the
    living are not moved. Zero where none is dead. Also called AuxK (Gao et al. 2024, appendix A.2,
    arXiv:2406.04093, with weight 1/32, after 10 million rows, and k half the width of the data).

    The latent must count: `Counted`. The decoder must be affine.
    """
    if after < 1 or k < 1:
        raise ValueError(f"after counts rows and k entries, at least one each; they are {after} and {k}")

    @term
    def revival(model: Any, trace: Trace) -> Tensor:
        dead = _extra(trace, "silent", "revival needs a code that counts: Counted") > after  # (d,)
        features, context = trace.features, trace.batch.context

        def decode(z: Tensor) -> Tensor:
            parameters: Tensor = full(call(model.decoder, z, context))
            return parameters

        values, places = torch.where(dead, features, 0).topk(min(k, len(dead)), dim=-1)  # (b, k)
        waking = torch.zeros_like(features).scatter(-1, places, values.relu())
        with torch.no_grad():
            living = decode(trace.code.z)
        added = decode(waking) - decode(torch.zeros_like(waking))  # without the bias, and its gradient
        before, after_them = model.likelihood(living), model.likelihood(living + added)
        return _explained(before, trace) - _explained(after_them, trace)

    return revival


def _extra(trace: Trace, name: str, complaint: str) -> Tensor:
    if name not in trace.code.extra:
        raise ValueError(f"{complaint}; this one has {', '.join(trace.code.extra) or 'nothing beside z'}")
    return trace.code.extra[name]


def _explained(seen: Distribution, trace: Trace) -> Tensor:
    """log p(x), (b,), over what was observed."""
    return seen.log_prob(trace.batch.target, trace.batch.context.get("observed"))
