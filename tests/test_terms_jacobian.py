"""Penalties on Jacobians against torch's own Jacobian, and their estimates against the exact ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from isthmus import Autoencoder, Batch
from isthmus.models import autoencoder
from isthmus.nets import mlps
from isthmus.objective import Term
from isthmus.randomness import seeded
from isthmus.recipes import Recipe
from isthmus.terms import contraction, decoder_contraction, reconstruction_contraction

Map = Callable[[Tensor], Tensor]
MAPS: list[tuple[Callable[..., Term], Callable[[Autoencoder], Map]]] = [
    (contraction, lambda m: lambda x: m.encode(x[None]).z[0]),
    (decoder_contraction, lambda m: lambda z: m.decode(z[None]).mean[0]),
    (reconstruction_contraction, lambda m: lambda x: m.decode(m.encode(x[None]).z).mean[0]),
]


def setting() -> tuple[Autoencoder, Tensor]:
    with seeded(0):
        model = autoencoder(5, 3, (7,), nets=Recipe(mlps, activation=nn.Tanh)).double()
        return model, torch.randn(4, 5, dtype=torch.float64)


@pytest.mark.parametrize("make, function", MAPS)
def test_it_is_the_squared_norm_of_the_jacobian(
    make: Callable[..., Term], function: Callable[[Autoencoder], Map]
) -> None:
    model, x = setting()
    at = model.encode(x).z if make is decoder_contraction else x
    expected = [
        torch.autograd.functional.jacobian(function(model), row.detach()).square().sum() for row in at
    ]
    found = make(exact=True)(model, model(Batch(x, x)))
    torch.testing.assert_close(found, torch.stack(expected))


@pytest.mark.parametrize("make, function", MAPS)
def test_its_estimate_is_right_on_average(
    make: Callable[..., Term], function: Callable[[Autoencoder], Map]
) -> None:
    model, x = setting()
    trace = model(Batch(x, x))
    with seeded(1):
        drawn = torch.stack([make()(model, trace).detach() for _ in range(2000)])
    exact = make(exact=True)(model, trace)
    assert ((drawn.mean(0) - exact).abs() < 4 * drawn.std(0) / 2000**0.5).all()


def test_a_scale_between_the_halves_does_not_change_that_of_both() -> None:
    model, x = setting()
    terms = [make(exact=True) for make, _ in MAPS]
    before = [float(t(model, model(Batch(x, x))).mean().detach()) for t in terms]
    with torch.no_grad():
        model.encoder[-1].weight.mul_(0.1), model.encoder[-1].bias.mul_(0.1)  # type: ignore[index]
        model.decoder[0].weight.mul_(10)  # type: ignore[index]
    after = [float(t(model, model(Batch(x, x))).mean().detach()) for t in terms]
    assert after == pytest.approx([0.01 * before[0], 100 * before[1], before[2]])


@pytest.mark.parametrize("make, function", MAPS)
def test_no_probes_are_refused(make: Callable[..., Term], function: Callable[[Autoencoder], Map]) -> None:
    with pytest.raises(ValueError, match="at least one probe"):
        make(probes=0)
