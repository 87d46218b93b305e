"""How the answers about games train: little momentum, and a rate that falls to zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..randomness import seeded
from ..training import adam, cosine
from .common import Model, learned
from .evidence import Budget


def played(build: Callable[[], Model], x: Any, budget: Budget, epochs: int, lr: float = 2e-3) -> Model:
    """What `build` makes under the budget's seed, after as many epochs.

    Adam with β₁ = 0.5 (Radford et al. 2016, section 4): with more momentum the players circle each other.
    """
    with seeded(budget.seed):
        model = build()
    steps = epochs * -(-len(x) // 128)
    options = {"optimizer": adam(lr, (0.5, 0.9)), "schedule": cosine(steps)}
    trained: Model = learned(model, x, budget, epochs=epochs, **options)
    return trained
