"""Training: the loop, what `fit` adds to it, checkpoints, schedules, finishing."""

from .batches import as_rows
from .checkpoints import latest_checkpoint, load_checkpoint, save_checkpoint, write_atomically
from .course import History
from .evaluation import evaluate
from .finish import lbfgs
from .fitting import fit
from .greedy import greedy
from .loop import Report, train
from .optimizers import adam
from .schedules import cosine
from .signs import TrainingWarning
from .watch import Diverged

__all__ = [
    "Diverged",
    "History",
    "Report",
    "TrainingWarning",
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
