"""What was saved comes back as it was, from another process, and nothing else is let in."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import isthmus
from isthmus import Autoencoder, Recipe, cite, fit, load, save, seeded
from isthmus.corruptions import masking_noise
from isthmus.latents import Gaussian
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.models import denoising, linear, sparse_l1, tied, vae, vq_vae, wae_gan
from isthmus.nets import mlps
from isthmus.terms import kl, reconstruction

MODELS: dict[str, Callable[[], Any]] = {
    "vae": lambda: vae(6, 2, (8,)),
    "nested": lambda: vae(
        6,
        2,
        (8,),
        nets=Recipe(mlps, activation=nn.SiLU, norm=nn.BatchNorm1d),
        likelihood=Recipe(gaussian, scale="feature"),
    ),
    "functions": lambda: denoising(6, 2, (8,), corruption=masking_noise, likelihood=bernoulli),
    "tied": lambda: tied(6, 2, (8,)),
    "parametrised": lambda: sparse_l1(6),
    "codebook": lambda: vq_vae(6, 8, (8,), width=2, positions=2),
    "two players": lambda: wae_gan(6, 2, (8,)),
    "double": lambda: linear(6, 2).double(),
}


def data() -> Tensor:
    with seeded(0):
        return (torch.randn(40, 2) @ torch.randn(2, 6)).sigmoid().round()


def outputs(model: Any) -> list[Tensor]:
    x = data().to(next(model.parameters()).dtype)
    autoencoder = model.autoencoder.eval()
    with torch.no_grad(), seeded(1):
        code = autoencoder.encode(x)
        return [code.z, autoencoder.decode(code.z).mean, autoencoder.sample(3).mean]


def saved(folder: Path) -> Any:
    with seeded(0):
        model = vae(6, 2, (8,))
    save(folder, model)
    return model


ELSEWHERE = """
import sys, torch, isthmus
for folder, wanted in zip(sys.argv[1::2], sys.argv[2::2]):
    model = isthmus.load(folder)
    assert not model.training and {p.device.type for p in model.parameters()} == {"cpu"}
    wanted = torch.load(wanted, weights_only=True)
    with torch.no_grad(), isthmus.seeded(1):
        code = model.autoencoder.encode(wanted[0])
        mine = [code.z, model.autoencoder.decode(code.z).mean, model.autoencoder.sample(3).mean]
    assert all(torch.equal(a, b) for a, b in zip(mine, wanted[1:])), folder
