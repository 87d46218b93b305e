"""Variational autoencoders of several stochastic layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import BottomUp, Ladder, TopDown
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..recipes import method
from ..terms import kl, reconstruction, warmup


@method
def ladder_vae(
    features: Features,
    dim: int = 16,
    hidden: Sequence[int] = (256, 128),
    *,
    layers: int = 3,
    width: int = 128,
    steps: int = 1000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Ladder VAE: `layers` stochastic layers, `dim` wide at the bottom and half as wide each step up.

    The posterior of a layer is what the row says, merged with what the layers above lead to expect. The KL
    grows in over `steps` steps; without that layers fall silent, in the paper the upper ones.

    Reference: Sønderby et al., Ladder Variational Autoencoders, NeurIPS 2016, arXiv:1602.02282.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, width, dim, explain.width)
    latent = Ladder(halving(dim, layers), width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + warmup(steps) * kl)


@method
def hierarchical_vae(
    features: Features,
    dim: int = 16,
    hidden: Sequence[int] = (256, 128),
    *,
    layers: int = 3,
    width: int = 128,
    steps: int = 1000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """The plain hierarchy: q(z₁|x) q(z₂|z₁) … against p(z_L) … p(z₁|z₂), all inferred from the bottom up.

    Upper layers are hard to use; `ladder_vae` and `top_down_vae` mend that. The KL grows in over `steps`
    steps, as there.

    Reference: Rezende, Mohamed & Wierstra, Stochastic Backpropagation and Approximate Inference in Deep
    Generative Models, ICML 2014, arXiv:1401.4082.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, width, dim, explain.width)
    latent = BottomUp(halving(dim, layers), width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + warmup(steps) * kl)


@method
def top_down_vae(
    features: Features,
    dim: int = 4,
    hidden: Sequence[int] = (256, 128),
    *,
    blocks: int = 8,
    width: int = 64,
    steps: int = 1000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Deep top-down VAE: `blocks` layers of `dim` numbers each, which write into one residual stream.

    In the manner of the VDVAE, at one resolution. The code is the stream's end, `width` numbers.

    The KL grows in over `steps` steps, as in the other hierarchies and not in the paper: while the decoder's
    scale is still far above the data's, the divergence weighs more than what codes can explain, and from one
    start in a few they fall silent for as long as the net needs to learn the scale.

    Reference: Child, Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images, ICLR
    2021, arXiv:2011.10650.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, width, width, explain.width)
    latent = TopDown(dim, blocks, width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + warmup(steps) * kl)


def halving(dim: int, layers: int) -> tuple[int, ...]:
    """16, 8, 4 …: widths of layers, from the lowest up."""
    return tuple(max(1, dim // 2**level) for level in range(layers))
