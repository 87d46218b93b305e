"""Likelihood estimates of a linear VAE, whose likelihood, posterior and bound are known in closed form."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from isthmus import Embedder
from isthmus.baselines import probabilistic_pca
from isthmus.data import MappedRows
from isthmus.data import Rows as InMemory
from isthmus.distributions import DiagonalNormal, NoClosedForm
from isthmus.latents import Deterministic, Gaussian, Latent
from isthmus.likelihoods import gaussian
from isthmus.metrics import bits_per_dimension, elbo, kl_per_dimension, log_likelihood
from isthmus.metrics.passes import Rows
from isthmus.model import Autoencoder, Given
from isthmus.terms import kl, reconstruction
from isthmus.trace import Batch, Code, Stage

D, K = 6, 3


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, D)) @ np.random.default_rng(99).normal(size=(D, D)) + np.arange(D)
    return rows[:360], rows[360:]


def linear_vae(train, shrink=1.0, stretch=1.0, latent=None, decoder=None):
    """The optimum of a linear VAE; its encoder is the exact posterior, or one shrunk and stretched."""
    solution = probabilistic_pca(train, K)
    zero, _ = solution.posterior(np.zeros((1, D)))
    means, scales = solution.posterior(np.eye(D))
    encoder, linear = nn.Linear(D, 2 * K), nn.Linear(K, D)
    latent = latent or Gaussian(
        K, bound=100.0
    )  # so far above the scales that float64 cannot tell it from none
    model = Autoencoder(
        encoder, latent, decoder(linear) if decoder else linear, gaussian(D, math.sqrt(solution.variance)),
        reconstruction + kl,
    ).double()  # fmt: skip
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.weight[:K] = torch.tensor((shrink * (means - zero)).T)
        encoder.bias.copy_(torch.tensor(np.concatenate([shrink * zero[0], np.log(stretch * scales)])))
        linear.weight.copy_(torch.tensor(solution.weight))
        linear.bias.copy_(torch.tensor(solution.mean))
    return model, solution


def agrees(per_row, error, exact):
    """The mean over rows, and every row but the odd one, within four standard errors."""
    difference, error = np.asarray(per_row) - exact, np.asarray(error)
    mean = abs(difference.mean()) <= 4 * math.sqrt((error**2).sum()) / len(error)
    return mean and (abs(difference) > 4 * error).mean() <= 0.05


@pytest.mark.parametrize("chunk", [1, 1000, 10**6])
def test_importance_sampling_finds_the_exact_likelihood_and_a_mean_of_logs_does_not(data, chunk):
    train, test = data
    model, solution = linear_vae(train, shrink=0.8, stretch=1.3)
    exact = solution.log_likelihood(test)
    samples = 300 if chunk == 1 else 2000
    estimate = log_likelihood(model, test, samples=samples, chunk=chunk)
    assert agrees(estimate.per_row, estimate.standard_error.per_row, exact)
    assert estimate.mean == pytest.approx(float(estimate.per_row.mean()))
    broken = elbo(model, test, samples=samples)  # what a mean of logs comes to: the control
    assert not agrees(broken.per_row, estimate.standard_error.per_row, exact)
    assert broken.mean < exact.mean()


def test_with_the_exact_posterior_every_weight_is_the_likelihood(data):
    train, test = data
    model, solution = linear_vae(train)
    for samples in (1, 7, 100):
        estimate = log_likelihood(model, test, samples=samples)
        assert estimate.per_row.numpy() == pytest.approx(solution.log_likelihood(test), abs=1e-6)
        assert estimate.effective_sample_size.min == pytest.approx(samples, rel=1e-9)
    assert float(estimate.standard_error.per_row.max()) < 1e-6 and estimate.standard_error.monte_carlo < 1e-6


def test_the_effective_sample_size_lies_between_one_and_all(data):
    train, test = data
    sizes = [
        log_likelihood(linear_vae(train, shrink, stretch)[0], test, samples=500).effective_sample_size
        for shrink, stretch in ((1.0, 1.0), (0.9, 1.1), (0.5, 0.5), (-1.0, 0.2))
    ]
    assert all(1 - 1e-9 <= size.min <= size.mean <= 500 * (1 + 1e-9) for size in sizes)
    assert [size.mean for size in sizes] == sorted((size.mean for size in sizes), reverse=True)
    assert sizes[-1].min < 1.5  # a posterior far from the data: one code decides


def test_the_stated_error_is_the_error(data):
    """Over seeds, deviations from the exact value are as large as the Monte Carlo error says."""
    train, test = data
    model, solution = linear_vae(train, shrink=0.9, stretch=1.2)
    exact = solution.log_likelihood(test)
    estimates = [log_likelihood(model, test, samples=400, seed=seed) for seed in range(30)]
    ratio = np.array([(e.per_row.numpy() - exact) / e.standard_error.per_row.numpy() for e in estimates])
    assert 0.9 < ratio.std() < 1.1  # 1 200 of them
    means = np.array([e.mean for e in estimates])
    assert 0.6 < means.std(ddof=1) / estimates[0].standard_error.monte_carlo < 1.5
    rows = estimates[0].standard_error.rows
    assert rows == pytest.approx(exact.std(ddof=1) / math.sqrt(len(exact)), rel=0.05)


def test_the_bound_rises_with_the_number_of_samples(data):
    train, test = data
    model, solution = linear_vae(train, shrink=0.5, stretch=1.5)
    many = np.tile(test, (20, 1))
    bounds = [log_likelihood(model, many, samples=samples).mean for samples in (1, 5, 50, 500)]
    assert bounds == sorted(bounds)
    assert bounds[0] == pytest.approx(elbo(model, many, seed=1).mean, abs=0.2)
    assert bounds[1] > bounds[0] + 0.5 and bounds[3] <= solution.log_likelihood(test).mean() + 0.05


def test_missing_values_are_integrated_out(data):
    train, test = data
    model, solution = linear_vae(train, stretch=1.5)
    observed = np.ones(D, bool)
    observed[[1, 4]] = False
    covariance = solution.weight @ solution.weight.T + solution.variance * np.eye(D)
    exact = multivariate_normal(solution.mean[observed], covariance[np.ix_(observed, observed)]).logpdf(
        test[:, observed]
    )
    filled = torch.tensor(np.where(observed, test, solution.mean))
    mask = torch.tensor(observed).expand(filled.shape)
    estimate = log_likelihood(model, Batch(filled, filled, {"observed": mask}), samples=4000)
    assert agrees(estimate.per_row, estimate.standard_error.per_row, exact)
    assert not agrees(estimate.per_row, estimate.standard_error.per_row, solution.log_likelihood(test))


def test_context_follows_its_row(data):
    """A decoder that adds what the context says: the likelihood of x − context."""
    train, test = data

    class Shifted(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear = linear

        def forward(self, z, shift):
            return self.linear(z) + shift

    model, solution = linear_vae(train, decoder=lambda linear: Given(Shifted(linear), "shift"))
    shift = np.random.default_rng(5).normal(size=test.shape)
    batch = Batch(torch.tensor(test), torch.tensor(test + shift), {"shift": torch.tensor(shift)})
    exact = solution.log_likelihood(test)
    assert log_likelihood(model, batch, samples=10).per_row.numpy() == pytest.approx(exact, abs=1e-6)
    bound = elbo(model, batch, samples=500)
    assert bound.mean == pytest.approx(exact.mean(), abs=0.05)


def test_elbo_is_tight_and_its_rate_is_the_divergence(data):
    """KL of dimension j is ½ log(λ_j / σ²) on the training rows, and distortion + rate is the likelihood."""
    train, _ = data
    model, solution = linear_vae(train)
    divergence = 0.5 * np.log(solution.eigenvalues[:K] / solution.variance)
    assert kl_per_dimension(model, train).numpy() == pytest.approx(divergence, abs=1e-8)
    bound = elbo(model, train, samples=400)
    exact = solution.log_likelihood(train).mean()
    assert bound.rate == pytest.approx(divergence.sum(), abs=1e-8)
    assert bound.mean == pytest.approx(exact, abs=0.02) == -bound.distortion - bound.rate
    assert bound.standard_error == pytest.approx(float(bound.per_row.std()) / math.sqrt(len(train)))


class Unknown(DiagonalNormal):
    """A posterior that knows no divergence in closed form."""

    def kl(self, other):
        raise NoClosedForm("no closed form")


class WithoutClosedForm(Gaussian):
    def forward(self, features, noisy):
        code = super().forward(features, noisy)
        _, q, p = code.stages[0]
        return Code(code.z, (Stage(code.z, Unknown(q.mean, q.log_scale), p),))  # type: ignore[attr-defined]


def test_where_no_divergence_is_known_it_is_sampled(data):
    train, test = data
    closed = elbo(linear_vae(train, 0.8, 1.2)[0], test, samples=2000)
    sampled = elbo(linear_vae(train, 0.8, 1.2, latent=WithoutClosedForm(K, 100.0))[0], test, samples=2000)
    assert sampled.rate != closed.rate
    assert sampled.rate == pytest.approx(closed.rate, abs=0.03)
    assert sampled.mean == pytest.approx(closed.mean, abs=0.03)


def test_estimates_repeat_and_leave_the_process_as_it_was(data):
    train, test = data
    model, _ = linear_vae(train, 0.8, 1.2)
    model.encoder = nn.Sequential(nn.Dropout(0.5), model.encoder)
    model.decoder.eval()  # frozen by the person
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    first, again, other = (log_likelihood(model, test, samples=20, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.per_row, again.per_row) and not torch.equal(first.per_row, other.per_row)
    assert torch.equal(elbo(model, test, seed=3).per_row, elbo(model, test, seed=3).per_row)
    assert torch.equal(torch.get_rng_state(), state)
    assert modes == [module.training for module in model.modules()]
    assert not first.per_row.requires_grad


def test_rows_come_in_any_shape_of_parcel(data):
    train, test = data
    model, solution = linear_vae(train)
    tensor = torch.tensor(test)
    parcels: list[Tensor | Batch] = [tensor[:3], Batch(tensor[3:], tensor[3:])]
    every: list[Rows] = [test, tensor, tensor.float(), Batch(tensor, tensor), parcels, iter(parcels)]
    every += [InMemory(tensor), MappedRows(test)]
    for rows in every:
        estimate = log_likelihood(model, rows, samples=3)
        exact = solution.log_likelihood(test)
        assert estimate.per_row.numpy() == pytest.approx(exact, abs=1e-4)  # float32 rows among them
    assert "40 rows; of 3 samples 3 are effective" in str(estimate)
    one = log_likelihood(model, test[:1], samples=1)
    assert math.isnan(one.standard_error.rows) and math.isnan(one.standard_error.monte_carlo)
    with pytest.raises(ValueError, match="no rows"):
        log_likelihood(model, [])


class TwoStages(Latent):
    def __init__(self):
        super().__init__()
        self.dim, self.features = K, 2 * K

    def forward(self, features, noisy):
        q = DiagonalNormal(features[:, :K], torch.zeros(()))
        p = DiagonalNormal(torch.zeros(()), torch.zeros(()))
        z = q.rsample() if noisy else q.mean
        return Code(2 * z, (Stage(z, q, p), Stage(z, q, p)))

    def sample(self, n):
        return torch.randn(n, K)

    def fit_prior(self, codes):
        pass


def test_what_has_no_likelihood_is_refused(data):
    train, test = data
    model, _ = linear_vae(train, latent=TwoStages())
    assert elbo(model, test).rate > 0
    model, _ = linear_vae(train, latent=Deterministic(2 * K))
    model.decoder = nn.Linear(2 * K, D).double()
    for question in (log_likelihood, elbo):
        with pytest.raises(TypeError, match="deterministic"):
            question(model, test)
    with pytest.raises(ValueError, match="at least 1"):
        elbo(model, test, samples=0)
    with pytest.raises(ValueError, match="no rows to measure"):
        elbo(model, test[:0])
    with pytest.raises(TypeError, match=r"of type Embedder, which holds one: ask its model_ about prep"):
        elbo(Embedder("vae", dim=2, epochs=0).fit(train), test)


def test_bits_per_dimension():
    assert bits_per_dimension(-784 * math.log(256), 784) == pytest.approx(8.0)  # each byte equally likely
    assert bits_per_dimension(0.0, 784, bin_width=1 / 256) == pytest.approx(
        8.0
    )  # the same, as density on [0, 1]
    with pytest.raises(ValueError, match="at least 1"):
        bits_per_dimension(1.0, 0)
