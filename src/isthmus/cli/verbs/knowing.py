"""The verbs that say what is known: `ask`, `models`, `datasets`, `cite`, `version`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import completion
from ..options import Json, Trust


def ask(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NUMBER | WORDS]", help="A question's number, or words to search for."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="The answer in words alone; nothing runs.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The real data set: minutes, not seconds.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of the experiment; 0 if not given.", min=0)] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for pictures and evidence.json.")] = None,
    check: Annotated[
        str | None, typer.Option(metavar="1-5,28", help="Check these: do all claims hold?")
    ] = None,
    budget: Annotated[str | None, typer.Option(metavar="quick|full", help="full is --full.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="With --check: how many, from 0.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="With --check: how many at once.")] = None,
    json: Json = False,
) -> int:
    """Questions about autoencoders, answered and proved.

    Without arguments, the questions. With a number, the answer, then its experiment on bundled data, and
    the same with the classical bug switched on, which has to fail.

    Example: isthmus ask 28 --out runs/q28
    """
    from ..ask import Asked, ask

    return ask(words or [], Asked(text, full, seed, out, check, budget, seeds, jobs), json)


def models(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="One of them, in full.", autocompletion=completion.method),
    ] = None,
    json: Json = False,
) -> None:
    """The methods, or one with arguments and reference.

    Example: isthmus models beta_vae
    """
    from ..lists import models

    models(name, json)


def datasets(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One of them, in full.", autocompletion=completion.dataset),
    ] = None,
    json: Json = False,
) -> None:
    """The named data sets, and where each comes from.

    Example: isthmus datasets mnist
    """
    from ..lists import datasets

    datasets(name, json)


def cite(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A method, a data set, or a run folder.", autocompletion=completion.either
        ),
    ],
    trust: Trust = None,
    json: Json = False,
) -> None:
    """The reference of a method or a data set.

    Example: isthmus cite vae
    """
    from ..lists import cite
    from ..using import trusted

    cite(what, trusted(trust), json)


def version(json: Json = False) -> None:
    """Versions that a number may depend on.

    Example: isthmus version
    """
    from ..lists import version

    version(json)
