"""Information of each dimension: the linear VAE's closed form, and what a shift of the code does to it."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from isthmus.baselines import probabilistic_pca
from isthmus.latents import Deterministic
from isthmus.likelihoods import gaussian
from isthmus.metrics import information_per_dimension, kl_per_dimension
from isthmus.model import Autoencoder
from isthmus.terms import reconstruction
from test_metrics_representation import exact_encoder

TRAIN = np.random.default_rng(0).normal(size=(1000, 4)) * np.array([4.0, 3.0, 2.0, 0.5])


def test_information_of_a_linear_vae_is_its_divergence():
    """Where the codes of all rows make up the prior, I(x; z_j) = KL_j = ½ log(λ_j / σ²)."""
    model = exact_encoder(probabilistic_pca(TRAIN, 3, variance=2.0))
    found = information_per_dimension(model, TRAIN).numpy()
    assert found == pytest.approx(kl_per_dimension(model, TRAIN).numpy(), abs=0.05)
    assert found.argmax() == 0 and found[0] > 0.9


def test_a_shift_of_the_code_costs_nats_and_says_nothing():
    """The control: KL grows by ½ · 3² a dimension, and would pass for information."""
    model = exact_encoder(probabilistic_pca(TRAIN, 3, variance=2.0))
    before, kl = information_per_dimension(model, TRAIN), kl_per_dimension(model, TRAIN)
    with torch.no_grad():
        model.encoder.bias[:3] += 3.0
    torch.testing.assert_close(information_per_dimension(model, TRAIN), before)
    growth = (kl_per_dimension(model, TRAIN) - kl).numpy()
    assert growth == pytest.approx(np.full(3, 4.5), abs=0.01)


def test_no_code_tells_more_rows_apart_than_there_are():
    model = exact_encoder(probabilistic_pca(TRAIN, 3, variance=1e-8))
    for n in (2, 10):
        found = information_per_dimension(model, TRAIN[:n])
        assert found.numpy() == pytest.approx(np.full(3, math.log(n)), abs=1e-3)
    few = information_per_dimension(model, TRAIN, most=10)
    torch.testing.assert_close(few, information_per_dimension(model, TRAIN[:10]))


def test_deterministic_codes_and_no_draws_are_refused():
    model = Autoencoder(nn.Linear(5, 2), Deterministic(2), nn.Linear(2, 5), gaussian(5), reconstruction)
    with pytest.raises(TypeError, match="deterministic"):
        information_per_dimension(model, torch.zeros(3, 5))
    with pytest.raises(ValueError, match="at least 1"):
        information_per_dimension(model, torch.zeros(3, 5), draws=0)
