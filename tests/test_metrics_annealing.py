"""Annealing and rates against a model whose likelihood and curve are known: the linear Gaussian one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from torch import Tensor

from isthmus.metrics import (
    annealed_log_likelihood,
    elbo,
    gaussian_rate,
    log_likelihood,
    rate_distortion,
)
from isthmus.metrics.annealing import schedule
from isthmus.model import Autoencoder
from isthmus.models import autoencoder, linear_vae, vae
from isthmus.randomness import seeded


def wrecked() -> tuple[Autoencoder, Tensor, Tensor]:
    """A linear decoder, an encoder that is off and too sure, rows of the model, and log p(x) of each."""
    with seeded(0):
        model = linear_vae(5, 2).double()
        rows = model.decode(torch.randn(12, 2, dtype=torch.float64)).sample().detach()
    with torch.no_grad():
        model.encoder[0].weight.zero_()  # type: ignore[index]
        model.encoder[0].bias.copy_(torch.tensor([1.5, -1.5, -0.7, -0.7]))  # type: ignore[index]
        spread = float(model.decode(torch.zeros(1, 2, dtype=torch.float64)).log_scale.exp().mean())  # type: ignore
        weight, bias = model.decoder[0].weight, model.decoder[0].bias  # type: ignore[index]
        covariance = weight @ weight.T + spread**2 * torch.eye(5, dtype=torch.float64)
        known = torch.distributions.MultivariateNormal(bias, covariance).log_prob(rows)
    return model, rows, known


@pytest.mark.parametrize("start, row, mean", [("prior", 0.35, 0.1), ("posterior", 1.0, 0.2)])
def test_annealing_finds_the_likelihood_that_a_wrecked_encoder_hides(start, row, mean) -> None:
    model, rows, known = wrecked()
    found = annealed_log_likelihood(model, rows, temperatures=100, chains=40, leaps=5, step=0.2, start=start)
    few = log_likelihood(model, rows, samples=40)  # the control: importance sampling from that posterior
    assert (found.per_row - known).abs().max() < row and abs(found.mean - float(known.mean())) < mean
    assert few.mean < known.mean() - 2 * mean
    assert found.effective_sample_size.mean > 2 * few.effective_sample_size.mean


def test_one_temperature_is_importance_sampling_and_each_more_tightens_the_bound() -> None:
    model, rows, known = wrecked()
    one = annealed_log_likelihood(model, rows, 1, 2000, start="posterior")
    assert abs(one.mean - log_likelihood(model, rows, samples=2000, seed=1).mean) < 0.5
    means = [annealed_log_likelihood(model, rows, t, 4, 3, 0.2, "posterior").mean for t in (1, 5, 25)]
    assert means[0] < means[1] < means[2] < float(known.mean()) + 0.3
    assert schedule(7)[0] == 0 and schedule(7)[-1] == 1 and (schedule(7).diff() > 0).all()


def test_it_repeats_and_leaves_the_model_as_it_was() -> None:
    model, rows, _ = wrecked()
    model.train()
    one, two = (annealed_log_likelihood(model, rows, 5, 3, 2).per_row for _ in range(2))
    assert torch.equal(one, two) and model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    with pytest.raises(TypeError, match="deterministic"):
        annealed_log_likelihood(autoencoder(5, 2, ()), rows.float())
    with pytest.raises(ValueError, match="not 'encoder'"):
        annealed_log_likelihood(model, rows, start="encoder")  # type: ignore[arg-type]


def test_water_filling_is_what_it_solves() -> None:
    values = np.array([4.0, 1.0, 0.25, 0.01])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    for error in (0.01, 0.1, 0.7, 2.0, 5.0):
        level = brentq(lambda t, d=error: np.minimum(t, values).sum() - d, 1e-9, 10)
        expected = 0.5 * np.log(np.maximum(values / level, 1)).sum()
        assert gaussian_rate(turn @ np.diag(values) @ turn.T, error) == pytest.approx(expected, rel=1e-6)
    assert gaussian_rate(np.diag(values), 6.0) == 0
    with pytest.raises(ValueError, match="infinitely many"):
        gaussian_rate(np.eye(2), 0.0)
    for wrong in (np.ones((2, 3)), np.diag([1, np.nan])):
        with pytest.raises(ValueError, match=r"a covariance is \(d, d\) and finite"):
            gaussian_rate(wrong, 0.5)
    with pytest.raises(TypeError, match="models go by their names"):
        rate_distortion([], np.ones((2, 5)))  # type: ignore[arg-type]


def test_no_model_is_below_the_curve_of_gaussian_rows_and_bounds_add_up() -> None:
    with seeded(7):  # not that of the draws
        rows = torch.randn(2000, 3) * torch.tensor([2.0, 1.0, 0.3])
        models = {name: vae(3, 3, (8,)) for name in ("one", "two")}
    points = rate_distortion(models, rows)
    assert points[0].rate <= points[1].rate
    for point in points:
        assert point.bound == pytest.approx(-elbo(models[point.name], rows, samples=4).mean, rel=1e-6)
        assert point.rate >= gaussian_rate(np.cov(rows.T.numpy()), point.squared_error) - 0.02
    exact = linear_vae(3, 3)  # y = x + noise, x̂ = its best guess: on the curve where all share one level θ
    values, level = np.array([4.0, 1.0, 0.09]), 0.05
    wanted = 0.5 * np.log(level / values)  # log σ, which the latent holds smoothly below 2
    with torch.no_grad():
        exact.decoder[0].weight.copy_(torch.diag(torch.tensor(np.sqrt(values - level))))  # type: ignore[index]
        exact.encoder[0].weight.zero_()  # type: ignore[index]
        exact.encoder[0].weight[:3] = torch.diag(torch.tensor(np.sqrt(values - level) / values))  # type: ignore[index]
        exact.encoder[0].bias[:3] = 0  # type: ignore[index]
        exact.encoder[0].bias[3:] = torch.tensor(2 - np.log(np.exp(2 - wanted) - 1))  # type: ignore[index]
        exact.decoder[0].bias.zero_()  # type: ignore[index]
    found = rate_distortion({"exact": exact}, rows)[0]
    assert found.squared_error == pytest.approx(3 * level, rel=0.05)
    assert found.rate == pytest.approx(gaussian_rate(np.diag(values), 3 * level), abs=0.1)
    assert (
        found.rate / 3 < gaussian_rate(np.diag(values), 3 * level) - 1
    )  # the control: a mean over dimensions
