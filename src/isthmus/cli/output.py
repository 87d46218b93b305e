"""What a verb gives: a result on stdout or in a file, and remarks on stderr."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


def check_ending(out: Path | None) -> None:
    """Refuse a name that says no format, before any work is done.

    Raises:
        Misuse: unless it ends in .csv or .npy.
    """
    if out is not None and out.suffix.lower() not in (".csv", ".npy"):
        raise Misuse(f"--out {out}: what is written is .csv or .npy")


def deliver(values: np.ndarray, names: Sequence[str], out: Path | None) -> None:
    """Rows to `out` by its ending, whole or not at all; without it, CSV to stdout."""
    from ..training import write_atomically

    if out is None:
        sys.stdout.write(csv(values, names))
        sys.stdout.flush()
    elif out.suffix.lower() == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        write_atomically(out, buffer.getvalue())
    else:
        write_atomically(out, csv(values, names).encode())


def deliver_text(text: str, out: Path | None) -> None:
    """A table of words and numbers, which is CSV, to `out` or stdout.

    Raises:
        Misuse: for a name that says another format.
    """
    from ..training import write_atomically

    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    elif out.suffix.lower() != ".csv":
        raise Misuse(f"--out {out}: a table of words and numbers is written as .csv")
    else:
        write_atomically(out, text.encode())


def csv(values: np.ndarray, names: Sequence[str]) -> str:
    """A header and a line a row; every number reads back as what it was, and NaN is an empty cell."""
    flat = values.reshape(len(values), -1)
    single = flat.dtype == np.float32

    def cell(value: float) -> str:
        if value != value:
            return ""
        return f"{value:.9g}" if single else repr(value).removesuffix(".0")  # 9 digits tell floats apart

    header = ",".join(map(quoted, names))
    return "\n".join([header, *(",".join(map(cell, row)) for row in flat.tolist())]) + "\n"


def quoted(name: str) -> str:
    """A column's name as a CSV file holds it (RFC 4180)."""
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n;\t|') else name
