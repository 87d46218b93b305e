"""Where batches come from: rows in an order of each epoch's own, or an iterable of the person's."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import MappedRows, Rows, observed, read, split
from ..data.blocks import Blocks
from ..randomness import Stream, mixed
from ..trace import NOTHING, Batch

Data = Any  # whatever `as_rows` understands
SHARE = 0.5  # of a device's free memory that data may take; the rest is for the model


def as_rows(data: Data) -> Rows | MappedRows | Iterable[Any]:
    """`Rows` from arrays, tensors, frames, (X, labels) and batches; rows and iterables stay what they are.

    Numbers become torch's default dtype, and NaN becomes a missing value.

    Raises:
        TypeError: for what holds neither rows nor batches.
        DataError: where the rows cannot be read.
    """
    if isinstance(data, Rows | MappedRows):
        return data
    if isinstance(data, Batch):
        return Rows(data.input, None if data.target is data.input else data.target, **data.context)
    if isinstance(data, np.memmap | Blocks):
        return MappedRows(data)
    if isinstance(data, str | os.PathLike) or hasattr(data, "tocsr") or hasattr(data, "columns"):
        table = read(data)
        return as_rows(table.values if table.labels is None else (table.values, table.labels))
    if isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], Batch):
        rows = as_rows(data[0])
        if not isinstance(rows, Rows | MappedRows):
            raise TypeError(f"labels go with an array of rows, not with a {type(data[0]).__name__}")
        return type(rows)(rows.input, **rows.context, labels=torch.as_tensor(data[1]))
    if isinstance(data, np.ndarray | Tensor):
        x, present = observed(torch.as_tensor(data).to(torch.get_default_dtype()))
        return Rows(x) if present is None else Rows(x, observed=present)
    if isinstance(data, Iterable):
        return data
    raise TypeError(
        f"cannot train on a {type(data).__name__}: give an array, tensor or frame, a pair (X, labels), Rows, "
        "or an iterable of batches, such as a torch DataLoader over a Dataset"
    )


def as_batch(item: Any) -> Batch:
    """A batch of what an iterable gave: a `Batch`, a tensor of rows, (x,) or (x, labels)."""
    if isinstance(item, Batch):
        return item
    if isinstance(item, Tensor):
        x, present = observed(item)
        return Batch(x, x, NOTHING if present is None else {"observed": present})
    if isinstance(item, tuple | list) and len(item) in (1, 2) and all(isinstance(p, Tensor) for p in item):
        batch = as_batch(item[0])
        return batch if len(item) == 1 else batch._replace(context={**batch.context, "labels": item[1]})
    raise TypeError(
        f"the iterable gave a {type(item).__name__} where a batch was due: a Batch, a tensor, or (x, labels)"
    )


def parts(data: Data, held_out: float | Data | None, seed: int) -> tuple[Any, Any, Tensor | None]:
    """What trains, what is held out or None, and the numbers of the training rows in the data if not all."""
    rows = as_rows(data)
    if isinstance(rows, Rows | MappedRows) and len(rows) == 0:
        raise ValueError("there are no rows to train on")
    if held_out is None:
        return rows, None, None
    if isinstance(held_out, int):
        raise ValueError(f"held_out is a share between 0 and 1, or data of its own, not {held_out!r}")
    if not isinstance(held_out, float):
        return rows, as_rows(held_out), None
    if not isinstance(rows, Rows | MappedRows):
        raise ValueError("a fraction can be held out of rows only, not of batches: give held-out data")
    cut = split(len(rows), held_out, seed=seed)
    aside = rows.subset(cut.held_out) if len(cut.held_out) else None
    return rows.subset(cut.train), aside, torch.as_tensor(cut.train)


def placed(rows: Any, device: torch.device) -> Any:
    """Rows on the device where they fit there; others are gathered where they are and moved by the batch."""
    if isinstance(rows, Rows) and device.type == "cuda":
        tensors = {id(t): t for t in (rows.input, rows.target, *rows.context.values())}
        size = sum(t.nbytes for t in tensors.values() if t.device != device)
        if size > SHARE * torch.cuda.mem_get_info(device)[0]:
            return rows
    return rows.to(device) if isinstance(rows, Rows | MappedRows) else rows


def epoch(
    rows: Any, size: int, device: torch.device, seed: int | None = None, number: int = 0, start: int = 0
) -> Generator[tuple[Batch, Tensor | None], None, None]:
    """The batches of an epoch from the `start`-th on, and which rows they hold; without a seed, as stored.

    A last batch of one joins the one before. An iterable is run under random numbers of the epoch's own, so
    that a DataLoader that shuffles repeats itself when training is resumed, and leaves the person's alone.
    """
    if not isinstance(rows, Rows | MappedRows):
        with Stream(mixed(seed or 0, number), device) as stream:
            batches = iter(rows)
        for position in range(2**63):
            with stream:
                item = next(batches, None)
            if item is None:
                return
            if position >= start:
                yield moved(as_batch(item), device), None
    n = len(rows)
    order = torch.arange(n) if seed is None else rows.order(seed, number)
    here = rows.device if isinstance(rows, Rows) else torch.device("cpu")
    cuts = order.to(here).split(size)
    if len(cuts) > 1 and len(cuts[-1]) == 1:  # one row has no variance: normalisation would fail on it
        cuts = (*cuts[:-2], torch.cat(cuts[-2:]))
    cuts = cuts[start:]
    taken: Iterator[Batch]
    if not isinstance(rows, MappedRows) or not cuts:
        taken = map(rows.take, cuts)
    elif isinstance(rows.input, Blocks):
        taken = foreseen(rows, rows.input, cuts, rows.input.mixes(seed, number))
    else:
        taken = ahead(rows.take, cuts)
    for index, batch in zip(cuts, taken):
        yield (batch if rows.device == device else moved(batch, device)), index


def ahead(make: Callable[[Tensor], Batch], indices: Sequence[Tensor]) -> Iterator[Batch]:
    """`make` of each in turn, the next one in a thread of its own while this one is used.

    Reading and scaling then hide behind the step, which leaves Python's lock free most of the time.
    """
    with reader() as thread:
        coming = thread.submit(make, indices[0])
        for index in indices[1:]:
            batch, coming = coming.result(), thread.submit(make, index)
            yield batch
        yield coming.result()


def foreseen(
    rows: MappedRows, blocks: Blocks, indices: Sequence[Tensor], mixes: Sequence[np.ndarray]
) -> Iterator[Batch]:
    """Batches of rows by blocks, those of the next mix read in a thread while those of one are used.

    `indices` are the last of an order that goes through one mix after the other.
    """
    ends = np.cumsum([np.diff(blocks.starts)[mix].sum() for mix in mixes])
    lengths = np.array([len(index) for index in indices])
    stops = ends[-1] - lengths.sum() + np.cumsum(lengths)
    at, coming = 0, None
    with reader() as thread:
        while at < len(indices):
            if coming is not None:
                coming.result()
            batch = rows.take(indices[at])  # of two mixes, perhaps, of which the first is then used up
            here = int(np.searchsorted(ends, stops[at]))
            blocks.bring(mixes[here])
            blocks.touch(mixes[here])
            coming = thread.submit(blocks.bring, mixes[here + 1]) if here + 1 < len(mixes) else None
            yield batch
            after = int(np.searchsorted(stops, ends[here], side="right"))
            yield from rows.kept(indices[at + 1 : after])
            at = after


def reader() -> ThreadPoolExecutor:
    """A thread to read in, which computes alone.

    With helpers of its own there would be more threads than processors: OpenMP then lets threads sleep that
    wait, where else they spin, and a step takes twice as long.
    """
    pool, here = ThreadPoolExecutor(1, "batches"), torch.get_num_threads()
    pool.submit(torch.get_num_threads).result()  # or it would take over the number below at its first sum
    pool.submit(torch.set_num_threads, 1).result()
    torch.set_num_threads(here)  # what threads that come later start with; the reader keeps its own
    return pool


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch on the device, itself where it is there already."""
    if not isinstance(batch.input, Tensor) or batch.input.device == device:
        return batch

    def to(part: Tensor) -> Tensor:
        return part.to(device, non_blocking=device.type == "cuda")  # or it waits for the step before

    input = to(batch.input)
    target = input if batch.target is batch.input else to(batch.target)
    return Batch(input, target, {name: to(part) for name, part in batch.context.items()})


def fingerprint(rows: Any) -> dict[str, Any] | None:
    """How many rows, and a checksum of some: enough to notice other data. None for an iterable."""
    if not isinstance(rows, Rows | MappedRows):
        return None
    places = torch.linspace(0, len(rows) - 1, min(len(rows), 256), dtype=torch.float64).long()
    if isinstance(rows, MappedRows):  # where each place may cost a block: few of them, and neighbours
        places = torch.unique((places[::32, None] + torch.arange(32)).clamp(max=len(rows) - 1))
    some = rows.take(places.to(rows.device if isinstance(rows, Rows) else "cpu"))
    digest = hashlib.sha256()
    for part in (some.input, some.target, *some.context.values()):
        digest.update(f"{tuple(part.shape)} {part.dtype}".encode())
        digest.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return {"rows": len(rows), "columns": list(some.input.shape[1:]), "checksum": digest.hexdigest()[:16]}
