"""What a code is made of: which dimensions carry information, what can be read off it, and what it spans."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from scipy.linalg import subspace_angles
from torch import Tensor

from ..model import Learner
from ..randomness import seeded
from .arrays import Array, float64
from .passes import Rows, at_rest, batches, rows_of, stochastic
from .significance import Interval, bootstrap


def kl_per_dimension(model: Learner, rows: Rows) -> Tensor:
    """KL(q(z_j | x) ‖ p(z_j)) of each latent dimension, (d,), the mean over rows, in nats.

    Its sum is the rate of the ELBO. A dimension near 0 has collapsed: its posterior is the prior whatever x
    is. It is *not* the information that z_j has about x, which is smaller by KL(q(z_j) ‖ p(z_j)) (Hoffman &
    Johnson 2016). Of a hierarchy, the stages stand one after the other, each conditioned on the mean of
    those above.

    Raises:
        TypeError: if the code is deterministic, or q has no closed-form divergence from p.
    """
    parts: list[Tensor] = []
    with at_rest(model) as autoencoder:
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "KL(q(z|x) || p(z))")
            parts.append(torch.cat([stage.q.kl(stage.p).double().flatten(1) for stage in code.stages], 1))
    return rows_of(parts).mean(0)


def kl_per_layer(model: Learner, rows: Rows, samples: int = 1, seed: int = 0) -> Tensor:
    """E_q KL(q(z_l | x, …) ‖ p(z_l | …)) of each stochastic layer, (layers,), the mean over rows, in nats.

    The layers' codes are drawn, `samples` times a row: what a layer costs depends on the draws of those it
    hangs on. The sum is the rate of the ELBO; a layer near 0 is not used.

    Raises TypeError if the code is deterministic.
    """
    parts: list[Tensor] = []
    with at_rest(model) as autoencoder:
        stream = seeded(seed, autoencoder.device)
        for batch in batches(rows, autoencoder):
            for _ in range(samples):
                with stream:
                    code = autoencoder.encode(batch.input, sample=True, **batch.context)
                stochastic(code, "KL(q(z|x) || p(z))")
                costs = [stage.divergence().double().flatten(1).sum(1) for stage in code.stages]
                parts.append(torch.stack(costs, 1))
    return rows_of(parts).mean(0)


class ActiveUnits(NamedTuple):
    """How many latent dimensions move with the data, which (d,), and how far: Var_x E[z_j | x], (d,)."""

    number: int
    active: Tensor
    variance: Tensor


def active_units(model: Learner, rows: Rows, threshold: float = 0.01) -> ActiveUnits:
    """The latent dimensions j with Var_x(E_q(z|x)[z_j]) > `threshold`.

    (Burda, Grosse & Salakhutdinov 2016, section 5.2, arXiv:1509.00519, where the threshold 0.01 comes from:
    measured variances are bimodal, far above or far below.) It presumes a prior of variance about 1, and is
    therefore refused for deterministic codes, where doubling the code and halving the decoder's weights
    would change the count and nothing else.

    Raises:
        TypeError: if the code is deterministic.
    """
    parts: list[Tensor] = []
    with at_rest(model) as autoencoder:
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "the number of active units")
            parts.append(torch.cat([stage.q.mean.double().flatten(1) for stage in code.stages], 1))
    variance = rows_of(parts).var(0, correction=0)
    active = variance > threshold
    return ActiveUnits(int(active.sum()), active, variance)


class Probe(NamedTuple):
    """What a simple model reads off a code, beside what it gets without looking at it (`baseline`).

    `interval` is the bootstrap's over the test rows, for the probe as it was trained.
    """

    score: float
    standard_error: float
    baseline: float
    measure: Literal["accuracy", "r2"]
    interval: Interval

    @property
    def accuracy(self) -> float:
        """The share of test rows classified correctly."""
        if self.measure != "accuracy":
            raise AttributeError("the target of this probe is a number: its score is an R², not an accuracy")
        return self.score


def linear_probe(codes_train: Any, y_train: Any, codes_test: Any, y_test: Any) -> Probe:
    """How well a linear model on standardised codes predicts `y` on rows it has not seen.

    Labels: logistic regression (L2, C = 1); the score is the accuracy, its standard error binomial over the
    test rows, the baseline the accuracy of always naming the most frequent class of the training rows.
    Numbers with a fractional part: ridge regression, its strength chosen by leave-one-out on the training
    rows; the score is

        R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ_train)²

    with the delta method's standard error, and the baseline, predicting ȳ_train, is 0 by definition.

    Codes are (n, ...) and are flattened; `y` is (n,). Whole numbers are read as labels: shift them by a
    half to have them predicted as numbers. A class that appears only in the test rows counts as an error.

    Raises:
        ValueError: if lengths disagree, or the training rows hold one class only.
    """
    # here and not above: scikit-learn takes a second to import, and the other metrics do without it
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.multiclass import type_of_target

    codes_train, y_train = labelled(codes_train, y_train)
    codes_test, y_test = labelled(codes_test, y_test)
    if type_of_target(y_train) == "continuous":
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 5, 17))).fit(codes_train, y_train)
        return judged(ridge.predict(codes_test), y_test, y_train, numbers=True)
    if (y_train == y_train[0]).all():
        raise ValueError(
            f"a probe needs two classes to tell apart; every training row is labelled {y_train[0]}"
        )
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(codes_train, y_train)
    return judged(logistic.predict(codes_test), y_test, y_train, numbers=False)


def judged(predicted: np.ndarray, y_test: np.ndarray, y_train: np.ndarray, numbers: bool) -> Probe:
    """What predictions are worth: R² of numbers, accuracy of labels."""
    if numbers:
        error, base = np.square(y_test - predicted), np.square(y_test - y_train.mean())
        ratio = error.mean() / base.mean()
        standard_error = float(np.std(error - ratio * base) / (math.sqrt(len(y_test)) * base.mean()))
        both = np.stack([error, base], 1)
        interval = bootstrap(both, lambda rows: float(1 - rows[:, 0].sum() / (rows[:, 1].sum() or 1.0)))
        return Probe(float(1 - ratio), standard_error, 0.0, "r2", interval)
    classes, counts = np.unique(y_train, return_counts=True)
    hits = predicted == y_test
    accuracy = float(hits.mean())
    baseline = float((y_test == classes[counts.argmax()]).mean())
    error_of_it = math.sqrt(accuracy * (1 - accuracy) / len(y_test))
    return Probe(accuracy, error_of_it, baseline, "accuracy", bootstrap(hits))


def principal_angles(a: Any, b: Any) -> Array:
    """The angles between the subspaces spanned by the columns of two matrices, in degrees, largest first.

    cos θ_i are the singular values of Q_aᵀ Q_b, with orthonormal bases Q (Björck & Golub 1973; small angles
    are taken from the sines, where the cosine has no digits left). All 0: one contains the other. 90: a
    direction of one is orthogonal to all of the other. How a linear autoencoder is compared with PCA: its
    columns may be any basis, its *span* must agree. Weights trained in single precision cannot be told
    apart below about 0.02°.

    Args:
        a, b: (d, k) and (d, m); PCA's components and a decoder's weight (d, k) both stand as columns.

    Returns:
        (min(k, m),), in degrees.
    """
    a, b = float64(a), float64(b)
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b):
        raise ValueError(f"expected two matrices with as many rows, got shapes {a.shape} and {b.shape}")
    return np.degrees(subspace_angles(a, b))


def labelled(codes: Any, y: Any) -> tuple[Array, np.ndarray]:
    """Codes (n, d) and a target for each, (n,)."""
    codes = float64(codes)
    y = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    if len(codes) != len(y) or y.ndim != 1 or not len(y):
        raise ValueError(
            f"expected one target a code; there are {len(codes)} codes and targets of shape {y.shape}"
        )
    return codes.reshape(len(codes), -1), y
