"""Training on a file larger than memory: how much of it is ever resident, and how fast it is beside an array.

python benchmarks/streaming.py npy                     # a memory-mapped file of 6 GB
python benchmarks/streaming.py parquet                 # a folder of Parquet files of 6 GB
python benchmarks/streaming.py npy --gigabytes 0.6     # smaller
python benchmarks/streaming.py npy --control           # the control: loading it whole must break the bar

The file is generated in a temporary folder (`--folder`) and deleted afterwards. `Embedder("vae")` is fitted
for an epoch to it, in a process of its own. Resident memory is VmHWM, the most that this process ever had in
memory, libraries and pages of mapped files included. Rows per second are compared on a file of a sixth as
many rows, which is streamed too: an epoch over its blocks and one over the same rows as an array, in turns,
since a machine has fast and slow minutes. Told besides is the same for the whole call of `fit`, with its
passes over the data for scaling. Files are in the system's cache if they fit there; `--cold` drops the large
one first. Prints one line and writes `benchmarks/results/streaming_<case>.json`; exit status 0 where both
bars hold, 1 where one does not, 2 where the command was used wrongly.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, Pair, Side, Worker, alternate, circumstances, compare, write

COLUMNS = 256
NET = {"hidden": 512, "dim": 16}
SIDE = "benchmarks.sides.streaming"
MOST, LEAST = 1500.0, 0.8  # MB resident; of the array's rows per second
PATIENCE = 7200.0  # seconds that a round may take
STEP = 65_536  # rows generated at a time
GROUP = 16_384  # rows of a row group


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=["npy", "parquet"])
    parser.add_argument("--gigabytes", type=float, default=6.0, help="size of the file (default: 6)")
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each side, in turns (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default: 2)")
    parser.add_argument("--control", action="store_true", help="load the file whole, and do no more")
    parser.add_argument("--cold", action="store_true", help="drop the file from the system's cache first")
    parser.add_argument("--folder", type=Path, help="where to put the file (default: the system's own)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    asked = parser.parse_args(arguments)
    rows = int(asked.gigabytes * 1e9 / (4 * COLUMNS))
    if asked.rounds < 2:
        parser.error(f"--rounds must be 2 or more, for an interval; it is {asked.rounds}")
    if rows < 10 * GROUP:
        parser.error(f"--gigabytes {asked.gigabytes:g} is too little to be streamed")
    free = shutil.disk_usage(asked.folder or tempfile.gettempdir()).free
    if free < 1.3 * asked.gigabytes * 1e9:
        parser.error(f"there is no room for it: {free / 1e9:.1f} GB are free; name another --folder")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        try:
            return 0 if run(asked, rows, Path(folder)) else 1
        except (RuntimeError, ValueError, OSError) as error:
            print(f"could not measure: {error}", file=sys.stderr)
            return 1


def run(asked: argparse.Namespace, rows: int, folder: Path) -> bool:
    """Generate, measure, write the record, print its line; whether the bars hold."""
    large = generate(folder / "large", rows, asked.case)
    before = os.getloadavg()
    if asked.control:
        answers = {"whole": [once(large, "load", asked.threads)]}
        verdict = {"peak_mb": answers["whole"][0]["peak"], "holds": answers["whole"][0]["peak"] < MOST}
        text = f"loaded whole, {verdict['peak_mb']:.0f} MB are resident"
    else:
        if asked.cold:
            forget(large)
        whole = once(large, "blocks", asked.threads)
        part = generate(folder / "part", rows // 6, asked.case)
        same = part if asked.case == "npy" else generate(folder / "same", rows // 6, "npy")
        sides = side(same, "array", asked.threads), side(part, "blocks", asked.threads)
        with (
            Worker(sides[0], asked.threads, PATIENCE) as array,
            Worker(sides[1], asked.threads, PATIENCE) as blocks,
        ):
            pairs = alternate(array, blocks, asked.rounds, patience=1)
        answers = {"whole": [whole], "array": [p.a for p in pairs], "blocks": [p.b for p in pairs]}
        verdict = judge(whole, pairs)
        text = (
            f"{verdict['peak_mb']:.0f} MB resident, {verdict['rows_per_second']:.0f} rows per second, "
            f"{verdict['share']:.2f} ({verdict['interval_95'][0]:.2f}–{verdict['interval_95'][1]:.2f}) of an "
            f"array's (whole call of fit: {verdict['share_of_fit']:.2f})"
        )
    name = f"streaming_{asked.case}" + ("_control" if asked.control else "")
    record = {
        **circumstances(name, asked.threads, before),
        "file": {"bytes": size(large), "rows": rows, "columns": COLUMNS, "cold": asked.cold},
        "net": NET,
        "answers": answers,
        "bar": {"peak_mb_below": MOST, "share_at_least": LEAST},
        "verdict": verdict,
    }
    path = write(name, record, asked.results)
    judged = "holds" if verdict["holds"] else "DOES NOT HOLD"
    print(
        f"{asked.case}, {size(large) / 1e9:.1f} GB: {text}; bar {judged} [{path}]",
        flush=True,
    )
    return bool(verdict["holds"])


def side(path: Path, how: str, threads: int) -> Side:
    return Side(how, SIDE, {"path": str(path), "how": how, "threads": threads, **NET})


def once(path: Path, how: str, threads: int) -> dict[str, Any]:
    """One round of a side, in a process of its own."""
    with Worker(side(path, how, threads), threads, PATIENCE) as worker:
        return worker.round(seed=0)


def judge(whole: dict[str, Any], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The most that was resident, and the array's time for the same rows over that of blocks."""
    peak, speed = whole["peak"], compare(pairs, "epoch_seconds")
    return {
        "peak_mb": peak,
        "rows_per_second": whole["rows"] / whole["epoch_seconds"],
        "share": speed.ratio,
        "interval_95": [speed.low, speed.high],
        "share_of_fit": compare(pairs, "seconds").ratio,
        "holds": peak < MOST and speed.ratio >= LEAST,
    }


def generate(path: Path, rows: int, kind: str) -> Path:
    """(rows, COLUMNS) of float32 numbers that sixteen hidden factors explain in part; the file or folder."""
    draw = np.random.default_rng(0)
    loadings = draw.standard_normal((16, COLUMNS), np.float32)

    def step(count: int) -> np.ndarray:
        factors = draw.standard_normal((count, 16), np.float32)
        return factors @ loadings + draw.standard_normal((count, COLUMNS), np.float32)

    starts = range(0, rows, STEP)
    if kind == "npy":
        path = path.with_suffix(".npy")
        with open(path, "wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (rows, COLUMNS)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in starts:
                step(min(STEP, rows - start)).tofile(file)
            file.flush()
            os.fsync(file.fileno())
        return path
    import pyarrow
    from pyarrow.parquet import write_table

    path.mkdir()
    for number, start in enumerate(starts):
        x = step(min(STEP, rows - start))
        table = pyarrow.table({f"c{i}": column for i, column in enumerate(np.ascontiguousarray(x.T))})
        write_table(table, path / f"part-{number:04}.parquet", row_group_size=GROUP)
    return path


def files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in files(path))


def forget(path: Path) -> None:
    """Drop the file from the system's cache."""
    for each in files(path):
        with open(each, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    sys.exit(main())
