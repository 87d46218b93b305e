"""How much each dimension of a code says about the row it came from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..model import Learner
from ..randomness import seeded
from .passes import Rows, at_rest, batches, stochastic

PAIRS = 4_000_000  # log densities at a time


def information_per_dimension(
    model: Learner, rows: Rows, most: int = 1000, draws: int = 4, seed: int = 0
) -> Tensor:
    """I(x; z_j) of each latent dimension, (d,), in nats, for x drawn from the rows.

        I(x; z_j) = E_x E_q(z_j|x) [log q(z_j | x) − log q(z_j)],   q(z_j) = 1/n Σ_i q(z_j | x_i)

    It is the KL from the prior less KL(q(z_j) ‖ p(z_j)) (Hoffman & Johnson 2016, "ELBO surgery"), and hence
    never above it but for the noise of the draws; the code of a row can tell apart no more than n rows, so it
    is at most log n. The sum over dimensions is not the information of the whole code: dimensions may repeat
    one another.

    Args:
        model: with a posterior whose dimensions are independent and have a `log_density`.
        rows: as of `isthmus.metrics.elbo`; the first `most` are used, since time grows with their square.
        draws: of z for each row.
        seed: of the draws; they repeat, and the process's own random numbers are left alone.

    Raises:
        TypeError: if the code is deterministic, or the posterior has no density of each dimension.
    """
    if most < 1 or draws < 1:
        raise ValueError(f"most and draws must be at least 1, got {most} and {draws}")
    found, count = [], 0
    with at_rest(model) as autoencoder, seeded(seed, autoencoder.device):
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "the information in a code")
            found.append([stage.q for stage in code.stages])
            count += len(batch.target)
            if count >= most:
                break
        n = min(count, most)
        return torch.cat([_information(stages, n, draws) for stages in zip(*found)]).cpu()


def _information(posteriors: tuple, n: int, draws: int) -> Tensor:
    """(d,), of one stage, whose posteriors come a batch at a time."""
    if not all(hasattr(q, "log_density") and hasattr(q, "log_scale") for q in posteriors):
        name = type(posteriors[0]).__name__
        raise TypeError(f"information per dimension needs the density of each dimension; {name} has none")
    mean = torch.cat([q.mean for q in posteriors])[:n].double()  # (n, d)
    log_scale = torch.cat([q.log_scale.expand_as(q.mean) for q in posteriors])[:n].double()
    q = type(posteriors[0])(mean, log_scale)
    at_once = max(1, PAIRS // mean.numel())
    total = torch.zeros_like(mean[0])
    for _ in range(draws):
        z = q.rsample()  # (n, d)
        total += q.log_density(z).sum(0)
        for part in z.split(at_once):
            total -= (q.log_density(part[:, None]).logsumexp(1) - math.log(n)).sum(0)  # (k, n, d) -> (d,)
    return total / (n * draws)
