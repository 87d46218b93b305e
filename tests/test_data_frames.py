"""Frames: every cell that was written comes back, of the type that its column has, under its name."""

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isthmus.data import DataError, read_frame

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")

FRAME = {"id": [1, 2, 3], "city": ["Wien", None, "Graz"], "n": [3, None, 5], "v": [1.5, 2000.0, -0.25]}
TYPES = {"id": "int64", "city": "str", "n": "Int64", "v": "float64"}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def same(frame, expected=FRAME):
    found = {name: [None if pandas.isna(cell) else cell for cell in frame[name]] for name in frame}
    assert found == expected


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
words = st.text(st.characters(codec="cp1252", categories=["L", "P", "Z"]), min_size=1).filter(
    lambda s: s.strip() == s and s.lower() not in ("na", "nan", "null", "n/a")
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(st.tuples(words, st.none() | st.integers(-99, 99), st.floats(-9, 9)), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(ENCODINGS),
    st.booleans(),
)
def test_any_cells_come_back_from_any_delimiter_and_encoding(tmp_path, rows, delimiter, encoding, packed):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["wörd", "whole", "real"])
    writer.writerows([(word, "" if n is None else n, v) for word, n, v in rows])
    content = text.getvalue().encode(encoding)
    frame = read_frame(write(tmp_path, "T.CSV", gzip.compress(content) if packed else content))
    assert list(frame) == ["wörd", "whole", "real"]
    assert frame["wörd"].tolist() == [row[0] for row in rows]
    assert [None if pandas.isna(n) else n for n in frame["whole"]] == [row[1] for row in rows]
    np.testing.assert_array_equal(frame["real"].astype(float), [row[2] for row in rows])


def test_every_format_gives_the_same_frame(tmp_path):
    from pyarrow import feather, parquet

    table = pyarrow.table(FRAME)
    parquet.write_table(table, tmp_path / "a.PARQUET")
    feather.write_feather(table, tmp_path / "a.feather")
    with pyarrow.ipc.new_stream(tmp_path / "a.arrow", table.schema) as stream:
        stream.write_table(table)
    write(tmp_path, "a.csv", "id,city,n,v\n1,Wien,3,1.5\n2,,NA,+2e3\n3,Graz,5,-.25\n")
    lines = """{"id":1,"city":"Wien","n":3,"v":1.5}\n
    {"id":2,"n":null,"v":2e3}\n{"id":3,"city":"Graz","n":5,"v":-0.25}"""
    write(tmp_path, "a.jsonl", lines)
    write(tmp_path, "a.json", "[" + ",".join(lines.split()) + "]")
    for name in ("a.PARQUET", "a.feather", "a.arrow", "a.csv", "a.jsonl", "a.json"):
        frame = read_frame(tmp_path / name)
        same(frame)
        if int(pandas.__version__.split(".")[0]) >= 3:
            assert dict(frame.dtypes.astype(str)) == TYPES
        head = read_frame(tmp_path / name, rows=2)
        assert head.equals(frame.head(2).astype(head.dtypes)) and len(head) == 2
    same(read_frame(table))
    same(read_frame(table.to_batches()[0]))


def test_frames_of_every_library():
    frame = pandas.DataFrame(FRAME)
    assert read_frame(frame) is frame
    polars = pytest.importorskip("polars")
    same(read_frame(polars.DataFrame(FRAME)))
    same(read_frame(polars.LazyFrame(FRAME)))
    kinds = read_frame(polars.DataFrame({"c": polars.Series(["u", "v"], dtype=polars.Categorical)}))
    assert isinstance(kinds["c"].dtype, pandas.CategoricalDtype) and kinds["c"].tolist() == ["u", "v"]


def test_dates_and_decimals_of_arrow_are_dates_and_numbers():
    from datetime import date
    from decimal import Decimal

    frame = read_frame(pyarrow.table({"day": [date(2024, 1, 2), None], "price": [Decimal("1.50"), None]}))
    assert frame["day"].dtype.kind == "M" and frame["day"][0] == pandas.Timestamp("2024-01-02")
    assert frame["price"].dtype == np.float64 and frame["price"][0] == 1.5


@pytest.mark.parametrize(
    "text, names, first",
    [
        ("a,b\nx,1\n", ["a", "b"], ["x", 1]),  # a word above numbers
        ("x,1\ny,2\n", ["column 1", "column 2"], ["x", 1]),  # a number at the head of numbers
        ("a,b\nx,y\nz,y\n", ["a", "b"], ["x", "y"]),  # words that do not come again
        ("x,y\nx,z\n", ["column 1", "column 2"], ["x", "y"]),  # a word that comes again
        ("a,,c\n1,2,3\n", ["a", "column 2", "c"], [1, 2, 3]),
        ("x,1\n", ["column 1", "column 2"], ["x", 1]),
        ("1,2\n3,4\n", ["column 1", "column 2"], [1, 2]),
    ],
)
def test_a_header_is_told_from_a_row(tmp_path, text, names, first):
    frame = read_frame(write(tmp_path, "t.csv", text))
    assert list(frame) == names and frame.iloc[0].tolist() == first
    assert any("not a header" in note for note in frame.attrs["notes"]) == ("column 1" in names)


