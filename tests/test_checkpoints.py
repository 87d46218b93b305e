"""Whatever ends training, the same call goes on from there, and the weights are those of an unbroken one."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import isthmus
from isthmus import Recipe, fit, seeded, term
from isthmus.models import (
    autoencoder,
    beta_vae,
    denoising,
    linear,
    residual_vq_vae,
    stacked,
    vae,
    vq_vae,
    vq_vae_2,
    wae_gan,
)
from isthmus.nets import mlps
from isthmus.randomness import Stream
from isthmus.terms import kl, reconstruction
from isthmus.training import (
    adam,
    cosine,
    latest_checkpoint,
    lbfgs,
    load_checkpoint,
    save_checkpoint,
    write_atomically,
)

BATCHED = Recipe(mlps, norm=nn.BatchNorm1d, dropout=0.2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """To wait for the disk guards against power cuts, which no test here makes."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def data(n: int = 40, seed: int = 0) -> Tensor:
    with seeded(seed):
        return torch.randn(n, 2) @ torch.randn(2, 6) + 0.1 * torch.randn(n, 6)


def built(function: Any = vae, seed: int = 0, **options: Any) -> Any:
    with seeded(seed):
        quantised = function in (vq_vae, residual_vq_vae, vq_vae_2)
        return function(6, **options) if quantised else function(6, 2, (8,), **options)


def sgd(lr: float = 0.01, **options: Any) -> Any:
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, **options)


def checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / "checkpoints").glob("*.safetensors"))


