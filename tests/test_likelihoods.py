"""Laws of likelihoods: normalised, equal to scipy's, indifferent to what is missing, finite everywhere.

A new family is one line in `FAMILIES`: how to make it, its whole support with weights (so that sums over it
are sums or integrals), and, where there is one, a reference for its log density.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats
from torch import Tensor

from isthmus.likelihoods import (
    Likelihood,
    bernoulli,
    categorical,
    continuous_bernoulli,
    gaussian,
    joint,
    laplace,
    logistic_mixture,
    multinomial,
    negative_binomial,
    one_hot,
    poisson,
    student_t,
    zero_inflated_negative_binomial,
    zero_inflated_poisson,
)
from isthmus.likelihoods.counts import log_gamma_ratio
from isthmus.likelihoods.real import OptimalGaussian, log_gamma_half_step

torch.set_num_threads(1)
DOUBLE = torch.float64


class Space(NamedTuple):
    """A support: Σ weights f(points) is the sum or the integral of f over all of it."""

    points: Tensor
    weights: Tensor


def whole(count: int) -> Space:
    return Space(torch.arange(count, dtype=DOUBLE), torch.ones(count, dtype=DOUBLE))


t = torch.linspace(-25, 25, 50001, dtype=DOUBLE)
REAL = Space(t.sinh(), t.cosh() * 0.001)  # dense near zero, and out to 10^10 for the heavy tails
nodes, node_weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(100))
UNIT = Space((nodes + 1) / 2, node_weights / 2)
COUNTS = whole(20000)


def softly(low: float, high: float, raw: Any) -> Any:
    """The value of a bounded positive."""
    middle, reach = (low + high) / 2, (high - low) / 2
    return np.exp(middle + reach * np.tanh((raw - middle) / reach))


def nbinom(x, log_mean, r):
    return stats.nbinom.logpmf(x, r, r / (r + np.exp(log_mean)))


def inflated(x, log_mass, gate):
    pi = special.expit(gate)
    return np.log(pi * (x == 0) + (1 - pi) * np.exp(log_mass))


def truncated_exponential(x, logit):
    """On [0, 1] the continuous Bernoulli is an exponential density, cut off, and mirrored for logits > 0."""
    a = np.abs(logit)
    return stats.truncexpon.logpdf(np.where(logit < 0, x, 1 - x), a, scale=1 / a)


def binned_logistics(x, *params, levels=9, low=-1.0, high=1.0):
    """By differences of scipy's cdf."""
    logits, means, raw = np.split(np.array(params), 3)
    half = 1 / (levels - 1)
    y, scale = 2 * (x - low) / (high - low) - 1, softly(-7, 3, raw)
    upper = np.where(y > 1 - half, np.inf, y + half)
    lower = np.where(y < half - 1, -np.inf, y - half)
    mass = stats.logistic.cdf(upper, means, scale) - stats.logistic.cdf(lower, means, scale)
    return np.log((special.softmax(logits, 0) * mass).sum(0))


class Family(NamedTuple):
    make: Callable[..., Any]
    space: Space
    reference: Callable[..., Any] | None = None  # (x, *blocks of params) -> log density


