"""Nets that see a label beside their input."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OneHot(nn.Module):
    """`net` of [x, one-hot label]: conditioning by concatenation.

    `x` is (b, d) or (b, c, h, w), where the label becomes constant planes; `labels` (b,) whole numbers.
    """

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        planes = F.one_hot(labels.long(), self.classes).to(x)  # (b, classes)
        planes = planes.view(*planes.shape, *(1,) * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
        return self.net(torch.cat([x, planes], 1))
