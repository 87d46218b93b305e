"""Arrays in HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import blocks
from .blocks import Blocks, Store, row_bytes
from .errors import DataError, needs
from .files import choose_key

ENDINGS = (".h5", ".hdf5", ".hdf")


def read_hdf5(path: Path, key: str | None = None) -> tuple[Any, np.ndarray | None]:
    """One array of the file, and the labels beside it as in `read_npz`; what is large comes as `Blocks`.

    Raises:
        DataError: for a file that is none or damaged, and where the key is missing, listing all of them.
    """
    with needs("hdf5", "reading HDF5"):
        import h5py
    try:
        file = h5py.File(path, "r")
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item} if hasattr(item, "shape") else {}))
        key, beside = choose_key(path, list(found), key)
        store = Stored(path, found[key])
        large = store.shape and store.shape[0] * row_bytes(store) > blocks.ALLOWANCE
        values = Blocks(store) if large and store.dtype.kind in "biuf" else found[key][()]
        labels = found[beside][()] if beside is not None else None
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path} is damaged or no HDF5 file: {error}") from error
    values = np.asarray(values) if not isinstance(values, Blocks) else values
    return values, labels if labels is not None and labels.shape == values.shape[:1] else None


class Stored(Store):
    """An array in an HDF5 file; blocks are made of whole chunks, as each is decompressed at once."""

    def __init__(self, path: Path, array: Any):
        self.path, self.array = path, array
        self.shape, self.dtype = array.shape or (), array.dtype
        rows = max(1, blocks.BLOCK // max(1, row_bytes(self)))
        chunk = array.chunks[0] if array.chunks else 1
        self.starts = np.append(np.arange(0, len(self.array), -(-rows // chunk) * chunk), len(self.array))

    def read(self, start: int, stop: int) -> np.ndarray:
        try:
            return self.array[start:stop]
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self.path} is damaged in rows {start} to {stop}: {error}") from error
