"""Named data sets: what each is, where it comes from, and how it is split.

A data set is looked for in the folder that ISTHMUS_DATA names (`<folder>/<name>/<file>`), then in the cache
(ISTHMUS_CACHE, or ~/.cache/isthmus); a file that is in neither is downloaded once from its public address and
checked. Sets that come with scikit-learn, or are drawn here, need no file. `entries` holds what is known of
each.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal, NamedTuple, overload

from .entries import CATALOGUE, Entry, Part
from .errors import DataError
from .fetch import fetch


class Dataset(NamedTuple):
    """A named data set. Rows are flat; `x.reshape(-1, *shape)` makes images where `shape` is not None."""

    name: str
    train: Part
    test: Part
    shape: tuple[int, ...] | None
    columns: tuple[str, ...] | None
    scale: str
    source: str
    licence: str
    citation: str


class Origin(NamedTuple):
    """Where a data set would come from; where it is `missing`, `place` says what to put where."""

    kind: Literal["bundled", "folder", "cache", "download", "missing"]
    place: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.place}"


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(CATALOGUE)


@overload
def load(name: str, part: None = None) -> Dataset: ...
@overload
def load(name: str, part: Literal["train", "test"]) -> Part: ...
def load(name: str, part: Literal["train", "test"] | None = None) -> Dataset | Part:
    """A named data set, or one part of it.

    Values are as stored, except that bytes of images are divided by 255; `scale` says which. Where the source
    defines no test set, a fifth of each class is held out, always the same rows; of video, the last fifth.
    Raises `DataError` for an unknown name, and where a file is missing, damaged, or not the known one.

    >>> load("iris").train.x.shape
    (120, 4)
    """
    entry = _entry(name)
    if part not in (None, "train", "test"):
        raise DataError(f"a data set has the parts train and test, not {part!r}")
    contents = entry.make(lambda file: _find(name, entry, file))
    if part is not None:
        return contents.train if part == "train" else contents.test
    return Dataset(
        name,
        contents.train,
        contents.test,
        entry.shape,
        contents.columns,
        entry.scale,
        entry.source,
        entry.licence,
        entry.citation,
    )


def available(name: str) -> Origin:
    """Where `load(name)` would take the data from, without touching the network."""
    entry = _entry(name)
    if not entry.files:
        return Origin("bundled", entry.bundled)
    origins = [_origin(name, entry, file) for file in entry.files]
    farthest = max(origins, key=lambda origin: ["folder", "cache", "download", "missing"].index(origin.kind))
    if farthest.kind in ("folder", "cache"):
        return Origin(farthest.kind, str(Path(farthest.place).parent))
    return farthest if farthest.kind == "missing" else Origin("download", str(entry.address))


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise DataError(f"no data set is named {name!r}; {hint}There are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _origin(name: str, entry: Entry, file: str) -> Origin:
    folder = os.environ.get("ISTHMUS_DATA")
    if folder and (held := Path(folder).expanduser() / name / file).is_file():
        return Origin("folder", str(held))
    cached = Path(os.environ.get("ISTHMUS_CACHE") or "~/.cache/isthmus").expanduser() / name / file
    if cached.is_file():
        return Origin("cache", str(cached))
    if entry.address is not None:
        return Origin("download", str(cached))
    where = Path(folder).expanduser() if folder else "a folder that ISTHMUS_DATA names"
    return Origin("missing", f"{name} has no public address to download from; put {name}/{file} into {where}")


def _find(name: str, entry: Entry, file: str) -> Path:
    origin = _origin(name, entry, file)
    if origin.kind == "missing":
        raise DataError(origin.place)
    if origin.kind == "download":
        try:
            return fetch(f"{entry.address}{file}", entry.files[file], Path(origin.place))
        except DataError as error:
            raise DataError(
                f"{error}; or put {name}/{file} into a folder and name that folder in ISTHMUS_DATA"
            ) from error
    return Path(origin.place)
