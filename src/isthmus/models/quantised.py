"""Discrete codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import VectorQuantised
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..recipes import method
from ..terms import commitment, reconstruction
from .plain import UNIT


@method
def vq_vae(
    features: Features,
    size: int = 128,
    hidden: Sequence[int] = (256, 128),
    *,
    width: int = 8,
    positions: int = 8,
    beta: float = 0.25,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Codes of `positions` entries out of a learned book of `size`: −log p(x | z_q) + β ‖z_e − sg[e]‖².

    A code holds at most positions · log₂(size) bits. The codebook is a running mean of what chose it.

    Reference: van den Oord, Vinyals & Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS 2017.
    """
    explain = likelihood(features)
    latent = VectorQuantised(size, width, positions)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + beta * commitment)
