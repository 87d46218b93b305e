"""M2 by hand and by enumeration, that rows without a label help, and who tells classes of rows."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from torch import Tensor
from torch.nn import functional as F

import isthmus
from isthmus import Autoencoder, Batch, Embedder, Recipe, seeded
from isthmus.corruptions import shifts
from isthmus.data import DataError
from isthmus.likelihoods import bernoulli
from isthmus.metrics import elbo
from isthmus.models import m2
from isthmus.nets import Beside, Joined, mlp
from isthmus.priors import Mixture
from isthmus.terms import classification, marginalised

CLASSES = 3


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def small(**more: Any) -> Autoencoder:
    return m2(6, 2, (16,), classes=CLASSES, likelihood=bernoulli, **more).double()


def rows(labels: list[int]) -> Batch:
    x = torch.bernoulli(torch.full((len(labels), 6), 0.5, dtype=torch.float64))
    return Batch(x, x, {"labels": torch.tensor(labels)})


def by_hand(model: Autoencoder, batch: Batch, draws: int = 200_000) -> tuple[Tensor, Tensor]:
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


def mean_of_term(model: Autoencoder, batch: Batch, times: int = 10, copies: int = 20_000) -> Tensor:
    many = Batch(
        batch.input.repeat(copies, 1),
        batch.target.repeat(copies, 1),
        {"labels": batch.context["labels"].repeat(copies)},
    )
    with torch.no_grad():
        found = [marginalised(model, model(many, noisy=True)).view(copies, -1).mean(0) for _ in range(times)]
    return torch.stack(found).mean(0)


def test_the_bound_of_known_and_of_unknown_classes_is_the_papers():
    model, batch = small(), rows([0, 2, -1, -1])
    cost, log_q = by_hand(model, batch)
    labelled = cost[[0, 1], [0, 2]]
    unlabelled = (log_q.exp() * (cost + log_q)).sum(1)[2:]  # Σ q(y|x) L − H(q)
    found = mean_of_term(model, batch)
    torch.testing.assert_close(found, torch.cat([labelled, unlabelled]), atol=0.05, rtol=0)
    without_entropy = (log_q.exp() * cost).sum(1)[2:]
    assert (found[2:] - without_entropy).abs().min() > 0.3  # control: the entropy forgotten


def test_a_class_joins_the_last_hidden_layer_of_a_net_of_row_and_class():
    """With one hidden layer, that is the paper's net of [x, y]."""
    x, y = torch.randn(5, 6), F.one_hot(torch.tensor([0, 2, 1, 1, 0]), CLASSES).float()
    whole: Any = mlp(6 + CLASSES, 16, 4)
    first, joined = torch.nn.Linear(6, 16), Joined(16, CLASSES, 4)
    with torch.no_grad():
        first.weight.copy_(whole[0].weight[:, :6]), first.bias.zero_()
        joined.label.weight.copy_(whole[0].weight[:, 6:]), joined.label.bias.copy_(whole[0].bias)
    joined.out = whole[-1]
    together = torch.cat([Beside(first, torch.nn.Identity())(x)[:, :16], y], 1)
    torch.testing.assert_close(joined(together), whole(torch.cat([x, y], 1)))


def test_it_is_a_bound_below_the_evidence():
    """log p(x) = log Σ_y p(y) ∫ p(x | z, y) p(z) dz, here by many draws of the prior."""
    model, batch = small(), rows([-1] * 5)
    for _ in isthmus.train(model, [batch] * 300):  # so that the posteriors are not those of random weights
        pass
    latent: Any = model.latent
    with torch.no_grad():
        code = latent.sample(60_000).double()
        decoded = model.decode(code, labels=torch.full((len(code),), -1))
        each = [decoded.log_prob(x.expand(len(code), -1)) for x in batch.target]
        evidence = torch.stack(each).logsumexp(1) - math.log(len(code))
    bound = -mean_of_term(model, batch, times=2)
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
    model = Embedder(Recipe("m2", hidden=(16,), dim=2), epochs=2, random_state=0).fit(x, known)
    assert len(model.classes_) == CLASSES and model.recipe_.arguments["labelled"] == 6
    codes = model.transform(x)
    assert codes.shape == (60, 2 + CLASSES)
    assert np.array_equal(codes, model.transform(x, [absent] * 60))
    told = model.transform(x, np.full(60, model.classes_[1]))
    assert (told[:, 2:] == [0, 1, 0]).all()
    assert model.inverse_transform(codes).shape == x.shape
    assert model.sample(5).shape == model.sample(5, [model.classes_[0]] * 5).shape == (5, 8)


