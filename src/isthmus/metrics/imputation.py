"""What is missing of a row, given what is seen of it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..model import Learner
from ..randomness import seeded
from .likelihood import repeated
from .passes import Rows, at_rest, batches, rows_of, stochastic


class Imputed(NamedTuple):
    """Rows (n, ...) with missing values filled in, and how many draws counted for each row (n,)."""

    rows: Tensor
    effective_sample_size: Tensor


def imputed(model: Learner, rows: Rows, samples: int = 1000, chunk: int = 2048, seed: int = 0) -> Imputed:
    """E[x_missing | x_observed] of each row, by self-normalised importance sampling.

        Σ_k w_k E[x_missing | z_k] / Σ_k w_k,   w_k = p(x_observed | z_k) p(z_k) / q(z_k | x_observed)

    Consistent as `samples` grows, where the mean at the encoder's code is not: that is one code, and the
    encoder's own opinion of it (Mattei & Frellsen, MIWAE, ICML 2019, equation 12, arXiv:1812.02633; there
    missing values are read as zeros too). Where the effective sample size is small, draw more.

    Args:
        model: with one stochastic stage whose sample is what the decoder is handed.
        rows: whose context says what is `observed`, as those of `Embedder.preparation_.rows(x)` do; values
            are in the units that the model sees, and `preparation_.restore` brings them back.
        samples: K. chunk: how many codes are decoded at once. seed: of the draws.

    Raises:
        TypeError: if the code is deterministic, or a hierarchy. ValueError: without `observed`.
    """
    if samples < 1 or chunk < 1:
        raise ValueError(f"samples and chunk must be at least 1, got {samples} and {chunk}")
    filled: list[Tensor] = []
    effective: list[Tensor] = []
    with at_rest(model) as autoencoder:
        stream = seeded(seed, autoencoder.device)
        for batch in batches(rows, autoencoder):
            observed = batch.context.get("observed")
            if observed is None:
                raise ValueError('nothing is missing: the context of these rows holds no "observed"')
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "imputation by importance sampling")
            if len(code.stages) > 1:
                raise TypeError(f"importance sampling needs one stochastic stage, not {len(code.stages)}")
            stage, n = code.stages[0], len(batch.target)
            top = torch.full((n,), -math.inf, dtype=torch.float64, device=code.z.device)
            mass, squares = torch.zeros_like(top), torch.zeros_like(top)
            mean = torch.zeros_like(batch.target, dtype=torch.float64)
            at_once = max(1, min(samples, chunk // n))
            for start in range(0, samples, at_once):
                k = min(at_once, samples - start)
                wide = repeated(batch, k)
                with stream:
                    z = stage.q.rsample((k,))  # (k, n, d)
                output = autoencoder.decode(z.flatten(0, 1), **wide.context)
                log_x = output.log_prob(wide.target, wide.context["observed"]).double().view(k, n)
                log_w = log_x + stage.p.log_prob(z).double() - stage.q.log_prob(z).double()
                greatest = torch.maximum(top, log_w.amax(0))
                shrink, w = (top - greatest).exp(), (log_w - greatest).exp()  # (n,); (k, n)
                means = output.mean.double().view(k, *mean.shape)
                mean = along(shrink, mean) * mean + (along(w, means) * means).sum(0)
                mass, squares = shrink * mass + w.sum(0), shrink.square() * squares + w.square().sum(0)
                top = greatest
            expected = (mean / along(mass, mean)).to(batch.target)
            filled.append(torch.where(observed, batch.target, expected))
            effective.append(mass.square() / squares)
    return Imputed(rows_of(filled), rows_of(effective))


def along(weights: Tensor, values: Tensor) -> Tensor:
    """Weights of the first axes, laid against all axes of the values."""
    return weights.view(*weights.shape, *(1,) * (values.dim() - weights.dim()))