FAMILIES = {
    "gaussian": Family(partial(gaussian, scale=0.7), REAL, lambda x, m: stats.norm.logpdf(x, m, 0.7)),
    "gaussian shared": Family(gaussian, REAL, lambda x, m: stats.norm.logpdf(x, m, 1)),
    "gaussian feature": Family(partial(gaussian, scale="feature"), REAL),
    "gaussian sample": Family(
        partial(gaussian, scale="sample"), REAL, lambda x, m, s: stats.norm.logpdf(x, m, softly(-6, 6, s))
    ),
    "laplace": Family(partial(laplace, scale=0.7), REAL, lambda x, m: stats.laplace.logpdf(x, m, 0.7)),
    "laplace sample": Family(
        partial(laplace, scale="sample"), REAL, lambda x, m, s: stats.laplace.logpdf(x, m, softly(-6, 6, s))
    ),
    "student_t": Family(
        partial(student_t, df=10.0, scale=0.7), REAL, lambda x, m: stats.t.logpdf(x, 10, m, 0.7)
    ),
    "student_t learned": Family(
        partial(student_t, df="feature", scale="feature"), REAL, lambda x, m: stats.t.logpdf(x, 4, m, 1)
    ),
    "bernoulli": Family(bernoulli, whole(2), lambda x, a: stats.bernoulli.logpmf(x, special.expit(a))),
    "continuous_bernoulli": Family(continuous_bernoulli, UNIT, truncated_exponential),
    "categorical": Family(
        partial(categorical, classes=5),
        whole(5),
        lambda x, *a: np.choose(x.astype(int), special.log_softmax(np.stack(a), 0)),
    ),
    "logistic_mixture": Family(
        partial(logistic_mixture, components=3, levels=9, low=-1.0),
        Space(torch.linspace(-1, 1, 9, dtype=DOUBLE), torch.ones(9, dtype=DOUBLE)),
        binned_logistics,
    ),
    "logistic_mixture 256": Family(logistic_mixture, Space(whole(256).points / 255, whole(256).weights)),
    "poisson": Family(poisson, COUNTS, lambda x, a: stats.poisson.logpmf(x, np.exp(a))),
    "negative_binomial": Family(
        partial(negative_binomial, dispersion=3.0), COUNTS, lambda x, a: nbinom(x, a, 3.0)
    ),
    "negative_binomial feature": Family(negative_binomial, COUNTS, lambda x, a: nbinom(x, a, math.e)),
    "negative_binomial sample": Family(
        partial(negative_binomial, dispersion="sample"),
        COUNTS,
        lambda x, a, r: nbinom(x, a, softly(-8, 8, r)),
    ),
    "zero_inflated_poisson": Family(
        zero_inflated_poisson, COUNTS, lambda x, a, g: inflated(x, stats.poisson.logpmf(x, np.exp(a)), g)
    ),
    "zero_inflated_negative_binomial": Family(
        partial(zero_inflated_negative_binomial, dispersion=3.0),
        COUNTS,
        lambda x, a, g: inflated(x, nbinom(x, a, 3.0), g),
    ),
    "zero_inflated_negative_binomial shared": Family(
        partial(zero_inflated_negative_binomial, dispersion="shared"), COUNTS
    ),
}
TABLE: list[tuple[int, Callable[..., Likelihood]]] = [
    (2, gaussian),
    (1, bernoulli),
    (2, partial(categorical, classes=3)),
    (1, negative_binomial),
]
TIED = {  # elements depend on each other, or each has a space of its own
    "gaussian optimal": Family(partial(gaussian, scale="optimal"), REAL),
    "multinomial": Family(multinomial, COUNTS),
    "one_hot": Family(partial(one_hot, classes=(4, 2)), UNIT),
    "joint": Family(partial(joint, blocks=TABLE), UNIT),
}
BLOCKS = [TIED["one_hot"].make, TIED["joint"].make]  # no number is possible in every column
elementwise = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
every = pytest.mark.parametrize("family", [*FAMILIES.values(), *TIED.values()], ids=[*FAMILIES, *TIED])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def random_params(likelihood, rows: int, dtype=torch.float32) -> Tensor:
    width = likelihood.width
    return 1.5 * torch.randn(rows, *((width,) if isinstance(width, int) else width), dtype=dtype)


def density_over(space: Space, likelihood, params: Tensor) -> Tensor:
    """(rows, points): the density of every point under every row of params."""
    points = len(space.points)
    output = likelihood(params.repeat_interleave(points, 0))
    return output.log_prob(space.points.repeat(len(params))[:, None]).exp().view(-1, points)


@elementwise
def test_sums_or_integrates_to_one(family):
    likelihood = family.make(1).double()
    mass = (
        density_over(family.space, likelihood, random_params(likelihood, 12, DOUBLE)) @ family.space.weights
    )
    torch.testing.assert_close(mass, torch.ones_like(mass), atol=1e-4, rtol=0)


