"""Nets whose every output sees only the inputs before it, and the flow that is made of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import full
from .dense import checked
from .initialise import initialise
from .invertible import Chain, Invertible


class MaskedNet(nn.Module):
    """(b, d), (b, c) -> (b, blocks · d): output i of a block sees the inputs before i, and a context.

    A fully connected net, of whose weights a mask takes those that would let an output see more: each hidden
    unit has a degree m from 0 to d − 1 and sees the first m inputs, or units of a degree no higher; output i
    sees units of degree below i. Also called MADE. With `backwards` "before" is "after". The last layer
    starts at zero.

    Reference: Germain, Gregor, Murray & Larochelle, MADE: Masked Autoencoder for Distribution Estimation,
    ICML 2015, arXiv:1502.03509 (there degrees are drawn, and start at 1; units of degree 0 see the context).
    """

    def __init__(
        self, dim: int, hidden: Sequence[int], blocks: int = 1, context: int = 0, backwards: bool = False
    ):
        super().__init__()
        place = torch.arange(1, dim + 1)
        place = place.flip(0) if backwards else place
        degrees = [torch.arange(width) * dim // width for width in checked(hidden)]
        seen = [torch.cat([place, torch.zeros(context, dtype=torch.long)]), *degrees]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(seen):
            layers += [Masked(before[None] <= after[:, None], nn.ReLU), nn.ReLU()]
        last = Masked((seen[-1][None] < place[:, None]).repeat(blocks, 1), None)
        nn.init.zeros_(last.linear.weight)
        self.net = nn.Sequential(*layers, last)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        out: Tensor = self.net(x if context is None else torch.cat([x, context], 1))
        return out


class Masked(nn.Module):
    """A linear layer, of whose weights only those count that `mask` (out, in) lets through."""

    mask: Tensor

    def __init__(self, mask: Tensor, activation: type[nn.Module] | None):
        super().__init__()
        out, into = mask.shape
        self.linear = initialise(nn.Linear(into, out), activation)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.linear.weight * self.mask, self.linear.bias)


class Gate(Invertible):
    """One step of an inverse autoregressive flow: y = σ ⊙ x + (1 − σ) ⊙ m,   σ = sigmoid(s + b).

    m and s of an entry are said by a `MaskedNet` that sees the entries before it, so that the Jacobian is
    triangular: log |det| = Σ log σ. Forwards it is one pass; backwards an entry needs those before it, and
    there are as many passes as entries. b, the `forget` bias, keeps σ near 1 where training begins: nearly
    the identity, as in an LSTM.

    Reference: Kingma, Salimans, Jozefowicz, Chen, Sutskever & Welling, Improving Variational Inference with
    Inverse Autoregressive Flow, NeurIPS 2016, equations 12 to 14, arXiv:1606.04934 (b of 1 or 2).
    """

    def __init__(
        self,
        dim: int,
        hidden: Sequence[int],
        context: int = 0,
        backwards: bool = False,
        forget: float = 2.0,
    ):
        super().__init__()
        self.backwards, self.forget = backwards, forget
        self.net = MaskedNet(dim, hidden, 2, context, backwards)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        toward, opened = self.said(x, context)
        return torch.lerp(toward, x, opened.sigmoid()), F.logsigmoid(opened).sum(-1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> Tensor:
        x = torch.zeros_like(y)
        places = range(y.shape[1])
        for place in reversed(places) if self.backwards else places:
            toward, opened = (part[:, place] for part in self.said(x, context))
            kept = opened.sigmoid()
            found = (y[:, place] - (1 - kept) * toward) / kept
            x = torch.cat([x[:, :place], found[:, None], x[:, place + 1 :]], 1)
        return x

    def said(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """m and s + b, (b, d) each."""
        toward, raw = full(self.net(x, context)).chunk(2, -1)
        return toward, raw + self.forget


def autoregressions(dim: int, layers: int = 4, hidden: Sequence[int] = (64,), context: int = 0) -> Chain:
    """Steps of an inverse autoregressive flow, each in the reverse order of the one before (section 3 there).

    What `couplings` is for `FlowPosterior`, with every entry bent by all before it at each step, and an
    inverse of `dim` passes a step: for codes that are drawn, not given.

    Raises ValueError for fewer than one step.
    """
    if layers < 1:
        raise ValueError(f"a flow has at least one step, not {layers}")
    return Chain(*(Gate(dim, hidden, context, backwards=step % 2 == 1) for step in range(layers)))
