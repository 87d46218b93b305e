"""Sparse codes: what they keep, how thresholds learn, whether atoms are found, and what measures that."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Batch, Trace
from isthmus.answers.common import planted
from isthmus.latents import Deterministic, JumpReLU, TopK
from isthmus.metrics import active_per_row, dead_units, hoyer, recovery
from isthmus.models import sparse_top_k
from isthmus.nets import unit_columns
from isthmus.terms import l0
from isthmus.training import adam, fit


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def traced(latent: Any, features: Tensor) -> Any:
    code = latent(features, True)
    return Trace(Batch(features, features), features, code, None)  # type: ignore[arg-type]


# Latents


def test_top_k_keeps_the_largest_and_never_a_negative_one():
    features = torch.tensor([[3.0, -1.0, 2.0, 1.0], [-4.0, -3.0, 0.5, -1.0]], requires_grad=True)
    z = TopK(4, 2)(features, True).z
    assert z.tolist() == [[3, 0, 2, 0], [0, 0, 0.5, 0]]
    z.sum().backward()
    assert features.grad is not None and features.grad.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0]]


def test_top_k_of_all_is_the_relu():
    features = torch.randn(50, 6)
    assert torch.equal(TopK(6, 6)(features, True).z, features.relu())


def test_jump_relu_is_the_identity_above_its_threshold_and_zero_below():
    features = torch.tensor([[0.4, 0.6, -2.0]])
    assert JumpReLU(3, threshold=0.5)(features, False).z.tolist() == [[0, pytest.approx(0.6), 0]]


@pytest.mark.parametrize("threshold", [0.3, 1.0])
def test_thresholds_follow_the_derivative_of_the_mean(threshold):
    """Of E[f H(f − θ)] and E[H(f − θ)] by θ, f ~ N(0, 1): −θ φ(θ) and −φ(θ), φ the normal density."""
    latent = JumpReLU(1, threshold, bandwidth=0.1)
    trace = traced(latent, torch.randn(400_000, 1))
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    for mean, expected in ((trace.code.z.mean(), -threshold * density), (l0(latent, trace).mean(), -density)):
        (by_log,) = torch.autograd.grad(mean, latent.log_threshold, retain_graph=True)
        assert float(by_log) / threshold == pytest.approx(expected, rel=0.03)


def test_l0_counts_and_refuses_a_code_whose_activity_has_no_gradient():
    features = torch.randn(20, 7)
    trace = traced(JumpReLU(7, 0.2), features)
    assert torch.equal(l0(None, trace), (features > 0.2).float().sum(1))
    deterministic = Deterministic(7, nn.ReLU)
    with pytest.raises(ValueError, match="l0 needs .* JumpReLU; this latent is Deterministic"):
        l0(SimpleNamespace(latent=deterministic), traced(deterministic, features))


@pytest.mark.parametrize("latent", [TopK(3, 2), JumpReLU(3, 0.5)], ids=["top k", "jump"])
def test_sampled_codes_are_active_as_often_and_as_large_as_those_it_was_fitted_to(latent):
    active = torch.rand(40_000, 3) < torch.tensor([0.5, 0.1, 0.0])
    codes = active * (2.0 + 0.3 * torch.randn(40_000, 3))
    latent.fit_prior(codes)
    drawn = latent.sample(40_000)
    torch.testing.assert_close((drawn != 0).float().mean(0), active.float().mean(0), atol=0.01, rtol=0)
    large = drawn[:, 0][drawn[:, 0] > 0]
    assert float(large.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(large.std()) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("k", [0, 5])
def test_top_k_of_a_wrong_number_is_refused(k):
    with pytest.raises(ValueError, match="between 1 and 4"):
        TopK(4, k)


def test_jump_relu_of_a_threshold_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        JumpReLU(4, threshold=0.0)


# Dictionaries


def test_unit_columns_stay_so_and_their_gradient_has_no_radial_part():
    layer = unit_columns(nn.Linear(5, 8))
    optimizer = torch.optim.Adam(layer.parameters(), 0.1)
    for _ in range(20):
        optimizer.zero_grad()
        layer(torch.randn(16, 5)).square().sum().backward()
        raw = layer.parametrizations.weight.original  # type: ignore[union-attr]
        assert isinstance(raw, Tensor) and raw.grad is not None
        torch.testing.assert_close((raw * raw.grad).sum(0), torch.zeros(5), atol=1e-3, rtol=0)
        optimizer.step()
    torch.testing.assert_close(layer.weight.norm(dim=0), torch.ones(5))


def test_the_atoms_that_made_the_data_are_found():
    """And not by a dictionary that does not learn: the control."""
    made = planted(0, atoms=24, width=16, active=1.5, rows=2000)
    model = sparse_top_k(16, 24, k=2)
    assert recovery(made.atoms, model.decoder[0].weight.T).mean() < 0.8  # type: ignore[index]
    fit(model, made.x, epochs=40, batch_size=100, optimizer=adam(5e-3), progress=False)
    assert recovery(made.atoms, model.decoder[0].weight.T).mean() > 0.95  # type: ignore[index]


# Metrics


def test_active_entries_and_dead_units():
    codes = [[0.0, 2.0, 0.0], [1.0, -3.0, 0.0]]
    assert active_per_row(codes) == 1.5
    assert dead_units(codes).tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"codes \(n, dim\)"):
        active_per_row([1.0, 2.0])


def test_hoyer_from_all_alike_to_a_single_one_and_without_scale():
    assert hoyer(np.ones((3, 9))) == pytest.approx(0)
    assert hoyer(5 * np.eye(9)) == pytest.approx(1)
    codes = np.abs(np.random.default_rng(0).normal(size=(50, 9)))
    assert hoyer(codes) == pytest.approx(hoyer(1000 * codes))
    assert hoyer(np.vstack([codes, np.zeros(9)])) == pytest.approx(hoyer(codes))
    with pytest.raises(ValueError, match="not all zero"):
        hoyer(np.zeros((2, 3)))


def test_recovery_looks_from_the_true_side_at_directions_only():
    atoms = np.eye(3)
    assert recovery(atoms, [[2.0, 0, 0], [0, 1.0, 1.0]]).tolist() == pytest.approx([1, 0.5**0.5, 0.5**0.5])
    assert recovery(atoms, -atoms).max() == pytest.approx(0)
    with pytest.raises(ValueError, match="one width"):
        recovery(atoms, np.eye(4))
