"""One epoch of a VAE by `Embedder`, over a file by its blocks or over an array, and the memory it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.harness import field_of
from benchmarks.worker import Work, serve

from isthmus import Embedder, Recipe
from isthmus.data import read
from isthmus.data.blocks import Blocks


def prepare(path: str, how: str, hidden: int, dim: int, threads: int) -> tuple[dict[str, Any], Any]:
    """`how`: "blocks" as isthmus reads it, "array" loaded before the clock runs, "load" that and no more."""
    torch.set_num_threads(threads)
    values = read(path).values
    if how == "blocks" and not isinstance(values, Blocks | np.memmap):
        raise ValueError(f"{path} was loaded, as it is smaller than the allowance: this is no test")
    if how != "blocks":  # not by way of the map, whose pages would count too
        values = np.load(path) if path.endswith(".npy") else np.array(values)

    def make_round(seed: int) -> Work:
        embedder = Embedder(
            Recipe("vae", hidden=(hidden,)), dim, epochs=1, random_state=seed, device="cpu", verbose=False
        )

        def work() -> dict[str, Any]:
            if how == "load":
                return memory() | {"sum": float(values[0].sum())}
            embedder.fit(values)
            record = embedder.history_.records[-1]
            return memory() | {
                "rows": len(values),
                "epoch_seconds": record["seconds"],
                "loss": sum(record["train"].values()),
            }

        return work

    data = {"file": Path(path).name, "rows": len(values), "bytes": values.nbytes, "how": how}
    return {"data": data}, make_round


def memory() -> dict[str, float]:
    """In MB: the most that was ever resident, files that are mapped included, and what is resident now."""
    names = {"peak": "VmHWM", "now": "VmRSS", "own": "RssAnon", "of_files": "RssFile"}
    return {name: int(field_of("/proc/self/status", key).split()[0]) / 1024 for name, key in names.items()}


if __name__ == "__main__":
    serve(prepare)
