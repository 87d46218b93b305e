"""The loop most people want: epochs over data, a held-out part, early stopping, checkpoints, a history."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from ..data import MappedRows, Rows
from ..model import Learner
from ..randomness import Stream
from .batches import Data, epoch, fingerprint, parts, placed
from .course import Course, History, named
from .evaluation import evaluate, known_terms
from .finish import Finish
from .folder import RunFolder
from .loop import Optimizer, Schedule, Turns
from .progress import Progress
from .signs import Signs
from .threads import fitting_threads
from .watch import Diverged


def fit(
    model: Learner,
    data: Data,
    *,
    epochs: int = 30,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    clip: float | None = None,
    accumulate: int = 1,
    precision: str = "fp32",
    ema: float | None = None,
    held_out: float | Data | None = None,
    monitor: str | None = None,
    patience: int = 10,
    finish: Finish | str | None = "auto",
    seed: int = 0,
    device: torch.device | str | None = None,
    folder: str | Path | None = None,
    checkpoint_every: int | None = None,
    keep: int = 3,
    tensorboard: bool = False,
    progress: bool | None = None,
) -> History:
    """Train `model` in place and say what happened. The process's own random numbers are left alone.

    From half of the epochs on it warns (`TrainingWarning`), once of each thing, where a code falls silent,
    the loss rises again, a critic wins or is blind, codes die or a scale is at its floor.

    Args:
        data: an array, tensor or frame (n, ...), NaN where values are missing; a pair (X, labels); `Rows`; a
            memory map; or an iterable of `Batch`, tensors or (x, labels) that can be iterated once an epoch.
        epochs, batch_size: a last batch of one row joins the batch before it.
        optimizer, schedule, clip, accumulate, precision: as in `train`.
        ema: decay of a running average of the weights, which held-out terms see and the model ends with.
        held_out: a fraction of the rows to set aside, or data of its own; its terms are in the history.
        monitor: a held-out term, or a sum such as "reconstruction + kl", whose smallest value says which
            weights to keep; training stops after `patience` epochs without a smaller one.
        finish: what follows the epochs: `lbfgs()`, None, or "auto" for what the method itself asks for.
        seed: of order, noise and the held-out part; weights are drawn when the model is built.
        device: where to train; by default where the model is.
        folder: for `history.jsonl`, TensorBoard and `checkpoints/`. If it holds a checkpoint, training goes
            on from there, bit for bit as if it had not stopped (on the CPU; an iterable must repeat itself).
            More `epochs` or `patience` than before prolong it, also when it had ended: the weights are those
            of a training that was asked for as many from the start. Other options are refused.
        checkpoint_every: steps between checkpoints; by default the ends of epochs, at most one in 5 seconds.
        keep: checkpoints to keep.
        progress: a progress bar; by default on a terminal only.

    Raises:
        Diverged: at a loss that is not finite; the model then holds the last good weights.
        ValueError: for options that contradict one another, and those that are not a checkpoint's.
        OSError: where the folder cannot be written; the checkpoints that are there stay whole.
        KeyboardInterrupt: at Ctrl-C, with a folder after a checkpoint.
    """
    if epochs < 0 or batch_size < 1 or patience < 1 or {epochs % 1, batch_size % 1, patience % 1} != {0}:
        raise ValueError(
            f"these are whole and positive: epochs={epochs}, batch_size={batch_size}, patience={patience}"
        )
    if device is not None and torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={str(device)!r} was asked for, and torch sees no CUDA device here")
    if monitor is not None and held_out is None:
        raise ValueError(f"monitor={monitor!r} needs held-out data: held_out=0.1, say")
    if tensorboard and folder is None:
        raise ValueError("tensorboard=True needs a folder to write to: folder='runs/a'")
    run = RunFolder(folder, checkpoint_every, keep) if folder is not None else None
    if device is not None:
        model.to(device)
    device = next(model.parameters()).device  # "cuda" has become "cuda:0", as that of the rows will
    rows, aside, numbers = parts(data, held_out, seed)
    again = isinstance(rows, Rows | MappedRows)  # whether they can be gone through once more
    ending = (model.autoencoder.finish if again else None) if finish == "auto" else finish
    if isinstance(ending, str):
        raise ValueError(f'finish is a function such as lbfgs(), "auto" or None, not {finish!r}')
    if ending is not None and not again:
        raise ValueError("finish needs rows that it can go through again: an array or a memory map")
    if monitor is not None:
        check_monitor(monitor, model, aside)
    turns = Turns(model, optimizer, clip, accumulate, schedule, precision)
    turns.watch.numbers = numbers
    state = run.resume(options(model, turns, rows, aside, batch_size, ema, monitor, seed)) if run else None
    prepare = model.autoencoder.prepare if state is None else None
    rows, aside = placed(rows, device), placed(aside, device)
    if prepare is not None:
        prepare(model.autoencoder, rows, seed)
    course = Course(model, turns, Stream(seed, device), ema)
    if state is not None:
        course.restore(state)
    signs = Signs(model, rows, epochs)
    steps = -(-len(rows) // batch_size) if isinstance(rows, Rows | MappedRows) else None
    with ExitStack() as stack:
        stack.enter_context(fitting_threads(model, rows, batch_size, device))
        bar = stack.enter_context(Progress(progress, epochs, steps))
        board = stack.enter_context(run.board()) if run and tensorboard else None
        if run:
            stack.enter_context(run.interruptible())
            if prepare is not None:
                run.save(course)
        try:
            while course.epoch < epochs and not stalled(course, monitor, patience):
                started = time.perf_counter()
                with course.stream:
                    for batch, index in epoch(rows, batch_size, device, seed, course.epoch, course.position):
                        course.advance(batch, index)
                        bar.move(course.epoch, course.position)
                        if run:
                            run.after_step(course)
                    record = course.close_epoch(time.perf_counter() - started)
                if aside is not None:
                    with course.averaged():
                        record["held_out"] = evaluate(model, aside, batch_size=batch_size, seed=seed)
                    if monitor is not None:
                        course.judge(monitor)
                if run:
                    run.close_epoch(course)
                bar.close_epoch(record)
                signs.look(course.history.records)
                if board is not None:
                    show_on(board, record)
            if run:
                run.save(course)
        except Diverged as error:
            good = course.fall_back()
            raise Diverged(f"{error}. The model keeps the weights of step {good}") from None
        except ValueError as error:
            if "Expected more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                "batch normalisation needs at least two rows in every batch, and one had a single row: give "
                "more rows or a larger batch_size, or build the model with nn.LayerNorm or without a norm"
            ) from error
    signs.look(course.history.records, over=True)
    course.settle()
    if ending is not None and course.finished is None:
        pass_of_all = len(rows)  # what follows the epochs goes through rows whole, or nearly so
        with Progress(progress, epochs, None) as line, fitting_threads(model, rows, pass_of_all, device):
            ending(model, rows, seed, line.tell)
        if run:
            run.add_finished(model)
    model.eval()
    stopped = f"held-out {monitor} has not fallen for {patience} epochs"
    course.history.why = stopped if stalled(course, monitor, patience) else "all epochs done"
    return course.history


def stalled(course: Course, monitor: str | None, patience: int) -> bool:
    return monitor is not None and course.waited() >= patience


def check_monitor(monitor: str, model: Learner, aside: Any) -> None:
    """Refuse a monitor that held-out data will not have, before anything is trained."""
    known = known_terms(model, aside)
    for name in named(monitor):
        if known is not None and name not in known:
            raise ValueError(f"monitor={monitor!r}: no held-out term {name!r}; there are {', '.join(known)}")


def options(
    model: Learner,
    turns: Turns,
    rows: Any,
    aside: Any,
    batch_size: int,
    ema: float | None,
    monitor: str | None,
    seed: int,
) -> dict[str, Any]:
    """All that decides the weights after a given step, in JSON; a checkpoint is for these and no other."""
    recipe = model.recipe
    made = repr(recipe) if recipe is not None else f"{model} {getattr(model, 'objective', '')}"
    return {
        "model": re.sub(r" at 0x[0-9a-f]+", "", made),
        "data": fingerprint(rows),
        "held_out": fingerprint(aside),
        "batch_size": batch_size,
        "optimizer": {
            name: f"{type(o).__name__} { ({k: v for k, v in o.defaults.items() if v is not None}) }"
            for name, o in turns.optimizers.items()
        },
        "schedule": [turns.schedule(10**k) for k in range(7)] if turns.schedule else None,
        **({"paces": dict(model.paces)} if model.paces else {}),
        **({"momenta": dict(model.momenta)} if model.momenta else {}),
        "clip": turns.clip,
        "accumulate": turns.accumulate,
        "precision": "bf16" if turns.autocast else "fp32",
        "ema": ema,
        "monitor": monitor,
        "seed": seed,
    }


def show_on(board: Any, record: dict[str, Any]) -> None:
    for part in ("train", "held_out"):
        for name, value in record.get(part, {}).items():
            board.add_scalar(f"{part}/{name}", value, record["step"])
