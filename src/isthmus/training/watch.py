"""Keeping an eye on the terms: their sums for the history, and a stop at the first that is not finite."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..model import Learner
from ..objective import Loss
from ..trace import Batch

EVERY = 100  # turns between two readings of a device that would have to wait for each
ASK = "Either its value is impossible under this likelihood, or the learning rate is too high"


class Diverged(RuntimeError):
    """Training met a number that is not finite, and stopped."""


class Seen(NamedTuple):
    """A turn that has not been read yet."""

    step: int
    player: str
    means: dict[str, Tensor]
    values: dict[str, Tensor]
    input: Tensor | None
    rows: Tensor | None


class Watch:
    """Adds up the terms of every turn, and raises `Diverged` at one that is not finite.

    On the CPU a turn is read before its player moves, so the weights never see what is wrong. Elsewhere a
    reading makes the device wait, so it comes once in `EVERY` turns and the weights have to be put back.

    `numbers` are the numbers of the rows in the person's data, where only a part of them is trained on.
    """

    def __init__(self, model: Learner, device: torch.device, several: bool):
        self.model, self.several, self.cpu = model, several, device.type == "cpu"
        self.numbers: Tensor | None = None
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.unread: list[Seen] = []

    def see(self, step: int, player: str, loss: Loss, batch: Batch, rows: Tensor | None) -> None:
        if self.cpu:
            self.add(player, {name: mean.item() for name, mean in loss.means.items()})
            if not math.isfinite(loss.total.item()):
                raise self.complaint(Seen(step, player, loss.means, loss.values, batch.input, rows))
            return
        means = {name: mean.detach() for name, mean in loss.means.items()} | {"total": loss.total.detach()}
        values = {name: value.detach() for name, value in loss.values.items()}
        self.unread.append(Seen(step, player, means, values, None, rows))
        if len(self.unread) >= EVERY:
            self.read()

    def read(self) -> None:
        """Read what the device has kept, in one go."""
        if not self.unread:
            return
        unread, self.unread = self.unread, []
        numbers = iter(torch.stack([mean for seen in unread for mean in seen.means.values()]).tolist())
        for seen in unread:
            means = {name: next(numbers) for name in seen.means}
            if not math.isfinite(means.pop("total")):
                raise self.complaint(seen)
            self.add(seen.player, means)

    def add(self, player: str, means: dict[str, float]) -> None:
        for name, mean in means.items():
            name = f"{player}.{name}" if self.several else name
            self.sums[name] = self.sums.get(name, 0.0) + mean
            self.counts[name] = self.counts.get(name, 0) + 1

    def close(self) -> dict[str, float]:
        """The mean of every term since the last time, a turn counting once."""
        self.read()
        means = {name: value / self.counts[name] for name, value in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means

    def complaint(self, seen: Seen) -> Diverged:
        """What went wrong: step, term, and the first row or parameter to blame."""
        bad = next((name for name, value in seen.values.items() if not value.isfinite().all()), "total")
        why = self.cause(seen, seen.values.get(bad))
        return Diverged(f"step {seen.step}: the term {bad!r} of {seen.player!r} is not finite. {why}")

    def cause(self, seen: Seen, value: Tensor | None) -> str:
        x = seen.input
        if isinstance(x, Tensor) and x.is_floating_point() and not x.isfinite().all():
            at = int((~x.isfinite()).flatten(1).any(1).nonzero()[0])
            remedy = "leave it out, or mark missing values with NaN in an array"
            return f"{self.place(at, seen.rows)} holds NaN or infinity: {remedy}"
        if (
            value is not None and value.dim() and value.isfinite().any()
        ):  # some rows are well, so the weights are
            at = int((~value.isfinite()).nonzero()[0][0])
            return f"{self.place(at, seen.rows)} is the first. {ASK}"
        name = spoiled(self.model)
        if name is not None:
            return (
                f"The parameter {name!r} is not finite any more: a lower learning rate or clip=1.0 may help"
            )
        if value is not None and value.dim():
            return f"{self.place(0, seen.rows)} is the first. {ASK}"
        return "All inputs and parameters are finite: look at the term itself, and at its weight"

    def place(self, at: int, rows: Tensor | None) -> str:
        """A row of the batch by its number in the person's data, where that is known."""
        if rows is None:
            return f"Row {at} of the batch"
        row = rows[at].cpu()
        return f"Row {int(row if self.numbers is None else self.numbers[row])} of the data"


def spoiled(model: Learner) -> str | None:
    """The first parameter that is not finite; None where all are."""
    named = dict(model.named_parameters())
    finite = torch.stack([parameter.isfinite().all() for parameter in named.values()]).tolist()
    return next((name for name, is_finite in zip(named, finite) if not is_finite), None)
