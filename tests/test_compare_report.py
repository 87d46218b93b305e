"""The page of a comparison: one file that needs nothing else, and that says what the comparison says."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.baselines.comparison import Outcome
from isthmus.cli import run
from isthmus.comparing import Baseline, CodeSize, MethodComparison, MethodResult
from isthmus.comparing.results import verdict
from isthmus.metrics import paired

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")
from isthmus.report import compared  # noqa: E402
from isthmus.report.page import Front, publish  # noqa: E402


class Page(HTMLParser):
    """Tags with their attributes, the text, and the cells of tables."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A comparison of a file whose name means harm, one method of which fails."""
    rng = np.random.default_rng(0)
    here = tmp_path_factory.mktemp("compared")
    x = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(150, 5))
    np.savetxt(here / "<b>x.csv", x, delimiter=",", header="a,b,c,d,<i>e</i>", comments="")
    command = ["compare", str(here / "<b>x.csv"), "linear", "autoencoder", "conditional_vae"]
    assert run([*command, "--seeds", "2", "--dim", "2", "--epochs", "5", "--out", str(here / "out")]) == 0
    return here / "out"


@pytest.fixture
def record(folder) -> dict:
    return json.loads((folder / "comparison.json").read_text("utf-8"))


@pytest.fixture
def page(folder) -> Page:
    return Page((folder / "report.html").read_text("utf-8"))


def test_the_page_asks_for_nothing_and_names_are_text(page, folder):
    text = (folder / "report.html").read_text("utf-8")
    assert not page.all("script") and not page.all("b") and "<b>x" in page.text
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, address)
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert "@media (prefers-color-scheme: dark)" in text and "@media print" in text
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    (figure,) = page.all("svg")
    assert figure["role"] == "img" and "PCA 2" in (figure["aria-label"] or "")


def test_the_verdict_comes_first_and_every_number_is_the_comparisons(page, record):
    keys = [a["id"] for a in page.all("section")]
    assert keys == ["verdict", "methods", "data", "reproduce"]
    assert page.text.index(record["verdict"]) < page.text.index("Error ± seeds")
    plain = str.maketrans({"\u00a0": " ", "−": "-"})
    rows: dict[str, list[str]] = {}
    for row in page.rows:  # of the first table; the second has the same lines
        rows.setdefault(row[0].strip(), [cell.strip().translate(plain) for cell in row])
    for each in record["baselines"]:
        assert float(rows[each["name"]][2]) == pytest.approx(each["mse"], rel=0.005)
    done = [each for each in record["methods"] if "failed" not in each]
    assert len(done) == 2
    linear = record["baselines"][1]["mse"]
    for each in done:
        row = rows[each["name"]]
        mean, sd = map(float, row[2].split(" ± "))
        assert mean == pytest.approx(each["mse"]["mean"], rel=0.005)
        assert sd == pytest.approx(each["mse"]["sd"], rel=0.05)
        assert float(row[4].removesuffix(" %")) == pytest.approx(
            100 * (each["mse"]["mean"] / linear - 1), abs=0.51
        )
        low, high = (float(end) for end in row[5].removesuffix(" %").split(" to "))
        assert low == pytest.approx(max(-100, -100 * each["versus_pca"]["high"] / linear), abs=0.51)
        assert high == pytest.approx(-100 * each["versus_pca"]["low"] / linear, abs=0.51)
        assert float(row[6]) == pytest.approx(each["versus_pca"]["p_holm"], rel=0.06)
        assert row[7] == f"{each['versus_pca']['seeds_ahead']}/2"
    assert "conditional_vae failed: conditional_vae is conditional" in page.text
    assert record["command"] in page.text and record["data"]["sha256"] in page.text


def test_the_figure_shows_every_fit(folder, record):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"seeds.png", "seeds.svg", "seeds.csv"}
    rows = list(csv.DictReader((folder / "figures" / "seeds.csv").read_text("utf-8").splitlines()))
    for each in record["methods"]:
        if "failed" not in each:
            fits = [row for row in rows if row["method"] == each["name"] and row["seed"].isdigit()]
            mine = [float(row["mse"]) for row in fits]
            assert mine == pytest.approx(each["mse"]["seeds"], rel=1e-5)
    assert len((folder / "comparison.csv").read_text("utf-8").splitlines()) == 1 + 2 + 4
    drawing = (folder / "figures" / "seeds.svg").read_text("utf-8")
    assert "autoencoder" in drawing and "mean of the training rows" in drawing


