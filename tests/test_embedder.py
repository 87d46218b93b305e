"""The estimator keeps scikit-learn's contract, and its own promises."""

from __future__ import annotations

import json
import pickle
import random
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import isthmus
from isthmus import Embedder, Recipe
from isthmus.data import DataError, load
from isthmus.likelihoods import bernoulli, categorical, gaussian, joint
from isthmus.metrics import r2
from isthmus.models import GENERATORS, METHODS, vae
from isthmus.priors import DiffusionPrior, Flow, MaskedMixture, Mixture, Normal, TwoStage
from isthmus.recipes import parameters

DIGITS = load("digits")
WINE = load("wine")


def small(recipe="vae", **options):
    return Embedder(recipe, **{"dim": 2, "epochs": 5, "random_state": 0, **options})


@parametrize_with_checks([Embedder("vae", dim=2, epochs=3), Embedder("autoencoder", dim=1, epochs=3)])
def test_sklearn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return Embedder("vae", dim=8, random_state=0).fit(DIGITS.train.x / 16)


def test_a_default_vae_learns(fitted):
    """Every published library's default VAE reconstructs digits no better than their mean, 0.074."""
    x = DIGITS.test.x / 16
    assert ((fitted.reconstruct(x) - x) ** 2).mean() <= 0.020
    assert fitted.history_.curve("kl")[-1] > 5


@pytest.mark.filterwarnings("ignore::isthmus.training.TrainingWarning")
def test_a_vae_whose_scale_is_fixed_at_one_does_not():
    """The control: the same code with the peers' default, a unit-variance decoder on unscaled pixels."""
    x = DIGITS.train.x / 16
    fixed = Recipe(gaussian, scale=1.0)
    model = Embedder("vae", dim=8, likelihood=fixed, scaling="none", epochs=60, random_state=0).fit(x)
    x = DIGITS.test.x / 16
    assert ((model.reconstruct(x) - x) ** 2).mean() > 0.04


@pytest.mark.parametrize(
    "change", [lambda x: 16 * x, lambda x: 1e5 * x - 3, lambda x: (x - x.mean(0)) / (x.std(0) + 1e-12)]
)
def test_units_do_not_matter(change):
    x, y = DIGITS.train.x.astype(float) / 16, DIGITS.test.x.astype(float) / 16
    plain = small(dim=8, epochs=40).fit(x)
    changed = small(dim=8, epochs=40).fit(change(x))
    # the test rows are changed as the training rows were
    both = np.concatenate([x, y])
    if change(x).std() < 1.1 and abs(change(x).mean()) < 1e-6:
        moved = (y - x.mean(0)) / (x.std(0) + 1e-12)
    else:
        moved = change(both)[len(x) :]
    before = r2(y, plain.reconstruct(y), reference=x)
    after = r2(moved, changed.reconstruct(moved), reference=change(x))
    assert before > 0.4
    assert abs(before - after) < 0.01


def test_codes_and_scores_do_not_depend_on_the_rows_beside(fitted):
    x = DIGITS.test.x / 16
    order = np.random.default_rng(0).permutation(len(x))
    for method in (fitted.transform, fitted.score_samples, fitted.reconstruct):
        whole = method(x)
        np.testing.assert_array_equal(whole, method(x))
        np.testing.assert_allclose(method(x[order]), whole[order], rtol=1e-6, atol=1e-9)
        single = np.concatenate([method(x[i : i + 7]) for i in range(0, len(x), 7)])
        np.testing.assert_allclose(single, whole, rtol=1e-6, atol=1e-9)


def test_scores_are_log_densities_in_the_units_of_the_data(fitted):
    """log p(cx) = log p(x) − log c for each of the columns that vary."""
    x = DIGITS.train.x / 16
    other = Embedder("vae", dim=8, random_state=0).set_params(epochs=2).fit(x)
    scaled = Embedder("vae", dim=8, random_state=0).set_params(epochs=2).fit(8 * x)
    varying = (x.std(0) > 0).sum()
    np.testing.assert_allclose(
        scaled.score_samples(8 * x), other.score_samples(x) - varying * np.log(8), rtol=1e-4
    )


