"""Masked and contrastive autoencoders: what is hidden stays hidden, and terms against their closed forms."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus import Batch, Recipe
from isthmus.corruptions import hide_patches, shifts
from isthmus.models import contrastive_autoencoder, contrastive_masked_autoencoder, masked_autoencoder
from isthmus.nets import PatchDecoder, Patches, VisibleEncoder
from isthmus.terms import barlow, hidden_reconstruction, info_nce, reconstruction, vicreg
from isthmus.terms.contrast import (
    cross_correlation,
    cross_entropy_of_pairs,
    projections,
    variance_and_covariance,
)
from isthmus.trace import Trace

SHAPES = [12, 13, 5, (1, 8, 8), (3, 9, 7)]


def rows(shape: int | tuple[int, ...], n: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *((shape,) if isinstance(shape, int) else shape), generator=generator)


def built(shape: int | tuple[int, ...], patch: int = 3, **options: object):
    with isthmus.seeded(0):
        return masked_autoencoder(shape, 8, patch, depth=2, heads=2, width=8, **options)  # type: ignore[arg-type]


# Patches


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_joining_undoes_cutting(shape, patch):
    x, grid = rows(shape), Patches.of(shape, patch)
    assert torch.equal(grid.join(grid.cut(x)), x)
    assert grid.cut(x).square().sum() == pytest.approx(float(x.square().sum()))


def test_a_patch_of_a_picture_is_the_square_that_unfold_finds():
    x = rows((3, 8, 12))
    expected = torch.nn.functional.unfold(x, 4, stride=4).transpose(1, 2)  # channels, rows, columns
    assert torch.equal(Patches.of((3, 8, 12), 4).cut(x), expected)


# What is hidden cannot influence the code


def influence(encoder: torch.nn.Module, shape: int | tuple[int, ...], patch: int) -> float:
    """How much a code moves when what is hidden becomes something else, even not a number."""
    x = rows(shape)
    with isthmus.seeded(1), torch.no_grad():
        hidden = hide_patches(patch)(Batch(x, x)).context["hidden"]
        other = torch.where(hidden, rows(shape, seed=9), x)
        return float((encoder(x, hidden=hidden) - encoder(other, hidden=hidden)).abs().max())


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_hidden_cannot_influence_the_code(shape):
    encoder = VisibleEncoder(shape, 2, 8, 2, 2).eval()
    assert influence(encoder, shape, 2) == 0.0


def test_control_hiding_after_the_first_layer_leaks():
    class Late(VisibleEncoder):
        """Control: all patches attend to each other, and the hidden ones are dropped from the code."""

        def forward(self, x: Tensor, hidden: Tensor | None = None, visible: int | None = None) -> Tensor:
            assert hidden is not None
            code = super().forward(x).unflatten(1, (-1, 8))
            gone = self.patches.cut(hidden).any(-1, keepdim=True)
            return torch.cat([code[:, :1], torch.where(gone, 0.0, code[:, 1:])], 1).flatten(1)

    assert influence(Late(12, 2, 8, 2, 2).eval(), 12, 2) > 1e-3


def test_a_row_reads_the_same_whatever_is_hidden_in_others():
    encoder, x = VisibleEncoder(12, 2, 8, 2, 2).double().eval(), rows(12).double()
    hidden = torch.zeros(6, 12, dtype=torch.bool)
    for row in range(6):
        hidden[row, : 2 * row] = True  # none to five of six patches
    with torch.no_grad():
        together = encoder(x, hidden=hidden)
        alone = torch.cat([encoder(x[i : i + 1], hidden=hidden[i : i + 1]) for i in range(6)])
        nothing = encoder(x[:1])
    torch.testing.assert_close(together, alone)
    torch.testing.assert_close(together[:1], nothing)


def test_places_are_told_apart():
    """Without places a transformer does not know in which order patches came."""
    encoder, x = VisibleEncoder(12, 2, 8, 2, 2).eval(), rows(12)
    turned = x.roll(2, 1)

    def tokens(x: Tensor) -> Tensor:
        with torch.no_grad():
            return encoder(x).unflatten(1, (-1, 8))[:, 1:]

    assert (tokens(turned) - tokens(x).roll(1, 1)).abs().max() > 1e-2
    encoder.place.zero_()
    torch.testing.assert_close(tokens(turned), tokens(x).roll(1, 1))


# The loss


@pytest.mark.parametrize("rate", [0.25, 0.75, 0.99])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_many_are_hidden_as_asked_and_never_all(shape, rate):
    x, grid = rows(shape), Patches.of(shape, 2)
    batch = hide_patches(2, rate)(Batch(x, x))
    hidden = batch.context["hidden"]
    gone = grid.cut(hidden).any(-1).sum(1)
    assert set(gone.tolist()) == {min(max(round(rate * grid.places), 1), grid.places - 1)}
    assert torch.equal(batch.input, torch.where(hidden, 0, x)) and torch.equal(batch.target, x)


def blind_to_visible(objective) -> bool:
    model = built(12)
    with isthmus.seeded(0), torch.no_grad():
        trace = model(Batch(rows(12), rows(12)), noisy=True)
    other = trace.batch.target + torch.where(trace.batch.context["hidden"], 0.0, 5.0)
    moved = trace._replace(batch=trace.batch._replace(target=other))
    return torch.equal(objective(model, trace), objective(model, moved))


def test_only_what_is_hidden_is_explained():
    assert blind_to_visible(hidden_reconstruction)


def test_control_the_whole_reconstruction_also_pays_for_what_was_read():
    assert not blind_to_visible(reconstruction)


def test_what_is_missing_is_not_explained_even_if_hidden():
    model, x = built(12), rows(12)
    observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(3)) < 0.5
    with isthmus.seeded(0), torch.no_grad():
        trace: Trace = model(Batch(x, x, {"observed": observed}), noisy=True)
    found = hidden_reconstruction(model, trace)
    asked = trace.batch.context["hidden"] & observed
    each = 0.5 * (trace.output.mean - x).square() + 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(found, torch.where(asked, each, 0.0).sum(1))


def test_without_a_mask_the_loss_says_what_is_missing():
    model = built(12)
    with pytest.raises(ValueError, match="hide_patches"):
        hidden_reconstruction(model, model(Batch(rows(12), rows(12)), noisy=False))
    with pytest.raises(ValueError, match="single patch"):
        hide_patches(4)(Batch(rows((1, 4, 4)), rows((1, 4, 4))))


# Targets in a patch's own units


def test_a_normalised_patch_knows_no_brightness_and_no_contrast():
    x, hide = rows((1, 9, 7)), partial(hide_patches(3, normalised=True))
    grid = Patches.of((1, 9, 7), 3)
    with isthmus.seeded(0):
        target = hide(Batch(x, x)).target
    with isthmus.seeded(0):
        stretched = hide(Batch(3 * x + 2, 3 * x + 2)).target
    torch.testing.assert_close(target, stretched, atol=1e-4, rtol=0)
    inside = grid.cut(target)[:, 0]  # a whole patch; those at the edge are smaller
    torch.testing.assert_close(inside.mean(1), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(inside.std(1), torch.ones(6), atol=1e-4, rtol=0)


def test_what_the_model_says_never_borrows_the_statistics_of_the_original():
    """Rows that differ only where nothing was read are told the same, in data units as in a patch's own."""
    for normalised in (False, True):
        model = built((1, 9, 7), normalised=normalised).eval()
        x = rows((1, 9, 7))
        with isthmus.seeded(0), torch.no_grad():
            hidden = hide_patches(3)(Batch(x, x)).context["hidden"]
            other = torch.where(hidden, 10 * rows((1, 9, 7), seed=4) + 7, x)
            said = [model(Batch(part, part, {"hidden": hidden})).output.mean for part in (x, other)]
        assert torch.equal(*said)


