"""How many threads a model is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ..data import MappedRows, Rows
from ..model import Learner

SMALL = 30_000_000  # multiplications a batch, of one pass: below it a second thread costs more than it saves


@contextmanager
def fitting_threads(model: Learner, rows: Any, batch_size: int, device: torch.device) -> Iterator[None]:
    """One thread while a small model trains on the CPU; the process's own number before and after.

    Threads meet at the end of every matrix product. Where that takes microseconds the meeting takes longer,
    and on a machine with other work many times longer: threads wait for one that is not running.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or before == 1 or not small(model, rows, batch_size):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def small(model: Learner, rows: Any, batch_size: int) -> bool:
    """Whether a weight is used once a row, as in a net of linear layers over flat rows, and there are few."""
    flat = isinstance(rows, Rows | MappedRows) and len(rows.input.shape) == 2
    dense = all(isinstance(m, nn.Linear) or not _matrices(m) for m in model.modules())
    return flat and dense and batch_size * sum(p.numel() for p in model.parameters()) < SMALL


def _matrices(module: nn.Module) -> bool:
    return any(p.dim() > 1 for p in module.parameters(recurse=False))
