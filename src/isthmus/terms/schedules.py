"""Weights that change while training: functions of the step, to stand before a term."""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int], float]


def warmup(steps: int, to: float = 1.0, start: float = 0.0) -> Schedule:
    """From `start` to `to` in a straight line over `steps` steps, then constant (Bowman et al. 2016)."""

    def warmup(step: int) -> float:
        return start + (to - start) * min(1.0, step / steps) if steps > 0 else to

    warmup.__name__ = f"warmup({steps}, {to:g})"  # what an objective shows
    return warmup


def cyclical(period: int, to: float = 1.0, rising: float = 0.5) -> Schedule:
    """Warm-up that starts anew every `period` steps and rises over the first part (Fu et al. 2019)."""

    def cyclical(step: int) -> float:
        return to * min(1.0, step % period / (rising * period))

    cyclical.__name__ = f"cyclical({period}, {to:g})"
    return cyclical
