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
    at features of the first batch, and an entry chosen less than `revive` times as often as the average one
    is put onto a random feature of the batch (Dhariwal et al. 2020, Jukebox, section 3.1): without both most
    entries die. It moves in train() only, after the batch was quantised by what it was before. With
    `ema=None` it is a parameter, moved by the term `codebook`.

    `forward` takes (b, positions · width) and hands on the same shape; `extra` holds what the terms need:
    `before` and `nearest` (b, positions, width) and `indices` (b, positions).
    """

    codebook: Tensor
    counts: Tensor
    shares: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        size: int,
        width: int,
        positions: int = 1,
        ema: float | None = 0.99,
        revive: float = 0.1,
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
        self.register_buffer("shares", torch.zeros(size))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        before = features.unflatten(-1, (self.positions, self.width))  # (b, p, w)
        flat = before.detach().reshape(-1, self.width)
        learns = noisy and self.training
        if learns and self.ema is not None:
            self.start(flat)
        indices = self.nearest(flat)  # (b p,)
        nearest = self.codebook[indices].view_as(before)
        if learns:
            self.update(flat, indices)
        straight_through = before + (nearest - before).detach()
        extra = {"before": before, "nearest": nearest, "indices": indices.view(before.shape[:2])}
        return Code(straight_through.flatten(1), extra=extra)

    @torch.no_grad()
    def nearest(self, flat: Tensor) -> Tensor:
        """(n, width) -> (n,): argmin_j ‖x‖² − 2 x·e_j + ‖e_j‖²; the first term does not matter."""
        with torch.autocast(flat.device.type, enabled=False):  # in bf16 the nearest is often another
            return torch.addmm(self.codebook.square().sum(1), flat, self.codebook.T, alpha=-2).argmin(1)

    @torch.no_grad()
    def start(self, flat: Tensor) -> None:
        """The first time only, and without asking the device whether it is."""
        chosen = self.some(flat)
        chosen = chosen + 1e-3 * torch.randn_like(chosen)  # two entries alike would tie for ever
        self.codebook.copy_(torch.where(self.started, self.codebook, chosen))
        self.sums.copy_(torch.where(self.started, self.sums, chosen))
        self.started.fill_(True)

    def some(self, flat: Tensor) -> Tensor:
        """A feature of the batch for every entry, (size, width)."""
        return flat[torch.randint(len(flat), (self.size,), device=flat.device)]

    @torch.no_grad()
    def update(self, flat: Tensor, indices: Tensor) -> None:
        """Running counts and sums, as batch normalisation keeps running means: buffers, not attributes."""
        keep = 0.99 if self.ema is None else self.ema
        counts = torch.zeros_like(self.counts).index_add_(0, indices, self.counts.new_ones(len(indices)))
        self.counts.lerp_(counts, 1 - keep)
        if self.ema is None:
            return
        sums = torch.zeros_like(self.sums).index_add_(0, indices, flat)
        self.sums.lerp_(sums, 1 - keep)
        average = self.counts.mean()
        dead = self.counts < self.revive * average
        self.counts.copy_(torch.where(dead, average, self.counts))
        self.sums.copy_(torch.where(dead[:, None], average * self.some(flat), self.sums))
        total = self.counts.sum()
        smoothed = (self.counts + self.eps) / (total + self.size * self.eps) * total  # Laplace smoothing
        self.codebook.copy_(self.sums / smoothed[:, None])

    def sample(self, n: int) -> Tensor:
        """Entries by how often they were chosen, each position on its own: a weak prior, but not uniform."""
        shares = torch.where(self.shares.sum() > 0, self.shares, self.counts)
        indices = torch.multinomial(shares, n * self.positions, replacement=True)
        return self.codebook[indices].view(n, self.dim).detach()

    @torch.no_grad()
    def fit_prior(self, codes: Tensor) -> None:
        """How often each entry is chosen. The running counts, of which the codebook is made, stay."""
        indices = self.nearest(codes.reshape(-1, self.width))
        self.shares.copy_(torch.bincount(indices, minlength=self.size) / len(indices))
