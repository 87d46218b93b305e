"""Every method on the same rows: a line each, beside the mean and PCA of the same size.

    python benchmarks/table.py                      # digits; hours on one core. Ctrl-C judges what is done
    python benchmarks/table.py vae vq_vae --look    # some of them, and no record
    python benchmarks/table.py --control            # every row is rebuilt as another

It is `isthmus.compare` with the methods' own defaults: same rows, split, epochs, batches and rate of
learning for all, no net larger than its method has it, and a code of `--dim` numbers where a method has
that to choose. What else differs (bits of a code, weights) stands in the table. A table of defaults says
what comes out of the box, not which method is best: none was tuned, and some are made for something other
than a small error.

Writes `results/table_<data>.json`. Two bars: every method can be fitted, and each explains more than the
mean does, unless rebuilding a row is not what it learns (`APART`). With the control every row is rebuilt as
the one before it, and the second bar must be missed.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import torch

from isthmus import Embedder, Recipe, compare
from isthmus.comparing import contest
from isthmus.data import load
from isthmus.models import NAMED
from outcome import tell

WITHOUT = ("gan",)  # has no encoder, and so no error
APART = {  # what they learn instead
    "masked_autoencoder": "to guess what is hidden, from a part of the row",
    "contrastive_masked_autoencoder": "to guess what is hidden, from a part of the row",
    "bigan": "to make pairs of row and code that a critic cannot tell",
    "vae_gan": "to look alike to a critic",
    "info_gan": "to tell a part of the code that rows were made of",
    "diffusion": "to tell the noise in rows",
}


class Crossed(Embedder):
    """The control: each row is rebuilt as the one before it."""

    def reconstruct(self, X: Any, y: Any = None) -> Any:
        return np.roll(super().reconstruct(X, y), 1, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="all, unless named")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--dim", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--look", action="store_true", help="write no record")
    parser.add_argument("--control", action="store_true", help="rows are rebuilt as others")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = options.methods or [name for name in NAMED if name not in WITHOUT]
    data = load(options.data)
    if options.control:
        contest.Embedder = Crossed  # type: ignore[misc]
    shape = (-1, *(data.shape or data.train.x.shape[1:]))  # pictures, which most methods lay flat themselves
    found = compare(
        data.train.x.reshape(shape),
        {name: Recipe(name) for name in names},
        dim=options.dim,
        y=data.train.y,
        test=data.test.x.reshape(shape),
        y_test=data.test.y,
        seeds=options.seeds,
        epochs=options.epochs,
        units="columns" if data.shape is None else "whole",
        seed=options.seed,
        name=f"rows of {data.name}",
        say=lambda words: print(words, flush=True),
    )
    print(found)
    mean = found.baselines[0].mse
    failed = [each.name for each in found.results if each.why]
    idle = [each.name for each in found.done if each.mean >= mean and each.name not in APART]
    bars = {
        f"{len(names)} methods can be fitted{': not ' if failed else ''}{', '.join(failed)}": not failed,
        f"each explains more than the mean{': not ' if idle else ''}{', '.join(idle)}": not idle,
    }
    result = {**found.to_json(), "settings": vars(options), "apart": APART, "bars": bars}
    return tell(f"table_{data.name}", options, result, keep=not options.look)


if __name__ == "__main__":
    sys.exit(main())
