"""Log-likelihoods of MNIST that papers have told, importance-sampled as there: VAE, IWAE-50, VampPrior.

    ISTHMUS_DATA=… python benchmarks/likelihood.py --device cuda --jobs 6
    … --static                       # pixels drawn once, 50 000 rows, the epoch chosen on 10 000 others
    … --models vamp --seeds 1        # on a processor: 470 steps of some 5 ms an epoch

Each has the same net, 784-400-400, and as many epochs. Pixels are drawn anew at every step as in Burda et al.
(2016); test digits are drawn once, and log p(x) is of 5000 draws a digit. Figures of others: VAE 89.8
(pythae, static), 86.76 (Burda et al., after 3280 epochs); IWAE-50 86.82 (pythae, static), 84.78 (Burda et
al.); VampPrior 85.57 (Tomczak & Welling 2018, one layer, static; their standard prior 88.56).

Writes `results/likelihood_<dynamic|static>.json`. The exit status is 1 where a bar is missed. `--control` has
the classical bugs: a KL that counts as often as there are pixels, a mean of logarithms where the IWAE has the
logarithm of a mean, and a prior that learns nothing; a bar must then be missed.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus import Autoencoder, Recipe, fit, seeded
from isthmus.corruptions import binarise
from isthmus.data import Rows, load
from isthmus.likelihoods import bernoulli
from isthmus.metrics import active_units, elbo, log_likelihood
from isthmus.models import miwae, vae, vamp_vae
from isthmus.nets import mlps
from isthmus.terms import kl, reconstruction, warmup
from isthmus.training import Diverged, adam, cosine
from outcome import recorded, tell
from pool import spread

NETS = Recipe(mlps, activation=nn.ELU)
HELD = 10_000  # training digits that choose the epoch, where pixels are drawn once


def plain(options: argparse.Namespace) -> Autoencoder:
    model: Autoencoder = vae(784, options.dim, options.hidden, nets=NETS, likelihood=bernoulli)
    model.objective = reconstruction + (784.0 * kl if options.control else warmup(options.warmup) * kl)
    return model


def weighted(options: argparse.Namespace) -> Autoencoder:
    samples, groups = (1, 50) if options.control else (50, 1)
    shape: Any = (784, options.dim, options.hidden)
    model: Autoencoder = miwae(*shape, samples=samples, groups=groups, nets=NETS, likelihood=bernoulli)
    return model


def with_vamp(options: argparse.Namespace) -> Autoencoder:
    build = vae if options.control else Recipe(vamp_vae, components=500)
    model: Autoencoder = build(784, options.dim, options.hidden, nets=NETS, likelihood=bernoulli)
    model.objective = reconstruction + warmup(options.warmup) * kl
    return model


MODELS: dict[str, tuple[Callable[[argparse.Namespace], Autoencoder], str, float]] = {
    "vae": (plain, "reconstruction + kl", 89.9),
    "iwae-50": (weighted, "importance_weighted", 87.1),
    "vamp": (with_vamp, "reconstruction + kl", 86.0),
}


def digits(static: bool) -> tuple[Rows, Rows | None, Tensor]:
    """What trains, what chooses the epoch, and test digits, whose pixels are drawn once in either case."""
    data = load("mnist")
    x = torch.from_numpy(data.train.x)
    with seeded(0):
        test = torch.bernoulli(torch.from_numpy(data.test.x))
        if not static:
            return Rows(x), None, test
        x = torch.bernoulli(x)
    return Rows(x[:-HELD]), Rows(x[-HELD:]), test


def run(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
    build, monitor, _ = MODELS[name]
    train, held, test = digits(options.static)
    with seeded(seed):
        model = build(options)
    if not options.static:
        model.corrupt = binarise
    steps = options.epochs * -(-len(train) // options.batch_size)
    chosen = {} if held is None else {"held_out": held, "monitor": monitor, "patience": options.epochs}
    began = time.perf_counter()
    how = {"optimizer": adam(options.lr), "schedule": cosine(steps, warmup=500, floor=0.01), "ema": 0.999}
    how |= {"epochs": options.epochs, "batch_size": options.batch_size, "device": options.device}
    try:
        history = fit(model, train, seed=seed, progress=False, **how, **chosen)
    except Diverged as error:  # a result too, beside those of the others
        print(f"{name}, seed {seed}: {error}", flush=True)
        return {"-log p(x)": math.inf}
    minutes = (time.perf_counter() - began) / 60
    torch.set_float32_matmul_precision("highest")  # what is judged is judged in fp32
    model.corrupt = None  # test digits are binary already
    with seeded(1):  # at random: the first half of the test set is the easier one
        rows = Rows(test[torch.randperm(len(test))[: options.rows]])
    estimate = log_likelihood(model, rows, samples=options.samples, chunk=options.chunk)
    bound = elbo(model, Rows(test), samples=10)
    found = {
        "-log p(x)": -estimate.mean,
        "error, rows": estimate.standard_error.rows,
        "error, importance sampling": estimate.standard_error.monte_carlo,
        "effective draws": estimate.effective_sample_size.mean,
        "-ELBO": -bound.mean,
        "KL": bound.rate,
        "active units": active_units(model, Rows(test)).number,
        "epoch": (history.best if history.best is not None else len(history.records) - 1) + 1,
        "minutes": minutes,
    }
    words = ", ".join(f"{key} {value:.4g}" for key, value in found.items())
    print(f"{name}, seed {seed}: {words}", flush=True)
    return {key: float(value) for key, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--static", action="store_true", help="pixels drawn once, not at every step")
    parser.add_argument("--seed", type=int, default=0, help="the first")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--hidden", type=lambda s: tuple(map(int, s.split(","))), default=(400, 400))
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--warmup", type=int, default=5000, help="steps over which the KL comes in")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples a row")
    parser.add_argument("--rows", type=int, default=10_000, help="test rows for importance sampling")
    parser.add_argument("--chunk", type=int, default=2048, help="codes that are decoded at once")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tf32", action="store_true", help="train with TF32 products on a card")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="models that train at the same time")
    parser.add_argument("--name", default="", help="of the result file, after `likelihood_`")
    parser.add_argument("--control", action="store_true", help="with the classical bugs: must miss a bar")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.seeds)
    tasks = [(name, seed, options) for name in options.models for seed in seeds]
    title = f"likelihood_{options.name or ('static' if options.static else 'dynamic')}"
    found: dict[str, list[dict[str, float]]] = {name: [] for name in options.models}
    for (name, _, _), each in zip(tasks, spread(run, tasks, options.jobs)):
        found[name].append(each)
        recorded(title, options, {"unfinished": found})
    nll = {name: [each["-log p(x)"] for each in runs] for name, runs in found.items()}
    bars = {}
    for name, values in nll.items():
        spread_of = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        print(f"{name}: -log p(x) {np.mean(values):.2f} ± {spread_of:.2g}")
        bars[f"{name}: -log p(x) <= {MODELS[name][2]:g} nats"] = bool(np.mean(values) <= MODELS[name][2])
        if name != "vae" and "vae" in nll:
            bars[f"{name} below the VAE, every seed"] = all(a < b for a, b in zip(values, nll["vae"]))
    kept = ("epochs", "batch_size", "lr", "hidden", "dim", "warmup", "samples", "rows", "device", "tf32")
    result = {
        "found": found,
        "seeds": list(seeds),
        "settings": {each: getattr(options, each) for each in kept},
        "beside": {
            "pythae, static": {"vae": 89.78, "iwae-50": 86.82},
            "Burda et al. 2016": {"vae": 86.76, "iwae-50": 84.78},
            "Tomczak & Welling 2018, static": {"vae": 88.56, "vamp": 85.57},
        },
        "bars": bars,
    }
    return tell(title, options, result)


if __name__ == "__main__":
    sys.exit(main())
