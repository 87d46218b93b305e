"""The command line as typer sees it: all verbs, in the order in which its help lists them."""

from __future__ import annotations

import typer

from .verbs import judging, knowing, rows, training

app = typer.Typer(
    help="Autoencoders of every kind: fit, embed, reconstruct, score, sample.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (
    *(training.demo, training.fit, training.compare),
    *(rows.embed, rows.reconstruct, rows.score, rows.impute, rows.predict, rows.sample),
    *(judging.evaluate, judging.doctor, knowing.ask, judging.report),
    *(knowing.models, knowing.datasets, knowing.cite, knowing.version),
):
    app.command()(verb)
