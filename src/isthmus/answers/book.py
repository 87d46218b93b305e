"""The questions and their texts, found without running anything."""

from __future__ import annotations

import ast
import importlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from ..recipes import nearest
from ..training import TrainingWarning
from .evidence import Budget, Evidence

FOLDER = Path(__file__).parent
FILE = re.compile(r"q(\d\d)_(\w+)\.py")


@dataclass(frozen=True)
class Answer:
    """A question, its answer in words (Markdown), and where its experiment is."""

    number: int
    name: str
    question: str
    text: str

    @property
    def words(self) -> int:
        """Of the text, without its sources."""
        return len(self.text.partition("**Sources.**")[0].split())

    @property
    def bug(self) -> str:
        """What the control gets wrong."""
        bug: str = self._module().BUG
        return bug

    @property
    def experiment(self) -> Callable[..., Evidence]:
        """`experiment(budget, bug=False)`."""
        run: Callable[..., Evidence] = self._module().experiment
        return run

    def run(self, budget: Budget | None = None, bug: bool = False) -> Evidence:
        """The experiment, by default within the quick budget. What training warns of is there on purpose."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            return self.experiment(budget or Budget(), bug)

    def _module(self) -> ModuleType:
        return importlib.import_module(f"{__package__}.q{self.number:02}_{self.name}")


@cache
def answers() -> tuple[Answer, ...]:
    """Every answer that there is, by number."""
    found = []
    for path in sorted(FOLDER.iterdir()):
        if match := FILE.fullmatch(path.name):
            docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            question, _, text = docstring.partition("\n")
            found.append(Answer(int(match[1]), match[2], question.strip(), text.strip()))
    return tuple(found)


def answer(number: int) -> Answer:
    """The answer to question `number`.

    Raises:
        ValueError: where there is none, with those that there are.
    """
    for each in answers():
        if each.number == number:
            return each
    known = ", ".join(str(each.number) for each in answers())
    raise ValueError(f"there is no answer {number} yet; there are {known}")


def search(words: str) -> list[Answer]:
    """Answers that speak of all the words, those whose question does first.

    Raises:
        ValueError: where none does, with the nearest word that some question has.
    """
    wanted = words.lower().split()

    def rank(each: Answer) -> int:
        title, text = each.question.lower(), each.text.lower()
        return 2 * all(w in title for w in wanted) + all(w in title + text for w in wanted)

    found = sorted((each for each in answers() if rank(each)), key=lambda each: -rank(each))
    if not found:
        vocabulary = sorted(
            {w for each in answers() for w in re.findall(r"[\w-]{3,}", each.question.lower())}
        )
        near = nearest(wanted[-1] if wanted else "", vocabulary)
        raise ValueError(f"no answer speaks of {words!r}{near}; `isthmus ask` lists the questions")
    return found
