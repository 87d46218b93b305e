"""Quantisers against brute force, their gradients against explicit matrices, codes against enumeration."""

from __future__ import annotations

import copy
import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import isthmus
from isthmus import Autoencoder, Batch, Embedder, Recipe, Trace, fit
from isthmus.data import load
from isthmus.latents import (
    Codebook,
    FiniteScalar,
    LookupFree,
    Product,
    Quantised,
    Quantiser,
    Residual,
    Shares,
    kmeans,
    nearest,
    rotation,
    straight_through,
)
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.metrics import bits_per_dimension, code_length, codebook_use
from isthmus.models import fsq, lfq, residual_vq_vae, vq_vae, vq_vae_2
from isthmus.nets import convs
from isthmus.priors import Autoregressive
from isthmus.terms import codebook, commitment, corner_entropy, reconstruction
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


def settled(quantiser: Quantiser, x: Tensor, rounds: int = 30) -> Quantiser:
    for step in range(rounds):
        quantiser.follow(x, quantiser(x).indices, first=step == 0)
    return quantiser


def every() -> dict[str, Quantiser]:
    x = torch.randn(500, 4)
    made: dict[str, Quantiser] = {
        "codebook": Codebook(16, 4),
        "learned": Codebook(16, 4, ema=None),
        "residual": Residual([Codebook(8, 4), Codebook(4, 4)]),
        "product": Product([Codebook(8, 2), Codebook(4, 2)]),
        "grouped residual": Product([Residual([Codebook(8, 2), Codebook(4, 2)]) for _ in range(2)]),
        "finite scalar": FiniteScalar((8, 5, 4, 3)),
        "lookup-free": LookupFree(4),
    }
    return {name: settled(quantiser, x) for name, quantiser in made.items()}


# One contract


@pytest.mark.parametrize("name", every())
def test_the_contract(name):
    quantiser, x = every()[name], torch.randn(300, 4)
    before, found, indices = quantiser(x)
    assert found.shape == (300, quantiser.depth, 4) and indices.shape == (300, len(quantiser.levels))
    assert bool((indices >= 0).all()) and bool((indices < torch.tensor(quantiser.levels)).all())
    near(quantiser.look_up(indices), found[:, -1].detach(), atol=1e-6)
    assert quantiser.bits == pytest.approx(math.log2(math.prod(quantiser.levels)))
    state = copy.deepcopy(quantiser.state_dict())
    quantiser(x)
    assert all(torch.equal(state[key], value) for key, value in quantiser.state_dict().items())


@pytest.mark.parametrize("name", every())
def test_names_are_the_inverse_of_looking_up(name):
    quantiser = every()[name]
    all_of_them = torch.cartesian_prod(*map(torch.arange, quantiser.levels)).view(-1, len(quantiser.levels))
    vectors = quantiser.look_up(all_of_them)
    assert len(vectors.unique(dim=0)) == math.prod(quantiser.levels)  # and each has a vector of its own
    if "residual" not in name:
        assert torch.equal(quantiser.name(vectors), all_of_them)
        return
    sent = quantiser(torch.randn(500, 4)).indices  # of those that are sent, nearly all come back
    again = quantiser.name(quantiser.look_up(sent))
    assert (sent == again).all(1).float().mean() > 0.7


@pytest.mark.parametrize("name", ["codebook", "product", "lookup-free"])
def test_the_choice_is_the_nearest_of_all_vectors(name):
    quantiser, x = every()[name], torch.randn(300, 4)
    all_of_them = torch.cartesian_prod(*map(torch.arange, quantiser.levels)).view(-1, len(quantiser.levels))
    vectors = quantiser.look_up(all_of_them)
    best = torch.cdist(x, vectors).argmin(1)
    near(quantiser(x).nearest[:, -1].detach(), vectors[best], atol=1e-6)


# Searching


