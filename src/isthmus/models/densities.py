"""Variational autoencoders whose prior or posterior is more than a diagonal Gaussian."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ..data import MappedRows, Rows
from ..latents import FlowPosterior, Gaussian, Spherical, plain
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, in_sight
from ..nets import autoregressions, couplings, mlps
from ..nets.invertible import Invertible
from ..priors import Mixture, Vamp
from ..randomness import seeded
from ..recipes import method
from ..terms import kl, reconstruction


@method
def mixture_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    components: int = 10,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """VAE with a prior of several Gaussians, learned along: p(z) = Σ_k π_k N(z; m_k, diag s_k²).

    Groups in the data need not be pressed into one ball; which component a code is in is a clustering.

    Reference: Dilokthanakul et al., Deep Unsupervised Clustering with Gaussian Mixture VAEs, 2016,
    arXiv:1611.02648; as a prior alone, Tomczak & Welling 2018, section 4, arXiv:1705.07120.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    latent = Gaussian(dim, prior=Mixture(dim, components))
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + kl)


@method
def vamp_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    components: int = 500,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """VAE whose prior is the mean posterior of learned pseudo-inputs: p(z) = 1/K Σ_k q(z | u_k).

    `fit` lets the u_k start at rows drawn at random, an option of the authors' code: from N(0, I) it is far
    to what data look like.

    Reference: Tomczak & Welling, VAE with a VampPrior, AISTATS 2018, arXiv:1705.07120 (K 500).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    latent = Gaussian(dim, prior=Vamp(dim, encoder, features, components))
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + kl, prepare=at_rows)


@method
def flow_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    layers: int = 4,
    context: int = 16,
    flow: Callable[..., Invertible] = couplings,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """VAE with a flow posterior: z = f(ε; h(x)), ε ~ N(μ(x), σ²(x)), f of `layers` layers that `flow` makes.

    Reference: Rezende & Mohamed, Variational Inference with Normalizing Flows, ICML 2015, arXiv:1505.05770.
    """
    explain = likelihood(features)
    latent = FlowPosterior(dim, layers, context=context, flow=flow)
    encoder, decoder = nets(features, hidden, latent.features, dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + kl)


@method
def iaf_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    layers: int = 4,
    context: int = 16,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """VAE with an inverse autoregressive flow: z_t = σ_t ⊙ z_{t−1} + (1 − σ_t) ⊙ m_t, z_0 ~ N(μ(x), σ²(x)).

    m_t and σ_t of an entry are said by a masked net of h(x) and the entries before it. `flow_vae` with
    `flow=autoregressions`: a draw and its density cost one pass, the density of any other code `dim`.

    Reference: Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow, NeurIPS 2016,
    arXiv:1606.04934.
    """
    model: Autoencoder = flow_vae(
        features,
        dim,
        hidden,
        layers=layers,
        context=context,
        flow=autoregressions,
        nets=nets,
        likelihood=likelihood,
    )
    return model


@method
def hyperspherical_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """VAE with codes on a sphere: q(z|x) = vMF(μ(x), κ(x)), p(z) uniform; `dim` counts coordinates.

    Reference: Davidson et al., Hyperspherical Variational Auto-Encoders, UAI 2018, arXiv:1804.00891.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim + 1, dim, explain.width)
    return Autoencoder(encoder, Spherical(dim), decoder, explain, reconstruction + kl)


@torch.no_grad()
def at_rows(model: Autoencoder, rows: Any, seed: int) -> None:
    """Put pseudo-inputs beside rows, missing values at 0; where rows come from an iterable, leave them."""
    if not isinstance(rows, Rows | MappedRows):
        return
    latent = plain(model.latent)
    assert isinstance(latent, Gaussian) and isinstance(latent.prior, Vamp)
    inputs = latent.prior.inputs
    with seeded(seed):
        chosen, apart = torch.randint(len(rows), (len(inputs),)), 0.01 * torch.randn(inputs.shape)
    batch = rows.take(chosen.to(rows.device) if isinstance(rows, Rows) else chosen)
    inputs.copy_(in_sight(batch.input, batch.context).cpu() + apart)
