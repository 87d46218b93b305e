"""Data: what a person has, turned into rows that a model can be trained on."""

from .errors import DataError
from .rows import MappedRows, Rows, batches, epoch_order, observed

__all__ = ["DataError", "MappedRows", "Rows", "batches", "epoch_order", "observed"]
