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
from isthmus.metrics import kl_per_dimension
from isthmus.models import delta_vae, vae
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
