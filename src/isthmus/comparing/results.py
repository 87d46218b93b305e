"""What comes out of a comparison: a table, JSON, and a sentence that says which method to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..baselines.comparison import Outcome
from ..metrics import Interval, Paired
from ..runs import versions
from .fairness import NUMBER, CodeSize, Likeness

LEVEL = 0.05  # of p, after Holm's correction
SLIGHT = 0.005  # of PCA's error: what is less is a draw, however sure
NONE = "–"  # in a cell, of what a method does not have


class MethodResult(NamedTuple):
    """One method: its held-out mean squared error for each seed, and what it is beside PCA.

    `versus_pca` is PCA's error minus the method's, a pair for each test row, the method's averaged over
    seeds: positive where the method is ahead. `p` is its p-value after Holm's correction over the methods.
    PCA is `against`: that of the comparison, or where the method's `code` holds more, that of as many bits.
    `seconds` are of each fit, `weights` how many numbers were trained. `likeness` is that of samples, where
    the method draws any; `mute` says why it does not. A method that draws and rebuilds nothing has no error
    and no code: `apart` says why. Where the method failed, `why` says how and the others are empty.
    """

    name: str
    mse: tuple[float, ...] = ()
    r2: float = math.nan
    versus_pca: Paired | None = None
    p: float = math.nan
    ahead: int = 0  # seeds in which its error is below PCA's
    seconds: tuple[float, ...] = ()
    against: Baseline | None = None
    code: CodeSize | None = None
    weights: int = 0
    likeness: Likeness | None = None
    why: str = ""
    apart: str = ""
    mute: str = ""

    @property
    def mean(self) -> float:
        return float(np.mean(self.mse)) if self.mse else math.inf

    @property
    def sd(self) -> float:
        """Between seeds; of a single seed nobody knows it."""
        return float(np.std(self.mse, ddof=1)) if len(self.mse) > 1 else math.nan

    @property
    def time(self) -> float:
        """Seconds of a fit, at the median: the first also warms up."""
        return float(np.median(self.seconds)) if self.seconds else math.nan

    def change(self) -> Interval:
        """Its error against PCA's, as a share of that: −0.2 is a fifth less, and −1 the least."""
        if self.versus_pca is None or self.against is None or self.against.exact:
            return Interval(math.nan, math.nan, math.nan)
        linear = self.against.mse
        _, low, high, level = self.versus_pca.interval
        return Interval(self.mean / linear - 1, max(-1.0, -high / linear), -low / linear, level)

    def outcome(self, mean: Baseline) -> Outcome:
        """Whether it is better than PCA: surely, and by more than half a percent of PCA's error."""
        linear = self.against
        assert linear is not None
        if linear.exact:
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

    @property
    def exact(self) -> bool:
        """Whether nothing is left to explain but what was rounded, as of rows that do not vary."""
        return not self.r2 < 1 - 1e-15


