"""The Fréchet distance against its closed forms and against the definition's matrix square root."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from isthmus.metrics import frechet_distance


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
