"""Where the optimum is known in closed form: linear autoencoders against PCA and probabilistic PCA."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import isthmus
from isthmus import Autoencoder, Batch, Recipe
from isthmus.data import load
from isthmus.likelihoods import gaussian
from isthmus.models import linear, linear_vae
from isthmus.objective import Objective, term
from isthmus.terms import expected_reconstruction, kl, reconstruction
from isthmus.terms.divergence import kl_by_dimension
from isthmus.training import evaluate, fit, lbfgs

DIM = 8


class Spectrum(NamedTuple):
    """Principal component analysis of training rows, largest first; variances with 1/n."""

    mean: np.ndarray
    values: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Spectrum:
        values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
        return cls(x.mean(0), values[::-1], vectors[:, ::-1])

    def error(self, x: np.ndarray, dim: int) -> float:
        basis = self.vectors[:, :dim]
        return float(np.square((x - self.mean) @ (np.eye(x.shape[1]) - basis @ basis.T)).sum(1).mean())

    def log_likelihood(self, dim: int, noise: float | None = None) -> float:
        """Of the training rows under probabilistic PCA with the best W (Tipping & Bishop 1999, eq. 8)."""
        d = len(self.values)
        noise = self.values[dim:].mean() if noise is None else noise
        kept = np.maximum(self.values[:dim], noise)  # a direction below the noise is left to it
        fitted = np.concatenate([kept, np.full(d - dim, noise)])
        return float(-0.5 * (d * math.log(2 * math.pi) + np.log(fitted).sum() + (self.values / fitted).sum()))


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    x = load_digits().data / 16
    order = np.random.default_rng(0).permutation(len(x))
    return x[order[:1400]], x[order[1400:]]


def fitted(model: Autoencoder, x: np.ndarray, iterations: int = 1000, epochs: int = 30) -> Autoencoder:
    fit(model, x, epochs=epochs, finish=lbfgs(iterations) if iterations else None, progress=False)
    return model.double()


def angle(model: Autoencoder, spectrum: Spectrum) -> float:
    """The largest principal angle between the decoder's columns and as many principal axes, in degrees."""
    ours, _ = np.linalg.qr(decoder_of(model).weight.detach().numpy())
    cosines = np.linalg.svd(ours.T @ spectrum.vectors[:, : ours.shape[1]])[1]
    return float(np.degrees(np.arccos(np.clip(cosines.min(), -1, 1))))


def decoder_of(model: Autoencoder) -> nn.Linear:
    layer = next(iter(model.decoder.children()))
    assert isinstance(layer, nn.Linear)
    return layer


def error(model: Autoencoder, x: np.ndarray) -> float:
    with torch.no_grad():
        mean = model(batch(x)).output.mean.numpy()
    return float(np.square(mean - x).sum(1).mean())


def batch(x: np.ndarray) -> Batch:
    rows = torch.from_numpy(x)
    return Batch(rows, rows)


def seeded_model(build: Recipe, *args: object) -> Autoencoder:
    with isthmus.seeded(0):
        return build(*args)


def test_the_linear_autoencoder_is_pca(digits):
    train, test = digits
    spectrum = Spectrum.of(train)
    model = fitted(seeded_model(Recipe(linear), 64, DIM), train)
    assert error(model, test) <= 1.001 * spectrum.error(test, DIM)
    assert error(model, train) >= (1 - 1e-9) * spectrum.error(train, DIM)  # nothing linear is better
    assert angle(model, spectrum) < 0.5


def test_control_adam_alone_misses_the_subspace(digits):
    train, _ = digits
    model = fitted(seeded_model(Recipe(linear), 64, DIM), train, iterations=0, epochs=60)
    assert angle(model, Spectrum.of(train)) > 0.5


def test_control_without_biases_it_is_not_pca_unless_the_data_are_centred(digits):
    train, test = digits
    spectrum = Spectrum.of(train)

    def through_the_origin(x: np.ndarray) -> Autoencoder:
        model = seeded_model(Recipe(linear), 64, 4)
        for net in (model.encoder, model.decoder):
            next(iter(net.children())).register_parameter("bias", None)
        return fitted(model, x, iterations=300, epochs=0)

    assert angle(through_the_origin(train), spectrum) > 5
    assert error(through_the_origin(train), test) > 1.01 * spectrum.error(test, 4)
    assert angle(through_the_origin(train - spectrum.mean), spectrum) < 0.5


