"""Larger than memory: the same rows, numbers and codes as in memory, while memory stays flat."""

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from isthmus import Embedder, Recipe, fit
from isthmus.data import DataError, MappedRows, Rows, blocks, read
from isthmus.data.blocks import Blocks, Form, Mapped
from isthmus.data.preparation import prepare
from isthmus.data.streams import mapped_rows, prepare_blocks
from isthmus.models import vae
from isthmus.training.batches import epoch, reader

ROWS = 500


def mapped(folder, x):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def parquet(folder, x, parts=3, group=40):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    folder = folder / "set"
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(np.array_split(x, parts)):
        table = pyarrow.table({f"c{i}": column for i, column in enumerate(part.T)})
        write_table(table, folder / f"part-{number:02}.parquet", row_group_size=group)
    return folder


@pytest.fixture(params=["npy", "parquet"])
def pair(request, tmp_path, monkeypatch):
    """An array, and the same by its blocks."""
    monkeypatch.setattr(blocks, "BLOCK", 16 * 3 * 4)
    monkeypatch.setattr(blocks, "ALLOWANCE", 3000)
    x = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
    if request.param == "npy":
        return x, Blocks(Mapped(mapped(tmp_path, x)))
    return x, read(parquet(tmp_path, x)).values


def test_blocks_are_indexed_as_numpy_is(pair):
    x, by_blocks = pair
    assert isinstance(by_blocks, Blocks) and by_blocks.shape == x.shape and by_blocks.dtype == x.dtype
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(np.asarray(by_blocks), x)
    for part, whole in ((by_blocks, x), (by_blocks.subset(np.arange(1, ROWS, 3)), x[1::3])):
        np.testing.assert_array_equal(np.concatenate([block for _, block in part.spans()]), whole)
        for _ in range(50):
            index = generator.integers(len(whole), size=generator.integers(1, 60))  # few blocks, and too many
            np.testing.assert_array_equal(part[index], whole[index])
            start, stop = sorted(generator.integers(len(whole) + 1, size=2))
            np.testing.assert_array_equal(part[start:stop], whole[start:stop])
    again = part.reshape(-1, 3, 1).reshape(len(part), -1).subset(np.array([0, 2, 7]))
    np.testing.assert_array_equal(again[:], x[1::3][[0, 2, 7]])


def test_an_epoch_in_its_order_reads_every_block_once(pair, monkeypatch):
    _, by_blocks = pair
    reads = []
    load = Blocks._load

    def counted(self, block):
        reads.append(int(block))
        return load(self, block)

    monkeypatch.setattr(Blocks, "_load", counted)

    def read_by(order):
        reads.clear()
        for index in order.split(7):
            by_blocks[index.numpy()]
        return sorted(reads)

    order = by_blocks.order(0, 0)
    assert order.sort().values.equal(torch.arange(ROWS))
    assert order.equal(by_blocks.order(0, 0)) and not order.equal(by_blocks.order(0, 1))
    assert read_by(order) == list(range(len(by_blocks.starts) - 1))
    assert len(read_by(torch.randperm(ROWS, generator=torch.Generator().manual_seed(0)))) > 100  # the control
    several = np.searchsorted(by_blocks.starts, order[:50].numpy(), "right")
    assert len(set(several)) > 2  # mixed: a batch is of many blocks


columns = st.sampled_from(["real", "binary", "count", "constant", "missing", "offset", "huge"])


