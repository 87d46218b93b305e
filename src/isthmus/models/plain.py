"""Autoencoders with a deterministic code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..corruptions import gaussian_noise
from ..latents import Deterministic
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..recipes import Recipe, method
from ..terms import reconstruction
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
