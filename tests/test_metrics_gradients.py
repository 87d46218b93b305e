"""Gradient norms against the equations of a linear autoencoder, and what measuring must leave alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from isthmus import Recipe
from isthmus.metrics import gradient_norms
from isthmus.models import linear, vae
from isthmus.nets import mlps
from isthmus.objective import Objective
from isthmus.randomness import seeded
from isthmus.terms import squared_error


def test_they_are_those_of_the_equations() -> None:
    x = np.random.default_rng(0).normal(size=(50, 5))
    with seeded(0):
        model = linear(5, 2).double()
    model.objective = Objective.of(squared_error)
    a, b = (net[0].weight.detach().numpy() for net in (model.encoder, model.decoder))  # type: ignore[index]
    delta = 2 / 50 * (x @ a.T @ b.T - x)
    found = gradient_norms(model, torch.from_numpy(x))
    assert list(found) == ["encoder.0.weight", "decoder.0.weight"]
    expected = [np.linalg.norm((delta @ b).T @ x), np.linalg.norm(delta.T @ (x @ a.T))]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12)


def test_the_model_stays_as_it_is_and_noise_repeats() -> None:
    with seeded(0):
        model = vae(6, 2, (4,), nets=Recipe(mlps, norm=nn.BatchNorm1d)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.rand(30, 6)
    assert gradient_norms(model, x, seed=1) == gradient_norms(model, x, seed=1) != gradient_norms(model, x)
    assert not model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
