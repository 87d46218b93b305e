"""How many unseen digits of MNIST are told wrongly by who knew the labels of a hundred.

    ISTHMUS_DATA=… python benchmarks/semi_supervised.py ladder_network
    ISTHMUS_DATA=… python benchmarks/semi_supervised.py m1_m2 --draws 2
    … ladder_network --hidden 1000,500,250,250 --dim 250 --epochs 100 --draws 5 --device cuda --at-once

A draw is ten labelled rows of each digit; all training rows come without labels too. A step sees `--batch`
rows without labels and `--labelled` with: as many for the ladder network, and a few for those that model the
rows. Test rows choose nothing: `curve` is their error along the way, and what is judged is the error at the
end, after as many epochs as were asked for. `--tune` sets the last 10 000 training rows in their place.
Beside each method stand an SVM of the hundred and the net of the ladder network that learns from labels
alone. The control leaves the hundred alone in the world: the same training, and no other rows.

A long training is better kept: with `--keep FOLDER` the same command goes on where it was cut off. Its
`training_seconds` are those of the last run.

A digit stays what it is when it is moved: with `--shift 2` M2 and the adversarial autoencoder read pictures
at other places, and the two that know the hundred alone see these at all of them.

With `--at-once` the ladder networks or the adversarial autoencoders of all draws learn side by side on a card
(`replayed.py`), an order of rows for each; `training_seconds` are then those of all, and nothing is kept.

Each run prints what it measured and writes `results/semi_supervised_<method>.json`. The exit status is 1
where a bar is missed; with `--control`, where it is not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus import Batch, Learner, Recipe, fit, seeded
from isthmus.corruptions import Corruption, binarise, gaussian_noise, shifts
from isthmus.data import load, two_streams
from isthmus.likelihoods import bernoulli, gaussian
from isthmus.likelihoods.certain import Point
from isthmus.models import ladder_network, m2, semi_aae, vae
from isthmus.models.ladder import SEVERAL, LadderNetwork
from isthmus.nets import mlps
from isthmus.nets.ladder import Pass
from isthmus.trace import Code, Trace
from isthmus.training import Diverged, adam, cosine
from isthmus.training.watch import spoiled
from outcome import tell
from pool import spread
from replayed import Replayed

EACH = 10  # labels a digit
FIRST, SILENT = 50, 0.1  # dimensions of M1, and the deviation of means below which one of them says nothing


class Draw(NamedTuple):
    """All rows without labels (n, d), those with labels, and unseen rows (m, d) with theirs."""

    others: Tensor
    x: Tensor
    labels: Tensor
    test: Tensor
    truth: Tensor
    seed: int


class Method(NamedTuple):
    """The model for a draw, and the rows as that sees them; what is wanted; and with which options."""

    made: Callable[[Draw, argparse.Namespace], tuple[Learner, Draw]]
    bar: float
    options: dict[str, Any]


class Streams:
    """`two_streams`, an epoch of it each time, in an order of that epoch's own."""

    def __init__(self, draw: Draw, options: argparse.Namespace):
        self.draw, self.options = draw, options

    def __iter__(self) -> Iterator[Batch]:
        draw, options = self.draw, self.options
        seed = int(torch.randint(2**31, ()))  # the same when training goes on from a checkpoint
        return two_streams(draw.x, draw.labels, draw.others, options.batch, 1, seed, options.labelled)


