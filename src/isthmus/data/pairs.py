"""Two streams of rows, few with labels and many without, a batch of each at every step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..trace import Batch


def two_streams(
    x: Tensor, labels: Tensor, others: Tensor, batch_size: int = 100, epochs: int = 1, seed: int = 0
) -> Iterator[Batch]:
    """Batches of `batch_size` rows with labels and as many of `others`, whose labels are −1.

    An epoch goes once through `others` in random order; the rows with labels, x (n, ...) and labels (n,),
    come round as often as that takes, in an order that is drawn anew each time. All are on one device.

    >>> for report in train(model, two_streams(x, y, others)): ...  # doctest: +SKIP
    """
    if not 1 <= batch_size <= len(others) or len(x) != len(labels) or not len(x):
        raise ValueError(
            f"two streams need a label for each of their rows, and a batch of others: there are {len(x)} "
            f"rows, {len(labels)} labels and {len(others)} others for batches of {batch_size}"
        )
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    unknown = labels.new_full((batch_size,), -1)
    for _ in range(epochs):
        order = torch.randperm(len(others), generator=generator)
        for chosen in order[: len(order) // batch_size * batch_size].split(batch_size):
            while len(waiting) < batch_size:
                waiting = torch.cat([waiting, torch.randperm(len(x), generator=generator)])
            now, waiting = waiting[:batch_size], waiting[batch_size:]
            rows = torch.cat([x[now], others[chosen]])
            yield Batch(rows, rows, {"labels": torch.cat([labels[now], unknown])})
