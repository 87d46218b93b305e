"""The verbs that use a run: `embed`, `reconstruct`, `score`, `impute`, `predict`, `sample`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from ..options import Data, JsonRows, Labels, Out, Quiet, Run, Seed, Trust


def of_each(work: str, words: str) -> Callable[..., None]:
    """The verb that gives something for each row, by the function of `using` that does the work."""

    def verb(
        run: Run,
        data: Data,
        out: Out = None,
        labels: Labels = None,
        trust: Trust = None,
        json: JsonRows = False,
        quiet: Quiet = False,
    ) -> None:
        from .. import using
        from ..output import Sink

        asked = using.Asked(run, data, Sink(out, json), labels, using.trusted(trust), quiet)
        getattr(using, work)(asked)

    verb.__name__, verb.__doc__ = work, words
    return verb


embed = of_each("embed", "Codes of rows.\n\nExample: isthmus embed runs/a digits --out codes.csv")
reconstruct = of_each(
    "reconstruct",
    "Rows as the model sees them, in the data's units.\n\n"
    "Example: isthmus reconstruct runs/a digits --out seen.csv",
)
score = of_each(
    "score",
    "How well each row is explained, in nats.\n\nHigh is ordinary, low is surprising.\n\n"
    "Example: isthmus score runs/a digits --out scores.csv",
)
impute = of_each(
    "impute",
    "Fill missing cells; the others stay as they are.\n\n"
    "Example: isthmus impute runs/a digits --out filled.csv",
)


def predict(
    run: Run,
    data: Data,
    out: Out = None,
    trust: Trust = None,
    json: JsonRows = False,
    quiet: Quiet = False,
) -> None:
    """Classes of rows, by a model that learned from few labels.

    Example: isthmus predict runs/a digits --out classes.csv
    """
    from .. import using
    from ..output import Sink

    using.predict(using.Asked(run, data, Sink(out, json), None, using.trusted(trust), quiet))


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
