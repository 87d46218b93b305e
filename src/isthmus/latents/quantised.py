"""Discrete codes: at each position a vector is replaced by one of finitely many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..distributions import full
from ..trace import Code
from .latent import Latent
from .quantisers import Quantiser

Gradient = Callable[[Tensor, Tensor], Tensor]
PriorOfIndices = Callable[[Sequence[int], Sequence[int]], nn.Module]  # levels, books -> fit, sample, log_prob


def straight_through(before: Tensor, nearest: Tensor) -> Tensor:
    """The nearest vector, with a gradient as if nothing had been replaced (Bengio et al. 2013, 1308.3432)."""
    return nearest.detach() + (before - before.detach())


def rotation(before: Tensor, nearest: Tensor) -> Tensor:
    """The nearest vector, as a rotation and stretch of what it replaces that the gradient takes for constant.

        q = sg[(‖q‖ / ‖x‖) R] x,   R = I − 2 r rᵀ + 2 q̂ x̂ᵀ,   r = (x̂ + q̂) / ‖x̂ + q̂‖

    so that the angle between gradient and vector is the same before and after. Straight through, all vectors
    of a cell get one gradient; here those on opposite sides are told apart.

    Reference: Fifty et al., Restructuring Vector Quantization with the Rotation Trick, ICLR 2025,
    arXiv:2410.06424, section 4.2.
    """
    x, q = before.detach(), nearest.detach()
    stretch = q.norm(dim=-1, keepdim=True) / x.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    x, q = F.normalize(x, dim=-1), F.normalize(q, dim=-1)
    r = F.normalize(x + q, dim=-1)
    along_r, along_x = ((before * each).sum(-1, keepdim=True) for each in (r, x))
    turned = stretch * (before - 2 * r * along_r + 2 * q * along_x)
    return nearest.detach() + (turned - turned.detach())  # of the value the last digit would be lost


class Places(nn.Module):
    """Features of `positions` vectors, each quantised: (b, width · positions) to as many.

    They are laid out as a picture is, channels first: feature c · positions + i is number c of position i.
    So a convolutional encoder's map of h × w is h · w positions; to a dense one the order is all one.
    """

    def __init__(self, quantiser: Quantiser, positions: int, gradient: Gradient = straight_through):
        super().__init__()
        if positions < 1:
            raise ValueError(f"a code has at least one position, not {positions}")
        self.quantiser, self.positions, self.gradient = quantiser, positions, gradient
        self.features = self.dim = quantiser.width * positions
        self.levels = quantiser.levels * positions
        self.books = tuple(range(len(quantiser.levels))) * positions

    def forward(self, features: Tensor) -> Code:
        b = len(features)
        found = self.quantiser(self._vectors(features))
        z = self._features(self.gradient(found.before, found.nearest[:, -1]))
        extra = {
            "before": found.before.unflatten(0, (b, -1)),  # (b, p, w)
            "nearest": found.nearest.unflatten(0, (b, -1)),  # (b, p, s, w)
            "indices": found.indices.reshape(b, -1),  # (b, p m)
        }
        return Code(z, extra=extra)

    def look_up(self, indices: Tensor) -> Tensor:
        """(b, p m) -> (b, width · positions)."""
        return self._features(self.quantiser.look_up(indices.reshape(-1, len(self.quantiser.levels))))

    def name(self, z: Tensor) -> Tensor:
        """(b, width · positions) -> (b, p m): the inverse."""
        return self.quantiser.name(self._vectors(z)).reshape(len(z), -1)

    def follow(self, before: Tensor, indices: Tensor, first: bool) -> None:
        """(b, p, w), (b, p m)."""
        indices = indices.reshape(-1, len(self.quantiser.levels))
        self.quantiser.follow(before.detach().flatten(0, 1), indices, first)

    def _vectors(self, features: Tensor) -> Tensor:
        return features.unflatten(-1, (self.quantiser.width, self.positions)).mT.flatten(0, 1)

    def _features(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(0, (-1, self.positions)).mT.flatten(1)


class Shares(nn.Module):
    """p(k) = Π_i p_i(k_i): how often each index was chosen at each place, the places apart from each other.

    The simplest prior over codes, and a weak one; but a uniform one is none at all. Until it is fitted, it
    is that. A half is added to each count (Krichevsky & Trofimov 1981), so that nothing is impossible.
    """

    shares: Tensor

    def __init__(self, levels: Sequence[int], books: Sequence[int]):
        super().__init__()
        level = torch.tensor(levels)[:, None]  # (l, 1)
        self.register_buffer("shares", (torch.arange(max(levels)) < level) / level)  # (l, most)

    def log_prob(self, indices: Tensor) -> Tensor:
        """(n, l) -> (n,), in nats."""
        return self.shares.gather(1, indices.T).log().sum(0)

    def sample(self, n: int) -> Tensor:
        """(n, l)."""
        return torch.multinomial(self.shares, n, replacement=True).T

    @torch.no_grad()
    def fit(self, indices: Tensor) -> None:
        """From training rows (n, l)."""
        counts = 0.5 * (self.shares > 0)
        counts = counts.scatter_add(1, indices.T, torch.ones_like(indices.T, dtype=counts.dtype))
        self.shares.copy_(counts / counts.sum(1, keepdim=True))


class Quantised(Latent):
    """`positions` vectors, each replaced by one of a quantiser's: a code of positions · `bits` bits at most.

    `extra` holds `before` (b, positions, width), `nearest` (b, positions, s, width), what the terms
    `codebook` and `commitment` compare, and `indices` (b, l), l = positions · m, position by position.

    A codebook of running means follows after each step (`follow`), when the parameters have moved: nothing is
    written while a batch passes.

    Args:
        quantiser: `Codebook`, `Residual`, `Product`, `FiniteScalar`, `LookupFree`, or one of your own.
        gradient: how it passes: `straight_through` or `rotation`.
        prior: where `sample` draws indices once it is fitted: `Shares`, or
            `isthmus.priors.Autoregressive`.
    """

    def __init__(
        self,
        quantiser: Quantiser,
        positions: int = 1,
        gradient: Gradient = straight_through,
        prior: PriorOfIndices = Shares,
    ):
        super().__init__()
        self.places = Places(quantiser, positions, gradient)
        self.features, self.dim = self.places.features, self.places.dim
        self.levels, self.books = self.places.levels, self.places.books
        self.bits = sum(map(math.log2, self.levels))
        self.prior: Any = prior(self.levels, self.books)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return self.places(features)

    def follow(self, code: Code, first: bool) -> None:
        self.places.follow(code.extra["before"], code.extra["indices"], first)

    def look_up(self, indices: Tensor) -> Tensor:
        """(n, l) -> (n, dim): the code of these indices."""
        return self.places.look_up(indices)

    def name(self, codes: Tensor) -> Tensor:
        """(n, dim) -> (n, l): the inverse."""
        return self.places.name(codes)

    def sample(self, n: int) -> Tensor:
        return self.look_up(self.prior.sample(n))

    def fit_prior(self, codes: Tensor) -> None:
        self.prior.fit(self.name(codes))


class TwoLevels(Latent):
    """A code of few positions for the whole, and one of many, which knows the first, for the details.

        z_top = Q_t(up(h)),   z_bottom = Q_b(merge[h, down(z_top)])

    The encoder delivers h (b, bottom.features), a map of `inside`; `up` reads it, (b, *inside) -> (b,
    top.features), and `down` goes back. The decoder is handed [z_bottom, z_top]. Indices of the top come
    first, so that an autoregressive prior is p(top) p(bottom | top).

    Reference: Razavi, van den Oord & Vinyals, Generating Diverse High-Fidelity Images with VQ-VAE-2, NeurIPS
    2019, arXiv:1906.00446, algorithm 1.
    """

    def __init__(
        self,
        bottom: Places,
        top: Places,
        up: nn.Module,
        down: nn.Module,
        inside: Sequence[int],
        prior: PriorOfIndices = Shares,
    ):
        super().__init__()
        below, above = ((part.quantiser.width, part.quantiser.depth) for part in (bottom, top))
        if below != above:
            raise ValueError(
                "both levels have vectors of one width, in as many stages; these have (width, stages) "
                f"{below} at the bottom and {above} at the top"
            )
        self.bottom, self.top, self.up, self.down, self.inside = bottom, top, up, down, tuple(inside)
        width = bottom.quantiser.width
        self.merge = nn.Conv1d(2 * width, width, 1)  # at each position the same
        self.features, self.dim = bottom.features, bottom.dim + top.dim
        self.levels = top.levels + bottom.levels
        self.bits = sum(map(math.log2, self.levels))
        self.books = top.books + tuple(book + len(set(top.books)) for book in bottom.books)
        self.prior: Any = prior(self.levels, self.books)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        whole = self.top(full(self.up(features.unflatten(1, self.inside))))
        seen = full(self.down(whole.z)).flatten(1)
        both = torch.stack([features, seen], 1).unflatten(2, (-1, self.bottom.positions)).flatten(1, 2)
        detail = self.bottom(full(self.merge(both)).flatten(1))
        extra = {name: torch.cat([part, detail.extra[name]], 1) for name, part in whole.extra.items()}
        return Code(torch.cat([detail.z, whole.z], 1), extra=extra)

    def follow(self, code: Code, first: bool) -> None:
        before, indices = code.extra["before"], code.extra["indices"]
        places, names = self.top.positions, len(self.top.levels)
        self.top.follow(before[:, :places], indices[:, :names], first)
        self.bottom.follow(before[:, places:], indices[:, names:], first)

    def look_up(self, indices: Tensor) -> Tensor:
        """(n, l) -> (n, dim): the code of these indices, those of the top first."""
        top, bottom = indices.split([len(self.top.levels), len(self.bottom.levels)], 1)
        return torch.cat([self.bottom.look_up(bottom), self.top.look_up(top)], 1)

    def name(self, codes: Tensor) -> Tensor:
        """(n, dim) -> (n, l): the inverse."""
        bottom, top = codes.split([self.bottom.dim, self.top.dim], 1)
        return torch.cat([self.top.name(top), self.bottom.name(bottom)], 1)

    def sample(self, n: int) -> Tensor:
        return self.look_up(self.prior.sample(n))

    def fit_prior(self, codes: Tensor) -> None:
        self.prior.fit(self.name(codes))
