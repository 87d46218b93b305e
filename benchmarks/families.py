"""Orders that theory demands of whole families: the same nets, rows and steps, three seeds, on MNIST.

    ISTHMUS_DATA=… python benchmarks/families.py bounds        # IWAE-50 above IWAE-5 above the ELBO
    ISTHMUS_DATA=… python benchmarks/families.py correlation   # β-TCVAE below the β-VAE at equal distortion
    ISTHMUS_DATA=… python benchmarks/families.py activity      # remedies of collapse above the plain VAE
    ISTHMUS_DATA=… python benchmarks/families.py discrepancy   # InfoVAE and WAE nearer to their prior

Writes `results/families_<case>.json`. Contenders are paired by seed (rows in one order, first weights too
where nets are alike); an order holds where the mean of its differences is above 0 by a one-sided t-test at
5 %, a mean of 1.69 standard deviations or more with three seeds. `--control` takes away what the order comes
from, by a weight of nothing or the classical bug: then every order must break. The exit status is 1 where one
does not.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, accelerator, circumstances, write

import isthmus
from isthmus import Autoencoder, Given, Learner, fit, seeded
from isthmus.data import Rows, load
from isthmus.latents import Gaussian
from isthmus.likelihoods import bernoulli
from isthmus.metrics import (
    active_units,
    elbo,
    frechet_distance,
    grey_features,
    kl_parts,
    log_likelihood,
    rate_distortion,
)
from isthmus.models import autoencoder, beta_tcvae, beta_vae, info_vae, miwae, vae, wae_gan, wae_mmd
from isthmus.models.plain import UNIT
from isthmus.nets import mlp
from isthmus.objective import Term
from isthmus.runs import versions
from isthmus.terms import free_bits, imq, kl, reconstruction, warmup
from isthmus.terms.discrepancy import discrepancy
from isthmus.training import adam, cosine

LEVEL = 0.05
Found = dict[str, dict[str, list[float]]]  # contender -> measure -> its value for each seed
Builders = dict[str, Callable[[], Any]]


class Outcome(NamedTuple):
    """What was measured, and of each order by how much the one that should be ahead is, for each seed."""

    found: Found
    orders: dict[str, list[float]]


def bounds(options: argparse.Namespace) -> Outcome:
    """Held-out rows under each model's own bound, and under log p(x) by the same importance sampling.

    Each spends 50 draws a row: on a mean of 50 ELBOs, of ten bounds of five draws, or on one of fifty. Fewer
    draws are noisier too, and a model that learns from them is behind for that alone. The control takes the
    mean of logarithms for the logarithm of a mean: then all are ELBOs.
    """
    x, held = (binary(part) for part in small(options))
    draws = {"ELBO": 1, "IWAE-5": 5, "IWAE-50": 50}

    def bounded(together: int) -> Autoencoder:
        together = 1 if options.control else together
        shape: Any = (x.shape[1], 16, (128,))
        model: Autoencoder = miwae(*shape, samples=together, groups=50 // together, likelihood=bernoulli)
        return model

    contenders: Builders = {name: partial(bounded, k) for name, k in draws.items()}

    def measured(name: str, model: Autoencoder, seed: int) -> dict[str, float]:
        together = 1 if options.control else draws[name]
        of_one = elbo(model, held, samples=50, seed=seed).mean
        bound = of_one
        if together > 1:
            times = range(200 // together)
            found = [log_likelihood(model, held, together, seed=1000 * seed + at).mean for at in times]
            bound = float(np.mean(found))
        exact = log_likelihood(model, held, options.samples, chunk=16_384, seed=seed)
        return {
            "own bound": bound,
            "log p(x)": exact.mean,
            "ELBO": of_one,
            "its error by importance sampling": exact.standard_error.monte_carlo,
            "effective draws": exact.effective_sample_size.mean,
        }

    found = contest(contenders, x, options, measured)
    return Outcome(
        found,
        {
            f"{measure}: {better} above {worse}, nats": ahead(found, better, worse, measure)
            for measure in ("own bound", "log p(x)")
            for better, worse in (("IWAE-50", "IWAE-5"), ("IWAE-5", "ELBO"))
        },
    )


def correlation(options: argparse.Namespace) -> Outcome:
    """Total correlation of the exact aggregate posterior, at equal distortion of held-out rows.

    The β-VAE's curve is drawn through several β, straight between them. A weight of 10 is not among those
    looked at: on other seeds it was behind, with batches of 128 and of 512 rows out of 20 000. The control
    weighs the total correlation no more than the VAE does.
    """
    x, held = (binary(part) for part in small(options))
    betas, weights = (0.7, 1.0, 1.5, 2.5), (2.0, 4.0)

    def factorised(weight: float) -> Autoencoder:
        weight = 1.0 if options.control else weight
        return beta_tcvae(
            x.shape[1], 8, (128,), rows=len(x), beta=weight, stratified=True, likelihood=bernoulli
        )

    def plain(beta: float) -> Autoencoder:
        model: Autoencoder = beta_vae(x.shape[1], 8, (128,), beta=beta, likelihood=bernoulli)
        return model

    contenders: Builders = {f"β-VAE, {beta:g}": partial(plain, beta) for beta in betas}
    contenders |= {f"β-TCVAE, {weight:g}": partial(factorised, weight) for weight in weights}
    some = x[torch.from_numpy(np.random.default_rng(0).permutation(len(x))[:1500])]

    def measured(name: str, model: Autoencoder, seed: int) -> dict[str, float]:
        parts = kl_parts(model, some, samples=3, seed=seed)
        (point,) = rate_distortion({name: model}, held, samples=10, seed=seed)
        return {
            "distortion": point.distortion,
            "rate": point.rate,
            "total correlation": parts.total_correlation,
            "information": parts.mutual_information,
        }

    found = contest(contenders, x, options, measured)
    curve = [found[f"β-VAE, {beta:g}"] for beta in betas]
    orders = {}
    for weight in weights:
        own = found[f"β-TCVAE, {weight:g}"]
        orders[f"total correlation at equal distortion: β-TCVAE, {weight:g} below the β-VAE, nats"] = [
            between(
                own["distortion"][at],
                [each["distortion"][at] for each in curve],
                [each["total correlation"][at] for each in curve],
            )
            - own["total correlation"][at]
            for at in range(options.seeds)
        ]
    return Outcome(found, orders)


def between(at: float, places: list[float], values: list[float]) -> float:
    """The value of a curve, straight between its points; an error beyond them, where nobody knows it."""
    if not min(places) <= at <= max(places):
        raise ValueError(f"a curve from {min(places):g} to {max(places):g} says nothing of {at:g}")
    order = np.argsort(places)
    return float(np.interp(at, np.array(places)[order], np.array(values)[order]))


class Reading(nn.Module):
    """(b, dim), (b, d) -> logits (b, d), each row of a picture told by the code and the rows above: GRU.

    The code is where the recurrent net starts. It can do without, so that a VAE's is easily ignored (Bowman
    et al. 2016, arXiv:1511.06349; Chen et al., Variational Lossy Autoencoder, ICLR 2017, arXiv:1611.02731).
    """

    def __init__(self, dim: int, side: int, hidden: int):
        super().__init__()
        self.side = side
        self.start, self.out = nn.Linear(dim, hidden), nn.Linear(hidden, side)
        self.read = nn.GRU(side, hidden, batch_first=True)

    def forward(self, z: Tensor, seen: Tensor) -> Tensor:
        rows = F.pad(
            seen.view(-1, self.side, self.side)[:, :-1], (0, 0, 1, 0)
        )  # each row is told by those above
        h, _ = self.read(rows, self.start(z).tanh()[None])
        return self.out(h).flatten(1)


def activity(options: argparse.Namespace) -> Outcome:
    """Active units of a code whose decoder also reads the pixels above each row, on held-out pictures.

    The control leaves no nat free, and warms up over no step: both are then the plain VAE.
    """
    x, held = (Rows(part, seen=part) for part in (binary(each) for each in small(options)))
    elements = held.input.shape[1]
    steps = options.epochs * -(-len(x) // options.batch_size)

    def under(cost: Term) -> Autoencoder:
        decoder = Given(Reading(10, 14, 128), "seen")
        encoder = mlp(elements, 128, 2 * 10)
        return Autoencoder(encoder, Gaussian(10), decoder, bernoulli(elements), reconstruction + cost)

    contenders: Builders = {
        "plain": lambda: under(kl),
        "free bits": lambda: under(free_bits(0.0 if options.control else 0.25)),
        "warm-up": lambda: under(warmup(0 if options.control else steps // 2) * kl),
    }

    def measured(name: str, model: Autoencoder, seed: int) -> dict[str, float]:
        bound = elbo(model, held, samples=5, seed=seed)
        return {
            "active units": active_units(model, held).number,
            "rate": bound.rate,
            "-ELBO": -bound.mean,
        }

    found = contest(contenders, x, options, measured)
    orders = {
        f"active units: {remedy} above plain": ahead(found, remedy, "plain", "active units")
        for remedy in ("free bits", "warm-up")
    }
    return Outcome(found, orders)


def discrepancy_of_codes(options: argparse.Namespace) -> Outcome:
    """MMD² of held-out rows' drawn codes from the prior; beside it what prior draws decode to, and errors.

    The Fréchet distance is in the features of a small classifier that is trained here, and named in the
    record: it ranks these models, and is no published FID. That of rebuilt held-out rows stands beside it and
    says how good a decoder is where it has learned: so that samples are judged and not that, all rows are
    learned from, by nets of two layers. The autoencoder's, of draws of N(0, I), depends on how its codes
    happen to lie, which nothing in its loss decides. WAE-MMD's weight is that of the authors' code: λ = 10
    beside 0.05 ‖x − x̂‖², and so 100 beside half of it. Nets, epochs, weights and the critic's pace were
    chosen with seed 100 on training rows, of which 5000 were held out. The control weighs by nothing what
    holds codes to the prior.
    """
    data = load("mnist")
    x, held = (torch.from_numpy(part.x) for part in (data.train, data.test))
    x, held = x[: options.rows], held[: options.held]
    shape: Any = (x.shape[1], 8, (512, 256))
    kernel, critic, extra = (0.0, 0.0, 1.0) if options.control else (100.0, 10.0, 100.0)
    contenders: Builders = {
        "autoencoder": lambda: autoencoder(*shape, likelihood=UNIT),
        "VAE, σ = 1": lambda: vae(*shape, likelihood=UNIT),
        "VAE, σ learned": lambda: vae(*shape),
        "InfoVAE, σ learned": lambda: info_vae(*shape, weight=extra),
        "WAE-MMD": lambda: wae_mmd(*shape, weight=kernel),
        "WAE-GAN": lambda: wae_gan(*shape, weight=critic, pace=1.0),
    }
    features = grey_features("mnist", epochs=1)
    print(f"features: {features.name}, accuracy {features.accuracy:.4f}", flush=True)
    seen = features(held.numpy())

    def away_from_data(x: Tensor) -> float:
        return frechet_distance(features(x.clamp(0, 1).numpy()), seen)

    def measured(name: str, model: Learner, seed: int) -> dict[str, float]:
        with torch.no_grad(), seeded(100 + seed):
            z = model.autoencoder.encode(held, sample=True).z[:2000]
            away = float(discrepancy(z, torch.randn_like(z), imq))
            told = model.autoencoder.decode(model.autoencoder.encode(held).z).mean
            made = model.autoencoder.sample(len(held)).mean
        return {
            "MMD²": away,
            "squared error": float((told - held).square().sum(1).mean()),
            "deviation of codes": float(z.std(0).mean()),
            "Fréchet distance": away_from_data(made),
            "Fréchet distance, rebuilt": away_from_data(told),
        }

    found = contest(contenders, x, options, measured)
    orders = {
        f"MMD²: {better} below {worse}": ahead(found, worse, better, "MMD²")
        for better, worse in (
            ("InfoVAE, σ learned", "VAE, σ learned"),
            ("WAE-MMD", "VAE, σ learned"),
            ("WAE-GAN", "VAE, σ learned"),
            ("WAE-MMD", "autoencoder"),
            ("WAE-GAN", "autoencoder"),
        )
    }
    made = {name: measures["Fréchet distance"] for name, measures in found.items()}
    for better in ("WAE-MMD", "WAE-GAN"):
        for share, rival in ((0.3, "autoencoder"), (1.0, "VAE, σ = 1")):
            below = f"{share:g} of the {rival}'s" if share < 1 else rival
            orders[f"Fréchet distance: {better} below {below}"] = [
                share * worse - own for worse, own in zip(made[rival], made[better])
            ]
    first = features(x[: options.held].numpy())
    found["training rows"] = {"Fréchet distance": [frechet_distance(first, seen)]}
    return Outcome(found, orders)


def small(options: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """MNIST at 14 × 14, means of four pixels each, flat: rows to learn from, and held-out ones."""
    data = load("mnist")
    halves = (
        torch.from_numpy(part.x).view(-1, 14, 2, 14, 2).mean((2, 4)) for part in (data.train, data.test)
    )
    train, held = (half.flatten(1) for half in halves)
    with seeded(0):  # at random: the first half of the test set is the easier one
        held = held[torch.randperm(len(held))[: options.held]]
    return train[: options.rows], held


def binary(x: Tensor) -> Tensor:
    return (x > 0.5).float()


def contest(
    contenders: Builders,
    x: Any,
    options: argparse.Namespace,
    measured: Callable[[str, Any, int], dict[str, float]],
) -> Found:
    """Each contender with each seed, trained and measured."""
    found: Found = {name: {} for name in contenders}
    steps = options.epochs * -(-len(x) // options.batch_size)
    with seeded(0):  # one optimiser for all, a game's if there is one: with less momentum, codes spread less
        betas = min((build().betas for build in contenders.values()), key=lambda each: each[0])
    for seed in range(options.first, options.first + options.seeds):
        for name, build in contenders.items():
            began = time.process_time()
            with seeded(seed):
                model = build()
            fit(
                model,
                x,
                epochs=options.epochs,
                batch_size=options.batch_size,
                optimizer=adam(options.lr, betas),
                schedule=cosine(steps),
                seed=seed,
                device=options.device,
                progress=False,
            )
            values = {"seconds": time.process_time() - began}
            values |= measured(name, model.cpu().eval(), seed)  # on one machine, wherever it was trained
            for measure, value in values.items():
                found[name].setdefault(measure, []).append(float(value))
            words = ", ".join(f"{measure} {value:.4g}" for measure, value in values.items())
            print(f"seed {seed}, {name}: {words}", flush=True)
    return found


def ahead(found: Found, more: str, less: str, measure: str) -> list[float]:
    """By how much the first has more of it than the second, for each seed."""
    return [a - b for a, b in zip(found[more][measure], found[less][measure])]


def above_nothing(differences: list[float]) -> bool:
    """Whether the mean of paired differences is above 0: Student's t, one-sided, as theory names the side."""
    n, mean, sd = len(differences), float(np.mean(differences)), float(np.std(differences, ddof=1))
    if sd == 0:
        return mean > 0
    return bool(mean / (sd / math.sqrt(n)) >= stats.t.ppf(1 - LEVEL, n - 1))


