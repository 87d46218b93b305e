"""Nets that can be run backwards, and say by how much they stretch space."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import full
from ..likelihoods.likelihood import Features
from .dense import checked, mlp


class Invertible(nn.Module, ABC):
    """A bijection of (b, d): `forward` gives y and log |det ∂y/∂x|, `inverse` the x that y came from.

    What it does may depend on a `context` (b, c), the same both ways.
    """

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(b, d) -> (b, d), (b,) in nats."""

    @abstractmethod
    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        """(b, d) -> (b, d)."""


class Coupling(Invertible):
    """One part stays, and says how the other is scaled and shifted: y_b = x_b exp(s(x_a)) + t(x_a).

    So the inverse is x_b = (y_b − t(y_a)) exp(−s(y_a)), exact whatever s and t are, and the Jacobian is
    triangular: log |det| = Σ s. `stays` says which columns are a. The log scale is bounded softly,
    s = `bound` tanh(raw / bound), for deep stacks of unbounded ones lose their inverse in float32. Without
    `affine` s is 0: the additive coupling of NICE, which keeps volumes. The last layer of the net starts at
    zero, so that the coupling starts as the identity (Kingma & Dhariwal 2018, section 3.3).

    Reference: Dinh, Krueger & Bengio, NICE, 2015, arXiv:1410.8516 (additive); Dinh, Sohl-Dickstein & Bengio,
    Real NVP, ICLR 2017, arXiv:1605.08803 (affine).
    """

    stays: Tensor
    moves: Tensor

    def __init__(
        self, stays: Tensor, hidden: Sequence[int], affine: bool = True, bound: float = 2.0, context: int = 0
    ):
        super().__init__()
        self.affine, self.bound = affine, bound
        self.register_buffer("stays", stays.nonzero()[:, 0], persistent=False)
        self.register_buffer("moves", (~stays).nonzero()[:, 0], persistent=False)
        into, out = len(self.stays), len(self.moves)
        self.net = mlp(into + context, *checked(hidden), (1 + affine) * out)
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        shift, log_scale = self.bend(x, context)
        moved = torch.addcmul(shift, x[:, self.moves], log_scale.exp())
        return x.index_copy(1, self.moves, moved), log_scale.sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        shift, log_scale = self.bend(y, context)
        return y.index_copy(1, self.moves, (y[:, self.moves] - shift) * (-log_scale).exp())

    def bend(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """t and s, (b, moved) each."""
        seen = x[:, self.stays]
        out = full(self.net(seen if context is None else torch.cat([seen, context], 1)))
        if not self.affine:
            return out, torch.zeros_like(out)
        shift, raw = out.chunk(2, -1)
        return shift, self.bound * torch.tanh(raw / self.bound)


class Scaling(Invertible):
    """y = x exp(s) + t, one s and t for each column: what couplings cannot do where one column is all."""

    def __init__(self, dim: int):
        super().__init__()
        self.log_scale, self.shift = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x * self.log_scale.exp() + self.shift, self.log_scale.sum().expand(len(x))

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        return (y - self.shift) * (-self.log_scale).exp()


class Chain(Invertible):
    """One bijection after another; the inverse runs them backwards, and the logs add up."""

    def __init__(self, *layers: Invertible):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        whole = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x, context)
            whole = whole + log_det
        return x, whole

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        for layer in reversed(self.layers):
            assert isinstance(layer, Invertible)
            y = layer.inverse(y, context)
        return y


def couplings(
    dim: int,
    layers: int = 8,
    hidden: Sequence[int] = (128, 128),
    affine: bool = True,
    bound: float = 2.0,
    scaling: bool = True,
    context: int = 0,
) -> Chain:
    """Coupling layers in turns, then by `scaling` one of every column (Dinh et al. 2015, section 3.3).

    Layers 2i and 2i + 1 share a split of the columns into halves, and swap which half moves: none is left as
    it was. Splits are odd against even columns, then lower against upper half, and so on, so that neighbours
    meet in the first pair and what is far apart in the second. The identity until it is trained. `context` is
    the width of what else the nets see.

    Raises:
        ValueError: for fewer than two layers, which leave half of the columns as they were.
    """
    if layers < 2:
        raise ValueError(f"couplings take turns, so there are at least two of them, not {layers}")
    if dim < 2:
        return Chain(Scaling(dim))
    index = torch.arange(dim, device="cpu")
    splits = [index % 2 == 0, index < dim // 2]
    chain: list[Invertible] = []
    for layer in range(layers):
        split = splits[layer // 2 % 2]
        chain.append(Coupling(split if layer % 2 == 0 else ~split, hidden, affine, bound, context))
    return Chain(*chain, *([Scaling(dim)] if scaling else []))


class Forwards(nn.Module):
    """An invertible net as an encoder: (b, *features) -> (b, d + 1), y and then log |det ∂y/∂x|."""

    def __init__(self, net: Invertible):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        y, log_det = self.net(x.flatten(1))
        return torch.cat([y, log_det[:, None]], 1)


class Backwards(nn.Module):
    """The exact inverse of an invertible net as a decoder: (b, k) -> (b, *features), zeros for the rest.

    It has no parameters of its own: they are the encoder's.
    """

    def __init__(self, net: Invertible, features: Features):
        super().__init__()
        self.net = (net,)  # in a tuple it is not registered a second time, and a deep copy still follows
        self.shape = (features,) if isinstance(features, int) else tuple(features)

    def forward(self, z: Tensor) -> Tensor:
        padded = F.pad(z, (0, math.prod(self.shape) - z.shape[1]))
        return self.net[0].inverse(padded).unflatten(1, self.shape)