@pytest.fixture(scope="module")
def probabilistic(digits) -> Autoencoder:
    return fitted(seeded_model(Recipe(linear_vae), 64, DIM), digits[0])


def test_the_linear_vae_reaches_the_likelihood_of_probabilistic_pca(digits, probabilistic):
    train, _ = digits
    spectrum = Spectrum.of(train)
    best = spectrum.log_likelihood(DIM)
    terms = evaluate(probabilistic, batch(train))
    closed = -terms["expected_reconstruction"] - terms["kl"]
    assert best - 0.01 < closed <= best + 1e-9  # a bound is a bound
    assert angle(probabilistic, spectrum) < 0.5
    scale = probabilistic.decode(torch.zeros(1, DIM).double()).log_scale.exp().item()
    assert scale**2 == pytest.approx(spectrum.values[DIM:].mean(), rel=1e-3)


def test_its_sampled_elbo_agrees_within_its_standard_error(digits, probabilistic):
    train, _ = digits
    objective = reconstruction + kl
    draws = []
    with isthmus.seeded(1), torch.no_grad():
        for _ in range(100):
            trace = probabilistic(batch(train), noisy=True)
            draws.append(-objective(probabilistic, trace).total)
    values = torch.stack(draws)  # each a mean over the rows
    standard_error = values.std().item() / 10
    best = Spectrum.of(train).log_likelihood(DIM)
    assert standard_error < 0.01
    assert abs(values.mean().item() - best) < 0.01 + 3 * standard_error


@pytest.mark.parametrize("active", [18, 12, 4, 0])
def test_units_are_active_where_an_eigenvalue_exceeds_the_noise(digits, active):
    train, _ = digits
    spectrum = Spectrum.of(train)
    noise = between(spectrum, active)
    build = Recipe(linear_vae, dim=18, likelihood=Recipe(gaussian, scale=noise**0.5))
    model = fitted(seeded_model(build, 64), train, iterations=400, epochs=0)
    used = nats_by_unit(model, train)
    assert int((used > 0.01).sum()) == active
    predicted = 0.5 * np.log(spectrum.values[:active] / noise).sum()
    assert used.sum().item() == pytest.approx(predicted, rel=0.01, abs=0.01)
    terms = evaluate(model, batch(train))
    elbo = -terms["expected_reconstruction"] - terms["kl"]
    assert elbo == pytest.approx(spectrum.log_likelihood(18, noise), abs=0.01)


def test_control_a_kl_averaged_over_dimensions_keeps_the_wrong_units(digits):
    train, _ = digits
    spectrum = Spectrum.of(train)

    @term
    def averaged(model, trace):
        return kl_by_dimension(trace)[0].mean(-1)

    build = Recipe(linear_vae, dim=18, likelihood=Recipe(gaussian, scale=between(spectrum, 4) ** 0.5))
    model = seeded_model(build, 64)
    model.objective = Objective.of(expected_reconstruction + averaged)
    fitted(model, train, iterations=250, epochs=0)
    assert int((nats_by_unit(model, train) > 0.01).sum()) > 4
    model.objective = expected_reconstruction + kl
    terms = evaluate(model, batch(train))
    elbo = -terms["expected_reconstruction"] - terms["kl"]
    assert elbo < spectrum.log_likelihood(18, between(spectrum, 4)) - 0.1


def between(spectrum: Spectrum, active: int) -> float:
    """A variance that so many eigenvalues exceed."""
    if active == 0:
        return 1.5 * float(spectrum.values[0])
    return float(np.sqrt(spectrum.values[active - 1] * spectrum.values[active]))


def nats_by_unit(model: Autoencoder, x: np.ndarray) -> Tensor:
    with torch.no_grad():
        return kl_by_dimension(model(batch(x), noisy=False))[0].mean(0)


@pytest.mark.skipif(
    "ISTHMUS_DATA" not in os.environ, reason="MNIST is read from the folder ISTHMUS_DATA names"
)
@pytest.mark.slow
def test_the_linear_autoencoder_is_pca_on_mnist():
    mnist = load("mnist")
    train, test = (part.x[:2000].astype(np.float64) for part in (mnist.train, mnist.test))
    spectrum = Spectrum.of(train)
    model = fitted(seeded_model(Recipe(linear), 784, 4), train, iterations=250)
    assert error(model, test) <= 1.001 * spectrum.error(test, 4)
    assert angle(model, spectrum) < 0.5
