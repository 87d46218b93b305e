"""Total correlation by weights, by strata and by a critic, on densities whose total correlation is known."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Batch, Code, Stage, Trace
from isthmus.distributions import DiagonalNormal
from isthmus.likelihoods import gaussian
from isthmus.metrics.aggregate import log_aggregate
from isthmus.models import beta_tcvae, factor_vae, info_vae, vae
from isthmus.models.adversarial import judging
from isthmus.nets import mlp
from isthmus.terms import decomposed_kl, density_ratio, imq, rbf
from isthmus.terms.discrepancy import discrepancy as between
from isthmus.terms.disentanglement import permuted, stratified_weights
from isthmus.training import adam

DOUBLE: dict[str, Any] = {"dtype": torch.float64}
ROWS, DIM, SCALE = 2000, 5, 0.3


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def correlations() -> Tensor:
    """A correlation matrix of full rank, (DIM, DIM)."""
    mix = torch.eye(DIM, **DOUBLE) + 0.35 * torch.randn(DIM, DIM, **DOUBLE)
    covariance = mix @ mix.T
    scale = covariance.diagonal().rsqrt()
    return scale[:, None] * covariance * scale


def posteriors() -> tuple[DiagonalNormal, float]:
    """ROWS posteriors whose aggregate is nearly a Gaussian, and that Gaussian's total correlation."""
    aggregate = correlations()  # the means' covariance, and the posteriors' own variance on its diagonal
    own = SCALE**2 * torch.eye(DIM, **DOUBLE)
    means = torch.distributions.MultivariateNormal(torch.zeros(DIM, **DOUBLE), aggregate).sample((ROWS,))
    whole = aggregate + own
    known = 0.5 * (whole.diagonal().log().sum() - torch.logdet(whole))
    return DiagonalNormal(means, torch.full_like(means, math.log(SCALE))), float(known)


def trace_of(q: DiagonalNormal, z: Tensor) -> Trace:
    zero = torch.zeros((), **DOUBLE)
    code = Code(z, (Stage(z, q, DiagonalNormal(zero, zero, standard=True)),))
    return Trace(Batch(z, z), z, code, gaussian(DIM, scale=1.0)(z))


def estimates(q: DiagonalNormal, stratified: bool, batch: int = 256, times: int = 15) -> Tensor:
    """Mutual information and total correlation, mean over batches drawn without replacement, (2,)."""
    found = []
    for _ in range(times):
        chosen = torch.randperm(ROWS)[:batch]
        some = DiagonalNormal(q.mean[chosen], q.log_scale[chosen])
        trace = trace_of(some, some.rsample())
        information, correlation, _ = decomposed_kl(ROWS, stratified)
        found.append(torch.stack([information(None, trace), correlation(None, trace)]))
    return torch.stack(found).mean(0)


def test_strata_recover_a_known_total_correlation_and_weights_do_up_to_a_constant():
    q, known = posteriors()
    z = q.rsample()
    joint, product = log_aggregate(z, q)
    exact = float((joint - product).mean())
    information = float((q.log_prob(z) - joint).mean())
    assert abs(exact - known) < 0.2  # of finitely many posteriors it is a little more than of the Gaussian
    _, correlation = estimates(q, stratified=True)
    assert abs(float(correlation) - exact) < 0.35 and float(correlation) < exact  # log of a mean: too low
    _, weighted = estimates(q, stratified=False)
    assert abs(float(weighted) - (DIM - 1) * math.log(ROWS) - exact) < 0.5
    assert abs(float(weighted) - exact) > 25  # control: the constant is there
    stratum, _ = estimates(q, stratified=True)
    assert abs(float(stratum) - information) < 0.5


def copied(batch: int, rows: int) -> Tensor:
    """The weights of the paper's code, and of many that copied it: column 0 where the diagonal is meant."""
    m = batch - 1
    weights = torch.full((batch, batch), 1 / m)
    weights.view(-1)[:: m + 1] = 1 / rows
    weights.view(-1)[1 :: m + 1] = (rows - m) / (rows * m)
    weights[m - 1, 0] = (rows - m) / (rows * m)
    return weights


def printed(batch: int, rows: int) -> Tensor:
    """The weights as the paper prints them (appendix C.2): one of the others makes up for the rest."""
    m, row = batch - 1, torch.arange(batch)
    weights = torch.full((batch, batch), 1 / m)
    weights[row, row] = 1 / rows
    weights[row, (row + 1) % batch] = (rows - m) / (rows * m)
    return weights


def bias(weights: Any, rows: int = 6, batch: int = 3) -> float:
    """Of the estimate of q(z_i), over every ordered batch that holds row i: the largest, relative."""
    q = DiagonalNormal(torch.randn(rows, 2, **DOUBLE), torch.zeros(rows, 2, **DOUBLE))
    z = q.rsample()
    density = q.log_density(z[:, None]).sum(-1).exp()  # (rows, rows): of each code under each posterior
    found: list[list[Tensor]] = [[] for _ in range(rows)]
    for order in itertools.permutations(range(rows), batch):
        estimate = (weights(batch, rows).double() * density[list(order)][:, list(order)]).sum(1)
        for place, row in enumerate(order):
            found[row].append(estimate[place])
    mean = torch.stack([torch.stack(each).mean() for each in found])
    return float((mean / density.mean(1) - 1).abs().max())


