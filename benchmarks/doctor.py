"""Does the doctor find what was planted, and nothing in runs that are well?

    python benchmarks/doctor.py                      # writes results/doctor.json
    python benchmarks/doctor.py --seeds 2 --only "dead codes"

Each failure is planted by an argument that a person might have given, on new rows with each seed. It counts
as found where the finding of its name is there as a warning or a problem. In the runs that are well nothing
may be worse than a note, neither from the doctor nor from `fit` while it trains.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, circumstances, write

from isthmus import Autoencoder, Embedder, Recipe, fit, method, seeded
from isthmus.data import load
from isthmus.diagnostics import Diagnosis, examine
from isthmus.latents import Codebook, Deterministic, Quantised
from isthmus.likelihoods import gaussian
from isthmus.models import beta_vae, vae, wae_gan
from isthmus.models.plain import UNIT
from isthmus.nets import mlps
from isthmus.terms import codebook, commitment, reconstruction
from isthmus.training import TrainingWarning, adam

SEEDS = 10
FOUND = 0.9  # of the seeds, at least


class Rows(NamedTuple):
    """To learn from, and held out."""

    train: Any
    test: Any
    pixels: bool = False
    shape: tuple[int, ...] | None = None


def plane(seed: int, rows: int = 300, noise: float = 0.1) -> Rows:
    """Two numbers in eight columns, bent so that PCA is behind."""
    draw = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(2, 8))
    z = draw.uniform(-1, 1, (rows + 200, 2))
    x = 2 * np.sin(z @ mix) + 0.5 * z @ mix + noise * draw.normal(size=(len(z), 8))
    return Rows(x[:rows], x[rows:])


def digits(seed: int, rows: int = 1200) -> Rows:
    """Pictures of 8 × 8; which of them are learned from changes with the seed."""
    data = load("digits")
    x = np.concatenate([data.train.x, data.test.x]) / 16.0
    order = np.random.default_rng(seed).permutation(len(x))
    return Rows(x[order[:rows]], x[order[rows:]], True, (8, 8))


def table(seed: int, rows: int = 800) -> Rows:
    """A customer's numbers, words and dates, of which two hidden ones decide."""
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(2, rows))
    frame = pd.DataFrame(
        {
            "age": 45 + 12 * a + 2 * draw.normal(size=rows),
            "income": np.exp(10 + 0.4 * a + 0.3 * b + 0.1 * draw.normal(size=rows)),
            "spent": np.exp(6 + 0.8 * b + 0.2 * draw.normal(size=rows)),
            "height": 170 + 8 * np.sin(2 * b) + 2 * draw.normal(size=rows),
            "region": np.array(["north", "east", "south"])[np.digitize(a - b, (-0.8, 0.8))],
            "member": np.where(b + 0.3 * draw.normal(size=rows) > 0, "yes", "no"),
        }
    )
    return Rows(frame[: rows * 3 // 4], frame[rows * 3 // 4 :])


def bundled(name: str, seed: int) -> Rows:
    """A data set that comes with scikit-learn, split anew with each seed."""
    data = load(name)
    x = np.concatenate([data.train.x, data.test.x])
    order = np.random.default_rng(seed).permutation(len(x))
    return Rows(x[order[: len(x) * 3 // 4]], x[order[len(x) * 3 // 4 :]])


def examined(rows: Rows, recipe: Any, seed: int, **options: Any) -> Diagnosis:
    """Fitted and looked at."""
    scaling = {"scaling": "whole"} if rows.pixels else {}
    embedder = Embedder(recipe, random_state=seed, **{"batch_size": 64, "lr": 3e-3, **scaling, **options})
    embedder.fit(rows.train)
    return examine(embedder, rows.train, rows.test, pixels=rows.pixels, shape=rows.shape)


@method
def careless_vq_vae(features: int, *, likelihood: Callable[..., Any] = UNIT) -> Autoencoder:
    """A codebook as it is often first written: drawn from N(0, 1), learned by gradient, never revived."""
    explain = likelihood(features)
    book = Codebook(64, 8, ema=None, revive=0.0, start=None)
    with torch.no_grad():
        book.entries.normal_()
    encoder, decoder = mlps(features, (64,), 16, 16, explain.width)
    objective = reconstruction + codebook + 0.25 * commitment
    return Autoencoder(encoder, Quantised(book, 2), decoder, explain, objective)


@method
def half_dead(features: int, dim: int = 16, *, likelihood: Callable[..., Any] = UNIT) -> Autoencoder:
    """Units whose bias was drawn far below zero: a ReLU lets nothing of them through, no gradient back."""
    explain = likelihood(features)
    encoder, decoder = mlps(features, (64,), dim, dim, explain.width)
    last = [each for each in encoder.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        last.bias[: dim // 2] -= 30.0
    return Autoencoder(encoder, Deterministic(dim, nn.ReLU), decoder, explain, reconstruction)


def uneven(seed: int) -> Rows:
    rows = plane(seed)
    unit = np.array([1e4, 1, 1, 1, 1, 1, 1, 1])
    return Rows(rows.train * unit, rows.test * unit)


SMALL: dict[str, Any] = {"hidden": (64, 32)}

PLANTS: dict[str, tuple[str, Callable[[int], Diagnosis]]] = {
    "β of 500": (
        "posterior collapse",
        lambda s: examined(plane(s), Recipe("beta_vae", dim=3, beta=500.0, **SMALL), s, epochs=120),
    ),
    "σ fixed at 1": (
        "over-regularised",
        lambda s: examined(
            plane(s), Recipe("vae", dim=2, likelihood=Recipe(gaussian, scale=1.0), **SMALL), s, epochs=60
        ),
    ),
    "β of 0.001": (
        "under-regularised",
        lambda s: examined(plane(s), Recipe("beta_vae", dim=6, beta=0.001, **SMALL), s, epochs=100),
    ),
    "half of the units begin dead": (
        "dead units",
        lambda s: examined(plane(s), Recipe(half_dead), s, epochs=40),
    ),
    "a codebook without care": (
        "dead codes",
        lambda s: examined(plane(s), Recipe(careless_vq_vae), s, epochs=60),
    ),
    "σ fixed at 0.01": (
        "decoder scale",
        lambda s: examined(
            plane(s), Recipe("vae", dim=2, likelihood=Recipe(gaussian, scale=0.01), **SMALL), s, epochs=60
        ),
    ),
    "σ fixed at 2, pictures": (
        "decoder scale",
        lambda s: examined(
            digits(s, 600),
            Recipe("vae", dim=8, likelihood=Recipe(gaussian, scale=2.0), **SMALL),
            s,
            epochs=60,
        ),
    ),
    "a penalty of 0.0001": (
        "critic too strong",
        lambda s: examined(plane(s), Recipe("wae_gan", dim=8, weight=1e-4, **SMALL), s, epochs=80),
    ),
    "a linear critic": (
        "critic too weak",
        lambda s: examined(plane(s), Recipe("wae_gan", dim=4, critic=(), **SMALL), s, epochs=100),
    ),
    "a large net and 24 rows": (
        "over-fitting",
        lambda s: examined(
            plane(s, 24, noise=0.5), Recipe("autoencoder", dim=4, hidden=(256, 256)), s, epochs=300
        ),
    ),
    "three epochs": (
        "worse than PCA",
        lambda s: examined(plane(s), Recipe("autoencoder", dim=2), s, epochs=3),
    ),
    "noise of three standard deviations": (
        "blurred",
        lambda s: examined(digits(s, 600), Recipe("denoising", dim=8, noise=3.0, **SMALL), s, epochs=60),
    ),
    "a column in other units": (
        "scale",
        lambda s: examined(uneven(s), Recipe("autoencoder", dim=2, **SMALL), s, epochs=20, scaling="none"),
    ),
    "a code wider than the data": (
        "identity",
        lambda s: examined(plane(s, noise=1.0), Recipe("autoencoder", dim=16, hidden=(64,)), s, epochs=200),
    ),
}

EARLY: dict[str, Any] = {"held_out": 0.15, "monitor": "reconstruction", "patience": 10}
NARROW: dict[str, Any] = {"hidden": (64,)}

HEALTHY: dict[str, Callable[[int], Diagnosis]] = {
    "vae, digits": lambda s: examined(digits(s), "vae", s, dim=8, epochs=60),
    "autoencoder, digits": lambda s: examined(digits(s), "autoencoder", s, dim=8, epochs=60),
    "wae_gan, digits": lambda s: examined(digits(s), "wae_gan", s, dim=8, epochs=80),
    "vq_vae, digits": lambda s: examined(digits(s), Recipe("vq_vae", **SMALL), s, epochs=60, **EARLY),
    "linear, wine": lambda s: examined(bundled("wine", s), "linear", s, dim=3, epochs=40),
    "tied, wine": lambda s: examined(bundled("wine", s), Recipe("tied", hidden=()), s, dim=2, epochs=200),
    "vae, breast cancer": lambda s: examined(
        bundled("breast_cancer", s), Recipe("vae", **NARROW), s, dim=3, epochs=200, **EARLY
    ),
    "sliced_wae, breast cancer": lambda s: examined(
        bundled("breast_cancer", s), Recipe("sliced_wae", **NARROW), s, dim=2, epochs=150
    ),
    "autoencoder, table": lambda s: examined(table(s), Recipe("autoencoder", **SMALL), s, dim=3, epochs=100),
    "vae, table": lambda s: examined(table(s), Recipe("vae", **SMALL), s, dim=3, epochs=100),
}


def rising(seed: int) -> None:
    """A learning rate ten times too high after a good start."""
    x = torch.as_tensor(plane(seed).train).float()
    with seeded(seed):
        model = vae(8, 2, (64, 32))
    fit(
        *(model, x), epochs=60, batch_size=32, seed=seed, progress=False,
        optimizer=adam(2e-3), schedule=lambda step: 1.0 if step < 300 else 60.0,
    )  # fmt: skip


def trained(model: Callable[[], Any], seed: int, epochs: int = 60) -> None:
    x = torch.as_tensor(plane(seed).train).float()
    with seeded(seed):
        made = model()
    fit(made, x, epochs=epochs, batch_size=32, optimizer=adam(2e-3, made.betas), seed=seed, progress=False)


SIGNS: dict[str, tuple[str, Callable[[int], None]]] = {
    "β of 500": ("posterior collapse", lambda s: trained(lambda: beta_vae(8, 3, (64, 32), beta=500.0), s)),
    "a rate that rises": ("has risen again", rising),
    "a penalty of 0.0001": (
        "critic's loss is",
        lambda s: trained(lambda: wae_gan(8, 8, (64, 32), weight=1e-4), s, 80),
    ),
    "a codebook without care": ("not in use", lambda s: trained(lambda: careless_vq_vae(8), s)),
}


def caught(run: Callable[[int], Any], seed: int) -> tuple[Any, list[str]]:
    """What came of it, and what training warned of."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", TrainingWarning)
        found = run(seed)
    return found, [str(each.message) for each in heard if issubclass(each.category, TrainingWarning)]


def finds(plant: str, seed: int) -> bool:
    """Whether the finding of its name is there, as more than a note."""
    name, run = PLANTS[plant]
    found, _ = caught(run, seed)
    return any(each.name == name and each.severity != "note" for each in found.findings)


def warns(plant: str, seed: int) -> bool:
    """Whether `fit` said so."""
    words, run = SIGNS[plant]
    return any(words in each for each in caught(run, seed)[1])


def alarms(run: str, seed: int) -> list[str]:
    """All that is said of a run that is well, but for notes."""
    found, heard = caught(HEALTHY[run], seed)
    return [f"{each.name}: {each.evidence}" for each in found.findings if each.severity != "note"] + heard


def enough(planted: dict[str, Any]) -> bool:
    return all(each["found"] >= FOUND * each["of"] for each in planted.values())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--only", nargs="+", help="plants and runs by name; nothing is written then")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    before, started, work = os.getloadavg(), time.perf_counter(), time.process_time()
    seeds = range(asked.first, asked.first + asked.seeds)

    def chosen(names: Any) -> list[str]:
        return [name for name in names if not asked.only or name in asked.only]

    record: dict[str, Any] = {"planted": {}, "warned": {}, "healthy": {}}
    for part, names, test in (("planted", PLANTS, finds), ("warned", SIGNS, warns)):
        for name in chosen(names):
            hits = [bool(test(name, seed)) for seed in seeds]
            record[part][name] = {"finding": names[name][0], "found": sum(hits), "of": len(hits)}
            print(f"{part:8} {name}: {names[name][0]!r} in {sum(hits)} of {len(hits)}", flush=True)
    for name in chosen(HEALTHY):
        found = alarms(name, asked.first)
        record["healthy"][name] = {"seed": asked.first, "alarms": found}
        print(f"healthy  {name}: {len(found)} alarms {'; '.join(found)}", flush=True)
    bars = {
        f"each planted failure is found in {100 * FOUND:.0f} % of {len(seeds)} seeds": enough(
            record["planted"]
        ),
        f"fit warns of each planted failure in {100 * FOUND:.0f} % of them": enough(record["warned"]),
        "no alarm in ten runs that are well": not any(each["alarms"] for each in record["healthy"].values()),
    }
    record |= {"seeds": list(seeds), "processor_seconds": round(time.process_time() - work, 1)}
    right = all(bars.values())
    print(f"{'holds' if right else 'DOES NOT HOLD'}, {time.perf_counter() - started:.0f} s", flush=True)
    if not asked.only:
        result = {**record, "bars": bars}
        print(write("doctor", {**circumstances("doctor", 1, before), "result": result}, asked.results))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
