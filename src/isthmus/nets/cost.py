"""What a net costs to run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..likelihoods.likelihood import Features
from .dense import Transposed

Counted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, Transposed)


def multiplications(net: nn.Module, features: Features) -> int:
    """Multiply–add operations for one row of `features`, of linear layers and convolutions.

    A weight is used once for every place it is laid on: of a convolution the places of its output, of a
    transposed one those of its input. Biases, activations and norms are not counted; they are few.

    >>> from isthmus.nets import mlp
    >>> multiplications(mlp(784, 256, 32), 784) == 784 * 256 + 256 * 32
    True
    """
    found = 0

    def add(layer: Any, given: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal found
        weight = (layer.linear[0] if isinstance(layer, Transposed) else layer).weight
        laid = given[0] if isinstance(layer, nn.ConvTranspose2d) else out
        found += weight.numel() * laid[0, 0].numel()  # of a linear layer there is one place

    hooks = [layer.register_forward_hook(add) for layer in net.modules() if isinstance(layer, Counted)]
    training = [module for module in net.modules() if module.training]
    like = next(net.parameters(), torch.empty(()))
    shape = (features,) if isinstance(features, int) else features
    net.eval()
    try:
        with torch.no_grad():
            net(like.new_zeros(1, *shape))
    finally:
        for module in training:
            module.training = True
        for hook in hooks:
            hook.remove()
    return found
