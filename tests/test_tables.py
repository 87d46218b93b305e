"""Mixed tables through the estimator: frames go in, and frames of the same columns come out."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer

from isthmus import Embedder, Recipe
from isthmus.data import DataError, load
from isthmus.likelihoods import gaussian
from isthmus.models import METHODS

WINE = load("wine")
assert WINE.train.y is not None
KIND = WINE.train.y


def cellar(rows: slice = slice(None)) -> pd.DataFrame:
    """Wine, its cultivar as a word, and columns that hang together with it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(WINE.train.x[:, :6], columns=list(WINE.columns or ())[:6])
    kind = KIND
    frame["cultivar"] = np.array(["Barolo", "Grignolino", "Barbera"])[kind]
    frame["bottle"] = np.where(rng.random(len(kind)) < 0.9, np.array(list("mls"))[kind], "l")
    frame["organic"] = np.where((kind == 1) ^ (rng.random(len(kind)) < 0.1), "yes", "no")
    frame["stars"] = np.clip(kind + rng.integers(1, 4, len(kind)), 1, 5)
    frame["filled"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(
        100 * kind + rng.integers(0, 30, len(kind)), "D"
    )
    frame["bottle_id"] = [f"b{i:04d}" for i in rng.permutation(len(kind))]
    return frame[rows]


def small(recipe="vae", **options) -> Embedder:
    return Embedder(recipe, **{"dim": 2, "epochs": 5, "random_state": 0, **options})


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cellar()


@pytest.fixture(scope="module")
def fitted(frame) -> Embedder:
    return Embedder(Recipe("vae", hidden=(64,)), dim=4, epochs=300, lr=5e-3, random_state=0).fit(frame)


def test_frames_come_back_with_their_columns_and_types(fitted, frame):
    codes = fitted.transform(frame)
    assert codes.shape == (len(frame), 4) and np.isfinite(fitted.score_samples(frame)).all()
    assert list(fitted.feature_names_in_) == list(frame.columns) and fitted.n_features_in_ == 12
    for made in (
        fitted.reconstruct(frame),
        fitted.inverse_transform(codes),
        fitted.sample(30, random_state=0),
    ):
        assert list(made.columns) == list(frame.columns)
        assert (made.dtypes == frame.dtypes)[:-1].all()
        assert set(made["cultivar"]) <= set(frame["cultivar"]) and set(made["organic"]) <= {"yes", "no"}
        assert made["stars"].between(1, 5).all() and (made["filled"] == made["filled"].dt.normalize()).all()
    seen = fitted.reconstruct(frame)
    assert (seen["cultivar"] == frame["cultivar"]).mean() > 0.9
    assert (seen["bottle_id"] == frame["bottle_id"]).all()
    assert any("column 'bottle_id': identifier" in note for note in fitted.notes_)


def test_what_hangs_together_hangs_together_in_samples(fitted, frame):
    made = fitted.sample(1000, random_state=0)
    weeks = (made["filled"] - frame["filled"].min()).dt.days
    kind = made["cultivar"].map({"Barolo": 0, "Grignolino": 1, "Barbera": 2})
    assert np.corrcoef(weeks, kind)[0, 1] > 0.6
    share = (made["organic"] == "yes").groupby(made["cultivar"]).mean()
    assert share["Grignolino"] > share.drop("Grignolino").max() + 0.3


def test_missing_cells_are_filled_with_what_is_likely(frame):
    rng = np.random.default_rng(1)
    gaps = pd.DataFrame(rng.random(frame.shape) < 0.2, columns=frame.columns)
    holes = frame.astype(object).mask(gaps, None).infer_objects()
    model = Embedder("vae", dim=4, epochs=150, random_state=0).fit(holes)
    filled = model.impute(holes)
    known = gaps.drop(columns="bottle_id")  # of the learned ones; a class is one cell, not three
    assert any(f"{known.to_numpy().mean():.1%} of the values are missing" in note for note in model.notes_)
    hidden = gaps["cultivar"].to_numpy()
    right = (filled["cultivar"] == frame["cultivar"])[hidden].mean()
    assert right > 0.75 > frame["cultivar"].value_counts(normalize=True).max() + 0.2
    for name in frame.columns:
        kept = ~gaps[name].to_numpy()
        assert (filled[name][kept] == frame[name][kept]).all()
        assert name == "bottle_id" or filled[name].notna().all()
    assert str(filled["stars"].dtype) in ("int64", "Int64")


def test_a_run_folder_and_a_pickle_give_the_same_table(tmp_path, fitted, frame):
    fitted.save(tmp_path)
    again = Embedder.load(tmp_path)
    assert again.schema_ == fitted.schema_
    for other in (again, pickle.loads(pickle.dumps(fitted))):
        pd.testing.assert_frame_equal(other.reconstruct(frame), fitted.reconstruct(frame))
        pd.testing.assert_frame_equal(other.sample(5, random_state=1), fitted.sample(5, random_state=1))
    state = json.loads((tmp_path / "preprocessing.json").read_text())
    assert state["schema"]["columns"][6]["values"] == ["Barbera", "Barolo", "Grignolino"]
    assert clone(Embedder(columns={"stars": "category"})).columns == {"stars": "category"}


def test_columns_go_by_name_and_what_is_new_is_warned_of(fitted, frame):
    expected = fitted.transform(frame)
    np.testing.assert_array_equal(fitted.transform(frame[sorted(frame.columns)]), expected)
    with pytest.warns(UserWarning, match="ignored: column 'colour'"):
        np.testing.assert_array_equal(fitted.transform(frame.assign(colour="red")), expected)
    with pytest.warns(
        UserWarning, match="'Nebbiolo' not seen in training, in 1 cells, which count as missing"
    ):
        fitted.transform(frame.assign(cultivar=["Nebbiolo", *frame["cultivar"][1:]]))
    with pytest.raises(DataError, match="no column 'cultivar'"):
        fitted.transform(frame.drop(columns="cultivar"))
    with pytest.raises(DataError, match="a ndarray has no names"):
        fitted.transform(frame.to_numpy())


def test_kinds_may_be_said(frame):
    model = small(columns={"stars": "category", "filled": "ignore"}).fit(frame)
    assert model.schema_ is not None
    kinds = {column.name: column.kind for column in model.schema_.columns}
    assert kinds["stars"] == "category" and kinds["filled"] == "identifier"
    numbers = frame[list(frame.columns[:6])]
    assert small().fit(numbers).schema_ is None
    assert isinstance(small().fit(numbers).reconstruct(numbers), np.ndarray)
    assert isinstance(small(columns={"alcohol": "number"}).fit(numbers).reconstruct(numbers), pd.DataFrame)
    with pytest.raises(DataError, match="speaks of columns by their names, and a ndarray has none"):
        small(columns={"stars": "category"}).fit(WINE.train.x)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_mixed_tables(name, frame):
    frame, y = frame[::4], KIND[::4]  # of every class
    model = Embedder(name, epochs=1, random_state=0)
    refusals = {  # whose objective is in closed form for Gaussians alone, and which is a density itself
        "linear_vae": "a Gaussian whose scale",
        "flow": "a density of real numbers",
    }
    if name in refusals:
        with pytest.raises(ValueError, match=refusals[name]):
            model.fit(frame, y)
        return
    model.fit(frame, y)
    assert list(model.reconstruct(frame, y).columns) == list(frame.columns)
    assert np.isfinite(model.score_samples(frame, y)).all()


def test_numbers_of_a_mixed_table_have_the_likelihood_that_was_asked_for(frame):
    for likelihood in ("student_t", gaussian):
        blocks = (
            small(likelihood=likelihood, epochs=1)
            .fit(frame)
            .recipe_.arguments["likelihood"]
            .arguments["blocks"]
        )
        assert [width for width, _ in blocks] == [8, 1, 6]
        assert getattr(blocks[0][1], "__name__", "") in ("student_t", "gaussian")
    with pytest.raises(DataError, match='did you mean "laplace"'):
        small(likelihood="laplase").fit(frame)


def test_booleans_alone_are_bernoulli():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.random(50) < 0.4 for name in "abc"})
    model = small().fit(frame)
    assert model.recipe_.arguments["likelihood"].__name__ == "bernoulli"
    assert set(model.sample(5, random_state=0).dtypes.map(str)) == {"bool"}