def test_binary_cross_entropy_on_grey_pixels_does_not():
    mass = density_over(UNIT, bernoulli(1), torch.linspace(-3, 3, 7, dtype=DOUBLE)[:, None]) @ UNIT.weights
    assert (mass < 0.96).all()


def test_a_gaussian_without_its_constant_does_not():
    mass = density_over(REAL, gaussian(1, scale=1.0).double(), torch.zeros(1, 1, dtype=DOUBLE)) @ REAL.weights
    forgetful = mass * math.exp(0.5 * math.log(2 * math.pi))
    assert abs(forgetful - 1) > 1


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.reference])
def test_equals_the_reference(name):
    family = FAMILIES[name]
    likelihood = family.make(1).double()
    params = random_params(likelihood, 200, DOUBLE)
    usual = family.space.points[family.space.points.abs() < 60]
    x = usual[torch.randint(len(usual), (200,))]
    assert family.reference is not None
    expected = family.reference(x.numpy(), *params.T.numpy())
    found = likelihood(params).log_prob(x[:, None]).detach().numpy()
    seen = np.isfinite(expected)  # scipy underflows first
    assert seen.mean() > 0.6
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-6, atol=1e-9)


def test_equals_the_published_values():
    """Sum over dimensions, mean over samples, float64; computed independently of this library."""
    i, k = torch.arange(6, dtype=DOUBLE)[:, None], torch.arange(4, dtype=DOUBLE)
    x, reconstruction = (i + 0.1 * k).sin().sigmoid(), (i + 0.2 * k).cos().sigmoid()
    unit = -gaussian(4, scale=1.0)(reconstruction).log_prob(x).mean()
    cross_entropy = -bernoulli(4)(reconstruction.logit()).log_prob(x).mean()
    assert unit.item() == pytest.approx(3.7982010564256603, abs=1e-6)
    assert unit.item() - 2 * math.log(2 * math.pi) == pytest.approx(0.12244692360696979, abs=1e-6)
    assert cross_entropy.item() == pytest.approx(3.05637639804047, abs=1e-6)


