"""Over-complete codes of which few entries are active, and the dictionaries that they are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ..latents import Deterministic, JumpReLU, TopK
from ..likelihoods.likelihood import Likelihood
from ..model import Autoencoder
from ..nets import mlps, size, unit_columns
from ..recipes import method
from ..terms import kl_to_rate, l0, l1, reconstruction
from .plain import UNIT


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
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """An over-complete code of at most k active entries: ½‖x − Dz‖², z the k largest of ReLU(Wx + c).

    Sparsity is set and not weighed, so nothing shrinks. `dim` is 4 × features by default.

    Reference: Makhzani & Frey, k-Sparse Autoencoders, 2014, arXiv:1312.5663; Gao et al. 2024,
    arXiv:2406.04093.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    return Autoencoder(encoder, TopK(dim, k), decoder, explain, reconstruction)


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
    # not encoder[0]: pictures are laid flat first
    reader = next(layer for layer in encoder.modules() if isinstance(layer, nn.Linear))
    reader.weight.data.copy_(atoms.detach().T)
    return encoder, decoder, explain
