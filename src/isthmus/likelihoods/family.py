"""What most likelihoods are made of: a distribution of each element, and positive numbers it may learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from ..distributions import Distribution
from .likelihood import REAL, Features, Likelihood, Support


class Family(Likelihood):
    """A likelihood whose decoder delivers `blocks` parameters of each element, and that may learn the rest.

    `distribution` is called with the blocks, each in the target's shape, then with the log of each of the
    `positives`. With `stacked` it is handed the blocks as one tensor, (b, blocks, *features).
    """

    def __init__(
        self,
        features: Features,
        distribution: Callable[..., Distribution],
        *positives: Positive,
        name: str,
        support: Support = REAL,
        blocks: int = 1,
        stacked: bool = False,
    ):
        super().__init__(features)
        self.distribution, self.name, self.support = distribution, name, support
        self.blocks, self.stacked = blocks, stacked
        self.positives = nn.ModuleList(positives)
        self.per_feature = blocks + sum(positive.delivered for positive in positives)

    def forward(self, params: Tensor) -> Distribution:
        if self.stacked:
            return self.distribution(params.unflatten(1, (self.blocks, -1)))
        # one block is passed on as it is: the gradient of chunk is a copy
        blocks = iter(params.chunk(self.per_feature, 1) if self.per_feature > 1 else (params,))
        own = [next(blocks) for _ in range(self.blocks)]
        return self.distribution(*own, *(positive(blocks) for positive in self.positives))

    def extra_repr(self) -> str:
        return f"{self.name}, features={self.features}"


class Positive(nn.Module):
    """A positive number, by its log: fixed, learned or delivered by the decoder.

    `choice` is the number itself, "shared" (one parameter for all elements), "feature" (a parameter of the
    event's shape) or "sample" (a block of the decoder's output). All but the fixed one are bounded softly,
    log value = m + h tanh((raw - m) / h), m the middle and h half the width of `bounds`: near the middle the
    raw number is the log, and no data can drive it to where a density is infinite or NaN. Parameters are kept
    in tenths: Adam moves each by about its learning rate a step, whatever the gradient, so that log σ would
    take thousands of steps of 0.001 to reach -3, while the model is trained under a wrong σ.

    Raises ValueError where `choice` is none of these.
    """

    log: Tensor

    def __init__(
        self,
        features: Features,
        choice: float | str,
        name: str,
        bounds: tuple[float, float],
        start: float = 0.0,
    ):
        super().__init__()
        self.choice, self.name = choice, name
        self.middle, self.reach = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
        self.delivered = choice == "sample"
        if isinstance(choice, int | float) and not isinstance(choice, bool) and 0 < choice < math.inf:
            self.register_buffer("log", torch.tensor(math.log(choice)), persistent=False)
        elif choice in ("shared", "feature"):
            shape = () if choice == "shared" else (features,) if isinstance(features, int) else features
            raw = self.middle + self.reach * math.atanh((start - self.middle) / self.reach)
            self.tenths = nn.Parameter(torch.full(shape, raw / 10))
        elif not self.delivered:
            raise ValueError(
                f"{name} is {choice!r}; it can be a positive number, or one of "
                '"shared", "feature" (learned) and "sample" (delivered by the decoder)'
            )

    def forward(self, blocks: Iterator[Tensor]) -> Tensor:
        if not isinstance(self.choice, str):
            return self.log
        raw = next(blocks) if self.delivered else 10 * self.tenths
        return self.middle + self.reach * torch.tanh((raw - self.middle) / self.reach)

    def extra_repr(self) -> str:
        return f"{self.name}={self.choice!r}"
