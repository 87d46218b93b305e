"""A line on a terminal that moves, and silence in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Any


class Progress:
    """Epochs done, and the terms of the last one. `wanted=None` means: on a terminal only."""

    def __init__(self, wanted: bool | None, epochs: int):
        self.on = sys.stderr.isatty() if wanted is None else wanted
        self.epochs, self.last = epochs, 0.0

    def show(self, record: dict[str, Any]) -> None:
        done = record["epoch"] + 1
        if not self.on or (time.monotonic() - self.last < 0.1 and done < self.epochs):
            return
        self.last = time.monotonic()
        terms = record.get("held_out") or record["train"]
        width = round(20 * done / self.epochs)
        bar = "━" * width + "╌" * (20 - width)
        values = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        sys.stderr.write(f"\r\x1b[2K{bar} epoch {done}/{self.epochs}  {values}")
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.on and self.last:
            sys.stderr.write("\n")