def test_a_seed_repeats_and_the_process_keeps_its_own_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = small().fit(WINE.train.x)
    second = small().fit(WINE.train.x)
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(first.transform(WINE.test.x), second.transform(WINE.test.x))
    third = small(random_state=1).fit(WINE.train.x)
    assert not np.allclose(first.transform(WINE.test.x), third.transform(WINE.test.x))


def test_missing_values_are_neither_read_nor_explained():
    x = WINE.train.x.astype(float).copy()
    x[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    model = small(dim=3, epochs=100).fit(x)
    assert "missing" in model.notes_[0]
    filled = model.impute(x)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(x)], x[~np.isnan(x)])
    truth, gaps = WINE.train.x, np.isnan(x)
    scale = np.nanstd(x, 0)
    error = (((filled - truth) / scale)[gaps] ** 2).mean()
    mean = (((np.nanmean(x, 0) - truth) / scale)[gaps] ** 2).mean()
    assert error < 0.8 * mean


def test_pickle_and_run_folder_give_the_same_model(tmp_path):
    model = small().fit(WINE.train.x)
    expected = model.transform(WINE.test.x)
    content = pickle.dumps(model)
    assert b"Autoencoder" not in content  # recipe and weights, never modules
    np.testing.assert_array_equal(pickle.loads(content).transform(WINE.test.x), expected)
    model.save(tmp_path / "run")
    again = Embedder.load(tmp_path / "run")
    np.testing.assert_array_equal(again.transform(WINE.test.x), expected)
    np.testing.assert_array_equal(again.reconstruct(WINE.test.x), model.reconstruct(WINE.test.x))
    np.testing.assert_array_equal(again.sample(3, random_state=1), model.sample(3, random_state=1))
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "preprocessing.json",
        "recipe.json",
        "weights.safetensors",
    ]


def test_the_process_keeps_its_random_numbers_when_a_model_comes_back(tmp_path):
    model = small(epochs=1).fit(WINE.train.x)
    content = pickle.dumps(model.save(tmp_path) and model)
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(5)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    for seed in (torch.manual_seed, np.random.seed, random.seed):
        seed(5)
    pickle.loads(content)
    Embedder.load(tmp_path)
    isthmus.load(tmp_path)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def test_preprocessing_of_another_model_is_not_taken_for_its_own(tmp_path):
    """A crash between two files, or a changed digit: every file is whole, but they do not belong together."""
    for name, x in (("a", WINE.train.x), ("b", 2 * WINE.train.x)):
        small(epochs=1).fit(x).save(tmp_path / name)
    (tmp_path / "a" / "preprocessing.json").write_bytes((tmp_path / "b" / "preprocessing.json").read_bytes())
    with pytest.raises(ValueError, match="preprocessing.json is damaged, or of another model"):
        Embedder.load(tmp_path / "a")
    header = json.loads((tmp_path / "a" / "recipe.json").read_text())
    del header["estimator"]["preprocessing"]  # as an earlier version wrote it
    (tmp_path / "a" / "recipe.json").write_text(json.dumps(header))
    assert Embedder.load(tmp_path / "a").preparation_ == Embedder.load(tmp_path / "b").preparation_


@pytest.mark.parametrize("recipe", ["vae", "conditional_vae", "capacity_vae"])
def test_a_model_that_was_loaded_can_be_fitted_to_other_data(tmp_path, recipe):
    binary, labels = (DIGITS.train.x[:100] > 8).astype(float), np.arange(100) % 10
    loaded = Embedder.load(small(recipe, epochs=1).fit(binary, labels).save(tmp_path))
    again = clone(loaded).set_params(epochs=1, random_state=0).fit(WINE.train.x, WINE.train.y)
    fresh = small(recipe, epochs=1).fit(WINE.train.x, WINE.train.y)
    assert again.recipe_ == fresh.recipe_
    np.testing.assert_array_equal(
        again.transform(WINE.test.x, WINE.test.y), fresh.transform(WINE.test.x, WINE.test.y)
    )
    kept = Embedder.load(small(likelihood=bernoulli, epochs=1).fit(binary).save(tmp_path / "kept"))
    assert kept.recipe == Recipe("vae", dim=2, likelihood=bernoulli)


