"""Time two sides against each other: each in its own environment, in turns, within one run.

>>> with Worker(ours) as a, Worker(theirs) as b:  # doctest: +SKIP
...     comparison = compare(alternate(a, b, rounds=15))

Alternating is what makes the ratio worth something: whatever else the machine does falls on both sides alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
ENVIRONMENTS = ROOT / ".venv-peers"  # ignored by git
RESULTS = ROOT / "benchmarks" / "results"
SCHEMA = 1
QUIET = 0.05  # processors that others may use during a round that counts


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: a module that serves rounds, its arguments and its environment.

    `peer` names a file of pins, `benchmarks/peers/<peer>.txt`; None is the environment the harness runs in.
    """

    name: str
    module: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    peer: str | None = None


class Pair(NamedTuple):
    """One round: what each side answered, which went first ("a" or "b"), and how busy the machine was.

    `load` is the load average after it; `others`, how many processors others kept busy during it.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    first: str
    load: float
    others: float = 0.0


class Comparison(NamedTuple):
    """`ratio` is median(a) / median(b) with a 95 % bootstrap interval over rounds."""

    ratio: float
    low: float
    high: float


def environment(peer: str | None, pins: Path | None = None) -> Path:
    """The Python of a peer's own environment, built from its pins; reused while pins and Python stay."""
    if peer is None:
        return Path(sys.executable)
    pins = pins or PEERS / f"{peer}.txt"
    if not pins.is_file():
        known = ", ".join(sorted(path.stem for path in PEERS.glob("*.txt")))
        raise FileNotFoundError(f"no pins for {peer!r} at {pins}; there are pins for: {known}")
    folder = ENVIRONMENTS / peer
    stamp, wanted = (
        folder / "pins.sha256",
        hashlib.sha256(sys.version.encode() + pins.read_bytes()).hexdigest(),
    )
    python = folder / "bin" / "python"
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        print(f"building {folder} from {pins.name}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        # The pins are the whole environment: a package that they lack must fail, not float.
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(pins)]
        subprocess.run(install, check=True)
        stamp.write_text(wanted)  # last, so that a half-built environment is built again
    return python


