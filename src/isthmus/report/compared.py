"""The page of a comparison: which method to take, and whether it is better than PCA."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..baselines.comparison import Outcome
from ..comparing import MethodComparison, MethodResult
from ..comparing.results import LEVEL, NONE, SLIGHT, short
from .blocks import Block, Facts, Numbers, Plate, Section, Table, Words, number, whole
from .drawing import COLOURS, MUTED, bare, canvas, words
from .page import Front, publish
from .sections import again

MODEL, LINEAR = COLOURS[0], COLOURS[3]
WIDE = 7.4  # inches: a page's column
NARROWEST = 0.02  # of PCA's error, where an interval reaches further down
BESIDE = {
    Outcome.WINS: "better",
    Outcome.DRAW: "not told apart",
    Outcome.LOSES: "worse",
    Outcome.EXACT: "PCA is exact",
    Outcome.NOTHING: "learned nothing",
}


def write(found: MethodComparison, known: Mapping[str, Any], folder: Path) -> Path:
    """`report.html` and its figure into the folder; `known` is what `comparison.json` says."""
    methods = len(found.results)
    title = f"{found.results[0].name if methods == 1 else f'{methods} methods'} on {known['data']['name']}"
    front = Front(title, headline(found), mood(found), known["versions"]["isthmus"])
    sections = [verdict(found), table(found), data(found, known), _again(known)]
    return publish(front, sections, folder)


def headline(found: MethodComparison) -> str:
    if found.outcome is None:
        if found.done:
            return "No code is as small as PCA’s"
        return "No method rebuilds rows" if found.drawn else "Nothing was fitted"
    if found.outcome is Outcome.WINS:
        return f"Take {found.fair[0].name}"
    return "Take PCA, the simpler one" if found.outcome is Outcome.DRAW else "Take PCA"


def mood(found: MethodComparison) -> str:
    """good, even, bad or none, of the autoencoders."""
    moods = {None: "none", Outcome.WINS: "good", Outcome.DRAW: "even", Outcome.EXACT: "even"}
    return moods.get(found.outcome, "bad")


def verdict(found: MethodComparison) -> Section:
    """Which one, in a sentence and a picture."""
    return Section("verdict", "Verdict", found.verdict, [seeds(found)] if found.done else [])


def table(found: MethodComparison) -> Section:
    """Every method beside the baselines, with spread and significance."""
    rows: list[list[str]] = [
        [each.name, "baseline", short(each.mse), number(each.r2), *[""] * 5] for each in found.baselines
    ]
    rows += [_line(each, found) for each in found.done]
    rows += [[each.name, "draws only", *[NONE] * 6, _seconds(each)] for each in found.drawn]
    heads = ["Method", "Beside PCA", "Error ± seeds", "R²", "To PCA", "95 %", "p", "Won", "Time"]
    named, *coded = found.codes()
    listed = Table(
        heads,
        rows,
        f"Mean squared error{_measure(found)} on {whole(found.rows[1])} rows that no method has seen; lower "
        "is better",
        text=2,
    )
    holds = Table(
        ["Method", *(head.capitalize() if head.islower() else head for head in named[1:])],
        coded,
        "What a code holds, how many numbers were trained, and how like the held-out rows are samples",
        text=2,
    )
    blocks: list[Block] = [listed, Words(_reading()), holds, Words(_holding(found))]
    blocks += map(Words, found.reasons)
    lead = (
        f"Each method was fitted with {_several(found.seeds, 'seed')} to the same {whole(found.rows[0])} "
        f"rows, and asked for a code of {_several(found.dim, 'number')}, as PCA has."
    )
    return Section("methods", "Methods and baselines", lead, blocks)


def data(found: MethodComparison, known: Mapping[str, Any]) -> Section:
    """What the data were, and what they were taken for."""
    about = known["data"]
    facts = [
        ("Name", str(about["name"])),
        ("Rows", f"{whole(found.rows[0])} learned from, {whole(found.rows[1])} held out to judge"),
        ("A row", str(about["size"])),
        ("Held out", str(about["held"])),
        ("Measured in", _units(found)),
        ("Code", "\n".join(found.notes) or f"{_several(found.dim, 'dimension')}, as asked"),
        ("Taken for", "\n".join(found.taken_for)),
        ("Fingerprint", f"SHA-256 {about['sha256'][:16]}…"),
    ]
    blocks = [Facts([fact for fact in facts if fact[1]])]
    return Section("data", "The data", "What went in, and what it was taken for.", blocks)


def seeds(found: MethodComparison) -> Plate:
    """Left each fit's error beside the baselines, right the error against PCA's with its interval."""
    mean, linear = found.baselines
    done = found.done
    against = any(not math.isnan(each.change().estimate) for each in done)
    figure = canvas(WIDE, 0.42 * len(done) + 1.5)
    panels = figure.subplots(1, 2 if against else 1, sharey=True, squeeze=False)[0]
    left = bare(panels[0], grid="x")
    left.axvline(linear.mse, color=LINEAR, linewidth=1.8, label=linear.name)
    left.axvline(mean.mse, color=MUTED, linewidth=1.8, linestyle="--", label="mean of the training rows")
    for place, each in enumerate(done):
        own = place == 0
        left.plot([each.mean] * 2, [place - 0.3, place + 0.3], color=MODEL, linewidth=2.4,
                  label="average over seeds" if own else None)  # fmt: skip
        # side by side, so that seeds that agree are seen to be several
        heights = place + np.linspace(-0.18, 0.18, len(each.mse)) if len(each.mse) > 1 else [place]
        left.scatter(each.mse, heights, s=24, color=MODEL, alpha=0.65, linewidths=0,
                     label="a seed" if own else None)  # fmt: skip
    left.set_yticks(range(len(done)), [words(each.name) for each in done])
    left.set_ylim(len(done) - 0.4, -0.6)
    errors = [error for each in done for error in each.mse]
    _scale(left, [*errors, linear.mse, mean.mse])
    left.set_xlabel("error on held-out rows" + (" (sd²)" if found.units == "columns" else ""))
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False)
    if against:
        _ratios(panels[1], found)
    told = "; ".join(f"{each.name} {number(each.mean)}" for each in done)
    return Plate(
        "seeds",
        figure,
        _numbers(found),
        f"Dots: the held-out error of each seed of {_several(len(done), 'method')}, beside {linear.name} "
        f"({number(linear.mse)}) and the mean ({number(mean.mse)}). Averages: {told}.",
        "Left, a dot is one fit: how far dots of a line lie apart is what the choice of a seed changes. "
        + ("Right, the average over seeds as a multiple of PCA's error, with the range that holds it at 95 % "
           "for other rows of the same kind: left of 1 is better than PCA." if against else ""),
    )  # fmt: skip


def _ratios(axis: Any, found: MethodComparison) -> None:
    """The error of each method as a multiple of PCA's, with its interval."""
    bare(axis, grid="x")
    axis.axvline(1, color=LINEAR, linewidth=1.8)
    shown = [1.0]
    for place, each in enumerate(found.done):
        if math.isnan(each.change().estimate):
            continue
        middle, low, high = (max(NARROWEST, 1 + share) for share in each.change()[:3])
        axis.plot([low, high], [place, place], color=MODEL, linewidth=1.8)
        axis.scatter([middle], [place], s=34, color=MODEL, zorder=3)
        shown += [low, middle, high]
    _scale(axis, shown)
    axis.set_xlabel("error as a multiple of PCA's, 95 %")