def moments(family: Family, likelihood, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and fourth central moment, from the density."""
    x, weights = family.space
    p = density_over(family.space, likelihood, params) * weights
    mean = (p * x).sum(1)
    central = x - mean[:, None]
    return mean, (p * central**2).sum(1), (p * central**4).sum(1)


@elementwise
def test_mean_is_the_expectation(family):
    likelihood = family.make(1).double()
    params = random_params(likelihood, 12, DOUBLE)
    found = likelihood(params).mean[:, 0].double()
    if family is FAMILIES["categorical"]:  # the mode: the expectation of an index means nothing
        expected, tolerance = density_over(family.space, likelihood, params).argmax(1).double(), 0.0
    else:
        expected, tolerance = moments(family, likelihood, params)[0], 1e-5
    if "LogisticMixture" in type(likelihood(params)).__name__:  # of the clipped mixture, before binning
        tolerance = (family.space.points[1] - family.space.points[0]).item() / 2
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=1e-6)


@elementwise
def test_samples_have_the_mean_and_variance_of_the_density(family):
    draws = 40_000
    likelihood = family.make(1).double()
    if family is FAMILIES["student_t learned"]:  # four degrees of freedom: the variance has no standard error
        likelihood.positives[0].tenths.data.fill_(math.log(40) / 10)
    params = random_params(likelihood, 3, DOUBLE)
    mean, variance, fourth = moments(family, likelihood, params)
    samples = likelihood(params.repeat_interleave(draws, 0)).sample()
    assert likelihood.refuse(samples) is None
    assert samples.shape == (3 * draws, 1)
    samples = samples.view(3, draws).double()
    error = (samples.mean(1) - mean) / (variance / draws).sqrt()
    spread = (samples.var(1) - variance) / ((fourth - variance**2) / draws).sqrt()
    assert error.abs().max() < 4 and spread.abs().max() < 4


def test_samples_of_a_logistic_mixture_are_the_very_numbers_of_the_grid():
    pixels = torch.arange(256) / 255
    samples = logistic_mixture(1)(torch.randn(5000, 15)).sample()
    assert torch.isin(samples, pixels).all() and len(samples.unique()) > 200


@every
def test_what_is_missing_is_neither_read_nor_explained(family):
    likelihood = family.make(6)
    params = random_params(likelihood, 20).requires_grad_()
    x = likelihood(params).sample().detach().float()
    observed = torch.rand(20, 6) < 0.6
    observed[0] = False
    wanted = [params, *likelihood.parameters()]
    results = []
    for placeholder in (0.0, -7.5, 1e30):
        log_prob = likelihood(params).log_prob(torch.where(observed, x, placeholder), observed)
        gradients = torch.autograd.grad(log_prob.sum(), wanted, allow_unused=True)
        results.append([log_prob, *(g for g in gradients if g is not None)])
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert torch.isfinite(a).all() and torch.equal(a, b)
    assert results[0][0][0] == 0


@pytest.mark.parametrize("name", [n for n in [*FAMILIES, *TIED] if n not in ("joint", "one_hot")])
def test_what_is_observed_has_the_likelihood_of_the_part(name):
    """For a multinomial: the distribution over the observed items, given their total."""
    make = {**FAMILIES, **TIED}[name].make
    likelihood, keep = make(6), torch.tensor([0, 2, 3])
    params = random_params(likelihood, 20)
    x = likelihood(params).sample().float()
    observed = torch.zeros(20, 6, dtype=torch.bool).index_fill(1, keep, True)
    part = make(3)(params.view(20, -1, 6)[:, :, keep].flatten(1)).log_prob(x[:, keep])
    torch.testing.assert_close(likelihood(params).log_prob(x, observed), part, rtol=1e-5, atol=1e-5)


@every
def test_values_and_gradients_are_finite_at_extremes(family):
    likelihood = family.make(6)
    x = likelihood(random_params(likelihood, 1)).sample().detach().float()
    ends = family.space.points[[0, -1]] if family.space is not REAL else torch.tensor([-1e3, 1e3])
    values = torch.tensor([-1e4, -88.0, -30.0, -1e-6, 0.0, 1e-6, 30.0, 88.0, 1e4])
    params = values[torch.randint(len(values), (400, likelihood.width))]
    params[:9] = values[:, None]
    params.requires_grad_()
    wanted = [params, *likelihood.parameters()]
    for raw in (None, -1e4, 1e4):  # the learned numbers as they start, and driven off by a constant column
        for parameter in likelihood.parameters():
            parameter.data.fill_(parameter.detach().mean() if raw is None else raw)
        for target in (
            x,
            *(end.float().expand(1, 6) for end in ends if family.make not in BLOCKS),
        ):
            log_prob = likelihood(params).log_prob(target.expand(400, 6))
            assert torch.isfinite(log_prob).all()
            for gradient in torch.autograd.grad(log_prob.sum(), wanted, allow_unused=True):
                assert gradient is None or torch.isfinite(gradient).all()
        output = likelihood(params)
        assert torch.isfinite(output.mean).all() and likelihood.refuse(output.sample()) is None


@elementwise
def test_an_image_is_a_table_in_another_shape(family):
    image, table = family.make((2, 3, 4)), family.make(24)
    params = random_params(image, 5)
    output, flat = image(params), table(params.flatten(1))
    x = output.sample()
    assert x.shape == output.mean.shape == (5, 2, 3, 4)
    assert image.refuse(x) is None
    torch.testing.assert_close(output.mean.flatten(1), flat.mean)
    torch.testing.assert_close(output.log_prob(x), flat.log_prob(x.flatten(1)))


@every
def test_stays_in_single_precision_under_autocast(family):
    likelihood = family.make(6).eval()
    params = random_params(likelihood, 20)
    x = likelihood(params).sample()
    with torch.autocast("cpu", torch.bfloat16):
        low = likelihood(params).log_prob(x)
    assert low.dtype == torch.float32 and torch.equal(low, likelihood(params).log_prob(x))


@pytest.mark.parametrize("name", ["bernoulli", "categorical", "poisson", "negative_binomial", "multinomial"])
def test_integers_are_as_good_as_floats(name):
    likelihood = {**FAMILIES, **TIED}[name].make(6)
    output = likelihood(random_params(likelihood, 20))
    x = output.sample()
    x[0] = 1
    for dtype in (torch.int64, torch.uint8):
        assert torch.equal(output.log_prob(x.to(dtype)), output.log_prob(x.float()))
        assert likelihood.refuse(x.to(dtype)) is None
    if "binomial" in name or name == "poisson":
        many = torch.full_like(x, 255)
        assert torch.equal(output.log_prob(many.to(torch.uint8)), output.log_prob(many))


def test_a_learned_scale_arrives_in_a_thousand_steps_of_adam():
    """Where it is slow, the first epochs are trained under a wrong σ, and a VAE collapses in them."""
    likelihood, x = gaussian(4), 0.03 * torch.randn(256, 4)
    optimiser = torch.optim.Adam(likelihood.parameters(), lr=1e-3)
    for _ in range(1000):
        optimiser.zero_grad()
        output = likelihood(torch.zeros(256, 4))
        (-output.log_prob(x).mean()).backward()
        optimiser.step()
    assert output.log_scale.exp().item() == pytest.approx(x.square().mean().sqrt().item(), rel=0.02)


class TestOptimalGaussian:
    def test_the_stored_variance_is_the_running_error(self):
        likelihood, errors = OptimalGaussian(10), []
        for _ in range(400):
            x = 0.3 * torch.randn(64, 10)
            likelihood(torch.zeros(64, 10)).log_prob(x)
            errors.append(x.square().mean().item())
            assert len(errors) > 1 or (2 * likelihood.log_scale).exp() == pytest.approx(errors[0], rel=1e-5)
        assert (2 * likelihood.log_scale).exp() == pytest.approx(np.mean(errors), rel=0.01)

    def test_in_training_value_and_gradient_are_those_of_the_optimum(self):
        """-log p = d/2 (log 2πe MSE): Rybkin et al. 2021, equation 5, differentiated through σ."""
        mean, x = torch.randn(8, 5, requires_grad=True), torch.randn(8, 5)
        found = gaussian(5, scale="optimal")(mean).log_prob(x).mean()
        expected = -2.5 * (F.mse_loss(mean, x).log() + math.log(2 * math.pi * math.e))
        torch.testing.assert_close(found, expected)
        a, b = (torch.autograd.grad(value, mean)[0] for value in (found, expected))
        torch.testing.assert_close(a, b)

    def test_in_eval_a_score_depends_on_its_row_only(self):
        likelihood, mean, x = gaussian(5, scale="optimal"), torch.randn(8, 5), torch.randn(8, 5)
        likelihood(mean).log_prob(x)
        likelihood.eval()
        stored = {name: value.clone() for name, value in likelihood.state_dict().items()}
        scores, order = likelihood(mean).log_prob(x), torch.randperm(8)
        assert torch.equal(likelihood(mean[order]).log_prob(x[order]), scores[order])
        assert torch.equal(likelihood(mean[:3]).log_prob(x[:3]), scores[:3])
        assert all(torch.equal(value, stored[name]) for name, value in likelihood.state_dict().items())
        copy = gaussian(5, scale="optimal").eval()
        copy.load_state_dict(stored)
        assert torch.equal(copy(mean).log_prob(x), scores)

    def test_perfection_and_absence_are_survived(self):
        likelihood, x = gaussian(5, scale="optimal"), torch.randn(8, 5)
        assert torch.isfinite(likelihood(x).log_prob(x)).all()
        fresh = OptimalGaussian(5)
        fresh(x).log_prob(x + 1, torch.zeros(8, 5, dtype=torch.bool))
        assert fresh.log_scale == 0  # nothing was seen, so nothing was learned
        fresh(x).log_prob(x + 2)
        assert fresh.log_scale == pytest.approx(math.log(2), rel=1e-5)


class TestMultinomial:
    def test_sums_to_one_over_all_compositions(self):
        logits = 2 * torch.randn(1, 4, dtype=DOUBLE)
        for n in (0, 1, 5):
            x = torch.tensor([c for c in product(range(n + 1), repeat=4) if sum(c) == n], dtype=DOUBLE)
            assert multinomial(4)(logits.expand(len(x), 4)).log_prob(x).exp().sum() == pytest.approx(1)

    def test_equals_scipy(self):
        logits, x = torch.randn(50, 6, dtype=DOUBLE), torch.randint(0, 9, (50, 6))
        expected = stats.multinomial.logpmf(x.numpy(), x.sum(1).numpy(), special.softmax(logits.numpy(), 1))
        np.testing.assert_allclose(multinomial(6)(logits).log_prob(x).numpy(), expected, rtol=1e-6)

    def test_mean_and_samples_are_of_as_many_events_as_given(self):
        logits = torch.randn(1, 1, 2, 3).expand(20_000, 1, 2, 3)
        for n in (1, 7):
            output = multinomial((1, 2, 3))(logits).given(n)
            samples = output.sample()
            assert (samples.flatten(1).sum(1) == n).all()
            p = output.probabilities[0]
            torch.testing.assert_close(output.mean[0], n * p)
            assert ((samples.mean(0) - n * p).abs() < 4 * (n * p * (1 - p) / 20_000).sqrt()).all()
        few = multinomial(3)(torch.zeros(3, 3)).given(torch.tensor([0, 2, 5])).sample()
        assert few.sum(1).tolist() == [0, 2, 5]


class TestJoint:
    def test_is_the_sum_of_its_parts(self):
        table = joint(6, TABLE)
        params = random_params(table, 9)
        output, x, observed = table(params), table(params).sample(), torch.rand(9, 6) < 0.7
        parts = [family(columns) for columns, family in TABLE]
        blocks = zip(parts, params.split([p.width for p in parts], 1), x.split([2, 1, 2, 1], 1))
        alone = [part(block).log_prob(columns) for part, block, columns in blocks]
        torch.testing.assert_close(output.log_prob(x), sum(alone))
        torch.testing.assert_close(output.log_density(x).sum(1), output.log_prob(x))
        hidden = torch.where(observed, output.log_density(x), 0.0).sum(1)
        torch.testing.assert_close(output.log_prob(x, observed), hidden)
        assert table.width == 2 + 1 + 6 + 1 and output.mean.shape == x.shape
        assert table.refuse(x) is None

    def test_blocks_of_an_image_are_its_channels(self):
        depth_and_mask = joint((3, 4, 5), [(1, partial(gaussian, scale="sample")), (2, bernoulli)])
        assert depth_and_mask.width == (4, 4, 5)
        output = depth_and_mask(torch.randn(2, 4, 4, 5))
        assert output.log_prob(output.sample()).shape == (2,)

    def test_parts_that_tie_elements_have_no_density_of_each(self):
        with pytest.raises(TypeError, match="Multinomial ties"):
            joint(3, [(3, multinomial)])(torch.zeros(1, 3)).log_density(torch.zeros(1, 3))


class TestOneHot:
    classes = (3, 2, 4)

    def test_sums_to_one_over_every_choice_and_is_the_categorical_of_the_indices(self):
        params = torch.randn(5, 9, dtype=DOUBLE)
        choices = torch.tensor(list(product(*map(range, self.classes))))  # (24, 3)
        rows = torch.cat([F.one_hot(choices[:, i], k) for i, k in enumerate(self.classes)], 1).to(DOUBLE)
        likelihood = one_hot(9, self.classes)
        assert likelihood.refuse(rows) is None
        found = likelihood(params.repeat_interleave(24, 0)).log_prob(rows.repeat(5, 1)).view(5, 24)
        torch.testing.assert_close(found.exp().sum(1), torch.ones(5, dtype=DOUBLE))
        logits = params.split(self.classes, 1)
        alone = [categorical(1, classes=k)(x) for k, x in zip(self.classes, logits)]
        for i in range(24):
            parts = [part.log_prob(choices[i, j].expand(5, 1)) for j, part in enumerate(alone)]
            torch.testing.assert_close(found[:, i], sum(parts))
        expected = (found.exp()[..., None] * rows).sum(1)
        torch.testing.assert_close(likelihood(params).mean, expected)  # the expectation, as of any other

    def test_a_block_is_missing_where_any_of_it_is(self):
        likelihood, params = one_hot(9, self.classes), torch.randn(20, 9)
        output = likelihood(params)
        x = output.sample()
        observed = torch.ones(20, 9, dtype=torch.bool)
        observed[:, 3] = False  # half of the second block, and the nats of its other half go too
        wanted = one_hot(7, (3, 4))(params[:, [0, 1, 2, 5, 6, 7, 8]]).log_prob(x[:, [0, 1, 2, 5, 6, 7, 8]])
        torch.testing.assert_close(output.log_prob(x, observed), wanted)

    def test_samples_have_the_probabilities(self):
        likelihood, params = one_hot(9, self.classes), torch.randn(1, 9)
        output = likelihood(params.expand(40_000, -1))
        samples, p = output.sample(), output.mean[0]
        assert likelihood.refuse(samples) is None
        assert ((samples.mean(0) - p).abs() / (p * (1 - p) / 40_000).sqrt()).max() < 4.5


REFUSED = [
    (gaussian(2), [[0.0, math.nan]], "gaussian needs finite numbers; row 0, column 1 holds nan"),
    (bernoulli(2), [[0.0, 1.0], [0.5, 1.0]], "bernoulli needs zeros and ones; row 1, column 0 holds 0.5"),
    (continuous_bernoulli(1), [[1.01]], "from 0 to 1; row 0, column 0 holds 1.01"),
    (categorical(1, classes=3), [[3]], "whole numbers from 0 to 2; row 0, column 0 holds 3"),
    (categorical((1, 1, 1), classes=3), [[[[1.5]]]], r"row 0, element (0, 0, 0) holds 1.5"),
    (poisson(2), [[3, 0], [1, -1.5]], "poisson needs whole numbers >= 0; row 1, column 1 holds -1.5"),
    (multinomial(2), [[3.0, math.inf]], "row 0, column 1 holds inf"),
    (logistic_mixture(1), [[0.5]], "one of 256 equidistant numbers from 0 to 1; row 0, column 0 holds 0.5"),
    (logistic_mixture(1), [[256 / 255]], "holds 1.00392"),
    (
        one_hot(2, classes=(2,)),
        [[1.0, 0.0], [1.0, 1.0]],
        "a single 1 among zeros in each block; row 1, column 0",
    ),
    (one_hot(2, classes=(2,)), [[0.5, 0.5]], "row 0, column 0 holds 0.5"),
    (joint(2, [(1, gaussian), (1, bernoulli)]), [[7.0, 2.0]], "zeros and ones in column 1 (bernoulli)"),
    (gaussian(3), [[0.0, 1.0]], "gaussian explains rows of shape (3,); these have shape (2,)"),
]


@pytest.mark.parametrize("likelihood, x, words", REFUSED, ids=[f"{r[0].name} {r[2][-16:]}" for r in REFUSED])
def test_says_what_it_cannot_explain(likelihood, x, words):
    assert words in likelihood.refuse(torch.tensor(x))


def test_does_not_look_at_what_is_missing():
    x, observed = torch.tensor([[1.0, -9.0]]), torch.tensor([[True, False]])
    assert poisson(2).refuse(x, observed) is None and poisson(2).refuse(x) is not None


@pytest.mark.parametrize(
    "make, words",
    [
        (partial(gaussian, 3, scale="wide"), "scale is 'wide'; it can be a positive number"),
        (partial(gaussian, 3, scale=-1.0), "scale is -1.0"),
        (partial(laplace, 3, scale=math.nan), "scale is nan"),
        (partial(student_t, 3, df=0), "df is 0"),
        (partial(negative_binomial, 3, dispersion=True), "dispersion is True"),
        (partial(categorical, 3, classes=1), "at least two classes; it was given 1"),
        (partial(one_hot, 3, classes=(2, 1)), r"at least two classes each.*\[2, 1\], 3 in all"),
        (partial(one_hot, 3, classes=(2, 2)), r"\[2, 2\], 4 in all; the target has 3"),
        (partial(logistic_mixture, 3, levels=1), "levels=1"),
        (partial(logistic_mixture, 3, low=1.0), "low=1.0"),
        (partial(joint, 3, [(2, gaussian)]), r"\[2\] columns, 2 in all; the target has 3"),
    ],
)
def test_options_are_checked_at_construction(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_mean_of_a_continuous_bernoulli_is_the_slope_of_its_normaliser_and_no_sigmoid():
    for dtype, tolerance in ((DOUBLE, 1e-9), (torch.float32, 1e-6)):
        logits = (
            torch.cat([torch.linspace(-30, 30, 301), torch.logspace(-8, 1, 91)]).to(dtype).requires_grad_()
        )
        output = continuous_bernoulli(len(logits))(logits[None])
        (slope,) = torch.autograd.grad(output.log_normaliser.sum(), logits)
        torch.testing.assert_close(slope, output.mean[0].detach(), atol=tolerance, rtol=0)
    assert (
        continuous_bernoulli(1)(torch.tensor([[3.0]])).mean.item() < torch.tensor(3.0).sigmoid().item() - 0.2
    )


def test_counts_have_their_limits():
    log_mean, x = torch.linspace(-2, 3, 6, dtype=DOUBLE)[:, None], torch.arange(6, dtype=DOUBLE)[:, None]
    certain = negative_binomial(1, dispersion=1e9).double()(log_mean).log_prob(x)
    torch.testing.assert_close(certain, poisson(1)(log_mean).log_prob(x), atol=1e-6, rtol=0)
    kept = zero_inflated_poisson(1)(torch.cat([log_mean, torch.full_like(log_mean, -50)], 1)).log_prob(x)
    torch.testing.assert_close(kept, poisson(1)(log_mean).log_prob(x))


def test_differences_of_lgamma_keep_their_digits_in_single_precision():
    r, x = torch.logspace(-3, 3.4, 50)[:, None], torch.arange(0.0, 200, 7)
    exact = r.double().numpy()
    expected = torch.from_numpy(special.gammaln(exact + x.numpy()) - special.gammaln(exact))
    torch.testing.assert_close(log_gamma_ratio(r, x).double(), expected, rtol=1e-6, atol=2e-5)
    steps = torch.from_numpy(special.gammaln(exact + 0.5) - special.gammaln(exact))
    torch.testing.assert_close(log_gamma_half_step(r).double(), steps, rtol=1e-6, atol=1e-5)


def test_the_fast_path_of_bernoulli_is_the_plain_one():
    torch.manual_seed(0)
    logits = torch.randn(5, 3, 4, requires_grad=True)
    x = torch.bernoulli(torch.rand(5, 3, 4))
    output = bernoulli((3, 4))(logits)
    fast, plain = output.log_prob(x), output.log_density(x).flatten(1).sum(1)
    masked = output.log_prob(x, torch.ones(5, 3, 4, dtype=torch.bool))
    torch.testing.assert_close(fast, plain)
    torch.testing.assert_close(fast, masked)
    gradients = [torch.autograd.grad(way.sum(), logits, retain_graph=True) for way in (fast, plain)]
    torch.testing.assert_close(*gradients)
