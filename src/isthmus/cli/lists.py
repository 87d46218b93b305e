"""The verbs that say what there is."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from ..data import available
from ..data.entries import CATALOGUE
from ..models import METHODS
from ..recipes import Recipe, named, show
from ..runs import cite as reference
from ..runs import read_header, versions
from .misuse import Misuse, hint


def models(name: str | None) -> None:
    if name is None:
        width = max(map(len, METHODS))
        for method, function in METHODS.items():
            print(f"{method:{width}}  {(inspect.getdoc(function) or '').splitlines()[0]}")
        return
    try:
        function = named(name)
    except ValueError as error:
        raise Misuse(str(error)) from error
    print(f"{function.__name__}")
    for parameter in inspect.signature(function).parameters.values():
        has = parameter.default is not inspect.Parameter.empty
        value = (
            f"--set {parameter.name}={plain(parameter.default)}"
            if has
            else f"{parameter.name}: from the data"
        )
        print(f"    {value}")
    print(f"\n{inspect.getdoc(function)}")


def plain(value: object) -> str:
    """A default as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return show(value)


def datasets(name: str | None) -> None:
    if name is not None and name not in CATALOGUE:
        raise Misuse(f"there is no data set {name!r}{hint(name, CATALOGUE)} There are {', '.join(CATALOGUE)}")
    if name is None:
        width = max(map(len, CATALOGUE))
        for each in CATALOGUE:
            print(f"{each:{width}}  {available(each)}")
        return
    entry = CATALOGUE[name]
    picture = "" if entry.shape is None else f"pictures of {' x '.join(map(str, entry.shape))}; "
    for line in (
        name,
        f"    values:    {picture}{entry.scale}",
        f"    available: {available(name)}",
        f"    source:    {entry.source}",
        f"    licence:   {entry.licence}",
        f"    cite:      {entry.citation}",
    ):
        print(line)


def cite(what: str) -> None:
    if what in CATALOGUE:
        print(CATALOGUE[what].citation)
    elif Path(what).is_dir():
        print(reference(Recipe.read(read_header(what)["model"])))
    else:
        try:
            print(reference(named(what)))
        except ValueError as error:
            near = hint(what, [*METHODS, *CATALOGUE])
            raise Misuse(f"there is no model, data set or run folder {what!r}{near}") from error


def version() -> None:
    for name, number in versions().items():
        print(f"{name:8} {number}")
