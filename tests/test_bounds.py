"""Bounds of several draws: in their limits, in their order, and as true bounds of a known evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Autoencoder, Batch
from isthmus.models import ciwae, linear_vae, miwae, vae
from isthmus.terms import importance_weighted, kl, reconstruction

DOUBLE: dict[str, Any] = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def known() -> tuple[Autoencoder, torch.distributions.MultivariateNormal]:
    """A linear VAE with a posterior that is too wide, and its evidence, in closed form."""
    model = linear_vae(5, 2).double()
    encoder, decoder = (next(m for m in net.modules() if isinstance(m, nn.Linear)) for net in nets(model))
    with torch.no_grad():
        decoder.weight.mul_(2)
        output: Any = model.decode(torch.zeros(1, 2, **DOUBLE))
        variance = (2 * output.log_scale).exp()
        posterior = torch.linalg.inv(torch.eye(2, **DOUBLE) + decoder.weight.T @ decoder.weight / variance)
        encoder.weight.zero_()[:2] = posterior @ decoder.weight.T / variance
        encoder.bias[2:] = posterior.diag().log() / 2 + 0.6
        covariance = decoder.weight @ decoder.weight.T + variance * torch.eye(5, **DOUBLE)
    return model, torch.distributions.MultivariateNormal(decoder.bias.detach(), covariance)


def nets(model: Autoencoder) -> tuple[nn.Module, nn.Module]:
    return model.encoder, model.decoder


def repeated(value: Any, times: int) -> float:
    with torch.no_grad():
        return float(np.mean([value().mean().item() for _ in range(times)]))


def test_groups_leave_the_bound_where_it_is_and_several_draws_tighten_it():
    model, evidence = known()
    x = evidence.sample((300,))
    exact = -evidence.log_prob(x).mean().item()
    trace = model(Batch(x, x), noisy=False)
    one = repeated(lambda: importance_weighted(5)(model, trace), 160)
    grouped = repeated(lambda: importance_weighted(5, groups=8)(model, trace), 20)
    together = repeated(lambda: importance_weighted(40)(model, trace), 20)
    single = repeated(lambda: importance_weighted(1, groups=8)(model, trace), 20)
    elbo = repeated(lambda: elbo_of(model, x), 160)
    assert abs(grouped - one) < 0.02  # the mean of eight bounds of five draws is a bound of five draws
    assert abs(single - elbo) < 0.03
    assert exact < together < grouped < elbo  # a true bound, and no tighter than its k
    assert grouped - together > 0.05  # control: all draws under one logarithm would be another bound


def elbo_of(model: Autoencoder, x: Tensor) -> Tensor:
    trace = model(Batch(x, x), noisy=True)
    return reconstruction(model, trace) + kl(model, trace)


def test_a_combination_is_a_bound_between_its_two():
    model, evidence = known()
    x = evidence.sample((300,))
    exact = -evidence.log_prob(x).mean().item()
    objective = 0.3 * reconstruction + 0.3 * kl + 0.7 * importance_weighted(20)

    def total() -> Tensor:
        return objective(model, model(Batch(x, x), noisy=True)).total

    with torch.no_grad():
        found = float(np.mean([total().item() for _ in range(200)]))
        trace = model(Batch(x, x), noisy=False)
        tight = repeated(lambda: importance_weighted(20)(model, trace), 50)
        loose = repeated(lambda: elbo_of(model, x), 200)
    assert abs(found - (0.3 * loose + 0.7 * tight)) < 0.03
    assert exact < tight < found < loose


def test_groups_make_the_encoders_gradient_less_noisy_than_one_tight_bound_of_as_many_draws():
    """Signal to noise falls as 1/√k and grows as √groups (Rainforth et al. 2018, theorem 1)."""
    model, evidence = known()
    x = evidence.sample((64,))
    weight = next(m for m in model.encoder.modules() if isinstance(m, nn.Linear)).bias

    def noise(k: int, groups: int) -> float:
        trace = model(Batch(x, x), noisy=False)
        term = importance_weighted(k, groups)
        pulls = torch.stack(
            [torch.autograd.grad(term(model, trace).mean(), weight, retain_graph=True)[0] for _ in range(300)]
        )[:, 2:]  # of the scales, which are off
        return float((pulls.mean(0).abs() / pulls.std(0)).mean())

    assert noise(4, 16) > 2 * noise(64, 1)


def test_methods_in_their_limits():
    x = torch.randn(9, 6)
    with isthmus.seeded(1):
        plain = vae(6, 3, (8,))
    values = []
    for build in (
        lambda: ciwae(6, 3, (8,), beta=1.0),
        lambda: ciwae(6, 3, (8,), beta=0.0, samples=4),
        lambda: miwae(6, 3, (8,), samples=4, groups=1),
    ):
        with isthmus.seeded(1):
            model = build()
        with isthmus.seeded(2):
            trace = plain(Batch(x, x), noisy=True)
            values.append(model.objective(model, trace).total.item())
    with isthmus.seeded(2):
        trace = plain(Batch(x, x), noisy=True)
        expected = (reconstruction + kl)(plain, trace).total.item()
        tight = importance_weighted(4)(plain, trace).mean().item()
    assert values == pytest.approx([expected, tight, tight], rel=1e-6)


def test_shares_and_draws_are_checked():
    with pytest.raises(ValueError, match="beta is a share"):
        ciwae(6, beta=1.5)
    with pytest.raises(ValueError, match="at least one sample and group, not 3 and 0"):
        importance_weighted(3, groups=0)