def test_rows_without_a_label_help():
    """Clouds of which one row in twenty lies nearer to another's centre, and two labels of each.

    Two rows say where a centre is to within 0.7 of a deviation a dimension; 600 say it better, once they are
    told apart. Against the same net that knows only the labelled rows, over three draws.
    """

    def errors(seed: int) -> list[float]:
        draw = np.random.default_rng(seed)
        y = np.arange(1200) % CLASSES
        x = 4 * np.eye(CLASSES, 8)[y] / math.sqrt(2) + draw.normal(size=(1200, 8))  # centres 4 apart
        known = np.where(np.arange(600) < 2 * CLASSES, y[:600], -1)

        def error(rows: int, epochs: int) -> float:
            recipe = Recipe("m2", hidden=(64,), dim=2)
            model = Embedder(recipe, epochs=epochs, random_state=0).fit(x[:rows], known[:rows])
            return float((model.predict(x[600:]) != y[600:]).mean())

        return [error(600, 60), error(2 * CLASSES, 300)]

    found = np.mean([errors(seed) for seed in range(3)], axis=0)
    assert found[0] < 0.85 * found[1], found


def test_labels_that_say_nothing_are_refused():
    x, _ = blobs(12)
    with pytest.raises(DataError, match="no row has one"):
        Embedder("m2", epochs=1).fit(x, np.full(12, -1))
    with pytest.raises(DataError, match="all labels are 'oak': another class needs some too"):
        Embedder("m2", epochs=1).fit(np.eye(4), np.array(["oak", None, "oak", None]))
    with pytest.raises(ValueError, match="fit it with labels"):
        Embedder("m2", epochs=1).fit(x)
    with pytest.raises(DataError, match="None"):
        Embedder("conditional_vae", epochs=1).fit(x, [None, *"abcdefghijk"])


TELLING: dict[str, dict[str, Any]] = {
    "m2": {"hidden": (16,)},
    "semi_aae": {"hidden": (16,), "critic": (16,)},
    "ladder_network": {"hidden": (16,), "costs": (10.0, 1.0, 0.1)},
    "gamma_model": {"hidden": (16,)},
}


@pytest.mark.parametrize("wrong", [False, True], ids=["labels", "control"])
@pytest.mark.parametrize("name", TELLING)
def test_classes_are_told_by_whoever_learned_them(name, wrong, tmp_path):
    """Of three clouds some rows have words for labels; under the control each has its neighbour's."""
    x, y = blobs()
    words = np.array(["ash", "birch", "elm"], object)
    known = words[(y + wrong) % CLASSES]
    known[60:300] = None
    recipe = Recipe(name, **TELLING[name])
    model = Embedder(recipe, dim=8, epochs=80, random_state=0).fit(x[:300], known[:300])
    found = model.predict(x[300:])
    right = float((found == words[y[300:]]).mean())
    assert right < 0.1 if wrong else right > 0.9, right
    chances = model.predict_proba(x[300:])
    np.testing.assert_allclose(chances.sum(1), 1)
    assert (model.classes_[chances.argmax(1)] == found).all()
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(model.predict_proba(x[300:][order]), chances[order], atol=1e-12)
    for again in (pickle.loads(pickle.dumps(model)), Embedder.load(model.save(tmp_path))):
        np.testing.assert_array_equal(again.predict_proba(x[300:]), chances)
        assert (again.predict(x[300:]) == found).all()


