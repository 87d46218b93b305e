"""Rows, orders and splits: gathering is numpy indexing, orders are permutations, splits partition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isthmus.data import (
    DataError,
    MappedRows,
    Rows,
    Rule,
    Split,
    batches,
    check_leaks,
    epoch_order,
    observed,
    split,
)

ROWS = 23


def mapped(x, folder, **context):
    np.save(folder / "x.npy", x)
    return MappedRows(np.load(folder / "x.npy", mmap_mode="r"), **context)


@settings(deadline=None)
@given(st.lists(st.integers(0, ROWS - 1)), st.sampled_from(["memory", "array", "sparse"]))
def test_take_is_numpy_indexing(index, kind):
    x = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
    y = np.arange(ROWS)
    rows: Rows | MappedRows
    if kind == "memory":
        rows = Rows(torch.from_numpy(x), labels=torch.from_numpy(y))
    else:
        rows = MappedRows(sparse.csr_matrix(x) if kind == "sparse" else x, labels=y)
    batch = rows.take(torch.tensor(index, dtype=torch.long))
    np.testing.assert_array_equal(batch.input, x[index])
    np.testing.assert_array_equal(batch.context["labels"], y[index])
    assert batch.target is batch.input  # gathered once


def test_a_target_of_its_own_is_gathered_with_its_input():
    x, clean = torch.randn(5, 2), torch.randn(5, 4)
    for rows in (Rows(x, clean), MappedRows(x, clean)):
        batch = rows.take(torch.tensor([3, 3, 0]))
        assert batch.input.equal(x[[3, 3, 0]]) and batch.target.equal(clean[[3, 3, 0]])


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 12), st.booleans())
def test_batches_are_consecutive_slices_of_the_order(n, size, ordered):
    x = torch.arange(2.0 * n).reshape(n, 2)
    order = epoch_order(n, 0, 0) if ordered else None
    expected = (x if order is None else x[order]).split(size) if n else ()
    for rows in (Rows(x), MappedRows(x.numpy())):
        got = [batch.input for batch in batches(rows, size, order=order)]
        assert len(got) == len(expected)
        assert all(a.equal(b) for a, b in zip(got, expected))


@pytest.mark.parametrize("dtype", ["uint8", ">i2", ">f8", "float16", "bool"])
def test_mapped_rows_read_any_numbers_as_float32(dtype, tmp_path):
    x = np.arange(12).reshape(4, 3).astype(dtype)
    batch = mapped(x, tmp_path).take(torch.tensor([2, 1]))
    assert batch.input.dtype == torch.float32
    np.testing.assert_array_equal(batch.input, x[[2, 1]].astype(np.float32))


def test_mapped_rows_say_what_was_observed_and_keep_zeros_there_after_scaling(tmp_path):
    rows = mapped(np.array([[1.0, np.nan], [3.0, 4.0]]), tmp_path, transform=lambda x: 2 * x + 1)
    batch = rows.take(torch.tensor([1, 0]))
    assert batch.input.tolist() == [[7.0, 9.0], [3.0, 0.0]]
    assert batch.context["observed"].tolist() == [[True, True], [True, False]]
    assert "observed" not in rows.take(torch.tensor([1])).context  # nothing is missing there


def test_a_mapped_batch_never_writes_to_the_file(tmp_path):
    rows = mapped(np.ones((4, 2), np.float32), tmp_path)
    for batch in (rows.take(torch.arange(4)), rows.span(0, 4)):
        batch.input.zero_()
    assert rows.span(0, 4).input.eq(1).all()


def test_moving_rows_keeps_target_and_input_one():
    for rows in (
        Rows(torch.zeros(2, 1), labels=torch.arange(2)),
        MappedRows(np.zeros((2, 1)), labels=[0, 1]),
    ):
        there = rows.to("meta")
        assert there.target is there.input
        assert there.device.type == "meta" and len(there) == 2 and "labels" in there.context


def test_rows_refuse_what_does_not_fit():
    with pytest.raises(DataError, match="input has 3, labels has 2"):
        Rows(torch.zeros(3, 1), labels=torch.zeros(2))
    with pytest.raises(DataError, match="target is a ndarray; torch.as_tensor"):
        Rows(torch.zeros(3, 1), np.zeros((3, 1)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="input needs one row a sample"):
        Rows(torch.tensor(1.0))
    with pytest.raises(DataError, match="at least one row, not 0"):
        batches(Rows(torch.zeros(3, 1)), 0)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 2**63), st.integers(0, 10_000))
def test_an_order_is_a_permutation_of_seed_and_epoch_alone(n, seed, epoch):
    before = torch.random.get_rng_state()
    order = epoch_order(n, seed, epoch)
    assert order.sort().values.equal(torch.arange(n))
    assert order.equal(epoch_order(n, seed, epoch))
    assert torch.random.get_rng_state().equal(before)


def test_neighbouring_seeds_and_epochs_share_no_order():
    orders = {tuple(epoch_order(50, seed, epoch).tolist()) for seed in range(6) for epoch in range(6)}
    assert len(orders) == 36


def test_observed_fills_with_zero_and_leaves_complete_data_alone():
    x = torch.tensor([[1.0, float("nan")], [-2.0, 0.0]])
    filled, mask = observed(x)
    assert mask is not None and filled.tolist() == [[1.0, 0.0], [-2.0, 0.0]]
    assert mask.equal(~x.isnan())
    for complete in (torch.ones(2, 2), torch.ones(2, dtype=torch.int32)):
        assert observed(complete) == (complete, None)


fractions = st.floats(0.01, 0.99)


@settings(deadline=None)
@given(st.integers(1, 60), fractions, st.integers(0, 5), st.sampled_from(["random", "order", "groups"]))
def test_splits_are_disjoint_cover_everything_and_repeat(n, fraction, seed, rule):
    rules = {"random": {}, "order": {"order": np.arange(n)[::-1]}, "groups": {"groups": np.arange(n)}}[rule]
    parts = split(n, fraction, seed=seed, **rules)
    assert sorted([*parts.train, *parts.held_out]) == list(range(n))
    assert len(parts.train) >= 1
    again = split(n, fraction, seed=seed, **rules)
    np.testing.assert_array_equal(parts.held_out, again.held_out)
    if n > 1:
        assert len(parts.held_out) == min(max(round(fraction * n), 1), n - 1)


@settings(deadline=None)
@given(st.lists(st.sampled_from("aaab"), min_size=2).filter(lambda y: max(map(y.count, y)) > 1), fractions)
def test_stratified_splits_hold_out_each_class_to_within_a_row(y, fraction):
    parts = split(y, fraction, stratify=y)
    for c in set(y):
        held = sum(y[i] == c for i in parts.held_out)
        assert abs(held - fraction * y.count(c)) < 1 + 1e-9
        assert held < y.count(c)  # something of it is left to learn from


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2).filter(lambda g: len(set(g)) > 1), fractions)
def test_no_group_and_no_time_is_cut_in_two(values, fraction):
    values = np.array(values)
    by_group = split(values, fraction, groups=values)
    assert not set(values[by_group.train]) & set(values[by_group.held_out])
    by_time = split(values, fraction, order=values)
    assert values[by_time.train].max() < values[by_time.held_out].min()
    assert len(by_group.held_out) and len(by_time.held_out)


def test_what_training_knows_of_the_held_out_is_noticed():
    groups, days = np.array(["a", "a", "b", "c"]), np.array([1, 2, 2, 3])
    clean = Split(np.array([0, 1]), np.array([2, 3]))
    check_leaks(clean, groups=groups)
    check_leaks(Split(np.array([0, 1, 2]), np.array([3])), groups=groups, order=days)
    with pytest.raises(DataError, match="the group a is in training and held out too"):
        check_leaks(Split(np.array([0, 2]), np.array([1, 3])), groups=groups)
    with pytest.raises(DataError, match="2 is held out, and training knows 2: hold out what comes last"):
        check_leaks(clean, order=days)
    with pytest.raises(DataError, match="row 1 is in training and held out too"):
        check_leaks(Split(np.array([0, 1]), np.array([1, 2])))


def test_rules_are_read_and_followed():
    values = np.array([3, 1, 2, 1])
    assert Rule.parse(" time : sold on ") == Rule("time", "sold on")
    assert Rule.parse("group:a:b").column == "a:b"
    assert Rule.parse("time:day").split(4, 0.25, values).held_out.tolist() == [0]
    by_group = Rule.parse("group:g").split(4, 0.5, values, seed=1)
    assert not set(values[by_group.train]) & set(values[by_group.held_out])
    for rule, same in (("random", {}), ("stratified:c", {"stratify": values})):
        found, expected = Rule.parse(rule).split(4, 0.5, values, seed=2), split(4, 0.5, seed=2, **same)
        np.testing.assert_array_equal(found.held_out, expected.held_out)
    for wrong in ("groups:a", "group", "group:", "random:a", ""):
        with pytest.raises(DataError, match="random, stratified:COLUMN, group:COLUMN or time:COLUMN; not by"):
            Rule.parse(wrong)


def test_times_may_be_dates():
    days = np.array(["2024-01-03", "2024-01-01", "2024-01-02"], dtype="datetime64[D]")
    assert split(3, 0.3, order=days).held_out.tolist() == [0]
    with pytest.raises(DataError, match="order is missing for row 1"):
        split(2, 0.5, order=np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"))


def test_few_rows_split_and_say_what_was_done():
    one = split(1, 0.2)
    assert one.train.tolist() == [0] and one.held_out.size == 0 and "nothing is held out" in one.note
    for n in (2, 3):
        assert len(split(n, 0.01).held_out) == 1 and len(split(n, 0.99).train) == 1
    lumpy = split(4, 0.25, groups=[0, 0, 1, 1])
    assert len(lumpy.held_out) == 2 and "of 4 rows, 2 are held out instead of 1" in lumpy.note


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((10, 0.0), "between 0 and 1, not be 0"),
        ((10, 20), "for 20 per cent write 0.2"),
        ((10, float("nan")), "not be nan"),
        ((0, 0.2), "no rows"),
    ],
)
def test_impossible_fractions(arguments, message):
    with pytest.raises(DataError, match=message):
        split(*arguments)


@pytest.mark.parametrize(
    "rules, message",
    [
        ({"stratify": [1, 2, 3]}, "3 classes for 3 rows, and none has two"),
        ({"groups": [1, 1, 1]}, "groups has one value for all 3 rows"),
        ({"order": [1, 2]}, "one value for each of the 3 rows"),
        ({"stratify": [1, 1, 2], "groups": [1, 1, 2]}, "stratify or groups, not by both"),
    ],
)
def test_rules_that_cannot_be_followed(rules, message):
    with pytest.raises(DataError, match=message):
        split(3, 0.5, **rules)


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 300), st.integers(0, 1000))
def test_a_different_seed_may_split_differently_but_never_another_number(n, seed):
    assert len(split(n, 0.2, seed=seed).held_out) == len(split(n, 0.2, seed=seed + 1).held_out)
