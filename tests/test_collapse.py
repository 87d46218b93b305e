"""Remedies for posterior collapse: what each promises, and that it holds where a VAE collapses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus import Autoencoder, Recipe
from isthmus.distributions import DiagonalNormal
from isthmus.latents import Gaussian, committed
from isthmus.likelihoods import gaussian
from isthmus.metrics import elbo, kl_per_dimension
from isthmus.models import delta_vae, eased, vae
from isthmus.nets import mlps, skips
from isthmus.terms import cyclical, free_bits, reconstruction
from isthmus.training import adam


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


@pytest.mark.parametrize("nats", [0.01, 0.1, 1.0, 5.0])
def test_a_committed_posterior_costs_at_least_its_rate_and_hardly_more_if_it_likes(nats):
    zero = torch.zeros((), dtype=torch.float64)
    prior = DiagonalNormal(zero, zero, standard=True)
    at = torch.tensor(committed(nats), dtype=torch.float64)
    assert float(DiagonalNormal(zero, at).kl(prior)) == pytest.approx(nats, rel=1e-6)
    latent = Gaussian(3, bound=committed(nats)).double()
    features = torch.cat([torch.randn(50, 3), 30 * torch.randn(50, 3)], 1).double()
    (stage,) = latent(features, False).stages
    assert (stage.q.kl(stage.p) >= nats - 1e-9).all()
    least = latent(torch.cat([torch.zeros(1, 3), torch.full((1, 3), 40.0)], 1).double(), False).stages[0]
    torch.testing.assert_close(least.q.kl(least.p), torch.full((1, 3), nats, dtype=torch.float64))
    (free,) = Gaussian(3)(torch.zeros(1, 6), False).stages
    assert float(free.q.kl(free.p).max()) < 0.05  # control: without commitment it is nearly the prior


def test_a_rate_is_positive():
    with pytest.raises(ValueError, match="a committed rate is above 0 nats, not 0"):
        committed(0.0)


def noise(n: int = 256) -> Tensor:
    """Rows with nothing to encode: a strong decoder of such data has no use for a code."""
    return torch.randn(n, 6)


def rate(build: Callable[[], Autoencoder], x: Tensor, epochs: int = 60) -> float:
    """Nats a row, after training."""
    with isthmus.seeded(0):
        model = build()
    isthmus.fit(model, x, epochs=epochs, batch_size=128, optimizer=adam(5e-3), progress=False)
    return float(kl_per_dimension(model, x).sum())


def test_where_a_vae_collapses_free_bits_and_committed_rates_do_not():
    unit = Recipe(gaussian, scale=3.0)  # a decoder that expects too much noise

    def with_free_bits() -> Autoencoder:
        model = vae(6, 3, (16,), likelihood=unit)
        model.objective = reconstruction + free_bits(0.5)
        return model

    x = noise()
    assert rate(lambda: vae(6, 3, (16,), likelihood=unit), x) < 0.1  # control
    assert rate(lambda: delta_vae(6, 3, (16,), delta=0.5, likelihood=unit), x) > 1.5 - 1e-3
    assert rate(with_free_bits, x) > 1.0


def test_cycles_end_and_the_weight_stays():
    weight = cyclical(8, 2.0, rising=0.5, cycles=2)
    assert [weight(step) for step in (0, 2, 4, 7, 8, 10, 15)] == [0.0, 1.0, 2.0, 2.0, 0.0, 1.0, 2.0]
    assert {weight(step) for step in range(16, 40)} == {2.0}
    for_ever = cyclical(8, 2.0)
    assert for_ever(16) == 0.0  # control: without an end the last step may stand anywhere
    with pytest.raises(ValueError, match="a cycle has a length"):
        cyclical(0)


def test_a_skip_decoder_reads_the_code_in_every_layer():
    """With the way through the layers above cut, a plain decoder hears nothing of z, and this one does."""

    def heard(nets: Callable[..., tuple[torch.nn.Module, torch.nn.Module]]) -> float:
        _, decoder = nets(6, (16, 12, 8), 6, 3, 6)
        first = next(m for m in decoder.modules() if isinstance(m, torch.nn.Linear))
        with torch.no_grad():
            first.weight.zero_()
            return float((decoder(torch.randn(20, 3)) - decoder(torch.zeros(20, 3))).abs().mean())

    assert heard(skips) > 0.1
    assert heard(mlps) == 0.0  # control


def test_a_skip_decoder_without_hidden_layers_is_linear_and_makes_pictures():
    _, decoder = skips(6, (), 6, 3, 6)
    z = torch.randn(5, 3)
    torch.testing.assert_close(decoder(2 * z) - decoder(0 * z), 2 * (decoder(z) - decoder(0 * z)))
    encoder, decoder = skips((1, 4, 4), (8,), 6, 3, (1, 4, 4))
    assert decoder(encoder(torch.randn(2, 1, 4, 4))[:, :3]).shape == (2, 1, 4, 4)


WITH_A_KL = [
    "vae",
    "hyperspherical_vae",
    "flow_vae",
    "ladder_vae",
    "top_down_vae",
    "mixture_vae",
    "categorical_vae",
]


@pytest.mark.parametrize("name", [*WITH_A_KL, "beta_tcvae", "factor_vae", "dip_vae_i", "info_vae"])
def test_a_kl_is_eased_into_any_model_and_is_then_what_it_was(name):
    """At the end the loss is the model's own, at the start what is left of it without the KL."""
    with isthmus.seeded(0):
        recipe = Recipe("eased", model=Recipe(name, hidden=(16,)))
        eased = recipe.given(features=6, rows=100, steps=40)()
    with isthmus.seeded(0):
        plain = Recipe(name, hidden=(16,)).given(features=6, rows=100, steps=40)()

    def loss(model, step: int):
        with isthmus.seeded(1):
            turns = dict(model.losses(isthmus.Batch(noise(), noise()), step))
            return turns["autoencoder"]

    whole = loss(plain, 10_000)
    torch.testing.assert_close(loss(eased, 10_000).total, whole.total)
    names = {"kl", "mutual_information", "total_correlation", "dimensionwise_kl"}
    early, halfway = loss(eased, 0), loss(eased, 20)
    costs = sum(whole.weights[each] * whole.means[each] for each in names & set(whole.means))
    torch.testing.assert_close(early.total, whole.total - costs, rtol=1e-4, atol=1e-4)
    if name not in ("ladder_vae", "top_down_vae", "categorical_vae"):  # which have one of their own, on top
        torch.testing.assert_close(halfway.total, whole.total - costs / 2, rtol=1e-4, atol=1e-4)
    assert float(costs.detach()) != 0.0


