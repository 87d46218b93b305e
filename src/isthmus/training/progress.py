"""A line on a terminal that moves, and silence in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any

SECONDS = 0.1  # between two changes of the line


class Progress:
    """Epochs done, and the terms of the last one. `wanted=None` means: on a terminal only."""

    def __init__(self, wanted: bool | None, epochs: int, steps: int | None):
        self.on = sys.stderr.isatty() if wanted is None else wanted
        self.epochs, self.steps, self.last, self.values = epochs, steps, 0.0, ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.on and self.last:
            sys.stderr.write("\n")

    def move(self, epoch: int, position: int) -> None:
        """After a step; of an iterable nobody knows how many there are, so its epochs are shown whole."""
        if self.on and self.steps and time.monotonic() - self.last > SECONDS:
            self.draw(epoch + position / self.steps)

    def close_epoch(self, record: dict[str, Any]) -> None:
        if not self.on:
            return
        terms = record.get("held_out") or record["train"]
        self.values = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        done = record["epoch"] + 1
        if done == self.epochs or time.monotonic() - self.last > SECONDS:
            self.draw(done)

    def tell(self, text: str) -> None:
        """Where something stands that has no epochs."""
        if self.on and time.monotonic() - self.last > SECONDS:
            self.last = time.monotonic()
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()

    def draw(self, done: float) -> None:
        self.last = time.monotonic()
        width = min(20, round(20 * done / self.epochs))
        bar = "━" * width + "╌" * (20 - width)
        sys.stderr.write(f"\r\x1b[2K{bar} epoch {done:.4g}/{self.epochs}  {self.values}")
        sys.stderr.flush()
