"""The checks: a function for each thing that goes wrong. It answers with a `Finding`, or with nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..baselines.comparison import Outcome
from ..metrics import bootstrap, codebook_use, suggest_dim
from ..recipes import Recipe
from .examination import Finding, Half, Patient

SILENT = 0.01  # nats: what carries less tells a row from another in one case of a hundred


def collapse(patient: Patient) -> Finding | None:
    """The posterior is the prior, whatever the row: the decoder has learned to do without the code.

    (Bowman et al. 2016; Lucas et al. 2019.) A dimension is silent where its KL, the mean over rows, is below
    0.01 nats. All silent is a failure; some is what a VAE does with dimensions that it does not need.
    """
    kl = patient.judged.kl
    if kl is None or not (kl < SILENT).any():
        return None
    silent, k = int((kl < SILENT).sum()), len(kl)
    evidence = f"{silent} of {k} dimensions carry less than {SILENT} nats (the largest {kl.max():.2g})"
    if silent < k:
        return Finding(
            "posterior collapse",
            "note",
            f"{evidence}: these data do not ask for more than {k - silent}.",
            f"{patient.command} --dim {k - silent}",
        )
    data, command = patient.data, patient.command
    beta = patient.argument("beta")
    likelihood = patient.argument("likelihood")
    if isinstance(beta, float | int) and beta > 1:
        remedy = f"{command} --set beta=1"
    elif isinstance(likelihood, Recipe) and "scale" in likelihood.arguments:
        remedy = f"isthmus fit {patient.recipe.name} {data} --dim {k}   # a likelihood that learns its scale"
    else:
        remedy = (
            f"isthmus fit beta_vae {data} --dim {k} "
            "--set beta=0.5 --set warmup_steps=1000 --set free_nats=0.1"
        )
    return Finding(
        "posterior collapse",
        "problem",
        f"{evidence}: the decoder says the same of every row, and the code says nothing. Where columns are "
        "independent of each other that is right, there is nothing to encode; else the KL weighs too much.",
        remedy,
    )


def dead_units(patient: Patient) -> Finding | None:
    """Entries of a deterministic code that no row moves: they take room and carry nothing."""
    half = patient.judged
    if half.kl is not None or half.indices is not None or len(half.codes) < 2:
        return None
    spread = half.codes.std(0)
    dead = int((spread <= 1e-6 * spread.max()).sum())
    if not dead:
        return None
    k = len(spread)
    if dead == k:
        remedy = f"{patient.command} --lr 5e-4   # and look at the data: do they vary?"
        return Finding("dead units", "problem", f"No row moves any of the {k} units of the code.", remedy)
    sparse = next((name for name in ("k", "weight", "sparsity", "l1") if patient.argument(name)), None)
    remedy = f"{patient.command} --dim {k - dead}"
    if (after := patient.argument("dead_after")) is not None:
        remedy += f"\n# or revive them sooner: --set dead_after={max(1, int(after) // 5)}, with more epochs"
    if sparse is not None:
        remedy += f"\n# or ask for less sparsity: --set {sparse}=…, now {patient.argument(sparse)}"
    severity = "warning" if dead > k / 10 else "note"
    evidence = f"{dead} of {k} units of the code are the same for all {len(half.codes)} rows"
    active = float((half.codes != 0).sum(1).mean())
    evidence += f"; {active:.3g} are active in a row." if active < k / 2 else "."
    return Finding("dead units", severity, evidence, remedy)


def dead_codes(patient: Patient) -> Finding | None:
    """Entries of a codebook that no row is given (van den Oord et al. 2017; Dhariwal et al. 2020)."""
    indices = patient.train.indices
    if indices is None:
        return None
    latent = patient.embedder.model_.autoencoder.latent
    columns: dict[int, list[int]] = {}
    for column, book in enumerate(getattr(latent, "books", [0] * indices.shape[1])):
        columns.setdefault(book, []).append(column)
    levels = getattr(latent, "levels", [int(indices.max()) + 1] * indices.shape[1])
    uses = [codebook_use(indices[:, own], levels[own[0]]) for own in columns.values()]
    worst = min(uses, key=lambda use: use.used / use.size)
    if worst.used >= worst.size / 2 or indices.size / len(uses) < 2 * worst.size:
        return None
    enough = 2 ** max(1, int(np.ceil(np.log2(max(worst.used, 2)))))
    knob = next((name for name in ("levels", "bits") if patient.argument(name)), None)
    remedy = f"--set size={min(enough, worst.size)}" if knob is None else f"--set {knob}=…   # fewer"
    return Finding(
        "dead codes",
        "problem" if worst.used < 2 else "warning",
        f"{worst.used} of {worst.size} codes are in use on {len(indices)} training rows, "
        f"and they are worth {worst.perplexity:.1f} used alike (perplexity).",
        f"{patient.command} {remedy}",
    )


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
    )


def losing(patient: Patient) -> Finding | None:
    """An error above that of PCA of the same size, or of no model at all."""
    comparison = patient.comparison()
    if comparison is None:
        return None
    mean, linear, own = comparison.scores
    if own.mse >= mean.mse:
        return Finding(
            "worse than PCA",
            "problem",
            f"it has learned nothing: mean squared error {own.mse:.4g} on held-out rows, and the mean of the "
            f"training rows has {mean.mse:.4g} (PCA {linear.mse:.4g}).",
            f"{patient.command} --epochs 300   # was it trained long enough?\n{_contest(patient)}",
        )
    if comparison.outcome is not Outcome.LOSES:  # where PCA is exact, there is no factor to speak of
        return None
    return Finding(
        "worse than PCA",
        "warning",
        f"mean squared error {own.mse:.4g} on held-out rows, {100 * (own.mse / linear.mse - 1):.0f} % more "
        f"than that of PCA with as many dimensions, {linear.mse:.4g}.",
        _contest(patient),
    )


def _contest(patient: Patient) -> str:
    return f"isthmus compare {patient.data} linear autoencoder vae --dim {patient.dim}"


def scale(patient: Patient) -> Finding | None:
    """Columns so unequal that the error of the small ones counts for nothing, or values no net can read."""
    if patient.pixels or not np.all(patient.embedder.preparation_.continuous):
        return None
    spread = np.nanstd(patient.train.target, 0)
    spread = spread[spread > 0]
    if not len(spread):
        return None
    large, small = float(spread.max()), float(spread.min())
    remedy = f"{patient.command} --scaling columns"
    if large > 100 * small:
        few = int((spread < large / 100).sum())
        evidence = (
            f"as the model reads them, columns spread from {small:.2g} to {large:.2g}: the squared error of "
            f"{few} of {len(spread)} columns counts for less than a ten-thousandth of that of the largest."
        )
        return Finding("scale", "warning", evidence, remedy)
    if large > 100 or large < 0.01:
        evidence = f"the model reads values that spread by {large:.2g}; nets and learning rates expect 1."
        return Finding("scale", "warning", evidence, remedy)
    return None


def width(patient: Patient) -> Finding | None:
    """A code as wide as the data, and nothing else that keeps it from handing rows through."""
    model = patient.embedder.model_.autoencoder
    half = patient.train
    columns = half.target.shape[1]
    free = half.kl is None and half.indices is None and getattr(model, "corrupt", None) is None
    plain = repr(getattr(model, "objective", "")) == "reconstruction"
    if (half.codes != 0).sum(1).mean() < columns / 2:
        return None  # wide, but few entries of it are in use at once
    if patient.dim < columns or columns < 2 or not (free and plain):
        return None
    dim, why = _narrower(half, columns)
    return Finding(
        "identity",
        "note",
        f"the code has {patient.dim} dimensions and the data {columns} columns: nothing is left out, so "
        f"nothing need be learned.{why}",
        f"{patient.command} --dim {dim}",
    )


def _narrower(half: Half, columns: int) -> tuple[int, str]:
    whole = half.target[np.isfinite(half.target).all(1)]
    try:
        found = suggest_dim(whole)
    except ValueError:
        return max(1, columns // 4), ""
    return min(found.dim, columns - 1), f" suggest_dim: {found.sentence}"


CHECKS: dict[str, Callable[[Patient], Finding | None]] = {
    "posterior collapse": collapse,
    "dead units": dead_units,
    "dead codes": dead_codes,
    "over-fitting": overfitting,
    "worse than PCA": losing,
    "scale": scale,
    "identity": width,
}
