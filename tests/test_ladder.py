"""The ladder network: its parts by hand, what it may not depend on, and that unlabelled rows help."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

import isthmus
from isthmus import Batch
from isthmus.data import two_streams
from isthmus.models import LadderNetwork, gamma_model, ladder_network
from isthmus.nets import conv_floors, dense_floors
from isthmus.nets.ladder import EPS, Combinator, LadderNet, normalised
from isthmus.terms import warmup
from isthmus.training import adam, train


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def small(**options: object) -> LadderNetwork:
    arguments: dict = {"dim": 5, "hidden": (7,), "classes": 3, "costs": (3.0, 2.0, 0.5), **options}
    return ladder_network(6, **arguments).double()


def rows(n: int, labelled: int) -> Batch:
    x = torch.randn(n, 6).double()
    return Batch(x, x, {"labels": torch.where(torch.arange(n) < labelled, torch.arange(n) % 3, -1)})


def values(model: LadderNetwork, batch: Batch, noise: float | None = None) -> dict[str, Tensor]:
    model.noise = model.noise if noise is None else noise
    return model.objective(model, model.passes(batch, 0)[0]).means


def test_the_combinator_by_hand_and_at_the_optimum_of_a_gaussian():
    combine = Combinator((4,)).double()
    z, u = torch.randn(2, 9, 4).double()
    with torch.no_grad():
        assert not combine(z, u).any()  # as in the authors' code
        torch.testing.assert_close(Combinator((4,), lateral=1.0).double()(z, u), z)
        combine.a.normal_()
        a = combine.a.numpy()
    sigmoid = lambda t: 1 / (1 + np.exp(-t))  # noqa: E731
    for column in range(4):
        b, zc, uc = a[:, column], z[:, column].numpy(), u[:, column].numpy()
        mu = b[0] * sigmoid(b[1] * uc + b[2]) + b[3] * uc + b[4]
        v = b[5] * sigmoid(b[6] * uc + b[7]) + b[8] * uc + b[9]
        np.testing.assert_allclose(combine(z, u)[:, column].detach(), (zc - mu) * v + mu)
    # z ~ N(2 u, 0.5²) and noise of 0.3: the best estimate has μ = 2 u, v = 0.25 / (0.25 + 0.09)
    combine = Combinator((1,))
    optimizer = torch.optim.Adam(combine.parameters(), 0.05)  # once v is near 1, μ is slow
    for _ in range(2500):
        u = torch.randn(512, 1)
        clean = 2 * u + 0.5 * torch.randn(512, 1)
        loss = (combine(clean + 0.3 * torch.randn(512, 1), u) - clean).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        u = torch.randn(20_000, 1)
        clean = 2 * u + 0.5 * torch.randn(20_000, 1)
        error = float((combine(clean + 0.3 * torch.randn(20_000, 1), u) - clean).square().mean())
    best = 0.25 * 0.09 / 0.34  # the belief alone leaves 0.25, what came from beside 0.09
    assert 0.95 * best < error < 1.1 * best


def test_parts_of_a_batch_are_normalised_apart():
    x = torch.cat([torch.randn(40, 3) * 5 + 2, torch.randn(60, 3)]).double()
    apart, mean, deviation = normalised(x, [40, 60])
    for part in (apart[:40], apart[40:]):
        torch.testing.assert_close(part.mean(0), torch.zeros(3).double(), atol=1e-9, rtol=0)
        torch.testing.assert_close(part.std(0, correction=0), torch.ones(3).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(apart * deviation + mean, x)
    together, _, _ = normalised(x, [100])
    assert together[:40].std() > 1.3  # control


def test_the_cost_of_a_floor_by_hand():
    model, batch = small(), rows(50, 0)
    with torch.no_grad():
        for parameter in model.net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        found = values(model, batch, 0.0)
        net, x = model.net, batch.input
        clean = net.climb(x, 0.0, [50])
        estimates = net.descend(clean)
        for floor in range(4):
            h = x
            for below in range(1, floor):
                h = net.activated(clean.z[below], below)
            before = F.linear(h, list(net.up.parameters())[floor - 1]) if floor else x
            m = before.mean(0) if floor else torch.zeros(6)
            s = before.std(0, correction=0) if floor else torch.ones(6)
            z = (before - m) / s
            by_hand = (z - (estimates[floor] - m) / s).square().sum(1).mean() / z.shape[1]
            torch.testing.assert_close(found[f"denoising_{floor}"], by_hand, rtol=1e-4, atol=1e-6)
            unscaled = (z - estimates[floor]).square().sum(1).mean() / z.shape[1]
            if floor:  # control: without the statistics of the clean way
                assert abs(float(unscaled - by_hand)) > 1e-3
    assert repr(model.objective) == (
        "classification + 3.0 * denoising_0 + 2.0 * denoising_1 + 0.5 * denoising_2 + 0.5 * denoising_3"
    )


def test_order_of_rows_and_labels_that_are_not_known_do_not_matter():
    model, batch = small(), rows(100, 40)
    found = values(model, batch, 0.0)
    order = torch.randperm(100)
    labels = batch.context["labels"]
    turned = Batch(batch.input[order], batch.target[order], {"labels": labels[order]})
    nan = torch.where(labels < 0, torch.nan, labels.double())
    for other in (turned, batch._replace(context={"labels": nan})):
        for name, value in values(model, other, 0.0).items():
            torch.testing.assert_close(value, found[name])
    wrong = torch.where(labels < 0, 2, labels)  # control: as if −1 were a class
    misled = values(model, batch._replace(context={"labels": wrong}), 0.0)["classification"]
    assert not torch.allclose(misled, found["classification"])


def test_noise_is_on_every_floor_and_only_in_the_corrupted_way():
    net = LadderNet(6, dense_floors(6, (), 7, 3)).double()
    x = torch.randn(2000, 6).double()
    clean, corrupted = net.climb(x, 0.0, [2000]), net.climb(x, 0.3, [2000])
    assert torch.equal(clean.logits, net.climb(x, 0.0, [2000]).logits)
    assert float((corrupted.z[0] - x).std()) == pytest.approx(0.3, rel=0.05)
    silent = net.climb(corrupted.z[0], 0.0, [2000])
    assert float((corrupted.z[1] - silent.z[1]).detach().std()) == pytest.approx(0.3, rel=0.05)


def test_at_rest_it_uses_what_training_batches_were_like():
    model, batch = small(), rows(400, 0)
    model.train()
    for _ in range(100):
        list(model.losses(batch, 0))  # nobody moves a parameter
    clean = model.net.climb(batch.input, 0.0, [400])
    torch.testing.assert_close(model.predict(batch.input), clean.logits.log_softmax(1), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(model.predict(batch.input + 3.0), clean.logits.log_softmax(1), atol=0.1)


def test_the_gamma_model_has_no_way_down():
    model = gamma_model(6, dim=5, hidden=(7,), classes=3)
    assert repr(model.objective) == "classification + 1.0 * denoising_3"
    assert len(model.net.down) == 0 and len(model.net.combine) == 1
    whole = ladder_network(6, dim=5, hidden=(7,), classes=3, costs=(0.0, 0.0, 0.0, 1.0))
    assert repr(whole.objective) == repr(model.objective)
    only = ladder_network(6, dim=5, hidden=(7,), classes=3, costs=(0.0,))
    assert repr(only.objective) == "classification"


# Pictures


def pictured(shape: tuple[int, int, int] = (1, 28, 28), lowest: int = 0, **sizes: object) -> LadderNet:
    given: dict = {"hidden": (32, 64, 128), "dim": 10, "classes": 10, **sizes}
    return LadderNet(shape, conv_floors(shape, **given), lowest).double()


def test_costs_may_be_schedules():
    rising: Any = warmup(4)
    model = gamma_model(6, dim=5, hidden=(7,), classes=3, cost=rising)
    assert [model.objective.terms[-1].weight(step) for step in (0, 1, 4)] == [0.0, 0.25, 1.0]
    model = ladder_network(6, dim=5, hidden=(7,), classes=3, costs=(rising, 0.1))
    assert [term.weight(2) for term in model.objective.terms[1:]] == [0.5, 0.1, 0.1, 0.1]


def test_the_floors_of_conv_small_are_the_authors():
    """convf:32:5, maxpool:2, convv:64:3, convf:64:3, maxpool:2, convv:128:3, convv:10:1, a mean, fc:10."""
    found = pictured().climb(torch.randn(2, 1, 28, 28).double(), 0.0, [2])
    maps = [(1, 28), (32, 32), (32, 16), (64, 14), (64, 16), (64, 8), (128, 6), (10, 6)]
    expected = [*((c, side, side) for c, side in maps), (10,), (10,)]
    assert [tuple(z.shape[1:]) for z in found.z] == expected
    model = gamma_model((1, 28, 28), 10, (32, 64, 128), floors=conv_floors)
    assert repr(model.objective) == "classification + 1.0 * denoising_9"  # their cost of ten is 0, …, 0, 1
    assert len(model.net.down) == 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 7), (1, 8, 8)], ids=str)
def test_a_way_up_is_that_of_torch_and_a_way_down_comes_back(shape):
    net, x = pictured(shape, hidden=(4, 6, 8)), torch.randn(5, *shape).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        found, h = net.climb(x, 0.0, [5]), x
        for floor, up in enumerate(net.up, 1):
            z = F.batch_norm(up(h), None, None, training=True, eps=EPS)  # a channel as a whole
            torch.testing.assert_close(found.z[floor], z)
            h = F.relu(z + net.shift[str(floor)]) if str(floor) in net.shift else z
        logits = net.gain * (z + net.shift[str(floor)])
        torch.testing.assert_close(found.logits, logits)
        for floor, estimate in net.descend(found).items():
            assert estimate.shape == found.z[floor].shape
    assert sum(isinstance(up, torch.nn.MaxPool2d) for up in net.up) == 2
    by_place = (x - x.mean(0)) / x.std(0, correction=0)  # the control: each place by itself
    assert not torch.allclose(normalised(x, [5])[0], by_place, atol=0.1)


def test_what_moves_in_a_picture_leaves_its_class_alone():
    """By 4 pixels, after which both halvings fall where they fell. Control: dense floors."""
    shape, spot = (1, 72, 72), torch.randn(1, 1, 4, 4).double()
    here, there = torch.zeros(2, 1, *shape).double()
    here[..., 32:36, 32:36] = there[..., 36:40, 28:32] = spot

    def apart(net: LadderNet) -> float:
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            a, b = net.at_rest(here)[1], net.at_rest(there)[1]
            return float((a - b).abs().max() / a.abs().max())

    assert apart(pictured(shape, hidden=(4, 6, 8))) < 1e-6
    assert apart(LadderNet(shape, dense_floors(shape, (16,), 8, 10)).double()) > 1e-3


def test_pictures_and_their_channels_are_asked_for():
    with pytest.raises(ValueError, match="need images"):
        ladder_network(64, 10, (8, 8), floors=conv_floors)
    with pytest.raises(ValueError, match="too small"):
        ladder_network((1, 4, 4), 10, (8, 8, 8, 8), floors=conv_floors)
    with pytest.raises(ValueError, match="at least one"):
        ladder_network((1, 28, 28), 10, (), floors=conv_floors)


@pytest.mark.parametrize("costs", [(10.0, 1.0, 0.1), (0.0,)], ids=["whole", "labels alone"])
def test_convolutions_learn_digits_with_what_is_missing_left_out(costs):
    x, y = (torch.from_numpy(each) for each in load_digits(return_X_y=True))
    order = torch.randperm(len(x))
    x, y = ((x - x.mean()) / x.std()).float().view(-1, 1, 8, 8)[order], y[order]
    model = ladder_network((1, 8, 8), 16, (16, 32), costs=costs, floors=conv_floors)
    before = {name: value.clone() for name, value in model.named_parameters()}
    some, observed = x[:200], torch.rand(200, 1, 8, 8) < 0.95

    def loss(placeholder: float) -> float:
        rows = torch.where(observed, some, placeholder)
        labels = torch.where(torch.arange(200) < 100, y[:200], -1)
        with isthmus.seeded(0):
            (_, found), _ = model.losses(Batch(rows, rows, {"labels": labels, "observed": observed}), 0)
        return float(found.total.detach())

    assert loss(0.0) == loss(1e6)
    rows, tests = slice(0, 1400), slice(1400, None)
    stream = two_streams(x[rows][:700], y[rows][:700], x[rows], 50, epochs=5)
    list(train(model, stream, adam(2e-3)))
    stuck = [name for name, value in model.named_parameters() if torch.equal(before[name], value)]
    assert [name[-11:] for name in stuck] == ([] if len(costs) > 1 else ["combine.0.a"])  # no cost asks it
    with torch.no_grad():
        error = float((model.eval().predict(x[tests]).argmax(1) != y[tests]).float().mean())
        assert error < 0.2  # of ten classes; guessing has 0.9
        assert model.autoencoder.sample(3).mean.shape == (3, 1, 8, 8)


def test_two_streams_go_round():
    x, y, others = torch.arange(6.0)[:, None], torch.arange(6), torch.arange(100, 125.0)[:, None]
    found = list(two_streams(x, y, others, 4, epochs=2))
    assert len(found) == 12
    for batch in found:
        assert batch.context["labels"].tolist()[4:] == [-1] * 4
        assert torch.equal(batch.input[:4, 0].long(), batch.context["labels"][:4])
    unlabelled = torch.cat([batch.input[4:, 0] for batch in found[:6]])
    assert len(unlabelled.unique()) == 24
    seen = torch.cat([batch.context["labels"][:4] for batch in found])
    assert torch.equal(seen.bincount(), torch.full((6,), 8))
    few = list(two_streams(x, y, others, 4, epochs=2, labelled=1))
    assert [len(batch.input) for batch in few] == [5] * 12
    seen = torch.cat([batch.context["labels"][:1] for batch in few])
    assert torch.equal(seen.bincount(), torch.full((6,), 2))
    with pytest.raises(ValueError, match="batches of 0 and 4"):
        next(two_streams(x, y, others, 4, labelled=0))
    with pytest.raises(ValueError, match="two streams"):
        next(two_streams(x, y[:3], others))


@pytest.mark.slow
def test_rows_without_labels_help():
    """Two digits of each class have labels. Control: the same net that learns from these alone."""
    x, y = (torch.from_numpy(each) for each in load_digits(return_X_y=True))
    x = ((x - x.mean()) / x.std()).float()
    order = torch.randperm(len(x))
    test, rest = order[:500], order[500:]
    chosen = torch.cat([rest[y[rest] == digit][:2] for digit in range(10)])
    errors = []
    for costs in ((100.0, 1.0, 0.1), (0.0,)):
        with isthmus.seeded(1):
            model = ladder_network(64, dim=32, hidden=(128,), costs=costs)
        stream = two_streams(x[chosen], y[chosen], x[rest], 20, epochs=10)
        list(train(model, stream, adam(2e-3)))
        with torch.no_grad():
            errors.append(float((model.eval().predict(x[test]).argmax(1) != y[test]).float().mean()))
    assert errors[0] < errors[1] - 0.05
