"""Learning-rate schedules: functions of the step that give a factor of the optimiser's own rate."""

from __future__ import annotations

import math
from collections.abc import Callable


def cosine(steps: int, warmup: int = 0, floor: float = 0.0) -> Callable[[int], float]:
    """Up over `warmup` steps, then down half a cosine to `floor` at `steps` (Loshchilov & Hutter 2017)."""

    def cosine(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = min(1.0, (step - warmup) / max(1, steps - warmup))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return cosine
