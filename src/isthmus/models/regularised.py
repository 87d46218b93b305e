"""Autoencoders whose maps are held down: by their derivatives, their weights or their codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ..latents import Deterministic
from ..model import Autoencoder
from ..nets import mlps, size
from ..recipes import method
from ..terms import contraction, reconstruction
from .plain import UNIT


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
