"""The variational family: codes are distributions, and what they cost is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..latents import Categorical, Gaussian, committed, hard_gumbel, unreparameterised
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Given
from ..nets import OneHot, mlps, skips
from ..recipes import method
from ..terms import (
    capacity,
    cyclical,
    expected_reconstruction,
    free_bits,
    importance_weighted,
    kl,
    leave_one_out,
    reconstruction,
    warmup,
)
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
def capacity_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    nats: float = 25.0,
    steps: int = 10_000,
    gamma: float = 1000.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + γ |E KL − C|, C growing from 0 to `nats` over `steps` steps.

    Reference: Burgess et al., Understanding Disentangling in β-VAE, 2018, arXiv:1804.03599 (γ 1000, C 25).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = reconstruction + gamma * capacity(warmup(steps, nats))
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)


@method
def cyclical_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    beta: float = 1.0,
    cycles: int = 4,
    steps: int = 10_000,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + β(t) KL: β rises from 0 in each of a few cycles of `steps` together, and then stays.

    Each cycle starts from the codes that the one before has learned, while the KL was free.

    Reference: Fu et al., Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing, NAACL
    2019, arXiv:1903.10145 (four cycles, half of each rising).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    weight = cyclical(max(1, steps // cycles), beta, cycles=cycles)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, reconstruction + weight * kl)


@method
def delta_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    delta: float = 0.1,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−ELBO over posteriors that cost at least δ nats a dimension, so that no decoder can ignore the code.

    For codes without an order in time; see `isthmus.latents.committed`. The objective stays a true bound.

    Reference: Razavi, van den Oord, Poole & Vinyals, Preventing Posterior Collapse with δ-VAEs, ICLR 2019,
    arXiv:1901.03416.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    latent = Gaussian(dim, bound=committed(delta))
    return Autoencoder(encoder, latent, decoder, explain, reconstruction + kl)


@method
def skip_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    nets: Callable[..., Any] = skips,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """The VAE with a decoder whose every layer sees the code; `nets=skips` does so for any other method.

    Reference: Dieng, Kim, Rush & Blei, Avoiding Latent Variable Collapse with Generative Skip Models, AISTATS
    2019, arXiv:1807.04863.
    """
    return vae(features, dim, hidden, nets=nets, likelihood=likelihood)


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
def iwae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    samples: int = 5,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Importance-weighted autoencoder: −log 1/k Σ_i p(x, z_i) / q(z_i | x), a tighter bound than the ELBO.

    Reference: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016, arXiv:1509.00519.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, importance_weighted(samples))


@method
def miwae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    samples: int = 5,
    groups: int = 4,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Multiply importance-weighted: the mean of `groups` bounds of `samples` draws each.

    As tight a bound as that of `iwae` with as many samples, and a calmer gradient. The paper spends 64
    draws, 8 × 8.

    Reference: Rainforth et al., Tighter Variational Bounds Are Not Necessarily Better, ICML 2018,
    arXiv:1802.04537, equation 12.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, importance_weighted(samples, groups))


@method
def ciwae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    samples: int = 5,
    beta: float = 0.5,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """Combined: β (−ELBO) + (1 − β) (−IWAE), a mean of two bounds and so a bound; the VAE helps the encoder.

    Reference: Rainforth et al., Tighter Variational Bounds Are Not Necessarily Better, ICML 2018,
    arXiv:1802.04537, equation 13 (β of 0.05 and 0.5).
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta is a share, from 0 (IWAE) to 1 (VAE), not {beta}")
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = beta * reconstruction + beta * kl + (1 - beta) * importance_weighted(samples)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)


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