def alike(a: Any, b: Any) -> bool:
    """Equal trees, tensors bit for bit; how long an epoch took may differ."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(v, b[k]) for k, v in a.items())
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, str) and '"seconds"' in a:
        timeless = [[{k: v for k, v in r.items() if k != "seconds"} for r in json.loads(t)] for t in (a, b)]
        return timeless[0] == timeless[1]
    return bool(a == b)


def ends(folder: Path) -> Any:
    found = latest_checkpoint(folder / "checkpoints")
    assert found is not None
    return found[0]


# resuming

EVERYTHING: dict[str, Any] = {
    "accumulate": 2,
    "clip": 0.5,
    "ema": 0.9,
    "schedule": cosine(12, warmup=3),
    "held_out": 0.25,
    "monitor": "reconstruction + kl",
}
WAYS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "variational": (built, {}),
    "everything": (lambda: built(nets=BATCHED), EVERYTHING),
    "two players": (lambda: built(wae_gan), {"held_out": 0.25, "accumulate": 3, "ema": 0.5}),
    "two players, one monitored": (
        lambda: built(wae_gan),
        {"held_out": 0.25, "monitor": "autoencoder.reconstruction", "patience": 1},
    ),
    "normalisation and dropout": (lambda: built(autoencoder, nets=BATCHED), {"ema": 0.9}),
    "a codebook": (
        lambda: built(vq_vae, size=8, hidden=(8,), width=2, positions=2),
        {"held_out": 0.25, "monitor": "reconstruction"},
    ),
    "a learned codebook that is revived": (
        lambda: built(vq_vae, size=8, hidden=(8,), width=2, positions=2, ema=None),
        {"ema": 0.9, "accumulate": 2},
    ),
    "residual books": (lambda: built(residual_vq_vae, size=4, hidden=(8,), width=2, positions=2), {}),
    "two levels": (lambda: built(vq_vae_2, size=4, hidden=(8,), width=2, positions=2, top_hidden=(4,)), {}),
    "pretraining": (lambda: built(stacked, epochs=1), {}),
    "corruption": (lambda: built(denoising), {}),
    "torch's own Adam": (built, {"optimizer": lambda p: torch.optim.Adam(p, fused=True, amsgrad=True)}),
    "momentum": (built, {"optimizer": sgd(momentum=0.9, nesterov=True)}),
    "half precision": (built, {"precision": "bf16"}),
    "a warm-up": (lambda: built(beta_vae, warmup_steps=10), {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_resuming_from_every_step_is_bit_identical(way: str, tmp_path: Path) -> None:
    make, options = WAYS[way]
    options = {"epochs": 4, "batch_size": 12, "checkpoint_every": 1, "keep": 1000, **options}
    unbroken, plain = make(), make()
    history = fit(unbroken, data(), folder=tmp_path / "a", **options)
    fit(plain, data(), **options)
    assert alike(plain.state_dict(), unbroken.state_dict())  # to write is not to change
    assert len(checkpoints(tmp_path / "a")) >= 9
    for path in checkpoints(tmp_path / "a"):
        there = tmp_path / path.stem / "checkpoints"
        there.mkdir(parents=True)
        shutil.copy(path, there)
        resumed = make()
        with torch.no_grad():
            for parameter in resumed.parameters():
                parameter.mul_(1.5)  # whatever the model held is not used
        again = fit(resumed, data(), folder=tmp_path / path.stem, **options)
        assert alike(resumed.state_dict(), unbroken.state_dict()), path.stem
        assert alike(ends(tmp_path / path.stem), ends(tmp_path / "a"))
        assert again.best == history.best and again.why == history.why
    # control: without the state of the generator it is another training
    if way in ("variational", "everything"):
        there = tmp_path / "control" / "checkpoints"
        state = load_checkpoint(checkpoints(tmp_path / "a")[2])
        state["course"]["stream"] = Stream(0).states
        save_checkpoint(there, 3, state)
        control = make()
        fit(control, data(), folder=tmp_path / "control", **options)
        assert not alike(control.state_dict(), unbroken.state_dict())


def test_a_loader_that_shuffles_is_resumed_in_its_order(tmp_path: Path) -> None:
    def loader() -> Any:
        return DataLoader(TensorDataset(data()), batch_size=12, shuffle=True)

    options: dict[str, Any] = {"epochs": 3, "checkpoint_every": 1, "keep": 1000}
    unbroken = built()
    fit(unbroken, loader(), folder=tmp_path / "a", **options)
    for path in checkpoints(tmp_path / "a"):
        (tmp_path / path.stem / "checkpoints").mkdir(parents=True)
        shutil.copy(path, tmp_path / path.stem / "checkpoints")
        resumed = built()
        fit(resumed, loader(), folder=tmp_path / path.stem, **options)
        assert alike(resumed.state_dict(), unbroken.state_dict())


@pytest.mark.parametrize("make", [adam(), lambda p: torch.optim.Adam(p, fused=True)], ids=["ours", "torch's"])
def test_the_state_of_fused_adam_comes_back_exactly(make: Any, tmp_path: Path) -> None:
    fit(built(), data(), epochs=2, folder=tmp_path, optimizer=make)
    saved = ends(tmp_path)["course"]["optimizers"]["autoencoder"]
    optimizer = make(list(built().parameters()))
    optimizer.load_state_dict(saved)
    assert alike(optimizer.state_dict(), saved)
    state = saved["state"][0]
    steps, mean, square = state.values() if isinstance(state, dict) else state
    assert steps == 2 and mean.abs().sum() > 0 and square.abs().sum() > 0


@pytest.mark.parametrize("way", ["variational", "everything", "pretraining"])
def test_more_epochs_give_what_they_had_given_from_the_start(way: str, tmp_path: Path) -> None:
    make, options = WAYS[way]
    options = {"batch_size": 12, **options}
    short, long = make(), make()
    fit(long, data(), epochs=5, **options)
    fit(short, data(), epochs=2, folder=tmp_path, **options)
    assert not alike(short.state_dict(), long.state_dict())
    history = fit(short, data(), epochs=5, folder=tmp_path, **options)
    assert alike(short.state_dict(), long.state_dict())
    assert [record["epoch"] for record in history.records] == [0, 1, 2, 3, 4]
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 5
    # and fewer or as many change nothing
    for epochs in (3, 5):
        again = make()
        fit(again, data(), epochs=epochs, folder=tmp_path, **options)
        assert alike(again.state_dict(), long.state_dict())


def test_more_patience_takes_up_what_had_stopped(tmp_path: Path) -> None:
    options: dict[str, Any] = {"held_out": data(20, seed=1), "epochs": 9, "batch_size": 12}
    options |= {"optimizer": sgd(1e-6, maximize=True), "monitor": "reconstruction"}  # which only grows, then
    model, patient = built(), built()
    assert len(fit(model, data(), patience=1, folder=tmp_path, **options).records) == 2
    assert len(fit(model, data(), patience=1, folder=tmp_path, **options).records) == 2
    assert len(fit(model, data(), patience=3, folder=tmp_path, **options).records) == 4
    fit(patient, data(), patience=3, **options)
    assert alike(model.state_dict(), patient.state_dict())


def test_finished_weights_come_back_and_more_epochs_go_on_from_before_the_finish(tmp_path: Path) -> None:
    with seeded(0):
        made = [linear(6, 2) for _ in range(4)]
    for model in made:
        model.load_state_dict(made[0].state_dict())
    calls = []

    def counted(*args: Any) -> None:
        calls.append(1)
        lbfgs(iterations=5)(*args)

    fit(made[0], data(), epochs=2, finish=counted, folder=tmp_path)
    fit(made[1], data(), epochs=2, finish=counted, folder=tmp_path)
    assert len(calls) == 1 and alike(made[0].state_dict(), made[1].state_dict())
    fit(made[1], data(), epochs=4, finish=counted, folder=tmp_path)
    fit(made[2], data(), epochs=4, finish=counted)
    assert len(calls) == 3 and alike(made[1].state_dict(), made[2].state_dict())


def test_another_model_or_other_options_are_refused_by_name(tmp_path: Path) -> None:
    fit(built(), data(), epochs=1, folder=tmp_path)
    others: dict[str, tuple[Any, dict[str, Any]]] = {
        "batch_size was 128, now 64": (built(), {"batch_size": 64}),
        "seed was 0, now 1": (built(), {"seed": 1}),
        "data was": (built(), {"data": data(41)}),
        "data was .*checksum": (built(), {"data": 2 * data()}),
        "held_out was None": (built(), {"held_out": 0.5}),
        "optimizer was .*0.001.*0.01": (built(), {"optimizer": adam(1e-2)}),
        "schedule was None": (built(), {"schedule": cosine(10)}),
        "clip was None, now 1.0": (built(), {"clip": 1.0}),
        "accumulate was 1, now 2": (built(), {"accumulate": 2}),
        "precision was fp32, now bf16": (built(), {"precision": "bf16"}),
        "ema was None, now 0.9": (built(), {"ema": 0.9}),
        r"model was vae\(.*now beta_vae\(": (built(beta_vae), {}),
        r"model was vae\(.*likelihood": (
            built(likelihood=Recipe(isthmus.likelihoods.gaussian, scale=1.0)),
            {},
        ),
    }
    for message, (model, options) in others.items():
        x = options.pop("data", data())
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(ValueError, match=message):
            fit(model, x, epochs=2, folder=tmp_path, **options)
        assert alike(model.state_dict(), before)


def test_models_composed_by_hand_are_told_apart_by_their_objective(tmp_path: Path) -> None:
    models = [built(), built()]
    for model, objective in zip(models, (reconstruction + kl, reconstruction + 2.0 * kl)):
        model.recipe, model.objective = None, objective
    fit(models[0], data(), epochs=1, folder=tmp_path)
    fit(models[0], data(), epochs=2, folder=tmp_path)
    with pytest.raises(ValueError, match="model was"):
        fit(models[1], data(), epochs=2, folder=tmp_path)


# sudden ends

KILLED = """
import os, random, shutil, signal, sys, time
from pathlib import Path

