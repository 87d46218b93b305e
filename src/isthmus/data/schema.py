"""A table of any columns as numbers for a net, and back: every value is valid for its column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import likelihoods
from ..recipes import Recipe, nearest
from .columns import ALSO, KINDS, LEARNED, Column, infer
from .csvs import repeated
from .dates import written
from .errors import DataError
from .series import there

if TYPE_CHECKING:
    import pandas

Remark = Callable[[str], None]
LINES = 40  # of a description: more columns are counted


@dataclass(frozen=True)
class Schema:
    """What each column of training rows was taken for; JSON can hold it.

    >>> schema = Schema.infer(frame, {"zip": "category"})  # doctest: +SKIP
    >>> x = schema.encode(frame)  # (n, width), NaN where missing
    >>> schema.decode(x)  # a frame again

    Encoded, numbers and dates come first, then booleans as 0 and 1, then a block of zeros and a one for each
    category; within each in the order of the columns. A category that is missing is a block of NaN.
    """

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, frame: pandas.DataFrame, kinds: Mapping[str, str] | None = None) -> Schema:
        """Look at training rows, and at nothing else.

        Args:
            frame: pandas, one sample a row.
            kinds: what columns are to be taken for, by their names: {"zip": "category"}; see `KINDS`.

        Raises:
            DataError: for a column or a kind that does not exist, with the nearest that does; for a column
                that cannot be what was asked for; and where no column can be learned from.
        """
        if twice := repeated([str(name) for name in frame.columns]):
            raise DataError(f"several columns of the frame are named {', '.join(map(repr, twice))}")
        if not len(frame):
            raise DataError("the table has no rows")
        asked = kinds_asked(kinds or {}, [str(name) for name in frame.columns])
        columns = [infer(frame[name], _label(name), asked.get(str(name))) for name in frame.columns]
        schema = cls(tuple(columns))
        if not schema.width:
            said = "; ".join(schema.describe()[:4])
            raise DataError(f"there is nothing to learn in these {len(frame)} rows: {said}")
        return schema

    @property
    def learned(self) -> list[Column]:
        """Columns in the order in which they are encoded."""
        groups = (("number", "whole number", "date"), ("boolean",), ("category",))
        return [column for kinds in groups for column in self.columns if column.kind in kinds]

    @property
    def width(self) -> int:
        return sum(column.width for column in self.columns)

    @property
    def places(self) -> dict[str | int, slice]:
        """Where each learned column stands in an encoded row."""
        found, start = {}, 0
        for column in self.learned:
            found[column.name] = slice(start, start + column.width)
            start += column.width
        return found

    @property
    def cells(self) -> list[int]:
        """Where each learned column begins in an encoded row: one number for each cell."""
        return [place.start for place in self.places.values()]

    @property
    def blocks(self) -> tuple[slice, ...]:
        """Where each category stands in an encoded row."""
        return tuple(self.places[column.name] for column in self.learned if column.kind == "category")

    @property
    def names(self) -> list[str]:
        """Of the columns of encoded rows: price, and city=Graz for a class."""
        found = []
        for column in self.learned:
            classes = [f"{column.name}={value}" for value in column.values]
            found += classes if column.kind == "category" else [str(column.name)]
        return found

    def likelihood(self, numbers: Any = likelihoods.gaussian) -> Any:
        """What explains an encoded row: `numbers` for numbers, Bernoulli and one-hot blocks for the rest."""
        widths = {kind: sum(c.width for c in self.columns if c.kind == kind) for kind in KINDS}
        real = sum(widths[kind] for kind in ("number", "whole number", "date"))
        classes = tuple(column.width for column in self.columns if column.kind == "category")
        parts = [
            (real, numbers),
            (widths["boolean"], likelihoods.bernoulli),
            (widths["category"], Recipe(likelihoods.one_hot, classes=classes)),
        ]
        blocks = tuple((width, family) for width, family in parts if width)
        return blocks[0][1] if len(blocks) == 1 else Recipe(likelihoods.joint, blocks=blocks)

    def encode(self, frame: pandas.DataFrame, remark: Remark = lambda words: None) -> np.ndarray:
        """Rows as numbers (n, width), float64, NaN where missing. Columns are found by name.

        A class that was not seen in training counts as missing, and a column that was not is ignored:
        `remark` is told so.

        Raises:
            DataError: for a column that is not there, with the nearest that is, and for a cell that is not
                of its kind.
        """
        frame = self._aligned(frame, remark)
        x, places = np.full((len(frame), self.width), np.nan), self.places
        for column in self.learned:
            place, values = places[column.name], column.read(frame[column.name])
            if column.kind != "category":
                x[:, place.start] = values
                continue
            known = ~np.isnan(values)
            x[known, place] = np.eye(column.width)[values[known].astype(int)]
            _unseen(frame[column.name], column, known, remark)
        return x

    def decode(self, x: np.ndarray, like: pandas.DataFrame | None = None) -> pandas.DataFrame:
        """Encoded rows, or what a model says of them, as a frame of the columns and types of training.

        Of a block of probabilities the likeliest class is taken. What was not learned from is handed through
        where `like` (n rows) has it, and left empty where there is nothing to hand through.
        """
        import pandas

        if x.ndim != 2 or x.shape[1] != self.width:
            raise DataError(f"encoded rows have {self.width} columns; these have shape {x.shape}")
        places = self.places
        index = pandas.RangeIndex(len(x)) if like is None else like.index
        cells: dict[Any, Any] = {}
        for column in self.columns:
            if column.kind == "category":
                values = column.restore(x[:, places[column.name]].argmax(1))
            elif column.kind in LEARNED:
                values = column.restore(x[:, places[column.name].start])
            else:
                values = _handed(column, len(x), like)
            cells[column.name] = pandas.Series(values, index)
        return pandas.DataFrame(cells, index)

    def fill(self, frame: pandas.DataFrame, x: np.ndarray) -> pandas.DataFrame:
        """The frame, its missing cells taken from encoded rows (n, width), and every other as it was."""
        import pandas

        frame = self._aligned(frame, lambda words: None)
        filled, guess = frame.copy(), self.decode(x, frame)
        for column in self.columns:
            cells = frame[column.name]
            gaps = ~(column.present(cells) if column.kind in LEARNED else there(cells))
            if not gaps.any():
                continue
            if column.kind == "date" and column.pattern and cells.dtype.kind != "M":
                moments = pandas.DatetimeIndex(guess[column.name]).tz_localize("UTC")
                guess[column.name] = written(moments, column.step, column.pattern)
            elif column.kind in ("number", "whole number") and cells.dtype != guess[column.name].dtype:
                cells = _converted(cells, column, gaps)
            elif str(cells.dtype) == "category":
                cells = cells.cat.set_categories(list(dict.fromkeys([*cells.cat.categories, *column.values])))
            filled[column.name] = cells.mask(gaps, guess[column.name])
        return filled

    def describe(self) -> list[str]:
        """What each column was taken for, and why; of many columns, how many of a kind."""
        if len(self.columns) <= LINES:
            return [f"column {str(c.name)!r}: {c.kind}{_fate(c.kind)} ({c.why})" for c in self.columns]
        groups = {kind: [str(c.name) for c in self.columns if c.kind == kind] for kind in KINDS}
        return [
            f"{_several('column', names)}: {kind}{_fate(kind)}" for kind, names in groups.items() if names
        ]

    def written(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        """A frame of these columns as a file shows it: dates the way they came, whole numbers as such."""
        shown = frame.copy()
        for column in self.columns:
            cells = frame[column.name]
            if column.kind == "date" and column.pattern and cells.dtype.kind == "M":
                shown[column.name] = written(cells.dt.tz_localize("UTC"), column.step, column.pattern)
            elif column.kind == "whole number" and cells.dtype.kind == "f":
                whole = (cells.isna() | (cells == cells.round())).all()
                shown[column.name] = cells.astype("Int64") if whole else cells
        return shown

    def to_json(self) -> dict[str, Any]:
        return {"columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Schema:
        columns = []
        for each in state["columns"]:
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in each.items()}
            columns.append(Column(**fields))
        return cls(tuple(columns))

    def _aligned(self, frame: pandas.DataFrame, remark: Remark) -> pandas.DataFrame:
        """The columns of training that are there, in their order."""
        known = {str(column.name): column.name for column in self.columns}
        given = {str(name): name for name in frame.columns}
        for column in self.learned:
            if str(column.name) not in given:
                others = [name for name in given if name not in known]
                raise DataError(
                    f"there is no column {str(column.name)!r} in this table, and the model was fitted with it"
                    f"{nearest(str(column.name), others)}"
                )
        if extra := [name for name in given if name not in known]:
            remark(f"not known from training, and ignored: {_several('column', extra)}")
        there = [name for name in known if name in given]
        return frame[[given[name] for name in there]].set_axis([known[name] for name in there], axis=1)


def kinds_asked(kinds: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """The kinds asked for, by their full names; `DataError` for a column or a kind that there is not."""
    found = {}
    for name, kind in kinds.items():
        if str(name) not in names:
            raise DataError(f"there is no column {str(name)!r}{nearest(str(name), names)}")
        plain = " ".join(_words(str(kind)))
        plain = ALSO.get(plain, plain)
        if plain not in KINDS or plain in ("constant", "empty"):
            possible = [each for each in KINDS if each not in ("constant", "empty")]
            raise DataError(
                f"a column cannot be taken for {kind!r}{nearest(plain, possible)}; "
                f"the kinds are {', '.join(possible)}"
            )
        found[str(name)] = plain
    return found


def _words(text: str) -> list[str]:
    return text.lower().replace("-", " ").replace("_", " ").split()


def _label(name: Any) -> str | int:
    return int(name) if isinstance(name, int | np.integer) else str(name)


def _handed(column: Column, n: int, like: pandas.DataFrame | None) -> Any:
    """Cells of a column that was not learned from."""
    if column.kind == "constant":
        return [column.values[0]] * n
    if like is not None and column.name in like.columns:
        return like[column.name]
    return [None] * n


def _converted(cells: pandas.Series, column: Column, gaps: np.ndarray) -> pandas.Series:
    """Numbers in a type that can hold what fills their gaps, with the values that they have."""
    import pandas

    if cells.dtype.kind == "f" and column.kind == "number":
        return cells
    values = np.where(gaps, 0, column.read(cells))
    whole = column.kind == "whole number" and (values == np.floor(values)).all()
    return pandas.Series(values, cells.index).astype("Int64" if whole else np.float64)


def _unseen(cells: pandas.Series, column: Column, known: np.ndarray, remark: Remark) -> None:
    strange = ~known & there(cells)
    if strange.any():
        words = sorted({str(cell) for cell in cells[strange]})
        remark(
            f"column {str(column.name)!r}: {_several('class', words, 'classes')} not seen in training, in "
            f"{strange.sum()} cells, which count as missing"
        )


def _fate(kind: str) -> str:
    return "" if kind in LEARNED else f", {KINDS[kind]}"


def _several(what: str, names: Sequence[str], plural: str = "") -> str:
    shown = ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{what if len(names) == 1 else plural or what + 's'} {shown}"
