"""Patches that are hidden, and guessed from the others."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nets.patches import Patches
from ..trace import Batch
from .noise import Corruption


def hide_patches(patch: int, rate: float = 0.75, normalised: bool = False) -> Corruption:
    """A share `rate` of the patches of each row, drawn at random, hidden; the context says what: `hidden`.

    `hidden` is bool, in the shape of the input, where 0 stands for what is hidden. The same number of patches
    in every row, and never all; `visible` is how many are left. `normalised` makes the target of each patch
    its deviation from the patch's own mean, in its own standard deviations; then nothing tells the mean and
    the deviation, and no picture of what the model says can be in the data's units.

    Raises ValueError for rows of a single patch.
    Reference: He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022, arXiv:2111.06377.
    """
    if not 0 < rate < 1:
        raise ValueError(f"the share of hidden patches lies between 0 and 1; it is {rate}")

    def corrupt(batch: Batch) -> Batch:
        x = batch.input
        grid = Patches.of(x.shape[1:], patch)
        if grid.places < 2:
            raise ValueError(f"rows of shape {tuple(x.shape[1:])} are a single patch: nothing to guess from")
        count = min(max(round(rate * grid.places), 1), grid.places - 1)
        rank = torch.rand(len(x), grid.places, device=x.device).argsort(1).argsort(1)
        hidden = grid.join((rank < count)[..., None].expand(-1, -1, grid.width))
        target = batch.target
        if normalised:
            target = deviations(target, grid, batch.context.get("observed"))
        context = {**batch.context, "hidden": hidden, "visible": grid.places - count}
        return Batch(torch.where(hidden, torch.zeros_like(x), x), target, context)

    return corrupt


def deviations(x: Tensor, grid: Patches, observed: Tensor | None) -> Tensor:
    """(x − mean) / deviation, of each patch by itself, over what of it was observed (He et al. 2022, 3)."""
    there = grid.cut(torch.ones_like(x, dtype=torch.bool) if observed is None else observed)
    values = torch.where(there, grid.cut(x), 0.0)
    count = there.sum(-1, keepdim=True)
    off = torch.where(there, values - values.sum(-1, keepdim=True) / count.clamp(min=1), 0.0)
    variance = off.square().sum(-1, keepdim=True) / (count - 1).clamp(min=1)
    return grid.join(off / (variance + 1e-6).sqrt())
