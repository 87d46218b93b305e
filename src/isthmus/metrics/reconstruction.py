"""How far a reconstruction is from the data: squared error, PSNR, and R² in units that do not matter.

Every function takes arrays or tensors with one sample a row, (n, ...), sums in float64 and returns a plain
number, or, where its name says `per_row` or `per_image`, an array (n,).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array, float64, paired, positive


def mse(x: Any, x_hat: Any, observed: Any = None) -> float:
    """Mean squared error, 1/N Σ (x − x̂)² over every element of every row, in squared units of the data.

    Many papers report the sum over the event instead; that is this number times the number of elements a row.
    `observed` (bool, shape of `x`) leaves the other elements out of both sum and count; what they hold, NaN
    included, does not matter.

    >>> mse([[0.0, 2.0]], [[1.0, 2.0]])
    0.5
    """
    x, x_hat = paired(x, x_hat)
    error = np.square(x - x_hat)
    return float(error.mean() if observed is None else error[_mask(observed, x)].mean())


def mse_per_row(x: Any, x_hat: Any) -> Array:
    """Mean squared error of each row, (n,)."""
    x, x_hat = paired(x, x_hat)
    return np.square(x - x_hat).reshape(len(x), -1).mean(1)


def r2(x: Any, x_hat: Any, reference: Any, observed: Any = None) -> float:
    """The share of variance explained, each column measured in its own units.

        R² = 1 − Σ_j (err_j / v_j) / Σ_j (base_j / v_j)

    where err_j = Σ_i (x_ij − x̂_ij)², base_j = Σ_i (x_ij − m_j)², and m_j, v_j are mean and variance of
    column j in `reference`, the rows the model was trained on. 1 is perfect, 0 is no better than predicting
    the training mean, and it may be negative. As every column is divided by its own variance, metres or
    millimetres, Celsius or Fahrenheit give the same number; scikit-learn's
    `r2_score(multioutput="variance_weighted")` is *not* invariant (there the column with the largest unit
    decides), and its baseline is the mean of the test rows, which no model has seen.

    Columns that are constant in `reference` have no unit to be measured in and are left out. NaN in
    `reference` are skipped; `observed` (bool, shape of `x`) says which elements of `x` count.

    Args:
        x, x_hat: (n, ...), the data and their reconstruction.
        reference: (m, ...), the training rows.
        observed: (n, ...), bool.

    Raises:
        ValueError: if shapes disagree, or every column of `reference` is constant.
    """
    x, x_hat = paired(x, x_hat)
    reference = float64(reference)
    if reference.shape[1:] != x.shape[1:]:
        raise ValueError(f"a row of the reference has shape {reference.shape[1:]}, of the data {x.shape[1:]}")
    seen = np.ones(x.shape, bool) if observed is None else _mask(observed, x)
    x, x_hat, seen = x.reshape(len(x), -1), x_hat.reshape(len(x), -1), seen.reshape(len(x), -1)  # (n, d)
    reference = reference.reshape(len(reference), -1)  # (m, d)

    low, high = np.fmin.reduce(reference), np.fmax.reduce(reference)  # these skip NaN without a warning
    varies = high > low  # False too where a column is missing altogether; a variance would round above zero
    if not varies.any():
        raise ValueError(f"all {len(varies)} columns of the reference are constant: nothing can be explained")
    x, x_hat, seen, reference = x[:, varies], x_hat[:, varies], seen[:, varies], reference[:, varies]
    mean, variance = np.nanmean(reference, 0), np.nanvar(reference, 0)
    error = (np.square(x - x_hat) / variance)[seen].sum()
    baseline = (np.square(x - mean) / variance)[seen].sum()
    return float(1 - error / baseline)


def psnr(x: Any, x_hat: Any, peak: float) -> float:
    """Peak signal-to-noise ratio in decibels: the mean over images of 10 log₁₀(peak² / mse of the image).

    This is the mean of the images' PSNR, as denoising and super-resolution papers report it, and not the PSNR
    of the mean error, `10 log10(peak**2 / mse(x, x_hat))`, which is never larger (Jensen). An image
    reproduced exactly has infinite PSNR, and so has then the mean.

    Args:
        x, x_hat: (n, ...), one image a row.
        peak: the largest value a pixel can take: 1.0 or 255, a property of the format and not of the image.
    """
    return float(psnr_per_image(x, x_hat, peak).mean())


def psnr_per_image(x: Any, x_hat: Any, peak: float) -> Array:
    """10 log₁₀(peak² / mse) of each image, (n,), in decibels; infinite where an image is exact."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(positive(peak) ** 2 / mse_per_row(x, x_hat))


def _mask(observed: Any, x: Array) -> np.ndarray:
    mask = float64(observed) > 0
    if mask.shape != x.shape:
        raise ValueError(f"`observed` has shape {mask.shape}, the data {x.shape}; they must agree")
    if not mask.any():
        raise ValueError("nothing is observed: there is no error to average")
    return mask