def column(kind, n, generator):
    match kind:
        case "binary":
            return generator.integers(0, 2, n)
        case "count":
            # Not Poisson, which lies on the border of what is taken for counts: some rows say so, others not.
            return generator.poisson(generator.gamma(0.5, 2.0, n))
        case "constant":
            return np.full(n, 7.0)
        case "missing":
            return np.where(generator.random(n) < 0.3, np.nan, generator.normal(size=n))
        case "offset":
            return 1e6 + generator.normal(size=n)
        case "huge":
            return 1e200 * generator.normal(size=n)
    return generator.normal(size=n)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(columns, min_size=1, max_size=3, unique=True),
    st.sampled_from([None, 0.5, 2.0, -1.0]),  # one value, late, that changes what all of them are
    st.sampled_from(["auto", "columns", "whole", "none"]),
    st.booleans(),
    st.integers(0, 5),
)
def test_preparation_by_blocks_is_that_of_all_rows(kinds, odd, scaling, counts, seed):
    generator = np.random.default_rng(seed)
    x = np.column_stack([column(kind, 3000, generator) for kind in kinds])
    if odd is not None and "constant" not in kinds:
        x[2917, 0] = odd
    by_blocks = Blocks(Held(x), allowance=1)
    expected, family = prepare(x.astype(float), scaling=scaling, counts=counts)
    found, same = prepare_blocks(by_blocks, scaling=scaling, counts=counts)
    assert same is family
    for name in ("shift", "scale"):
        a, b = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9 * np.max(expected.scale))
    assert found.notes == expected.notes
    assert (found.shape, found.continuous, found.log, found.unread) == (
        expected.shape,
        expected.continuous,
        expected.log,
        expected.unread,
    )


class Held(blocks.Store):
    """A store in memory, in blocks of 100 rows."""

    def __init__(self, x):
        self.x, self.shape, self.dtype = x, x.shape, x.dtype
        self.starts = np.append(np.arange(0, len(x), 100), len(x))

    def read(self, start, stop):
        return self.x[start:stop].copy()


def test_what_cannot_be_explained_is_named_by_its_row():
    x = np.ones((3000, 2))
    x[2001, 1] = 0.5
    with pytest.raises(DataError, match="row 2001, column 1 holds 0.5"):
        prepare_blocks(Blocks(Held(x)), "poisson")
    x[2002, 0] = np.inf
    with pytest.raises(DataError, match=r"row 2002, column 0 .* is inf"):
        prepare_blocks(Blocks(Held(x)))


@pytest.mark.parametrize(
    "kinds, twofold",
    [
        (("real", "offset"), False),
        (("missing", "offset"), False),
        (("binary", "binary"), False),
        (("missing", "constant"), True),
        (("count", "count"), True),
    ],
)
def test_batches_are_those_of_prepared_rows(kinds, twofold):
    generator = np.random.default_rng(0)
    x = np.column_stack([column(kind, 1000, generator) for kind in kinds]).astype(float)
    by_blocks = Blocks(Held(x))
    preparation, _ = prepare_blocks(by_blocks, counts=True)
    assert preparation.twofold == twofold
    x[::50, -1] += 1  # what never varied in training does, in some rows
    rows, all_rows = mapped_rows(preparation, by_blocks, labels=np.arange(1000)), preparation.rows(x)
    for index in torch.tensor([5, 999, 3, 3, 50]), torch.arange(1000):
        batch, expected = rows.take(index), all_rows.take(index)
        assert batch.input.equal(expected.input) and batch.target.equal(expected.target)
        assert twofold or batch.target is batch.input
        assert batch.context["labels"].equal(index)
        assert ("observed" in batch.context) == ("missing" in kinds)
        if "missing" in kinds:
            assert batch.context["observed"].equal(expected.context["observed"])


def test_an_estimator_says_the_same_of_a_map_and_of_an_array(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "ALLOWANCE", 4000)
    monkeypatch.setattr(blocks, "BLOCK", 400)
    x = (np.random.default_rng(0).normal(size=(600, 5)) * [1, 2, 3, 4, 5] + 7).astype(np.float32)
    by_map = mapped(tmp_path, x)
    streamed = Embedder("vae", dim=2, epochs=3, held_out=0.2, random_state=0).fit(by_map)
    assert streamed.n_features_in_ == 5
    np.testing.assert_array_equal(streamed.transform(by_map), streamed.transform(x))
    np.testing.assert_array_equal(streamed.score_samples(by_map), streamed.score_samples(x))
    at_once = Embedder("vae", dim=2, epochs=3, held_out=0.2, random_state=0).fit(x)
    np.testing.assert_allclose(streamed.preparation_.scale, at_once.preparation_.scale, rtol=1e-6)
    assert abs(streamed.score(x) - at_once.score(x)) < 0.3  # another order, as good a model
    counts = np.random.default_rng(0).poisson(0.7, (600, 5))
    model = Embedder("vae", dim=2, epochs=1, likelihood="poisson", random_state=0)
    model.fit(mapped(tmp_path, counts))
    with pytest.raises(DataError, match="row 401, column 0 holds 0.5"):
        model.transform(mapped(tmp_path, counts + np.where(np.arange(600)[:, None] == 401, 0.5, 0)))