@pytest.mark.parametrize(
    "text, column, expected, note",
    [
        ("a;b\n1,5;x\n2,25;y\n", "a", [1.5, 2.25], "decimal comma"),
        ("a;b\n1.234,5;950\n2,25;1.250\n", "b", [950, 1250], "decimal comma"),  # and so b has thousands
        ("a;b\n1,234;x\n2,345;y\n", "a", ["1,234", "2,345"], "may be decimal or mark thousands"),
        ("a;b\n1.5;2.5\n", "a", [1.5], "semicolon"),
        ('a,b\n"1,234.50",x\n"12.00",y\n', "a", [1234.5, 12.0], "marks of thousands"),
        ("a,b\n007,x\n012,y\n", "a", ["007", "012"], None),
        ("a,b\n1_000,x\n2,y\n", "a", ["1_000", "2"], None),
        ("a,b\n18446744073709551616,x\n", "a", [2.0**64], None),
        ("a,b\n,x\nNA,y\n", "a", [None, None], None),
    ],
)
def test_numbers_are_read_in_the_one_way_there_is_or_left_as_text(tmp_path, text, column, expected, note):
    frame = read_frame(write(tmp_path, "t.csv", text))
    assert [None if pandas.isna(cell) else cell for cell in frame[column]] == expected
    assert frame.attrs["notes"] == [] if note is None else note in "; ".join(frame.attrs["notes"])


def test_what_latin_1_and_windows_write_is_read_and_said(tmp_path):
    for encoding, word in (("cp1252", "€"), ("latin-1", "ÿ\x81")):
        frame = read_frame(write(tmp_path, "t.csv", f"a,b\n{word},1\n".encode(encoding)))
        assert frame["a"].tolist() == [word] and f"read as {encoding}" in frame.attrs["notes"][0]


def test_a_character_across_two_chunks_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("isthmus.data.texts.CHUNK", 7)
    for text in ("a,b\nöö,1\n", "a,b\nöäüöäüöäü,1\n"):
        frame = read_frame(write(tmp_path, "t.csv", text))
        assert frame["a"].tolist() == [text.split("\n")[1].partition(",")[0]]


def test_a_table_is_cut_into_blocks_and_whole_again(tmp_path, monkeypatch):
    monkeypatch.setattr("isthmus.data.cells.BLOCK", 6)
    text = "a,b\n" + "".join(f"{i},{'x' if i == 40 else i}\n" for i in range(50))
    frame = read_frame(write(tmp_path, "t.csv", text))
    assert frame["a"].tolist() == list(range(50))
    assert frame["b"].tolist() == [*map(str, range(40)), "x", *map(str, range(41, 50))]


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("t.csv", "a,b\n1,2\n\n3\n", "line 4: 1 cells where line 1 has 2"),
        ("t.csv", "a,b\n1,2,3\n", "line 2: 3 cells where line 1 has 2"),
        ("t.csv", "", "is empty"),
        ("t.csv", "a,b\n", "has a header but no rows"),
        ("t.csv", "a,a\nx,2\n", "line 1: several columns are named 'a'"),
        ("t.csv", b"PK\x03\x04..", "is not text but a zip archive.*save it as CSV"),
        ("t.csv", bytes(range(256)), "is not text: it holds bytes"),
        ("t.csv.gz", gzip.compress(b"a,b\nx,1\n", mtime=0)[:-9], "damaged or ends early"),
        ("t.csv", "a,b\nö,1\n".encode("utf-16")[:-1], "is damaged: it is no utf-16"),
        ("t.jsonl", '{"a": 1}\n\n{"a": {"x": 1}}\n', "line 3: 'a' holds an object.*a key of its own"),
        ("t.jsonl", '{"a": [1]}\n', "line 1: 'a' holds an array"),
        ("t.jsonl", '{"a": 1}\n{"a": \n', "line 2 is no JSON"),
        ("t.jsonl", '{"a": 1}\n3\n', "line 2 holds a int"),
        ("t.jsonl", "\n", "is empty"),
        ("t.json", '[{"a": 1}, [2]]', "object 2 holds a list"),
        ("t.json", '[{"a": 1}', "is no JSON"),
        ("t.parquet", "PAR1 and no more", r"is damaged or not what its name says"),
        ("t.feather", "", r"is damaged or not what its name says"),
        ("t.xlsx", "", r"no ending of a table; there are \.csv"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, name, content, message):
    with pytest.raises(DataError, match=rf"{name.replace('.', '[.]')}.*{message}"):
        read_frame(write(tmp_path, name, content))


def test_nested_twin_and_missing_tables_are_refused(tmp_path):
    with pytest.raises(DataError, match="column 'a' holds struct.*several values in a cell"):
        read_frame(pyarrow.table({"a": [{"x": 1}]}))
    with pytest.raises(DataError, match="several columns are named 'a'"):
        read_frame(pyarrow.Table.from_arrays([[1], [2]], names=["a", "a"]))
    with pytest.raises(DataError, match="has columns but no rows"):
        read_frame(pyarrow.table({"a": pyarrow.array([], pyarrow.int64())}))
    with pytest.raises(DataError, match="there is no file"):
        read_frame(tmp_path / "no.csv")
    with pytest.raises(DataError, match="a dict holds no table of cells"):
        read_frame({"a": [1]})


def test_columns_of_several_kinds_in_json_become_text(tmp_path):
    frame = read_frame(write(tmp_path, "t.jsonl", '{"a": 1}\n{"a": "x"}\n{}\n{"a": true}\n'))
    assert [None if pandas.isna(cell) else cell for cell in frame["a"]] == ["1", "x", None, "True"]


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install 'isthmus\[tables\]'"):
        read_frame("t.csv")
