"""Structural similarity of images, at one scale (SSIM) and at several (MS-SSIM)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import correlate1d

from .arrays import Array, paired, positive

WINDOW = 11  # pixels of the Gaussian window a side, of σ = 1.5
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, the finest first: Wang et al. 2003


def ssim(x: Any, x_hat: Any, peak: float) -> float:
    """Structural similarity, the mean over images of `ssim_per_image`: 1 for identical images, at most 1."""
    return float(ssim_per_image(x, x_hat, peak).mean())


def ssim_per_image(x: Any, x_hat: Any, peak: float) -> Array:
    """Structural similarity of each image, (n,) (Wang, Bovik, Sheikh & Simoncelli 2004, equation 13).

        SSIM = (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)),  C_i = (K_i peak)²

    with K₁ = 0.01, K₂ = 0.03 and local means, (population) variances and covariance under an 11 × 11 Gaussian
    window of σ = 1.5, averaged over the positions where the window lies inside the image. Channels are
    averaged. This equals scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False)`; its *default* is a uniform 7 × 7 window, and gives other numbers.

    An image of fewer than 11 pixels in height or width has no such window. There the largest odd window that
    fits is used, its σ shrunk in proportion (1.5 size / 11); compare such values only with each other.

    Args:
        x, x_hat: (n, h, w) or (n, c, h, w).
        peak: the largest value a pixel can take.
    """
    x, y = _images(x, x_hat)
    size = min(WINDOW, *(side - 1 + side % 2 for side in x.shape[-2:]))
    luminance, structure = _similarity(x, y, peak, size)
    return (luminance * structure).reshape(len(x), -1).mean(1)


def ms_ssim(x: Any, x_hat: Any, peak: float, scales: int = 5) -> float:
    """Multi-scale structural similarity, the mean over images of `ms_ssim_per_image`."""
    return float(ms_ssim_per_image(x, x_hat, peak, scales).mean())


def ms_ssim_per_image(x: Any, x_hat: Any, peak: float, scales: int = 5) -> Array:
    """Multi-scale structural similarity of each image, (n,) (Wang, Simoncelli & Bovik 2003, equation 7).

        MS-SSIM = l_M^w_M · Π_j c_j^w_j

    c_j is the mean over the image of SSIM's second factor (contrast and structure) at scale j, and l_M c_M
    the mean of the whole SSIM at the coarsest; each scale halves the one before, by the mean of 2 × 2 pixels
    (of an odd side, the last pixel counts twice, as in the authors' own program; others drop it or put zeros
    beside it, and differ in the third digit). The weights are the authors', 0.0448, 0.2856, 0.3001, 0.2363,
    0.1333. A channel has its own product, and channels are averaged. A c_j below zero, an image against its
    negative, has no real power: it counts as 0.

    The window is that of `ssim`, 11 × 11 at *every* scale, so five scales need sides of 161 pixels or more.
    Smaller images have fewer: 28 × 28 allows `scales=2`, 32 × 32 too, 64 × 64 allows 3. Their weights are the
    first of the five, divided by their sum, and `scales=1` is `ssim`. Values of
    different `scales` are not comparable, and papers mean five.

    Args:
        x, x_hat: (n, h, w) or (n, c, h, w).
        peak: the largest value a pixel can take.
        scales: from 1 to 5.

    Raises:
        ValueError: if the images are too small for so many scales; it says how many they allow.
    """
    if scales not in range(1, len(WEIGHTS) + 1):
        raise ValueError(f"scales goes from 1 to {len(WEIGHTS)}, got {scales}")
    x, y = _images(x, x_hat)
    side = min(x.shape[-2:])
    allowed = sum(-(-side // 2**j) >= WINDOW for j in range(len(WEIGHTS)))
    if scales > allowed:
        need = (WINDOW - 1) * 2 ** (scales - 1) + 1
        instead = f"take scales={allowed}" if allowed else "`ssim` shrinks its window to them"
        raise ValueError(
            f"MS-SSIM of {scales} scales needs sides of {need} pixels or more, and these images are "
            f"{x.shape[-2]} x {x.shape[-1]}: {instead}"
        )
    weights = np.array(WEIGHTS[:scales])
    if scales < len(WEIGHTS):
        weights /= weights.sum()
    product = np.ones(x.shape[:-2])  # (n,) or (n, c)
    for j, weight in enumerate(weights, 1):
        luminance, structure = _similarity(x, y, peak, WINDOW)
        here = structure if j < scales else luminance * structure
        product *= np.maximum(here.mean((-2, -1)), 0.0) ** weight
        if j < scales:
            x, y = _halved(x), _halved(y)
    return product.reshape(len(product), -1).mean(1)


def _similarity(x: Array, y: Array, peak: float, size: int) -> tuple[Array, Array]:
    """The two factors of SSIM at every position of the window: luminance; contrast and structure."""
    c1, c2 = (0.01 * positive(peak)) ** 2, (0.03 * peak) ** 2
    mu_x, mu_y = _local_mean(x, size), _local_mean(y, size)  # (n, [c,] h - size + 1, w - size + 1)
    var_x = _local_mean(x * x, size) - mu_x**2
    var_y = _local_mean(y * y, size) - mu_y**2
    cov = _local_mean(x * y, size) - mu_x * mu_y
    return (2 * mu_x * mu_y + c1) / (mu_x**2 + mu_y**2 + c1), (2 * cov + c2) / (var_x + var_y + c2)


def _local_mean(images: Array, size: int) -> Array:
    """The mean under a Gaussian window of size × size at every position where it fits."""
    half = size // 2
    window = np.exp(-0.5 * (np.arange(-half, half + 1) / (1.5 * size / WINDOW)) ** 2)
    window /= window.sum()
    height, width = images.shape[-2:]
    smooth = correlate1d(correlate1d(images, window, -2), window, -1)
    return smooth[..., half : height - half, half : width - half]


def _halved(images: Array) -> Array:
    """Means of 2 × 2 pixels; of an odd side the last pixel counts twice."""
    height, width = images.shape[-2:]
    even = [(0, 0)] * (images.ndim - 2) + [(0, height % 2), (0, width % 2)]
    rows = np.pad(images, even, mode="edge")
    columns = 0.5 * (rows[..., ::2, :] + rows[..., 1::2, :])
    return 0.5 * (columns[..., ::2] + columns[..., 1::2])


def _images(x: Any, x_hat: Any) -> tuple[Array, Array]:
    x, y = paired(x, x_hat)
    if x.ndim not in (3, 4):
        raise ValueError(f"SSIM compares images (n, h, w) or (n, c, h, w); this is of shape {x.shape}")
    return x, y
