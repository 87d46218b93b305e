"""What a training loop gathers batches from: rows in memory, rows on disk, and the order they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ..trace import NOTHING, Batch
from .blocks import Blocks, blocks
from .errors import DataError


class Rows:
    """A data set in memory, one row a sample, on one device.

    `input` (n, ...), `target` (n, ...) which is the input unless given, and named context tensors (n, ...):
    labels, or `observed` where values are missing (see `observed`). Gathering costs one `index_select` for
    each tensor, and one for input and target together where they are the same.

    Raises `DataError` where something is not a tensor or the numbers of rows differ.

    >>> rows = Rows(torch.arange(6.0).reshape(3, 2), labels=torch.tensor([0, 1, 0]))
    >>> rows.take(torch.tensor([2, 0])).input
    tensor([[4., 5.],
            [0., 1.]])
    """

    def __init__(self, input: Tensor, target: Tensor | None = None, **context: Tensor):
        for name, part in {"input": input, "target": target, **context}.items():
            if not isinstance(part, Tensor) and part is not None:
                raise DataError(f"Rows takes tensors, but {name} is {_kind(part)}; torch.as_tensor makes one")
        same_length(input=input, target=target, **context)
        self.input = input
        self.target = input if target is None else target
        self.context = context

    def __len__(self) -> int:
        return len(self.input)

    @property
    def device(self) -> torch.device:
        return self.input.device

    def take(self, index: Tensor) -> Batch:
        """The rows at these positions (b,), which must lie on the rows' device."""
        input = self.input.index_select(0, index)
        target = input if self.target is self.input else self.target.index_select(0, index)
        if not self.context:
            return Batch(input, target, NOTHING)
        return Batch(
            input, target, {name: part.index_select(0, index) for name, part in self.context.items()}
        )

    def span(self, start: int, stop: int) -> Batch:
        """Rows start to stop, as views: nothing is copied."""
        input = self.input[start:stop]
        target = input if self.target is self.input else self.target[start:stop]
        return Batch(input, target, {name: part[start:stop] for name, part in self.context.items()})

    def order(self, seed: int, epoch: int) -> Tensor:
        """The order (n,) of an epoch's rows: any."""
        return epoch_order(len(self), seed, epoch)

    def subset(self, index: np.ndarray) -> Rows:
        """Only the rows at these positions."""
        batch = self.take(torch.as_tensor(index).to(self.device))
        target = None if batch.target is batch.input else batch.target
        return Rows(batch.input, target, **batch.context)

    def to(self, device: torch.device | str) -> Rows:
        """The same rows on another device."""
        target = None if self.target is self.input else self.target.to(device)
        return Rows(
            self.input.to(device), target, **{name: part.to(device) for name, part in self.context.items()}
        )


