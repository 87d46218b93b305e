"""Nets that see a label beside their input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .initialise import initialise


class OneHot(nn.Module):
    """`net` of [x, one-hot label]: conditioning by concatenation.

    `x` is (b, d) or (b, c, h, w), where the label becomes constant planes; `labels` (b,) whole numbers.
    """

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        if classes < 1:
            raise ValueError(f"a label is one of `classes`, at least one; not {classes}")
        self.net, self.classes = net, classes

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        planes = F.one_hot(labels.long(), self.classes).to(x)  # (b, classes)
        planes = planes.view(*planes.shape, *(1,) * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
        return self.net(torch.cat([x, planes], 1))


class Beside(nn.Module):
    """What several nets say of one input, side by side: (b, ...) -> (b, sum of their widths)."""

    def __init__(self, *nets: nn.Module):
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([net(x) for net in self.nets], -1)


class Joined(nn.Module):
    """[h, one-hot y] -> out f(h + W y): the last hidden layer of a net of [x, y], of which h is x's part.

    Where classes are many and rows are few, h is worked out once, and not for each class that a row may have.
    """

    def __init__(self, width: int, classes: int, dim: int, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.classes = classes
        self.label = initialise(nn.Linear(classes, width), activation)
        self.activation, self.out = activation(), initialise(nn.Linear(width, dim), None)

    def forward(self, both: Tensor) -> Tensor:
        h, y = both[..., : -self.classes], both[..., -self.classes :]
        out: Tensor = self.out(self.activation(h + self.label(y)))
        return out


class WithLabel(nn.Module):
    """[net(x), one-hot label]; zeros where the label is unknown, −1."""

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        features = self.net(x)  # (b, d)
        return torch.cat([features, one_hot_or_zeros(labels, self.classes).to(features)], -1)


class Relabelled(nn.Module):
    """`net` of a code [z, y] whose class y is exchanged for the label, where that is known."""

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, code: Tensor, labels: Tensor) -> Tensor:
        z, y = code[:, : -self.classes], code[:, -self.classes :]
        y = torch.where((labels >= 0)[:, None], one_hot_or_zeros(labels, self.classes).to(y), y)
        out: Tensor = self.net(torch.cat([z, y], -1))
        return out


def one_hot_or_zeros(labels: Tensor, classes: int) -> Tensor:
    """(b,) -> (b, classes); a row of zeros for −1."""
    return F.one_hot(labels.long() + 1, classes + 1)[:, 1:]
