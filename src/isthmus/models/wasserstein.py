"""Wasserstein autoencoders without a critic: the codes of a batch, as a whole, are held to the prior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import Deterministic
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..recipes import method
from ..terms import imq, mmd, reconstruction, sliced
from ..terms.discrepancy import Kernel
from .plain import UNIT


@method
def wae_mmd(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 10.0,
    kernel: Kernel = imq,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Wasserstein autoencoder with a kernel's penalty: cost(x, g(z)) + λ MMD²(q(z), p(z)).

    Codes are deterministic. A VAE pulls every row's code towards the prior; this only all of them together,
    so that codes may be as far apart as the prior is wide. `weight` is λ: 10 for MNIST in the paper, there
    beside ‖x − g(z)‖² and here beside half of it. The authors' code takes 0.05 ‖x − g(z)‖², so that its λ of
    10 is a `weight` of 100. A code much wider than the data's own dimension leaves
    holes in the prior that no code reaches, and samples from there look like nothing (Rubenstein, Schölkopf
    & Tolstikhin 2018, arXiv:1802.03761).

    Reference: Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018, algorithm 2, arXiv:1711.01558.

    >>> wae_mmd(64, dim=8).objective
    reconstruction + 10.0 * mmd
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + weight * mmd(kernel)
    return Autoencoder(encoder, Deterministic(dim, matched=True), decoder, explain, objective)


@method
def sliced_wae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 10.0,
    projections: int = 50,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Wasserstein autoencoder with a sliced distance: cost(x, g(z)) + λ SW₂²(q(z), p(z)).

    Codes and prior are compared along random lines, where transport is sorting: O(L n log n), no kernel.

    Reference: Kolouri, Pope, Martin & Rohde, Sliced-Wasserstein Autoencoder, ICLR 2019, arXiv:1804.01947.

    >>> sliced_wae(64, dim=8).objective
    reconstruction + 10.0 * sliced
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + weight * sliced(projections)
    return Autoencoder(encoder, Deterministic(dim, matched=True), decoder, explain, objective)
