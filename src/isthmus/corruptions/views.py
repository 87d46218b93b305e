"""Two views of the same rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..model import in_sight
from ..trace import Batch
from .noise import Corruption


def two_views(first: Corruption, second: Corruption | None = None) -> Corruption:
    """The input under `first`, and in the context as `view` the same rows under `second`, or `first` again.

    What `second` says in the context is not kept: its view is read whole.
    """

    def corrupt(batch: Batch) -> Batch:
        seen, other = first(batch), (second or first)(batch)
        return seen._replace(context={**seen.context, "view": other.input})

    return corrupt


def shifts(most: float, target: bool = True) -> Corruption:
    """Pictures (b, c, h, w) moved by up to `most` pixels along each axis, each by its own; 0 comes in.

    Not damage but another picture as good: the target moves along, and so does what is `observed`. Without
    the `target` the model learns to tell what a picture shows from anywhere, and to rebuild it in its place.
    """
    if most < 1 or most % 1:
        raise ValueError(f"pictures are moved by at least one pixel, a whole number of them, not {most}")
    most = int(most)

    def corrupt(batch: Batch) -> Batch:
        x = batch.input
        if x.dim() != 4 or (target and batch.target.shape != x.shape):
            raise ValueError(
                f"only pictures (b, c, h, w) can be moved; these rows have shape {tuple(x.shape)}"
            )
        by = torch.randint(0, 2 * most + 1, (2, len(x), 1), device=x.device)
        if not target:
            return batch._replace(input=moved(in_sight(x, batch.context), by, most))
        context = dict(batch.context)
        if "observed" in context:
            context["observed"] = moved(context["observed"], by, most)
        return Batch(moved(x, by, most), moved(batch.target, by, most), context)

    return corrupt


def moved(x: Tensor, by: Tensor, most: int) -> Tensor:
    """(b, c, h, w) by (2, b, 1) pixels down and right, counted from −`most`."""
    b, _, h, w = x.shape
    down, right = by[0] + torch.arange(h, device=x.device), by[1] + torch.arange(w, device=x.device)
    padded = F.pad(x, (most,) * 4).permute(0, 2, 3, 1)  # (b, h, w, c)
    rows = torch.arange(b, device=x.device)[:, None, None]
    return padded[rows, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)
