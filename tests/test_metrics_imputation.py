"""Imputation against the conditional expectation of probabilistic PCA, which is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Autoencoder, Batch
from isthmus.metrics import imputed
from isthmus.models import autoencoder, linear_vae

DOUBLE: dict[str, Any] = {"dtype": torch.float64}


def known() -> tuple[Autoencoder, Tensor, Tensor]:
    """A linear VAE whose encoder is right only for whole rows, and mean and covariance of its rows."""
    with isthmus.seeded(0):
        model = linear_vae(5, 2).double()
    encoder, decoder = (
        next(m for m in net.modules() if isinstance(m, nn.Linear)) for net in (model.encoder, model.decoder)
    )
    with torch.no_grad():
        decoder.weight.mul_(2)
        output: Any = model.decode(torch.zeros(1, 2, **DOUBLE))
        variance = (2 * output.log_scale).exp()
        posterior = torch.linalg.inv(torch.eye(2, **DOUBLE) + decoder.weight.T @ decoder.weight / variance)
        encoder.weight.zero_()[:2] = posterior @ decoder.weight.T / variance
        encoder.bias[2:] = posterior.diag().log() / 2 + 0.5
        covariance = decoder.weight @ decoder.weight.T + variance * torch.eye(5, **DOUBLE)
    return model, decoder.bias.detach(), covariance


def conditional(x: Tensor, observed: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """The Gaussian's own, a row at a time."""
    filled = x.clone()
    for row, seen in zip(filled, observed):
        gain = covariance[~seen][:, seen] @ torch.linalg.inv(covariance[seen][:, seen])
        row[~seen] = mean[~seen] + gain @ (row[seen] - mean[seen])
    return filled


def rows() -> tuple[Autoencoder, Batch, Tensor, Tensor]:
    model, mean, covariance = known()
    with isthmus.seeded(1):
        x = torch.distributions.MultivariateNormal(mean, covariance).sample((40,))
        observed = torch.rand(40, 5) < 0.6
    observed[0] = False
    holes = torch.where(observed, x, torch.nan)
    return model, Batch(holes, holes, {"observed": observed}), x, conditional(x, observed, mean, covariance)


def test_imputation_is_the_conditional_expectation():
    model, batch, _, exact = rows()
    found = imputed(model, batch, samples=20_000)
    assert (found.rows - exact).abs().max() < 0.12
    one = imputed(model, batch, samples=1, seed=3).rows
    assert (one - exact).abs().max() > 0.5  # control: a draw without weights
    with torch.no_grad():
        read = model(batch, noisy=False).output.mean
    observed = batch.context["observed"]
    assert (torch.where(observed, exact, read) - exact).abs().max() > 0.5  # control: at the encoder's code
    assert torch.equal(found.rows[observed], batch.target[observed])
    assert found.effective_sample_size.min() > 50 and found.effective_sample_size.max() <= 20_000


def test_it_repeats_and_does_not_depend_on_how_many_codes_are_decoded_at_once():
    model, batch, _, _ = rows()
    one, same = imputed(model, batch, samples=300), imputed(model, batch, samples=300, chunk=100)
    assert torch.equal(one.rows, imputed(model, batch, samples=300).rows)
    assert (one.effective_sample_size > 1).all() and same.rows.isfinite().all()


def test_what_cannot_be_imputed_is_refused():
    model, batch, x, _ = rows()
    with pytest.raises(ValueError, match='holds no "observed"'):
        imputed(model, x)
    with pytest.raises(TypeError, match="needs a stochastic code"):
        imputed(autoencoder(5, 2, (4,)).double(), batch)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        imputed(model, batch, samples=0)
