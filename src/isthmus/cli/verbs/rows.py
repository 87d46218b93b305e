"""The verbs that use a run: `embed`, `reconstruct`, `score`, `impute`, `predict`, `sample`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="PRIOR",
            help="Fit this to the codes and draw from it: normal, mixture, flow, masked_mixture, two_stage, "
            "diffusion; autoregressive where codes are discrete.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--from", metavar="X", help="Rows whose codes; the run's own if not given."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="A new run folder, for the model with this prior.")
    ] = None,
    trust: Trust = None,
    json: JsonRows = False,
) -> None:
    """New rows from the model.

    With --prior a density of its codes is learned first, of any model that has codes. The run stays as it is;
    --keep writes another that draws like this henceforth.

    Example: isthmus sample runs/a -n 16 --prior flow --out new.csv
    """
    from ..output import Sink
    from ..sampling import Density, sample
    from ..using import trusted

    density = Density(prior, data, keep)
    sample(run, rows, Sink(out, json), labels, seed, trusted(trust), noise=not mean, density=density)
