"""How probable a model finds data: the evidence lower bound, and log p(x) by importance sampling.

All values are in nats, of the whole row (summed over the event), and higher is better.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..model import Learner
from ..randomness import seeded
from ..trace import Batch, Code
from .passes import Rows, at_rest, batches, log_prob, rows_of, stochastic


class StandardError(NamedTuple):
    """How much chance there is in an estimate, by its source.

    Attributes:
        rows: of the mean, had other rows been drawn; it contains the next, for a row's estimate is noisy.
        monte_carlo: of the mean, had other codes been drawn for the same rows.
        per_row: (n,), of each row, had other codes been drawn for it; what `monte_carlo` is made of.
    """

    rows: float
    monte_carlo: float
    per_row: Tensor


class EffectiveSampleSize(NamedTuple):
    """(Σ w)² / Σ w² of the importance weights, from 1 (one code decides) to K (q is the posterior)."""

    mean: float
    min: float
    per_row: Tensor


class LikelihoodEstimate(NamedTuple):
    """log p(x) of each row (n,), their mean, and how far to trust them."""

    per_row: Tensor
    mean: float
    standard_error: StandardError
    effective_sample_size: EffectiveSampleSize
    samples: int

    def __str__(self) -> str:
        rows, monte_carlo, _ = self.standard_error
        mean, worst, _ = self.effective_sample_size
        return (
            f"log p(x) = {self.mean:.4g} nats ± {rows:.2g} (rows) ± {monte_carlo:.2g} (importance sampling) "
            f"from {len(self.per_row)} rows; of {self.samples} samples {mean:.4g} are effective, "
            f"{worst:.4g} at worst"
        )


class Bound(NamedTuple):
    """The evidence lower bound of each row (n,), and the two sides of it: `mean` = −distortion − rate."""

    per_row: Tensor
    mean: float
    standard_error: float
    distortion: float
    rate: float
    samples: int


def log_likelihood(
    model: Learner, rows: Rows, samples: int = 5000, chunk: int = 2048, seed: int = 0
) -> LikelihoodEstimate:
    """log p(x) of each row by importance sampling with the encoder's posterior as proposal.

        log p(x) ≈ log 1/K Σ_k w_k,   w_k = p(x | z_k) p(z_k) / q(z_k | x),   z_k ~ q(z | x)

    (Burda, Grosse & Salakhutdinov 2016, equation 8, arXiv:1509.00519; K = 5000 is their choice for
    evaluation.) Its expectation grows with K from the ELBO at K = 1 to log p(x), so for finite K it is a
    lower bound on average. It is the log of a mean: a mean of logs is just the ELBO again.

    The Monte Carlo error of a row is the delta method's: Var[log w̄] ≈ Var[w] / (K E[w]²), which is
    (K / ESS − 1) / (K − 1). Where the effective sample size is small, say below 10, the weights that matter
    may not have been drawn: the value is then too low by more than the error says. Draw more, or improve q.

    Args:
        model: with at least one stochastic stage.
        rows: (n, ...) array or tensor, a `Batch`, or an iterable of them; elements that the context's
            `observed` masks out are not explained.
        samples: K.
        chunk: how many codes are decoded at once; memory grows with it, the estimate does not depend on it.
        seed: of the draws; they repeat, and the process's own random numbers are left alone.

    Raises:
        TypeError: if the code is deterministic.

    >>> print(log_likelihood(model, x_test))  # doctest: +SKIP
    log p(x) = -94.12 nats ± 0.71 (rows) ± 0.04 (importance sampling) from 1000 rows; of 5000 samples ...
    """
    if samples < 1 or chunk < 1:
        raise ValueError(f"samples and chunk must be at least 1, got {samples} and {chunk}")
    sums: list[Tensor] = []
    squares: list[Tensor] = []
    with at_rest(model) as autoencoder:
        stream = seeded(seed, autoencoder.device)
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "log p(x)")
            n = len(batch.target)
            log_sum = log_sum_of_squares = torch.full(
                (n,), -math.inf, dtype=torch.float64, device=code.z.device
            )
            at_once = max(1, min(samples, chunk // n))
            wide = repeated(batch, at_once)
            for start in range(0, samples, at_once):
                k = min(at_once, samples - start)
                if k < at_once:
                    wide = repeated(batch, k)
                with stream:
                    z, log_ratio = _drawn(autoencoder, code, wide, k)  # (k, n, d), (k, n)
                log_w = log_prob(autoencoder, z.flatten(0, 1), wide).view(k, n) + log_ratio
                log_sum = torch.logaddexp(log_sum, log_w.logsumexp(0))
                log_sum_of_squares = torch.logaddexp(log_sum_of_squares, (2 * log_w).logsumexp(0))
            sums.append(log_sum)
            squares.append(log_sum_of_squares)
    return weighed(rows_of(sums), rows_of(squares), samples)


def weighed(log_sum: Tensor, log_sum_of_squares: Tensor, samples: int) -> LikelihoodEstimate:
    """The estimate that as many importance weights make, from log Σ w and log Σ w² of each row, (n,)."""
    per_row = log_sum - math.log(samples)
    effective = (2 * log_sum - log_sum_of_squares).exp()
    excess = (samples / effective - 1).clamp_min(0.0)  # at the exact posterior it rounds to either side of 0
    error = (excess / (samples - 1)).sqrt() if samples > 1 else torch.full_like(per_row, math.nan)
    return LikelihoodEstimate(
        per_row,
        float(per_row.mean()),
        _standard_error(per_row, error),
        EffectiveSampleSize(float(effective.mean()), float(effective.min()), effective),
        samples,
    )


def elbo(model: Learner, rows: Rows, samples: int = 1, seed: int = 0) -> Bound:
    """The evidence lower bound of each row, whatever the training objective was.

        ELBO(x) = E_q(z|x) log p(x | z) − Σ_stages KL(q(z|x) ‖ p(z))  ≤  log p(x)

    (Kingma & Welling 2014, equation 3, arXiv:1312.6114). There are no weights in it: β, free bits or
    warm-up of the objective do not enter, and the input is not corrupted. The expectation is a mean over
    `samples` draws; the divergence is in closed form, or where there is none, log q − log p at the draws.
    Of a hierarchy, each stage conditions on the draw of those above it.

    −E log p(x | z) is also called the distortion and KL the rate (Alemi et al. 2018); `Bound` holds both.

    Args:
        model: with at least one stochastic stage.
        rows: as of `log_likelihood`.
        samples: draws a row.
        seed: of the draws; they repeat, and the process's own random numbers are left alone.

    Raises:
        TypeError: if the code is deterministic.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    log_x: list[Tensor] = []
    divergence: list[Tensor] = []
    with at_rest(model) as autoencoder:
        stream = seeded(seed, autoencoder.device)
        for batch in batches(rows, autoencoder):
            draws = []
            for _ in range(samples):
                with stream:
                    code = autoencoder.encode(batch.input, sample=True, **batch.context)
                stochastic(code, "the evidence lower bound")
                rate = torch.stack(
                    [stage.divergence().double().flatten(1).sum(1) for stage in code.stages]
                ).sum(0)
                draws.append(torch.stack([log_prob(autoencoder, code.z, batch), rate]))
            mean = torch.stack(draws).mean(0)  # (2, n)
            log_x.append(mean[0])
            divergence.append(mean[1])
    explained, rate = rows_of(log_x), rows_of(divergence)
    per_row = explained - rate
    error = _spread(per_row) / math.sqrt(len(per_row))
    return Bound(per_row, float(per_row.mean()), error, -float(explained.mean()), float(rate.mean()), samples)


