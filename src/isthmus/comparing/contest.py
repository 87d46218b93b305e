"""Several methods on the same rows, beside the mean and PCA: which one, and is it better than PCA?"""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import data as sources
from ..baselines import Yardstick, mean_predictor, pca
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.door import frame_of, table_of
from ..metrics import holm, paired, suggest_dim
from ..metrics.arrays import Array
from ..recipes import Recipe, parameters
from .results import Baseline, MethodComparison, MethodResult, verdict


def compare(
    data: Any,
    methods: Iterable[str | Recipe] | Mapping[str, str | Recipe],
    *,
    dim: int | None = None,
    y: ArrayLike | None = None,
    test: float | ArrayLike = 0.2,
    y_test: ArrayLike | None = None,
    seeds: int = 3,
    epochs: int | str = "auto",
    units: str = "columns",
    seed: int = 0,
    name: str = "rows",
    say: Callable[[str], None] = lambda words: None,
    **options: Any,
) -> MethodComparison:
    """Fit each method with several seeds to the same rows, and hold it against PCA on rows none has seen.

    Every method gets the same split, code size, epochs, batches and learning rate. Its error is the squared
    error of each test row, averaged over seeds, beside PCA's of the same row: a paired sign-flip test and a
    bootstrap interval (`isthmus.metrics.paired`), p-values corrected over the methods by Holm (1979). So the
    test says whether *these fits* do better on new rows; how far seeds differ stands beside it, and in how
    many of them PCA was beaten. "Better" is a corrected p of at most 0.05 and half a percent of PCA's error.

    A method that fails does not lose the others: its reason is told. After Ctrl-C what was finished is
    judged, and `stopped` is set.

    Args:
        data: (n, ...), rows as `Embedder` takes them; NaN mark what is missing.
        methods: names or recipes, or {what to call it: name or recipe}.
        dim: size of the code, for PCA too; None for what `isthmus.metrics.suggest_dim` says of the training
            rows, below the number of columns.
        y: (n,), labels, which only conditional methods read.
        test: share of the rows to hold out, or the rows themselves, with `y_test` for their labels.
        seeds: fits of each method; they differ in weights, order and noise, and not in rows.
        epochs: as `Embedder`'s; "auto" gives each about 3000 steps.
        units: "columns" measures each column in its standard deviations over the training rows, "whole"
            leaves values as they are and scales by one number, for pixels and the like. Categories and dates
            of a frame are measured as `isthmus.baselines.Yardstick` says, for PCA too.
        seed: of the split, and the first of the seeds.
        name: what a row is, in the plural: "digits".
        say: is told what columns were taken for, and of each fit as it ends.
        options: anything else that `Embedder` takes: batch_size, lr, likelihood …

    Raises:
        ValueError: if no rows are held out, methods are named twice, or *every* method fails.

    >>> print(compare(x, ["autoencoder", "vae"], dim=8).verdict)  # doctest: +SKIP
    Take vae: 0.0172 ± 0.0003 mean squared error on held-out rows, 28 % less than PCA ...
    """
    if seeds < 1:
        raise ValueError(f"seeds is the number of fits of each method, 1 or more; got {seeds}")
    contenders = _named(methods)
    conditional = any("classes" in parameters(each.function) for each in contenders.values())
    train, held, y_train, y_held = _parts(data, y, test, y_test, seed, stratify=conditional)
    arena = _Arena.of(train, held, units, dim, seed, options.get("columns"))
    for line in arena.taken_for:
        say(line)
    runs: dict[str, list[_Run]] = {each: [] for each in contenders}
    failed: dict[str, str] = {}
    stopped = False
    try:
        for number in range(seeds):  # a seed of all before the next: what is finished after Ctrl-C is even
            for label, recipe in contenders.items():
                if label in failed:
                    continue
                began = time.perf_counter()
                try:
                    error = arena.fit(recipe, train, held, y_train, y_held, seed + number, epochs, options)
                except Exception as problem:  # whatever it is, it is this method's, and told
                    failed[label] = str(problem) or type(problem).__name__
                    say(f"  {label}, seed {seed + number}: failed. {failed[label]}")
                    continue
                runs[label].append(_Run(error, time.perf_counter() - began))
                took = runs[label][-1].seconds
                say(f"  {label}, seed {seed + number}: test MSE {error.mean():.4g}, {took:.1f} s")
    except KeyboardInterrupt:
        if not any(runs.values()):
            raise
        stopped = True
    if len(failed) == len(contenders):
        reasons = dict.fromkeys(failed.values())
        told = "; ".join(reasons) if len(reasons) == 1 else "; ".join(f"{k}: {v}" for k, v in failed.items())
        raise ValueError(f"no method could be fitted. {told}")
    return arena.judged(runs, failed, seeds, name, stopped)


