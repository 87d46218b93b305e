"""Autoencoders with a deterministic code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..corruptions import gaussian_noise
from ..latents import Deterministic, JumpReLU, TopK
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features, Likelihood
from ..model import Autoencoder
from ..nets import mlps, size, unit_columns
from ..recipes import Recipe, method
from ..terms import contraction, kl_to_rate, l0, l1, reconstruction
from ..training.finish import lbfgs
from ..training.greedy import greedy

UNIT = Recipe(
    gaussian, scale=1.0
)  # −log p = ½ ‖x − x̂‖² + constant: what penalties in papers are weighed against


@method
def autoencoder(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """The autoencoder: min over f, g of E[−log p(x | g(f(x)))]; squared error under a Gaussian.

    Under-complete where `dim` is below the number of features; over-complete, and then in danger of learning
    the identity, where it is not.

    Reference: Rumelhart, Hinton & Williams, Learning Internal Representations by Error Propagation, 1986;
    Hinton & Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 313, 2006.

    >>> autoencoder(64, dim=8).objective
    reconstruction
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, reconstruction)


@method
def linear(features: int, dim: int = 8, *, likelihood: Callable[..., Any] = gaussian) -> Autoencoder:
    """The linear autoencoder: its best reconstruction is PCA's, its code any basis of the same subspace.

    First-order optimisers stop a degree or two short of that subspace, so `fit` finishes with L-BFGS.

    Reference: Baldi & Hornik, Neural Networks and Principal Component Analysis, Neural Networks 2, 1989.
    """
    model = autoencoder(features, dim, (), likelihood=likelihood)
    model.finish = lbfgs()
    return model


@method
def tied(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """The decoder's weights are the encoder's, transposed: g(z) = Wᵀ z + c. Half of the parameters.

    Reference: Vincent et al., Stacked Denoising Autoencoders, JMLR 11, 2010, section 2.
    """
    return autoencoder(features, dim, hidden, nets=Recipe(mlps, tied=True), likelihood=likelihood)


@method
def stacked(
    features: int,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    epochs: int = 20,
    noise: float = 0.1,
    activation: type[nn.Module] = nn.ReLU,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Greedy layer-wise pretraining, then fine-tuning: each layer first denoises the codes below it.

    `fit` pretrains before its first step, `epochs` for every layer, with Gaussian noise on each layer's
    input.

    Reference: Bengio et al., Greedy Layer-Wise Training of Deep Networks, NeurIPS 2007; Vincent et al. 2010.
    """
    model = autoencoder(
        features, dim, hidden, nets=Recipe(mlps, activation=activation), likelihood=likelihood
    )
    model.prepare = greedy(epochs, noise)
    return model


@method
def denoising(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    noise: float = 0.3,
    corruption: Callable[..., Any] = gaussian_noise,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Reconstruct x from a damaged x̃: min E ℓ(x, g(f(x̃))), x̃ ~ q(x̃ | x).

    `corruption(noise)` makes the damage: `gaussian_noise`, `masking_noise` or `salt_and_pepper`.

    Reference: Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders, ICML
    2008.

    >>> denoising(64, noise=0.25, corruption=masking_noise)  # doctest: +SKIP
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, reconstruction, corruption(noise))


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


@method
def contractive(
    features: int,
    dim: int | None = None,
    *,
    weight: float = 0.1,
    exact: bool = False,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Codes that change little with x: reconstruction + λ ‖∂f/∂x‖²_F, one sigmoid layer, tied weights.

    Tied, because otherwise the encoder shrinks, the decoder grows, and nothing is contracted. The Jacobian is
    estimated with one probe, or `exact`. `dim` is the number of features by default.

    Reference: Rifai et al., Contractive Auto-Encoders, ICML 2011.
    """
    dim = size(features) if dim is None else dim
    explain = likelihood(features)
    encoder, decoder = mlps(features, (), dim, dim, explain.width, tied=True)
    objective = reconstruction + weight * contraction(exact)
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