class Case(NamedTuple):
    """An order to look at, and what it takes unless asked otherwise."""

    look: Callable[[argparse.Namespace], Outcome]
    rows: int = 20_000
    held: int = 2000
    epochs: int = 10
    lr: float = 2e-3


CASES = {
    "bounds": Case(bounds, held=1000, epochs=2),
    "correlation": Case(correlation, epochs=4),
    "activity": Case(activity, epochs=5),
    "discrepancy": Case(discrepancy_of_codes, rows=60_000, held=5000, epochs=8, lr=1e-3),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--seeds", type=int, default=3, help="two or more")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="where to train: cpu or cuda")
    parser.add_argument("--rows", type=int, help="training pictures, the first")
    parser.add_argument("--held", type=int, help="test pictures")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--samples", type=int, default=500, help="of `bounds`: importance samples a row")
    parser.add_argument("--control", action="store_true", help="without what orders come from")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("an order needs two seeds or more")
    case = CASES[options.case]
    for name in ("rows", "held", "epochs", "lr"):
        if getattr(options, name) is None:
            setattr(options, name, getattr(case, name))
    torch.set_num_threads(options.threads)
    load_before = os.getloadavg()
    began = time.process_time()
    found, orders = case.look(options)
    minutes = (time.process_time() - began) / 60
    show(found)
    bars = {}
    for order, differences in orders.items():
        bar = f"{order}: {np.mean(differences):.3g} ± {np.std(differences, ddof=1):.2g}"
        bars[bar] = above_nothing(differences)
        print(f"{'holds ' if bars[bar] else 'BREAKS'}  {bar}")
    name = f"families_{options.case}{'_control' if options.control else ''}"
    header = circumstances(name, options.threads, load_before)
    header |= {"versions": versions() | {"isthmus": isthmus.__version__}}
    header |= {"accelerator": accelerator(options.device)}
    settings = {
        key: value for key, value in vars(options).items() if key not in ("case", "control", "results")
    }
    result = {
        "question": (case.look.__doc__ or "").splitlines()[0],
        "settings": settings,
        "seeds": list(range(options.first, options.first + options.seeds)),
        "found": found,
        "orders": orders,
        "bars": bars,
        "cpu_minutes": minutes,
    }
    print(f"written to {write(name, header | {'result': result}, options.results)}")
    print(f"{minutes:.1f} minutes of processor time")
    return 1 if (any(bars.values()) if options.control else not all(bars.values())) else 0


def show(found: Found) -> None:
    """Every contender's measures, mean ± standard deviation over seeds."""
    for name, measures in found.items():
        cells = [
            f"{measure} {np.mean(values):.4g}"
            + (f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else "")
            for measure, values in measures.items()
        ]
        print(f"{name:20} " + "; ".join(cells))


if __name__ == "__main__":
    sys.exit(main())
