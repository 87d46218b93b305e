"""The verb `fit`: read, hold out, train, judge, write the run folder."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..estimators import Embedder
from ..recipes import Recipe, parameters
from ..runs import versions
from ..training import write_atomically
from . import config
from .folder import UNFINISHED, abandon, begin
from .judging import judge
from .misuse import Misuse, Stopped
from .output import say, show, to_json
from .plan import Plan
from .source import Part, Source


def fit(plan: Plan, out: Path | None, *, tensorboard: bool, force: bool, as_json: bool, quiet: bool) -> None:
    """Carry out the plan. Raises what `isthmus.cli.run` turns into an exit status."""
    remark = (lambda *lines: None) if quiet else say
    recipe = plan.recipe()
    given = plan.source()
    if "classes" in parameters(recipe.function) and given.all.labels is None:
        raise Misuse(f"{recipe.name} is conditional: give it labels, --labels y.npy")
    train, test, held = plan.parts(given)
    folder = out or Path("runs") / f"{recipe.name}-{given.name}"
    fingerprint = given.fingerprint()
    resumes = begin(folder, {**plan._asdict(), "sha256": fingerprint}, force)
    remark(f"{given.name}: {len(given.all.x)} rows of {_size(given.all)}; {held}")
    if resumes:
        remark(f"going on with the interrupted run in {folder}")
    embedder = _embedder(plan, recipe, given, folder, not quiet, tensorboard)
    started = time.perf_counter()
    try:
        embedder.fit(train.x, train.labels)
    except KeyboardInterrupt:
        how = "the same command goes on from its last checkpoint" if abandon(folder) else "nothing was kept"
        raise Stopped(f"stopped fitting {folder}; {how}") from None
    except Exception:
        abandon(folder)
        raise
    seconds = time.perf_counter() - started
    history = embedder.history_
    remark(f"{len(history.records)} epochs in {seconds:.1f} s: {history.why}")
    report: dict[str, Any] = {
        "model": recipe.name,
        "recipe": repr(embedder.recipe_),
        "dim": embedder.model_.autoencoder.latent.dim,
        "seed": plan.seed,
        "data": {
            "name": given.name,
            "rows": len(train.x),
            "shape": list(train.x.shape[1:]),
            "missing": _missing(given.all),
            "columns": given.columns,
            "sha256": fingerprint,
        },
        "notes": embedder.notes_,
        "training": {"epochs": len(history.records), "why": history.why, "seconds": round(seconds, 3)},
    }
    comparison = judge(embedder, train, test, given.name, given.pixels)
    report |= comparison.numbers()
    report |= {
        "plan": plan._asdict(),
        "command": shlex.join(["isthmus", *sys.argv[1:]]),
        "versions": versions(),
    }
    figures = _draw(embedder, train, test, given, folder, remark)
    write_atomically(folder / config.FILE, config.written(plan._asdict()).encode())
    finish(folder, embedder, given, report)
    show(report if as_json else str(comparison))
    remark(f"written to {folder}" + (f", with {len(figures)} figures" if figures else ""))


def _embedder(
    plan: Plan, recipe: Recipe, given: Source, folder: Path, verbose: bool, tensorboard: bool
) -> Embedder:
    if "likelihood" in recipe.arguments and plan.likelihood != "auto":
        raise Misuse("give the likelihood once: --likelihood, or --set likelihood=")
    return Embedder(
        recipe,
        plan.dim,
        likelihood=plan.likelihood,
        scaling="whole"
        if given.shape and plan.scaling == "auto"
        else plan.scaling,  # all pixels have one unit
        epochs="auto" if plan.epochs is None else plan.epochs,
        batch_size=plan.batch_size,
        lr=plan.lr,
        held_out=plan.held_out or None,
        monitor=plan.monitor,
        patience=plan.patience,
        folder=folder,
        verbose=verbose,
        tensorboard=tensorboard,
        random_state=plan.seed,
    )


def finish(folder: Path, embedder: Embedder, given: Source, report: dict[str, Any]) -> None:
    """The last files, and no sign of being unfinished any more."""
    if given.columns is not None and len(given.columns) == embedder.n_features_in_:
        embedder.feature_names_in_ = np.array(given.columns, object)
        embedder.save(folder)
    write_atomically(folder / "metrics.json", to_json(report).encode())
    (folder / UNFINISHED).unlink()


def _draw(
    embedder: Embedder, train: Part, test: Part | None, given: Source, folder: Path, remark: Any
) -> list[Path]:
    from ..report import figures

    if not figures.available():
        remark(f"no figures: {figures.MISSING}")
        return []
    part = test or train
    shape = given.shape or (train.x.shape[1:] if train.x.ndim > 2 else None)
    rows = "training rows" if test is None else "held-out rows"
    return figures.of_run(embedder, part.x, part.labels, shape, folder / "figures", rows)


def _size(part: Part) -> str:
    shape, missing = part.x.shape[1:], _missing(part)
    size = f"{shape[0]} columns" if len(shape) == 1 else f"{' x '.join(map(str, shape))} values"
    return size + (f", {missing} of {part.x.size} values missing" if missing else "")


def _missing(part: Part) -> int:
    return int(np.isnan(part.x).sum()) if part.x.dtype.kind == "f" else 0
