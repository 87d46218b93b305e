"""Two views of the same rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..trace import Batch
from .noise import Corruption, damaging


def two_views(first: Corruption, second: Corruption | None = None) -> Corruption:
    """The input under `first`, and in the context as `view` the same rows under `second`, or `first` again.

    What `second` says in the context is not kept: its view is read whole.
    """

    def corrupt(batch: Batch) -> Batch:
        seen, other = first(batch), (second or first)(batch)
        return seen._replace(context={**seen.context, "view": other.input})

    return corrupt


def shifts(most: int) -> Corruption:
    """Pictures (b, c, h, w) moved by up to `most` pixels along each axis, a row at a time; 0 comes in."""
    if most < 1:
        raise ValueError(f"pictures are moved by at least one pixel, not {most}")

    def move(x: Tensor) -> Tensor:
        if x.dim() != 4:
            raise ValueError(f"only pictures (b, c, h, w) can be moved; this has shape {tuple(x.shape)}")
        b, _, h, w = x.shape
        by = torch.randint(0, 2 * most + 1, (2, b, 1), device=x.device)
        down, right = by[0] + torch.arange(h, device=x.device), by[1] + torch.arange(w, device=x.device)
        padded = F.pad(x, (most,) * 4).permute(0, 2, 3, 1)  # (b, h, w, c)
        rows = torch.arange(b, device=x.device)[:, None, None]
        return padded[rows, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)

    return damaging(move)
