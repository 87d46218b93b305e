"""Methods beside PCA: the right winner on data where it is known, and nothing lost when something fails."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Embedder, Recipe
from isthmus.baselines import Yardstick, beside, pca
from isthmus.baselines.comparison import Outcome
from isthmus.cli import run
from isthmus.comparing import CodeSize, Likeness, contest
from isthmus.comparing.fairness import gaussian_rows, sized
from isthmus.data.schema import Schema
from isthmus.metrics import holm, paired
from isthmus.training import TrainingWarning

QUICK: dict[str, Any] = {"dim": 1, "seeds": 2, "epochs": 60, "batch_size": 32, "lr": 5e-3}


def arc(n=240, seed=0):
    """Most of a circle in four columns: one number says where on it, and no straight line does."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 4.5, n)
    x = np.stack([np.cos(t), np.sin(t)], 1) @ rng.normal(size=(2, 4))
    return x + 0.02 * rng.normal(size=x.shape)


def line(n=200, seed=0):
    """A straight line in five columns, with noise: nothing is to be won over PCA."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) @ rng.normal(size=(1, 5)) + 0.5 * rng.normal(size=(n, 5))


@pytest.fixture(scope="module")
def won():
    return isthmus.compare(arc(), ["linear", "autoencoder"], **QUICK)


def test_a_curve_is_won_by_an_autoencoder(won):
    assert [each.name for each in won.results] == ["autoencoder", "linear"]
    best = won.results[0]
    assert won.verdict.startswith("Take autoencoder (best of 2):") and "ahead in 2 of 2 seeds" in won.verdict
    assert best.ahead == 2 and best.p < 0.05 and best.mean < 0.7 * won.baselines[1].mse
    assert "It beats linear" in won.verdict and "Not better than PCA: linear." in won.verdict


def test_a_line_is_not():
    found = isthmus.compare(line(), ["autoencoder"], **{**QUICK, "epochs": 20})
    assert found.verdict.startswith("Take PCA")
    untrained = isthmus.compare(line(), ["autoencoder"], **{**QUICK, "epochs": 0})
    assert untrained.verdict.startswith("Take PCA")
    assert "loses to it by" in untrained.verdict or "has learned nothing" in untrained.verdict


def test_the_figures_are_those_of_the_rows(won):
    """Error, interval and p again from the estimators themselves, the split's rows and `paired`."""
    x = arc()
    split = isthmus.data.split(len(x), 0.2, seed=0)
    train, test = x[split.train], x[split.held_out]
    scale = train.std(0)
    linear = np.square((test - pca(train / scale, 1).reconstruct(test / scale) * scale) / scale).mean(1)
    options: dict[str, Any] = {"epochs": 60, "batch_size": 32, "lr": 5e-3}
    errors = [
        np.square(
            (test - Embedder(name, 1, random_state=seed, **options).fit(train).reconstruct(test)) / scale
        ).mean(1)
        for name in ("autoencoder", "linear")
        for seed in (0, 1)
    ]
    first, second = np.mean(errors[:2], 0), np.mean(errors[2:], 0)
    tests = [paired(linear, each) for each in (first, second)]
    best = won.results[0]
    assert best.mse == pytest.approx([each.mean() for each in errors[:2]], rel=1e-6)
    assert best.versus_pca.interval == pytest.approx(tests[0].interval, rel=1e-6)
    assert best.p == pytest.approx(holm([each.p for each in tests])[0])
    assert won.best_two.difference == pytest.approx((second - first).mean(), rel=1e-6)
    by_one = beside(train, test, 1, test + np.sqrt(first)[:, None] * scale, "x")
    assert [b.mse for b in won.baselines] == pytest.approx([each.mse for each in by_one.scores[:2]], rel=1e-9)


def test_it_repeats_and_the_order_of_methods_does_not_matter(won):
    again = isthmus.compare(arc(), ["autoencoder", "linear"], **QUICK)
    assert [each.mse for each in again.results] == [each.mse for each in won.results]
    assert again.verdict == won.verdict


