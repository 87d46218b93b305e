"""Measures of codes against scikit-learn, closed forms, and what must not matter."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from sklearn import manifold
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from isthmus.metrics import (
    cluster_scores,
    continuity,
    continuity_per_row,
    intrinsic_dimension,
    knn_probe,
    mutual_information,
    neighbours,
    trustworthiness,
    trustworthiness_per_row,
)


def plane(n=300, seed=0):
    """Rows of ten columns and a code of their first two."""
    x = np.random.default_rng(seed).normal(size=(n, 10)) * np.linspace(2, 0.2, 10)
    return x, x[:, :2]


@pytest.mark.parametrize("k", [1, 5, 40])
def test_trustworthiness_and_continuity_equal_scikit_learn(k, monkeypatch):
    x, z = plane()
    monkeypatch.setattr(neighbours, "CELLS", 300 * 17)  # in parts that do not divide the rows
    expected = manifold.trustworthiness(x, z, n_neighbors=k), manifold.trustworthiness(z, x, n_neighbors=k)
    assert trustworthiness(torch.tensor(x), torch.tensor(z), k) == pytest.approx(expected[0], abs=1e-12)
    assert continuity(x, z, k) == pytest.approx(expected[1], abs=1e-12)
    assert trustworthiness_per_row(x, z, k).mean() == pytest.approx(expected[0], abs=1e-12)
    assert continuity_per_row(x, z, k).shape == (300,)


def test_tearing_and_folding_are_told_apart():
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    cut, flat = angle[:, None], circle[:, :1]  # torn open at 0; folded onto its diameter
    assert trustworthiness(circle, cut) > 0.999 and continuity(circle, cut) < 0.999
    assert continuity(circle, flat) > 0.98 and trustworthiness(circle, flat) < 0.9
    noise = np.random.default_rng(0).normal(size=(200, 1))
    assert trustworthiness(circle, noise) == pytest.approx(0.5, abs=0.05)


def test_a_rotation_scale_or_copy_keeps_all_neighbours():
    x, _ = plane(60)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 10)))[0]
    assert trustworthiness(x, 7 * x @ turn + 3) == continuity(x, 7 * x @ turn + 3) == 1.0
    twice = np.repeat(np.arange(12.0)[:, None], 4, 0)  # every row four times, exactly
    assert trustworthiness(twice, 5 * twice) == 1.0
    with pytest.raises(ValueError, match="below half of the 60 rows"):
        trustworthiness(x, x, 30)
    with pytest.raises(ValueError, match="each row needs its own"):
        continuity(x, x[:-1])


def blobs(n, separation, seed, classes=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return rng.normal(size=(n, 4)) + separation * np.eye(4)[y], y


def test_knn_probe_equals_scikit_learn_and_knows_its_error():
    (z, y), (z_test, y_test) = blobs(300, 2.0, 0), blobs(400, 2.0, 1)
    probe = knn_probe(z, y, z_test, y_test, k=7)
    assert probe.accuracy == KNeighborsClassifier(7).fit(z, y).score(z_test, y_test)
    assert probe.interval.estimate == probe.score
    width = probe.interval.high - probe.interval.low
    assert width == pytest.approx(2 * 1.96 * probe.standard_error, rel=0.1)
    with pytest.raises(ValueError, match="at most the 300 training rows"):
        knn_probe(z, y, z_test, y_test, k=301)
    rng = np.random.default_rng(0)
    z, z_test = rng.uniform(-2, 2, (1000, 2)), rng.uniform(-2, 2, (1000, 2))
    curved = knn_probe(z, np.sin(3 * z[:, 0]), z_test, np.sin(3 * z_test[:, 0]))
    assert curved.measure == "r2" and curved.score > 0.9  # what no straight line reads
    assert curved.interval.low < curved.score < curved.interval.high


def test_cluster_scores_equal_scikit_learn():
    z, y = blobs(400, 3.0, 0)
    scores = cluster_scores(z, torch.tensor(y), draws=100)
    assert scores.nmi is not None and scores.ari is not None
    assert scores.nmi.estimate == pytest.approx(normalized_mutual_info_score(y, scores.assignment))
    assert scores.ari.estimate == pytest.approx(adjusted_rand_score(y, scores.assignment))
    assert scores.silhouette.estimate == pytest.approx(silhouette_score(z, scores.assignment))
    for each in (scores.nmi, scores.ari, scores.silhouette):
        assert each.low < each.estimate < each.high
    words = np.array(["cat", "dog", "eel"])[y]
    assert cluster_scores(z, words, draws=100).ari == scores.ari
    blind = cluster_scores(z, np.random.default_rng(1).permutation(y), draws=20)
    assert blind.ari is not None and abs(blind.ari.estimate) < 0.03  # the control
    alone = cluster_scores(z, clusters=3, draws=100)
    assert alone.nmi is None and alone.silhouette == scores.silhouette


def test_what_cannot_be_clustered_is_refused():
    z, y = blobs(30, 3.0, 0)
    with pytest.raises(ValueError, match="clusters=10"):
        cluster_scores(z)
    with pytest.raises(ValueError, match="distinct codes, 1"):
        cluster_scores(np.ones((30, 2)), y)
    with pytest.raises(ValueError, match=r"30 codes and labels of shape \(29,\)"):
        cluster_scores(z, y[1:])


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.99])
def test_mutual_information_of_gaussians(correlation):
    """I = −½ log(1 − ρ²), whatever the units."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1500))
    y = correlation * a + math.sqrt(1 - correlation**2) * b
    truth = -0.5 * math.log(1 - correlation**2)
    found = mutual_information(1e3 * a[:, None] - 5, 1e-3 * y)
    assert found.nats.estimate == pytest.approx(truth, abs=0.07)
    assert found.nats.low < found.nats.estimate < found.nats.high
    assert found.per_dimension == pytest.approx([found.nats.estimate]) and found.entropy is None


