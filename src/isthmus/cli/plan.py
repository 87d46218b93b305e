"""What is asked of a run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import NamedTuple

from .. import likelihoods
from ..data import DataError
from ..data.preparation import SCALINGS
from ..data.schema import kinds_asked
from ..recipes import Recipe, named, parameters
from .holding import rule_of
from .misuse import Misuse, hint
from .settings import arguments
from .source import Part, Source, source
from .tables import kinds_of, settled

# settings that ask for pictures in their shape
PICTURED = ("nets=convs", "floors=conv_floors", "corruption=shifts")


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
    split: str = "random"
    size: int | None = None
    columns: list[str] | None = None

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
        self._check_choices()
        return Recipe(method, **arguments(method, self.settings))

    def source(self) -> Source:
        """The data, pictures in their shape where that is wanted, and flat for methods that take no other."""
        given = read(self.data, self.labels, self.size, self.kinds())
        flat = inspect.signature(named(self.model)).parameters["features"].annotation == "int"
        if flat and given.all.x.ndim > 2:
            return given.rows()
        asked = any(text.replace(" ", "").startswith(PICTURED) for text in self.settings)
        wanted = self.images or asked or "patch" in parameters(named(self.model))
        if wanted and not flat and given.shape is not None:
            return given.pictures()
        if self.images and given.all.x.ndim == 2:
            raise Misuse(f"the picture shape of {given.name} is not known; give an array (n, height, width)")
        return given

    def kinds(self) -> dict[str, str]:
        """What columns are to be taken for."""
        return kinds_of(self.columns)

    def parts(self, given: Source) -> tuple[Part, Part | None, str]:
        """Rows to fit and rows to judge by; for a conditional method every label is in both."""
        by_label = self.recipe().takes("classes")
        train, test, held = given.parts(self.test, self.seed, by_label, self.split)
        return *settled(self.kinds(), train, test), held

    def _check_choices(self) -> None:
        families = [n for n, v in vars(likelihoods).items() if inspect.isfunction(v)]
        for what, asked, known in (
            ("scaling", self.scaling, SCALINGS),
            ("likelihood", self.likelihood, ("auto", *families)),
        ):
            if asked not in known:
                raise Misuse(f"there is no {what} {asked!r}{hint(asked, known)} There are {', '.join(known)}")
        rule_of(self.split)
        if self.held_out == 1:
            raise Misuse("--held-out is a share of the rows, below 1: the others are trained on")
        if self.monitor and not self.held_out:
            raise Misuse("--monitor watches rows held out: give their share too, --held-out 0.1")


def read(text: str, labels: str | None, size: int | None, kinds: Mapping[str, str]) -> Source:
    """What X names, its columns taken for what is asked.

    Raises:
        Misuse: for a file, a column or a kind that does not exist.
    """
    given = source(text, labels, size, kinds, several=True)
    if kinds and given.columns is None:
        raise Misuse(f"--column names columns, and those of {given.name} have no names")
    try:
        kinds_asked(kinds, given.columns or ())
    except DataError as error:
        raise Misuse(f"--column: {error}") from error
    return given
