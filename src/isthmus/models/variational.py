"""The variational family: codes are distributions, and what they cost is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import Gaussian
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Given
from ..nets import OneHot, mlps
from ..recipes import method
from ..terms import expected_reconstruction, free_bits, kl, reconstruction, warmup
from ..training.finish import lbfgs


@method
def vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Variational autoencoder: −ELBO = E_q(z|x)[−log p(x|z)] + KL(q(z|x) ‖ p(z)).

    The Gaussian likelihood learns its scale, so that the two terms are in the balance that the data ask for
    (Rybkin et al. 2021); with a scale fixed at 1 the code collapses on most data.

    Reference: Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114.

    >>> vae(64, dim=8).objective
    reconstruction + kl
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, reconstruction + kl)


@method
def beta_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    beta: float = 4.0,
    warmup_steps: int = 0,
    free_nats: float = 0.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + β KL: fewer nats through the bottleneck, on axes that tend to mean something.

    `warmup_steps` lets β grow from 0; `free_nats` per dimension cost nothing (see `isthmus.terms.free_bits`).

    Reference: Higgins et al., beta-VAE, ICLR 2017; warm-up: Bowman et al. 2016; free bits: Kingma et al.
    2016.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    weight = warmup(warmup_steps, beta) if warmup_steps else beta
    cost = free_bits(free_nats) if free_nats else kl
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, reconstruction + weight * cost)


@method
def conditional_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    classes: int = 10,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """p(x | y) with q(z | x, y): both sides see the label, so that the code need not hold it.

    Context: `labels` (b,), whole numbers below `classes`.

    Reference: Sohn, Lee & Yan, Learning Structured Output Representation, NeurIPS 2015; Kingma et al. 2014.
    """
    explain = likelihood(features)
    seen = features + classes if isinstance(features, int) else (features[0] + classes, *features[1:])
    encoder, decoder = nets(seen, hidden, 2 * dim, dim + classes, explain.width)
    encoder, decoder = (Given(OneHot(net, classes), "labels") for net in (encoder, decoder))
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, reconstruction + kl)


@method
def linear_vae(features: int, dim: int = 8, *, likelihood: Callable[..., Any] = gaussian) -> Autoencoder:
    """Affine encoder and decoder: its best ELBO is the likelihood of probabilistic PCA.

    The expectation over the posterior is taken in closed form, so the objective is exact, and `fit` finishes
    with L-BFGS at the optimum. Needs a Gaussian likelihood that is not per-sample.

    Reference: Lucas, Tucker, Grosse & Norouzi, Don't Blame the ELBO!, NeurIPS 2019, arXiv:1911.02469.
    """
    explain = likelihood(features)
    encoder, decoder = mlps(features, (), 2 * dim, dim, explain.width)
    objective = expected_reconstruction + kl
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective, finish=lbfgs())
