"""The loop most people want: epochs over data, a held-out part, early stopping, checkpoints, a history."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import MappedRows, Rows, epoch_order, observed, split
from ..model import Learner
from ..randomness import Stream, seeded
from ..trace import Batch
from .checkpoints import State, latest_checkpoint, save_checkpoint, write_atomically
from .finish import Finish
from .loop import Diverged, Optimizer, Report, Turns, check
from .progress import Progress

Data = Any  # whatever `as_rows` understands, or an iterable of batches
GOOD_EVERY = 100  # steps between the copies of the weights that a divergence falls back on


@dataclass
class History:
    """What happened, an entry an epoch: {"epoch", "step", "train": {term: mean}, "held_out": …, "rate", "seconds"}.

    `best` is the index of the entry whose weights the model has, where early stopping chose; `why` says what
    ended training.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    best: int | None = None
    why: str = ""

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


def fit(
    model: Learner,
    data: Data,
    *,
    epochs: int = 30,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Callable[[int], float] | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    precision: str = "fp32",
    ema: float | None = None,
    held_out: float | Data | None = None,
    monitor: str | None = None,
    patience: int = 10,
    finish: Finish | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    folder: str | Path | None = None,
    checkpoint_every: int | None = None,
    keep: int = 3,
    tensorboard: bool = False,
    progress: bool | None = None,
) -> History:
    """Train `model` in place and say what happened. The process's own random numbers are left alone.

    Args:
        data: an array or tensor (n, ...), NaN where values are missing; a pair (X, labels); `Rows`; a memory map;
            or an iterable of `Batch` that can be iterated once an epoch.
        epochs, batch_size: a last batch of one row joins the batch before it.
        optimizer, schedule, clip, accumulate, precision: as in `train`.
        ema: decay of a running average of the weights, which held-out terms see and the model ends with.
        held_out: a fraction of the rows to set aside, or data of its own; its terms are in the history.
        monitor: a held-out term, or a sum such as "reconstruction + kl", whose smallest value says which weights
            to keep; training stops after `patience` epochs without a smaller one.
        finish: what follows the epochs: `lbfgs()`.
        seed: of order, noise and the held-out part; weights are drawn when the model is built.
        device: where to train; by default where the model is.
        folder: for `history.jsonl`, TensorBoard and `checkpoints/`. If it holds a checkpoint of the same model,
            training goes on from there, bit for bit as if it had not stopped (on the CPU).
        checkpoint_every: steps between checkpoints; by default the ends of epochs, at most one in five seconds.
        keep: checkpoints to keep.
        progress: a progress bar; by default on a terminal only.

    Raises:
        Diverged: at a loss that is not finite; the model then holds the last good weights.
        ValueError: for options that contradict one another.
        OSError: where the folder cannot be written; the checkpoints that are there stay whole.
    """
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must not be negative and a batch needs a row; got {epochs} and {batch_size}")
    if monitor is not None and held_out is None:
        raise ValueError(f"monitor={monitor!r} needs held-out data: held_out=0.1, say")
    device = torch.device(device) if device is not None else next(model.parameters()).device
    model.to(device)
    rows, aside = _parts(data, held_out, seed)
    if isinstance(rows, Rows | MappedRows):
        rows = rows.to(device)
        if len(rows) == 0:
            raise ValueError("there are no rows to train on")
    run = Run(Path(folder) if folder is not None else None, checkpoint_every, keep)
    turns = Turns(model, optimizer, clip, accumulate, schedule, precision)
    course = Course(model, turns, Stream(seed, device), Average(model, ema) if ema else None)
    resumed = run.resume(course)
    prepare = getattr(model.autoencoder, "prepare", None)
    if prepare is not None and not resumed:
        prepare(model.autoencoder, rows, seed)
        course.remember()
    bar = Progress(progress, epochs)
    board = run.board() if tensorboard else None
    try:
        while course.epoch < epochs and not course.history.why:
            started = time.perf_counter()
            for batch, index in _epoch(rows, batch_size, seed, course.epoch, course.position, device):
                course.advance(batch, index)
                run.checkpoint_at_step(course)
            record = course.close_epoch(time.perf_counter() - started)
            if aside is not None:
                with course.averaged():
                    record["held_out"] = evaluate(model, aside, batch_size=batch_size, seed=seed)
                if monitor is not None:
                    course.judge(monitor, patience)
            run.close_epoch(course)
            bar.show(record)
            if board is not None:
                _board(board, record)
    except Diverged as error:
        model.load_state_dict(course.good)
        raise Diverged(f"{error}. The model keeps the weights of step {course.good_step}") from None
    finally:
        bar.close()
        if board is not None:
            board.close()
    course.settle()
    if finish is not None and not course.finished:
        finish(model, rows, seed)
        course.finished = True
    run.end(course)
    course.history.why = course.history.why or "all epochs done"
    model.eval()
    return course.history