def test_what_cannot_be_saved_is_known_before_the_training(tmp_path):
    with pytest.raises(TypeError, match="use a Recipe"):
        small(likelihood=lambda features: gaussian(features), folder=tmp_path).fit(WINE.train.x)
    assert not any(tmp_path.iterdir())


def test_search_over_the_arguments_of_a_recipe():
    grid = {"recipe__beta": [0.5, 4.0], "dim": np.arange(1, 3)}
    for recipe in (Recipe("beta_vae"), "beta_vae"):
        search = GridSearchCV(small(recipe), grid, cv=2).fit(WINE.train.x)
        assert set(search.best_params_) == set(grid)
        assert search.best_estimator_.recipe_.arguments["beta"] == search.best_params_["recipe__beta"]
    parallel = GridSearchCV(small(Recipe("beta_vae")), grid, cv=2, n_jobs=2).fit(WINE.train.x)
    np.testing.assert_allclose(
        parallel.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"], rtol=1e-4
    )


def test_pipeline_pandas_and_clone():
    frame = pd.DataFrame(WINE.train.x, columns=[f"c{i}" for i in range(13)])
    pipeline = make_pipeline(MinMaxScaler(), small()).set_output(transform="pandas")
    codes = pipeline.fit_transform(frame)
    assert list(codes.columns) == ["embedder0", "embedder1"]
    assert codes.index.equals(frame.index)
    copy = clone(small(Recipe("vae", hidden=(16,))))
    assert copy.recipe == Recipe("vae", hidden=(16,)) and not hasattr(copy, "model_")


def test_sparse_and_dense_rows_are_the_same():
    x = (DIGITS.train.x[:200] > 8).astype(float)
    dense = small().fit(x)
    sparse = small().fit(scipy.sparse.csr_matrix(x))
    np.testing.assert_array_equal(dense.transform(x), sparse.transform(scipy.sparse.csr_array(x)))
    assert "Bernoulli" in dense.notes_[0]


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 5, 7)])
def test_images_go_in_and_out_in_their_own_shape(shape):
    from isthmus.nets import convs

    x = np.random.default_rng(0).random((40, *shape))
    model = small(Recipe("vae", nets=convs, hidden=(4, 8)), epochs=2).fit(x)
    assert model.reconstruct(x).shape == x.shape
    assert model.sample(3, random_state=0).shape == (3, *shape)
    assert model.inverse_transform(model.transform(x)).shape == x.shape
    flat = x.reshape(40, -1)
    same = [flat, scipy.sparse.csr_matrix(flat), pd.DataFrame(flat), torch.tensor(x)]
    for rows in same if len(shape) == 3 and shape[0] > 1 else [*same, x.reshape(40, 1, 8, 8)]:
        np.testing.assert_array_equal(model.transform(rows), model.transform(x))
    for rows in (x[:, :-1], x.swapaxes(1, -1)[..., :-1], x.reshape(20, 2, -1)):
        with pytest.raises(DataError, match="the model was fitted to rows of shape"):
            model.transform(rows)
    x[0].flat[0] = np.nan
    assert np.isfinite(model.impute(x)).all()


def test_a_likelihood_in_the_recipe_is_seen_by_the_preparation():
    x = (DIGITS.train.x[:200] > 8).astype(float)
    model = small(Recipe("vae", likelihood=bernoulli)).fit(x)
    assert not model.preparation_.continuous
    with pytest.raises(DataError, match="bernoulli needs"):
        small(Recipe("vae", likelihood=bernoulli)).fit(DIGITS.train.x)


@pytest.mark.parametrize("name", ["preprocessing.json", "recipe.json", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b"\x00\xff"])
def test_a_damaged_run_folder_names_the_file(tmp_path, name, content):
    small(epochs=1).fit(WINE.train.x).save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        Embedder.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises((ValueError, FileNotFoundError), match=name):
        Embedder.load(tmp_path)


def test_counts_are_explained_as_counts():
    rng = np.random.default_rng(0)
    x = rng.negative_binomial(1, 0.4, (300, 6))
    model = small(epochs=20).fit(x)
    assert "negative binomial" in model.notes_[0]
    draws = model.sample(50, random_state=0)
    assert (draws >= 0).all() and (draws == np.floor(draws)).all()
    with pytest.raises(DataError, match="row 2, column 1 holds -1"):
        small(likelihood="poisson").fit(np.array([[1, 2], [0, 0], [3, -1.0]]))


