"""What the terms come to on data that is not trained on."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..data import MappedRows, Rows
from ..model import Learner
from ..randomness import seeded
from .batches import Data, as_rows, epoch

LATE = 2**31  # a step at which schedules are over: held-out terms have their full weight


@torch.no_grad()
def evaluate(model: Learner, data: Data, *, batch_size: int = 512, seed: int = 0) -> dict[str, float]:
    """The mean of every term over the data, in eval() mode, the noise of the objective drawn from `seed`.

    Terms of a learner with several players go by "player.term". A mean over rows; a term that ties samples is
    averaged over batches by their size.
    """
    rows = as_rows(data)
    device = next(model.parameters()).device
    training = model.training
    several = len(model.players()) > 1
    means: dict[str, list[Tensor]] = {}
    sizes: dict[str, list[int]] = {}
    model.eval()
    try:
        with seeded(seed, device):
            for batch, _ in epoch(rows, batch_size, device):
                for player, loss in model.losses(batch, LATE):
                    for name, mean in loss.means.items():
                        name = f"{player}.{name}" if several else name
                        means.setdefault(name, []).append(mean)
                        sizes.setdefault(name, []).append(len(batch.target))
    finally:
        model.train(training)
    if not means:
        raise ValueError("there are no rows to evaluate on")
    return {
        name: float(np.average(torch.stack(values).double().cpu().numpy(), weights=sizes[name]))
        for name, values in means.items()
    }


def known_terms(model: Learner, data: Data) -> list[str] | None:
    """The names that `evaluate` will give, from a few rows; None where the data cannot be looked at twice."""
    rows = as_rows(data)
    if not isinstance(rows, Rows | MappedRows):
        return None
    return list(evaluate(model, rows.span(0, min(2, len(rows)))))
