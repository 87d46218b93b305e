"""Where the decoder's output is the target itself: all that is uncertain is the code."""

from __future__ import annotations

from torch import Tensor

from ..distributions import Distribution
from .likelihood import Features, Likelihood


def certain(features: Features) -> Likelihood:
    """x = g(z), without noise: the likelihood of a bijection, whose density the term `surprise` counts.

    `log_prob` is 0 whatever the target: it is no density of x of its own, and of no use where the decoder
    is not the inverse of the encoder. Target (b, *features), any finite numbers.
    """
    return Certain(features)


class Certain(Likelihood):
    """`certain`."""

    name = "certain"

    def forward(self, params: Tensor) -> Distribution:
        return Point(params)


class Point(Distribution):
    """All mass at `mean`."""

    def __init__(self, mean: Tensor):
        self._mean = mean

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        return x.new_zeros(len(x))

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        return self._mean
