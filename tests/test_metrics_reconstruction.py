"""Errors of reconstruction against closed forms, scikit-image and scikit-learn, and under changes of unit."""

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from isthmus.metrics import (
    ms_ssim,
    ms_ssim_per_image,
    mse,
    mse_per_row,
    psnr,
    psnr_per_image,
    r2,
    ssim,
    ssim_per_image,
)

# tests/test_metrics_reconstruction.py's `image`, scored by scikit-image 0.26.0 on numpy 2.4.6:
#   structural_similarity(peak * image(i, h, w), peak * image(i + 0.3, h, w, 0.52), data_range=peak,
#                         gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
#   peak_signal_noise_ratio(the same two, data_range=peak)                       for i in 0, 1, 2
SCIKIT_IMAGE = {  # (h, w, peak): SSIM, PSNR
    (28, 28, 1.0): (
        [0.9182274918304888, 0.9205728155409856, 0.9211079318959786],
        [21.11185198452777, 21.077220133701875, 20.828257037009145],
    ),
    (11, 17, 1.0): (
        [0.9032645394231148, 0.9010718439079015, 0.953819373687664],
        [22.690579812668314, 22.05014079524268, 22.426234011017026],
    ),
    (40, 25, 255.0): (
        [0.9052523250988043, 0.9068912504465917, 0.907282811123196],
        [19.525418674765607, 19.637658396524028, 19.40482895115084],
    ),
}
# the same call with channel_axis=0 on [image(i + k, 20, 20) for k in 0, 1, 2], i = 0 against i = 0.3
SCIKIT_IMAGE_CHANNELS = 0.9465900196116652
# the same call with sigma=1.5 * 7 / 11, hence a 7 x 7 window, on image(0, 8, 8) against image(0.3, 8, 8)
SCIKIT_IMAGE_8_BY_8 = 0.9626954706715554


def image(i, h, w, frequency=0.5):
    row, column = np.mgrid[0:h, 0:w]
    return (
        0.5
        + 0.25 * np.sin(frequency * row + i) * np.cos(0.3 * column)
        + 0.25 * np.cos(0.05 * row * column + i)
    )


@pytest.mark.parametrize("h, w, peak", SCIKIT_IMAGE)
def test_ssim_and_psnr_equal_scikit_image(h, w, peak):
    x = peak * np.stack([image(i, h, w) for i in range(3)])
    y = peak * np.stack([image(i + 0.3, h, w, 0.52) for i in range(3)])
    similarity, ratio = SCIKIT_IMAGE[h, w, peak]
    assert ssim_per_image(x, y, peak) == pytest.approx(similarity, abs=1e-10)
    assert ssim(torch.tensor(x), torch.tensor(y), peak) == pytest.approx(np.mean(similarity), abs=1e-10)
    assert psnr_per_image(x, y, peak) == pytest.approx(ratio, abs=1e-10)
    assert psnr(x, y, peak) == pytest.approx(np.mean(ratio), abs=1e-10)


def test_ssim_of_channels_and_of_images_smaller_than_the_window_equals_scikit_image():
    x, y = (np.stack([image(i + k, 20, 20) for k in range(3)])[None] for i in (0, 0.3))
    assert ssim(x, y, 1.0) == pytest.approx(SCIKIT_IMAGE_CHANNELS, abs=1e-10)
    assert ssim(image(0, 8, 8)[None], image(0.3, 8, 8)[None], 1.0) == pytest.approx(
        SCIKIT_IMAGE_8_BY_8, abs=1e-10
    )


def test_ssim_laws():
    x = np.random.default_rng(0).random((4, 16, 16))
    y = np.random.default_rng(1).random((4, 16, 16))
    assert ssim(x, x, 1.0) == pytest.approx(1.0, abs=1e-12)
    assert ssim(x, y, 1.0) == pytest.approx(ssim(y, x, 1.0), abs=1e-12)
    assert ssim(255 * x, 255 * y, 255) == pytest.approx(
        ssim(x, y, 1.0), abs=1e-12
    )  # only peak sets the scale
    flat, other = np.full((1, 12, 12), 0.5), np.full((1, 12, 12), 0.7)  # no structure: luminance alone
    assert ssim(flat, other, 1.0) == pytest.approx((2 * 0.35 + 1e-4) / (0.25 + 0.49 + 1e-4), abs=1e-12)
    assert ssim(np.ones((1, 1, 1)), np.ones((1, 1, 1)), 1.0) == 1.0  # a window of one pixel