def by_two_streams(model: Learner, draw: Draw, options: argparse.Namespace) -> list[float]:
    """Errors in percent, eight times along the way; the rate falls in the last third."""
    steps = options.epochs * (len(draw.others) // options.batch)
    falling = lambda step: min(1.0, 3 * (1 - step / steps))  # noqa: E731
    parts = sorted({-(-options.epochs * part // 8) for part in range(1, 9)})
    curve: list[float] = []
    with ExitStack() as stack:
        kept = options.keep / str(draw.seed) if options.keep else stack.enter_context(TemporaryDirectory())
        found = Path(kept) / "curve.json"
        if found.exists():
            curve = json.loads(found.read_text())
        for epochs in parts[len(curve) :]:
            fit(
                model,
                Streams(draw, options),
                epochs=epochs,
                optimizer=adam(options.lr, model.betas),
                schedule=falling,
                precision=options.precision,
                seed=draw.seed,
                folder=kept,
                progress=False,
            )
            curve.append(error(model, draw))
            found.write_text(json.dumps(curve))
            print(f"  epoch {epochs} of {options.epochs}: {curve[-1]:.2f} %", flush=True)
    return curve


def error(model: Learner, draw: Draw) -> float:
    """In percent."""
    unknown = torch.full_like(draw.truth, -1)
    with torch.no_grad():
        found = model.autoencoder.encode(draw.test, labels=unknown).extra["logits"].argmax(1)
    return wrong(found, draw)


def wrong(found: Any, draw: Draw) -> float:
    return 100 * float((torch.as_tensor(found, device=draw.truth.device) != draw.truth).float().mean())


def share(options: argparse.Namespace) -> dict[str, int]:
    """Of the rows of a batch, how many have a label."""
    return {"labelled": options.labelled, "rows": options.labelled + options.batch}


def on_a_ladder(draw: Draw, options: argparse.Namespace) -> tuple[Learner, Draw]:
    """Rasmus et al. 2015: 1.06 % with the net 1000-500-250-250-250 after 150 epochs."""
    with seeded(draw.seed):
        model = ladder_network(784, options.dim, options.hidden, **share(options))
    if options.at_once:
        in_order(model, options.labelled)
    return model, draw._replace(labels=draw.labels.cpu())  # where counting them makes no device wait


def in_order(model: LadderNetwork, labelled: int) -> None:
    """The first rows of every batch have labels: nothing is counted, so that a step can be recorded."""

    def passes(batch: Batch, step: int) -> tuple[Trace, Pass]:
        x = model.net.laid(batch.input)
        parts = [labelled, len(x) - labelled]
        parts = parts if min(parts) >= SEVERAL else [len(x)]
        clean, logits, errors = model.ways(x, parts, slice(labelled, None), None)
        return Trace(batch, x, Code(clean.z[-1], extra={"logits": logits, **errors}), Point(x), step), clean

    model.passes = passes  # type: ignore[method-assign]


def by_m2(draw: Draw, options: argparse.Namespace) -> tuple[Learner, Draw]:
    """Kingma et al. 2014: 11.97 %. Pixels are binary, drawn anew at every step."""
    with seeded(draw.seed):
        model = m2(
            784, options.dim, options.hidden, alpha=options.alpha, likelihood=bernoulli, **share(options)
        )
    move = moving(options.shift)
    model.corrupt = lambda batch: move(binarise(batch))
    return model, draw


def by_m1_m2(draw: Draw, options: argparse.Namespace) -> tuple[Learner, Draw]:
    """Kingma et al. 2014: 3.33 %. M2 on draws from the posteriors of a VAE that saw no labels.

    As in the authors' code, dimensions of which the VAE makes no use are left out, and unseen rows are their
    means.
    """
    with seeded(draw.seed):
        first = vae(784, FIRST, (600, 600), likelihood=bernoulli)
    first.corrupt = binarise
    rows, epochs = draw.others, options.first
    steps = epochs * -(-len(rows) // 128)
    fit(
        first.to(options.device),
        rows,
        epochs=epochs,
        schedule=cosine(steps),
        seed=draw.seed,
        progress=False,
    )
    first.eval()
    with torch.no_grad():
        posteriors = [first.encode(part).stages[0].q for part in rows.split(5000)]
        used = torch.cat([q.mean for q in posteriors]).std(0) > SILENT

        def told(x: Tensor) -> Tensor:  # (n, 784) -> (n, 2 k): means and deviations
            parts = [first.encode(part).stages[0].q for part in x.split(5000)]
            return torch.cat([torch.cat([q.mean[:, used], q.stddev[:, used]], 1) for q in parts])

        width = int(used.sum())
        draw = draw._replace(others=told(rows), x=told(draw.x), test=told(draw.test)[:, :width])
    print(f"  M1 uses {width} of {FIRST} dimensions", flush=True)
    with seeded(draw.seed):
        model = m2(
            width,
            options.dim,
            options.hidden,
            alpha=options.alpha,
            likelihood=Recipe(gaussian, scale="feature"),
            **share(options),
        )
    model.corrupt = posterior_draws
    return model, draw


def posterior_draws(batch: Batch) -> Batch:
    """Rows that are means and deviations (b, 2 k) become draws (b, k)."""
    mean, deviation = batch.input.chunk(2, 1)
    x = mean + deviation * torch.randn_like(mean)
    return batch._replace(input=x, target=x)


def by_aae(draw: Draw, options: argparse.Namespace) -> tuple[Learner, Draw]:
    """Makhzani et al. 2015: 1.90 %, nets of two layers of 1000. Pixels, between 0 and 1, end in a sigmoid."""
    with seeded(draw.seed):
        model = semi_aae(
            784,
            options.dim,
            options.hidden,
            critic=options.hidden,
            pace=options.pace,
            nets=within_one,
            **share(options),
        )
    move = moving(options.shift)
    noise = gaussian_noise(options.noise) if options.noise > 0 else unharmed
    model.autoencoder.corrupt = lambda batch: noise(move(batch))
    return model, draw


def moving(most: int) -> Corruption:
    """Rows (b, 784) are read as pictures moved by up to so many pixels, and rebuilt in their place."""
    if not most:
        return unharmed
    move = shifts(most, target=False)

    def corrupt(batch: Batch) -> Batch:
        pictures = batch.input.view(-1, 1, 28, 28)
        return batch._replace(input=move(Batch(pictures, pictures)).input.flatten(1))

    return corrupt


def unharmed(batch: Batch) -> Batch:
    return batch


def within_one(*sizes: Any, **options: Any) -> tuple[nn.Module, nn.Module]:
    """As `mlps`, with a decoder of numbers between 0 and 1."""
    encoder, decoder = mlps(*sizes, **options)
    return encoder, nn.Sequential(decoder, nn.Sigmoid())


EVEN: dict[str, Any] = {"batch": 100, "labelled": 100, "lr": 2e-3}
METHODS = {
    "m2": Method(
        by_m2,
        6.0,
        {
            "hidden": (400, 200),
            "dim": 2,
            "epochs": 6,
            "batch": 100,
            "labelled": 10,
            "lr": 1e-3,
            "alpha": 100.0,
        },
    ),
    "m1_m2": Method(
        by_m1_m2,
        6.0,
        {"hidden": (300,), "dim": 20, "epochs": 12, "batch": 100, "labelled": 5, "lr": 3e-3, "alpha": 1.0},
    ),
    "semi_aae": Method(
        by_aae,
        6.0,
        {
            "hidden": (500, 500),
            "dim": 6,
            "epochs": 16,
            "batch": 100,
            "labelled": 20,
            "lr": 2e-3,
            "pace": 0.3,
        },
    ),
    "ladder_network": Method(on_a_ladder, 6.0, {"hidden": (500, 250), "dim": 100, "epochs": 8, **EVEN}),
}


RECORDED = ("ladder_network", "semi_aae")  # whose steps ask nothing of a card that the host would wait for
MOVED = ("m2", "semi_aae")  # which read pictures where `--shift` puts them


def drawn(options: argparse.Namespace, seed: int) -> Draw:
    """Ten labelled rows of each digit, and the others, or, under `--control`, once more the same."""
    data = load("mnist")
    x, y = torch.from_numpy(data.train.x), torch.from_numpy(data.train.y).long()
    test, truth = torch.from_numpy(data.test.x), torch.from_numpy(data.test.y).long()
    if options.tune:
        x, y, test, truth = x[:50_000], y[:50_000], x[50_000:], y[50_000:]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    chosen = torch.cat([order[y[order] == digit][:EACH] for digit in range(10)])
    others = x[chosen].repeat(len(x) // len(chosen), 1) if options.control else x
    return Draw(*(part.to(options.device) for part in (others, x[chosen], y[chosen], test, truth)), seed)


def labels_alone(draw: Draw) -> float:
    """The small net of the ladder network without its costs: 600 steps, of which the hundred need fewer."""
    with seeded(draw.seed):
        model = ladder_network(784, 100, (500, 250), costs=(0.0,))
    draw = draw._replace(others=draw.others[: 600 * EVEN["batch"]])
    return by_two_streams(model, draw, argparse.Namespace(**EVEN, epochs=1, precision="fp32", keep=None))[-1]


def judged(options: argparse.Namespace, seed: int) -> tuple[list[float], dict[str, float], float, float]:
    """A draw: errors along the way, seconds, and the errors of the SVM and of the net beside it."""
    torch.set_num_threads(options.threads)
    pixels, alone = beside(options, seed)
    draw = drawn(options, seed)
    began, clock = time.process_time(), time.perf_counter()
    model, seen = METHODS[options.method].made(draw, options)
    curve = by_two_streams(model.to(options.device), seen, options)
    seconds = {"cpu": time.process_time() - began, "wall": time.perf_counter() - clock}
    print(f"draw {seed}: error {curve[-1]:.2f} % after {seconds}; SVM {pixels}, alone {alone}", flush=True)
    return curve, seconds, pixels, alone


def beside(options: argparse.Namespace, seed: int) -> tuple[float, float]:
    """The errors of an SVM of the labelled pixels, and of the net that knows no other rows; on the CPU."""
    torch.set_num_threads(options.threads)
    draw = drawn(argparse.Namespace(**{**vars(options), "device": "cpu"}), seed)
    if options.shift:
        draw = everywhere(draw, options.shift)
    svm = SVC(C=10).fit(draw.x, draw.labels)
    return wrong(svm.predict(draw.test), draw), labels_alone(draw)


def everywhere(draw: Draw, most: int) -> Draw:
    """With the labelled pictures at all places to which `--shift` moves them, for who sees no others."""
    padded = F.pad(draw.x.view(-1, 28, 28), (most,) * 4)
    corners = list(itertools.product(range(2 * most + 1), repeat=2))
    moved = [padded[:, down : down + 28, right : right + 28].flatten(1) for down, right in corners]
    return draw._replace(x=torch.cat(moved), labels=draw.labels.repeat(len(corners)))


def judged_at_once(
    options: argparse.Namespace, seeds: Sequence[int]
) -> list[tuple[list[float], dict[str, float], float, float]]:
    """`judged` of every seed, their models side by side."""
    others = list(spread(beside, [(options, seed) for seed in seeds], options.jobs))
    draws = [drawn(options, seed) for seed in seeds]
    began, clock = time.process_time(), time.perf_counter()
    models = [METHODS[options.method].made(draw, options)[0].to(options.device) for draw in draws]
    curves: list[list[float]] = [[] for _ in draws]
    with seeded(options.seed, options.device):
        for epoch in side_by_side(models, draws, options):
            if epoch * 8 // options.epochs > (epoch - 1) * 8 // options.epochs:
                for curve, model, draw in zip(curves, models, draws):
                    if (name := spoiled(model)) is not None:  # a replayed step does not look
                        raise Diverged(f"draw {draw.seed}: the parameter {name!r} is not finite any more")
                    model.eval()
                    curve.append(error(model, draw))
                    model.train()
                found = " ".join(f"{curve[-1]:.2f}" for curve in curves)
                print(f"  epoch {epoch} of {options.epochs}: {found} %", flush=True)
    seconds = {"cpu": time.process_time() - began, "wall": time.perf_counter() - clock}
    return [(curve, seconds, *of) for curve, of in zip(curves, others)]


def side_by_side(models: list[Any], draws: list[Draw], options: argparse.Namespace) -> Iterator[int]:
    """Train them, saying how many epochs are over; the rate falls in the last third."""
    device, (labelled, batch) = options.device, (options.labelled, options.batch)
    generator = torch.Generator(device).manual_seed(draws[0].seed)
    pools = [torch.cat([draw.x, draw.others]) for draw in draws]
    inputs = [pool[: labelled + batch].clone() for pool in pools]
    labels = [draw.labels.new_full((labelled + batch,), -1) for draw in draws]
    replayed = Replayed(models, inputs, labels, lambda model: adam(options.lr, model.betas))
    steps = len(draws[0].others) // batch
    for epoch in range(options.epochs):
        orders = [places(draw, labelled, batch, generator) for draw in draws]
        for step in range(steps):
            left = 1 - (epoch + step / steps) / options.epochs
            if left < 1 / 3:
                replayed.pace(3 * left)
            for x, y, pool, draw, order in zip(inputs, labels, pools, draws, orders):
                torch.index_select(pool, 0, order[step], out=x)
                torch.index_select(draw.labels, 0, order[step, :labelled], out=y[:labelled])
            replayed.step()
        yield epoch + 1


def places(draw: Draw, labelled: int, batch: int, generator: torch.Generator) -> Tensor:
    """(steps, labelled + batch): rows of `cat([x, others])` for an epoch, as `two_streams` has them."""

    def shuffled(n: int) -> Tensor:
        return torch.randperm(n, generator=generator, device=draw.x.device)

    steps, n = len(draw.others) // batch, len(draw.x)
    known = torch.cat([shuffled(n) for _ in range(-(-steps * labelled // n))])
    others = n + shuffled(len(draw.others))
    return torch.cat(
        [known[: steps * labelled].view(steps, labelled), others[: steps * batch].view(steps, batch)], 1
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1, help="of the rows that have labels")
    parser.add_argument("--epochs", type=int, help="of the rows without; by default some minutes")
    parser.add_argument("--batch", type=int, help="rows without labels in a step")
    parser.add_argument("--labelled", type=int, help="rows with labels in a step")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--alpha", type=float, help="of M2")
    parser.add_argument("--pace", type=float, help="of semi_aae")
    parser.add_argument("--noise", type=float, default=0.3, help="on what semi_aae reads")
    parser.add_argument(
        "--shift", type=int, default=0, help="pixels by which m2 and semi_aae read pictures moved"
    )
    parser.add_argument("--first", type=int, default=8, help="epochs of M1")
    parser.add_argument("--hidden", type=lambda s: tuple(map(int, s.split(","))))
    parser.add_argument("--dim", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of matrix products")
    parser.add_argument("--jobs", type=int, default=1, help="draws that are learned from at the same time")
    parser.add_argument(
        "--keep", type=Path, help="folder of checkpoints, from which the same command goes on"
    )
    parser.add_argument("--name", default="", help="of the result file, instead of the method's")
    parser.add_argument("--at-once", action="store_true", help="all draws side by side, on a card")
    parser.add_argument("--tune", action="store_true", help="judge by training rows, and write no record")
    parser.add_argument("--bar", type=float, help="largest mean error, in percent, instead of the method's")
    parser.add_argument("--control", action="store_true", help="the labelled rows alone: must miss the bar")
    options = parser.parse_args()
    method = METHODS[options.method]
    for name, value in method.options.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.at_once and (options.method not in RECORDED or options.precision != "fp32"):
        parser.error(f"--at-once is for {' and '.join(RECORDED)}, in fp32")
    if options.at_once and options.keep:
        parser.error("--at-once keeps nothing to go on from: leave out --keep")
    if options.shift and options.method not in MOVED:
        parser.error(f"--shift is for {' and '.join(MOVED)}")
    seeds = range(options.seed, options.seed + options.draws)
    if options.at_once:
        found = judged_at_once(options, seeds)
    else:
        found = list(spread(judged, [(options, seed) for seed in seeds], options.jobs))
    curves, seconds, pixels, alone = (list(each) for each in zip(*found))
    rivals = {"SVM of the labelled pixels": pixels, "the net, labels alone": alone}
    errors = [curve[-1] for curve in curves]
    mean, bar = float(np.mean(errors)), method.bar if options.bar is None else options.bar
    print(f"error {mean:.2f} ± {np.std(errors, ddof=1) if len(errors) > 1 else np.nan:.2f} %")
    result = {
        "error_percent": errors,
        "curve": curves,
        "beside": rivals,
        "options": {
            name: value for name, value in vars(options).items() if name not in ("method", "name", "keep")
        },
        "training_seconds": seconds,
        "bars": {f"mean error at most {bar:g} %": mean <= bar},
    }
    if options.device != "cpu":
        result["device"] = torch.cuda.get_device_name(options.device)
    return tell(f"semi_supervised_{options.name or options.method}", options, result, keep=not options.tune)


if __name__ == "__main__":
    sys.exit(main())
