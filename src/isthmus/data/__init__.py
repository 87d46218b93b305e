"""Data: what a person has, turned into rows that a model can be trained on."""

from .catalogue import Dataset, Origin, Part, available, load, names
from .errors import DataError
from .frames import read_frame
from .pairs import two_streams
from .rows import MappedRows, Rows, batches, epoch_order, observed
from .sources import Table, check_matrix, read
from .splits import Rule, Split, check_leaks, split
from .sprites import dsprites

__all__ = [
    "DataError",
    "Dataset",
    "MappedRows",
    "Origin",
    "Part",
    "Rows",
    "Rule",
    "Split",
    "Table",
    "available",
    "batches",
    "check_leaks",
    "check_matrix",
    "dsprites",
    "epoch_order",
    "load",
    "names",
    "observed",
    "read",
    "read_frame",
    "split",
    "two_streams",
]
