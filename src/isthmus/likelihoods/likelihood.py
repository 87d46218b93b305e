"""The contract of a likelihood: what a decoder's output means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..distributions import Distribution

Features = int | tuple[int, ...]


def scaled(features: Features, per_feature: int) -> Features:
    """The event shape, its first axis `per_feature` times as long: 64 -> 128, (1, 28, 28) -> (2, 28, 28)."""
    if isinstance(features, int):
        return per_feature * features
    return (per_feature * features[0], *features[1:])


class Support(NamedTuple):
    """The values that a likelihood can explain: in words, and as a test of each element, (b, ...) -> bool."""

    words: str
    contains: Callable[[Tensor], Tensor]


REAL = Support("finite numbers", torch.isfinite)


class Likelihood(nn.Module, ABC):
    """A function from a decoder's output to a distribution over targets, and the parameters it learns itself.

    `features` is the event shape of a target (an int for tables, (channels, height, width) for images) and
    `width` the event shape that the decoder must deliver: `per_feature` blocks along the first event axis, so
    that `params.chunk(per_feature, 1)` are the blocks, each in the target's shape. `support` says what it can
    explain; ask `refuse` once, at the door: `log_prob` trusts its target.
    """

    name: str = "this likelihood"
    per_feature: int = 1
    support: Support = REAL

    def __init__(self, features: Features):
        super().__init__()
        self.features = features

    @property
    def width(self) -> Features:
        return scaled(self.features, self.per_feature)

    @abstractmethod
    def forward(self, params: Tensor) -> Distribution: ...

    def refuse(self, x: Tensor, observed: Tensor | None = None) -> str | None:
        """What in x (b, ...) this likelihood cannot explain, in words; None where all is well.

        >>> from isthmus.likelihoods import poisson
        >>> poisson(2).refuse(torch.tensor([[3.0, 0.0], [1.0, -1.5]]))
        'poisson needs whole numbers >= 0; row 1, column 1 holds -1.5'
        """
        event = (self.features,) if isinstance(self.features, int) else tuple(self.features)
        if tuple(x.shape[1:]) != event:
            return f"{self.name} explains rows of shape {event}; these have shape {tuple(x.shape[1:])}"
        outside = ~self.support.contains(x)
        if observed is not None:
            outside = outside & observed
        if not outside.any():
            return None
        row, *place = outside.nonzero()[0].tolist()
        where = f"column {place[0]}" if len(place) == 1 else f"element {tuple(place)}"
        return f"{self.name} needs {self.support.words}; row {row}, {where} holds {x[(row, *place)].item():g}"
