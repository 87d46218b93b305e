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


def cyclical(period: int, to: float = 1.0, rising: float = 0.5, cycles: int | None = None) -> Schedule:
    """Warm-up that starts anew every `period` steps and rises over the first part (Fu et al. 2019).

    After as many `cycles` it stays at `to`: a bound whose weight is still rising at the end is none
    (arXiv:1903.10145; four cycles there).
    """
    if period < 1 or not 0 < rising <= 1:
        raise ValueError(f"a cycle has a length and a part that rises, not {period} steps and {rising}")
    if cycles is not None and cycles < 1:
        raise ValueError(f"there is at least one cycle, not {cycles}; None for no end of them")

    def cyclical(step: int) -> float:
        over = cycles is not None and step >= cycles * period
        return to if over else to * min(1.0, step % period / (rising * period))

    cyclical.__name__ = f"cyclical({period}, {to:g})"
    return cyclical
