"""The verb `sample`: new rows, from where a run draws them, or from a density fitted to its codes now."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.entries import CATALOGUE
from ..models.ex_post import refit
from ..recipes import show
from ..training import write_atomically
from ..training.checkpoints import DRAFT
from ..training.folder import HISTORY
from . import settings
from .misuse import Misuse
from .output import Sink, deliver, deliver_table, say, to_json
from .source import read_labels
from .tables import remarking
from .using import Fitted, Trust, checked, fitted_to, label_column, numbered, opened, planned, rows_of


class Density(NamedTuple):
    """A prior to fit to the codes first, if any: of which rows, and the folder to keep the outcome in."""

    prior: str | None
    data: str | None
    keep: Path | None


def sample(
    folder: Path,
    rows: int,
    sink: Sink,
    labels: str | None,
    seed: int,
    trust: Trust,
    noise: bool,
    density: Density,
) -> None:
    """Draw and deliver. Raises what `isthmus.cli.run` turns into an exit status."""
    sink.check()
    if density.prior is None and (density.data is not None or density.keep is not None):
        raise Misuse("--from and --keep are for a prior that is fitted now: --prior flow")
    fitted = opened(folder, trust)
    y = checked(fitted, None if labels is None else read_labels(labels, rows))
    if density.prior is not None:
        _fit(fitted, settings.prior(density.prior), density, seed)
    drawn = fitted.embedder.sample(rows, y, noise=noise, random_state=seed)
    asked = {} if y is None else {label_column(folder): y}  # what a row was drawn for stands beside it
    if fitted.embedder.schema_ is not None:
        deliver_table(fitted.embedder.schema_.written(drawn).assign(**asked), sink)
    else:
        values = fitted.embedder.preparation_.typed(drawn)
        deliver(values, fitted.columns or numbered("x", drawn[0].size), sink, asked)


def _fit(fitted: Fitted, prior: Any, density: Density, seed: int) -> None:
    """Give the model this prior over its codes; in memory, and where it is to be kept in a folder of its own.

    Raises:
        Misuse: for a model without codes, a prior that these cannot have, and rows that are not there.
    """
    embedder = fitted.embedder
    if not embedder.model_.autoencoder.reads:
        raise Misuse(f"{fitted.folder} holds a model without an encoder: it has no codes to fit a prior to")
    with ExitStack() as stack:
        draft = None if density.keep is None else stack.enter_context(_drafted(density.keep))
        try:
            refit(embedder.model_, prior)  # before any rows are read
        except (TypeError, ValueError) as error:
            raise Misuse(f"--prior {density.prior}: {error}") from error
        x, y, whose = _learned_from(fitted, density.data)
        with remarking(quiet=False):
            embedder.fit_prior(x, prior, y, random_state=seed)
        if draft is not None:
            _keep(fitted, draft, {"prior": show(prior), "data": whose, "rows": len(x), "seed": seed})
    say(f"{show(prior)}, fitted to the codes of {len(x)} rows of {whose}; {fitted.folder} stays as it is")
    if density.keep is not None:
        say(f"written to {density.keep}")


def _learned_from(fitted: Fitted, data: str | None) -> tuple[Any, np.ndarray | None, str]:
    """Rows, their labels where the model asks for them, and a name: those of the run, or those named.

    Of the run's own data they are the rows that it was fitted to, of another data set the training part.

    Raises:
        Misuse: where they cannot be had.
    """
    try:
        asked = planned(fitted.folder)[0]
    except ValueError:  # a run of the library's own, without a plan
        asked = None
    if data is None or (asked is not None and data == asked.data):
        try:
            _, given, train, _ = fitted_to(fitted.folder, "its rows cannot be read again")
        except (Misuse, ValueError) as error:
            raise Misuse(f"{error}. --from X names others to fit the prior to") from error
        return train.x, checked(fitted, train.labels), given.name
    column = None if asked is None or data in CATALOGUE or Path(asked.labels or "").suffix else asked.labels
    conditional = "labels" in fitted.embedder.model_.autoencoder.asks
    if conditional and column is None and data not in CATALOGUE:
        raise Misuse(
            f"the model in {fitted.folder} is conditional, and {data} holds no labels that it knows of; "
            "without --from the prior is fitted to the rows of the run"
        )
    rows = rows_of(fitted, data, column, quiet=True, training=True)
    return rows.x, rows.labels, rows.source.name


@contextmanager
def _drafted(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes the one that is meant when all has gone well.

    Raises:
        Misuse: where something is there already.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"--keep {folder}: something is there already; name a folder that is not there yet")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}{DRAFT}")
    draft.mkdir(parents=True)
    try:
        yield draft
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _keep(fitted: Fitted, draft: Path, how: dict[str, Any]) -> None:
    """The model as it is now, and what the run knows of its data, training and errors, which stay true."""
    embedder, metrics, history = fitted.embedder, fitted.folder / "metrics.json", fitted.folder / HISTORY
    if fitted.columns is not None:
        embedder.feature_names_in_ = np.array(fitted.columns, object)
    embedder.save(draft)
    if fitted.columns is not None:
        del embedder.feature_names_in_  # arrays without names are handed on
    if metrics.is_file():
        known = json.loads(metrics.read_text("utf-8"))
        command = [each for each in (known.get("command"), shlex.join(["isthmus", *sys.argv[1:]])) if each]
        known |= {"recipe": repr(embedder.recipe_), "prior": how, "command": " && ".join(command)}
        write_atomically(draft / metrics.name, to_json(known).encode())
    if history.is_file():
        write_atomically(draft / HISTORY, history.read_bytes())
