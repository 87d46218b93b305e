"""Arrays larger than memory: read by blocks of neighbouring rows, of which a few are kept."""

from __future__ import annotations

import math
import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

ALLOWANCE = 256 << 20  # bytes that the blocks of one array may take; smaller arrays are simply loaded
BLOCK = 1 << 20  # bytes read at a time: a disk is fast from here on, and many blocks still mix well


class Store(ABC):
    """Rows on disk, read in stretches: `shape` (n, ...), `dtype`, and the first row of every block, and n."""

    shape: tuple[int, ...]
    dtype: np.dtype
    starts: np.ndarray

    @abstractmethod
    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop, (stop - start, ...), in memory of their own."""


class Mapped(Store):
    """A memory-mapped array, whose pages go back to the system once they are copied."""

    def __init__(self, array: np.memmap):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        rows = max(1, BLOCK // max(1, row_bytes(self)))
        self.starts = np.append(np.arange(0, len(array), rows), len(array))

    def read(self, start: int, stop: int) -> np.ndarray:
        values = np.array(self.array[start:stop])
        give_back(self.array)
        return values


class Shaped(Store):
    """Another store, its rows in another shape."""

    def __init__(self, store: Store, shape: tuple[int, ...]):
        self.store, self.shape = store, (store.shape[0], *shape)
        self.dtype, self.starts = store.dtype, store.starts

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.store.read(start, stop).reshape(stop - start, *self.shape[1:])


class Form(ABC):
    """What is made of rows as soon as they are read: `shape` of each, `dtype`."""

    shape: tuple[int, ...]
    dtype: np.dtype
    gaps = False  # whether a value was missing in what it has made

    @abstractmethod
    def make(self, rows: np.ndarray, first: int) -> np.ndarray:
        """Rows (b, ...) in this form; `first` is the number of the first of them."""


class Blocks:
    """An array (n, ...) over a store: slices and rows are read when asked for, and memory stays flat.

    Rows that are asked for by number come out of blocks that are kept, at most `allowance` bytes of them, so
    an order is fast where it stays among a few blocks for a while: `order` gives such a one. `index`,
    ascending, leaves only those rows. With a `form`, rows are what it makes of them, and are kept as such.
    """

    def __init__(
        self,
        store: Store,
        index: np.ndarray | None = None,
        allowance: int | None = None,
        form: Form | None = None,
    ):
        self.store, self.index, self.form = store, index, form
        self.allowance = ALLOWANCE if allowance is None else allowance
        shape, self.dtype = (store.shape[1:], store.dtype) if form is None else (form.shape, form.dtype)
        self.starts = store.starts if index is None else np.searchsorted(index, store.starts)
        self.shape = (int(self.starts[-1]), *shape)
        longest = int(np.diff(self.starts).max(initial=1))
        self.slots = max(2, self.allowance // max(1, longest * row_bytes(self)))
        self.slots = min(self.slots, 2 * len(self.starts))
        self.kept: np.ndarray | None = None  # (slots, longest, ...), made when first needed
        self.longest = longest
        self.slot = np.full(len(self.starts) - 1, -1)  # of each block, -1 where it is not kept
        self.holds = np.full(self.slots, -1)  # the block in each slot
        self.used = np.zeros(self.slots, np.int64)
        self.clock = 0

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return self.shape[0] * row_bytes(self)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows on disk become an array in memory only by being copied")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Rows of a slice without a step, or at these positions (b,), in that order."""
        if isinstance(which, slice):
            start, stop, _ = which.indices(len(self))
            return self._span(start, max(start, stop))
        which = np.asarray(which)
        wanted = np.unique(np.searchsorted(self.starts, which, side="right") - 1)
        if len(wanted) <= self.slots:
            self._keep(wanted)
            return self.at(self.places(which))
        values = np.empty((len(which), *self.shape[1:]), self.dtype)
        for block in wanted:  # scattered over more than can be kept
            start, stop = self.starts[block : block + 2]
            here = (start <= which) & (which < stop)
            values[here] = self._load(block)[which[here] - start]
        return values

    def places(self, which: np.ndarray) -> np.ndarray:
        """Where rows at these positions (b,) are among what is kept, while their blocks stay there."""
        blocks = np.searchsorted(self.starts, which, side="right") - 1
        return self.slot[blocks] * self.longest + which - self.starts[blocks]

    def at(self, places: np.ndarray) -> np.ndarray:
        """Rows that are kept there (b,)."""
        assert self.kept is not None
        return self.kept.reshape(-1, *self.shape[1:]).take(places, 0)

    def spans(self) -> Iterator[tuple[int, np.ndarray]]:
        """All rows, in stretches of about a block, each with the number of its first row."""
        for block, start in enumerate(self.starts[:-1]):
            if self.starts[block + 1] > start:
                yield int(start), self._load(block)

    def subset(self, index: np.ndarray) -> Blocks:
        """Only the rows at these positions, which ascend."""
        index = index if self.index is None else self.index[index]
        return Blocks(self.store, index, self.allowance, self.form)

    def formed(self, form: Form) -> Blocks:
        """The same rows in that form, of which as many bytes are kept."""
        return Blocks(self.store, self.index, self.allowance, form)

    def reshape(self, rows: int, *shape: int) -> Blocks:
        """The same rows, each in another shape; -1 for its one axis is as many as it has values."""
        if rows not in (-1, len(self)):
            raise ValueError(f"rows on disk stay {len(self)} rows; {rows} were asked for")
        assert self.form is None, "rows are shaped before they are brought into a form"
        wanted = (math.prod(self.shape[1:]),) if shape == (-1,) else shape
        return (
            self
            if wanted == self.shape[1:]
            else Blocks(Shaped(self.store, wanted), self.index, self.allowance)
        )

    def mixes(self, seed: int | None, epoch: int) -> list[np.ndarray]:
        """The blocks of an epoch in the order they are needed, in lists of those that are needed together.

        As many as half of what may be kept are mixed at a time, so that the next can come while the last rows
        of these are used. Without a seed they come as they are stored.
        """
        count = len(self.starts) - 1
        generator = np.random.default_rng([seed or 0, epoch])
        return self._mixes(np.arange(count) if seed is None else generator.permutation(count))

    def order(self, seed: int, epoch: int) -> Tensor:
        """A permutation (n,) of seed and epoch alone: mixes at random, and at random within each of them."""
        generator = np.random.default_rng([seed, epoch])
        parts = [
            generator.permutation(np.concatenate([np.arange(*self.starts[b : b + 2]) for b in blocks]))
            for blocks in self._mixes(generator.permutation(len(self.starts) - 1))
        ]
        return torch.from_numpy(np.concatenate(parts)) if parts else torch.empty(0, dtype=torch.long)

    def bring(self, blocks: np.ndarray) -> None:
        """Have these blocks in memory, in place of those that were longest without use.

        May run in a thread beside reading rows of blocks that are there and stay: those that were `touched`
        last, if both together are not more than are kept.
        """
        self._keep(np.sort(blocks)[: self.slots])

    def touch(self, blocks: np.ndarray) -> None:
        """These are in use."""
        slots = self.slot[blocks]
        self.clock += 1
        self.used[slots[slots >= 0]] = self.clock

    def _mixes(self, blocks: np.ndarray) -> list[np.ndarray]:
        together = max(1, self.slots // 2)
        return [blocks[first : first + together] for first in range(0, len(blocks), together)]

    def _span(self, start: int, stop: int) -> np.ndarray:
        values = self._stored(start, stop)
        return values if self.form is None else self.form.make(values, start)

    def _stored(self, start: int, stop: int) -> np.ndarray:
        if self.index is None:
            return self.store.read(start, stop)
        wanted = self.index[start:stop]
        values = np.empty((len(wanted), *self.store.shape[1:]), self.store.dtype)
        at = np.searchsorted(wanted, self.store.starts)
        for block in np.flatnonzero(np.diff(at)):
            first, last = self.store.starts[block : block + 2]
            here = slice(at[block], at[block + 1])
            values[here] = self.store.read(int(first), int(last))[wanted[here] - first]
        return values

    def _load(self, block: int) -> np.ndarray:
        return self._span(int(self.starts[block]), int(self.starts[block + 1]))

    def _keep(self, wanted: np.ndarray) -> None:
        """Have these blocks in memory, in place of those that were longest without use."""
        if self.kept is None:
            self.kept = np.empty((self.slots, self.longest, *self.shape[1:]), self.dtype)
        self.clock += 1
        here = self.slot[wanted]
        self.used[here[here >= 0]] = self.clock
        missing = wanted[here < 0]
        if not len(missing):
            return
        for block, slot in zip(missing, np.argsort(self.used, kind="stable")):
            if self.holds[slot] >= 0:
                self.slot[self.holds[slot]] = -1
            values = self._load(block)
            self.kept[slot, : len(values)] = values
            self.slot[block], self.holds[slot], self.used[slot] = slot, block, self.clock


def blocks(values: Any) -> Any:
    """A memory map that is larger than the allowance by its blocks; anything else as it is."""
    if isinstance(values, np.memmap) and values.nbytes > ALLOWANCE and values.dtype.kind in "biuf":
        return Blocks(Mapped(values))
    return values


def give_back(array: np.memmap) -> None:
    """Let the system have the pages of a map, which it has on disk, where it can be told."""
    pages = getattr(array, "_mmap", None)
    # Not those of a private copy (mode "c"), whose changes are nowhere else.
    if isinstance(pages, mmap.mmap) and array.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


def row_bytes(rows: Store | Blocks) -> int:
    return math.prod(rows.shape[1:]) * rows.dtype.itemsize
