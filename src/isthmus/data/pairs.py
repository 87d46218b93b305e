"""Two streams of rows, few with labels and many without, a batch of each at every step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..trace import Batch


def two_streams(
    x: Tensor,
    labels: Tensor,
    others: Tensor,
    batch_size: int = 100,
    epochs: int = 1,
    seed: int = 0,
    labelled: int | None = None,
) -> Iterator[Batch]:
    """Batches of `labelled` rows with labels and, after them, `batch_size` of `others`, whose labels are −1.

    By default as many with as without, which a classifier that denoises wants (Rasmus et al. 2015). What
    models the rows themselves, as M2 and the adversarial autoencoder do, would learn a few by heart if they
    were half of all that it sees: give it few, and tell the method their share of a batch, `labelled` of
    `rows`.

    An epoch goes once through `others` in random order; the rows with labels, x (n, ...) and labels (n,),
    come round as often as that takes, in an order that is drawn anew each time. Rows are on one device;
    labels may stay on the host for a `ladder_network`, which counts them.

    >>> for report in train(model, two_streams(x, y, others, 100, labelled=10)): ...  # doctest: +SKIP
    """
    labelled = batch_size if labelled is None else labelled
    if not 1 <= batch_size <= len(others) or len(x) != len(labels) or not len(x) or labelled < 1:
        raise ValueError(
            f"two streams need a label for each of their rows, and a batch of each: there are {len(x)} rows, "
            f"{len(labels)} labels and {len(others)} others for batches of {labelled} and {batch_size}"
        )
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.long)
    unknown = labels.new_full((batch_size,), -1)
    for _ in range(epochs):
        order = torch.randperm(len(others), generator=generator).to(others.device)
        for chosen in order[: len(order) // batch_size * batch_size].split(batch_size):
            while len(waiting) < labelled:
                waiting = torch.cat([waiting, torch.randperm(len(x), generator=generator)])
            now, waiting = waiting[:labelled], waiting[labelled:]
            rows = torch.cat([x[now.to(x.device)], others[chosen]])
            yield Batch(rows, rows, {"labels": torch.cat([labels[now.to(labels.device)], unknown])})
