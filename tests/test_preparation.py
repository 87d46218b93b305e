"""Scaling: what varies is scaled and what does not is left, whatever its size; blocks by their kind."""

import json
import tracemalloc

import numpy as np
import pytest
import torch

from isthmus import Embedder, Recipe
from isthmus.data import DataError
from isthmus.data import preparation as preparing
from isthmus.data.preparation import Preparation, prepare
from isthmus.likelihoods import bernoulli, gaussian, joint, one_hot, poisson

RNG = np.random.default_rng(0)
VARY = {
    "seconds of a day, in nanoseconds since 1970": 1.7e18 + 1e9 * np.arange(0, 86400, 4320.0),
    "a few hours of time stamps": 1.7e9 + 60.0 * np.arange(20),
    "neighbours far from zero": 1e12 + np.arange(20.0),
    "tiny": 1e-300 * np.arange(20.0),
    "huge, of both signs": 1.5e308 * np.linspace(-1, 1, 20),
    "one other value": np.r_[np.zeros(19), 1e-9],
    "beside a large one": np.r_[1e12, np.arange(19.0)],
}
CONSTANT = {
    "zero": np.zeros(20),
    "a time stamp": np.full(20, 1.7e18),
    "up to rounding": np.where(np.arange(20) % 2, 0.3, 0.1 + 0.2),
    "as float32": np.full(20, 0.1, np.float32),
}


@pytest.mark.parametrize("x", VARY.values(), ids=VARY)
def test_what_varies_is_brought_to_mean_0_and_deviation_1(x):
    preparation, _ = prepare(np.column_stack([x, np.arange(20.0)]))
    rows = preparation.rows(np.column_stack([x, np.arange(20.0)])).input.double()
    assert preparation.unread == ()
    torch.testing.assert_close(rows.mean(0), torch.zeros(2, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(rows.std(0, correction=0), torch.ones(2, dtype=torch.double))
    again = preparation.restore(rows)[:, 0]
    assert (np.abs(again / 2 - x / 2) <= 1e-6 * (x.max() / 2 - x.min() / 2)).all()


@pytest.mark.parametrize("x", CONSTANT.values(), ids=CONSTANT)
def test_what_does_not_vary_is_shifted_only(x):
    preparation, _ = prepare(np.column_stack([x, np.arange(20).astype(x.dtype)]))
    assert preparation.unread == (0,) and preparation.scale[0] == 1
    assert preparation.shift[0] == pytest.approx(x[0])


def mixed(n=400):
    code = RNG.normal(size=n)
    real = np.column_stack([1e4 + 500 * code, 1e-3 * code]) + RNG.normal(size=(n, 2)) * [100, 1e-4]
    binary = (code + RNG.normal(size=n) > 0).astype(float)
    kinds = np.eye(3)[np.digitize(code, [-0.5, 0.5])]
    return np.column_stack([real, binary, kinds, RNG.poisson(np.exp(3 + code))])


BLOCKS = ((2, gaussian), (1, bernoulli), (3, Recipe(one_hot, classes=(3,))), (1, poisson))
FAMILY = Recipe(joint, blocks=BLOCKS)


def test_of_a_mixed_table_numbers_are_scaled_and_the_rest_is_explained_as_it_is():
    x = mixed()
    x[0, 2], x[1, 3:6] = np.nan, np.nan
    preparation, _ = prepare(x, FAMILY)
    assert preparation.continuous == (True, True, *[False] * 5)
    assert preparation.log == (*[False] * 6, True)
    rows = preparation.rows(x)
    mean, deviation = np.nanmean(rows.input, 0), rows.input.std(0, correction=0).numpy()
    np.testing.assert_allclose(mean[[0, 1, 6]], 0, atol=1e-5)
    np.testing.assert_allclose(deviation[[0, 1, 6]], 1, rtol=1e-5)
    seen = rows.context["observed"].numpy()
    np.testing.assert_array_equal(rows.target[:, 2:][seen[:, 2:]], x[:, 2:][seen[:, 2:]].astype(np.float32))
    np.testing.assert_array_equal(rows.target[:, :2], rows.input[:, :2])
    np.testing.assert_allclose(preparation.restore(rows.target)[seen], x[seen], rtol=1e-6)
    assert (rows.input[2:, 2] != 0).all()  # what is missing reads as 0, and no value does
    assert Preparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation


def test_log_volume_is_that_of_the_columns_that_were_scaled():
    x = mixed()
    model = Embedder("vae", dim=2, epochs=2, likelihood=FAMILY, random_state=0).fit(x)
    factor = np.array([8.0, 0.5, 1, 1, 1, 1, 1])
    other = Embedder("vae", dim=2, epochs=2, likelihood=FAMILY, random_state=0).fit(factor * x)
    np.testing.assert_allclose(
        other.score_samples(factor * x), model.score_samples(x) - np.log(4), rtol=1e-6, atol=1e-5
    )
    gaps = x.copy()
    gaps[:, 0] = np.nan  # without the first column its factor does not count
    np.testing.assert_allclose(
        other.score_samples(factor * gaps), model.score_samples(gaps) + np.log(2), rtol=1e-6, atol=1e-5
    )


def test_numbers_beside_classes_are_learned_in_any_unit():
    """Unscaled, 10 000 ± 500 beside 0.001: the net never found the numbers."""
    x = mixed()
    model = Embedder("vae", dim=2, epochs=60, likelihood=FAMILY, random_state=0).fit(x)
    seen = model.reconstruct(x)
    explained = 1 - ((seen - x)[:, :2] ** 2).mean(0) / x[:, :2].var(0)
    assert (explained > 0.7).all()
    raw = Embedder("vae", dim=2, epochs=60, likelihood=FAMILY, scaling="none", random_state=0).fit(x)
    explained = 1 - ((raw.reconstruct(x) - x)[:, :2] ** 2).mean(0) / x[:, :2].var(0)
    assert (explained < 0.5).any()


@pytest.mark.parametrize("scaling", ["columns", "whole"])
def test_stretches_change_nothing(scaling, monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.gamma(2.0, 3.0, (500, 6)) + 1e3
    x[draw.random(x.shape) < 0.1] = np.nan
    x[:, 4] = 7.0
    (at_once, _), rows = prepare(x, scaling=scaling), []
    for cells in (preparing.CELLS, 7 * 6):
        for stretch in ("CELLS", "FEW"):
            monkeypatch.setattr(preparing, stretch, cells)
        (found, _) = prepare(x, scaling=scaling)
        np.testing.assert_allclose(found.shift, at_once.shift, rtol=1e-12)
        np.testing.assert_allclose(found.scale, at_once.scale, rtol=1e-12)
        rows.append(at_once.rows(x))
    assert torch.equal(rows[0].input, rows[1].input)
    assert torch.equal(rows[0].context["observed"], rows[1].context["observed"])


def test_a_cell_of_a_later_stretch_is_named(monkeypatch):
    x = np.random.default_rng(0).normal(size=(50, 4))
    found, _ = prepare(x)
    x[33, 2] = np.inf
    monkeypatch.setattr(preparing, "FEW", 40)
    with pytest.raises(DataError, match="row 33, column 2"):
        found.rows(x)


@pytest.mark.parametrize(("cells", "lean"), [(1 << 16, True), (1 << 30, False)], ids=["lean", "control"])
def test_preparing_takes_less_memory_than_the_rows(cells, lean, monkeypatch):
    x = np.random.default_rng(0).standard_normal((40_000, 64), dtype=np.float32)
    monkeypatch.setattr(preparing, "CELLS", cells)
    tracemalloc.start()
    try:
        prepare(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (peak < x.nbytes) == lean
