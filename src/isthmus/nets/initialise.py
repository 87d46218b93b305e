"""Weights that suit the activation which follows."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)

SATURATING = (nn.Tanh, nn.Sigmoid, nn.Softsign, nn.Softplus, nn.Identity)


def initialise(layer: Layer, activation: type[nn.Module] | None) -> Layer:
    """Zero bias, and weights that keep the variance of the signal through the activation.

    He et al. 2015 for the rectifier family (ReLU, leaky, ELU, GELU, SiLU), Glorot & Bengio 2010 with the gain
    of the function for saturating ones, and gain 1 before an output (`None`).
    """
    if activation is None or issubclass(activation, SATURATING):
        gain = {nn.Tanh: 5 / 3, nn.Sigmoid: 4.0}.get(activation or nn.Identity, 1.0)  # sigmoid'(0) is 1/4
        nn.init.xavier_normal_(layer.weight, gain)
    else:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
