"""How does a ladder network learn from few labels, and what does its cost of denoising do on each layer?

**In short.** It is a classifier that must also clean every one of its layers of noise. Cleaning needs no
labels; it forces the layers to know what rows look like, and the few labels only have to name what is there.

**Definition.** With a clean and a noisy way up through the same weights, and a way down from the noisy top:

    C = −log q(y | x̃) + Σ_l λ_l / m_l ‖z_l − (ẑ_l − μ_l) / σ_l‖²
    ẑ_l = g(z̃_l, u_l) = (z̃_l − μ(u_l)) v(u_l) + μ(u_l),   u_l = BN(V ẑ_{l+1})

z_l is normalised and m_l wide; μ_l, σ_l are the clean way's statistics of the batch. The Γ-model keeps the
cost of the top layer alone, and needs no way down.

**Mathematics.** g is the best estimate of a Gaussian z ~ N(μ(u), s²) from z + noise of variance n²: v = s² /
(s² + n²). With μ and v constant it is the best *linear* estimate from beside, which leaves (1 − r²) Var z, r
the correlation of z and z̃; on pixels that is s² n² / (s² + n²). A cost below that line means that the layers
above told something of this one. With λ of 0.1 beside 1000 an upper ẑ serves the pixels more than its own
cost, which may stay far above the line.

**Intuition.** Lateral links carry details sideways, so that the top need not: unlike a bottleneck it may
forget where the strokes lie, and keep what the class depends on. Noise makes the link from beside
unreliable, so that asking above pays.

**When, and when not.** With many rows of the same kind, few of them labelled. Where all labels are known it
is a regulariser and little more. Augmentation and consistency between views have since gone further on
pictures, but they must know which changes leave a class as it is; noise need not. If unlabelled rows come
from elsewhere, it may hurt.

**Pitfalls.** No noise on the noisy way: lateral links can copy, costs vanish, and unlabelled rows teach
nothing that helps (the control). ẑ not normalised by clean statistics: layers shrink, and so does the cost.
Labelled and unlabelled rows normalised together. A combinator started at random. Costs not divided by the
width. λ chosen with labels of many other rows: with twenty that is most of what is known. One draw of labels:
errors differ by several points between draws.

**Sources.** Rasmus et al. 2015, arXiv:1507.02672; Valpola 2015, arXiv:1411.7783; Pezeshki et al. 2016,
arXiv:1511.06430; Oliver et al. 2018, arXiv:1804.09170 (how to compare).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor

from ..data import two_streams
from ..models import LadderNetwork, gamma_model, ladder_network
from ..randomness import seeded
from ..trace import Batch
from ..training import adam, train
from .common import Grey, grey, line
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the noisy way up has no noise, so that lateral links copy and denoising costs nothing"
NOISE = 0.3
PLAIN, WHOLE = "same net, labels only", "ladder"


class Draw(NamedTuple):
    """Unlabelled rows (n, d), the few of them that keep their labels, and unseen rows with theirs."""

    x: Tensor
    few: Tensor
    labels: Tensor
    test: Tensor
    truth: Tensor


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    return of_rows(grey(budget), budget, bug)


def of_rows(rows: Grey, budget: Budget, bug: bool) -> Evidence:
    features, above = budget.pick((64, (128, 64)), (784, (1000, 500, 250, 250, 250)))
    common: dict[str, Any] = {"dim": above[-1], "hidden": above[:-1]}
    builds: dict[str, Callable[[], LadderNetwork]] = {  # λ and noise are the paper's, for 100 labels of MNIST
        PLAIN: partial(ladder_network, features, costs=(0.0,), noise=NOISE, **common),
        "Γ-model, top layer only": partial(gamma_model, features, noise=NOISE, **common),
        WHOLE: partial(ladder_network, features, noise=0.0 if bug else NOISE, **common),
    }
    draws = [drawn(rows, budget, number) for number in range(3)]
    wrong: dict[str, list[Tensor]] = {"the most frequent class": [], "SVM on pixels, labels only": []}
    last: dict[str, LadderNetwork] = {}
    for number, draw in enumerate(draws):
        wrong["the most frequent class"].append(draw.truth != draw.labels.mode().values)
        svm = torch.from_numpy(SVC(C=10).fit(draw.x[draw.few], draw.labels).predict(draw.test))
        wrong["SVM on pixels, labels only"].append(svm != draw.truth)
        for name, build in builds.items():
            last[name] = taught(build, draw, budget, 3 * budget.seed + number)
            with torch.no_grad():
                found = last[name].predict(draw.test).argmax(1)
            wrong.setdefault(name, []).append(found != draw.truth)
    cost, beside = floors(last[WHOLE], draws[-1].test, budget)
    names = ["pixels", *(f"{width} hidden" for width in above), "classes"]
    claims = [
        Claim(
            "Standard errors by which the net errs more without unlabelled rows, row by row, three draws",
            certainty(wrong[PLAIN], wrong[WHOLE]),
            at_least=3,
        ),
        Claim(
            "Pixels: cost of denoising over the best linear estimate from beside",
            cost[0] / beside[0],
            at_most=1,
        ),
    ]
    kept = budget.pick(2, 10)
    tables = [
        Table(
            f"Errors on unseen digits in percent, {kept} labels a class",
            ["", "mean", "draw 1", "draw 2", "draw 3"],
            [line(name, float(np.mean(each)), *each) for name, each in percents(wrong).items()],
        ),
        Table(
            f"Cost of denoising on each layer of the ladder, noise of {NOISE}, unseen digits",
            ["layer", "cost", "best linear from beside: (1 − r²) Var z"],
            [line(*each) for each in zip(names, cost, beside)],
        ),
    ]
    return Evidence(claims, tables, [bars(names, cost, beside)])


def drawn(rows: Grey, budget: Budget, number: int) -> Draw:
    """Pictures, of which two or ten a class have labels."""
    order = np.random.default_rng((budget.seed, number)).permutation(len(rows.train))
    kept = budget.pick(2, 10)
    few = np.concatenate([order[rows.train_labels[order] == digit][:kept] for digit in range(10)])
    x, test = torch.from_numpy(rows.train), torch.from_numpy(rows.test)
    labels, truth = (torch.from_numpy(part).long() for part in (rows.train_labels, rows.test_labels))
    return Draw(x, torch.from_numpy(few), labels[few], test, truth)


def taught(build: Callable[[], LadderNetwork], draw: Draw, budget: Budget, seed: int) -> LadderNetwork:
    """At rest, after batches of both streams; the rate falls in the last third, as in the paper."""
    with seeded(seed):
        model = build()
    size, epochs = budget.pick((100, 30), (100, 10))
    steps = epochs * (len(draw.x) // size)
    stream = two_streams(draw.x[draw.few], draw.labels, draw.x, size, epochs, seed)
    for _ in train(
        model, stream, adam(2e-3), seed=seed, schedule=lambda step: min(1.0, 3 - 3 * step / steps)
    ):
        pass
    return model.eval()


def percents(wrong: dict[str, list[Tensor]]) -> dict[str, list[float]]:
    return {name: [100 * float(draw.float().mean()) for draw in draws] for name, draws in wrong.items()}


def certainty(worse: list[Tensor], better: list[Tensor]) -> float:
    """Mean difference of errors over its standard error; a row's errors of all draws are one value."""
    difference = (torch.stack(worse).double() - torch.stack(better).double()).mean(0)
    return float(difference.mean() / (difference.std() / len(difference) ** 0.5))


