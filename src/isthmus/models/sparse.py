"""Over-complete codes of which few entries are active, and the dictionaries that they are written in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import nn

from ..latents import BatchTopK, Counted, Deterministic, Gated, JumpReLU, TopK
from ..likelihoods.likelihood import Features, Likelihood
from ..model import Autoencoder
from ..nets import mlps, size, unit_columns
from ..recipes import method
from ..terms import (
    gate_l1,
    gate_reconstruction,
    kl_to_rate,
    l0,
    l1,
    prefix_reconstruction,
    reconstruction,
    revival,
)
from .plain import UNIT

DEAD = 5_000  # rows: some passes over a small table; language models wait for 10 million tokens


@method
def sparse_l1(
    features: int,
    dim: int | None = None,
    *,
    weight: float = 0.1,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """An over-complete code of few active entries: ½‖x − Dz‖² + λ Σ_j |z_j|, z = ReLU(Wx + c).

    Columns of D have unit length; otherwise the penalty is evaded by scaling. `dim` is 4 × features by
    default.

    Reference: Ng, Sparse Autoencoder, CS294A lecture notes, 2011; Olshausen & Field, Nature 381, 1996.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    return Autoencoder(encoder, Deterministic(dim, nn.ReLU), decoder, explain, reconstruction + weight * l1)


@method
def sparse_top_k(
    features: int,
    dim: int | None = None,
    k: int = 8,
    *,
    weight: float = 1 / 32,
    dead_after: int = DEAD,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """An over-complete code of at most k active entries: ½‖x − Dz‖², z the k largest of ReLU(Wx + c).

    Sparsity is set and not weighed, so nothing shrinks. Entries silent for `dead_after` rows learn, with
    `weight`, to explain what the others leave. `dim` is 4 × features by default.

    Reference: Makhzani & Frey, k-Sparse Autoencoders, 2014, arXiv:1312.5663; with the revival Gao et al.,
    Scaling and Evaluating Sparse Autoencoders, 2024, arXiv:2406.04093.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    objective = reconstruction + weight * revival(dead_after, reserve(features))
    return Autoencoder(encoder, Counted(TopK(dim, k)), decoder, explain, objective)


@method
def sparse_batch_top_k(
    features: int,
    dim: int | None = None,
    k: int = 8,
    *,
    weight: float = 1 / 32,
    dead_after: int = DEAD,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """k active entries a row on average, more where a row needs them: the k · b largest of a batch of b rows.

    At rest a threshold decides, a running mean of the least kept, so that a row's code does not depend on its
    company. Dead entries are revived as in `sparse_top_k`. `dim` is 4 × features by default.

    Reference: Bussmann, Leask & Nanda, BatchTopK Sparse Autoencoders, 2024, arXiv:2412.06410.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    objective = reconstruction + weight * revival(dead_after, reserve(features))
    return Autoencoder(encoder, Counted(BatchTopK(dim, k)), decoder, explain, objective)


@method
def matryoshka(
    features: int,
    dim: int | None = None,
    k: int = 8,
    *,
    shares: tuple[float, ...] = (1 / 32, 3 / 32, 7 / 32, 15 / 32),
    weight: float = 1 / 32,
    dead_after: int = DEAD,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Dictionaries inside one another: Σ_m −log p(x | z_1 … z_m), each a prefix of the next.

    The first `shares` of the entries must explain rows without the others, so that they become general and
    the later ones specific, where one dictionary of that size splits or absorbs the general ones. Activity is
    that of `sparse_batch_top_k`. `dim` is 4 × features by default.

    Reference: Bussmann et al., Learning Multi-Level Features with Matryoshka Sparse Autoencoders, ICML 2025,
    arXiv:2503.17547.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    prefixes = prefix_reconstruction(tuple(math.ceil(share * dim) for share in shares))
    objective = reconstruction + prefixes + weight * revival(dead_after, reserve(features))
    return Autoencoder(encoder, Counted(BatchTopK(dim, k)), decoder, explain, objective)


@method
def sparse_gated(
    features: int,
    dim: int | None = None,
    *,
    weight: float = 0.1,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Gates decide which entries are active, and are penalised; how large those are is not.

        ½‖x − D z‖² + λ Σ_j ReLU(π_j) + ½‖x − sg[D] ReLU(π)‖²,   z = H(π) ReLU(e^r π + b),  π = Wx + c

    `dim` is 4 × features by default.

    Reference: Rajamanoharan et al., Improving Dictionary Learning with Gated Sparse Autoencoders, 2024,
    arXiv:2404.16014.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    objective = reconstruction + weight * gate_l1 + gate_reconstruction
    return Autoencoder(encoder, Gated(dim), decoder, explain, objective)


@method
def sparse_jump_relu(
    features: int,
    dim: int | None = None,
    *,
    weight: float = 0.1,
    threshold: float = 0.1,
    bandwidth: float = 0.1,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Each entry learns above which value it is active: ½‖x − Dz‖² + λ ‖z‖₀, z = f H(f − θ), f = Wx + c.

    The penalty counts entries and does not shrink them. `dim` is 4 × features by default; threshold and
    bandwidth are in units of the data.

    Reference: Rajamanoharan et al., Jumping Ahead, 2024, arXiv:2407.14435.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    latent = JumpReLU(dim, threshold, bandwidth)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + weight * l0)


@method
def sparse_kl(
    features: int,
    dim: int | None = None,
    *,
    rate: float = 0.05,
    weight: float = 3.0,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Sigmoid units whose mean activation is held at ρ: reconstruction + β Σ_j KL(ρ ‖ ρ̂_j).

    Reference: Ng, Sparse Autoencoder, CS294A lecture notes, 2011 (β = 3, ρ = 0.05).
    """
    dim = 4 * size(features) if dim is None else dim
    explain = likelihood(features)
    encoder, decoder = mlps(features, (), dim, dim, explain.width)
    objective = reconstruction + weight * kl_to_rate(rate)
    return Autoencoder(encoder, Deterministic(dim, nn.Sigmoid), decoder, explain, objective)


def dictionary(
    features: int, dim: int, likelihood: Callable[..., Any]
) -> tuple[nn.Module, nn.Module, Likelihood]:
    """One layer each way: a decoder whose columns are atoms of unit length, and the encoder, at first Dᵀ."""
    explain = likelihood(features)
    encoder, decoder = mlps(features, (), dim, dim, explain.width)
    atoms = unit_columns(decoder[0]).weight  # type: ignore[index]
    reader(encoder).weight.data.copy_(atoms.detach().T)
    return encoder, decoder, explain


def reader(encoder: nn.Module) -> nn.Linear:
    """The one layer of a dictionary's encoder. Not `encoder[0]`: pictures are laid flat first."""
    return next(layer for layer in encoder.modules() if isinstance(layer, nn.Linear))


def reserve(features: Features) -> int:
    """How many dead entries may help a row: half as many as the data are wide (Gao et al. 2024)."""
    return max(1, size(features) // 2)
