"""The folder of a run: free, taken, or left by a run that was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..report import ENDINGS, FIGURES, FOLDER, PAGE
from ..training import write_atomically
from . import config
from .misuse import Misuse
from .output import to_json

OURS = (
    *("recipe.json", "weights.safetensors", "preprocessing.json", "history.jsonl", "metrics.json"),
    *(config.FILE, PAGE),
)
UNFINISHED = "unfinished.json"  # what was asked; it goes when the run is complete


def begin(folder: Path, asked: dict[str, Any], force: bool) -> bool:
    """Take the folder for this run, or go on with the one in it; whether it goes on.

    Raises:
        Misuse: where the folder holds a finished run, or an interrupted one that was asked otherwise.
    """
    note = folder / UNFINISHED
    if force:
        clear(folder)
    elif note.is_file():
        _same(folder, note, asked)
        return True
    elif any((folder / name).exists() for name in (*OURS, "checkpoints")):
        raise Misuse(f"{folder} holds a run already; --force begins anew, or choose another --out")
    write_atomically(note, to_json(asked).encode())
    return False


def _same(folder: Path, note: Path, asked: dict[str, Any]) -> None:
    again = "--force begins anew, or choose another --out"
    try:
        before = json.loads(note.read_text("utf-8"))
        other = [name for name in asked if before[name] != asked[name]]
    except (ValueError, KeyError, TypeError) as error:
        raise Misuse(f"{note} is damaged, so nothing says what the interrupted run was; {again}") from error
    if other:
        name = other[0]
        what = "other data" if name == "sha256" else f"{name} {before[name]!r}, not {asked[name]!r}"
        raise Misuse(f"{folder} holds an interrupted run with {what}; {again}")


def clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else."""
    for name in (*OURS, UNFINISHED):
        (folder / name).unlink(missing_ok=True)
    pictures = [f"{FOLDER}/{name}{ending}" for name in FIGURES for ending in ENDINGS]
    for pattern in ("checkpoints/*.safetensors", *pictures, "tensorboard/events.out.tfevents.*"):
        for path in folder.glob(pattern):
            path.unlink()


def abandon(folder: Path) -> bool:
    """After a run that ended early: True if it left checkpoints to go on from; otherwise its traces go."""
    if any(folder.glob("checkpoints/*.safetensors")):
        return True
    (folder / UNFINISHED).unlink(missing_ok=True)
    for path in (folder / "checkpoints", folder):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return False
