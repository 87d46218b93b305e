"""A CUDA device does what the CPU does: every method, and what trains, measures and keeps them.

Skipped where torch sees no such device. `tests/test_devices.py` looks for some of the same mistakes without.
"""

from __future__ import annotations

import copy
import math
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import isthmus
from devices import WAITS, DrawnOnTheHost, on
from isthmus import Batch, Embedder, Learner, Recipe, metrics
from isthmus.data import MappedRows, load
from isthmus.latents import Gaussian
from isthmus.likelihoods import gaussian
from isthmus.models import METHODS, autoencoder, fit_prior, linear, stacked, vae, vq_vae, wae_gan
from isthmus.priors import Autoregressive, DiffusionPrior, Flow, Mixture, Normal, TwoStage
from isthmus.terms import kl, reconstruction, warmup
from isthmus.training import adam, batches, fit
from isthmus.training.loop import Turns
from test_laws import CASES, Case, laws, laws_of_all, losses_and_gradients, output, snapshot

if not torch.cuda.is_available():
    pytest.skip("torch sees no CUDA device here", allow_module_level=True)
SMALL: dict[str, Any] = {"dim": 3, "hidden": (16,)}
FAST: dict[str, Any] = {"batch_size": 64, "device": "cuda", "progress": False}


@pytest.fixture(autouse=True)
def as_precise_as_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without TF32, whose products have ten bits; and the process's own generators left alone."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    with sdpa_kernel(SDPBackend.MATH):
        yield
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], torch.cuda.get_rng_state())


def agree(there: Tensor, here: Tensor, much: float = 1e-4) -> None:
    """Alike to one part in ten thousand of the largest."""
    assert there.is_cuda and not here.is_cuda
    size = float(here.abs().max()) if here.numel() else 0.0
    torch.testing.assert_close(there.detach().cpu(), here.detach(), rtol=0, atol=much * max(size, 1.0))


def trained(case: Case, steps: int = 5) -> Learner:
    """A model on the device that has taken a few steps there."""
    model, turns_of = case.build().cuda(), on(case.batch())
    with isthmus.seeded(0, "cuda"):
        turns = Turns(model, adam(3e-3))
        for step in range(steps):
            turns.take(turns_of, step)
    return model


# Every method


@laws_of_all
def test_losses_and_gradients_are_those_of_the_cpu(case: Case) -> None:
    model, batch = case.build(), case.batch()
    with DrawnOnTheHost():
        here = losses_and_gradients(model, batch)
        there = losses_and_gradients(model.cuda(), on(batch))
    assert len(here) == len(there)
    for expected, found in zip(here, there):
        agree(found, expected, 1e-3)


def test_control_a_loss_that_differs_is_noticed() -> None:
    case = CASES[1]
    with DrawnOnTheHost(), pytest.raises(AssertionError):
        for expected, found in zip(
            losses_and_gradients(case.build(), case.batch()),
            losses_and_gradients(case.build().cuda(), on(case.batch(seed=2))),
        ):
            agree(found, expected, 1e-3)


@laws_of_all
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fit_moves_every_parameter_and_stays_finite(case: Case, precision: str) -> None:
    model = case.build()
    before = snapshot(model)
    options: dict[str, Any] = {"epochs": 7, "held_out": 0.25, "optimizer": adam(3e-3)}
    history = fit(model, case.batch(256), precision=precision, **options, **FAST)
    for name, parameter in model.named_parameters():
        assert parameter.is_cuda and parameter.dtype == torch.float32, name
        assert parameter.isfinite().all(), name
        assert not torch.equal(before[name], parameter.detach().cpu()), name
    for record in history.records:
        assert all(map(math.isfinite, (*record["train"].values(), *record["held_out"].values())))
    assert history.records[0]["train"] != history.records[-1]["train"]


@laws
def test_it_says_what_its_copy_on_the_cpu_says(case: Case) -> None:
    model, batch = trained(case).eval(), case.batch(40, seed=7)
    twin, there = copy.deepcopy(model).cpu(), on(batch)
    agree(output(model, there), output(twin, batch))
    flow, other = model.autoencoder, twin.autoencoder
    with torch.no_grad():
        mine, its = flow(there), other(batch)
        agree(mine.output.log_prob(there.target), its.output.log_prob(batch.target))
        for stage, expected in zip(mine.code.stages, its.code.stages):
            agree(stage.divergence(), expected.divergence())
        z = its.code.z
        agree(flow.decode(z.cuda(), **there.context).mean, other.decode(z, **batch.context).mean)
        with DrawnOnTheHost():
            for draw in (lambda model, batch: model.sample(40, **batch.context).mean, drawn_code):
                with isthmus.seeded(3):
                    expected = draw(other, batch)
                with isthmus.seeded(3):
                    agree(draw(flow, there), expected)


