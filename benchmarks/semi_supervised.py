"""How many unseen digits of MNIST are told wrongly by who knew the labels of a hundred.

    ISTHMUS_DATA=… python benchmarks/semi_supervised.py ladder_network
    ISTHMUS_DATA=… python benchmarks/semi_supervised.py m1_m2 --draws 2
    … ladder_network --hidden 1000,500,250,250 --dim 250 --epochs 150 --threads 2

A draw is ten labelled rows of each digit; all training rows come without labels too. A step sees 100 rows
with labels and 100 without. Test rows choose nothing: `curve` is their error along the way, and what is
judged is the error at the end, after as many epochs as were asked for. `--tune` sets the last 10 000
training rows in their place. Beside each method stand an SVM of the hundred and the net of the ladder
network that learns from labels alone. The control leaves the hundred alone in the world: the same
training, and no other rows.

Each run prints what it measured and writes `results/semi_supervised_<method>.json`. The exit status is 1
where a bar is missed; with `--control`, where it is not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor

from isthmus import Learner, fit, seeded, train
from isthmus.data import load, two_streams
from isthmus.likelihoods import bernoulli
from isthmus.models import ladder_network, m2, semi_aae, vae
from isthmus.training import adam, cosine
from outcome import tell

BATCH, EACH = 100, 10  # rows a stream; labels a digit
HALF: dict[str, Any] = {"labelled": 1, "rows": 2}  # of a batch of two streams


class Draw(NamedTuple):
    """All rows without labels (n, d), those with labels, and unseen rows (m, d) with theirs."""

    others: Tensor
    x: Tensor
    labels: Tensor
    test: Tensor
    truth: Tensor
    seed: int

    def seen_as(self, change: Callable[[Tensor], Tensor]) -> Draw:
        return self._replace(others=change(self.others), x=change(self.x), test=change(self.test))


class Method(NamedTuple):
    """How it learns from a draw, giving its errors along the way; for how long; and what is wanted."""

    run: Callable[[Draw, argparse.Namespace], list[float]]
    hidden: tuple[int, ...]
    dim: int
    epochs: int
    bar: float


def by_two_streams(model: Learner, draw: Draw, epochs: int, lr: float) -> list[float]:
    """Errors in percent, eight times along the way; the rate falls in the last third."""
    steps = epochs * (len(draw.others) // BATCH)
    stream = two_streams(draw.x, draw.labels, draw.others, BATCH, epochs, seed=draw.seed)
    falling = lambda step: min(1.0, 3 * (1 - step / steps))  # noqa: E731
    first, curve = next(iter(model.players())), []
    optimizer = adam(lr, model.betas)
    for report in train(model, stream, optimizer, seed=draw.seed, schedule=falling):
        if report.player == first and (report.step + 1) % max(1, steps // 8) == 0:
            curve.append(error(model, draw))
            print(f"  step {report.step + 1} of {steps}: {curve[-1]:.2f} %", flush=True)
    return [*curve, error(model, draw)]


def error(model: Learner, draw: Draw) -> float:
    """In percent, of the model at rest; it goes on learning afterwards."""
    unknown = torch.full((len(draw.test),), -1)
    model.eval()
    with torch.no_grad():
        found = model.autoencoder.encode(draw.test, labels=unknown).extra["logits"].argmax(1)
    model.train()
    return wrong(found, draw)


def wrong(found: Any, draw: Draw) -> float:
    return 100 * float((torch.as_tensor(found) != draw.truth).float().mean())


def on_a_ladder(draw: Draw, options: argparse.Namespace) -> list[float]:
    """Rasmus et al. 2015: 1.06 % with the net 1000-500-250-250-250 after 150 epochs."""
    with seeded(draw.seed):
        model = ladder_network(784, options.dim, options.hidden)
    return by_two_streams(model, draw, options.epochs, 2e-3)


def by_m2(draw: Draw, options: argparse.Namespace) -> list[float]:
    """Kingma et al. 2014: 11.97 %. Pixels are binary, as theirs."""
    return on_rows(draw.seen_as(lambda x: (x > 0.5).float()), bernoulli, options)


def by_m1_m2(draw: Draw, options: argparse.Namespace) -> list[float]:
    """Kingma et al. 2014: 3.33 %. M2 on the means of a VAE that saw no labels."""
    draw = draw.seen_as(lambda x: (x > 0.5).float())
    with seeded(draw.seed):
        first = vae(784, 50, (600, 600), likelihood=bernoulli)
    rows, epochs = draw.others, options.first
    steps = epochs * -(-len(rows) // 128)
    fit(first, rows, epochs=epochs, schedule=cosine(steps), seed=draw.seed, progress=False)
    first.eval()
    with torch.no_grad():
        codes = draw.seen_as(lambda x: torch.cat([first.autoencoder.encode(p).z for p in x.split(5000)]))
    return on_rows(codes, None, options)


def on_rows(draw: Draw, likelihood: Any, options: argparse.Namespace) -> list[float]:
    explained = {} if likelihood is None else {"likelihood": likelihood}
    with seeded(draw.seed):
        model = m2(draw.x.shape[1], options.dim, options.hidden, **HALF, **explained)
    return by_two_streams(model, draw, options.epochs, 1e-3)


def by_aae(draw: Draw, options: argparse.Namespace) -> list[float]:
    """Makhzani et al. 2015: 1.90 %, nets of two layers of 1000."""
    with seeded(draw.seed):
        model = semi_aae(784, options.dim, options.hidden, **HALF)
    return by_two_streams(model, draw, options.epochs, 1e-3)


METHODS = {
    "m2": Method(by_m2, (500,), 50, 4, 6.0),
    "m1_m2": Method(by_m1_m2, (500,), 50, 10, 6.0),
    "semi_aae": Method(by_aae, (500, 500), 10, 8, 6.0),
    "ladder_network": Method(on_a_ladder, (500, 250), 100, 8, 6.0),
}


def drawn(seed: int, alone: bool, tune: bool) -> Draw:
    """Ten labelled rows of each digit, and the others, or, `alone`, once more the same."""
    data = load("mnist")
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y).long()
    test, truth = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y).long()
    if tune:
        x, y, test, truth = x[:50_000], y[:50_000], x[50_000:], y[50_000:]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[y[order] == digit][:EACH] for digit in range(10)])
    others = x[chosen].repeat(len(x) // len(chosen), 1) if alone else x
    return Draw(others, x[chosen], y[chosen], test, truth, seed)


def labels_alone(draw: Draw) -> float:
    """The small net of the ladder network without its costs: 600 steps, of which the hundred need fewer."""
    with seeded(draw.seed):
        model = ladder_network(784, 100, (500, 250), costs=(0.0,))
    return by_two_streams(model, draw._replace(others=draw.others[: 600 * BATCH]), 1, 2e-3)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1, help="of the rows that have labels")
    parser.add_argument("--epochs", type=int, default=0, help="of the rows without; by default some minutes")
    parser.add_argument("--first", type=int, default=20, help="epochs of M1")
    parser.add_argument("--hidden", type=lambda s: tuple(map(int, s.split(","))), default=())
    parser.add_argument("--dim", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="", help="of the result file, instead of the method's")
    parser.add_argument("--tune", action="store_true", help="judge by training rows, and write no record")
    parser.add_argument("--control", action="store_true", help="the labelled rows alone: must miss the bar")
    options = parser.parse_args()
    method = METHODS[options.method]
    for each in ("epochs", "hidden", "dim"):
        setattr(options, each, getattr(options, each) or getattr(method, each))
    torch.set_num_threads(options.threads)
    curves, seconds = [], []
    beside: dict[str, list[float]] = {"SVM of the labelled pixels": [], "the net, labels alone": []}
    for seed in range(options.seed, options.seed + options.draws):
        draw = drawn(seed, options.control, options.tune)
        svm = SVC(C=10).fit(draw.x, draw.labels)
        beside["SVM of the labelled pixels"].append(wrong(svm.predict(draw.test), draw))
        beside["the net, labels alone"].append(labels_alone(draw))
        began = time.process_time()
        curves.append(method.run(draw, options))
        seconds.append(time.process_time() - began)
        print(f"draw {seed}: error {curves[-1][-1]:.2f} % after {seconds[-1]:.0f} CPU seconds; {beside}")
    mean = float(np.mean([curve[-1] for curve in curves]))
    result = {
        "error_percent": [curve[-1] for curve in curves],
        "curve": curves,
        "beside": beside,
        "epochs": options.epochs,
        "net": {"hidden": list(options.hidden), "dim": options.dim},
        "training_cpu_seconds": seconds,
        "bars": {f"mean error at most {method.bar:g} %": mean <= method.bar},
    }
    return tell(f"semi_supervised_{options.name or options.method}", options, result, keep=not options.tune)


if __name__ == "__main__":
    sys.exit(main())
