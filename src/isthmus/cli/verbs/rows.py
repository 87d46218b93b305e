"""The verbs that use a run, rows in and rows out: `embed`, `reconstruct`, `score`, `impute`, `sample`."""

from __future__ import annotations

from typing import Annotated

import typer

from ..options import Data, JsonRows, Labels, Out, Quiet, Run, Seed, Trust


def embed(
    run: Run,
    data: Data,
    out: Out = None,
    labels: Labels = None,
    trust: Trust = None,
    json: JsonRows = False,
    quiet: Quiet = False,
) -> None:
    """Codes of rows.

    Example: isthmus embed runs/a digits --out codes.csv
    """
    from ..output import Sink
    from ..using import embed, trusted

    embed(run, data, Sink(out, json), labels, trusted(trust), quiet)


def reconstruct(
    run: Run,
    data: Data,
    out: Out = None,
    labels: Labels = None,
    trust: Trust = None,
    json: JsonRows = False,
    quiet: Quiet = False,
) -> None:
    """Rows as the model sees them, in the data's units.

    Example: isthmus reconstruct runs/a digits --out seen.csv
    """
    from ..output import Sink
    from ..using import reconstruct, trusted

    reconstruct(run, data, Sink(out, json), labels, trusted(trust), quiet)


def score(
    run: Run,
    data: Data,
    out: Out = None,
    labels: Labels = None,
    trust: Trust = None,
    json: JsonRows = False,
    quiet: Quiet = False,
) -> None:
    """How well each row is explained, in nats.

    High is ordinary, low is surprising.

    Example: isthmus score runs/a digits --out scores.csv
    """
    from ..output import Sink
    from ..using import score, trusted

    score(run, data, Sink(out, json), labels, trusted(trust), quiet)


def impute(
    run: Run,
    data: Data,
    out: Out = None,
    labels: Labels = None,
    trust: Trust = None,
    json: JsonRows = False,
    quiet: Quiet = False,
) -> None:
    """Fill missing cells; the others stay as they are.

    Example: isthmus impute runs/a digits --out filled.csv
    """
    from ..output import Sink
    from ..using import impute, trusted

    impute(run, data, Sink(out, json), labels, trusted(trust), quiet)


def sample(
    run: Run,
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, help="How many.")] = 16,
    out: Out = None,
    labels: Labels = None,
    seed: Seed = 0,
    mean: Annotated[
        bool, typer.Option("--mean", help="The expectation of each code, without noise.")
    ] = False,
    trust: Trust = None,
    json: JsonRows = False,
) -> None:
    """New rows from the model.

    Example: isthmus sample runs/a --rows 16 --out new.csv
    """
    from ..output import Sink
    from ..using import sample, trusted

    sample(run, rows, Sink(out, json), labels, seed, trusted(trust), noise=not mean)