class Course:
    """Where training stands: all that a checkpoint must hold for it to go on as if it had not stopped."""

    def __init__(self, model: Learner, turns: Turns, stream: Stream, average: Average | None):
        self.model, self.turns, self.stream, self.average = model, turns, stream, average
        self.step = self.epoch = self.position = 0
        self.sums: dict[str, Tensor] = {}
        self.history = History()
        self.best: dict[str, Tensor] | None = None
        self.best_value = math.inf
        self.finished = False
        self.cpu = turns.device.type == "cpu"
        model.train()
        self.remember()

    def remember(self) -> None:
        self.good, self.good_step = _copy(self.model.state_dict()), self.step

    def advance(self, batch: Batch, index: Tensor | None) -> None:
        """One step: every player's turn."""
        with self.stream:
            for report in self.turns.take(batch, self.step):
                self.note(report, batch, index)
        if self.average is not None:
            self.average.follow(self.model)
        self.step += 1
        self.position += 1
        if self.step % GOOD_EVERY == 0:
            self.remember()

    def note(self, report: Report, batch: Batch, index: Tensor | None) -> None:
        """Add up on the device; what is not finite is found at once on the CPU, every so often elsewhere."""
        several = len(self.turns.parameters) > 1
        for name, mean in report.loss.means.items():
            name = f"{report.player}.{name}" if several else name
            if name in self.sums:
                self.sums[name] += mean.detach()
            else:
                self.sums[name] = mean.detach().clone()
        if self.cpu or self.step % GOOD_EVERY == GOOD_EVERY - 1:
            check(self.model, batch, report, self.step, index)

    def close_epoch(self, seconds: float) -> dict[str, Any]:
        if not self.position:
            raise ValueError("the data gave no batch this epoch; an iterator is used up after one: give a list")
        train = {name: float(value) / self.position for name, value in self.sums.items()}
        rate = next(iter(self.turns.optimizers.values())).param_groups[0]["lr"]
        record = {"epoch": self.epoch, "step": self.step, "train": train, "rate": rate}
        record["seconds"] = round(seconds, 4)
        self.history.records.append(record)
        self.epoch, self.position, self.sums = self.epoch + 1, 0, {}
        return record

    def judge(self, monitor: str, patience: int) -> None:
        """Keep the weights if they are the best so far; stop when none have been for a while."""
        value = sum(
            self.history.curve(name.strip(), "held_out")[-1] for name in monitor.split("+")
        )  # a sum of terms, each recorded, or a KeyError that names those that are
        if value < self.best_value:
            self.best_value, self.history.best = value, len(self.history.records) - 1
            with self.averaged():
                self.best = _copy(self.model.state_dict())
        elif len(self.history.records) - 1 - (self.history.best or 0) >= patience:
            self.history.why = f"held-out {monitor} has not fallen for {patience} epochs"

    def averaged(self) -> Swap:
        return Swap(self.model, self.average.weights if self.average else None)

    def settle(self) -> None:
        """Give the model the weights it shall end with."""
        if self.finished:
            return
        if self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.average is not None:
            self.model.load_state_dict({**self.model.state_dict(), **self.average.weights})

    def state(self) -> State:
        return {
            "model": self.model.state_dict(),
            "optimizers": {name: o.state_dict() for name, o in self.turns.optimizers.items()},
            "gradients": {n: p.grad for n, p in self.model.named_parameters() if p.grad is not None},
            "average": self.average.weights if self.average else None,
            "stream": self.stream.states,
            "sums": self.sums,
            "best": self.best,
            "best_value": self.best_value if self.best is not None else None,
            "history": {"records": json.dumps(self.history.records), "best": self.history.best},
            "why": self.history.why,
            "at": [self.step, self.epoch, self.position],
            "finished": self.finished,
        }

    def restore(self, state: State) -> None:
        self.model.load_state_dict(state["model"])
        for name, optimizer in self.turns.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for name, parameter in self.model.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.grad = None if gradient is None else gradient.to(parameter)
        if self.average is not None:
            self.average.weights = {k: v.to(self.turns.device) for k, v in state["average"].items()}
        self.stream.states = state["stream"]
        self.sums = {name: value.to(self.turns.device) for name, value in state["sums"].items()}
        if state["best"] is not None:
            self.best, self.best_value = state["best"], state["best_value"]
        self.history = History(json.loads(state["history"]["records"]), state["history"]["best"], state["why"])
        self.step, self.epoch, self.position = state["at"]
        self.finished = state["finished"]
        self.remember()


