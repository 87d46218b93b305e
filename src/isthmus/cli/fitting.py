"""The verb `fit`: read, hold out, train, judge, write the run folder."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from ..estimators import Embedder
from ..recipes import Recipe, named, parameters
from ..runs import versions
from ..training import write_atomically
from .judging import judge
from .misuse import Misuse, Stopped
from .output import say, show, to_json
from .settings import arguments
from .source import Part, Source, source

OURS = ("recipe.json", "weights.safetensors", "preprocessing.json", "history.jsonl", "metrics.json")
UNFINISHED = "unfinished.json"  # what was asked; it goes when the run is complete


class Plan(NamedTuple):
    """What is asked of a run: together with the data it determines the weights."""

    model: str
    data: str
    dim: int | None
    epochs: int | None
    settings: list[str]
    likelihood: str
    scaling: str
    labels: str | None
    images: bool
    held_out: float | None
    monitor: str | None
    patience: int
    test: float
    seed: int
    batch_size: int
    lr: float

    def recipe(self) -> Recipe:
        """The method with its settings.

        Raises:
            Misuse: for an unknown method, setting, or value.
        """
        try:
            method = named(self.model)
            Recipe(method).check(["dim"] if self.dim is not None else [])
        except (ValueError, TypeError) as error:
            raise Misuse(str(error)) from error
        return Recipe(method, **arguments(method, self.settings))

    def source(self) -> Source:
        """The data, pictures in their shape where that is wanted."""
        given = source(self.data, self.labels)
        wanted = self.images or any(text.replace(" ", "") == "nets=convs" for text in self.settings)
        if wanted and given.shape is not None:
            return given.pictures()
        if self.images and given.all.x.ndim == 2:
            raise Misuse(f"the picture shape of {given.name} is not known; give an array (n, height, width)")
        return given

    def parts(self, given: Source) -> tuple[Part, Part | None, str]:
        """Rows to fit and rows to judge by; for a conditional method every label is in both."""
        return given.parts(self.test, self.seed, by_label="classes" in parameters(named(self.model)))


def fit(plan: Plan, out: Path | None, *, tensorboard: bool, force: bool, as_json: bool, quiet: bool) -> None:
    """Carry out the plan. Raises what `isthmus.cli.run` turns into an exit status."""
    remark = (lambda *lines: None) if quiet else say
    recipe = plan.recipe()
    given = plan.source()
    if "classes" in parameters(recipe.function) and given.all.labels is None:
        raise Misuse(f"{recipe.name} is conditional: give it labels, --labels y.npy")
    train, test, held = plan.parts(given)
    board = _board() if tensorboard else None
    folder = out or Path("runs") / f"{recipe.name}-{given.name}"
    fingerprint = given.fingerprint()
    resumes = begin(folder, {**plan._asdict(), "sha256": fingerprint}, force)
    remark(f"{given.name}: {len(given.all.x)} rows of {_size(given.all)}; {held}")
    if resumes:
        remark(f"going on with the interrupted run in {folder}")
    embedder = _embedder(plan, recipe, given, folder, not quiet)
    started = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # a verbose Embedder prints its notes
            embedder.fit(train.x, train.labels)
    except KeyboardInterrupt:
        kept = any((folder / "checkpoints").glob("*.safetensors"))
        how = "the same command goes on from the last checkpoint" if kept else "there is no checkpoint yet"
        raise Stopped(f"stopped; {how} in {folder}") from None
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
    if board is not None:
        write_board(board, folder, history.records)
    figures = _draw(embedder, train, test, given, folder, remark)
    finish(folder, embedder, given, report)
    show(report if as_json else str(comparison))
    remark(f"written to {folder}" + (f", with {len(figures)} figures" if figures else ""))


def _embedder(plan: Plan, recipe: Recipe, given: Source, folder: Path, verbose: bool) -> Embedder:
    own = recipe.arguments.pop("likelihood", None)  # the preparation must know of it
    if own is not None and plan.likelihood != "auto":
        raise Misuse("give the likelihood once: --likelihood, or --set likelihood=")
    return Embedder(
        recipe,
        plan.dim,
        likelihood=own or plan.likelihood,
        scaling="whole"
        if given.shape and plan.scaling == "auto"
        else plan.scaling,  # all pixels have one unit
        epochs="auto" if plan.epochs is None else plan.epochs,
        batch_size=plan.batch_size,
        lr=plan.lr,
        held_out=plan.held_out,
        monitor=plan.monitor,
        patience=plan.patience,
        folder=folder,
        verbose=verbose,
        random_state=plan.seed,
    )


def begin(folder: Path, asked: dict[str, Any], force: bool) -> bool:
    """Take the folder for this run, or go on with the one in it; whether it goes on.

    Raises:
        Misuse: where the folder holds a finished run, or an interrupted one that was asked otherwise.
    """
    note = folder / UNFINISHED
    if force:
        clear(folder)
    elif note.is_file():
        _same(folder, note, asked)
        return True
    elif any((folder / name).exists() for name in (*OURS, "checkpoints")):
        raise Misuse(f"{folder} holds a run already; --force begins anew, or choose another --out")
    write_atomically(note, to_json(asked).encode())
    return False


def _same(folder: Path, note: Path, asked: dict[str, Any]) -> None:
    again = "--force begins anew, or choose another --out"
    try:
        before = json.loads(note.read_text())
        other = [name for name in asked if before[name] != asked[name]]
    except (ValueError, KeyError, TypeError) as error:
        raise Misuse(f"{note} is damaged, so nothing says what the interrupted run was; {again}") from error
    if other:
        name = other[0]
        what = "other data" if name == "sha256" else f"{name} {before[name]!r}, not {asked[name]!r}"
        raise Misuse(f"{folder} holds an interrupted run with {what}; {again}")


def clear(folder: Path) -> None:
    """Remove what a run wrote, and nothing else."""
    for name in (*OURS, UNFINISHED):
        (folder / name).unlink(missing_ok=True)
    for pattern in ("checkpoints/*.safetensors", "figures/*.png", "tensorboard/events.out.tfevents.*"):
        for path in folder.glob(pattern):
            path.unlink()


def finish(folder: Path, embedder: Embedder, given: Source, report: dict[str, Any]) -> None:
    """The last files, and no sign of being unfinished any more."""
    if given.columns is not None and len(given.columns) == embedder.n_features_in_:
        import numpy as np

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
    return figures.of_run(embedder, part.x, part.labels, shape, folder / "figures")


def _size(part: Part) -> str:
    shape = part.x.shape[1:]
    return f"{shape[0]} columns" if len(shape) == 1 else f"{' x '.join(map(str, shape))} values"


def _board() -> Any:
    """TensorBoard's writer, asked for before the work and not after it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("TensorBoard is an extra: pip install 'isthmus[tensorboard]'") from error
    return SummaryWriter


def write_board(writer: Any, folder: Path, records: list[dict[str, Any]]) -> None:
    """Every term over the epochs, as TensorBoard reads it."""
    with contextlib.closing(writer(str(folder / "tensorboard"))) as board:
        for record in records:
            for part in ("train", "held_out"):
                for name, value in record.get(part, {}).items():
                    board.add_scalar(f"{part}/{name}", value, record["step"])
