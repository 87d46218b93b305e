"""Several methods on the same rows, beside the mean and PCA: which one, and is it better than PCA?"""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import data as sources
from ..baselines import LinearProjection, Yardstick, pca
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.door import frame_of, handed, table_of
from ..metrics import holm, paired, suggest_dim
from ..metrics.arrays import Array
from ..recipes import Recipe
from ..training import TrainingWarning
from .fairness import MOST, CodeSize, Likeness, gaussian_rows, sized
from .results import Baseline, MethodComparison, MethodResult, samples, verdict

APART = "has no encoder: it rebuilds no row, so there is no error. Its samples are what judges it."


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

    Methods of other families have other codes: choices, a few entries of a dictionary, as many numbers as
    there are columns. What a code holds is told in bits. One that holds more than PCA's is held against PCA
    of as many bits, and does not run for the method to take. What each draws from its prior is held against
    the same rows (`isthmus.comparing.Likeness`): expected rows without noise, or draws of a mixed table.

    A method without an encoder, such as `gan`, rebuilds nothing: it has no error and no p, and stands in the
    table by its samples alone. A method that fails does not lose the others: its reason is told. After Ctrl-C
    what was finished is judged, and `stopped` is set.

    Args:
        data: (n, ...), rows as `Embedder` takes them; NaN mark what is missing.
        methods: names or recipes, or {what to call it: name or recipe}.
        dim: size of the code, for PCA too; None for what `isthmus.metrics.suggest_dim` says of the training
            rows, below the number of columns. What a recipe says itself goes first, and a method that has no
            such size keeps its own (`isthmus.comparing.fairness.sized`).
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
    conditional = any(each.takes("classes") for each in contenders.values())
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
                try:
                    with _warnings_of(f"{label}, seed {seed + number}"):
                        run = arena.fit(recipe, train, held, y_train, y_held, seed + number, epochs, options)
                except Exception as problem:  # whatever it is, it is this method's, and told
                    failed[label] = str(problem) or type(problem).__name__
                    say(f"  {label}, seed {seed + number}: failed. {failed[label]}")
                    continue
                runs[label].append(run)
                told = "draws only" if run.error is None else f"test MSE {run.error.mean():.4g}"
                say(f"  {label}, seed {seed + number}: {told}, {run.seconds:.1f} s")
                if run.mute:
                    say(f"  {label}, seed {seed + number}: no samples. {run.mute}")
    except KeyboardInterrupt:
        if not any(runs.values()):
            raise
        stopped = True
    if len(failed) == len(contenders):
        reasons = dict.fromkeys(failed.values())
        told = "; ".join(reasons) if len(reasons) == 1 else "; ".join(f"{k}: {v}" for k, v in failed.items())
        raise ValueError(f"no method could be fitted. {told}")
    return arena.judged(runs, failed, seeds, name, stopped)


