"""Checkpoints that survive a power cut: one file each, whole or not there, recognised when damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

State = dict[str, Any]


def write_atomically(path: Path, content: bytes) -> None:
    """The file is the old one or the new one, never half of it, also after a power cut.

    Raises:
        OSError: where the folder cannot be written or the disk is full; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def save_checkpoint(folder: Path, step: int, state: State, keep: int = 3) -> Path:
    """Write `step`.safetensors, then remove all but the last `keep`.

    `state` is a tree of dictionaries and lists whose leaves are tensors and what JSON can hold.
    """
    tensors: dict[str, Tensor] = {}
    tree = _pull(state, "", tensors)
    metadata = {"state": json.dumps(tree), "digest": _digest(tensors)}
    path = folder / f"{step:010d}.safetensors"
    write_atomically(path, to_bytes(tensors, metadata))
    for old in sorted(folder.glob("*.safetensors"))[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(path: Path) -> State:
    """The state that was saved.

    Raises:
        ValueError: where the file is truncated or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a checkpoint: {error}") from error
    if metadata.get("digest") != _digest(tensors):
        raise ValueError(f"{path} is damaged: its contents do not match its checksum")
    return _push(json.loads(metadata["state"]), tensors)


def latest_checkpoint(folder: Path) -> tuple[State, list[str]] | None:
    """The newest checkpoint that is whole, and what was wrong with newer ones; None where there is none."""
    complaints: list[str] = []
    for path in sorted(folder.glob("*.safetensors"), reverse=True):
        try:
            return load_checkpoint(path), complaints
        except ValueError as error:
            complaints.append(str(error))
    if complaints:
        raise ValueError(f"no checkpoint in {folder} can be used: {'; '.join(complaints)}")
    return None


def _pull(tree: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, Tensor):
        tensors[path] = tree.detach().cpu().contiguous().clone()
        return {"tensor": path}
    if isinstance(tree, Mapping):
        return {"dict": [[k, _pull(v, f"{path}/{k}", tensors)] for k, v in tree.items()]}
    if isinstance(tree, list | tuple):
        return [_pull(v, f"{path}/{i}", tensors) for i, v in enumerate(tree)]
    return tree


def _push(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict) and "tensor" in tree:
        return tensors[tree["tensor"]]
    if isinstance(tree, dict):
        return {k: _push(v, tensors) for k, v in tree["dict"]}
    return [_push(v, tensors) for v in tree] if isinstance(tree, list) else tree


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
