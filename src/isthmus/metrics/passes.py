"""Going through data once with a model at rest: what the metrics that look inside a model share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .. import data
from ..model import Autoencoder, Learner
from ..trace import Batch, Code

Rows: TypeAlias = (
    data.Rows | data.MappedRows | Tensor | np.ndarray | Batch | Iterable[Batch | Tensor | np.ndarray]
)


@contextmanager
def at_rest(model: Learner) -> Iterator[Autoencoder]:
    """The part that embeds and reconstructs, in eval() and without gradients; afterwards all is as it was."""
    training = [m for m in checked(model).modules() if m.training]  # the person may have frozen some
    model.eval()
    try:
        with torch.no_grad():
            yield model.autoencoder
    finally:
        for module in training:
            module.training = True


def checked(model: Learner) -> Learner:
    """The model, if it is one.

    Raises:
        TypeError: for what is none, as an `Embedder`, which holds one.
    """
    if not isinstance(model, Learner):
        held = ", which holds one: ask its model_ about preparation_.rows(x)"
        instead = held if hasattr(model, "model_") else ""
        raise TypeError(f"expected a model; this is of type {type(model).__name__}{instead}")
    return model


def batches(rows: Rows, model: Autoencoder, size: int = 256) -> Iterator[Batch]:
    """Rows, an array (n, ...), one batch, or an iterable of these, as batches on the model's device.

    Rows are cut to `size`; a batch stays whole, because only who made it knows which parts of its context
    have one entry a row. Floating numbers take the model's precision.
    """
    like = next(model.parameters(), torch.empty(()))

    def move(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        return x.to(like) if x.is_floating_point() else x.to(like.device)

    if isinstance(rows, Batch):
        yield Batch(move(rows.input), move(rows.target), {k: move(v) for k, v in rows.context.items()})
    elif isinstance(rows, data.Rows | data.MappedRows):
        for start in range(0, len(rows), size):
            yield from batches(rows.span(start, min(start + size, len(rows))), model)
    elif isinstance(rows, Tensor | np.ndarray):
        if not len(rows):
            raise ValueError("there are no rows to measure")
        for part in torch.as_tensor(rows).split(size):
            part = move(part)
            yield Batch(part, part)
    else:
        for item in rows:
            yield from batches(item, model, size)


def rows_of(parts: list[Tensor]) -> Tensor:
    """What was collected a batch at a time, on the host."""
    if not parts:
        raise ValueError("there are no rows to measure")
    return torch.cat(parts).cpu()


def log_prob(model: Autoencoder, z: Tensor, batch: Batch) -> Tensor:
    """log p(x | z), (b,), in float64, over what was observed."""
    return model.decode(z, **batch.context).log_prob(batch.target, batch.context.get("observed")).double()


def stochastic(code: Code, question: str) -> None:
    """Refuse a code without a posterior, which has no answer to the question."""
    if not code.stages:
        raise TypeError(
            f"{question} needs a stochastic code, with a posterior q(z|x) and a prior p(z); this model's "
            "code is deterministic, and says nothing of how probable a row is: train a VAE, or a flow"
        )