def test_free_nats_and_cycles_of_any_model():
    free = eased(6, model=Recipe("hyperspherical_vae", hidden=(8,)), free_nats=0.5, steps=10)
    assert repr(free.objective) == "reconstruction + warmup(10, 1) * free_bits"
    weighed = eased(6, model=Recipe("beta_vae", hidden=(8,), beta=3.0), cycles=4, steps=40)
    assert repr(weighed.objective) == "reconstruction + cyclical(10, 1) * 3.0 * kl"
    with pytest.raises(ValueError, match="importance_weighted has no KL to ease: another model"):
        eased(6, model=Recipe("iwae"))
    with pytest.raises(ValueError, match="in one piece"):
        eased(6, model=Recipe("beta_tcvae", rows=10), free_nats=0.1)
    with pytest.raises(ValueError, match="no term of reconstruction is named kl"):
        isthmus.Objective.of(reconstruction).changed(kl=lambda term: term)


def test_where_a_vae_of_another_kind_collapses_free_nats_hold_it_open():
    x = noise()

    def told(recipe: Recipe) -> float:
        with isthmus.seeded(0):
            model = recipe(6)
        isthmus.fit(model, x, epochs=60, batch_size=128, optimizer=adam(5e-3), progress=False)
        return float(elbo(model, x).rate)

    plain = Recipe("top_down_vae", dim=2, hidden=(16,), blocks=2, width=16, steps=0)
    held = Recipe("eased", model=plain, free_nats=0.3, steps=1)  # 2 blocks of 2: 1.2 nats
    assert told(held) > 0.6 > 0.3 > told(plain)
