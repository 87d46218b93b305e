"""Codes of which few entries are active: their number is chosen or learned, and their size is left alone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from ..trace import Code
from .latent import Fitted, Latent


class TopK(Fitted):
    """z keeps the k largest positive features of each row; the others are zero.

    A row never has more than k active entries, and none of them is shrunk, as an L1 penalty does. The
    gradient reaches the entries that were kept.

    Reference: Makhzani & Frey, k-Sparse Autoencoders, 2014, arXiv:1312.5663; with the ReLU, Gao et al.,
    Scaling and Evaluating Sparse Autoencoders, 2024, arXiv:2406.04093, equation 3.
    """

    def __init__(self, dim: int, k: int):
        super().__init__()
        _some(k, dim)
        self.features, self.dim, self.k = dim, dim, k
        self.prior = Occurrence(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        values, places = features.topk(self.k, dim=-1)  # (b, k)
        return Code(torch.zeros_like(features).scatter(-1, places, values.relu()))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, k={self.k}"


class BatchTopK(Fitted):
    """z keeps the k · b largest positive features of a batch of b rows: k a row on average, not in each.

    Which rows keep how many depends on their company, so that this is for training only. Afterwards a
    threshold takes its place, the least feature that was kept, averaged over batches:

        z_j = f_j H(f_j − θ),   θ = E_batch[min {z_ij : z_ij > 0}]

    It is a running mean, which follows after each step.

    Reference: Bussmann, Leask & Nanda, BatchTopK Sparse Autoencoders, 2024, arXiv:2412.06410.
    """

    threshold: Tensor
    batches: Tensor

    def __init__(self, dim: int, k: int, keep: float = 0.99):
        super().__init__()
        _some(k, dim)
        if not 0 <= keep < 1:
            raise ValueError(f"keep is the share of the running mean that stays, below 1; {keep} is not")
        self.features, self.dim, self.k, self.keep = dim, dim, k, keep
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("batches", torch.zeros(()))
        self.prior = Occurrence(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        if not (noisy and self.training):
            return Code(features * (features > self.threshold))
        values, places = features.flatten().topk(self.k * len(features))  # (k b,)
        return Code(torch.zeros_like(features).flatten().scatter(0, places, values.relu()).view_as(features))

    @torch.no_grad()
    def follow(self, code: Code, first: bool) -> None:
        """The mean over the batches so far, until they are so many that it forgets the first ones."""
        least = torch.where(code.z > 0, code.z, math.inf).amin()
        found = least.isfinite()
        self.batches.add_(found)
        rate = torch.clamp(1 / self.batches.clamp(min=1), min=1 - self.keep)
        self.threshold.copy_(
            torch.where(found, self.threshold + rate * (least - self.threshold), self.threshold)
        )

    def extra_repr(self) -> str:
        return f"dim={self.dim}, k={self.k}"


class JumpReLU(Fitted):
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

    def extra_repr(self) -> str:
        return f"dim={self.dim}, bandwidth={self.bandwidth:g}"


class Gated(Fitted):
    """Whether an entry is active and how large it is are two questions: z_j = H(f_j) ReLU(e^{r_j} f_j + b_j).

    Both are asked of the same features f = W x + c, but the size has a scale r and a shift b of its own, so
    that a penalty on the gate does not shrink what comes through it. The step H lets no gradient pass, so the
    gate learns by terms of its own: `gate` in `code.extra` is ReLU(f), (b, dim), which `gate_l1` makes sparse
    and from which `gate_reconstruction` rebuilds the row.

    Reference: Rajamanoharan et al., Improving Dictionary Learning with Gated Sparse Autoencoders, 2024,
    arXiv:2404.16014, section 3. There the size is ReLU(e^r W x + b'), with b' = b + e^r c.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.features = self.dim = dim
        self.log_scale = nn.Parameter(torch.zeros(dim))
        self.shift = nn.Parameter(torch.zeros(dim))
        self.prior = Occurrence(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        size = (features * self.log_scale.exp() + self.shift).relu()  # (b, d)
        return Code(size * (features > 0), extra={"gate": features.relu()})

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Counted(Latent):
    """Another latent, and for each of its entries the number of rows since it was last active.

    `code.extra["silent"]`, (dim,), is that count, this batch included. Only many rows tell a dead entry from
    a rare one: wait for more than 1 / rate of the rarest that matters. It follows after each step.
    """

    silent: Tensor

    def __init__(self, latent: Latent):
        super().__init__()
        self.latent = latent
        self.features, self.dim = latent.features, latent.dim
        self.register_buffer("silent", torch.zeros(latent.dim, dtype=torch.long))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        code: Code = self.latent(features, noisy)
        silent = self.silent
        if noisy and self.training:
            silent = torch.where((code.z != 0).any(0), 0, silent + len(code.z))
        return code._replace(extra={**code.extra, "silent": silent})

    def follow(self, code: Code, first: bool) -> None:
        self.silent.copy_(code.extra["silent"])
        self.latent.follow(code, first)

    def sample(self, n: int) -> Tensor:
        return self.latent.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        self.latent.fit_prior(codes)


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


def _some(k: int, dim: int) -> None:
    if not 1 <= k <= dim:
        raise ValueError(f"k counts the active entries of {dim}, so it lies between 1 and {dim}, not {k}")