class Largest(TorchDispatchMode):
    """How many elements the largest tensor had that any operation made."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else [result]:
            if isinstance(each, Tensor):
                self.elements = max(self.elements, each.numel())
        return result


@pytest.mark.parametrize("most", [1, 7, 50, 64, 1000, 10**7])
def test_the_search_finds_the_nearest_with_no_more_distances_at_a_time_than_it_may(most):
    x, entries = torch.randn(300, 3, **DOUBLE), torch.randn(50, 3, **DOUBLE)
    expected = torch.cdist(x, entries).argmin(1)
    with Largest() as seen:
        found = nearest(x, entries, most)
    assert torch.equal(found, expected)
    assert seen.elements <= max(most, 300 * 3)  # distances, or the vectors themselves


def test_the_default_never_holds_a_table_that_does_not_fit():
    x, entries = torch.randn(40_000, 2), torch.randn(1000, 2)
    with Largest() as seen:
        nearest(x, entries)
    assert seen.elements <= 2**22 < 40_000 * 1000
    with Largest() as control:
        torch.cdist(x[:10_000], entries).argmin(1)
    assert control.elements == 10_000 * 1000


def test_of_equals_the_first_is_taken_and_distance_from_zero_costs_no_digits():
    twice = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    for most in (1, 2, 3, 100):
        assert nearest(torch.tensor([[0.9], [0.2]]), twice, most).tolist() == [0, 1]
    x, entries = torch.randn(500, 4), torch.randn(64, 4)
    far = 1e4
    expected = torch.cdist((x + far).double(), (entries + far).double()).argmin(1)
    assert (nearest(x + far, entries + far) == expected).float().mean() > 0.99
    careless = torch.addmm((entries + far).square().sum(1), x + far, (entries + far).T, alpha=-2).argmin(1)
    assert (careless == expected).float().mean() < 0.9  # the control: ‖e‖² − 2 x·e, as it is often written


def test_kmeans_finds_clusters_that_are_there_and_takes_fewer_rows_than_centres():
    middles = 10 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x = middles.repeat(50, 1) + 0.1 * torch.randn(200, 2)
    found = min(
        (kmeans(x, 4) for _ in range(10)), key=lambda c: float(torch.cdist(x, c).min(1).values.square().sum())
    )
    assert torch.cdist(middles, found).min(1).values.max() < 0.1
    few = kmeans(torch.randn(3, 2), 8)
    assert len(few.unique(dim=0)) == 8


# Gradients


def traced(latent: Quantised, features: Tensor) -> Trace:
    return Trace(
        Batch(features, features), features, latent(features, True), gaussian(features.shape[1])(features)
    )


def test_the_gradient_at_the_features_is_the_decoders_plus_the_commitments():
    latent = Quantised(Codebook(8, 3), positions=2).double()
    features = torch.randn(5, 6, **DOUBLE, requires_grad=True)
    trace = traced(latent, features)
    slope = torch.randn(5, 6, **DOUBLE)  # of a loss by the quantised code
    loss = (trace.code.z * slope).sum() + 0.25 * commitment(None, trace).sum()
    (ours,) = torch.autograd.grad(loss, features)
    near(ours, slope + 0.5 * (features - trace.code.z).detach(), rtol=1e-12)


def test_a_running_codebook_gets_no_gradient_and_a_learned_one_only_from_its_term():
    assert not any("entries" in name for name, _ in vq_vae(6, 8, (8,)).named_parameters())
    assert repr(vq_vae(6, 8, (8,), ema=None).objective) == "reconstruction + codebook + 0.25 * commitment"
    latent = Quantised(Codebook(8, 3, ema=None), positions=2).double()
    entries = latent.get_parameter("places.quantiser.entries")
    features = torch.randn(5, 6, **DOUBLE, requires_grad=True)
    trace = traced(latent, features)
    both = commitment(None, trace).sum() + trace.code.z.sum()
    assert torch.autograd.grad(both, entries, allow_unused=True, retain_graph=True) == (None,)
    slopes = torch.autograd.grad(codebook(None, trace).sum(), [entries, features], allow_unused=True)
    by_hand = torch.zeros(8, 3, **DOUBLE)
    vectors = trace.code.extra["before"].detach().flatten(0, 1)
    for index, vector in zip(trace.code.extra["indices"].flatten(), vectors):
        by_hand[index] += 2 * (entries[index].detach() - vector)
    near(slopes[0], by_hand)
    assert slopes[1] is None


def test_each_residual_book_learns_of_its_own_residual():
    books = [Codebook(4, 2, ema=None), Codebook(4, 2, ema=None)]
    latent = Quantised(Residual(books)).double()
    features = torch.randn(7, 2, **DOUBLE)
    trace = traced(latent, features)
    entries = [book.get_parameter("entries") for book in books]
    slopes = torch.autograd.grad(codebook(None, trace).sum(), entries)
    left = features
    for book, index, slope in zip(books, trace.code.extra["indices"].T, slopes):
        by_hand = torch.zeros(4, 2, **DOUBLE)
        for i, row in zip(index, left):
            by_hand[i] += 2 * (book.entries[i].detach() - row)
        near(slope, by_hand)
        left = left - book.entries[index].detach()
    sums = trace.code.extra["nearest"][:, 0].detach()  # (b, 2, w)
    near(commitment(None, trace), (features[:, None] - sums).square().sum((1, 2)))


def test_the_rotation_is_one_and_keeps_the_angle_of_the_gradient():
    x = torch.randn(20, 5, **DOUBLE, requires_grad=True)
    q = torch.randn(20, 5, **DOUBLE)
    z = rotation(x, q)
    assert torch.equal(z, q)
    slope = torch.randn(20, 5, **DOUBLE)
    (ours,) = torch.autograd.grad((z * slope).sum(), x)
    for i in range(20):
        a, b = x[i].detach() / x[i].detach().norm(), q[i] / q[i].norm()
        # a rotation in the plane of a and b, built another way: by its action on a basis of the space
        plane = torch.linalg.qr(torch.stack([a, b], 1)).Q
        plane = plane * torch.sign(plane[:, 0] @ a)
        cosine = a @ b
        side = (b - cosine * a) / (b - cosine * a).norm()
        turn = torch.eye(5, **DOUBLE) - torch.outer(a, a) - torch.outer(side, side)
        sine = b @ side
        turn += torch.outer(cosine * a + sine * side, a) + torch.outer(cosine * side - sine * a, side)
        near(turn @ turn.T, torch.eye(5, **DOUBLE))
        near(ours[i], (q[i].norm() / x[i].detach().norm()) * turn.T @ slope[i])
        near(torch.cosine_similarity(ours[i], a, dim=0), torch.cosine_similarity(slope[i], b, dim=0))
    (straight,) = torch.autograd.grad((straight_through(x, q) * slope).sum(), x)
    assert torch.equal(straight, slope)  # the control: this one keeps no angle
    assert (torch.cosine_similarity(straight, x) - torch.cosine_similarity(slope, q)).abs().max() > 0.1


def test_opposite_and_vanishing_vectors_can_be_rotated():
    x = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    z = rotation(x, torch.tensor([[-1.0, 0.0], [1.0, 2.0]]))
    z.sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


# Books that follow


def test_the_running_codebook_by_hand():
    book = Codebook(3, 2, ema=0.9, revive=0.0, start=None, eps=0.0).double()
    before = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 5.0]], **DOUBLE)
    book.entries.copy_(before)
    book.sums.copy_(before)
    x = torch.tensor([[0.1, 0.0], [0.9, 0.2], [1.1, 0.0]], **DOUBLE)
    choice = book(x)
    near(choice.nearest[:, 0], before[[0, 1, 1]])
    book.follow(x, choice.indices, first=True)
    counts = torch.tensor([0.9 + 0.1, 0.9 + 0.2, 0.9], **DOUBLE)
    sums = 0.9 * before + 0.1 * torch.tensor([[0.1, 0.0], [2.0, 0.2], [0.0, 0.0]], **DOUBLE)
    near(book.counts, counts)
    near(book.entries, sums / counts[:, None])


def test_with_a_short_memory_the_running_means_are_lloyds_iterations():
    x = torch.randn(400, 2, **DOUBLE)
    book = Codebook(6, 2, ema=1e-9, revive=0.0, start=None, eps=0.0).double()
    book.entries.copy_(x[:6])
    centres = x[:6].clone()
    for _ in range(5):
        book.follow(x, book(x).indices, first=False)
        chosen = torch.cdist(x, centres).argmin(1)
        centres = torch.stack([x[chosen == i].mean(0) for i in range(6)])
        near(book.entries, centres, rtol=1e-6, atol=1e-6)


def moved(model: Autoencoder, x: Tensor) -> bool:
    before = model.latent.get_buffer("places.quantiser.entries").clone()
    list(model.losses(Batch(x, x), 1))
    return not torch.equal(before, model.latent.get_buffer("places.quantiser.entries"))


def test_the_codebook_moves_when_the_player_has_and_nowhere_else():
    model, x = vq_vae(6, 8, (8,), width=2, positions=2), torch.randn(50, 6)
    entries = model.latent.get_buffer("places.quantiser.entries")
    before = copy.deepcopy(model.state_dict())
    turns = model.train().losses(Batch(x, x), 1)
    next(turns)
    model(Batch(x, x))
    model.encode(x)
    model.latent.fit_prior(model.encode(x).z)
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"latent.prior.shares"}  # what was asked for
    assert list(turns) == [] and not torch.equal(entries, before["latent.places.quantiser.entries"])
    assert moved(model, x)
    assert not moved(model.eval(), x)
    fit(model, x, epochs=1, held_out=0.5, progress=False)
    before = copy.deepcopy(model.state_dict())
    isthmus.evaluate(model, x)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("revive", [0.1, 0.0])
@pytest.mark.parametrize("ema", [0.99, None])
def test_dead_entries_are_revived_and_without_that_they_stay_dead(revive, ema):
    book = Codebook(16, 2, ema=ema, revive=revive)
    near_by = torch.randn(200, 2)
    far = near_by + torch.tensor([100.0, 0.0])  # the data move: whoever is nearest follows, all others die
    for step in range(1500):
        x = near_by if step < 20 else far
        book.follow(x, book(x).indices, first=step == 0)
        if ema is None:  # what a step along the term `codebook` does
            with torch.no_grad():
                found = book(x).indices[:, 0]
                for i in found.unique():
                    book.entries[i] += 0.2 * (x[found == i].mean(0) - book.entries[i])
    used = codebook_use(book(far).indices.numpy(), 16)
    assert used.perplexity > 8 if revive else used.perplexity < 4


def test_it_starts_at_kmeans_once_and_training_on_does_not_start_again():
    x = torch.randn(300, 2)
    book = Codebook(8, 2)
    assert torch.cdist(x, book.entries).min(1).values.square().mean() > 0.3
    book.follow(x, book(x).indices, first=True)
    error = torch.cdist(x, book.entries).min(1).values.square().mean()
    assert error < 1.25 * torch.cdist(x, kmeans(x, 8, 100)).min(1).values.square().mean()
    entries = book.entries.clone()
    book.follow(x, book(x).indices, first=True)
    assert (book.entries - entries).abs().max() < 0.1


def test_a_residual_book_starts_at_what_the_ones_before_left():
    x = 5 + torch.randn(500, 3)
    both = Residual([Codebook(8, 3), Codebook(8, 3)])
    both.follow(x, both(x).indices, first=True)
    one, two = ((x - both(x).nearest[:, i]).square().sum(1).mean() for i in range(2))
    assert two < 0.7 * one
    both.parts[1].get_buffer("entries").copy_(kmeans(x, 8))  # the control: a second book that starts at x
    assert (x - both(x).nearest[:, 1]).square().sum(1).mean() > one


def test_names_that_are_equal_in_number_cost_less_in_parts():
    """At equal bits one book of 64 is the best quantiser, two of 8 entries nearly as good for 16 entries."""
    x = torch.randn(4000, 4)
    errors = {
        name: float((x - settled(quantiser, x, 60)(x).nearest[:, -1].detach()).square().sum(1).mean())
        for name, quantiser in {
            "one": Codebook(64, 4, ema=0.5),
            "product": Product([Codebook(8, 2, ema=0.5), Codebook(8, 2, ema=0.5)]),
            "residual": Residual([Codebook(8, 4, ema=0.5), Codebook(8, 4, ema=0.5)]),
            "half the bits": Codebook(8, 4, ema=0.5),
        }.items()
    }
    assert errors["one"] < min(errors["product"], errors["residual"])
    assert max(errors["product"], errors["residual"]) < 0.8 * errors["half the bits"]


# Lattices


def test_finite_scalars_are_rounded_evenly_around_zero():
    for levels in ((3,), (4,), (5,), (8,)):
        quantiser = FiniteScalar(levels)
        x = torch.linspace(-8, 8, 20001)[:, None]
        before, found, indices = quantiser(x)
        assert indices.unique().tolist() == list(range(levels[0]))  # all levels can be reached
        assert bool((indices.diff(dim=0) >= 0).all())
        assert (before - found[:, 0]).abs().max() * (levels[0] // 2) <= 0.5
        near(quantiser(torch.zeros(1, 1)).before, torch.zeros(1, 1), atol=1e-6)
    half = (4 - 1) * (1 - 1e-3) / 2  # the control: without an offset a level of an even number is lost
    assert len((torch.tanh(torch.linspace(-8, 8, 20001)) * half).round().unique()) == 3


def test_the_gradient_of_a_finite_scalar_is_that_of_its_bound():
    x = torch.randn(9, 3, **DOUBLE, requires_grad=True)
    latent = Quantised(FiniteScalar((8, 5, 4))).double()
    (ours,) = torch.autograd.grad(latent(x, True).z.sum(), x)
    half = (1 - 1e-3) * (torch.tensor([8.0, 5.0, 4.0], **DOUBLE) - 1) / 2
    shift = torch.atanh(torch.tensor([0.5, 0.0, 0.5], **DOUBLE) / half)
    middle = torch.tensor([4.0, 2.0, 2.0], **DOUBLE)
    near(ours, (1 - torch.tanh(x + shift).square()) * half / middle, rtol=1e-9)


def test_corner_entropy_against_all_corners():
    """It is equation 4 of the paper; signs that are balanced but say the same gain one bit, not three."""
    for width in (1, 3):
        latent = Quantised(LookupFree(width), positions=2).double()
        features = torch.randn(50, 2 * width, **DOUBLE)
        ours = corner_entropy(0.7)(None, traced(latent, features))
        corners = 2 * torch.cartesian_prod(*[torch.arange(2)] * width).view(-1, width).double() - 1
        vectors = latent(features, True).extra["before"].flatten(0, 1)
        q = (-torch.cdist(vectors, corners).square() / 0.7).softmax(1)
        each = torch.special.entr(q).sum(1).view(50, 2).sum(1).mean()
        together = 2 * torch.special.entr(q.mean(0)).sum()
        near(ours, each - together, rtol=1e-9)
    alike = torch.full((50, 6), 3.0, **DOUBLE)  # sure, but always the same sign: nothing is gained
    balanced = alike * (2 * (torch.arange(50) % 2)[:, None] - 1)
    latent = Quantised(LookupFree(3), positions=2).double()
    assert corner_entropy()(None, traced(latent, alike)).abs() < 1e-3
    near(corner_entropy()(None, traced(latent, balanced)), -2 * math.log(2), rtol=1e-3)
    free = 3.0 * (2 * (torch.arange(64)[:, None] // 2 ** torch.arange(6) % 2) - 1).double()
    near(corner_entropy()(None, traced(latent, free)), -6 * math.log(2), rtol=1e-3)


# Maps of codes


def test_a_convolutional_map_is_quantised_place_by_place():
    latent = Quantised(Codebook(16, 3), positions=20)
    picture = torch.randn(2, 3, 4, 5)
    code = latent(picture.flatten(1), False)
    vectors = picture.permute(0, 2, 3, 1).reshape(-1, 3)  # a vector a place
    book = latent.get_buffer("places.quantiser.entries")
    chosen = torch.cdist(vectors, book).argmin(1)
    assert torch.equal(code.extra["indices"], chosen.view(2, 20))
    near(code.z.view(2, 3, 4, 5), book[chosen].view(2, 4, 5, 3).permute(0, 3, 1, 2), atol=1e-6)
    assert torch.equal(latent.name(code.z), code.extra["indices"])
    near(latent.look_up(code.extra["indices"]), code.z)


def test_what_moves_in_the_picture_moves_in_the_map_of_indices():
    nets = Recipe(convs, spatial=True)
    model = vq_vae((1, 16, 16), 16, (8, 8), width=4, positions=(4, 4), nets=nets).eval()
    x = torch.zeros(1, 1, 16, 16)
    x[..., 4:8, 4:8] = torch.randn(4, 4)
    one, other = (model.encode(each).extra["indices"].view(4, 4) for each in (x, x.roll((4, 4), (2, 3))))
    assert torch.equal(one[1:3, 1:3], other[2:4, 2:4])


def test_two_levels_name_and_look_up_and_the_bottom_knows_the_top():
    cases: list[dict[str, Any]] = [
        {"hidden": (8,), "positions": 6, "top_positions": 2},
        {
            "hidden": (4,),
            "positions": (4, 4),
            "top_positions": (2, 2),
            "top_hidden": (4,),
            "nets": Recipe(convs, spatial=True),
        },
    ]
    for options in cases:
        shape = (1, 8, 8) if "nets" in options else 12
        model = vq_vae_2(shape, 16, width=4, **options).eval()
        latent: Any = model.latent
        x = torch.randn(5, *(shape if isinstance(shape, tuple) else (shape,)))
        code = model.encode(x)
        assert torch.equal(latent.name(code.z), code.extra["indices"])
        near(latent.look_up(code.extra["indices"]), code.z, atol=1e-6)
        assert len(set(latent.books)) == 2 and code.extra["indices"].shape[1] == len(latent.levels)
        features = model.encoder(x).detach()
        with torch.no_grad():
            before = latent(features, False).extra["before"]
            latent.top.quantiser.entries.mul_(5).add_(1)
            after = latent(features, False).extra["before"]
        top = latent.top.positions
        assert torch.equal(before[:, :top], after[:, :top])
        assert not torch.allclose(before[:, top:], after[:, top:])


# Metrics


def test_use_of_a_known_book():
    assert codebook_use(np.array([[0, 1], [2, 0], [1, 2]]), 4) == (4, 3, pytest.approx(3.0))
    assert codebook_use(torch.tensor([5, 5]), 8)[1:] == (1, pytest.approx(1.0))
    assert codebook_use([0] * 3 + [1], 2).bits == pytest.approx(2 - 0.75 * math.log2(3))
    for wrong in ([4], [-1], [], [0.5]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 3"):
            codebook_use(wrong, 4)


@pytest.mark.parametrize("prior", [Shares, Recipe(Autoregressive, width=8, layers=1, heads=2, epochs=5)])
def test_rate_and_distortion_bound_the_likelihood_which_is_summed_over_all_codes(prior):
    model = vq_vae(5, 3, (8,), width=2, positions=3, likelihood=bernoulli, prior=prior)
    x = (torch.rand(64, 5) < torch.rand(5)).float()
    fit(model, x, epochs=20, progress=False)
    latent: Any = model.latent
    uniform = code_length(model, x)
    assert uniform.most == pytest.approx(3 * math.log(3))
    latent.fit_prior(model.encode(x).z)
    length = code_length(model, x)
    codes = torch.cartesian_prod(*[torch.arange(3)] * 3)
    with torch.no_grad():
        log_p = latent.prior.log_prob(codes)
        near(log_p.logsumexp(0), 0.0, atol=1e-5)
        each = torch.stack([model.decode(z.expand(64, -1)).log_prob(x) for z in latent.look_up(codes)])
        exact = -float((log_p[:, None] + each).logsumexp(0).mean())
    assert exact <= length.bound + 1e-5
    assert length.rate < uniform.most and length.bound < uniform.bound
    assert bits_per_dimension(-length.bound, 5) == pytest.approx(length.bound / 5 / math.log(2))
    with pytest.raises(TypeError, match="Gaussian is not"):
        code_length(isthmus.models.vae(5, 2, (8,)), x)


# Priors over indices


def test_an_autoregressive_prior_is_a_distribution_and_samples_from_it():
    prior = Autoregressive([2, 3, 2, 3], [0, 1, 0, 1], width=16)
    for parameter in prior.parameters():
        parameter.data.normal_(0, 0.3)
    codes = torch.tensor(list(itertools.product(range(2), range(3), range(2), range(3))))
    p = prior.log_prob(codes).exp()
    near(p.sum(), 1.0, rtol=1e-5)
    assert float(p.max() / p.min()) > 2  # far from uniform, so that the next lines say something
    drawn = prior.sample(20_000)
    seen = torch.stack([(drawn == code).all(1).double().mean() for code in codes])
    assert bool(((seen - p).abs() < 4 * (p * (1 - p) / 20_000).sqrt()).all())


def test_nobody_looks_ahead_and_everybody_looks_back():
    prior = Autoregressive([4] * 6, [0, 0, 1, 1, 2, 2], width=16)
    for parameter in prior.parameters():
        parameter.data.normal_(0, 0.3)
    whole = torch.randint(4, (1, 5))
    for i in range(5):
        other = whole.clone()
        other[0, i] = (other[0, i] + 1) % 4
        same = [bool(torch.allclose(a, b, atol=1e-6)) for a, b in zip(prior(whole)[0], prior(other)[0])]
        assert same == [True] * (i + 1) + [False] * (5 - i)
    near(prior(whole)[:, :3], prior(whole[:, :2]), atol=1e-5)  # what a sampler asks is what was trained


def test_it_learns_a_chain_to_its_entropy_rate_and_shares_cannot():
    stay, length = 0.9, 8

    def chain(n: int) -> Tensor:
        moves = torch.cat([torch.randint(2, (n, 1)), (torch.rand(n, length - 1) > stay).long()], 1)
        return moves.cumsum(1) % 2

    train_rows, test_rows = chain(4000), chain(4000)
    entropy = math.log(2) - (length - 1) * (stay * math.log(stay) + (1 - stay) * math.log(1 - stay))
    prior = Autoregressive([2] * length, [0] * length, width=16, layers=1, heads=2, epochs=8)
    prior.fit(train_rows)
    assert not any(parameter.requires_grad for parameter in prior.parameters())
    apart = Shares([2] * length, [0] * length)
    apart.fit(train_rows)
    learned, independent = (-float(each.log_prob(test_rows).mean()) for each in (prior, apart))
    assert learned < entropy + 0.1
    assert independent > length * math.log(2) - 0.01  # the control: each place alone is a fair coin


def test_shares_by_hand():
    shares = Shares([2, 3], [0, 1])
    near(shares.log_prob(torch.tensor([[1, 2]])).exp(), [1 / 6])
    shares.fit(torch.tensor([[0, 2], [0, 1]]))
    near(shares.shares, [[2.5 / 3, 0.5 / 3, 0], [0.5 / 3.5, 1.5 / 3.5, 1.5 / 3.5]])
    drawn = shares.sample(1000)
    assert int(drawn[:, 0].max()) == 1 and int(drawn[:, 1].max()) == 2


# As methods


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("vq_vae", gradient=rotation),
        Recipe("vq_vae", ema=None),
        Recipe("residual_vq_vae"),
        Recipe("product_vq_vae"),
        Recipe("fsq"),
        Recipe("lfq"),
        Recipe("vq_vae_2"),
        Recipe("vq_vae", size=16, prior=Recipe(Autoregressive, width=16, layers=1, heads=2, epochs=2)),
    ],
    ids=lambda recipe: "-".join([recipe.name, *recipe.arguments]),
)
def test_on_digits_each_beats_the_mean_is_saved_and_samples(recipe, tmp_path):
    digits = load("digits")
    x, y = digits.train.x[:600], digits.test.x[:200]
    embedder = Embedder(recipe, epochs=15, random_state=0).fit(x)
    error = ((embedder.reconstruct(y) - y) ** 2).mean() / ((y - x.mean(0)) ** 2).mean()
    assert error < 0.75
    embedder.save(tmp_path)
    again = Embedder.load(tmp_path)
    assert np.array_equal(again.transform(y), embedder.transform(y))
    assert np.array_equal(again.sample(5, random_state=1), embedder.sample(5, random_state=1))
    twin = Embedder(recipe, epochs=15, random_state=0).fit(x)
    assert np.array_equal(twin.sample(5, random_state=1), embedder.sample(5, random_state=1))


def test_what_makes_no_sense_is_refused():
    for wrong, says in {
        lambda: Codebook(1, 4): "two entries",
        lambda: Codebook(8, 4, ema=1.0): "between 0 and 1",
        lambda: FiniteScalar((8, 2)): "three levels or more",
        lambda: LookupFree(30): "from 1 to 24",
        lambda: Residual([Codebook(4, 2), Codebook(4, 3)]): "of one width",
        lambda: Product([]): "at least one",
        lambda: Product([Codebook(4, 2), Residual([Codebook(4, 2)] * 2)]): "as many stages",
        lambda: Quantised(Codebook(4, 2), positions=0): "at least one position",
        lambda: isthmus.models.product_vq_vae(6, 8, (8,), groups=3): "3 groups",
        lambda: Autoregressive([2], [0], width=6, heads=4): "heads",
    }.items():
        with pytest.raises(ValueError, match=says):
            wrong()
    model = isthmus.models.autoencoder(4, 2, (8,))
    model.objective = isthmus.Objective.of(reconstruction + commitment)
    with pytest.raises(ValueError, match="needs a quantised code"):
        list(train(model, [Batch(torch.randn(4, 4), torch.randn(4, 4))]))


def test_a_prior_is_part_of_the_description():
    model = fsq(6, (3, 3), (8,), prior=Recipe(Autoregressive, width=8))
    assert model.recipe is not None
    again = Recipe.read(json.loads(json.dumps(model.recipe.describe())))()
    again.load_state_dict(model.state_dict())
    assert isinstance(again.latent.prior, Autoregressive)
    assert isinstance(lfq(6, 3, (8,)).latent.prior, nn.Module)
    deep: Any = residual_vq_vae(6, 8, (8,), depth=3, positions=2).latent
    assert len(deep.levels) == 6