def found(own: float, linear: float = 1.0, mean: float = 4.0, rows: int = 200) -> MethodComparison:
    """One method with this error, surely so, and three seeds."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=rows) * 1e-3
    test = paired(np.full(rows, linear), own + noise - noise.mean())
    pair = Baseline("mean", mean, 0.0), Baseline("PCA 2", linear, 1 - linear / mean)
    errors, size = (own * 0.99, own, own * 1.01), CodeSize(2, 2.0, 64.0)
    result = MethodResult("vae", errors, 1 - own / mean, test, test.p, 3, (1.0, 1.0, 1.0), pair[1], size, 100)
    sentence = verdict([result], pair, None, 2, "rows")
    return MethodComparison((result,), pair, None, sentence, 2, 3, (800, rows), "columns")


SAID = {
    Outcome.WINS: (found(0.5), "Take vae", "good"),
    Outcome.DRAW: (found(1.0), "Take PCA, the simpler one", "even"),
    Outcome.LOSES: (found(1.5), "Take PCA", "bad"),
    Outcome.NOTHING: (found(4.5), "Take PCA", "bad"),
    Outcome.EXACT: (found(0.5, linear=0.0), "Take PCA", "even"),
}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_headline_never_contradicts_the_sentence(outcome: Outcome, tmp_path: Path) -> None:
    made, headline, mood = SAID[outcome]
    assert made.outcome is outcome and compared.headline(made) == headline and compared.mood(made) == mood
    assert ("Take vae" in made.verdict) == (outcome is Outcome.WINS) and "Take" in made.verdict
    front = Front("x", headline, mood, "")
    page = Page(publish(front, [compared.verdict(made), compared.table(made)], tmp_path).read_text("utf-8"))
    assert made.verdict in page.text and compared.BESIDE[outcome] in page.text


def test_nothing_fitted_and_a_single_seed_make_a_page_too(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    made = isthmus.compare(x, ["linear"], dim=1, seeds=1, epochs=1)
    known = {"data": {"name": "x", "size": "", "held": "", "sha256": ""}, "versions": {"isthmus": "0"}}
    page = Page(compared.write(made, known, tmp_path).read_text("utf-8"))
    assert f"{made.done[0].ahead}/1" in page.text and "nan" not in page.text
    nothing = made._replace(results=(MethodResult("vae", why="stopped"),), verdict="No method was fitted.")
    page = Page(compared.write(nothing, known, tmp_path).read_text("utf-8"))
    assert "Nothing was fitted" in page.text and not page.all("svg")
    assert not list((tmp_path / "figures").glob("*"))  # of the comparison before this one


def test_what_only_draws_has_a_line_and_a_reason(tmp_path):
    x = np.random.default_rng(0).normal(size=(120, 3))
    made = isthmus.compare(x, ["linear", "gan"], dim=1, seeds=1, epochs=1)
    known = {"data": {"name": "x", "size": "", "held": "", "sha256": ""}, "versions": {"isthmus": "0"}}
    page = Page(compared.write(made, known, tmp_path).read_text("utf-8"))
    first, second = (row for row in page.rows if row and row[0].strip() == "gan")
    assert [cell.strip() for cell in first[1:8]] == ["draws only", *["–"] * 6]
    assert [cell.strip() for cell in second[1:3]] == ["–"] * 2 and made.drawn[0].likeness is not None
    assert float(second[8]) == pytest.approx(made.drawn[0].likeness.coverage, abs=0.005)
    assert page.text.count("gan has no encoder") == 1 and made.verdict in page.text
    alone = made._replace(results=tuple(made.drawn))
    assert compared.headline(alone) == "No method rebuilds rows" and compared.mood(alone) == "none"
    assert not Page(compared.write(alone, known, tmp_path).read_text("utf-8")).all("svg")


REFUSED = [("x.xlsx", "or into a folder"), ("run", "there is a run in this folder")]


@pytest.mark.parametrize("name, words", REFUSED)
def test_what_cannot_be_written_to_is_refused_before_any_fit(capsys, tmp_path, name, words):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    status = run(["compare", "wine", "linear", "--out", str(tmp_path / name)])
    assert status == 2 and words in capsys.readouterr().err


def test_without_the_extra_numbers_are_written_all_the_same(capsys, tmp_path, monkeypatch):
    from isthmus.report import drawing

    monkeypatch.setattr(drawing, "available", lambda: False)
    out = tmp_path / "out"
    command = ["compare", "wine", "linear", "--seeds", "1", "--epochs", "1", "--dim", "2"]
    assert run([*command, "--out", str(out)]) == 0
    assert "no report: matplotlib" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"comparison.json", "comparison.csv"}
