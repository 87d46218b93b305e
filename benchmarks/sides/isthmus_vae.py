"""One epoch of isthmus's VAE by `isthmus.fit`: the whole call, its set-up and its report included."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.worker import Work, serve
from benchmarks.workload import BATCH_SIZE, LEARNING_RATE, binary_data, size

import isthmus
from isthmus.likelihoods import bernoulli
from isthmus.models import vae
from isthmus.training import adam


def prepare(rows: int, columns: int, hidden: int, dim: int, threads: int) -> tuple[dict[str, Any], Any]:
    torch.set_num_threads(threads)
    data, description = binary_data(rows, columns)

    def model() -> torch.nn.Module:
        return vae(columns, dim, hidden=(hidden,), likelihood=bernoulli)

    def make_round(seed: int) -> Work:
        torch.manual_seed(seed)
        learner = model()

        def work() -> dict[str, Any]:
            history = isthmus.fit(
                learner, data, epochs=1, batch_size=BATCH_SIZE, optimizer=adam(LEARNING_RATE), seed=seed
            )
            return {"loss": sum(history.records[-1]["train"].values()), "samples": rows}

        return work

    return {"data": description, "parameters": size(model()), "optimizer": "Adam, fused"}, make_round


if __name__ == "__main__":
    serve(prepare)
