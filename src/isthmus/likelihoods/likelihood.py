"""The contract of a likelihood: what a decoder's output means."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ..distributions import Distribution

Features = int | tuple[int, ...]


def scaled(features: Features, per_feature: int) -> Features:
    """The event shape with its first axis `per_feature` times as long: 64 -> 128, (1, 28, 28) -> (2, 28, 28)."""
    if isinstance(features, int):
        return per_feature * features
    return (per_feature * features[0], *features[1:])


class Likelihood(nn.Module, ABC):
    """A function from a decoder's output to a distribution over targets, with the parameters it learns itself.

    `features` is the event shape of a target (an int for tables, (channels, height, width) for images) and
    `width` the event shape that the decoder must deliver: `per_feature` blocks along the first event axis, so
    that `params.chunk(per_feature, 1)` are the blocks, each in the target's shape.
    """

    per_feature: int = 1

    def __init__(self, features: Features):
        super().__init__()
        self.features = features

    @property
    def width(self) -> Features:
        return scaled(self.features, self.per_feature)

    @abstractmethod
    def forward(self, params: Tensor) -> Distribution: ...
