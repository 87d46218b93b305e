"""Discrete codes: learned books, alone and combined, fixed lattices, and two levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..latents import (
    Codebook,
    FiniteScalar,
    LookupFree,
    Places,
    Product,
    Quantised,
    Residual,
    Shares,
    TwoLevels,
    straight_through,
)
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..nets import size as count
from ..recipes import method
from ..terms import codebook, commitment, corner_entropy, reconstruction
from .plain import UNIT


@method
def vq_vae(
    features: Features,
    size: int = 128,
    hidden: Sequence[int] = (256, 128),
    *,
    width: int = 8,
    positions: Features = 8,
    beta: float = 0.25,
    ema: float | None = 0.99,
    gradient: Callable[..., Any] = straight_through,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Codes of `positions` entries out of a learned book of `size`: −log p(x | z_q) + β ‖z_e − sg[e]‖².

    A code holds at most positions · log₂(size) bits. The codebook is a running mean of what chose it; with
    `ema=None` it is learned by a term of its own, ‖sg[z_e] − e‖². Of images: `positions=(7, 7)` with
    `nets=Recipe(convs, spatial=True)` and two `hidden` channels for 28 × 28, which are halved twice.

    Reference: van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS 2017,
    arXiv:1711.00937.
    """
    explain = likelihood(features)
    latent = Quantised(Codebook(size, width, ema), count(positions), gradient, prior)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    cost = beta * commitment if ema is not None else codebook + beta * commitment
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + cost)


@method
def residual_vq_vae(
    features: Features,
    size: int = 16,
    hidden: Sequence[int] = (256, 128),
    *,
    depth: int = 2,
    width: int = 8,
    positions: Features = 8,
    beta: float = 0.25,
    gradient: Callable[..., Any] = straight_through,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """At each position a sum of `depth` entries, from books of `size`, each for what the ones before left.

    It tells size^depth vectors apart with depth · size entries; β weighs Σ_i ‖z_e − sg[Σ_{j≤i} e^(j)]‖².

    Reference: Lee et al., Autoregressive Image Generation using Residual Quantization (RQ-VAE), CVPR 2022,
    arXiv:2203.01941 (with a book for each depth, as Zeghidour et al. 2021; theirs share one).
    """
    explain = likelihood(features)
    quantiser = Residual([Codebook(size, width) for _ in range(depth)])
    latent = Quantised(quantiser, count(positions), gradient, prior)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + beta * commitment)


@method
def product_vq_vae(
    features: Features,
    size: int = 16,
    hidden: Sequence[int] = (256, 128),
    *,
    groups: int = 2,
    width: int = 8,
    positions: Features = 8,
    beta: float = 0.25,
    gradient: Callable[..., Any] = straight_through,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """At each position `groups` entries side by side, from books of `size`, each of its part of the vector.

    It tells size^groups vectors apart with groups · size short entries. `width` is a multiple of `groups`.

    Reference: Baevski, Schneider & Auli, vq-wav2vec, ICLR 2020, arXiv:1910.05453, section 3.3; Jégou, Douze &
    Schmid, Product Quantization, 2011.
    """
    if groups < 1 or width % groups:
        raise ValueError(f"{groups} groups share a vector evenly, and its width is {width}")
    explain = likelihood(features)
    quantiser = Product([Codebook(size, width // groups) for _ in range(groups)])
    latent = Quantised(quantiser, count(positions), gradient, prior)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + beta * commitment)


@method
def fsq(
    features: Features,
    levels: Sequence[int] = (8, 6, 5),
    hidden: Sequence[int] = (256, 128),
    *,
    positions: Features = 8,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Finite scalar quantisation: a few bounded numbers a position, each rounded. −log p(x | z_q) alone.

    Π levels vectors a position, none of them learned; the paper's choice for 2⁸ is (8, 6, 5), for 2¹⁰
    (8, 5, 5, 5), for 2¹² (7, 5, 5, 5, 5).

    Reference: Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, ICLR 2024, arXiv:2309.15505.
    """
    explain = likelihood(features)
    latent = Quantised(FiniteScalar(levels), count(positions), straight_through, prior)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction)


@method
def lfq(
    features: Features,
    bits: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    positions: Features = 8,
    beta: float = 0.25,
    entropy: float = 1.0,
    temperature: float = 1.0,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Lookup-free quantisation: `bits` signs a position. + β commitment + a weight on the signs' entropy.

    The entropy asks that each corner is sure, and that all are used (see `isthmus.terms.corner_entropy`).
    Published code weighs means over pixels and positions, with 0.1; here are sums, and 0.1 leaves most
    corners unused. It learns more slowly than a codebook does, and stands a higher rate of learning.

    Reference: Yu et al., Language Model Beats Diffusion: Tokenizer is Key to Visual Generation, ICLR 2024,
    arXiv:2310.05737.
    """
    explain = likelihood(features)
    latent = Quantised(LookupFree(bits), count(positions), straight_through, prior)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    objective = reconstruction + beta * commitment + entropy * corner_entropy(temperature)
    return Autoencoder(encoder, latent, decoder, explain, objective)


@method
def vq_vae_2(
    features: Features,
    size: int = 128,
    hidden: Sequence[int] = (256, 128),
    *,
    width: int = 8,
    positions: Features = 8,
    top_positions: Features = 2,
    top_hidden: Sequence[int] = (64,),
    beta: float = 0.25,
    gradient: Callable[..., Any] = straight_through,
    prior: Callable[..., Any] = Shares,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Two levels of codes: few positions for the whole, then many, which know the first, for the details.

    The decoder sees both. Of images, with `nets=Recipe(convs, spatial=True)`: `positions=(14, 14)`, and
    `top_positions=(7, 7)` for one `hidden` and one `top_hidden` channel count.

    Reference: Razavi, van den Oord & Vinyals, Generating Diverse High-Fidelity Images with VQ-VAE-2, NeurIPS
    2019, arXiv:1906.00446.
    """
    explain = likelihood(features)
    bottom, top = (Places(Codebook(size, width), count(p), gradient) for p in (positions, top_positions))
    flat = isinstance(positions, int)
    inside = bottom.features if isinstance(positions, int) else (width, *positions)
    pairs = [(mlps if flat else nets)(inside, top_hidden, top.features, top.dim, inside) for _ in range(2)]
    (up, down), (_, lift) = pairs
    encoder, decoder = nets(features, hidden, bottom.features, 2 * bottom.dim, explain.width)
    latent = TwoLevels(bottom, top, up, down, (inside,) if isinstance(inside, int) else inside, prior)
    whole = Lifted(lift, decoder, bottom.dim)
    return Autoencoder(encoder, latent, whole, explain, reconstruction + beta * commitment)


class Lifted(nn.Module):
    """[z_bottom, z_top] -> decoder([z_bottom, lift(z_top)]): the top brought to the bottom's resolution."""

    def __init__(self, lift: nn.Module, decoder: nn.Module, bottom: int):
        super().__init__()
        self.lift, self.decoder, self.bottom = lift, decoder, bottom

    def forward(self, z: Tensor) -> Tensor:
        detail, whole = z[:, : self.bottom], z[:, self.bottom :]
        return self.decoder(torch.cat([detail, self.lift(whole).flatten(1)], 1))
