"""A bottleneck whose prior is fitted once it has learned."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..priors import Prior
from ..recipes import Recipe
from ..trace import Code
from .latent import Latent

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Refitted(Latent):
    """Another latent, and where its codes are drawn from: a prior fitted to codes of the training rows.

    What a code is and costs stays as it was: terms and scores are those of `latent`. Only `sample` changes,
    and only once `fit_prior` has been called. `prior` is a function of what it asks for, by name: `dim`, the
    width of a code, and `latent`, if it must know which codes can be. Its parameters are no player's: they
    are kept as buffers, and learned by `fit_prior` alone, anew each time.

    Reference: Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, section 4,
    arXiv:1903.12436, who call it ex-post density estimation.
    """

    fitted: Tensor

    def __init__(self, latent: Latent, prior: Callable[..., Prior]):
        super().__init__()
        self.latent, self.features, self.dim, self.bits = latent, latent.features, latent.dim, latent.bits
        self.make = Recipe(prior.function, **prior.arguments) if isinstance(prior, Recipe) else Recipe(prior)
        self.prior = frozen(self.made())
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return self.latent(features, noisy)

    def follow(self, code: Code, first: bool) -> None:
        self.latent.follow(code, first)

    def sample(self, n: int) -> Tensor:
        return self.prior.sample(n) if self.fitted else self.latent.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        self.latent.fit_prior(codes)
        prior = self.made().to(codes)
        prior.fit(codes)
        self.prior.load_state_dict(prior.state_dict())
        self.fitted.fill_(True)

    def __getattr__(self, name: str) -> Any:
        """What its method's own terms ask of `latent`, such as how many classes it has."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "latent":
                raise
            return getattr(self.latent, name)

    def made(self) -> Prior:
        make = self.make.given(dim=self.dim, latent=self.latent)
        asked = [each for each in inspect.signature(make.function).parameters.values() if each.kind in NAMED]
        unknown = [p.name for p in asked if p.default is p.empty and p.name not in make.arguments]
        if unknown:
            raise TypeError(f"{make.name} cannot be fitted to codes alone: it asks for {', '.join(unknown)}")
        made = make()
        if not isinstance(made, Prior):
            raise TypeError(
                f"a prior is a class of isthmus.priors, or a function that builds one: {self.make}"
            )
        return made

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def plain(latent: Latent) -> Latent:
    """The latent itself, without a prior that was fitted to its codes afterwards."""
    return latent.latent if isinstance(latent, Refitted) else latent


def frozen(module: Prior) -> Prior:
    """The module with its parameters turned into buffers, under the same names."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if isinstance(parameter, nn.Parameter):
                del part._parameters[name]
                part.register_buffer(name, parameter.detach())
    return module
