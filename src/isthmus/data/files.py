"""Arrays in files: NPY, NPZ and IDX. Pickle is never read, and damage is reported with the file's name."""

from __future__ import annotations

import gzip
import math
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from .errors import DataError

CHUNK = 1 << 20
DAMAGE = (
    *(EOFError, OSError, ValueError, zlib.error, zipfile.BadZipFile, NotImplementedError),
    tokenize.TokenError,  # of a header that numpy reads as Python would
)
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_npy(path: Path) -> np.ndarray:
    """The array of an NPY file, memory-mapped: rows are read when they are used."""
    try:
        return cast(np.ndarray, np.lib.format.open_memmap(path, mode="r"))
    except DAMAGE as error:
        raise DataError(_unreadable(path, error)) from error


def read_npz(path: Path, key: str | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """One array of an NPZ file, and the labels beside it.

    Labels of `x`, `x_train`, … are `y`, `y_train`, … where the file has them, one for each row.
    """
    try:
        if not zipfile.is_zipfile(path):  # np.load would take it for pickle, or leave it open
            raise zipfile.BadZipFile("no zip archive, or cut short")
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            key, beside = choose_key(path, list(arrays), key)
            values = arrays[key]
            labels = arrays[beside] if beside is not None else None
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(_unreadable(path, error)) from error
    return values, labels if labels is not None and labels.shape == values.shape[:1] else None


def choose_key(path: Path, keys: list[str], key: str | None) -> tuple[str, str | None]:
    """The key that was asked for, or the only one; and that of the labels beside it: y_test for x_test.

    Raises:
        DataError: where there is no such key, listing those there are.
    """
    if not keys:
        raise DataError(f"{path} holds no array")
    if key is None and len(keys) == 1:
        key = keys[0]
    if key is None or key not in keys:
        asked = "holds several arrays" if key is None else f"has no array {key!r}"
        raise DataError(f"{path} {asked}: {', '.join(keys)}; name one, as in {path.name}:{keys[0]}")
    folder, slash, name = key.rpartition("/")
    beside = f"{folder}{slash}y{name[1:]}" if name[:1] in ("x", "X") else ""
    return key, beside if beside in keys else None


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file (the format of MNIST), compressed or not.

    Four bytes: two zeros, the type, the number of axes; then the length of each axis, and the values, all
    big-endian. Magic, type and size are checked.
    """
    with open_bytes(path) as file:
        head, _ = _read(file, path, 4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES or head[3] == 0:
            raise DataError(
                f"{path} is no IDX file: it begins with {head.hex(' ') or 'nothing'}, not with 00 00, "
                f"a type ({', '.join(f'{code:02x}' for code in IDX_TYPES)}) and the number of axes"
            )
        axes = head[3]
        lengths, _ = _read(file, path, 4 * axes)
        if len(lengths) < 4 * axes:
            raise DataError(f"{path} ends early: a header of {4 + 4 * axes} bytes has {4 + len(lengths)}")
        shape = struct.unpack(f">{axes}I", lengths)
        dtype = np.dtype(IDX_TYPES[head[2]])
        expected = math.prod(shape) * dtype.itemsize
        body, cut = _read(file, path, expected + 1)  # one more, to see whether something follows
    if len(body) != expected or cut:
        wrong = "is too long" if len(body) > expected else "ends early"
        found = "more follow" if len(body) > expected else f"{len(body):,} follow"
        checksum = " without their checksum" if len(body) == expected else ""
        raise DataError(
            f"{path} {wrong}: its header promises {shape} values of {dtype.name}, "
            f"{expected:,} bytes, but {found}{checksum}; fetch the file again"
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where its name or its first bytes say gzip."""
    with open(path, "rb") as file:
        compressed = path.suffix == ".gz" or file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else open(path, "rb")


def _read(file: IO[bytes], path: Path, size: int) -> tuple[bytes, bool]:
    """At most `size` bytes, and whether a compressed stream was cut before its end."""
    # By chunks: a damaged header may promise more than fits into memory.
    pieces: list[bytes] = []
    missing, cut = size, False
    try:
        while missing > 0 and (piece := file.read1(min(missing, CHUNK))):  # type: ignore[attr-defined]
            pieces.append(piece)
            missing -= len(piece)
    except EOFError:
        cut = True
    except DAMAGE as error:
        raise DataError(f"{path} is damaged ({error}); fetch the file again") from error
    return b"".join(pieces), cut


def _unreadable(path: Path, error: Exception) -> str:
    size = f"{os.path.getsize(path):,} bytes"
    if "pickle" in str(error).lower() or "Python objects" in str(error):
        return f"{path} holds Python objects, which are never loaded (pickle runs code); save numbers instead"
    return f"{path} ({size}) is damaged or not what its name says: {error or 'it ends early'}"
