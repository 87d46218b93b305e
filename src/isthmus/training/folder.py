"""The folder of a run: its checkpoints, its history, and how it is found again."""

from __future__ import annotations

import json
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from ..model import Learner
from .checkpoints import State, latest_checkpoint, save_checkpoint, sweep, write_atomically
from .course import Course

HISTORY = "history.jsonl"
SECONDS = 5.0  # between checkpoints at the ends of epochs, where nothing else is asked for


class RunFolder:
    """Keeps what `fit` needs to go on after any kind of end.

    Raises:
        OSError: where the folder cannot be written, before anything is trained.
    """

    def __init__(self, folder: str | Path, every: int | None, keep: int):
        if keep < 1 or (every is not None and every < 1):
            raise ValueError(f"checkpoints are counted from one: keep={keep}, checkpoint_every={every}")
        self.folder, self.every, self.keep = Path(folder), every, keep
        self.checkpoints = self.folder / "checkpoints"
        self.options: dict[str, Any] = {}
        self.last = time.monotonic()
        self.written = -1  # records in history.jsonl, as far as this process knows
        self.interrupted = False
        sweep(self.folder)
        sweep(self.checkpoints)
        write_atomically(self.checkpoints / ".writable", b"")
        (self.checkpoints / ".writable").unlink()

    def resume(self, options: dict[str, Any]) -> State | None:
        """The newest whole checkpoint, if it is one of training with these options.

        Raises:
            ValueError: where it is not, naming what differs.
        """
        self.options = json.loads(json.dumps(options))
        found = latest_checkpoint(self.checkpoints)
        if found is None:
            return None
        state, complaints = found
        for complaint in complaints:
            warnings.warn(f"{complaint}. The checkpoint before it is used", RuntimeWarning, stacklevel=3)
        was = state["options"]
        differ = [name for name, value in self.options.items() if was.get(name) != value]
        if differ:
            what = "; ".join(f"{name} was {was.get(name)}, now {self.options[name]}" for name in differ)
            raise ValueError(
                f"{self.folder} holds a checkpoint of another model or other options: {what}. Going on would "
                "make neither of the two trainings: choose another folder, or remove its checkpoints"
            )
        return state["course"]

    def after_step(self, course: Course) -> None:
        if self.interrupted or (self.every and course.step % self.every == 0):
            self.save(course)

    def close_epoch(self, course: Course) -> None:
        if self.interrupted or (not self.every and time.monotonic() - self.last > SECONDS):
            self.save(course)

    def save(self, course: Course) -> None:
        """A checkpoint and the history; then, after Ctrl-C, the end."""
        course.remember()  # raises at weights that are not finite: a bad checkpoint is never written
        state = {"options": self.options, "course": course.state()}
        save_checkpoint(self.checkpoints, course.step, state, self.keep)
        self.write_history(course)
        self.last = time.monotonic()
        if self.interrupted:
            raise KeyboardInterrupt(f"stopped after step {course.step}; the same call goes on from there")

    def add_finished(self, model: Learner) -> None:
        """What `finish` made of the weights: it goes beside those that more epochs would go on from."""
        found = latest_checkpoint(self.checkpoints)
        assert found is not None
        state = found[0]
        state["course"]["finished"] = model.state_dict()
        save_checkpoint(self.checkpoints, state["course"]["at"][0], state, self.keep)

    def write_history(self, course: Course) -> None:
        if self.written == len(course.history.records):
            return
        self.written = len(course.history.records)
        write_history(self.folder, course.history.records)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Ctrl-C ends training after the present step, with a checkpoint; a second one at once, without."""
        python = signal.default_int_handler
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) != python
        ):
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self.interrupted = True
            signal.signal(signal.SIGINT, python)

        signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, python)

    def board(self) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError("TensorBoard is an extra: pip install 'isthmus[tensorboard]'") from error
        return SummaryWriter(str(self.folder / "tensorboard"))


def write_history(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """A line of JSON for each epoch."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    write_atomically(folder / HISTORY, lines.encode())


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The records of a run's epochs; none where it has kept none."""
    path = folder / HISTORY
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