# pytorch-msssim 1.0.0 on torch 2.13.0 in float64, of `blended` images:
#   ms_ssim(x[:, None], y[:, None], data_range=peak, size_average=False)          for i in 0, 1, 2
# below five scales its steps without the check of the size, which presumes five: `_ssim` of its own and
# `avg_pool2d(2)` between, the weights divided by their sum
PYTORCH_MSSSIM = {  # (h, w, peak, scales)
    (176, 192, 1.0, 5): [0.9376254661096671, 0.9355966265679053, 0.9339555581572699],
    (256, 208, 255.0, 5): [0.9342349166096462, 0.933514040757181, 0.9318247556731666],
    (64, 64, 1.0, 3): [0.9226073858160414, 0.9060738160302498, 0.9184711670884768],
    (28, 28, 1.0, 2): [0.9603534894435702, 0.9605022015216768, 0.9605060413590653],
}
PYTORCH_MSSSIM_CHANNELS = 0.9357258836116141  # channels k in 0, 1, 2 of 176 x 192


def blended(i, h, w):
    x = image(i, h, w)
    return x, 0.7 * x + 0.3 * image(i + 1, h, w, 0.9)


@pytest.mark.parametrize("h, w, peak, scales", PYTORCH_MSSSIM)
def test_ms_ssim_equals_pytorch_msssim(h, w, peak, scales):
    x, y = (peak * np.stack(images) for images in zip(*(blended(i, h, w) for i in range(3))))
    theirs = PYTORCH_MSSSIM[h, w, peak, scales]
    assert ms_ssim_per_image(x, y, peak, scales) == pytest.approx(theirs, abs=1e-6)
    assert ms_ssim(torch.tensor(x), torch.tensor(y), peak, scales) == pytest.approx(np.mean(theirs), abs=1e-6)
    assert abs(ssim(x, y, peak) - np.mean(theirs)) > 0.001  # the control: one scale is another number


def test_ms_ssim_of_channels_and_its_limits():
    x, y = (np.stack(images)[None] for images in zip(*(blended(k, 176, 192) for k in range(3))))
    assert ms_ssim(x, y, 1.0) == pytest.approx(PYTORCH_MSSSIM_CHANNELS, abs=1e-6)
    assert ms_ssim(x, x, 1.0) == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(x, 1 - x, 1.0) == 0.0  # a negative: structure below zero has no real power
    assert ms_ssim(x, y, 1.0, scales=1) == pytest.approx(ssim(x, y, 1.0), abs=1e-12)


def test_ms_ssim_of_odd_sides_and_of_small_images():
    """161 = 10 · 16 + 1 is the smallest side of five scales; an image and its mirror image are alike."""
    x, y = (each[None] for each in blended(0, 161, 177))
    assert 0 < ms_ssim(x, y, 1.0) < 1
    assert ms_ssim(x[..., :160, :176], y[..., :160, :176], 1.0, scales=4) == pytest.approx(
        ms_ssim(x, y, 1.0, scales=4), abs=0.01
    )
    with pytest.raises(ValueError, match="161 pixels or more, and these images are 28 x 28: take scales=2"):
        ms_ssim(x[:, :28, :28], y[:, :28, :28], 1.0)
    with pytest.raises(ValueError, match="shrinks its window"):
        ms_ssim(x[:, :8, :8], y[:, :8, :8], 1.0, scales=1)
    with pytest.raises(ValueError, match="scales goes from 1 to 5"):
        ms_ssim(x, y, 1.0, scales=6)


def test_squared_error_alone_misleads():
    """A shift of brightness and a scramble of equal squared error: SSIM tells them apart."""
    x = np.stack([image(i, 32, 32) for i in range(4)])
    brighter, noisy = x + 0.1, x + 0.1 * np.sign(np.random.default_rng(0).normal(size=x.shape))
    assert mse(x, brighter) == pytest.approx(mse(x, noisy))
    assert ssim(x, brighter, 1.0) > ssim(x, noisy, 1.0) + 0.1


