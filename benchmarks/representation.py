"""What energies tell apart, and what masked codes are worth, on pictures where the answer of others is known.

    ISTHMUS_DATA=… python benchmarks/representation.py outside    # Fashion-MNIST against MNIST
    ISTHMUS_DATA=… python benchmarks/representation.py masked     # linear probe of a masked autoencoder

Writes `results/representation_<case>.json`. The exit status is 1 where a bar is missed; with `--control` the
training is left out, and the same code must miss its bar.
"""

from __future__ import annotations

import argparse
import math
import sys
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional as F

from families import above_nothing
from isthmus import Learner, Recipe, fit, seeded
from isthmus.baselines import pca
from isthmus.data import load
from isthmus.metrics import elbo, energy, linear_probe
from isthmus.models import autoencoder, ebgan, masked_autoencoder, nae, vae
from isthmus.models.energy import Normalised
from isthmus.nets import convs
from isthmus.objective import Objective
from isthmus.training import adam, cosine
from outcome import tell

Result = dict[str, Any]
IMAGE = (1, 28, 28)
CONVOLUTIONS = {"hidden": (32, 64), "nets": Recipe(convs)}


def trained(build: Recipe, x: Tensor, options: argparse.Namespace, epochs: int, seed: int) -> Learner:
    with seeded(seed):
        model: Learner = build(IMAGE)
    return gone_on(model, x, options, epochs, seed, options.lr)


