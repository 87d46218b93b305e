"""Which codes tell causes apart: β-TCVAE, β-VAE and VAE on pictures of which every cause is known.

    python benchmarks/disentangling.py --jobs 2            # 15 models, some minutes each
    python benchmarks/disentangling.py --dsprites FILE     # who has it: 100 000 of its pictures
    python benchmarks/disentangling.py --first 100 --seeds 1 --betas 2 4 --weights 4 8   # to look around

`load("sprites")`, all 24 576 pictures of 3 shapes, 4 scales, 8 rotations and 16 × 16 places. Same net, rows,
steps and first weights for each; contenders are paired by seed. MIG is by 20-bin histograms of posterior
means over all five factors (Locatello et al. 2019), and beside it without the shape, as Chen et al. (2018)
have it.

Writes `results/disentangling.json`. The order β-TCVAE above β-VAE above VAE holds where the means of five
seeds are so; by how much is told with the spread. With the control all weights are 1, and the β-VAE cannot be
above the VAE. The exit status is 1 where an order breaks, or where with the control none does.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import torch

from isthmus import Autoencoder, fit, seeded
from isthmus.data.sprites import Sprites, dsprites, sprites
from isthmus.likelihoods import bernoulli
from isthmus.metrics import active_units, dci, elbo, mig
from isthmus.models import beta_tcvae, beta_vae
from isthmus.training import adam, cosine
from outcome import recorded, tell
from pool import spread

SHAPE = 0  # the place of the shape among the factors
Found = dict[str, dict[str, list[float]]]


def pictured(options: argparse.Namespace) -> Sprites:
    """Sprites, or so many rows of the person's dSprites."""
    return dsprites(options.dsprites, options.rows) if options.dsprites else sprites()


def contenders(options: argparse.Namespace, rows: int, pixels: int = 256) -> dict[str, Any]:
    shape: Any = (pixels, options.dim, options.hidden)
    plain = partial(beta_vae, *shape, likelihood=bernoulli)
    apart = partial(beta_tcvae, *shape, rows=rows, stratified=True, likelihood=bernoulli)
    named: dict[str, Any] = {"VAE": partial(plain, beta=1.0)}
    for beta in options.betas:
        named[f"β-VAE, {beta:g}"] = partial(plain, beta=1.0 if options.control else beta)
    for weight in options.weights:
        named[f"β-TCVAE, {weight:g}"] = partial(apart, beta=1.0 if options.control else weight)
    return named


def run(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(options.threads)
    pictures = pictured(options)
    x, factors = torch.from_numpy(pictures.x), pictures.factors
    with seeded(seed):
        model: Autoencoder = contenders(options, *x.shape)[name]()
    a_pass = -(-len(x) // options.batch_size)
    epochs = -(-options.steps // a_pass)
    began = time.perf_counter()
    fit(
        model,
        x,
        epochs=epochs,
        batch_size=options.batch_size,
        optimizer=adam(options.lr),
        schedule=cosine(epochs * a_pass, floor=0.1),
        seed=seed,
        device=options.device,
        progress=False,
    )
    minutes = (time.perf_counter() - began) / 60
    with torch.no_grad():
        codes = torch.cat([model.encode(part.to(options.device)).z for part in x.split(4096)]).cpu().numpy()
    bound = elbo(model, x)
    others = np.delete(factors, SHAPE, 1)
    found = {
        "MIG": mig(codes, factors),
        "MIG without shape": mig(codes, others),
        "DCI disentanglement": dci(codes, factors, seed=0).disentanglement,
        "rate": bound.rate,
        "distortion": bound.distortion,
        "active units": active_units(model, x).number,
        "minutes": minutes,
    }
    print(f"{name}, seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()), flush=True)
    return {key: float(value) for key, value in found.items()}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--betas", type=float, nargs="+", default=[4.0])
    parser.add_argument("--weights", type=float, nargs="+", default=[6.0], help="of the total correlation")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hidden", type=numbers, default=(400, 400))
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="models that train at the same time")
    parser.add_argument("--dsprites", help="the NPZ file of dSprites, in place of sprites")
    parser.add_argument("--rows", type=int, default=100_000, help="of dSprites, drawn at random")
    parser.add_argument("--look", action="store_true", help="write no record")
    parser.add_argument("--control", action="store_true", help="all weights 1: no order may hold")
    options = parser.parse_args()
    options.seed = options.first
    title = "disentangling_dsprites" if options.dsprites else "disentangling"
    seeds = range(options.first, options.first + options.seeds)
    names = list(contenders(options, 1))
    tasks = [(name, seed, options) for seed in seeds for name in names]
    found: Found = {name: {} for name in names}
    for (name, _, _), each in zip(tasks, spread(run, tasks, options.jobs)):
        for measure, value in each.items():
            found[name].setdefault(measure, []).append(value)
        if not options.look:
            recorded(title, options, {"unfinished": found})
    for name, measures in found.items():
        cells = (
            f"{m} {np.mean(v):.3g} ± {np.std(v, ddof=1) if len(v) > 1 else 0:.2g}"
            for m, v in measures.items()
        )
        print(f"{name:14} " + "; ".join(cells))
    ranks = [["VAE"], [n for n in names if n.startswith("β-VAE")], [n for n in names if n.startswith("β-TC")]]
    bars = {}
    for measure in ("MIG", "MIG without shape"):
        low, middle, high = (max(float(np.mean(found[n][measure])) for n in rank) for rank in ranks)
        bars[f"{measure}: β-VAE {middle:.3f} above VAE {low:.3f}"] = middle > low
        bars[f"{measure}: β-TCVAE {high:.3f} above β-VAE {middle:.3f}"] = high > middle
    result = {"found": found, "seeds": list(seeds), "settings": vars(options), "bars": bars}
    return tell(title, options, result, keep=not options.look)


if __name__ == "__main__":
    sys.exit(main())
