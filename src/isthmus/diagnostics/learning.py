"""What was learned: by heart, or less than a straight line would."""

from __future__ import annotations

import numpy as np

from ..baselines.comparison import Outcome
from ..metrics import bootstrap
from .examination import Patient
from .findings import Bars, Finding, Spread

MUCH = 1.5  # times the training error: the lower end of the held-out error's interval lies above


def overfitting(patient: Patient) -> Finding | None:
    """Rows that were learned by heart: an error far larger on rows the model has not seen."""
    if patient.test is None or len(patient.test.error) < 5:
        return None
    known, new = patient.train.error, patient.test.error
    interval = bootstrap(new)
    spread = float(np.nanvar(patient.train.target, 0).mean())
    if interval.low <= MUCH * known.mean() or new.mean() < 0.01 * spread:
        return None
    remedy = f"{patient.command} --held-out 0.1 --patience 20   # stop where held-out rows stop improving"
    if (hidden := patient.argument("hidden")) is not None:
        smaller = ",".join(str(max(8, width // 4)) for width in hidden)
        remedy += f"\n{patient.command} --set hidden={smaller}   # a smaller net"
    times = new.mean() / known.mean() if known.mean() > 0 else np.inf
    comparison = patient.comparison()
    ahead = comparison is not None and comparison.difference > 2 * comparison.standard_error
    return Finding(
        "over-fitting",
        "note" if ahead else "warning",
        f"the error of {len(new)} held-out rows is {times:.1f} times that of {len(known)} training rows: "
        f"{interval} against {known.mean():.4g}." + (" It is below PCA's all the same." if ahead else ""),
        remedy,
        Spread(
            "The error of each row",
            {"training rows": known, "held-out rows": new},
            "mean squared error, in the units the model learns in",
        ),
    )


def losing(patient: Patient) -> Finding | None:
    """An error above that of PCA of the same size, or of no model at all."""
    comparison = patient.comparison()
    if comparison is None:
        return None
    mean, linear, own = comparison.scores
    errors = {score.name: score.mse for score in comparison.scores}
    picture = Bars("The error on held-out rows", errors, "mean squared error", linear.mse, "PCA")
    if own.mse >= mean.mse:
        return Finding(
            "worse than PCA",
            "problem",
            f"it has learned nothing: mean squared error {own.mse:.4g} on held-out rows, and the mean of the "
            f"training rows has {mean.mse:.4g} (PCA {linear.mse:.4g}).",
            f"{patient.command} --epochs 300   # was it trained long enough?\n{_contest(patient)}",
            picture,
        )
    if comparison.outcome is not Outcome.LOSES:  # where PCA is exact, there is no factor to speak of
        return None
    return Finding(
        "worse than PCA",
        "warning",
        f"mean squared error {own.mse:.4g} on held-out rows, {100 * (own.mse / linear.mse - 1):.0f} % more "
        f"than that of PCA with as many dimensions, {linear.mse:.4g}.",
        _contest(patient),
        picture,
    )


def _contest(patient: Patient) -> str:
    return f"isthmus compare {patient.data} linear autoencoder vae --dim {patient.dim}"
