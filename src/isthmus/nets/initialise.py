"""Weights that suit the activation which follows."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def initialise(layer: Layer, activation: type[nn.Module] | None) -> Layer:
    """Zero bias, and weights that keep the size of the signal from layer to layer.

    Before an activation f, N(0, gain² / fan_in) with gain = E[f(ε)²]^(−1/2), ε ~ N(0, 1): √2 for ReLU, as in
    He et al. 2015, and by the same argument for every other. Before an output (`None`), Glorot & Bengio 2010.
    """
    into, out_of = fans(layer)
    std = math.sqrt(2 / (into + out_of)) if activation is None else gain(activation) / math.sqrt(into)
    nn.init.normal_(layer.weight, 0.0, std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def gain(activation: type[nn.Module]) -> float:
    """What makes up for what the activation takes from the mean square of a signal."""
    if issubclass(activation, nn.Sigmoid):
        return 4.0  # 1 / σ'(0): of a sigmoid's mean square, nearly all is its mean, which carries no signal
    with torch.no_grad(), torch.device("cpu"):  # a number, also where the net itself is only outlined
        normal = torch.special.ndtri((torch.arange(4096, dtype=torch.float64) + 0.5) / 4096).float()
        return activation().eval()(normal[None]).square().mean().rsqrt().item()


def fans(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> tuple[float, float]:
    """How many inputs an output sums over, and how many outputs an input reaches.

    torch's own count swaps the two for a transposed convolution, and leaves out its stride.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    area, reach = math.prod(layer.kernel_size), math.prod(layer.kernel_size) / math.prod(layer.stride)
    into, out_of = layer.in_channels / layer.groups, layer.out_channels / layer.groups
    return (
        (into * reach, out_of * area)
        if isinstance(layer, nn.ConvTranspose2d)
        else (into * area, out_of * reach)
    )
