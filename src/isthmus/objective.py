"""A loss is a sum of named, weighted terms, written the way a paper writes it.

>>> from isthmus.terms import kl, reconstruction
>>> reconstruction + 4.0 * kl
reconstruction + 4.0 * kl
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor

from .distributions import full
from .trace import Trace

Weight = float | Callable[[int], float]


@dataclass(frozen=True, repr=False)
class Term:
    """A named function of (model, trace): one value per sample, (b,), or a scalar where samples are tied.

    The function may return several values by name, of which each term takes its own; in an objective, terms
    of one function share its work. Values are in nats, or in squared units of the data, summed over the
    event. `weight * term` scales it, where the weight is a number or a schedule (a function of the step);
    `term + term` makes an `Objective`.
    """

    name: str
    function: Callable[[Any, Trace], Tensor | Mapping[str, Tensor]]
    weights: tuple[Weight, ...] = ()

    def __call__(self, model: Any, trace: Trace) -> Tensor:
        return self.own(self.function(model, trace))

    def own(self, found: Tensor | Mapping[str, Tensor]) -> Tensor:
        """This term's value, of what its function found."""
        return found[self.name] if isinstance(found, Mapping) else found

    def weight(self, step: int) -> float:
        """The product of its weights at this step of training."""
        product = 1.0
        for weight in self.weights:
            product *= weight(step) if callable(weight) else weight
        return product

    def __rmul__(self, weight: Weight) -> Term:
        return replace(self, weights=(weight, *self.weights))

    def __mul__(self, weight: Weight) -> Term:
        return weight * self

    def __add__(self, other: Term | Objective) -> Objective:
        return Objective((self,)) + other

    def __repr__(self) -> str:
        return " * ".join([*(getattr(w, "__name__", str(w)) for w in self.weights), self.name])


def term(function: Callable[[Any, Trace], Tensor]) -> Term:
    """Make a term of a function; it goes by the function's name."""
    return Term(function.__name__, function)


@dataclass(frozen=True, repr=False)
class Objective:
    """A sum of terms. Calling it values each of them, under its name."""

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(t.name for t in self.terms).items() if count > 1]
        if twice:
            raise ValueError(f"{' and '.join(twice)} stands twice in {self!r}; add the weights instead")

    def __add__(self, other: Term | Objective) -> Objective:
        return Objective(self.terms + Objective.of(other).terms)

    def __rmul__(self, weight: Weight) -> Objective:
        return Objective(tuple(weight * each for each in self.terms))

    def changed(self, **changes: Callable[[Term], Term]) -> Objective:
        """With the terms of these names changed, and the others as they are.

        >>> (reconstruction + 4.0 * kl).changed(kl=lambda kl: 0.5 * kl)
        reconstruction + 0.5 * 4.0 * kl

        Raises ValueError for a name that no term has.
        """
        missing = set(changes) - {each.name for each in self.terms}
        if missing:
            raise ValueError(f"no term of {self!r} is named {min(missing)}")
        return Objective(
            tuple(changes[each.name](each) if each.name in changes else each for each in self.terms)
        )

    @classmethod
    def of(cls, objective: Term | Objective) -> Objective:
        """An objective, from one or from a single term."""
        return objective if isinstance(objective, Objective) else cls((objective,))

    def __call__(self, model: Any, trace: Trace) -> Loss:
        functions = dict.fromkeys(t.function for t in self.terms)  # each once, in order
        found = {function: function(model, trace) for function in functions}
        values = {t.name: t.own(found[t.function]) for t in self.terms}
        return Loss(values, {t.name: t.weight(trace.step) for t in self.terms})

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.terms))


class Loss:
    """Named values and their weights; `total` is what is minimised, `values` and `means` are reported."""

    __slots__ = ("means", "total", "values", "weights")

    def __init__(self, values: dict[str, Tensor], weights: dict[str, float]):
        self.values, self.weights = {name: full(value) for name, value in values.items()}, weights
        self.means = {name: value.mean() if value.dim() else value for name, value in self.values.items()}
        weighted = ((weights[name], mean) for name, mean in self.means.items())
        self.total = reduce(add, (mean if weight == 1.0 else weight * mean for weight, mean in weighted))

    def __repr__(self) -> str:
        return " + ".join(f"{self.weights[k]:g} * {k} {float(v.detach()):.4g}" for k, v in self.means.items())