def _scale(axis: Any, values: Sequence[float]) -> None:
    """Equal factors at equal distances where values lie far apart, with ticks in plain numbers."""
    low, high = min(values), max(values)
    if low <= 0 or high < 4 * low:
        gap = 0.08 * (high - low or abs(high) or 1.0)
        axis.set_xlim(low - gap, high + gap)
        axis.xaxis.get_major_locator().set_params(nbins=4)
        return
    axis.set_xscale("log")
    axis.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high < 50 * low else (1,) if high > 5000 * low else (1, 3)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    first, last = axis.get_xlim()
    ticks = [tick for tick in ticks if first <= tick <= last]
    axis.set_xticks(ticks, [number(tick) for tick in ticks])
    axis.set_xticks([], minor=True)


def _numbers(found: MethodComparison) -> Numbers:
    _, fits = found.to_rows()
    rows: list[list[object]] = [
        [*("" if cell is None else cell for cell in fit[:3]), "", "", ""] for fit in fits
    ]
    for each in found.done:
        change = each.change()
        rows.append([each.name, "all", each.mean, 1 + change.estimate, 1 + change.low, 1 + change.high])
    return Numbers(("method", "seed", "mse", "to_pca", "low", "high"), rows)


def _line(each: MethodResult, found: MethodComparison) -> list[str]:
    change = each.change()
    known = not math.isnan(change.estimate)
    assert each.against is not None
    larger = "" if each in found.fair else f" ({each.against.name})"
    return [
        each.name,
        BESIDE[each.outcome(found.baselines[0])] + larger,
        short(each.mean) + ("" if math.isnan(each.sd) else f"\u00a0± {number(each.sd, 2)}"),
        number(each.r2),
        f"{_signed(change.estimate)}\u00a0%" if known else "–",
        f"{_signed(change.low)} to {_signed(change.high)}\u00a0%" if known else "–",
        number(each.p, 2),
        f"{each.ahead}/{len(each.mse)}",
        _seconds(each),
    ]


def _seconds(each: MethodResult) -> str:
    return f"{each.time:.1f}\u00a0s"


def _signed(share: float) -> str:
    """In percent, without its sign of percent; from ten percent on without decimals."""
    return f"{100 * share:+.{1 if abs(share) < 0.0995 else 0}f}".replace("-", "−")


def _reading() -> str:
    return (
        "± is the standard deviation between seeds. To PCA is how much more or less error than PCA’s the "
        "average over seeds has, with the range that holds it at 95 %; both are paired row by row. p is how "
        "often chance alone would give as large a difference, by flips of signs, corrected for the number of "
        f"methods (Holm). Better or worse is said where p is at most {LEVEL:g} and the difference more than "
        f"{100 * SLIGHT:g} % of PCA’s error. Won counts seeds that beat PCA; time is the median fit’s. "
        "Where a PCA is named in brackets the method’s code holds more than PCA’s: it is held against PCA "
        "of as many bits, and does not run for the one to take."
    )


def _holding(found: MethodComparison) -> str:
    sampled = (
        " Samples are what each draws from its prior, beside the held-out rows: MMD² by a cubic kernel, 0 on "
        "average for rows of the very distribution; precision is the share of samples that lie among the "
        "rows, recall that of rows among the samples; density and coverage are the same with one outlier "
        "counting for little."
    )
    return (
        "Bits are what it takes to keep a code: 32 for each number that is not 0 and the choice of these, or "
        "the choice of one of finitely many codes." + sampled * bool(found.yardsticks)
    )


def _measure(found: MethodComparison) -> str:
    return " in standard deviations" if found.units == "columns" else ""


def _units(found: MethodComparison) -> str:
    if found.units != "columns":
        return "the units of the data"
    category = "; a category counts as one column" if found.taken_for else ""
    return f"standard deviations of each column over the rows learned from{category}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _again(known: Mapping[str, Any]) -> Section:
    return again(
        known, "The same command on the same data with the same versions gives the same figures on a CPU."
    )
