"""Distances of samples from data: closed forms, definitions written out, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from isthmus.metrics import frechet_distance, kernel_distance, precision_recall


def test_of_one_feature_it_is_the_difference_of_means_and_of_deviations() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(1, 2, 500), draw.normal(-1, 0.5, 400)
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a[:, None], b[:, None]) == pytest.approx(expected, rel=1e-9)


def test_it_is_what_its_definition_says() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.normal(size=(300, 6)) @ draw.normal(size=(6, 6)), draw.normal(size=(200, 6)) + 1
    ca, cb = np.cov(a.T), np.cov(b.T)
    means = np.square(a.mean(0) - b.mean(0)).sum()
    expected = means + np.trace(ca + cb - 2 * np.real(sqrtm(ca @ cb)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


def test_a_set_is_not_away_from_itself_and_a_shift_counts_squared() -> None:
    x = np.random.default_rng(2).normal(size=(50, 8)) * [1, 1, 1, 1, 1, 1, 1, 0]  # a constant feature
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 0.5) == pytest.approx(8 * 0.25, rel=1e-6)


def test_other_features_and_single_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="they have 2 and 3"):
        frechet_distance(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="at least two rows"):
        frechet_distance(np.zeros((1, 2)), np.zeros((4, 2)))


def test_the_kernel_distance_is_what_its_definition_says() -> None:
    draw = np.random.default_rng(3)
    a, b = draw.normal(size=(7, 3)), draw.normal(size=(5, 3)) + 1

    def mean(x: np.ndarray, y: np.ndarray, apart: bool) -> float:
        pairs = [
            (u @ v / 3 + 1) ** 3 for i, u in enumerate(x) for j, v in enumerate(y) if i != j or not apart
        ]
        return float(np.mean(pairs))

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    assert kernel_distance(a, b, subsets=5).distance == pytest.approx(expected, rel=1e-12)


def test_the_kernel_distance_is_unbiased_and_the_frechet_distance_is_not() -> None:
    draw = np.random.default_rng(4)
    found = [draw.normal(size=(2, 40, 6)) for _ in range(300)]
    kernel = np.array([kernel_distance(a, b, subsets=2).distance for a, b in found])
    error = kernel.std() / np.sqrt(len(kernel))
    assert abs(kernel.mean()) < 4 * error
    assert np.mean([frechet_distance(a, b) for a, b in found]) > 0.3  # the control
    with_diagonals = kernel.mean() + np.mean([_diagonals(a) + _diagonals(b) for a, b in found])
    assert with_diagonals > 4 * error  # the control: the usual slip


def _diagonals(x: np.ndarray) -> float:
    kernel = (x @ x.T / x.shape[1] + 1) ** 3
    n = len(x)
    return float(kernel.mean() - (kernel.sum() - np.trace(kernel)) / (n * (n - 1)))


def test_the_kernel_distance_is_that_of_two_gaussians_and_its_error_covers() -> None:
    # d = 1, N(0, 1) and N(c, 1): E (xy + 1)³ = Σ_p C(3, p) E xᵖ E yᵖ, hence MMD² = Σ_p C(3, p) (E xᵖ − E yᵖ)²
    c = 0.5
    expected = 3 * c**2 + 3 * (c**2) ** 2 + (c**3 + 3 * c) ** 2
    draw = np.random.default_rng(5)
    found = [kernel_distance(draw.normal(size=(200, 1)), draw.normal(c, 1, (200, 1)), 20) for _ in range(40)]
    off = np.array([(each.distance - expected) / each.standard_error for each in found])
    assert abs(off.mean()) < 4 / np.sqrt(40) and 0.7 < off.std() < 1.4


def test_neighbourhoods_of_a_set_hold_itself_and_not_what_is_far() -> None:
    x = np.random.default_rng(6).normal(size=(300, 4))
    alike, far = precision_recall(x, x), precision_recall(x, x + 100)
    assert alike[:2] == (1, 1) and alike.coverage == 1
    assert far == (0, 0, 0, 0)
    turn, y = np.linalg.qr(np.random.default_rng(7).normal(size=(4, 4)))[0], x[:200] * 1.2
    assert precision_recall(x @ turn, y[::-1] @ turn) == precision_recall(x, y)


def test_density_and_coverage_of_the_same_distribution_are_as_expected() -> None:
    draw, k, n = np.random.default_rng(8), 5, 200
    found = [precision_recall(draw.normal(size=(n, 3)), draw.normal(size=(n, 3)), k) for _ in range(30)]
    expected = 1 - np.prod([(n - t) / (2 * n - t) for t in range(1, k + 1)])
    assert np.mean([each.coverage for each in found]) == pytest.approx(expected, abs=0.01)
    assert np.mean([each.density for each in found]) == pytest.approx(1, abs=0.05)


def test_what_is_missing_lowers_recall_and_what_is_strange_lowers_precision() -> None:
    draw = np.random.default_rng(9)
    both = np.concatenate([draw.normal(size=(200, 3)), draw.normal(size=(200, 3)) + 20])
    one = draw.normal(size=(400, 3))
    dropped, invented = precision_recall(both, one), precision_recall(one, both)
    assert dropped.precision > 0.85 and dropped.recall < 0.55 and dropped.coverage < 0.55
    assert invented.precision < 0.55 and invented.recall > 0.85
    outlier = np.concatenate([one, [[60.0, 60, 60]]])  # one row whose ball holds all
    strange = draw.normal(size=(400, 3)) + 20
    spoiled = precision_recall(outlier, strange)
    assert spoiled.precision == 1 and spoiled.density < 0.25 and spoiled.coverage < 0.01


def test_sets_that_cannot_be_compared_are_refused() -> None:
    for measure in (kernel_distance, precision_recall):
        with pytest.raises(ValueError, match="they have 2 and 3"):
            measure(np.zeros((9, 2)), np.zeros((9, 3)))
    with pytest.raises(ValueError, match="k = 5 needs at least 6 rows"):
        precision_recall(np.zeros((5, 2)), np.zeros((9, 2)))
    gap = np.eye(9)[:, :2] * [[1, np.nan]]
    for refuse in (frechet_distance, kernel_distance, precision_recall):
        for pair in ((gap, np.ones((9, 2))), (np.ones((9, 2)), gap)):
            with pytest.raises(ValueError, match="features of 9 rows are not finite, first of row 0"):
                refuse(*pair)
        with pytest.raises(ValueError, match=r"at least one row; got shape \(0, 2\)"):
            refuse(np.ones((9, 2)), np.ones((0, 2)))
    with pytest.raises(ValueError, match="four rows of each"):
        kernel_distance(np.zeros((3, 2)), np.zeros((9, 2)))