def gone_on(
    model: Learner, x: Tensor, options: argparse.Namespace, epochs: int, seed: int, lr: float
) -> Learner:
    """The model after so many more epochs, in eval()."""
    if epochs:
        steps = epochs * -(-len(x) // options.batch_size)
        rising = cosine(steps, warmup=min(steps // 20, 1000))
        shared = {"batch_size": options.batch_size, "schedule": rising, "seed": seed}
        shared |= {"device": options.device}
        fit(model, x, epochs=epochs, optimizer=adam(lr), progress=False, **shared)
    return model.to(options.device).eval()


def outside(options: argparse.Namespace) -> Result:
    """Fashion-MNIST is known, MNIST is not: AUROC of each score on test pictures, greater is stranger.

    The order holds where the mean over seeds of the difference is above 0, by Student's t, one-sided, at 5 %.
    A density exp(−E/T) is as far from its manifold as data are where T is their variance around it: here the
    plain autoencoder's, of training rows. Of 784 numbers kept chains hardly move, so that all start anew.
    Both were chosen on training rows that were held out, against USPS, digits, rotated pictures and grey:
    `--choose` asks about these, and never about MNIST.

    With `--pushed` the last epochs of `nae` are its push, as the authors do it: before, it is an autoencoder
    on a sphere, and T the variance of its own rows; then chains over codes are kept.
    """
    x, inside, others = pictures(options)
    nets: dict[str, Any] = {"hidden": (512, 256)} if options.nets == "dense" else CONVOLUTIONS
    shared = {"dim": 32} | nets
    models = {
        "autoencoder": Recipe(autoencoder, **shared),
        "vae": Recipe(vae, **shared),
        "ebgan": Recipe(ebgan, **shared),
    }
    found: dict[str, dict[str, list[float]]] = {
        name: {other: [] for other in others} for name in (*models, "nae")
    }
    epochs = 0 if options.control else options.epochs
    for seed in range(options.seed, options.seed + options.seeds):
        learned = {name: trained(build, x, options, epochs, seed).cpu() for name, build in models.items()}
        learned["nae"] = normalised(shared, learned["autoencoder"], x, options, epochs, seed).cpu()
        for name, model in learned.items():
            own = strangeness(name, model, inside, seed)
            for other, rows in others.items():
                scores = np.r_[own, strangeness(name, model, rows, seed)]
                auroc = float(roc_auc_score(np.r_[np.zeros(len(own)), np.ones(len(rows))], scores))
                found[name][other].append(auroc)
                print(f"seed {seed}, {name:14s} AUROC {auroc:.4f}, {other}", flush=True)
    for name, measured in found.items():
        words = (f"{np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}, {other}" for other, v in measured.items())
        print(f"{name:14s} AUROC " + "; ".join(words))
    if options.choose:
        return {"bars": {}}
    known = {name: measured["MNIST"] for name, measured in found.items()}
    best = max("nae", "ebgan", key=lambda name: float(np.mean(known[name])))
    bars = {f"energy of {best}: AUROC >= 0.95": bool(np.mean(known[best]) >= 0.95)}
    for rival, score in (("autoencoder", "the plain autoencoder's error"), ("vae", "the VAE's -ELBO")):
        gain = np.subtract(known[best], known[rival])
        bar = f"energy of {best} above {score}: {gain.mean():.4f} ± {gain.std(ddof=1):.4f}"
        bars[bar] = above_nothing(gain.tolist())
    return {"auroc": known, "bars": bars, "rows": len(x), "epochs": options.epochs, "seeds": options.seeds}


def pictures(options: argparse.Namespace) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Rows to learn from, rows like them that were held out, and others by name; of unit variance."""
    known = load("fashion_mnist")
    mean, scale = known.train.x.mean(), known.train.x.std()

    def standard(rows: Any) -> Tensor:
        return torch.from_numpy(((np.asarray(rows) - mean) / scale).astype(np.float32)).view(-1, *IMAGE)

    x = standard(known.train.x[: options.rows])
    if not options.choose:
        return x, standard(known.test.x[:2000]), {"MNIST": standard(load("mnist").test.x[:2000])}
    if options.rows > len(known.train.x) - 2000:
        raise ValueError(f"--choose holds out the last 2000 training pictures; --rows is {options.rows}")
    inside = standard(known.train.x[-2000:])
    levels = np.linspace(0, 1, 500, dtype=np.float32)
    return x, inside, {
        "USPS": standard(framed(load("usps").train.x[:2000])),
        "digits": standard(framed(load("digits").train.x)),
        "rotated": torch.rot90(inside, 1, (2, 3)),
        "grey": standard(np.repeat(levels[:, None], 784, 1)),
    }  # fmt: skip


def framed(rows: np.ndarray) -> np.ndarray:
    """Square pictures as MNIST has its own: from 0 to 1, 20 × 20 in the middle of 28 × 28."""
    side = math.isqrt(rows.shape[1])
    square = torch.from_numpy((rows - rows.min()) / np.ptp(rows)).float().view(-1, 1, side, side)
    framed: np.ndarray = F.pad(F.interpolate(square, (20, 20), mode="bilinear"), (4, 4, 4, 4)).numpy()
    return framed


def strangeness(name: str, model: Learner, rows: Tensor, seed: int) -> np.ndarray:
    """−ELBO of a VAE, and the energy of all others, a number a row."""
    if name == "vae":
        return -elbo(model, rows, samples=10, seed=seed).per_row.numpy()
    found: np.ndarray = energy(model, rows).numpy()
    return found


def normalised(
    shared: dict[str, Any], plain: Learner, x: Tensor, options: argparse.Namespace, epochs: int, seed: int
) -> Learner:
    """A normalised autoencoder after so many epochs, of which the last `options.pushed` are its push."""
    if not options.pushed or not epochs:
        variance = 2 * float(energy(plain, x[:2000]).mean()) / x[0].numel()
        growing = max(1, options.epochs * -(-len(x) // options.batch_size) // 10)
        build = Recipe(nae, temperature=variance, steps=growing, anew=1.0, **shared)
        return trained(build, x, options, epochs, seed)
    with seeded(seed):
        model: Normalised = nae(IMAGE, steps=0, keep_codes=True, anew=0.05, **shared)
    whole = model.autoencoder.objective
    model.autoencoder.objective = Objective(whole.terms[:1])
    gone_on(model, x, options, epochs - options.pushed, seed, options.lr)
    model.temperature = 2 * float(energy(model, x[:2000].to(options.device)).mean()) / x[0].numel()
    model.autoencoder.objective = whole
    return gone_on(model, x, options, options.pushed, seed, options.push)


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
    parser.add_argument("--nets", choices=("dense", "convolutional"), default="dense", help="of `outside`")
    parser.add_argument("--pushed", type=int, default=0, help="of `outside`: epochs that are nae's push")
    parser.add_argument("--push", type=float, default=3e-4, help="of `outside`: learning rate of these")
    parser.add_argument("--choose", action="store_true", help="of `outside`: on what settings are chosen by")
    parser.add_argument("--dim", type=int, default=64, help="of `masked`: numbers a patch")
    parser.add_argument("--depth", type=int, default=4, help="of `masked`: layers of the encoder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="", help="of the result file, instead of the case's")
    parser.add_argument("--control", action="store_true", help="untrained: must miss the bars")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("an order needs two seeds or more")
    if not 0 <= options.pushed <= options.epochs:
        parser.error(f"--pushed counts the last of {options.epochs} epochs; it is {options.pushed}")
    torch.set_num_threads(options.threads)
    result = {"outside": outside, "masked": masked}[options.case](options)
    return tell(f"representation_{options.name or options.case}", options, result, keep=not options.choose)


if __name__ == "__main__":
    sys.exit(main())
