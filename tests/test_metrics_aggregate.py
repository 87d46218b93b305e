"""The KL of a code taken apart: limits in which every part is known, and what must always hold."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from isthmus import Autoencoder
from isthmus.latents import Gaussian
from isthmus.likelihoods import gaussian
from isthmus.metrics import kl_parts, kl_per_dimension
from isthmus.models import autoencoder
from isthmus.nets import mlp
from isthmus.randomness import seeded
from isthmus.terms import kl, reconstruction


def model(dim: int) -> Autoencoder:
    """A row is its own posterior: `dim` means, then log deviations, below a bound far away."""
    with seeded(0):
        decoder = mlp(dim, 2 * dim)
    latent = Gaussian(dim, bound=30.0)
    return Autoencoder(nn.Identity(), latent, decoder, gaussian(2 * dim), reconstruction + kl).double()


def posteriors(means: Tensor, log_scale: float) -> Tensor:
    return torch.cat([means, torch.full_like(means, log_scale)], 1).double()


def test_alike_posteriors_say_nothing_of_the_row() -> None:
    rows = posteriors(torch.full((50, 2), 0.7), -0.5)
    parts = kl_parts(model(2), rows)
    assert abs(parts.mutual_information) < 1e-9 and abs(parts.total_correlation) < 1e-9
    assert abs(parts.marginal_kl - parts.kl) < 4 * parts.standard_error


def test_posteriors_far_apart_say_which_row_it_was() -> None:
    rows = posteriors(torch.arange(40.0)[:, None] * torch.ones(1, 2), -6.0)
    parts = kl_parts(model(2), rows)
    assert parts.mutual_information == pytest.approx(math.log(40), abs=1e-9)
    assert parts.total_correlation == pytest.approx(math.log(40), abs=1e-9)  # either tells the other


def test_codes_that_fill_the_prior_have_no_marginal_part() -> None:
    """μ ~ N(0, 1 − s²) in a single dimension: all of the KL is information, ½ log 1/s² of it."""
    s = 0.5
    levels = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    rows = posteriors(math.sqrt(1 - s**2) * torch.special.ndtri(levels)[:, None], math.log(s))
    parts = kl_parts(model(1), rows, samples=20)
    assert parts.marginal_kl == pytest.approx(0, abs=0.01) and abs(parts.total_correlation) < 1e-9
    assert parts.mutual_information == pytest.approx(-math.log(s), abs=0.01)


def test_the_parts_add_up_for_any_posteriors() -> None:
    rows = torch.randn(300, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    parts = kl_parts(model(3), rows, samples=20)
    assert parts.kl == pytest.approx(float(kl_per_dimension(model(3), rows).sum()))
    assert abs(parts.mutual_information + parts.marginal_kl - parts.kl) < 4 * parts.standard_error
    assert parts.total_correlation + parts.dimensionwise_kl == pytest.approx(parts.marginal_kl, abs=1e-9)
    assert 0 <= parts.mutual_information <= math.log(300)


def test_it_repeats_and_refuses_what_it_cannot_take_apart() -> None:
    rows = torch.randn(20, 6, dtype=torch.float64)
    assert kl_parts(model(3), rows) == kl_parts(model(3), rows)
    with pytest.raises(ValueError, match="at least 1"):
        kl_parts(model(3), rows, samples=0)
    with pytest.raises(TypeError, match="deterministic"):
        kl_parts(autoencoder(6, 2), rows)