# filling numbers


def removed(truth: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    gaps = np.random.default_rng(seed).random(truth.shape) < 0.2
    return np.where(gaps, np.nan, truth), gaps


def of_the_mean(filled: np.ndarray, truth: np.ndarray, x: np.ndarray, gaps: np.ndarray) -> float:
    """The root mean square error over what was removed, in standard deviations, as a share of the mean's."""
    guess, mean = ((each - truth) / truth.std(0) for each in (filled, np.nanmean(x, 0)))
    return float(np.sqrt((guess[gaps] ** 2).mean() / (mean[gaps] ** 2).mean()))


@pytest.mark.parametrize("seed", [0, 1])
def test_imputation_is_far_below_the_mean(seed):
    """The quick form of `benchmarks/quality.py imputation`, with its control."""
    truth = load_breast_cancer().data
    x, gaps = removed(truth, seed)
    model = Embedder("vae", epochs=120, random_state=seed).fit(x)
    assert of_the_mean(model.impute(x), truth, x, gaps) < 0.6
    zeros = np.nan_to_num(x)  # the control: what is missing is learned from, as if a 0 had been measured
    naive = Embedder("vae", epochs=120, random_state=seed).fit(zeros).reconstruct(zeros)
    assert of_the_mean(naive, truth, x, gaps) > 1


def test_guesses_are_read_again_only_by_a_model_that_knows_no_gaps():
    truth = WINE.train.x
    x, gaps = removed(truth, 0)
    for rows, rounds in ((x, 1), (truth, 5)):
        model = small(epochs=60).fit(rows)
        assert model.preparation_.gaps == (rows is x)
        np.testing.assert_array_equal(model.impute(x), model.impute(x, rounds=rounds))
        assert not np.array_equal(model.impute(x, rounds=1), model.impute(x, rounds=5))
    with pytest.raises(ValueError, match="rounds is a whole number"):
        model.impute(x, rounds=0)
