"""Files that nobody prepared: each is fitted, or refused in one clear sentence."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isthmus.cli import run

RNG = np.random.default_rng(0)
TOWNS = ("Graz", "Köln", "São Paulo")


def plain(n: int = 40) -> pd.DataFrame:
    """A small table with a planted order: dear is far, and far is Köln."""
    code = RNG.normal(size=n)
    return pd.DataFrame(
        {
            "town": np.array(TOWNS)[np.digitize(code, [-0.5, 0.5])],
            "price": np.round(np.exp(3 + code), 2),
            "visits": RNG.poisson(np.exp(2 + 0.5 * code)),
        }
    )


def text(frame: pd.DataFrame, **options) -> str:
    return frame.to_csv(index=False, **options)


def quoted() -> bytes:
    frame = plain()
    frame["note"] = ['said "good", then; left\nand came back' if i % 2 else "a, b" for i in range(len(frame))]
    return text(frame).encode()


def mixture() -> bytes:
    frame = plain().astype({"price": object, "visits": object})
    frame.loc[3, "price"], frame.loc[9, "price"] = "unknown", "?"
    frame.loc[::2, "visits"] = "few"
    return text(frame).encode()


def gaps() -> bytes:
    frame = plain(80)
    return text(frame.mask(RNG.random(frame.shape) < 0.3)).encode()


def repeated() -> bytes:
    return text(plain().assign(country="AT", again=lambda f: f["price"], zero=0)).encode()


def dated() -> bytes:
    frame = plain()
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 300, len(frame)), "D")
    frame["iso"], frame["german"] = days.strftime("%Y-%m-%d"), days.strftime("%d.%m.%Y")
    frame["american"] = days.strftime("%m/%d/%Y")
    frame["stamp"] = days.strftime("%Y-%m-%dT%H:%M:%S+02:00")
    return text(frame).encode()


def long() -> bytes:
    n = 200_000
    frame = pd.DataFrame(
        {"id": np.arange(n), "town": RNG.choice(TOWNS, n), "price": RNG.normal(size=n).round(3)}
    )
    return text(frame).encode()


def wide() -> bytes:
    frame = pd.DataFrame(RNG.integers(0, 99, (30, 5000)), columns=[f"c{i}" for i in range(5000)])
    return text(frame.assign(town=RNG.choice(TOWNS, 30))).encode()


LATIN = text(plain()).encode("latin-1")
MESSY: dict[str, tuple[Callable[[], bytes], str]] = {
    "latin-1": (lambda: LATIN, ""),
    "utf-16": (lambda: text(plain()).encode("utf-16"), ""),
    "semicolons and decimal commas": (lambda: text(plain(), sep=";", decimal=",").encode("utf-8-sig"), ""),
    "tabs": (lambda: text(plain(), sep="\t").encode(), ""),
    "quotes and line ends": (quoted, ""),
    "mixed types": (mixture, ""),
    "a third missing": (gaps, ""),
    "constant and duplicate columns": (repeated, ""),
    "dates": (dated, ""),
    "no header": (lambda: text(plain(), header=False).encode(), ""),
    "a column without anything": (lambda: text(plain().assign(fax="")).encode(), ""),
    "200 000 rows": (long, ""),
    "5 000 columns": (wide, ""),
    "one row": (lambda: text(plain(1)).encode(), "there is nothing to learn in these 1 rows"),
    "a header alone": (lambda: b"town,price\n", "header but no rows"),
    "nothing": (lambda: b"", "is empty"),
    "columns of one name": (lambda: b"a,a\n1,x\n2,y\n", "several columns are named 'a'"),
    "a short line": (lambda: b"a,b\n1,x\n2\n", "line 3: 1 cell"),
    "text alone": (lambda: b"a\n" + b"".join(b"word%d\n" % i for i in range(30)), "nothing to learn"),
}


@pytest.fixture
def isthmus(capsys):
    def call(*arguments: object) -> tuple[int, str, str]:
        status = run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


def fit(isthmus, path: Path, *options: object) -> tuple[int, str, str]:
    small = ("--dim", 2, "--epochs", 1, "--batch-size", 4096, "--set", "hidden=8")
    return isthmus("fit", "vae", path, "--out", path.parent / "run", *small, *options)


@pytest.mark.parametrize("case", MESSY)
def test_every_file_is_fitted_or_refused_in_one_sentence(isthmus, tmp_path, case):
    make, refused = MESSY[case]
    path = tmp_path / "sales.csv"
    path.write_bytes(make())
    large = case in ("200 000 rows", "5 000 columns")
    status, out, err = fit(isthmus, path, *(["--no-report"] if large else []))
    if refused:
        assert (status, out) == (1, "") and refused in err.splitlines()[-1]
        assert not (tmp_path / "run").exists()
        return
    assert status == 0, err
    assert "--column zip=category" in err and "column" in err
    status, out, _ = isthmus("sample", tmp_path / "run", "--rows", 5)
    made = pd.read_csv(io.StringIO(out), dtype=str)
    assert status == 0 and len(made) == 5
    if case != "no header":
        assert set(made["town"]) <= set(TOWNS)
    if not large:
        status, out, err = isthmus("impute", tmp_path / "run", path)
        assert status == 0, err
        filled = pd.read_csv(io.StringIO(out))
        assert filled.drop(columns=[c for c in ("fax", "note") if c in filled]).notna().all(axis=None)


def test_it_is_said_what_columns_were_taken_for(isthmus, tmp_path):
    path = tmp_path / "sales.CSV"
    path.write_text(text(plain().assign(id=range(100, 140))))
    status, out, err = fit(isthmus, path, "--column", "visits=number")
    assert status == 0
    assert "column 'town': category (3 different values in 32 cells)" in err
    assert "column 'id': identifier, not learned from: handed through" in err
    assert "column 'visits': number (as asked)" in err
    assert "PCA 2" in out


def test_classes_and_columns_that_are_new_are_said(isthmus, tmp_path):
    path, other = tmp_path / "sales.csv", tmp_path / "new.csv"
    path.write_text(text(plain()))
    fit(isthmus, path)
    new = plain(4)[["visits", "town", "price"]].assign(colour="red", town=["Bern", "Graz", "Graz", None])
    other.write_text(text(new))
    for verb in ("embed", "score", "reconstruct", "impute"):
        status, out, err = isthmus(verb, tmp_path / "run", other)
        assert status == 0 and len(out.splitlines()) == 5
        assert "ignored: column 'colour'" in err
        assert "column 'town': class 'Bern' not seen in training, in 1 cells, which count as missing" in err
    filled = pd.read_csv(io.StringIO(out))
    assert list(filled.columns) == ["town", "price", "visits"]
    assert filled["town"].tolist()[:3] == ["Bern", "Graz", "Graz"] and filled["town"][3] in TOWNS
    other.write_text(text(new.drop(columns="price")))
    status, out, err = isthmus("embed", tmp_path / "run", other)
    assert status == 1 and "there is no column 'price' in this table" in err


def test_misuse_of_column_is_refused(isthmus, tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(text(plain()))
    for option, words in {
        "town": "--column takes NAME=KIND",
        "twon=category": "there is no column 'twon' (did you mean \"town\"?)",
        "town=categry": "a column cannot be taken for 'categry' (did you mean \"category\"?)",
    }.items():
        status, out, err = fit(isthmus, path, "--column", option)
        assert status == 2 and words in err
    status, out, err = fit(isthmus, path, "--column", "town=number")
    assert status == 1 and "'" in err and "is no number" in err


def test_labels_may_be_a_column(isthmus, tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(text(plain()))
    small = ("--dim", 2, "--epochs", 1, "--out", tmp_path / "run", "--labels", "town")
    status, _, err = isthmus("fit", "conditional_vae", path, *small)
    assert status == 0, err
    status, out, _ = isthmus("sample", tmp_path / "run", "--rows", 3, "--labels", "Graz")
    assert status == 0 and out.splitlines()[0] == "price,visits,town"
    assert all(line.endswith(",Graz") for line in out.splitlines()[1:])
    status, out, _ = isthmus("embed", tmp_path / "run", path, "--labels", "town")
    assert status == 0 and len(out.splitlines()) == 41
    status, out, err = isthmus("evaluate", tmp_path / "run")
    assert status == 0 and "PCA" in out


def test_evaluate_and_where_tables_go(isthmus, tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(text(plain()))
    fit(isthmus, path)
    status, out, _ = isthmus("evaluate", tmp_path / "run")
    assert status == 0 and "PCA 2" in out
    status, out, _ = isthmus("reconstruct", tmp_path / "run", path, "--out", tmp_path / "seen.csv")
    assert status == 0 and pd.read_csv(tmp_path / "seen.csv").dtypes.map(str).tolist()[1:] == [
        "float64",
        "int64",
    ]
    status, _, err = isthmus("impute", tmp_path / "run", path, "--out", tmp_path / "seen.npy")
    assert status == 2 and "is written as .csv" in err


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_other_files_of_cells(isthmus, tmp_path, ending):
    path = tmp_path / f"sales.{ending}"
    frame = plain().assign(paid=RNG.random(40) < 0.5)
    frame.to_parquet(path) if ending == "parquet" else frame.to_json(path, orient="records", lines=True)
    assert fit(isthmus, path)[0] == 0
    status, out, _ = isthmus("reconstruct", tmp_path / "run", path)
    assert status == 0 and set(pd.read_csv(io.StringIO(out))["paid"]) <= {True, False}
