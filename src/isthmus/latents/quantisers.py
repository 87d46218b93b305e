"""Quantisers: vectors to the nearest of finitely many. Books that are learned, alone and in combination."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .search import kmeans, nearest, some


class Choice(NamedTuple):
    """What a quantiser made of n vectors.

    `before` (n, width): what is replaced, with its gradient. `nearest` (n, s, width): by what, from coarse to
    fine; the last is handed on. `indices` (n, m): its name, a number below each of `levels`.
    """

    before: Tensor
    nearest: Tensor
    indices: Tensor


class Quantiser(nn.Module, ABC):
    """Vectors (n, width) to the nearest of Π `levels`, each named by m indices below `levels`.

    `forward` moves nothing. What is moved by statistics of the vectors and not by a gradient moves in
    `follow`, once a step and after the parameters have moved.
    """

    width: int
    levels: tuple[int, ...]
    depth: int = 1  # how many approximations, s

    @property
    def bits(self) -> float:
        """log₂ of the number of vectors it can tell apart: what an index costs if all are used alike."""
        return sum(map(math.log2, self.levels))

    @abstractmethod
    def forward(self, x: Tensor) -> Choice:
        """(n, width) -> its replacement."""

    @abstractmethod
    def look_up(self, indices: Tensor) -> Tensor:
        """(n, m) -> (n, width): the vectors of these names."""

    @abstractmethod
    def name(self, vectors: Tensor) -> Tensor:
        """(n, width) -> (n, m): the inverse of `look_up`, for vectors that it gives."""

    @abstractmethod
    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        """Learn from what was quantised, (n, width) and (n, m); `first` says that training begins here."""


class Codebook(Quantiser):
    """The nearest of `size` learned vectors: k = argmin_j ‖x − e_j‖².

    The entries are the running mean of the vectors that chose each of them, not parameters (van den Oord et
    al. 2017, appendix A.1, arXiv:1711.00937):

        N_i ← γ N_i + (1 − γ) n_i,   m_i ← γ m_i + (1 − γ) Σ_{k(x)=i} x,   e_i = m_i / N_i

    They start at `start` of the first batch, k-means, and one chosen less than `revive` times as often as the
    average is put onto a random vector of the batch (Dhariwal et al. 2020, Jukebox, section 3.1,
    arXiv:2005.00341; k-means and both, Zeghidour et al. 2021, SoundStream, arXiv:2107.03312): without these
    most entries die. With `ema=None` they are parameters, moved by the term `codebook`; `start=None` leaves
    them where they were drawn, and `revive=0` leaves the dead alone.
    """

    entries: Tensor
    counts: Tensor
    sums: Tensor
    started: Tensor

    def __init__(
        self,
        size: int,
        width: int,
        ema: float | None = 0.99,
        revive: float = 0.1,
        start: Callable[[Tensor, int], Tensor] | None = kmeans,
        eps: float = 1e-5,
    ):
        super().__init__()
        if size < 2 or width < 1:
            raise ValueError(f"a codebook needs two entries or more, of a width; not {size} of width {width}")
        if ema is not None and not 0 < ema < 1:
            raise ValueError(f"ema is a decay between 0 and 1, or None for a learned codebook; it is {ema}")
        self.size, self.width, self.levels = size, width, (size,)
        self.ema, self.revive, self.start, self.eps = ema, revive, start, eps
        entries = torch.randn(size, width) / width**0.5
        if ema is None:
            self.entries = nn.Parameter(entries)
        else:
            self.register_buffer("entries", entries)
            self.register_buffer("sums", entries.clone())
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("started", torch.tensor(start is None))

    def forward(self, x: Tensor) -> Choice:
        indices = nearest(x.detach(), self.entries.detach())
        return Choice(x, self.entries[indices][:, None], indices[:, None])

    def look_up(self, indices: Tensor) -> Tensor:
        return self.entries.detach()[indices[:, 0]]

    def name(self, vectors: Tensor) -> Tensor:
        return nearest(vectors, self.entries.detach())[:, None]

    @torch.no_grad()
    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        keep = 0.99 if self.ema is None else self.ema
        if first and self.start is not None and not self.started:  # the device is asked once a training
            self.entries.copy_(self.start(x, self.size))
            self.started.fill_(True)
            indices = self.name(x)
            # weighed as one step, so that entries follow an encoder that has not learned yet
            self.counts.copy_((1 - keep) * self._counted(indices[:, 0]).clamp_min(1))
            if self.ema is not None:
                self.sums.copy_(self.entries * self.counts[:, None])
            return
        chosen = indices[:, 0]
        self.counts.lerp_(self._counted(chosen), 1 - keep)
        average = self.counts.mean()
        dead = self.counts < self.revive * average
        self.counts.copy_(torch.where(dead, average, self.counts))
        if self.ema is None:
            self.entries.copy_(torch.where(dead[:, None], some(x, self.size), self.entries))
            return
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, chosen, x), 1 - keep)
        self.sums.copy_(torch.where(dead[:, None], average * some(x, self.size), self.sums))
        total = self.counts.sum()
        smoothed = (self.counts + self.eps) / (total + self.size * self.eps) * total  # Laplace smoothing
        self.entries.copy_(self.sums / smoothed[:, None])

    def _counted(self, indices: Tensor) -> Tensor:
        ones = self.counts.new_ones(len(indices))
        return torch.zeros_like(self.counts).index_add_(0, indices, ones)

    def extra_repr(self) -> str:
        return f"size={self.size}, width={self.width}, ema={self.ema}, revive={self.revive}"


class Residual(Quantiser):
    """Quantise, then what is left, then what is left of that: x̂ = Σ_i e^(i), each from its own book.

        r_0 = x,   e^(i) = Q_i(r_{i−1}),   r_i = r_{i−1} − e^(i)

    m books of K name Kᵐ vectors at the price of m K. `nearest` holds the partial sums, so that the term
    `commitment` is Σ_i ‖x − sg[Σ_{j≤i} e^(j)]‖².

    `name` follows the same greedy path, which need not be the one that led to a sum: it finds names whose sum
    is near, and nearly always the sum itself.

    Reference: Zeghidour et al., SoundStream, 2021, arXiv:2107.03312, algorithm 1; Lee et al., Autoregressive
    Image Generation using Residual Quantization, 2022, arXiv:2203.01941, equations 2 to 5 and 9.
    """

    def __init__(self, parts: Sequence[Codebook]):
        super().__init__()
        widths = {part.width for part in parts}
        if len(widths) != 1:
            raise ValueError(
                f"residual books are of one width, and at least one; these have {sorted(widths)}"
            )
        self.parts = nn.ModuleList(parts)
        (self.width,) = widths
        self.levels, self.depth = tuple(level for part in parts for level in part.levels), len(parts)

    def forward(self, x: Tensor) -> Choice:
        done, sums, indices = torch.zeros_like(x), [], []
        for part in self.parts:
            _, found, index = part(x.detach() - done)
            sums.append(done[:, None] + found)  # each book's gradient is of its own residual only
            indices.append(index)
            done = sums[-1][:, -1].detach()
        return Choice(x, torch.cat(sums, 1), torch.cat(indices, 1))

    def look_up(self, indices: Tensor) -> Tensor:
        found = [part.look_up(index[:, None]) for part, index in zip(self._books(), indices.T)]
        return torch.stack(found).sum(0)

    def name(self, vectors: Tensor) -> Tensor:
        return self(vectors).indices

    @torch.no_grad()
    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        for part, index in zip(self._books(), indices.T):
            fresh = first and not part.started
            before = part.look_up(index[:, None])
            part.follow(x, index[:, None], first)
            x = x - (part.look_up(part.name(x)) if fresh else before)

    def _books(self) -> list[Codebook]:
        return list(self.parts)  # type: ignore[arg-type]


class Product(Quantiser):
    """Cut the vector into groups and quantise each by its own part: x̂ = [Q_1(x_1), …, Q_m(x_m)].

    m books of K name Kᵐ vectors, and a search costs m K. Parts may be any quantiser: of residual ones it is
    grouped residual quantisation (Yang et al. 2023, HiFi-Codec, arXiv:2305.02765).

    Reference: Jégou, Douze & Schmid, Product Quantization for Nearest Neighbor Search, PAMI 33, 2011; learned
    with an encoder, Baevski, Schneider & Auli, vq-wav2vec, 2020, arXiv:1910.05453, section 3.3.
    """

    def __init__(self, parts: Sequence[Quantiser]):
        super().__init__()
        depths = {part.depth for part in parts}
        if len(depths) != 1:
            raise ValueError(
                f"the parts of a product are at least one, with as many stages each; not {sorted(depths)}"
            )
        self.parts = nn.ModuleList(parts)
        self.widths = [part.width for part in parts]
        self.counts = [len(part.levels) for part in parts]
        self.width, (self.depth,) = sum(self.widths), depths
        self.levels = tuple(level for part in parts for level in part.levels)

    def forward(self, x: Tensor) -> Choice:
        found = [part(group) for part, group in zip(self._each(), x.split(self.widths, 1))]
        return Choice(*(torch.cat(each, -1) for each in zip(*found)))

    def look_up(self, indices: Tensor) -> Tensor:
        groups = indices.split(self.counts, 1)
        return torch.cat([part.look_up(group) for part, group in zip(self._each(), groups)], 1)

    def name(self, vectors: Tensor) -> Tensor:
        groups = vectors.split(self.widths, 1)
        return torch.cat([part.name(group) for part, group in zip(self._each(), groups)], 1)

    def follow(self, x: Tensor, indices: Tensor, first: bool) -> None:
        groups = zip(self._each(), x.split(self.widths, 1), indices.split(self.counts, 1))
        for part, group, index in groups:
            part.follow(group, index, first)

    def _each(self) -> list[Quantiser]:
        return list(self.parts)  # type: ignore[arg-type]