print("all the same")
"""


def test_every_kind_of_model_gives_identical_outputs_in_a_fresh_process(tmp_path: Path) -> None:
    arguments: list[Path] = []
    for name, make in MODELS.items():
        with seeded(0):
            model = make()
        if name != "double":
            fit(model, data(), epochs=1)
        save(tmp_path / name, model)
        x = data().to(next(model.parameters()).dtype)
        torch.save([x, *outputs(model)], tmp_path / name / "wanted.pt")
        arguments += [tmp_path / name, tmp_path / name / "wanted.pt"]
        again = load(tmp_path / name)
        assert again.recipe == model.recipe and [t.dtype for t in again.state_dict().values()] == [
            t.dtype for t in model.state_dict().values()
        ]
    ran = subprocess.run([sys.executable, "-c", ELSEWHERE, *arguments], capture_output=True, text=True)
    assert ran.stdout == "all the same\n", ran.stderr


def test_the_header_says_what_how_and_whence(tmp_path: Path) -> None:
    saved(tmp_path)
    header = json.loads((tmp_path / "recipe.json").read_text())
    assert header["model"] == {
        "recipe": "isthmus.models.variational:vae",
        "features": 6,
        "dim": 2,
        "hidden": [8],
    }
    assert header["cite"] == cite("vae") and "1312.6114" in header["cite"]
    assert header["versions"]["torch"] == torch.__version__
    save(tmp_path, load(tmp_path), note="mine")
    assert json.loads((tmp_path / "recipe.json").read_text())["note"] == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.json", "weights.safetensors"]


# damage


def edit(**changes: Any) -> Callable[[Path], Any]:
    """Change the recipe of the saved model, and leave all else as it is."""

    def damage(folder: Path) -> None:
        header = json.loads((folder / "recipe.json").read_text())
        header["model"] |= changes
        (folder / "recipe.json").write_text(json.dumps(header))

    return damage


def cut(name: str, to: int | None = None) -> Callable[[Path], Any]:
    return lambda folder: os.truncate(
        folder / name, (folder / name).stat().st_size // 2 if to is None else to
    )


def flip(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-5] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "no recipe": (lambda f: (f / "recipe.json").unlink(), FileNotFoundError, "no recipe.json in it"),
    "no weights": (
        lambda f: (f / "weights.safetensors").unlink(),
        FileNotFoundError,
        "no weights.safetensors in",
    ),
    "half a recipe": (cut("recipe.json"), ValueError, "recipe.json is damaged"),
    "an empty recipe": (cut("recipe.json", 0), ValueError, "recipe.json is damaged"),
    "not a recipe": (
        lambda f: (f / "recipe.json").write_text("[1, 2]"),
        ValueError,
        "recipe.json is damaged",
    ),
    "bytes": (
        lambda f: (f / "recipe.json").write_bytes(b"\xff\xfe\x00"),
        ValueError,
        "recipe.json is damaged",
    ),
    "half the weights": (cut("weights.safetensors"), ValueError, "weights.safetensors is damaged"),
    "no bytes": (cut("weights.safetensors", 0), ValueError, "weights.safetensors is damaged"),
    "a bit of the weights": (flip, ValueError, "weights.safetensors is damaged"),
    "deep brackets": (lambda f: (f / "recipe.json").write_text("[" * 10**5), ValueError, "is damaged"),
    "an unknown argument": (edit(dimm=3), ValueError, 'describes no recipe.*did you mean "dim"'),
    "an argument of ours": (edit(function=3), ValueError, "describes no recipe"),
    "a part that is none": (edit(nets={"a": 1}), ValueError, "describes no recipe"),
    "a number for a name": (edit(nets={"function": 3}), ValueError, "describes no recipe"),
    "no such module": (edit(nets={"function": "isthmus.nets.no:mlps"}), ValueError, "cannot be looked up"),
    "no numbers": (edit(features=[]), ValueError, "does not hold the weights of vae"),
    "other widths": (edit(dim=3), ValueError, r"does not hold the weights of vae\(features=6, dim=3"),
    "a giant": (edit(hidden=[10**6, 10**6]), ValueError, r"\(1000000, 6\) in the recipe and \(8, 6\) in the"),
    "a layer more": (edit(hidden=[8, 8]), ValueError, "in the recipe"),
    "a number for a list": (edit(hidden=8), ValueError, r"hidden=\(8,\) for one layer"),
    "a pickle": (lambda f: torch.save({}, f / "weights.safetensors"), ValueError, "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_recognised(damage: str, tmp_path: Path) -> None:
    saved(tmp_path)
    do, error, message = DAMAGE[damage]
    do(tmp_path)
    with pytest.raises(error, match=message):
        load(tmp_path)


def test_weights_without_a_checksum_are_still_checked(tmp_path: Path) -> None:
    saved(tmp_path)
    header = json.loads((tmp_path / "recipe.json").read_text())
    del header["weights"]
    (tmp_path / "recipe.json").write_text(json.dumps(header))
    load(tmp_path)
    cut("weights.safetensors")(tmp_path)
    with pytest.raises(ValueError, match="does not hold the weights"):
        load(tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = saved(tmp_path)
    before = outputs(load(tmp_path))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    fit(model, data(), epochs=1)
    with pytest.raises(OSError, match="cannot write .*No space left on device"):
        save(tmp_path, model)
    assert all(torch.equal(a, b) for a, b in zip(outputs(load(tmp_path)), before))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.json", "weights.safetensors"]


# trust

UNTRUSTED = [
    "os:system",
    "posix:system",
    "builtins:eval",
    "subprocess:run",
    "torch:load",
    "torch.serialization:load",
    "isthmus.recipes:importlib",
    "isthmus.recipes:look_up",
    "isthmus.runs:load",
    "isthmus_evil:vae",
    "isthmus.models.plain:nn",
    "isthmus.models:importlib",
    "isthmus.models.variational:Recipe",
    "isthmus.models.variational:__builtins__",
    "torch.nn.modules.linear:torch",
]


@pytest.mark.parametrize("place", ["model", "argument", "nested"])
@pytest.mark.parametrize("address", UNTRUSTED)
def test_what_is_not_trusted_is_never_called(address: str, place: str, tmp_path: Path) -> None:
    saved(tmp_path)
    changes: dict[str, dict[str, Any]] = {
        "model": {"recipe": address},
        "argument": {"likelihood": {"function": address}},
        "nested": {"nets": {"recipe": address, "command": f"touch {tmp_path / 'called'}"}},
    }
    edit(**changes[place])(tmp_path)
    with pytest.raises(ValueError, match="not from a trusted package|has no function"):
        load(tmp_path)
    assert not (tmp_path / "called").exists()


THEIRS = '''
from isthmus import Autoencoder, method
from isthmus.latents import Deterministic
from isthmus.likelihoods import gaussian
from isthmus.nets import mlps
from isthmus.terms import reconstruction

@method
def mine(features, dim=2):
    """Mine. Reference: Me, Mine, 2024."""
    encoder, decoder = mlps(features, (5,), dim, dim, features)
    return Autoencoder(encoder, Deterministic(dim), decoder, gaussian(features), reconstruction)
'''


def test_a_method_of_ones_own_is_loaded_where_its_package_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "__init__.py").write_text("")
    (tmp_path / "their_package" / "methods.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    from their_package.methods import mine  # type: ignore[import-not-found]

    model = mine(6)
    save(tmp_path / "run", model)
    with pytest.raises(ValueError, match=r"trusted=\('their_package',\)"):
        load(tmp_path / "run")
    again = load(tmp_path / "run", trusted=("their_package",))
    assert all(torch.equal(a, b) for a, b in zip(outputs(again), outputs(model)))
    assert cite(again) == "Me, Mine, 2024."


def test_a_model_composed_by_hand_is_refused_with_the_way_out(tmp_path: Path) -> None:
    encoder, decoder = mlps(6, (8,), 4, 2, 6)
    model = Autoencoder(encoder, Gaussian(2), decoder, gaussian(6), reconstruction + kl)
    with pytest.raises(ValueError, match="composed by hand.*@isthmus.method.*recipe=Recipe"):
        save(tmp_path / "a", model)
    assert not (tmp_path / "a").exists()
    save(tmp_path / "a", model, recipe=Recipe(vae, features=6, dim=2, hidden=(8,)))
    assert all(torch.equal(a, b) for a, b in zip(outputs(load(tmp_path / "a")), outputs(model)))
    with pytest.raises(TypeError, match="use a Recipe"):
        save(tmp_path / "b", vae(6, likelihood=lambda features: gaussian(features)))
    assert not (tmp_path / "b").exists()
    assert isthmus.cite(model) == ""


def test_a_draft_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / ".weights.safetensors.12345.tmp").write_bytes(b"half")
    save(tmp_path, vae(6, 2, (8,)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.json", "weights.safetensors"]


def test_a_recipe_that_asks_for_too_much_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    saved(tmp_path)
    edit(hidden=[10**6, 10**6])(tmp_path)
    built: list[torch.device] = []

    class Linear(nn.Linear):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            built.append(self.weight.device)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn, "Linear", Linear)
        with pytest.raises(ValueError, match="in the recipe"):
            load(tmp_path)
    assert {device.type for device in built} == {"meta"}
