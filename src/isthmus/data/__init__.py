"""Data: what a person has, turned into rows that a model can be trained on."""

from .catalogue import Dataset, Origin, Part, available, load, names
from .errors import DataError
from .rows import MappedRows, Rows, batches, epoch_order, observed
from .splits import Split, split

__all__ = [
    "DataError",
    "Dataset",
    "MappedRows",
    "Origin",
    "Part",
    "Rows",
    "Split",
    "available",
    "batches",
    "epoch_order",
    "load",
    "names",
    "observed",
    "split",
]