import torch

import isthmus
from isthmus.models import vae
from isthmus.recipes import Recipe
from isthmus.nets import mlps

torch.set_num_threads(1)
with isthmus.seeded(0):
    x = torch.randn(60, 6)

def run(folder):
    with isthmus.seeded(0):
        model = vae(6, 2, (8,), nets=Recipe(mlps, norm=torch.nn.BatchNorm1d, dropout=0.1))
    isthmus.fit(model, x, epochs=8, batch_size=8, ema=0.9, held_out=0.2, monitor="reconstruction",
                folder=folder, checkpoint_every=3)
    isthmus.save(Path(folder) / "end", model)

def child(folder):
    pid = os.fork()
    if pid == 0:
        try:
            run(folder)
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
    return pid

root = Path(sys.argv[1])
run(root / "warm")  # what is imported and set up at the first use is not what shall be killed
waited = time.monotonic()
assert os.waitpid(child(root / "unbroken"), 0)[1] == 0
length = time.monotonic() - waited
wanted = (root / "unbroken/end/weights.safetensors").read_bytes()
dice = random.Random(0)
same = killed = begun = 0
for trial in range(20):
    folder = root / str(trial)
    for attempt in range(1 + trial % 2):
        while True:
            pid = child(folder)
            while trial % 4 and not any((folder / "checkpoints").glob("*.safetensors")):
                time.sleep(0.001)  # three in four are killed after their first checkpoint
            time.sleep(dice.uniform(0, 0.8 * length))
            os.kill(pid, signal.SIGKILL)
            if os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
                break
            shutil.rmtree(folder)  # it had ended before: once more, sooner
            length *= 0.8
        killed += 1
        begun += any((folder / "checkpoints").glob("*.safetensors"))
    assert os.waitpid(child(folder), 0)[1] == 0
    same += (folder / "end/weights.safetensors").read_bytes() == wanted
    assert not list(folder.rglob("*.tmp")), "a draft was left"
