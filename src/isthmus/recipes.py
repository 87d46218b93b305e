"""A recipe is a function and some of its arguments: configuration, checkpoint header, search space in one."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Annotated, Any, ParamSpec, TypeVar

from torch import nn

P = ParamSpec("P")
R = TypeVar("R")

TRUSTED = (
    "isthmus.corruptions",
    "isthmus.latents",
    "isthmus.likelihoods",
    "isthmus.models",
    "isthmus.nets",
    "isthmus.priors",
    "isthmus.terms",
    "torch.nn.modules.activation",
    "torch.nn.modules.batchnorm",
    "torch.nn.modules.linear",
    "torch.nn.modules.normalization",
)


class Recipe:
    """A `functools.partial` that prints, becomes JSON, and takes part in scikit-learn's parameter search.

    >>> from isthmus.models import beta_vae
    >>> Recipe(beta_vae, dim=3, beta=4.0)
    beta_vae(dim=3, beta=4.0)

    Calling it calls the function; a recipe among its arguments is handed on as what it is, a function.
    `facts` are what only the data know, such as `features`: they go to every function in the tree that takes
    an argument of that name and was not given one. The function may be named: `Recipe("beta_vae", dim=3)`.
    """

    def __init__(self, function: Callable[..., Any] | str, **arguments: Any):
        self.function: Callable[..., Any] = named(function) if isinstance(function, str) else function
        self.arguments = arguments
        self.check(arguments)

    def check(self, arguments: Iterable[str]) -> None:
        """Refuse arguments that the function does not take, naming the nearest that it does."""
        known = parameters(self.function)
        for name in arguments:
            if name not in known:
                raise TypeError(
                    f"{self.name} takes no argument {name!r}{nearest(name, known)}; "
                    f"it takes {', '.join(known)}"
                )

    @property
    def name(self) -> str:
        return self.function.__name__

    def __call__(self, *args: Any, **more: Any) -> Any:
        return self.function(*args, **{**self.arguments, **more})

    def takes(self, name: str) -> bool:
        """Whether it has an argument of this name, or a method among its arguments does."""
        inner = (v if isinstance(v, Recipe) else Recipe(v) for v in self.arguments.values() if is_method(v))
        return name in parameters(self.function) or any(each.takes(name) for each in inner)

    def given(self, **facts: Any) -> Recipe:
        """This recipe with what the data know filled in, here and in recipes and methods it is given."""
        known, inner = parameters(self.function), {n: f for n, f in facts.items() if n != "features"}

        def filled(value: Any) -> Any:
            nested = Recipe(value) if is_method(value) and not isinstance(value, Recipe) else value
            return nested.given(**inner) if isinstance(nested, Recipe) else value

        arguments = {name: filled(value) for name, value in self.arguments.items()}
        missing = {k: v for k, v in facts.items() if k in known and k not in arguments}
        return Recipe(self.function, **{**missing, **arguments})

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={show(v)}' for k, v in self.arguments.items())})"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Recipe)
            and self.function is other.function
            and self.arguments == other.arguments
        )

    __hash__ = None  # type: ignore[assignment]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """scikit-learn's contract: function and arguments, and with `deep` those of nested recipes."""
        params = {"function": self.function, **self.arguments}
        if deep:
            nested = {k: v for k, v in self.arguments.items() if isinstance(v, Recipe)}
            params |= {f"{k}__{n}": p for k, v in nested.items() for n, p in v.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Recipe:
        """scikit-learn's contract; unlike there, any argument of the function may be set, also a new one."""
        if "function" in params:
            function = params.pop("function")
            self.function = named(function) if isinstance(function, str) else function
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if rest and isinstance(self.arguments.get(name), Recipe):
                self.arguments[name].set_params(**{rest: value})
            else:
                self.check([name])
                self.arguments = {**self.arguments, name: value}
        return self

    def describe(self) -> dict[str, Any]:
        """As JSON can hold it: {"recipe": "module:name", argument: value, …}."""
        return {"recipe": address(self.function)} | {k: plain(v, k) for k, v in self.arguments.items()}

    @classmethod
    def read(cls, description: Mapping[str, Any], trusted: tuple[str, ...] = ()) -> Recipe:
        """The inverse of `describe`. Only functions and modules of trusted packages are ever looked up.

        Raises:
            ValueError: where it names something outside `TRUSTED` and `trusted`, or describes no recipe.
        """
        try:
            arguments = {k: revive(v, trusted) for k, v in description.items() if k != "recipe"}
            return cls(look_up(description["recipe"], trusted), **arguments)
        except (LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this describes no recipe ({type(error).__name__}: {error})") from error


Signed = Annotated[float, "may be below 0"]  # annotates an argument of a method


def method(function: Callable[P, R]) -> Callable[P, R]:
    """Let what the function builds remember how: its `recipe` is what `save` writes and `cite` reads.

    Arguments are of the kind that their annotation says, if it says a number or a function; see `expect`.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def build(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            expect(function.__name__, signature.parameters[name], value)
        built = function(*args, **kwargs)
        built.recipe = Recipe(build, **bound.arguments)  # type: ignore[attr-defined]
        return built

    return build


def expect(method: str, parameter: inspect.Parameter, value: Any) -> None:
    """Refuse an argument that is of another kind than its annotation, in words.

    Numbers count, weigh or measure something, so that none is below 0 unless the default is, or the
    annotation `Signed`; one that counts nothing may also be a schedule. What is annotated as anything but a
    number, widths or a function is for the method to judge, and so is `features`, which the data say.

    Raises:
        TypeError: for what is no whole number, no number, no function, or holds no whole numbers.
        ValueError: for a number below 0, and for one that is none.
    """
    said, default = parameter.annotation, parameter.default
    written = said if isinstance(said, str) else inspect.formatannotation(said)
    kind, _, others = ("Signed" if said is Signed else written).partition(" | ")
    several = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    free = said is inspect.Parameter.empty or others not in ("", "None") or (others and value is None)
    if several or free or parameter.name == "features":
        return
    asked, came = f"{method}: {parameter.name}", show(value)
    if kind == "int":
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise TypeError(f"{asked} is a whole number, not {came}")
        if int(value) < 0 and not (isinstance(default, int) and default < 0):
            raise ValueError(f"{asked} is a count, 0 or more, not {came}")
    elif kind in ("float", "Signed") and not callable(value):
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{asked} is a number, not {came}")
        if math.isnan(value):
            raise ValueError(f"{asked} is a number, and nan is none")
        if value < 0 and kind == "float" and not (isinstance(default, Real) and default < 0):
            raise ValueError(f"{asked} is a number, 0 or more, not {came}")
    elif kind == "Sequence[int]" and isinstance(value, Integral):
        raise TypeError(f"{asked} is a width for each layer: {parameter.name}=({came},) for one layer")
    elif kind == "Sequence[int]" or (kind == "Features" and not isinstance(value, Integral)):
        if not isinstance(value, Iterable) or not all(isinstance(each, Integral) for each in value):
            raise TypeError(f"{asked} holds whole numbers, as in {parameter.name}=(256, 128), not {came}")
    elif (kind.startswith("Callable") or callable(default)) and not callable(value):
        example = f", such as {show(default)}" if callable(default) else ""
        raise TypeError(f"{asked} is a function{example}: pass that itself, not {came}")


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean "vae"?)`, or nothing where nothing is near."""
    close = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f' (did you mean "{close[0]}"?)' if close else ""


def named(name: str) -> Callable[..., Any]:
    """A method of `isthmus.models` by its name; dashes count as underscores.

    Raises:
        ValueError: for an unknown name, with the nearest known one.
    """
    from . import models

    function = models.NAMED.get(name.replace("-", "_").lower())
    if function is None:
        meant = models.ALSO_CALLED.get(name.replace("-", "_").lower())
        near = f' (did you mean "{meant}"?)' if meant else nearest(name, models.NAMED)
        raise ValueError(f"there is no model {name!r}{near}; `isthmus models` lists them all")
    return function


def is_method(value: Any) -> bool:
    """Whether it is a method of `isthmus.models`, or a recipe of one."""
    from . import models

    function = value.function if isinstance(value, Recipe) else value
    return any(function is each for each in models.NAMED.values())


def show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))}{',' * (len(value) == 1)})"
    return value.__name__ if isinstance(value, types.FunctionType | type) else repr(value)


