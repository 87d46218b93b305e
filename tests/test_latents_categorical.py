"""Choices against exact enumeration: their divergence, their evidence, every estimate of their gradient."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical as TorchCategorical
from torch.distributions import kl_divergence
from torch.nn import functional as F

import isthmus
from isthmus import Autoencoder, Batch
from isthmus.distributions import OneHots
from isthmus.latents import Categorical, hard_gumbel, relaxed, unreparameterised
from isthmus.likelihoods import bernoulli
from isthmus.metrics import elbo, log_likelihood
from isthmus.objective import Term
from isthmus.terms import kl, leave_one_out, reconstruction, score_function

VARIABLES, VALUES, PIXELS, DRAWS = 2, 3, 5, 40_000
DOUBLE: dict[str, Any] = {"dtype": torch.float64}


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def model_of(gradient: Any, temperature: float = 1.0) -> Autoencoder:
    """The encoder is the identity: what it is given are the logits."""
    with isthmus.seeded(1):
        decoder = nn.Sequential(nn.Linear(VARIABLES * VALUES, 8), nn.Tanh(), nn.Linear(8, PIXELS))
        for parameter in decoder.parameters():
            parameter.data.mul_(3)
    latent = Categorical(VARIABLES, VALUES, gradient, temperature)
    return Autoencoder(nn.Identity(), latent, decoder, bernoulli(PIXELS), reconstruction + kl).double()


def codes() -> Tensor:
    """All of them, (9, 6)."""
    every = torch.tensor(list(itertools.product(range(VALUES), repeat=VARIABLES)))
    return F.one_hot(every, VALUES).double().flatten(1)


LOGITS = torch.tensor([0.5, -0.3, 0.1, -0.8, 0.4, 0.0], **DOUBLE)
X = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0], **DOUBLE)


def exact(model: Autoencoder, logits: Tensor) -> Tensor:
    """E_q[−log p(x | z)], a sum over all codes."""
    q = OneHots(logits.view(1, VARIABLES, VALUES))
    cost = -model.decode(codes()).log_prob(X.expand(len(codes()), -1))
    return (q.log_prob(codes()).exp() * cost).sum()


def exact_gradient(model: Autoencoder) -> Tensor:
    logits = LOGITS.clone().requires_grad_()
    return torch.autograd.grad(exact(model, logits), logits)[0]


def gradients(model: Autoencoder, term: Term) -> Tensor:
    """One estimate a row, (DRAWS, 6)."""
    logits = LOGITS.repeat(DRAWS, 1).requires_grad_()
    trace = model.train()(Batch(logits, X.expand(DRAWS, -1)), noisy=True)
    return torch.autograd.grad(term(model, trace).sum(), logits)[0]


def errors(found: Tensor, expected: Tensor) -> float:
    """The largest distance of the mean from what is expected, in standard errors."""
    return float(((found.mean(0) - expected).abs() / (found.std(0) / len(found) ** 0.5)).max())


@pytest.mark.parametrize("term", [score_function, leave_one_out(2), leave_one_out(4)], ids=lambda t: t.name)
def test_score_function_gradients_of_choices_are_unbiased(term):
    model = model_of(unreparameterised)
    assert errors(gradients(model, term), exact_gradient(model)) < 4


@pytest.mark.parametrize(
    "gradient, temperature", [(hard_gumbel, 1.0), (relaxed, 2.0)], ids=["straight through", "relaxed"]
)
def test_control_relaxed_gradients_are_biased(gradient, temperature):
    model = model_of(gradient, temperature)
    assert errors(gradients(model, reconstruction), exact_gradient(model)) > 10


def test_the_relaxed_gradient_loses_its_bias_and_gains_noise_as_it_cools():
    expected = exact_gradient(model_of(relaxed))

    def at(temperature: float) -> tuple[float, float]:
        found = gradients(model_of(relaxed, temperature), reconstruction)
        return float((found.mean(0) - expected).norm()), float(found.std(0).norm())

    (hot, calm), (cold, wild) = at(2.0), at(0.1)
    assert cold < 0.3 * hot and wild > 2 * calm


def test_a_baseline_of_the_other_draws_takes_the_noise_away():
    model = model_of(unreparameterised)
    plain, others = (gradients(model, term).std(0).norm() for term in (score_function, leave_one_out(4)))
    assert others < 0.3 * plain


def test_control_a_baseline_that_knows_the_draw_itself_is_biased():
    """The mean over all k draws, z_i's own among them: shrunk by (k − 1) / k."""
    model = model_of(unreparameterised)

    def careless(model: Any, trace: Any) -> Tensor:
        q = trace.code.stages[0].q
        z = q.rsample((2,))
        target = trace.batch.target.repeat(2, 1)
        cost = -model.decode(z.flatten(0, 1)).log_prob(target).view(2, -1)
        return ((cost - cost.mean(0)).detach() * q.log_prob(z)).mean(0)

    expected = exact_gradient(model)
    assert errors(gradients(model, Term("careless", careless)), expected) > 10
    assert errors(2 * gradients(model, Term("careless", careless)), expected) < 4