@pytest.mark.parametrize("name", TELLING)
def test_another_prior_takes_no_class_away(name, tmp_path):
    """Nor what was asked: fitted anew, what was loaded is the method that it was, and not a plain one."""
    x, y = blobs(60)
    known = np.where(np.arange(60) < 30, y, -1)
    asked = Recipe(name, **TELLING[name])
    model = Embedder(asked, dim=8, epochs=2, random_state=0).fit(x, known)
    chances, found, codes = model.predict_proba(x), model.predict(x), model.transform(x)
    model.fit_prior(x, Recipe(Mixture, components=2), random_state=0)
    drawn = model.sample(20, random_state=1)
    for again in (
        pickle.loads(pickle.dumps(model)),
        Embedder.load(model.save(tmp_path / "a")),
        Embedder.load(Embedder.load(tmp_path / "a").save(tmp_path / "b")),
    ):
        assert again.recipe_.name == "ex_post" and again._recipe() == model._recipe()
        np.testing.assert_array_equal(again.predict_proba(x), chances)
        np.testing.assert_array_equal(again.predict(x), found)
        np.testing.assert_array_equal(again.transform(x), codes)
        np.testing.assert_array_equal(again.sample(20, random_state=1), drawn)
        anew = clone(again).set_params(epochs=2, random_state=0).fit(x, known)
        np.testing.assert_array_equal(anew.predict_proba(x), chances)


def test_a_ladder_tells_what_its_clean_way_up_says():
    x, y = blobs(120)
    model = Embedder(Recipe("ladder_network", hidden=(16,)), dim=4, epochs=2, random_state=0).fit(x, y)
    learner: Any = model.model_
    with torch.no_grad():
        by_net = learner.predict(model.preparation_.rows(x).span(0, 120).input).exp()
    np.testing.assert_allclose(model.predict_proba(x), by_net.numpy(), atol=1e-5)
    assert model.transform(x).shape == (120, 4)


def test_a_label_that_is_known_does_not_change_what_is_told():
    """M2's code holds the label that it is given; its opinion is of the row alone."""
    x, y = blobs(60)
    model = Embedder(Recipe("m2", hidden=(16,)), dim=2, epochs=2, random_state=0).fit(x, y)
    wrong = (y + 1) % CLASSES
    assert (model.transform(x, wrong)[:, 2:].argmax(1) == wrong).all()
    told = model.transform(x)[:, 2:].argmax(1)
    np.testing.assert_array_equal(model.predict_proba(x).argmax(1), told)


@pytest.mark.parametrize("name", ["vae", "conditional_vae", "labelled_aae"])
def test_who_learns_no_classes_has_none_to_tell(name):
    model = Embedder(name)
    assert not hasattr(model, "predict") and not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError) as told:
        model.predict(np.zeros((2, 3)))
    assert f"{name} does not tell classes: ladder_network, gamma_model, m2" in str(told.value.__cause__)


def test_m1_and_m2_in_one_line():
    """M2 on the codes of a VAE that has seen no label: Kingma et al. 2014, section 2.3."""
    x, y = load_digits(return_X_y=True)
    known = np.where(np.arange(1200) < 100, y[:1200], -1)
    m1 = Embedder("vae", dim=10, epochs=60, random_state=0)
    m2 = Embedder(Recipe("m2", hidden=(64,)), dim=4, epochs=60, random_state=0)
    pipe = make_pipeline(m1, m2).fit(x[:1200], known)
    found = pipe.predict(x[1200:])
    blind = clone(pipe).fit(x[:1200], np.where(known >= 0, np.roll(known, 1), -1)).predict(x[1200:])
    right = [float((each == y[1200:]).mean()) for each in (found, blind)]
    assert right[0] > 0.7 and right[1] < 0.3, right  # control: labels of other rows
    np.testing.assert_allclose(pipe.predict_proba(x[1200:]).sum(1), 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipe)).predict(x[1200:]), found)
    np.testing.assert_array_equal(clone(pipe).fit(x[:1200], known).predict(x[1200:]), found)
    seen = pipe.inverse_transform(pipe.transform(x[1200:]))
    assert np.square(seen - x[1200:]).mean() < 0.9 * np.square(x[:1200].mean(0) - x[1200:]).mean()


def test_m2_reads_moved_pictures_and_rebuilds_them_in_their_place() -> None:
    x = torch.rand(9, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    moving = Recipe(shifts, target=False)
    model = m2((1, 6, 6), 2, (8,), classes=2, noise=1.0, corruption=moving)
    batch = Batch(x, x, {"labels": torch.arange(9) % 3 - 1})
    with seeded(1):
        expected = moving(1.0)(batch).input
    with seeded(1):
        trace = model(batch)
    assert torch.equal(trace.batch.input, expected) and not torch.equal(expected, x)
    assert torch.equal(trace.batch.target, x)
    model.eval()
    assert torch.equal(model(batch).batch.input, x)
    assert m2(36, 2, (8,)).corrupt is None  # of noise 0 there is none
