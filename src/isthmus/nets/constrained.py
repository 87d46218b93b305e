"""Weights that keep a law while they are trained."""

from __future__ import annotations

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


class UnitColumns(nn.Module):
    """W -> W with columns of unit length."""

    def forward(self, weight: Tensor) -> Tensor:
        return nn.functional.normalize(weight, dim=0)