class MappedRows:
    """A data set too large for memory: the interface of `Rows` over memory-mapped, large or sparse arrays.

    Only the rows of one batch are read, converted to float32 and moved to the device, so memory stays flat.
    Where the batch misses values (NaN), zeros stand in their place and the context says which elements are
    `observed`. `transform`, a function of the tensor that keeps its shape (scaling, say), is applied to the
    input; a separate target is taken as it is stored. Context arrays keep their dtype. Where rows are
    `twofold`, the first half of their first axis is the input, and the second the target.

    A memory map larger than `isthmus.data.blocks.ALLOWANCE` is read by blocks, in an order that mixes those
    of many blocks at a time.
    """

    def __init__(
        self,
        input: Any,
        target: Any = None,
        *,
        transform: Callable[[Tensor], Tensor] | None = None,
        twofold: bool = False,
        device: torch.device | str = "cpu",
        **context: Any,
    ):
        self.input = _array(input)
        self.target = self.input if target is None else _array(target)
        self.transform = transform
        self.twofold = twofold
        self.device = torch.device(device)
        self.context = {name: _array(part) for name, part in context.items()}
        same_length(input=self.input, target=self.target, **self.context)

    def __len__(self) -> int:
        return int(self.input.shape[0])

    def take(self, index: Tensor) -> Batch:
        """The rows at these positions (b,), in the order asked for."""
        return self._take(index.cpu().numpy())

    def kept(self, indices: Sequence[Tensor]) -> Iterator[Batch]:
        """`take` of each, of an input by blocks which are all there, and stay."""
        if not indices:
            return
        wanted = [index.cpu().numpy() for index in indices]
        places = np.split(self.input.places(np.concatenate(wanted)), np.cumsum([len(w) for w in wanted[:-1]]))
        yield from map(self._take, wanted, places)

    def _take(self, wanted: np.ndarray, places: np.ndarray | None = None) -> Batch:
        def gather(array: Any) -> np.ndarray:
            if isinstance(array, Blocks):
                return array[wanted] if places is None or array is not self.input else array.at(places)
            order = np.argsort(wanted, kind="stable")  # a disk is read forwards; `back` puts rows back
            back = np.empty_like(order)
            back[order] = np.arange(len(order))
            return _dense(array[wanted[order]])[back]

        return self._batch(gather)

    def span(self, start: int, stop: int) -> Batch:
        """Rows start to stop."""
        return self._batch(lambda array: np.array(_dense(array[start:stop])))

    def order(self, seed: int, epoch: int) -> Tensor:
        """The order (n,) of an epoch's rows: any, or one in which blocks are read once."""
        if isinstance(self.input, Blocks):
            return self.input.order(seed, epoch)
        return epoch_order(len(self), seed, epoch)

    def subset(self, index: np.ndarray) -> MappedRows:
        """Only the rows at these positions, which ascend."""
        return self._with(lambda a: a.subset(index) if isinstance(a, Blocks) else a[index], self.device)

    def to(self, device: torch.device | str) -> MappedRows:
        """The same rows, their batches delivered on another device."""
        return self._with(lambda array: array, device)

    def _with(self, change: Callable[[Any], Any], device: torch.device | str) -> MappedRows:
        input = change(self.input)
        target = None if self.target is self.input else change(self.target)
        context = {name: change(part) for name, part in self.context.items()}
        return MappedRows(
            input, target, transform=self.transform, twofold=self.twofold, device=device, **context
        )

    def _batch(self, gather: Callable[[Any], np.ndarray]) -> Batch:
        rows, target = gather(self.input), None
        if self.twofold:
            rows, target = map(np.ascontiguousarray, np.split(rows, 2, 1))
        elif self.target is not self.input:
            target = gather(self.target)
        input, mask = self._observed(rows)
        if self.transform is not None:
            input = self.transform(input)
            if mask is not None:  # scaling has moved the zeros
                input = input.masked_fill(~mask, 0)
        explained = input
        if target is not None:
            explained, mask = self._observed(target)
        context = {name: self._tensor(gather(part)) for name, part in self.context.items()}
        if mask is not None:
            context["observed"] = mask & context["observed"] if "observed" in context else mask
        return Batch(input, explained, context)

    def _observed(self, array: np.ndarray) -> tuple[Tensor, Tensor | None]:
        if not isinstance(self.input, Blocks) or self.input.form is None:
            return observed(self._tensor(array.astype(np.float32, copy=False)))
        return observed(self._tensor(array)) if self.input.form.gaps else (self._tensor(array), None)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False)).to(self.device)


def batches(rows: Rows | MappedRows, size: int, *, order: Tensor | None = None) -> Iterator[Batch]:
    """Batches of `size` rows in the given order (n,), or as they are stored; the last one may be smaller."""
    if size < 1:
        raise DataError(f"a batch needs at least one row, not {size}")
    if order is None:
        n = len(rows)
        return (rows.span(start, min(start + size, n)) for start in range(0, n, size))
    on = rows.device if isinstance(rows, Rows) else "cpu"
    return map(rows.take, order.to(on).split(size) if len(order) else ())


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """A permutation of n rows (n,) that depends on seed and epoch alone, and touches no other generator."""
    # Mixed rather than added: with seed + epoch, seed 0 at epoch 1 would repeat seed 1 at epoch 0.
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint32)[0])
    return torch.randperm(n, generator=torch.Generator().manual_seed(mixed))


def observed(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """x with zeros in place of NaN, and where it was present (bool, shape of x); None if nothing is missing.

    >>> observed(torch.tensor([1.0, float("nan")]))
    (tensor([1., 0.]), tensor([ True, False]))
    """
    if not x.is_floating_point() or x.sum().isfinite():  # a tenth of the time of looking at every value
        return x, None
    missing = x.isnan()
    if not missing.any():
        return x, None
    return x.masked_fill(missing, 0), ~missing


def same_length(**parts: Any) -> None:
    """Raise `DataError` unless all parts (None aside) have rows, and equally many."""
    lengths = {}
    for name, part in parts.items():
        if part is None:
            continue
        if not getattr(part, "shape", ()):
            raise DataError(f"{name} needs one row a sample, but it is {_kind(part)} without rows")
        lengths[name] = int(part.shape[0])
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise DataError(f"every part needs the same number of rows: {found}")


def _dense(array: Any) -> np.ndarray:
    """A gathered block as a plain array, whatever it was gathered from."""
    return cast(np.ndarray, array.toarray()) if hasattr(array, "toarray") else np.asarray(array)


def _array(values: Any) -> Any:
    """An array that rows can be gathered from: memory maps and sparse matrices stay what they are."""
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    values = blocks(values)
    if isinstance(values, Blocks):
        return values
    return values.tocsr() if hasattr(values, "tocsr") else np.asarray(values)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
