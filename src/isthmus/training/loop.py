"""Training is a loop you can stand in: iterate it, look at what it reports, stop when you like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..model import Learner
from ..objective import Loss
from ..randomness import Stream
from ..trace import Batch

Optimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


class Report(NamedTuple):
    """One turn: at which step, whose, and its loss; values are detached and still on the device."""

    step: int
    player: str
    loss: Loss


class Diverged(RuntimeError):
    """Training met a number that is not finite, and stopped."""


def adam(lr: float = 1e-3, **options: Any) -> Optimizer:
    """Adam (Kingma & Ba 2015), all parameters in one kernel."""
    return partial(torch.optim.Adam, lr=lr, fused=True, **options)


def train(
    model: Learner,
    batches: Iterable[Batch],
    optimizer: Optimizer | None = None,
    *,
    seed: int = 0,
    clip: float | None = None,
    accumulate: int = 1,
    schedule: Callable[[int], float] | None = None,
    precision: str = "fp32",
) -> Iterator[Report]:
    """Take one turn after another, each player updating its own parameters and no one else's.

    The process's own random numbers are put back whenever you have control.

    >>> for report in train(model, batches):  # doctest: +SKIP
    ...     if report.step == 1000: break

    Args:
        batches: as many as there shall be steps; each is a `Batch`.
        optimizer: parameters -> optimiser, called for every player; `adam(1e-3)` unless given.
        clip: largest norm of a player's gradient.
        accumulate: batches whose gradients are averaged before a step is taken.
        schedule: step -> factor of the learning rate.
        precision: "fp32", or "bf16" for autocast in the nets (latents and likelihoods stay in fp32).

    Raises:
        Diverged: at the first loss that is not finite, naming step, term, and the first bad parameter or row.
    """
    turns = Turns(model, optimizer, clip, accumulate, schedule, precision)
    stream = Stream(seed, turns.device)
    model.train()
    for step, batch in enumerate(batches):
        with stream:
            reports = list(turns.take(batch, step))
        for report in reports:
            check(model, batch, report, step)
        yield from reports


class Turns:
    """The optimisers of a learner's players, and how each takes its turn."""

    def __init__(
        self,
        model: Learner,
        optimizer: Optimizer | None = None,
        clip: float | None = None,
        accumulate: int = 1,
        schedule: Callable[[int], float] | None = None,
        precision: str = "fp32",
    ):
        if precision not in ("fp32", "bf16"):
            raise ValueError(f'precision is "fp32" or "bf16", not {precision!r}')
        if accumulate < 1:
            raise ValueError(f"accumulate counts batches, at least one; it is {accumulate}")
        self.model, self.clip, self.accumulate, self.schedule = model, clip, accumulate, schedule
        self.parameters = {
            name: [p for p in parameters if p.requires_grad] for name, parameters in model.players().items()
        }
        self.optimizers = {name: (optimizer or adam())(own) for name, own in self.parameters.items()}
        self.rates = {n: [g["lr"] for g in o.param_groups] for n, o in self.optimizers.items()}
        self.device = next(model.parameters()).device
        self.autocast = precision == "bf16"

    def take(self, batch: Batch, step: int) -> Iterator[Report]:
        """All turns of one batch."""
        moves = (step + 1) % self.accumulate == 0
        losses = self.model.losses(batch, step)
        while True:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                turn = next(losses, None)
            if turn is None:
                return
            player, loss = turn
            total = loss.total if self.accumulate == 1 else loss.total / self.accumulate
            own = self.parameters[player]
            total.backward(inputs=own)
            if moves:
                self.move(player, own, step)
            yield Report(step, player, loss)

    def move(self, player: str, own: list[nn.Parameter], step: int) -> None:
        optimizer = self.optimizers[player]
        if self.schedule is not None:
            factor = self.schedule(step)
            for group, rate in zip(optimizer.param_groups, self.rates[player]):
                group["lr"] = rate * factor
        if self.clip is not None:
            nn.utils.clip_grad_norm_(own, self.clip)
        optimizer.step()
        for parameter in own:
            parameter.grad = None


def check(model: Learner, batch: Batch, report: Report, step: int, rows: Tensor | None = None) -> None:
    """Raise `Diverged` unless every term of the report is finite. Reads the device."""
    if math.isfinite(report.loss.total.item()):
        return
    values = {name: value.detach() for name, value in report.loss.values.items()}
    bad = next((name for name, value in values.items() if not value.isfinite().all()), "total")
    why = cause(model, batch, values.get(bad, report.loss.total.detach()), rows)
    raise Diverged(f"step {step}: the term {bad!r} of {report.player!r} is not finite. {why}")


def cause(model: Learner, batch: Batch, value: Tensor, rows: Tensor | None) -> str:
    """The first row or parameter to blame, and what may help."""
    inputs = batch.input if isinstance(batch.input, Tensor) else None
    if inputs is not None and inputs.is_floating_point() and not inputs.isfinite().all():
        at = int((~inputs.isfinite()).flatten(1).any(1).nonzero()[0])
        where = f"row {int(rows[at])} of the data" if rows is not None else f"row {at} of the batch"
        return f"{where.capitalize()} holds NaN or infinity: leave it out, or mark missing values with NaN in an array"
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            return f"The parameter {name!r} is not finite any more: a lower learning rate or clip=1.0 may help"
    if value.dim():
        at = int((~value.isfinite()).nonzero()[0][0])
        where = f"row {int(rows[at])} of the data" if rows is not None else f"row {at} of the batch"
        return f"{where.capitalize()} is the first: is its value possible under this likelihood?"
    return "All inputs and parameters are finite: look at the term itself"