def floors(model: LadderNetwork, x: Tensor, budget: Budget) -> tuple[list[float], list[float]]:
    """Of each floor: the error under the paper's noise, and what the best linear lateral link would leave."""
    model.noise = NOISE  # also where it learned without
    with torch.no_grad(), seeded(budget.seed):
        trace, clean = model.passes(Batch(x, x, {}), 0)
        corrupted = model.net.climb(x, NOISE, [len(x)])
    cost = [float(trace.code.extra[f"denoising_{floor}"].mean()) for floor in range(len(clean.z))]
    return cost, [left(z, noisy) for z, noisy in zip(clean.z, corrupted.z)]


def left(z: Tensor, noisy: Tensor) -> float:
    """(1 − r²) Var z, the mean over units: what a straight line through each unit's noisy value leaves."""
    away, noise = z - z.mean(0), noisy - noisy.mean(0)
    explained = (away * noise).mean(0).square() / noise.square().mean(0)
    return float((away.square().mean(0) - explained).mean())


def bars(names: list[str], cost: list[float], beside: list[float]) -> Picture:
    def draw(figure: Figure) -> None:
        axis, place = figure.subplots(), np.arange(len(names))
        axis.bar(place - 0.2, cost, 0.4, label="ladder")
        axis.bar(place + 0.2, beside, 0.4, color="#b0b7c3", label="best linear estimate from beside")
        axis.set_xticks(place, names)
        axis.set_ylabel("squared error, mean over units")
        axis.legend()

    alt = (
        "Bars for each layer: the ladder's error of denoising, and that of the best straight line through "
        "each unit's own noisy value. On pixels the ladder's is the lower one."
    )
    return Picture("The cost of denoising on each layer", alt, draw)
