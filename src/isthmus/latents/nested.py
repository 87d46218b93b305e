"""A code whose numbers are in order of importance."""

from __future__ import annotations

import torch
from torch import Tensor

from ..trace import Code
from .deterministic import Deterministic
from .latent import Latent


class Nested(Latent):
    """Nested dropout: while training, only the first b numbers of a code are kept, b drawn for each row.

        P(b = k) ∝ (1 − rate)^k,   k = 1 … dim

    The first numbers must do with none after them, so that they say most: of a linear autoencoder the axes
    become the principal axes, in order, and not any basis of their span. One model then serves every smaller
    code: cut it after k numbers and set the rest to zero. `rate` is the chance of a cut after each number: 0
    cuts everywhere alike often. What is kept is *not* rescaled, as it is in dropout: a number means the
    same wherever the cut is.

    Reference: Rippel, Gelbart & Adams, Learning Ordered Representations with Nested Dropout, ICML 2014,
    arXiv:1402.0915.
    """

    chances: Tensor

    def __init__(self, dim: int, rate: float = 0.0):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate is a probability below 1; {rate} is not")
        self.features, self.dim, self.rate = dim, dim, rate
        self.plain = Deterministic(dim)
        self.register_buffer("chances", (1 - rate) ** torch.arange(dim), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        if not noisy:
            return Code(features)
        last = torch.multinomial(self.chances.float(), len(features), replacement=True)  # (b,)
        kept = torch.arange(self.dim, device=features.device) <= last[:, None]  # (b, dim)
        return Code(features * kept)

    def sample(self, n: int) -> Tensor:
        return self.plain.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        self.plain.fit_prior(codes)
