"""Regularised autoencoders: what each penalty is, what it holds down, and that without it nothing does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from sklearn.datasets import load_digits
from torch import Tensor, nn

import isthmus
from isthmus import Batch
from isthmus.models import autoencoder, jacobian, orthogonal, rae_gp, rae_l2, rae_sn, variational_dropout
from isthmus.models.plain import UNIT
from isthmus.nets import GaussianDropout, SparseDropout, lipschitz, mlp, pruned, uncertain
from isthmus.nets.dropout import kl_of_dropout, kl_of_weights
from isthmus.terms import (
    code_size,
    contraction,
    decoder_contraction,
    decoder_decay,
    orthogonality,
    reconstruction_contraction,
    weight_kl,
)
from isthmus.training import adam, fit


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return (load_digits().data / 16).astype(np.float32)[:600]


def fitted(method: Any, x: np.ndarray, **options: Any) -> Any:
    with isthmus.seeded(0):
        model = method(x.shape[1], 6, (32,), **options)
    fit(model, x, epochs=30, optimizer=adam(5e-3), progress=False)
    return model


def stretch(model: Any, x: np.ndarray) -> Tensor:
    """Mean ‖J‖² of encoder, decoder and both, exactly."""
    rows = torch.from_numpy(x[:50])
    trace = model(Batch(rows, rows), noisy=False)
    halves = (contraction, decoder_contraction, reconstruction_contraction)
    return torch.stack([half(exact=True)(model, trace).mean().detach() for half in halves])


# Terms


def test_terms_of_weights_and_codes_by_hand():
    model = rae_l2(5, 3, (4,))
    x = torch.randn(7, 5)
    trace = model(Batch(x, x))
    first, last = model.decoder[0].weight, model.decoder[2].weight  # type: ignore[index]
    torch.testing.assert_close(
        decoder_decay(model, trace), 0.5 * (first.square().sum() + last.square().sum())
    )
    torch.testing.assert_close(code_size(model, trace), 0.5 * trace.code.z.square().sum(1))
    linears = [layer for layer in model.encoder.modules() if isinstance(layer, nn.Linear)]
    for linear in linears:
        nn.init.orthogonal_(linear.weight)
    assert float(orthogonality(model, trace).detach()) == pytest.approx(0, abs=1e-10)
    linears[0].weight.data *= 2  # W Wᵀ = 4 I of 4 dimensions
    assert float(orthogonality(model, trace).detach()) == pytest.approx(4 * 9, rel=1e-5)


def test_a_jacobian_falls_under_its_own_penalty_and_most_under_it(digits):
    """‖J‖² of encoder, decoder and both, a line a penalty; none at all is the control."""
    halves = contraction, decoder_contraction, reconstruction_contraction
    plain = stretch(fitted(autoencoder, digits, likelihood=UNIT), digits)
    table = torch.stack([stretch(fitted(jacobian, digits, penalty=half), digits) for half in halves])
    assert (table.diagonal() < 0.5 * plain).all()
    assert torch.equal(table.argmin(0), torch.arange(3))
    assert table[0, 1] > plain[1] and table[1, 0] > plain[0]  # the half that is not seen takes the scale over


def test_orthogonal_encoders_have_singular_values_of_one(digits):
    def spread(model: Any) -> float:
        weights = [layer.weight for layer in model.encoder if isinstance(layer, nn.Linear)]
        return max(float((torch.linalg.svdvals(w.detach()) - 1).abs().max()) for w in weights)

    assert spread(fitted(orthogonal, digits, weight=10.0)) < 0.1
    assert spread(fitted(autoencoder, digits, likelihood=UNIT)) > 0.5


def test_each_regularised_autoencoder_holds_its_decoder_down(digits):
    plain = fitted(autoencoder, digits, likelihood=UNIT)
    rows = torch.from_numpy(digits)

    def decoder(model: Any) -> float:
        return float(stretch(model, digits)[1])

    def size(model: Any) -> float:
        return float(model.encode(rows).z.detach().square().sum(1).mean())

    assert decoder(fitted(rae_gp, digits, weight=0.1)) < 0.5 * decoder(plain)
    weighed, trace = fitted(rae_l2, digits, weight=0.1), plain(Batch(rows, rows), noisy=False)
    assert decoder_decay(weighed, trace) < 0.7 * decoder_decay(plain, trace)
    # without the size of the code the penalty is evaded: codes grow, and the decoder need not
    held, free = (size(fitted(rae_gp, digits, weight=0.1, beta=beta)) for beta in (0.1, 0.0))
    assert held < 0.5 * free


def test_a_decoder_of_unit_norm_never_stretches_a_distance(digits):
    def ratio(model: Any) -> float:
        a, b = 3 * torch.randn(2, 500, 6)
        gap = (model.decoder(a) - model.decoder(b)).norm(dim=1) / (a - b).norm(dim=1)
        return float(gap.detach().max())

    model = fitted(rae_sn, digits)
    weights = [layer.weight.detach() for layer in model.decoder if isinstance(layer, nn.Linear)]
    for weight in weights:
        assert float(torch.linalg.svdvals(weight)[0]) == pytest.approx(1, rel=1e-5)
    assert ratio(model) <= 1
    assert ratio(fitted(autoencoder, digits, likelihood=UNIT)) > 1  # control
    kernel = lipschitz(nn.Sequential(nn.Conv2d(3, 5, 3)))[0].weight.detach()  # type: ignore[index]
    assert float(torch.linalg.svdvals(kernel.flatten(1))[0]) == pytest.approx(1, rel=1e-5)


# Variational dropout


def exact_kl(log_alpha: float) -> float:
    """KL(N(1, α) ‖ log-uniform) = E log|ε + 1/√α| + ½ (γ + log 2), zero for α → ∞, by quadrature."""
    pole = -np.exp(-log_alpha / 2)

    def density(t: float) -> float:
        return float(np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi))

    if pole < -12:
        mean = quad(lambda t: density(t) * np.log(t - pole), -12, 12)[0]
    else:
        mean = quad(density, pole, 12, weight="alg-loga", wvar=(0, 0))[0]
        mean += quad(density, -12, pole, weight="alg-logb", wvar=(0, 0))[0]
    return float(mean + 0.5 * (np.euler_gamma + np.log(2)))


GRID = np.linspace(-7, 7, 57)


def test_the_kl_of_a_weight_is_that_of_quadrature():
    exact = np.array([exact_kl(a) for a in GRID])
    near = kl_of_weights(torch.tensor(GRID)).numpy()
    assert np.abs(near - exact).max() < 0.01
    low = GRID <= 0
    old = kl_of_dropout(torch.tensor(GRID[low])).numpy()
    shift = old - exact[low]
    assert np.ptp(shift) < 0.05  # up to a constant, and for α ≤ 1
    assert np.ptp(kl_of_dropout(torch.tensor(GRID)).numpy() - exact) > 1  # control: above 1 it is not valid
    assert np.ptp(-0.5 * GRID[low] - exact[low]) > 0.2  # control: the logarithm alone


@pytest.mark.parametrize("layer", [GaussianDropout, SparseDropout])
def test_outputs_drawn_are_those_of_weights_drawn(layer):
    """Mean and variance over draws of W, row by row; eval() gives the mean."""
    net = layer(nn.Linear(5, 3))
    if isinstance(net, SparseDropout):
        net.scaled.data.uniform_(-0.3, 0.0)
    x = torch.randn(4, 5)
    sigma = (net.log_alpha.exp().sqrt() * net.weight.abs()).expand(3, 5).detach()
    weights = net.weight.detach() + sigma * torch.randn(40_000, 3, 5)
    expected = torch.einsum("noi,bi->nbo", weights, x) + net.bias.detach()
    drawn = torch.stack([net(x.expand(1000, 4, 5)).detach() for _ in range(40)]).flatten(0, 1)
    scale = float(expected.std())
    torch.testing.assert_close(drawn.mean(0), expected.mean(0), atol=0.06 * scale, rtol=0)
    torch.testing.assert_close(drawn.std(0), expected.std(0), rtol=0.05, atol=0)
    if isinstance(net, GaussianDropout):
        torch.testing.assert_close(net.eval()(x), nn.functional.linear(x, net.weight, net.bias))
        assert 0 < float(net.log_alpha.exp().detach()) < 1


def test_noise_of_outputs_makes_a_quieter_gradient_than_noise_of_weights():
    """Variance of a gradient over draws, a batch of 64: weights share their noise, outputs do not."""
    net, x, y = SparseDropout(nn.Linear(8, 4), log_variance=-2.0), torch.randn(64, 8), torch.randn(64, 4)

    def shared(x: Tensor) -> Tensor:
        sigma = (net.log_alpha.exp().sqrt() * net.weight).abs()
        return nn.functional.linear(x, net.weight + sigma * torch.randn_like(sigma), net.bias)

    def noise(forward: Any) -> float:
        found = [
            torch.autograd.grad((forward(x) - y).square().sum(1).mean(), net.scaled)[0] for _ in range(400)
        ]
        return float(torch.stack(found).var(0).sum())

    assert noise(net) < 0.5 * noise(shared)


def test_what_is_all_noise_is_zero_at_rest():
    net = uncertain(mlp(6, 4, 2), SparseDropout)
    first = net[0]  # type: ignore[index]
    assert isinstance(first, SparseDropout) and pruned(net) == 0
    first.scaled.data[0] = 1.0  # log σ² = 20
    assert pruned(net) == pytest.approx(6 / 32)
    assert not first.eval().mean[0].any() and first.mean[1:].all()
    with pytest.raises(ValueError, match="no layer"):
        pruned(mlp(2, 2))
    with pytest.raises(ValueError, match="needs linear layers; ReLU has none"):
        uncertain(nn.ReLU(), SparseDropout)
    with pytest.raises(ValueError, match="weight_kl needs layers"):
        weight_kl(10)(autoencoder(3), None)  # type: ignore[arg-type]


def test_the_cost_of_weights_is_shared_by_the_rows_of_the_data():
    model = variational_dropout(6, 2, (4,), rows=50)
    layers = [part for part in model.modules() if isinstance(part, SparseDropout)]
    whole = sum(kl_of_weights(layer.log_alpha).sum() for layer in layers)
    for b in (1, 20):
        x = torch.randn(b, 6)
        torch.testing.assert_close(weight_kl(50)(model, model(Batch(x, x))), whole / 50)
