"""From what a person has to what a net learns from, and back: scaling, missing values, a likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import likelihoods
from ..likelihoods import Likelihood
from ..likelihoods.likelihood import Features
from ..recipes import nearest
from .errors import DataError
from .rows import Rows, observed
from .sources import check_matrix

SCALINGS = ("auto", "columns", "whole", "none")
CELLS = 1 << 22  # of an array that are in float64 at a time: 32 MB
FEW = 1 << 18  # of a block that is read, which a processor keeps near: 2 MB
Family = Callable[[Features], Likelihood]


@dataclass(frozen=True)
class Preparation:
    """How raw rows become rows for a net, learned from training rows alone; JSON can hold it.

    What the encoder reads is (x − shift) / scale, of log(1 + x) where `log`. What is explained is the same
    where the likelihood is `continuous`; a discrete one explains x itself. `shift` and `scale`, `continuous`
    and `log` are one for all, or one for each element of an event; `notes` say in words what was chosen and
    why.
    """

    shape: tuple[int, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    continuous: bool | tuple[bool, ...] = True
    log: bool | tuple[bool, ...] = False
    grey: bool = False  # images came without a channel axis, and go out without one
    unread: tuple[int, ...] = ()  # columns that never varied in training: explained, but not read
    gaps: bool = False  # whether values were missing in training
    bytes: bool = False  # whether values came as whole numbers from 0 to 255, as pixels do
    notes: tuple[str, ...] = ()

    @property
    def features(self) -> Features:
        """The event shape, as methods take it."""
        return self.shape[0] if len(self.shape) == 1 else self.shape

    def rows(self, x: np.ndarray, **context: Tensor) -> Rows:
        """Raw rows (n, ...) as a model reads them; a missing value (NaN) is masked, 0 stands in its place.

        Raises:
            DataError: for rows of another shape than those of training, or too far from them for float32.
        """
        input, target, whole = self.scaled(x)
        if not whole:
            input, present = observed(input)
            target = None if target is None else observed(target)[0]
            context = context if present is None else {**context, "observed": present}
        return Rows(input, target, **context)

    @property
    def twofold(self) -> bool:
        """Whether what is explained may differ from what is read."""
        return bool(self.unread) or not self._columns.explained.all()

    def scaled(self, x: np.ndarray, first: int = 0) -> Scaled:
        """Rows (n, ...) as they are read and explained; `first` is the number of the first."""
        x = self.shaped(x)
        shift, scale, continuous, log, explained = self._columns
        input, whole = torch.empty(x.shape), True
        target = None if explained.all() else torch.empty(x.shape)
        for part in stretches(x, FEW):
            raw = x[part].astype(np.float64)
            logged = np.log1p(raw, out=raw.copy(), where=log) if log.any() else raw
            scaled = torch.from_numpy(logged) - torch.from_numpy(shift)
            scaled /= torch.from_numpy(scale)
            input[part] = scaled
            if not (len(raw) and input[part].sum().isfinite()):  # a tenth of the time of looking at each
                check_matrix(scaled.numpy(), first=first + part.start)
                whole = False
            if target is not None:
                target[part] = torch.where(torch.from_numpy(continuous), scaled, torch.from_numpy(raw))
        if self.unread and input[:, list(self.unread)].nan_to_num().any():  # their weights are as they began
            target = input if target is None else target
            input = input.clone()
            input[:, list(self.unread)] *= 0  # what is missing stays so
        return Scaled(input, target, whole)

    def restore(self, x: Tensor) -> np.ndarray:
        """Targets, or what a model says of them, in the data's own units (float64)."""
        values = x.detach().cpu().double().numpy()
        own = values * self._columns.scale + self._columns.shift
        if self.unread:  # such a column has one value, and no spread to draw from
            constant = np.broadcast_to(self._columns.shift, self.shape)
            own[:, list(self.unread)] = constant[list(self.unread)]
        values = np.where(self._columns.continuous, own, values)
        return values[:, 0] if self.grey else values

    def typed(self, values: np.ndarray) -> np.ndarray:
        """Values in the data's own units in the type that training rows came in, for a file to hold."""
        return values.clip(0, 255).round().astype(np.uint8) if self.bytes else values

    def log_volume(self, present: Tensor | None) -> np.ndarray | float:
        """Σ log scale over observed elements: log densities of targets minus this are those of the data."""
        logs = np.where(self._columns.continuous, np.log(self._columns.scale), 0.0)
        logs = np.broadcast_to(logs, self.shape)
        if present is None:
            return float(logs.sum())
        return np.where(present.cpu().numpy(), logs, 0.0).reshape(len(present), -1).sum(1)

    def shaped(self, x: np.ndarray) -> np.ndarray:
        """Rows with the axes of training: grey images get a channel, flat rows of pixels their picture."""
        if x.shape[1:] == self.shape:
            return x
        flat = (math.prod(self.shape),)
        if len(self.shape) == 3 and x.shape[1:] in (flat, self.shape[1:]) and x[:1].size == flat[0]:
            return x.reshape(-1, *self.shape)
        raise DataError(
            f"these rows have shape {x.shape[1:]}; the model was fitted to rows of shape {self.shape}"
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Preparation:
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in state.items()}
        return cls(**fields)

    @cached_property
    def _columns(self) -> Columns:
        def array(each: bool | tuple[float, ...] | tuple[bool, ...]) -> np.ndarray:
            values = np.asarray(each)
            return values.reshape(self.shape if values.size > 1 else ())

        shift, scale, continuous, log = map(array, (self.shift, self.scale, self.continuous, self.log))
        return Columns(shift, scale, continuous, log, continuous | ((shift == 0) & (scale == 1) & ~log))