@pytest.mark.parametrize("explained", [12, 24, 17, 5])
def test_a_decoder_delivers_what_the_likelihood_asks_for(explained):
    decoder = PatchDecoder(12, explained, 3, 8, 8, 1, 2)
    assert decoder(torch.randn(2, 5 * 8)).shape == (2, explained)


# Contrastive terms, against their closed forms


def test_info_nce_of_codes_that_are_all_alike_is_the_log_of_the_others():
    a = torch.ones(5, 3)
    assert float(cross_entropy_of_pairs(a, 2 * a, 0.1)) == pytest.approx(math.log(9), abs=1e-5)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_info_nce_of_perfect_pairs_that_have_nothing_in_common(temperature):
    a = torch.eye(5)
    expected = math.log(1 + 8 * math.exp(-1 / temperature))  # one at cosine 1, eight at cosine 0
    assert float(cross_entropy_of_pairs(a, 3 * a, temperature)) == pytest.approx(expected, abs=1e-5)


def by_hand(a: Tensor, b: Tensor, temperature: float, itself: bool = False) -> float:
    """Equation 1 of SimCLR, pair by pair; `itself` is the classical bug of a view that may choose itself."""
    views, n, total = torch.cat([a, b]).tolist(), len(a), 0.0

    def similar(i: int, j: int) -> float:
        dot = sum(p * q for p, q in zip(views[i], views[j]))
        return math.exp(dot / math.hypot(*views[i]) / math.hypot(*views[j]) / temperature)

    for i in range(2 * n):
        others = sum(similar(i, j) for j in range(2 * n) if itself or j != i)
        total -= math.log(similar(i, (i + n) % (2 * n)) / others)
    return total / (2 * n)