def test_the_decoder_learns_alike_from_draws_and_from_the_score():
    model = model_of(unreparameterised)
    last: Any = model.decoder
    bias = last[2].bias
    (expected,) = torch.autograd.grad(exact(model, LOGITS), bias)
    trace = model.train()(Batch(LOGITS.repeat(DRAWS, 1), X.expand(DRAWS, -1)), noisy=True)
    (found,) = torch.autograd.grad(leave_one_out(4)(model, trace).mean(), bias)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.02)


def test_divergence_and_mass_against_torch():
    one, other = OneHots(torch.randn(4, 2, 3, **DOUBLE)), OneHots(torch.randn(2, 3, **DOUBLE))
    expected = kl_divergence(TorchCategorical(logits=one.logits), TorchCategorical(logits=other.logits))
    torch.testing.assert_close(one.kl(other), expected)
    draws = one.rsample((20_000,))
    assert draws.shape == (20_000, 4, 6)
    torch.testing.assert_close(draws.mean(0), one.mean, atol=0.02, rtol=0)
    log_mass = TorchCategorical(logits=one.logits).log_prob(draws[:9].view(9, 4, 2, 3).argmax(-1)).sum(-1)
    torch.testing.assert_close(one.log_prob(draws[:9]), log_mass)
    difference = one.log_prob(draws) - other.log_prob(draws)
    error = difference.std(0) / 20_000**0.5
    assert ((difference.mean(0) - expected.sum(-1)).abs() < 4 * error).all()


def test_bounds_lie_below_the_exact_evidence_and_a_relaxed_one_is_not_shown_in_eval():
    model = model_of(relaxed, 2.0).eval()
    logits, x = LOGITS.repeat(400, 1), X.expand(400, -1)
    batch = Batch(logits, x)
    uniform = -VARIABLES * math.log(VALUES)
    log_x = model.decode(codes()).log_prob(X.expand(len(codes()), -1))
    evidence = float((log_x + uniform).logsumexp(0).detach())
    q = OneHots(LOGITS.view(1, VARIABLES, VALUES))
    bound = -float(exact(model, LOGITS).detach()) - float(q.kl(OneHots(torch.zeros(2, 3))).sum())
    assert elbo(model, batch, samples=40).mean == pytest.approx(bound, abs=0.05)
    assert log_likelihood(model, batch, samples=500).mean == pytest.approx(evidence, abs=0.02)
    assert bound < evidence
    with torch.no_grad():
        held_out = [float(next(model.losses(batch, 0))[1].total) for _ in range(40)]
        relaxed_loss = [float(next(model.train().losses(batch, 0))[1].total) for _ in range(40)]
    assert sum(held_out) / 40 == pytest.approx(-bound, abs=0.05)
    assert abs(sum(relaxed_loss) / 40 + bound) > 0.1  # control: the loss at codes that are no codes


def test_modes_in_eval_and_uniform_samples():
    latent = Categorical(2, 3)
    code = latent(LOGITS.float()[None], False)
    assert code.z.tolist() == [[1, 0, 0, 0, 1, 0]]
    torch.testing.assert_close(latent.sample(30_000).mean(0), torch.full((6,), 1 / 3), atol=0.02, rtol=0)


@pytest.mark.parametrize("build", [lambda: Categorical(0, 3), lambda: Categorical(2, 1)])
def test_a_choice_needs_values(build: Callable[[], Categorical]):
    with pytest.raises(ValueError, match="a choice is among two values"):
        build()


def test_one_draw_has_no_others():
    with pytest.raises(ValueError, match="k is 2 or more, not 1"):
        leave_one_out(1)
    with pytest.raises(ValueError, match="above 0, not 0"):
        Categorical(2, 3, temperature=0)
