"""Transformers over patches: an encoder that reads only what is visible, and a decoder of the whole row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..likelihoods.likelihood import Features
from .patches import Patches


class VisibleEncoder(nn.Module):
    """(b, *features) -> (b, (1 + places) · dim): a summary, then a vector for each patch; zeros where hidden.

    `hidden`, bool in the shape of the input, says what is not to be read: a patch of which any part is hidden
    is left out before the first layer, so that nothing of it can reach the code, and hiding three quarters
    makes the encoder four times cheaper. At least one patch of every row is visible, and of none more than
    `visible`, if that is known: to count them would make a device wait. Without `hidden` all are. The vision
    transformer of Dosovitskiy et al. (2021, arXiv:2010.11929), with fixed places.
    """

    def __init__(self, features: Features, patch: int, dim: int, depth: int, heads: int):
        super().__init__()
        self.patches = Patches.of(features, patch)
        self.width = (1 + self.patches.places) * dim
        self.embed = nn.Linear(self.patches.width, dim)
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.blocks = blocks(dim, depth, heads)
        self.register_buffer("place", places(self.patches.counts, dim), persistent=False)

    place: Tensor

    def forward(self, x: Tensor, hidden: Tensor | None = None, visible: int | None = None) -> Tensor:
        tokens = self.embed(self.patches.cut(x)) + self.place  # (b, places, dim)
        summary = self.summary.expand(len(x), -1, -1)
        if hidden is None:
            return self.blocks(torch.cat([summary, tokens], 1)).flatten(1)
        gone = self.patches.cut(hidden).any(-1)  # (b, places)
        most = int((~gone).sum(1).max()) if visible is None else visible
        order = gone.to(torch.uint8).argsort(dim=1, stable=True)[:, :most]  # visible ones first
        padding = gone.gather(1, order)  # rows of which more is hidden than of others
        index = order[..., None].expand(-1, -1, tokens.shape[-1])
        ignored = torch.cat([padding.new_zeros(len(x), 1), padding], 1)
        read = self.blocks(
            torch.cat([summary, tokens.gather(1, index)], 1), src_key_padding_mask=ignored
        )  # (b, 1 + most, dim)
        seen = torch.where(padding[..., None], 0.0, read[:, 1:])
        whole = torch.zeros_like(tokens, dtype=seen.dtype).scatter(1, index, seen)
        return torch.cat([read[:, :1], whole], 1).flatten(1)


class PatchDecoder(nn.Module):
    """(b, (1 + places) · dim) -> (b, *explained); a learned vector stands where a patch was hidden."""

    def __init__(
        self,
        features: Features,
        explained: Features,
        patch: int,
        dim: int,
        width: int,
        depth: int,
        heads: int,
    ):
        super().__init__()
        self.patches = Patches.of(features, patch)
        self.explained, self.dim = self.patches.explaining(explained), dim
        self.embed = nn.Linear(dim, width)
        self.unknown = nn.Parameter(0.02 * torch.randn(width))
        self.blocks = blocks(width, depth, heads)
        self.head = nn.Linear(width, self.explained.width)
        self.register_buffer("place", places(self.patches.counts, width), persistent=False)

    place: Tensor

    def forward(self, code: Tensor, hidden: Tensor | None = None) -> Tensor:
        tokens = self.embed(code.unflatten(1, (-1, self.dim)))  # (b, 1 + places, width)
        summary, tokens = tokens[:, :1], tokens[:, 1:]
        if hidden is not None:
            gone = self.patches.cut(hidden).any(-1, keepdim=True)  # (b, places, 1)
            tokens = torch.where(gone, self.unknown.to(tokens.dtype), tokens)
        decoded = self.blocks(torch.cat([summary, tokens + self.place], 1))
        return self.explained.join(self.head(decoded[:, 1:]))


def blocks(dim: int, depth: int, heads: int) -> nn.TransformerEncoder:
    """Pre-norm transformer layers, GELU, four times as wide inside, and a last norm; no dropout."""
    if min(dim, depth, heads) < 1:
        raise ValueError(
            f"a transformer has layers, a width and heads, at least one of each; not {depth} layers, "
            f"{dim} wide, of {heads} heads"
        )
    if dim % heads:
        raise ValueError(f"{heads} heads share a vector evenly, and it is {dim} wide")
    layer = nn.TransformerEncoderLayer(
        dim, heads, 4 * dim, dropout=0.0, activation=gelu, batch_first=True, norm_first=True
    )
    stack = nn.TransformerEncoder(layer, depth, norm=nn.LayerNorm(dim), enable_nested_tensor=False)
    for weight in stack.parameters():  # the stack copies its layer: each starts anew, and not alike
        if weight.dim() > 1:
            nn.init.xavier_uniform_(weight)
    return stack


def gelu(x: Tensor) -> Tensor:
    """`F.gelu` under a name of its own, at which a layer at rest does not turn to kernels for inference.

    On a card these have tanh's approximation of it, and say what was not learned, by some 1e-4.
    """
    return F.gelu(x)


def places(counts: Sequence[int], dim: int) -> Tensor:
    """(places, dim): sines and cosines of the place along each axis (Vaswani et al. 2017, section 3.5)."""
    if dim % (2 * len(counts)):
        raise ValueError(
            f"a place on {len(counts)} axes is told by sines and cosines: the width is a multiple of "
            f"{2 * len(counts)}, not {dim}"
        )
    share = dim // (2 * len(counts))
    frequency = 10_000.0 ** (-torch.arange(share) / share)
    grid = torch.cartesian_prod(*(torch.arange(float(n)) for n in counts)).reshape(-1, len(counts))
    angles = (grid[..., None] * frequency).flatten(1)  # (places, dim / 2)
    return torch.cat([angles.sin(), angles.cos()], 1)