def test_a_conditional_model_generates_what_it_is_asked_for():
    x, y = DIGITS.train.x / 16, DIGITS.train.y
    model = Embedder("conditional_vae", dim=4, epochs=60, random_state=0).fit(x, y)
    wanted = np.repeat(np.arange(10), 20)
    made = model.sample(200, wanted, noise=False, random_state=0)
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(1).fit(x, y)
    assert judge.score(made, wanted) > 0.8
    assert judge.score(made, np.roll(wanted, 20)) < 0.2  # the control: with the labels of the class before
    with pytest.raises(ValueError, match="conditional"):
        model.transform(x)
    with pytest.raises(ValueError, match="not seen in training"):
        model.sample(1, [11])


def test_tables_of_every_kind_are_the_same_table():
    x = WINE.train.x.astype(float).copy()
    x[:9, 0] = np.nan
    expected = small(epochs=1).fit(x).transform(x)
    names = [f"c{i}" for i in range(13)]
    frame = pd.DataFrame(x, columns=names)
    tables = {
        "tensor": torch.tensor(x, requires_grad=True),
        "mask": np.ma.masked_array(np.where(np.isnan(x), 1e9, x), np.isnan(x)),
        "big-endian": x.astype(">f8"),
        "frame": frame,
        "objects": frame.assign(c0=[None] * 9 + x[9:, 0].tolist()).astype({"c0": object}),
        "extension": frame.convert_dtypes(),
    }
    for name, table in tables.items():
        np.testing.assert_array_equal(small(epochs=1).fit(table).transform(table), expected, name)


@pytest.mark.parametrize("use", ["transform", "reconstruct", "impute", "score_samples", "score", "save"])
def test_nothing_works_before_fit(use, tmp_path):
    with pytest.raises(NotFittedError):
        getattr(small(), use)(tmp_path if use == "save" else WINE.test.x)


LABELS = {
    "missing": ([1, 2, np.nan], "label of row 2 is nan"),
    "none": (["a", None, "b"], "label of row 1 is None"),
    "mixed": (np.array(["a", 1, 2], object), "all numbers or all words"),
    "dates": (np.array(["2024", "2025", "2026"], "M8[D]"), "numbers or words"),
    "several": (np.eye(3), r"\(n,\)"),
    "few": ([1, 2], "labels has 2"),
}


@pytest.mark.parametrize("case", LABELS)
def test_bad_labels_are_refused_in_words(case):
    y, words = LABELS[case]
    with pytest.raises(DataError, match=words):
        small("conditional_vae").fit(WINE.train.x[:3], y)


def test_labels_may_be_words_and_a_column(tmp_path):
    x, y = WINE.train.x, np.array(["oak", "elm", "äsp"])[WINE.train.y]
    model = small("conditional_vae", epochs=1).fit(x, y)
    column = small("conditional_vae", epochs=1).fit(x, pd.DataFrame({"tree": y}))
    again = Embedder.load(model.save(tmp_path))
    for other in (column, again):
        np.testing.assert_array_equal(other.transform(x, y), model.transform(x, y[:, None]))
    with pytest.raises(DataError, match="rows and 1 labels"):
        model.inverse_transform(model.transform(x, y), "oak")


@pytest.mark.parametrize("wrong", [-2, -1, 0.5, 3])
@pytest.mark.parametrize("use", ["transform", "reconstruct", "impute", "score_samples"])
def test_what_a_likelihood_cannot_explain_is_refused_after_training_too(use, wrong):
    """A count of −2 used to be taken for a missing value, and of −1 gave codes that were no numbers."""
    x = np.random.default_rng(0).integers(0, 2, (30, 4)).astype(float)
    likelihoods = ["bernoulli", Recipe(categorical, classes=3), *([] if wrong == 3 else ["poisson"])]
    for likelihood in likelihoods:
        model = small(likelihood=likelihood, epochs=1).fit(x)
        bad = x.copy()
        bad[2, 1] = wrong
        with pytest.raises(DataError, match=f"row 2, column 1 holds {wrong}"):
            getattr(model, use)(bad)