class _Run(NamedTuple):
    """The squared error of each test row, (m,), and the seconds that the fit took."""

    error: Array
    seconds: float


class _Arena(NamedTuple):
    """The rows in the units compared in, and what costs nothing on them."""

    schema: Schema | None
    stick: Yardstick
    target: Array  # (m, d), NaN where missing
    mean: Array  # (m,), squared errors of the mean
    linear: Array  # (m,), of PCA
    dim: int
    units: str
    train_rows: int
    notes: tuple[str, ...]

    @property
    def taken_for(self) -> tuple[str, ...]:
        """What the columns of a frame were taken for, in words."""
        return () if self.schema is None else tuple(self.schema.describe())

    @classmethod
    def of(cls, train: Any, held: Any, units: str, dim: int | None, seed: int, kinds: Any) -> _Arena:
        table = table_of(train, kinds)
        schema = None if table is None else Schema.infer(table, kinds)
        if schema is not None:
            train = schema.encode(table)
            held = schema.encode(held, remark=lambda words: warnings.warn(words, stacklevel=3))
        stick = Yardstick.of(train, units, () if schema is None else schema.blocks)
        x, target = stick.measured(train), stick.measured(held)
        notes: tuple[str, ...] = ()
        if dim is None:
            dim, note = _suggested(x, seed)
            notes = (note,)
        mean = stick.error(target, mean_predictor(x).reconstruct(target))
        linear = stick.error(target, pca(x, dim).reconstruct(target))
        return cls(schema, stick, target, mean, linear, dim, units, len(x), notes)

    def fit(
        self, recipe: Recipe, train: Any, held: Any, y: Any, y_held: Any, seed: int, epochs: Any, options: Any
    ) -> Array:
        """The squared error of each held-out row after fitting once."""
        scaling = {"scaling": "whole"} if self.units == "whole" else {}
        embedder = Embedder(recipe, self.dim, epochs=epochs, random_state=seed, **{**scaling, **options})
        if inspect.signature(recipe.function).parameters["features"].annotation == "int":
            train, held = (_laid_out(each) for each in (train, held))
        embedder.fit(train, y)
        if self.schema is not None:  # what is judged is encoded: of categories, the probabilities
            embedder, held = embedder.on_numbers(), self.schema.encode(held)
        return self.stick.error(self.target, self.stick.measured(embedder.reconstruct(held, y_held)))

    def judged(
        self, runs: dict[str, list[_Run]], failed: dict[str, str], seeds: int, name: str, stopped: bool
    ) -> MethodComparison:
        """All that was finished, the best first."""
        worst = self.mean.mean()

        def share(error: float) -> float:
            return float(1 - error / worst) if worst else math.nan

        linear = float(self.linear.mean())
        errors = {
            label: np.mean([run.error for run in done], 0)
            for label, done in runs.items()
            if done and label not in failed
        }
        tests = {label: paired(self.linear, error) for label, error in errors.items()}
        corrected = dict(zip(tests, holm([each.p for each in tests.values()]).tolist()))
        results = []
        for label, test in tests.items():
            mse = tuple(float(run.error.mean()) for run in runs[label])
            seconds = float(np.mean([run.seconds for run in runs[label]]))
            ahead = sum(error < linear for error in mse)
            r2 = share(float(np.mean(mse)))
            results.append(MethodResult(label, mse, r2, test, corrected[label], ahead, seconds))
        results.sort(key=lambda each: each.mean)
        best_two = None
        if len(results) > 1:
            best_two = paired(errors[results[1].name], errors[results[0].name])
        results += [MethodResult(label, why=why) for label, why in failed.items()]
        waiting = [label for label in runs if not runs[label] and label not in failed]
        results += [MethodResult(label, why="stopped before its first fit ended") for label in waiting]
        baselines = (
            Baseline("mean", float(worst), 0.0 if worst else math.nan),
            Baseline(f"PCA {self.dim}", linear, share(linear)),
        )
        rows = (self.train_rows, len(self.target))
        sentence = verdict(results, baselines, best_two, self.dim, name)
        if stopped:
            done = sum(map(len, runs.values()))
            sentence = f"Stopped after {done} of {seeds * len(runs)} fits; of these: {sentence}"
        return MethodComparison(
            tuple(results),
            baselines,
            best_two,
            sentence,
            self.dim,
            seeds,
            rows,
            self.units,
            self.notes,
            stopped,
            self.taken_for,
        )


