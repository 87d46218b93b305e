"""Likelihood of categories: each element is one of a few classes, given by its index."""

from __future__ import annotations

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
