"""The verbs that use a run: rows in, rows out, in their order and in the data's own units."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..estimators import Embedder
from .folder import UNFINISHED
from .holding import few
from .judging import judge
from .misuse import Misuse
from .output import Sink, deliver, deliver_table, say, show
from .plan import Plan
from .source import Part, Source, aligned, source
from .tables import names_of, numeric, remarking

Trust = tuple[str, ...]


class Fitted(NamedTuple):
    """A run folder, opened."""

    folder: Path
    embedder: Embedder
    columns: tuple[str, ...] | None


class Rows(NamedTuple):
    """Rows as the model reads them, and as they came."""

    x: Any  # an array, or a frame where the model was fitted to one
    labels: np.ndarray | None
    source: Source
    shape: tuple[int, ...]

    def names(self, fitted: Fitted) -> list[str]:
        return list(fitted.columns or self.source.columns or numbered("x", math.prod(self.x.shape[1:])))

    @property
    def complete(self) -> bool:
        """Whether no cell is missing."""
        return not (self.x.isna().any(axis=None) if hasattr(self.x, "isna") else np.isnan(self.x).any())


class Asked(NamedTuple):
    """What a verb is given that makes something of each row."""

    folder: Path
    data: str
    sink: Sink
    labels: str | None
    trust: Trust
    quiet: bool

    def opened(self) -> tuple[Fitted, Rows]:
        """The run and the rows, once it is sure that what is made of them can be written."""
        self.sink.check()
        fitted = opened(self.folder, self.trust)
        return fitted, rows_of(fitted, self.data, self.labels, self.quiet)


def hand_over(fitted: Fitted, made: Any, rows: Rows, sink: Sink) -> None:
    """Rows that a model made of others, in their shape or with their columns."""
    if fitted.embedder.schema_ is not None:
        deliver_table(fitted.embedder.schema_.written(made), sink)
    else:
        deliver(made.reshape(rows.shape), rows.names(fitted), sink)


def embed(asked: Asked) -> None:
    fitted, rows = asked.opened()
    with remarking(asked.quiet):
        codes = fitted.embedder.transform(rows.x, rows.labels)
    deliver(codes, numbered("embedder", codes.shape[1]), asked.sink)


def reconstruct(asked: Asked) -> None:
    fitted, rows = asked.opened()
    with remarking(asked.quiet):
        seen = fitted.embedder.reconstruct(rows.x, rows.labels)
    hand_over(fitted, fitted.embedder.preparation_.typed(seen), rows, asked.sink)


def score(asked: Asked) -> None:
    fitted, rows = asked.opened()
    with remarking(asked.quiet):
        scores = fitted.embedder.score_samples(rows.x, rows.labels)
    deliver(scores, ["score"], asked.sink)


def impute(asked: Asked) -> None:
    fitted, rows = asked.opened()
    if not asked.quiet and rows.complete:
        say("no cell is missing: the rows go out as they came")
    with remarking(asked.quiet):
        filled = fitted.embedder.impute(rows.x, rows.labels)
    hand_over(fitted, filled, rows, asked.sink)


def predict(asked: Asked) -> None:
    """The probabilities of the classes, and beside them the likeliest, named as labels were.

    Raises:
        Misuse: for a model that does not tell classes.
    """
    asked.sink.check()
    fitted = opened(asked.folder, asked.trust)
    embedder = fitted.embedder
    if not hasattr(embedder, "predict"):
        raise Misuse(f"{asked.folder} holds a model that does not tell classes: {embedder.recipe_.name}")
    rows = rows_of(fitted, asked.data, None, asked.quiet)
    with remarking(asked.quiet):
        chances = embedder.predict_proba(rows.x)
    likeliest = embedder.classes_[chances.argmax(1)]
    names = [f"p({name:g})" if isinstance(name, float) else f"p({name})" for name in embedder.classes_]
    deliver(chances, names, asked.sink, {label_column(asked.folder): likeliest})


def evaluate(
    folder: Path, data: str | None, labels: str | None, trust: Trust, as_json: bool, quiet: bool
) -> None:
    fitted = opened(folder, trust)
    embedder, train, test, given = judged(fitted, data, labels, quiet)
    judgement = judge(embedder, train, test, given.name, given.pixels, fitted.embedder.schema_)
    show(judgement.numbers() if as_json else str(judgement))


def judged(
    fitted: Fitted, data: str | None, labels: str | None, quiet: bool
) -> tuple[Embedder, Part, Part | None, Source]:
    """The model, the rows it was fitted to, those to judge it by, and where these are from: all as numbers.

    Raises:
        ValueError: where the data are no longer what they were.
    """
    plan, original, train, test = fitted_to(fitted.folder, "PCA has no rows to learn from")
    pictured = original.shape or (train.x.shape[1:] if train.x.ndim > 2 else None)
    if data is not None and data != plan.data:
        rows = rows_of(fitted, data, labels, quiet)
        test = Part(rows.x, rows.labels)
        original = rows.source._replace(shape=rows.source.shape or pictured)
    elif not quiet:
        say(f"the {0 if test is None else len(test.x)} rows of {original.name} that were held out")
    embedder, train, test = numeric(fitted.embedder, train, test)
    names = names_of(fitted.embedder, fitted.columns or original.columns)
    return embedder, train, test, original._replace(columns=names)


def fitted_to(folder: Path, lack: str) -> tuple[Plan, Source, Part, Part | None]:
    """What was asked of the run, its data, the rows it was fitted to, and those held out.

    Raises:
        ValueError: where the data are no longer what they were; `lack` says what follows from it.
    """
    plan, sha256 = planned(folder)
    original = plan.source()
    if original.fingerprint() != sha256:
        raise ValueError(f"{plan.data} is not what it was when {folder} was fitted: {lack}")
    train, test, _ = plan.parts(original)
    return plan, original, few(train, plan.seed), test


def side_of(folder: Path) -> int | None:
    """To which side the run scaled images, if it did."""
    try:
        return planned(folder)[0].size
    except ValueError:  # a run of the library's own, without a plan
        return None


def label_column(folder: Path) -> str:
    """How the run's file called its labels, where they were a column of it."""
    asked = labels_asked(folder)
    return asked if asked and not Path(asked).suffix else "label"


