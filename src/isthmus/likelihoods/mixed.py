"""Likelihood of mixed tables: blocks of columns, each under a family of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..distributions import Distribution, Elementwise
from .likelihood import Features, Likelihood, Support

Blocks = Sequence[tuple[int, Callable[..., Likelihood]]]


def joint(features: Features, blocks: Blocks) -> Likelihood:
    """Mixed tables: blocks of columns, independent given the code: log p(x) = Σ log p(x_block) over blocks.

    `blocks` are (columns, family) pairs in the order of the columns; a family is anything that makes a
    likelihood when called with `features=`. The decoder's output is split in the same order, each block as
    wide as its likelihood asks. Of images the blocks are channels. Means and samples come side by side, where
    indices of classes become floats. Parts are weighed by their nats and nothing else (Nazábal, Olmos,
    Ghahramani & Valera 2020, "Handling incomplete heterogeneous data using VAEs", arXiv:1807.03653).

    Target (b, *features). Raises ValueError unless the blocks' columns add up to `features`.

    >>> from functools import partial
    >>> from isthmus.likelihoods import bernoulli, categorical, gaussian
    >>> table = joint(6, [(3, gaussian), (2, bernoulli), (1, partial(categorical, classes=7))])
    >>> table.width
    12
    """
    return Joint(features, blocks)


class Joint(Likelihood):
    """Several likelihoods side by side."""

    name = "joint"

    def __init__(self, features: Features, blocks: Blocks):
        super().__init__(features)
        self.columns = [columns for columns, _ in blocks]
        if not blocks or min(self.columns) < 1 or sum(self.columns) != first(features):
            raise ValueError(
                f"the blocks of a joint have {self.columns} columns, {sum(self.columns)} in all; "
                f"the target has {first(features)}"
            )
        rest = () if isinstance(features, int) else features[1:]
        self.parts = nn.ModuleList(
            family(features=(columns, *rest) if rest else columns) for columns, family in blocks
        )
        self.widths = [first(part.width) for part in self.likelihoods]
        self.support = Support(self.describe(), self.contains)

    @property
    def likelihoods(self) -> list[Likelihood]:
        return list(self.parts)  # type: ignore[arg-type]

    @property
    def width(self) -> Features:
        """The sum of the parts' widths: blocks of one joint differ in their number of parameters."""
        return sum(self.widths) if isinstance(self.features, int) else (sum(self.widths), *self.features[1:])

    def forward(self, params: Tensor) -> JointDistribution:
        parts = zip(self.parts, params.split(self.widths, 1))
        return JointDistribution([part(block) for part, block in parts], self.columns)

    def contains(self, x: Tensor) -> Tensor:
        blocks = zip(self.likelihoods, x.split(self.columns, 1))
        return torch.cat([part.support.contains(block) for part, block in blocks], 1)

    def describe(self) -> str:
        """columns 0 to 2: finite numbers (gaussian); column 3: zeros and ones (bernoulli)."""
        words, start = [], 0
        for columns, part in zip(self.columns, self.likelihoods):
            last = start + columns - 1
            place = f"column {start}" if columns == 1 else f"columns {start} to {last}"
            words.append(f"{part.support.words} in {place} ({part.name})")
            start += columns
        return ", ".join(words)


class JointDistribution(Distribution):
    """Independent distributions of consecutive blocks along axis 1."""

    def __init__(self, parts: list[Distribution], columns: list[int]):
        self.parts, self.columns = parts, columns

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        seen = [None] * len(self.parts) if observed is None else observed.split(self.columns, 1)
        return torch.stack(
            [
                part.log_prob(block, mask)
                for part, block, mask in zip(self.parts, x.split(self.columns, 1), seen)
            ]
        ).sum(0)

    def log_density(self, x: Tensor) -> Tensor:
        """Log density of each element, in nats, in the target's shape; TypeError where a part has none."""
        parts = [part for part in self.parts if isinstance(part, Elementwise)]
        if len(parts) < len(self.parts):
            kinds = ", ".join(type(part).__name__ for part in self.parts)
            raise TypeError(f"one of {kinds} ties the elements of a row together: it has a log_prob only")
        return torch.cat([part.log_density(block) for part, block in zip(parts, x.split(self.columns, 1))], 1)

    @property
    def mean(self) -> Tensor:
        return torch.cat([part.mean for part in self.parts], 1)

    def sample(self) -> Tensor:
        return torch.cat([part.sample() for part in self.parts], 1)


def first(features: Features) -> int:
    return features if isinstance(features, int) else features[0]
