"""A reconstruction beside what costs nothing, and a sentence that says who wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

from ..metrics.arrays import Array, paired
from ..metrics.significance import Paired
from .linear import mean_predictor, pca
from .yardstick import Yardstick


class Score(NamedTuple):
    """One line of the comparison: mean squared error in the units compared in, and R²."""

    name: str
    mse: float
    r2: float


class Outcome(Enum):
    """Who wins: the model, nobody, PCA; or PCA is exact; or the model is no better than the mean."""

    WINS = "wins"
    DRAW = "draw"
    LOSES = "loses"
    EXACT = "exact"
    NOTHING = "nothing learned"


class Comparison(NamedTuple):
    """Mean predictor, PCA and model on the same held-out rows, in this order, and who wins.

    `difference` is PCA's mean squared error minus the model's, positive where the model is ahead;
    `standard_error` is that of the difference, paired by row, and `test` its bootstrap interval and p-value.
    """

    scores: tuple[Score, ...]
    verdict: str
    difference: float
    standard_error: float
    test: Paired | None = None

    @property
    def outcome(self) -> Outcome:
        """Who wins, as the verdict says in words."""
        mean, _, model = self.scores
        against_linear = _against_linear(self.scores, self.difference, self.standard_error)
        if model.mse >= mean.mse and against_linear is not Outcome.EXACT:
            return Outcome.NOTHING
        return against_linear

    def __str__(self) -> str:
        width = max(len(score.name) for score in self.scores)
        lines = [f"{'':{width}}  {'mse':>10}  {'R²':>7}"]
        lines += [f"{name:{width}}  {error:10.4g}  {share:7.3f}" for name, error, share in self.scores]
        return "\n".join([*lines, self.verdict])


def beside(
    train: Any,
    test: Any,
    dim: int,
    reconstruction: Any,
    name: str = "the autoencoder",
    data: str = "rows",
    *,
    units: str = "columns",
    blocks: Sequence[slice] = (),
) -> Comparison:
    """A model's reconstruction of held-out rows beside the mean predictor's and that of PCA of the same size.

    The verdict is by mean squared error and says plainly when the model loses. A difference of less than half
    a percent, or than two standard errors (paired by row), is a draw. R² is one minus the error over the mean
    predictor's, whose mean is that of the training rows.

    Args:
        train: (n, ...), the rows the model was trained on; to them the baselines are fitted.
        test: (m, ...), held-out rows. NaN mark missing values, which are left out of every error.
        dim: the size of the model's code.
        reconstruction: (m, ...), what the model makes of `test`.
        name: the model's, for the sentence.
        data: what a row is, in the plural, for the sentence: "digits".
        units: "columns" measures each column in its standard deviations over `train`, before PCA too; metres
            beside dollars have no other sum. "whole" leaves values as they are, for pixels and the like.
        blocks: places of categories in a row, each a block of zeros and a one (`Schema.blocks`): a category
            counts as one column (see `Yardstick`).

    >>> print(beside(x_train, x_test, 8, x_hat, "vae", "digits").verdict)  # doctest: +SKIP
    vae reconstructs held-out digits with 0.0166 mean squared error; PCA at the same 8 dimensions
    reaches 0.0250: the autoencoder wins by 34 %.
    """
    test, reconstruction = paired(test, reconstruction)
    stick = Yardstick.of(train, units, blocks)
    train, test, reconstruction = (stick.measured(each) for each in (train, test, reconstruction))
    guesses = mean_predictor(train).reconstruct(test), pca(train, dim).reconstruct(test), reconstruction
    errors = [stick.error(test, guess) for guess in guesses]
    worst = float(errors[0].mean())

    def score(label: str, error: Array) -> Score:
        return Score(label, float(error.mean()), 1 - float(error.mean()) / worst if worst else math.nan)

    scores = score("mean", errors[0]), score(f"PCA {dim}", errors[1]), score(name, errors[2])
    per_row = errors[1] - errors[2]
    error = float(per_row.std(ddof=1) / math.sqrt(len(test))) if len(test) > 1 else math.nan
    measure = "mean squared error" + (" (in standard deviations)" if units == "columns" else "")
    verdict = _verdict(*scores, dim, data, measure, float(per_row.mean()), error, len(test))
    test_of_it = Paired.of(per_row) if len(per_row) > 1 else None
    return Comparison(scores, verdict, float(per_row.mean()), error, test_of_it)


def _verdict(
    mean: Score,
    linear: Score,
    model: Score,
    dim: int,
    data: str,
    measure: str,
    difference: float,
    error: float,
    rows: int,
) -> str:
    sentence = (
        f"{model.name} reconstructs held-out {data} with {model.mse:#.3g} {measure}; "
        f"PCA at the same {dim} dimensions reaches {linear.mse:#.3g}: "
    )
    outcome = _against_linear((mean, linear, model), difference, error)
    if outcome is Outcome.EXACT:
        sentence += "PCA is exact, there is nothing to win."
    elif outcome is Outcome.DRAW:
        why = (
            "below half a percent, or two standard errors on {} rows"
            if rows > 1
            else "one row decides nothing"
        )
        sentence += f"a draw ({why.format(rows)})."
    elif outcome is Outcome.WINS:
        sentence += f"the autoencoder wins by {_percent(1 - model.mse / linear.mse)}."
    else:
        times = model.mse / linear.mse
        much = f"by {_percent(times - 1)}" if times < 10 else f"with {times:.3g} times the error"
        sentence += f"the autoencoder loses {much}; take PCA."
    if model.mse >= mean.mse:
        sentence += (
            f" The mean of the training rows reaches {mean.mse:#.3g}: the autoencoder has learned nothing."
        )
    return sentence


def _against_linear(scores: tuple[Score, ...], difference: float, error: float) -> Outcome:
    mean, linear, _ = scores
    if linear.mse <= 1e-20 * mean.mse:  # rounding: as many dimensions as the rows have
        return Outcome.EXACT
    if math.isnan(error) or abs(difference) <= max(2 * error, 0.005 * linear.mse):  # NaN: of one row
        return Outcome.DRAW
    return Outcome.WINS if difference > 0 else Outcome.LOSES


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1g} %"