@pytest.mark.parametrize("apart", [0.0, 1.0, 3.0, 8.0])
def test_mutual_information_with_labels(apart):
    """Two Gaussians `apart` standard deviations: I = h(mixture) − h(one), by quadrature; at most log 2."""

    def integrand(z):
        density = 0.5 * (norm.pdf(z) + norm.pdf(z - apart))
        return -density * math.log(density)

    truth = quad(integrand, -8, apart + 8)[0] - norm.entropy()
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1500)
    z = np.stack([apart * y + rng.normal(size=1500), rng.normal(size=1500)], 1)
    found = mutual_information(torch.tensor(z), torch.tensor(y))
    assert found.nats.estimate == pytest.approx(truth, abs=0.06)
    assert found.per_dimension == pytest.approx([truth, 0.0], abs=0.06)
    assert found.entropy == pytest.approx(math.log(2), abs=0.01)


def test_mutual_information_of_discrete_codes():
    """Codes that repeat: distances of 0 would make the logarithms of counts infinite or wrong."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 1000)
    assert mutual_information(y[:, None] // 2, y).nats.estimate == pytest.approx(math.log(2), abs=0.05)
    assert mutual_information(y[:, None], y).nats.estimate == pytest.approx(math.log(4), abs=0.05)
    assert mutual_information(rng.integers(0, 4, (1000, 1)), y).nats.estimate == pytest.approx(0, abs=0.05)


def test_labels_too_rare_are_refused():
    with pytest.raises(ValueError, match="more than k = 3 rows"):
        mutual_information(np.arange(6.0)[:, None], [0, 0, 1, 1, 2, 2])
    with pytest.raises(ValueError, match="below the 3 rows"):
        mutual_information(np.arange(3.0)[:, None], [0, 0, 1])


@pytest.mark.parametrize("d, tolerance", [(1, 0.1), (2, 0.2), (5, 0.6), (10, 1.5)])
def test_intrinsic_dimension_of_gaussians_in_many_columns(d, tolerance):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, d)) @ np.linalg.qr(rng.normal(size=(30, d)))[0].T
    found = intrinsic_dimension(1e4 * x + 7)
    assert found.dimension.estimate == pytest.approx(d, abs=tolerance)
    assert found.dimension.low < found.dimension.estimate < found.dimension.high
    assert (found.rows, found.duplicates) == (1500, 0)


def test_intrinsic_dimension_of_a_curve():
    t = np.random.default_rng(0).uniform(0, 6, 1000)
    helix = np.stack([np.cos(3 * t), np.sin(3 * t), t], 1)
    assert intrinsic_dimension(helix).dimension.estimate == pytest.approx(1, abs=0.1)


def test_duplicates_do_not_upset_the_dimension():
    x = np.random.default_rng(0).normal(size=(800, 3))
    again = np.concatenate([x, x[:300], x[:300], x[300:400] * (1 + 1e-15)])
    found = intrinsic_dimension(again)
    assert found.dimension.estimate == pytest.approx(intrinsic_dimension(x).dimension.estimate, abs=0.1)
    assert found.duplicates >= 600
    # the control: with the copies left in, a ratio of distances is 0 / 0 or infinite
    distance = np.sort(np.linalg.norm(again[:, None] - again[None], axis=2), 1)
    assert (distance[:, 1] < 1e-9).mean() > 0.4


def test_what_has_no_dimension_is_refused():
    grid = np.stack(np.meshgrid(range(5), range(6)), -1).reshape(-1, 2)
    with pytest.raises(
        ValueError, match="of 30 distinct rows 30 have two nearest neighbours at one distance"
    ):
        intrinsic_dimension(grid)
    with pytest.raises(ValueError, match="10 distinct rows"):
        intrinsic_dimension(np.ones((100, 3)))
    with pytest.raises(ValueError, match="missing or infinite"):
        intrinsic_dimension(np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match="discard"):
        intrinsic_dimension(np.random.default_rng(0).normal(size=(50, 2)), discard=1.0)