def test_info_nce_pair_by_pair():
    a, b = rows(4, 7), rows(4, 7, seed=1)
    found = float(cross_entropy_of_pairs(a, b, 0.5))
    assert found == pytest.approx(by_hand(a, b, 0.5), rel=1e-5)
    assert found != pytest.approx(by_hand(a, b, 0.5, itself=True), rel=1e-2)


def whitened(n: int, d: int) -> Tensor:
    """n rows whose numbers have mean 0, variance 1 and no correlation."""
    x = torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.linalg.qr(x - x.mean(0)).Q * math.sqrt(n)


def test_barlow_of_whitened_and_equal_views_is_nothing():
    z = whitened(50, 4)
    assert float(cross_correlation(z, 3 * z + 1, 0.005)) == pytest.approx(0, abs=1e-6)
    assert float(cross_correlation(z, -z, 0.005)) == pytest.approx(4 * 4, abs=1e-3)  # (1 + 1)² each
    assert float(cross_correlation(z, torch.ones_like(z), 0.005)) == pytest.approx(4)  # collapsed: C = 0
    copies = z[:, :1].expand(-1, 4)
    assert float(cross_correlation(copies, copies, 0.005)) == pytest.approx(0.005 * 12, abs=1e-5)


def test_vicreg_of_whitened_codes_is_nothing_and_of_collapsed_ones_the_whole_lack():
    z = whitened(50, 4) * math.sqrt(49 / 50)  # unit variance, divided by n − 1
    lack, overlap = variance_and_covariance(z)
    assert float(lack) == pytest.approx(0, abs=1e-3) and float(overlap) == pytest.approx(0, abs=1e-9)
    lack, overlap = variance_and_covariance(torch.ones(50, 4))
    assert float(lack) == pytest.approx(0.99) and float(overlap) == 0  # 1 − sqrt(1e-4)
    copies = z[:, :1].expand(-1, 4)
    assert float(variance_and_covariance(copies)[1]) == pytest.approx(12 / 4)
    c = torch.cov(rows(4, 30).T)
    expected = (c - c.diag().diag()).square().sum() / 4
    assert float(variance_and_covariance(rows(4, 30))[1]) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize("contrast", [info_nce, barlow, vicreg])
