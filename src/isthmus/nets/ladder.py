"""The two-way net of a ladder network: an encoder with noise on every floor, and a decoder with laterals."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import full
from ..likelihoods.likelihood import Features
from .dense import checked, size

EPS = 1e-6


class Floor(NamedTuple):
    """One step up a ladder: `up` reads the floor below, `down` leads back to it.

    `shape` is (width,), or (channels, 1, 1) of maps: what is normalised, and has parameters, apart. Of a
    `pooled` floor nothing is learned on the way up: no shift, and no relu.
    """

    up: nn.Module
    down: nn.Module
    shape: tuple[int, ...]
    pooled: bool = False


class Pass(NamedTuple):
    """What one way up left on each floor: z (b, *floor), with the mean and deviation that normalised it."""

    z: list[Tensor]
    mean: list[Tensor]
    deviation: list[Tensor]
    logits: Tensor


class LadderNet(nn.Module):
    """Encoder z_l = BN(W_l h_{l−1}) + noise, h_l = relu(z_l + β_l); at the top h_L = softmax(γ (z_L + β_L)).

    The decoder goes down again, u_L = BN(h̃_L), u_l = BN(V_l ẑ_{l+1}), ẑ_l = g(z̃_l, u_l), to the lowest floor
    that is asked for. Normalisation is apart for each of the `parts` of a batch, in training; at rest it uses
    running means of the clean way up. `features` are those of a row, `floors` what lies above, up to the
    classes: `dense_floors`, or `conv_floors` for pictures, of which a channel is normalised as a whole.

    Reference: Rasmus et al., Semi-Supervised Learning with Ladder Networks, NeurIPS 2015, arXiv:1507.02672,
    algorithm 1.
    """

    seen: Tensor

    def __init__(self, features: Features, floors: Sequence[Floor], lowest: int = 0, lateral: float = 0.0):
        super().__init__()
        self.flat, self.lowest = len(floors[0].shape) == 1, lowest
        bottom = (size(features),) if self.flat or isinstance(features, int) else (features[0], 1, 1)
        shapes = [bottom, *(floor.shape for floor in floors)]
        self.up = nn.ModuleList(floor.up for floor in floors)
        self.shift = nn.ParameterDict(
            {str(n): torch.zeros(floor.shape) for n, floor in enumerate(floors, 1) if not floor.pooled}
        )
        self.gain = nn.Parameter(torch.ones(shapes[-1]))
        self.down = nn.ModuleList(floor.down for floor in floors[lowest:])
        self.combine = nn.ModuleList(Combinator(shape, lateral) for shape in shapes[lowest:])
        for number, shape in enumerate(shapes[1:], 1):
            self.register_buffer(f"mean_{number}", torch.zeros(shape))
            self.register_buffer(f"variance_{number}", torch.ones(shape))
        self.register_buffer("seen", torch.zeros(()))

    def laid(self, x: Tensor) -> Tensor:
        """Rows as the lowest floor reads them: flat, or as pictures."""
        return x.flatten(1) if self.flat else x

    def climb(self, x: Tensor, noise: float, parts: Sequence[int]) -> Pass:
        """x (b, *features), with noise of this deviation on every floor, the lowest too."""
        z = [noisy(self.laid(x), noise)]
        means, deviations, h = [torch.zeros_like(z[0])], [torch.ones_like(z[0])], z[0]
        for floor, up in enumerate(self.up, 1):
            normal, mean, deviation = normalised(full(up(h)), parts)
            z.append(noisy(normal, noise))
            means.append(mean)
            deviations.append(deviation)
            h = self.activated(z[-1], floor)
        return Pass(z, means, deviations, h)

    def activated(self, z: Tensor, floor: int) -> Tensor:
        """h of a floor, or at the top the logits."""
        if str(floor) not in self.shift:
            return z
        shifted = z + self.shift[str(floor)]
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
            z = corrupted.z[floor]
            u, _, _ = normalised(above[..., : z.shape[-2], : z.shape[-1]] if z.dim() > 2 else above, [len(z)])
            found[floor] = above = self.combine[place](z, u)
        return found

    def at_rest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """h of the last hidden floor and logits, by the running statistics: without noise."""
        h = last = self.laid(x)
        for floor, up in enumerate(self.up, 1):
            mean, variance = self.get_buffer(f"mean_{floor}"), self.get_buffer(f"variance_{floor}")
            last, h = h, self.activated((full(up(h)) - mean) * (variance + EPS).rsqrt(), floor)
        return last, h

    @torch.no_grad()
    def remember(self, clean: Pass) -> None:
        """Move the running statistics: plain means of the first 100 batches, then exponential."""
        self.seen.add_(1).clamp_(max=100)
        for floor in range(1, len(self.up) + 1):
            for name, value in (
                ("mean", clean.mean[floor].mean(0)),
                ("variance", clean.deviation[floor].square().mean(0) - EPS),
            ):
                self.get_buffer(f"{name}_{floor}").lerp_(value, 1 / self.seen)


def dense_floors(features: Features, hidden: Sequence[int], dim: int, classes: int) -> list[Floor]:
    """Linear maps between floors of `hidden` widths, `dim` and `classes`."""
    widths = (size(features), *some(*checked(hidden), dim, classes))
    ups = [scaled(nn.Linear(a, b, bias=False)) for a, b in itertools.pairwise(widths)]
    downs = [scaled(nn.Linear(b, a, bias=False)) for a, b in itertools.pairwise(widths)]
    return [Floor(up, down, (width,)) for up, down, width in zip(ups, downs, widths[1:])]


def conv_floors(features: Features, hidden: Sequence[int], dim: int, classes: int) -> list[Floor]:
    """Convolutions of `hidden` channels, and a mean over places before the classes.

    5 × 5 into the first; before each of the others the maps are halved by the greatest of 2 × 2, and read by
    3 × 3, twice but for the last. Then 1 × 1 into `dim` channels, of which the mean over all places is the
    code. Hidden channels (32, 64, 128) and a dim of 10 are the paper's "Conv-Small". A floor that was pooled
    is normalised and gets noise too; down from it, numbers are repeated.

    Raises:
        ValueError: for events that are no images, and images that are too small.

    Reference: Rasmus et al., Semi-Supervised Learning with Ladder Networks, NeurIPS 2015, section 4.2 and
    appendix, arXiv:1507.02672.
    """
    *hidden, dim, classes = some(*checked(hidden), dim, classes)
    if isinstance(features, int) or len(features) != 3:
        raise ValueError(
            f"convolutions need images, (channels, height, width); these features are {features}. Give "
            "arrays of shape (n, channels, height, width), or leave floors=dense_floors"
        )
    if not hidden:
        raise ValueError("hidden holds the channels of each size of map, at least one")
    channels, shape, steps = features[0], tuple(features[1:]), list[Floor]()

    def convolved(after: int, kernel: int, spread: int) -> None:
        """Maps grow by `spread`: by what the kernel overlaps them, or lose as much, or stay."""
        nonlocal channels, shape
        pad = (kernel - 1 + spread) // 2
        up = nn.Conv2d(channels, after, kernel, padding=pad, bias=False)
        down = nn.Conv2d(after, channels, kernel, padding=kernel - 1 - pad, bias=False)
        steps.append(Floor(scaled(up), scaled(down), (after, 1, 1)))
        channels, shape = after, tuple(side + spread for side in shape)
        if min(shape) < 1:
            raise ValueError(f"images of {features[1:]} are too small for {len(hidden)} sizes of map")

    def pooled() -> None:
        nonlocal shape
        up, down = nn.MaxPool2d(2, ceil_mode=True), nn.Upsample(scale_factor=2)
        steps.append(Floor(up, down, (channels, 1, 1), pooled=True))
        shape = tuple(-(-side // 2) for side in shape)

    convolved(hidden[0], 5, 4)
    for place, after in enumerate(hidden[1:], 2):
        pooled()
        convolved(after, 3, -2)
        if place < len(hidden):
            convolved(after, 3, 2)
    convolved(dim, 1, 0)
    steps.append(Floor(Averaged(), Repeated(shape), (dim,), pooled=True))
    up, down = nn.Linear(dim, classes, bias=False), nn.Linear(classes, dim, bias=False)
    return [*steps, Floor(scaled(up), scaled(down), (classes,))]


def some(*widths: int) -> tuple[int, ...]:
    """Widths of floors, once it is sure that none is empty."""
    if min(widths) < 1:
        raise ValueError(f"every floor is at least one wide: hidden, dim and classes are {widths}")
    return widths


class Averaged(nn.Module):
    """(b, c, h, w) -> (b, c): the mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Repeated(nn.Module):
    """(b, c) -> (b, c, h, w): the same number in every place."""

    def __init__(self, shape: Sequence[int]):
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, None, None].expand(-1, -1, *self.shape)


