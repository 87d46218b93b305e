"""Variational autoencoders that do not let their codes collapse, however strong the decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..latents import Gaussian, committed
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner
from ..nets import mlps, skips
from ..objective import Term
from ..recipes import method
from ..terms import capacity, cyclical, free_bits, kl, reconstruction, warmup
from .variational import vae


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
    weight = cyclical(max(1, steps // max(1, cycles)), beta, cycles=cycles)
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
def eased(
    features: Features,
    dim: int | None = None,
    *,
    model: Callable[..., Learner] = vae,
    steps: int = 1000,
    cycles: int = 0,
    free_nats: float = 0.0,
    likelihood: Callable[..., Any] | None = None,
) -> Learner:
    """Any VAE, whose KL is eased in: β KL becomes w(step) β KL, w rising from 0 to 1 over `steps` steps.

    It rises once, or in as many `cycles` as are asked for. With `free_nats`, so many of each dimension cost
    nothing, afterwards too. `nets=skips` and `isthmus.latents.committed` are remedies that need no objective.

    Reference: Bowman et al., Generating Sentences from a Continuous Space, CoNLL 2016, arXiv:1511.06349;
    cycles: Fu et al. 2019, arXiv:1903.10145; free nats: Kingma et al. 2016, arXiv:1606.04934, appendix C.8.

    >>> eased(64, model=hyperspherical_vae).objective  # doctest: +SKIP
    reconstruction + warmup(1000, 1) * kl
    """
    given = {name: value for name, value in (("dim", dim), ("likelihood", likelihood)) if value is not None}
    built = model(features, **given)
    part = built.autoencoder
    weight = cyclical(max(1, steps // cycles), cycles=cycles) if cycles else warmup(steps)
    names = [each.name for each in part.objective.terms if each.name in COSTS]
    if not names:
        raise ValueError(f"{part.objective!r} has no KL to ease: another model, or nets=skips with this one")
    if free_nats and names != ["kl"]:
        raise ValueError(
            f"{part.objective!r} has no KL in one piece, of which nats can be free: no free_nats"
        )

    def held(cost: Term) -> Term:
        eased = replace(free_bits(free_nats), weights=cost.weights) if free_nats else cost
        return weight * eased

    part.objective = part.objective.changed(**dict.fromkeys(names, held))
    return built


COSTS = ("kl", "mutual_information", "total_correlation", "dimensionwise_kl")  # and what it is made of
