"""Flows and invertible autoencoders: one net, run both ways."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor, nn

import isthmus
from isthmus import Batch, Embedder, Recipe
from isthmus.corruptions import dequantisation
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.metrics import elbo
from isthmus.models import autoencoder, flow, invertible
from isthmus.nets import Chain, Forwards
from isthmus.terms import surprise
from isthmus.training import train


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def rows(n: int, dim: int = 6) -> Tensor:
    mix = torch.randn(dim, dim, generator=torch.Generator().manual_seed(3))
    return torch.tanh(torch.randn(n, dim) @ mix) + 0.1 * torch.randn(n, dim)


def trained(model: isthmus.Autoencoder, steps: int = 150) -> isthmus.Autoencoder:
    list(train(model, [Batch(x, x) for x in (rows(64) for _ in range(steps))]))
    return model.eval()


def net_of(model: isthmus.Autoencoder) -> Chain:
    assert isinstance(model.encoder, Forwards) and isinstance(model.encoder.net, Chain)
    return model.encoder.net


def test_the_decoder_is_the_inverse_of_the_encoder_to_single_precision():
    """Of all coordinates; a plain autoencoder with as many, trained as long, is not."""
    x = rows(500)
    with torch.no_grad():
        for model in (flow(6, 8, (32,)), invertible(6, 6, (32,))):
            with torch.enable_grad():
                model.objective = isthmus.Objective.of(surprise)  # to rebuild there is nothing to learn
                trained(model)
            code = model.encode(x).z
            assert (code - x).abs().max() > 0.1  # it is not the identity
            assert (model.decode(code).mean - x).abs().max() <= 1e-5
        plain = autoencoder(6, 6, (32,))
        with torch.enable_grad():
            trained(plain)
        assert (plain(Batch(x, x)).output.mean - x).abs().max() > 1e-3  # control


def test_log_likelihood_of_the_autoencoder_is_the_flows_on_the_same_net():
    one, x = trained(flow(6, 4, (16,))), rows(200)
    other = invertible(6, 2, (16,), layers=4).eval()
    net_of(other).layers = copy.deepcopy(net_of(one).layers)
    with torch.no_grad():
        ours, theirs = (surprise(model, model(Batch(x, x))) for model in (one, other))
        torch.testing.assert_close(ours, theirs)
        cut = other(Batch(x, x)).code.z
        torch.testing.assert_close(cut, one.encode(x).z[:, :2])
        bound = elbo(one, x)
    torch.testing.assert_close(bound.per_row, -ours.double())


def test_a_linear_flow_is_the_gaussian_with_that_covariance():
    """Of nets without hidden layers and without scales, f is affine, so that p(x) is known."""
    model = flow(3, 4, (), affine=False).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.4)
        rest = net_of(model)(torch.zeros(1, 3).double())[0][0]
        matrix = net_of(model)(torch.eye(3).double())[0] - rest  # rows: f(e_i) − f(0)
        x = torch.randn(50, 3).double()
        found = -surprise(model, model(Batch(x, x), noisy=False))
    inverse = torch.linalg.inv(matrix)
    expected = multivariate_normal((-rest @ inverse).numpy(), (inverse.T @ inverse).numpy()).logpdf(x.numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_scores_are_exact_densities_in_the_units_of_the_data():
    x = rows(400).numpy()
    recipe = Recipe(flow, layers=4, hidden=(16,))
    scores = [Embedder(recipe, epochs=5, random_state=0).fit(s * x).score_samples(s * x) for s in (1, 50)]
    np.testing.assert_allclose(scores[0], scores[1] + 6 * np.log(50), atol=1e-2)
    normal = multivariate_normal(x.mean(0), np.cov(x.T)).logpdf(x).mean()
    assert scores[0].mean() > normal - 3  # a density of the same order; it is no surrogate


def test_keeping_fewer_coordinates_loses_more():
    errors, x = [], rows(300)
    for dim in (1, 3, 6):
        model = trained(invertible(6, dim, (32,)), 200)
        with torch.no_grad():
            errors.append(float((model(Batch(x, x)).output.mean - x).square().mean()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2] and errors[2] < 1e-10


def test_dequantised_whole_numbers_have_a_density_that_bounds_their_probability():
    noise = dequantisation(0.5)
    x = torch.tensor([[0.0, 1.5], [2.0, -0.5]])
    wide = noise(Batch(x, x)).input - x
    assert (0 <= wide).all() and (wide < 0.5).all()
    repeated = torch.stack([noise(Batch(x, x)).input for _ in range(4000)])
    torch.testing.assert_close(repeated.mean(0), x + 0.25, rtol=0, atol=0.02)


def test_what_no_bijection_can_do_is_refused():
    with pytest.raises(ValueError, match="dequantise"):
        flow(4, likelihood=bernoulli)
    with pytest.raises(ValueError, match="between 1 and 4"):
        invertible(4, 5)
    with pytest.raises(ValueError, match="as wide as"):
        invertible(4, 2, likelihood=Recipe(gaussian, scale="sample"))
    with pytest.raises(ValueError, match="run backwards"):
        model = autoencoder(4)
        surprise(model, model(Batch(torch.zeros(1, 4), torch.zeros(1, 4))))
    assert not list(nn.Module.parameters(flow(4).decoder))
