"""Nested dropout: what it keeps, how often, and that it leaves codes at rest alone."""

from __future__ import annotations

import pytest
import torch

from isthmus.latents import Nested
from isthmus.randomness import seeded


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_it_keeps_a_leading_part_as_often_as_it_says(rate: float) -> None:
    latent, features = Nested(4, rate), torch.full((20_000, 4), 3.0)
    with seeded(0):
        z = latent(features, True).z
    kept = (z != 0).sum(1)
    assert torch.equal(z, 3.0 * (torch.arange(4) < kept[:, None]))  # a leading part, and not rescaled
    expected = (1 - rate) ** torch.arange(4.0)
    expected /= expected.sum()
    found = torch.bincount(kept, minlength=5)[1:] / len(z)
    assert ((found - expected).abs() < 4 * (expected * (1 - expected) / len(z)).sqrt()).all()


def test_at_rest_a_code_is_whole_and_sampling_follows_the_codes() -> None:
    latent, features = Nested(3), torch.randn(500, 3) * 5 + 2
    assert torch.equal(latent(features, False).z, features)
    latent.fit_prior(features)
    with seeded(0):
        drawn = latent.sample(2000)
    torch.testing.assert_close(drawn.mean(0), features.mean(0), atol=0.6, rtol=0)


def test_a_rate_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="below 1"):
        Nested(3, 1.0)