def test_training_from_blocks_goes_on_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "ALLOWANCE", 4000)
    monkeypatch.setattr(blocks, "BLOCK", 400)
    x = mapped(tmp_path, np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32))
    assert isinstance(MappedRows(x).input, Blocks)

    def trained(epochs, folder=None):
        torch.manual_seed(0)
        model = vae(5, dim=2, hidden=(8,))
        fit(model, x, epochs=epochs, seed=3, folder=folder)
        return model

    trained(1, tmp_path / "run")
    resumed = trained(2, tmp_path / "run")
    for a, b in zip(resumed.parameters(), trained(2).parameters()):
        assert a.equal(b)


def test_memory_stays_flat_at_ten_times_the_allowance(tmp_path, monkeypatch):
    allowance = 1 << 20
    monkeypatch.setattr(blocks, "ALLOWANCE", allowance)
    monkeypatch.setattr(blocks, "BLOCK", allowance // 64)
    monkeypatch.setattr("isthmus.estimators.inference.CHUNK", 256)
    x = np.random.default_rng(0).normal(size=(10 * allowance // 256, 64)).astype(np.float32)
    by_map, folder = mapped(tmp_path, x), parquet(tmp_path, x, parts=4, group=512)
    size = x.nbytes
    del x

    def peak(data):
        tracemalloc.start()
        recipe = Recipe("vae", dim=2, hidden=(8,))
        embedder = Embedder(recipe, epochs=1, batch_size=1024, random_state=0).fit(data)
        embedder.score_samples(data)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert size == 10 * allowance
    assert peak(read(folder).values) < 6 * allowance  # blocks, the rows looked at, and chunks in float64
    assert peak(by_map) < 6 * allowance
    assert peak(np.array(by_map)) > 20 * allowance  # the control: as arrays


def test_large_row_groups_text_and_odd_parts_are_named(tmp_path, monkeypatch):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    folder = parquet(tmp_path, np.ones((100, 2), np.float32))
    np.testing.assert_array_equal(read(folder).values, np.ones((100, 2)))
    assert read(folder).columns == ("c0", "c1") and read(folder).name == "set"
    monkeypatch.setattr(blocks, "ALLOWANCE", 400)
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    monkeypatch.setattr(blocks, "BLOCK", 40)
    by_blocks = read(parquet(tmp_path, x)).values  # row groups of 34 rows: unpacked
    assert isinstance(by_blocks, Blocks) and len(by_blocks.starts) == 21
    np.testing.assert_array_equal(by_blocks[::], x)
    monkeypatch.setattr("shutil.disk_usage", lambda path: __import__("types").SimpleNamespace(free=99))
    with pytest.raises(DataError, match=r"800 bytes are needed where TMPDIR has 99; .*row_group_size=6"):
        read(parquet(tmp_path, x))
    write_table(pyarrow.table({"c0": [1.0], "c1": [2.0]}), folder / "part-03.PARQUET")
    with pytest.raises(DataError, match=r"part-03\.PARQUET and part-00\.parquet differ in a column: c"):
        read(folder)
    write_table(pyarrow.table({"n": [1], "city": ["Wien"]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet, column 'city' holds string, not numbers"):
        read(tmp_path / "t.parquet")
    (tmp_path / "u.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"u\.parquet is damaged or no Parquet file"):
        read(tmp_path / "u.parquet")


def test_whole_numbers_of_parquet_stay_whole_unless_some_are_missing(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    for cells, expected in (([1, 2], np.int64), ([1, None], np.float64)):
        write_table(pyarrow.table({"a": cells, "b": [True, False]}), tmp_path / "t.parquet")
        values = read(tmp_path / "t.parquet").values
        assert values.dtype == expected
        np.testing.assert_array_equal(values, [[1, 1], [np.nan if None in cells else 2, 0]])


def in_turn(rows: Rows | MappedRows, size: int, start: int, seed: int | None) -> list[tuple[Tensor, Any]]:
    batches = epoch(rows, size, torch.device("cpu"), seed=seed, number=2, start=start)
    return [(batch.input, index) for batch, index in batches]


@pytest.mark.parametrize("start", [0, 1, 5])
def test_batches_read_ahead_are_those_of_an_array(start: int) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    read_ahead, plain = (in_turn(rows, 8, start, 1) for rows in (MappedRows(x), Rows(torch.from_numpy(x))))
    assert len(read_ahead) == len(plain) == 7 - start
    for (mine, my_index), (theirs, their_index) in zip(read_ahead, plain):
        assert torch.equal(mine, theirs) and torch.equal(my_index, their_index)


@pytest.mark.parametrize("size", [1, 7, 64, 300])
@pytest.mark.parametrize("seed", [0, None])
def test_batches_of_blocks_that_are_foreseen_are_their_rows(pair, size, seed, monkeypatch):
    x, by_blocks = pair
    reads: list[int] = []
    load = Blocks._load

    def counted(self, block):
        reads.append(int(block))
        return load(self, block)

    monkeypatch.setattr(Blocks, "_load", counted)
    rows = MappedRows(by_blocks)
    whole = in_turn(rows, size, 0, seed)
    if size < 64:  # a larger batch may be of more blocks than are kept
        assert sorted(reads) == list(range(len(by_blocks.starts) - 1))  # each once, though two threads read
    for start in (0, 3):
        rest = in_turn(MappedRows(by_blocks.subset(np.arange(len(x)))), size, start, seed)
        assert len(rest) == max(0, len(whole) - start)
        for (values, index), (_, expected) in zip(rest, whole[start:]):
            assert index.equal(expected)
            np.testing.assert_array_equal(values.numpy(), x[index.numpy()])
    assert torch.cat([index for _, index in whole]).sort().values.equal(torch.arange(len(x)))


@pytest.mark.parametrize("how", ["array", "blocks"])
def test_no_reader_outlives_its_epoch(pair, how: str) -> None:
    x, by_blocks = pair
    batches = epoch(MappedRows(x if how == "array" else by_blocks), 8, torch.device("cpu"), seed=1)
    next(batches)
    assert [t for t in threading.enumerate() if t.name.startswith("batches")]
    batches.close()  # as when training stops in between
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_a_reader_computes_alone_and_leaves_others_their_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with reader() as thread, ThreadPoolExecutor(1) as other:
            x = torch.ones(1 << 20)
            assert thread.submit(lambda: (x.sum(), torch.get_num_threads())[1]).result() == 1
            assert other.submit(lambda: (x.sum(), torch.get_num_threads())[1]).result() == 2  # the control
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_goes_wrong_while_reading_ahead_is_raised_in_the_loop() -> None:
    def spoiled(x: Tensor) -> Tensor:
        if (x == 7).any():
            raise DataError("row 7 is spoiled")
        return x

    rows = MappedRows(np.arange(10.0)[:, None], transform=spoiled)
    seen = 0
    with pytest.raises(DataError, match="row 7"):
        for _ in epoch(rows, 2, torch.device("cpu")):
            seen += 1
    assert seen == 3  # rows 0 to 5


def test_what_goes_wrong_while_the_next_mix_is_read_is_raised_in_the_loop(pair) -> None:
    _, by_blocks = pair

    class Spoiled(Form):
        shape, dtype = by_blocks.shape[1:], by_blocks.dtype

        def make(self, rows, first):
            if first + len(rows) > 400:
                raise DataError("row 400 is spoiled")
            return rows

    seen = 0
    with pytest.raises(DataError, match="row 400"):
        for batch, _ in epoch(MappedRows(by_blocks.formed(Spoiled())), 4, torch.device("cpu")):
            seen += len(batch.input)
    assert 0 < seen <= 400
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]
