"""A fitted model on rows it has not seen, beside the mean and PCA."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..baselines import Comparison, Yardstick, beside
from ..baselines.comparison import Outcome
from ..baselines.yardstick import flat
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.inference import guesses, rebuilds
from .source import Part


class Judgement(NamedTuple):
    """A comparison and the mean score in nats, or the reason why there is none."""

    comparison: Comparison | None
    score: float | None
    rows: int
    why: str = ""

    @property
    def loses(self) -> bool:
        """Whether PCA, or the mean, is surely better."""
        return self.comparison is not None and self.comparison.outcome in (Outcome.LOSES, Outcome.NOTHING)

    def __str__(self) -> str:
        return str(self.comparison) if self.comparison is not None else self.why

    def numbers(self) -> dict[str, Any]:
        """As `metrics.json` holds it."""
        if self.comparison is None:
            return {"test": None, "baselines": None, "verdict": self.why}
        test = self.comparison.test
        mean, linear, own = (
            {"name": score.name, "mse": score.mse, "r2": score.r2} for score in self.comparison.scores
        )
        return {
            "test": {**own, "score": self.score, "rows": self.rows},
            "baselines": [mean, linear],
            "difference": self.comparison.difference,
            "standard_error": self.comparison.standard_error,
            "interval": None if test is None else [test.interval.low, test.interval.high],
            "p": None if test is None else test.p,
            "verdict": self.comparison.verdict,
        }


def judge(
    embedder: Embedder, train: Part, test: Part | None, data: str, pixels: bool, schema: Schema | None = None
) -> Judgement:
    """`train` are the rows it was fitted to: the mean and PCA are fitted to them too.

    Of a mixed table with this `schema`, embedder and parts are those of encoded rows.
    """
    if test is None:
        return Judgement(None, None, 0, "No rows were held out, so nothing is said of how good it is.")
    if not (np.fmax.reduce(train.x) > np.fmin.reduce(train.x)).any():
        return Judgement(
            None, None, len(test.x), "All columns are constant in the rows fitted: nothing to explain."
        )
    name, dim = embedder.recipe_.name, embedder.model_.autoencoder.latent.dim
    if not embedder.model_.autoencoder.reads:
        why = f"{name} has no encoder: it rebuilds no row, so there is no error. `isthmus sample` draws rows."
        return Judgement(None, None, len(test.x), why)
    units = "whole" if pixels else "columns"
    blocks = () if schema is None else schema.blocks
    if not rebuilds(embedder.model_):
        why = guessing(embedder, train, test, Yardstick.of(train.x, units, blocks))
        return Judgement(None, None, len(test.x), why)
    seen = embedder.reconstruct(test.x, test.labels)
    comparison = beside(train.x, test.x, dim, seen, name, f"rows of {data}", units=units, blocks=blocks)
    return Judgement(comparison, embedder.score(test.x, test.labels), len(test.x))


def guessing(embedder: Embedder, train: Part, test: Part, stick: Yardstick) -> str:
    """What a masked model is worth at its own task, beside the mean of the training rows."""
    task = f"{embedder.recipe_.name} learns to guess what of a row is hidden, and not to rebuild whole ones"
    found = guesses(embedder.model_, embedder._rows(test.x, test.labels))
    if found is None or not found.units:
        return f"{task}. Its guesses are in units of patches; what its codes are worth, a probe says."
    made = stick.measured(embedder.preparation_.restore(found.made))
    target, mean = stick.measured(test.x), stick.measured(np.nanmean(flat(train.x), 0)[None])
    there = (flat(found.hidden.numpy()) > 0) & ~np.isnan(target)
    own, idle = (float(np.square(target - guess)[there].mean()) for guess in (made, mean))
    better = f"{100 * (1 - own / idle):.0f} % less" if own < idle else "no better: it has learned nothing"
    return (
        f"{task}. Of what was hidden of held-out rows its mean squared error is {own:.4g}; "
        f"that of the training mean is {idle:.4g} ({better})."
    )
