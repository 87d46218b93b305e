"""Codes found by descent against closed forms: least squares, and the posterior of probabilistic PCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import fit
from isthmus.metrics import amortisation_gap, best_codes
from isthmus.models import autoencoder, linear, linear_vae
from isthmus.randomness import seeded
from isthmus.training import lbfgs


def planted(n: int = 200) -> torch.Tensor:
    draw = np.random.default_rng(0)
    return torch.from_numpy(
        draw.normal(size=(n, 2)) @ draw.normal(size=(2, 6)) + 0.3 * draw.normal(size=(n, 6))
    )


def test_the_best_code_of_a_linear_decoder_is_that_of_least_squares() -> None:
    x = planted(50)
    with seeded(0):
        model = linear(6, 2).double()
    layer = model.decoder[0]  # type: ignore[index]
    right = (x - layer.bias) @ torch.linalg.pinv(layer.weight).T
    for start in (None, torch.zeros(50, 2)):
        found = best_codes(model, x, start, steps=600, lr=0.1)
        torch.testing.assert_close(found.codes, right.detach(), atol=1e-4, rtol=0)
        assert (found.after <= found.before).all()
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_no_row_gets_worse_also_where_steps_are_wild() -> None:
    with seeded(0):
        model = autoencoder(6, 2, (8,)).train()
    found = best_codes(model, planted(40).float(), steps=5, lr=50.0)
    assert (found.after <= found.before).all() and model.training
    with pytest.raises(ValueError, match="every row needs a code to start from; there are 3"):
        best_codes(model, planted(40).float(), torch.zeros(3, 2))


def test_the_gap_is_nothing_at_the_best_encoder_and_what_was_done_to_it_elsewhere() -> None:
    x = planted().float()
    with seeded(0):
        model = linear_vae(6, 2)
    fit(model, x, epochs=5, finish=lbfgs(), progress=False)
    best = amortisation_gap(model, x)
    assert abs(best.gap) < 0.01
    with torch.no_grad():
        model.encoder[0].bias[:2] += 0.5  # type: ignore[index]
    spoiled = amortisation_gap(model, x, steps=300)
    assert spoiled.gap > 0.5
    torch.testing.assert_close(spoiled.local.mean(), best.local.mean(), atol=0.02, rtol=0)
    with pytest.raises(TypeError, match="deterministic"):
        amortisation_gap(autoencoder(6, 2, ()), x)
