"""What a report is about: a fitted model and the rows that judge it, and what is worked out of them once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from ..baselines import Comparison, Yardstick
from ..baselines.yardstick import flat
from ..data import MappedRows, Rows
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.inference import Guess, guesses, passes
from .fields import Field, fields_of, summed

VALUES = 2_000_000  # that are shown, of many rows a part drawn at random: a report takes seconds
LEARNED = 20_000_000  # of the training rows that PCA and ranges are taken from
MAPPED = 600  # rows on a map: t-SNE's time grows with their square


class Part(Protocol):
    """Rows (n, ...), NaN where missing, a label for each or none, and where they stood in the file."""

    @property
    def x(self) -> np.ndarray: ...
    @property
    def labels(self) -> np.ndarray | None: ...
    @property
    def places(self) -> np.ndarray | None: ...


@dataclass(frozen=True)
class Study:
    """A fitted embedder, the rows it learned from and those it is judged by, and what `metrics.json` says.

    Rows of a mixed table come encoded, with the `schema` that says of what, and with an embedder of encoded
    rows; `columns` are then the names of encoded values. `shape` is that of a picture, (h, w) or (c, h, w),
    where rows are pictures; `comparison` is None where no rows were held out, and then `why` says so. Who is
    not `patient` goes without UMAP, whose first use compiles for half a minute. Everything below is worked
    out when a section asks, once.
    """

    embedder: Embedder
    train: Part
    test: Part | None
    columns: Sequence[str] | None
    shape: tuple[int, ...] | None
    units: str
    comparison: Comparison | None
    why: str
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    patient: bool = True
    schema: Schema | None = None

    @property
    def name(self) -> str:
        return self.embedder.recipe_.name

    @property
    def data(self) -> str:
        return str(self.metrics["data"]["name"])

    @property
    def part(self) -> Part:
        """The rows shown: those that were held out, where there are any."""
        return self.test or self.train

    @property
    def held(self) -> str:
        return "held-out rows" if self.test is not None else "training rows"

    @cached_property
    def chosen(self) -> np.ndarray:
        """Which of them are looked at, in order."""
        return _some(self.part.x, VALUES)

    @cached_property
    def rows(self) -> np.ndarray:
        """(n, ...), as the embedder takes them."""
        return self.part.x[self.chosen]

    @cached_property
    def labels(self) -> np.ndarray | None:
        return None if self.part.labels is None else self.part.labels[self.chosen]

    @cached_property
    def places(self) -> np.ndarray:
        """Where each of them stood in the file, counted from 0."""
        return self.chosen if self.part.places is None else self.part.places[self.chosen]

    @cached_property
    def x(self) -> np.ndarray:
        """(n, d), float64."""
        return flat(self.rows)

    @cached_property
    def learned(self) -> np.ndarray:
        """(n, d), float64: training rows, of very many a part."""
        return flat(self.train.x[_some(self.train.x, LEARNED)])

    @cached_property
    def seen(self) -> np.ndarray:
        """(n, d): what the model makes of them."""
        return flat(self.embedder.reconstruct(self.rows, self.labels))

    @cached_property
    def codes(self) -> np.ndarray:
        """(n, dim)."""
        return self.embedder.transform(self.rows, self.labels).astype(np.float64)

    @cached_property
    def scores(self) -> np.ndarray:
        """(n,), in nats; low is surprising."""
        return self.embedder.score_samples(self.rows, self.labels)

    @cached_property
    def guess(self) -> Guess | None:
        """What a masked model was not shown of them."""
        return guesses(self.embedder.model_, self.net_rows)

    @cached_property
    def guessed(self) -> np.ndarray:
        """(n, d): what it says there, in the data's units where it knows them."""
        assert self.guess is not None
        made = self.guess.made
        return flat(self.embedder.preparation_.restore(made) if self.guess.units else made.numpy())

    @cached_property
    def names(self) -> list[str]:
        """A name for each of d."""
        width = self.x.shape[1]
        fits = self.columns is not None and len(self.columns) == width
        return list(map(str, self.columns or ())) if fits else [f"x{i}" for i in range(width)]

    @cached_property
    def fields(self) -> list[Field]:
        """The columns as the file has them."""
        return fields_of(self.schema, self.names)

    @cached_property
    def stick(self) -> Yardstick:
        """What errors are measured with, as the verdict's are."""
        return Yardstick.of(self.learned, self.units, () if self.schema is None else self.schema.blocks)

    @property
    def unit(self) -> np.ndarray:
        """(d,): standard deviations of the training columns, or 1 for pixels."""
        return self.stick.scale

    @cached_property
    def grey(self) -> tuple[float, float]:
        """The darkest and the brightest value of the pictures given."""
        return float(np.nanmin(self.x)), float(np.nanmax(self.x))

    @cached_property
    def inked(self) -> bool:
        """Whether pictures are marks on an empty ground: then the marks are shown dark, as ink is."""
        low, high = self.grey
        return bool(np.nanmedian(self.x) < low + 0.1 * (high - low))

    @cached_property
    def errors(self) -> np.ndarray:
        """(n,): the mean squared error of each row, in those units, over what is there."""
        return self.stick.error_within(self.stick.measured(self.x), self.stick.measured(self.seen))

    @cached_property
    def net_rows(self) -> Rows | MappedRows:
        """The rows as the net reads them, with the context that it needs."""
        return self.embedder._rows(self.rows, self.labels)

    @cached_property
    def probabilistic(self) -> bool:
        """Whether codes have a posterior and a prior."""
        return bool(next(iter(passes(self.embedder.model_, self.net_rows)))[1].stages)

    @cached_property
    def surprises(self) -> tuple[np.ndarray, np.ndarray] | None:
        """−log p of each value (n, d), NaN where missing, and the divergence of each code (n,), in nats.

        None where a likelihood ties the values of a row together.
        """
        values, rates = [], []
        for batch, code, output in passes(self.embedder.model_, self.net_rows):
            density = getattr(output, "log_density", None)
            if density is None:
                return None
            try:
                nats = -density(batch.target).double()
            except TypeError:  # how a joint says that one of its parts does
                return None
            present = batch.context.get("observed")
            if present is not None:
                nats = torch.where(present, nats, torch.nan)
            values.append(nats.flatten(1).numpy())
            rate = sum((stage.divergence().sum(-1) for stage in code.stages), torch.zeros(len(nats)))
            rates.append(rate.double().numpy())
        return np.concatenate(values), np.concatenate(rates)

    @cached_property
    def excess(self) -> np.ndarray | None:
        """(n, fields + 1): nats of surprise of each column, and of the code, above what is usual of it."""
        if self.surprises is None:
            return None
        values, rates = self.surprises
        nats = np.column_stack([summed(self.fields, values), rates])
        usual = np.zeros(nats.shape[1])
        there = ~np.isnan(nats).all(0)
        usual[there] = np.nanmedian(nats[:, there], 0)
        return nats - usual

    def decode(self, codes: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Codes (n, dim) -> the rows expected of them, (n, d)."""
        return flat(self.embedder.inverse_transform(codes, labels))


def _some(x: np.ndarray, values: int) -> np.ndarray:
    """Places of rows, in order, that hold about so many values."""
    n, most = len(x), max(500, values // max(1, x[0].size))
    return np.arange(n) if n <= most else np.sort(np.random.default_rng(0).choice(n, most, replace=False))
