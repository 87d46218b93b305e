"""The chapters of the report: each a function from a study to a `Section`, or None if it has nothing to say.

To add a chapter, write such a function and put it into `SECTIONS`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..baselines.yardstick import flat
from ..diagnostics import examine
from ..diagnostics.remedies import reading
from ..latents import Quantised, TwoLevels
from ..latents import plain as plain_latent
from . import charts, journeys, pictures, tables
from .blocks import Block, Facts, Plate, Section, Table, Words, number, percent, whole
from .study import Study
from .verdict import advice, plain

DRAWN = 1000  # rows sampled to compare with the data
SURPRISING = 8


def verdict(study: Study) -> Section:
    """Who wins, in words for whoever decides."""
    blocks: list[Block] = [*_plates(charts.baselines(study))]
    blocks += [Words(sentence) for sentence in advice(study)]
    if study.comparison is not None:
        blocks.append(Words(f"In figures: {study.comparison.verdict}"))
    return Section("verdict", "Verdict", plain(study), blocks)


def health(study: Study) -> Section:
    """What commonly goes wrong, looked for."""
    plan, test = study.metrics.get("plan"), study.test
    options = reading(plan) if plan else ""
    found = examine(
        study.embedder,
        study.train.x,
        None if test is None else test.x,
        y_train=study.train.labels,
        y_test=None if test is None else test.labels,
        pixels=study.units == "whole",
        shape=study.shape,
        blocks=() if study.schema is None else study.schema.blocks,
        command=plan and f"{shlex.join(['isthmus', 'fit', plan['model'], plan['data']])} {options}".rstrip(),
        data=plan["data"] if plan else "X",
        options=options,
        epochs=plan["epochs"] if plan else None,
    )
    quiet = sorted(set(found.looked_for) - {finding.name for finding in found.findings})
    blocks: list[Block] = []
    if found.findings:
        rows = [[each.severity, each.name, each.evidence, each.remedy] for each in found.findings]
        blocks.append(
            Table(["Weight", "What", "How it shows", "What to do"], rows, "Findings, the worst first", text=4)
        )
    blocks += _plates(*(charts.finding(each) for each in found.findings))
    if quiet:
        blocks.append(Words(f"Looked for and not found: {', '.join(quiet)}."))
    lead = {
        True: "Nothing that commonly goes wrong with an autoencoder stands in the way of using this one.",
        False: "Something that commonly goes wrong has gone wrong. Try what is said to help first.",
    }[found.healthy]
    return Section("health", "The doctor", lead, blocks)


def data(study: Study) -> Section:
    """What the data were, and what they were taken for."""
    known = study.metrics["data"]
    values = study.train.x
    width = len(study.fields) if study.schema is None else len(study.schema.columns)
    learned, held = known.get("rows", len(values)), 0 if study.test is None else len(study.test.x)
    facts = [
        ("Name", study.data),
        ("Rows", f"{whole(learned)} learned from, {whole(held)} held out to judge"),
        (
            "A row",
            f"{' × '.join(map(str, study.shape))} pixels" if study.shape else f"{whole(width)} columns",
        ),
        ("Missing values", _missing(study)),
        ("Taken for", "\n".join(_notes(study))),
    ]
    if known.get("sha256"):
        facts.append(("Fingerprint", f"SHA-256 {known['sha256'][:16]}…"))
    blocks: list[Block] = [Facts(facts)]
    if study.shape is None:
        blocks.append(tables.columns(study))
    return Section("data", "The data", "What went in, and what it was taken for.", blocks)


def model(study: Study) -> Section:
    """What was fitted."""
    net = study.embedder.model_.autoencoder
    weights = sum(p.numel() for p in study.embedder.model_.parameters())
    parts = {"encoder": net.encoder, "latent": net.latent, "decoder": net.decoder}
    counts = ", ".join(
        f"{name} {whole(sum(p.numel() for p in part.parameters()))}"
        for name, part in parts.items()
        if sum(p.numel() for p in part.parameters())
    )
    training = study.metrics.get("training", {})
    facts = [
        ("Method", study.metrics.get("recipe", repr(study.embedder.recipe_))),
        ("Objective", repr(net.objective)),
        ("Likelihood", getattr(net.likelihood, "name", type(net.likelihood).__name__)),
        ("Code", f"{study.codes.shape[1]} numbers a row, {type(net.latent).__name__} latent"),
        ("Parameters", f"{whole(weights)} ({counts})"),
    ]
    if training:
        facts.append(
            ("Training", f"{training['epochs']} epochs in {training['seconds']:.1f} s; {training['why']}")
        )
    if cite := study.metrics.get("cite"):
        facts.append(("Reference", cite))
    blocks: list[Block] = [Facts(facts)]
    if (drawing := charts.curves(study)) is not None:
        blocks.append(drawing)
    return Section("model", "The model", "What was fitted, and how its training went, term by term.", blocks)


def reconstructions(study: Study) -> Section:
    """Best, typical and worst."""
    order = np.argsort(study.errors, kind="stable")
    n = len(order)
    lead = (
        f"What the model makes of {study.held}: those it rebuilds best, those around the median error, and "
        "those it rebuilds worst."
    )
    if study.shape is not None:
        few = min(8, n)
        middle = max(0, n // 2 - few // 2)
        groups = {
            "best": order[:few],
            "typical": order[middle : middle + few],
            "worst": order[::-1][:few],
        }
        return Section("reconstructions", "Reconstructions", lead, [pictures.reconstructions(study, groups)])
    picks = {"best": order[0], "typical": order[n // 2], "worst": order[-1]}
    blocks: list[Block] = [tables.rebuilt(study, picks), *_plates(charts.columns_rebuilt(study))]
    return Section("reconstructions", "Reconstructions", lead, blocks)


def guessed(study: Study) -> Section | None:
    """Of a masked model: what it was not shown, and what it guesses there."""
    if study.guess is None:
        return None
    hidden = flat(study.guess.hidden.numpy()) > 0
    lead = (
        f"This model learned to guess what it cannot see: here, as in training, {percent(hidden.mean())} of "
        "each row is hidden. Its codes are read from whole rows, and what it rebuilds of those, above, is no "
        "task that it was set."
    )
    blocks: list[Block] = []
    if study.shape is not None:
        blocks.append(pictures.guessed(study, np.arange(min(8, len(hidden))), hidden))
    if study.guess.units:
        there = hidden & ~np.isnan(study.x)
        target, mean = study.stick.measured(study.x), study.stick.measured(np.nanmean(study.learned, 0)[None])
        own, idle = (
            float(np.square(target - guess)[there].mean())
            for guess in (study.stick.measured(study.guessed), mean)
        )
        blocks.append(
            Words(
                f"Mean squared error of what is hidden: {number(own)}; of the training mean: {number(idle)}."
            )
        )
    return Section("guessed", "What is hidden, guessed", lead, blocks)


def samples(study: Study) -> Section:
    """New rows."""
    drawn = _drawn(study, 20 if study.shape is not None else DRAWN)
    lead = "Rows that the model made up: codes drawn from its prior, decoded."
    if study.shape is not None:
        return Section("samples", "Samples", lead, [pictures.samples(study, drawn)])
    fields = study.fields[: tables.LISTED // 2]
    table = Table(
        ["Column", *(f"Sample {i + 1}" for i in range(6))],
        [[field.name, *map(field.show, drawn[:6])] for field in fields],
        "Six sampled rows"
        + (f", their first {len(fields)} columns" if len(study.fields) > len(fields) else ""),
    )
    plates = _plates(charts.marginals(study, drawn), charts.dependence(study, drawn))
    return Section("samples", "Samples", lead, [table, *plates])


def code(study: Study) -> Section:
    """The latent space: maps, what each dimension says, traversals and interpolations."""
    blocks: list[Block] = [*_plates(charts.maps(study))]
    lead = f"Each row becomes {study.codes.shape[1]} numbers. How they lie, and what each of them stands for."
    if (found := charts.dimensions(study)) is not None:
        blocks += [found[0], Words(found[1])]
    if (study.codes != 0).mean() < 0.5:
        blocks.append(tables.sparsity(study))
    if not isinstance(
        plain_latent(study.embedder.model_.autoencoder.latent), Quantised | TwoLevels
    ):  # between whose entries nothing lies
        view: Any = charts if study.shape is None else pictures
        blocks += _plates(journeys.traversal(study, view), journeys.interpolation(study, view))
    return Section("code", "The code", lead, blocks)


def size(study: Study) -> Section | None:
    """Error against dimension."""
    plate = charts.error_by_dimension(study)
    if plate is None:
        return None
    lead = "Would another number of dimensions do? PCA at every size says how much there is to gain."
    return Section("size", "Error and dimension", lead, [plate])


def surprising(study: Study) -> Section:
    """The rows that the model explains worst, and why."""
    order = np.argsort(study.scores, kind="stable")[: min(SURPRISING, len(study.scores))]
    excess = study.excess
    lead = (
        f"The {len(order)} {study.held} that the model explains worst: slips, rarities, or another kind of "
        "thing. Look at these first."
    )
    blocks: list[Block] = []
    if study.shape is not None:
        blocks.append(pictures.surprising(study, order, None if excess is None else excess[:, :-1]))
    else:
        blocks.append(tables.reasons(study, order, excess))
        if excess is not None and len(study.fields) > 1:
            blocks.append(charts.contributions(study, order, excess[:, :-1]))
    return Section("surprising", "Surprising rows", lead, [*blocks, *_plates(charts.surprise(study))])


def reproduce(study: Study) -> Section:
    """All that is needed to do it again."""
    return again(
        study.metrics,
        "The same command on the same data with the same versions gives the same weights on a CPU.",
    )


def again(known: Mapping[str, Any], lead: str) -> Section:
    """Command, seed, data, versions and machine."""
    facts = [
        ("Command", known.get("command", "")),
        ("Seed", str(known.get("seed", ""))),
        ("Data", f"{known['data']['name']}, SHA-256 {known['data'].get('sha256', '')}"),
        ("Versions", ", ".join(f"{k} {v}" for k, v in known.get("versions", {}).items())),
        ("Machine", ", ".join(f"{k} {v}" for k, v in known.get("machine", {}).items())),
    ]
    return Section("reproduce", "Doing it again", lead, [Facts([f for f in facts if f[1]], code=True)])


SECTIONS: tuple[Callable[[Study], Section | None], ...] = (
    *(verdict, health, data, model, reconstructions, guessed, samples, code, size, surprising, reproduce),
)


def _plates(*plates: Plate | None) -> list[Block]:
    return [plate for plate in plates if plate is not None]


def _missing(study: Study) -> str:
    gone = np.isnan(study.learned)
    share = float((gone if study.schema is None else gone[:, study.schema.cells]).mean())
    return f"{percent(share)} of the values to learn from" if share else "none among those to learn from"


def _notes(study: Study) -> list[str]:
    """What was noticed and chosen, but for what the table of columns says."""
    said = set() if study.schema is None else set(study.schema.describe())
    return [note for note in study.metrics.get("notes", study.embedder.notes_) if note not in said]


def _drawn(study: Study, n: int) -> np.ndarray:
    classes = getattr(study.embedder, "classes_", None)
    wanted = None if classes is None else np.resize(classes, n)
    noise = study.shape is None
    drawn = study.embedder.sample(n, wanted, noise=noise, random_state=0)
    return np.asarray(drawn, np.float64).reshape(n, -1)