def address(function: Any) -> str:
    name = getattr(function, "__qualname__", "")
    if not name or "<" in name or "." in name:
        raise TypeError(
            f"{function!r} cannot be written down: only functions and classes at the top level of a module "
            "can. Where you wrote a lambda or a partial, use a Recipe"
        )
    return f"{function.__module__}:{name}"


def plain(value: Any, where: str) -> Any:
    """A value as JSON holds it; functions and classes by their address."""
    if isinstance(value, Recipe):
        return value.describe()
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(each, where) for each in value]
    if isinstance(value, Mapping):
        return {"mapping": {str(k): plain(v, where) for k, v in value.items()}}
    if callable(value) and not isinstance(value, nn.Module):
        return {"function": address(value)}
    if hasattr(value, "tolist"):
        return plain(value.tolist(), where)  # numbers of numpy or torch
    raise TypeError(f"argument {where!r} is a {type(value).__name__}, which a recipe cannot write down")


def revive(value: Any, trusted: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return tuple(revive(each, trusted) for each in value)
    if isinstance(value, dict) and "recipe" in value:
        return Recipe.read(value, trusted)
    if isinstance(value, dict) and "function" in value:
        return look_up(value["function"], trusted)
    if isinstance(value, dict):
        return {k: revive(v, trusted) for k, v in value["mapping"].items()}
    return value


def look_up(where: str, trusted: tuple[str, ...]) -> Any:
    module, _, name = where.partition(":")
    allowed = TRUSTED + trusted
    if not any(module == package or module.startswith(package + ".") for package in allowed):
        raise ValueError(
            f"{where} is not from a trusted package. If the file is yours, load it with "
            f"trusted=({module.split('.')[0]!r},), or --trust {module.split('.')[0]} on the command line"
        )
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ValueError(f"{where} cannot be looked up: {error}") from error
    if not callable(found) or found.__module__ != module:
        raise ValueError(f"{module} has no function {name!r} of its own")
    return found
