"""Codes of which few entries are active: their number is chosen or learned, and their size is left alone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from ..trace import Code
from .latent import Latent


class TopK(Latent):
    """z keeps the k largest positive features of each row; the others are zero.

    A row never has more than k active entries, and none of them is shrunk, as an L1 penalty does. The
    gradient reaches the entries that were kept.

    Reference: Makhzani & Frey, k-Sparse Autoencoders, 2014, arXiv:1312.5663; with the ReLU, Gao et al.,
    Scaling and Evaluating Sparse Autoencoders, 2024, arXiv:2406.04093, equation 3.
    """

    def __init__(self, dim: int, k: int):
        super().__init__()
        if not 1 <= k <= dim:
            raise ValueError(f"k counts the active entries of {dim}, so it lies between 1 and {dim}, not {k}")
        self.features, self.dim, self.k = dim, dim, k
        self.prior = Occurrence(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        values, places = features.topk(self.k, dim=-1)  # (b, k)
        return Code(torch.zeros_like(features).scatter(-1, places, values.relu()))

    def sample(self, n: int) -> Tensor:
        return self.prior.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        """How often each entry is active, and how large it then is."""
        self.prior.fit(codes)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, k={self.k}"


class JumpReLU(Latent):
    """z_j = f_j H(f_j − θ_j), H the unit step, with a threshold θ_j > 0 that each entry learns.

    A step has no useful derivative, but its mean over x has one, which is estimated from the features that
    lie near the threshold, in a window of width ε = `bandwidth`:

        ∂H(f_j − θ_j)/∂θ_j = −1/ε  where |f_j − θ_j| < ε/2,  else 0

    `code.extra["active"]`, (b, dim), is H with that derivative; the term `l0` is its sum, and only with such
    a term do thresholds rise. They are stored as logs, so that they stay positive. A window that holds a few
    rows of each batch is right: a narrow one sees none, a wide one blurs the threshold.

    Reference: Rajamanoharan et al., Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse
    Autoencoders, 2024, arXiv:2407.14435, equations 9 to 12 and appendix A. There ∂z/∂θ has the factor θ
    where here it is f, which is the same to first order in ε.
    """

    def __init__(self, dim: int, threshold: float = 0.001, bandwidth: float = 0.001):
        super().__init__()
        if not (threshold > 0 and bandwidth > 0):
            raise ValueError(f"threshold and bandwidth must be above 0, not {threshold} and {bandwidth}")
        self.features, self.dim, self.bandwidth = dim, dim, bandwidth
        self.log_threshold = nn.Parameter(torch.full((dim,), math.log(threshold)))
        self.prior = Occurrence(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        active = Step.apply(features, self.log_threshold.exp(), self.bandwidth)  # (b, d)
        return Code(features * active, extra={"active": active})

    def sample(self, n: int) -> Tensor:
        return self.prior.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        """How often each entry is active, and how large it then is."""
        self.prior.fit(codes)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, bandwidth={self.bandwidth:g}"


class Occurrence(nn.Module):
    """Entries that are active at random, each on its own: z_j = b_j |a_j|, b_j ~ Bernoulli(p_j), a_j normal.

    Until it has been fitted, one entry in ten is active, with mean 1: a sparse code, of no meaning.
    """

    rate: Tensor
    size: Tensor
    spread: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("rate", torch.full((dim,), 0.1))
        self.register_buffer("size", torch.ones(dim))
        self.register_buffer("spread", torch.zeros(dim))

    def sample(self, n: int) -> Tensor:
        """(n, dim)."""
        active = torch.bernoulli(self.rate.expand(n, -1))
        return active * (self.size + self.spread * torch.randn_like(active)).abs()

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Frequency of each entry, and mean and standard deviation of its values where it is active."""
        codes, active = codes.double(), codes != 0
        often = active.sum(0).clamp(min=1)
        size = codes.sum(0) / often
        variance = torch.where(active, codes - size, 0).square().sum(0) / often
        self.rate.copy_(active.double().mean(0))
        self.size.copy_(size)
        self.spread.copy_(variance.sqrt())


class Step(Function):
    """H(f − θ), with an estimate of the derivative by θ and none by f."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(features, threshold)
        ctx.bandwidth = bandwidth
        return (features > threshold).to(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        features, threshold = ctx.saved_tensors
        near = (features - threshold).abs() < ctx.bandwidth / 2  # (b, d)
        return None, -(near * gradients[0]).sum(0) / ctx.bandwidth, None
