"""What each kind of discrete code loses on Fashion-MNIST at equal bits, and what a codebook needs to be used.

    ISTHMUS_DATA=… python benchmarks/quantised.py
    ISTHMUS_DATA=… python benchmarks/quantised.py --control

A map of 7 × 7 vectors, of 8 bits each (392 a picture), by one convolutional net; all methods see the same
batches. Writes `results/quantised_fashion.json`. The control's codebooks start where `nn.Embedding` would put
them, and nothing is revived; they must miss the bars.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import isthmus
from harness import RESULTS, git, machine, write
from isthmus import Autoencoder, Recipe, fit, seeded
from isthmus.baselines import pca
from isthmus.data import load
from isthmus.latents import Codebook, rotation
from isthmus.metrics import code_length, codebook_use
from isthmus.models import fsq, lfq, product_vq_vae, residual_vq_vae, vq_vae, vq_vae_2
from isthmus.nets import convs
from isthmus.runs import versions
from isthmus.training import adam, cosine

NETS = Recipe(convs, spatial=True, blocks=1)
SHARED: dict[str, Any] = {"hidden": (16, 32), "positions": (7, 7), "nets": NETS}
IMAGE = (1, 28, 28)


def books(model: nn.Module) -> list[Codebook]:
    return [part for part in model.modules() if isinstance(part, Codebook)]


def careless(ema: float | None) -> Autoencoder:
    """A codebook as it is often first written: `nn.Embedding`'s N(0, 1), no start at the data, no revival."""
    model = vq_vae(IMAGE, 256, ema=ema, **SHARED)
    for book in books(model):
        book.start, book.revive = None, 0.0
        with torch.no_grad():
            book.entries.normal_()
            if ema is not None:
                book.sums.copy_(book.entries)
    return model


METHODS: dict[str, Callable[[], Autoencoder]] = {
    "vq_vae, 256": lambda: vq_vae(IMAGE, 256, **SHARED),
    "vq_vae, 256, rotation": lambda: vq_vae(IMAGE, 256, gradient=rotation, **SHARED),
    "residual_vq_vae, 2 x 16": lambda: residual_vq_vae(IMAGE, 16, **SHARED),
    "product_vq_vae, 2 x 16": lambda: product_vq_vae(IMAGE, 16, **SHARED),
    "fsq, 8 x 6 x 5": lambda: fsq(IMAGE, (8, 6, 5), **SHARED),
    "lfq, 8 signs": lambda: lfq(IMAGE, 8, **SHARED),
    "vq_vae_2, 108, 3 x 3 above": lambda: vq_vae_2(
        IMAGE, 108, top_hidden=(32,), top_positions=(3, 3), **SHARED
    ),
    "vq_vae, 64": lambda: vq_vae(IMAGE, 64, **SHARED),
    "vq_vae, 16": lambda: vq_vae(IMAGE, 16, **SHARED),
}
CONTROLS: dict[str, Callable[[], Autoencoder]] = {
    "vq_vae, 256, by gradient, without care": lambda: careless(None),
    "vq_vae, 256, running means, without care": lambda: careless(0.99),
}


def judged(name: str, model: Autoencoder, x: Tensor, test: Tensor, options: argparse.Namespace) -> Any:
    began = time.perf_counter()
    fit(
        model,
        x,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=adam(options.lr),
        schedule=cosine(options.epochs * -(-len(x) // options.batch_size)),
        seed=options.seed,
        progress=False,
    )
    latent: Any = model.latent
    with torch.no_grad():
        latent.fit_prior(model.encode(x[:4000]).z)
        code = model.encode(test)
        error = float((model.decode(code.z).mean - test).square().sum((1, 2, 3)).mean())
    length = code_length(model, test)
    columns = {book: [i for i, b in enumerate(latent.books) if b == book] for book in set(latent.books)}
    indices = code.extra["indices"].numpy()
    uses = [codebook_use(indices[:, own], latent.levels[own[0]]) for own in columns.values()]
    ln2 = float(torch.tensor(2.0).log())
    found = {
        "squared_error": error,
        "bits": length.most / ln2,
        "bits_by_use": length.rate / ln2,
        "bits_per_pixel": length.most / ln2 / 784,
        "books": [{"size": u.size, "used": u.used, "perplexity": u.perplexity} for u in uses],
        "share_of_perplexity": min(u.perplexity / u.size for u in uses),
        "dead": sum(u.size - u.used for u in uses),
        "seconds": time.perf_counter() - began,
    }
    words = "; ".join(map(str, uses))
    print(f"{name:42s} error {error:6.2f}  bits {found['bits']:5.0f} ({found['bits_by_use']:4.0f})  {words}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, default=12_800, help="training pictures, the first")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument(
        "--only", default="", help="methods whose name holds this; the record keeps the others"
    )
    parser.add_argument("--control", action="store_true", help="with the classical bug: must miss the bars")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load("fashion_mnist")
    x, test = (torch.from_numpy(part.x).view(-1, *IMAGE) for part in (data.train, data.test))
    x, test = x[: options.rows], test[:2000]
    title = f"quantised_fashion{'_control' if options.control else ''}"
    command, state = shlex.join(["python", *sys.argv]), git()
    kept = json.loads((RESULTS / f"{title}.json").read_text("utf-8")) if options.only else {}
    found = kept.pop("result")["found"] if kept else {}
    for name, build in (CONTROLS if options.control else METHODS).items():
        if options.only in name:
            with seeded(options.seed):
                model = build()
            own = {"command": command, "git": state} if options.only else {}
            found[name] = judged(name, model, x, test, options) | own
    flat, held = x.flatten(1).numpy(), test.flatten(1).numpy()
    beside = {
        "mean picture, 0 bits": float(((held - flat.mean(0)) ** 2).sum(1).mean()),
        "PCA, 12 numbers of 32 bits": float(((pca(flat, 12).reconstruct(held) - held) ** 2).sum(1).mean()),
    }
    print(beside)
    learned = {name: each for name, each in found.items() if "vq" in name}
    bars = {
        f"{name}: perplexity >= half of the book, none dead": each["share_of_perplexity"] >= 0.5
        and each["dead"] == 0
        for name, each in learned.items()
    }
    header = {
        "name": title,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command,
        "git": state,
        "machine": machine(),
        "versions": versions() | {"isthmus": isthmus.__version__},
        "seed": options.seed,
        "threads": options.threads,
    }
    result = {"found": found, "beside": beside, "rows": options.rows, "epochs": options.epochs, "bars": bars}
    path = write(title, header | kept | {"result": result})
    for bar, holds in bars.items():
        print(f"{'holds ' if holds else 'MISSED'}  {bar}")
    print(f"written to {path}")
    return 1 if (any(bars.values()) if options.control else not all(bars.values())) else 0


if __name__ == "__main__":
    sys.exit(main())
