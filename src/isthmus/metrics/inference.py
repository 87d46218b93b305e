"""How good the encoder's codes are, beside the best that the decoder would accept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..distributions import Density, DiagonalNormal
from ..model import Autoencoder, Learner
from ..randomness import seeded
from ..trace import Batch
from ..training import adam, cosine
from .passes import Rows, batches, checked, log_prob, rows_of, stochastic


class Refined(NamedTuple):
    """Codes (n, d) that descent found, and −log p(x | z) of each row (n,), at the start and there."""

    codes: Tensor
    before: Tensor
    after: Tensor


def best_codes(
    model: Learner, rows: Rows, start: Tensor | None = None, steps: int = 100, lr: float = 0.05
) -> Refined:
    """The codes that explain rows best, argmin_z −log p(x | z), by descent through the resting decoder.

    From the encoder's codes, what is gained is what amortisation costs: one net for all rows, in place of a
    search for each. From a `start` (n, d) of your own, no encoder is needed: an auto-decoder (Bojanowski et
    al. 2018, arXiv:1707.05776; Park et al. 2019, arXiv:1901.05103). Each row keeps the best code that it met,
    so none is worse than at its start. There is no prior in it: a code may lie where no data are.

    Args:
        rows: as of `log_likelihood`.
        steps, lr: of Adam, at a rate that falls to zero.
    """
    autoencoder, found, at = frozen(model), [], 0
    for batch in batches(rows, autoencoder, size=4096):
        n = len(batch.input)
        with torch.no_grad():
            own = autoencoder.encode(batch.input, **batch.context).z if start is None else start[at : at + n]
        if len(own) != n:
            raise ValueError(f"every row needs a code to start from; there are {at + len(own)}")
        code, at = nn.Parameter(own.detach().to(batch.input).clone()), at + n
        with torch.no_grad():
            before = least = -log_prob(autoencoder, code, batch)  # (b,), in nats
            best = code.clone()
        for move in descent([code], steps, lr):
            move(-log_prob(autoencoder, code, batch).sum())
            with torch.no_grad():
                now = -log_prob(autoencoder, code, batch)
                best = torch.where((now < least)[:, None], code, best)
                least = torch.minimum(now, least)
        found.append((best, before, least))
    return Refined(*(rows_of(list(parts)) for parts in zip(*found)))


class InferenceGap(NamedTuple):
    """Lower bounds of each row (n,), in nats: under the encoder's posterior, and under its own best."""

    amortised: Tensor
    local: Tensor

    @property
    def gap(self) -> float:
        """What one encoder for all rows costs, the mean over rows."""
        return float((self.local - self.amortised).mean())


def amortisation_gap(
    model: Learner, rows: Rows, steps: int = 200, lr: float = 0.02, samples: int = 4, seed: int = 0
) -> InferenceGap:
    """How many nats the encoder loses against the best diagonal Gaussian of each row.

        max over μ, s of ELBO(x; N(μ, diag s²))  −  ELBO(x; q(z|x))

    (Cremer, Li & Duvenaud 2018, "Inference suboptimality in variational autoencoders", arXiv:1801.03558.)
    The search starts at the encoder's posterior, and both bounds are measured with the same 64 fresh draws.

    Args:
        steps, lr, samples: of Adam, at a rate that falls to zero, and draws of each row a step.
        seed: of the draws.

    Raises:
        TypeError: unless the code has one stochastic stage with a diagonal Gaussian posterior.
    """
    autoencoder, found = frozen(model), []
    for batch in batches(rows, autoencoder, size=4096):
        with torch.no_grad():
            code = autoencoder.encode(batch.input, **batch.context)
        stochastic(code, "the amortisation gap")
        q, p = code.stages[0].q, code.stages[0].p
        if len(code.stages) > 1 or not isinstance(q, DiagonalNormal):
            raise TypeError("the amortisation gap needs one stage with a diagonal Gaussian posterior")
        own = DiagonalNormal(nn.Parameter(q.mean.clone()), nn.Parameter(q.log_scale.clone()))
        with seeded(seed, autoencoder.device):
            for move in descent([own.mean, own.log_scale], steps, lr):  # type: ignore[list-item]
                move(-bound(autoencoder, batch, own, p, samples).sum())
        bounds = []
        for each in (q, own):
            with torch.no_grad(), seeded(seed + 1, autoencoder.device):
                bounds.append(bound(autoencoder, batch, each, p, 64))
        found.append(tuple(bounds))
    return InferenceGap(*(rows_of(list(parts)) for parts in zip(*found)))


def bound(autoencoder: Autoencoder, batch: Batch, q: DiagonalNormal, p: Density, draws: int) -> Tensor:
    """The evidence lower bound of each row (b,) under this posterior, its expectation by as many draws."""
    explained = [log_prob(autoencoder, q.rsample(), batch) for _ in range(draws)]
    return torch.stack(explained).mean(0) - q.kl(p).double().sum(-1)


def frozen(model: Learner) -> Autoencoder:
    """A copy of the part that decodes, in eval(), whose weights no gradient can reach."""
    return copy.deepcopy(checked(model).autoencoder).eval().requires_grad_(False)


def descent(parameters: list[nn.Parameter], steps: int, lr: float) -> Iterator[Callable[[Tensor], None]]:
    """As many moves of Adam as there are steps, each to be called with the loss of the step."""
    optimizer, rate = adam(lr)(parameters), cosine(steps)

    def move(loss: Tensor) -> None:
        for parameter, pull in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = pull
        optimizer.step()

    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * rate(step)
        yield move