class Worker:
    """A side's process. It is started and prepared on entry, answers `round(seed)`, and ends on exit."""

    def __init__(self, side: Side, threads: int = 2, patience: float = 600.0):
        self.side, self.threads, self.patience = side, threads, patience

    def __enter__(self) -> Worker:
        self._errors = tempfile.TemporaryFile("w+")
        settings = {f"{name}_NUM_THREADS": str(self.threads) for name in ("OMP", "MKL", "OPENBLAS")}
        # An installed package comes with its bytecode; a checkout must be allowed to keep its own.
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [environment(self.side.peer), "-m", self.side.module, json.dumps(dict(self.side.arguments))],
            cwd=ROOT,
            env=clean | settings | {"PYTHONPATH": str(ROOT / "src"), "PYTHONNOUSERSITE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self.ready = self._answer()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    def round(self, seed: int) -> dict[str, Any]:
        """Run one round; its times, and whatever else the side tells of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"seed": seed}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(self.patience, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        answer: dict[str, Any] = json.loads(line) if line.strip() else {"error": self._last_words()}
        if "error" in answer:
            raise RuntimeError(f"{self.side.name} ({self.side.module}) failed:\n{answer['error']}")
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().splitlines()[-20:]
        status = self._process.wait()
        return "\n".join([f"no answer within {self.patience:g} s, or ended early (status {status})", *lines])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=10)  # closes its input, which ends its loop
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._errors.close()


def alternate(
    a: Worker, b: Worker, rounds: int, warmup: int = 1, rest: float = 0.1, patience: int = 3
) -> list[Pair]:
    """Let the two run in turns, a b, b a, a b …: same seed within a round, the order swapped after each.

    A round during which other processes used the machine (`QUIET`) is followed by one more, up to `patience`
    times as many as asked; see `quietest`.
    """
    pairs: list[Pair] = []
    own = {os.getpid(), a.pid, b.pid}
    for number in range(-warmup, patience * rounds):
        order = (a, b) if number % 2 == 0 else (b, a)
        answers, began, busy = {}, time.perf_counter(), busy_elsewhere(own)
        for worker in order:
            time.sleep(rest)  # the other side's threads spin for a moment before they sleep
            answers[worker] = worker.round(seed=max(number, 0))
        others = max(0.0, busy_elsewhere(own) - busy) / (time.perf_counter() - began)
        if number >= 0:
            first = "a" if order[0] is a else "b"
            pairs.append(Pair(answers[a], answers[b], first, os.getloadavg()[0], others))
        if sum(pair.others <= QUIET for pair in pairs) == rounds:
            break
    return pairs


def quietest(pairs: Sequence[Pair], rounds: int) -> list[Pair]:
    """The rounds that count: those during which others worked least. The times have no say in it."""
    ranked = sorted(range(len(pairs)), key=lambda number: pairs[number].others)
    return [pairs[number] for number in sorted(ranked[:rounds])]


def busy_elsewhere(own: set[int]) -> float:
    """Processor seconds that all processes but these, and the children they waited for, have used so far.

    0 where there is no /proc: every round is then quiet. A process that ends hands its time to its parent.
    """
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if int(stat.parent.name) not in own:
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            ticks += sum(map(int, fields[11:15]))  # proc(5): utime, stime, cutime, cstime
    return ticks / os.sysconf("SC_CLK_TCK")


def compare(pairs: Sequence[Pair], key: str = "seconds", resamples: int = 4000, seed: int = 0) -> Comparison:
    """Ratio of medians, with the percentile interval of the same ratio over rounds drawn with replacement.

    A round is drawn whole, both sides together, so that what slowed the two alike cancels (paired bootstrap;
    Efron & Tibshirani 1993, chapters 6 and 13).
    """
    times = [(pair.a[key], pair.b[key]) for pair in pairs]

    def ratio(sample: Sequence[tuple[float, float]]) -> float:
        return statistics.median(a for a, _ in sample) / statistics.median(b for _, b in sample)

    draw = random.Random(seed)
    drawn = sorted(ratio(draw.choices(times, k=len(times))) for _ in range(resamples))
    return Comparison(ratio(times), drawn[int(0.025 * resamples)], drawn[int(0.975 * resamples) - 1])


def record(
    name: str,
    a: Worker,
    b: Worker,
    pairs: Sequence[Pair],
    counted: Sequence[Pair],
    verdict: Mapping[str, Any],
    load_before: tuple[float, ...],
) -> dict[str, Any]:
    """All that is needed to judge a figure, and to get it again."""
    return {
        **circumstances(name, a.threads, load_before),
        "seeds": list(range(len(pairs))),
        "sides": {role: asdict(w.side) | w.ready for role, w in (("a", a), ("b", b))},
        "rounds": [pair._asdict() | {"counted": pair in counted} for pair in pairs],
        "verdict": dict(verdict),
    }


def circumstances(name: str, threads: int | None, load_before: tuple[float, ...]) -> dict[str, Any]:
    """When, by which command, at which commit, and on what machine a figure was made; threads if set."""
    return {
        "schema": SCHEMA,
        "name": name,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command(),
        "git": git(),
        "machine": machine(),
        "threads": threads,
        "load": {"before": list(load_before), "after": list(os.getloadavg())},
    }


def command() -> str:
    """What was typed, but for where files went, on which no figure depends."""
    words = list(sys.argv)
    for option in {"--results", "--folder", "--keep"} & set(words):
        place = words.index(option)
        del words[place : place + 2]
    return shlex.join(["python", *words])


def write(name: str, result: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write `<folder>/<name>.json`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{name}.", delete=False) as draft:
        try:
            draft.write(text)
            draft.flush()
            os.fsync(draft.fileno())
            os.chmod(draft.name, 0o644)
            os.replace(draft.name, folder / f"{name}.json")
        except BaseException:
            os.unlink(draft.name)
            raise
    return folder / f"{name}.json"


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory and the system, as the system itself tells them."""
    return {
        "processor": field_of("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def accelerator(device: str) -> str | None:
    """The name of the card that a model was trained on; None on the processor."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.get_device_name(device)


def field_of(path: str, key: str) -> str:
    """The first value that a file of `key : value` lines holds for the key, or nothing."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


def git() -> dict[str, Any]:
    """The commit that was measured, and whether the package or the benchmarks differed from it.

    In a copy of the files without their history `ISTHMUS_COMMIT` says which commit they are of.
    """
    if commit := os.environ.get("ISTHMUS_COMMIT"):
        return {"commit": commit, "modified": False}

    def ask(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    return {
        "commit": ask("rev-parse", "HEAD"),
        "modified": bool(ask("status", "--porcelain", "src", "benchmarks/*.py")),
    }
