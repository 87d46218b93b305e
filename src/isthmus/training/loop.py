"""Training is a loop you can stand in: iterate it, look at what it reports, stop when you like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..model import Learner
from ..objective import Loss
from ..randomness import Stream
from ..trace import Batch
from .optimizers import adam
from .watch import Watch

Optimizer = Callable[[list[nn.Parameter]], Any]  # makes a torch.optim.Optimizer, or what looks like one
Schedule = Callable[[int], float]


class Report(NamedTuple):
    """One turn: at which step, whose, and its loss; values are detached and still on the device."""

    step: int
    player: str
    loss: Loss


def train(
    model: Learner,
    batches: Iterable[Batch],
    optimizer: Optimizer | None = None,
    *,
    seed: int = 0,
    clip: float | None = None,
    accumulate: int = 1,
    schedule: Schedule | None = None,
    precision: str = "fp32",
) -> Iterator[Report]:
    """Take one turn after another, each player updating its own parameters and no one else's.

    The process's own random numbers are put back whenever you have control.

    >>> for report in train(model, batches):  # doctest: +SKIP
    ...     if report.step == 1000: break

    Args:
        batches: as many as there shall be steps; each is a `Batch`, on the model's device.
        optimizer: parameters -> optimiser, called for every player; unless given, `adam(1e-3)` with the
            learner's `betas`. Rates are multiplied by the learner's `paces`, and of betas the first is
            what its `momenta` say.
        clip: largest norm of a player's gradient.
        accumulate: batches whose gradients are averaged before the parameters move; where the batches end in
            between, over those that there are.
        schedule: step -> factor of the learning rate. A step is a batch, whether or not parameters move.
        precision: "fp32", or "bf16" for autocast in the nets (latents and likelihoods stay in fp32).

    Raises:
        Diverged: at the first loss that is not finite, naming step, term, and the first bad parameter or row.
    """
    turns = Turns(model, optimizer, clip, accumulate, schedule, precision)
    stream = Stream(seed, turns.device)
    model.train()
    step = 0
    for step, batch in enumerate(batches):
        with stream:
            reports = [Report(step, player, detached(loss)) for player, loss in turns.take(batch, step)]
        yield from reports
    turns.flush(step)


class Turns:
    """The optimisers of a learner's players, and how each takes its turn."""

    def __init__(
        self,
        model: Learner,
        optimizer: Optimizer | None = None,
        clip: float | None = None,
        accumulate: int = 1,
        schedule: Schedule | None = None,
        precision: str = "fp32",
    ):
        if precision not in ("fp32", "bf16"):
            raise ValueError(f'precision is "fp32" or "bf16", not {precision!r}')
        if accumulate < 1:
            raise ValueError(f"accumulate counts batches, at least one; it is {accumulate}")
        if clip is not None and not clip > 0:
            raise ValueError(f"clip is the largest norm of a gradient, above 0; it is {clip}")
        self.model, self.clip, self.accumulate, self.schedule = model, clip, accumulate, schedule
        self.parameters = {
            name: [p for p in parameters if p.requires_grad] for name, parameters in model.players().items()
        }
        for name, own in self.parameters.items():
            if not own:
                raise ValueError(
                    f"{name} has nothing to train: all of its parameters are frozen, or it has none"
                )
            clear(own)
        trained = sum(p.requires_grad for p in model.parameters())
        # where one player owns all there is, naming its parameters would only cost time
        self.inputs = {n: None if len(own) == trained else own for n, own in self.parameters.items()}
        self.optimizers = {
            name: (optimizer or adam(betas=model.betas))(own) for name, own in self.parameters.items()
        }
        for name, pace in model.paces.items():
            for group in self.optimizers[name].param_groups:
                group["lr"] *= pace
        for name, momentum in model.momenta.items():
            for group in self.optimizers[name].param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
        self.rates = {n: [g["lr"] for g in o.param_groups] for n, o in self.optimizers.items()}
        self.device = next(model.parameters()).device
        self.autocast = precision == "bf16"
        self.gathered = 0  # batches since the parameters last moved
        self.waiting: dict[str, list[Tensor | None]] = {}  # a player's gradients of those: some share weights
        self.watch = Watch(model, self.device, several=len(self.parameters) > 1)

    def take(self, batch: Batch, step: int, rows: Tensor | None = None) -> list[tuple[str, Loss]]:
        """All turns of one batch; `rows` are the numbers of its rows in the data, for a complaint."""
        losses = self.model.losses(batch, step)
        self.gathered += 1
        moves = self.gathered == self.accumulate
        turns = []
        while True:
            with self.precision():
                turn = next(losses, None)
            if turn is None:
                break
            player, loss = turn
            self.watch.see(step, player, loss, batch, rows)
            self.resume(player)
            loss.total.backward(inputs=self.inputs[player])
            if moves:
                self.move(player, step)
            else:
                self.wait(player)
            turns.append(turn)
        if moves:
            self.gathered = 0
        return turns

    def wait(self, player: str) -> None:
        """Put its gradients aside, out of the way of whoever else moves the same parameters."""
        own = self.parameters[player]
        self.waiting[player] = [p.grad for p in own]
        clear(own)

    def resume(self, player: str) -> None:
        """Take up the gradients that were put aside."""
        for parameter, gradient in zip(self.parameters[player], self.waiting.pop(player, ())):
            parameter.grad = gradient

    def flush(self, step: int) -> None:
        """Move by the gradients that still wait for others to be averaged with; read what is unread."""
        self.watch.read()
        if self.gathered:
            for player in self.parameters:
                self.resume(player)
                self.move(player, step)
            self.gathered = 0

    def move(self, player: str, step: int) -> None:
        """The player's own step, by the mean of the gradients gathered."""
        optimizer, own = self.optimizers[player], self.parameters[player]
        if self.schedule is not None:
            factor = self.schedule(step)
            for group, rate in zip(optimizer.param_groups, self.rates[player]):
                group["lr"] = rate * factor
        if self.gathered > 1:
            torch._foreach_div_([p.grad for p in own if p.grad is not None], self.gathered)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(own, self.clip)
        optimizer.step()
        clear(own)

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext()


def clear(parameters: Iterable[nn.Parameter]) -> None:
    """As `zero_grad`, which costs more than a small model's backward pass is worth."""
    for parameter in parameters:
        parameter.grad = None


def detached(loss: Loss) -> Loss:
    """The same numbers without their graph, so that a list of reports holds no memory."""
    return Loss({name: value.detach() for name, value in loss.values.items()}, loss.weights)
