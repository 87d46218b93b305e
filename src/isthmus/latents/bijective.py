"""Bottlenecks of encoders that can be run backwards: they deliver every coordinate, and log |det|."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributions import DiagonalNormal, NoClosedForm, Posterior
from ..priors import Normal
from ..trace import Code, Stage
from .latent import Fitted, Known


class Bijective(Known):
    """All of z = f(x), against a standard normal prior: −log p(x) = −log N(z; 0, I) − log |det ∂f/∂x|.

    The encoder delivers (b, dim + 1), z and then log |det|, as `isthmus.nets.Forwards` does. There is no
    noise: the one stage has a posterior that is a point, and its divergence is the negative log-likelihood.
    """

    zero: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.dim, self.features = dim, dim + 1
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        z, log_det = features[:, :-1], features[:, -1]
        p = DiagonalNormal(self.zero, self.zero, standard=True)
        return Code(z, (Stage(z, Transported(z, log_det), p),), {"whole": z, "log_det": log_det})

    def sample(self, n: int) -> Tensor:
        return self.zero.new_empty(n, self.dim).normal_()


class Kept(Fitted):
    """The first `dim` of the `whole` coordinates z = f(x); the decoder puts zeros for the others.

    The encoder delivers (b, whole + 1), z and then log |det|: `code.extra` holds both, for the term
    `surprise`. Samples are drawn from a Gaussian fitted to the codes.
    """

    def __init__(self, dim: int, whole: int):
        super().__init__()
        if not 1 <= dim <= whole:
            raise ValueError(
                f"a bijection of {whole} columns has as many coordinates, so that dim lies between 1 and "
                f"{whole}, not {dim}"
            )
        self.dim, self.features = dim, whole + 1
        self.prior = Normal(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        whole, log_det = features[:, :-1], features[:, -1]
        return Code(whole[:, : self.dim], extra={"whole": whole, "log_det": log_det})


class Transported(Posterior):
    """A point, z = f(x), that carries with it by how much f stretches space.

    `log_prob` is −log |det ∂f/∂x|, what log q(z|x) − log p(x|z) tends to as the noise of both vanishes
    (Nielsen et al. 2020, SurVAE Flows, section 2, arXiv:2007.02731): with it, and a likelihood that says 0,
    the evidence lower bound is the log-likelihood.
    """

    def __init__(self, z: Tensor, log_det: Tensor):
        self.z, self.log_det = z, log_det

    @property
    def mean(self) -> Tensor:
        return self.z

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        return self.z.expand(*shape, *self.z.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        return (-self.log_det).expand(z.shape[:-1])

    def kl(self, other: object) -> Tensor:
        raise NoClosedForm("a point has no KL of its dimensions; Stage.divergence sums over them")
