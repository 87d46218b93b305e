"""What `fit` adds to a step of each method: against a bare loop over the same module and objective.

    python benchmarks/steps.py                    # every method with one player, 64 columns
    python benchmarks/steps.py --columns 784 --rounds 9
    python benchmarks/steps.py vae vq_vae         # some; the record keeps the others
    python benchmarks/steps.py --self-check       # the bare loop against itself: every ratio must be 1

The bare loop gathers a batch by index and calls forward, objective, backward and torch's fused Adam, as one
would by hand; it reads no value, keeps no history and watches for nothing. Both sides are in one process and
take turns of as many steps within one call of `fit`: its clock is stopped while the other runs. Each has a
model of its own, the same at first. The figure is the median over rounds of the ratio of neighbouring turns,
with a bootstrap interval; the bar is 1.15. Writes `results/steps_<columns>.json`; the exit status is 1 where
a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, Pair, busy_elsewhere, circumstances, compare, write

import isthmus
from isthmus import Learner, Recipe, fit, seeded
from isthmus.data import Rows, epoch_order
from isthmus.models import METHODS
from isthmus.recipes import parameters
from isthmus.runs import versions

BAR = 1.15
SAME = 0.05  # how far from 1 the ratio of the bare loop to itself may lie
BATCH = 128
CLASSES = 10


class Enough(Exception):
    """All rounds are done; `fit` need not go on."""


def built(name: str, columns: int, rows: int) -> Learner:
    """A method with its defaults, and with what only the data know."""
    recipe = Recipe(METHODS[name]).given(
        features=columns, rows=rows, steps=1000, classes=CLASSES, labelled=rows
    )
    with seeded(0):
        model: Learner = recipe()
    model.autoencoder.prepare = model.autoencoder.finish = None  # before the first step, and after the last
    return model


def made_up(columns: int, rows: int) -> tuple[Tensor, Tensor]:
    """Rows (n, columns) near a curved sheet of eight dimensions, and labels (n,)."""
    with seeded(0):
        hidden, mix = torch.randn(rows, 8), torch.randn(8, columns)
        return torch.tanh(hidden @ mix / 2) + 0.1 * torch.randn(rows, columns), torch.arange(rows) % CLASSES


def by_hand(model: Learner, rows: Rows) -> Iterator[None]:
    """A step each time it is asked."""
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, betas=model.betas, fused=True)
    step = 0
    while True:
        order = epoch_order(len(rows), seed=0, epoch=step)
        for index in order.split(BATCH):
            for _, loss in model.losses(rows.take(index), step):
                optimizer.zero_grad()
                loss.total.backward()
                optimizer.step()
            step += 1
            yield


def stretch(steps: Iterator[None], length: int) -> float:
    """Seconds that as many steps take."""
    began = time.perf_counter()
    for _ in range(length):
        next(steps)
    return time.perf_counter() - began


def in_turns(model: Learner, rows: Rows, other: Callable[[], float], length: int, rounds: int) -> list[Pair]:
    """Stretches of `fit`'s steps, and of the other side's between them; the first of each is not counted.

    `fit` asks its schedule for a rate once a step, which is where its clock is stopped and set going.
    """
    pairs: list[Pair] = []
    own = {os.getpid()}
    now: dict[str, float] = {"step": -1.0}

    def rate(step: int) -> float:
        if step == now["step"]:  # a second turn of the same step
            return 1.0
        now["step"] = step
        if step % length == 0:
            if step:
                ours = time.perf_counter() - now["began"]
                spent = time.perf_counter() - now["round"]
                others = max(0.0, busy_elsewhere(own) - now["busy"]) / spent
                pairs.append(
                    Pair({"seconds": ours}, {"seconds": now["other"]}, "b", os.getloadavg()[0], others)
                )
            if len(pairs) > rounds:
                raise Enough
            now["round"], now["busy"] = time.perf_counter(), busy_elsewhere(own)
            now["other"] = other()
            now["began"] = time.perf_counter()
        return 1.0

    epochs = 1 + (rounds + 2) * length * BATCH // len(rows)
    try:
        fit(model, rows, epochs=epochs, batch_size=BATCH, schedule=rate, seed=0, progress=False)
    except Enough:
        return pairs[1:]
    raise RuntimeError(f"{rounds} rounds were asked for, and fit ended after {len(pairs)}")


def against_itself(
    model: Learner, rows: Rows, other: Callable[[], float], length: int, rounds: int
) -> list[Pair]:
    """As `in_turns`, with the bare loop on both sides."""
    mine = by_hand(model, rows)
    pairs = []
    for _ in range(rounds + 1):
        theirs = other()
        pairs.append(Pair({"seconds": stretch(mine, length)}, {"seconds": theirs}, "b", os.getloadavg()[0]))
    return pairs[1:]


def quotient(pair: Pair) -> float:
    """Of a round: what slows the machine for longer than that is on both sides."""
    return float(pair.a["seconds"] / pair.b["seconds"])


def timed(name: str, options: argparse.Namespace) -> dict[str, Any] | None:
    """A method's ratio, or None where it is a game of several players."""
    x, labels = made_up(options.columns, options.rows)
    reads = "classes" in parameters(METHODS[name])
    rows = Rows(x, labels=labels) if reads else Rows(x)
    mine, other = (built(name, options.columns, options.rows) for _ in range(2))
    if len(mine.players()) > 1:
        return None
    theirs = by_hand(other, rows)
    turns = against_itself if options.self_check else in_turns
    pairs = turns(mine, rows, lambda: stretch(theirs, options.length), options.length, options.rounds)
    found = compare([pair._replace(a={"seconds": quotient(pair)}, b={"seconds": 1.0}) for pair in pairs])
    ours, hand = (
        1000 * statistics.median(getattr(pair, side)["seconds"] for pair in pairs) / options.length
        for side in "ab"
    )
    holds = abs(found.ratio - 1) <= SAME if options.self_check else found.ratio <= BAR
    return {
        "ratio": found.ratio,
        "interval_95": [found.low, found.high],
        "ms_a_step": {"fit": ours, "by hand": hand},
        "holds": holds,
        "certain": abs(found.high - 1) <= SAME if options.self_check else found.high <= BAR,
        "others": max(pair.others for pair in pairs),
        "seconds": {side: [getattr(pair, side)["seconds"] for pair in pairs] for side in "ab"},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="all with one player, unless named")
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument(
        "--length", type=int, default=100, help="steps of a turn; fit copies its weights in each 100"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--self-check", action="store_true", help="time the bare loop against itself")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    unknown = [name for name in options.methods if name not in METHODS]
    if unknown or options.rounds < 2 or options.length < 1:
        parser.error(f"no method {unknown[0]!r}" if unknown else "--rounds is 2 or more, --length 1 or more")
    torch.set_num_threads(options.threads)
    load_before = os.getloadavg()
    title = f"steps_{options.columns}{'_self_check' if options.self_check else ''}"
    earlier = options.results / f"{title}.json"
    kept = json.loads(earlier.read_text("utf-8")) if options.methods and earlier.is_file() else {}
    found: dict[str, Any] = kept.get("result", {}).get("methods", {})
    about = circumstances(title, options.threads, load_before)
    print(f"{'':32}{'fit, ms':>10}{'by hand':>10}{'ratio':>8}   95 %           others")
    for name in options.methods or METHODS:
        one = timed(name, options)
        if one is None:
            print(f"{name:32}a game of several players", flush=True)
            continue
        found[name] = one | {"command": about["command"], "git": about["git"]}
        (low, high), times = one["interval_95"], one["ms_a_step"]
        print(
            f"{name:32}{times['fit']:10.3f}{times['by hand']:10.3f}{one['ratio']:8.3f}"
            f"   {low:.3f} to {high:.3f}{one['others']:8.2f}{'' if one['holds'] else '   MISSED'}",
            flush=True,
        )
    about = circumstances(title, options.threads, load_before)
    about |= {"versions": versions() | {"isthmus": isthmus.__version__}}
    found = {name: found[name] for name in METHODS if name in found}
    missed = [name for name, one in found.items() if not one["holds"]]
    ratios = {name: one["ratio"] for name, one in found.items()}
    middle, most = statistics.median(ratios.values()), max(ratios, key=ratios.__getitem__)
    worst, hold = f"{most} {ratios[most]:.3f} at worst", len(found) - len(missed)
    told = f"a step against a bare loop's, {options.columns} columns, at most {BAR}"
    settings = {key: getattr(options, key) for key in ("columns", "rows", "length", "rounds")}
    result = {
        "bar": {"within": SAME} if options.self_check else {"at_most": BAR},
        "settings": settings | {"batch_size": BATCH},
        "methods": found,
        "missed": missed,
        "bars": {f"{told}: {hold} of {len(found)} methods, {middle:.3f} at the median, {worst}": not missed},
    }
    path = write(title, about | {"result": result}, options.results)
    print(f"{hold} of {len(found)} hold; ratio {middle:.3f} at the median; {worst}")
    print(f"written to {path}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
