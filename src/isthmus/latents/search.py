"""The nearest of many vectors, and centres to begin with."""

from __future__ import annotations

import torch
from torch import Tensor

TABLE = 2**22  # distances held at a time, 16 MB: more would leave the cache, and many more the memory


@torch.no_grad()
def nearest(x: Tensor, entries: Tensor, most: int = TABLE) -> Tensor:
    """(n, w), (k, w) -> (n,): argmin_j ‖x − e_j‖², the first where several are as near.

    ‖x‖² is the same for all j, and is left out; both sides are taken from the entries' mean, so that vectors
    far from zero keep their digits. No more than `most` distances are held at a time, however many x and
    entries there are.
    """
    with torch.autocast(x.device.type, enabled=False):  # in bf16 the nearest is often another
        centre = entries.mean(0)
        entries = entries - centre
        lengths = entries.square().sum(1)  # (k,)
        wide = min(len(entries), most)
        tall = max(1, most // wide)
        return torch.cat([_nearest(rows - centre, entries, lengths, wide) for rows in x.split(tall)])


def _nearest(rows: Tensor, entries: Tensor, lengths: Tensor, wide: int) -> Tensor:
    """(r,), from `wide` entries at a time."""
    best, where = torch.addmm(lengths[:wide], rows, entries[:wide].T, alpha=-2).min(1)
    for start in range(wide, len(entries), wide):
        stop = start + wide
        least, at = torch.addmm(lengths[start:stop], rows, entries[start:stop].T, alpha=-2).min(1)
        where = torch.where(least < best, at + start, where)
        best = torch.minimum(least, best)
    return where


@torch.no_grad()
def kmeans(x: Tensor, k: int, rounds: int = 10) -> Tensor:
    """(n, w) -> (k, w): centres by Lloyd's iterations from random vectors (Lloyd 1982).

    A centre that no vector is nearest to is put onto a random one. With fewer vectors than centres some
    stand on the same, a thousandth of the spread apart: alike, they would tie for ever.
    """
    centres = x[torch.randperm(len(x), device=x.device)[:k]]
    if len(x) < k:
        more = some(x, k - len(x))
        centres = torch.cat([centres, more + 1e-3 * (x.std(0, correction=0) + 1e-3) * torch.randn_like(more)])
    for _ in range(rounds):
        chosen = nearest(x, centres)
        counts = torch.zeros(k, dtype=x.dtype, device=x.device).index_add_(0, chosen, x.new_ones(len(x)))
        sums = torch.zeros_like(centres).index_add_(0, chosen, x)
        means = sums / counts.clamp_min(1)[:, None]
        centres = torch.where(counts[:, None] > 0, means, some(x, k) if len(x) >= k else centres)
    return centres


def some(x: Tensor, n: int) -> Tensor:
    """(n, w): random rows of x, with replacement."""
    return x[torch.randint(len(x), (n,), device=x.device)]
