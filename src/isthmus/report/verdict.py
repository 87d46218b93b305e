"""The verdict in plain words, also where the model loses."""

from __future__ import annotations

import numpy as np

from ..baselines.comparison import Outcome
from .blocks import percent, whole
from .study import Study

HEADLINES = {
    Outcome.WINS: "Better than the classical method",
    Outcome.DRAW: "No better than the classical method",
    Outcome.LOSES: "Worse than the classical method",
    Outcome.EXACT: "Nothing to win here",
    Outcome.NOTHING: "It has learned nothing",
}


def headline(study: Study) -> str:
    if study.comparison is None:
        return "Not judged"
    return HEADLINES[study.comparison.outcome]


def mood(study: Study) -> str:
    """good, even, bad or none: what colours the headline, beside its words."""
    if study.comparison is None:
        return "none"
    moods = {Outcome.WINS: "good", Outcome.DRAW: "even", Outcome.EXACT: "even"}
    return moods.get(study.comparison.outcome, "bad")


def plain(study: Study) -> str:
    """What a person who knows no statistics takes home."""
    width, dim = study.x.shape[1], study.codes.shape[1]
    told = (
        f"The model sums up each row of {whole(width)} values in {dim} numbers, and rebuilds it from those. "
    )
    if study.comparison is None:
        return told + study.why
    _, linear, own = study.comparison.scores
    recovers = (
        f"On rows it has never seen it recovers {percent(own.r2)} of what makes rows differ; "
        f"PCA, the classical method, recovers {percent(linear.r2)} with as many numbers"
    )
    endings = {
        Outcome.WINS: ". The model is worth having: it leaves "
        f"{percent(1 - own.mse / linear.mse if linear.mse else 0)} less error.",
        Outcome.DRAW: ". That is a draw: for rebuilding rows the simpler method will do.",
        Outcome.LOSES: ". For rebuilding rows take PCA: it is better, and simpler.",
        Outcome.EXACT: ", which is everything: with so many numbers nothing is left to win.",
        Outcome.NOTHING: ". Guessing the average row every time would do no worse: do not use this model.",
    }
    return told + recovers + endings[study.comparison.outcome]


def advice(study: Study) -> list[str]:
    """What to do next, where something can be said."""
    found = []
    outcome = None if study.comparison is None else study.comparison.outcome
    if outcome in (Outcome.LOSES, Outcome.NOTHING):
        found.append(
            "What may help: more epochs (--epochs), more rows, a wider net (--set hidden=256,128), another "
            "method (isthmus models). With few rows, or where columns hang together linearly, PCA is hard to "
            "beat. Samples, scores and filling of gaps may still be of use: judge them by the chapters below."
        )
    width, columns = study.codes.shape[1], len(study.fields)
    if outcome is not Outcome.WINS and width >= columns > 1:
        found.append(
            f"A code of {width} numbers for {columns} columns leaves nothing to find out: "
            f"ask for fewer (--dim {max(1, columns // 2)})."
        )
    if study.test is not None and len(study.test.x) < 50:
        found.append(f"Only {len(study.test.x)} rows were held out to judge by: the figures are rough.")
    if not np.isfinite(study.scores).all():
        found.append("Some rows have no finite score: the model has gone astray on them.")
    return found
