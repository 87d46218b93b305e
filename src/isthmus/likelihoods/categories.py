"""Likelihoods of categories: one of a few classes, given by its index or as a block of zeros and a one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..distributions import Elementwise
from .family import Family
from .likelihood import Features, Likelihood, Support


def categorical(features: Features, classes: int) -> Likelihood:
    """Indices of classes: log p(x) = Σ log softmax(l)[x], with `classes` logits l of each element.

    Called cross-entropy. The decoder's output is `classes` times as wide as the target, in blocks: first the
    logits of class 0 of all features, then those of class 1. Columns with different numbers of classes go
    side by side in a `joint`. The expectation of an index means nothing, so `mean` is the mode, the likeliest
    class, in the target's shape; `probabilities` are (b, classes, *features).
    Target (b, *features), indices from 0 to classes - 1, int64 or whole floats; mode and samples are int64.
    Raises ValueError for fewer than two classes.
    """
    if classes < 2:
        raise ValueError(f"categorical needs at least two classes; it was given {classes}")
    support = Support(
        f"whole numbers from 0 to {classes - 1}", lambda x: (x >= 0) & (x < classes) & (x == x.floor())
    )
    return Family(features, Categorical, name="categorical", support=support, blocks=classes, stacked=True)


class Categorical(Elementwise):
    """softmax(logits) over axis 1 of (b, classes, *features)."""

    def __init__(self, logits: Tensor):
        self.logits = logits

    def log_density(self, x: Tensor) -> Tensor:
        return self.logits.log_softmax(1).gather(1, x.long().unsqueeze(1)).squeeze(1)

    @property
    def probabilities(self) -> Tensor:
        return self.logits.softmax(1)

    @property
    def mean(self) -> Tensor:
        return self.logits.argmax(1)

    def sample(self) -> Tensor:
        """By the Gumbel trick: argmax of the logits plus noise -log E, E ~ Exp(1)."""
        return (self.logits - torch.empty_like(self.logits).exponential_().log()).argmax(1)


def one_hot(features: Features, classes: Sequence[int]) -> Likelihood:
    """Classes side by side as blocks of zeros and a one: log p(x) = Σ x log softmax(l), a softmax a block.

    `classes` are the widths of the blocks, (3, 5) for two variables of three and five classes. What goes in
    is what comes out, so that any encoder reads it, and the expectation means something: `mean` holds the
    probabilities. Samples are one-hot again. A block is missing where any of its elements is.
    Target (b, *features), of which axis 1 holds the blocks. Raises ValueError unless they fill it, and for a
    block of fewer than two classes.

    >>> one_hot(5, classes=(3, 2))(torch.zeros(1, 5)).mean
    tensor([[0.3333, 0.3333, 0.3333, 0.5000, 0.5000]])
    """
    return OneHot(features, classes)


class OneHot(Likelihood):
    """A categorical variable for each block of axis 1."""

    name = "one_hot"
    index: Tensor
    place: Tensor
    padding: Tensor

    def __init__(self, features: Features, classes: Sequence[int]):
        super().__init__(features)
        self.classes = tuple(classes)
        first = features if isinstance(features, int) else features[0]
        if not self.classes or min(self.classes) < 2 or sum(self.classes) != first:
            raise ValueError(
                f"the blocks of a one_hot have at least two classes each and fill the target: these have "
                f"{list(self.classes)}, {sum(self.classes)} in all; the target has {first}"
            )
        self.support = Support("a single 1 among zeros in each block", self.contains)
        # All blocks at once, padded to the widest: a softmax for each would cost a call for each.
        most, starts = max(self.classes), [sum(self.classes[:i]) for i in range(len(self.classes))]
        inside = torch.arange(most) < torch.tensor(self.classes)[:, None]  # (blocks, most)
        index = torch.where(inside, torch.tensor(starts)[:, None] + torch.arange(most), 0)
        self.register_buffer("index", index.flatten(), persistent=False)
        place = torch.cat([row * most + torch.arange(width) for row, width in enumerate(self.classes)])
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("padding", ~inside, persistent=False)

    def forward(self, params: Tensor) -> OneHotCategorical:
        return OneHotCategorical(params, self)

    def blocks(self, x: Tensor, fill: float) -> Tensor:
        """(b, sum of classes, ...) -> (b, blocks, most classes, ...); narrower blocks end in `fill`."""
        wide = x.index_select(1, self.index).unflatten(1, self.padding.shape)
        return wide.masked_fill(self.padding.view(*self.padding.shape, *[1] * (x.dim() - 2)), fill)

    def flat(self, blocks: Tensor) -> Tensor:
        """The inverse of `blocks`."""
        return blocks.flatten(1, 2).index_select(1, self.place)

    def contains(self, x: Tensor) -> Tensor:
        whole = (self.blocks(x, 0).sum(2, keepdim=True) == 1).expand(
            -1, -1, self.padding.shape[1], *x.shape[2:]
        )
        return self.flat(whole) & ((x == 0) | (x == 1))

    def extra_repr(self) -> str:
        return f"one_hot, classes={self.classes}"


class OneHotCategorical(Elementwise):
    """A softmax over each block of the logits; the nats of a variable stand at the class that it took."""

    def __init__(self, logits: Tensor, likelihood: OneHot):
        self.likelihood = likelihood
        self.logits = likelihood.blocks(logits, -torch.inf)

    def log_density(self, x: Tensor) -> Tensor:
        return x * self.likelihood.flat(self.logits.log_softmax(2))

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        if observed is not None:
            seen = (
                self.likelihood.blocks(observed.to(x.dtype), 1).amin(2, keepdim=True).expand_as(self.logits)
            )
            observed = self.likelihood.flat(seen) > 0
        return super().log_prob(x, observed)

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.likelihood.flat(self.logits.softmax(2))

    def sample(self) -> Tensor:
        """By the Gumbel trick: argmax of the logits plus noise -log E, E ~ Exp(1)."""
        chosen = (self.logits - torch.empty_like(self.logits).exponential_().log()).argmax(2, keepdim=True)
        return self.likelihood.flat(torch.zeros_like(self.logits).scatter(2, chosen, 1.0))
