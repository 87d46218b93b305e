"""Encoders whose decoder is their exact inverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..corruptions import gaussian_noise
from ..latents import Bijective, Kept
from ..likelihoods import certain, gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import Backwards, Forwards, couplings, size
from ..recipes import method
from ..terms import reconstruction, surprise


@method
def flow(
    features: Features,
    layers: int = 8,
    hidden: Sequence[int] = (128, 128),
    *,
    affine: bool = True,
    noise: float = 0.05,
    likelihood: Callable[..., Any] = certain,
) -> Autoencoder:
    """Normalising flow of coupling layers: log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|, exact.

    The code is as wide as the data, and the decoder f⁻¹. With `affine=False` it is NICE, whose couplings keep
    volumes. `noise` is that of training inputs, in units of the scaled data: on a grid, or on a sheet, the
    likelihood has no maximum, and what is then learned is the density of the noisy data. For whole numbers,
    dequantise (`isthmus.corruptions.dequantisation`) and set it to 0.

    Reference: Dinh, Sohl-Dickstein & Bengio, Density Estimation Using Real NVP, ICLR 2017, arXiv:1605.08803.

    >>> flow(64).objective
    surprise
    """
    explain = likelihood(features)
    if explain.name != "certain":
        raise ValueError(
            f"a flow is a density of real numbers, and these are explained by {explain.name}: dequantise "
            'them, and say likelihood="certain"'
        )
    net = couplings(size(features), layers, hidden, affine)
    latent, decoder = Bijective(size(features)), Backwards(net, features)
    corrupt = gaussian_noise(noise) if noise else None
    return Autoencoder(Forwards(net), latent, decoder, explain, surprise, corrupt)


@method
def invertible(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (128, 128),
    *,
    layers: int = 8,
    affine: bool = True,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Invertible autoencoder: x̂ = f⁻¹([f(x)₁…ₖ, 0]), f a chain of coupling layers, k = `dim`.

    Encoder and decoder are one net, run both ways. What is lost is what the other coordinates held: with k
    the number of features nothing is, trained or not.

    Reference: Nguyen, Ardizzone & Köthe, Training Invertible Neural Networks as Autoencoders, GCPR 2019,
    arXiv:2303.11239.
    """
    explain = likelihood(features)
    if explain.width != features:
        raise ValueError(
            f"what a bijection gives back is as wide as what it reads, {features}; {explain.name} asks for "
            f"{explain.width}: take a likelihood of one parameter, such as gaussian"
        )
    net = couplings(size(features), layers, hidden, affine, scaling=False)
    latent, decoder = Kept(dim, size(features)), Backwards(net, features)
    return Autoencoder(Forwards(net), latent, decoder, explain, reconstruction)
