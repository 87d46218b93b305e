"""What comes out of a comparison: a table, JSON, and a sentence that says which method to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..baselines.comparison import Outcome
from ..metrics import Interval, Paired
from ..runs import versions

LEVEL = 0.05  # of p, after Holm's correction
SLIGHT = 0.005  # of PCA's error: what is less is a draw, however sure


class MethodResult(NamedTuple):
    """One method: its held-out mean squared error for each seed, and what it is beside PCA.

    `versus_pca` is PCA's error minus the method's, a pair for each test row, the method's averaged over
    seeds: positive where the method is ahead. `p` is its p-value after Holm's correction over the methods.
    Where the method failed, `why` says how and the others are empty.
    """

    name: str
    mse: tuple[float, ...] = ()
    r2: float = math.nan
    versus_pca: Paired | None = None
    p: float = math.nan
    ahead: int = 0  # seeds in which its error is below PCA's
    seconds: float = math.nan
    why: str = ""

    @property
    def mean(self) -> float:
        return float(np.mean(self.mse)) if self.mse else math.inf

    @property
    def sd(self) -> float:
        """Between seeds; of a single seed nobody knows it."""
        return float(np.std(self.mse, ddof=1)) if len(self.mse) > 1 else math.nan

    def change(self, linear: float) -> Interval:
        """Its error against PCA's, `linear`, as a share of that: −0.2 is a fifth less, and −1 the least."""
        if self.versus_pca is None or not linear:
            return Interval(math.nan, math.nan, math.nan)
        _, low, high, level = self.versus_pca.interval
        return Interval(self.mean / linear - 1, max(-1.0, -high / linear), -low / linear, level)

    def outcome(self, baselines: Sequence[Baseline]) -> Outcome:
        """Whether it is better than PCA: surely, and by more than half a percent of PCA's error."""
        mean, linear = baselines
        if linear.mse <= 1e-20 * mean.mse:
            return Outcome.EXACT
        if self.mean >= mean.mse:
            return Outcome.NOTHING
        if self.p > LEVEL or abs(self.mean / linear.mse - 1) <= SLIGHT:
            return Outcome.DRAW
        return Outcome.WINS if self.mean < linear.mse else Outcome.LOSES


class Baseline(NamedTuple):
    """What costs nothing: mean squared error and R² on the same rows."""

    name: str
    mse: float
    r2: float


class MethodComparison(NamedTuple):
    """Methods on the same split, the best first, and a sentence that says which to take.

    Attributes:
        results: a `MethodResult` for each method; those that failed come last.
        baselines: the mean of the training rows, and PCA of the same size.
        best_two: the runner-up's error minus the winner's, paired by row; None below two methods.
        verdict: one or two sentences; they say so when every autoencoder loses.
        notes: what was chosen along the way. taken_for: what the columns of a frame were taken for.
        stopped: whether Ctrl-C came before all was done.
    """

    results: tuple[MethodResult, ...]
    baselines: tuple[Baseline, Baseline]
    best_two: Paired | None
    verdict: str
    dim: int
    seeds: int
    rows: tuple[int, int]
    units: str
    notes: tuple[str, ...] = ()
    stopped: bool = False
    taken_for: tuple[str, ...] = ()

    @property
    def done(self) -> list[MethodResult]:
        """Methods that were fitted, the best first."""
        return [each for each in self.results if each.versus_pca is not None]

    @property
    def outcome(self) -> Outcome | None:
        """Of the best method beside PCA; None where none was fitted."""
        return self.done[0].outcome(self.baselines) if self.done else None

    def __str__(self) -> str:
        linear = self.baselines[1].mse
        table = [["", "test MSE", "± sd", "R²", "to PCA", "95 % interval", "p", "seconds a fit"]]
        table += [
            [name, short(error), "", f"{share:.3f}", "", "", "", ""] for name, error, share in self.baselines
        ]
        for each in self.done:
            change, low, high = (100 * share for share in each.change(linear)[:3])
            table.append(
                [
                    each.name,
                    short(each.mean),
                    "" if math.isnan(each.sd) else f"{each.sd:.2g}",
                    f"{each.r2:.3f}",
                    f"{change:+.1f} %" if linear else "",
                    f"{low:+.1f} to {high:+.1f} %",
                    f"{each.p:.2g}",
                    f"{each.seconds:.1f}",
                ]
            )
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]).rstrip()
            for row in table
        ]
        lines += [f"{each.name} failed: {each.why}" for each in self.results if each.why]
        return "\n".join([*lines, *self.notes, "", self.verdict])

    def to_json(self) -> dict[str, Any]:
        """As `--json` and `--out` give it."""
        return {
            "dim": self.dim,
            "seeds": self.seeds,
            "rows": {"train": self.rows[0], "test": self.rows[1]},
            "units": self.units,
            "baselines": [each._asdict() for each in self.baselines],
            "methods": [_plain(each) for each in self.results],
            "best_two": None if self.best_two is None else _test(self.best_two),
            "verdict": self.verdict,
            "notes": list(self.notes),
            "taken_for": list(self.taken_for),
            "stopped": self.stopped,
            "versions": versions(),
        }

    def to_rows(self) -> tuple[list[str], list[list[Any]]]:
        """A header, and a line for each fit: method, seed, mean squared error; baselines have no seed."""
        lines: list[list[Any]] = [[each.name, None, each.mse] for each in self.baselines]
        lines += [[each.name, seed, error] for each in self.results for seed, error in enumerate(each.mse)]
        return ["method", "seed", "mse"], lines


