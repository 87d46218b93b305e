"""The verbs that say what there is."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import available
from ..data.entries import CATALOGUE
from ..models import GENERATORS, METHODS, NAMED
from ..recipes import Recipe, named, show
from ..runs import cite as reference
from ..runs import read_header, versions
from .misuse import Misuse, hint
from .output import show as show_result


def models(name: str | None, as_json: bool = False) -> None:
    if name is None and as_json:
        return show_result([{"name": each, "summary": summary(function)} for each, function in NAMED.items()])
    if name is None:
        width = max(map(len, NAMED))
        for heading, part in (("", METHODS), ("\nto compare with:\n", GENERATORS)):
            print(heading, end="")
            for method, function in part.items():
                print(f"{method:{width}}  {summary(function)}")
        return
    try:
        function = named(name)
    except ValueError as error:
        raise Misuse(str(error)) from error
    if as_json:
        return show_result(method_facts(function))
    print(f"{function.__name__}")
    for parameter in inspect.signature(function).parameters.values():
        has = parameter.default is not inspect.Parameter.empty
        value = (
            f"--set {parameter.name}={plain(parameter.default)}"
            if has
            else f"{parameter.name}: from the data"
        )
        print(f"    {value}")
    print(f"\n{inspect.getdoc(function)}\n\nExample: {example(function)}")


def plain(value: object) -> str:
    """A default as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return show(value)


def datasets(name: str | None, as_json: bool = False) -> None:
    if name is not None and name not in CATALOGUE:
        raise Misuse(f"there is no data set {name!r}{hint(name, CATALOGUE)} There are {', '.join(CATALOGUE)}")
    if as_json:
        return show_result([entry_facts(each) for each in CATALOGUE] if name is None else entry_facts(name))
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


def cite(what: str, trust: tuple[str, ...] = (), as_json: bool = False) -> None:
    if what in CATALOGUE:
        found = CATALOGUE[what].citation
    elif Path(what).is_dir():
        found = reference(Recipe.read(read_header(what)["model"], trust))
    else:
        try:
            found = reference(named(what))
        except ValueError as error:
            near = hint(what, [*NAMED, *CATALOGUE])
            raise Misuse(f"there is no model, data set or run folder {what!r}{near}") from error
    show_result({"name": what, "reference": found} if as_json else found)


def version(as_json: bool = False) -> None:
    if as_json:
        return show_result(versions())
    for name, number in versions().items():
        print(f"{name:8} {number}")


def summary(function: Callable[..., Any]) -> str:
    """The first line of what a method says of itself."""
    return (inspect.getdoc(function) or "").splitlines()[0]


def example(function: Callable[..., Any]) -> str:
    """A command that fits it, with an argument set that others do not have, if it has one."""
    given = inspect.signature(function).parameters.values()
    own = [each for each in given if each.name not in COMMON and each.default is not inspect.Parameter.empty]
    settings = [f"--set {each.name}={plain(each.default)}" for each in own[:1]]
    return " ".join(["isthmus fit", function.__name__, "digits", *settings])


COMMON = ("dim", "hidden", "nets", "likelihood", "rows", "steps", "classes", "labelled")


def method_facts(function: Callable[..., Any]) -> dict[str, Any]:
    """A method with the arguments that `--set` takes, and those that the data give."""
    given = inspect.signature(function).parameters.values()
    free = [each for each in given if each.default is not inspect.Parameter.empty]
    return {
        "name": function.__name__,
        "arguments": {each.name: plain(each.default) for each in free},
        "from_data": [each.name for each in given if each not in free],
        "text": inspect.getdoc(function),
        "example": example(function),
        "reference": reference(function),
    }


def entry_facts(name: str) -> dict[str, Any]:
    """What the catalogue knows of a data set."""
    entry = CATALOGUE[name]
    facts = ("shape", "scale", "source", "licence", "citation")
    return {"name": name, "available": available(name), **{fact: getattr(entry, fact) for fact in facts}}
