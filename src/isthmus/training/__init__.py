"""Training: the loop, what `fit` adds to it, checkpoints, schedules, finishing."""

from .checkpoints import latest_checkpoint, load_checkpoint, save_checkpoint, write_atomically
from .finish import lbfgs
from .fit import History, as_rows, evaluate, fit
from .greedy import greedy
from .loop import Diverged, Report, adam, train
from .schedules import cosine

__all__ = [
    "Diverged",
    "History",
    "Report",
    "adam",
    "as_rows",
    "cosine",
    "evaluate",
    "fit",
    "greedy",
    "latest_checkpoint",
    "lbfgs",
    "load_checkpoint",
    "save_checkpoint",
    "train",
    "write_atomically",
]
