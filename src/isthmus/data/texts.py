"""Files of text: their encoding is found, compression undone, and damage named with the file."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DataError
from .files import CHUNK, open_bytes

MARKS = {  # the longer first: that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
NOT_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
KNOWN = {b"PK\x03\x04": "a zip archive (an Excel workbook, perhaps)", b"%PDF": "a PDF", b"PAR1": "Parquet"}


@contextmanager
def open_text(path: Path) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """The file's text, decompressed where it is gzip, and the name of its encoding.

    Raises:
        DataError: where it is no text, damaged, or, while it is open, no table.
    """
    try:
        encoding = encoding_of(path)
        with io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="") as text:
            yield text, encoding
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is damaged: it is no {error.encoding} from byte {error.start} on") from error
    except csv.Error as error:
        raise DataError(f"{path} is no table in text: {error}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or ends early ({error}); fetch or write it again") from error


def encoding_of(path: Path) -> str:
    """UTF-8, -16 or -32 with their marks, UTF-16 and -8 without, or what Windows and Latin-1 write.

    A byte order mark decides; else zeros in every other byte; else all of the file is UTF-8 or it is not.
    """
    with open_bytes(path) as file:
        chunk = file.read(CHUNK)
        for mark, encoding in MARKS.items():
            if chunk.startswith(mark):
                return encoding
        for half, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if chunk[half:CHUNK:2].count(0) > len(chunk) // 4 > chunk[1 - half : CHUNK : 2].count(0):
                return encoding
        _check_text(path, chunk)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(CHUNK)
            decoder.decode(b"", final=True)
            return "utf-8"
        except UnicodeDecodeError:
            while chunk and not NOT_IN_CP1252.intersection(chunk):
                chunk = file.read(CHUNK)
    return "latin-1" if chunk else "cp1252"


def _check_text(path: Path, start: bytes) -> None:
    for magic, what in KNOWN.items():
        if start.startswith(magic):
            raise DataError(f"{path} is not text but {what}; save it as CSV, or give it the ending it needs")
    control = len(start) - len(start.translate(None, CONTROL))
    if b"\0" in start or control > len(start) / 100:
        raise DataError(
            f"{path} is not text: it holds bytes that no text has; what is a table of another format needs "
            "its own ending (.parquet, .npy, …), and a workbook has to be saved as CSV"
        )
