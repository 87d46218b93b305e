"""How long a person waits for a first result: `isthmus fit vae` on a CSV of 1000 × 20, report included.

python benchmarks/first_result.py                  # five rounds
python benchmarks/first_result.py --rounds 1 --no-report

Each round is a process of its own that starts Python, imports, reads the file, trains with the default number
of steps, judges, and writes the run folder with its report. Before the first, which is told apart, the
package's compiled files and those of its libraries are dropped from the system's cache where that is allowed
(`--cold`, as root). The bar is on the slowest round. Prints one line and writes
`benchmarks/results/first_result.json`; exit status 0 where the bar holds, 1 where it does not.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, ROOT, busy_elsewhere, circumstances, write

ROWS, COLUMNS, SEED = 1000, 20, 0
MOST = 20.0  # seconds
CACHES = Path("/proc/sys/vm/drop_caches")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="processes, one after the other (default: 5)")
    parser.add_argument("--no-report", action="store_true", help="leave the report out, to tell its share")
    parser.add_argument("--cold", action="store_true", help="empty the system's cache before the first round")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    asked = parser.parse_args(arguments)
    if asked.rounds < 1:
        parser.error("--rounds is at least 1")
    if asked.cold and not os.access(CACHES, os.W_OK):
        parser.error(f"--cold needs to write to {CACHES}: run it as root")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return 0 if run(asked, Path(folder)) else 1
        except (RuntimeError, OSError) as error:
            print(f"could not measure: {error}", file=sys.stderr)
            return 1


def run(asked: argparse.Namespace, folder: Path) -> bool:
    """Measure, write the record, print its line; whether the bar holds."""
    table = generate(folder / "sales.csv")
    before = os.getloadavg()
    if asked.cold:
        os.sync()
        CACHES.write_text("3\n")
    rounds = [once(table, folder / f"run{i}", not asked.no_report) for i in range(asked.rounds)]
    seconds = [each["seconds"] for each in rounds]
    verdict = {
        "seconds": max(seconds),
        "median_seconds": statistics.median(seconds),
        "first_seconds": seconds[0],
        "holds": max(seconds) <= MOST,
    }
    name = "first_result" + ("_no_report" if asked.no_report else "")
    record = {
        **circumstances(name, None, before),
        "data": {"rows": ROWS, "columns": COLUMNS, "seed": SEED},
        "cold": asked.cold,
        "rounds": rounds,
        "bar": {"seconds_at_most": MOST},
        "verdict": verdict,
    }
    path = write(name, record, asked.results)
    others = max(each["others"] for each in rounds)
    print(
        f"{name}: {verdict['first_seconds']:.1f} s the first time, {verdict['median_seconds']:.1f} s at the "
        f"median, {verdict['seconds']:.1f} s at worst (others kept {others:.2f} processors busy); "
        f"bar {'holds' if verdict['holds'] else 'DOES NOT HOLD'} [{path}]",
        flush=True,
    )
    return bool(verdict["holds"])


def once(table: Path, out: Path, report: bool) -> dict[str, Any]:
    """One fit in a process of its own: seconds on the clock and of the processor.

    Raises:
        RuntimeError: where it fails, or leaves no report.
    """
    command = [sys.executable, "-m", "isthmus", "fit", "vae", str(table), "--out", str(out), "--quiet"]
    command += [] if report else ["--no-report"]
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    elsewhere, used = busy_elsewhere({os.getpid()}), _children()
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    seconds = time.perf_counter() - started
    if done.returncode or report != (out / "report.html").is_file():
        raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
    return {
        "seconds": seconds,
        "cpu_seconds": _children() - used,
        "others": (busy_elsewhere({os.getpid()}) - elsewhere) / seconds,
        "verdict": done.stdout.splitlines()[-1],
    }


def generate(path: Path) -> Path:
    """A table of numbers with a curved surface of four dimensions in it, noise, and a few missing cells."""
    generator = np.random.default_rng(SEED)
    x = np.tanh(generator.normal(size=(ROWS, 4)) @ generator.normal(size=(4, COLUMNS)))
    x = 10 * x + generator.normal(size=x.shape)
    gone = generator.random(x.shape) < 0.02
    lines = [",".join(f"column {i}" for i in range(COLUMNS))]
    lines += [
        ",".join("" if missing else f"{value:.4f}" for value, missing in zip(*row)) for row in zip(x, gone)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