def test_stratified_weights_are_unbiased_over_all_batches():
    assert bias(stratified_weights) < 1e-6
    assert bias(printed) < 1e-6
    assert bias(copied) > 0.1  # control
    assert bias(lambda b, n: torch.full((b, b), 1 / (b * n))) > 0.5  # control: weighted sampling


def test_stratified_weights_by_hand_and_in_any_order():
    weights = stratified_weights(4, 100)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    torch.testing.assert_close(weights.diagonal(), torch.full((4,), 0.01))
    torch.testing.assert_close(weights, weights.T)
    assert not torch.allclose(copied(4, 100).diagonal(), torch.full((4,), 0.01))  # control
    turned = torch.tensor([2, 0, 3, 1])
    assert torch.equal(weights[turned][:, turned], weights)
    assert not torch.allclose(printed(4, 100)[turned][:, turned], printed(4, 100))  # control
    assert stratified_weights(1, 100).tolist() == [[1.0]]


@pytest.mark.parametrize("stratified", [True, False])
def test_the_three_parts_are_the_sampled_kl_and_both_estimates_pull_alike(stratified):
    mean = torch.randn(7, DIM, **DOUBLE).requires_grad_()
    q = DiagonalNormal(mean, torch.full_like(mean, -1.0))
    trace = trace_of(q, q.rsample())
    terms = decomposed_kl(7, stratified)
    whole = sum(part(None, trace) for part in terms)
    stage = trace.code.stages[0]
    torch.testing.assert_close(whole, (q.log_prob(stage.z) - stage.p.log_prob(stage.z)).mean())
    pull = torch.autograd.grad(terms[1](None, trace), mean, retain_graph=True)
    weighted = torch.autograd.grad(decomposed_kl(10_000)[1](None, trace), mean)
    torch.testing.assert_close(pull, weighted)  # where the batch is all rows, the weights are all the same


def test_a_known_gaussian_has_its_total_correlation_by_a_critic():
    covariance = torch.tensor([[1.0, 0.7, 0.0], [0.7, 1.0, 0.3], [0.0, 0.3, 1.0]])
    known = float(-0.5 * torch.logdet(covariance))
    draw = torch.distributions.MultivariateNormal(torch.zeros(3), covariance)

    def estimate(shuffle: Any) -> float:
        critic = mlp(3, 64, 64, 1, activation=nn.LeakyReLU)
        optimizer = torch.optim.Adam(critic.parameters(), 2e-3)
        for _ in range(600):
            z = draw.sample((512,))
            optimizer.zero_grad()
            judging(critic(z), critic(shuffle(z))).total.backward()
            optimizer.step()
        z = draw.sample((20_000,))
        with torch.no_grad():
            model = type("Learner", (), {"critic": critic})
            return float(density_ratio(model, trace_of(DiagonalNormal(z, z), z)).mean())

    assert abs(estimate(permuted) - known) < 0.06
    assert abs(estimate(lambda z: z[torch.randperm(len(z))]) - known) > 0.2  # control: whole rows shuffled


def test_permuted_keeps_each_axis_and_breaks_their_ties():
    z = torch.randn(5000, 1, **DOUBLE) + 0.1 * torch.randn(5000, 3, **DOUBLE)
    shuffled = permuted(z)
    assert torch.equal(shuffled.sort(0).values, z.sort(0).values)
    off = torch.corrcoef(shuffled.T) - torch.eye(3)
    assert off.abs().max() < 0.06 < (torch.corrcoef(z.T) - torch.eye(3)).abs().max()


def test_methods_in_their_limits_are_the_vae():
    x = torch.randn(16, 6)
    batch = Batch(x, x)
    values = []
    for build in (
        lambda: vae(6, 3, (8,)),
        lambda: info_vae(6, 3, (8,), alpha=0.0, weight=1.0, kernel=imq),
        lambda: factor_vae(6, 3, (8,), gamma=0.0),
        lambda: beta_tcvae(6, 3, (8,), rows=16, beta=1.0, stratified=True),
    ):
        with isthmus.seeded(1):
            model = build()
        with isthmus.seeded(2):
            trace = model.autoencoder(batch, noisy=True)
        values.append(model.autoencoder.objective(model, trace).total.item())
        stage = trace.code.stages[0]
    sampled = (stage.q.log_prob(stage.z) - stage.p.log_prob(stage.z) - stage.q.kl(stage.p).sum(1)).mean()
    assert values[:3] == pytest.approx([values[0]] * 3, rel=1e-6)
    assert values[3] - sampled.item() == pytest.approx(values[0], rel=1e-5)  # the KL by a draw


def test_info_vae_brings_codes_to_the_prior_where_the_price_of_a_row_is_free():
    x = torch.tanh(torch.randn(512, 2) @ torch.randn(2, 8)) + 0.1 * torch.randn(512, 8)

    def discrepancy(weight: float) -> float:
        with isthmus.seeded(0):
            model = info_vae(8, 2, (32,), alpha=1.0, weight=weight)
        isthmus.fit(model, x, epochs=60, batch_size=128, optimizer=adam(5e-3), progress=False)
        with torch.no_grad():
            z = model.encode(x, sample=True, generator=torch.Generator().manual_seed(7)).z
        prior = torch.randn(512, 2)
        return float(between(z, prior, rbf))

    without = discrepancy(0.0)  # control: no penalty, codes go where they like
    assert discrepancy(1000.0) < 0.1 * without and without > 0.1


def test_rows_are_counted():
    with pytest.raises(ValueError, match="rows counts the training rows"):
        decomposed_kl(0)
