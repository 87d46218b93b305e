"""Weights that keep a law while they are trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize


def unit_columns(layer: nn.Linear) -> nn.Linear:
    """The same layer with the columns of its weight at unit length: the atoms of a dictionary.

    With free lengths a decoder grows while the code shrinks, and every penalty on the size of the code is
    evaded. As a parametrisation the gradient loses its radial part too: projecting the weights after each
    step leaves it in Adam's averages, which then push against the constraint.
    """
    parametrize.register_parametrization(layer, "weight", UnitColumns())
    return layer


def lipschitz(net: nn.Module) -> nn.Module:
    """The same net, each weight divided by its largest singular value: with ReLU no distance grows.

    The value is exact, and not followed by power iteration as in Miyato et al. (2018, arXiv:1802.05957), so
    that what the net says depends on its weights alone. For convolutions it is that of the kernel, laid flat.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            parametrize.register_parametrization(layer, "weight", UnitNorm())
    return net


class UnitColumns(nn.Module):
    """W -> W with columns of unit length."""

    def forward(self, weight: Tensor) -> Tensor:
        return nn.functional.normalize(weight, dim=0)


class UnitNorm(nn.Module):
    """W -> W / σ, σ its largest singular value."""

    def forward(self, weight: Tensor) -> Tensor:
        w = weight.flatten(1)
        gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
        largest = torch.linalg.eigvalsh(gram.float())[-1]  # σ²
        return weight / largest.clamp_min(1e-12).sqrt()