def drawn_code(model: Any, batch: Batch) -> Tensor:
    z: Tensor = model.encode(batch.input, sample=True, **batch.context).z
    return z


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@laws_of_all
def test_a_step_does_not_wait_for_the_device(case: Case) -> None:
    model, batch = case.build().cuda(), on(case.batch())
    with isthmus.seeded(0, "cuda"):
        turns = Turns(model)
        for step in range(4):
            turns.take(batch, step)
        if case.name in WAITS or case.name == "rae_sn":  # an eigenvalue is asked whether it was found
            with pytest.raises(RuntimeError, match="synchronizing"), waiting_is_an_error():
                turns.take(batch, 4)
        else:
            with waiting_is_an_error():
                turns.take(batch, 4)


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@laws_of_all
def test_draws_repeat_under_a_generator_of_either_side(case: Case) -> None:
    flow, context = case.build().cuda().autoencoder, on(case.batch(4)).context
    for device in ("cpu", "cuda"):
        generator = torch.Generator(device).manual_seed(0)
        first, second = (flow.sample(4, generator, **context).mean for _ in range(2))
        again = flow.sample(4, torch.Generator(device).manual_seed(0), **context).mean
        assert first.is_cuda and torch.equal(first, again)
        assert not torch.equal(first, second)


def test_control_without_a_generator_the_process_own_is_drawn_from() -> None:
    flow, before = CASES[1].build().cuda().autoencoder, torch.cuda.get_rng_state()
    flow.sample(4)
    assert not torch.equal(before, torch.cuda.get_rng_state())
    torch.cuda.set_rng_state(before)


# Where rows lie, and going on


def rows(n: int = 200) -> Tensor:
    return CASES[1].batch(n).input


def in_batches(x: Tensor) -> list[Batch]:
    return [Batch(part, part) for part in x.split(64)]


PLACES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {  # two that give the same batches
    "on the device": (lambda: rows().cuda(), rows),
    "too many for the device": (rows, rows),
    "on disk": (lambda: MappedRows(rows().numpy()), rows),
    "batches": (lambda: in_batches(rows()), lambda: in_batches(rows().cuda())),
}
MEMORY = ("on the device", "too many for the device")  # what greedy pretraining needs rows in
PAIRS = [(m, p) for m in (autoencoder, linear, stacked) for p in PLACES if m is not stacked or p in MEMORY]


