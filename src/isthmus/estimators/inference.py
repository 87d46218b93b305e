"""What a trained model says of rows: a chunk at a time, without noise, and in float64.

In float32 the last digits of a row depend on the rows beside it, because sums are taken in another order;
near zero that is more than a part in a million. In float64 what a row gives is its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data import MappedRows, Rows
from ..distributions import Distribution
from ..model import Autoencoder, Learner
from ..randomness import seeded
from ..terms import hidden_reconstruction
from ..trace import Batch, Code

CHUNK = 4096  # rows a pass
SOME = 32 * CHUNK


def passes(model: Learner, rows: Rows | MappedRows) -> Iterator[tuple[Batch, Code, Distribution]]:
    """Each chunk of rows, its code, and what the model says of it."""
    judge = precise(model)
    for batch in chunks(rows):
        with torch.no_grad():
            trace = judge(batch, noisy=False)
        yield trace.batch, trace.code, trace.output


def codes(model: Learner, rows: Rows | MappedRows) -> Tensor:
    """(n, dim), float32: means or modes."""
    judge = precise(model)
    with torch.no_grad():
        return torch.cat([judge.encode(b.input, **b.context).z.float() for b in chunks(rows)])


def probabilities(model: Learner, rows: Rows | MappedRows) -> Tensor:
    """(n, classes), float64: of each class, from the `logits` beside the code of a model that has them."""
    judge = precise(model)
    with torch.no_grad():
        extras = [judge.encode(b.input, **b.context).extra for b in chunks(rows)]
    return torch.cat([extra["logits"].softmax(-1) for extra in extras])


class Guess(NamedTuple):
    """What a model was not shown of rows, `hidden` (n, ...), bool, and expects there, `made` (n, ...).

    Both as the net has them. Not all are in `units` of the rows: a model of normalised patches knows neither
    their mean nor their deviation, and is not told those of the rows.
    """

    hidden: Tensor
    made: Tensor
    units: bool


def rebuilds(model: Learner) -> bool:
    """Whether rebuilding whole rows is what it learned, and not to guess what of them is hidden."""
    return all(each.name != hidden_reconstruction.name for each in model.autoencoder.objective.terms)


def guesses(model: Learner, rows: Rows | MappedRows, seed: int = 0) -> Guess | None:
    """Rows of which as much is hidden as in training, guessed; None of a model that is shown all."""
    judge = precise(model)
    if judge.corrupt is None:
        return None
    hidden, made, units = [], [], True
    with torch.no_grad(), seeded(seed):
        for batch in chunks(rows):
            trace = judge(batch, noisy=True)
            if "hidden" not in trace.batch.context:
                return None
            hidden.append(trace.batch.context["hidden"])
            made.append(trace.output.mean)
            units = units and torch.equal(trace.batch.target, batch.target)
    return Guess(torch.cat(hidden), torch.cat(made), units)


def decoded(model: Learner, z: Tensor, context: Mapping[str, Tensor]) -> Iterator[Distribution]:
    """What the model says of codes (n, dim), each with its part of the context."""
    judge = precise(model)
    for start in range(0, len(z), CHUNK):
        part = {name: value[start : start + CHUNK] for name, value in context.items()}
        with torch.no_grad():
            yield judge.decode(z[start : start + CHUNK].double(), **part)


def some(rows: Rows | MappedRows) -> Rows | MappedRows:
    """All rows that are in memory, and of others as many as say what their codes are like."""
    return rows if isinstance(rows, Rows) else rows.subset(np.sort(rows.order(0, 0)[:SOME].numpy()))


def precise(model: Learner) -> Autoencoder:
    """A copy of the part that tasks use, in float64 and eval()."""
    return copy.deepcopy(model.autoencoder).double().eval().requires_grad_(False)  # of a prior, too


def chunks(rows: Rows | MappedRows) -> Iterator[Batch]:
    """Rows in order, in float64."""
    for start in range(0, len(rows), CHUNK):
        batch = rows.span(start, start + CHUNK)
        yield batch._replace(input=batch.input.double(), target=batch.target.double())
