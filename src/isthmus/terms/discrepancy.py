"""How far the codes of a batch, as a whole, are from draws of the prior. Such terms tie samples: scalars."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..objective import Term, term
from ..trace import Trace

Kernel = Callable[[Tensor, int], Tensor]  # squared distances (n, m) and the dimension -> similarities


def rbf(squared: Tensor, dim: int) -> Tensor:
    """exp(−‖a − b‖² / C), C = 2d: the expected squared distance of two standard normal draws."""
    return (-squared / (2 * dim)).exp()


def imq(squared: Tensor, dim: int) -> Tensor:
    """Σ_s Cs / (Cs + ‖a − b‖²), C = 2d, over seven scales s; heavy tails reach outliers (Tolstikhin 2018)."""
    scales = (2 * dim * s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
    return reduce(add, (scale / (scale + squared) for scale in scales))


def mmd(kernel: Kernel = imq) -> Term:
    """MMD²(q(z), p(z)), the squared maximum mean discrepancy, by its unbiased estimate (Gretton et al. 2012).

        1/n(n−1) Σ_{i≠j} [k(z_i, z_j) + k(z'_i, z'_j)] − 2/n² Σ_ij k(z_i, z'_j),   z' ~ p

    Unbiased, so that it is sometimes negative; zero for a single row, which says nothing of a distribution.
    The penalty of the Wasserstein autoencoder (Tolstikhin et al. 2018, algorithm 2, 1711.01558).
    """

    @term
    def mmd(model: Any, trace: Trace) -> Tensor:
        return discrepancy(trace.code.z, model.latent.sample(len(trace.code.z)), kernel)

    return mmd


def sliced(projections: int = 50) -> Term:
    """SW₂²(q(z), p(z)), the sliced Wasserstein distance, squared: a mean over directions θ of length 1.

        1/L Σ_l 1/n Σ_i (θ_l·z_(i) − θ_l·z'_(i))²,   z' ~ p, both sorted along θ_l

    On a line the best transport joins the smallest to the smallest, so that sorting is all there is to do: no
    kernel, no critic. `projections` is L; directions are drawn anew at each step. As each sees one of d
    dimensions, a shift by m is worth ‖m‖²/d. Of two equal distributions it is not 0 but falls like 1/n.

    Reference: Kolouri, Pope, Martin & Rohde, Sliced-Wasserstein Autoencoder, ICLR 2019, arXiv:1804.01947;
    Bonneel et al., Sliced and Radon Wasserstein Barycenters of Measures, 2015.
    """
    if projections < 1:
        raise ValueError(f"projections counts directions, at least one; it is {projections}")

    @term
    def sliced(model: Any, trace: Trace) -> Tensor:
        z = trace.code.z
        directions = F.normalize(torch.randn_like(z[:1].expand(projections, -1)), dim=1)
        return sliced_distance(z, model.latent.sample(len(z)), directions)

    return sliced


def sliced_distance(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """Mean squared difference of two samples of n rows, (n, d) each, sorted along each of (l, d)."""
    projected = (a @ directions.T).sort(0).values - (b @ directions.T).sort(0).values  # (n, l)
    return projected.square().mean()


def discrepancy(a: Tensor, b: Tensor, kernel: Kernel) -> Tensor:
    """The unbiased estimate of MMD² from two samples of n rows, (n, d) each."""
    n, dim = a.shape
    if n < 2:
        return 0.0 * a.sum()

    def within(x: Tensor) -> Tensor:
        similar = kernel(squared_distances(x, x), dim)
        return (similar.sum() - similar.diagonal().sum()) / (n * (n - 1))

    return within(a) + within(b) - 2 * kernel(squared_distances(a, b), dim).mean()


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n, m), by differences: the expanded square loses its digits where rows are close."""
    return (a[:, None] - b).square().sum(-1)
