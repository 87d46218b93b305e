"""The verb `fit`: read, hold out, train, judge, write the run folder."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..estimators import Embedder
from ..recipes import Recipe
from ..runs import machine, versions
from ..training import write_atomically
from . import config
from .folder import UNFINISHED, abandon, begin
from .holding import few
from .judging import judge
from .misuse import Misuse, Stopped
from .output import aloud, say, show, to_json
from .plan import Plan
from .reporting import write_report
from .source import Source
from .tables import check, names_of, numeric


def fit(
    plan: Plan, out: Path | None, *, tensorboard: bool, force: bool, report: bool, as_json: bool, quiet: bool
) -> None:
    """Carry out the plan. Raises what `isthmus.cli.run` turns into an exit status."""
    remark = (lambda *lines: None) if quiet else say
    recipe = plan.recipe()
    given = plan.source()
    if recipe.takes("classes") and given.all.labels is None:
        raise Misuse(f"{recipe.name} learns from labels: give them, --labels y.npy")
    train, test, held = plan.parts(given)
    check(train.x, None if test is None else test.x, plan.kinds())
    folder = out or Path("runs") / f"{recipe.name}-{given.name}"
    fingerprint = given.fingerprint()
    resumes = begin(folder, {**plan._asdict(), "sha256": fingerprint}, force)
    remark(f"{given.name}: {len(given.all.x)} rows of {given.all.size}; {held}")
    remark(*given.notes)
    if resumes:
        remark(f"going on with the interrupted run in {folder}")
    embedder = _embedder(plan, recipe, given, folder, not quiet, tensorboard)
    started = time.perf_counter()
    warned: list[str] = []

    def heard(words: str) -> None:
        warned.append(words)
        remark(words)

    try:
        with aloud(heard):
            embedder.fit(train.x, train.labels)
    except KeyboardInterrupt:
        how = "the same command goes on from its last checkpoint" if abandon(folder) else "nothing was kept"
        raise Stopped(f"stopped fitting {folder}; {how}") from None
    except Exception:
        abandon(folder)
        raise
    seconds = time.perf_counter() - started
    history = embedder.history_
    before = sum(record["seconds"] for record in history.records[: history.resumed])
    if embedder.schema_ is not None:
        remark("to take a column for something else: --column NAME=KIND, as in --column zip=category")
    legs = f" ({history.resumed} of them, {before:.1f} s, before the interruption)" if history.resumed else ""
    seconds += before
    remark(f"{len(history.records)} epochs in {seconds:.1f} s{legs}: {history.why}")
    found: dict[str, Any] = {
        "model": recipe.name,
        "recipe": repr(embedder.recipe_),
        "dim": embedder.model_.autoencoder.latent.dim,
        "seed": plan.seed,
        "data": {
            "name": given.name,
            "rows": len(train.x),
            "shape": list(train.x.shape[1:]),
            "missing": given.all.missing,
            "columns": given.columns,
            "sha256": fingerprint,
        },
        "notes": [*given.notes, *embedder.notes_],
        "training": {"epochs": len(history.records), "why": history.why, "seconds": round(seconds, 3)},
    }
    shown, seen, unseen = numeric(embedder, few(train, plan.seed), test)
    comparison = judge(shown, seen, unseen, given.name, given.pixels, embedder.schema_)
    found |= comparison.numbers()
    found |= {
        "plan": plan._asdict(),
        "command": shlex.join(["isthmus", *sys.argv[1:]]),
        "versions": versions(),
        "machine": machine(),
    }
    write_atomically(folder / config.FILE, config.written(plan._asdict()).encode())
    finish(folder, embedder, given, found)
    show(found if as_json else str(comparison))
    if warned or comparison.loses:
        remark(f"what is wrong with it, and what helps: isthmus doctor {shlex.quote(str(folder))}")
    if report and embedder.model_.autoencoder.reads:
        named = given._replace(columns=names_of(embedder, given.columns))
        parts = (shown, seen, unseen, named, comparison, found, remark)
        page = write_report(folder, *parts, schema=embedder.schema_)
    else:
        page = None
    remark(f"written to {folder}" + (f"; open {page}" if page else ""))


def _embedder(
    plan: Plan, recipe: Recipe, given: Source, folder: Path, verbose: bool, tensorboard: bool
) -> Embedder:
    if "likelihood" in recipe.arguments and plan.likelihood != "auto":
        raise Misuse("give the likelihood once: --likelihood, or --set likelihood=")
    return Embedder(
        recipe,
        plan.dim,
        likelihood=plan.likelihood,
        columns=plan.kinds() or None,
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


def finish(folder: Path, embedder: Embedder, given: Source, found: dict[str, Any]) -> None:
    """The last files, and no sign of being unfinished any more."""
    names = None if embedder.schema_ is not None else given.columns
    if names is not None and len(names) == embedder.n_features_in_:
        embedder.feature_names_in_ = np.array(names, object)
        embedder.save(folder)
        del embedder.feature_names_in_  # arrays without names are handed on
    write_atomically(folder / "metrics.json", to_json(found).encode())
    (folder / UNFINISHED).unlink()
