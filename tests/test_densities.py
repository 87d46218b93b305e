"""Posteriors that are no diagonal Gaussian: on the sphere, and bent by a flow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import vonmises_fisher
from torch import Tensor, nn
from torch.nn import functional as F

import isthmus
from isthmus import Autoencoder, Batch, fit, seeded
from isthmus.distributions import DiagonalNormal
from isthmus.latents import FlowPosterior, Gaussian, Spherical
from isthmus.latents.flowed import Flowed
from isthmus.latents.spherical import Along, LogBessel, OnSphere, Resultant, VonMisesFisher
from isthmus.likelihoods import gaussian
from isthmus.metrics import log_likelihood
from isthmus.models import vamp_vae
from isthmus.nets import Scaling, autoregressions, couplings, mlp
from isthmus.priors import Vamp
from isthmus.terms import kl, reconstruction


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def unit(*numbers: float) -> Tensor:
    return F.normalize(torch.tensor([numbers], dtype=torch.float64), dim=-1)


def density(theta: float, kappa: float, dim: int) -> float:
    """Of the angle to the mean direction, without its constant."""
    return math.exp(kappa * (math.cos(theta) - 1)) * math.sin(theta) ** (dim - 2)


CASES = [(2, 1.0), (2, 30.0), (3, 0.7), (3, 12.0), (8, 5.0), (8, 200.0), (50, 20.0)]
cases = pytest.mark.parametrize("dim, kappa", CASES)


@cases
def test_density_and_kl_against_scipy_and_integration(dim, kappa):
    mu, k = F.normalize(torch.randn(1, dim).double(), dim=-1), torch.tensor([kappa]).double()
    q, p = VonMisesFisher(mu, k), OnSphere(dim)
    z = F.normalize(torch.randn(5, 1, dim).double(), dim=-1)
    theirs = vonmises_fisher(mu[0].numpy(), kappa)
    np.testing.assert_allclose(q.log_prob(z)[:, 0], theirs.logpdf(z[:, 0].numpy()), rtol=1e-8)

    def expected_log_ratio(theta: float) -> float:
        log_q = kappa * math.cos(theta) + float(q.log_normaliser)
        return density(theta, kappa, dim) * (log_q + p.log_area)

    mass = quad(lambda t: density(t, kappa, dim), 0, math.pi, limit=200)[0]
    integral = quad(expected_log_ratio, 0, math.pi, limit=200)[0] / mass
    found = float(q.kl(p))
    assert found == pytest.approx(integral, rel=1e-6) and q.kl(p).shape == (1, 1)
    assert found == pytest.approx(p.log_area - theirs.entropy(), rel=1e-6)
    forgotten = float(k * q.resultant + q.log_normaliser)  # control: as if the sphere had area 1
    assert abs(forgotten - integral) > 0.1
    uniform = VonMisesFisher(mu, torch.tensor([1e-4]).double())  # the limit: as κ falls to 0, so does the KL
    assert abs(float(uniform.kl(p))) < 1e-6


@cases
def test_draws_have_the_moments_of_the_density(dim, kappa):
    mu = F.normalize(torch.randn(1, dim).double(), dim=-1)
    q = VonMisesFisher(mu, torch.tensor([kappa]).double())
    z = q.rsample((20_000,))[:, 0]
    torch.testing.assert_close(z.square().sum(-1), torch.ones(20_000).double())
    w = z @ mu[0]
    mass = quad(lambda t: density(t, kappa, dim), 0, math.pi, limit=200)[0]
    for power in (1, 2):
        moment = quad(lambda t: math.cos(t) ** power * density(t, kappa, dim), 0, math.pi, limit=200)[0]  # noqa: B023
        assert abs(float((w**power).mean()) - moment / mass) < 4 * float((w**power).std()) / 20_000**0.5
    error = (z.mean(0) - q.mean[0]).abs()
    assert (error < 4.5 * z.std(0) / 20_000**0.5).all()


@cases
def test_gradient_of_a_draw_is_that_of_its_quantile(dim, kappa):
    k = torch.full((6,), kappa, dtype=torch.float64, requires_grad=True)
    w = Along.apply(k, dim)
    (gradient,) = torch.autograd.grad(w.sum(), k)
    step = 1e-3 * kappa

    def share(theta: float, kappa: float) -> float:
        whole = quad(lambda t: density(t, kappa, dim), 0, math.pi, limit=300, epsabs=0, epsrel=1e-11)[0]
        return quad(lambda t: density(t, kappa, dim), 0, theta, limit=300, epsabs=0, epsrel=1e-11)[0] / whole

    for value, slope in zip(w.tolist(), gradient.tolist()):
        theta = math.acos(value)
        level = share(theta, kappa)
        moved = [
            math.cos(brentq(lambda t: share(t, kappa + s) - level, 1e-9, math.pi, xtol=1e-14))  # noqa: B023
            for s in (-step, step)
        ]
        assert slope == pytest.approx((moved[1] - moved[0]) / (2 * step), rel=2e-3, abs=1e-9)


def test_gradients_of_expectations_are_right():
    """Of E w, which is A(κ); control: a draw that keeps its noise and forgets κ has none."""
    k = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
    mu = unit(1.0, 2.0, -1.0).requires_grad_()
    a = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64)
    drawn = (VonMisesFisher(mu, k).rsample((40_000,)) @ a).mean()
    by_draw = torch.autograd.grad(drawn, (mu, k))
    exact = torch.autograd.grad((VonMisesFisher(mu, k).mean @ a).sum(), (mu, k))
    tangent = torch.eye(3).double() - mu.detach().T @ mu.detach()  # only moves along the sphere count
    torch.testing.assert_close(by_draw[0] @ tangent, exact[0] @ tangent, rtol=0.02, atol=0.01)
    torch.testing.assert_close(by_draw[1], exact[1], rtol=0.05, atol=1e-3)


def test_bessel_functions_have_their_derivatives():
    for order in (0.0, 0.5, 3.0, 60.0):
        k = torch.tensor([0.01, 1.0, 30.0, 900.0], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: LogBessel.apply(x, order), (k,), rtol=1e-4)  # noqa: B023
        assert torch.autograd.gradcheck(
            lambda x: Resultant.apply(x, int(2 * order + 2)),  # noqa: B023
            (k,),
            eps=1e-5,
            rtol=1e-3,
        )
    assert LogBessel.apply(torch.tensor([1.0], dtype=torch.float64), 400.0).isfinite().all()  # underflows


def test_the_uniform_prior_draws_uniformly_and_the_code_is_a_direction():
    latent = Spherical(3)
    z = latent.sample(20_000)
    assert (z.mean(0).abs() < 4 / (3 * 20_000) ** 0.5).all()
    assert abs(float(z[:, 0].square().mean()) - 1 / 3) < 0.01
    code = latent(torch.tensor([[3.0, 0.0, 4.0, -1.0]]), False)
    torch.testing.assert_close(code.z, torch.tensor([[0.6, 0.0, 0.8]]))
    with pytest.raises(ValueError, match="two points"):
        Spherical(1)


# Flows


def bent(dim: int, context: int) -> FlowPosterior:
    latent = FlowPosterior(dim, 4, (16,), context).double()
    with torch.no_grad():
        for parameter in latent.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return latent


def test_a_flow_posterior_is_the_gaussian_it_starts_as_and_then_changes_variables():
    features = torch.randn(5, 9).double()
    plain = Gaussian(3)(features[:, :6], False).stages[0].q
    start = FlowPosterior(3, 4, (16,), 3).double()(features, False).stages[0].q
    z = torch.randn(7, 5, 3).double()
    torch.testing.assert_close(start.log_prob(z), plain.log_prob(z))
    latent = bent(3, 3)
    q = latent(features, False).stages[0].q
    assert isinstance(q, Flowed)
    found = q.log_prob(z)
    for row in range(5):
        one = Flowed(
            DiagonalNormal(q.base.mean[row : row + 1], q.base.log_scale[row : row + 1]),
            latent.net,
            q.context[row : row + 1],
        )
        drawn = latent.net.inverse(z[0, row][None], one.context)
        jacobian = torch.func.jacrev(lambda e: latent.net(e[None], one.context)[0][0])(drawn[0])  # noqa: B023
        by_hand = one.base.log_prob(drawn) - jacobian.det().abs().log()
        torch.testing.assert_close(found[0, row : row + 1], by_hand)
        assert (by_hand - one.base.log_prob(drawn)).abs() > 1e-3  # control: without the volume


def test_the_kl_of_a_flow_in_one_dimension_is_a_gaussians():
    """There it only shifts and scales, so that the closed form is known."""
    latent = bent(1, 2)
    features = torch.randn(1, 4).double().expand(50_000, -1)
    with torch.no_grad():
        (stage,) = latent(features, True).stages
        assert isinstance(stage.q, Flowed)
        layers: Any = latent.net.layers
        (only,) = layers
        assert isinstance(only, Scaling)
        scale, shift = only.log_scale, only.shift
        base = stage.q.base
        exact = DiagonalNormal(base.mean * scale.exp() + shift, base.log_scale + scale).kl(stage.p)[0]
        estimate = stage.divergence()
    assert (estimate.mean() - exact).abs() < 4 * estimate.std() / 50_000**0.5
    torch.testing.assert_close(stage.z[:1], stage.q.rsample()[:1], rtol=1e9, atol=1e9)  # same shape


@pytest.mark.parametrize("flow", [couplings, autoregressions], ids=lambda flow: flow.__name__)
def test_a_flow_fits_a_posterior_that_no_gaussian_does(flow):
    """Of x = |z|₁-like rings: the bound rises; importance sampling agrees that log p(x) is above both."""
    torch.manual_seed(0)
    bounds = []
    for layers in (0, 6):
        with isthmus.seeded(1):
            mean = torch.zeros(1, 2).double().requires_grad_()
            log_scale = torch.zeros(1, 2).double().requires_grad_()
            net = flow(2, 6, (32,), context=1).double()
            own = [mean, log_scale, *(net.parameters() if layers else [])]
            optimizer = torch.optim.Adam(own, 0.01)
            for _ in range(300):
                q = Flowed(DiagonalNormal(mean, log_scale), net, torch.zeros(1, 1).double())
                z = q.rsample((256,))
                log_p = -0.5 * ((z.square().sum(-1) - 4) / 0.5).square()  # a ring
                loss = (q.log_prob(z) - log_p).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            bounds.append(-float(loss.detach()))
    exact = math.log(2 * math.pi * quad(lambda r: r * math.exp(-0.5 * ((r * r - 4) / 0.5) ** 2), 0, 5)[0])
    assert bounds[0] + 0.5 < bounds[1] < exact + 0.1


def test_log_likelihood_reads_any_of_them():
    """Importance sampling with a flow's or a sphere's density finds what many draws of the prior find."""
    x = torch.randn(20, 4)
    for latent in (FlowPosterior(2, 2, (8,), 3), Spherical(3)):
        encoder, decoder = nn.Linear(4, latent.features), mlp(latent.dim, 4)
        model = Autoencoder(encoder, latent, decoder, gaussian(4, scale=1.0), reconstruction + kl)
        with torch.no_grad():
            encoder.weight.mul_(0.1)  # near the prior, so that no draw decides alone
        estimate = log_likelihood(model, x, samples=2000)
        z = latent.sample(20_000)
        with torch.no_grad():
            each = torch.stack([model.decode(z).log_prob(row.expand(len(z), -1)) for row in x])
        brute = each.double().logsumexp(1) - math.log(len(z))
        torch.testing.assert_close(estimate.per_row, brute, rtol=0, atol=0.3)
        assert abs(float((estimate.per_row - brute).mean())) < 0.05


def test_the_pseudo_inputs_prior_follows_the_encoder_of_a_copy():
    model = vamp_vae(6, dim=2, hidden=(8,), components=5)
    assert isinstance(model.latent, Gaussian) and isinstance(model.latent.prior, Vamp)
    z = torch.randn(3, 2)
    before = model.latent.prior.log_prob(z)
    with torch.no_grad():
        next(iter(model.encoder.parameters())).add_(1.0)
    assert not torch.allclose(model.latent.prior.log_prob(z), before)
    x = torch.randn(8, 6)
    assert math.isfinite(float(model.losses(Batch(x, x), 0).__next__()[1].total.detach()))


def test_pseudo_inputs_start_beside_rows():
    with seeded(0):
        model, rows = vamp_vae(6, dim=2, hidden=(8,), components=50), 5 * torch.randn(30, 6)
    prior = model.latent.prior
    assert isinstance(prior, Vamp)
    far = torch.cdist(prior.inputs.detach(), rows).min(1).values.min()
    fit(model, rows, epochs=0, progress=False)
    apart = torch.cdist(prior.inputs.detach(), rows).min(1).values
    assert far > 0.5 > 0.1 > apart.max() > 0
    assert len(torch.unique(prior.inputs, dim=0)) == 50  # two at one row can part
