"""`--split`, `--size` and data larger than memory at the command line; the test part teaches nothing."""

import json

import numpy as np
import pytest

from isthmus.cli import run
from isthmus.data import blocks

QUICK = ("--epochs", "1", "--no-report", "--quiet")


def isthmus(*arguments):
    return run([str(each) for each in arguments])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(path, change=lambda x, day, patient: x):
    generator = np.random.default_rng(0)
    day, patient = np.arange(60), np.repeat(np.arange(12), 5)
    generator.shuffle(day)
    x = change(generator.normal(size=(60, 3)) * [1, 5, 9] + 4, day, patient)
    rows = "".join(f"{a},{b},{c},{d},{p}\n" for (a, b, c), d, p in zip(x.tolist(), day, patient))
    path.write_text("a,b,c,day,patient\n" + rows)
    return x, day, patient


@pytest.mark.parametrize("rule", ["random", "time:day", "group:patient", "stratified:patient"])
def test_only_rows_of_the_training_part_are_learned_from(here, rule):
    """Scaling and weights do not change where the test part is multiplied by a thousand."""
    columns = table(here / "t.csv")
    assert isthmus("fit", "vae", "t.csv", "--split", rule, "--out", "a", *QUICK) == 0
    prepared = json.loads((here / "a" / "preprocessing.json").read_text())
    train = [
        rows
        for rows in parts_of(columns, rule)
        if np.allclose(columns[0][rows].mean(0), prepared["shift"][:3], rtol=1e-9)
    ]
    assert len(train) == 1  # the scaling is that of the training rows, and of no other

    def other(x, day, patient):
        outside = np.setdiff1d(np.arange(60), train[0])
        x[outside] *= 1000
        return x

    table(here / "t.csv", other)
    assert isthmus("fit", "vae", "t.csv", "--split", rule, "--out", "b", *QUICK) == 0
    same = [(here / run / "weights.safetensors").read_bytes() for run in "ab"]
    assert same[0] == same[1]
    test = [json.loads((here / run / "metrics.json").read_text())["test"] for run in "ab"]
    assert test[0] != test[1] and test[0]["rows"] == 60 - len(train[0])


def parts_of(columns, rule):
    """The training rows that a split by this rule may have, and all rows."""
    from isthmus.data import Rule

    asked = Rule.parse(rule)
    values = {"day": columns[1], "patient": columns[2]}.get(asked.column or "")
    parts = asked.split(60, 0.2, values, seed=0)
    if asked.kind == "time":
        assert values is not None and values[parts.train].max() < values[parts.held_out].min()
    if asked.kind == "group":
        assert values is not None and not set(values[parts.train]) & set(values[parts.held_out])
    return parts.train, parts.held_out, np.arange(60)


def test_words_of_the_test_part_are_not_in_the_vocabulary(here):
    pytest.importorskip("pyarrow")
    rows = [
        f"{1 + i % 28:02}.0{1 + i // 28}.2024,{'oak' if i % 2 else 'ash'},{i % 7 + 0.5}" for i in range(80)
    ]
    rows += [f"{1 + i:02}.05.2024,elm,{i % 7 + 0.5}" for i in range(20)]
    generator = np.random.default_rng(0)
    (here / "t.csv").write_text("\n".join(["day,tree,v", *generator.permutation(rows)]) + "\n")
    assert isthmus("fit", "vae", "t.csv", "--split", "time:day", "--out", "a", *QUICK) == 0
    learned = "".join(path.read_text() for path in (here / "a").glob("*.json") if path.name != "metrics.json")
    assert "oak" in learned and "elm" not in learned
    assert isthmus("fit", "vae", "t.csv", "--split", "random", "--out", "b", *QUICK) == 0
    assert "elm" in "".join(path.read_text() for path in (here / "b").glob("*.json"))  # the control


def test_what_cannot_be_split_by_is_misuse(here, capsys):
    table(here / "t.csv")
    np.save("x.npy", np.ones((9, 2)))
    for data, rule, message in (
        ("t.csv", "group:patent", "no column 'patent' (did you mean \"patient\"?)"),
        ("t.csv", "by:patient", "not by 'by:patient'"),
        ("x.npy", "group:a", "its columns have no names"),
        ("digits", "group:a", "digits has a test part of its own"),
    ):
        assert isthmus("fit", "vae", data, "--split", rule, "--out", "a", *QUICK) == 2
        assert message.lower() in capsys.readouterr().err.lower()


def test_evaluate_holds_out_what_fit_held_out(here, capsys):
    table(here / "t.csv")
    assert isthmus("fit", "vae", "t.csv", "--split", "time:day", "--out", "a", *QUICK) == 0
    capsys.readouterr()
    assert isthmus("evaluate", "a", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test"] == json.loads((here / "a" / "metrics.json").read_text())["test"]


def test_a_folder_of_images_is_fitted_at_a_size_and_embedded_at_the_same(here, capsys):
    image = pytest.importorskip("PIL.Image")
    (here / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for number in range(12):
        pixels = generator.integers(0, 255, (8 + number % 2, 10), np.uint8)
        image.fromarray(pixels).save(here / "pictures" / f"{number:02}.png")
    assert isthmus("fit", "vae", "pictures", "--out", "a", *QUICK) == 1
    assert "--size 8" in capsys.readouterr().err
    assert isthmus("fit", "vae", "pictures", "--size", "8", "--out", "a", *QUICK) == 0
    assert isthmus("embed", "a", "pictures", "--out", "z.npy", "--quiet") == 0
    assert len(np.load("z.npy")) == 12


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_what_is_larger_than_memory_is_fitted_embedded_and_scored(here, kind, monkeypatch, capsys):
    monkeypatch.setattr(blocks, "ALLOWANCE", 8000)
    monkeypatch.setattr(blocks, "BLOCK", 800)
    x = (np.random.default_rng(0).normal(size=(900, 4)) + 3).astype(np.float32)
    name = "x.npy"
    if kind == "npy":
        np.save(name, x)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow.parquet import write_table

        name = "parts"
        (here / name).mkdir()
        for number in range(3):
            part = pyarrow.table({c: x[300 * number :][:300, i] for i, c in enumerate("abcd")})
            write_table(part, here / name / f"{number}.parquet", row_group_size=50)
    monkeypatch.setattr("isthmus.cli.holding.SOME", 100)
    loads = []
    whole = blocks.Blocks.__array__

    def counted(self, *arguments, **more):
        loads.append(len(self))
        return whole(self, *arguments, **more)

    monkeypatch.setattr(blocks.Blocks, "__array__", counted)
    assert isthmus("fit", "vae", name, "--out", "a", "--epochs", "2", "--no-report") == 0
    assert "180 of them are held out for judging, by 100 drawn at random" in capsys.readouterr().err
    assert max(loads) <= 100  # never more at once
    assert isthmus("embed", "a", name, "--out", "z.npy", "--quiet") == 0
    assert isthmus("score", "a", name, "--out", "s.npy", "--quiet") == 0
    assert np.load("z.npy").shape[0] == len(np.load("s.npy")) == 900
    assert max(loads) <= 100
    assert isthmus("evaluate", "a", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test"] == json.loads((here / "a" / "metrics.json").read_text())["test"]