def test_one_failing_method_does_not_lose_the_others():
    uneven = Recipe("product_vq_vae", groups=3)
    methods = {"uneven": uneven, "conditional_vae": "conditional_vae", "linear": "linear"}
    found = isthmus.compare(line(), methods, **{**QUICK, "epochs": 2})
    assert [each.name for each in found.results] == ["linear", "uneven", "conditional_vae"]
    assert "3 groups share" in found.results[1].why and "conditional" in found.results[2].why
    assert "uneven failed: 3 groups share" in str(found)
    assert found.to_json()["methods"][1]["failed"] == found.results[1].why
    with pytest.raises(ValueError, match="no method could be fitted. 3 groups share"):
        isthmus.compare(line(), {"uneven": uneven}, **QUICK)


def test_a_code_of_many_numbers_does_not_win_by_its_size():
    """A flow tells all that there is; by errors alone, as a control, it is ahead of everything."""
    found = isthmus.compare(arc(), ["flow", "autoencoder", "vq_vae"], **{**QUICK, "epochs": 30, "seeds": 1})
    flow = next(each for each in found.done if each.name == "flow")
    assert min(found.done, key=lambda each: each.mean) is flow and flow.mean < 1e-6
    assert found.done[0].name == "autoencoder" and [each.name for each in found.fair] == ["autoencoder"]
    assert flow.against is not None
    assert flow.against.name == "PCA 4" and flow.outcome(found.baselines[0]) is Outcome.EXACT
    assert "Take flow" not in found.verdict
    assert "larger codes than PCA's" in found.verdict and "flow (4 numbers, 128 bits: PCA 4" in found.verdict
    vq = next(each for each in found.done if each.name == "vq_vae")
    assert vq.code == CodeSize(0, 0.0, 8 * 7.0)  # eight entries out of 128; PCA's one number has 32 bits
    assert vq.against is not None and vq.against.name == "PCA 2" and "exact (PCA 4)" in str(found)
    only = isthmus.compare(arc(), ["flow"], **{**QUICK, "epochs": 1, "seeds": 1})
    assert only.outcome is None and only.verdict.startswith("No code is as small as PCA's 1 number,")


def test_what_a_recipe_says_of_its_code_is_kept():
    """The control is what `Embedder(recipe, dim)` makes of it."""
    wide = {"wide": Recipe("autoencoder", dim=3, hidden=(8,)), "narrow": Recipe("autoencoder", hidden=(8,))}
    found = isthmus.compare(line(), wide, **{**QUICK, "epochs": 1, "seeds": 1})
    assert {each.name: each.code.numbers for each in found.done if each.code} == {"wide": 3, "narrow": 1}
    assert [each.name for each in found.fair] == ["narrow"]
    assert Embedder(wide["wide"], 1, epochs=1).fit(line()).transform(line()).shape[1] == 1


@pytest.mark.parametrize(
    "recipe, wanted",
    [
        (Recipe("vae"), {"dim": 5}),
        (Recipe("vae", dim=2), {"dim": 2}),
        (Recipe("sparse_top_k"), {"k": 5}),
        (Recipe("sparse_top_k", k=2), {"k": 2}),
        (Recipe("sparse_l1"), {}),
        (Recipe("ex_post"), {"dim": 5}),
        (Recipe("masked_autoencoder"), {}),
        (Recipe("vq_vae"), {}),
        (Recipe("flow"), {}),
    ],
    ids=repr,
)
def test_only_what_sizes_a_whole_code_is_set(recipe, wanted):
    assert sized(recipe, 5).arguments == wanted


@pytest.mark.parametrize("width, active", [(256, 8), (64, 32), (100, 1), (10, 10)])
def test_bits_of_a_code_are_its_numbers_and_which_they_are(width, active):
    """Against the exact number of choices, which the entropy exceeds by less than log₂(n + 1)."""
    codes = np.zeros((50, width))
    for row in codes:
        row[np.random.default_rng(active).permutation(width)[:active]] = 1.5
    found = CodeSize.of(codes, None)
    choice = found.bits - 32 * active
    exact = math.log2(math.comb(width, active))
    assert (found.numbers, found.active) == (width, active)
    assert exact - 1e-9 <= choice <= exact + math.log2(width + 1)
    assert CodeSize.of(codes, 12.5) == CodeSize(0, 0.0, 12.5)


