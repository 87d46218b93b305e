"""The verb `doctor`: what is wrong with a run, how it shows, and what to do."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..diagnostics import examine
from .output import say, show
from .source import Part
from .tables import numeric
from .using import fitted_to, opened, rows_of


def doctor(
    folder: Path, data: str | None, labels: str | None, trust: tuple[str, ...], as_json: bool, quiet: bool
) -> None:
    """Examine a run with the rows it was fitted to, and with those held out or given."""
    fitted = opened(folder, trust)
    plan, original, train, test = fitted_to(folder, "there are no rows to examine it with")
    if data is not None and data != plan.data:
        rows = rows_of(fitted, data, labels, quiet)
        test = Part(rows.x, rows.labels)
    elif test is None and not quiet:
        say("no rows were held out, so over-fitting and the error beside PCA's cannot be looked for")
    again = shlex.join(["isthmus", "fit", plan.model, plan.data, "--out", f"{folder}-again"])
    schema = fitted.embedder.schema_
    embedder, train, test = numeric(fitted.embedder, train, test)
    found = examine(
        embedder,
        train.x,
        None if test is None else test.x,
        y_train=train.labels,
        y_test=None if test is None else test.labels,
        pixels=original.pixels,
        blocks=() if schema is None else schema.blocks,
        command=again,
        data=plan.data,
    )
    show(found.to_json() if as_json else str(found))
