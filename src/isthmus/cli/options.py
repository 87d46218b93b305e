"""Arguments and options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion

Data = Annotated[
    str,
    typer.Argument(
        metavar="X",
        help="A file (CSV, Parquet, NPY, NPZ[:key], HDF5:key, IDX), a folder of images, or a data set.",
        autocompletion=completion.dataset,
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `isthmus fit` wrote.")]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Where to write: .csv, .tsv, .npy, .json, .jsonl, .parquet, .arrow; stdout if not given."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(help="Labels: a column of the file, a file with one a row, or one label for all rows."),
]
Known = Annotated[
    str | None, typer.Option("--labels", help="Labels: a column of the file, or a file with one a row.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
JsonRows = Annotated[bool, typer.Option("--json", help="A JSON object a row, in place of CSV.")]
Trust = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="Take the run's functions from this package or module too."),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", metavar="NAME=KIND", help="What a column is taken for.")
]
Split = Annotated[str, typer.Option(help="How: random, stratified:COLUMN, group:COLUMN or time:COLUMN.")]
Size = Annotated[int | None, typer.Option(min=1, help="Scale and cut a folder's images to this side.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0, max=2**32 - 1)]
Epochs = Annotated[int | None, typer.Option(min=0, help="By default enough for 3000 steps.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Rows a step.")]
Rate = Annotated[float, typer.Option(help="Learning rate of Adam at the start.", min=0)]