class MethodComparison(NamedTuple):
    """Methods on the same split, and a sentence that says which to take.

    Those whose code holds no more than PCA's come first, the best ahead; then those with larger codes, and
    those without any.

    Attributes:
        results: a `MethodResult` for each method; those that failed come last.
        baselines: the mean of the training rows, and PCA of the same size.
        best_two: the runner-up's error minus the winner's, paired by row; None below two methods with codes
            no larger than PCA's.
        verdict: one or two sentences; they say so when every autoencoder loses.
        notes: what was chosen along the way. taken_for: what the columns of a frame were taken for.
        stopped: whether Ctrl-C came before all was done.
        yardsticks: what samples are judged beside: draws of one Gaussian, and training rows.
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
    yardsticks: tuple[tuple[str, Likeness], ...] = ()

    @property
    def done(self) -> list[MethodResult]:
        """Methods that were fitted and rebuild rows, the best first, larger codes after the others."""
        return [each for each in self.results if each.versus_pca is not None]

    @property
    def drawn(self) -> list[MethodResult]:
        """Those that were fitted and only draw."""
        return [each for each in self.results if each.apart]

    @property
    def reasons(self) -> list[str]:
        """A sentence for each thing that a method does not have."""
        lacking = [f"{each.name} {each.apart}" for each in self.drawn]
        lacking += [f"{each.name} draws no samples: {each.mute}" for each in self.results if each.mute]
        return lacking + [f"{each.name} failed: {each.why}" for each in self.results if each.why]

    @property
    def fair(self) -> list[MethodResult]:
        """Those of them whose code holds no more than PCA's."""
        return [each for each in self.done if each.against == self.baselines[1]]

    @property
    def outcome(self) -> Outcome | None:
        """Of the best fair method beside PCA; None where there is none."""
        return self.fair[0].outcome(self.baselines[0]) if self.fair else None

    def __str__(self) -> str:
        tables = [self.errors(), self.codes()]
        lines = [line for table in tables for line in (*_columns(table), "")]
        lines += self.reasons
        return "\n".join([*lines, *self.notes, *[""] * bool(self.notes), self.verdict])

    def errors(self) -> list[list[str]]:
        """A header, and a line for each baseline and method: how well it reconstructs, and how surely."""
        table = [["", "test MSE", "± sd", "R²", "to PCA", "95 % interval", "p", "seconds a fit"]]
        table += [
            [name, short(error), "", f"{share:.3f}", *[""] * 4] for name, error, share in self.baselines
        ]
        for each in self.done:
            change, low, high = (100 * share for share in each.change()[:3])
            known, own = not math.isnan(change), each.against
            larger = f" ({own.name})" if own is not None and own != self.baselines[1] else ""
            table.append(
                [
                    each.name,
                    short(each.mean),
                    "" if math.isnan(each.sd) else f"{each.sd:.2g}",
                    f"{each.r2:.3f}",
                    f"{change:+.1f} %{larger}" if known else f"exact{larger}",
                    f"{low:+.1f} to {high:+.1f} %" if known else "",
                    f"{each.p:.2g}" if known else "",
                    f"{each.time:.1f}",
                ]
            )
        return table + [[each.name, *[NONE] * 6, f"{each.time:.1f}"] for each in self.drawn]

    def codes(self) -> list[list[str]]:
        """The same lines: what a code holds, how many numbers were trained, and how like data samples are."""
        judged = bool(self.yardsticks)
        table = [["", "code", "bits", "weights", *LIKENESS * judged]]
        linear = self.baselines[1].name
        table.append([linear, _numbers(self.dim), f"{NUMBER * self.dim}", "", *[""] * len(LIKENESS) * judged])
        for each in (*self.done, *self.drawn):
            held = (NONE, NONE) if each.code is None else (str(each.code), f"{each.code.bits:.0f}")
            table.append([each.name, *held, f"{each.weights}", *_likeness(each.likeness) * judged])
        table += [[name, "", "", "", *_likeness(each)] for name, each in self.yardsticks]
        return table

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
            "samples_beside": {name: each._asdict() for name, each in self.yardsticks},
            "taken_for": list(self.taken_for),
            "stopped": self.stopped,
            "versions": versions(),
        }

    def to_rows(self) -> tuple[list[str], list[list[Any]]]:
        """A header, and a line for each fit: method, seed, error, seconds; baselines have no seed."""
        lines: list[list[Any]] = [[each.name, None, each.mse, None] for each in self.baselines]
        for each in self.results:
            fits = enumerate(zip(each.mse or [None] * len(each.seconds), each.seconds))
            lines += [[each.name, seed, error, round(seconds, 3)] for seed, (error, seconds) in fits]
        return ["method", "seed", "mse", "seconds"], lines


def verdict(
    results: Sequence[MethodResult],
    baselines: tuple[Baseline, Baseline],
    best_two: Paired | None,
    dim: int,
    name: str,
) -> str:
    """Which one to take, and whether it is better than PCA."""
    mean, linear = baselines
    fitted = [each for each in results if each.versus_pca is not None]
    if not fitted:
        only = any(each.apart for each in results)
        return "No method rebuilds rows, so that none is to take in PCA's place." if only else NOTHING
    done = [each for each in fitted if each.against == linear]
    apart = _larger([each for each in fitted if each.against != linear], mean)
    if not done:
        return f"No code is as small as PCA's {_numbers(dim)}, so that none is to take in its place.{apart}"
    return _of_equals(done, baselines, best_two, dim, name) + apart


NOTHING = "No method was fitted, so nothing is said."


