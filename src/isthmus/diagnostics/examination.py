"""Looking at a fitted model with the rows that it was fitted to and with others, once, for all checks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ..baselines import Comparison, beside
from ..estimators import Embedder
from ..estimators.inference import passes
from ..metrics.arrays import Array
from ..recipes import Recipe

ROWS = 4000  # of either part, at most


class Finding(NamedTuple):
    """Something that is wrong, how it shows, and what to do, to be pasted.

    `severity` is "problem" (the model is of no use as it is), "warning" (it could be better) or "note".
    """

    name: str
    severity: str
    evidence: str
    remedy: str


class Half(NamedTuple):
    """What the model makes of some rows, in the units it learns in.

    Attributes:
        target: (n, d), NaN where missing. seen: (n, d), what the model says of them.
        codes: (n, k). kl: (k,), nats a dimension, the mean over rows; None where the code has no posterior.
        indices: (n, p) of a codebook; None where there is none.
    """

    target: Array
    seen: Array
    codes: Array
    kl: Array | None
    indices: np.ndarray | None

    @property
    def error(self) -> Array:
        """Mean squared error of each row with anything in it, (m,)."""
        there = ~np.isnan(self.target)
        squares = np.square(np.where(there, self.target - self.seen, 0.0)).sum(1)
        return (squares / np.maximum(there.sum(1), 1))[there.any(1)]


class Patient(NamedTuple):
    """A fitted model, both halves of its rows, and how it was made.

    `pixels` says that all columns share a unit, and `blocks` where a row holds categories; `command` and
    `data` are what a remedy begins with and what it speaks of.
    """

    embedder: Embedder
    train: Half
    test: Half | None
    pixels: bool
    command: str
    data: str
    blocks: Sequence[slice] = ()

    @property
    def recipe(self) -> Recipe:
        return self.embedder.recipe_

    @property
    def dim(self) -> int:
        return int(self.embedder.model_.autoencoder.latent.dim)

    @property
    def judged(self) -> Half:
        """Held-out rows, or where there are none those of training."""
        return self.test or self.train

    def argument(self, name: str) -> Any:
        """What the method was given, or its default; None where it takes no such argument."""
        known = inspect.signature(self.recipe.function).parameters
        default = known[name].default if name in known else None
        found = self.recipe.arguments.get(name, default)
        return None if found is inspect.Parameter.empty else found

    def comparison(self) -> Comparison | None:
        """Held-out rows beside the mean and PCA, as `isthmus fit` judges them."""
        if self.test is None or not np.nanstd(self.train.target, 0).any():
            return None
        name = self.recipe.name
        units = "whole" if self.pixels else "columns"
        parts = self.train.target, self.test.target, self.dim, self.test.seen
        return beside(*parts, name, units=units, blocks=self.blocks)


class Diagnosis(NamedTuple):
    """What was found, the worst first, and what was looked for."""

    findings: tuple[Finding, ...]
    looked_for: tuple[str, ...]
    who: str

    @property
    def healthy(self) -> bool:
        """Whether nothing worse than a note was found."""
        return all(each.severity == "note" for each in self.findings)

    def __str__(self) -> str:
        lines = [self.who]
        for finding in self.findings:
            lines += ["", f"{finding.severity}: {finding.name}", f"    {finding.evidence}"]
            lines += [f"    {line}" for line in finding.remedy.splitlines()]
        if not self.findings:
            lines += ["", "Nothing was found."]
        quiet = [name for name in self.looked_for if name not in {each.name for each in self.findings}]
        if quiet:
            lines += ["", f"Looked for and not found: {', '.join(quiet)}."]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As `--json` gives it."""
        return {
            "healthy": self.healthy,
            "findings": [each._asdict() for each in self.findings],
            "looked_for": list(self.looked_for),
        }


SEVERITIES = ("problem", "warning", "note")


def examine(
    embedder: Embedder,
    train: Any,
    test: Any = None,
    *,
    y_train: Any = None,
    y_test: Any = None,
    pixels: bool = False,
    blocks: Sequence[slice] | None = None,
    command: str | None = None,
    data: str = "X",
) -> Diagnosis:
    """Look for what commonly goes wrong: each check of `CHECKS` says what it found, how it shows, what helps.

    Posterior collapse, dead units and codes, over-fitting, an error above PCA's or the mean's, columns of
    unequal scale, a code as wide as the data. Some need held-out rows.

    Args:
        embedder: fitted. train: the rows it was fitted to. test: rows it has not seen.
        y_train, y_test: labels, where the method is conditional.
        pixels: whether all columns share a unit, so that unequal spreads mean nothing.
        blocks: of encoded rows, the places of categories; by default what the embedder's schema says.
        command: what a remedy begins with; by default `isthmus fit METHOD X`.
        data: what the rows are called, in remedies.

    >>> print(examine(embedder, x_train, x_test))  # doctest: +SKIP
    """
    from .checks import CHECKS

    name = embedder.recipe_.name
    halves = _half(embedder, train, y_train), None if test is None else _half(embedder, test, y_test)
    if blocks is None:
        schema = getattr(embedder, "schema_", None)  # what an earlier version pickled has none
        blocks = () if schema is None else schema.blocks
    patient = Patient(embedder, *halves, pixels, command or f"isthmus fit {name} {data}", data, blocks)
    found = [finding for finding in (check(patient) for check in CHECKS.values()) if finding is not None]
    found.sort(key=lambda each: SEVERITIES.index(each.severity))
    rows = "no rows held out" if patient.test is None else f"{len(patient.test.target)} held-out rows"
    who = f"{name}, {patient.dim} dimensions, on {data}: {len(patient.train.target)} training rows, {rows}"
    return Diagnosis(tuple(found), tuple(CHECKS), who)


def _half(embedder: Embedder, x: Any, y: Any) -> Half:
    """One pass over at most 4000 rows, drawn at random."""
    if len(x) > ROWS:
        some = np.sort(np.random.default_rng(0).permutation(len(x))[:ROWS])
        x = x.iloc[some] if hasattr(x, "iloc") else x[some]
        y = None if y is None else np.asarray(y)[some]
    targets, seen, codes, kls, indices = [], [], [], [], []
    for batch, code, output in passes(embedder.model_, embedder._rows(x, y)):
        target = batch.target.double()
        if (present := batch.context.get("observed")) is not None:
            target = torch.where(present.bool(), target, math.nan)
        targets.append(target.flatten(1))
        seen.append(output.mean.double().flatten(1))
        codes.append(code.z.double().flatten(1))
        if code.stages:
            kls.append(torch.cat([stage.divergence().double().flatten(1) for stage in code.stages], 1))
        if "indices" in code.extra:
            indices.append(code.extra["indices"].flatten(1))
    return Half(
        torch.cat(targets).numpy(),
        torch.cat(seen).numpy(),
        torch.cat(codes).numpy(),
        torch.cat(kls).mean(0).numpy() if kls else None,
        torch.cat(indices).numpy() if indices else None,
    )
