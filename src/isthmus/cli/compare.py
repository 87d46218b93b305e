"""The verb `compare`: several methods on the same rows, beside PCA."""

from __future__ import annotations

import csv
import io
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..comparing import MethodComparison
from ..comparing import compare as contest
from ..recipes import Recipe, named, parameters
from ..runs import machine
from ..training import write_atomically
from .holding import few, rule_of
from .misuse import Misuse, Stopped
from .output import aloud, say, show, to_json
from .plan import read
from .settings import arguments
from .tables import kinds_of, remarking

FILES = (".csv", ".json")  # that --out may name; anything else is a folder


class Asked(NamedTuple):
    """What every method gets alike."""

    dim: int | None
    seeds: int
    epochs: int | None
    settings: list[str]
    labels: str | None
    test: float
    seed: int
    batch_size: int
    lr: float
    split: str = "random"
    size: int | None = None
    columns: list[str] | None = None


def compare(
    data: str, methods: Sequence[str], asked: Asked, out: Path | None, as_json: bool, quiet: bool
) -> None:
    """Carry out the comparison. Raises what `isthmus.cli.run` turns into an exit status."""
    if out is not None:
        _check(out)
    recipes = _recipes(methods, asked.settings)
    rule_of(asked.split)
    kinds = kinds_of(asked.columns)
    given = read(data, asked.labels, asked.size, kinds)
    by_label = any(recipe.takes("classes") for recipe in recipes.values())
    train, test, held = given.parts(asked.test, asked.seed, by_label, asked.split)
    rows = len(train.x)
    train = few(train, asked.seed)
    if len(train.x) < rows:
        held += f"; {len(train.x)} others, drawn at random, are learned from"
    if test is None:
        raise Misuse("a comparison needs rows held out: --test 0.2, of a file with more than one row")
    remark = (lambda words: None) if quiet else say
    remark(f"{given.name}: {len(given.all.x)} rows; {held}")
    for words in _not_for(recipes, asked.settings):
        remark(words)
    with remarking(quiet), aloud(remark):
        found = contest(
            train.x,
            recipes,
            dim=asked.dim,
            y=train.labels,
            test=test.x,
            y_test=test.labels,
            seeds=asked.seeds,
            epochs="auto" if asked.epochs is None else asked.epochs,
            units="whole" if given.pixels else "columns",
            seed=asked.seed,
            name=f"rows of {given.name}",
            say=remark,
            batch_size=asked.batch_size,
            lr=asked.lr,
            columns=kinds or None,
        )
    record = {
        "data": {"name": given.name, "size": train.size, "held": held, "sha256": given.fingerprint()},
        **asked._asdict(),
        **found.to_json(),
        "command": shlex.join(["isthmus", *sys.argv[1:]]),
        "machine": machine(),
    }
    show(record if as_json else str(found))
    if out is not None:
        page = _write(out, found, record, remark)
        remark(f"written to {out}" + (f"; open {page}" if page else ""))
    if found.stopped:
        raise Stopped("stopped; what was finished is above" + (f" and in {out}" if out is not None else ""))


def _recipes(methods: Sequence[str], settings: Sequence[str]) -> dict[str, Recipe]:
    """Each method with the settings that it takes.

    Raises:
        Misuse: for an unknown method, one named twice, and a setting that none of them takes.
    """
    recipes: dict[str, Recipe] = {}
    for name in methods:
        try:
            method = named(name)
        except ValueError as error:
            raise Misuse(str(error)) from error
        if method.__name__ in recipes:
            raise Misuse(f"{name} is named twice")
        known = parameters(method)
        taken = [text for text in settings if _setting(text) in known]
        recipes[method.__name__] = Recipe(method, **arguments(method, taken))
    for text in settings:
        if not any(_setting(text) in parameters(recipe.function) for recipe in recipes.values()):
            arguments(next(iter(recipes.values())).function, [text])  # says what is wrong with it
    return recipes


def _not_for(recipes: Mapping[str, Recipe], settings: Sequence[str]) -> list[str]:
    """A sentence for each setting that some of the methods do not take."""
    found = []
    for text in settings:
        name = _setting(text)
        without = [label for label, each in recipes.items() if name not in parameters(each.function)]
        if without:
            takes = "takes" if len(without) == 1 else "take"
            found.append(f"{text} is for the others: {', '.join(without)} {takes} no {name}")
    return found


def _setting(text: str) -> str:
    return text.partition("=")[0].strip().replace("-", "_").partition(".")[0]


def _check(out: Path) -> None:
    """Refuse, before any fit, what a comparison cannot be written to."""
    if out.suffix not in FILES and (out.is_file() or (out.suffix and not out.is_dir())):
        raise Misuse(f"--out {out}: a comparison is written as .csv or .json, or into a folder")
    if (out / "recipe.json").exists():
        raise Misuse(f"--out {out}: there is a run in this folder; give the comparison one of its own")


def _write(
    out: Path, found: MethodComparison, record: Mapping[str, Any], remark: Callable[[str], None]
) -> Path | None:
    """One file; or all into a folder, with a page, whose path is given back."""
    content = {".json": to_json(record) + "\n", ".csv": _csv(found)}
    if out.suffix in FILES:
        write_atomically(out, content[out.suffix].encode())
        return None
    for ending, text in content.items():
        write_atomically(out / f"comparison{ending}", text.encode())
    from ..report import drawing

    if not drawing.available():
        remark(f"no report: {drawing.MISSING}")
        return None
    from ..report.compared import write

    return write(found, record, out)


def _csv(found: MethodComparison) -> str:
    header, lines = found.to_rows()
    text = io.StringIO()
    writer: Any = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *lines])
    return text.getvalue()
