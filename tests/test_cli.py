"""The command line: every verb there and back; a sentence and an exit status for whatever goes wrong."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus import Embedder, Recipe
from isthmus.cli import run
from isthmus.cli.output import csv
from isthmus.data import read_frame
from isthmus.training.course import Course
from isthmus.training.progress import Progress

COLUMNS = ["length", "width", "height", "weight", "price"]


class Result:
    def __init__(self, status: int, out: str, err: str):
        self.status, self.out, self.err = status, out, err

    @property
    def table(self) -> np.ndarray:
        return np.genfromtxt(io.StringIO(self.out), delimiter=",", skip_header=1)

    @property
    def header(self) -> list[str]:
        return self.out.splitlines()[0].split(",")


@pytest.fixture
def isthmus(capsys):
    def call(*arguments: object) -> Result:
        if arguments[:1] == ("fit",) and "--report" not in arguments:
            arguments += ("--no-report",)  # which takes longer than these fits
        status = run([str(each) for each in arguments])
        out, err = capsys.readouterr()
        return Result(status, out, err)

    return call


@pytest.fixture
def refused(isthmus):
    """The command fails with this status, and a sentence that holds these words; no traceback."""

    def call(status: int, words: str, *arguments: object) -> str:
        result = isthmus(*arguments)
        assert result.status == status, result.err
        assert result.out == ""
        last = result.err.splitlines()[-1]
        assert last.startswith("isthmus: ")
        assert words in last
        assert "Traceback" not in result.err
        return last

    return call


def table(n: int = 60, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(n, 2))
    return 3 + z @ generator.normal(size=(2, 5)) + 0.1 * generator.normal(size=(n, 5))


def mixed() -> Any:
    """A frame of several types, as only Parquet and Arrow hold them."""
    import pandas

    days = pandas.date_range("2024-01-01", periods=60).as_unit("us")
    return pandas.DataFrame(
        {
            "price": np.linspace(1, 9, 60).astype(np.float32),
            "rooms": pandas.array([1, 2, None, 4] * 15, "Int64"),
            "let": [True, False, False] * 20,
            "town": pandas.Categorical(["Graz", "Wien", "Linz", "Graz"] * 15),
            "since": days[np.arange(60) * 7 % 60],
        }
    )


def write_csv(path: Path, x: np.ndarray, columns: list[str] = COLUMNS) -> Path:
    lines = [",".join(columns), *(",".join("" if v != v else repr(float(v)) for v in row) for row in x)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def sales(tmp_path_factory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "sales.csv", table())


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, sales) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "a"
    assert (
        run(["fit", "vae", str(sales), "--out", str(folder), "--dim", "2", "--epochs", "3", "--quiet"]) == 0
    )
    return folder


@pytest.fixture
def copy(fitted, tmp_path) -> Path:
    return Path(shutil.copytree(fitted, tmp_path / "copy"))


# what a run is


def test_a_run_folder_is_complete(fitted):
    names = {path.name for path in fitted.iterdir()}
    assert names == {
        *("recipe.json", "weights.safetensors", "preprocessing.json", "history.jsonl", "metrics.json"),
        *("config.yaml", "checkpoints", "figures", "report.html"),
    }
    metrics = json.loads((fitted / "metrics.json").read_text())
    assert metrics["seed"] == 0 and len(metrics["data"]["sha256"]) == 64
    assert metrics["data"]["columns"] == COLUMNS and metrics["data"]["rows"] == 48
    assert metrics["test"]["rows"] == 12 and metrics["test"]["mse"] > 0
    assert [each["name"] for each in metrics["baselines"]] == ["mean", "PCA 2"]
    assert {"isthmus", "torch", "numpy", "python"} <= set(metrics["versions"])
    assert (fitted / "figures" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_fit_says_what_it_took_the_data_for_and_who_wins(isthmus, sales, tmp_path):
    result = isthmus("fit", "tied", sales, "--dim", 2, "--epochs", 1, "--out", tmp_path / "a")
    assert result.status == 0
    assert "sales: 60 rows of 5 columns; 12 of them are held out for judging" in result.err
    assert "real numbers" in result.err and "mean 0 and standard deviation 1" in result.err
    assert "the autoencoder loses" in result.out and "take PCA" in result.out
    assert f"isthmus doctor {tmp_path / 'a'}" in result.err
    whole = isthmus("fit", "tied", sales, "--dim", 2, "--epochs", 1, "--test", 0, "--out", tmp_path / "b")
    assert whole.status == 0 and "isthmus doctor" not in whole.err  # nobody knows of anything wrong
    assert "PCA 2" in result.out


def test_json_is_json_and_quiet_is_quiet(isthmus, sales, tmp_path):
    result = isthmus("fit", "vae", sales, "--epochs", 1, "--out", tmp_path / "a", "--json", "--quiet")
    assert result.err == ""
    assert json.loads(result.out) == json.loads((tmp_path / "a" / "metrics.json").read_text())


def test_the_same_seed_gives_the_same_weights(isthmus, sales, tmp_path, fitted):
    for name, seed in (("again", 0), ("other", 1)):
        out = tmp_path / name
        isthmus("fit", "vae", sales, "--out", out, "--dim", 2, "--epochs", 3, "--seed", seed)
    weights = [(folder / "weights.safetensors").read_bytes() for folder in (fitted, tmp_path / "again")]
    assert weights[0] == weights[1]
    assert weights[0] != (tmp_path / "other" / "weights.safetensors").read_bytes()


def test_settings_reach_the_recipe(isthmus, sales, tmp_path):
    settings = [
        *("--set", "beta=6", "--set", "hidden=16,8"),
        *("--set", "nets.activation=gelu", "--set", "likelihood=student_t"),
    ]
    assert isthmus("fit", "beta_vae", sales, "--out", tmp_path / "a", "--epochs", 1, *settings).status == 0
    recipe = json.loads((tmp_path / "a" / "recipe.json").read_text())["model"]
    assert recipe["beta"] == 6.0 and recipe["hidden"] == [16, 8]
    assert recipe["nets"]["activation"]["function"].endswith(":GELU")
    assert recipe["likelihood"]["function"].endswith(":student_t")


def test_pictures_keep_their_shape_where_wanted(isthmus, tmp_path):
    out = tmp_path / "a"
    settings = ("--set", "nets=convs", "--set", "hidden=4,8", "--epochs", 1, "--batch-size", 512)
    assert isthmus("fit", "vae", "digits", "--out", out, *settings, "--report").status == 0
    assert json.loads((out / "recipe.json").read_text())["model"]["features"] == [1, 8, 8]
    result = isthmus("reconstruct", out, "digits", "--out", tmp_path / "x.npy")
    assert result.status == 0 and np.load(tmp_path / "x.npy").shape == (359, 64)
    assert (out / "figures" / "reconstructions.png").is_file() and (out / "figures" / "samples.png").is_file()


def test_pictures_are_moved_in_their_shape(isthmus, tmp_path):
    settings = ("--set", "corruption=shifts(target=false)", "--set", "noise=1", "--set", "hidden=8")
    command = ("fit", "semi_aae", "digits", "--out", tmp_path / "a", "--epochs", 1, "--batch-size", 512)
    assert isthmus(*command, *settings).status == 0
    assert json.loads((tmp_path / "a" / "recipe.json").read_text())["model"]["features"] == [1, 8, 8]
    assert isthmus("predict", tmp_path / "a", "digits", "--out", tmp_path / "y.csv").status == 0


def test_pictures_go_flat_into_methods_that_know_no_other(isthmus, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (40, 5, 6), dtype=np.uint8)
    np.save(tmp_path / "x.npy", x)
    command = ("fit", "sparse_l1", tmp_path / "x.npy", "--out", tmp_path / "a", "--epochs", 1, "--report")
    assert isthmus(*command).status == 0
    assert (tmp_path / "a" / "figures" / "reconstructions.png").is_file()
    isthmus("reconstruct", tmp_path / "a", tmp_path / "x.npy", "--out", tmp_path / "seen.npy")
    assert np.load(tmp_path / "seen.npy").shape == x.shape
    for verb in (("reconstruct", tmp_path / "a", tmp_path / "x.npy"), ("sample", tmp_path / "a")):
        isthmus(*verb, "--out", tmp_path / "out.npy")
        assert np.load(tmp_path / "out.npy").dtype == np.uint8  # pixels came in, and go out


def test_conditional_methods_take_labels(isthmus, refused, sales, tmp_path):
    np.save(tmp_path / "y.npy", np.arange(60) % 3)
    command = ("fit", "conditional_vae", sales, "--epochs", 1, "--out", tmp_path / "a")
    refused(2, "learns from labels", *command)
    assert isthmus(*command, "--labels", tmp_path / "y.npy").status == 0
    refused(2, "give it labels", "embed", tmp_path / "a", sales)
    assert isthmus("embed", tmp_path / "a", sales, "--labels", tmp_path / "y.npy").table.shape == (60, 8)
    drawn = isthmus("sample", tmp_path / "a", "--rows", 4, "--labels", 2)
    assert drawn.header == [*COLUMNS, "label"] and (drawn.table[:, -1] == 2).all()
    refused(1, "was not seen in training", "sample", tmp_path / "a", "--rows", 4, "--labels", 7)


@pytest.mark.parametrize("start", ["species\n", "\ufeff", ""], ids=["a header", "a mark", "plain"])
def test_labels_are_words_too(isthmus, sales, tmp_path, start):
    (tmp_path / "y.csv").write_text(start + "oak\näsp\n" * 30, encoding="utf-8")
    command = ("fit", "conditional_vae", sales, "--epochs", 1, "--out", tmp_path / "a")
    assert isthmus(*command, "--labels", tmp_path / "y.csv").status == 0
    assert Embedder.load(tmp_path / "a").classes_.tolist() == ["oak", "äsp"]
    assert isthmus("sample", tmp_path / "a", "--rows", 2, "--labels", "äsp").status == 0


@pytest.mark.parametrize("label", ["--5", "²"])
def test_a_label_that_looks_like_a_number_is_a_word(isthmus, refused, sales, tmp_path, label):
    np.save(tmp_path / "y.npy", np.arange(60) % 3)
    command = ("fit", "conditional_vae", sales, "--epochs", 1, "--out", tmp_path / "a")
    assert isthmus(*command, "--labels", tmp_path / "y.npy").status == 0
    refused(1, f"the label '{label}' was not seen in training", "sample", tmp_path / "a", f"--labels={label}")


def test_early_stopping_watches_a_term(isthmus, refused, sales, tmp_path):
    watch = ("--held-out", 0.2, "--monitor")
    assert isthmus("fit", "vae", sales, "--out", tmp_path / "a", "--epochs", 2, *watch, "kl").status == 0
    refused(1, "there are", "fit", "vae", sales, "--out", tmp_path / "b", "--epochs", 2, *watch, "klx")
    refused(2, "--held-out", "fit", "vae", sales, "--out", tmp_path / "b", "--monitor", "kl")


def test_tensorboard_by_flag(isthmus, sales, tmp_path):
    pytest.importorskip("tensorboard")
    isthmus("fit", "vae", sales, "--out", tmp_path / "a", "--epochs", 1, "--tensorboard")
    assert list((tmp_path / "a" / "tensorboard").glob("events.out.tfevents.*"))


# going on, and beginning anew


def test_a_finished_run_is_kept_unless_forced(isthmus, refused, sales, copy):
    command = ("fit", "vae", sales, "--out", copy, "--dim", 2, "--epochs", 2)
    refused(2, "--force", *command)
    mine = [copy / "mine.txt", copy / "figures" / "mine.png"]
    for path in mine:
        path.write_text("kept")
    assert isthmus(*command, "--force").status == 0
    assert len((copy / "history.jsonl").read_text().splitlines()) == 2
    assert all(path.read_text() == "kept" for path in mine)


def test_an_interrupted_fit_goes_on(isthmus, refused, sales, tmp_path, fitted, monkeypatch):
    folder = tmp_path / "a"
    command = ("fit", "vae", sales, "--out", folder, "--dim", 2)

    def press(self: Progress, record: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "close_epoch", press)
        refused(130, "the same command goes on", *command, "--epochs", 3)
    refused(2, "is not finished", "embed", folder, sales)
    refused(2, "interrupted run with epochs 3, not 4", *command, "--epochs", 4)
    result = isthmus(*command, "--epochs", 3)
    assert result.status == 0 and "going on" in result.err and "before the interruption" in result.err
    kept = [json.loads(line)["seconds"] for line in (folder / "history.jsonl").read_text().splitlines()]
    assert json.loads((folder / "metrics.json").read_text())["training"]["seconds"] >= sum(kept) - 0.01
    assert (folder / "weights.safetensors").read_bytes() == (fitted / "weights.safetensors").read_bytes()


def test_ctrl_c_before_a_checkpoint_leaves_nothing(refused, sales, tmp_path, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Course, "advance", interrupt)
    refused(130, "nothing was kept", "fit", "vae", sales, "--out", tmp_path / "a")
    assert not (tmp_path / "a").exists()


# using a run


def test_zero_has_no_sign_in_a_csv():
    for kind in (np.float32, np.float64):
        assert csv(np.array([[-0.0, 0.0, -1.5]], kind), ["a", "b", "c"]) == "a,b,c\n0,0,-1.5\n"


def test_every_verb_round_trip_on_csv(isthmus, fitted, sales, tmp_path):
    x = table()
    codes = isthmus("embed", fitted, sales)
    assert codes.header == ["embedder0", "embedder1"] and codes.table.shape == (60, 2)
    seen = isthmus("reconstruct", fitted, sales)
    assert seen.header == COLUMNS and seen.table.shape == x.shape
    assert abs(seen.table.mean(0) - x.mean(0)).max() < 1  # the data's own units
    scores = isthmus("score", fitted, sales)
    assert scores.header == ["score"] and scores.table.shape == (60,)
    drawn = isthmus("sample", fitted, "--rows", 7)
    assert drawn.header == COLUMNS and drawn.table.shape == (7, 5)
    assert drawn.out == isthmus("sample", fitted, "--rows", 7).out
    assert drawn.out != isthmus("sample", fitted, "--rows", 7, "--seed", 1).out
    for name, verb in (("z.npy", "embed"), ("x.npy", "reconstruct"), ("s.npy", "score")):
        result = isthmus(verb, fitted, sales, "--out", tmp_path / name)
        assert result.status == 0 and result.out == ""
    embedder = Embedder.load(fitted)
    for name, values in (
        ("z.npy", codes.table),
        ("x.npy", seen.table),
        ("s.npy", scores.table),
    ):
        np.testing.assert_allclose(np.load(tmp_path / name), values, rtol=1e-8)
    del embedder.feature_names_in_
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), embedder.transform(x))


def test_rows_as_json(isthmus, refused, fitted, sales, tmp_path):
    for verb in ("embed", "reconstruct", "score"):
        records = json.loads(isthmus(verb, fitted, sales, "--json").out)
        result = isthmus(verb, fitted, sales)
        assert list(records[0]) == result.header and len(records) == 60
        values = np.array([list(each.values()) for each in records])
        np.testing.assert_allclose(values, result.table.reshape(60, -1), rtol=1e-8)
    assert isthmus("sample", fitted, "-n", 3, "--out", tmp_path / "new.json").out == ""
    assert len(json.loads((tmp_path / "new.json").read_text())) == 3
    refused(2, "name it .json", "embed", fitted, sales, "--json", "--out", tmp_path / "z.csv")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet", "arrow", "feather"])
def test_rows_in_every_format_are_the_same_rows(isthmus, fitted, sales, tmp_path, ending):
    path = tmp_path / f"seen.{ending}"
    assert isthmus("reconstruct", fitted, sales, "--out", path).status == 0
    again = read_frame(path)
    assert list(again.columns) == COLUMNS
    np.testing.assert_array_equal(again, isthmus("reconstruct", fitted, sales).table)


def test_parquet_goes_out_with_the_types_it_came_with(isthmus, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    frame = mixed()
    frame.to_parquet(tmp_path / "x.parquet")
    assert isthmus("fit", "vae", tmp_path / "x.parquet", "--epochs", 1, "--out", tmp_path / "a").status == 0
    for verb, more in (("impute", (tmp_path / "x.parquet",)), ("sample", ("--rows", 5))):
        assert isthmus(verb, tmp_path / "a", *more, "--out", tmp_path / "out.parquet").status == 0
        came, went = (parquet.read_schema(tmp_path / name) for name in ("x.parquet", "out.parquet"))
        assert went.names == came.names and went.types == came.types, verb
    assert isthmus("sample", tmp_path / "a", "--rows", 5, "--out", tmp_path / "out.tsv").status == 0
    assert read_frame(tmp_path / "out.tsv").columns.tolist() == frame.columns.tolist()


def test_labels_to_learn_from_are_no_single_word(refused, tmp_path, monkeypatch):
    """A mistyped column would be the one label of all rows."""
    monkeypatch.chdir(tmp_path)
    mixed().assign(tree=["oak", "ash"] * 30).to_csv("x.csv", index=False)
    for verb in (("fit", "conditional_vae", "x.csv"), ("compare", "x.csv", "conditional_vae")):
        refused(
            2,
            "no column 'tre', and there is no file of that name (did you mean \"tree\"?)",
            *verb,
            "--labels",
            "tre",
        )


def test_samples_of_a_class_say_which(isthmus, tmp_path):
    mixed().assign(tree=["oak", "ash"] * 30).to_csv(tmp_path / "x.csv", index=False)
    command = ("fit", "conditional_vae", tmp_path / "x.csv", "--labels", "tree", "--epochs", 1)
    assert isthmus(*command, "--out", tmp_path / "a").status == 0
    for ending in ("csv", "parquet"):
        path = tmp_path / f"new.{ending}"
        assert isthmus("sample", tmp_path / "a", "-n", 3, "--labels", "ash", "--out", path).status == 0
        assert read_frame(path)["tree"].tolist() == ["ash"] * 3


@pytest.mark.parametrize("kind", ["words", "numbers"])
def test_classes_are_told_by_a_run_that_learned_from_some(isthmus, refused, fitted, sales, tmp_path, kind):
    names = ["ash", "oak"] if kind == "words" else ["7", "9"]
    tree = np.where(table()[:, 0] > 3, *names)
    lines = sales.read_text().splitlines()
    rows = [f"{row},{name if place % 3 else ''}" for place, (row, name) in enumerate(zip(lines[1:], tree))]
    (tmp_path / "x.csv").write_text("\n".join([f"{lines[0]},tree", *rows]) + "\n")
    command = ("fit", "semi_aae", tmp_path / "x.csv", "--labels", "tree", "--dim", 2, "--epochs", 100)
    assert isthmus(*command, "--out", tmp_path / "a").status == 0
    told = isthmus("predict", tmp_path / "a", sales, "--out", tmp_path / "y.csv")
    assert told.status == 0, told.err
    found = read_frame(tmp_path / "y.csv")
    assert list(found.columns) == [f"p({name})" for name in names] + ["tree"]
    chances = found.iloc[:, :2].to_numpy()
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
    likeliest = np.array(names)[chances.argmax(1)]
    assert (likeliest == found["tree"].map(lambda name: name if kind == "words" else f"{name:g}")).all()
    assert (likeliest == tree).mean() > 0.85
    assert isthmus("embed", tmp_path / "a", sales).table.shape == (60, 4)
    assert isthmus("embed", tmp_path / "a", tmp_path / "x.csv").table.shape == (60, 4)  # labels are no column
    assert (
        isthmus("predict", tmp_path / "a", tmp_path / "x.csv").out
        == isthmus("predict", tmp_path / "a", sales).out
    )
    told = isthmus("report", tmp_path / "a")  # of rows of which some have no label
    assert told.status == 0, told.err
    refused(2, "does not tell classes: vae", "predict", fitted, sales)


def test_written_rows_can_be_read_again(isthmus, fitted, sales, tmp_path):
    isthmus("reconstruct", fitted, sales, "--out", tmp_path / "seen.csv")
    assert isthmus("score", fitted, tmp_path / "seen.csv").table.shape == (60,)


def test_impute_fills_gaps_and_leaves_the_rest(isthmus, fitted, tmp_path):
    x = table(10)
    x[3, 1] = x[5, 4] = np.nan
    result = isthmus("impute", fitted, write_csv(tmp_path / "gaps.csv", x))
    assert np.isfinite(result.table).all()
    np.testing.assert_array_equal(result.table[~np.isnan(x)], x[~np.isnan(x)])


def test_evaluate_repeats_what_fit_said(isthmus, fitted, sales, tmp_path):
    numbers = json.loads(isthmus("evaluate", fitted, "--json").out)
    metrics = json.loads((fitted / "metrics.json").read_text())
    assert numbers["test"] == metrics["test"] and numbers["baselines"] == metrics["baselines"]
    other = write_csv(tmp_path / "other.csv", table(20, seed=3))
    assert json.loads(isthmus("evaluate", fitted, other, "--json").out)["test"]["rows"] == 20


def test_evaluate_needs_the_rows_of_training(isthmus, refused, tmp_path):
    path = write_csv(tmp_path / "own.csv", table())
    assert isthmus("fit", "vae", path, "--out", tmp_path / "a", "--epochs", 1).status == 0
    write_csv(path, table(seed=1))
    refused(1, "is not what it was", "evaluate", tmp_path / "a")


def test_columns_are_found_by_name(isthmus, refused, fitted, sales, tmp_path):
    turned = write_csv(tmp_path / "turned.csv", table()[:, ::-1], COLUMNS[::-1])
    result = isthmus("embed", fitted, turned)
    assert "another order" in result.err
    assert result.out == isthmus("embed", fitted, sales).out
    assert isthmus("reconstruct", fitted, turned).header == COLUMNS
    renamed = write_csv(tmp_path / "renamed.csv", table(), ["length", "width", "heigth", "weight", "price"])
    refused(
        1,
        "needs a column 'height', which renamed does not have (did you mean \"heigth\"?)",
        "embed",
        fitted,
        renamed,
    )
    wide = write_csv(tmp_path / "wide.csv", np.hstack([table(), table()[:, :1]]), [*COLUMNS, "colour"])
    refused(1, "without a column 'colour'", "embed", fitted, wide)


def test_the_wrong_width_is_named(refused, fitted, tmp_path):
    np.save(tmp_path / "x.npy", table()[:, :4])
    for verb in ("embed", "reconstruct", "score", "impute"):
        refused(1, "x has 4 columns", verb, fitted, tmp_path / "x.npy")


# data that cannot be used, or can


def test_not_a_number_means_missing_and_is_said(isthmus, tmp_path):
    x = table()
    x[2, 3] = np.nan
    np.save(tmp_path / "x.npy", x)
    result = isthmus("fit", "vae", tmp_path / "x.npy", "--epochs", 1, "--out", tmp_path / "a")
    assert result.status == 0 and "1 of 300 values missing" in result.err


BAD = {
    "inf.npy": (lambda path: np.save(path, np.where(table() > 5, np.inf, table())), "infinite"),
    "empty.csv": (lambda path: path.write_text(""), "is empty"),
    "header.csv": (lambda path: path.write_text("a,b\n"), "a header but no rows"),
    "nothing.npy": (lambda path: np.save(path, np.zeros((0, 3))), "no rows"),
    "words.csv": (lambda path: path.write_text("a,b\n1,2\n3,blue\n"), "nothing to learn in these 1 rows"),
    "flat.npy": (lambda path: np.save(path, np.zeros(9)), "reshape(-1, 1)"),
    "pickled.npy": (lambda path: np.save(path, np.array([{}]), allow_pickle=True), "pickle"),
    "what.xyz": (lambda path: path.write_text("1"), "no ending that is known"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data(refused, tmp_path, name):
    write, words = BAD[name]
    write(tmp_path / name)
    refused(1, words, "fit", "vae", tmp_path / name, "--out", tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv.gz"])
def test_a_truncated_file(refused, tmp_path, name):
    import gzip

    path = tmp_path / name
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(("a,b\n" + "1,2\n3,4\n" * 500).encode()))
    else:
        {"x.npy": np.save, "x.npz": np.savez}[name](path, table())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    refused(1, name, "fit", "vae", path, "--out", tmp_path / "a")
    assert not (tmp_path / "a").exists()


UNUSUAL = {
    "one row": table(1),
    "two rows": table(2),
    "one column": table()[:, :1],
    "a constant column": table() * [1, 1, 0, 1, 1],
    "all constant": np.ones((20, 3)),
    "fewer rows than a batch": table(7),
    "a last batch of one": table(129 + 32),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_data_work_or_the_reason_is_said(isthmus, tmp_path, name):
    np.save(tmp_path / "x.npy", UNUSUAL[name])
    command = ("fit", "vae", tmp_path / "x.npy", "--dim", 2, "--epochs", 2, "--out", tmp_path / "a")
    result = isthmus(*command, "--json")
    assert result.status == 0, result.err
    verdict = json.loads(result.out)["verdict"]
    codes = isthmus("embed", tmp_path / "a", tmp_path / "x.npy")
    assert np.isfinite(codes.table).all() and codes.table.size == 2 * len(UNUSUAL[name])
    said = {"one row": "No rows were held out", "two rows": "constant", "all constant": "constant"}
    assert said.get(name, "mean squared error") in verdict
    if "constant" in name:
        assert "constant" in result.err


# used wrongly


@pytest.mark.parametrize(
    "words, arguments",
    [
        ("Did you mean 'models'?", ["modles"]),
        ('did you mean "vae"?', ["fit", "vea", "digits"]),
        ('did you mean "vae"?', ["models", "vea"]),
        ('did you mean "vae"?', ["cite", "vea"]),
        ('did you mean "digits"?', ["fit", "vae", "digts"]),
        ('did you mean "digits"?', ["datasets", "digts"]),
        ("there is no file", ["fit", "vae", "nowhere.npy"]),
        ("--epochs", ["fit", "vae", "digits", "--epoch", "3"]),
        ("--epochs", ["fit", "vae", "digits", "--epochs", "many"]),
        ('did you mean "autoencoder"?', ["fit", "ae", "digits"]),
        ('did you mean "linear"?', ["compare", "digits", "vae", "pca"]),
        ('did you mean "beta"?', ["fit", "beta_vae", "digits", "--set", "bta=3"]),
        ("beta takes a number, not 'x'", ["fit", "beta_vae", "digits", "--set", "beta=x"]),
        ("name=value", ["fit", "beta_vae", "digits", "--set", "beta"]),
        ('did you mean "convs"?', ["fit", "vae", "digits", "--set", "nets=conv"]),
        ("sets nothing", ["fit", "beta_vae", "digits", "--set", "beta.x=3"]),
        ("dim", ["fit", "vq_vae", "digits", "--dim", "3"]),
        ('did you mean "gaussian"?', ["fit", "vae", "digits", "--likelihood", "gausian"]),
        ('did you mean "whole"?', ["fit", "vae", "digits", "--scaling", "hole"]),
        ("--seed", ["fit", "vae", "digits", "--seed", "-1"]),
        ("--seed", ["sample", "runs/a", "--seed", str(2**32)]),
        ("--held-out is a share", ["fit", "vae", "digits", "--held-out", "1"]),
        ("labels of its own", ["fit", "vae", "digits", "--labels", "y.npy"]),
        ("there is no folder", ["embed", "runs/nowhere", "digits"]),
        (".parquet, .arrow or .feather", ["embed", "runs/nowhere", "digits", "--out", "z.xlsx"]),
        ("Missing argument", ["fit", "vae"]),
    ],
)
def test_used_wrongly(refused, words, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(2, words, *arguments)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_no_run(refused, tmp_path):
    refused(2, "holds no run", "embed", tmp_path, "digits")


# machines that fail


@pytest.mark.parametrize("folder", ["file/a", "/proc/isthmus"])
def test_an_unwritable_folder_is_known_before_the_work(refused, sales, tmp_path, folder):
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / folder
    refused(1, str(path), "fit", "vae", sales, "--out", path, "--epochs", 100000)


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a")


def test_disk_full_while_checkpointing(isthmus, refused, sales, tmp_path, fitted, monkeypatch):
    command = ("fit", "vae", sales, "--dim", 2, "--epochs", 3, "--out", tmp_path / "a")
    replace = os.replace

    def fill(draft: Path, path: Path) -> None:
        full() if path.parent.name == "checkpoints" and path.suffix else replace(draft, path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fill)
        refused(1, "No space left on device", *command)
    assert isthmus(*command).status == 0
    same = [(each / "weights.safetensors").read_bytes() for each in (tmp_path / "a", fitted)]
    assert same[0] == same[1]


def test_disk_full_while_writing_leaves_the_old_file(refused, fitted, sales, tmp_path, monkeypatch):
    out = tmp_path / "z.csv"
    out.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    refused(1, "No space left on device", "embed", fitted, sales, "--out", out)
    assert [path.name for path in tmp_path.iterdir()] == ["z.csv"] and out.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00", b"{}", b"[1]", None], ids=str)
@pytest.mark.parametrize("name", ["recipe.json", "weights.safetensors", "preprocessing.json"])
def test_a_damaged_run_folder(isthmus, copy, sales, name, content):
    if content is None:
        whole = (copy / name).read_bytes()
        content = whole[: len(whole) // 2]
    (copy / name).write_bytes(content)
    result = isthmus("embed", copy, sales)
    assert result.status == 1 and result.out == ""
    assert result.err.startswith("isthmus: ") and name in result.err and "Traceback" not in result.err


@pytest.mark.parametrize("name", ["weights.safetensors", "preprocessing.json"])
def test_a_missing_file_of_a_run(refused, copy, sales, name):
    (copy / name).unlink()
    refused(1, name, "embed", copy, sales)


def test_a_recipe_of_a_stranger_is_not_looked_up(refused, copy, sales):
    header = json.loads((copy / "recipe.json").read_text())
    header["model"]["recipe"] = "os:system"
    (copy / "recipe.json").write_text(json.dumps(header))
    refused(1, "not from a trusted package", "embed", copy, sales)


OWN = """
import isthmus

