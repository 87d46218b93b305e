"""Energies: chains against densities whose moments are known, and what holds the error up elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus import Batch
from isthmus.answers.q59_energy_based import alone, divergence, eight
from isthmus.chains import langevin
from isthmus.latents import Round
from isthmus.models import ebgan, nae
from isthmus.models.energy import Game
from isthmus.terms.energy import energy_of, pulling_away
from isthmus.training import adam, cosine

MEAN, DEVIATION = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])


def quadratic(x: Tensor) -> Tensor:
    return 0.5 * ((x - MEAN) / DEVIATION).square().sum(1)


def walked(step: float, temperature: float, steps: int = 400, scale: float = 1.0) -> Tensor:
    """4000 chains; with `scale`, drift and noise belong to different step sizes: the classical mismatch."""
    with isthmus.seeded(0):
        return langevin(
            lambda x: scale * quadratic(x), torch.zeros(4000, 2), steps, step, temperature=temperature
        )


# The sampler


@pytest.mark.parametrize("temperature", [0.25, 1.0])
def test_chains_end_with_the_moments_of_the_density(temperature):
    x = walked(0.3, temperature)
    # an AR(1) in each dimension, of which the stationary variance is known exactly at any step size
    variance = temperature * DEVIATION**2 / (1 - 0.3**2 / (4 * temperature * DEVIATION**2))
    decayed = (1 - 0.3**2 / (2 * temperature * DEVIATION**2)) ** 400
    torch.testing.assert_close(x.mean(0), MEAN * (1 - decayed), atol=0.12, rtol=0)
    expected = variance * (1 - decayed**2)
    torch.testing.assert_close(x.var(0), expected, atol=0, rtol=0.08)  # 3.6 standard errors of 4000 chains


def test_control_noise_of_another_step_size_has_another_variance():
    x = walked(0.3, 1.0, scale=4.0)  # a drift four times too strong for its noise: temperature 1/4
    assert abs(float(x.var(0)[0]) / float(DEVIATION[0] ** 2) - 1) > 0.5


def test_two_wells_are_filled_by_their_depth():
    """exp(−E) with wells at ±1, the right one log 3 deeper: three of four chains end there."""

    def wells(x: Tensor) -> Tensor:
        a, b = ((x[:, 0] - m).square() / (2 * 0.6**2) for m in (-1.0, 1.0))
        return -torch.logsumexp(torch.stack([-a, -b + math.log(3)]), 0)

    with isthmus.seeded(0):
        x = langevin(wells, torch.randn(4000, 1), 400, 0.2)
    density = torch.linspace(-6, 6, 4001)[:, None]
    weight = (-wells(density)).softmax(0)
    share, mean = float(weight[density[:, 0] > 0].sum()), float(weight @ density[:, 0])
    assert float((x > 0).float().mean()) == pytest.approx(share, abs=0.03)
    assert float(x.mean()) == pytest.approx(mean, abs=0.07)


def test_chains_stay_where_they_are_put_and_no_drift_is_longer_than_allowed():
    place = Round(4)
    with isthmus.seeded(0):
        z = langevin(lambda z: 1e6 * z.sum(1), place.sample(50), 5, 0.1, onto=place.onto)
        torch.testing.assert_close(z.norm(dim=1), torch.full((50,), 2.0))
        x = langevin(lambda x: 1e6 * x.sum(1), torch.zeros(50, 4), 1, 0.1, limit=2.0)
    assert float((x + 0.1 * 2.0).std()) == pytest.approx(0.1, rel=0.15)  # drift 2 · ε √d along the diagonal


def test_codes_are_drawn_evenly_from_the_sphere():
    with isthmus.seeded(0):
        z = Round(3).sample(4000)
    torch.testing.assert_close(z.norm(dim=1), torch.full((4000,), math.sqrt(3)))
    torch.testing.assert_close(z.T @ z / 4000, torch.eye(3), atol=0.06, rtol=0)


# The push


def test_its_gradient_is_that_of_the_normalised_likelihood():
    """In two dimensions, with chains long enough: E(x) − E(x⁻) against E(x) + T log Z by quadrature."""
    with isthmus.seeded(3):
        model = nae(2, 2, (4,), temperature=0.5)
    line = torch.linspace(-6, 6, 161)
    grid = torch.cartesian_prod(line, line)
    x = torch.tensor([[0.3, 1.0], [1.2, -0.5]])
    parameters = list(model.autoencoder.decoder.parameters())  # an encoder's are wild where its norm is 0

    def slope(loss: Tensor) -> Tensor:
        found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in found])

    def each(x: Tensor) -> Tensor:
        return energy_of(model.autoencoder, x, {})

    log_z = torch.logsumexp(-each(grid) / 0.5, 0)
    exact = slope(each(x).mean() + 0.5 * log_z)
    with isthmus.seeded(0):
        ends = langevin(each, 2 * torch.randn(8000, 2), 200, 0.2, temperature=0.5)
    found, without = slope(each(x).mean() - each(ends).mean()), slope(each(x).mean())
    # the push is right to a quarter of itself; without it, a plain autoencoder, all of it is missing
    assert float((found - exact).norm()) < 0.25 * float((without - exact).norm())
    assert float((without - exact).norm()) > 0.1 * float(exact.norm())


def nats_away(pushed: bool = True, temperature: float = 0.03, anew: float = 0.01) -> float:
    """KL(data ‖ model), eight Gaussians in the plane, by an integral; `temperature` is that of the chains."""
    x, held = eight(0, 2000), eight(1, 5000)
    with isthmus.seeded(0):
        model = nae(2, 3, (64, 64), temperature=temperature, search=(10, 0.1), anew=anew)
    if not pushed:
        alone(model)
    isthmus.fit(model, x, epochs=25, optimizer=adam(2e-3), schedule=cosine(25 * 16), seed=0, progress=False)
    model.temperature = 0.03  # what the model is said to be
    return divergence(model, held)


def test_training_climbs_the_exact_likelihood():
    """An even ring through the clouds is 0.4 nats away, one Gaussian 1.4: 0.3 says that clouds are found."""
    assert nats_away() < 0.3


@pytest.mark.parametrize("wrong", [{"pushed": False}, {"temperature": 0.3}, {"anew": 1.0}])
def test_control_no_push_another_temperature_or_chains_that_all_start_anew_do_not(wrong):
    assert nats_away(**wrong) > 0.3


@pytest.mark.parametrize("codes", [False, True], ids=["rows", "codes"])
def test_held_out_rows_and_tasks_move_no_chain(codes):
    with isthmus.seeded(0):
        model, x = nae(4, 2, (8,), chains=20, keep_codes=codes).train(), torch.randn(16, 4)
        begun = model.kept.clone()
        model.negatives(16)
        before = model.kept.clone()
        assert 0 < int((before != begun).any(1).sum()) <= 16
        isthmus.evaluate(model, x)
        model.eval().negatives(30)
        assert torch.equal(model.kept, before)
        model.train().negatives(16)
    assert not torch.equal(model.kept, before)


def around(anew: float) -> tuple[Tensor, Tensor]:
    """E cos θ and E sin θ over kept codes on a circle, and under exp(−E(g(z)) / T) by a sum."""
    with isthmus.seeded(2):
        chains: Any = {
            "keep_codes": True,
            "chains": 3000,
            "anew": anew,
            "search": (5, 0.15),
            "walk": (0, 0.1),
        }
        model = nae(2, 2, (16,), temperature=0.3, **chains).train()
        for _ in range(150):
            model.negatives(3000)
    angle = 2 * math.pi * torch.arange(2000) / 2000
    circle = math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], 1)
    with torch.no_grad():
        density = (-energy_of(model.autoencoder, model.made(circle, {}), {}) / 0.3).softmax(0)
    return model.kept.mean(0) / math.sqrt(2), density @ circle / math.sqrt(2)


def test_kept_codes_fill_the_circle_by_the_energy_of_what_they_decode_to():
    found, expected = around(anew=0.0)
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)  # 4.6 standard errors, and the step's size


def test_control_codes_that_start_anew_are_spread_evenly():
    found, expected = around(anew=1.0)
    assert float((found - expected).norm()) > 0.15


def test_what_is_pulled_apart():
    same, crossed = torch.ones(4, 3), torch.eye(4)
    assert float(pulling_away(same)) == pytest.approx(1) and float(pulling_away(-same)) == pytest.approx(1)
    assert float(pulling_away(crossed)) == 0 == float(pulling_away(same[:1]))


def test_the_hinge_lets_go_at_the_margin(monkeypatch):
    with isthmus.seeded(0):
        model = ebgan(6, 2, (8,), margin=0.5)
        trace = model.autoencoder(Batch(torch.randn(5, 6), torch.randn(5, 6)))
    assert isinstance(model, Game)
    hinge = model.autoencoder.objective.terms[1]
    for size, expected in ((0.0, True), (100.0, False)):
        rows = size * torch.ones(5, 6)
        monkeypatch.setattr(model, "negatives", lambda n, context, rows=rows: rows)
        energy = energy_of(model.autoencoder, rows, {})
        torch.testing.assert_close(hinge(model, trace), (3.0 - energy).clamp(min=0))
        assert bool((hinge(model, trace) > 0).all()) is expected
