"""Sparse codes: what they keep, how thresholds learn, whether atoms are found, and what measures that."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Batch, Trace
from isthmus.answers.common import Planted, codes, planted
from isthmus.data import MappedRows, Rows
from isthmus.latents import BatchTopK, Counted, Deterministic, Gated, JumpReLU, TopK
from isthmus.metrics import active_per_row, dead_units, hoyer, recovery, sparsity, sparsity_table
from isthmus.models import (
    matryoshka,
    sparse_batch_top_k,
    sparse_gated,
    sparse_l1,
    sparse_resampled,
    sparse_top_k,
)
from isthmus.models.resampled import resample
from isthmus.models.sparse import reader
from isthmus.nets import unit_columns
from isthmus.terms import gate_l1, gate_reconstruction, l0, prefix_reconstruction, reconstruction, revival
from isthmus.training import adam, cosine, fit


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def traced(latent: Any, features: Tensor) -> Any:
    code = latent(features, True)
    return Trace(Batch(features, features), features, code, None)  # type: ignore[arg-type]


# Latents


def test_top_k_keeps_the_largest_and_never_a_negative_one():
    features = torch.tensor([[3.0, -1.0, 2.0, 1.0], [-4.0, -3.0, 0.5, -1.0]], requires_grad=True)
    z = TopK(4, 2)(features, True).z
    assert z.tolist() == [[3, 0, 2, 0], [0, 0, 0.5, 0]]
    z.sum().backward()
    assert features.grad is not None and features.grad.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0]]


def test_top_k_of_all_is_the_relu():
    features = torch.randn(50, 6)
    assert torch.equal(TopK(6, 6)(features, True).z, features.relu())


def test_jump_relu_is_the_identity_above_its_threshold_and_zero_below():
    features = torch.tensor([[0.4, 0.6, -2.0]])
    assert JumpReLU(3, threshold=0.5)(features, False).z.tolist() == [[0, pytest.approx(0.6), 0]]


@pytest.mark.parametrize("threshold", [0.3, 1.0])
def test_thresholds_follow_the_derivative_of_the_mean(threshold):
    """Of E[f H(f − θ)] and E[H(f − θ)] by θ, f ~ N(0, 1): −θ φ(θ) and −φ(θ), φ the normal density."""
    latent = JumpReLU(1, threshold, bandwidth=0.1)
    trace = traced(latent, torch.randn(400_000, 1))
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    for mean, expected in ((trace.code.z.mean(), -threshold * density), (l0(latent, trace).mean(), -density)):
        (by_log,) = torch.autograd.grad(mean, latent.log_threshold, retain_graph=True)
        assert float(by_log) / threshold == pytest.approx(expected, rel=0.03)


def test_l0_counts_and_refuses_a_code_whose_activity_has_no_gradient():
    features = torch.randn(20, 7)
    trace = traced(JumpReLU(7, 0.2), features)
    assert torch.equal(l0(None, trace), (features > 0.2).float().sum(1))
    deterministic = Deterministic(7, nn.ReLU)
    with pytest.raises(ValueError, match="l0 needs .* JumpReLU; this latent is Deterministic"):
        l0(SimpleNamespace(latent=deterministic), traced(deterministic, features))


@pytest.mark.parametrize("latent", [TopK(3, 2), JumpReLU(3, 0.5)], ids=["top k", "jump"])
def test_sampled_codes_are_active_as_often_and_as_large_as_those_it_was_fitted_to(latent):
    active = torch.rand(40_000, 3) < torch.tensor([0.5, 0.1, 0.0])
    codes = active * (2.0 + 0.3 * torch.randn(40_000, 3))
    latent.fit_prior(codes)
    drawn = latent.sample(40_000)
    torch.testing.assert_close((drawn != 0).float().mean(0), active.float().mean(0), atol=0.01, rtol=0)
    large = drawn[:, 0][drawn[:, 0] > 0]
    assert float(large.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(large.std()) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("k", [0, 5])
def test_top_k_of_a_wrong_number_is_refused(k):
    with pytest.raises(ValueError, match="between 1 and 4"):
        TopK(4, k)


def test_jump_relu_of_a_threshold_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        JumpReLU(4, threshold=0.0)


def test_batch_top_k_keeps_the_largest_of_the_whole_batch_in_training_only():
    features = torch.randn(7, 5)
    latent = BatchTopK(5, 2)
    code = latent(features, True)
    z = code.z
    largest = features.flatten().sort(descending=True).values[:14]
    assert torch.equal(z, torch.where(features >= largest[-1], features, 0).relu())
    assert float(latent.threshold) == 0  # nothing moves while a batch passes
    latent.follow(code, first=True)
    assert float(latent.threshold) == float(largest[largest > 0][-1])
    at_rest = latent.eval()(features, True).z  # a held-out loss is noisy, but no row may see the others
    assert torch.equal(at_rest, torch.cat([latent(row[None], True).z for row in features]))
    assert torch.equal(BatchTopK(5, 2)(features[:1], True).z, TopK(5, 2)(features[:1], True).z)


def test_the_threshold_is_the_mean_over_batches_and_leaves_k_a_row_at_rest():
    latent, least = BatchTopK(20, 3, keep=0.99), []
    for _ in range(60):
        code = latent(torch.randn(50, 20), True)
        latent.follow(code, first=False)
        least.append(code.z[code.z > 0].min())
    assert float(latent.threshold) == pytest.approx(float(torch.stack(least).mean()), rel=1e-5)
    rows = torch.randn(20_000, 20)
    assert active_per_row(latent.eval()(rows, False).z) == pytest.approx(3, rel=0.05)
    latent.threshold.zero_()  # control: no threshold learned
    assert active_per_row(latent(rows, False).z) > 9
    before = latent.train().threshold.clone()
    nothing = latent(-torch.rand(4, 20), True)  # is positive, nothing is kept: the mean stays finite
    latent.follow(nothing, first=False)
    assert torch.equal(latent.threshold, before)


def test_a_gate_is_the_papers_in_other_letters():
    """π = W x + c and ReLU(e^r W x + b'): here the size is asked of π, so that b = b' − e^r c."""
    latent, w, c = Gated(6), torch.randn(6, 4), torch.randn(6)
    r, b = 0.3 * torch.randn(6), torch.randn(6)
    latent.log_scale.data.copy_(r)
    latent.shift.data.copy_(b - r.exp() * c)
    x = torch.randn(200, 4)
    code = latent(x @ w.T + c, False)
    expected = (x @ w.T + c > 0) * (r.exp() * (x @ w.T) + b).relu()
    torch.testing.assert_close(code.z, expected)
    torch.testing.assert_close(code.extra["gate"], (x @ w.T + c).relu())


def test_silence_is_counted_in_rows_and_only_while_training():
    latent, expected = Counted(TopK(5, 1)), [0] * 5
    for b in (3, 1, 8, 2):
        code = latent(torch.randn(b, 5), True)
        latent.follow(code, first=False)
        for j in range(5):
            expected[j] = 0 if (code.z[:, j] != 0).any() else expected[j] + b
        assert code.extra["silent"].tolist() == latent.silent.tolist() == expected
    for quiet in (lambda x: latent(x, False), lambda x: latent.eval()(x, True)):
        assert quiet(torch.randn(9, 5)).extra["silent"].tolist() == expected


# Terms


def of(model: Any, x: Tensor) -> Trace:
    trace: Trace = model(Batch(x, x), noisy=True)
    return trace


def test_prefixes_alone_explain_by_a_decoder_that_sees_no_more():
    model = matryoshka(6, 12, k=3)
    x = torch.randn(30, 6)
    trace, weight, bias = of(model, x), model.decoder[0].weight, model.decoder[0].bias  # type: ignore[index]
    expected = torch.zeros(30)
    for m in (2, 5):
        gap = x - trace.code.z[:, :m] @ weight[:, :m].T - bias
        expected = expected + 0.5 * gap.square().sum(1) + 3 * math.log(2 * math.pi)
    torch.testing.assert_close(prefix_reconstruction((2, 5))(model, trace), expected)
    with pytest.raises(ValueError, match="at least one"):
        prefix_reconstruction((0, 3))


def gradients(loss: Tensor, *parameters: Tensor) -> list[Tensor]:
    return [*torch.autograd.grad(loss, parameters, materialize_grads=True, retain_graph=True)]


def test_open_gates_explain_by_a_decoder_held_still():
    model = sparse_gated(6, 12)
    x = torch.randn(30, 6)
    trace, decoder = of(model, x), model.decoder[0]  # type: ignore[index]
    expected = 0.5 * (x - decoder(trace.features.relu())).square().sum(1) + 3 * math.log(2 * math.pi)
    found = gate_reconstruction(model, trace)
    torch.testing.assert_close(found, expected)
    assert gate_l1(model, trace).tolist() == trace.features.relu().sum(1).tolist()
    own = list(model.decoder.parameters())
    assert not any(g.any() for g in gradients(found.sum(), *own))
    assert all(g.any() for g in gradients(expected.sum(), *own))  # control: not held still
    assert gradients(found.sum(), reader(model.encoder).weight)[0].any()
    with pytest.raises(ValueError, match="gate_l1 needs a code with gates: Gated; this one has silent"):
        gate_l1(model, of(sparse_top_k(6, 12, k=2), x))


def test_the_dead_learn_to_explain_what_is_left_and_the_living_are_not_moved():
    model = sparse_top_k(6, 24, k=1)
    dead = torch.arange(24) >= 16
    model.latent.silent[dead] = 1000  # type: ignore[operator]
    reader(model.encoder).weight.data[dead] *= 0.01  # never among the largest
    x = torch.randn(40, 6)
    trace, decoder = of(model, x), model.decoder[0]  # type: ignore[index]
    left = (x - trace.output.mean).detach()
    waking = torch.where(dead, trace.features, 0).relu()
    expected = 0.5 * (left - waking @ decoder.weight.T).square().sum(1) - 0.5 * left.square().sum(1)
    found = revival(500, 8)(model, trace)
    torch.testing.assert_close(found, expected)
    raw, bias = decoder.parametrizations.weight.original, decoder.bias
    atoms, shift, read = gradients(found.sum(), raw, bias, reader(model.encoder).weight)
    assert atoms[:, dead].any() and read[dead].any()
    assert not (atoms[:, ~dead].any() or read[~dead].any() or shift.any())
    assert gradients(reconstruction(model, trace).sum(), raw)[0][:, ~dead].any()  # control: they could be
    assert not revival(5000, 8)(model, trace).any()  # none has been silent for so long
    with pytest.raises(ValueError, match="Counted; this one has nothing beside z"):
        revival(500, 8)(model, of(sparse_l1(6, 12), x))


def test_resampling_draws_rows_by_their_squared_loss():
    model = sparse_resampled(4, 6, dead_after=10).autoencoder
    x = torch.tensor([[1.0, 0, 0, 0], [0, 2.0, 0, 0], [0, 0, 3.0, 0], [0, 0, 0, 0]])
    reader(model.encoder).bias.data.fill_(-9)  # nothing is active: what is lost is half the squared length
    start = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.zeros(4)
    for _ in range(1000):
        model.load_state_dict(start)
        model.latent.silent[:] = torch.tensor([0, 0, 0, 99, 0, 0])  # type: ignore[operator]
        trace = of(model.eval(), x)
        assert resample(model, trace, dead_after=10) == 1
        atom = model.decoder[0].weight[:, 3]  # type: ignore[index]
        drawn += atom.detach()
        read = reader(model.encoder)
        living = read.weight[[0, 1, 2, 4, 5]].norm(dim=1).mean()
        torch.testing.assert_close(read.weight[3], 0.2 * living * atom)
        assert read.bias[3] == 0 and int(model.latent.silent[3]) == 0  # type: ignore[index]
    loss = torch.tensor([0.5, 2.0, 4.5, 0.0])
    torch.testing.assert_close(drawn / 1000, loss**2 / (loss**2).sum(), atol=0.04, rtol=0)
    for name, value in model.state_dict().items():  # the living are as they were
        if "original" in name:
            assert torch.equal(value[:, [0, 1, 2, 4, 5]], start[name][:, [0, 1, 2, 4, 5]])


# Dictionaries


def learned(model: Any, made: Planted, epochs: int = 40, lr: float = 5e-3) -> Any:
    fit(
        model,
        made.x,
        epochs=epochs,
        batch_size=100,
        optimizer=adam(lr),
        schedule=cosine(epochs * len(made.x) // 100),
        progress=False,
    )
    return model


def found(model: Any, made: Planted) -> float:
    atoms = model.autoencoder.decoder[0].weight.detach().T
    return float(recovery(made.atoms, atoms).mean())


@pytest.mark.parametrize(
    ("method", "alive", "asleep"),
    [
        (sparse_top_k, {"k": 2, "dead_after": 1000}, {"k": 2, "weight": 0.0}),
        (sparse_batch_top_k, {"k": 2, "dead_after": 1000}, {"k": 2, "weight": 0.0}),
        (sparse_resampled, {"dead_after": 1000, "every": 50}, {"dead_after": 10**9}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_half_a_dictionary_that_starts_dead_is_revived(method, alive, asleep):
    """The control is the same without revival: half of the units cannot hold all of the atoms."""
    made = planted(0, atoms=32, width=16, active=1.5, rows=4000)

    def run(**options: Any) -> tuple[float, float]:
        with isthmus.seeded(0):
            model = method(16, 32, **options)
        read = reader(model.autoencoder.encoder)
        read.weight.data[:16] *= 0.02
        read.bias.data[:16] -= 10.0 * (method is sparse_resampled)
        learned(model, made)
        return found(model, made), sparsity(model, made.x).dead

    recovered, dead = run(**alive)
    assert recovered >= 0.9 and dead <= 0.15
    recovered, dead = run(**asleep)
    assert recovered < 0.85 and dead >= 0.4


def amplitude(model: Any, made: Planted) -> float:
    """Slope of the code on the true amplitude, over atoms found: below 1 where a penalty shrinks."""
    atoms = torch.nn.functional.normalize(model.decoder[0].weight.detach().T, dim=1).double().numpy()
    nearest, z = (made.atoms @ atoms.T).argmax(1), codes(model, made.x)
    good = (made.atoms @ atoms.T).max(1) > 0.9
    true, own = made.amplitudes[:, good], z[:, nearest[good]]
    both = (true > 0) & (own > 0)
    return float(np.polyfit(true[both], own[both], 1)[0])


def test_gates_find_the_atoms_and_do_not_shrink_as_l1_does():
    made = planted(0, atoms=24, width=16, active=1.5, rows=2000)
    gated = learned(sparse_gated(16, 24, weight=0.6), made)
    assert found(gated, made) > 0.9
    assert 1 < sparsity(gated, made.x).active / 1.5 < 1.5
    gate, control = amplitude(gated, made), amplitude(learned(sparse_l1(16, 24, weight=0.3), made), made)
    assert abs(gate - 1) < abs(control - 1)


def families(rows: int, seed: int) -> Planted:
    """Four general atoms, each with four special ones of which at most one comes with it."""
    draw = np.random.default_rng(seed)
    atoms = np.linalg.qr(draw.normal(size=(32, 20)))[0].T
    amplitudes = np.zeros((rows, 20))
    amplitudes[:, :4] = (draw.random((rows, 4)) < 0.35) * draw.uniform(0.7, 1.3, (rows, 4))
    special = draw.integers(0, 5, (rows, 4))
    for family, member in np.ndindex(4, 4):
        amplitudes[:, 4 + 4 * family + member] = (amplitudes[:, family] > 0) & (special[:, family] == member)
    return Planted(atoms, amplitudes, (amplitudes @ atoms).astype(np.float32))


def test_the_first_entries_of_nested_dictionaries_are_the_general_ones():
    """And not those of one dictionary as wide, the control."""
    made = families(3000, seed=0)

    def first(method: Any, **options: Any) -> float:
        with isthmus.seeded(0):
            model = method(32, 24, k=3, dead_after=1000, **options)
        learned(model, made, epochs=30, lr=1e-2)
        return float(recovery(made.atoms[:4], model.decoder[0].weight.detach()[:, :8].T).mean())

    assert first(matryoshka, shares=(8 / 24,)) > 0.85
    assert first(sparse_batch_top_k) < 0.7


def test_unit_columns_stay_so_and_their_gradient_has_no_radial_part():
    layer = unit_columns(nn.Linear(5, 8))
    optimizer = torch.optim.Adam(layer.parameters(), 0.1)
    for _ in range(20):
        optimizer.zero_grad()
        layer(torch.randn(16, 5)).square().sum().backward()
        raw = layer.parametrizations.weight.original  # type: ignore[union-attr]
        assert isinstance(raw, Tensor) and raw.grad is not None
        torch.testing.assert_close((raw * raw.grad).sum(0), torch.zeros(5), atol=1e-3, rtol=0)
        optimizer.step()
    torch.testing.assert_close(layer.weight.norm(dim=0), torch.ones(5))


def test_the_atoms_that_made_the_data_are_found():
    """And not by a dictionary that does not learn: the control."""
    made = planted(0, atoms=24, width=16, active=1.5, rows=2000)
    model = sparse_top_k(16, 24, k=2)
    assert recovery(made.atoms, model.decoder[0].weight.T).mean() < 0.8  # type: ignore[index]
    fit(model, made.x, epochs=40, batch_size=100, optimizer=adam(5e-3), progress=False)
    assert recovery(made.atoms, model.decoder[0].weight.T).mean() > 0.95  # type: ignore[index]


# Metrics


def test_active_entries_and_dead_units():
    codes = [[0.0, 2.0, 0.0], [1.0, -3.0, 0.0]]
    assert active_per_row(codes) == 1.5
    assert dead_units(codes).tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"codes \(n, dim\)"):
        active_per_row([1.0, 2.0])


def test_explained_variance_active_and_dead_in_one_pass_as_by_hand(tmp_path):
    x = planted(0, atoms=12, width=8, active=1.0, rows=700).x + np.float32(100)  # a mean that would swallow
    model = sparse_top_k(8, 12, k=2)
    with torch.no_grad():
        model.decoder[0].bias.fill_(100)  # type: ignore[index]
        reader(model.encoder).bias.copy_(-reader(model.encoder).weight.sum(1) * 100)
        reader(model.encoder).bias[3] = -1e4
        trace = model.eval()(Batch(torch.from_numpy(x), torch.from_numpy(x)))
    z, seen = trace.code.z.numpy(), trace.output.mean.double().numpy()
    expected = 1 - np.square(x - seen).sum() / np.square(x - x.mean(0, dtype=float)).sum()
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, x.shape)
    mapped[:] = x
    mapped.flush()
    on_disk = np.load(tmp_path / "x.npy", mmap_mode="r")
    for rows in (x, Rows(torch.from_numpy(x)), MappedRows(on_disk), [x[:500], x[500:501], x[501:]]):
        measured = sparsity(model, rows)
        assert measured.explained == pytest.approx(expected, rel=1e-9)
        assert measured.active == pytest.approx((z != 0).sum(1).mean())
        assert measured[2:] == (pytest.approx((~(z != 0).any(0)).mean()), 12, 700) and measured.dead > 0
    assert "of 12 entries a row" in str(measured)
    assert sparsity_table({"one": model, "other": model}, x).count(f"{expected:.3f}") == 2
    with pytest.raises(ValueError, match="all alike"):
        sparsity(model, np.ones((5, 8), np.float32))


def test_missing_values_are_neither_error_nor_variance():
    x = torch.randn(300, 6)
    observed = torch.rand(300, 6) < 0.7
    model = sparse_l1(6, 9)
    batch = Batch(x, x, {"observed": observed})
    with torch.no_grad():
        seen = model.eval()(batch).output.mean.double()
    columns = [x[:, j][observed[:, j]].double() for j in range(6)]
    variance = sum(float((c - c.mean()).square().sum()) for c in columns)
    error = float((x - seen)[observed].square().sum())
    holed = batch._replace(target=torch.where(observed, x, torch.nan))
    for each in (batch, holed):
        assert sparsity(model, each).explained == pytest.approx(1 - error / variance, rel=1e-9)


def test_hoyer_from_all_alike_to_a_single_one_and_without_scale():
    assert hoyer(np.ones((3, 9))) == pytest.approx(0)
    assert hoyer(5 * np.eye(9)) == pytest.approx(1)
    codes = np.abs(np.random.default_rng(0).normal(size=(50, 9)))
    assert hoyer(codes) == pytest.approx(hoyer(1000 * codes))
    assert hoyer(np.vstack([codes, np.zeros(9)])) == pytest.approx(hoyer(codes))
    with pytest.raises(ValueError, match="not all zero"):
        hoyer(np.zeros((2, 3)))


def test_recovery_looks_from_the_true_side_at_directions_only():
    atoms = np.eye(3)
    assert recovery(atoms, [[2.0, 0, 0], [0, 1.0, 1.0]]).tolist() == pytest.approx([1, 0.5**0.5, 0.5**0.5])
    assert recovery(atoms, -atoms).max() == pytest.approx(0)
    with pytest.raises(ValueError, match="one width"):
        recovery(atoms, np.eye(4))
