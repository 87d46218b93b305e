"""What is an over-complete autoencoder, and why does it need regularisation?

**In short.** Its code is as wide as the input or wider, so copying is a perfect solution. Only a further
demand – noise to undo, few active units, a small Jacobian – makes it learn what the data are like.

**Definition.** x in R^d, z in R^k with k ≥ d. Without a constraint, min E ‖x − g(f(x))‖² = 0 is reached by
any pair with g ∘ f = identity, as by B A = I for linear maps. Regularised:

    denoising     E ‖x − g(f(x̃))‖²,  x̃ ~ q(x̃ | x)
    contractive   E ‖x − g(f(x))‖² + λ ‖∂f/∂x‖²_F
    sparse        at most k₀ of the k entries of z are active

**Mathematics.** Of a map r = g ∘ f that copies, ∂r/∂x = I everywhere: it preserves noise, nonsense and data
alike. A useful r has ∂r/∂x ≈ a projector on the tangent of the data, so that it shrinks what points off the
data. The ratio

    E ‖r(x + ε) − x‖² / E ‖ε‖²

tells them apart: 1 for the identity, about (number of tangent directions)/d for a projector. The squared
error on clean data cannot: it is least for the copy.

**Intuition.** A clerk with more drawers than papers files each unread. Hand him smudged papers and ask for
clean ones, or allow him ten drawers a day, and he must read.

**When, and when not.** Wide codes for features: separable, sparse, interpretable, with room for rare
causes. Not for compression, where the code must be narrow anyway. A variational code limits information and
not width, and may be wide too.

**Pitfalls.** Judging by the reconstruction error: the best is the useless one (first row of the table).
Early stopping and ReLUs regularise a little, and hide the problem: the linear net below is short of 1 only
because it has not yet learned the directions of little variance. Constant pixels make noise impossible to
copy even for the identity: judge noise where data vary. An under-complete net copies too, if it is deep and
rows are few: that is memory. Sparsity alone removes less noise, and a strong L1 may even add some.

**Sources.** Ranzato et al. 2007, NeurIPS 19; Vincent et al. 2008, ICML; Alain and Bengio 2014, JMLR 15;
Bengio, Courville and Vincent 2013, IEEE PAMI 35; Goodfellow, Bengio and Courville 2016, Deep Learning, ch.
14.
"""

from __future__ import annotations

import numpy as np

from ..baselines import pca
from ..metrics import linear_probe
from ..model import Autoencoder
from ..models import autoencoder, contractive, denoising, sparse_top_k
from ..models.plain import UNIT
from .common import codes, grey, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "the regularisers are switched off: no noise, no weight on the Jacobian, every unit may be active"
NOISE = 0.3


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    width = rows.train.shape[1]
    units = budget.pick(128, 1000)
    epochs = budget.pick(30, 2)
    builds = {
        "linear": lambda: autoencoder(width, units, (), likelihood=UNIT),
        "ReLU": lambda: autoencoder(width, units, (units,), likelihood=UNIT),
        "denoising": lambda: denoising(width, units, (units,), noise=0.0 if bug else NOISE, likelihood=UNIT),
        "contractive": lambda: contractive(width, units, weight=0.0 if bug else budget.pick(0.1, 0.3)),
        "sparse, top-k": lambda: sparse_top_k(width, units, units if bug else budget.pick(10, 25)),
    }
    models = {name: trained(build, rows.train, budget, epochs, lr=3e-3) for name, build in builds.items()}
    draw = np.random.default_rng(budget.seed + 1000)
    noisy = rows.test + NOISE * draw.standard_normal(rows.test.shape).astype("f")
    kept = {name: through(reconstructed(model, noisy), rows.test, noisy) for name, model in models.items()}
    variance = squared(rows.test, rows.train.mean(0))
    clean = {name: squared(rows.test, reconstructed(m, rows.test)) / variance for name, m in models.items()}

    def read(model: Autoencoder) -> float:
        few = slice(0, 5000)
        seen = codes(model, rows.train[few]), rows.train_labels[few], codes(model, noisy), rows.test_labels
        return linear_probe(*seen).score

    probes = {name: read(models[name]) for name in ("linear", "denoising")}
    projection = pca(rows.train, budget.pick(16, 48))
    claims = [
        Claim("Denoising: noise that is left, as a share", kept["denoising"], at_most=0.4),
        Claim("Contractive: noise that is left, as a share",
              kept["contractive"], at_most=0.45, guarded=False),
        Claim("Linear, unconstrained: noise that is left, as a share",
              kept["linear"], at_least=0.7, guarded=False),
        Claim("Linear, unconstrained: error on clean rows, as a share of the variance", clean["linear"],
              at_most=0.06, guarded=False),
        Claim("Probe on codes of noisy rows: denoising above linear", probes["denoising"] - probes["linear"],
              at_least=0.0, guarded=False),
    ]  # fmt: skip
    table = Table(
        f"Codes of {units} for rows of {width}; noise of σ = {NOISE}",
        ["", "clean: error / variance", "noisy: error / noise"],
        [
            *(line(name, clean[name], kept[name]) for name in models),
            line(
                f"PCA, {len(projection.components)} components",
                squared(rows.test, projection.reconstruct(rows.test)) / variance,
                through(projection.reconstruct(noisy), rows.test, noisy),
            ),
            line("the identity", 0.0, 1.0),
            line("mean of the training rows", 1.0, variance / squared(noisy, rows.test)),
        ],
    )
    seen = {"noisy": noisy[:10].clip(0, 1)}
    seen |= {name: reconstructed(models[name], noisy[:10]).clip(0, 1) for name in ("linear", "denoising")}
    alt = "Noisy digits; out of a linear over-complete net, still noisy; out of a denoising one, clean."
    return Evidence(claims, [table], [side_by_side("What an over-complete net lets through", alt, seen)])


def through(seen: np.ndarray, x: np.ndarray, noisy: np.ndarray) -> float:
    """Squared error of what comes out, as a share of the noise that went in."""
    return squared(x, seen) / squared(x, noisy)
