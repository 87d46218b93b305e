"""Tables beside tables: closed forms, a control that destroys dependence, and a table that was sampled."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isthmus import Embedder
from isthmus.metrics import compare_tables
from isthmus.metrics.tables import cramers_v, total_variation

RNG = np.random.default_rng(0)


def planted(n: int, seed: int = 0) -> pd.DataFrame:
    """Numbers, classes and dates that all hang on one hidden number."""
    rng = np.random.default_rng(seed)
    code = rng.normal(size=n)
    grade = np.digitize(code + 0.3 * rng.normal(size=n), [-0.5, 0.5])
    return pd.DataFrame(
        {
            "size": np.round(10 + 3 * code + rng.normal(size=n), 2),
            "grade": np.array(["low", "middle", "high"])[grade],
            "sold": code + 0.5 * rng.normal(size=n) > 0,
            "visits": rng.poisson(np.exp(1 + 0.5 * code)),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.round(50 * (code + 4)), "D"),
        }
    )


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column by itself: the same marginals, and nothing hangs together."""
    return pd.DataFrame({name: RNG.permutation(frame[name]) for name in frame.columns})


def test_a_second_sample_is_as_alike_as_can_be_and_the_same_table_is_the_same():
    real = planted(2000)
    same = compare_tables(real, real)
    assert same.marginal == 0 and same.dependence == 0
    other = compare_tables(real, planted(2000, seed=1))
    assert other.marginal < 0.04 and other.dependence < 0.03
    assert other.strengths["grade", "sold"] > 0.6


def test_shuffled_columns_keep_their_marginals_and_lose_their_dependence():
    real = planted(2000)
    found = compare_tables(real, shuffled(real))
    assert found.marginal == 0
    assert found.dependence > 0.3
    for pair, strength in found.strengths.items():
        assert found.pairs[pair] == pytest.approx(strength, abs=0.06)


def test_other_marginals_are_seen_column_by_column():
    real = planted(1000)
    found = compare_tables(real, real.assign(size=real["size"] + 3, sold=True))
    assert found.marginals["size"] == pytest.approx(
        stats.ks_2samp(real["size"], real["size"] + 3).statistic, abs=1e-12
    )
    assert found.marginals["sold"] == pytest.approx(1 - real["sold"].mean())
    assert found.marginals["visits"] == 0
    assert "size" in str(found) and "least alike" in str(found)


def test_measures_are_their_formulas():
    a, b = RNG.integers(0, 3, 500).astype(float), RNG.integers(0, 4, 500).astype(float)
    p, q = (np.bincount(x.astype(int), minlength=4) / 500 for x in (a, b))
    assert total_variation(a, b) == pytest.approx(0.5 * np.abs(p - q).sum())
    counts = pd.crosstab(a, b).to_numpy()
    phi = stats.chi2_contingency(counts, correction=False).statistic / 500
    expected = np.sqrt(max(0, phi - 2 * 3 / 499) / (3 - 4 / 499 - 1))
    assert cramers_v(a, b) == pytest.approx(expected)
    assert cramers_v(a, a) == pytest.approx(1) and cramers_v(a, np.zeros(500)) == 0
    gaps = np.where(RNG.random(500) < 0.3, np.nan, a)
    assert cramers_v(gaps, a) == pytest.approx(1)


def test_what_a_vae_samples_is_nearer_than_shuffled_columns():
    real = planted(600)
    model = Embedder("vae", dim=3, epochs=120, lr=4e-3, random_state=0).fit(real)
    sampled = model.sample(2000, random_state=0)
    found, control = compare_tables(real, sampled), compare_tables(real, shuffled(real))
    assert found.marginal < 0.15
    assert found.dependence < 0.5 * control.dependence
