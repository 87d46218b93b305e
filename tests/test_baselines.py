"""The baselines against scikit-learn, scipy and closed forms."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter as scipy_gaussian
from scipy.signal import medfilt2d, wiener
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from isthmus.baselines import (
    beside,
    best_filter,
    filters,
    gaussian_filter,
    mean_predictor,
    median_filter,
    pca,
    probabilistic_pca,
    wiener_filter,
)
from isthmus.baselines import linear as linear_baselines
from isthmus.metrics import bootstrap, mse, psnr, r2


@pytest.fixture(scope="module")
def digits():
    x = load_digits().data / 16
    return x[:1400], x[1400:]


def correlated(n, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ np.random.default_rng(99).normal(size=(d, d)) + np.arange(d)


@pytest.mark.parametrize("dim", [1, 8, 30])
def test_pca_is_scikit_learns(digits, dim):
    train, test = digits
    theirs = PCA(dim, svd_solver="full").fit(train)
    ours = pca(torch.tensor(train), dim)
    assert ours.explained == pytest.approx(theirs.explained_variance_ratio_, abs=1e-10)
    np.testing.assert_allclose(
        ours.reconstruct(test), theirs.inverse_transform(theirs.transform(test)), atol=1e-6
    )
    np.testing.assert_allclose(np.abs(ours.transform(test)), np.abs(theirs.transform(test)), atol=1e-6)
    assert (ours.components.max(1) >= -ours.components.min(1)).all()  # the documented sign


def test_pca_beyond_the_rank_reconstructs_the_training_rows():
    train = correlated(4)
    for dim in (3, 4, 6, 60):  # three directions after centring; n = 4, d = 6
        np.testing.assert_allclose(pca(train, dim).reconstruct(train), train, atol=1e-10)
    assert pca(train, 60).components.shape == (4, 6)
    assert mse(train, pca(train, 2).reconstruct(train)) > 1e-3
    constant = np.full((5, 3), 2.0)
    np.testing.assert_array_equal(pca(constant, 2).reconstruct(constant), constant)


def test_pca_keeps_the_shape_of_a_row_and_truncates():
    images = np.random.default_rng(0).random((20, 3, 4, 4))
    model = pca(images, 10)
    assert model.reconstruct(images).shape == images.shape and model.transform(images).shape == (20, 10)
    np.testing.assert_allclose(
        model.truncated(4).reconstruct(images), pca(images, 4).reconstruct(images), atol=1e-12
    )
    with pytest.raises(ValueError, match=r"\(4, 4\), those it was fitted to \(3, 4, 4\)"):
        model.transform(images[:, 0])
    with pytest.raises(ValueError, match="0 or more"):
        pca(images, -1)


def test_missing_values_are_taken_at_their_columns_mean():
    train = correlated(50)
    gaps = train.copy()
    gaps[::5, 2] = np.nan
    filled = np.where(np.isnan(gaps), np.nanmean(gaps, 0), gaps)
    np.testing.assert_allclose(pca(gaps, 2).reconstruct(gaps), pca(filled, 2).reconstruct(filled), atol=1e-10)
    gaps[:, 1] = np.nan  # a column nobody saw
    assert np.isfinite(pca(gaps, 2).reconstruct(gaps)).all()


def test_mean_predictor_has_r2_zero():
    train, test = correlated(50), correlated(20, seed=1)
    constant = mean_predictor(train).reconstruct(test)
    np.testing.assert_allclose(constant, np.broadcast_to(train.mean(0), test.shape), atol=1e-12)
    assert r2(test, constant, train) == pytest.approx(0, abs=1e-12)
    assert mean_predictor(train).transform(test).shape == (20, 0)


@pytest.mark.parametrize("dim", [0, 1, 3, 5])
def test_probabilistic_pca_is_a_normal_density(dim):
    train, test = correlated(200), correlated(30, seed=1)
    model = probabilistic_pca(train, dim)
    n, d = train.shape
    covariance = model.weight @ model.weight.T + model.variance * np.eye(d)
    expected = multivariate_normal(model.mean, covariance).logpdf(test)
    assert model.log_likelihood(test) == pytest.approx(expected, abs=1e-6)

    # the closed form of the optimum: -1/2 [d log 2 pi + sum_k log lambda + (d - k) log s2 + d]
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(train.T, bias=True)))[::-1]
    noise = eigenvalues[dim:].mean()
    optimum = -0.5 * (
        d * math.log(2 * math.pi) + np.log(eigenvalues[:dim]).sum() + (d - dim) * math.log(noise) + d
    )
    assert model.variance == pytest.approx(noise, rel=1e-9)
    assert model.log_likelihood(train).mean() == pytest.approx(optimum, abs=1e-9)


def test_probabilistic_pca_is_scikit_learns():
    """Theirs divides the covariance by n - 1: the same density, stretched by c = n / (n - 1)."""
    train, test = correlated(60), correlated(30, seed=1)
    stretch = math.sqrt(60 / 59)
    model = probabilistic_pca(train, 2)
    ours = model.log_likelihood(model.mean + (test - model.mean) / stretch) - 6 * math.log(stretch)
    assert ours == pytest.approx(PCA(2, svd_solver="full").fit(train).score_samples(test), abs=1e-6)


def test_probabilistic_pca_is_the_maximum():
    """Moving the solution anywhere lowers the likelihood of the training rows."""
    train = correlated(100)
    best = probabilistic_pca(train, 2)
    optimum = best.log_likelihood(train).mean()
    rng = np.random.default_rng(0)
    for _ in range(20):
        weight = best.weight + 0.02 * rng.normal(size=best.weight.shape)
        variance = best.variance * math.exp(0.02 * rng.normal())
        covariance = weight @ weight.T + variance * np.eye(6)
        assert multivariate_normal(best.mean, covariance).logpdf(train).mean() < optimum


def test_a_fixed_noise_switches_dimensions_off():
    train = np.random.default_rng(0).normal(size=(2000, 5)) * np.array([4.0, 3.0, 2.0, 1.0, 0.5])
    eigenvalues = probabilistic_pca(train, 4).eigenvalues
    for variance, active in ((0.01, 4), (2.0, 3), (6.0, 2), (12.0, 1), (100.0, 0)):
        model = probabilistic_pca(train, 4, variance=variance)
        assert model.active == active == min(4, (eigenvalues > variance).sum())
        assert (np.abs(model.weight).sum(0) > 0).sum() == active
    assert probabilistic_pca(train, 4).active == 4


def test_posterior_of_probabilistic_pca_is_that_of_the_joint_normal():
    train, test = correlated(100), correlated(4, seed=1)
    model = probabilistic_pca(train, 3)
    mean, scale = model.posterior(test)
    covariance = model.weight @ model.weight.T + model.variance * np.eye(6)
    gain = model.weight.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(mean, (test - model.mean) @ gain.T, atol=1e-8)
    np.testing.assert_allclose(np.diag(scale**2), np.eye(3) - gain @ model.weight, atol=1e-8)


def test_a_density_without_a_maximum_is_refused():
    with pytest.raises(ValueError, match="3 dimensions explain these 4 rows of 6 elements completely"):
        probabilistic_pca(correlated(4), 3)
    assert np.isfinite(probabilistic_pca(correlated(4), 5, variance=0.1).log_likelihood(correlated(4))).all()
    with pytest.raises(ValueError, match="from 0 to 5"):
        probabilistic_pca(correlated(40), 6)
    with pytest.raises(ValueError, match="missing values"):
        probabilistic_pca(correlated(40), 2).log_likelihood(np.full((1, 6), np.nan))


def test_many_rows_are_decomposed_another_way_with_the_same_result(digits, monkeypatch):
    train, test = digits
    plain = pca(train, 8)
    monkeypatch.setattr(linear_baselines, "LARGE", 1)
    other = pca(train, 8)
    np.testing.assert_allclose(other.components, plain.components, atol=1e-10)
    np.testing.assert_allclose(other.explained, plain.explained, atol=1e-12)
    np.testing.assert_allclose(pca(train, 64).reconstruct(test), test, atol=1e-10)
    score = probabilistic_pca(train, 8).log_likelihood(test)
    monkeypatch.undo()
    np.testing.assert_allclose(score, probabilistic_pca(train, 8).log_likelihood(test))


whole = partial(beside, units="whole")


def test_columns_in_their_own_units_are_compared_in_standard_deviations(digits):
    train, test = digits[0], digits[1]
    train, test = train[:, train.std(0) > 0.05], test[:, train.std(0) > 0.05]
    seen = pca(train, 20).reconstruct(test)
    units = np.geomspace(1e-3, 1e3, train.shape[1])
    one, other = (beside(train * u, test * u, 8, seen * u) for u in (1.0, units))
    assert one.scores[2].r2 == pytest.approx(r2(test, seen, train))
    for a, b in zip(one.scores, other.scores):
        assert (a.mse, a.r2) == (pytest.approx(b.mse), pytest.approx(b.r2))
    # the control: taken as they are, the column with the largest unit decides everything
    assert whole(train * units, test * units, 8, seen * units).scores[1].r2 > one.scores[1].r2 + 0.2


def test_verdict_names_the_winner(digits):
    train, test = digits
    better = whole(train, test, 8, pca(train, 20).reconstruct(test), "vae", "digits")
    labels = [score.name for score in better.scores]
    assert labels == ["mean", "PCA 8", "vae"] and better.difference > 0
    assert better.scores[0].r2 == pytest.approx(0, abs=1e-9)
    ratio = better.scores[2].mse / better.scores[1].mse
    assert better.verdict == (
        f"vae reconstructs held-out digits with {better.scores[2].mse:.5f} mean squared error; PCA at the "
        f"same 8 dimensions reaches {better.scores[1].mse:.4f}: "
        f"the autoencoder wins by {100 * (1 - ratio):.0f} %."
    )
    assert str(better).splitlines()[-1] == better.verdict

    worse = whole(train, test, 8, pca(train, 4).reconstruct(test), "vae", "digits")
    assert "the autoencoder loses by" in worse.verdict and "take PCA" in worse.verdict
    assert "learned nothing" not in worse.verdict
    blind = whole(train, test, 8, np.broadcast_to(train.mean(0), test.shape), "vae", "digits")
    assert "loses by" in blind.verdict and "learned nothing" in blind.verdict
    assert "PCA is exact" in whole(train, test, 64, test + 0.1).verdict


def test_a_verdict_comes_with_an_interval_and_a_p_value(digits):
    train, test = digits
    linear = pca(train, 8).reconstruct(test)
    better = whole(train, test, 8, test + 0.9 * (linear - test))
    rows = 0.19 * np.square(linear - test).mean(1)  # 1 − 0.9²
    assert better.test is not None and better.test.interval == pytest.approx(bootstrap(rows))
    assert better.test.difference == pytest.approx(better.difference) and better.test.p < 0.001
    equal = whole(train, test, 8, linear)
    assert equal.test is not None and equal.test.p == 1.0
    assert whole(train, test[:1], 8, linear[:1]).test is None


def test_a_draw_is_called_a_draw(digits):
    train, test = digits
    linear = pca(train, 8).reconstruct(test)
    assert "a draw" in whole(train, test, 8, linear).verdict
    assert "a draw" in whole(train, test, 8, test + 0.998 * (linear - test)).verdict  # below half a percent
    assert "wins by 2 %" in whole(train, test, 8, test + 0.99 * (linear - test)).verdict
    assert "one row decides nothing" in whole(train, test[:1], 8, linear[:1] + 1).verdict
    factor = np.array([1.3, 0.7, 1.4, 0.7, 1.0])[:, None]  # better on some rows, worse on others
    few = whole(train, test[:5], 8, test[:5] + factor * (linear - test)[:5])
    assert (
        "a draw" in few.verdict and 0.005 * few.scores[1].mse < abs(few.difference) < 2 * few.standard_error
    )
    many = whole(
        train, np.tile(test[:5], (99, 1)), 8, np.tile(test[:5] + factor * (linear - test)[:5], (99, 1))
    )
    assert many.difference == pytest.approx(few.difference) and "loses by" in many.verdict
    gaps = test.copy()
    gaps[:, 20] = np.nan  # what is missing is not counted, whatever is predicted for it
    wild = linear.copy()
    wild[:, 20] = 1e6
    assert whole(train, gaps, 8, wild).scores[2].mse < 0.1


def test_filters_are_scipys_image_by_image():
    images = np.random.default_rng(0).random((3, 2, 9, 10))
    blurred, median, adaptive = (
        gaussian_filter(images, 0.8),
        median_filter(images, 3),
        wiener_filter(images, 5),
    )
    for i, j in np.ndindex(3, 2):
        plane = images[i, j]
        np.testing.assert_allclose(blurred[i, j], scipy_gaussian(plane, 0.8), atol=1e-12)
        np.testing.assert_allclose(median[i, j, 1:-1, 1:-1], medfilt2d(plane, 3)[1:-1, 1:-1], atol=1e-12)
        np.testing.assert_allclose(adaptive[i, j], wiener(plane, 5), atol=1e-12)
    flat = np.full((1, 8, 8), 0.5)  # no variance to divide by
    np.testing.assert_allclose(wiener_filter(flat, 3)[:, 1:-1, 1:-1], 0.5)
    with pytest.raises(ValueError, match="needs images"):
        gaussian_filter(np.zeros((3, 64)), 1.0)


def test_best_filter_raises_psnr_on_images_it_was_not_tuned_on(digits):
    clean, held_out = (x.reshape(-1, 8, 8)[:200] for x in digits)
    rng = np.random.default_rng(0)
    noisy, noisy_held_out = (x + 0.3 * rng.normal(size=x.shape) for x in (clean, held_out))
    best = best_filter(noisy, clean, noisy_held_out)
    assert best.name == "PCA projection"  # digits are low-dimensional and not smooth
    assert psnr(held_out, best.images, 1.0) > psnr(held_out, noisy_held_out, 1.0) + 3
    everything = filters(noisy, clean, noisy_held_out)
    assert [f.psnr for f in everything] == sorted((f.psnr for f in everything), reverse=True)
    assert len({f.name for f in everything}) == 4
    # the parameter is the best of its grid: any other does worse on the training images
    assert all(
        psnr(clean, pca(clean, k).reconstruct(noisy).clip(0, 1), 1.0) <= best.psnr for k in (2, 8, 32, 64)
    )
    assert best.images.min() >= 0 and best.images.max() <= 1


def test_the_median_wins_on_impulse_noise():
    row, column = np.mgrid[0:24, 0:24]
    clean = np.stack([0.5 + 0.4 * np.sin(0.3 * row + i) * np.cos(0.2 * column) for i in range(40)])
    rng = np.random.default_rng(0)
    # every image its own phase, and few of them: PCA has components enough for the noise, too
    noisy = np.where(rng.random(clean.shape) < 0.1, rng.integers(0, 2, clean.shape), clean)
    by_name = {f.name: f.psnr for f in filters(noisy, clean, noisy)}
    assert by_name["median filter"] > max(by_name["gaussian filter"], by_name["wiener filter"]) + 5
