"""Autoencoders whose maps are held down: by their derivatives, their weights or their codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from ..latents import Deterministic
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import SparseDropout, lipschitz, mlps, size, uncertain
from ..nets.dropout import UncertainLinear
from ..objective import Term
from ..recipes import method
from ..terms import (
    code_size,
    contraction,
    decoder_contraction,
    decoder_decay,
    orthogonality,
    reconstruction,
    reconstruction_contraction,
    warmup,
    weight_kl,
)
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


@method
def jacobian(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 0.1,
    penalty: Callable[[], Term] = reconstruction_contraction,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """A map of nets of any depth held down by its derivative: reconstruction + λ ‖∂x̂/∂x‖²_F.

    `penalty` says of which map: `reconstruction_contraction` of both halves together, which no change of
    scale between them evades; `contraction` of the encoder, `decoder_contraction` of the decoder.

    Reference: Alain & Bengio, What Regularized Auto-Encoders Learn from the Data-Generating Distribution,
    JMLR 15, 2014, arXiv:1211.4246, section 2 (RCAE).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, reconstruction + weight * penalty())


@method
def orthogonal(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 0.1,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """An encoder whose weights neither lose nor double directions: reconstruction + λ Σ ‖W Wᵀ − I‖²_F.

    Reference: Bansal, Chen & Wang, Can We Gain More from Orthogonality Regularizations in Training Deep
    CNNs?, NeurIPS 2018, arXiv:1810.09102 (there for classifiers).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, reconstruction + weight * orthogonality)


@method
def rae_l2(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    beta: float = 1e-2,
    weight: float = 1e-3,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Regularised autoencoder with weight decay: reconstruction + β ½‖z‖² + λ ½‖θ_decoder‖².

    A VAE without its noise: small codes under a smooth decoder, and a density fitted to the codes afterwards.
    The paper tunes β and λ for each data set.

    Reference: Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, arXiv:1903.12436.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + beta * code_size + weight * decoder_decay
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, objective)


@method
def rae_gp(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    beta: float = 1e-2,
    weight: float = 1e-2,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Regularised autoencoder with a gradient penalty: reconstruction + β ½‖z‖² + λ ‖∂x̂/∂z‖²_F.

    Reference: Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, arXiv:1903.12436.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + beta * code_size + weight * decoder_contraction()
    return Autoencoder(encoder, Deterministic(dim), decoder, explain, objective)


@method
def rae_sn(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    beta: float = 1e-2,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Regularised autoencoder whose decoder cannot stretch: reconstruction + β ½‖z‖², ‖∂x̂/∂z‖ ≤ 1.

    Each of the decoder's weights has spectral norm 1. Codes must then lie as far apart as the data do.

    Reference: Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, arXiv:1903.12436.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    return Autoencoder(
        encoder, Deterministic(dim), lipschitz(decoder), explain, reconstruction + beta * code_size
    )


@method
def variational_dropout(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 1.0,
    layer: type[UncertainLinear] = SparseDropout,
    rows: int = 1000,
    steps: int = 1000,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Weights that are distributions: reconstruction + KL(q(W) ‖ p(W)) / N, N training rows.

    With `SparseDropout` every weight has a noise of its own, and those that are all noise are pruned; with
    `GaussianDropout` each layer learns its dropout rate. The KL is warmed up over `steps`, or the net dies
    before it has learned; with a `weight` above 1 more is pruned, and the loss is no bound any more. An
    `Embedder` fills in `rows` and `steps`.

    Reference: Molchanov, Ashukha & Vetrov, Variational Dropout Sparsifies Deep Neural Networks, ICML 2017,
    arXiv:1701.05369; Kingma, Salimans & Welling 2015, arXiv:1506.02557.
    """
    explain = likelihood(features)
    encoder, decoder = mlps(features, hidden, dim, dim, explain.width)
    objective = reconstruction + warmup(steps, weight) * weight_kl(rows)
    return Autoencoder(
        uncertain(encoder, layer), Deterministic(dim), uncertain(decoder, layer), explain, objective
    )