class Average:
    """A running average of the parameters: w̄ ← γ w̄ + (1 − γ) w, started at the first weights."""

    def __init__(self, model: Learner, decay: float):
        if not 0 < decay < 1:
            raise ValueError(f"the decay of an average lies between 0 and 1; it is {decay}")
        self.decay = decay
        self.weights = {name: p.detach().clone() for name, p in model.named_parameters()}

    @torch.no_grad()
    def follow(self, model: Learner) -> None:
        torch._foreach_lerp_([*self.weights.values()], [*model.parameters()], 1 - self.decay)


class Swap:
    """`with Swap(model, weights)`: other parameters for a while."""

    def __init__(self, model: Learner, weights: dict[str, Tensor] | None):
        self.model, self.weights = model, weights

    def __enter__(self) -> None:
        if self.weights is not None:
            self.own = _copy(self.model.state_dict())
            self.model.load_state_dict({**self.own, **self.weights})

    def __exit__(self, *_: object) -> None:
        if self.weights is not None:
            self.model.load_state_dict(self.own)


class Run:
    """The folder of a run, or none."""

    def __init__(self, folder: Path | None, every: int | None, keep: int):
        self.folder, self.every, self.keep, self.last = folder, every, keep, time.monotonic()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def resume(self, course: Course) -> bool:
        if self.folder is None:
            return False
        found = latest_checkpoint(self.folder / "checkpoints")
        if found is None:
            return False
        try:
            course.restore(found[0])
        except (RuntimeError, KeyError, ValueError) as error:
            raise ValueError(
                f"{self.folder} holds a checkpoint of another model or other options: {error}. "
                "Choose another folder, or remove its checkpoints"
            ) from error
        return True

    def checkpoint_at_step(self, course: Course) -> None:
        if self.folder is not None and self.every and course.step % self.every == 0:
            self.save(course)

    def close_epoch(self, course: Course) -> None:
        if self.folder is not None and not self.every and time.monotonic() - self.last > 5:
            self.save(course)
            self.write_history(course)

    def end(self, course: Course) -> None:
        if self.folder is not None:
            self.save(course)
            self.write_history(course)

    def save(self, course: Course) -> None:
        assert self.folder is not None
        save_checkpoint(self.folder / "checkpoints", course.step, course.state(), self.keep)
        self.last = time.monotonic()

    def write_history(self, course: Course) -> None:
        assert self.folder is not None
        lines = "".join(json.dumps(record) + "\n" for record in course.history.records)
        write_atomically(self.folder / "history.jsonl", lines.encode())

    def board(self) -> Any:
        if self.folder is None:
            raise ValueError("tensorboard=True needs a folder to write to: folder='runs/a'")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is an extra: pip install 'isthmus[tensorboard]'") from error
        return SummaryWriter(str(self.folder / "tensorboard"))


