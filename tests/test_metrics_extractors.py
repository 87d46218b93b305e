"""Features to compare pictures by: pinned by data and seed, farther apart the more pictures are damaged."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from isthmus.data import load
from isthmus.metrics import (
    frechet_distance,
    grey_features,
    inception_features,
    kernel_distance,
    perceptual_distance,
)


@pytest.fixture(scope="module")
def features():
    return grey_features()


def test_a_seed_pins_it_and_it_knows_its_digits(features) -> None:
    before = torch.get_rng_state()
    short, again = grey_features(epochs=1, seed=3), grey_features.__wrapped__(epochs=1, seed=3)
    other = grey_features.__wrapped__(epochs=1, seed=4)
    assert short.name == again.name and short.name != other.name
    assert torch.equal(before, torch.get_rng_state())
    assert features.accuracy > 0.95 and features.name.startswith("digits-cnn64-seed0-")


def test_distances_grow_with_the_damage_and_start_at_the_floor(features) -> None:
    digits = load("digits")
    x, other = digits.train.x[::2] / 16, digits.train.x[1::2] / 16  # of the same writers
    noise = np.random.default_rng(0).normal(size=x.shape)
    for distance in (frechet_distance, lambda a, b: kernel_distance(a, b, subsets=2).distance):
        found = [
            distance(features(other), features(np.clip(x + level * noise, 0, 1))) for level in (0, 0.2, 0.5)
        ]
        assert found[0] < found[1] / 2 and found[1] < found[2] / 2, found
    assert np.linalg.matrix_rank(np.cov(features(x).T)) == 64
    one_class = digits.train.x[digits.train.y == 3] / 16
    assert frechet_distance(features(x), features(one_class)) > 5 * found_floor(features, x, other)


def found_floor(features, x, other) -> float:
    return frechet_distance(features(x), features(other))


def test_pictures_of_any_size_are_taken_and_wrong_units_are_not(features) -> None:
    x = load("digits", "test").x.reshape(-1, 1, 8, 8) / 16
    large = torch.nn.functional.interpolate(torch.from_numpy(x), scale_factor=4, mode="nearest")
    named = features.named(torch.from_numpy(features(large)).float()).argmax(1).numpy()
    assert (named == load("digits", "test").y).mean() > 0.9
    np.testing.assert_allclose(features(x.reshape(-1, 64)), features(x))
    with pytest.raises(ValueError, match="pixels go from 0 to 1; these from 0 to 16"):
        features(16 * x)
    with pytest.raises(ValueError, match="63 pixels make no square"):
        features(x.reshape(-1, 64)[:, :63])
    with pytest.raises(ValueError, match="there are no pictures"):
        features(x[:0])
    with pytest.raises(ValueError, match="no grey pictures with labels"):
        grey_features("iris")
    with pytest.raises(ValueError, match="epochs is at least 1"):
        grey_features(epochs=0)


def test_inception_is_handed_bytes_of_three_colours_and_named_weights(tmp_path, monkeypatch) -> None:
    seen = {}

    class Network:
        def __init__(self, name, features, feature_extractor_weights_path):
            seen["weights"] = feature_extractor_weights_path

        def __call__(self, x):
            seen["x"] = x
            return x.double().mean((2, 3))

    module = types.SimpleNamespace(NoTrainInceptionV3=Network)
    for name in ("torchmetrics", "torchmetrics.image"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", module)
    x = np.random.default_rng(0).random((5, 1, 8, 8))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        inception_features(x, "nowhere")
    held = tmp_path / "weights.pth"
    held.touch()
    found = inception_features(x, held)
    assert seen["x"].dtype == torch.uint8 and seen["x"].shape == (5, 3, 8, 8) and seen["weights"] == str(held)
    np.testing.assert_allclose(found[:, 0], 255 * x.mean((1, 2, 3)), atol=0.5)
    darker = inception_features(
        x / 2, held
    )  # FID is the Fréchet distance of these: here, of the mean colours
    shift = 3 * (found.mean(0)[0] - darker.mean(0)[0]) ** 2
    spread = 3 * (found[:, 0].std(ddof=1) - darker[:, 0].std(ddof=1)) ** 2
    assert frechet_distance(found, darker) == pytest.approx(shift + spread, rel=1e-3)

    def lacking(*arguments, **options):
        raise ModuleNotFoundError("NoTrainInceptionV3 module requires that `Torch-fidelity` is installed")

    monkeypatch.setattr(module, "NoTrainInceptionV3", lacking)
    for missing in (module, None):  # torch-fidelity alone, then torchmetrics too
        monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", missing)
        with pytest.raises(ImportError, match=r"pip install 'isthmus\[metrics\]'"):
            inception_features(x, held)


def test_a_perceptual_network_is_handed_three_colours_from_minus_one_to_one() -> None:
    def squares(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        assert a.shape[1] == 3 and a.min() < -0.5 and a.max() <= 1
        return (a - b).square().mean((1, 2, 3), keepdim=True)

    x, y = np.random.default_rng(0).random((2, 70, 1, 8, 8))
    found = perceptual_distance(x, y, squares)
    np.testing.assert_allclose(found, 4 * np.square(x - y).mean((1, 2, 3)), rtol=1e-5)
    assert (perceptual_distance(x, x, squares) == 0).all()
    with pytest.raises(ValueError, match="divide bytes by 255"):
        perceptual_distance(255 * x, y, squares)
    with pytest.raises(ValueError, match="fill what is missing"):
        perceptual_distance(np.where(x > 0.99, np.nan, x), y, squares)
    with pytest.raises(TypeError, match="got 'alex'"):
        perceptual_distance(x, y, "alex")  # type: ignore[arg-type]
