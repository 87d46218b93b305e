"""Looking at a fitted model with the rows that it was fitted to and with others, once, for all checks."""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..baselines import Comparison, beside
from ..distributions import Distribution
from ..estimators import Embedder
from ..estimators.inference import chunks, precise, rebuilds
from ..latents import Deterministic
from ..likelihoods.family import Positive
from ..likelihoods.mixed import JointDistribution
from ..likelihoods.real import Normal
from ..metrics.arrays import Array
from ..randomness import seeded
from ..recipes import Recipe
from .findings import Finding

ROWS = 4000  # of either part, at most


class Half(NamedTuple):
    """What the model makes of some rows, in the units it learns in.

    Attributes:
        target: (n, d), NaN where missing. seen: (n, d), what the model says of them.
        codes: (n, k). kl: (k,), nats a dimension, the mean over rows; None where the code has no posterior.
        indices: (n, p) of a codebook; None where there is none.
        drawn: (n, k), a draw from each row's posterior; the code itself where that has none.
        standard: (n, d), (x − g(z)) / σ at that draw, NaN where missing or where the likelihood has no σ.
    """

    target: Array
    seen: Array
    codes: Array
    kl: Array | None
    indices: np.ndarray | None
    drawn: Array
    standard: Array

    @property
    def error(self) -> Array:
        """Mean squared error of each row with anything in it, (m,)."""
        there = ~np.isnan(self.target)
        squares = np.square(np.where(there, self.target - self.seen, 0.0)).sum(1)
        return (squares / np.maximum(there.sum(1), 1))[there.any(1)]


class Patient(NamedTuple):
    """A fitted model, both halves of its rows, and how it was made.

    `rows` and `labels` are those of training as they came, or some of them. `pixels` says that all columns
    share a unit, `shape` is that of a picture where rows are pictures, and `blocks` says where a row holds
    categories; `command` and `data` are what a remedy begins with and what it speaks of, and `options` what a
    command line must say of the data beside their name. `epochs` is how many were asked for, if any were.
    """

    embedder: Embedder
    train: Half
    test: Half | None
    rows: Any
    labels: Any
    pixels: bool
    shape: tuple[int, ...] | None
    command: str
    data: str
    blocks: Sequence[slice] = ()
    options: str = ""
    epochs: int | None = None

    @property
    def source(self) -> str:
        """The data, as a command line names them."""
        return f"{shlex.quote(self.data)} {self.options}".rstrip()

    @property
    def recipe(self) -> Recipe:
        return self.embedder.recipe_

    @property
    def dim(self) -> int:
        return int(self.embedder.model_.autoencoder.latent.dim)

    @property
    def again(self) -> str:
        """The command that fits it anew, as wide as it is where that can be said, else with its defaults."""
        dim = self.argument("dim")
        return self.command if dim is None else f"{self.command} --dim {dim}"

    @property
    def fixed_scale(self) -> bool:
        """Whether the likelihood has a scale that nobody learns."""
        parts = self.embedder.model_.autoencoder.modules()
        scales = [part for part in parts if isinstance(part, Positive) and part.name == "scale"]
        return any(not isinstance(part.choice, str) for part in scales)

    @property
    def free(self) -> bool:
        """Whether nothing in training holds codes to the prior, which is fitted to them afterwards."""
        latent = self.embedder.model_.autoencoder.latent
        return isinstance(latent, Deterministic) and not latent.matched

    @property
    def judged(self) -> Half:
        """Held-out rows, or where there are none those of training."""
        return self.test or self.train

    @property
    def held(self) -> str:
        """What the rows that are judged are called."""
        return "training rows" if self.test is None else "held-out rows"

    def prior(self, n: int) -> Array:
        """(n, k): codes that `sample` would decode."""
        latent = self.embedder.model_.autoencoder.latent
        with torch.no_grad(), seeded(0):
            return latent.sample(n).double().flatten(1).numpy()

    def half(self, x: Any, y: Any) -> Half:
        """What the model makes of other rows."""
        return _half(self.embedder, x, y, seed=3)

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
            "findings": [each.to_json() for each in self.findings],
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
    shape: Sequence[int] | None = None,
    blocks: Sequence[slice] | None = None,
    command: str | None = None,
    data: str = "X",
    options: str = "",
    epochs: int | None = None,
) -> Diagnosis:
    """Look for what commonly goes wrong: each check of `CHECKS` says what it found, how it shows, what helps.

    Posterior collapse, codes that tell too little or leave the prior, dead units and codes, a decoder's scale
    that is off, critics that are too strong or too weak, over-fitting, an error above PCA's or the mean's,
    blurred pictures, columns of unequal scale, the identity. Some need held-out rows.

    Args:
        embedder: fitted. train: the rows it was fitted to. test: rows it has not seen.
        y_train, y_test: labels, where the method is conditional.
        pixels: whether all columns share a unit, so that unequal spreads mean nothing.
        shape: of a picture, (h, w) or (c, h, w), where rows are pictures that came laid flat.
        blocks: of encoded rows, the places of categories; by default what the embedder's schema says.
        command: what a remedy begins with; by default `isthmus fit METHOD X`.
        data: what the rows are called, in remedies. options: what a command line must say of them, besides.
        epochs: how many were asked for, of an embedder that was loaded, which does not know.

    >>> print(examine(embedder, x_train, x_test))  # doctest: +SKIP
    """
    from .checks import CHECKS, REBUILDING

    name = embedder.recipe_.name
    train, y_train = _some(train, y_train)
    test, y_test = (None, None) if test is None else _some(test, y_test)
    halves = (
        _half(embedder, train, y_train, seed=1),
        None if test is None else _half(embedder, test, y_test, seed=2),
    )
    if blocks is None:
        schema = getattr(embedder, "schema_", None)  # what an earlier version pickled has none
        blocks = () if schema is None else schema.blocks
    if shape is None and len(embedder.preparation_.shape) == 3:
        shape = embedder.preparation_.shape
    if epochs is None and isinstance(embedder.epochs, int):
        epochs = embedder.epochs
    patient = Patient(
        *(embedder, *halves, train, y_train, pixels, None if shape is None else tuple(shape)),
        *(
            command or f"isthmus fit {name} {shlex.quote(data)} {options}".rstrip(),
            data,
            blocks,
            options,
            epochs,
        ),
    )
    apart = () if rebuilds(embedder.model_) else REBUILDING
    checks = {name: check for name, check in CHECKS.items() if name not in apart}
    found = [finding for finding in (check(patient) for check in checks.values()) if finding is not None]
    found.sort(key=lambda each: SEVERITIES.index(each.severity))
    rows = "no rows held out" if patient.test is None else f"{len(patient.test.target)} held-out rows"
    who = f"{name}, {patient.dim} dimensions, on {data}: {len(patient.train.target)} training rows, {rows}"
    return Diagnosis(tuple(found), tuple(checks), who)


