"""The verbs that say how good a run is: `evaluate`, `doctor`, `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..options import Json, Labels, Quiet, Run, Trust

Judged = Annotated[
    str | None, typer.Argument(metavar="[X]", help="A file or a data set; by default the run's test part.")
]
Examined = Annotated[
    str | None, typer.Argument(metavar="[X]", help="Rows to examine it with; by default the run's test part.")
]


def evaluate(
    run: Run,
    data: Judged = None,
    labels: Labels = None,
    trust: Trust = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge a run on rows it has not seen, beside PCA.

    Example: isthmus evaluate runs/a digits
    """
    from ..using import evaluate, trusted

    evaluate(run, data, labels, trusted(trust), json, quiet)


def doctor(
    run: Run,
    data: Examined = None,
    out: Annotated[Path | None, typer.Option(help="A folder for all of it, with a figure a finding.")] = None,
    labels: Labels = None,
    trust: Trust = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What is wrong with a run, and what to do.

    Collapse, codes that tell too little or leave the prior, dead units and codes, the decoder's scale,
    critics, over-fitting, an error above PCA's, blur, columns of unequal scale, the identity.

    Example: isthmus doctor runs/a --out runs/a/doctor
    """
    from ..doctor import doctor
    from ..using import trusted

    doctor(run, data, labels, trusted(trust), out, json, quiet)


def report(
    run: Run,
    data: Judged = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write to; RUN if not given.")] = None,
    labels: Labels = None,
    trust: Trust = None,
    quiet: Quiet = False,
) -> None:
    """Write report.html: is the model any good, what has it learned, which rows are strange.

    One page that needs no network, and every figure as PNG, SVG and CSV.

    Example: isthmus report runs/a
    """
    from ..reporting import report
    from ..using import trusted

    report(run, data, labels, trusted(trust), out, quiet)