@contextmanager
def _warnings_of(who: str) -> Iterator[None]:
    """What training warns of goes on as it comes, and says of whom."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning, append=True)  # of every fit, unless asked otherwise
        others = warnings.showwarning

        def tell(message: Any, category: Any, *where: Any, **more: Any) -> None:
            mine = issubclass(category, TrainingWarning)
            others(category(f"{who}: {message}") if mine else message, category, *where, **more)

        warnings.showwarning = tell
        yield


class _Run(NamedTuple):
    """One fit: the squared error of each test row, (m,), its seconds, and what else is told of it.

    Of what has no encoder there is no error and no code. `mute` says why it draws no samples.
    """

    error: Array | None
    seconds: float
    code: CodeSize | None
    weights: int
    likeness: Likeness | None = None
    mute: str = ""


class _Arena(NamedTuple):
    """The rows in the units compared in, and what costs nothing on them."""

    schema: Schema | None
    stick: Yardstick
    train: Array  # (n, d), measured, NaN where missing
    target: Array  # (m, d), as well
    components: LinearProjection  # all of them
    dim: int
    units: str
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
        return cls(schema, stick, x, target, pca(x, x.shape[1]), dim, units, notes)

    def linear(self, components: int) -> Array:
        """(m,), squared errors of PCA; of the mean, with no component."""
        return self.stick.error(self.target, self.components.truncated(components).reconstruct(self.target))

    def fit(
        self, recipe: Recipe, train: Any, held: Any, y: Any, y_held: Any, seed: int, epochs: Any, options: Any
    ) -> _Run:
        """One fit, judged on the held-out rows."""
        scaling = {"scaling": "whole"} if self.units == "whole" else {}
        recipe = sized(recipe, self.dim)
        embedder = Embedder(recipe, epochs=epochs, random_state=seed, **{**scaling, **options})
        if inspect.signature(recipe.function).parameters["features"].annotation == "int":
            train, held = (_laid_out(each) for each in (train, held))
        began = time.perf_counter()
        embedder.fit(train, y)
        seconds = time.perf_counter() - began
        if self.schema is not None:  # what is judged is encoded: of categories, the probabilities
            embedder, held = embedder.on_numbers(), self.schema.encode(held)
        weights = sum(parameter.numel() for parameter in embedder.model_.parameters())
        found, net = _Run(None, seconds, None, weights), embedder.model_.autoencoder
        if net.reads:
            error = self.stick.error(self.target, self.stick.measured(embedder.reconstruct(held, y_held)))
            size = CodeSize.of(embedder.transform(held, y_held), net.latent.bits)
            found = found._replace(error=error, code=size)
        noise, labels = self.schema is not None, None if y_held is None else y_held[:MOST]
        try:
            drawn = embedder.sample(min(MOST, len(self.target)), labels, noise=noise, random_state=seed)
            return found._replace(likeness=self.likeness(self.stick.measured(drawn)))
        except Exception as problem:  # a method need not be able to draw, and the others go on
            return found._replace(mute=str(problem) or type(problem).__name__)

    def judged(
        self, runs: dict[str, list[_Run]], failed: dict[str, str], seeds: int, name: str, stopped: bool
    ) -> MethodComparison:
        """All that was finished, the best first."""
        mean = Baseline("mean", float(self.linear(0).mean()), 0.0)
        worst = mean.mse
        mean = mean if worst else mean._replace(r2=math.nan)

        def share(error: float) -> float:
            return float(1 - error / worst) if worst else math.nan

        def beside(components: int) -> Baseline:
            error = float(self.linear(components).mean())
            return Baseline(f"PCA {components}", error, share(error))

        linear = beside(self.dim)
        done = {label: own for label, own in runs.items() if own and label not in failed}
        seen = {label: [run.error for run in own if run.error is not None] for label, own in done.items()}
        errors = {label: np.mean(own, 0) for label, own in seen.items() if own}
        kept = {label: [run.code for run in done[label] if run.code is not None] for label in errors}
        codes = {label: CodeSize.mean(own) for label, own in kept.items()}
        sizes = {label: min(max(self.dim, code.components), self.most) for label, code in codes.items()}
        tests = {label: paired(self.linear(sizes[label]), error) for label, error in errors.items()}
        corrected = dict(zip(tests, holm([each.p for each in tests.values()]).tolist()))
        results = []
        for label, test in tests.items():
            mse = tuple(float(error.mean()) for error in seen[label])
            against = linear if sizes[label] == self.dim else beside(sizes[label])
            results.append(
                MethodResult(
                    label,
                    mse,
                    share(float(np.mean(mse))),
                    test,
                    corrected[label],
                    sum(error < against.mse for error in mse),
                    against=against,
                    code=codes[label],
                    **_of(runs[label]),
                )
            )
        results.sort(key=lambda each: (each.against != linear, each.mean))  # larger codes after the others
        fair = [each.name for each in results if each.against == linear]
        best_two = paired(errors[fair[1]], errors[fair[0]]) if len(fair) > 1 else None
        results += [MethodResult(each, apart=APART, **_of(done[each])) for each in done if each not in errors]
        results += [MethodResult(label, why=why) for label, why in failed.items()]
        waiting = [label for label in runs if not runs[label] and label not in failed]
        results += [MethodResult(label, why="stopped before its first fit ended") for label in waiting]
        yardsticks = self.yardsticks()
        sentence = verdict(results, (mean, linear), best_two, self.dim, name) + samples(results, yardsticks)
        if stopped:
            finished = sum(map(len, runs.values()))
            sentence = f"Stopped after {finished} of {seeds * len(runs)} fits; of these: {sentence}"
        return MethodComparison(
            tuple(results),
            (mean, linear),
            best_two,
            sentence,
            self.dim,
            seeds,
            (len(self.train), len(self.target)),
            self.units,
            self.notes,
            stopped,
            self.taken_for,
            yardsticks,
        )

    def likeness(self, drawn: Array) -> Likeness | None:
        """Of drawn rows (m, d) to those held out, both about the training mean and over one spread."""
        mean, spread = np.nanmean(self.train, 0), float(np.sqrt(np.nanvar(self.train, 0).mean())) or 1.0
        return Likeness.of((self.target - mean) / spread, (drawn - mean) / spread)

    @property
    def most(self) -> int:
        """Components that there are."""
        return max(self.dim, len(self.components.components))

    def yardsticks(self) -> tuple[tuple[str, Likeness], ...]:
        """How like held-out rows are draws of one Gaussian, and training rows themselves."""
        n = min(MOST, len(self.target))
        chosen = np.random.default_rng(0).permutation(len(self.train))[:n]
        rows = {"a Gaussian": gaussian_rows(self.train, n, 0), "training rows": self.train[chosen]}
        found = {name: self.likeness(drawn) for name, drawn in rows.items()}
        return tuple((name, each) for name, each in found.items() if each is not None)


def _of(runs: list[_Run]) -> dict[str, Any]:
    """What several fits of a method have in common, also where it has no encoder."""
    return {
        "seconds": tuple(run.seconds for run in runs),
        "weights": runs[0].weights,
        "likeness": Likeness.mean([run.likeness for run in runs if run.likeness is not None]),
        "mute": next((run.mute for run in runs if run.mute), ""),
    }


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
    x = handed(x)
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
