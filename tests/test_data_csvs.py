"""Tables in text: what was written is read, and what is no number is named with its line and column."""

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.data import DataError, read, read_frame


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


cells = st.none() | st.floats(allow_nan=False, width=64) | st.integers(-(10**15), 10**15)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 4).flatmap(lambda w: st.lists(st.lists(cells, min_size=w, max_size=w), min_size=1)),
    st.sampled_from(",;\t|"),
    st.booleans(),
    st.sampled_from(["", "NA", "nan"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_csv_round_trip(tmp_path, rows, delimiter, header, missing, end, encoding):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    names = tuple(f"näme {i}" for i in range(len(rows[0])))
    if header:
        writer.writerow(names)
    writer.writerows([[missing if cell is None else repr(cell) for cell in row] for row in rows])
    table = read(write(tmp_path, "t.csv", text.getvalue().encode(encoding)))
    np.testing.assert_array_equal(table.values, np.array(rows, dtype=float))
    assert table.columns == (names if header else None)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(2, 4).flatmap(
        lambda w: st.lists(st.lists(st.floats(allow_nan=False), min_size=w, max_size=w), min_size=1)
    ),
    st.sampled_from([" ", "   "]),
    st.sampled_from(["", "  "]),
    st.booleans(),
    st.sampled_from([".txt", ".dat", ".csv"]),
)
def test_numbers_that_spaces_part_are_read(tmp_path, rows, between, around, header, end):
    names = tuple(f"name{i}" for i in range(len(rows[0])))
    lines = [*([names] if header else []), *([repr(cell) for cell in row] for row in rows)]
    text = "".join(around + between.join(line) + around + "\n" for line in lines)
    table = read(write(tmp_path, "t" + end, text))
    np.testing.assert_array_equal(table.values, np.array(rows))
    assert table.columns == (names if header else None)


@pytest.mark.parametrize(
    "text, columns",
    [
        ("time\n2020-01-01 10:00\n2020-01-02 11:00\n", ["time"]),
        ("name\nAnn Lee\nBob Ray\n", ["name"]),
        ("name;a\nAnn Lee;1 234\nBob Ray;5 678\n", ["name", "a"]),
        ("time,a\n2020-01-01 10:00,1\n2020-01-02 11:00,2\n", ["time", "a"]),
    ],
)
def test_spaces_within_words_part_nothing(tmp_path, text, columns):
    assert list(read_frame(write(tmp_path, "t.txt", text)).columns) == columns


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b\n1,2\n\n3,oak\n", "line 4, column 'b': 'oak' is not a number"),
        ("1,2\n3,oak\n", "line 2, column 2: 'oak'"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells where line 1 has 2"),
        ("a,b\n1,2\n1\n", "line 3: 1 cells where line 1 has 2"),
        ("a;b\n1,5;2,5\n", "line 2, column 'a': '1,5' is not a number; write decimals with a point"),
        ("a,b\n1,2024_01\n", "line 2, column 'b': '2024_01'"),
        ('a,b\n1,"2\n3"\n', "line 3, column 'b'"),
        ("a,a\n1,2\n", "line 1: several columns are named 'a'"),
        ("a,b\n", "has a header but no rows"),
        ("\n\n", "is empty"),
        (b"a,b\n\xff,1\n", "line 2, column 'a': 'ÿ' is not a number"),
        (b"a,b\n\x00\x01\x02,1\n", "is not text: it holds bytes that no text has"),
        ('"' + "a" * 200_000, "no table in text: field larger"),
    ],
)
def test_csv_errors_name_line_column_and_value(tmp_path, text, message):
    with pytest.raises(DataError, match=r"t\.csv.*" + message):
        read(write(tmp_path, "t.csv", text))


def test_a_line_may_be_longer_than_a_cell_can_be(tmp_path):
    """Cut at the wrong delimiter, a line of 20 000 columns is one cell of 200 000 characters."""
    names = [f"gene{i}" for i in range(20_000)]
    table = read(write(tmp_path, "t.csv", ",".join(names) + "\n" + ",".join(["0.12345678"] * 20_000)))
    assert table.columns == tuple(names) and table.values.shape == (1, 20_000)


def test_tsv_and_nameless_columns(tmp_path):
    table = read(write(tmp_path, "t.tsv", "\tb, c\n1\t2\n\t\n"))
    assert table.columns == ("column 1", "b, c") and table.name == "t"
    np.testing.assert_array_equal(table.values, [[1, 2], [np.nan, np.nan]])
