"""Codes that training holds to a distribution of your choice, and shapes to choose from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..trace import Code
from .latent import Known


class Shape(nn.Module, ABC):
    """A distribution over codes that need only be drawn from: no density is asked for.

    Where it has parts, a label says from which: (n,) whole numbers below `classes`, −1 for any.
    """

    dim: int

    @abstractmethod
    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        """(n, dim), drawn from the global generator."""


class Imposed(Known):
    """z = features, held by a game to `shape`, which stays the prior: what adversarial autoencoders need."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.features = self.dim = shape.dim

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return Code(features)

    def sample(self, n: int) -> Tensor:
        return self.shape.sample(n)


class Classed(Known):
    """A class and a style: z = [softmax of the first `classes` features, the `dim` others].

    The prior is a one-hot class, all as likely, beside N(0, I). `extra["logits"]` are the (b, classes)
    features before the softmax. In eval() too the probabilities are the code: they are the mean.
    """

    like: Tensor

    def __init__(self, classes: int, dim: int):
        super().__init__()
        if classes < 2:
            raise ValueError(f"there is nothing to tell apart: classes is {classes}, and must be at least 2")
        self.classes, self.features, self.dim = classes, classes + dim, classes + dim
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        logits, style = features.split([self.classes, self.dim - self.classes], -1)
        return Code(torch.cat([logits.softmax(-1), style], -1), extra={"logits": logits})

    def sample(self, n: int) -> Tensor:
        chosen = torch.randint(self.classes, (n,), device=self.like.device)
        style = self.like.new_empty(n, self.dim - self.classes).normal_()
        return torch.cat([F.one_hot(chosen, self.classes).to(style), style], 1)


class Informed(Known):
    """What an InfoGAN draws: a class, `continuous` numbers between −1 and 1, and `noise` numbers, N(0, I).

    z = [one-hot class, numbers, noise]. The encoder tells the first two of a row, and the noise it cannot
    tell: there, a row's code has zeros. `extra` holds the `logits` of the classes and the `means`.
    """

    like: Tensor

    def __init__(self, classes: int, continuous: int, noise: int):
        super().__init__()
        if classes < 1 or continuous < 0 or noise < 0:
            raise ValueError(
                f"a class is drawn of at least one, and no fewer than 0 numbers; not {classes} classes, "
                f"{continuous} continuous and {noise} of noise"
            )
        self.classes, self.continuous, self.noise = classes, continuous, noise
        self.features, self.dim = classes + continuous, classes + continuous + noise
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        logits, means = features.split([self.classes, self.continuous], -1)
        unknown = features.new_zeros(len(features), self.noise)
        z = torch.cat([logits.softmax(-1), means, unknown], -1)
        return Code(z, extra={"logits": logits, "means": means})

    def sample(self, n: int) -> Tensor:
        kind = torch.randint(self.classes, (n,), device=self.like.device)
        numbers = self.like.new_empty(n, self.continuous).uniform_(-1, 1)
        noise = self.like.new_empty(n, self.noise).normal_()
        return torch.cat([F.one_hot(kind, self.classes).to(noise), numbers, noise], 1)


class Sphere(Shape):
    """N(0, I), whatever the label: the round prior of most models."""

    like: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        return self.like.new_empty(n, self.dim).normal_()


class Petals(Shape):
    """A mixture of `classes` Gaussians, long and narrow, that point away from the origin; label k is petal k.

    They lie in the plane of the first two dimensions, at distance 3, with standard deviations 0.7 along and
    0.2 across (less where there are many); other dimensions are standard normal.

    Reference: Makhzani et al., Adversarial Autoencoders, 2015, arXiv:1511.05644, figures 2 and 4.
    """

    like: Tensor

    def __init__(self, dim: int = 2, classes: int = 10):
        super().__init__()
        if dim < 2 or classes < 1:
            raise ValueError(f"petals lie in a plane, one or more of them; not dim={dim}, classes={classes}")
        self.dim, self.classes = dim, classes
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        angle = chosen(n, labels, self.classes, self.like) * (2 * math.pi / self.classes)
        z = self.like.new_empty(n, self.dim).normal_()
        along, across = 3 + 0.7 * z[:, 0], min(0.2, 2 / self.classes) * z[:, 1]
        z[:, 0] = along * angle.cos() - across * angle.sin()
        z[:, 1] = along * angle.sin() + across * angle.cos()
        return z


class SwissRoll(Shape):
    """A strip rolled up in the plane, z = t/5 (cos t, sin t) + noise, 1.5π ≤ t ≤ 4.5π.

    Evenly covered along its length, of which t dt is a share: t² is drawn evenly. Label k is its k-th part.
    No density that a VAE has a closed form for looks like it.

    Reference: Makhzani et al., Adversarial Autoencoders, 2015, arXiv:1511.05644, figure 4.
    """

    like: Tensor

    def __init__(self, dim: int = 2, classes: int = 10, noise: float = 0.05):
        super().__init__()
        if dim != 2:
            raise ValueError(f"a swiss roll lies in the plane: dim is 2, not {dim}")
        self.dim, self.classes, self.noise = dim, classes, noise
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        part = chosen(n, labels, self.classes, self.like)
        share = (part + torch.rand_like(part)) / self.classes
        first, last = (1.5 * math.pi) ** 2, (4.5 * math.pi) ** 2
        t = (first + share * (last - first)).sqrt()
        roll = torch.stack([t * t.cos(), t * t.sin()], 1) / 5
        return roll + self.noise * torch.randn_like(roll)


def chosen(n: int, labels: Tensor | None, classes: int, like: Tensor) -> Tensor:
    """Which part each draw is from, (n,), as numbers like `like`: the label, or any where it is below 0."""
    free = torch.randint(classes, (n,), device=like.device)
    if labels is None:
        return free.to(like)
    return torch.where(labels < 0, free, labels.to(free)).to(like)


Shaped = Callable[[int], Shape]