def test_psnr_identities():
    x = np.zeros((2, 5))
    y = np.stack([np.full(5, 0.1), np.full(5, 0.01)])
    assert psnr_per_image(x, y, 1.0) == pytest.approx([20.0, 40.0])
    assert psnr(x, y, 1.0) == pytest.approx(30.0)  # of the images, and not of their mean error:
    assert 10 * np.log10(1 / mse(x, y)) == pytest.approx(22.967, abs=1e-3)
    assert psnr(x, y, 10.0) == pytest.approx(psnr(x, y, 1.0) + 20)
    assert psnr(x, x, 1.0) == np.inf


def test_squared_error_is_summed_in_double_precision():
    x = torch.full((1000, 64), 0.1)
    assert float(x.square().mean()) != pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)  # the control
    assert mse(x, torch.zeros_like(x)) == pytest.approx(float(np.float32(0.1)) ** 2, rel=1e-12)


def test_mse_counts_what_was_observed():
    x = np.array([[1.0, np.nan], [3.0, 4.0]])
    assert mse(x, np.zeros((2, 2)), observed=~np.isnan(x)) == pytest.approx((1 + 9 + 16) / 3)
    assert mse_per_row(np.ones((3, 2, 2)), np.zeros((3, 2, 2))).tolist() == [1, 1, 1]


def test_r2_is_one_zero_and_scikit_learns_where_they_must_agree():
    train, x = np.random.default_rng(0).normal(size=(50, 3)), np.random.default_rng(1).normal(size=(20, 3))
    assert r2(x, x, train) == 1.0
    assert r2(x, np.broadcast_to(train.mean(0), x.shape), train) == pytest.approx(0.0, abs=1e-12)
    # with the test rows as reference each column has the same baseline: the uniform average of columns
    x_hat = x + 0.3 * np.random.default_rng(2).normal(size=x.shape)
    assert r2(x, x_hat, x) == pytest.approx(r2_score(x, x_hat, multioutput="uniform_average"), abs=1e-12)


def test_r2_does_not_depend_on_units_and_the_variance_weighted_one_does():
    rng = np.random.default_rng(0)
    train, x = rng.normal(size=(50, 4)), rng.normal(size=(20, 4))
    x_hat = x + np.array([0.1, 0.5, 1.0, 2.0]) * rng.normal(size=x.shape)
    scale, shift = np.array([1e-3, 1.8, -60.0, 1e4]), np.array([0.0, 32.0, 5.0, -1e3])
    ours = r2(x, x_hat, train), r2(x * scale + shift, x_hat * scale + shift, train * scale + shift)
    assert ours[0] == pytest.approx(ours[1], abs=1e-9)
    weighted = (
        r2_score(x, x_hat, multioutput="variance_weighted"),
        r2_score(x * scale + shift, x_hat * scale + shift, multioutput="variance_weighted"),
    )
    assert abs(weighted[0] - weighted[1]) > 0.1  # the control


def test_r2_leaves_out_constant_columns_and_missing_values():
    rng = np.random.default_rng(0)
    train, x, x_hat = rng.normal(size=(50, 2)), rng.normal(size=(20, 2)), rng.normal(size=(20, 2))

    def beside(rows, value):
        return np.column_stack([rows, np.full(len(rows), value)])

    expected = r2(x, x_hat, train)
    assert r2(beside(x, 9.0), beside(x_hat, -9.0), beside(train, 0.1)) == pytest.approx(expected, abs=1e-12)
    with_gaps = np.vstack([train, [[np.nan, np.nan]]])
    assert r2(x, x_hat, with_gaps) == pytest.approx(expected, abs=1e-12)
    x_gaps = x.copy()
    x_gaps[3, 0] = np.nan
    seen = ~np.isnan(x_gaps)
    assert r2(x_gaps, x_hat, train, observed=seen) == r2(np.where(seen, x, 7.0), x_hat, train, observed=seen)


def test_what_cannot_be_measured_is_refused():
    x = np.zeros((4, 12))
    with pytest.raises(ValueError, match=r"\(4, 12\), their reconstruction \(4, 11\)"):
        mse(x, x[:, 1:])
    with pytest.raises(ValueError, match="all 12 columns of the reference are constant"):
        r2(x, x, x)
    with pytest.raises(ValueError, match="a row of the reference has shape"):
        r2(x, x, x[:, 1:])
    with pytest.raises(ValueError, match="images"):
        ssim(x, x, 1.0)
    with pytest.raises(ValueError, match="largest value"):
        psnr(x, x, 0)
    with pytest.raises(ValueError, match="nothing is observed"):
        mse(x, x, observed=x > 0)
