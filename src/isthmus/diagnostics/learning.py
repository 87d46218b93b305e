"""What was learned: by heart, or less than a straight line would."""

from __future__ import annotations

import numpy as np

from ..baselines.comparison import Outcome
from ..estimators.door import lengths
from ..metrics import bootstrap
from .examination import Patient
from .findings import Bars, Finding, Spread
from .regularisation import all_silent
from .remedies import lighter

BATCH = 128  # rows a step, if nobody says otherwise
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
    remedy = f"{patient.again} --held-out 0.1 --patience 20   # stop where held-out rows stop improving"
    if (hidden := patient.argument("hidden")) is not None:
        smaller = ",".join(str(max(8, width // 4)) for width in hidden)
        remedy += f"\n{patient.again} --set hidden={smaller}   # a smaller net"
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
    silent = lighter(patient) if all_silent(patient) else ""  # the cause of both, and no epoch mends it
    errors = {score.name: score.mse for score in comparison.scores}
    picture = Bars("The error on held-out rows", errors, "mean squared error", linear.mse, "PCA")
    if own.mse >= mean.mse:
        return Finding(
            "worse than PCA",
            "problem",
            f"it has learned nothing: mean squared error {own.mse:.4g} on held-out rows, and the mean of the "
            f"training rows has {mean.mse:.4g} (PCA {linear.mse:.4g}).",
            f"{silent or _longer(patient)}\n{_contest(patient)}",
            picture,
        )
    if comparison.outcome is not Outcome.LOSES:  # where PCA is exact, there is no factor to speak of
        return None
    return Finding(
        "worse than PCA",
        "warning",
        f"mean squared error {own.mse:.4g} on held-out rows, {100 * (own.mse / linear.mse - 1):.0f} % more "
        f"than that of PCA with as many dimensions, {linear.mse:.4g}.",
        f"{silent or (_longer(patient) if _short(patient) else '')}\n{_contest(patient)}".lstrip(),
        picture,
    )


def _short(patient: Patient) -> bool:
    """Whether somebody asked for less than half of the epochs that a run has by default."""
    return patient.epochs is not None and 2 * patient.epochs < _usual(patient)


def _longer(patient: Patient) -> str:
    """Twice as many epochs as a run has by default, and 300 at least."""
    return f"{patient.again} --epochs {max(300, 2 * _usual(patient))}   # was it trained long enough?"


def _usual(patient: Patient) -> int:
    return lengths(len(patient.rows), BATCH, "auto")[1]


def _contest(patient: Patient) -> str:
    return f"isthmus compare {patient.source} linear autoencoder vae --dim {patient.dim}"
