"""Fully connected nets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from numbers import Integral

from torch import Tensor, nn
from torch.nn import functional as F

from ..likelihoods.likelihood import Features
from .initialise import initialise


def size(features: Features) -> int:
    """How many numbers an event holds: 64 -> 64, (1, 28, 28) -> 784."""
    return features if isinstance(features, int) else math.prod(features)


def mlp(
    *widths: int,
    activation: type[nn.Module] = nn.ReLU,
    norm: type[nn.Module] | None = None,
    dropout: float = 0.0,
    residual: bool = False,
) -> nn.Sequential:
    """Linear layers with an activation between them, none after the last.

    >>> mlp(784, 256, 32)  # doctest: +ELLIPSIS
    Sequential(...

    Args:
        widths: of the input, of every hidden layer, of the output.
        activation: a module class; the weights start to suit it (He 2015 or Glorot 2010).
        norm: a module class called with the width, before each activation: `nn.BatchNorm1d`, `nn.LayerNorm`.
        dropout: rate after each activation.
        residual: hidden layers that keep the width add to their input (He 2016).
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"an mlp needs at least two widths, all positive, not {widths}")
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths[:-1]):
        block: list[nn.Module] = [initialise(nn.Linear(before, after), activation)]
        block += [norm(after)] if norm else []
        block += [activation()]
        block += [nn.Dropout(dropout)] if dropout else []
        layers += [Residual(nn.Sequential(*block))] if residual and before == after else block
    return nn.Sequential(*layers, initialise(nn.Linear(widths[-2], widths[-1]), None))


def mlps(
    features: Features,
    hidden: Sequence[int],
    coded: int,
    dim: int,
    explained: Features,
    activation: type[nn.Module] = nn.ReLU,
    norm: type[nn.Module] | None = None,
    dropout: float = 0.0,
    residual: bool = False,
    tied: bool = False,
) -> tuple[nn.Module, nn.Module]:
    """An encoder (b, *features) -> (b, coded), and its mirror, a decoder (b, dim) -> (b, *explained).

    With `tied` the decoder uses the encoder's weights, transposed; then the code is as wide as what the
    encoder delivers and the decoder as what it reads.
    """
    hidden = checked(hidden)
    encoder = mlp(
        size(features),
        *hidden,
        coded,
        activation=activation,
        norm=norm,
        dropout=dropout,
        residual=residual,
    )
    if tied:
        if coded != dim or size(explained) != size(features) or residual:
            raise ValueError(
                f"tied weights need a decoder that mirrors its encoder: {size(features)} -> {coded} against "
                f"{dim} -> {size(explained)}{', and no residual blocks' if residual else ''}"
            )
        decoder = transposed(encoder, activation, norm, dropout)
    else:
        decoder = mlp(
            dim,
            *reversed(hidden),
            size(explained),
            activation=activation,
            norm=norm,
            dropout=dropout,
            residual=residual,
        )
    if not isinstance(features, int):
        encoder.insert(0, nn.Flatten())
    if not isinstance(explained, int):
        decoder.append(nn.Unflatten(1, explained))
    return encoder, decoder


def checked(hidden: Sequence[int]) -> tuple[int, ...]:
    """The widths of hidden layers, once it is sure that they are whole numbers.

    Raises:
        TypeError: where they are not, or not in a sequence.
    """
    if isinstance(hidden, Integral):
        raise TypeError(f"hidden is a width for each hidden layer: hidden=({hidden},) for one layer")
    if isinstance(hidden, str) or not all(isinstance(each, Integral) for each in hidden):
        raise TypeError(f"hidden holds whole numbers, as in hidden=(256, 128); it is {hidden!r}")
    return tuple(map(int, hidden))


def transposed(
    encoder: nn.Sequential,
    activation: type[nn.Module] = nn.ReLU,
    norm: type[nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """The mirror of an mlp that shares its weights and has biases of its own."""
    linears = [layer for layer in encoder if isinstance(layer, nn.Linear)]
    layers: list[nn.Module] = []
    for linear in reversed(linears):
        layers += [Transposed(linear), *([norm(linear.in_features)] if norm else []), activation()]
        layers += [nn.Dropout(dropout)] if dropout else []
    while not isinstance(layers[-1], Transposed):
        layers.pop()
    return nn.Sequential(*layers)


class Transposed(nn.Module):
    """x -> x W + b, with the W of a `nn.Linear` elsewhere: a view, so that W stays one parameter."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.linear = (
            linear,
        )  # in a tuple it is not registered a second time, and a deep copy still follows
        self.bias = nn.Parameter(linear.weight.new_zeros(linear.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.linear[0].weight.T, self.bias)


class Residual(nn.Module):
    """x + net(x)."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)
