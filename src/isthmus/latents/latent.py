"""The contract of a bottleneck."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from ..trace import Code


class Latent(nn.Module, ABC):
    """How features become a code, and where codes come from when there is no input.

    `features` is the width that the encoder must deliver, `dim` the width that the decoder is handed. `bits`
    is how much a code can tell at most, where it is one of finitely many; None where it is numbers.
    """

    features: int
    dim: int
    bits: float | None = None

    @abstractmethod
    def forward(self, features: Tensor, noisy: bool) -> Code:
        """(b, features) -> code. With `noisy` a posterior is sampled, otherwise its mean or mode is taken."""

    def follow(self, code: Code, first: bool) -> None:
        """Move what statistics of training codes move and no gradient does, such as the means of a codebook.

        Called once a step, when the parameters have moved; `first` says that training begins here. By default
        there is nothing of the kind. Only here is anything written: `forward` leaves the module as it was.
        """

    @abstractmethod
    def sample(self, n: int) -> Tensor:
        """(n, dim): codes to decode, drawn from the global generator."""

    @abstractmethod
    def fit_prior(self, codes: Tensor) -> None:
        """Learn from training codes (n, dim) where `sample` draws, if the method itself does not say."""


class Known(Latent):
    """A latent whose prior is part of the model: there is nothing to fit. Still abstract."""

    def fit_prior(self, codes: Tensor) -> None:
        """Nothing to learn."""


class Fitted(Latent):
    """A latent that does not say where its codes lie: they are drawn from `prior`, fitted to some.

    Still abstract: what a code is remains to be said.
    """

    prior: Any  # `sample(n)` and `fit(codes)`

    def sample(self, n: int) -> Tensor:
        drawn: Tensor = self.prior.sample(n)
        return drawn

    def fit_prior(self, codes: Tensor) -> None:
        """As `prior` does."""
        self.prior.fit(codes)
