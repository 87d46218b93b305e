"""What energies tell apart, and what masked codes are worth, on pictures where the answer of others is known.

    ISTHMUS_DATA=… python benchmarks/representation.py outside    # Fashion-MNIST against MNIST
    ISTHMUS_DATA=… python benchmarks/representation.py masked     # linear probe of a masked autoencoder

Writes `results/representation_<case>.json`. The exit status is 1 where a bar is missed; with `--control` the
training is left out, and the same code must miss its bar.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from families import above_nothing
from isthmus import Learner, Recipe, fit, seeded
from isthmus.baselines import pca
from isthmus.data import load
from isthmus.metrics import elbo, energy, linear_probe
from isthmus.models import autoencoder, ebgan, masked_autoencoder, nae, vae
from isthmus.training import adam, cosine
from outcome import tell

Result = dict[str, Any]
IMAGE = (1, 28, 28)


def trained(build: Recipe, x: Tensor, options: argparse.Namespace, epochs: int, seed: int) -> Learner:
    with seeded(seed):
        model: Learner = build(IMAGE)
    if epochs:
        steps = epochs * -(-len(x) // options.batch_size)
        rising = cosine(steps, warmup=min(steps // 20, 1000))
        shared = {"batch_size": options.batch_size, "schedule": rising, "seed": seed}
        shared |= {"device": options.device}
        fit(model, x, epochs=epochs, optimizer=adam(options.lr), progress=False, **shared)
    return model.to(options.device).eval()


def outside(options: argparse.Namespace) -> Result:
    """Fashion-MNIST is known, MNIST is not: AUROC of each score on test pictures, greater is stranger.

    The order holds where the mean over seeds of the difference is above 0, by Student's t, one-sided, at 5 %.
    A density exp(−E/T) is as far from its manifold as data are where T is their variance around it: here the
    plain autoencoder's, of training rows. Of 784 numbers kept chains hardly move, so that all start anew.
    Both were chosen on training rows that were held out, against USPS, digits, rotated pictures and grey.
    """
    known, other = load("fashion_mnist"), load("mnist")
    mean, scale = known.train.x.mean(), known.train.x.std()
    x, inside, strange = (
        torch.from_numpy(((part - mean) / scale).astype(np.float32)).view(-1, *IMAGE)
        for part in (known.train.x[: options.rows], known.test.x[:2000], other.test.x[:2000])
    )
    truth = np.r_[np.zeros(len(inside)), np.ones(len(strange))]
    shared: dict[str, Any] = {"dim": 32, "hidden": (512, 256)}
    pushing = max(1, options.epochs * -(-len(x) // options.batch_size) // 10)
    models = {
        "autoencoder": Recipe(autoencoder, **shared),
        "vae": Recipe(vae, **shared),
        "ebgan": Recipe(ebgan, **shared),
    }
    found: dict[str, list[float]] = {name: [] for name in (*models, "nae")}
    epochs = 0 if options.control else options.epochs
    for seed in range(options.seed, options.seed + options.seeds):
        learned = {name: trained(build, x, options, epochs, seed).cpu() for name, build in models.items()}
        variance = 2 * float(energy(learned["autoencoder"], x[:2000]).mean()) / x[0].numel()
        chief = Recipe(nae, temperature=variance, steps=pushing, anew=1.0, **shared)
        learned["nae"] = trained(chief, x, options, epochs, seed).cpu()
        for name, model in learned.items():
            scores = [
                -elbo(model, part, samples=10, seed=seed).per_row if name == "vae" else energy(model, part)
                for part in (inside, strange)
            ]
            found[name].append(float(roc_auc_score(truth, torch.cat(scores).numpy())))
            print(f"seed {seed}, {name:14s} AUROC {found[name][-1]:.4f}", flush=True)
    for name, values in found.items():
        print(f"{name:14s} AUROC {np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}")
    best = max("nae", "ebgan", key=lambda name: float(np.mean(found[name])))
    bars = {f"energy of {best}: AUROC >= 0.95": bool(np.mean(found[best]) >= 0.95)}
    for rival, score in (("autoencoder", "the plain autoencoder's error"), ("vae", "the VAE's -ELBO")):
        gain = np.subtract(found[best], found[rival])
        bar = f"energy of {best} above {score}: {gain.mean():.4f} ± {gain.std(ddof=1):.4f}"
        bars[bar] = above_nothing(gain.tolist())
    return {"auroc": found, "bars": bars, "rows": len(x), "epochs": options.epochs, "seeds": options.seeds}


def masked(options: argparse.Namespace) -> Result:
    """Linear probe of whole codes: a masked autoencoder, the same net as it began, and PCA at that width."""
    data = load(options.data)
    x, held = (torch.from_numpy(p.x).view(-1, *IMAGE) for p in (data.train, data.test))
    x, y = x[: options.rows], data.train.y[: options.rows]
    dim = options.dim
    build = Recipe(masked_autoencoder, dim=dim, patch=4, depth=options.depth, width=dim // 2)
    flat, flat_held = x.flatten(1).numpy(), held.flatten(1).numpy()
    projector = pca(flat, dim)
    codes = {f"PCA, {dim}": (projector.transform(flat), projector.transform(flat_held))}
    for name, epochs in (("untrained", 0), ("masked", 0 if options.control else options.epochs)):
        model = trained(build, x, options, epochs, options.seed).autoencoder
        codes[name] = tuple(averaged(model, part, dim, options.device) for part in (x, held))
    found = {n: linear_probe(a, y, b, data.test.y).score for n, (a, b) in codes.items()}
    print(found, flush=True)
    bars = {f"masked above {name}": found["masked"] > found[name] for name in (f"PCA, {dim}", "untrained")}
    settings = {"data": options.data, "dim": dim, "depth": options.depth, "batch_size": options.batch_size}
    return {"accuracy": found, "bars": bars, "rows": len(x), "epochs": options.epochs, "settings": settings}


@torch.no_grad()
def averaged(model: Any, x: Tensor, dim: int, device: str) -> np.ndarray:
    """The mean over the summary and all patches, `dim` numbers a row, as many as PCA has."""
    parts = (model.encode(part.to(device)).z.unflatten(1, (-1, dim)).mean(1) for part in x.split(500))
    return torch.cat([part.cpu() for part in parts]).numpy()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=("outside", "masked"))
    parser.add_argument("--data", default="mnist", help="of `masked`: mnist or fashion_mnist")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="of `outside`: two or more, from --seed on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=20_000, help="training pictures, the first")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dim", type=int, default=64, help="of `masked`: numbers a patch")
    parser.add_argument("--depth", type=int, default=4, help="of `masked`: layers of the encoder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="", help="of the result file, instead of the case's")
    parser.add_argument("--control", action="store_true", help="untrained: must miss the bars")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("an order needs two seeds or more")
    torch.set_num_threads(options.threads)
    result = {"outside": outside, "masked": masked}[options.case](options)
    return tell(f"representation_{options.name or options.case}", options, result)


if __name__ == "__main__":
    sys.exit(main())
