"""The verb `doctor`: what is wrong with a run, how it shows, and what to do."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..diagnostics import Diagnosis, examine
from ..diagnostics.remedies import reading
from ..training import write_atomically
from .output import say, show, to_json
from .source import Part
from .tables import numeric
from .using import fitted_to, opened, rows_of


def doctor(
    folder: Path,
    data: str | None,
    labels: str | None,
    trust: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Examine a run with the rows it was fitted to, and with those held out or given."""
    if out is not None:
        from ..report import drawing

        if not drawing.available():
            raise ImportError(f"--out writes figures, and {drawing.MISSING}")
    fitted = opened(folder, trust)
    plan, original, train, test = fitted_to(folder, "there are no rows to examine it with")
    if data is not None and data != plan.data:
        rows = rows_of(fitted, data, labels, quiet)
        test = Part(rows.x, rows.labels)
    elif test is None and not quiet:
        say("no rows were held out, so over-fitting and the error beside PCA's cannot be looked for")
    options = reading(plan._asdict())
    pictures = ["--images"] if plan.images else []
    words = ["isthmus", "fit", plan.model, plan.data, *shlex.split(options), *pictures]
    again = shlex.join([*words, "--out", f"{folder}-again"])
    schema = fitted.embedder.schema_
    embedder, train, test = numeric(fitted.embedder, train, test)
    found = examine(
        embedder,
        train.x,
        None if test is None else test.x,
        y_train=train.labels,
        y_test=None if test is None else test.labels,
        pixels=original.pixels,
        shape=original.shape,
        blocks=() if schema is None else schema.blocks,
        command=again,
        data=plan.data,
        options=options,
        epochs=plan.epochs,
    )
    show(found.to_json() if as_json else str(found))
    if out is not None:
        _write(found, out)
        if not quiet:
            say(f"written to {out}")


def _write(found: Diagnosis, folder: Path) -> None:
    """`doctor.txt`, `doctor.json`, and a figure a finding as PNG, SVG and CSV."""
    from ..report import ENDINGS, FIGURES, charts
    from ..report.page import keep

    for name in FIGURES:
        for ending in ENDINGS if name.startswith("doctor_") else ():
            (folder / f"{name}{ending}").unlink(missing_ok=True)  # of an examination before this one
    plates = {each.name: charts.finding(each) for each in found.findings}
    record = found.to_json()
    for finding in record["findings"]:
        if (plate := plates[finding["name"]]) is not None:
            keep(plate, folder)
            finding |= {"figure": f"{plate.name}.png", "alt": plate.alt}
    write_atomically(folder / "doctor.txt", f"{found}\n".encode())
    write_atomically(folder / "doctor.json", to_json(record).encode())
