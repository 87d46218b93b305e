"""Checkpoints that survive a power cut: one file each, whole or not there, recognised when damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

State = dict[str, Any]
DRAFT = ".tmp"


def write_atomically(path: Path, content: bytes) -> None:
    """The file is the old one or the new one, never half of it, also after a power cut.

    Raises:
        OSError: where the folder cannot be written or the disk is full; nothing is left behind then.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            raise OSError(
                error.errno, f"cannot write {path}: {error.strerror}; what was there is whole"
            ) from error
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sweep(folder: Path) -> None:
    """Remove the drafts of a process that was killed while it wrote."""
    for draft in folder.glob(f".*{DRAFT}"):
        draft.unlink(missing_ok=True)


def save_checkpoint(folder: Path, step: int, state: State, keep: int = 3) -> Path:
    """Write `step`.safetensors, then remove all but the last `keep`.

    `state` is a tree of dictionaries, lists and tuples whose leaves are tensors and what JSON can hold.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pull(state, "", tensors))
    metadata = {"state": text, "digest": _digest(text, tensors)}
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
    text = metadata.get("state", "")
    if metadata.get("digest") != _digest(text, tensors):
        raise ValueError(f"{path} is damaged: its contents do not match its checksum")
    return _push(json.loads(text), tensors)


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
        name = f"{len(tensors)}{path}"  # numbered, as paths alone may meet: "a/b" and "b" in "a"
        tensors[name] = tree.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(tree, Mapping):
        return {"dict": [[k, _pull(v, f"{path}/{k}", tensors)] for k, v in tree.items()]}
    if isinstance(tree, list | tuple):
        items = [_pull(v, f"{path}/{i}", tensors) for i, v in enumerate(tree)]
        return {"tuple": items} if isinstance(tree, tuple) else items
    return tree


def _push(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict) and "tensor" in tree:
        return tensors[tree["tensor"]]
    if isinstance(tree, dict) and "tuple" in tree:
        return tuple(_push(v, tensors) for v in tree["tuple"])
    if isinstance(tree, dict):
        return {k: _push(v, tensors) for k, v in tree["dict"]}
    return [_push(v, tensors) for v in tree] if isinstance(tree, list) else tree


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
