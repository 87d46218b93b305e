"""A side that does nothing and says that it took so long: what the harness itself is tested with."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.worker import Work, serve


def prepare(seconds: float, spread: float = 0.0, fails_at: int | None = None) -> tuple[dict[str, Any], Any]:
    """`seconds`, times exp(N(0, `spread`²)) drawn from the round's seed; round `fails_at` raises."""

    def make_round(seed: int) -> Work:
        def work() -> dict[str, Any]:
            print("a library that prints")
            if seed == fails_at:
                raise ArithmeticError("as asked")
            taken = seconds * random.Random(seed).lognormvariate(0, spread)
            return {"seconds": taken, "cpu_seconds": 2 * taken, "seed": seed}

        return work

    return {"data": {"name": "none"}}, make_round


if __name__ == "__main__":
    serve(prepare)
