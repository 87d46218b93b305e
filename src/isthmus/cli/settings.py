"""`--set name=value`: text, read as the argument that a method takes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from .. import corruptions, likelihoods, nets
from ..recipes import Recipe
from .misuse import Misuse, hint


def arguments(function: Callable[..., Any], assignments: Iterable[str]) -> dict[str, Any]:
    """["beta=6", "nets=convs", "nets.blocks=2"] -> {"beta": 6.0, "nets": Recipe(convs, blocks=2)}.

    Raises:
        Misuse: for what is no assignment, an argument the method does not take, and a value of another kind.
    """
    found: dict[str, Any] = {}
    for text in sorted(assignments, key=lambda text: "." in text.partition("=")[0]):  # parts after wholes
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise Misuse(f"--set takes name=value, as in --set beta=6; got {text!r}")
        whole, _, part = name.replace("-", "_").partition(".")
        parameter = _parameter(function, whole)
        if not part:
            found[whole] = _value(whole, parameter, value)
            continue
        outer = found.get(whole, parameter.default)
        if not callable(outer):
            raise Misuse(f"{whole} has no arguments of its own, so --set {text} sets nothing")
        recipe = outer if isinstance(outer, Recipe) else Recipe(outer)
        inner = _value(name, _parameter(recipe.function, part), value)
        found[whole] = Recipe(recipe.function, **{**recipe.arguments, part: inner})
    return found


def _parameter(function: Callable[..., Any], name: str) -> inspect.Parameter:
    try:
        Recipe(function).check([name])
    except TypeError as error:
        raise Misuse(str(error)) from error
    return inspect.signature(function).parameters[name]


def _value(name: str, parameter: inspect.Parameter, text: str) -> Any:
    kind = str(parameter.annotation)
    if kind.startswith("Callable"):
        return _named(name, text, _parts())
    if kind.startswith("type["):
        return None if text in ("null", "none", "None") else _named(name, text, _modules())
    value = parse(text)
    if "Sequence" in kind and not isinstance(value, tuple):
        value = (value,) if value != "" else ()
    accepted = [word.strip() for word in kind.split("|")]
    if not any(_is(word, value) for word in accepted):
        raise Misuse(f"{name} takes {' or '.join(WORDS.get(w, w) for w in accepted)}, not {text!r}")
    return float(value) if "float" in accepted and isinstance(value, int) else value


def parse(text: str) -> Any:
    """A number, true, false, null, "a string", [a, list] or a, list; anything else is a string."""
    try:
        value = json.loads(text)
    except ValueError:
        return tuple(parse(each.strip()) for each in text.split(",") if each.strip()) if "," in text else text
    return tuple(value) if isinstance(value, list) else value


WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "None": "null",
    "Sequence[int]": "whole numbers such as 256,128",
}


def _is(kind: str, value: Any) -> bool:
    if kind == "None":
        return value is None
    if kind == "bool":
        return isinstance(value, bool)
    if kind in ("int", "float"):
        return isinstance(value, int if kind == "int" else (int, float)) and not isinstance(value, bool)
    if kind == "Sequence[int]":
        return isinstance(value, tuple) and all(_is("int", each) for each in value)
    return True  # a kind that only the method itself can judge


def _named(name: str, text: str, known: dict[str, Any]) -> Any:
    key = text.replace("-", "_")
    found = known.get(key, known.get(key.replace("_", "").lower()))
    if found is None:
        raise Misuse(f"there is nothing named {text!r} to be the {name}{hint(text, known)}")
    return found


def _parts() -> dict[str, Any]:
    """Functions of isthmus that a method can be given."""
    rooms = (nets, likelihoods, corruptions)
    return {n: v for room in rooms for n, v in vars(room).items() if inspect.isfunction(v)}


def _modules() -> dict[str, type[nn.Module]]:
    """Activations and normalisations of torch, by their names in lower case."""
    rooms = (nn.modules.activation, nn.modules.batchnorm, nn.modules.normalization)
    found = {name.lower(): value for room in rooms for name, value in vars(room).items()}
    return {n: v for n, v in found.items() if inspect.isclass(v) and issubclass(v, nn.Module)}