class Scaled(NamedTuple):
    """What is read (n, ...), and what is explained, None where it is the same; NaN where it is missing."""

    input: Tensor
    target: Tensor | None
    whole: bool  # whether it is known that nothing is missing


class Columns(NamedTuple):
    """A preparation's numbers as arrays: of an event's shape, or () where one is for all."""

    shift: np.ndarray
    scale: np.ndarray
    continuous: np.ndarray
    log: np.ndarray
    explained: np.ndarray  # whether what is explained is what is read


def prepare(
    x: np.ndarray,
    likelihood: Family | str = "auto",
    scaling: str = "auto",
    *,
    counts: bool = False,
    cells: Sequence[int] | None = None,
) -> tuple[Preparation, Family | None]:
    """Look at training rows and decide: how to scale them, and which likelihood explains them.

    The likelihood is None where the method's own, for real numbers, shall stay.

    Args:
        x: (n, d), (n, h, w) or (n, c, h, w), NaN where values are missing.
        likelihood: a function such as `isthmus.likelihoods.student_t`, its name, or "auto" (see `choose`).
        scaling: "columns" (each to mean 0 and standard deviation 1), "whole" (one shift and factor for all),
            "none", or "auto": columns for tables, whole for images, none for 0/1 and for what lies in a known
            range. With "columns" a model of real numbers does not notice in which units they were measured.
        counts: whether whole numbers may be taken for counts: what came in was of an integer type.
        cells: columns, one for each cell of a row as it came, where a class has become several.

    Raises:
        DataError: for an unknown name, and where the likelihood cannot explain a value.
    """
    if scaling not in SCALINGS:
        raise DataError(
            f"scaling is one of {', '.join(SCALINGS)}, not {scaling!r}{nearest(str(scaling), SCALINGS)}"
        )
    grey = x.ndim == 3
    x = x[:, None] if grey else x
    shape = x.shape[1:]
    present = ~np.isnan(x)
    notes = _missing(present if cells is None else present[:, list(cells)])
    if likelihood == "auto":
        family, why = choose(x.ravel() if present.all() else x[present], counts)
        notes.append(why)
    else:
        family = named_family(likelihood) if isinstance(likelihood, str) else likelihood
    explain = _made(family or likelihoods.gaussian, shape[0] if len(shape) == 1 else shape)
    if explain.name == "multinomial":
        raise DataError(
            "a multinomial says how a row's total is shared out, and not what the total is: train it by "
            'parts with isthmus.fit, or explain counts with "negative_binomial"'
        )
    continuous, log = _kinds(explain, shape)
    if not continuous.all():
        refuse(explain, x)
    scaled = continuous | log  # what lies in a known range keeps it
    if scaling == "auto":
        scaling = "columns" if log.any() or len(shape) == 1 else "whole"
        scaling = scaling if scaled.any() else "none"
    elif not scaled.any():
        scaled[...] = True
    logged = np.log1p(x, out=x.copy(), where=log) if log.any() else x
    shift, scale, constant = _affine(logged, present, scaling, scaled)
    if len(constant):
        notes.append(f"{_columns(constant)} constant")
    which = "columns" if scaled.all() else "columns of numbers"
    words = {
        "columns": f"{which} are brought to mean 0 and standard deviation 1",
        "whole": "all values are brought to mean 0 and standard deviation 1 together",
        "none": "values are not scaled",
    }
    after = ", after log(1 + x)" if log.all() else ", counts after log(1 + x)" if log.any() else ""
    notes.append(words[scaling] + after)
    unread = tuple(constant.tolist()) if scaling == "columns" and len(shape) == 1 else ()
    flags = (_brief(continuous), _brief(log))
    gaps = not present.all()
    return Preparation(shape, shift, scale, *flags, grey, unread, gaps, notes=tuple(notes)), family


