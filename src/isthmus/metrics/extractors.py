"""What pictures are compared by: features of a network that is named and pinned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data import load
from ..randomness import seeded
from .arrays import Array, float64

WIDTH = 64
CHUNK = 1024


class GreyFeatures(nn.Module):
    """Grey pictures to 64 features of a small classifier, before its last layer; `grey_features` trains one.

    Called with pictures (n, h·w), square, or (n, 1, h, w), of values from 0 to 1, it gives (n, 64), float64.
    Pictures of another size are scaled to that of its training; what is out of 0 to 1 is clipped, as by a
    screen.

    Attributes:
        name: data, seed and a fingerprint of the weights. Print it beside every distance: distances under
            different names cannot be compared, and none with a published FID.
        accuracy: of the classifier on the test part of its data.
    """

    def __init__(self, side: tuple[int, ...], classes: int):
        super().__init__()
        self.side = side
        self.picture = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(256, WIDTH),  # before a ReLU: what is never 0 has a covariance of full rank
        )
        self.named = nn.Sequential(nn.ReLU(), nn.Linear(WIDTH, classes))
        self.name, self.accuracy = "untrained", 0.0

    def forward(self, images: Any) -> Array:
        pictures = self.resized(images)
        with torch.no_grad():
            parts = [self.picture(part) for part in pictures.split(CHUNK)]
        return float64(torch.cat(parts))

    def resized(self, images: Any) -> Tensor:
        """As the network takes them, (n, 1, *side)."""
        x = torch.as_tensor(float64(images), dtype=torch.float32)
        x = _squares(x) if x.dim() == 2 else x
        if x.dim() != 4 or x.shape[1] != 1:
            raise ValueError(
                f"expected grey pictures, (n, 1, h, w), or (n, pixels) if square; got {tuple(x.shape)}"
            )
        if not len(x):
            raise ValueError("there are no pictures")
        if not torch.isfinite(x).all() or x.max() > 2 or x.min() < -1:
            raise ValueError(f"pixels go from 0 to 1; these from {float(x.min()):g} to {float(x.max()):g}")
        x = x.clamp(0, 1)
        if x.shape[2:] == self.side:
            return x
        return nn.functional.interpolate(x, list(self.side), mode="bilinear", antialias=True)


@lru_cache(maxsize=4)
def grey_features(data: str = "digits", epochs: int = 10, seed: int = 0) -> GreyFeatures:
    """A feature extractor for grey pictures, trained here: shipped as code and seed, not as weights.

    A classifier of three convolutions learns a named data set of pictures and labels; for MNIST two epochs
    are plenty. The default takes seconds and is good enough to rank models of digits. Data, seed and
    machine make the weights: `name` says which they are.

    Examples:
        >>> features = grey_features()  # doctest: +SKIP
        >>> frechet_distance(features(x_test), features(model_samples))  # doctest: +SKIP

    Raises:
        ValueError: for data that are no grey pictures with labels, or no epochs.
    """
    if epochs < 1:
        raise ValueError(
            f"a classifier that has not learned has no features: epochs is at least 1, not {epochs}"
        )
    known = load(data)
    if known.shape is None or known.shape[0] != 1 or known.train.y is None or known.test.y is None:
        raise ValueError(f"{data} are no grey pictures with labels, as digits, mnist and usps are")
    peak = float(known.train.x.max())
    with seeded(seed):
        model = GreyFeatures(known.shape[1:], int(known.train.y.max()) + 1)
        x = model.resized((known.train.x / peak).reshape(-1, *known.shape))
        y = torch.from_numpy(known.train.y)
        steps = epochs * -(-len(x) // 64)
        adam = torch.optim.Adam(model.parameters())
        rate = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, total_steps=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(64):
                adam.zero_grad()
                nn.functional.cross_entropy(model.named(model.picture(x[rows])), y[rows]).backward()
                adam.step()
                rate.step()
    model.eval().requires_grad_(False)
    found = torch.from_numpy(model((known.test.x / peak).reshape(-1, *known.shape))).float()
    model.accuracy = float((model.named(found).argmax(1).numpy() == known.test.y).mean())
    weights = b"".join(p.numpy().tobytes() for p in model.parameters())
    model.name = f"{data}-cnn{WIDTH}-seed{seed}-{hashlib.sha256(weights).hexdigest()[:8]}"
    return model


def inception_features(images: Any, weights: str | Path) -> Array:
    """The 2048 features that FID and KID are published with, (n, 2048), by torchmetrics' Inception network.

    For who has its weights (`pt_inception-2015-12-05-6726825d.pth`) and the extra `metrics`; nothing is
    downloaded. Pictures (n, 1 or 3, h, w) of values from 0 to 1 become bytes; grey ones are given thrice,
    which makes distances but no published number.

    >>> frechet_distance(*(inception_features(x, weights) for x in (test, samples)))  # FID  # doctest: +SKIP

    Raises:
        ImportError: without the extra. FileNotFoundError: without weights. ValueError: for other pictures.
    """
    if not Path(weights).is_file():
        raise FileNotFoundError(f"no file {weights}: this needs the weights of torch-fidelity's Inception")
    try:
        from torchmetrics.image.fid import NoTrainInceptionV3

        held = str(weights)
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=held)
    except ImportError as error:  # also where torchmetrics is there and torch-fidelity is not
        raise ImportError(
            "Inception's network comes with torchmetrics and torch-fidelity, an extra: "
            "pip install 'isthmus[metrics]'; grey_features() needs neither them nor weights"
        ) from error
    x = torch.as_tensor(float64(images))
    if x.dim() != 4 or x.shape[1] not in (1, 3) or x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"expected (n, 1 or 3, h, w) from 0 to 1; got {tuple(x.shape)} up to {float(x.max()):g}"
        )
    pictures = (x * 255).round().to(torch.uint8).expand(-1, 3, -1, -1)
    with torch.no_grad():
        return float64(torch.cat([network(part) for part in pictures.split(64)]))


def perceptual_distance(x: Any, x_hat: Any, network: Callable[[Tensor, Tensor], Tensor]) -> Array:
    """LPIPS of each pair of pictures, (n,), by a network of your own, as `lpips.LPIPS(net="alex")`.

        Σ_l 1/(h_l w_l) Σ_places ‖w_l ⊙ (f_l(x) − f_l(x̂))‖²,   f_l the unit-length features of layer l

    Zhang et al. 2018 (arXiv:1801.03924). Here only what is easily got wrong: pictures (n, 1 or 3, h, w) from
    0 to 1 are handed over from −1 to 1 and in three colours, as that package expects them. Below 64 pixels
    a side its networks have little left to look at. `ms_ssim` needs no weights.

    Raises:
        ValueError: where shapes differ, or values are not from 0 to 1. TypeError: for a network by name.
    """
    if not callable(network):
        raise TypeError(
            "network is a function of two sets of pictures, as lpips.LPIPS(net='alex') of the package lpips; "
            f"got {network!r}"
        )
    a, b = (torch.as_tensor(float64(each), dtype=torch.float32) for each in (x, x_hat))
    if a.shape != b.shape or a.dim() != 4 or a.shape[1] not in (1, 3):
        raise ValueError(f"expected two sets (n, 1 or 3, h, w) alike; got {tuple(a.shape)}, {tuple(b.shape)}")
    if not all(((0 <= each) & (each <= 1)).all() for each in (a, b)):
        raise ValueError(
            "pixels go from 0 to 1: clip a reconstruction, divide bytes by 255, fill what is missing"
        )
    with torch.no_grad():
        parts = [
            network(*(2 * each.expand(-1, 3, -1, -1) - 1 for each in pair)).reshape(-1)
            for pair in zip(a.split(64), b.split(64))
        ]
    return float64(torch.cat(parts))


def _squares(x: Tensor) -> Tensor:
    side = round(x.shape[1] ** 0.5)
    if side * side != x.shape[1]:
        raise ValueError(f"{x.shape[1]} pixels make no square: give the pictures as (n, 1, height, width)")
    return x.view(-1, 1, side, side)
