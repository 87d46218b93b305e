"""Inverse autoregressive flows: who sees whom, what volume is lost, and what is drawn."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus.distributions import DiagonalNormal
from isthmus.latents import FlowPosterior
from isthmus.latents.flowed import Flowed
from isthmus.nets import Gate, MaskedNet, autoregressions
from isthmus.nets.autoregressive import Masked


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def shaken(module, by: float = 0.5):
    """In double precision, and away from where it starts."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return module


def seen(net: MaskedNet, dim: int, context: int) -> tuple[Tensor, Tensor]:
    """Which outputs of the first block move with which inputs, (d, d), and which context, (d, c)."""
    x, h = torch.randn(50, dim).double(), torch.randn(50, context).double()
    jacobian = torch.func.jacrev(lambda x, h: net(x[None], h[None])[0, :dim], (0, 1))
    by_input, by_context = torch.func.vmap(jacobian)(x, h)  # of many rows: a ReLU is shut now and then
    return (by_input != 0).any(0), (by_context != 0).any(0)


@pytest.mark.parametrize("hidden", [(40,), (30, 25), (3,), ()], ids=str)
@pytest.mark.parametrize("backwards", [False, True])
def test_an_output_sees_the_inputs_before_it_and_no_other(hidden, backwards):
    dim, context = 6, 2
    net = shaken(MaskedNet(dim, hidden, 2, context, backwards))
    allowed = torch.ones(dim, dim, dtype=torch.bool).tril(-1)
    allowed = allowed.T if backwards else allowed
    found, told = seen(net, dim, context)
    assert not (found & ~allowed).any()
    if len(hidden) and max(hidden) > dim:  # few units carry less than all
        assert torch.equal(found, allowed) and told.all()
    for layer in net.net:  # the control: without its masks it sees everything
        if isinstance(layer, Masked):
            layer.mask.fill_(True)
    assert seen(net, dim, context)[0].all()


@pytest.mark.parametrize("backwards", [False, True])
def test_a_gate_is_a_bijection_with_the_volume_it_says(backwards):
    gate = shaken(Gate(5, (32,), context=3, backwards=backwards))
    x, h = torch.randn(40, 5).double(), torch.randn(40, 3).double()
    y, log_det = gate(x, h)
    toward, opened = gate.said(x, h)
    kept = torch.sigmoid(opened)
    torch.testing.assert_close(y, kept * x + (1 - kept) * toward)  # equation 14
    torch.testing.assert_close(gate.inverse(y, h), x)
    each = torch.func.vmap(torch.func.jacrev(lambda x, h: gate(x[None], h[None])[0][0]))(x, h)
    torch.testing.assert_close(log_det, torch.linalg.slogdet(each).logabsdet)
    plain = torch.diagonal(each, dim1=1, dim2=2).log().sum(1)  # triangular: its diagonal is all
    torch.testing.assert_close(log_det, plain)
    assert (each.tril(-1).abs() if backwards else each.triu(1).abs()).max() == 0


def test_it_starts_near_the_identity():
    chain = autoregressions(4, layers=3, context=2)
    x = torch.randn(10, 4)
    y, log_det = chain(x, torch.randn(10, 2))
    kept = 1 / (1 + math.exp(-2.0))
    torch.testing.assert_close(y, kept**3 * x)
    torch.testing.assert_close(log_det, torch.full((10,), 12 * math.log(kept)))
    with pytest.raises(ValueError, match="at least one step"):
        autoregressions(4, 0)


def test_steps_take_turns_so_that_every_entry_is_bent_by_every_other():
    chain = shaken(autoregressions(5, layers=2, hidden=(40,)))
    jacobian = torch.func.jacrev(lambda x: chain(x[None])[0][0])(torch.randn(5).double())
    assert (jacobian != 0).all()
    first = torch.func.jacrev(lambda x: chain.layers[0](x[None])[0][0])(torch.randn(5).double())
    assert (first.triu(1) == 0).all()  # the control: one step alone leaves the first entry to itself


def posterior(dim: int = 2) -> tuple[FlowPosterior, Tensor]:
    latent = shaken(FlowPosterior(dim, 3, (16,), context=3, flow=autoregressions), 0.4)
    return latent, torch.randn(4, latent.features).double()


def test_the_density_of_a_draw_is_that_of_any_code():
    """What is remembered of a draw is what the inverse finds, and so are its gradients."""
    latent, features = posterior(3)
    q = latent(features, False).stages[0].q
    assert isinstance(q, Flowed)
    z = q.rsample((7,))
    known, searched = q.log_prob(z), q.log_prob(z.clone())
    assert known is q.log_prob(z)
    torch.testing.assert_close(known, searched)
    parameters = list(latent.net.parameters())
    for a, b in zip(
        *(torch.autograd.grad(each.sum(), parameters, retain_graph=True) for each in (known, searched))
    ):
        torch.testing.assert_close(a, b)
    first = z
    q.rsample()
    torch.testing.assert_close(q.log_prob(first), searched)  # the last draw only is remembered


def test_it_is_a_density():
    latent, features = posterior()
    q = latent(features[:1], False).stages[0].q
    side = 601
    line = torch.linspace(-12, 12, side, dtype=torch.float64)
    points = torch.cartesian_prod(line, line)[:, None]  # (n, 1, d)
    area = (24 / (side - 1)) ** 2
    with torch.no_grad():
        density = q.log_prob(points).exp()
        assert abs(float(density.sum()) * area - 1) < 1e-3
        drawn = q.rsample((20_000,))[:, 0]
        mean = (density * points[:, 0]).sum(0) * area
        assert ((drawn.mean(0) - mean).abs() < 4 * drawn.std(0) / 20_000**0.5 + 1e-3).all()
        base = latent.net.inverse(points[:, 0], q.context.expand(len(points), -1))
        careless = q.base.log_prob(base[:, None]).exp()  # the control: without the volume
        assert abs(float(careless.sum()) * area - 1) > 0.05


def test_it_fits_a_full_covariance_where_the_gaussian_cannot():
    """KL(q ‖ N(0, Σ)) falls to 0, where that of the best diagonal Gaussian is −½ log |corr| = 0.83 nats."""
    correlation = torch.tensor([[1.0, 0.9], [0.9, 1.0]]).double()
    target = torch.distributions.MultivariateNormal(torch.zeros(2).double(), correlation)

    def lost(net) -> float:
        mean = torch.zeros(1, 2).double().requires_grad_()
        log_scale = torch.zeros(1, 2).double().requires_grad_()
        own = [mean, log_scale, *(net.parameters() if net is not None else [])]
        adam = torch.optim.Adam(own, 0.02)
        for _ in range(400):
            base = DiagonalNormal(mean, log_scale)
            q = base if net is None else Flowed(base, net, torch.zeros(1, 0).double())
            z = q.rsample((200,))
            loss = (q.log_prob(z) - target.log_prob(z)).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
        with torch.no_grad():
            z = q.rsample((5000,))
            return float((q.log_prob(z) - target.log_prob(z)).mean())

    assert lost(autoregressions(2, 2, (16,)).double()) < 0.05
    assert abs(lost(None) + 0.5 * float(correlation.det().log())) < 0.1
