"""A density of codes, fitted once the autoencoder has learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..latents import Refitted, plain
from ..likelihoods.likelihood import Features
from ..model import Learner
from ..priors import Mixture
from ..randomness import seeded
from ..recipes import Recipe, method, parameters, show
from .plain import autoencoder

GMM = Recipe(Mixture, components=10, full=True)


@method
def ex_post(
    features: Features,
    dim: int | None = None,
    *,
    model: Callable[..., Learner] = autoencoder,
    prior: Callable[..., Any] = GMM,
    likelihood: Callable[..., Any] | None = None,
) -> Learner:
    """Any `model`, and afterwards a density of its codes to sample from: max over p of E_data log p(z).

    So a plain autoencoder generates, and a VAE whose codes do not fill its prior draws where they are. The
    model learns as it does without; `Embedder.fit_prior` makes one of these of a model that has learned.

    Reference: Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, section 4,
    arXiv:1903.12436 (10 Gaussians of full covariance).
    """
    given = {name: value for name, value in (("dim", dim), ("likelihood", likelihood)) if value is not None}
    built = model(features, **given)
    refit(built, prior)
    return built


def fit_prior(
    model: Learner, x: Tensor, prior: Callable[..., Any] = GMM, seed: int = 0, **context: Any
) -> None:
    """Fit `prior` to the codes of x (n, ...), and let the model sample from it henceforth.

    Of any model, also one composed by hand; a model that a method built can be saved and loaded as before.

    >>> fit_prior(model, x, Flow)  # doctest: +SKIP
    >>> model.autoencoder.sample(10).mean  # doctest: +SKIP
    """
    part, training = model.autoencoder, model.training
    with torch.no_grad(), seeded(seed, part.device):
        refit(model, prior)
        codes = part.eval().encode(x, **context).z
        part.latent.fit_prior(codes)
    model.train(training)


def refit(model: Learner, prior: Callable[..., Any]) -> None:
    """Give the model another prior, not yet fitted, and say so in its recipe; one given before goes.

    Raises:
        TypeError: for what is no prior, and a prior over indices of a code that has none.
    """
    part, recipe = model.autoencoder, model.recipe
    before = plain(part.latent)
    if "levels" in parameters(prior.function if isinstance(prior, Recipe) else prior):
        part.latent = reindexed(before, prior).to(part.device)
    else:
        part.latent = Refitted(before, prior).to(part.device)
    if recipe is None:
        return
    if recipe.function is ex_post:
        model.recipe = Recipe(ex_post, **{**recipe.arguments, "prior": prior})
    else:
        own = dict(recipe.arguments)
        features = own.pop("features")
        model.recipe = Recipe(ex_post, features=features, model=Recipe(recipe.function, **own), prior=prior)


def reindexed(latent: Any, prior: Callable[..., Any]) -> Any:
    """A discrete latent with another prior over its indices."""
    if not hasattr(latent, "levels"):
        raise TypeError(
            f"{show(prior)} is a prior over the indices of discrete codes, and those of "
            f"{type(latent).__name__} are numbers: isthmus.priors.MaskedMixture reads these one after another"
        )
    latent.prior = prior(latent.levels, latent.books)
    return latent


def under(recipe: Recipe) -> Recipe:
    """What was fitted before `refit` gave it another prior: the recipe of the model within an `ex_post`."""
    within = recipe.arguments["model"]
    return Recipe(within.function, features=recipe.arguments["features"], **within.arguments)
