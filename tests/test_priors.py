"""Priors: they are densities, they draw what they say, and fitting them is what it claims to be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch import Tensor, nn

import isthmus
from isthmus import Autoencoder, Batch, Embedder, Recipe, Stage
from isthmus.data import Rows
from isthmus.distributions import DiagonalNormal, log_normals
from isthmus.latents import Deterministic, Gaussian
from isthmus.likelihoods import gaussian
from isthmus.metrics import code_length
from isthmus.models import METHODS, autoencoder, ex_post, fit_prior, vae, vq_vae
from isthmus.nets import mlp
from isthmus.nets.autoregressive import Masked
from isthmus.priors import (
    Autoregressive,
    DiffusionPrior,
    Flow,
    MaskedMixture,
    Mixture,
    Normal,
    Prior,
    TwoStage,
    Vamp,
    descend,
)
from isthmus.terms import kl, reconstruction
from isthmus.training import train


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def rings(n: int) -> Tensor:
    """Two arcs, off the origin: no Gaussian, and no mixture of few."""
    angle = math.pi * torch.rand(n)
    side = torch.randint(2, (n,)) * 2 - 1.0
    x, y = torch.cos(angle) * side + 0.5 * side, torch.sin(angle) * side
    return torch.stack([3 + x, 0.5 * y - 1], 1) + 0.05 * torch.randn(n, 2)


def fitted(prior: Prior) -> Prior:
    prior.fit(rings(1500))
    return prior


PRIORS: dict[str, Callable[[], Prior]] = {
    "normal": lambda: fitted(Normal(2)),
    "mixture": lambda: fitted(Mixture(2, 4)),
    "full mixture": lambda: fitted(Mixture(2, 6, full=True)),
    "flow": lambda: fitted(Flow(2, 4, (32,), updates=300)),
    "masked": lambda: fitted(MaskedMixture(2, 4, (32,), updates=300)),
    "vamp": lambda: Vamp(2, mlp(3, 8, 4).double(), 3, components=7, bound=0.5),
}
priors = pytest.mark.parametrize("name", PRIORS)
SIDE, WIDTH = 801, 24.0


def grid() -> tuple[Tensor, float]:
    """Points of a square around the codes, (n, 2), and the area that each stands for."""
    line = torch.linspace(-WIDTH / 2, WIDTH / 2, SIDE, dtype=torch.float64)
    return torch.cartesian_prod(line + 3, line - 1), (WIDTH / (SIDE - 1)) ** 2


@priors
def test_it_is_a_density_and_draws_what_it_says(name):
    prior = PRIORS[name]().double()
    points, area = grid()
    with torch.no_grad():
        mass = prior.log_prob(points).exp() * area  # (n,)
        assert abs(float(mass.sum()) - 1) < 2e-3
        drawn = prior.sample(20_000)
        for statistic in (lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z[:, 0] * z[:, 1]):
            expected, found = (mass * statistic(points)).sum(), statistic(drawn)
            assert abs(found.mean() - expected) < 4 * found.std() / len(drawn) ** 0.5 + 0.01
        shaped = points[:6].reshape(3, 2, 2)
        torch.testing.assert_close(prior.log_prob(shaped).flatten(), prior.log_prob(points[:6]))


def test_control_a_flow_that_forgets_its_volume_is_no_density():
    prior = PRIORS["flow"]().double()
    assert isinstance(prior, Flow)
    points, area = grid()
    with torch.no_grad():
        mass = (prior.log_prob(points) - prior.white.log_det).exp() * area
    assert abs(float(mass.sum()) - 1) > 0.1


def test_control_a_net_that_sees_what_it_is_to_say_is_no_density():
    prior: Any = PRIORS["masked"]().double()
    points, area = grid()
    for part in prior.net.modules():
        if isinstance(part, Masked):
            part.mask = torch.ones_like(part.mask)
    prior.fit(rings(1500).double())
    with torch.no_grad():
        assert abs(float((prior.log_prob(points).exp() * area).sum()) - 1) > 0.1


def test_each_entry_is_said_by_those_before_it_alone():
    prior = MaskedMixture(4, 3, (16,), updates=1).double()
    prior.fit(torch.randn(50, 4).double() @ torch.randn(4, 4).double())
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    white = torch.randn(1, 4).double()
    jacobian = torch.autograd.functional.jacobian(lambda x: torch.stack(prior.said(x)).sum((0, 2))[0], white)
    seen = jacobian[:, 0] != 0  # (of an entry, by an input)
    assert torch.equal(seen, torch.ones(4, 4, dtype=torch.bool).tril(-1))


def test_an_autoregressive_density_knows_what_a_mixture_of_as_many_cannot():
    """A strip that bends more often than there are components: each first entry leaves one second."""
    z = torch.rand(2000, 1) * 6
    z = torch.cat([z, torch.sin(3 * z) + 0.05 * torch.randn(2000, 1)], 1)
    found = {}
    for prior in (MaskedMixture(2, 4), Mixture(2, 4, full=True)):
        prior.fit(z[:1500])
        with torch.no_grad():
            found[type(prior)] = float(prior.log_prob(z[1500:]).mean())
    best = -math.log(6) - 0.5 * math.log(2 * math.pi * math.e * 0.05**2)
    assert found[Mixture] < found[MaskedMixture] - 0.5
    assert found[MaskedMixture] < best + 0.1


def test_a_discrete_model_gets_another_prior_over_its_indices_afterwards(tmp_path):
    x = (rings(300) @ torch.randn(2, 6)).numpy()
    recipe = Recipe("vq_vae", size=8, positions=3, hidden=(16,))
    embedder = Embedder(recipe, epochs=5, random_state=0).fit(x)
    codes, before = embedder.transform(x), embedder.sample(50, random_state=1)
    rows = embedder.preparation_.rows(x)
    apart = code_length(embedder.model_, rows).rate
    for prior in (
        Recipe(Autoregressive, epochs=20, width=16),
        Recipe(Flow, layers=2, updates=5),
        Autoregressive,
    ):
        embedder.fit_prior(x, prior, random_state=0)
        np.testing.assert_array_equal(embedder.transform(x), codes)
    together = code_length(embedder.model_, rows).rate
    assert together < apart - 0.1  # what the places say of each other, `Shares` cannot know
    after = embedder.sample(50, random_state=1)
    assert not np.array_equal(before, after)
    embedder.save(tmp_path)
    again = Embedder.load(tmp_path)
    np.testing.assert_array_equal(again.sample(50, random_state=1), after)
    assert code_length(again.model_, rows).rate == pytest.approx(together)
    with pytest.raises(TypeError, match="numbers: isthmus.priors.MaskedMixture"):
        Embedder("autoencoder", dim=2, epochs=1).fit(x).fit_prior(x, Autoregressive)


def test_normal_and_mixture_against_scipy_and_scikit_learn():
    x = rings(800).double()
    mean, covariance = x.mean(0).numpy(), np.cov(x.T, bias=True)
    one = Normal(2).double()
    one.fit(x)
    expected = multivariate_normal(mean, covariance).logpdf(x.numpy())
    np.testing.assert_allclose(one.log_prob(x).numpy(), expected, rtol=1e-6)
    for full in (True, False):
        ours = Mixture(2, 3, full=full).double()
        with isthmus.seeded(5):
            ours.fit(x)
        with isthmus.seeded(5):
            seed = int(torch.randint(2**31 - 1, ()))
        kind: Any = "full" if full else "diag"
        reg = 1e-6 * float(x.var(0, correction=0).mean())
        theirs = GaussianMixture(3, covariance_type=kind, random_state=seed, max_iter=300, reg_covar=reg)
        theirs.fit(x.numpy())
        np.testing.assert_allclose(ours.log_prob(x).detach(), theirs.score_samples(x.numpy()), atol=1e-6)


def test_fitting_bends_a_flow_onto_what_no_gaussian_is():
    held_out = rings(1000)
    scores = {name: float(PRIORS[name]().log_prob(held_out).detach().mean()) for name in ("normal", "flow")}
    assert scores["flow"] > scores["normal"] + 0.4
    untrained = Flow(2, 4, (32,), updates=0)  # control: whitened, but not bent
    assert float(fitted(untrained).log_prob(held_out).detach().mean()) < scores["normal"] + 0.1


def test_a_second_stage_is_a_bound_that_draws_tighten_and_samples_fall_where_codes_are():
    far = torch.full((200, 2), 3.0)
    prior = fitted(TwoStage(2))
    assert isinstance(prior, TwoStage)
    held_out = rings(1000)
    with torch.no_grad():
        drawn = prior.sample(4000)
        found = {}
        for draws in (1, 8, 256):
            prior.draws = draws
            found[draws] = float(prior.log_prob(held_out).mean())
        assert prior.log_prob(held_out.view(10, 100, 2)).shape == (10, 100)
        assert float(prior.log_prob(far).mean()) < found[1] - 3
    assert found[1] < found[8] < found[256]
    # no density has a mean above that of the data's own: here an estimate of it by neighbours' kernels
    truth = float(neighbours(rings(20_000), held_out).log().mean())
    assert found[256] < truth + 0.1
    one = fitted(Normal(2))
    assert found[256] > float(one.log_prob(held_out).mean()) + 0.4
    near = {name: closeness(z, held_out) for name, z in (("own", drawn), ("normal", one.sample(4000)))}
    assert near["own"] < 0.5 * near["normal"]
    with pytest.raises(ValueError, match="one draw or more"):
        TwoStage(2, draws=0)


def test_control_a_second_stage_without_its_kl_draws_elsewhere():
    """Without log p(u) − log q(u | z) a second autoencoder is trained, whose codes lie anywhere."""
    x = rings(1500)
    right, wrong = fitted(TwoStage(2)), TwoStage(2)

    def reconstruction_alone(z: Tensor) -> Tensor:
        mean, _ = wrong.net["encoder"](z).chunk(2, -1)
        return (z - wrong.net["decoder"](mean)).square().sum(-1)

    descend(wrong, reconstruction_alone, wrong.white.fit(x), 3000)
    with torch.no_grad():
        wrong.log_scale.fill_(-3.0)
        held_out = rings(1000)
        assert closeness(right.sample(4000), held_out) < 0.5 * closeness(wrong.sample(4000), held_out)


def neighbours(known: Tensor, z: Tensor, width: float = 0.05) -> Tensor:
    """The density at z (n, 2) by kernels at known points."""
    gap = torch.cdist(z.double(), known.double()).square()
    return (gap / (-2 * width**2)).exp().mean(1) / (2 * math.pi * width**2)


def closeness(drawn: Tensor, data: Tensor) -> float:
    """How far draws lie from the data, in the mean."""
    return float(torch.cdist(drawn, data).min(1).values.mean())


def test_units_of_the_codes_do_not_matter_to_a_flow():
    x = rings(500)
    scale, shift = torch.tensor([100.0, 0.01]), torch.tensor([-3.0, 40.0])
    found = []
    for codes in (x, x * scale + shift):
        with isthmus.seeded(1):
            prior = Flow(2, 4, (16,), updates=50)
            prior.fit(codes)
        found.append(prior.log_prob(codes).detach())
    torch.testing.assert_close(found[1], found[0] - scale.log().sum(), rtol=0, atol=0.05)


def test_the_gradient_of_a_vamp_is_finite_where_a_component_is_far_narrower_than_floats_can_tell():
    encoder = nn.Linear(1, 2)
    with torch.no_grad():
        encoder.weight.copy_(torch.tensor([[1.0], [-200.0]]))  # log σ falls by 200 with each step of u
        encoder.bias.zero_()
    prior = Vamp(1, encoder, 1, components=2)
    with torch.no_grad():
        prior.inputs.copy_(torch.tensor([[0.0], [1.0]]))
    found = torch.autograd.grad(prior.log_prob(torch.tensor([[-1.0]])).sum(), [prior.inputs, encoder.weight])
    assert all(gradient.isfinite().all() for gradient in found)
    q = DiagonalNormal.of(encoder(prior.inputs), 2.0)  # the control: without a floor it is 0 · ∞
    unbounded = torch.logsumexp(q.log_prob(torch.tensor([[-1.0]])[:, None, :]), -1)
    assert not torch.autograd.grad(unbounded.sum(), prior.inputs)[0].isfinite().all()


def test_many_normals_at_once_are_each_of_them_also_where_they_are_narrow():
    with isthmus.seeded(0):
        z, mean = 3 * torch.randn(4, 5, 6), 3 * torch.randn(7, 6)
        log_scale = -6 * torch.rand(7, 6)
    log_scale[3] = -6.0
    z[0, 0] = mean[3] + 1e-3  # in the middle of a narrow one, where squares cancel
    found = log_normals(z, mean, log_scale)
    exact = DiagonalNormal(mean.double(), log_scale.double()).log_prob(z.double()[..., None, :])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact.float(), rtol=1e-6, atol=1e-5)
    precision = (-2 * log_scale).exp()  # the control: single precision
    square = z.square() @ precision.T - 2 * z @ (mean * precision).T + (mean.square() * precision).sum(-1)
    rough = -0.5 * square - log_scale.sum(-1) - 0.5 * math.log(2 * math.pi) * 6
    assert not torch.allclose(rough[0, 0, 3], exact[0, 0, 3].float(), atol=1e-2)


def test_vamp_is_the_mean_of_the_posteriors_of_its_inputs():
    encoder = mlp(3, 8, 4).double()
    prior = Vamp(2, encoder, 3, components=5).double()
    z = torch.randn(6, 2, dtype=torch.float64)
    stages = [Gaussian(2)(encoder(u[None]), False).stages[0].q for u in prior.inputs]
    each = torch.stack([q.log_prob(z) for q in stages])
    torch.testing.assert_close(prior.log_prob(z), each.exp().mean(0).log())
    assert not any("encoder" in name for name in prior.state_dict())


def test_a_kl_without_closed_form_is_estimated_at_the_draw():
    """Against a mixture of one component, of which the closed form is known."""
    prior = Mixture(2, 1).double()
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[0.5, -1.0]]))
        prior.log_precision.copy_(torch.tensor([[0.3, -0.2]]))
    features = torch.tensor([[0.2, 0.4, -0.5, 0.1]], dtype=torch.float64).expand(100_000, -1)
    with torch.no_grad():
        (stage,) = Gaussian(2, prior=prior)(features, True).stages
        estimate = stage.divergence()
        exact = stage.q.kl(DiagonalNormal(prior.means, -prior.log_precision)).sum(-1)[0]
    assert estimate.shape == (100_000, 1)
    assert abs(estimate.mean() - exact) < 4 * estimate.std() / 100_000**0.5
    standard = torch.zeros((), dtype=torch.float64)
    wrong = Stage(stage.z, stage.q, DiagonalNormal(standard, standard)).divergence().sum(-1).mean()
    assert abs(wrong - exact) > 0.1  # control: as if the prior were not asked


def test_a_prior_learned_along_gets_its_gradient_from_the_kl():
    prior = Mixture(2, 3)
    model = Autoencoder(
        nn.Linear(4, 4), Gaussian(2, prior=prior), nn.Linear(2, 4), gaussian(4), reconstruction + kl
    )
    x = torch.randn(16, 4)
    (_, loss), *_ = model.losses(Batch(x, x), 0)
    loss.total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in prior.parameters())


@pytest.mark.parametrize(
    "name", ["autoencoder", "vae", "sparse_top_k", "vq_vae", "wae_gan", "conditional_vae"]
)
def test_any_model_samples_from_a_prior_fitted_afterwards(name, tmp_path):
    x = (rings(300) @ torch.randn(2, 6)).numpy()
    y = np.arange(300) % 3 if name == "conditional_vae" else None
    embedder = Embedder(name, epochs=2, random_state=0).fit(x, y)
    codes, scores = embedder.transform(x, y), embedder.score_samples(x, y)
    new = None if y is None else y[:50]
    before = embedder.sample(50, new, random_state=1)
    for prior in (Mixture, Recipe(Flow, layers=2, hidden=(8,), updates=20)):
        embedder.fit_prior(x, prior, y, random_state=0)
        assert embedder.recipe_.name == "ex_post" and embedder.recipe_.arguments["prior"] is prior
        after = embedder.sample(50, new, random_state=1)
        assert not np.array_equal(before, after)
        np.testing.assert_array_equal(embedder.transform(x, y), codes)
        np.testing.assert_array_equal(embedder.score_samples(x, y), scores)
    embedder.save(tmp_path)
    np.testing.assert_array_equal(Embedder.load(tmp_path).sample(50, new, random_state=1), after)


def test_codes_drawn_afterwards_are_those_of_the_data():
    """A code far from the origin: N(0, I) misses it, what was fitted does not."""
    x = rings(1000)
    shift = nn.Linear(2, 2)
    with torch.no_grad():
        shift.weight.copy_(torch.eye(2))
        shift.bias.fill_(10.0)
    model = Autoencoder(shift, Deterministic(2), nn.Linear(2, 2), gaussian(2), reconstruction)
    assert (model.latent.sample(2000).mean(0) - (x.mean(0) + 10)).abs().max() > 5
    fit_prior(model, x, Recipe(Mixture, components=4, full=True))
    drawn = model.latent.sample(4000)
    torch.testing.assert_close(drawn.mean(0), x.mean(0) + 10, rtol=0, atol=0.1)
    torch.testing.assert_close(drawn.T.cov(), x.T.cov(), rtol=0.1, atol=0.05)


def test_a_codebook_still_follows_under_a_prior_of_its_own():
    x = torch.randn(64, 6)
    for model in (vq_vae(6, hidden=(8,)), ex_post(6, model=Recipe(vq_vae, hidden=(8,)), prior=Normal)):
        before = {name: value.clone() for name, value in model.named_buffers()}
        list(train(model, [Batch(x, x)] * 3))
        assert any(not torch.equal(before[name], value) for name, value in model.named_buffers())


def test_what_is_fitted_afterwards_is_no_players_parameter():
    model = vae(6, dim=2, hidden=(8,))
    before = [name for name, _ in model.named_parameters()]
    fit_prior(model, torch.randn(40, 6), Recipe(Flow, layers=2, hidden=(8,), updates=5))
    after = [name.replace("latent.latent", "latent") for name, _ in model.named_parameters()]
    assert before == after
    assert model.recipe is not None and model.recipe.arguments["features"] == 6


@pytest.mark.parametrize(
    "prior", [Recipe(Mixture, components=3), Recipe(Flow, layers=2, hidden=(8,), updates=5)]
)
def test_fitting_one_repeats_and_leaves_the_random_numbers_of_the_process_alone(prior):
    x, outside, drawn = rings(100), torch.get_rng_state(), []
    for _ in range(2):
        with isthmus.seeded(1):
            model = autoencoder(2, dim=2, hidden=(8,))
        fit_prior(model, x, prior, seed=3)
        assert torch.equal(outside, torch.get_rng_state())
        drawn.append(model.sample(5, torch.Generator().manual_seed(0)).mean)
    assert torch.equal(*drawn)


def test_what_is_no_prior_is_refused():
    with pytest.raises(TypeError, match="isthmus.priors"):
        ex_post(6, dim=2, prior=Recipe(Deterministic))
    with pytest.raises(ValueError, match="at least one component"):
        Mixture(2, 0)
    assert autoencoder(4).recipe is not None


WRAPPED = [name for name in METHODS if name not in ("ex_post", "ladder_network", "gamma_model")]


@pytest.mark.parametrize("name", WRAPPED)
def test_a_model_that_is_given_another_prior_learns_as_it_does_without(name):
    facts = {"features": 12, "rows": 24, "steps": 10, "classes": 3, "labelled": 16}
    x, labels = torch.randn(24, 12), torch.arange(24) % 3
    found = []
    for recipe in (Recipe(name), Recipe("ex_post", model=Recipe(name), prior=Normal)):
        with isthmus.seeded(1):
            model = recipe.given(**facts)()
        if (prepare := model.autoencoder.prepare) is not None and name != "stacked":
            prepare(model.autoencoder, Rows(x), 0)
        with isthmus.seeded(2):
            reports = list(train(model, [Batch(x, x, {"labels": labels})] * 3))
        found.append([float(each) for report in reports for each in report.loss.means.values()])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


STEPPED = [Flow, MaskedMixture, TwoStage, DiffusionPrior]


def moved(prior: nn.Module) -> float:
    """How far the parameter goes that goes furthest while the prior is fitted."""
    before = [p.detach().clone() for p in prior.parameters()]
    prior.fit(rings(200))  # type: ignore[operator]
    return max(float((p.detach() - b).abs().max()) for p, b in zip(prior.parameters(), before))


@pytest.mark.parametrize("prior", STEPPED, ids=lambda prior: prior.__name__)
def test_a_prior_that_learns_by_steps_takes_as_many_as_it_is_told(prior):
    first = (
        2e-3  # Adam's first step is the rate of learning, the same way for every parameter that has a slope
    )
    assert moved(prior(2, updates=0)) == 0
    assert moved(prior(2, updates=1)) == pytest.approx(first, rel=1e-3)
    assert moved(prior(2, updates=9)) > 2 * first