@pytest.mark.parametrize(
    "recipe, bits",
    [
        (Recipe("vq_vae", size=16, positions=3), 12),
        (Recipe("fsq", levels=(5, 4), positions=3), 3 * math.log2(20)),
        (Recipe("residual_vq_vae", size=8, depth=2, positions=3), 18),
        (Recipe("vq_vae_2", size=16, positions=4, top_positions=2), 24),
        (Recipe("categorical_vae", variables=4, values=5), 4 * math.log2(5)),
        (Recipe("ex_post", model=Recipe("vq_vae", size=16, positions=3)), 12),
        (Recipe("vae"), None),
        (Recipe("contrastive_autoencoder"), None),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_discrete_codes_know_their_bits(recipe, bits):
    found = recipe(12).autoencoder.latent.bits
    assert found == (None if bits is None else pytest.approx(bits))


def test_samples_are_told_from_rows_as_they_differ():
    rng = np.random.default_rng(0)
    rows, again = rng.normal(size=(2, 400, 4))
    alike = Likeness.of(rows, again)
    shifted, narrow = Likeness.of(rows, again + 6), Likeness.of(rows, 0.05 * again)
    assert alike is not None and shifted is not None and narrow is not None
    assert abs(alike.distance) < 0.1 and min(alike.precision, alike.recall) > 0.8
    assert shifted.distance > 10 and shifted.precision == shifted.recall == 0
    assert narrow.distance > 10 * abs(alike.distance) and narrow.precision == 1 and narrow.recall < 0.05
    # 1 and 1 − 2⁻⁵ are expected of rows like these (Naeem et al.), and more density where data are dense
    assert abs(alike.density - 1) < 0.15 and abs(alike.coverage - (1 - 2**-5)) < 0.05
    assert shifted.density == shifted.coverage == 0 and narrow.density > 1 and narrow.coverage < 0.5
    gaps = np.where(rng.random(rows.shape) < 0.5, np.nan, rows)
    assert Likeness.of(gaps[:20], rows) is None  # too few rows without a gap to say
    assert Likeness.of(rows, gaussian_rows(gaps, 400, 0)).distance < 1  # type: ignore[union-attr]


def test_methods_of_many_families_stand_in_one_table(tmp_path):
    """Each is fitted, its code told, its samples judged, and its time: nothing is left out."""
    methods = [
        "autoencoder",
        "vae",
        "vq_vae",
        "wae_gan",
        "sparse_top_k",
        "flow",
        "masked_autoencoder",
        "ebgan",
    ]
    found = isthmus.compare(line(), methods, **{**QUICK, "dim": 2, "epochs": 1, "seeds": 2})
    assert {each.name for each in found.done} == set(methods) and not any(each.why for each in found.results)
    for each in found.done:
        assert each.code is not None and each.likeness is not None and len(each.seconds) == 2
        assert each.weights > 0 and each.code.bits > 0 and np.isfinite(each.likeness).all()
    text, record = str(found), found.to_json()
    assert "MMD² of samples" in text and "a Gaussian" in text and "training rows" in text
    assert set(record["samples_beside"]) == {"a Gaussian", "training rows"}
    sparse = next(each for each in record["methods"] if each["name"] == "sparse_top_k")
    assert sparse["code"]["numbers"] == 20 and sparse["code"]["active"] <= 2
    header, fits = found.to_rows()
    assert header == ["method", "seed", "mse", "seconds"] and len(fits) == 2 + 16


def test_what_only_draws_is_judged_by_its_samples_and_moves_nothing_else():
    """Errors, corrected p and the verdict of the others are what they are without it."""
    options: dict[str, Any] = {**QUICK, "dim": 2, "epochs": 20}
    without = isthmus.compare(arc(), ["autoencoder", "linear"], **options)
    found = isthmus.compare(arc(), ["gan", "autoencoder", "linear"], **options)
    for mine, theirs in zip(found.results[:2], without.results, strict=True):
        assert mine._replace(seconds=()) == theirs._replace(seconds=())
    assert found.best_two == without.best_two and found.outcome is without.outcome
    gan = found.results[2]
    assert found.drawn == [gan] and not gan.mse and gan.code is None and not gan.why and gan.weights > 0
    split = isthmus.data.split(240, 0.2, seed=0)
    train, test = arc()[split.train], arc()[split.held_out]
    mean, scale = train.mean(0), train.std(0)
    own = []
    for seed in (0, 1):
        fit = {name: options[name] for name in ("epochs", "batch_size", "lr")}
        embedder = Embedder(Recipe("gan", dim=2), random_state=seed, **fit).fit(train)
        drawn = embedder.sample(len(test), noise=False, random_state=seed)
        near = Likeness.of((test - mean) / scale, (drawn - mean) / scale)
        assert near is not None
        own.append(near)
    assert gan.likeness is not None and gan.likeness == pytest.approx(np.mean(own, 0), rel=1e-3, abs=1e-3)
    assert found.verdict.startswith(
        f"{without.verdict} gan draws and rebuilds nothing: the MMD² of its samples"
    )
    assert f" is {gan.likeness.distance:.3g} (a Gaussian: " in found.verdict
    assert f"they cover {100 * gan.likeness.coverage:.0f} % of held-out rows" in found.verdict
    errors, codes = found.errors(), found.codes()
    assert errors[-1][:-1] == ["gan", *["–"] * 6] and float(errors[-1][-1]) >= 0
    [line] = [line for line in codes if line[0] == "gan"]
    assert line[1:3] == ["–", "–"] and len(line) == len(codes[0]) == len(codes[1])
    assert str(found).count("gan has no encoder") == 1
    record = found.to_json()["methods"][2]
    assert record["mse"] is None and record["samples"]["coverage"] == gan.likeness.coverage
    assert [line[2] for line in found.to_rows()[1] if line[0] == "gan"] == [None, None]


def test_nothing_but_what_draws():
    found = isthmus.compare(line(), ["gan"], **{**QUICK, "epochs": 1, "seeds": 1})
    assert found.outcome is None and not found.done
    assert found.verdict.startswith("No method rebuilds rows") and "they cover" in found.verdict


def test_ctrl_c_keeps_what_was_finished(monkeypatch):
    fits = []

    class Interrupted(Embedder):
        def fit(self, X, y=None):
            fits.append(repr(self.recipe))
            if len(fits) == 4:
                raise KeyboardInterrupt
            return super().fit(X, y)

    monkeypatch.setattr(contest, "Embedder", Interrupted)
    found = isthmus.compare(line(), ["linear", "autoencoder"], **{**QUICK, "epochs": 2})
    assert found.stopped and found.verdict.startswith("Stopped after 3 of 4 fits")
    assert sorted(len(each.mse) for each in found.results) == [1, 2]
    fits[:] = ["linear"] * 3
    with pytest.raises(KeyboardInterrupt):  # nothing was finished, so there is nothing to keep
        isthmus.compare(line(), ["linear"], **QUICK)


def test_gaps_pictures_labels_and_frames():
    pandas = pytest.importorskip("pandas")
    quick = {**QUICK, "epochs": 2, "seeds": 1}
    gaps = line()
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.2] = np.nan
    found = isthmus.compare(gaps, ["vae"], **quick)
    assert np.isfinite(found.results[0].mean) and found.rows == (160, 40)
    pictures = line().reshape(200, 1, 5)
    flat = isthmus.compare(line(), ["linear"], **quick, units="whole")
    assert isthmus.compare(pictures, ["linear"], **quick, units="whole").results[0].mse == flat.results[0].mse
    y = np.arange(200) % 2
    assert not isthmus.compare(line(), ["conditional_vae"], y=y, **quick).results[0].why
    frame = pandas.DataFrame(line(), columns=list("abcde"))
    assert isthmus.compare(frame, ["linear"], **quick).results[0].mse == pytest.approx(
        isthmus.compare(line(), ["linear"], **quick).results[0].mse
    )


def test_recipes_rows_of_their_own_and_a_suggested_size():
    x = arc(300)
    found = isthmus.compare(
        x[:200],
        {"wide": Recipe("autoencoder", hidden=(64,)), "narrow": Recipe("autoencoder", hidden=(4,))},
        test=x[200:],
        seeds=1,
        epochs=2,
    )
    assert {each.name for each in found.results} == {"wide", "narrow"} and found.rows == (200, 100)
    assert found.dim == 1
    assert found.notes[0].startswith("The code has 1 dimension. suggest_dim: 1 dimension should suffice")
    exact = isthmus.compare(line(), ["linear"], **{**QUICK, "dim": 5, "epochs": 1, "seeds": 1})
    assert "exact" in exact.verdict and "Take PCA" in exact.verdict


@pytest.mark.parametrize(
    "words, arguments",
    [
        ("rows held out", {"test": 0.0}),
        ("rows held out", {"test": np.zeros((0, 5))}),
        ("columns and held-out rows 4", {"test": np.zeros((3, 4))}),
        ("1 or more; got 0", {"seeds": 0}),
        ('"columns" or "whole"', {"units": "rows"}),
    ],
)
def test_what_cannot_be_compared_is_refused(words, arguments):
    with pytest.raises(ValueError, match=words):
        isthmus.compare(line(), ["linear"], **{**QUICK, **arguments})


def test_methods_are_named_once_and_exist():
    with pytest.raises(ValueError, match="named twice"):
        isthmus.compare(line(), ["linear", "linear"], **QUICK)
    with pytest.raises(ValueError, match='did you mean "vae"'):
        isthmus.compare(line(), ["vea"], **QUICK)
    with pytest.raises(ValueError, match="no method to compare"):
        isthmus.compare(line(), [], **QUICK)


# on the command line


@pytest.fixture
def sales(tmp_path):
    path = tmp_path / "sales.csv"
    np.savetxt(path, line(), delimiter=",", header="a,b,c,d,e", comments="")
    return path


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    status = run([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_compare_on_the_command_line(capsys, sales, tmp_path):
    command = ("compare", sales, "linear", "autoencoder", "--seeds", 2, "--epochs", 2, "--dim", 2)
    settings = ("--set", "hidden=16", "--quiet")
    status, out, err = call(capsys, *command, *settings, "--out", tmp_path / "a.json")
    assert status == 0 and err == "" and "Take" in out and "PCA 2" in out
    status, text, _ = call(capsys, *command, *settings, "--json", "--out", tmp_path / "a.csv")
    numbers = json.loads(text)
    written = json.loads((tmp_path / "a.json").read_text())
    for record in (numbers, written):  # the clock is the one thing that differs
        for each in record["methods"]:
            del each["seconds"]
    assert numbers == written and numbers["verdict"] in out and numbers["settings"] == ["hidden=16"]
    lines = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [each["method"] for each in lines[:2]] == ["mean", "PCA 2"] and len(lines) == 6
    for each in numbers["methods"]:
        mine = [float(line["mse"]) for line in lines if line["method"] == each["name"]]
        assert mine == pytest.approx(each["mse"]["seeds"])


def test_what_training_warns_of_is_told_as_it_comes_and_of_whom(capsys, sales):
    command = ("compare", sales, "beta_vae", "autoencoder", "--set", "beta=100", "--set", "hidden=16")
    options = ("--dim", 2, "--seeds", 2, "--epochs", 80, "--batch-size", 16, "--lr", 0.005)
    status, _, err = call(capsys, *command, *options)
    lines = err.splitlines()
    for seed in (0, 1):
        [warned] = [i for i, line in enumerate(lines) if f"beta_vae, seed {seed}: epoch" in line]
        [done] = [i for i, line in enumerate(lines) if f"beta_vae, seed {seed}: test MSE" in line]
        assert warned < done and "posterior collapse" in lines[warned]
        others = [i for i, line in enumerate(lines) if "test MSE" in line and i < warned]
        assert len(others) == 2 * seed  # the fits before it have been told of, and no later one
    assert status == 0 and err.count("posterior collapse") == 2 and "autoencoder, seed 0: epoch" not in err
    assert call(capsys, *command, *options, "--quiet")[2] == ""


def test_in_python_a_training_warning_names_its_model_and_seed():
    collapsed = Recipe("beta_vae", beta=100.0, hidden=(16,))
    with pytest.warns(TrainingWarning, match="mine, seed 3: epoch .*(posterior collapse)"):
        options = {**QUICK, "seeds": 1, "dim": 2, "epochs": 80, "batch_size": 16}
        isthmus.compare(line(), {"mine": collapsed}, **options, seed=3)


def test_a_mixed_file_is_compared_and_its_columns_may_be_named(capsys, tmp_path):
    path = tmp_path / "mixed.csv"
    table().to_csv(path, index=False)
    command = ("compare", path, "linear", "--epochs", 1, "--seeds", 1, "--dim", 2, "--json", "--quiet")
    status, out, err = call(capsys, *command)
    assert status == 0 and err == "" and json.loads(out)["methods"][0]["name"] == "linear"
    other = json.loads(call(capsys, *command, "--column", "yes=ignore")[1])
    assert other["baselines"][0]["mse"] != json.loads(out)["baselines"][0]["mse"]
    status, _, err = call(capsys, *command, "--column", "kin=category")
    assert status == 2 and 'did you mean "kind"?' in err


@pytest.mark.parametrize(
    "status, words, arguments",
    [
        (2, 'did you mean "vae"?', ["vea"]),
        (2, "named twice", ["vae", "vae"]),
        (2, 'did you mean "beta"?', ["beta_vae", "--set", "bta=3"]),
        (2, "rows held out", ["vae", "--test", "0"]),
        (2, ".csv or .json", ["vae", "--out", "x.xlsx"]),
        (2, "--split", ["vae", "--split", "group"]),
        (2, "Missing argument", []),
        (1, "no method could be fitted", ["conditional_vae", "--dim", "2"]),
    ],
)
def test_compare_used_wrongly(capsys, sales, status, words, arguments):
    found, out, err = call(capsys, "compare", sales, *arguments)
    assert found == status and out == "" and words in err.splitlines()[-1] and "Traceback" not in err


def test_ctrl_c_on_the_command_line(capsys, sales, tmp_path, monkeypatch):
    class Interrupted(Embedder):
        def fit(self, X, y=None):
            if self.random_state == 1:
                raise KeyboardInterrupt
            return super().fit(X, y)

    monkeypatch.setattr(contest, "Embedder", Interrupted)
    out = tmp_path / "a.json"
    status, text, err = call(capsys, "compare", sales, "linear", "--epochs", 1, "--dim", 2, "--out", out)
    assert status == 130 and "Stopped after 1 of 3 fits" in text and "what was finished" in err
    assert json.loads(Path(out).read_text())["stopped"] is True


# tables of several kinds of columns


def table(n=200):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 2))
    frame = pandas.DataFrame(
        {
            "a": z[:, 0] + 0.1 * rng.normal(size=n),
            "b": 1000 * z[:, 1] + 5,
            "kind": np.array(["u", "v", "w"])[np.digitize(z[:, 1], [-0.5, 0.5])],
            "yes": z.sum(1) > 0,
        }
    )
    frame.loc[3, "kind"], frame.loc[5, "a"] = None, np.nan
    return frame


def test_a_category_weighs_as_much_as_a_number():
    """Each column's mean has error 1 on the training rows, and counts as one column."""
    frame = table()
    schema = Schema.infer(frame)
    stick = Yardstick.of(schema.encode(frame), blocks=schema.blocks)
    x = stick.measured(schema.encode(frame))
    assert x.shape == (200, 6) and stick.share.sum() == pytest.approx(4)
    mean = np.broadcast_to(np.nanmean(x, 0), x.shape)
    errors = np.square(np.where(np.isnan(x), 0, x - mean))
    for place in schema.places.values():
        there = ~np.isnan(x[:, place]).any(1)
        assert errors[there, place].sum() / there.sum() == pytest.approx(1, abs=1e-9)
    assert stick.error(x, mean).mean() == pytest.approx(1, abs=1e-9)


def test_a_mixed_table_is_compared_and_names_do_not_matter():
    frame = table()
    found = isthmus.compare(frame, ["autoencoder"], **{**QUICK, "dim": 2})
    assert found.results[0].mean < 0.6 and found.baselines[0].mse == pytest.approx(1, abs=0.3)
    assert not found.results[0].why
    renamed = frame.assign(kind=frame["kind"].map({"u": "red", "v": "sea", "w": "tin"}), b=frame["b"] * 7 - 3)
    again = isthmus.compare(renamed, ["autoencoder"], **{**QUICK, "dim": 2})
    assert again.baselines[1].mse == pytest.approx(found.baselines[1].mse, rel=1e-6)
    assert again.results[0].mean == pytest.approx(found.results[0].mean, rel=0.05)


def test_compare_fit_and_evaluate_give_one_number(capsys, tmp_path):
    """The same model on the same rows of a mixed table; the control counts each class as a column."""
    path, out = tmp_path / "mixed.csv", tmp_path / "run"
    table().to_csv(path, index=False)
    options = ("--dim", 2, "--epochs", 5, "--seed", 3, "--json", "--quiet")
    compared = json.loads(call(capsys, "compare", path, "vae", "--seeds", 1, *options)[1])
    fitted = json.loads(call(capsys, "fit", "vae", path, "--out", out, "--no-report", *options)[1])
    again = json.loads(call(capsys, "evaluate", out, "--json", "--quiet")[1])
    (method,) = compared["methods"]
    for found in (fitted, again):
        assert found["test"]["mse"] == pytest.approx(method["mse"]["mean"], rel=1e-9)
        assert found["difference"] == pytest.approx(method["versus_pca"]["difference"], rel=1e-9)
        for mine, theirs in zip(found["baselines"], compared["baselines"]):
            assert mine["mse"] == pytest.approx(theirs["mse"], rel=1e-9)
            assert mine["r2"] == pytest.approx(theirs["r2"], rel=1e-9)
    embedder = Embedder.load(out)
    assert embedder.schema_ is not None
    frame = isthmus.data.read_frame(path)
    split = isthmus.data.split(len(frame), 0.2, seed=3)
    train, test = (embedder.schema_.encode(frame.iloc[rows]) for rows in (split.train, split.held_out))
    seen = embedder.on_numbers().reconstruct(test)
    judged, control = (
        beside(train, test, 2, seen, "vae", blocks=blocks) for blocks in (embedder.schema_.blocks, ())
    )
    assert judged.scores[2].mse == pytest.approx(method["mse"]["mean"], rel=1e-9)
    assert abs(control.scores[2].mse - method["mse"]["mean"]) > 0.01


def test_one_class_called_by_two_names_leaves_each_column_its_weight():
    """A class split in two by chance: neither way counts a column twice; counted by classes, both do."""
    rng = np.random.default_rng(0)
    whole = np.eye(2)[rng.integers(0, 2, 4000)]
    halves = np.eye(4)[2 * whole.argmax(1) + rng.integers(0, 2, 4000)]
    number = rng.normal(size=(4000, 1))

    def share(block, blocks):
        """Of the mean's error, what a perfect knowledge of the category would take away."""
        x = np.hstack([number, block])
        stick = Yardstick.of(x, blocks=blocks)
        target = stick.measured(x)
        known = np.hstack([np.full_like(number, target[:, 0].mean()), target[:, 1:]])
        mean = np.broadcast_to(target.mean(0), target.shape)
        return 1 - stick.error(target, known).mean() / stick.error(target, mean).mean()

    assert share(whole, [slice(1, 3)]) == pytest.approx(0.5, abs=1e-6)
    assert share(halves, [slice(1, 5)]) == pytest.approx(0.5, abs=1e-6)
    assert share(whole, ()) == pytest.approx(2 / 3, abs=1e-6) and share(halves, ()) == pytest.approx(
        0.8, abs=1e-6
    )
