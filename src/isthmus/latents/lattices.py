"""Quantisers with nothing to learn: the vectors are fixed, and the encoder learns to use them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .quantisers import Choice, Quantiser


class FiniteScalar(Quantiser):
    """Each number is held within bounds and rounded to one of L_i levels: Π L_i vectors, none of them stored.

        x_i ↦ round(f(x_i)) / ⌊L_i / 2⌋,   f(x) = tanh(x + atanh(o / h)) h − o,   h = (1 − ε)(L_i − 1) / 2

    with o = ½ where L_i is even and 0 where it is odd, so that f(0) = 0. The gradient is that of f: rounding
    lets it pass. No codebook, so none that could collapse, and no commitment.

    Published code has tan for atanh, which is nearly the same. Two levels would have no room for f(0): for
    signs there is `LookupFree`.

    Reference: Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, ICLR 2024, arXiv:2309.15505,
    section 3.1 and appendix A.1.
    """

    steps: Tensor
    place: Tensor

    def __init__(self, levels: Sequence[int], eps: float = 1e-3):
        super().__init__()
        if not levels or min(levels) < 3:
            raise ValueError(
                f"each number needs three levels or more, and LookupFree is for two; levels={tuple(levels)}"
            )
        self.width, self.eps = len(levels), eps
        self.levels = (math.prod(levels),)
        self.register_buffer("steps", torch.tensor(levels), persistent=False)
        place = [math.prod(levels[:i]) for i in range(len(levels))]  # of a digit in the index
        self.register_buffer("place", torch.tensor(place), persistent=False)

    def forward(self, x: Tensor) -> Choice:
        half = (1 - self.eps) * (self.steps.to(x) - 1) / 2
        offset = 0.5 * (self.steps % 2 == 0).to(x)
        bounded = torch.tanh(x + torch.atanh(offset / half)) * half - offset  # (n, w)
        rounded = bounded.detach().round()
        middle = self.steps // 2
        indices = ((rounded.long() + middle) * self.place).sum(1, keepdim=True)
        return Choice(bounded / middle, (rounded / middle)[:, None], indices)

    def look_up(self, indices: Tensor) -> Tensor:
        middle = self.steps // 2
        return (indices // self.place % self.steps - middle).to(torch.get_default_dtype()) / middle

    def name(self, vectors: Tensor) -> Tensor:
        middle = self.steps // 2
        return (((vectors * middle).round().long() + middle) * self.place).sum(1, keepdim=True)

    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        """Nothing to learn."""

    def extra_repr(self) -> str:
        return f"levels={tuple(self.steps.tolist())}"


class LookupFree(Quantiser):
    """Each number becomes its sign: 2ʷ vectors, the corners of a cube, and the index is read off as bits.

    Needs the terms `corner_entropy`, or only some corners are used, and `commitment`, or numbers grow.

    Reference: Yu et al., Language Model Beats Diffusion: Tokenizer is Key to Visual Generation (MAGVIT-v2),
    ICLR 2024, arXiv:2310.05737, section 3.1.
    """

    place: Tensor

    def __init__(self, width: int):
        super().__init__()
        if not 1 <= width <= 24:
            raise ValueError(
                f"a sign for each of {width} numbers: from 1 to 24, so that indices can be counted"
            )
        self.width, self.levels = width, (2**width,)
        self.register_buffer("place", 2 ** torch.arange(width), persistent=False)

    def forward(self, x: Tensor) -> Choice:
        positive = x.detach() > 0
        return Choice(x, torch.where(positive, 1.0, -1.0).to(x)[:, None], self._read(positive))

    def look_up(self, indices: Tensor) -> Tensor:
        return (2 * (indices // self.place % 2) - 1).to(torch.get_default_dtype())

    def name(self, vectors: Tensor) -> Tensor:
        return self._read(vectors > 0)

    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        """Nothing to learn."""

    def _read(self, positive: Tensor) -> Tensor:
        return (positive * self.place).sum(1, keepdim=True)

    def extra_repr(self) -> str:
        return f"width={self.width}"
