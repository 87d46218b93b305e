"""`--set name=value`: text, read as the argument that a method takes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from .. import corruptions, latents, likelihoods, models, nets, priors, terms
from ..models.ex_post import GMM
from ..recipes import Recipe, expect, is_method
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
            if is_method(function):
                _expected(function.__name__, parameter, found[whole])
            continue
        outer = found.get(whole, parameter.default)
        if not callable(outer):
            raise Misuse(f"{whole} has no arguments of its own, so --set {text} sets nothing")
        recipe = outer if isinstance(outer, Recipe) else Recipe(outer)
        inner = _value(name, _parameter(recipe.function, part), value)
        found[whole] = Recipe(recipe.function, **{**recipe.arguments, part: inner})
    return found


def prior(text: str) -> Any:
    """A density of codes: "flow", or with arguments of its own, "Mixture(components=20, full=true)".

    Raises:
        Misuse: for what is none, naming the nearest that is.
    """
    return _part("prior", GMM, text)


def _parameter(function: Callable[..., Any], name: str) -> inspect.Parameter:
    try:
        Recipe(function).check([name])
    except TypeError as error:
        raise Misuse(str(error)) from error
    return inspect.signature(function).parameters[name]


def _expected(method: str, parameter: inspect.Parameter, value: Any) -> None:
    """What a method would refuse when it is built is refused before any data are read."""
    try:
        expect(method, parameter, value)
    except (TypeError, ValueError) as error:
        raise Misuse(str(error)) from error


def _value(name: str, parameter: inspect.Parameter, text: str) -> Any:
    kind, default = str(parameter.annotation).replace("Signed", "float"), parameter.default
    if "None" in kind and text in ("null", "none", "None"):
        return None
    if kind.startswith("type[nn."):
        return _named(name, text, _modules())
    if callable(default) or kind.startswith("Callable"):
        return _part(name, default, text)
    value = parse(text)
    if "Sequence" in kind and not isinstance(value, tuple):
        value = (value,) if value != "" else ()
    accepted = [word.strip() for word in kind.split("|")]
    if not any(_is(word, value) for word in accepted):
        raise Misuse(f"{name} takes {' or '.join(WORDS.get(w, w) for w in accepted)}, not {text!r}")
    return float(value) if "float" in accepted and isinstance(value, int) else value


def _part(name: str, default: Any, text: str) -> Any:
    """A part of isthmus by its name, or with arguments of its own: "Mixture(components=20, full=true)"."""
    whole, bracket, inner = text.partition("(")
    found = _named(name, whole.strip(), _parts(default))
    if not bracket:
        return found
    if not inner.endswith(")"):
        raise Misuse(f"{name}={text} opens a bracket and does not close it")
    return Recipe(found, **arguments(found, _split(inner[:-1])))


def _split(text: str) -> list[str]:
    """At the commas that stand in no bracket: "a=(1, 2), b=f(c=3)" -> ["a=(1, 2)", " b=f(c=3)"]."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [each for each in found if each.strip()]


def parse(text: str) -> Any:
    """A number, true, false, null, "a string", [a, list] or a, list; anything else is a string.

    What Python prints is read too: True, None, (a, list).
    """
    if text in PYTHON:
        return PYTHON[text]
    if text.startswith("(") and text.endswith(")"):
        text = f"{text[1:-1].rstrip(', ')},"
    try:
        value = json.loads(text)
    except ValueError:
        several = "," in text and "(" not in text  # which a part with arguments of its own has
        return tuple(parse(each.strip()) for each in text.split(",") if each.strip()) if several else text
    return tuple(value) if isinstance(value, list) else value


PYTHON = {"True": True, "False": False, "None": None}


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
    """By the name in `known`, or one that differs but in capitals, dashes, underscores and a last "Prior"."""
    found = known.get(text.replace("-", "_"))
    alike = [value for key, value in known.items() if _folded(key) == _folded(text)]
    if found is None and not alike:
        near = hint(text, known)
        choice = f". It may be {' or '.join(known)}." if near == "." and 0 < len(known) <= FEW else near
        raise Misuse(f"there is nothing named {text!r} to be the {name}{choice}")
    return alike[0] if found is None else found


FEW = 12  # names that a person reads through


def _folded(text: str) -> str:
    return text.replace("-", "").replace("_", "").lower().removesuffix("prior")


def _parts(default: Any) -> dict[str, Any]:
    """What may stand for a default: functions from its package of isthmus, or classes if it is one.

    Priors over indices stand among latents and among priors. Without a default, what nets, likelihoods and
    corruptions are.
    """
    function = default.function if isinstance(default, Recipe) else default
    package = ".".join(getattr(function, "__module__", "").split(".")[:2])
    if package == "isthmus.models":
        return dict(models.NAMED)
    rooms = ROOMS.get(package, (nets, likelihoods, corruptions))
    return {n: v for room in rooms for n, v in _offers(room, function).items()}


ROOMS: dict[str, tuple[Any, ...]] = {
    room.__name__: (room,) for room in (corruptions, likelihoods, nets, priors, terms)
}
ROOMS |= {latents.__name__: (latents, priors)}


def _offers(room: Any, like: Any) -> dict[str, Any]:
    """Public classes of a package that can be built, and fitted and drawn from if `like` is such a class.

    Where `like` is a function, its functions; those that begin with the same arguments, if `like` needs two
    or more: a kernel's squared distances and dimension, say.
    """
    fits = inspect.isclass if inspect.isclass(like) else inspect.isfunction
    found = {n: v for n, v in vars(room).items() if fits(v) and not inspect.isabstract(v) and n[0] != "_"}
    if inspect.isfunction(like) and len(needed := _needed(like)) > 1:
        found = {n: v for n, v in found.items() if _needed(v)[: len(needed)] == needed}
    asked = [each for each in ("fit", "sample") if inspect.isclass(like) and hasattr(like, each)]
    return {n: v for n, v in found.items() if all(hasattr(v, each) for each in asked)}


def _needed(function: Callable[..., Any]) -> list[str]:
    """The arguments without a default."""
    parts = inspect.signature(function).parameters.values()
    return [part.name for part in parts if part.default is part.empty]


def _modules() -> dict[str, type[nn.Module]]:
    """Activations and normalisations of torch."""
    rooms = (nn.modules.activation, nn.modules.batchnorm, nn.modules.normalization)
    found = {name: value for room in rooms for name, value in vars(room).items()}
    return {n: v for n, v in found.items() if inspect.isclass(v) and issubclass(v, nn.Module)}