@pytest.mark.parametrize("method, place", PAIRS, ids=lambda each: getattr(each, "__name__", each))
def test_where_rows_lie_does_not_matter(method: Any, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "too many for the device":
        monkeypatch.setattr(batches, "SHARE", 0.0)
    found = []
    for data in PLACES[place]:
        with isthmus.seeded(0):
            model = method(12, 3) if method is linear else method(12, 3, (16,))
        fit(model, data(), epochs=3, **FAST)
        with torch.no_grad():
            found.append(model.decode(model.encode(rows().cuda()).z).mean)
        monkeypatch.undo()
    agree(found[0], found[1].cpu())


WAYS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "vae": (vae, SMALL, {"held_out": 0.25, "monitor": "reconstruction + kl", "ema": 0.9, "accumulate": 2}),
    "two players": (wae_gan, SMALL, {}),
    "a codebook": (vq_vae, {"hidden": (8,), "size": 8, "width": 2, "positions": 2}, {}),
    "torch's own Adam": (vae, SMALL, {"optimizer": lambda p: torch.optim.Adam(p, fused=True)}),
    "half precision": (vae, SMALL, {"precision": "bf16"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_from_a_checkpoint(way: str, tmp_path: Path) -> None:
    method, options, more = WAYS[way]
    often: dict[str, Any] = {"epochs": 4, "checkpoint_every": 1, "keep": 1000, **FAST, **more}

    def made() -> Learner:
        with isthmus.seeded(0):
            model: Learner = method(12, **options)
        return model

    whole = made()
    fit(whole, rows(), folder=tmp_path / "a", **often)
    paths = sorted((tmp_path / "a" / "checkpoints").glob("*.safetensors"))
    for path in (paths[0], paths[len(paths) // 2]):
        there = tmp_path / path.stem / "checkpoints"
        there.mkdir(parents=True)
        shutil.copy(path, there)
        resumed = made()
        fit(resumed, rows(), folder=tmp_path / path.stem, **often)
        for name, value in whole.state_dict().items():
            agree(resumed.state_dict()[name].float(), value.float().cpu())
    other = made()
    fit(other, rows(), epochs=4, seed=1, **FAST, **more)  # the control: another order, other noise
    assert not all(map(torch.allclose, whole.parameters(), other.parameters()))


def test_what_is_not_a_number_is_found_there_too() -> None:
    x = rows()
    x[77, 3] = math.inf
    model = CASES[1].build()
    with pytest.raises(isthmus.training.Diverged, match="reconstruction"):
        fit(model, x, epochs=2, **FAST)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


# Priors that are fitted afterwards


PRIORS: dict[str, Any] = {
    "normal": Normal,
    "mixture": Recipe(Mixture, components=3),
    "full mixture": Recipe(Mixture, components=3, full=True),
    "flow": Recipe(Flow, layers=2, hidden=(16,), updates=1000),
    "two-stage": Recipe(TwoStage, hidden=(16,), updates=1500, draws=4),
    "diffusion": Recipe(DiffusionPrior, hidden=(32,), length=200),
}


@pytest.mark.parametrize("name", PRIORS)
def test_a_prior_is_fitted_and_drawn_from_there(name: str, tmp_path: Path) -> None:
    model, x = trained(CASES[1]), rows().cuda()
    fit_prior(model, x, PRIORS[name])
    flow = model.eval().autoencoder
    with isthmus.seeded(0, "cuda"), torch.no_grad():
        z, drawn = flow.encode(x).z, flow.latent.sample(2000)
        assert drawn.is_cuda and flow.sample(5).mean.is_cuda
    error = 5 * z.std(0) / len(z) ** 0.5 + 0.1 * z.std(0)  # a short fit is not at its optimum
    assert ((drawn.mean(0) - z.mean(0)).abs() < error).all()
    isthmus.save(tmp_path, model)
    with isthmus.seeded(0), torch.no_grad():
        back = isthmus.load(tmp_path).autoencoder.latent.sample(2000)
    assert ((back.mean(0) - z.mean(0).cpu()).abs() < error.cpu()).all()


@pytest.mark.parametrize("name", ["vq_vae", "vq_vae_2"])
def test_an_autoregressive_prior_over_indices(name: str) -> None:
    small = Recipe(Autoregressive, width=16, layers=1, heads=2, epochs=1)
    options: dict[str, Any] = {"hidden": (8,), "size": 8, "width": 2, "positions": 2, "prior": small}
    with isthmus.seeded(0):
        model = METHODS[name](12, **options).cuda().autoencoder
    latent: Any = model.latent
    x = rows().cuda()
    with isthmus.seeded(0, "cuda"):
        latent.fit_prior(model.eval().encode(x).z.detach())
        assert latent.sample(5).is_cuda
        indices = model.encode(x).extra["indices"]
    agree(latent.prior.log_prob(indices), copy.deepcopy(latent.prior).cpu().log_prob(indices.cpu()))


# The estimator: arrays in, arrays out

LABELLED = ("conditional_vae", "m2", "ladder_network")
RECIPES: dict[str, Any] = {
    "vae": Recipe("vae", hidden=(32,)),
    "vq_vae": Recipe("vq_vae", hidden=(32,), size=16, width=4, positions=4),
    "sparse_top_k": Recipe("sparse_top_k", k=8),
    "linear": "linear",
    "flow_vae": Recipe("flow_vae", hidden=(32,)),
    "hyperspherical_vae": Recipe("hyperspherical_vae", hidden=(32,)),
    "wae_gan": Recipe("wae_gan", hidden=(32,)),
    "conditional_vae": Recipe("conditional_vae", hidden=(32,)),
    "m2": Recipe("m2", hidden=(32,)),
    "ladder_network": Recipe("ladder_network", hidden=(32,)),
    "ex_post": "ex_post",
}


@pytest.mark.filterwarnings("ignore::isthmus.training.TrainingWarning")
@pytest.mark.parametrize("name", RECIPES)
def test_the_estimator_takes_and_gives_arrays(name: str, tmp_path: Path) -> None:
    digits = load("digits")
    x, y = digits.train.x[:200], np.asarray(digits.train.y)[:200]
    labels = (y,) if name in LABELLED else ()
    more = labels if name == "conditional_vae" else ()
    dim = None if name in ("vq_vae", "sparse_top_k") else 4
    embedder = Embedder(RECIPES[name], dim, epochs=3, random_state=0)
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    embedder.fit(x, *labels)
    assert embedder.device == "auto" and torch.cuda.memory_stats()["allocation.all.allocated"] > before + 100
    z = embedder.transform(x, *more)
    found = [z, embedder.reconstruct(x, *more), embedder.score_samples(x, *more)]
    found += [
        embedder.sample(7, y[:7] if more else None, random_state=0),
        embedder.inverse_transform(z, *more),
    ]
    gaps = x.astype(float)
    gaps[::3, 20:30] = np.nan
    found.append(embedder.impute(gaps, *more))
    for each in found:
        assert isinstance(each, np.ndarray) and np.isfinite(each).all()
    np.testing.assert_array_equal(found[-1][~np.isnan(gaps)], x[~np.isnan(gaps)])
    embedder.save(tmp_path)
    for twin in (Embedder.load(tmp_path), pickle.loads(pickle.dumps(embedder))):
        np.testing.assert_array_equal(twin.transform(x, *more), z)
    if name in ("m2", "ladder_network"):
        assert set(embedder.predict(x)) <= set(y)


def test_it_learns_as_much_as_on_the_cpu() -> None:
    x = load("digits").train.x[:400] / 16
    error = {}
    for device in ("cpu", "cuda"):
        recipe = Recipe("autoencoder", dim=8, hidden=(32,))
        embedder = Embedder(recipe, epochs=20, device=device, random_state=0).fit(x)
        error[device] = np.square(embedder.reconstruct(x) - x).mean()
    assert abs(error["cuda"] - error["cpu"]) < 0.02 * error["cpu"]


# Measures


MEASURES: dict[str, Callable[[Learner, Tensor], Any]] = {
    "log_likelihood": lambda model, x: metrics.log_likelihood(model, x, samples=20, chunk=512).per_row,
    "elbo": lambda model, x: metrics.elbo(model, x, samples=3).per_row,
    "kl_parts": lambda model, x: torch.tensor(metrics.kl_parts(model, x, samples=2)),
    "kl_per_dimension": metrics.kl_per_dimension,
    "kl_per_layer": metrics.kl_per_layer,
    "active_units": lambda model, x: metrics.active_units(model, x).variance,
    "information_per_dimension": metrics.information_per_dimension,
    "ais": lambda model, x: (
        metrics.annealed_log_likelihood(model, x[:20], temperatures=5, chains=2, leaps=2).per_row
    ),
    "amortisation_gap": lambda model, x: metrics.amortisation_gap(model, x, steps=5).local,
    "best_codes": lambda model, x: metrics.best_codes(model, x, steps=5).after,
    "gradient_norms": lambda model, x: torch.tensor(list(metrics.gradient_norms(model, x).values())),
    "sparsity": lambda model, x: torch.tensor(metrics.sparsity(model, x)),
    "rate_distortion": lambda model, x: torch.tensor(metrics.rate_distortion({"a": model}, x)[0][1:3]),
    "imputed": lambda model, x: metrics.imputed(model, with_gaps(x), samples=20).rows,
}


def with_gaps(x: Tensor) -> Batch:
    observed = torch.ones_like(x, dtype=torch.bool)
    observed[::2, :3] = False
    return Batch(torch.where(observed, x, 0), torch.where(observed, x, 0), {"observed": observed})


@pytest.mark.parametrize("name", MEASURES)
def test_measures_say_the_same_of_a_model_there(name: str) -> None:
    case = next(case for case in CASES if case.name == "vae")
    model, x = trained(case), rows(50)
    twin = copy.deepcopy(model).cpu()
    with DrawnOnTheHost():
        there, here = MEASURES[name](model, x), MEASURES[name](twin, x)
    assert not there.is_cuda
    torch.testing.assert_close(there.double(), here.double(), rtol=1e-3, atol=1e-3)
    again = MEASURES[name](model, x)  # with the device's own draws: they repeat, and nothing outside moves
    torch.testing.assert_close(again, MEASURES[name](model, x))


def test_a_saved_model_comes_back_on_the_cpu(tmp_path: Path) -> None:
    model, batch = trained(CASES[1]), CASES[1].batch(20)
    isthmus.save(tmp_path, model)
    agree(output(model, on(batch)), output(isthmus.load(tmp_path), batch))


def test_a_model_of_ones_own_parts() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(12, 8), nn.Linear(8, 6)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.tanh(self.first(x)))

    with isthmus.seeded(0):
        model = isthmus.Autoencoder(
            Own(), Gaussian(3), nn.Linear(3, 12), gaussian(12), reconstruction + warmup(10) * kl
        )
    history = fit(model, rows(), epochs=5, monitor="reconstruction + kl", held_out=0.2, **FAST)
    assert math.isfinite(history.curve("kl", "held_out")[-1]) and model.device.type == "cuda"
