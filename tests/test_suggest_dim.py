"""The dimension of planted manifolds and of data that set traps; `benchmarks/quality.py` has all seeds."""

import sys
from pathlib import Path

import numpy as np
import pytest

from isthmus.baselines import pca
from isthmus.metrics import suggest_dim

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.manifolds import SHAPES, planted


@pytest.mark.parametrize("dim", [2, 5, 10])
@pytest.mark.parametrize("shape", SHAPES)
def test_planted_manifolds(shape, dim):
    found = suggest_dim(planted(shape, dim, seed=0))
    assert abs(found.dim - dim) <= 1
    assert found.sentence.startswith(f"{found.dim} dimensions should suffice")
    errors = np.array([[row.pca, row.local] for row in found.evidence])
    assert (np.diff(errors, axis=0) <= 1e-12).all() and (errors >= 0).all()


@pytest.mark.parametrize("shape", ["waves", "ripples", "paraboloid"])
def test_the_control_counts_straight_dimensions(shape):
    """As many principal components as explain 95 % of the variance: too many by more than one."""
    for dim in (2, 5, 10):
        x = planted(shape, dim, seed=0)
        assert (np.cumsum(pca(x, x.shape[1]).explained) < 0.95).sum() + 1 > dim + 1


def test_rows_that_repeat_change_nothing():
    x = planted("waves", 5, seed=0, rows=1200)
    once, often = suggest_dim(x), suggest_dim(np.concatenate([x, x[:800], x[:800]]))
    assert often.dim == once.dim == 5 and often.two_nn == once.two_nn


def test_units_do_not_matter_by_columns_and_do_as_they_are():
    x = planted("waves", 2, seed=0, rows=800)
    scale = np.logspace(-3, 3, x.shape[1])
    same, found = suggest_dim(x * scale + 5), suggest_dim(x)
    assert same.dim == found.dim == 2
    np.testing.assert_allclose(same.evidence, found.evidence, rtol=1e-5, atol=1e-9)
    rng = np.random.default_rng(0)
    metres, millimetres = rng.normal(size=(800, 2)), 1e4 * rng.normal(size=(800, 2))
    both = np.hstack([metres, millimetres])
    assert suggest_dim(both).dim == 4 and suggest_dim(both, units="whole").dim == 2


@pytest.mark.parametrize("dim", [1, 3, 6])
def test_columns_that_are_all_needed_and_columns_that_are_not(dim):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, dim))
    full = suggest_dim(x)
    assert full.dim == pytest.approx(dim, abs=0 if dim < 6 else 1)
    beside = np.hstack([x, x @ rng.normal(size=(dim, 4)), np.full((1000, 1), 7.0)])  # copies and a constant
    assert suggest_dim(beside).dim == pytest.approx(dim, abs=0 if dim < 6 else 1)


def test_it_repeats_and_says_when_rows_are_few():
    x = planted("roll", 2, seed=0, rows=200)
    assert (
        str(suggest_dim(x)) == str(suggest_dim(x)) and "200 distinct rows are few" in suggest_dim(x).sentence
    )
    with pytest.raises(ValueError, match="10 distinct rows"):
        suggest_dim(np.ones((50, 3)))
    with pytest.raises(ValueError, match="missing"):
        suggest_dim(np.full((50, 3), np.nan))
    with pytest.raises(ValueError, match='"columns" or "whole"'):
        suggest_dim(x, units="rows")
