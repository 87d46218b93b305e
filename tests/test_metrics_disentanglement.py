"""Scores of disentanglement: on codes whose answer is known, and with the reference values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from isthmus.data import load
from isthmus.metrics import (
    beta_vae_score,
    dci,
    dci_of,
    explicitness,
    factor_vae_score,
    irs,
    mig,
    modularity,
    modularity_of,
    mutual_informations,
    sap,
    udr,
)

REFERENCE = json.loads((Path(__file__).parent / "reference_values.json").read_text())
VALUES = REFERENCE["values"]["disentanglement metrics"]
FACTORS = np.stack(np.meshgrid(*(np.arange(size) for size in (3, 5, 6, 8))), -1).reshape(-1, 4)
DRAW = np.random.default_rng(0)
ROTATION = np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]]) / 2  # every dimension is of all factors alike
SPREAD = (FACTORS - FACTORS.mean(0)) / FACTORS.std(0)
ROTATED = SPREAD @ ROTATION


def of_dci(index):
    return lambda codes, factors: dci(codes, factors)[index]


def fast(score):
    return lambda codes, factors: score(codes, factors, batch=32, train=600, test=300)


# each with what a perfect code gets, and what one that never moves gets
SCORES = {
    "mig": (mig, 1.0, 0.0),
    "modularity": (modularity, 1.0, 0.0),
    "sap": (sap, 1.0, 0.0),
    "disentanglement": (of_dci(0), 1.0, 0.0),
    "completeness": (of_dci(1), 1.0, 0.0),
    "irs": (irs, 1.0, 0.0),
    "factor_vae": (fast(factor_vae_score), 1.0, 0.0),
    "beta_vae": (fast(beta_vae_score), 1.0, 0.25),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_factors_themselves_get_the_best_value_in_any_order_sign_and_unit(name):
    score, best, _ = SCORES[name]
    turned = SPREAD[:, [2, 0, 3, 1]] * [1, -1, 1, -1]
    assert score(FACTORS, FACTORS) == pytest.approx(best, abs=0.02)
    assert score(turned, FACTORS) == pytest.approx(best, abs=0.02)
    assert score(100 * FACTORS.astype(float) - 7, FACTORS) == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("name", SCORES)
def test_a_code_that_never_moves_gets_the_worst(name):
    score, _, worst = SCORES[name]
    assert score(np.full((len(FACTORS), 3), 0.1), FACTORS) == pytest.approx(worst, abs=0.08)


@pytest.mark.parametrize("name", sorted(set(SCORES) - {"beta_vae"}))  # it is known to be lenient
def test_a_rotation_is_seen(name):
    score, best, _ = SCORES[name]
    assert score(ROTATED, FACTORS) < best - 0.15


def test_a_copy_costs_what_is_said_and_no_more():
    copies = np.hstack([SPREAD, SPREAD])
    assert mig(copies, FACTORS) <= 0.1 and sap(copies, FACTORS) <= 0.1
    for name in ("modularity", "disentanglement", "irs", "beta_vae", "factor_vae"):
        assert SCORES[name][0](copies, FACTORS) == pytest.approx(1, abs=0.02), name
    assert dci(copies, FACTORS).completeness < 0.9


def test_the_reference_values():
    diagonal = dci_of(5 * np.eye(5))
    stacked = dci_of(np.kron(np.ones((2, 1)), np.diag([5.0] * 5)))
    said = VALUES["dci of importance diag(5) 5x5"]
    assert diagonal[:2] == pytest.approx((said["disentanglement"], said["completeness"]), abs=1e-6)
    said = VALUES["dci of two stacked copies of the codes (vstack(diag, diag), codes x factors)"]
    assert stacked[:2] == pytest.approx((said["disentanglement"], said["completeness"]), abs=1e-6)
    assert (
        modularity_of(np.diag([0.3, 1.0, 2.0]))
        == VALUES["modularity of a diagonal mutual-information matrix"]
    )
    assert mig(FACTORS, FACTORS) >= 0.9 and mig(np.hstack([FACTORS, FACTORS]), FACTORS) <= 0.1


def test_uneven_importances_and_spreads_weigh_as_the_definitions_say():
    """By hand: a mean over dimensions that are not weighted, or weighted otherwise, gives other values."""
    found = dci_of([[3, 1], [0, 2]])
    quarter, third = (-(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in (1 / 4, 1 / 3))
    assert found.disentanglement == pytest.approx(4 / 6 * (1 - quarter) + 2 / 6)
    assert found.completeness == pytest.approx(1 / 2 + 1 / 2 * (1 - third))
    a, b = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]).T
    codes, factors = np.stack([a, 3 * b + a], 1), np.stack([a, b], 1)
    # the first never moves while a is held; the second, up to 2 from its mean, by ½ at most while b is
    assert irs(codes, factors, quantile=1) == pytest.approx((0.5 * 1 + 2 * (1 - 0.5 / 2)) / 2.5)


def test_units_of_a_dimension_do_not_decide_which_of_them_stands_still():
    noisy = SPREAD + np.random.default_rng(1).normal(size=SPREAD.shape)
    scores = [fast(factor_vae_score)(noisy * unit, FACTORS) for unit in (1, [1, 100, 0.01, 1])]
    assert scores[0] == scores[1] and 0.5 < scores[0] < 1


def test_a_model_that_says_all_twice_is_matched_on_one_side_only():
    z = np.random.default_rng(2).normal(size=(20_000, 4))
    # eight dimensions have one counterpart, four have two: (8 · 1 + 4 · ½) / 12, but for the noise of ρ
    assert udr([z, np.hstack([z, z])], relation="spearman").scores == pytest.approx([10 / 12] * 2, abs=0.02)


def test_informations_are_those_of_scikit_learn_and_entropies_on_the_diagonal():
    from sklearn.metrics import mutual_info_score

    noisy = FACTORS + DRAW.normal(size=FACTORS.shape)
    found = mutual_informations(noisy, FACTORS, bins=7)
    for j in range(4):
        cut = np.digitize(noisy[:, j], np.histogram(noisy[:, j], 7)[1][1:-1])
        for k in range(4):
            assert found[j, k] == pytest.approx(mutual_info_score(cut, FACTORS[:, k]), abs=1e-12)
    whole = mutual_informations(FACTORS, FACTORS)
    np.testing.assert_allclose(whole, np.diag(np.log(FACTORS.max(0) + 1)), atol=1e-12)


def test_sap_is_a_gap_of_squared_correlations_and_takes_categories():
    codes = np.stack([SPREAD[:, 0], SPREAD[:, 0] + DRAW.normal(size=len(SPREAD))], 1)
    r = np.square(np.corrcoef(codes.T, FACTORS[:, 0])[2, :2])
    assert sap(codes, FACTORS[:, :1]) == pytest.approx(abs(r[0] - r[1]), abs=1e-12)
    shape = FACTORS[:, :1]
    other = DRAW.permutation(3)[shape] * 10.0  # names in another order: the correlation means nothing
    chance = np.bincount(shape[:, 0]).max() / len(shape)
    gap = sap(np.hstack([other, SPREAD[:, 1:2]]), shape, categories=[0])
    assert gap == pytest.approx(1 - chance, abs=0.08)


def test_explicitness_is_one_where_a_line_reads_every_class_and_a_half_where_nothing_is_said():
    hot = np.hstack([np.eye(size)[column] for size, column in zip((FACTORS.max(0) + 1), FACTORS.T)])
    assert explicitness(hot, FACTORS) == pytest.approx(1, abs=1e-6)
    assert explicitness(hot @ np.linalg.qr(DRAW.normal(size=(hot.shape[1],) * 2))[0], FACTORS) > 0.999
    assert explicitness(np.zeros((len(FACTORS), 2)), FACTORS) == pytest.approx(0.5)


def test_dci_reads_factors_that_are_numbers_and_is_informed_of_noise():
    numbers = DRAW.uniform(size=(1500, 2))
    found = dci(numbers, numbers, bins=5)
    assert found.disentanglement > 0.95 and (found.informativeness or 0) > 0.9
    nothing = dci(DRAW.normal(size=(1500, 3)), numbers, bins=5)
    assert (
        nothing.disentanglement < 0.1
        and nothing.informativeness is not None
        and nothing.informativeness < 0.3
    )


def test_seeds_that_agree_up_to_order_and_sign_rank_above_those_that_are_rotated():
    z = DRAW.normal(size=(3000, 4))
    alike = [z, -z[:, ::-1], z[:, [1, 0, 3, 2]] * 2]
    turned = [z @ np.linalg.qr(DRAW.normal(size=(4, 4)))[0] for _ in range(3)]
    assert udr(alike).scores == pytest.approx([0.9] * 3, abs=0.01)  # 1 − the strength of the lasso
    assert udr(alike, relation="spearman").scores.min() > 0.85
    assert udr(turned).scores.max() < 0.6 and udr(turned, relation="spearman").scores.max() < 0.6
    trembling = [np.hstack([each, 1e-4 * DRAW.normal(size=(3000, 2))]) for each in alike]
    active = [np.arange(6) < 4] * 3
    assert udr(trembling, active).scores == pytest.approx(udr(alike).scores)
    assert udr(trembling).scores.max() < 0.7  # the control: dimensions that say nothing are counted


def test_on_sprites_their_factors_are_perfect_and_principal_components_are_not():
    part = load("sprites", "test")
    assert part.factors is not None
    centred = part.x - part.x.mean(0)
    components = centred @ np.linalg.svd(centred, full_matrices=False)[2][:5].T
    for score, least, most in ((mig, 0.99, 0.1), (sap, 0.99, 0.3), (irs, 0.99, 0.6)):
        assert score(part.factors, part.factors) > least
        assert score(components, part.factors) < most
    assert factor_vae_score(components, part.factors, train=500, test=300) < 0.6
    noise = DRAW.normal(size=(len(part.x), 5))
    assert mig(noise, part.factors) < 0.01 and modularity(noise, part.factors) > 0.5  # as its docstring says


def test_what_cannot_be_measured_is_said():
    with pytest.raises(ValueError, match="factor 1 never varies"):
        mig(FACTORS, FACTORS * [1, 0, 1, 1])
    with pytest.raises(ValueError, match="3 codes, 720 rows of factors"):
        dci(FACTORS[:3], FACTORS)
    with pytest.raises(ValueError, match="1 rows are not finite"):
        irs(np.where(np.arange(720)[:, None] == 4, np.nan, SPREAD), FACTORS)
    with pytest.raises(ValueError, match="none negative"):
        dci_of(-np.eye(3))
    with pytest.raises(ValueError, match=r"at least one row; got shape \(0, 4\)"):
        mig(FACTORS[:0], FACTORS[:0])
    for score in (factor_vae_score, beta_vae_score):
        with pytest.raises(ValueError, match="of one there is no choice"):
            score(FACTORS, FACTORS[:, 0])
    with pytest.raises(ValueError, match=r"factor 1 holds words, .*categories=\[1\]"):
        sap(FACTORS, np.array([["0", "a"], ["1", "b"]] * 360))
    with pytest.raises(ValueError, match="columns of the factors, 0 to 3"):
        sap(FACTORS, FACTORS, categories=[4])
    with pytest.raises(ValueError, match="factor 0 has too few rows a class"):
        explicitness(FACTORS, np.arange(720))
    with pytest.raises(ValueError, match="two models"):
        udr([SPREAD])
    with pytest.raises(ValueError, match="codes of 1 rows are not finite"):
        udr([SPREAD, np.where(np.arange(720)[:, None] == 4, np.nan, SPREAD)])
    for active in ([[True] * 4], [[True] * 4, [True] * 3]):
        with pytest.raises(ValueError, match=r"a mask \(d,\) for each model"):
            udr([SPREAD, SPREAD], active)