def labels_asked(folder: Path) -> str | None:
    """What `--labels` was when the run was fitted: a column, or a file."""
    try:
        return planned(folder)[0].labels
    except ValueError:  # a run of the library's own, without a plan
        return None


def planned(folder: Path) -> tuple[Plan, str]:
    """What was asked of a finished run, and the fingerprint of its data.

    Raises:
        ValueError: where `metrics.json` is missing or damaged.
    """
    path = folder / "metrics.json"
    try:
        metrics = json.loads(path.read_text("utf-8"))
        return Plan(**metrics["plan"]), metrics["data"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is missing or damaged, and it says what the run was fitted to") from error


def trusted(packages: list[str] | None) -> Trust:
    """Packages that functions may come from; modules in the present folder can be among them."""
    if packages:
        sys.path.append(str(Path.cwd()))  # last, so that nothing there stands in for what is installed
    return tuple(packages or ())


def opened(folder: Path, trust: Trust = ()) -> Fitted:
    """The run in the folder.

    Raises:
        Misuse: where there is none.
        ValueError: where it is damaged.
    """
    if not folder.is_dir():
        raise Misuse(f"there is no folder {folder}; `isthmus fit MODEL X --out {folder}` writes one")
    if not (folder / "recipe.json").exists():
        unfinished = (folder / UNFINISHED).exists()
        raise Misuse(
            f"the run in {folder} is not finished; the command that began it goes on with it"
            if unfinished
            else f"{folder} holds no run: there is no recipe.json in it"
        )
    try:
        embedder = Embedder.load(folder, trust)
    except (KeyError, TypeError, AttributeError, IndexError, ImportError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"recipe.json or preprocessing.json in {folder} is damaged ({what})") from error
    names = getattr(embedder, "feature_names_in_", None)
    if names is None:
        return Fitted(folder, embedder, None)
    del embedder.feature_names_in_  # columns are put in order here, and arrays without names handed on
    return Fitted(folder, embedder, tuple(names))


def rows_of(fitted: Fitted, data: str, labels: str | None, quiet: bool, training: bool = False) -> Rows:
    """Rows for a model: those of a file, or the test part of a named data set; to learn from, the other."""
    framed, once = fitted.embedder.schema_ is not None, labels_asked(fitted.folder)
    given = source(data, labels, side_of(fitted.folder), framed=framed, once=once)
    test = None if training else given.test
    part = test or given.all
    remarks = [f"the {len(part.x)} rows of {given.name}'s test part"] if test is not None else []
    x, remark = aligned(fitted.embedder, given, part, fitted.columns, fitted.folder)
    if not quiet:
        say(*given.notes, *remarks, *([remark] if remark else []))
    return Rows(x, checked(fitted, part.labels), given, part.x.shape)


def checked(fitted: Fitted, labels: np.ndarray | None) -> np.ndarray | None:
    """Labels, where the model is conditional.

    Raises:
        Misuse: where it cannot do without and there are none.
    """
    if "labels" not in fitted.embedder.model_.autoencoder.asks:
        return None
    if labels is None and not hasattr(fitted.embedder, "predict"):
        raise Misuse(f"the model in {fitted.folder} is conditional: give it labels, --labels y.npy")
    return labels


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{i}" for i in range(count)]
