"""Codes on a sphere: directions, with a uniform prior that nothing pulls towards a centre."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from ..distributions import Density, NoClosedForm, Posterior
from ..trace import Code, Stage
from .latent import Known


class Spherical(Known):
    """z on the unit sphere of R^dim, q(z|x) = vMF(μ, κ) against the uniform distribution on that sphere.

    The encoder delivers (b, dim + 1): a direction, and κ = 1 + softplus(raw), how closely q gathers around
    it. The KL does not depend on μ, so that no direction is cheaper than another, and there is no centre to
    collapse to; a `dim` of d has d − 1 degrees of freedom. On many dimensions the sphere has hardly any
    surface to spare, and a Gaussian does as well (section 5.1 of the reference).

    Raises ValueError for fewer than two dimensions.
    Reference: Davidson et al., Hyperspherical Variational Auto-Encoders, UAI 2018, arXiv:1804.00891.
    """

    zero: Tensor

    def __init__(self, dim: int):
        super().__init__()
        if dim < 2:
            raise ValueError(f"a sphere needs at least two dimensions, not {dim}: in one it is two points")
        self.dim, self.features = dim, dim + 1
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        q = VonMisesFisher(F.normalize(features[:, :-1], dim=-1), 1 + F.softplus(features[:, -1]))
        z = q.rsample() if noisy else q.direction  # the mode: the mean is no point of the sphere
        return Code(z, (Stage(z, q, OnSphere(self.dim)),))

    def sample(self, n: int) -> Tensor:
        return F.normalize(self.zero.new_empty(n, self.dim).normal_(), dim=-1)


class OnSphere:
    """The uniform distribution on the unit sphere of R^d: log p(z) = −log 2π^(d/2) / Γ(d/2)."""

    def __init__(self, dim: int):
        self.dim = dim

    @property
    def log_area(self) -> float:
        return math.log(2) + self.dim / 2 * math.log(math.pi) - math.lgamma(self.dim / 2)

    def log_prob(self, z: Tensor) -> Tensor:
        return z.new_full(z.shape[:-1], -self.log_area)


class VonMisesFisher(Posterior):
    """p(z) = C(κ) exp(κ μᵀz) on the unit sphere of R^d, C(κ) = κ^ν / ((2π)^(d/2) I_ν(κ)), ν = d/2 − 1.

    `direction` μ (b, d) of length 1, `concentration` κ (b,). A draw has w = μᵀz from Wood's rejection
    sampler (1994) and the rest uniform; its gradient by κ is that of the inverse of w's distribution
    function (see `Along`), without the score-function term of Davidson et al. 2018, section 4.2.
    """

    def __init__(self, direction: Tensor, concentration: Tensor):
        self.direction, self.concentration = direction, concentration
        self.dim = direction.shape[-1]

    @property
    def log_normaliser(self) -> Tensor:
        """log C(κ), (b,)."""
        order = self.dim / 2 - 1
        bessel = LogBessel.apply(self.concentration, order)
        return order * self.concentration.log() - self.dim / 2 * math.log(2 * math.pi) - bessel

    @property
    def resultant(self) -> Tensor:
        """A(κ) = I_{d/2}(κ) / I_{d/2−1}(κ), the length of the mean, (b,)."""
        return Resultant.apply(self.concentration, self.dim)

    @property
    def mean(self) -> Tensor:
        return self.resultant[:, None] * self.direction

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        direction = self.direction.expand(*shape, *self.direction.shape)
        concentration = self.concentration.expand(*shape, *self.concentration.shape)
        w = Along.apply(concentration, self.dim)[..., None]  # (*shape, b, 1)
        across = F.normalize(torch.randn_like(direction[..., 1:]), dim=-1)
        local = torch.cat([w, (1 - w.square()).clamp_min(1e-12).sqrt() * across], -1)
        axis = F.normalize(F.pad(torch.ones_like(w), (0, self.dim - 1)) - direction, dim=-1)
        return local - 2 * (local * axis).sum(-1, keepdim=True) * axis  # a reflection takes e₁ to μ

    def log_prob(self, z: Tensor) -> Tensor:
        return self.concentration * (z * self.direction).sum(-1) + self.log_normaliser

    def kl(self, other: Density) -> Tensor:
        """κ A(κ) + log C(κ) + log area, of all dimensions together: (b, 1)."""
        if not isinstance(other, OnSphere):
            raise NoClosedForm(f"no closed-form KL from VonMisesFisher to {type(other).__name__}")
        return (self.concentration * self.resultant + self.log_normaliser + other.log_area)[:, None]


def log_bessel(order: float, x: np.ndarray) -> np.ndarray:
    """log I_order(x), by scipy; where that underflows, by the leading terms of the series at 0."""
    from scipy.special import gammaln, ive  # few methods need it, and training goes without

    scaled = ive(order, x)
    small = order * np.log(x / 2) - gammaln(order + 1) + np.log1p(np.square(x) / 4 / (order + 1))
    with np.errstate(divide="ignore"):
        return np.where(scaled > 1e-290, np.log(scaled) + x, small)


def ratio(order: float, x: Tensor) -> Tensor:
    """I_{order+1}(x) / I_order(x), in float64."""
    value = x.detach().double().cpu().numpy()
    return torch.from_numpy(np.exp(log_bessel(order + 1, value) - log_bessel(order, value))).to(x.device)


class LogBessel(Function):
    """log I_ν(κ), with derivative I_{ν+1}(κ) / I_ν(κ) + ν / κ."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.order = order
        return torch.from_numpy(log_bessel(order, x.detach().double().cpu().numpy())).to(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * (ratio(ctx.order, x).to(x) + ctx.order / x), None


class Resultant(Function):
    """A(κ), with derivative 1 − A² − (d − 1) A / κ."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int) -> Tensor:
        found = ratio(dim / 2 - 1, x)
        ctx.save_for_backward(x, found)
        ctx.dim = dim
        return found.to(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, found = ctx.saved_tensors
        slope = 1 - found.square() - (ctx.dim - 1) * found / x.double()
        return gradients[0] * slope.to(gradients[0]), None


class Along(Function):
    """w = μᵀz of a von Mises–Fisher draw, and ∂w/∂κ at a fixed quantile.

    With F the distribution function of θ = arccos w, whose density is p(θ) ∝ exp(κ cos θ) sin^(d−2) θ,

        ∂θ/∂κ = −(∂F/∂κ) / p(θ) = ∫_θ^π (cos s − A(κ)) p(s) / p(θ) ds,   ∂w/∂κ = −sin θ ∂θ/∂κ,

    an integral of a smooth function, by Gauss & Legendre. Implicit reparameterisation: Figurnov, Mohamed &
    Mnih, NeurIPS 2018, arXiv:1805.08498. The sampler: Wood, Simulation of the von Mises Fisher Distribution,
    Communications in Statistics 23, 1994.
    """

    @staticmethod
    def forward(ctx: Any, concentration: Tensor, dim: int) -> Tensor:
        k, half = concentration.double(), (dim - 1) / 2
        b = 2 * half / (2 * k + (4 * k.square() + (dim - 1) ** 2).sqrt())
        start = (1 - b) / (1 + b)
        c = k * start + 2 * half * torch.log1p(-start.square())
        w, waiting = torch.empty_like(k), torch.ones_like(k, dtype=torch.bool)
        beta = torch.distributions.Beta(torch.tensor(half), torch.tensor(half), validate_args=False)
        while waiting.any():
            proposal = beta.sample(k.shape).to(k)
            t = (1 - (1 + b) * proposal) / (1 - (1 - b) * proposal)
            accepted = k * t + 2 * half * torch.log1p(-start * t) - c >= torch.rand_like(k).log()
            w = torch.where(waiting & accepted, t, w)
            waiting = waiting & ~accepted
        ctx.save_for_backward(concentration, w)
        ctx.dim = dim
        return w.to(concentration)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        concentration, w = ctx.saved_tensors
        k = concentration.double()[..., None]
        theta = torch.arccos(w.clamp(-1 + 1e-12, 1 - 1e-12))[..., None]
        length = torch.minimum(math.pi - theta, 25 * (k + ctx.dim).rsqrt())
        nodes, weights = (torch.from_numpy(a).to(k) for a in np.polynomial.legendre.leggauss(64))
        s = theta + 0.5 * length * (nodes + 1)  # (..., 64)
        log_ratio = k * (s.cos() - theta.cos()) + (ctx.dim - 2) * (s.sin().log() - theta.sin().log())
        resultant = ratio(ctx.dim / 2 - 1, concentration)[..., None]
        integral = (0.5 * length * weights * (s.cos() - resultant) * log_ratio.exp()).sum(-1)
        return gradients[0] * (-theta[..., 0].sin() * integral).to(gradients[0]), None
