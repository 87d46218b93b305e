"""The demonstration: four autoencoders and PCA on handwritten digits, offline, in a minute or two."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import data
from .baselines import Comparison, beside, mean_predictor, pca
from .estimators import Embedder
from .report import figures
from .runs import versions
from .training import write_atomically
from .training.folder import write_history

DIM = 8
SEED = 0
RECIPES = {
    "linear autoencoder": "linear",
    "autoencoder": "autoencoder",
    "denoising autoencoder": "denoising",
    "VAE": "vae",
}


class Demo(NamedTuple):
    """What came out: a comparison with PCA and the seconds of training for each model."""

    comparisons: dict[str, Comparison]
    seconds: dict[str, float]
    folder: Path

    def __str__(self) -> str:
        mean, linear, _ = next(iter(self.comparisons.values())).scores
        rows = [("mean of the training rows", mean, ""), (f"PCA, {DIM} components", linear, "")]
        for name, comparison in self.comparisons.items():
            change = comparison.scores[2].mse / linear.mse - 1
            rows.append((name, comparison.scores[2], f"{100 * change:+6.1f} %  {self.seconds[name]:6.1f} s"))
        lines = [f"{'':26} {'test MSE':>9} {'R²':>7} {'to PCA':>9} {'fitted in':>9}"]
        lines += [f"{name:26} {score.mse:9.5f} {score.r2:7.3f} {rest}".rstrip() for name, score, rest in rows]
        return "\n".join([*lines, "", self.verdict(), f"Weights, metrics and figures are in {self.folder}/"])

    def verdict(self) -> str:
        """Who wins, in one sentence."""
        linear = next(iter(self.comparisons.values())).scores[1].mse
        errors = {name: each.scores[2].mse for name, each in self.comparisons.items()}
        best = min(errors, key=lambda name: errors[name])
        ahead = [name for name, each in self.comparisons.items() if each.difference > 2 * each.standard_error]
        behind = [
            name for name, each in self.comparisons.items() if each.difference < -2 * each.standard_error
        ]
        if best not in ahead:
            return (
                f"At {DIM} dimensions no autoencoder reconstructs held-out digits better than PCA; take PCA."
            )
        gap = errors["linear autoencoder"] / linear - 1
        equal = (
            "ends where PCA does, as theory says" if abs(gap) <= 0.001 else f"misses PCA by {100 * gap:.1f} %"
        )
        losing = f"; PCA beats {' and '.join(f'the {name}' for name in behind)}" if behind else ""
        return (
            f"At {DIM} dimensions the {best} reconstructs held-out digits best, with "
            f"{100 * (1 - errors[best] / linear):.0f} % less squared error than PCA, "
            f"and the linear autoencoder {equal}{losing}."
        )

    def to_json(self) -> dict[str, Any]:
        """As `metrics.json` holds it."""
        models = {
            name: {
                "mse": each.scores[2].mse,
                "r2": each.scores[2].r2,
                "difference": each.difference,
                "standard_error": each.standard_error,
                "seconds": round(self.seconds[name], 3),
                "verdict": each.verdict,
            }
            for name, each in self.comparisons.items()
        }
        first = next(iter(self.comparisons.values()))
        baselines = {score.name: {"mse": score.mse, "r2": score.r2} for score in first.scores[:2]}
        return {
            "data": "digits, grey values divided by 16",
            "dim": DIM,
            "seed": SEED,
            "baselines": baselines,
            "models": models,
            "verdict": self.verdict(),
            "versions": versions(),
        }


def demo(
    out: Path = Path("runs/demo"),
    *,
    epochs: int | str = "auto",
    say: Callable[[str], None] = print,
) -> Demo:
    """Fit the four, compare each with PCA of the same size on held-out digits, and write `out`.

    `out` receives `metrics.json`, a run folder for each model, and figures where matplotlib is there.
    """
    digits = data.load("digits")
    train, test = digits.train.x / 16, digits.test.x / 16
    write_atomically(
        out / "metrics.json", b"{}\n"
    )  # a folder that cannot be written is known before the work
    say(f"{len(train)} handwritten digits of 8 x 8 pixels to learn from, {len(test)} held out")
    embedders, comparisons, seconds = {}, {}, {}
    for name, recipe in RECIPES.items():
        started = time.perf_counter()
        # pixels have one unit, so one scale; then the linear autoencoder minimises what PCA does
        embedder = Embedder(recipe, DIM, scaling="whole", epochs=epochs, random_state=SEED).fit(train)
        seconds[name] = time.perf_counter() - started
        embedders[name] = embedder
        seen = embedder.reconstruct(test)
        comparisons[name] = beside(train, test, DIM, seen, name, "digits", units="whole")
        record(out / recipe, embedder)
        say(f"  {name}: {seconds[name]:.1f} s, test MSE {comparisons[name].scores[2].mse:.5f}")
    result = Demo(comparisons, seconds, out)
    write_atomically(out / "metrics.json", (json.dumps(result.to_json(), indent=2) + "\n").encode())
    if figures.available():
        draw(out / "figures", embedders, digits, train, test)
    else:
        say(f"no figures: {figures.MISSING}")
    return result


def record(folder: Path, embedder: Embedder) -> None:
    """The run folder of one model."""
    embedder.save(folder)
    write_history(folder, embedder.history_.records)


def draw(
    folder: Path, embedders: dict[str, Embedder], digits: data.Dataset, train: np.ndarray, test: np.ndarray
) -> None:
    """Every figure: reconstructions, samples, latent maps and learning curves."""
    assert digits.shape is not None and digits.test.y is not None
    first = [int(np.flatnonzero(digits.test.y == digit)[0]) for digit in range(10)]
    rows = {"mean": mean_predictor(train).reconstruct(test[first])}
    rows[f"PCA {DIM}"] = pca(train, DIM).reconstruct(test[first])
    rows |= {name: each.reconstruct(test[first]) for name, each in embedders.items()}
    drawn = {
        name: each.sample(20, noise=False, random_state=SEED)
        for name, each in embedders.items()
        if name != "linear autoencoder"
    }
    codes = {name: each.transform(test) for name, each in embedders.items()}
    pictures = {
        "reconstructions": figures.reconstructions(
            test[first], rows, digits.shape, f"Held-out digits, reconstructed from {DIM} numbers each"
        ),
        "samples": figures.samples(drawn, digits.shape, test),
        "latent_map": figures.latent_maps(codes, digits.test.y, "digit", "held-out digits"),
        "learning_curves": figures.learning_curves({n: e.history_.records for n, e in embedders.items()}),
    }
    for name, figure in pictures.items():
        figures.save(figure, folder / f"{name}.png")