def samples(results: Sequence[MethodResult], yardsticks: Sequence[tuple[str, Likeness]]) -> str:
    """A sentence on each method that only draws: how near its samples are, beside what costs nothing."""
    near, cover = "", ""
    for name, found in yardsticks[:1]:
        near, cover = f" ({name}: {found.distance:.3g})", f" ({name}: {100 * found.coverage:.0f} %)"
    told = [
        f" {each.name} draws and rebuilds nothing: the MMD² of its samples is {own.distance:.3g}{near}, and "
        f"they cover {100 * own.coverage:.0f} % of held-out rows{cover}."
        for each in results
        if each.apart and (own := each.likeness) is not None
    ]
    return "".join(told)


def _of_equals(
    done: Sequence[MethodResult],
    baselines: tuple[Baseline, Baseline],
    best_two: Paired | None,
    dim: int,
    name: str,
) -> str:
    """Of methods whose code holds no more than PCA's, the best first."""
    mean, linear = baselines
    best = done[0]
    of = f" (best of {len(done)})" if len(done) > 1 else ""
    outcome = best.outcome(mean)
    if outcome is Outcome.EXACT:
        return f"PCA with {dim} components is exact on held-out {name}: there is nothing to win. Take PCA."
    change = 1 - best.mean / linear.mse
    error = short(best.mean) + ("" if math.isnan(best.sd) else f" ± {best.sd:.2g}")
    size = f"{dim} dimension{'s' * (dim != 1)}"
    if best.code is not None and best.code.components < dim:
        size += f", {NUMBER * dim} bits (its code: {best.code.bits:.0f})"
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
        losing = [each.name for each in done[1:] if each.outcome(mean) is not Outcome.WINS]
        if losing:
            sentence += f" Not better than PCA: {', '.join(losing)}."
    return sentence


def _larger(methods: Sequence[MethodResult], mean: Baseline) -> str:
    """A sentence on codes that hold more than PCA's, and that PCA of their own size is held against."""
    told = []
    for each in methods:
        assert each.code is not None and each.against is not None
        change, pca = 100 * each.change().estimate, each.against.name
        beside = {
            Outcome.WINS: f"{-change:.0f} % less error than {pca}",
            Outcome.LOSES: f"{change:.0f} % more error than {pca}",
            Outcome.DRAW: f"not told apart from {pca}",
            Outcome.EXACT: f"{pca} is exact",
            Outcome.NOTHING: "it has learned nothing",
        }[each.outcome(mean)]
        told.append(f"{each.name} ({each.code}, {each.code.bits:.0f} bits: {beside})")
    return f" Not in the running, with larger codes than PCA's: {'; '.join(told)}." if told else ""


def _numbers(dim: int) -> str:
    return f"{dim} number{'s' * (dim != 1)}"


LIKENESS = ["MMD² of samples", "precision", "recall", "density", "coverage"]


def _likeness(found: Likeness | None) -> list[str]:
    if found is None:
        return [NONE] * len(LIKENESS)
    return [f"{found.distance:.3g}", *(f"{each:.2f}" for each in found[1:])]


def _columns(table: list[list[str]]) -> list[str]:
    """The lines of a table, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]).rstrip()
        for row in table
    ]


def short(value: float) -> str:
    return f"{value:#.3g}".removesuffix(".")


def _test(test: Paired) -> dict[str, Any]:
    return {"difference": test.difference, "low": test.interval.low, "high": test.interval.high, "p": test.p}


def _plain(each: MethodResult) -> dict[str, Any]:
    if each.apart:
        return {"name": each.name, "apart": each.apart, "mse": None, "code": None, **_known(each)}
    if each.versus_pca is None or each.code is None or each.against is None:
        return {"name": each.name, "failed": each.why}
    return {
        "name": each.name,
        "mse": {"mean": each.mean, "sd": each.sd, "seeds": list(each.mse)},
        "r2": each.r2,
        "versus_pca": {**_test(each.versus_pca), "p_holm": each.p, "seeds_ahead": each.ahead},
        "against": each.against._asdict(),
        "code": each.code._asdict(),
        **_known(each),
    }


def _known(each: MethodResult) -> dict[str, Any]:
    return {
        "weights": each.weights,
        "samples": None if each.likeness is None else each.likeness._asdict(),
        "seconds": round(each.time, 3),
    }
