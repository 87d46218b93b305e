"""Variational autoencoders whose codes are choices, and the gradients that choices leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import Categorical, hard_gumbel, unreparameterised
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder
from ..nets import mlps
from ..recipes import method
from ..terms import kl, leave_one_out, reconstruction, warmup


@method
def categorical_vae(
    features: Features,
    variables: int = 20,
    values: int = 10,
    hidden: Sequence[int] = (256, 128),
    *,
    gradient: Callable[..., Any] = hard_gumbel,
    temperature: float = 1.0,
    steps: int = 1000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−ELBO with a code of choices, each one-hot among a few `values`, against a uniform prior.

    `gradient` is `hard_gumbel` or `relaxed` of `isthmus.latents`; only the first trains on true codes.
    The KL rises over the first `steps`: at full price from the start, untrained choices cost more than they
    tell, and collapse.

    Reference: Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax, ICLR 2017,
    arXiv:1611.01144 (20 variables of 10 values).
    """
    explain = likelihood(features)
    latent = Categorical(variables, values, gradient, temperature)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + warmup(steps) * kl)


@method
def reinforce_vae(
    features: Features,
    variables: int = 20,
    values: int = 10,
    hidden: Sequence[int] = (256, 128),
    *,
    samples: int = 4,
    steps: int = 1000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """As `categorical_vae`, its encoder taught by REINFORCE: unbiased, the other draws of a row for baseline.

    Reference: Kool, van Hoof & Welling, Buy 4 REINFORCE Samples, Get a Baseline for Free!, ICLR workshop
    2019; Mnih & Gregor, Neural Variational Inference and Learning, ICML 2014, arXiv:1402.0030.
    """
    explain = likelihood(features)
    latent = Categorical(variables, values, unreparameterised)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    return Autoencoder(encoder, latent, decoder, explain, leave_one_out(samples) + warmup(steps) * kl)