def bits_per_dimension(nats: float, dims: int, bin_width: float = 1.0) -> float:
    """A log-likelihood of a row, in nats, as bits per dimension: −(nats / dims + log bin_width) / log 2.

    Lower is better. A *probability* of discrete pixels needs no `bin_width`. A *density* does: of bytes
    scaled to [0, 1] and dequantised, p(byte) ≈ p(x) / 256 a dimension, hence `bin_width=1 / 256`; without
    it the figure would be 8 bits too good (Theis, van den Oord & Bethge 2016, arXiv:1511.01844).

    >>> bits_per_dimension(-math.log(256) * 784, 784)  # every byte equally likely
    8.0
    """
    if dims < 1:
        raise ValueError(f"dims is the number of elements a row, at least 1; got {dims}")
    if not bin_width > 0:
        raise ValueError(f"bin_width is the width of a quantisation step, above 0; got {bin_width}")
    return -(nats / dims + math.log(bin_width)) / math.log(2)


def _drawn(autoencoder: Any, code: Code, wide: Batch, k: int) -> tuple[Tensor, Tensor]:
    """k draws of the codes of n rows, (k, n, d), and Σ_stages log p − log q at each, (k, n).

    Of one stage that the decoder is handed, from the posterior that is known already; of a hierarchy, where
    each stage depends on the draws of others, by encoding anew.
    """
    stage, n = code.stages[0], len(code.z)
    if len(code.stages) == 1 and torch.equal(stage.z, code.z):
        z = stage.q.rsample((k,))
        return z, stage.p.log_prob(z).double() - stage.q.log_prob(z).double()
    again = autoencoder.encode(wide.input, sample=True, **wide.context)
    ratios = [(each.p.log_prob(each.z) - each.q.log_prob(each.z)).double() for each in again.stages]
    return again.z.view(k, n, *code.z.shape[1:]), torch.stack(ratios).sum(0).view(k, n)


def repeated(batch: Batch, k: int) -> Batch:
    """The batch k times over, to go with (k, n, d) codes flattened; context without one entry a row stays."""
    n = len(batch.target)

    def repeat(x: Any) -> Any:
        return x.repeat(k, *[1] * (x.dim() - 1)) if isinstance(x, Tensor) and x.dim() and len(x) == n else x

    return Batch(
        repeat(batch.input), repeat(batch.target), {name: repeat(x) for name, x in batch.context.items()}
    )


def _standard_error(per_row: Tensor, error: Tensor) -> StandardError:
    n = len(per_row)
    return StandardError(_spread(per_row) / math.sqrt(n), float(error.square().sum().sqrt()) / n, error)


def _spread(per_row: Tensor) -> float:
    """The standard deviation between rows; of a single row nobody knows it."""
    return float(per_row.std()) if len(per_row) > 1 else math.nan
