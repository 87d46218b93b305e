"""Arrays, tensors, frames and files, read into one kind of table; and what a table must not hold."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from . import hdf5
from .catalogue import names
from .csvs import TEXTS, read_csv, repeated
from .errors import DataError
from .files import read_idx, read_npy, read_npz
from .frames import FRAMES, ending, read_frame
from .images import Size, image_files, read_images
from .items import read_columns, read_items
from .parquet import parts, read_parquet

if TYPE_CHECKING:
    from scipy import sparse

CELLS = 1 << 22  # checked at a time, so that a memory map stays on disk
WORKS = (
    "a .csv, .tsv, .txt, .dat, .jsonl, .parquet, .feather, .arrow, .npy, .npz or .h5 (or path:key), .idx or "
    "-ubyte file (text and IDX also with .gz), or a folder of images or of Parquet files"
)


class Table(NamedTuple):
    """Values with one row a sample, and what is known of them.

    `values` is an array (n, features) or of images (n, h, w) or (n, c, h, w), a memory map, or a sparse CSR
    matrix; NaN stands for a missing value. `columns` names the features; `labels` (n,) came beside them.
    """

    values: np.ndarray | sparse.csr_matrix
    columns: tuple[str, ...] | None
    labels: np.ndarray | None
    name: str


def read(source: Any, *, size: Size | None = None) -> Table:
    """A table of whatever holds one: an array, tensor, frame, sparse matrix, or the path of a file or folder;
    a data set of torch or Hugging Face, or an iterable of rows or batches, which is gone through once.

    The dtype is kept; frames and text give float64 where columns differ or cells are missing. NPY files are
    memory-mapped; of Parquet and HDF5, what is larger than an allowance is read by blocks when it is used
    (`isthmus.data.blocks`). Pickle is never read. `size` is that of the images of a folder.

    Raises `DataError`, which says what is wrong, where, and what would work. Inf and the like are left to
    `check_matrix`.

    >>> read([[1, 2], [3, 4]]).values.shape
    (2, 2)
    """
    if isinstance(source, (str, os.PathLike)):
        return _file(os.fspath(source), size)
    columns = labels = None
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        values, columns = _frame(source)
    elif hasattr(source, "__arrow_c_stream__"):
        values, columns = _frame(read_frame(source))
    elif hasattr(source, "column_names") and hasattr(source, "__len__"):
        values, columns, labels = _columns_of(source)
    elif hasattr(source, "tocsr"):
        values = source.tocsr()
    elif isinstance(source, Tensor):
        tensor = source.detach().cpu()
        tensor = tensor.to_dense() if tensor.is_sparse else tensor
        values = (
            tensor.float() if tensor.dtype.itemsize < 4 and tensor.is_floating_point() else tensor
        ).numpy()
    elif isinstance(source, np.ma.MaskedArray):
        values = np.ma.filled(source.astype(float), np.nan)
    elif isinstance(source, Sequence) or hasattr(source, "__array__"):
        try:
            values = np.asarray(source)
        except ValueError as error:
            raise DataError(f"the rows of this {type(source).__name__} make no array: {error}") from error
    elif (found := read_items(source)) is not None:
        values, labels = found
    else:
        raise DataError(
            f"a {type(source).__name__} holds no table; what works is an array, tensor, frame or sparse "
            f"matrix, a torch Dataset, an iterable of rows, or {WORKS}"
        )
    name = type(source).__name__
    _check_kind(values, name)
    return Table(values, columns, labels, name)


def check_matrix(
    values: np.ndarray | sparse.csr_matrix,
    columns: Sequence[str] | None = None,
    allow_missing: bool = True,
    first: int = 0,
) -> None:
    """Raise `DataError` if the values cannot be trained on, naming the first cell that is at fault.

    They must be numbers, with a row and a column at least, finite in float32, and, unless `allow_missing`,
    not NaN. `first` is the number of the first row.
    """
    _check_kind(values, "the data")
    if 0 in values.shape:
        raise DataError(
            f"the data has no {'rows' if values.shape[0] == 0 else 'columns'}: shape {values.shape}"
        )
    if values.dtype.kind != "f":
        return
    limit = np.finfo(np.float32).max
    step = max(1, CELLS // math.prod(values.shape[1:]))
    for start in range(0, values.shape[0], step):
        block: Any = values[start : start + step]
        cells = block.data if hasattr(block, "tocoo") else np.asarray(block)
        wrong = np.abs(cells) > limit if allow_missing else ~(np.abs(cells) <= limit)
        if not wrong.any():
            continue
        at = tuple(np.argwhere(wrong)[0])
        value = cells[at]
        if hasattr(block, "tocoo"):
            at = tuple(axis[at[0]] for axis in block.tocoo().coords)
        where = _place((first + start + at[0], *at[1:]), columns)
        if np.isnan(value):
            raise DataError(f"{where} is missing (NaN), and this needs complete rows; fill or drop them")
        what = "infinite" if np.isinf(value) else "too large for float32"
        raise DataError(f"{where} is {value}, {what}; NaN stands for a missing value")


def _file(text: str, size: Size | None) -> Table:
    head, _, tail = text.rpartition(":")
    stem, key = (head, tail) if head.lower().endswith((".npz", *hdf5.ENDINGS)) else (text, None)
    path = Path(stem).expanduser()
    if path.is_dir():
        return _folder(path, size)
    if not path.is_file():
        raise DataError(_not_found(path))
    name = path.name.lower().removesuffix(".gz")
    columns, labels = None, None
    values: np.ndarray
    if name.endswith(TEXTS):
        values, columns = read_csv(path)
    elif name.endswith(".parquet"):
        values, columns = read_parquet(path)
    elif ending(path) in FRAMES:
        values, columns = _frame(read_frame(path))
    elif path.suffix.lower() == ".npy":
        values = read_npy(path)
    elif path.suffix.lower() == ".npz":
        values, labels = read_npz(path, key)
    elif path.suffix.lower() in hdf5.ENDINGS:
        values, labels = hdf5.read_hdf5(path, key)
    elif name.endswith((".idx", "-ubyte")):
        values = read_idx(path)
    else:
        raise DataError(f"{path} has no ending that is known; what works is {WORKS}")
    _check_kind(values, str(path))
    return Table(values, columns, labels, path.name[: len(Path(name).stem)])


def _folder(path: Path, size: Size | None) -> Table:
    """Parquet files as one table, or images."""
    if parts(path):
        return Table(*read_parquet(path), None, path.name)
    if image_files(path):
        values, labels = read_images(path, size)
        return Table(values, None, labels, path.name)
    raise DataError(f"{path} is a folder without Parquet files or images; what works is {WORKS}")


def records(source: Any) -> tuple[Any, np.ndarray | None]:
    """Of a Hugging Face data set: a column of arrays, or else all columns as a pandas frame; and the labels.

    Raises:
        DataError: for several parts or columns of arrays, of which one has to be chosen.
    """
    if isinstance(source, Mapping):
        names = ", ".join(map(repr, source))
        raise DataError(f"this holds the parts {names}; give one of them, as in data[{next(iter(source))!r}]")
    values, labels, label = read_columns(source)
    if values is not None:
        return values, labels
    frame = source.to_pandas()
    return frame.drop(columns=[label]) if label else frame, labels


def _columns_of(source: Any) -> tuple[Any, tuple[str, ...] | None, np.ndarray | None]:
    found, labels = records(source)
    return (*_frame(found), labels) if hasattr(found, "columns") else (found, None, labels)


def _not_found(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}, so no {path}"
    near = difflib.get_close_matches(path.name, os.listdir(path.parent), n=3)
    if near:
        return f"there is no file {path}; the folder has {', '.join(near)}"
    known = difflib.get_close_matches(str(path), names(), n=1)
    hint = f'; isthmus.data.load("{known[0]}") loads the named data set' if known else ""
    return f"there is no file {path}{hint}"


def _frame(frame: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    columns = tuple(map(str, frame.columns))
    if twice := repeated(columns):
        raise DataError(f"several columns of the frame are named {', '.join(map(repr, twice))}")
    if not columns:
        raise DataError("the frame has no columns")
    return np.column_stack([_column(str(name), frame[name].to_numpy()) for name in frame.columns]), columns


def _column(name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind in "mM":
        raise DataError(f"column {name!r} holds {values.dtype.name}, not numbers; leave it out or convert it")
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if isinstance(value, (int, float, np.number, np.bool_)):
            numbers[row] = value
        elif value is not None and type(value).__name__ != "NAType":
            raise DataError(
                f"column {name!r} holds text or other objects: {value!r} in row {row} (counted from 0) is "
                "not a number; leave the column out or give it numbers"
            )
    return numbers


def _check_kind(values: np.ndarray | sparse.csr_matrix, name: str) -> None:
    kind, shape = values.dtype.kind, values.shape
    if kind not in "biuf":
        words = {"c": "complex numbers", "O": "Python objects", "V": "records"}.get(
            kind, f"{values.dtype} values"
        )
        raise DataError(f"{name} holds {words}; what works are real numbers (float, integer or bool)")
    if len(shape) < 2:
        raise DataError(
            f"{name} has shape {shape}; data has rows and columns: reshape(-1, 1) makes each value a sample "
            "of one feature, reshape(1, -1) makes all of them one sample"
        )


def _place(at: tuple[int, ...], columns: Sequence[str] | None) -> str:
    row, rest = at[0], at[1:]
    if len(rest) == 1:
        column = repr(columns[rest[0]]) if columns is not None else f"{rest[0]}"
        return f"row {row}, column {column} (counted from 0)"
    return f"row {row}, element {tuple(map(int, rest))} (counted from 0)"