class Combinator(nn.Module):
    """ẑ = (z̃ − μ(u)) v(u) + μ(u): a Gaussian belief μ from above, and how far to trust what came from beside.

        μ = a₁ σ(a₂ u + a₃) + a₄ u + a₅,   v = a₆ σ(a₇ u + a₈) + a₉ u + a₁₀,   each a of the floor's shape

    a₂ and a₇ start at 1, a₁₀ at `lateral` and the others at 0: with 0, as in the authors' code, ẑ starts at
    0; with 1 as z̃, which is passed through.
    """

    def __init__(self, shape: Sequence[int], lateral: float = 0.0):
        super().__init__()
        start = torch.zeros(10, *shape)
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
    """Each part of the rows to mean 0 and deviation 1; and the mean and deviation of each row's part.

    Of maps (b, c, h, w) it is a channel that has a mean, over rows and places: (b, c, 1, 1).
    """
    means, deviations, over = [], [], (0, *range(2, x.dim()))
    for part in x.split(list(parts)):
        mean = part.mean(over, keepdim=True)
        deviation = ((part - mean).square().mean(over, keepdim=True) + EPS).sqrt()
        means.append(mean.expand(len(part), *mean.shape[1:]))
        deviations.append(deviation.expand(len(part), *mean.shape[1:]))
    mean, deviation = torch.cat(means), torch.cat(deviations)
    return (x - mean) / deviation, mean, deviation


def scaled(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """Weights N(0, 1 / fan in), as in the authors' code."""
    nn.init.normal_(layer.weight, 0.0, layer.weight[0].numel() ** -0.5)
    return layer
