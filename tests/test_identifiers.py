"""Columns of numbers that only say which row it is: found, told, not learned from, and handed through."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from isthmus import Embedder
from isthmus.cli import run
from isthmus.data.identifiers import counted, identifying

RNG = np.random.default_rng(0)

FOUND = {
    "counted from 0": (np.arange(40), "row"),
    "counted from 1, in any order": (RNG.permutation(40) + 1, "x"),
    "a fifth of the rows held out": (np.sort(RNG.permutation(100)[:80]), "customer"),
    "three quarters held out": (np.sort(RNG.permutation(400)[:100]), "customer"),
    "sparse, named so": (RNG.choice(10**6, 50, False), "customer_id"),
    "sparse, in camels": (RNG.choice(10**6, 50, False), "orderNr"),
    "few, named so": (np.array([7, 3, 9]), "id"),
    "named so at the front": (RNG.choice(10**6, 50, False), "id_customer"),
    "years that say they are ids": (np.arange(1950, 2000), "year_id"),
    "large": (10**9 + np.arange(300), "account"),
}
PASSED = {
    "years": (np.arange(1950, 2020), "year"),
    "years without a name": (np.arange(1950, 2020), "x"),
    "a time axis": (np.arange(300), "t"),
    "a time axis in words": (np.arange(300), "time_seconds"),
    "steps of two": (np.arange(400, 700, 2), "wavelength"),
    "a whole measure with repeats": (RNG.poisson(50, 200), "visits"),
    "a whole measure, by chance without repeats": (RNG.choice(60, 12, False) + 20, "age"),
    "an id with a repeat": (np.r_[np.arange(50), 3], "id"),
    "whole, sparse, not named so": (RNG.choice(10**6, 200, False), "income"),
    "a word that ends like it": (RNG.choice(10**6, 200, False), "paid"),
    "real": (np.arange(50) + 0.5, "id"),
    "few that count": (np.arange(5), "x"),
    "one that counts late": (np.r_[np.zeros(30), np.arange(1, 9)], "x"),
    "no and yes": (np.array([0, 1]), "no"),
    "nothing": (np.zeros(0), "id"),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_identifies_rows_is_found(case):
    values, name = FOUND[case]
    assert identifying(values.astype(float), name)


@pytest.mark.parametrize("case", PASSED)
def test_what_is_measured_is_left_alone(case):
    values, name = PASSED[case]
    assert not identifying(values.astype(float), name)


def test_a_measure_is_hardly_ever_taken_for_a_count():
    """Whole numbers drawn at random, of every density: at most one in a hundred; with no bar, more."""
    alarms = no_bar = drawn = 0
    for n in (10, 12, 15, 20):
        for numbers in (n, int(1.5 * n), 3 * n, 5 * n):
            for _ in range(300):
                values = RNG.integers(0, numbers, n).astype(float)
                alarms += bool(identifying(values, "x"))
                no_bar += len(np.unique(values)) == n
                drawn += 1
    assert alarms <= 0.01 * drawn < no_bar


def test_a_first_column_without_a_name_is_an_index_where_it_counts_rows():
    assert counted(np.arange(20.0)) and counted(np.arange(1.0, 21.0))
    for other in (
        np.arange(2.0, 22.0),
        np.arange(20.0)[::-1],
        np.arange(5.0),
        np.r_[np.arange(19.0), np.nan],
    ):
        assert not counted(other)


# on the command line: the same table, with and without a column that identifies its rows


def table(n: int = 120) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.round(rng.normal(size=(n, 2)) @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(n, 4)), 3)


def write(path: Path, x: np.ndarray, first: np.ndarray | None, header: str | None) -> Path:
    rows = [[repr(v) for v in row] for row in x.tolist()]
    rows = rows if first is None else [[str(i), *row] for i, row in zip(first.tolist(), rows)]
    path.write_text("\n".join(([header] if header else []) + [",".join(row) for row in rows]) + "\n")
    return path


FILES = {
    "an id": (RNG.choice(10**6, 120, False), "customer_id,a,b,c,d", "customer_id"),
    "an index without a name": (np.arange(120), ",a,b,c,d", "column 1"),
    "an index without a header": (np.arange(1, 121), None, "column 1"),
}


def call(capsys, *arguments: object) -> tuple[str, str]:
    status = run([str(each) for each in arguments])
    out, err = capsys.readouterr()
    assert status == 0, err
    return out, err


def fit(capsys, path: Path, *more: object) -> tuple[dict, str, Path]:
    out = path.with_suffix("")
    small = ("--dim", 2, "--epochs", 5, "--set", "hidden=8", "--json", "--no-report")
    text, err = call(capsys, "fit", "autoencoder", path, "--out", out, *small, *more)
    return json.loads(text), err, out


@pytest.mark.parametrize("case", FILES)
def test_an_identifier_changes_nothing_and_is_handed_through(capsys, tmp_path, case):
    """Errors, codes and rows are those of the file without it; the control learns from it."""
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    first, header, name = FILES[case]
    path = write(tmp_path / "with.csv", table(), first, header)
    bare = write(tmp_path / "without.csv", table(), None, "a,b,c,d")
    found, err, run_folder = fit(capsys, path)
    plain, other, _ = fit(capsys, bare)
    assert f"column {name!r}: identifier, not learned from: handed through" in err
    assert "--column NAME=KIND" in err and ": identifier" not in other
    assert found["test"]["mse"] == pytest.approx(plain["test"]["mse"], rel=1e-9)
    for mine, theirs in zip(found["baselines"], plain["baselines"]):
        assert mine["mse"] == pytest.approx(theirs["mse"], rel=1e-9)
    text, _ = call(capsys, "reconstruct", run_folder, path, "--quiet")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row[name] for row in rows] == [str(i) for i in first]
    codes, theirs = (
        call(capsys, "embed", tmp_path / f, p, "--quiet")[0] for f, p in (("with", path), ("without", bare))
    )
    assert codes == theirs
    learned, told, _ = fit(capsys, path, "--column", f"{name}=number", "--force")
    assert f"column {name!r}: number (as asked)" in told
    assert abs(learned["baselines"][1]["mse"] - plain["baselines"][1]["mse"]) > 0.01


def test_compare_tells_of_it_too(capsys, tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    first, header, name = FILES["an id"]
    path = write(tmp_path / "with.csv", table(), first, header)
    bare = write(tmp_path / "without.csv", table(), None, "a,b,c,d")
    small = ("linear", "--dim", 2, "--epochs", 1, "--seeds", 1, "--json")
    out, err = call(capsys, "compare", path, *small)
    assert f"column {name!r}: identifier, not learned from" in err
    alone = json.loads(call(capsys, "compare", bare, *small)[0])
    mine, theirs = (each["methods"][0]["mse"]["mean"] for each in (json.loads(out), alone))
    assert mine == pytest.approx(theirs, rel=1e-9)


def test_years_and_labels_do_not_make_a_frame_of_numbers(capsys, tmp_path):
    path = write(tmp_path / "x.csv", table(), np.arange(1900, 2020), "year,a,b,c,d")
    assert ": identifier" not in fit(capsys, path)[1]
    path = write(tmp_path / "y.csv", table(), np.arange(120) % 3, "species,a,b,c,d")
    found, err, _ = fit(capsys, path, "--labels", "species")
    assert ": identifier" not in err and found["data"]["columns"] == ["a", "b", "c", "d"]


def test_without_pandas_it_is_told_and_learned_from(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    first, header, name = FILES["an id"]
    _, err, _ = fit(capsys, write(tmp_path / "with.csv", table(), first, header))
    assert f"column {name!r} looks like an identifier" in err and "isthmus[tables]" in err


def test_so_few_rows_that_those_to_learn_from_do_not_count_any_more(capsys, tmp_path):
    """The file counts, and what is left of it for training does not: all the same it is fitted and used."""
    path = write(tmp_path / "few.csv", table(11), np.arange(11), "x,a,b,c,d")
    _, _, run_folder = fit(capsys, path, "--test", 0.4)
    assert len(call(capsys, "reconstruct", run_folder, path, "--quiet")[0].splitlines()) == 12
    call(capsys, "evaluate", run_folder, "--quiet")


# in Python


def test_frames_have_names_and_arrays_have_not():
    pandas = pytest.importorskip("pandas")
    x = table()
    frame = pandas.DataFrame(x, columns=list("abcd")).assign(order_id=np.arange(120) * 7)
    options: dict = {"dim": 2, "epochs": 1, "random_state": 0}
    fitted = Embedder("linear", **options).fit(frame)
    bare = Embedder("linear", **options).fit(x)
    assert fitted.schema_ is not None and fitted.schema_.columns[-1].kind == "identifier"
    np.testing.assert_array_equal(fitted.transform(frame), bare.transform(x))
    assert fitted.reconstruct(frame)["order_id"].equals(frame["order_id"])
    counting = np.column_stack([np.arange(120.0), x])  # no names: taken as it is
    assert Embedder("linear", **options).fit(counting).schema_ is None
    assert Embedder("linear", **options).fit(frame.drop(columns="order_id")).schema_ is None


def test_frames_of_polars_and_nullable_numbers():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    columns = {"id": np.arange(120), **dict(zip("abcd", table().T))}
    frame = pandas.DataFrame(columns).convert_dtypes()
    frame.loc[3, "a"] = None
    for each in (frame, polars.DataFrame(columns)):
        fitted = Embedder("linear", dim=2, epochs=1, random_state=0).fit(each)
        assert fitted.schema_ is not None and fitted.schema_.columns[0].kind == "identifier"
