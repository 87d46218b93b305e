"""How fast isthmus trains and imports, against a loop written by hand and against its peers.

python benchmarks/speed.py loop                     # isthmus.fit against a hand-written loop
python benchmarks/speed.py pythae --rounds 15       # against pythae's trainer, in its own environment
python benchmarks/speed.py loop --self-check        # the reference against itself: the ratio must be 1

Each case prints one line and writes `benchmarks/results/<case>.json`. Exit status: 0 where the bar holds, 1
where it does not, 2 where the command was used wrongly.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import (
    RESULTS,
    Comparison,
    Pair,
    Side,
    Worker,
    alternate,
    compare,
    quietest,
    record,
    write,
)

MNIST = {"rows": 60_000, "columns": 784, "hidden": 512, "dim": 16}
SMALL = {"rows": 60_000, "columns": 64, "hidden": 64, "dim": 8}
FUSED = {"optimizer": {"fused": True}}


@dataclass(frozen=True)
class Case:
    """Two sides and what is asked of them: isthmus's time at most, or its speed at least, n times theirs.

    The ratio is isthmus's time over theirs; where `speeds`, isthmus's samples per second over theirs. Without
    a bar it is only told.
    """

    question: str
    ours: Side
    theirs: Side
    speeds: bool = False
    at_most: float | None = None
    at_least: float | None = None
    rounds: int = 11


def training(theirs: Side, shape: dict[str, Any], question: str, **options: Any) -> Case:
    """isthmus's epoch against theirs, on one shape of data and net."""
    ours = Side("isthmus", "benchmarks.sides.isthmus_vae", shape)
    return Case(question, ours, replace(theirs, arguments=shape | dict(theirs.arguments)), **options)


def against_pythae(side: Side, shape: dict[str, Any], question: str) -> Case:
    """Another loop than ours against pythae: what the same arithmetic leaves to be won."""
    ours, theirs = (replace(each, arguments=shape) for each in (side, PYTHAE))
    return Case(question, ours, theirs, speeds=True)


def importing(statement: str, question: str, **options: Any) -> Case:
    """A statement that imports isthmus against `import torch`, a fresh process each time."""
    module = "benchmarks.sides.importing"
    ours, theirs = (
        Side("isthmus", module, {"statement": statement}),
        Side("torch", module, {"statement": "import torch"}),
    )
    return Case(question, ours, theirs, rounds=15, **options)


BY_HAND = Side("by hand", "benchmarks.sides.handwritten")
ARITHMETIC = Side("arithmetic alone", "benchmarks.sides.arithmetic")
PYTHAE = Side("pythae", "benchmarks.sides.pythae_vae", peer="pythae")
PYTHAE_FUSED = Side("pythae, fused Adam", "benchmarks.sides.pythae_vae", FUSED, peer="pythae")
CASES = {
    "loop": training(BY_HAND, MNIST, "time of an epoch, 784-512-16", at_most=1.10),
    "loop_small": training(BY_HAND, SMALL, "time of an epoch, 64-64-8"),
    "pythae": training(PYTHAE, MNIST, "samples per second, 784-512-16", speeds=True, at_least=1.6),
    "pythae_fused": training(PYTHAE_FUSED, MNIST, "samples per second, 784-512-16", speeds=True),
    "pythae_small": training(PYTHAE, SMALL, "samples per second, 64-64-8", speeds=True, at_least=3.0),
    "pythae_small_fused": training(PYTHAE_FUSED, SMALL, "samples per second, 64-64-8", speeds=True),
    "ceiling": against_pythae(BY_HAND, MNIST, "samples per second, 784-512-16"),
    "ceiling_small": against_pythae(BY_HAND, SMALL, "samples per second, 64-64-8"),
    "ceiling_arithmetic": against_pythae(ARITHMETIC, MNIST, "samples per second, 784-512-16"),
    "import": importing("import isthmus", "time of `import isthmus`", at_most=1.10),
    "import_used": importing(
        "from isthmus import fit; from isthmus.models import vae",
        "time of importing fit and vae",
        at_most=1.10,
    ),
}
SAME_WORK = 0.15  # how far apart the losses over an epoch may lie: first weights are drawn in different ways
SAME_TIME = 0.05  # how far from 1 the ratio of a side to itself may lie


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=[*CASES, "all"], help="the case to run")
    parser.add_argument("--rounds", type=int, help="rounds to time (default: 11; imports 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default: 2)")
    parser.add_argument(
        "--patience",
        type=int,
        default=3,
        help="times as many rounds, at most, to find quiet ones (default: 3)",
    )
    parser.add_argument("--self-check", action="store_true", help="time the reference against itself")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    asked = parser.parse_args(arguments)
    if asked.rounds is not None and asked.rounds < 2:
        parser.error(f"--rounds must be 2 or more, for an interval; it is {asked.rounds}")
    if asked.patience < 1 or asked.threads < 1:
        parser.error("--patience and --threads must be 1 or more")
    names = list(CASES) if asked.name == "all" else [asked.name]
    try:
        held = [run(name, asked) for name in names]
    except (RuntimeError, ValueError, OSError) as error:
        print(f"could not measure: {error}", file=sys.stderr)
        return 1
    return 0 if all(held) else 1


