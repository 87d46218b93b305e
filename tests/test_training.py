"""The loop and what `fit` adds to it: laws, and comparisons with loops written out by hand."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import isthmus
from isthmus import Recipe, fit, seeded, term, train
from isthmus.data import Rows
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.model import Learner
from isthmus.models import autoencoder, linear, stacked, vae, wae_gan
from isthmus.nets import convs, mlps
from isthmus.objective import Loss
from isthmus.terms import kl, reconstruction
from isthmus.trace import Batch
from isthmus.training import Diverged, adam, as_rows, cosine, evaluate, lbfgs
from isthmus.training.batches import epoch
from isthmus.training.loop import Turns

UNIT = Recipe(gaussian, scale=1.0)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(n: int = 96, features: int = 6, seed: int = 0) -> Tensor:
    with seeded(seed):
        return torch.randn(n, 2) @ torch.randn(2, features) + 0.1 * torch.randn(n, features)


def built(function: Any = vae, seed: int = 0, **options: Any) -> Any:
    with seeded(seed):
        return function(6, 2, (8,), **options)


def batches(x: Tensor, size: int, epochs: int, seed: int = 0) -> list[Batch]:
    """The batches of `fit`, in its order."""
    return [b for e in range(epochs) for b, _ in epoch(Rows(x), size, CPU, seed, e)]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())


def sgd(lr: float = 0.1, **options: Any) -> Any:
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, **options)


def in_place(model: Any, objective: Any) -> Any:
    """The model with another objective."""
    model.objective = isthmus.Objective.of(objective)
    return model


# the loop


def test_train_is_the_plain_pytorch_loop() -> None:
    dropping = Recipe(mlps, dropout=0.3)
    ours, plain = built(nets=dropping), built(nets=dropping)
    given = batches(data(), 16, 40)[:200]
    for _ in train(ours, given, seed=3):
        pass
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=True)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        for batch in given:
            trace = plain(batch)
            loss = reconstruction(plain, trace).mean() + kl(plain, trace).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert len(given) == 200
    for mine, theirs in zip(ours.parameters(), plain.parameters()):
        assert (mine - theirs).abs().max() == 0


def test_fit_is_train_over_its_batches() -> None:
    by_fit, by_train = built(), built()
    fit(by_fit, data(), epochs=3, batch_size=32, seed=5)
    for _ in train(by_train, batches(data(), 32, 3, seed=5), seed=5):
        pass
    assert same(by_fit, by_train)


def states() -> tuple[Any, ...]:
    _, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), list(keys), rest, random.getstate()


def test_the_random_state_of_the_process_is_left_alone() -> None:
    before = states()
    for _ in train(built(), batches(data(), 32, 2)):
        assert states() == before
    loader = DataLoader(TensorDataset(data()), batch_size=32, shuffle=True)
    fit(built(), data(), epochs=2, held_out=0.25, monitor="kl")
    fit(built(), loader, epochs=2)
    with seeded(0):
        pretrained = stacked(6, 2, (4,), epochs=1)
    fit(pretrained, data(), epochs=1, precision="bf16")
    evaluate(built(), data())
    with pytest.raises(Diverged):
        fit(built(), torch.full((4, 6), torch.inf), epochs=1)
    interrupted = train(built(), batches(data(), 32, 2))
    next(interrupted)
    del interrupted
    assert states() == before


def test_the_same_seed_gives_the_same_weights_and_another_gives_others() -> None:
    models = [built() for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1)):
        fit(model, data(), epochs=2, seed=seed)
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_a_loader_that_shuffles_repeats_under_the_seed() -> None:
    models = [built() for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1)):
        loader = DataLoader(TensorDataset(data()), batch_size=32, shuffle=True)
        fit(model, loader, epochs=2, seed=seed)
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_reports_hold_no_graph() -> None:
    report = next(train(built(), batches(data(), 32, 1)))
    assert not report.loss.total.requires_grad
    assert not any(value.requires_grad for value in report.loss.values.values())


def test_players_keep_to_their_own_parameters_and_leave_no_gradient() -> None:
    model = built(wae_gan)
    fit(model, data(), epochs=1, batch_size=32, accumulate=2)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("schedule", [None, lambda step: 0.1])
def test_each_player_goes_at_its_own_pace(schedule: Any) -> None:
    """Of plain descent the first step is rate × pace × gradient, and the gradient is the same."""

    def moved(paces: dict[str, float]) -> list[torch.Tensor]:
        model = built(wae_gan)
        model.paces = paces
        before = [p.detach().clone() for p in model.critic.parameters()]
        descent = partial(torch.optim.SGD, lr=0.5)
        next(train(model, batches(data(), 32, 1), optimizer=descent, schedule=schedule))
        return [p.detach() - b for p, b in zip(model.critic.parameters(), before)]

    plain, half = moved({}), moved({"critic": 0.5})
    assert all((step != 0).any() for step in plain)
    for whole, step in zip(plain, half):
        torch.testing.assert_close(step, 0.5 * whole, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("momentum", [0.5, 0.1], ids=["same", "control"])
def test_each_player_has_its_own_momentum(momentum: float) -> None:
    """`wae_gan` goes with β₁ = 0.5: said of each of its players, that is the same training."""
    of_all, of_each = built(wae_gan), built(wae_gan)
    of_each.betas, of_each.momenta = (0.9, 0.999), {"autoencoder": 0.5, "critic": momentum}
    fit(of_all, data(), epochs=2, batch_size=32), fit(of_each, data(), epochs=2, batch_size=32)
    assert same(of_all, of_each) is (momentum == 0.5)


def test_gradients_from_before_do_not_count() -> None:
    fresh, stale = built(), built()
    for parameter in stale.parameters():
        parameter.grad = torch.ones_like(parameter)
    fit(fresh, data(), epochs=1), fit(stale, data(), epochs=1)
    assert same(fresh, stale)


def test_a_frozen_player_is_refused() -> None:
    model = built()
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="autoencoder has nothing to train"):
        fit(model, data(), epochs=1)


def test_frozen_parameters_stay() -> None:
    model = built()
    model.encoder.requires_grad_(False)
    before = [p.clone() for p in model.encoder.parameters()]
    fit(model, data(), epochs=1)
    assert all(torch.equal(p, b) for p, b in zip(model.encoder.parameters(), before))


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("decoupled", [True, False])
def test_adam_is_torchs_bit_for_bit(decay: float, decoupled: bool) -> None:
    options: dict[str, Any] = {"lr": 3e-3, "betas": (0.8, 0.99), "eps": 1e-7, "weight_decay": decay}
    torchs = torch.optim.AdamW if decoupled else torch.optim.Adam
    models = [built(wae_gan), built(wae_gan)]
    for model, optimizer in zip(
        models, (adam(**options, decoupled=decoupled), lambda p: torchs(p, fused=True, **options))
    ):
        frozen = next(model.parameters()).requires_grad_(False)
        fit(model, data(), epochs=20, batch_size=16, optimizer=optimizer, schedule=cosine(100))
        assert frozen.grad is None
    assert same(*models)


def test_a_parameter_without_a_gradient_stays_where_it_is() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    optimizer = adam(0.1)([used, unused])
    optimizer.step()
    used.square().sum().backward()
    optimizer.step()
    assert torch.equal(unused, torch.ones(2)) and torch.allclose(used, torch.full((2,), 0.9))


def test_a_small_model_trains_on_one_thread_and_the_number_is_put_back() -> None:
    seen = []

    @term
    def watched(model: Any, trace: Any) -> Tensor:
        seen.append(torch.get_num_threads())
        if len(seen) == 3:
            raise RuntimeError("enough")
        return reconstruction(model, trace)

    torch.set_num_threads(2)
    fit(in_place(built(), watched), data(), epochs=1)
    fit(in_place(vae(6, 2, (400, 400)), watched), data(), epochs=1)
    with pytest.raises(RuntimeError, match="enough"):
        fit(in_place(built(), watched), data(), epochs=1)
    assert seen == [1, 2, 1] and torch.get_num_threads() == 2


def test_training_imports_nothing_heavy() -> None:
    """The first use of torch.optim imports torch's compiler, which takes as long as importing torch."""
    script = """
import sys, torch, isthmus
from isthmus.models import vae
isthmus.fit(vae(3, 2, (4,)), torch.randn(8, 3), epochs=1, clip=1.0, ema=0.9, held_out=0.25)
heavy = "torch._dynamo", "sympy", "scipy", "sklearn", "pandas", "matplotlib"
print([name for name in heavy if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


# options


def test_accumulated_batches_equal_one_large_batch() -> None:
    small, large = built(autoencoder), built(autoencoder)
    fit(small, data(256), epochs=3, batch_size=32, accumulate=4, optimizer=sgd(0.01))
    fit(large, data(256), epochs=3, batch_size=128, optimizer=sgd(0.01))
    for a, b in zip(small.parameters(), large.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_gradients_left_over_at_the_end_of_an_epoch_count_for_what_they_are() -> None:
    small, large = built(autoencoder), built(autoencoder)  # 3 batches of 32, though 8 are to be gathered
    fit(small, data(96), epochs=2, batch_size=32, accumulate=8, optimizer=sgd(0.01))
    fit(large, data(96), epochs=2, batch_size=96, optimizer=sgd(0.01))
    for a, b in zip(small.parameters(), large.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    by_train = built(autoencoder)
    for _ in train(by_train, batches(data(96), 32, 1), sgd(0.01), accumulate=8):
        pass
    assert not same(by_train, built(autoencoder))


@pytest.mark.parametrize("mixed", [False, True], ids=["apart", "control"])
def test_gradients_of_players_that_share_parameters_are_gathered_apart(mixed: bool, monkeypatch: Any) -> None:
    """Pulls that no weight changes: four small batches have the gradient of a large one."""

    class Sharing(Learner):
        def __init__(self) -> None:
            super().__init__()
            self.autoencoder = built(autoencoder)
            self.paces = {"encoder": 3.0}

        def players(self) -> dict[str, Any]:
            return {"all": self.autoencoder.parameters(), "encoder": self.autoencoder.encoder.parameters()}

        def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
            for player, own in self.players().items():
                pull = torch.stack([p.sum() for p in own]).sum()
                yield player, Loss({"pull": batch.input.mean(1) * pull}, {"pull": 1.0})

    if mixed:
        monkeypatch.setattr(Turns, "wait", lambda turns, player: None)
    small, large = Sharing(), Sharing()
    fit(small, data(256), epochs=1, batch_size=32, accumulate=4, optimizer=sgd(0.01))
    fit(large, data(256), epochs=1, batch_size=128, optimizer=sgd(0.01))
    near = [torch.allclose(a, b, atol=1e-6) for a, b in zip(small.parameters(), large.parameters())]
    assert all(near) is not mixed


def test_the_average_follows_its_formula() -> None:
    averaged, plain = built(), built()
    fit(averaged, data(), epochs=2, batch_size=32, ema=0.9)
    expected = {name: p.detach().clone() for name, p in plain.named_parameters()}
    for _ in train(plain, batches(data(), 32, 2)):
        for name, p in plain.named_parameters():
            expected[name] = 0.9 * expected[name] + 0.1 * p.detach()
    for name, p in averaged.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name], rtol=1e-5, atol=1e-7)
    assert not same(averaged, plain)


def test_the_average_starts_after_pretraining() -> None:
    with seeded(0):
        model = stacked(6, 2, (4,), epochs=3)
    with seeded(0):
        pretrained = stacked(6, 2, (4,), epochs=3)
    pretrained.prepare(pretrained, Rows(data()), 0)  # type: ignore[misc]
    fit(model, data(), epochs=1, ema=0.999999, optimizer=adam(1e-8))
    for a, b in zip(model.parameters(), pretrained.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_fine_tuning_is_in_train_mode_after_pretraining() -> None:
    modes = []

    @term
    def watched(model: Any, trace: Any) -> Tensor:
        modes.append(all(m.training for m in model.modules()))
        return reconstruction(model, trace)

    model = in_place(stacked(6, 2, (4,), epochs=1), watched)
    fit(model, data(), epochs=1)
    assert modes and all(modes)


def test_held_out_terms_see_the_average() -> None:
    model = built()
    history = fit(model, data(), epochs=2, ema=0.9, held_out=data(20, seed=1))
    assert evaluate(model, data(20, seed=1), batch_size=128) == history.records[-1]["held_out"]


def test_clipping_bounds_the_step() -> None:
    model = built()
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    for _ in train(model, batches(1000 * data(), 32, 1)[:1], sgd(1.0), clip=0.01):
        pass
    moved = torch.cat([p.detach().flatten() for p in model.parameters()]) - before
    assert moved.norm() == pytest.approx(0.01, rel=1e-3)


def test_a_schedule_sets_the_rate() -> None:
    schedule = cosine(6, warmup=2)
    history = fit(built(), data(), epochs=2, batch_size=32, schedule=schedule, optimizer=sgd(1e-3))
    assert [r["rate"] for r in history.records] == [1e-3 * schedule(2), 1e-3 * schedule(5)]
    assert (schedule(0), schedule(1), schedule(2), schedule(6), schedule(9)) == (0.5, 1, 1, 0, 0)


def test_bf16_leaves_likelihoods_and_weights_in_fp32() -> None:
    seen = set()

    @term
    def watched(model: Any, trace: Any) -> Tensor:
        seen.add(
            (trace.features.dtype, trace.output.logits.dtype, trace.output.log_prob(trace.batch.target).dtype)
        )
        seen.add(model.encoder(trace.batch.input).dtype)
        return reconstruction(model, trace)

    model = in_place(built(likelihood=bernoulli), watched)
    history = fit(model, (data() > 0).float(), epochs=20, precision="bf16", optimizer=adam(1e-2))
    assert seen == {(torch.float32,) * 3, torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    losses = history.curve("watched")
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="fp64"):
        fit(model, data(), precision="fp64")


def test_options_that_make_no_sense_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"epochs": -1},
        {"batch_size": 0},
        {"patience": 0},
        {"accumulate": 0},
        {"clip": 0.0},
        {"ema": 1.0},
        {"monitor": "kl"},
        {"tensorboard": True},
    ]
    for options in wrong:
        with pytest.raises(ValueError, match=next(iter(options)) + "|between 0 and 1|accumulate"):
            fit(built(), data(), **options)


# held-out data


def test_early_stopping_keeps_the_best_epoch_by_held_out_data() -> None:
    x, aside = data(24), data(200, seed=0)[100:]
    noise = torch.randn(24, 6, generator=torch.Generator().manual_seed(1))
    with seeded(0):
        model = autoencoder(6, 6, (64,), likelihood=UNIT)
    options: dict[str, Any] = {"batch_size": 8, "optimizer": adam(1e-2), "held_out": aside, "patience": 15}
    history = fit(model, x + noise, epochs=200, monitor="reconstruction", **options)
    held_out = history.curve("reconstruction", "held_out")
    assert history.best == int(np.argmin(held_out)) == len(held_out) - 1 - 15
    assert "has not fallen for 15 epochs" in history.why
    assert evaluate(model, aside, batch_size=8)["reconstruction"] == min(held_out)
    # control: the training total would have chosen another epoch
    assert history.best != int(np.argmin(history.curve("reconstruction")))


def test_a_monitor_may_be_a_sum() -> None:
    history = fit(built(), data(), epochs=5, held_out=0.25, monitor="reconstruction + kl")
    total = np.add(history.curve("reconstruction", "held_out"), history.curve("kl", "held_out"))
    assert history.best == int(total.argmin())


def test_an_unknown_monitor_names_the_known_terms_before_training() -> None:
    model = built()
    with pytest.raises(ValueError, match="no held-out term 'elbo'; there are reconstruction, kl"):
        fit(model, data(), held_out=0.25, monitor="elbo")
    assert same(model, built())
    with pytest.raises(KeyError, match="critic.real"):
        fit(built(wae_gan), data(), epochs=1, held_out=0.25).curve("real", "held_out")


def test_history_is_the_mean_of_what_train_reports() -> None:
    model, again = built(), built()
    history = fit(model, data(), epochs=2, batch_size=40)
    reports = list(train(again, batches(data(), 40, 2)))
    for name, at in itertools.product(("reconstruction", "kl"), (0, 1)):
        means = [r.loss.means[name].item() for r in reports[3 * at : 3 * at + 3]]
        assert history.curve(name)[at] == pytest.approx(sum(means) / 3, rel=1e-12)
    assert [r["step"] for r in history.records] == [3, 6]


def test_a_player_with_several_turns_a_batch_reports_means() -> None:
    class Often(Learner):
        def __init__(self) -> None:
            super().__init__()
            self.autoencoder = built()

        def players(self) -> dict[str, Any]:
            return {"a": self.autoencoder.encoder.parameters(), "b": self.autoencoder.decoder.parameters()}

        def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
            for player in "abbb":
                total = self.autoencoder(batch).output.mean.sum()
                yield player, Loss({"one": torch.ones(3) + 0 * total}, {"one": 1.0})

    record = fit(Often(), data(), epochs=1, batch_size=32, held_out=0.25).records[0]
    assert record["train"] == record["held_out"] == {"a.one": 1.0, "b.one": 1.0}


# numbers that are not finite


def test_a_row_that_is_not_finite_is_named_by_its_number_in_the_data() -> None:
    x = data()
    x[17, 3] = torch.inf
    model = built()
    with pytest.raises(
        Diverged, match="step 0: the term 'reconstruction' .* Row 17 of the data holds NaN or inf"
    ):
        fit(model, x, batch_size=96)
    assert same(model, built())  # the step was not taken
    kept = isthmus.data.split(96, 0.5, seed=0).train
    x = data()
    x[kept[5]] = torch.inf
    with pytest.raises(Diverged, match=f"Row {kept[5]} of the data .* keeps the weights of step 0"):
        fit(built(), x, held_out=0.5)
    with pytest.raises(Diverged, match="Row 5 of the batch"):
        list(train(built(), [Batch(x[kept], x[kept])]))


def test_a_row_that_a_term_cannot_value_is_named() -> None:
    @term
    def fussy(model: Any, trace: Any) -> Tensor:
        return reconstruction(model, trace) + (40 - trace.batch.target[:, 0]).log()

    x = data()
    x[31, 0] = 50
    with pytest.raises(Diverged, match="the term 'fussy' .* Row 31 of the data is the first"):
        fit(in_place(built(), fussy + kl), x)


def test_a_spoiled_parameter_is_named_and_the_last_good_weights_are_kept(tmp_path: Path) -> None:
    model = built(likelihood=UNIT)
    with pytest.raises(Diverged, match="step .*: the (term|parameter) .*The (parameter|model)"):
        fit(model, 1e4 * data(), epochs=50, optimizer=sgd(1e6), folder=tmp_path, checkpoint_every=1)
    assert all(p.isfinite().all() for p in model.parameters())
    for path in (tmp_path / "checkpoints").glob("*.safetensors"):
        state = isthmus.training.load_checkpoint(path)["course"]
        assert all(v.isfinite().all() for v in state["model"].values())


def test_a_gradient_that_is_not_finite_is_noticed(tmp_path: Path) -> None:
    at = [0]

    @term
    def root(model: Any, trace: Any) -> Tensor:
        at[0] += 1
        return (0 * trace.code.z).square().sum(1).sqrt() if at[0] > 5 else trace.code.z.sum(1)

    model = in_place(built(), root)
    with pytest.raises(Diverged, match="parameter 'encoder.0.weight' is not finite any more"):
        fit(model, data(), batch_size=32, epochs=10, folder=tmp_path, checkpoint_every=1)
    assert all(p.isfinite().all() for p in model.parameters())
    newest = isthmus.training.latest_checkpoint(tmp_path / "checkpoints")
    assert newest is not None and newest[0]["course"]["at"][0] == 5


# data of every kind


def test_an_iterator_is_refused_in_its_second_epoch_and_a_list_is_not() -> None:
    given = batches(data(), 32, 1)
    fit(built(), given, epochs=2)
    with pytest.raises(ValueError, match="an iterator is used up after one"):
        fit(built(), iter(given), epochs=2)
    fit(built(), iter(given), epochs=1)
    with pytest.raises(TypeError, match="gave a str where a batch was due"):
        fit(built(), ["a"], epochs=1)
    with pytest.raises(TypeError, match="cannot train on a int"):
        fit(built(), 3, epochs=1)


def test_a_memory_map_gives_what_memory_gives(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", data().numpy())
    models = [built() for _ in range(3)]
    fit(models[0], data(), epochs=2)
    fit(models[1], np.load(tmp_path / "x.npy", mmap_mode="r"), epochs=2)
    fit(models[2], data().numpy().astype(np.float64), epochs=2)
    assert same(models[0], models[1]) and same(models[0], models[2])


def test_a_loader_that_keeps_the_order_gives_what_its_batches_give() -> None:
    models = [built() for _ in range(2)]
    fit(models[0], DataLoader(TensorDataset(data()), batch_size=32), epochs=2)
    fit(models[1], [Batch(x, x) for x in data().split(32)], epochs=2)
    assert same(*models)


def test_missing_values_in_an_array_are_neither_read_nor_explained() -> None:
    x = data()
    x[::3, 1] = torch.nan
    filled = x.nan_to_num(7.0)
    models = [built() for _ in range(2)]
    fit(models[0], x, epochs=2)
    observed = ~x.isnan()
    fit(models[1], Rows(torch.where(observed, filled, 0.0), observed=observed), epochs=2)
    assert same(*models)
    assert (
        as_rows(x)
        .context[  # type: ignore[union-attr]
            "observed"
        ]
        .sum()
        == observed.sum()
    )


@pytest.mark.parametrize("n", [1, 2, 32, 33, 65])
def test_every_number_of_rows_trains(n: int) -> None:
    norm: dict[str, Any] = {} if n == 1 else {"nets": Recipe(mlps, norm=nn.BatchNorm1d)}
    history = fit(built(**norm), data(n), epochs=2, batch_size=32)
    assert np.isfinite(history.curve("kl")).all()
    sizes = [len(b.input) for b, _ in epoch(Rows(data(n)), 32, CPU, 0)]
    assert sum(sizes) == n and (n == 1 or min(sizes) > 1)


def test_batch_normalisation_of_a_single_row_says_why_not() -> None:
    with pytest.raises(ValueError, match="batch normalisation needs at least two rows"):
        fit(built(nets=Recipe(mlps, norm=nn.BatchNorm1d)), data(1), epochs=1)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        fit(built(), torch.empty(0, 6))
    with pytest.raises(ValueError, match="no rows to evaluate"):
        evaluate(built(), [])


# the end


def test_finishing_reaches_the_optimum_and_leaves_dtypes_alone() -> None:
    model = linear(6, 2, likelihood=UNIT)
    x = data().double()
    fit(model, x.float(), epochs=1, finish=lbfgs())
    centred = x - x.mean(0)
    values = torch.linalg.svdvals(centred)[2:]
    best = values.square().sum() / x.numel()
    with torch.no_grad():
        error = (model.decode(model.encode(x.float()).z).mean - x).square().mean()
    assert error <= best * 1.001
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32}
    with pytest.raises(ValueError, match="finish needs rows"):
        fit(model, batches(data(), 32, 1), epochs=1, finish=lbfgs())
    with pytest.raises(ValueError, match="players autoencoder, critic"):
        fit(built(wae_gan), data(), epochs=1, finish=lbfgs())


def test_finishing_ends_where_the_loss_is_flat_and_says_how_far_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told: dict[float, int] = {}
    for tolerance in (0.0, 1e-5):

        def finish(model: Any, rows: Any, seed: int, tell: Any, tolerance: float = tolerance) -> None:
            lines: list[str] = []
            lbfgs(tolerance=tolerance)(model, rows, seed, lines.append)
            assert lines[-1].startswith(f"L-BFGS, evaluation {len(lines)}  loss ")
            told[tolerance] = len(lines)

        x = data() @ torch.diag(torch.logspace(0, -3, 6))  # ill-conditioned, so that flat is far off
        fit(linear(6, 2), x, epochs=1, finish=finish)
    assert told[1e-5] < told[0.0]
    fit(linear(6, 2), data(), epochs=1, finish=lbfgs(2), progress=True)
    assert "L-BFGS, evaluation 1  loss " in capsys.readouterr().err


def test_stopped_while_finishing_a_model_keeps_its_dtype() -> None:
    model = linear(6, 2)

    def stop(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lbfgs()(model, Rows(data()), 0, stop)
    assert {t.dtype for t in model.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("nets", [mlps, convs])
def test_widths_of_hidden_layers_come_in_a_sequence(nets: Any) -> None:
    features = (1, 8, 8)
    for hidden, words in ((16, r"hidden=\(16,\) for one layer"), ("16", "whole numbers"), ((1.5,), "whole")):
        with pytest.raises(TypeError, match=words):
            vae(features, hidden=hidden, nets=nets)  # type: ignore[arg-type]


def test_progress_is_silent_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    fit(built(), data(), epochs=2)
    assert capfd.readouterr() == ("", "")
    fit(built(), data(), epochs=2, progress=True)
    assert "epoch 2/2" in capfd.readouterr().err


def test_tensorboard_writes_event_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboard's own imports warn
        fit(built(), data(), epochs=2, folder=tmp_path, tensorboard=True, held_out=0.25)
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    model = built()
    with pytest.raises(ImportError, match=r"isthmus\[tensorboard\]"):
        fit(model, data(), epochs=1, folder=tmp_path / "b", tensorboard=True)
    assert same(model, built())


@pytest.mark.parametrize("wrong", [{"lr": 0}, {"lr": -1.0}, {"lr": "a"}, {"weight_decay": -0.1}])
def test_adam_refuses_what_would_climb(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lr must be above 0"):
        adam(**wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens where there is no CUDA")
@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"held_out": 1}, "a share between 0 and 1"),
        ({"patience": 2.5}, "whole and positive"),
        ({"epochs": 1.5}, "whole and positive"),
        ({"device": "cuda"}, "no CUDA device"),
    ],
)
def test_options_that_mean_nothing_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit(built(), data(), **wrong)