def verdict(
    results: Sequence[MethodResult],
    baselines: Sequence[Baseline],
    best_two: Paired | None,
    dim: int,
    name: str,
) -> str:
    """Which one to take, and whether it is better than PCA."""
    mean, linear = baselines
    done = [each for each in results if each.versus_pca is not None]
    if not done:
        return "No method was fitted, so nothing is said."
    best = done[0]
    of = f" (best of {len(done)})" if len(done) > 1 else ""
    outcome = best.outcome(baselines)
    if outcome is Outcome.EXACT:
        return f"PCA with {dim} components is exact on held-out {name}: there is nothing to win. Take PCA."
    change = 1 - best.mean / linear.mse
    error = short(best.mean) + ("" if math.isnan(best.sd) else f" ± {best.sd:.2g}")
    size = "1 dimension" if dim == 1 else f"{dim} dimensions"
    assert best.versus_pca is not None
    low, high = (100 * end / linear.mse for end in best.versus_pca.interval[1:3])
    p = f"p = {best.p:.2g}"
    if outcome is Outcome.NOTHING:
        return (
            f"Take PCA: the best, {best.name}, has learned nothing; its {error} is no better than the mean's "
            f"{short(mean.mse)} on held-out {name}."
        )
    if outcome is Outcome.WINS:
        sentence = (
            f"Take {best.name}{of}: {error} mean squared error on held-out {name}, {100 * change:.0f} % less "
            f"than PCA's {short(linear.mse)} at the same {size} "
            f"(95 %: {low:.0f} to {min(high, 100):.0f} %; {p}), "
            f"ahead in {best.ahead} of {len(best.mse)} seeds."
        )
    elif outcome is Outcome.LOSES:
        sentence = (
            f"Take PCA: the best autoencoder, {best.name}, loses to it by {-100 * change:.0f} % on held-out "
            f"{name} at {size} ({error} against {short(linear.mse)}; {p})."
        )
    else:
        sentence = (
            f"Take PCA, the simpler one: no autoencoder is told apart from it on held-out {name} at "
            f"{size}; the best, {best.name}, has {error} against {short(linear.mse)} "
            f"({-100 * change:+.1f} %; 95 %: {-high:+.1f} to {-low:+.1f} %; {p})."
        )
    if best_two is not None and outcome is Outcome.WINS:
        second = done[1]
        apart = best_two.p <= LEVEL and best_two.difference > SLIGHT * best.mean
        sentence += (
            f" It beats {second.name}, the next ({short(second.mean)}; p = {best_two.p:.2g})."
            if apart
            else f" {second.name} is not told apart from it ({short(second.mean)}; p = {best_two.p:.2g})."
        )
        losing = [each.name for each in done[1:] if each.outcome(baselines) is not Outcome.WINS]
        if losing:
            sentence += f" Not better than PCA: {', '.join(losing)}."
    return sentence


def short(value: float) -> str:
    return f"{value:#.3g}".removesuffix(".")


def _test(test: Paired) -> dict[str, Any]:
    return {"difference": test.difference, "low": test.interval.low, "high": test.interval.high, "p": test.p}


def _plain(each: MethodResult) -> dict[str, Any]:
    if each.versus_pca is None:
        return {"name": each.name, "failed": each.why}
    return {
        "name": each.name,
        "mse": {"mean": each.mean, "sd": each.sd, "seeds": list(each.mse)},
        "r2": each.r2,
        "versus_pca": {**_test(each.versus_pca), "p_holm": each.p, "seeds_ahead": each.ahead},
        "seconds": round(each.seconds, 3),
    }