def test_a_mixed_table(tmp_path):
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(40, 2)), rng.integers(0, 2, 40), rng.integers(0, 3, 40)])
    blocks = ((2, gaussian), (1, bernoulli), (1, Recipe(categorical, classes=3)))
    model = small(likelihood=Recipe(joint, blocks=blocks), epochs=1).fit(x)
    again = Embedder.load(model.save(tmp_path))
    np.testing.assert_array_equal(again.score_samples(x), model.score_samples(x))
    x[0, 3] = 3
    with pytest.raises(DataError, match="row 0, column 3 holds 3"):
        model.transform(x)


BAD = {
    "infinite": (lambda: np.array([[1.0, np.inf], [0, 1]]), "infinity"),
    "empty": (lambda: np.empty((0, 3)), "0 sample"),
    "no columns": (lambda: np.empty((3, 0)), "0 feature"),
    "flat": (lambda: np.arange(5.0), "2D array|1D array"),
    "nothing": (lambda: pd.DataFrame({"a": ["x", "y", "x"], "b": ["u"] * 3})[["b"]], "nothing to learn"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_refused_in_words(case):
    make, words = BAD[case]
    with pytest.raises(ValueError, match=words):
        small().fit(make())


def test_a_row_too_far_for_float32_is_named():
    x = WINE.test.x.astype(float)
    x[3, 2] = 1e300
    with pytest.raises(DataError, match="row 3, column 2"):
        small(epochs=1).fit(WINE.train.x).transform(x)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_pictures(name):
    x, y = DIGITS.train.x[:40].reshape(40, 8, 8), np.arange(40) % 10
    model = Embedder(name, epochs=1, random_state=0).fit(x, y)
    assert model.reconstruct(x, y).shape == x.shape and np.isfinite(model.score_samples(x, y)).all()


@pytest.mark.parametrize("name", GENERATORS)
def test_what_is_there_to_compare_with_is_fitted_drawn_from_and_kept(name, tmp_path):
    x = DIGITS.train.x[:200]
    model = Embedder(name, epochs=2, random_state=0).fit(x)
    drawn = model.sample(5, random_state=1)
    assert drawn.shape == (5, 64) and np.isfinite(drawn).all()
    model.save(tmp_path)
    again = Embedder.load(tmp_path)
    np.testing.assert_array_equal(again.sample(5, random_state=1), drawn)
    if name == "gan":
        with pytest.raises(ValueError, match="no encoder"):
            again.transform(x)
    else:
        np.testing.assert_array_equal(again.reconstruct(x), model.reconstruct(x))


def test_facts_reach_methods_among_the_arguments_and_no_argument_that_means_something_else():
    facts = {"features": 6, "rows": 50, "steps": 7, "classes": 3, "labelled": 9}
    inner = Recipe("ex_post", model=METHODS["beta_tcvae"], prior=Recipe(Flow, layers=2)).given(**facts)
    assert inner.arguments["model"].arguments == {"rows": 50}
    assert inner.arguments["prior"].arguments == {"layers": 2}  # its fit has steps of its own
    assert "steps" not in Recipe("diffusion").given(**facts).arguments  # nor is its chain as long as that
    for prior in (DiffusionPrior, Flow, MaskedMixture, Mixture, Normal, TwoStage):
        assert not set(facts) & set(parameters(prior))
    assert Recipe("eased").given(**facts).arguments["steps"] == 7
    assert Recipe("ex_post", model=METHODS["conditional_vae"]).takes("classes")
    assert not Recipe("ex_post", prior=Recipe(Flow)).takes("classes")


def test_a_conditional_model_within_another_is_given_its_labels():
    x, y = DIGITS.train.x[:100], np.asarray(DIGITS.train.y)[:100]
    model = Embedder(Recipe("ex_post", model=METHODS["conditional_vae"], dim=2), epochs=1).fit(x, y)
    assert model.sample(4, y=[3] * 4, random_state=0).shape == (4, 64)
    with pytest.raises(ValueError, match="conditional"):
        Embedder(Recipe("ex_post", model=METHODS["conditional_vae"]), epochs=1).fit(x)
    half = np.where(np.arange(100) < 50, y, -1)
    told = Embedder(Recipe("ex_post", model=METHODS["m2"], dim=2), epochs=1, random_state=0).fit(x, half)
    assert told.predict(x).shape == (100,)


ODD = {
    "one row": np.ones((1, 3)),
    "one column": np.arange(20.0)[:, None],
    "constant column": np.column_stack([np.arange(20.0), np.full(20, 7.0)]),
    "all constant": np.full((10, 2), 3.0),
    "fewer rows than a batch": np.random.default_rng(0).random((5, 3)),
    "last batch of one": np.random.default_rng(0).random((129, 3)),
    "a column without values": np.column_stack([np.arange(20.0), np.full(20, np.nan)]),
    "huge": 1e30 * np.random.default_rng(0).random((20, 3)),
    "tiny": 1e-30 * np.random.default_rng(0).random((20, 3)),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_data_work(case):
    x = ODD[case]
    model = small(epochs=30).fit(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(model.transform(x)).all()
        assert np.isfinite(model.score_samples(x)).all()
        assert np.isfinite(model.sample(5, random_state=0)).all()
    if "constant" in case:
        assert any("constant" in note for note in model.notes_)
        assert (model.reconstruct(x)[:, -1] == x[:, -1]).all()
        assert (model.sample(5, random_state=0)[:, -1] == x[0, -1]).all()


def test_wrong_width_and_names_at_predict():
    frame = pd.DataFrame(WINE.train.x, columns=[f"c{i}" for i in range(13)])
    model = small().fit(frame)
    with pytest.raises(ValueError, match="13 features"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an array has no names is not the point here
            model.transform(WINE.test.x[:, :5])
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.rename(columns={"c0": "other"}))


def test_wrong_arguments_are_refused_in_words():
    x = WINE.train.x
    with pytest.raises(ValueError, match='did you mean "vae"'):
        small("vaee").fit(x)
    with pytest.raises(TypeError, match='did you mean "beta"'):
        small("beta_vae").set_params(recipe__betta=3)
    with pytest.raises(ValueError, match='did you mean "gaussian"'):
        small(likelihood="gausian").fit(x)
    with pytest.raises(ValueError, match="labels"):
        small("conditional_vae").fit(x)
    with pytest.raises(ValueError, match="scaling"):
        small(scaling="column").fit(x)
    with pytest.raises(DataError, match="classes.*Recipe"):
        small(likelihood="categorical").fit(x)
    with pytest.raises(DataError, match="function of features"):
        small(likelihood=gaussian(13)).fit(x)


@pytest.mark.parametrize("option", ["dim", "epochs", "batch_size", "n"])
@pytest.mark.parametrize("value", [-1, 0, 2.5, "3", float("nan"), True])
def test_what_is_counted_is_a_whole_number(option, value):
    if (option, value) == ("epochs", 0):
        return
    with pytest.raises(ValueError, match=f"{option} is a whole number.*not {value!r}"):
        if option == "n":
            small(epochs=0).fit(WINE.train.x).sample(value)
        small(**{option: value}).fit(WINE.train.x)


def test_a_recipe_may_be_a_function():
    model = small(vae, epochs=1).fit(WINE.train.x)
    np.testing.assert_array_equal(
        model.transform(WINE.test.x), small(epochs=1).fit(WINE.train.x).transform(WINE.test.x)
    )
    assert small(vae).set_params(recipe__hidden=(4,)).recipe == Recipe("vae", hidden=(4,))


def test_a_multinomial_is_refused_as_it_does_not_know_the_totals():
    with pytest.raises(DataError, match="by parts"):
        small(likelihood="multinomial").fit(np.array([[1, 2], [0, 3], [3, 1]]))


def test_a_column_that_never_varied_is_not_read_but_still_explained():
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[:, 1], x[:, 2] = 7.0, np.nan
    model = small(epochs=20).fit(x)
    ordinary, odd = x[:5].copy(), x[:5].copy()
    odd[:, 1], odd[:, 2] = 8.0, 1e6
    np.testing.assert_array_equal(model.transform(odd), model.transform(ordinary))
    assert (model.score_samples(odd) < model.score_samples(ordinary) - 1).all()