def _some(x: Any, y: Any) -> tuple[Any, Any]:
    """At most 4000 rows, drawn at random."""
    if len(x) <= ROWS:
        return x, y
    some = np.sort(np.random.default_rng(0).permutation(len(x))[:ROWS])
    return x.iloc[some] if hasattr(x, "iloc") else x[some], None if y is None else np.asarray(y)[some]


def _half(embedder: Embedder, x: Any, y: Any, seed: int) -> Half:
    """Two passes: at the posteriors' means, and at a draw from each.

    The `seed` is not another half's, nor the prior's: where a posterior is the prior, draws would coincide.
    """
    model = precise(embedder.model_)
    targets, seen, codes, kls, indices, drawn, standard = [], [], [], [], [], [], []
    for batch in chunks(embedder._rows(x, y)):  # as many rows as these are one chunk
        with torch.no_grad(), seeded(seed):
            trace = model(batch, noisy=False)
            code, output = trace.code, trace.output
            noisy = model.encode(trace.batch.input, sample=True, **batch.context) if code.stages else code
            again = model.decode(noisy.z, **batch.context) if code.stages else output
        target = batch.target.double()
        if (present := batch.context.get("observed")) is not None:
            target = torch.where(present.bool(), target, math.nan)
        targets.append(target.flatten(1))
        seen.append(output.mean.double().flatten(1))
        codes.append(code.z.double().flatten(1))
        drawn.append(noisy.z.double().flatten(1))
        standard.append(_standardised(again, target).flatten(1))
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
        torch.cat(drawn).numpy(),
        torch.cat(standard).numpy(),
    )


def _standardised(output: Distribution, target: Tensor) -> Tensor:
    """(x − μ) / σ of every element that a Gaussian explains, NaN of others."""
    if isinstance(output, Normal):
        return (target - output.mean) * (-output.log_scale).exp()
    if isinstance(output, JointDistribution):
        parts = zip(output.parts, target.split(output.columns, 1))
        return torch.cat([_standardised(part, block) for part, block in parts], 1)
    return torch.full_like(target, math.nan)
