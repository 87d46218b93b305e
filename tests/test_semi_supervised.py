"""M2 by hand and by enumeration, and that rows without a label help."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

import isthmus
from isthmus import Autoencoder, Batch, Embedder, Recipe
from isthmus.data import DataError
from isthmus.likelihoods import bernoulli
from isthmus.metrics import elbo
from isthmus.models import m2
from isthmus.terms import classification, marginalised

CLASSES = 3


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def small(**more: Any) -> Autoencoder:
    return m2(6, 2, (16,), classes=CLASSES, width=8, likelihood=bernoulli, **more).double()


def rows(labels: list[int]) -> Batch:
    x = torch.bernoulli(torch.full((len(labels), 6), 0.5, dtype=torch.float64))
    return Batch(x, x, {"labels": torch.tensor(labels)})


def by_hand(model: Autoencoder, batch: Batch, draws: int = 3000) -> tuple[Tensor, Tensor]:
    """−L(x, y) of every class, (b, classes), and log q(y | x), as Kingma et al. write them."""
    latent: Any = model.latent
    unknown = {"labels": torch.full_like(batch.context["labels"], -1)}
    with torch.no_grad():
        features = model._features(batch.input, unknown)
        h, logits = features[:, : latent.width], features[:, latent.width : latent.width + CLASSES]
        cost = []
        for c in range(CLASSES):
            y = F.one_hot(torch.full((len(h),), c), CLASSES).double()
            stage = latent.given(h, y, True)
            z = stage.q.rsample((draws,))  # (draws, b, d)
            code = torch.cat([z, y.expand(draws, -1, -1)], -1).flatten(0, 1)
            labels = torch.full((len(code),), -1)
            log_x = model.decode(code, labels=labels).log_prob(batch.target.repeat(draws, 1))
            explained = log_x.view(draws, -1).mean(0)
            cost.append(stage.q.kl(stage.p).sum(-1) - explained + math.log(CLASSES))  # −log p(y)
        return torch.stack(cost, 1), logits.log_softmax(-1)


def mean_of_term(model: Autoencoder, batch: Batch, times: int = 3000) -> Tensor:
    with torch.no_grad():
        trace = model(batch, noisy=True)
        return torch.stack([marginalised(model, trace) for _ in range(times)]).mean(0)


def test_the_bound_of_known_and_of_unknown_classes_is_the_papers():
    model, batch = small(), rows([0, 2, -1, -1])
    cost, log_q = by_hand(model, batch)
    labelled = cost[[0, 1], [0, 2]]
    unlabelled = (log_q.exp() * (cost + log_q)).sum(1)[2:]  # Σ q(y|x) L − H(q)
    found = mean_of_term(model, batch)
    torch.testing.assert_close(found, torch.cat([labelled, unlabelled]), atol=0.05, rtol=0)
    without_entropy = (log_q.exp() * cost).sum(1)[2:]
    assert (found[2:] - without_entropy).abs().min() > 0.3  # control: the entropy forgotten


def test_it_is_a_bound_below_the_evidence():
    """log p(x) = log Σ_y p(y) ∫ p(x | z, y) p(z) dz, here by many draws of the prior."""
    model, batch = small(), rows([-1] * 5)
    latent: Any = model.latent
    with torch.no_grad():
        code = latent.sample(60_000).double()
        decoded = model.decode(code, labels=torch.full((len(code),), -1))
        each = [decoded.log_prob(x.expand(len(code), -1)) for x in batch.target]
        evidence = torch.stack(each).logsumexp(1) - math.log(len(code))
    bound = -mean_of_term(model, batch)
    assert (bound < evidence + 0.02).all() and (bound > evidence - 5).all()
    assert elbo(model, batch, samples=2000).mean == pytest.approx(float(bound.mean()), abs=0.1)


def test_classification_is_the_mean_over_rows_that_have_a_label():
    model, batch = small(), rows([0, 2, -1, -1, -1, -1, -1, 1])
    _, log_q = by_hand(model, batch, draws=1)
    known = [0, 1, 7]
    expected = -log_q[known, [0, 2, 1]].mean()
    trace = model(batch, noisy=False)
    torch.testing.assert_close(classification(3 / 8)(model, trace).mean().detach(), expected)
    assert (
        abs(float(classification()(model, trace).mean().detach() - expected)) > 0.3
    )  # control: a mean over all
    with pytest.raises(ValueError, match="share of labelled rows"):
        classification(0.0)


def test_labels_reach_the_classifier_by_the_classification_term_alone():
    model, batch = small(), rows([0, 2, 1])
    trace = model(batch, noisy=True)
    logits = trace.code.extra["logits"]
    (pull,) = torch.autograd.grad(marginalised(model, trace).sum(), logits, retain_graph=True)
    assert not pull.any()
    (pull,) = torch.autograd.grad(classification()(model, trace).sum(), logits)
    expected = logits.softmax(-1) - F.one_hot(batch.context["labels"], CLASSES)
    torch.testing.assert_close(pull, expected.detach())


def test_a_label_that_is_given_is_the_class_of_what_is_decoded():
    model = small()
    z = torch.randn(3, 2, dtype=torch.float64)
    y = torch.eye(CLASSES, dtype=torch.float64)
    zero, unknown = torch.zeros(3, dtype=torch.long), torch.full((3,), -1)
    as_said = model.decode(torch.cat([z, y], 1), labels=zero).mean
    torch.testing.assert_close(as_said, model.decode(torch.cat([z, y[[0, 0, 0]]], 1), labels=unknown).mean)
    assert not torch.allclose(as_said, model.decode(torch.cat([z, y], 1), labels=unknown).mean)


def blobs(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds, of which two labels each are known."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % CLASSES
    centres = 3 * draw.normal(size=(CLASSES, 8))
    return centres[y] + draw.normal(size=(n, 8)), y


@pytest.mark.parametrize("absent", [-1, None, math.nan], ids=str)
def test_labels_travel_whatever_says_that_one_is_unknown(absent):
    x, y = blobs(60)
    words = np.array(["a", "b", "c"])[y].astype(object)
    if absent != -1:
        words[6:] = absent
        known = words
    else:
        known = np.where(np.arange(60) < 6, y, -1)
    model = Embedder(Recipe("m2", width=8, hidden=(16,), dim=2), epochs=2, random_state=0).fit(x, known)
    assert len(model.classes_) == CLASSES and model.recipe_.arguments["labelled"] == 6
    codes = model.transform(x)
    assert codes.shape == (60, 2 + CLASSES)
    assert np.array_equal(codes, model.transform(x, [absent] * 60))
    told = model.transform(x, np.full(60, model.classes_[1]))
    assert (told[:, 2:] == [0, 1, 0]).all()
    assert model.inverse_transform(codes).shape == x.shape
    assert model.sample(5).shape == model.sample(5, [model.classes_[0]] * 5).shape == (5, 8)


def test_rows_without_a_label_help():
    """Digits, two labels of each class: against the same net that knows only the labelled rows."""
    x, y = load_digits(return_X_y=True)
    given = np.concatenate([np.flatnonzero(y[:1200] == c)[:2] for c in range(10)])
    known = np.full(1200, -1)
    known[given] = y[given]

    def error(rows: np.ndarray, labels: np.ndarray, epochs: int) -> float:
        recipe = Recipe("m2", hidden=(64,), width=32, dim=4)
        model = Embedder(recipe, epochs=epochs, random_state=0).fit(rows, labels)
        guessed = model.classes_[model.transform(x[1200:])[:, 4:].argmax(1)]
        return float((guessed != y[1200:]).mean())

    assert error(x[:1200], known, 60) < 0.85 * error(x[given], y[given], 600)


def test_labels_that_say_nothing_are_refused():
    x, _ = blobs(12)
    with pytest.raises(DataError, match="no row has one"):
        Embedder("m2", epochs=1).fit(x, np.full(12, -1))
    with pytest.raises(ValueError, match="fit it with labels"):
        Embedder("m2", epochs=1).fit(x)
    with pytest.raises(DataError, match="None"):
        Embedder("conditional_vae", epochs=1).fit(x, [None, *"abcdefghijk"])