def test_a_contrast_is_added_and_read_as_a_formula(contrast):
    with isthmus.seeded(0):
        model = contrastive_autoencoder(12, 3, (16,), contrast=contrast, weight=2.0)
    x = rows(12, 32)
    with isthmus.seeded(1):
        ((_, loss),) = model.losses(Batch(x, x), 0)
    inner = {"vicreg": ["invariance", "variance", "covariance"]}.get(contrast.__name__, [contrast.__name__])
    assert list(loss.values) == ["reconstruction", *inner]
    loss.total.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_views_are_two_and_the_second_is_read_whole():
    with isthmus.seeded(0):
        model = contrastive_masked_autoencoder(12, 8, 3).eval()
    x = rows(12)
    with isthmus.seeded(1), torch.no_grad():
        trace = model(Batch(x, x), noisy=True)
        a, b = projections(model, trace)
    view = trace.batch.context["view"]
    assert not torch.equal(view, trace.batch.input)
    with torch.no_grad():
        torch.testing.assert_close(b, model.encode(view).extra["projection"])
    assert not torch.allclose(a, b)


def test_a_contrast_without_views_says_what_to_do():
    model = masked_autoencoder(12, 8, 3, depth=1, heads=2, width=8)
    with pytest.raises(ValueError, match="two_views"):
        info_nce()(model, model(Batch(rows(12), rows(12)), noisy=True))


def test_shifted_pictures_are_rolled_ones_where_the_edge_is_empty():
    x = torch.zeros(40, 2, 9, 8)
    x[:, :, 3:6, 3:5] = torch.rand(40, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    with isthmus.seeded(0):
        batch = shifts(2)(Batch(x, x))
    moved = batch.input
    assert torch.equal(moved, batch.target)  # moved along: no damage
    rolled = torch.stack([x.roll((i, j), (2, 3)) for i in range(-2, 3) for j in range(-2, 3)])  # (25, b, …)
    matches = (rolled == moved).flatten(2).all(2)  # (25, b)
    assert matches.sum(0).eq(1).all() and matches.any(1).sum() > 12  # each is one of them, and they vary


def test_pictures_may_be_read_moved_and_rebuilt_in_their_place():
    x = torch.rand(40, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) > 0.2
    with isthmus.seeded(0):
        along = shifts(2)(Batch(torch.where(observed, x, 0.0), x, {"observed": observed}))
    with isthmus.seeded(0):
        alone = Recipe(shifts, target=False)(2.0)(Batch(x, x, {"observed": observed}))
    assert torch.equal(alone.input, along.input)  # a number, as a command line gives it, is as good
    assert torch.equal(alone.target, x) and torch.equal(alone.context["observed"], observed)


@pytest.mark.parametrize("target", [True, False])
def test_a_moved_view_is_not_cut_by_what_is_missing_elsewhere(target):
    """Each view lacks what it lacks: where the other one has gaps it is read."""
    x = torch.rand(40, 2, 9, 8, generator=torch.Generator().manual_seed(0))
    observed = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) > 0.2
    moving = Recipe(shifts, target=target)
    with isthmus.seeded(0), torch.no_grad():
        model = contrastive_autoencoder((2, 9, 8), 3, (8,), noise=2.0, corruption=moving).eval()
        trace = model(Batch(x, x, {"observed": observed}), noisy=True)
        _, found = projections(model, trace)
        view = trace.batch.context["view"]
        torch.testing.assert_close(found, model.encode(view).extra["projection"])
        cut = model.encode(view, observed=trace.batch.context["observed"])
    assert not torch.allclose(found, cut.extra["projection"])  # the control


def test_half_a_pixel_is_refused():
    for most in (0, 0.5, -1):
        with pytest.raises(ValueError, match=f"whole number of them, not {most}"):
            shifts(most)
