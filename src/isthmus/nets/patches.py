"""Rows cut into patches: pictures into squares, flat rows into runs of columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

from ..likelihoods.likelihood import Features


class Patches(NamedTuple):
    """A grid of `counts` patches of size `patch` over `axes`; one that is not whole is padded."""

    channels: int
    axes: tuple[int, ...]
    patch: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, features: Features | Sequence[int], patch: int) -> Patches:
        """Of an event (channels, height, width), or of a flat row, which has one channel and one axis.

        A flat row that is short gets smaller patches, so that there are four of them, if it has four columns.
        """
        if patch < 1:
            raise ValueError(f"a patch is at least one element wide, not {patch}")
        shape = (features,) if isinstance(features, int) else tuple(features)
        if len(shape) not in (1, 3):
            raise ValueError(f"patches are cut from flat rows or (channels, height, width), not {shape}")
        channels, axes = (1, shape) if len(shape) == 1 else (shape[0], shape[1:])
        patch = min(patch, max(1, axes[0] // 4)) if len(axes) == 1 else patch
        return cls(channels, axes, (patch,) * len(axes), tuple(-(-axis // patch) for axis in axes))

    @property
    def places(self) -> int:
        return math.prod(self.counts)

    @property
    def width(self) -> int:
        """How many numbers a patch holds."""
        return self.channels * math.prod(self.patch)

    def explaining(self, width: Features) -> Patches:
        """The same places, over what a likelihood of parameters of shape `width` must be delivered.

        A flat one whose length is no multiple of the row's is laid over the places in order.
        """
        if not isinstance(width, int):
            return self._replace(channels=width[0])
        channels, rest = divmod(width, self.axes[0])
        if rest:
            return self._replace(channels=1, axes=(width,), patch=(-(-width // self.places),))
        return self._replace(channels=channels)

    def cut(self, x: Tensor) -> Tensor:
        """(b, *event) -> (b, places, width); padding is 0, or False."""
        pads = [n * p - a for n, p, a in zip(self.counts, self.patch, self.axes)]
        x = x.reshape(len(x), self.channels, *self.axes)
        x = F.pad(x, [each for pad in reversed(pads) for each in (0, pad)])
        x = x.reshape(len(x), self.channels, *(n for pair in zip(self.counts, self.patch) for n in pair))
        count = len(self.axes)
        order = [0, *range(2, 2 + 2 * count, 2), 1, *range(3, 3 + 2 * count, 2)]
        return x.permute(order).reshape(len(x), self.places, self.width)

    def join(self, patches: Tensor) -> Tensor:
        """(b, places, width) -> (b, *event): the inverse, padding cut off."""
        count = len(self.axes)
        x = patches.reshape(len(patches), *self.counts, self.channels, *self.patch)
        order = [0, 1 + count, *(n for i in range(count) for n in (1 + i, 2 + count + i))]
        x = x.permute(order).reshape(len(x), self.channels, *(n * p for n, p in zip(self.counts, self.patch)))
        for axis, size in enumerate(self.axes, 2):
            x = x.narrow(axis, 0, size)
        return x.flatten(1) if count == 1 else x
