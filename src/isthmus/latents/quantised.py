"""Discrete codes: the nearest of some learned vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..trace import Code
from .latent import Latent


class VectorQuantised(Latent):
    """The nearest of `size` vectors at each of `positions`, gradients copied straight through.

        z_q = z_e + sg[e_k − z_e],   k = argmin_j ‖z_e − e_j‖²

    The codebook is the running mean of the features that chose each entry (van den Oord et al. 2017, appendix
    A.1, arXiv:1711.00937), not a parameter: N_i ← γ N_i + (1−γ) n_i, m_i likewise, e_i = m_i / N_i. It starts
    at features of the first batch, and an entry that fewer than `revive` features a batch choose is put onto a
    random feature of the batch: without both most entries die. With `ema=None` it is a parameter, moved by
    the term `codebook`.

    `forward` takes (b, positions · width) and hands on the same shape; `extra` holds what the terms need:
    `before` and `nearest` (b, positions, width) and `indices` (b, positions).
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        size: int,
        width: int,
        positions: int = 1,
        ema: float | None = 0.99,
        revive: float = 0.01,
        eps: float = 1e-5,
    ):
        super().__init__()
        if size < 2:
            raise ValueError(f"a codebook needs at least two entries, not {size}")
        self.size, self.width, self.positions, self.ema, self.revive, self.eps = (
            size,
            width,
            positions,
            ema,
            revive,
            eps,
        )
        self.features = self.dim = width * positions
        entries = torch.randn(size, width) / width**0.5
        if ema is None:
            self.codebook = nn.Parameter(entries)
        else:
            self.register_buffer("codebook", entries)
            self.register_buffer("sums", entries.clone())
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        before = features.float().unflatten(-1, (self.positions, self.width))  # (b, p, w); distances need fp32
        flat = before.reshape(-1, self.width)
        if noisy and self.training and self.ema is not None and not self.started:
            self.start(flat.detach())
        indices = self.nearest(flat)  # (b p,)
        if noisy and self.training:
            self.update(flat.detach(), indices)
        nearest = self.codebook[indices].view_as(before)
        straight_through = before + (nearest - before).detach()
        extra = {"before": before, "nearest": nearest, "indices": indices.view(before.shape[:2])}
        return Code(straight_through.flatten(1), extra=extra)

    def nearest(self, flat: Tensor) -> Tensor:
        """(n, width) -> (n,): argmin_j ‖x‖² − 2 x·e_j + ‖e_j‖²; the first term does not matter."""
        with torch.no_grad():
            return torch.addmm(self.codebook.square().sum(1), flat, self.codebook.T, alpha=-2).argmin(1)

    @torch.no_grad()
    def start(self, flat: Tensor) -> None:
        chosen = torch.randint(len(flat), (self.size,), device=flat.device)
        entries = flat[chosen] + 1e-3 * torch.randn_like(flat[chosen])  # two entries alike would tie for ever
        self.codebook.copy_(entries)
        self.sums.copy_(entries)
        self.started.fill_(True)

    @torch.no_grad()
    def update(self, flat: Tensor, indices: Tensor) -> None:
        """Running counts and sums, as batch normalisation keeps running means: buffers, not attributes."""
        keep = 0.99 if self.ema is None else self.ema
        counts = torch.bincount(indices, minlength=self.size).to(self.counts)
        self.counts.lerp_(counts, 1 - keep)
        if self.ema is None:
            return
        sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        self.sums.lerp_(sums, 1 - keep)
        dead = self.counts < self.revive
        if dead.any():
            replacement = flat[torch.randint(len(flat), (self.size,), device=flat.device)]
            self.sums[dead] = replacement[dead]
            self.counts[dead] = 1.0
        total = self.counts.sum()
        smoothed = (self.counts + self.eps) / (total + self.size * self.eps) * total  # Laplace smoothing
        self.codebook.copy_(self.sums / smoothed[:, None])

    def sample(self, n: int) -> Tensor:
        """Entries drawn by how often they were chosen, each position on its own: a weak prior, but not uniform."""
        indices = torch.multinomial(self.counts, n * self.positions, replacement=True)
        return self.codebook[indices].view(n, self.dim).detach()

    def fit_prior(self, codes: Tensor) -> None:
        """How often each entry is chosen."""
        with torch.no_grad():
            indices = self.nearest(codes.reshape(-1, self.width))
            self.counts.copy_(torch.bincount(indices, minlength=self.size))
