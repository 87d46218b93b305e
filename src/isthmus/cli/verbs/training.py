"""The verbs that train: `demo`, `fit`, `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import completion, config
from ..options import BatchSize, Columns, Data, Epochs, Json, Known, Quiet, Rate, Seed, Size, Split


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("runs/demo"),
    json: Json = False,
) -> None:
    """Four autoencoders beside PCA on handwritten digits.

    Example: isthmus demo --out runs/demo
    """
    from ...demo import demo as work
    from ..output import say, show

    result = work(out, say=say)
    show(result.to_json() if json else str(result))


def fit(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A method; `isthmus models` lists them.",
            autocompletion=completion.method,
        ),
    ],
    data: Data,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/MODEL-DATA if not given.")] = None,
    dim: Annotated[int | None, typer.Option(min=1, help="Width of the code.")] = None,
    epochs: Epochs = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An argument of the method.")
    ] = None,
    columns: Columns = None,
    likelihood: Annotated[str, typer.Option(help="auto, or a name such as student_t.")] = "auto",
    scaling: Annotated[str, typer.Option(help="auto, columns, whole or none.")] = "auto",
    labels: Known = None,
    images: Annotated[
        bool, typer.Option("--images", help="Give rows of a data set their picture shape.")
    ] = False,
    held_out: Annotated[
        float | None, typer.Option(help="Share of the rows for early stopping.", min=0, max=1)
    ] = None,
    monitor: Annotated[
        str | None, typer.Option(help="The held-out term that early stopping watches.")
    ] = None,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without a better one.")] = 10,
    test: Annotated[
        float, typer.Option(help="Share of a file's rows held out for judging; 0 for none.", min=0, max=1)
    ] = 0.2,
    split: Split = "random",
    size: Size = None,
    seed: Seed = 0,
    batch_size: BatchSize = 128,
    lr: Rate = 2e-3,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write curves for TensorBoard.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Begin anew where a run is in the folder.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Options from a file, such as a run's config.yaml.", callback=config.take, is_eager=True
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html and figures.")
    ] = True,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a model to data and judge it beside PCA.

    Rows held out judge it, and all that was learned goes into a run folder.
    The same command goes on with what was interrupted.
    `isthmus fit --config runs/a/config.yaml --out runs/b` repeats a run.

    Example: isthmus fit beta_vae digits --set beta=6 --dim 8 --out runs/a
    """
    from ..fitting import fit
    from ..plan import Plan

    plan = Plan(
        model, data, dim, epochs, settings or [], likelihood, scaling, labels, images, held_out, monitor,
        patience, test, seed, batch_size, lr, split, size, columns,
    )  # fmt: skip
    fit(plan, out, tensorboard=tensorboard, force=force, report=report, as_json=json, quiet=quiet)


def compare(
    data: Data,
    methods: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Two or more methods, or one.", autocompletion=completion.method
        ),
    ],
    dim: Annotated[
        int | None, typer.Option(min=1, help="Width of the code, for PCA too; suggested if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each method.")] = 3,
    epochs: Epochs = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An argument, for every method that takes it."),
    ] = None,
    columns: Columns = None,
    labels: Known = None,
    test: Annotated[float, typer.Option(help="Share of a file's rows held out.", min=0, max=1)] = 0.2,
    split: Split = "random",
    size: Size = None,
    seed: Seed = 0,
    batch_size: BatchSize = 128,
    lr: Rate = 2e-3,
    out: Annotated[
        Path | None, typer.Option(help="A folder for report.html and numbers, or .csv or .json.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Which method, and is it better than PCA?

    Each is fitted with several seeds to the same rows, and judged on rows that none has seen.
    After Ctrl-C, what was finished is judged.

    Example: isthmus compare digits autoencoder vae denoising --seeds 3 --out runs/compared
    """
    from ..compare import Asked, compare

    asked = Asked(
        dim, seeds, epochs, settings or [], labels, test, seed, batch_size, lr, split, size, columns
    )
    compare(data, methods, asked, out, json, quiet)