@torch.no_grad()
def evaluate(model: Learner, data: Data, *, batch_size: int = 512, seed: int = 0) -> dict[str, float]:
    """The mean of every term over the data, in eval() mode, with the noise of the objective drawn from `seed`.

    Terms of a learner with several players go by "player.term". A mean over rows; a term that ties samples is
    averaged over batches by their size.
    """
    rows = as_rows(data)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    sums: dict[str, float] = {}
    n = 0
    several = len(model.players()) > 1
    with seeded(seed, device):
        for batch, _ in _epoch(rows, batch_size, None, 0, 0, device):
            size = len(batch.target)
            for player, loss in model.losses(batch, 2**31):  # schedules are over: terms at their full weight
                for name, mean in loss.means.items():
                    name = f"{player}.{name}" if several else name
                    sums[name] = sums.get(name, 0.0) + float(mean) * size
            n += size
    model.train(training)
    return {name: value / n for name, value in sums.items()}


def as_rows(data: Data) -> Any:
    """`Rows` from arrays, tensors, (X, labels) pairs and batches; what is rows or an iterable stays what it is."""
    if isinstance(data, Rows | MappedRows):
        return data
    if isinstance(data, Batch):
        return Rows(data.input, None if data.target is data.input else data.target, **data.context)
    if isinstance(data, np.memmap):
        return MappedRows(data)
    if isinstance(data, tuple) and len(data) == 2:
        rows = as_rows(data[0])
        return type(rows)(rows.input, **rows.context, labels=torch.as_tensor(data[1]))
    if isinstance(data, np.ndarray | Tensor):
        x, present = observed(torch.as_tensor(data).to(torch.get_default_dtype()))
        return Rows(x) if present is None else Rows(x, observed=present)
    if isinstance(data, Iterable):
        return data
    raise TypeError(
        f"cannot train on a {type(data).__name__}: give an array, a tensor, a pair (X, labels), Rows, or an "
        "iterable of batches; isthmus.data.read turns files into arrays"
    )


def _parts(data: Data, held_out: float | Data | None, seed: int) -> tuple[Any, Any]:
    rows = as_rows(data)
    if held_out is None:
        return rows, None
    if not isinstance(held_out, float):
        return rows, as_rows(held_out)
    if not isinstance(rows, Rows):
        raise ValueError("a fraction can be held out of rows in memory only: give held-out data of its own")
    parts = split(len(rows), held_out, seed=seed)
    kept, aside = (as_rows(rows.take(torch.as_tensor(index))) for index in (parts.train, parts.held_out))
    return kept, aside if len(aside) else None


def _epoch(
    rows: Any, size: int, seed: int | None, epoch: int, start: int, device: torch.device
) -> Iterator[tuple[Batch, Tensor | None]]:
    """The batches of an epoch from the `start`-th on, in the epoch's own order, or as stored without a seed."""
    if isinstance(rows, Rows | MappedRows):
        n = len(rows)
        order = torch.arange(n) if seed is None else epoch_order(n, seed, epoch)
        cuts = list(range(0, n, size))
        if len(cuts) > 1 and n - cuts[-1] == 1:
            cuts.pop()  # a batch of one has no variance: normalisation and the like would fail on it
        order = order.to(rows.device if isinstance(rows, Rows) else "cpu")
        for at, stop in zip(cuts[start:], [*cuts[1:], n][start:]):
            index = order[at:stop]
            batch = rows.take(index)
            yield (batch if isinstance(rows, Rows) else _to(batch, device)), index
        return
    for position, batch in enumerate(rows):
        if position >= start:
            yield _to(batch, device), None


def _to(batch: Batch, device: torch.device) -> Batch:
    input = batch.input.to(device)
    target = input if batch.target is batch.input else batch.target.to(device)
    return Batch(input, target, {name: part.to(device) for name, part in batch.context.items()})


def _copy(state: dict[str, Any]) -> dict[str, Tensor]:
    return copy.deepcopy({name: value.detach() for name, value in state.items()})


def _board(board: Any, record: dict[str, Any]) -> None:
    for part in ("train", "held_out"):
        for name, value in record.get(part, {}).items():
            board.add_scalar(f"{part}/{name}", value, record["step"])
