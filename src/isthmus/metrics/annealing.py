"""log p(x) by annealing: where the encoder's posterior misses what matters, chains walk there."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from ..model import Autoencoder, Learner
from ..randomness import seeded
from ..trace import Batch
from .inference import frozen
from .likelihood import LikelihoodEstimate, repeated, weighed
from .passes import Rows, batches, log_prob, rows_of, stochastic

ACCEPTED = 0.65  # of the moves: Neal 2011, where walks are cheapest


def annealed_log_likelihood(
    model: Learner,
    rows: Rows,
    temperatures: int = 200,
    chains: int = 16,
    leaps: int = 10,
    step: float = 0.1,
    start: Literal["prior", "posterior"] = "prior",
    seed: int = 0,
) -> LikelihoodEstimate:
    """log p(x) of each row by annealed importance sampling, from the prior to the true posterior.

        f_β(z) = s(z)^(1−β) (p(x | z) p(z))^β,   β_0 = 0 … β_T = 1,   s = p(z), or q(z | x)
        log p(x) ≈ log 1/K Σ_k w_k,   log w = Σ_t log f_(β_t)(z_t) − log f_(β_(t−1))(z_t)

    with z_(t+1) from z_t by one Hamiltonian move of `leaps` leapfrogs that leaves f_(β_t) as it is (Neal
    2001, arXiv:physics/9803008; for decoders Wu et al. 2017, arXiv:1611.04273, who start at the prior).
    E w = p(x), so it is a lower bound on average, as `log_likelihood` is, but the encoder does not enter.
    From the posterior and with one temperature it is just that, of K = `chains` samples; with more, a good q
    saves much of the way, and one that is much too narrow costs more than it saves.

    Temperatures lie on a sigmoid, dense at both ends, as in Wu et al. 2017. The step adapts to each row, up
    and down towards 65 % of moves accepted, from moves before; that costs exactness a little (theirs does
    too). Work is T · K · `leaps` decodings a row and their gradients: measure a hundred rows, not a test set.

    Args:
        model: with one stochastic stage, of real codes whose prior has a density.
        rows: as of `log_likelihood`. temperatures: T. chains: K. step: of the first leapfrogs.

    Raises:
        TypeError: if the code is deterministic, has several stages, or the decoder is handed something else.
    """
    if temperatures < 1 or chains < 1 or leaps < 1 or not step > 0:
        raise ValueError("temperatures, chains, leaps and step are all above 0")
    if start not in ("posterior", "prior"):
        raise ValueError(f"start is 'posterior' or 'prior', not {start!r}")
    autoencoder, sums, squares = frozen(model), [], []
    with seeded(seed, autoencoder.device):
        for batch in batches(rows, autoencoder):
            log_w = _walked(autoencoder, batch, temperatures, chains, leaps, step, start)  # (k, b)
            sums.append(log_w.logsumexp(0))
            squares.append((2 * log_w).logsumexp(0))
    return weighed(rows_of(sums), rows_of(squares), chains)


def schedule(temperatures: int, sharpness: float = 4.0) -> Tensor:
    """β from 0 to 1 on a sigmoid, (temperatures + 1,)."""
    if temperatures == 1:
        return torch.tensor([0.0, 1.0], dtype=torch.float64)
    raw = torch.sigmoid(sharpness * torch.linspace(-1, 1, temperatures + 1, dtype=torch.float64))
    return (raw - raw[0]) / (raw[-1] - raw[0])


def _walked(
    model: Autoencoder, batch: Batch, temperatures: int, chains: int, leaps: int, step: float, start: str
) -> Tensor:
    """The log weights of all chains, (k, b)."""
    with torch.no_grad():
        code = model.encode(batch.input, **batch.context)
    stochastic(code, "log p(x)")
    stage: Any = code.stages[0]
    if len(code.stages) > 1 or not torch.equal(stage.z, code.z) or not code.z.is_floating_point():
        raise TypeError("annealing needs a code of one stage that the decoder is handed as it is drawn")
    first, wide, b = (
        (stage.q if start == "posterior" else stage.p),
        repeated(batch, chains),
        len(batch.target),
    )
    with torch.no_grad():
        z = stage.q.rsample((chains,))
        if start == "prior":
            z = model.latent.sample(chains * b).view_as(z)

    def ends(z: Tensor) -> tuple[Tensor, Tensor]:
        """log s(z) and log p(x, z), (k, b) each."""
        explained = log_prob(model, z.flatten(0, 1), wide).view(chains, b)
        return first.log_prob(z).double().expand(chains, b), explained + stage.p.log_prob(z).double()

    steps = torch.full((b,), step, dtype=z.dtype, device=z.device)
    betas, log_w = schedule(temperatures).tolist(), z.new_zeros(chains, b, dtype=torch.float64)
    for before, now in zip(betas, betas[1:]):
        with torch.no_grad():
            own, joint = ends(z)
        log_w += (now - before) * (joint - own)
        if now < 1:
            z, accepted = _moved(z, now, ends, steps, leaps)
            steps = (steps * torch.where(accepted > ACCEPTED, 1.02, 0.98)).clamp(1e-4, 2.0)
    return log_w


def _moved(z: Tensor, beta: float, ends: Any, steps: Tensor, leaps: int) -> tuple[Tensor, Tensor]:
    """One Hamiltonian move of every chain at this temperature, and the share of a row's chains that went."""
    size = steps.view(1, -1, *[1] * (z.dim() - 2))

    def height(z: Tensor) -> tuple[Tensor, Tensor]:
        """log f_β, (k, b), and its gradient."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            own, joint = ends(z)
            value = (1 - beta) * own + beta * joint
            (slope,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), slope

    push = torch.randn_like(z)
    there, speed = z, push
    before, slope = height(z)
    for _ in range(leaps):
        speed = speed + size / 2 * slope
        there = there + size * speed
        after, slope = height(there)
        speed = speed + size / 2 * slope
    kinetic = (push.square() - speed.square()).double().flatten(2).sum(2) / 2
    gain = torch.nan_to_num(after - before + kinetic, nan=-math.inf)
    go = torch.rand_like(gain).log() < gain
    return torch.where(go.view(*go.shape, *[1] * (z.dim() - 2)), there, z), go.double().mean(0).to(z.dtype)