print(same, killed, begun)
"""


def test_killed_at_random_moments_twenty_times(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    ran = subprocess.run(
        [sys.executable, tmp_path / "killed.py", tmp_path], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    same, killed, begun = map(int, ran.stdout.split())
    assert same == 20
    assert killed == 30 and begun >= 20  # they were killed, and most of them on the way


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    at = [0]

    @term
    def pressed(model: Any, trace: Any) -> Tensor:
        at[0] += 1
        if at[0] == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return reconstruction(model, trace)

    def make() -> Any:
        model = built()
        model.recipe, model.objective = None, pressed + kl
        return model

    outside = torch.get_rng_state()
    model = make()
    with pytest.raises(KeyboardInterrupt, match="after step 6"):
        fit(model, data(), epochs=4, batch_size=12, folder=tmp_path)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert torch.equal(torch.get_rng_state(), outside)
    assert ends(tmp_path)["course"]["at"] == [6, 1, 2]
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1
    unbroken = make()
    fit(unbroken, data(), epochs=4, batch_size=12)
    fit(model, data(), epochs=4, batch_size=12, folder=tmp_path)
    assert alike(model.state_dict(), unbroken.state_dict())
    at[0] = 0
    with pytest.raises(KeyboardInterrupt):
        fit(make(), data(), epochs=4, batch_size=12)  # and without a folder at once


# damage


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "empty": lambda path: os.truncate(path, 0),
    "a bit of a weight": lambda path: flip(path, path.stat().st_size - 3),
    "a digit of the state": lambda path: flip(path, path.read_bytes().index(b"best_value") + 40),
    "another file": lambda path: path.write_bytes(b"weights, honestly"),
    "the length of the header": lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_is_used(damage: str, tmp_path: Path) -> None:
    unbroken = built()
    fit(unbroken, data(), epochs=3, batch_size=12, folder=tmp_path, checkpoint_every=2)
    DAMAGE[damage](checkpoints(tmp_path)[-1])
    resumed = built()
    with pytest.warns(
        RuntimeWarning, match=rf"{checkpoints(tmp_path)[-1].name}.*The checkpoint before it is used"
    ):
        fit(resumed, data(), epochs=3, batch_size=12, folder=tmp_path, checkpoint_every=2)
    assert alike(resumed.state_dict(), unbroken.state_dict())
    for path in checkpoints(tmp_path):
        DAMAGE["truncated"](path)
    with pytest.raises(ValueError, match="no checkpoint in .* can be used"):
        fit(built(), data(), epochs=3, batch_size=12, folder=tmp_path)


def test_a_tree_comes_back_as_it_was(tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "tensor": torch.arange(6.0).view(2, 3).T,
        "deep": {
            "list": [1, (2.5, None), "three"],
            7: True,
            "a/b": torch.tensor(1),
            "a": {"b": torch.ones(2)},
        },
        "kinds": [
            torch.tensor(True),
            torch.ones(3, dtype=torch.bfloat16),
            torch.empty(0),
            torch.ones(2).long(),
        ],
    }
    assert alike(load_checkpoint(save_checkpoint(tmp_path, 1, tree)), tree)


def test_only_the_last_few_are_kept(tmp_path: Path) -> None:
    fit(built(), data(), epochs=3, batch_size=12, folder=tmp_path, checkpoint_every=1, keep=2)
    assert [int(path.stem) for path in checkpoints(tmp_path)] == [9, 10] or len(checkpoints(tmp_path)) == 2


# where nothing can be written


def test_a_full_disk_while_checkpointing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(built(), data(), epochs=2, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match="cannot write .*: No space left on device; what was there is whole"
    ) as raised:
        fit(built(), data(), epochs=3, folder=tmp_path)
    assert raised.value.errno == errno.ENOSPC
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    unbroken, resumed = built(), built()
    fit(unbroken, data(), epochs=3)
    fit(resumed, data(), epochs=3, folder=tmp_path)
    assert alike(resumed.state_dict(), unbroken.state_dict())


def test_a_file_that_stops_half_way_is_removed(tmp_path: Path) -> None:
    """The limit on a file's size really cuts the write short, as a full disk does."""
    model, x = built(), data()
    fit(model, x, epochs=1, folder=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="cannot write .*safetensors: File too large"):
            fit(model, x, epochs=2, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    model = built()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(OSError, match="cannot write .*file/a"):
        fit(model, data(), folder=tmp_path / "file" / "a")
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(OSError, match="cannot write .*locked.*denied"):
            fit(model, data(), folder=tmp_path / "locked")
    assert alike(model.state_dict(), before)


def test_drafts_of_a_killed_process_are_swept_up(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".0000000003.safetensors.123.tmp").write_bytes(b"half")
    fit(built(), data(), epochs=1, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["0000000001.safetensors", "history.jsonl"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a", b"old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"
