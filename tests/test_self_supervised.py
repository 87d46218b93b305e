"""Masked and contrastive autoencoders: what is hidden stays hidden, and terms against their closed forms."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus import Batch
from isthmus.corruptions import hide_patches
from isthmus.models import masked_autoencoder
from isthmus.nets import PatchDecoder, Patches, VisibleEncoder
from isthmus.terms import hidden_reconstruction, reconstruction
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

        def forward(self, x: Tensor, hidden: Tensor | None = None) -> Tensor:
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