def _named(methods: Iterable[str | Recipe] | Mapping[str, str | Recipe]) -> dict[str, Recipe]:
    """Recipes by what to call them."""
    if isinstance(methods, str):
        methods = [methods]
    pairs = (
        list(methods.items())
        if isinstance(methods, Mapping)
        else [(each if isinstance(each, str) else repr(each), each) for each in methods]
    )
    found: dict[str, Recipe] = {}
    for label, each in pairs:
        if label in found:
            raise ValueError(f"{label} is named twice; give a mapping from what to call each")
        found[label] = each if isinstance(each, Recipe) else Recipe(each)
    if not found:
        raise ValueError("there is no method to compare; name one, such as 'autoencoder'")
    return found


def _parts(x: Any, y: Any, test: Any, y_test: Any, seed: int, stratify: bool) -> tuple[Any, Any, Any, Any]:
    """Rows to fit and rows to judge by, with the labels of either."""
    x, y = _rows(x), None if y is None else np.asarray(y)
    if isinstance(test, int | float):
        if not 0 < test < 1 or len(x) < 3:
            raise ValueError(
                f"a comparison needs rows held out: test is their share, between 0 and 1, of 3 rows or more; "
                f"got {test} of {len(x)}"
            )
        split = sources.split(len(x), float(test), seed=seed, stratify=y if stratify else None)
        first, second = np.asarray(split.train), np.asarray(split.held_out)
        labels = (None, None) if y is None else (y[first], y[second])
        return _take(x, first), _take(x, second), *labels
    test = _rows(test)
    if not len(test):
        raise ValueError("a comparison needs rows held out, and there are none in `test`")
    return x, test, y, None if y_test is None else np.asarray(y_test)


def _rows(x: Any) -> Any:
    """An array, or a pandas frame of any frame."""
    return frame_of(x) if hasattr(x, "columns") else np.asarray(x)


def _take(x: Any, index: np.ndarray) -> Any:
    return x.iloc[index] if hasattr(x, "iloc") else x[index]


def _laid_out(x: Any) -> Any:
    """Pictures as flat rows, for methods that take no other."""
    return x.reshape(len(x), -1) if isinstance(x, np.ndarray) and x.ndim > 2 else x


def _suggested(x: Array, seed: int) -> tuple[int, str]:
    """What `suggest_dim` says of the complete rows, below the number of columns."""
    whole = x[np.isfinite(x).all(1)]
    most = max(1, x.shape[1] - 1)
    try:
        found = suggest_dim(whole, units="whole", seed=seed)
    except ValueError as error:
        dim = min(8, most)
        return dim, f"The code has {_wide(dim)}, for suggest_dim has nothing to say: {error}."
    dim = min(found.dim, most)
    return dim, f"The code has {_wide(dim)}. suggest_dim: {found.sentence}"


def _wide(dim: int) -> str:
    return f"{dim} dimension{'s' * (dim != 1)}"
