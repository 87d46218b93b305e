"""What columns are taken for, and that what comes back is valid, whatever a model says."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

from isthmus.data import DataError
from isthmus.data.schema import Schema

RNG = np.random.default_rng(0)
N = 60


def draw(*values):
    return [values[i] for i in RNG.integers(0, len(values), N)]


def untidy() -> pd.DataFrame:
    """One column of every kind, and of some kinds several."""
    days = [f"2024-{m:02d}-{d:02d}" for m, d in zip(RNG.integers(1, 13, N), RNG.integers(1, 29, N))]
    frame = pd.DataFrame(
        {
            "order": np.arange(100, 100 + N),
            "note": [f"left with neighbour number {i}" for i in range(N)],
            "uuid": [f"x{i:x}" for i in RNG.permutation(N)],
            "city": draw("Graz", "Wien", "Linz", "São Tomé"),
            "zip": draw("08010", "01010", "04020"),
            "size": pd.Categorical(draw("S", "M", "L"), ["S", "M", "L"], ordered=True),
            "price": np.round(RNG.lognormal(3, 1, N), 2),
            "change": RNG.normal(size=N).astype(np.float32),
            "stars": RNG.integers(1, 6, N),
            "visits": pd.array(RNG.poisson(40, N), "Int64"),
            "paid": draw("Yes", "No"),
            "member": RNG.random(N) < 0.5,
            "bit": RNG.integers(0, 2, N),
            "day": days,
            "when": [f"{d[8:]}.{d[5:7]}.{d[:4]} 12:30" for d in days],
            "stamp": pd.date_range("2024-01-01", periods=N, freq="37min", tz="Europe/Vienna"),
            "moment": pd.date_range("2024-01-01", periods=N, freq="1s"),
            "country": "AT",
            "fax": None,
            "measured": [*(f"{v:.1f}" for v in RNG.normal(size=N - 1)), "?"],
        }
    )
    return frame


KINDS = {
    "order": "identifier",
    "note": "text",
    "uuid": "identifier",
    "city": "category",
    "zip": "category",
    "size": "category",
    "price": "number",
    "change": "number",
    "stars": "whole number",
    "visits": "whole number",
    "paid": "boolean",
    "member": "boolean",
    "bit": "boolean",
    "day": "date",
    "when": "date",
    "stamp": "date",
    "moment": "date",
    "country": "constant",
    "fax": "empty",
    "measured": "number",
}
FRAME = untidy()
SCHEMA = Schema.infer(FRAME)


def with_gaps(frame: pd.DataFrame, share: float = 0.3) -> pd.DataFrame:
    gaps = np.random.default_rng(1).random(frame.shape) < share
    return frame.astype(object).mask(gaps, None).infer_objects() if share else frame


def test_columns_are_taken_for_what_they_are():
    assert {column.name: column.kind for column in SCHEMA.columns} == KINDS
    assert all(column.why for column in SCHEMA.columns)
    lines = SCHEMA.describe()
    assert len(lines) == len(KINDS)
    assert lines[0].startswith("column 'order': identifier, not learned from: handed through (each row has")


def test_json_round_trip():
    assert Schema.from_json(json.loads(json.dumps(SCHEMA.to_json(), allow_nan=False))) == SCHEMA


def test_encoded_rows_are_what_the_likelihood_explains():
    from isthmus.data.preparation import refuse

    x = SCHEMA.encode(FRAME)
    assert x.shape == (N, SCHEMA.width) == (N, 9 + 3 + 4 + 3 + 3)
    refuse(SCHEMA.likelihood()(features=SCHEMA.width), x)  # raises where one is impossible
    assert not np.isnan(x[:-1]).any() and np.isnan(x[-1]).sum() == 1
    for name, place in SCHEMA.places.items():
        if KINDS[str(name)] == "category":
            np.testing.assert_array_equal(x[:, place].sum(1), 1)
            assert len(np.unique(x[:, place], axis=0)) == FRAME[name].nunique()


def test_there_and_back_is_the_table_that_came():
    x = SCHEMA.encode(FRAME)
    x[-1, SCHEMA.places["measured"]] = 0
    back = SCHEMA.decode(x, FRAME)
    assert list(back.columns) == list(FRAME.columns)
    expected = FRAME.assign(
        day=pd.to_datetime(FRAME["day"]),
        when=pd.to_datetime(FRAME["when"], format="%d.%m.%Y %H:%M"),
        measured=pd.to_numeric(FRAME["measured"], errors="coerce").fillna(0),
    )
    for name in FRAME.columns:
        same_type = name not in ("day", "when")
        pd.testing.assert_series_equal(back[name], expected[name], check_dtype=same_type)


def valid(column: pd.Series, seen: pd.Series, name: str) -> bool:
    """Whether every value could have stood in the column."""
    if name in ("city", "zip", "size", "paid", "member", "bit", "country"):
        return set(column) <= set(seen)
    if name == "stars":
        return set(column) <= {1, 2, 3, 4, 5} and column.dtype == np.int64
    if name == "visits":
        return bool((column >= 0).all()) and str(column.dtype) == "Int64"
    if name == "price":
        return bool((column >= 0).all() and (column.round(2) == column).all())
    if name == "measured":
        return bool((column.round(1) == column).all())
    if name == "day":
        return bool((column == column.dt.normalize()).all())
    if name in ("when", "moment"):
        return bool((column == column.dt.round("min" if name == "when" else "s")).all())
    if name == "stamp":
        moments = column.dt.tz_convert("UTC")  # where no city keeps a time of its own
        return bool((moments == moments.dt.round("min")).all()) and column.dtype == seen.dtype
    if name == "change":
        return column.dtype == np.float32
    return bool(column.isna().all())  # without rows to hand through


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4, 1e300])
def test_whatever_a_model_says_every_value_is_valid_for_its_column(scale):
    made = SCHEMA.decode(scale * np.random.default_rng(2).normal(size=(200, SCHEMA.width)))
    assert list(made.columns) == list(FRAME.columns)
    for name in made.columns:
        assert valid(made[name], FRAME[name], name), name


def test_missing_cells_are_filled_and_all_others_are_untouched():
    frame = with_gaps(FRAME)
    schema = Schema.infer(frame)
    x = schema.encode(frame)
    assert 0.2 < np.isnan(x).mean() < 0.4
    filled = schema.fill(frame, np.nan_to_num(x))
    for column in schema.columns:
        name, gaps = column.name, frame[column.name].isna()
        before, after = frame[name][~gaps], filled[name][~gaps]
        if name == "measured":
            before, after = before[before != "?"].astype(float), after[before != "?"]
        assert (before == after).all(), name
        if column.kind in ("identifier", "text", "empty"):
            assert filled[name][gaps].isna().all()
        else:
            assert filled[name].notna().all(), name
    assert filled["day"].map(lambda cell: len(cell) == 10).all()  # text that came as text is text again


def test_rows_do_not_matter_to_one_another_and_columns_go_by_name():
    x = SCHEMA.encode(FRAME)
    order = np.random.default_rng(3).permutation(N)
    mixed = FRAME.iloc[order][sorted(FRAME.columns)]
    np.testing.assert_array_equal(SCHEMA.encode(mixed), x[order])
    np.testing.assert_array_equal(SCHEMA.encode(FRAME.drop(columns=["order", "note", "fax", "country"])), x)


def test_what_is_new_is_said():
    said: list[str] = []
    frame = FRAME.assign(colour="red", city=["Bern", "Genf", *FRAME["city"][2:]])
    x = SCHEMA.encode(frame, said.append)
    assert said == [
        "not known from training, and ignored: column 'colour'",
        "column 'city': classes 'Bern', 'Genf' not seen in training, in 2 cells, which count as missing",
    ]
    assert np.isnan(x[:2, SCHEMA.places["city"]]).all()
    filled = SCHEMA.fill(frame, np.nan_to_num(x))
    assert filled["city"][0] == "Bern"  # it was there: not known is not missing


REFUSED = {
    "price": ("dear", "row 3, column 'price' .*: 'dear' is no number"),
    "stars": (np.inf, "column 'stars' .*infinite"),
    "paid": ("perhaps", "row 3, column 'paid' .*: 'perhaps' is neither 'Yes' nor 'No'"),
    "day": ("soon", "row 3, column 'day' .*: 'soon' is no date such as 1970-01-01"),
    "when": ("2024-01-01", "'2024-01-01' is no date such as 01.01.1970 00:00"),
    "measured": ("unknown", "column 'measured' .*: 'unknown' is no number; the column was taken for numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_cell_of_another_kind_is_named(name):
    value, words = REFUSED[name]
    frame = FRAME.astype({name: object})
    frame.loc[3, name] = value
    with pytest.raises(DataError, match=words):
        SCHEMA.encode(frame)


def test_a_column_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(DataError, match="there is no column 'price'.*did you mean \"Price\""):
        SCHEMA.encode(FRAME.rename(columns={"price": "Price"}))
    with pytest.raises(DataError, match=r"rows have 22 columns; these have shape \(2, 3\)"):
        SCHEMA.decode(np.zeros((2, 3)))


COLUMNS = {
    "counting up, shuffled, a fifth held out": (RNG.permutation(100)[:80], "identifier"),
    "sparse, but named so": (pd.Series(RNG.choice(10**6, 50, False), name="customer_id"), "identifier"),
    "sparse and not named so": (pd.Series(RNG.choice(10**6, 50, False), name="income"), "whole number"),
    "few rows that count": ([1, 2, 3], "whole number"),
    "floats because some are missing": ([1.0, None, 3.0, 3.0], "whole number"),
    "text of numbers": (["1.5", " 2 ", "-3e2", None], "number"),
    "codes with zeros before": (["007", "001", "007", "001"], "category"),
    "mostly numbers": ([*map(str, range(0, 40, 2)), *map(str, range(20)), "n.a."], "whole number"),
    "half of it words": (["1", "2", "x", "y"] * 5, "category"),
    "yes and no": (["yes", "No", " YES", "no"], "boolean"),
    "only yes": (["yes", "yes"], "constant"),
    "objects of truth": (pd.Series([True, None, False], dtype=object), "boolean"),
    "nullable truth": (pd.array([True, None, False], "boolean"), "boolean"),
    "dates with time zones": (["2024-01-01T10:00:00+02:00", "2024-07-01T10:00:00Z"], "date"),
    "day first": (["31/01/2024", "01/02/2024"], "date"),
    "month first": (["01/31/2024", "02/01/2024"], "date"),
    "months in words": (["3 Jan 2024", "14 Feb 2024"], "date"),
    "objects that are dates": ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 9)], "date"),
    "sentences": ([f"the parcel number {i} was left" for i in range(9)], "text"),
    "names, some twice": ([f"name {i}" for i in range(70)] * 1 + ["name 1"] * 5, "text"),
    "blanks": (["", "  ", None], "empty"),
    "one that varies late": (np.r_[np.zeros(30), 1e-12], "number"),
    "periods": (pd.period_range("2024-01", periods=4, freq="M"), "text"),
    "a mixture": ([1, "a", 2.5, None, "a"], "category"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_inference(case):
    cells, kind = COLUMNS[case]
    name = getattr(cells, "name", None) or "x"
    frame = pd.DataFrame({name: cells, "beside": RNG.normal(size=len(cells))})
    schema = Schema.infer(frame)
    assert schema.columns[0].kind == kind, schema.columns[0].why
    x = schema.encode(frame)
    back = schema.decode(np.nan_to_num(x), frame)
    np.testing.assert_array_equal(schema.encode(back), np.where(np.isnan(x), schema.encode(back), x))
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_kinds_may_be_asked_for():
    frame = pd.DataFrame({"zip": [8010, 1010, 4020, 8010], "year": ["2001", "2002", "2003", "2001"]})
    schema = Schema.infer(frame, {"zip": "category", "year": "id"})
    assert [column.kind for column in schema.columns] == ["category", "identifier"]
    assert schema.columns[0].why == "as asked"
    made = schema.decode(np.eye(3))
    assert made["zip"].tolist() == [1010, 4020, 8010] and made["zip"].dtype == np.int64
    for kinds, words in {
        ("zipp", "category"): "there is no column 'zipp' .did you mean \"zip\"",
        ("zip", "categry"): "a column cannot be taken for 'categry' .did you mean \"category\"",
        ("zip", "boolean"): "column 'zip' is no boolean: it has 3 different values, such as 1010, 4020, 8010",
        ("zip", "date"): "not dates|no column of dates",
    }.items():
        with pytest.raises(DataError, match=words):
            Schema.infer(frame, dict([kinds]))


def test_nothing_to_learn_is_said():
    with pytest.raises(DataError, match="nothing to learn in these 1 rows: column 'a': constant"):
        Schema.infer(pd.DataFrame({"a": [1], "b": ["x"]}))
    with pytest.raises(DataError, match="no rows"):
        Schema.infer(pd.DataFrame({"a": []}))
    with pytest.raises(DataError, match="several columns of the frame are named 'a'"):
        Schema.infer(pd.DataFrame([[1, "x"]], columns=["a", "a"]))


def test_of_many_classes_the_frequent_are_kept():
    codes = np.concatenate([np.repeat(np.arange(100), 30), np.repeat(np.arange(100, 140), 3)])
    frame = pd.DataFrame({"town": [f"town {i}" for i in codes]})
    column = Schema.infer(frame).columns[0]
    assert column.kind == "category" and column.width == 100 and "town 139" not in column.values


def test_many_columns_are_counted():
    frame = pd.DataFrame(RNG.normal(size=(5, 100)), columns=[f"c{i}" for i in range(100)]).assign(k="x")
    assert Schema.infer(frame).describe() == [
        "columns 'c0', 'c1', 'c2' and 97 more: number",
        "column 'k': constant, not learned from: given back as it is",
    ]
