"""The two-way net of a ladder network: an encoder with noise on every floor, and a decoder with laterals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import full

EPS = 1e-6


class Pass(NamedTuple):
    """What one way up left on each floor: z (b, width), with the mean and deviation that normalised it."""

    z: list[Tensor]
    mean: list[Tensor]
    deviation: list[Tensor]
    logits: Tensor


class LadderNet(nn.Module):
    """Encoder z_l = BN(W_l h_{l−1}) + noise, h_l = relu(z_l + β_l); at the top h_L = softmax(γ (z_L + β_L)).

    The decoder goes down again, u_L = BN(h̃_L), u_l = BN(V_l ẑ_{l+1}), ẑ_l = g(z̃_l, u_l), to the lowest floor
    that is asked for. Normalisation is apart for each of the `parts` of a batch, in training; at rest it uses
    running means of the clean way up. `widths` are those of the floors, from the input to the classes.

    Reference: Rasmus et al., Semi-Supervised Learning with Ladder Networks, NeurIPS 2015, arXiv:1507.02672,
    algorithm 1.
    """

    seen: Tensor

    def __init__(self, widths: Sequence[int], lowest: int = 0, lateral: float = 0.0):
        super().__init__()
        self.widths, self.lowest = tuple(widths), lowest
        pairs = list(itertools.pairwise(self.widths))
        self.up = nn.ModuleList(scaled(nn.Linear(below, above, bias=False)) for below, above in pairs)
        self.shift = nn.ParameterList(nn.Parameter(torch.zeros(width)) for width in self.widths[1:])
        self.gain = nn.Parameter(torch.ones(self.widths[-1]))
        self.down = nn.ModuleList(
            scaled(nn.Linear(above, below, bias=False)) for below, above in pairs[lowest:]
        )
        self.combine = nn.ModuleList(Combinator(width, lateral) for width in self.widths[lowest:])
        for floor, width in enumerate(self.widths[1:], 1):
            self.register_buffer(f"mean_{floor}", torch.zeros(width))
            self.register_buffer(f"variance_{floor}", torch.ones(width))
        self.register_buffer("seen", torch.zeros(()))

    def climb(self, x: Tensor, noise: float, parts: Sequence[int]) -> Pass:
        """x (b, widths[0]), with noise of this deviation on every floor, the lowest too."""
        z = [noisy(x, noise)]
        means, deviations, h = [torch.zeros_like(x)], [torch.ones_like(x)], z[0]
        for floor, up in enumerate(self.up, 1):
            normal, mean, deviation = normalised(full(up(h)), parts)
            z.append(noisy(normal, noise))
            means.append(mean)
            deviations.append(deviation)
            h = self.activated(z[-1], floor)
        return Pass(z, means, deviations, h)

    def activated(self, z: Tensor, floor: int) -> Tensor:
        """h of a floor, or at the top the logits."""
        shifted = z + self.shift[floor - 1]
        return self.gain * shifted if floor == len(self.up) else F.relu(shifted)

    def descend(self, corrupted: Pass) -> dict[int, Tensor]:
        """ẑ of every floor, from the top to the lowest, out of a noisy way up."""
        found: dict[int, Tensor] = {}
        above = corrupted.logits.softmax(1)
        for floor in range(len(self.up), self.lowest - 1, -1):
            place = floor - self.lowest
            if floor < len(self.up):
                down: nn.Module = self.down[place]
                above = full(down(above))
            u, _, _ = normalised(above, [len(above)])
            found[floor] = above = self.combine[place](corrupted.z[floor], u)
        return found

    def at_rest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """h of the last hidden floor and logits, by the running statistics: without noise."""
        h = last = x
        for floor, up in enumerate(self.up, 1):
            mean, variance = self.get_buffer(f"mean_{floor}"), self.get_buffer(f"variance_{floor}")
            last, h = h, self.activated((full(up(h)) - mean) * (variance + EPS).rsqrt(), floor)
        return last, h

    @torch.no_grad()
    def remember(self, clean: Pass) -> None:
        """Move the running statistics: plain means of the first 100 batches, then exponential."""
        self.seen.add_(1).clamp_(max=100)
        for floor in range(1, len(self.widths)):
            for name, value in (
                ("mean", clean.mean[floor].mean(0)),
                ("variance", clean.deviation[floor].square().mean(0) - EPS),
            ):
                self.get_buffer(f"{name}_{floor}").lerp_(value, 1 / self.seen)


class Combinator(nn.Module):
    """ẑ = (z̃ − μ(u)) v(u) + μ(u): a Gaussian belief μ from above, and how far to trust what came from beside.

        μ = a₁ σ(a₂ u + a₃) + a₄ u + a₅,   v = a₆ σ(a₇ u + a₈) + a₉ u + a₁₀,   each a of the floor's width

    a₂ and a₇ start at 1, a₁₀ at `lateral` and the others at 0: with 0, as in the authors' code, ẑ starts at
    0; with 1 as z̃, which is passed through.
    """

    def __init__(self, width: int, lateral: float = 0.0):
        super().__init__()
        start = torch.zeros(10, width)
        start[[1, 6]] = 1.0
        start[9] = lateral
        self.a = nn.Parameter(start)

    def forward(self, z: Tensor, u: Tensor) -> Tensor:
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = self.a
        mu = a1 * torch.sigmoid(a2 * u + a3) + a4 * u + a5
        v = a6 * torch.sigmoid(a7 * u + a8) + a9 * u + a10
        return (z - mu) * v + mu


def noisy(x: Tensor, deviation: float) -> Tensor:
    return x + deviation * torch.randn_like(x) if deviation else x


def normalised(x: Tensor, parts: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Each part of the rows to mean 0 and deviation 1; and the mean and deviation of each row's part."""
    means, deviations = [], []
    for part in x.split(list(parts)):
        mean = part.mean(0)
        means.append(mean.expand_as(part))
        deviations.append(((part - mean).square().mean(0) + EPS).sqrt().expand_as(part))
    mean, deviation = torch.cat(means), torch.cat(deviations)
    return (x - mean) / deviation, mean, deviation


def scaled(linear: nn.Linear) -> nn.Linear:
    """Weights N(0, 1 / fan in), as in the authors' code."""
    nn.init.normal_(linear.weight, 0.0, linear.in_features**-0.5)
    return linear
