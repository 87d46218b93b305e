"""What a verb gives: a result on stdout or in a file, and remarks on stderr."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .misuse import Misuse


def say(*lines: str) -> None:
    """A remark; stdout is for results alone."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


def show(result: Any) -> None:
    """A result: text as it is, anything else as JSON."""
    print(result if isinstance(result, str) else to_json(result), flush=True)


def to_json(value: Any) -> str:
    return json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False)


def finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Sink(NamedTuple):
    """Where rows go: a file, by its ending, or stdout, as CSV or as JSON."""

    out: Path | None
    as_json: bool = False

    def check(self) -> None:
        """Refuse a name that says no format, before any work is done.

        Raises:
            Misuse: unless it ends in .csv, .npy or .json.
        """
        if self.out is not None and self.ending not in (".csv", ".npy", ".json"):
            raise Misuse(f"--out {self.out}: what is written is .csv, .npy or .json")
        if self.out is not None and self.as_json and self.ending != ".json":
            raise Misuse(f"--json and --out {self.out} contradict one another: name it .json")

    @property
    def ending(self) -> str:
        """Of the file; without one, what stdout is given."""
        return (".json" if self.as_json else ".csv") if self.out is None else self.out.suffix.lower()

    def take(self, content: bytes) -> None:
        """All of it, whole or not at all."""
        from ..training import write_atomically

        if self.out is not None:
            write_atomically(self.out, content)
        else:
            sys.stdout.write(content.decode())
            sys.stdout.flush()


def deliver(values: np.ndarray, names: Sequence[str], sink: Sink) -> None:
    """Rows of numbers."""
    if sink.ending == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        sink.take(buffer.getvalue())
    elif sink.ending == ".json":
        flat = values.reshape(len(values), -1).tolist()
        sink.take((to_json([dict(zip(names, row)) for row in flat]) + "\n").encode())
    else:
        sink.take(csv(values, names).encode())


def deliver_table(frame: Any, sink: Sink) -> None:
    """A table of words and numbers, as its file shows it.

    Raises:
        Misuse: for .npy, which holds numbers alone.
    """
    if sink.ending == ".npy":
        raise Misuse(f"--out {sink.out}: a table of words and numbers is written as .csv or .json")
    if sink.ending == ".json":
        text = frame.to_json(
            orient="records", date_format="iso", double_precision=15, force_ascii=False, indent=2
        )
        sink.take((text + "\n").encode())
    else:
        sink.take(frame.to_csv(index=False, lineterminator="\n").encode())


def csv(values: np.ndarray, names: Sequence[str]) -> str:
    """A header and a line a row; every number reads back equal to what it was, and NaN is an empty cell."""
    flat = values.reshape(len(values), -1)
    single = flat.dtype == np.float32

    def cell(value: float) -> str:
        if value != value:
            return ""
        value += 0.0  # −0 is 0
        return f"{value:.9g}" if single else repr(value).removesuffix(".0")  # 9 digits tell floats apart

    header = ",".join(map(quoted, names))
    return "\n".join([header, *(",".join(map(cell, row)) for row in flat.tolist())]) + "\n"


def quoted(name: str) -> str:
    """A column's name as a CSV file holds it (RFC 4180)."""
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n;\t|') else name
