"""A code of a class and of what the class does not say."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import OneHots
from ..trace import Code, Stage
from .deterministic import Deterministic
from .gaussian import Gaussian
from .latent import Known, Latent


class Labelled(Known):
    """(z, y): a class, known for some rows and guessed for others, and a Gaussian code beside it.

        q(y | x) q(z | x, y),   p(y) uniform, p(z) = N(0, I)

    The encoder delivers h (b, width), the logits of q(y | x), and the label as far as it is known, one-hot or
    zeros (`WithLabel`). `infer` is the net [h, y] -> means and log scales of q(z | x, y). A known label is
    what y is; of an unknown one a draw is taken while training, the likeliest otherwise. The code is [z, y],
    (b, dim + classes). `extra` holds `h` and `logits`.

    Reference: Kingma, Rezende, Mohamed & Welling, Semi-Supervised Learning with Deep Generative Models,
    NeurIPS 2014, arXiv:1406.5298 (M2).
    """

    uniform: Tensor

    def __init__(self, dim: int, classes: int, infer: nn.Module, width: int):
        super().__init__()
        self.classes, self.infer, self.width = classes, infer, width
        self.features, self.dim = width + 2 * classes, dim + classes
        self.gaussian = Gaussian(dim)
        self.register_buffer("uniform", torch.zeros(1, classes), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        h, logits, label = features.split([self.width, self.classes, self.classes], -1)
        known = label.sum(-1) > 0  # (b,)
        q_y = OneHots(torch.where(known[:, None], CERTAIN * label, logits)[:, None])  # (b, 1, classes)
        y = q_y.rsample() if noisy else F.one_hot(q_y.mean.argmax(-1), self.classes).to(h)
        z, q, p = self.given(h, y, noisy)
        stages = (Stage(z, q, p), Stage(y, q_y, OneHots(self.uniform)))
        return Code(torch.cat([z, y], -1), stages, {"h": h, "logits": logits})

    def given(self, h: Tensor, y: Tensor, noisy: bool) -> Stage:
        """The Gaussian code of rows of these classes."""
        code: Code = self.gaussian(self.infer(torch.cat([h, y], -1)), noisy)
        return code.stages[0]

    def sample(self, n: int) -> Tensor:
        return torch.cat([self.gaussian.sample(n), OneHots(self.uniform).rsample((n,))], -1)


class Judged(Latent):
    """z = the first `dim` features; the others, logits of `classes`, stand beside it as `extra["logits"]`.

    The code of a classifier that learns in a way of its own, as a ladder network does: what is decoded does
    not see them.
    """

    def __init__(self, dim: int, classes: int):
        super().__init__()
        self.features, self.dim, self.classes = dim + classes, dim, classes
        self.plain = Deterministic(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        z, logits = features.split([self.dim, self.classes], -1)
        return Code(z, extra={"logits": logits})

    def sample(self, n: int) -> Tensor:
        return self.plain.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        self.plain.fit_prior(codes)


CERTAIN = 60.0  # nats by which a known label is ahead of every other
