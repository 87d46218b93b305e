"""Convolutional nets for images of any size and number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from ..likelihoods.likelihood import Features
from .dense import Residual, checked, size
from .initialise import initialise


class Axis(NamedTuple):
    """How one axis shrinks: a stride-2 kernel of 4, or a kernel of 3 that keeps a size too small to halve."""

    before: int
    after: int
    kernel: int
    stride: int

    @classmethod
    def of(cls, before: int) -> Axis:
        return cls(before, before // 2, 4, 2) if before >= 4 else cls(before, before, 3, 1)

    @property
    def odd(self) -> int:
        """What a transposed convolution must add to come back to `before`."""
        return self.before - self.stride * self.after if self.stride == 2 else 0


def convs(
    features: Features,
    hidden: Sequence[int],
    coded: int,
    dim: int,
    explained: Features,
    activation: type[nn.Module] = nn.ReLU,
    norm: type[nn.Module] | None = None,
    dropout: float = 0.0,
    blocks: int = 0,
    spatial: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """A convolutional encoder (b, c, h, w) -> (b, coded), its exact mirror (b, dim) -> (b, *explained).

    Each of the `hidden` channel counts halves the image (kernel 4, stride 2: divisible, so that the
    transposed convolution lays no checkerboard, Odena 2016), odd sizes come back exactly, and an axis below 4
    is kept. `blocks` residual blocks follow each of them (He 2016); `norm` is called with the channels.

    The code comes from a dense layer, which learns each place by heart. With `spatial` it is a small picture,
    its channels from a convolution of 1 × 1: what moves in the image moves in the code, and the code's width
    must be a multiple of the places that are left, (height / 2ⁿ) (width / 2ⁿ).

    Raises:
        ValueError: for events that are no images, and a width that such a code cannot have.
    """
    if isinstance(features, int) or isinstance(explained, int) or len(features) != 3:
        raise ValueError(
            f"convolutions need images, (channels, height, width); these features are {features}. "
            "Give arrays of shape (n, channels, height, width), or use mlps"
        )
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    channels, (height, width) = features[0], features[1:]
    for index, after in enumerate(checked(hidden)):
        y, x = Axis.of(height), Axis.of(width)
        kernel, stride = (y.kernel, x.kernel), (y.stride, x.stride)
        back = channels if index else explained[0]
        shrink = initialise(nn.Conv2d(channels, after, kernel, stride, 1), activation)
        grow = initialise(
            nn.ConvTranspose2d(after, back, kernel, stride, 1, (y.odd, x.odd)), activation if index else None
        )
        outer = [norm(back)] if norm and index else []
        inner = [norm(after)] if norm else []
        drop = [nn.Dropout2d(dropout)] if dropout else []
        mirrored = [residual_block(after, activation, norm) for _ in range(blocks)]
        down += [shrink, *inner, activation(), *drop]
        down += [residual_block(after, activation, norm) for _ in range(blocks)]
        up = [*mirrored, grow, *outer, *([activation(), *drop] if index else []), *up]
        channels, height, width = after, y.after, x.after
    inside = (channels, height, width)
    inward, outward = (_pictured if spatial else _dense)(inside, coded, dim, activation)
    return nn.Sequential(*down, *inward), nn.Sequential(*outward, *up)


def _dense(
    inside: tuple[int, int, int], coded: int, dim: int, activation: type[nn.Module]
) -> tuple[list[nn.Module], list[nn.Module]]:
    """From the last feature map to a code without places, and back."""
    flat = size(inside)
    inward = [nn.Flatten(), initialise(nn.Linear(flat, coded), None)]
    return inward, [initialise(nn.Linear(dim, flat), activation), activation(), nn.Unflatten(1, inside)]


def _pictured(
    inside: tuple[int, int, int], coded: int, dim: int, activation: type[nn.Module]
) -> tuple[list[nn.Module], list[nn.Module]]:
    """From the last feature map to a code that is a picture, laid out flat, and back."""
    channels, height, width = inside
    places = height * width
    if coded % places or dim % places:
        raise ValueError(
            f"a spatial code has {height} x {width} places, and a width that is a multiple of {places}; "
            f"this one has {dim}{'' if coded == dim else f', and the encoder delivers {coded}'}"
        )
    inward = [initialise(nn.Conv2d(channels, coded // places, 1), None), nn.Flatten()]
    back = initialise(nn.Conv2d(dim // places, channels, 1), activation)
    return inward, [nn.Unflatten(1, (dim // places, height, width)), back, activation()]


def residual_block(
    channels: int, activation: type[nn.Module] = nn.ReLU, norm: type[nn.Module] | None = None
) -> Residual:
    """x + conv(activation(conv(activation(x)))): the pre-activation block of He et al. (2016b).

    The second convolution starts at zero, so that a deep stack starts as the identity (Zhang et al. 2019).
    """
    last = nn.Conv2d(channels, channels, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias) if last.bias is not None else None
    layers: list[nn.Module] = [*([norm(channels)] if norm else []), activation()]
    layers += [initialise(nn.Conv2d(channels, channels, 3, padding=1), activation)]
    layers += [*([norm(channels)] if norm else []), activation(), last]
    return Residual(nn.Sequential(*layers))
