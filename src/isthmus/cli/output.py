"""What a verb gives: a result on stdout or in a file, and remarks on stderr."""

from __future__ import annotations

import io
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.errors import needs
from .misuse import Misuse

DELIMITERS = {".csv": ",", ".tsv": "\t"}
TYPED = (".parquet", ".arrow", ".feather")
FORMATS = (*DELIMITERS, ".npy", ".json", ".jsonl", *TYPED)  # of rows, by the ending of --out


def say(*lines: str) -> None:
    """A remark; stdout is for results alone."""
    for line in lines:
        print(line, file=sys.stderr, flush=True)


@contextmanager
def aloud(remark: Callable[[str], None]) -> Iterator[None]:
    """What training warns of is said as it comes, as a remark."""
    from ..training import TrainingWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        others = warnings.showwarning

        def tell(message: Any, category: Any, *where: Any, **more: Any) -> None:
            if not issubclass(category, TrainingWarning):
                others(message, category, *where, **more)
                return
            line = "\r\x1b[2K" if sys.stderr.isatty() else ""  # where the progress stands
            remark(f"{line}warning, {message}")

        warnings.showwarning = tell
        yield


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
            Misuse: unless it has an ending of `FORMATS`.
        """
        if self.out is not None and self.ending not in FORMATS:
            *others, last = FORMATS
            raise Misuse(f"--out {self.out}: what is written is {', '.join(others)} or {last}")
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


def deliver(
    values: np.ndarray, names: Sequence[str], sink: Sink, beside: Mapping[str, np.ndarray] | None = None
) -> None:
    """Rows of numbers, and columns `beside` them, for which .npy has no place."""
    ending, beside = sink.ending, beside or {}
    flat, names = values.reshape(len(values), -1), [*names, *beside]
    if ending == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        sink.take(buffer.getvalue())
    elif ending in (".json", ".jsonl"):
        cells = zip(flat.tolist(), *(column.tolist() for column in beside.values()))
        rows = [finite(dict(zip(names, (*row, *others)))) for row, *others in cells]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        sink.take((to_json(rows) if ending == ".json" else "\n".join(lines)).encode() + b"\n")
    elif ending in TYPED:
        with needs("tables", f"writing {ending}"):
            import pyarrow
        columns = [pyarrow.array(column) for column in (*flat.T, *beside.values())]
        sink.take(typed(pyarrow.table(columns, names=names), ending))
    else:
        sink.take(csv(flat, names, list(beside.values()), DELIMITERS[ending]).encode())


def deliver_table(frame: Any, sink: Sink) -> None:
    """A table of words and numbers, as its file shows it.

    Raises:
        Misuse: for .npy, which holds numbers alone.
    """
    ending = sink.ending
    if ending == ".npy":
        *others, last = (each for each in FORMATS if each != ".npy")
        raise Misuse(
            f"--out {sink.out}: a table of words and numbers is written as {', '.join(others)} or {last}"
        )
    if ending in (".json", ".jsonl"):
        shape: dict[str, Any] = {"indent": 2} if ending == ".json" else {"lines": True}
        text = frame.to_json(
            orient="records", date_format="iso", double_precision=15, force_ascii=False, **shape
        )
        sink.take((text.rstrip("\n") + "\n").encode())
    elif ending in TYPED:
        import pyarrow

        sink.take(typed(pyarrow.Table.from_pandas(frame, preserve_index=False), ending))
    else:
        sink.take(frame.to_csv(index=False, lineterminator="\n", sep=DELIMITERS[ending]).encode())


def typed(table: Any, ending: str) -> bytes:
    """An Arrow table as the file that the ending names."""
    import pyarrow
    from pyarrow import feather, parquet

    sink = pyarrow.BufferOutputStream()
    if ending == ".parquet":
        parquet.write_table(table, sink)
    else:
        feather.write_feather(table, sink)
    return bytes(sink.getvalue())


def csv(
    values: np.ndarray, names: Sequence[str], beside: Sequence[np.ndarray] = (), delimiter: str = ","
) -> str:
    """A header and a line a row; every number reads back equal to what it was, and NaN is an empty cell."""
    single = values.dtype == np.float32

    def cell(value: float) -> str:
        if value != value:
            return ""
        value += 0.0  # −0 is 0
        return f"{value:.9g}" if single else repr(value).removesuffix(".0")  # 9 digits tell floats apart

    words = [[quoted(str(value)) for value in column.tolist()] for column in beside]
    rows = ((*map(cell, row), *others) for row, *others in zip(values.tolist(), *words))
    return "\n".join(map(delimiter.join, [map(quoted, names), *rows])) + "\n"


def quoted(text: str) -> str:
    """A name or a word as a CSV file holds it (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\r\n;\t|') else text
