"""Measures of codes against the linear VAE's closed forms, scikit-learn, and what rotations do."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from isthmus.baselines import probabilistic_pca
from isthmus.latents import Deterministic, Gaussian
from isthmus.likelihoods import gaussian
from isthmus.metrics import active_units, kl_per_dimension, linear_probe, principal_angles
from isthmus.model import Autoencoder
from isthmus.terms import kl, reconstruction


def exact_encoder(solution):
    """A linear VAE with the exact posterior of a probabilistic PCA."""
    k, d = solution.weight.shape[1], len(solution.mean)
    zero, scales = solution.posterior(np.zeros((1, d)))
    means, _ = solution.posterior(np.eye(d))
    encoder = nn.Linear(d, 2 * k)
    model = Autoencoder(
        encoder, Gaussian(k, bound=100.0), nn.Linear(k, d), gaussian(d), reconstruction + kl
    ).double()
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.weight[:k] = torch.tensor((means - zero).T)
        encoder.bias.copy_(torch.tensor(np.concatenate([zero[0], np.log(scales)])))
    return model


def test_active_units_and_divergence_of_a_linear_vae():
    """Var E[z_j | x] = 1 − σ²/λ_j and KL_j = ½ log(λ_j/σ²) where λ_j > σ², and 0 where the unit is off."""
    train = np.random.default_rng(0).normal(size=(500, 5)) * np.array([4.0, 3.0, 2.0, 1.0, 0.5])
    for variance, active in ((0.01, 4), (2.0, 3), (6.0, 2), (100.0, 0)):
        solution = probabilistic_pca(train, 4, variance=variance)
        model = exact_encoder(solution)
        ratio = np.minimum(solution.variance / solution.eigenvalues[:4], 1.0)
        units = active_units(model, train)
        assert units.number == active == solution.active == int(units.active.sum())
        assert units.variance.numpy() == pytest.approx(1 - ratio, abs=1e-9)
        assert kl_per_dimension(model, train).numpy() == pytest.approx(-0.5 * np.log(ratio), abs=1e-9)
        assert active_units(model, train, threshold=2.0).number == 0


def test_active_units_of_a_deterministic_code_are_refused():
    model = Autoencoder(nn.Linear(5, 2), Deterministic(2), nn.Linear(2, 5), gaussian(5), reconstruction)
    for question in (active_units, kl_per_dimension):
        with pytest.raises(TypeError, match="deterministic"):
            question(model, torch.zeros(3, 5))


def blobs(n, separation, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) + separation * np.eye(4)[y], y


def test_a_probe_reads_what_is_there_and_nothing_where_nothing_is():
    train, test = blobs(300, 8.0, 0), blobs(300, 8.0, 1)
    probe = linear_probe(*train, *test)
    assert probe.accuracy == probe.score > 0.99 and probe.measure == "accuracy"
    assert probe.baseline == pytest.approx((test[1] == np.bincount(train[1]).argmax()).mean())
    blind = linear_probe(*blobs(300, 0.0, 0), *blobs(3000, 0.0, 1))
    assert abs(blind.accuracy - 1 / 3) < 4 * blind.standard_error
    assert blind.standard_error == pytest.approx(math.sqrt(blind.accuracy * (1 - blind.accuracy) / 3000))


def test_a_probe_does_not_depend_on_the_units_of_the_code():
    (z, y), (z_test, y_test) = blobs(200, 1.5, 0), blobs(200, 1.5, 1)
    scale, shift = np.array([1e-4, 1.0, 1e3, -7.0]), np.array([0.0, -5.0, 1e3, 2.0])
    probe = linear_probe(torch.tensor(z), torch.tensor(y), torch.tensor(z_test), torch.tensor(y_test))
    assert probe == linear_probe(z * scale + shift, y, z_test * scale + shift, y_test)
    mean, std = z.mean(0), z.std(0)
    theirs = LogisticRegression().fit((z - mean) / std, y).score((z_test - mean) / std, y_test)
    assert probe.accuracy == pytest.approx(theirs, abs=1e-12)
    names = np.array(["cat", "dog", "eel"])
    assert probe == linear_probe(z, names[y], z_test, names[y_test])


def test_a_probe_for_numbers_reports_r2():
    """y = 10 + z_0 + noise: R² is 1 / (1 + noise²), and of pure noise 0."""
    rng = np.random.default_rng(0)
    z, z_test = rng.normal(size=(2000, 5)), rng.normal(size=(2000, 5))
    for noise in (0.1, 1.0):
        y, y_test = (10 + codes[:, 0] + noise * rng.normal(size=2000) for codes in (z, z_test))
        probe = linear_probe(z, y, z_test, y_test)
        assert probe.measure == "r2" and probe.baseline == 0.0
        assert probe.score == pytest.approx(1 / (1 + noise**2), abs=4 * probe.standard_error + 0.005)
    with pytest.raises(AttributeError, match="R²"):
        probe.accuracy  # noqa: B018
    blind = linear_probe(z, 10 + rng.normal(size=2000), z_test, 10 + rng.normal(size=2000))
    assert abs(blind.score) < 0.02


def test_the_error_of_a_probes_r2_is_its_spread():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(1000, 2))
    y = z[:, 0] + rng.normal(size=1000)
    probes = []
    for _ in range(60):
        z_test = rng.normal(size=(300, 2))
        probes.append(linear_probe(z, y, z_test, z_test[:, 0] + rng.normal(size=300)))
    assert 0.7 < np.std([p.score for p in probes]) / np.mean([p.standard_error for p in probes]) < 1.4


def test_what_no_probe_can_learn_is_refused():
    z, y = blobs(30, 1.0, 0)
    with pytest.raises(ValueError, match="two classes"):
        linear_probe(z, np.zeros(30), z, y)
    with pytest.raises(ValueError, match="one target a code"):
        linear_probe(z, y[:-1], z, y)
    assert linear_probe(z, y % 2, z, y).accuracy < 1  # class 2 was never seen: errors, and no exception


def test_principal_angles_of_rotated_planes():
    a = np.eye(5)[:, :2]
    for degrees in (1e-6, 0.01, 30.0, 89.0):
        turn = math.radians(degrees)
        b = a.copy()
        b[:, 1] = math.cos(turn) * a[:, 1] + math.sin(turn) * np.eye(5)[:, 4]
        assert principal_angles(a, b) == pytest.approx([degrees, 0.0], rel=1e-6, abs=1e-9)
    assert principal_angles(np.eye(5)[:, :2], np.eye(5)[:, 3:]) == pytest.approx([90, 90])


def test_principal_angles_see_the_span_and_not_the_basis():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(10, 3)), rng.normal(size=(10, 3))
    angles = principal_angles(a, b)
    assert list(angles) == sorted(angles, reverse=True) and angles.shape == (3,)
    mixed = principal_angles(torch.tensor(a @ rng.normal(size=(3, 3))), b @ rng.normal(size=(3, 3)))
    assert mixed == pytest.approx(angles, abs=1e-8)
    assert principal_angles(b, a) == pytest.approx(angles, abs=1e-8)
    assert principal_angles(a[:, :2], a).max() < 1e-8  # contained
    assert principal_angles(a, a + 0.1).max() > 0.1  # the control
    with pytest.raises(ValueError, match="as many rows"):
        principal_angles(a, b[:-1])
