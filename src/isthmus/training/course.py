"""Where training stands: all that a checkpoint must hold for it to go on as if it had not stopped."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..model import Learner
from ..randomness import Stream
from ..trace import Batch
from .checkpoints import State
from .loop import Turns
from .watch import Diverged, spoiled

GOOD_EVERY = 100  # steps between the copies of the weights that a divergence falls back on


@dataclass
class History:
    """A record an epoch: {"epoch", "step", "train": {term: mean}, "held_out": …, "rate", "seconds"}.

    `best` is the index of the record whose weights the model has, where early stopping chose; `why` says what
    ended training; the first `resumed` records were there already, in the checkpoint that it went on from.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    best: int | None = None
    why: str = ""
    resumed: int = 0

    def curve(self, name: str, part: str = "train") -> list[float]:
        """A term over the epochs.

        Raises:
            KeyError: for a term that was not recorded, naming those that were.
        """
        found = [record[part][name] for record in self.records if name in record.get(part, {})]
        if not found:
            known = sorted({key for record in self.records for key in record.get(part, {})})
            raise KeyError(f"{name!r} was not recorded in {part!r}; there are {', '.join(known) or 'none'}")
        return found


class Course:
    """The state of training, and how a step, an epoch and the end change it."""

    def __init__(self, model: Learner, turns: Turns, stream: Stream, ema: float | None):
        self.model, self.turns, self.stream = model, turns, stream
        self.average = Average(model, ema) if ema is not None else None
        self.step = self.epoch = self.position = 0  # position: batches of this epoch that are done
        self.history = History()
        self.best: dict[str, Any] | None = None
        self.best_value = math.inf
        self.finished: dict[str, Any] | None = None  # the weights that `finish` ended with
        model.train()
        self.remember()

    def advance(self, batch: Batch, rows: Tensor | None) -> None:
        """One step: every player's turn."""
        self.turns.take(batch, self.step, rows)
        if self.average is not None and not self.turns.gathered:
            self.average.follow()
        self.step += 1
        self.position += 1
        if self.step % GOOD_EVERY == 0:
            self.remember()

    def close_epoch(self, seconds: float) -> dict[str, Any]:
        if not self.position:
            raise ValueError(
                "the data gave no batch this epoch: an iterator is used up after one; give a list, a "
                "DataLoader or another iterable that starts anew"
            )
        waiting = self.turns.gathered
        self.turns.flush(self.step - 1)
        if self.average is not None and waiting:
            self.average.follow()
        rate = next(iter(self.turns.optimizers.values())).param_groups[0]["lr"]
        record = {"epoch": self.epoch, "step": self.step, "train": self.turns.watch.close()}
        record |= {"rate": float(rate), "seconds": round(seconds, 4)}
        self.history.records.append(record)
        self.epoch, self.position, self.finished = self.epoch + 1, 0, None
        self.remember()
        return record

    def judge(self, monitor: str) -> None:
        """Keep the weights if they are the best so far, by a held-out term or a sum of them."""
        value = sum(self.history.records[-1]["held_out"][name] for name in named(monitor))
        if value < self.best_value:
            self.best_value, self.history.best = value, len(self.history.records) - 1
            with self.averaged():
                self.best = copied(self.model.state_dict())

    def waited(self) -> int:
        """Epochs since the best."""
        return max(0, len(self.history.records) - 1) - (self.history.best or 0)

    def remember(self) -> None:
        """Keep a copy of weights that are known to be good."""
        self.turns.watch.read()
        name = spoiled(self.model)
        if name is not None:
            raise Diverged(
                f"step {self.step}: the parameter {name!r} is not finite any more, though the loss was: a "
                "gradient was not. A lower learning rate may help, or a term that has a derivative everywhere"
            )
        self.good, self.good_step = copied(self.model.state_dict()), self.step

    def fall_back(self) -> int:
        """To the last weights that were good; the step they are of."""
        self.model.load_state_dict(self.good)
        return self.good_step

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with the averaged weights, if there are any, and with its own again afterwards."""
        if self.average is None:
            yield
            return
        self.average.swap()
        try:
            yield
        finally:
            self.average.swap()

    def settle(self) -> None:
        """Give the model the weights it shall end with."""
        if self.finished is not None:
            self.model.load_state_dict(self.finished)
        elif self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.average is not None:
            self.average.swap()

    def state(self) -> State:
        watch = self.turns.watch
        watch.read()
        return {
            "model": self.model.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in self.turns.optimizers.items()},
            "gradients": self.turns.waiting,
            "gathered": self.turns.gathered,
            "average": self.average.weights if self.average else None,
            "stream": self.stream.position(),
            "sums": watch.sums,
            "counts": watch.counts,
            "best": self.best,
            "best_value": self.best_value if self.best is not None else None,
            "history": {"records": json.dumps(self.history.records), "best": self.history.best},
            "at": [self.step, self.epoch, self.position],
            "finished": self.finished,
        }

    def restore(self, state: State) -> None:
        watch = self.turns.watch
        self.model.load_state_dict(state["model"])
        for name, optimizer in self.turns.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.turns.waiting = {
            name: [None if g is None else g.to(p) for g, p in zip(waiting, self.turns.parameters[name])]
            for name, waiting in state["gradients"].items()
        }
        self.turns.gathered = state["gathered"]
        if self.average is not None:
            self.average.weights = [w.to(p) for w, p in zip(state["average"], self.average.own)]
        self.stream.states = state["stream"]
        watch.sums, watch.counts = state["sums"], state["counts"]
        if state["best"] is not None:
            self.best, self.best_value = state["best"], state["best_value"]
        records = json.loads(state["history"]["records"])
        self.history = History(records, state["history"]["best"], resumed=len(records))
        self.step, self.epoch, self.position = state["at"]
        self.finished = state["finished"]
        self.remember()


class Average:
    """A running average of the parameters: w̄ ← γ w̄ + (1 − γ) w after each move, from the first weights on."""

    def __init__(self, model: Learner, decay: float):
        if not 0 < decay < 1:
            raise ValueError(f"the decay of an average lies between 0 and 1; it is {decay}")
        self.decay = decay
        self.own: list[Tensor] = list(model.parameters())
        self.weights = [p.detach().clone() for p in self.own]

    @torch.no_grad()
    def follow(self) -> None:
        torch._foreach_lerp_(self.weights, self.own, 1 - self.decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the model's parameters with the averaged ones."""
        own = [p.detach().clone() for p in self.own]
        torch._foreach_copy_(self.own, self.weights)
        self.weights = own


def named(monitor: str) -> list[str]:
    """The terms in "reconstruction + kl"."""
    return [name.strip() for name in monitor.split("+")]


def copied(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v.detach().clone() if isinstance(v, Tensor) else copy.deepcopy(v) for k, v in state.items()}
