"""Writing down what was built and learned, and getting it back: JSON and safetensors, never a pickle."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from . import __version__
from .model import Learner
from .randomness import seeded
from .recipes import Recipe
from .training.checkpoints import sweep, write_atomically


def save(folder: str | Path, model: Learner, recipe: Recipe | None = None, **notes: Any) -> Path:
    """Write `recipe.json` and `weights.safetensors` into the folder; `notes` go into the recipe file.

    Each file is replaced whole or not at all, the weights first.

    Raises:
        ValueError: for a model composed by hand, which no recipe describes. Put the composition into a
            function marked `@isthmus.method`, or give the recipe that builds it.
    """
    recipe = recipe or model.recipe
    if recipe is None:
        raise ValueError(
            "this model was composed by hand, so nothing says how to build it again: put the composition "
            "into a function marked @isthmus.method in a module, or pass recipe=Recipe(function, …)"
        )
    weights = to_bytes({k: v.detach().cpu().contiguous().clone() for k, v in model.state_dict().items()})
    header = {
        "model": recipe.describe(),
        "cite": cite(recipe),
        "versions": versions(),
        "weights": hashlib.sha256(weights).hexdigest(),
        **notes,
    }
    text = json.dumps(header, indent=2, ensure_ascii=False)  # before anything is written, as it may fail
    folder = Path(folder)
    sweep(folder)  # of a process that was killed while it saved
    write_atomically(folder / "weights.safetensors", weights)
    write_atomically(folder / "recipe.json", f"{text}\n".encode())
    return folder


def load(folder: str | Path, trusted: tuple[str, ...] = ()) -> Learner:
    """Build the saved model and give it its weights; in eval() mode, on the CPU.

    Only functions of isthmus, activations and normalisations of torch, and packages named in `trusted` are
    ever looked up.

    Raises:
        FileNotFoundError: where the folder holds no saved model.
        ValueError: where a file is damaged, the weights are another model's, or a name is not trusted.
    """
    header, path = read_header(folder), Path(folder) / "weights.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no saved model: there is no {path.name} in it")
    weights = path.read_bytes()
    if header.get("weights", "") not in ("", hashlib.sha256(weights).hexdigest()):
        raise ValueError(
            f"{path} is damaged, or of another model: its checksum is not the one in recipe.json"
        )
    recipe = Recipe.read(header["model"], trusted)
    try:
        tensors = from_bytes(weights)
        agree(recipe, tensors, own=bool(trusted))
        with seeded(0):  # what is drawn is overwritten, and the process's own random numbers stay
            model = recipe()
        own = dict(model.named_parameters()) | dict(model.named_buffers())
        for name in own.keys() & tensors.keys():
            own[name].data = own[name].data.to(tensors[name].dtype)  # a model in float64 is one again
        model.load_state_dict(tensors)
    except Exception as error:  # what a stranger's arguments make a function raise, nobody knows
        why = " ".join(str(error).split())
        raise ValueError(f"{path} does not hold the weights of {recipe}: {why}") from error
    return model.eval()


def agree(recipe: Recipe, tensors: dict[str, Tensor], own: bool) -> None:
    """Raise ValueError where the recipe's model is of other shapes than the tensors, before it takes memory.

    The model is outlined on torch's meta device, which holds shapes alone. A person's `own` functions may not
    be made for that; they are trusted, and so built as they are.
    """
    try:
        with seeded(0), torch.device("meta"):
            outline = recipe().state_dict()
    except Exception:
        if own:
            return
        raise
    for name in filter(tensors.__contains__, outline):
        asked, came = tuple(outline[name].shape), tuple(tensors[name].shape)
        if asked != came:
            raise ValueError(f"{name} is {asked} in the recipe and {came} in the file")
    if different := sorted(outline.keys() ^ tensors.keys()):
        where = "recipe" if different[0] in outline else "file"
        raise ValueError(f"{different[0]} is in the {where} alone")


def read_header(folder: str | Path) -> dict[str, Any]:
    """What `recipe.json` says."""
    path = Path(folder) / "recipe.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no saved model: there is no {path.name} in it")
    try:
        header = json.loads(path.read_text("utf-8"))
        header["model"]["recipe"].partition(":")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged, or not a recipe: {error}") from error
    return header


def versions() -> dict[str, str]:
    """Of everything that a number may depend on."""
    import numpy

    return {
        "isthmus": __version__,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "python": platform.python_version(),
    }


def machine() -> dict[str, str]:
    """What a number was made on, as the system tells it."""
    return {
        "processor": _processor() or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "system": platform.platform(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def cite(what: Learner | Recipe | Callable[..., Any] | str) -> str:
    """Where a method comes from, as its docstring says.

    >>> cite("vae")
    'Kingma & Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114.'
    """
    recipe = what.recipe if isinstance(what, Learner) else what
    if recipe is None:
        return ""
    function = (recipe if isinstance(recipe, Recipe) else Recipe(recipe)).function
    found = re.search(r"References?: (.*?)(?:\n\s*\n|\Z)", inspect.getdoc(function) or "", re.S)
    return " ".join(found[1].split()) if found else ""