def run(name: str, asked: argparse.Namespace) -> bool:
    """Time one case, write its record, print its line; whether its bar holds."""
    case, threads = CASES[name], asked.threads
    rounds = asked.rounds or case.rounds
    if asked.self_check:
        case, name = replace(case, ours=case.theirs, at_most=None, at_least=None), f"{name}.self_check"
    ours, theirs = (
        replace(s, arguments=dict(s.arguments) | ({"threads": threads} if "rows" in s.arguments else {}))
        for s in (case.ours, case.theirs)
    )
    before = os.getloadavg()
    with Worker(ours, threads) as a, Worker(theirs, threads) as b:
        same_task(a, b)
        pairs = alternate(a, b, rounds, patience=asked.patience)
    counted = quietest(pairs, rounds)
    verdict = judge(case, counted, asked.self_check)
    path = write(name, record(name, a, b, pairs, counted, verdict, before), asked.results)
    others = max(pair.others for pair in counted)
    told = f"{len(counted)} of {len(pairs)} rounds, others on at most {others:.2f} processors; {path}"
    print(f"{name}: {sentence(case, verdict)} [{told}]", flush=True)
    return bool(verdict["holds"])


def same_task(a: Worker, b: Worker) -> None:
    """Refuse to compare sides whose data or whose number of parameters differ."""
    for key in ("data", "parameters"):
        ours, theirs = (w.ready["description"].get(key) for w in (a, b))
        if ours != theirs:
            raise ValueError(f"the sides differ in {key}: {a.side.name} {ours}, {b.side.name} {theirs}")


def judge(case: Case, pairs: Sequence[Pair], self_check: bool = False) -> dict[str, Any]:
    """The ratio asked for, its interval, and whether the bar holds for the ratio and for all of it."""
    comparison, cpu = (turned(compare(pairs, key), case.speeds) for key in ("seconds", "cpu_seconds"))
    verdict: dict[str, Any] = {
        "question": case.question,
        "ratio": comparison.ratio,
        "interval_95": [comparison.low, comparison.high],
        "cpu_ratio": cpu.ratio,  # of the time the processor worked: told, and steadier on a busy machine
        "median_seconds": {
            "a": statistics.median(p.a["seconds"] for p in pairs),
            "b": statistics.median(p.b["seconds"] for p in pairs),
        },
        "bar": {"at_most": case.at_most, "at_least": case.at_least},
        "holds": True,
        "certain": True,
    }
    if self_check:
        verdict["bar"] = {"within": SAME_TIME}
        verdict["holds"] = abs(comparison.ratio - 1) <= SAME_TIME
        verdict["certain"] = max(abs(comparison.low - 1), abs(comparison.high - 1)) <= SAME_TIME
    elif case.at_most is not None:
        verdict["holds"], verdict["certain"] = (
            comparison.ratio <= case.at_most,
            comparison.high <= case.at_most,
        )
    elif case.at_least is not None:
        verdict["holds"], verdict["certain"] = (
            comparison.ratio >= case.at_least,
            comparison.low >= case.at_least,
        )
    if all("samples" in p.a and "samples" in p.b for p in pairs):
        verdict["samples_per_second"] = {
            role: getattr(pairs[0], role)["samples"] / seconds
            for role, seconds in verdict["median_seconds"].items()
        }
    if all("loss" in p.a and "loss" in p.b for p in pairs):
        losses = {role: statistics.median(getattr(p, role)["loss"] for p in pairs) for role in "ab"}
        verdict["median_loss"] = losses
        verdict["same_work"] = abs(losses["a"] / losses["b"] - 1) <= SAME_WORK
        verdict["holds"] = verdict["holds"] and verdict["same_work"]
    return verdict


def turned(ratio: Comparison, speeds: bool) -> Comparison:
    """A ratio of times as a ratio of speeds, where that is asked for."""
    return Comparison(1 / ratio.ratio, 1 / ratio.high, 1 / ratio.low) if speeds else ratio


def sentence(case: Case, verdict: dict[str, Any]) -> str:
    """The verdict in words."""
    (low, high), seconds = verdict["interval_95"], verdict["median_seconds"]
    text = (
        f"{case.question}: {case.ours.name} / {case.theirs.name} = {verdict['ratio']:.3f}"
        f" (95 % {low:.3f} to {high:.3f}; {seconds['a']:.3f} s against {seconds['b']:.3f} s;"
        f" processor time {verdict['cpu_ratio']:.3f})"
    )
    if not verdict.get("same_work", True):
        return f"{text}; NOT THE SAME WORK: losses {verdict['median_loss']}"
    wording = {"at_most": "at most", "at_least": "at least", "within": "1 within"}
    bars = [f"{wording[kind]} {value:g}" for kind, value in verdict["bar"].items() if value is not None]
    if not bars:
        return f"{text}; no bar"
    judged = "holds" if verdict["holds"] else "DOES NOT HOLD"
    doubt = "" if verdict["holds"] == verdict["certain"] else ", though the interval reaches past it"
    return f"{text}; bar {bars[0]}: {judged}{doubt}"


if __name__ == "__main__":
    raise SystemExit(main())
