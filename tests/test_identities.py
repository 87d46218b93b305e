"""Terms, bottlenecks and nets against closed forms, against themselves by hand, and in their limits."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import Normal as TorchNormal
from torch.distributions import kl_divergence

import isthmus
from isthmus import Autoencoder, Batch, Code, Stage, Trace
from isthmus.corruptions import gaussian_noise, masking_noise, salt_and_pepper
from isthmus.distributions import DiagonalNormal
from isthmus.latents import Deterministic, Gaussian
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.models import linear_vae, vae
from isthmus.nets import convs, mlp, mlps
from isthmus.objective import Term, term
from isthmus.terms import (
    capacity,
    contraction,
    cyclical,
    decomposed_kl,
    dip,
    expected_reconstruction,
    free_bits,
    importance_weighted,
    imq,
    kl,
    kl_to_rate,
    l1,
    rbf,
    reconstruction,
    squared_error,
    warmup,
)
from isthmus.terms.discrepancy import discrepancy
from isthmus.terms.disentanglement import distance_to_identity
from isthmus.training import train

DOUBLE: dict[str, Any] = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def near(value: Any, expected: Any, rtol: float = 1e-6, atol: float = 1e-9) -> None:
    torch.testing.assert_close(
        torch.as_tensor(value).double(), torch.as_tensor(expected).double(), rtol=rtol, atol=atol
    )


def layers(net: nn.Module) -> list[Any]:
    return list(net.children())


def linears(net: nn.Module) -> list[nn.Linear]:
    return [layer for layer in net.children() if isinstance(layer, nn.Linear)]


def within_three_standard_errors(samples: Tensor, expected: Tensor | float) -> bool:
    """Of the mean over the first axis, everywhere."""
    error = samples.std(0) / len(samples) ** 0.5
    return bool(((samples.mean(0) - expected).abs() <= 3 * error + 1e-12).all())


def batch(x: Tensor, **context: Any) -> Batch:
    return Batch(x, x, context)


def stage_of(mean: Tensor, log_scale: Tensor, z: Tensor | None = None) -> Trace:
    """A trace of which only the stochastic layer matters."""
    q = DiagonalNormal(mean, log_scale)
    zero = torch.zeros([], **DOUBLE)
    code = Code(mean if z is None else z, (Stage(mean if z is None else z, q, DiagonalNormal(zero, zero)),))
    return Trace(batch(mean), mean, code, gaussian(mean.shape[1], scale=1.0)(mean))


# Reference values, computed elsewhere


REFERENCE = Path(os.environ.get("ISTHMUS_REFERENCE", Path(__file__).parent / "reference_values.json"))
VALUES = json.loads(REFERENCE.read_text())["values"]


def reference_inputs() -> dict[str, Tensor]:
    i, j, k = torch.arange(6, **DOUBLE)[:, None], torch.arange(3, **DOUBLE), torch.arange(4, **DOUBLE)
    mean, log_variance = torch.sin(1 + i + 2 * j), 0.5 * torch.cos(i * j + 0.3)
    return {
        "mean": mean,
        "log_scale": log_variance / 2,
        "z": mean + torch.cos(3 * i + 1.7 * j) * torch.exp(log_variance / 2),
        "z_prior": torch.sin(5 * i + 3 * j + 0.5),
        "x": torch.sigmoid(torch.sin(i + 0.1 * k)),
        "reconstruction": torch.sigmoid(torch.cos(i + 0.2 * k)),
    }


def test_reference_kl():
    given = reference_inputs()
    trace = stage_of(given["mean"], given["log_scale"])
    near(kl(None, trace).mean(), VALUES["gaussian_kl_to_standard_normal"])


def test_reference_reconstructions():
    given = reference_inputs()
    x, mean = given["x"], given["reconstruction"]

    def value(of: Term, output: Any) -> Tensor:
        return of(None, Trace(batch(x), x, Code(x), output)).mean()

    unit = gaussian(4, scale=1.0).double()(mean)
    near(0.5 * value(squared_error, unit), VALUES["half_squared_error"])
    near(value(reconstruction, unit), VALUES["gaussian_unit_variance_negative_log_likelihood"])
    near(value(reconstruction, bernoulli(4)(torch.logit(mean))), VALUES["bernoulli_cross_entropy"])


# The divergence


@pytest.mark.parametrize("seed", range(3))
def test_kl_against_torch_and_against_its_definition(seed):
    torch.manual_seed(seed)
    (m, s, n, t) = (torch.randn(5, 4, **DOUBLE) for _ in range(4))
    q, p = DiagonalNormal(m, 0.5 * s), DiagonalNormal(n, 0.5 * t)
    near(q.kl(p), kl_divergence(TorchNormal(m, (0.5 * s).exp()), TorchNormal(n, (0.5 * t).exp())))
    z = q.rsample((50_000,))
    assert within_three_standard_errors(q.log_prob(z) - p.log_prob(z), q.kl(p).sum(-1))
    near(q.log_prob(z[:9]), TorchNormal(m, (0.5 * s).exp()).log_prob(z[:9]).sum(-1))


def test_the_short_way_to_a_standard_normal_is_the_long_one():
    mean, log_scale = torch.randn(2, 5, 3, dtype=torch.float64).requires_grad_()
    zero = torch.zeros((), dtype=torch.float64)
    q = DiagonalNormal(mean, log_scale)
    short, long = (q.kl(DiagonalNormal(zero, zero, standard)) for standard in (True, False))
    torch.testing.assert_close(short, long)
    gradients = [
        torch.autograd.grad(way.sum(), (mean, log_scale), retain_graph=True) for way in (short, long)
    ]
    torch.testing.assert_close(*gradients)


def test_control_a_log_variance_taken_for_a_log_deviation_is_seen():
    m, s = torch.randn(2, 5, 4, **DOUBLE)
    zero = torch.zeros([], **DOUBLE)
    q, p = DiagonalNormal(m, s), DiagonalNormal(zero, zero)
    z = q.rsample((50_000,))
    wrong = DiagonalNormal(m, 0.5 * s).kl(p).sum(-1)
    assert not within_three_standard_errors(q.log_prob(z) - p.log_prob(z), wrong)
    assert not within_three_standard_errors(q.log_prob(z) - p.log_prob(z), q.kl(p).mean(-1))


def test_reparameterised_gradients_are_those_of_the_expectation():
    mean = torch.tensor([[0.3, -1.2]], **DOUBLE, requires_grad=True)
    log_scale = torch.tensor([[-0.5, 0.2]], **DOUBLE, requires_grad=True)
    z = DiagonalNormal(mean, log_scale).rsample((200_000,))  # E z⁴ has a known gradient
    z.pow(4).mean(0).sum().backward()
    m, v = mean.detach(), (2 * log_scale).exp().detach()
    near(mean.grad, 4 * m**3 + 12 * m * v, rtol=0.05, atol=0.05)
    near(log_scale.grad, 12 * v * m**2 + 12 * v**2, rtol=0.05, atol=0.05)


def test_the_gaussian_latent_is_its_features_in_eval_and_smoothly_bounded():
    latent = Gaussian(2, bound=2.0)
    features = torch.tensor([[0.5, -1.0, -3.0, 100.0]])
    (stage,) = latent(features, False).stages
    near(stage.z, [[0.5, -1.0]])
    near(stage.q.log_scale, [[2 - math.log1p(math.exp(5)), 2.0]])
    assert latent(features, True).z.isfinite().all()


def test_free_bits_capacity_and_schedules_by_hand():
    mean = torch.tensor([[2.0, 0.0, 0.4], [0.0, 0.0, 0.2]], **DOUBLE)  # KL of each: ½ m²
    trace = stage_of(mean, torch.zeros_like(mean))
    near(kl(None, trace), [2.08, 0.02])
    near(free_bits(0.1)(None, trace), 1.0 + 0.1 + 0.1)  # the floor is on the mean over the batch: 1, 0, 0.05
    near(free_bits(0.0)(None, trace), kl(None, trace).mean())
    near(capacity(lambda step: 0.5)(None, trace), 0.55)  # of the mean, 1.05
    near(capacity(warmup(10, 4.0))(None, trace._replace(step=5)), 0.95)
    assert [warmup(4, 2.0)(step) for step in (0, 1, 4, 9)] == [0.0, 0.5, 2.0, 2.0]
    assert warmup(0, 3.0)(0) == 3.0
    assert [cyclical(8)(step) for step in (0, 2, 4, 7, 8)] == [0.0, 0.5, 1.0, 1.0, 0.0]


def test_control_a_floor_on_each_sample_is_not_free_bits():
    mean = torch.tensor([[2.0], [0.0]], **DOUBLE)
    trace = stage_of(mean, torch.zeros_like(mean))
    per_sample = trace.code.stages[0].q.kl(trace.code.stages[0].p).clamp_min(0.5).sum(1).mean()
    assert abs(float(per_sample - free_bits(0.5)(None, trace))) > 0.1


def test_free_bits_give_no_gradient_below_the_floor():
    mean = torch.tensor([[1.0, 0.1], [1.0, 0.1]], **DOUBLE, requires_grad=True)
    free_bits(0.1)(None, stage_of(mean, torch.zeros(2, 2, **DOUBLE))).backward()
    near(mean.grad, [[0.5, 0.0], [0.5, 0.0]])


# Terms that tie samples, and terms that share work


def test_reference_mmd():
    given = reference_inputs()
    near(discrepancy(given["z"], given["z_prior"], rbf), VALUES["mmd_rbf_unbiased"]["value"])


@pytest.mark.parametrize("kernel", [rbf, imq])
def test_mmd_is_unbiased_and_sees_a_difference(kernel):
    same = torch.stack(
        [discrepancy(torch.randn(10, 3, **DOUBLE), torch.randn(10, 3, **DOUBLE), kernel) for _ in range(2000)]
    )
    assert within_three_standard_errors(same, 0.0)
    biased = torch.stack(
        [
            biased_discrepancy(torch.randn(10, 3, **DOUBLE), torch.randn(10, 3, **DOUBLE), kernel)
            for _ in range(200)
        ]
    )
    assert not within_three_standard_errors(biased, 0.0)  # control: with the diagonal it is not
    wide, narrow = torch.randn(2, 200, 3, **DOUBLE)
    assert discrepancy(wide, 0.3 * narrow, kernel) > 10 * same[:50].std() / 20
    assert discrepancy(wide[:1], narrow[:1], kernel) == 0


def biased_discrepancy(a: Tensor, b: Tensor, kernel: Any) -> Tensor:
    pairs = ((a, a, 1), (b, b, 1), (a, b, -2))
    return torch.stack([w * kernel(torch.cdist(x, y).square(), 3).mean() for x, y, w in pairs]).sum()


def decomposed(trace: Trace, rows: int) -> list[Tensor]:
    return [part(None, trace) for part in decomposed_kl(rows)]


def test_reference_decomposed_kl():
    given = reference_inputs()
    trace = stage_of(given["mean"], given["log_scale"], given["z"])
    expected = VALUES["decomposed_kl_minibatch_weighted"]
    for value, name in zip(
        decomposed(trace, 1000), ("mutual_information", "total_correlation", "dimensionwise_kl")
    ):
        near(value, expected[name])


def test_the_parts_of_the_kl_add_up_and_are_right_where_the_batch_is_the_data():
    n, correlation = 1500, 0.9
    means = torch.distributions.MultivariateNormal(
        torch.zeros(2, **DOUBLE), torch.tensor([[1.0, correlation], [correlation, 1.0]], **DOUBLE)
    ).sample((n,))
    log_scale = torch.full((n, 2), math.log(0.1), **DOUBLE)
    z = DiagonalNormal(means, log_scale).rsample()
    trace = stage_of(means, log_scale, z)
    information, correlated, dimensionwise = decomposed(trace, 1)  # q(z) is then the mean over the batch
    q, p = trace.code.stages[0].q, trace.code.stages[0].p
    near(information + correlated + dimensionwise, (q.log_prob(z) - p.log_prob(z)).mean())
    aggregate = torch.tensor([[1.01, correlation], [correlation, 1.01]], **DOUBLE)
    known = 0.5 * (2 * math.log(1.01) - torch.logdet(aggregate))  # −½ log det of the correlations
    assert abs(float(correlated - known)) < 0.05
    near(information, math.log(n) - entropy_of_choice(means, z), rtol=1e-6)
    averaged = pairwise(means, z).mean(-1).logsumexp(1) - pairwise(means, z).logsumexp(1).mean(-1)
    assert abs(float(averaged.mean() - known)) > 0.05  # control: a mean over dimensions in place of the sum


def entropy_of_choice(means: Tensor, z: Tensor) -> Tensor:
    """−E log q(row | z), all rows equally likely: what is left unknown of the row once the code is seen."""
    return -pairwise(means, z).sum(-1).log_softmax(1).diagonal().mean()


def pairwise(means: Tensor, z: Tensor) -> Tensor:
    """(n, n, d): every code under every posterior of scale 0.1."""
    return DiagonalNormal(means, torch.full_like(means, math.log(0.1))).log_density(z[:, None])


def test_terms_of_one_function_share_its_work():
    calls = []

    def work(model: Any, trace: Trace) -> dict[str, Tensor]:
        calls.append(1)
        return {"a": torch.tensor(1.0), "b": torch.tensor(2.0)}

    objective = Term("a", work) + 3.0 * Term("b", work)
    loss = objective(None, stage_of(torch.zeros(2, 1), torch.zeros(2, 1)))
    assert len(calls) == 1 and loss.total.item() == 7.0 and repr(objective) == "a + 3.0 * b"


def test_reference_dip():
    expected = VALUES["dip_regulariser_lambda_od_1_lambda_d_1"]
    for name, covariance in {
        "covariance all ones, 10 x 10": torch.ones(10, 10),
        "zeros": torch.zeros(10, 10),
        "identity": torch.eye(10),
        "2 identity": 2 * torch.eye(10),
    }.items():
        near(distance_to_identity(covariance, 1.0, 1.0), expected[name])
    mean = torch.tensor([[1.0, 1.0], [-1.0, -1.0]], **DOUBLE)  # covariance all ones
    trace = stage_of(mean, torch.zeros_like(mean))
    near(dip(3.0, 5.0)(None, trace), 3.0 * 2)
    near(dip(3.0, 5.0, within=True)(None, trace), 3.0 * 2 + 5.0 * 2)


# Sparsity


def test_kl_to_rate_by_hand():
    z = torch.tensor([[0.2, 0.05], [0.4, 0.05]], **DOUBLE)  # mean activations 0.3 and 0.05
    trace = stage_of(z, torch.zeros_like(z))
    expected = 0.05 * math.log(0.05 / 0.3) + 0.95 * math.log(0.95 / 0.7)
    near(kl_to_rate(0.05)(None, trace), expected)
    wrong = (0.05 * (0.05 / z).log() + 0.95 * (0.95 / (1 - z)).log()).sum(1).mean()  # of each sample: another
    assert abs(float(wrong) - expected) > 1e-3
    near(l1(None, stage_of(-z, torch.zeros_like(z))), [0.25, 0.45])


# Bounds


def small_vae(features: int = 6, dim: int = 3) -> Autoencoder:
    return vae(features, dim, (16,), likelihood=bernoulli).double()


def elbo_terms(model: Autoencoder, x: Tensor) -> tuple[Trace, Tensor]:
    trace = model(batch(x), noisy=True)
    stage = trace.code.stages[0]
    sampled = stage.q.log_prob(stage.z) - stage.p.log_prob(stage.z)
    return trace, reconstruction(model, trace) + sampled


def test_importance_weighting_with_one_sample_is_the_elbo_of_the_same_noise():
    model, x = small_vae(), torch.bernoulli(torch.full((7, 6), 0.5, **DOUBLE))
    with isthmus.seeded(3):
        trace, expected = elbo_terms(model, x)
    with isthmus.seeded(3):
        near(importance_weighted(1)(model, trace), expected)


def probabilistic_pca() -> tuple[Autoencoder, torch.distributions.MultivariateNormal]:
    """A linear VAE whose posterior is nearly exact, and its evidence, which is known."""
    model = linear_vae(5, 2).double()
    encoder, decoder = layers(model.encoder)[0], layers(model.decoder)[0]
    with torch.no_grad():
        decoder.weight.mul_(2)
        output: Any = model.decode(torch.zeros(1, 2, **DOUBLE))
        variance = (2 * output.log_scale).exp()
        posterior = torch.linalg.inv(torch.eye(2, **DOUBLE) + decoder.weight.T @ decoder.weight / variance)
        encoder.weight.zero_()[:2] = posterior @ decoder.weight.T / variance
        encoder.bias[2:] = posterior.diag().log() / 2 + 0.3
        covariance = decoder.weight @ decoder.weight.T + variance * torch.eye(5, **DOUBLE)
    return model, torch.distributions.MultivariateNormal(decoder.bias.detach(), covariance)


def test_bounds_tighten_with_the_number_of_samples_towards_the_likelihood():
    model, evidence = probabilistic_pca()
    x = evidence.sample((200,))
    exact = -evidence.log_prob(x).mean().item()
    with torch.no_grad():
        trace = model(batch(x), noisy=False)
        found = {k: repeated_mean(partial(importance_weighted(k), model, trace)) for k in (1, 5, 50, 500)}
        mean_of_logs = repeated_mean(lambda: elbo_terms(model, x)[1], 250)
    values = list(found.values())
    assert values == sorted(values, reverse=True)
    assert abs(values[-1] - exact) < 0.02
    assert abs(mean_of_logs - values[0]) < 0.03 < mean_of_logs - values[1]  # control: that is no tighter


def repeated_mean(value: Callable[[], Tensor], times: int = 50) -> float:
    return float(np.mean([value().mean().item() for _ in range(times)]))


def test_importance_weighting_hands_on_labels_and_masks():
    model = isthmus.models.conditional_vae(6, 3, (8,), classes=4, likelihood=bernoulli).double()
    x = torch.bernoulli(torch.full((5, 6), 0.5, **DOUBLE))
    observed, labels = torch.rand(5, 6) < 0.7, torch.arange(5) % 4
    trace = model(batch(x, labels=labels, observed=observed), noisy=False)
    with isthmus.seeded(1):
        together = importance_weighted(3)(model, trace)
    z = None
    with isthmus.seeded(1):
        stage = trace.code.stages[0]
        z = stage.q.rsample((3,))
    log_weights = torch.stack(
        [
            model.decode(each, labels=labels).log_prob(x, observed)
            + stage.p.log_prob(each)
            - stage.q.log_prob(each)
            for each in z
        ]
    )
    near(together, math.log(3) - log_weights.logsumexp(0))


@pytest.mark.parametrize("scale", [0.5, "shared", "feature"])
def test_the_expected_reconstruction_is_the_expectation(scale):
    likelihood = isthmus.Recipe(gaussian, scale=scale)
    model = linear_vae(5, 2, likelihood=likelihood).double()
    x = torch.randn(6, 5, **DOUBLE)
    observed = torch.rand(6, 5) < 0.8
    for context in ({}, {"observed": observed}):
        with torch.no_grad():
            trace = model(batch(x, **context), noisy=False)
            q = trace.code.stages[0].q
            draws = model.decode(q.rsample((20_000,)).flatten(0, 1))
            mask = None if not context else observed.repeat(20_000, 1)
            samples = -draws.log_prob(x.repeat(20_000, 1), mask).view(20_000, 6)
            closed = expected_reconstruction(model, trace)
        assert within_three_standard_errors(samples, closed)
        assert not within_three_standard_errors(samples, reconstruction(model, trace))  # at the mean only


def test_the_expected_reconstruction_refuses_what_it_is_not_exact_for():
    x = torch.randn(4, 5)
    for build in (
        lambda: linear_vae(5, 2, likelihood=isthmus.likelihoods.laplace),
        lambda: linear_vae(5, 2, likelihood=isthmus.Recipe(gaussian, scale="sample")),
        lambda: Autoencoder(mlp(5, 4), Gaussian(2), mlp(2, 3, 5), gaussian(5), expected_reconstruction + kl),
    ):
        model = build()
        with pytest.raises(ValueError, match="exact for a decoder of one linear layer"):
            model.objective(model, model(batch(x)))
    model = linear_vae(5, 2, likelihood=isthmus.likelihoods.bernoulli)
    with pytest.raises(ValueError, match='Bernoulli: likelihood="gaussian" asks for'):
        model.objective(model, model(batch((x > 0).float())))


# Contraction


def encoding(activation: type[nn.Module], *widths: int) -> Autoencoder:
    """An autoencoder whose code is as wide as the last of the widths."""
    encoder, decoder = mlps(widths[0], widths[1:-1], widths[-1], widths[-1], widths[0], activation=nn.Tanh)
    latent = Deterministic(widths[-1], activation)
    return Autoencoder(encoder, latent, decoder, gaussian(widths[0], scale=1.0), contraction()).double()


def jacobian_norm(model: Autoencoder, x: Tensor) -> Tensor:
    rows = [torch.autograd.functional.jacobian(lambda r: model.encode(r[None]).z[0], row) for row in x]
    return torch.stack([row.square().sum() for row in rows])


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.ReLU, nn.Identity])
@pytest.mark.parametrize("widths", [(6, 4), (6, 5, 4)])
def test_the_contraction_penalty_is_the_jacobian_of_the_code(activation, widths):
    model, x = encoding(activation, *widths), torch.randn(8, widths[0], **DOUBLE)
    trace = model(batch(x))
    expected = jacobian_norm(model, x)
    near(contraction(exact=True)(model, trace), expected)
    probes = torch.stack([contraction()(model, trace).detach() for _ in range(4000)])
    assert within_three_standard_errors(probes, expected)
    near(contraction(probes=4000)(model, trace), expected, rtol=0.2)


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.ReLU])
def test_the_contraction_penalty_of_one_layer_in_closed_form(activation):
    model, x = encoding(activation, 6, 4), torch.randn(8, 6, **DOUBLE)
    h, rows = model.encode(x).z, layers(model.encoder)[0].weight.square().sum(1)
    slope = (h * (1 - h)) if activation is nn.Sigmoid else (h > 0).double()
    expected = (slope.square() * rows).sum(1)
    penalty = contraction(exact=True)(model, model(batch(x)))
    near(penalty, expected)
    assert (rows.sum() - penalty).abs().min() > 1e-3  # control: the activation's derivative forgotten
    (by_hand,) = torch.autograd.grad(expected.sum(), layers(model.encoder)[0].weight)
    (ours,) = torch.autograd.grad(penalty.sum(), layers(model.encoder)[0].weight)
    near(ours, by_hand)  # create_graph: it has a gradient, and this one


# Tied weights


def tied_net() -> tuple[nn.Module, nn.Module]:
    return mlps(6, (5,), 3, 3, 6, activation=nn.Tanh, tied=True)


def test_a_tied_weight_is_one_parameter_with_the_gradient_of_both_paths():
    encoder, decoder = tied_net()
    both = nn.ModuleList([encoder, decoder])
    assert sum(p.numel() for p in both.parameters()) == 6 * 5 + 5 * 3 + (5 + 3) + (5 + 6)
    x = torch.randn(4, 6)
    loss = (decoder(encoder(x)) - x).square().sum()
    ours = torch.autograd.grad(loss, [layer.weight for layer in linears(encoder)])
    untied_encoder, untied_decoder = mlps(6, (5,), 3, 3, 6, activation=nn.Tanh)
    untied_encoder.load_state_dict(encoder.state_dict())
    lower, upper = linears(encoder)
    first, second = linears(untied_decoder)
    with torch.no_grad():
        first.weight.copy_(upper.weight.T)
        second.weight.copy_(lower.weight.T)
        first.bias.zero_()
        second.bias.zero_()
    loss = (untied_decoder(untied_encoder(x)) - x).square().sum()
    down = [layer.weight for layer in linears(untied_encoder)]
    apart = torch.autograd.grad(loss, [*down, second.weight, first.weight])
    near(ours[0], apart[0] + apart[2].T, rtol=1e-5, atol=1e-5)
    near(ours[1], apart[1] + apart[3].T, rtol=1e-5, atol=1e-5)
    assert (ours[0] - apart[0]).abs().max() > 1e-3  # control: the encoder's path alone


def shared(model: Autoencoder) -> bool:
    down = linears(model.encoder)
    up = [layer.linear[0] for layer in layers(model.decoder) if hasattr(layer, "linear")]
    return len(up) > 0 and all(u.weight.data_ptr() == d.weight.data_ptr() for u, d in zip(reversed(up), down))


def test_tied_weights_stay_one_storage_through_training_copies_and_state_dicts():
    model = isthmus.models.tied(6, 3, (5,))
    rows = torch.randn(32, 6)
    before = layers(model.encoder)[0].weight.detach().clone()
    for _ in train(model, itertools.repeat(batch(rows), 100)):
        pass
    assert shared(model) and not torch.equal(before, layers(model.encoder)[0].weight)
    twin = copy.deepcopy(model)
    assert shared(twin) and layers(twin.encoder)[0].weight is not layers(model.encoder)[0].weight
    fresh = isthmus.models.tied(6, 3, (5,)).double().float()
    fresh.load_state_dict(model.state_dict())
    assert shared(fresh)
    model.eval(), fresh.eval(), twin.eval()
    for other in (fresh, twin):
        assert torch.equal(other(batch(rows)).output.mean, model(batch(rows)).output.mean)


# Backpropagation by hand


@pytest.mark.parametrize("tied", [False, True])
def test_backpropagation_by_hand_autograd_and_finite_differences_agree(tied):
    encoder, decoder = mlps(5, (), 3, 3, 5, tied=tied)
    model = Autoencoder(
        encoder, Deterministic(3, nn.Sigmoid), decoder, gaussian(5, scale=1.0), reconstruction
    ).double()
    x = torch.randn(7, 5, **DOUBLE)
    (_, loss), *_ = model.losses(batch(x), 0)
    loss.total.backward()

    data = x.numpy()
    into, out = layers(model.encoder)[0], layers(model.decoder)[0]
    w, b = into.weight.detach().numpy(), into.bias.detach().numpy()
    v = w.T if tied else out.weight.detach().numpy()
    c = out.bias.detach().numpy()
    h = 1 / (1 + np.exp(-(data @ w.T + b)))
    output_delta = (h @ v.T + c - data) / len(data)  # of ½‖x − x̂‖², a mean over samples
    hidden_delta = (output_delta @ v) * h * (1 - h)
    by_hand = {"W": hidden_delta.T @ data, "b": hidden_delta.sum(0), "c": output_delta.sum(0)}
    if tied:
        assert np.abs(into.weight.grad.numpy() - by_hand["W"]).max() > 1e-3  # control: one path
        by_hand["W"] = by_hand["W"] + h.T @ output_delta
    else:
        near(out.weight.grad, output_delta.T @ h)
    near(into.weight.grad, by_hand["W"])
    near(into.bias.grad, by_hand["b"])
    near(out.bias.grad, by_hand["c"])

    step = 1e-6
    for parameter in model.parameters():
        assert parameter.grad is not None
        flat = parameter.data.view(-1)
        for at in range(0, len(flat), 4):
            sides = []
            for side in (step, -step):
                flat[at] += side
                sides.append(next(model.losses(batch(x), 0))[1].total.item())
                flat[at] -= side
            near(parameter.grad.view(-1)[at], (sides[0] - sides[1]) / (2 * step), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    "of",
    [reconstruction, squared_error, kl, free_bits(0.01), capacity(lambda step: 0.3), expected_reconstruction],
    ids=lambda of: of.name,
)
def test_gradients_of_terms_are_those_of_their_values(of):
    model = linear_vae(4, 2).double()
    x = torch.randn(3, 4, **DOUBLE)
    mask = torch.rand(3, 4) < 0.8

    def value(*weights: Tensor) -> Tensor:
        names = [name for name, _ in model.named_parameters()]
        return torch.func.functional_call(
            Valued(model, of), {f"model.{n}": w for n, w in zip(names, weights)}, (batch(x, observed=mask),)
        )

    assert torch.autograd.gradcheck(value, tuple(model.parameters()))


class Valued(nn.Module):
    """A term of a model, as a module."""

    def __init__(self, model: Autoencoder, of: Term):
        super().__init__()
        self.model, self.of = model, of

    def forward(self, rows: Batch) -> Tensor:
        return self.of(self.model, self.model(rows, noisy=False))


# Corruptions


def test_what_corruptions_do_to_the_input_and_to_nothing_else():
    x = torch.full((400, 250), 0.5)
    observed = torch.rand(400, 250) < 0.9
    rows = batch(x, observed=observed)
    made: dict[str, tuple[Callable[[Batch], Batch], Callable[[Tensor], None]]] = {
        "gaussian": (gaussian_noise(0.3), lambda y: near([y.mean(), y.std()], [0.5, 0.3], rtol=0.02)),
        "masking": (masking_noise(0.3), lambda y: near([(y == 0).double().mean()], [0.3], rtol=0.03)),
        "salt": (
            salt_and_pepper(0.3),
            lambda y: near([(y == v).double().mean() for v in (0, 1, 0.5)], [0.15, 0.15, 0.7], rtol=0.05),
        ),
    }
    for corrupt, statistics in made.values():
        damaged = corrupt(rows)
        assert damaged.target is x and bool((x == 0.5).all())
        assert bool((damaged.input[~observed] == 0.5).all())  # missing cells are left alone
        statistics(damaged.input[observed])
        assert not torch.equal(corrupt(rows).input, damaged.input)  # anew each time


def test_a_model_corrupts_in_training_only_and_explains_the_clean_target():
    model = isthmus.models.denoising(6, 3, (5,), noise=0.5)
    x = torch.randn(9, 6)
    trace = model(batch(x))
    assert trace.batch.target is x and not torch.equal(trace.batch.input, x)
    near(squared_error(model, trace), (trace.output.mean - x).square().sum(1))
    assert model.eval()(batch(x)).batch.input is x


# Nets


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 3),
    st.lists(st.integers(1, 3), min_size=1, max_size=5),
)
def test_convolutional_decoders_mirror_their_encoders_exactly(height, width, channels, hidden):
    shape = (channels, height, width)
    encoder, decoder = convs(shape, hidden, 4, 2, shape)
    assert encoder(torch.randn(2, *shape)).shape == (2, 4)
    assert decoder(torch.randn(2, 2)).shape == (2, *shape)


def test_every_size_from_1_to_40_comes_back():
    for side in range(1, 41):
        shape = (side % 3 + 1, side, 41 - side)
        _, decoder = convs(shape, (2, 2, 2), 2, 2, shape)
        assert decoder(torch.randn(1, 2)).shape == (1, *shape)


def variances(net: nn.Module, x: Tensor) -> list[float]:
    """Over samples, of what reaches each activation from the second on; x has variance one."""
    found = []
    with torch.no_grad():
        for layer in net.children():
            x = layer(x)
            if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
                found.append(x.var(0).mean().item())
    return found[1:-1]


SMOOTH = [nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Softsign]


@pytest.mark.parametrize("activation", SMOOTH, ids=lambda a: a.__name__)
def test_initial_weights_keep_the_signal_through_depth(activation):
    deep = mlp(*[128] * 8, activation=activation)
    assert all(0.2 < each < 8 for each in variances(deep, torch.randn(512, 128)))
    _, decoder = convs((3, 32, 32), (16, 32, 64), 8, 8, (3, 32, 32), activation=activation)
    assert all(0.2 < each < 8 for each in variances(decoder, torch.randn(64, 8)))


def test_control_weights_of_torchs_own_choice_lose_the_signal():
    deep = nn.Sequential(*itertools.chain(*[(nn.Linear(128, 128), nn.ReLU()) for _ in range(9)]))
    assert min(variances(deep, torch.randn(512, 128))) < 1e-3


# Objectives


def test_an_objective_is_the_weighted_sum_of_the_means_of_its_terms():
    @term
    def one(model, trace):
        return torch.tensor([1.0, 3.0])

    @term
    def tied(model, trace):
        return torch.tensor(5.0)

    objective = one + 2.0 * (3.0 * tied)
    loss = objective(None, stage_of(torch.zeros(2, 1), torch.zeros(2, 1)))
    assert loss.total.item() == 2 + 6 * 5
    assert {name: float(mean) for name, mean in loss.means.items()} == {"one": 2.0, "tied": 5.0}
    with pytest.raises(ValueError, match="stands twice"):
        one + one
    late = warmup(10, 4.0) * one + tied
    assert repr(late) == "warmup(10, 4) * one + tied"
    trace = stage_of(torch.zeros(2, 1), torch.zeros(2, 1))._replace(step=5)
    assert late(None, trace).total.item() == 2.0 * 2 + 5
