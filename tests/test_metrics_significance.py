"""Intervals that cover as often as they say, and p-values that are uniform where nothing differs."""

import numpy as np
import pytest
from scipy.stats import binomtest, kstest, permutation_test, ttest_rel

from isthmus.metrics import bootstrap, holm, paired


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_intervals_cover_the_truth_as_often_as_they_say(method):
    """Means of 40 exponential numbers; of 300 intervals of 90 %, 84 to 95 % must hold the truth, 1."""
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(300):
        interval = bootstrap(rng.exponential(size=40), level=0.9, draws=400, method=method, seed=seed)
        hits += interval.low <= 1 <= interval.high
    assert 0.84 <= hits / 300 <= 0.95
    assert binomtest(hits, 300, 0.6).pvalue < 1e-6  # the control: an interval too narrow would be seen


def test_bca_equals_scipys():
    from scipy.stats import bootstrap as theirs

    values = np.random.default_rng(0).exponential(size=60)
    for method, name in (("bca", "BCa"), ("percentile", "percentile")):
        ours = bootstrap(values, lambda x: float(np.var(x)), method=method, draws=8000)
        other = theirs((values,), np.var, method=name, n_resamples=8000, rng=1).confidence_interval
        assert ours.estimate == np.var(values)
        width = other.high - other.low
        assert ours.low == pytest.approx(other.low, abs=0.03 * width)
        assert ours.high == pytest.approx(other.high, abs=0.06 * width)


def test_bootstrap_of_rows_keeps_columns_together():
    """The correlation of two columns: rows, and not values, are drawn."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 2))
    rows = np.stack([z[:, 0], 0.9 * z[:, 0] + np.sqrt(1 - 0.81) * z[:, 1]], 1)

    def correlation(x: np.ndarray) -> float:
        return float(np.asarray(np.corrcoef(x.T))[0, 1])

    interval = bootstrap(rows, correlation)
    assert 0.85 < interval.low < interval.estimate < interval.high < 0.95
    assert interval == bootstrap(rows, correlation)  # it repeats
    assert interval != bootstrap(rows, correlation, seed=1)


def test_the_interval_of_many_rows_is_that_of_the_standard_error():
    values = np.random.default_rng(0).normal(size=20_000)
    interval = bootstrap(values)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(20_000), rel=0.05)


def test_constant_and_single_values_have_no_width():
    assert bootstrap(np.full(5, 2.0))[:3] == (2.0, 2.0, 2.0)
    assert bootstrap([3.0])[:3] == (3.0, 3.0, 3.0)


@pytest.mark.parametrize("n", [8, 25])
def test_p_values_are_uniform_under_the_null(n):
    """By enumeration (8 pairs) and by random signs (25); skewed pairs that are exchangeable."""
    rng = np.random.default_rng(0)
    pairs = rng.exponential(size=(400, 2, n))
    p = np.array([paired(a, b, draws=500, seed=i).p for i, (a, b) in enumerate(pairs)])
    assert kstest(p, "uniform").pvalue > 0.01
    assert binomtest(int((p <= 0.05).sum()), 400, 0.05).pvalue > 0.01
    unpaired = np.array([paired(a + 3 * a.mean(), b, draws=500).p for a, b in pairs[:50]])
    assert (unpaired < 0.05).mean() > 0.9  # the control: a difference is found


def test_the_paired_test_sees_what_an_unpaired_one_cannot():
    rng = np.random.default_rng(0)
    case = 10 * rng.normal(size=60)  # how hard each is: far larger than the difference
    a, b = case + 0.3 + 0.3 * rng.normal(size=60), case
    result = paired(a, b)
    assert result.p < 0.001 and 0.15 < result.interval.low < result.interval.high < 0.45
    assert result.difference == pytest.approx((a - b).mean()) and result.cases == 60
    assert paired(a, rng.permutation(b)).p > 0.05  # the control: pairs torn apart
    assert paired(b, a).difference == -result.difference


def test_p_equals_scipys():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=10) + 0.6, rng.normal(size=10)
    exact = permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert paired(a, b).p == pytest.approx(exact, abs=1e-12)
    a, b = rng.normal(size=200) + 0.2, rng.normal(size=200)
    assert paired(a, b).p == pytest.approx(ttest_rel(a, b).pvalue, abs=0.01)


def test_equal_methods_do_not_differ():
    assert paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).p == 1.0
    assert paired(np.ones(50), np.ones(50)).p == 1.0
    assert paired(np.ones(5), np.zeros(5)).p == 1 / 16  # as small as five pairs allow


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == pytest.approx([0.02]) and holm([]).shape == (0,)
    p = np.random.default_rng(0).random((4000, 5))
    alarms = np.array([(holm(each) <= 0.05).any() for each in p])
    assert 0.04 < alarms.mean() < 0.06  # of any: what it promises
    assert (p <= 0.05).any(1).mean() > 0.2  # the control: unadjusted


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(ValueError, match="shapes"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="there are none"):
        bootstrap([])
    with pytest.raises(ValueError, match='"bca" or "percentile"'):
        bootstrap([1.0], method="normal")
    with pytest.raises(ValueError, match="level"):
        bootstrap([1.0], level=95)
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.2])