def refuse(explain: Likelihood, x: np.ndarray) -> None:
    """Raise `DataError` where a value of x (n, ...) is impossible under the likelihood, naming the first."""
    target, present = observed(torch.from_numpy(x).float())
    if complaint := explain.refuse(target, present):
        raise DataError(complaint)


def choose(values: np.ndarray, counts: bool) -> tuple[Family | None, str]:
    """A likelihood for these values, flat and none missing, and the reason in words."""
    if len(values) and every(values, lambda v: (v == 0) | (v == 1)) and values.min() != values.max():
        return likelihoods.bernoulli, "all values are 0 or 1: Bernoulli likelihood"
    whole = len(values) > 0 and values.min() >= 0 and every(values, lambda v: v == np.floor(v))
    if whole and counts and (values == 0).mean() >= 0.2 and values.var() > values.mean():
        return likelihoods.negative_binomial, (
            "whole numbers, many of them 0, that vary more than a Poisson's: negative binomial likelihood "
            '(likelihood="gaussian" if they are not counts)'
        )
    hint = ' (likelihood="negative_binomial" if they are counts)' if whole else ""
    return None, f"{'whole' if whole else 'real'} numbers: the method's likelihood for real numbers{hint}"


def every(values: np.ndarray, test: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether all values pass, looking no further than the first stretch with one that does not."""
    return all(test(values[part]).all() for part in stretches(values))


def named_family(name: str) -> Family:
    """A likelihood of `isthmus.likelihoods` by its name; `DataError` with the nearest where there is none."""
    known = [n for n in dir(likelihoods) if n.islower() and callable(getattr(likelihoods, n))]
    if name not in known:
        raise DataError(
            f"there is no likelihood {name!r}{nearest(name, known)}; there are auto, {', '.join(known)}"
        )
    family: Family = getattr(likelihoods, name)
    return family


def _made(family: Family, features: Features) -> Likelihood:
    try:
        made = family(features)
    except TypeError as error:
        raise DataError(
            f"this likelihood cannot be made: {error}; what it asks for goes with it, as in "
            "Recipe(categorical, classes=3)"
        ) from error
    if not isinstance(made, Likelihood):
        raise DataError(
            f"a likelihood is a function of features, such as gaussian; this one gave a {type(made).__name__}"
        )
    return made


def _missing(present: np.ndarray) -> list[str]:
    if present.all():
        return []
    gone = 1 - present.mean()
    share = f"{gone:.1%}" if gone >= 0.001 else "less than 0.1%"
    notes = [f"{share} of the values are missing: they are neither read nor explained"]
    empty = np.flatnonzero(~present.reshape(len(present), -1).any(0))
    return [*notes, f"{_columns(empty)} without any value"] if len(empty) else notes


def _columns(which: np.ndarray) -> str:
    more = f" and {len(which) - 1} more are" if len(which) > 1 else " is"
    return f"column {which[0]}{more}"


def _kinds(explain: Likelihood, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Which elements are any real number, and which are counts: without an upper end, but none below 0."""
    probes = torch.tensor([-1.5, -1.0, 1e6]).view(3, *[1] * len(shape)).expand(3, *shape)
    between, below, above = explain.support.contains(probes).numpy()
    return above & between, above & ~below


def _brief(flags: np.ndarray) -> bool | tuple[bool, ...]:
    return bool(flags.flat[0]) if flags.all() or not flags.any() else tuple(flags.ravel().tolist())


def stretches(x: np.ndarray, cells: int | None = None) -> list[slice]:
    """Neighbouring rows, about so many values at a time, or `CELLS`."""
    step = max(1, (cells or CELLS) // max(1, math.prod(x.shape[1:])))
    return [slice(start, start + step) for start in range(0, max(1, len(x)), step)]


def _affine(
    x: np.ndarray, present: np.ndarray, scaling: str, scaled: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...], np.ndarray]:
    """Shift, scale, and which columns are constant up to rounding; their scale is 1.

    Columns that are not `scaled` are centred where others are, so that a missing value, which reads as 0, is
    the mean and not one of the values.
    """
    if scaling == "none":
        return (0.0,), (1.0,), np.array([], int)
    axis = 0 if scaling == "columns" else None
    if scaling == "whole":
        present = present & scaled
    digits = np.finfo(x.dtype if x.dtype.kind == "f" else float).eps
    parts = stretches(x)

    def halved(part: slice) -> tuple[np.ndarray, np.ndarray]:
        return x[part].astype(np.float64) / 2, present[part]  # half, so that a range never overflows

    low = np.min([np.where(here, half, np.inf).min(axis) for half, here in map(halved, parts)], 0)
    high = np.max([np.where(here, half, -np.inf).max(axis) for half, here in map(halved, parts)], 0)
    empty = low > high
    low, high = np.where(empty, 0, low), np.where(empty, 0, high)
    reach = high - low
    # Of what varies, the range is what counts and not how far it is from 0: time stamps vary late.
    constant = reach <= 4 * digits * np.maximum(np.abs(low), np.abs(high))
    reach = np.where(constant, 1.0, reach)

    def mean_of(function: Callable[[np.ndarray], np.ndarray]) -> Any:
        """Of values in [0, 1], whose squares neither overflow nor vanish."""
        found = (np.where(here, function((half - low) / reach), 0) for half, here in map(halved, parts))
        return sum(each.sum(axis) for each in found) / count

    count = np.maximum(present.sum(axis), 1)
    mean = mean_of(lambda unit: unit)
    spread = np.sqrt(mean_of(lambda unit: (unit - mean) ** 2))
    shift = 2 * (low + reach * mean)
    scale = np.where(constant, 1.0, reach * (2 * spread))
    if not scaled.all():
        centre = shift if scaling == "columns" else 0.0
        shift, scale = np.where(scaled, shift, centre), np.where(scaled, scale, 1.0)
    flat = [tuple(np.atleast_1d(each).ravel().tolist()) for each in (shift, scale)]
    return flat[0], flat[1], np.flatnonzero(np.atleast_1d(constant))