@isthmus.method
def mine(features, dim=2, likelihood=isthmus.likelihoods.gaussian):
    \"\"\"One of my own.

    Reference: Me, 2020.
    \"\"\"
    return isthmus.models.autoencoder(features, dim, (4,), likelihood=likelihood)
"""


def test_a_method_of_ones_own_is_trusted_by_name(isthmus, refused, sales, tmp_path, monkeypatch):
    (tmp_path / "my_methods.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.path.append(str(tmp_path))
    mine = importlib.import_module("my_methods").mine
    embedder = Embedder(Recipe(mine), epochs=1, random_state=0).fit(table())
    embedder.save("own")
    sys.path.pop()
    refused(1, "--trust my_methods", "embed", "own", sales)
    trust = ("--trust", "my_methods")
    codes = isthmus("embed", "own", sales, *trust)
    assert codes.status == 0, codes.err
    told = np.loadtxt(io.StringIO(codes.out), delimiter=",", skiprows=1)
    assert np.allclose(told, embedder.transform(table()), rtol=1e-6)
    for verb, more in (("reconstruct", [sales]), ("score", [sales]), ("impute", [sales]), ("sample", [])):
        assert isthmus(verb, "own", *more, *trust).status == 0
    assert isthmus("cite", "own", *trust).out == "Me, 2020.\n"
    refused(1, "not from a trusted package", "embed", "own", sales, "--trust", "another")


@pytest.mark.parametrize("content", ["", "{}", '{"plan": {"model": "vae"}}'])
def test_damaged_metrics_matter_to_evaluate_alone(isthmus, refused, copy, sales, content):
    (copy / "metrics.json").write_text(content)
    refused(1, "metrics.json", "evaluate", copy)
    assert isthmus("embed", copy, sales).status == 0


# what there is


@pytest.mark.parametrize(
    "verb",
    (
        "demo fit compare embed reconstruct score impute predict sample evaluate models datasets cite version"
    ).split(),
)
def test_every_verb_helps(isthmus, verb):
    result = isthmus(verb, "--help")
    assert result.status == 0 and f"Example: isthmus {verb}" in result.out and result.err == ""


def test_lists(isthmus):
    from isthmus.models import NAMED

    listed = isthmus("models").out
    assert all(name in listed for name in NAMED)
    one = isthmus("models", "beta_vae").out
    assert "--set beta=4.0" in one and "--set hidden=256,128" in one and "Reference: Higgins" in one
    assert "digits" in isthmus("datasets").out and "28 x 28" in isthmus("datasets", "mnist").out
    assert "Kingma" in isthmus("cite", "vae").out and "Alpaydin" in isthmus("cite", "digits").out
    assert "torch" in isthmus("version").out
    assert isthmus().status == 2


def test_a_traceback_for_those_who_ask(monkeypatch, tmp_path):
    monkeypatch.setenv("ISTHMUS_DEBUG", "1")
    np.save(tmp_path / "x.npy", np.zeros((0, 2)))
    with pytest.raises(ValueError, match="no rows"):
        run(["fit", "vae", str(tmp_path / "x.npy")])


def test_help_does_not_wait_for_torch():
    code = "import sys; from isthmus.cli import run; run(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
