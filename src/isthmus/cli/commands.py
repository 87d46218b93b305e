"""The verbs, their options and their help. The work is done by modules imported when a verb is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import completion, config

app = typer.Typer(
    help="Autoencoders of every kind: fit, embed, reconstruct, score, sample.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="X",
        help="A file (CSV, Parquet, NPY, NPZ[:key], HDF5:key, IDX), a folder of images, or a data set.",
        autocompletion=completion.dataset,
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `isthmus fit` wrote.")]
Out = Annotated[Path | None, typer.Option(help="Where to write, .csv, .npy or .json; stdout if not given.")]
Labels = Annotated[
    str | None,
    typer.Option(help="Labels: a column of the file, a file with one a row, or one label for all rows."),
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


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("runs/demo"),
    json: Json = False,
) -> None:
    """Four autoencoders beside PCA on handwritten digits.

    Example: isthmus demo --out runs/demo
    """
    from ..demo import demo as work
    from .output import say, show

    result = work(out, say=say)
    show(result.to_json() if json else str(result))


@app.command()
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
    epochs: Annotated[int | None, typer.Option(min=0, help="By default enough for 3000 steps.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An argument of the method.")
    ] = None,
    columns: Columns = None,
    likelihood: Annotated[str, typer.Option(help="auto, or a name such as student_t.")] = "auto",
    scaling: Annotated[str, typer.Option(help="auto, columns, whole or none.")] = "auto",
    labels: Labels = None,
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
    batch_size: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 128,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam at the start.", min=0)] = 2e-3,
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
    from .fitting import fit
    from .plan import Plan

    plan = Plan(
        model, data, dim, epochs, settings or [], likelihood, scaling, labels, images, held_out, monitor,
        patience, test, seed, batch_size, lr, split, size, columns,
    )  # fmt: skip
    fit(plan, out, tensorboard=tensorboard, force=force, report=report, as_json=json, quiet=quiet)


@app.command()
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
    epochs: Annotated[int | None, typer.Option(min=0, help="By default enough for 3000 steps.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An argument, for every method that takes it."),
    ] = None,
    columns: Columns = None,
    labels: Labels = None,
    test: Annotated[float, typer.Option(help="Share of a file's rows held out.", min=0, max=1)] = 0.2,
    split: Split = "random",
    size: Size = None,
    seed: Seed = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 128,
    lr: Annotated[float, typer.Option(help="Learning rate of Adam at the start.", min=0)] = 2e-3,
    out: Annotated[Path | None, typer.Option(help="Where to write, .csv or .json.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Which method, and is it better than PCA?

    Each is fitted with several seeds to the same rows, and judged on rows that none has seen.
    After Ctrl-C, what was finished is judged.

    Example: isthmus compare digits autoencoder vae denoising --seeds 3
    """
    from .compare import Asked, compare

    asked = Asked(
        dim, seeds, epochs, settings or [], labels, test, seed, batch_size, lr, split, size, columns
    )
    compare(data, methods, asked, out, json, quiet)


@app.command()
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
    from .output import Sink
    from .using import embed, trusted

    embed(run, data, Sink(out, json), labels, trusted(trust), quiet)


@app.command()
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
    from .output import Sink
    from .using import reconstruct, trusted

    reconstruct(run, data, Sink(out, json), labels, trusted(trust), quiet)


@app.command()
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
    from .output import Sink
    from .using import score, trusted

    score(run, data, Sink(out, json), labels, trusted(trust), quiet)


@app.command()
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
    from .output import Sink
    from .using import impute, trusted

    impute(run, data, Sink(out, json), labels, trusted(trust), quiet)


@app.command()
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
    from .output import Sink
    from .using import sample, trusted

    sample(run, rows, Sink(out, json), labels, seed, trusted(trust), noise=not mean)


@app.command()
def evaluate(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[X]", help="A file or a data set; by default the run's test part."),
    ] = None,
    labels: Labels = None,
    trust: Trust = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Judge a run on rows it has not seen, beside PCA.

    Example: isthmus evaluate runs/a digits
    """
    from .using import evaluate, trusted

    evaluate(run, data, labels, trusted(trust), json, quiet)


@app.command()
def doctor(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[X]", help="Rows to examine it with; by default the run's test part."),
    ] = None,
    labels: Labels = None,
    trust: Trust = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """What is wrong with a run, and what to do.

    Collapse, dead units and codes, over-fitting, an error above PCA's, scale, a code as wide as the data.

    Example: isthmus doctor runs/a
    """
    from .doctor import doctor
    from .using import trusted

    doctor(run, data, labels, trusted(trust), json, quiet)


@app.command()
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
    from .ask import Asked, ask

    return ask(words or [], Asked(text, full, seed, out, check, budget, seeds, jobs), json)


@app.command()
def report(
    run: Run,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[X]", help="A file or a data set; by default the run's test part."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write to; RUN if not given.")] = None,
    labels: Labels = None,
    trust: Trust = None,
    quiet: Quiet = False,
) -> None:
    """Write report.html: is the model any good, what has it learned, which rows are strange.

    One page that needs no network, and every figure as PNG, SVG and CSV.

    Example: isthmus report runs/a
    """
    from .reporting import report
    from .using import trusted

    report(run, data, labels, trusted(trust), out, quiet)


@app.command()
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
    from .lists import models

    models(name, json)


@app.command()
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
    from .lists import datasets

    datasets(name, json)


@app.command()
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
    from .lists import cite
    from .using import trusted

    cite(what, trusted(trust), json)


@app.command()
def version(json: Json = False) -> None:
    """Versions that a number may depend on.

    Example: isthmus version
    """
    from .lists import version

    version(json)
