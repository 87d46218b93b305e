"""The report: one page that needs nothing else, says who wins, and trusts no name in the data."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
import sys
import types
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from isthmus import Embedder, Recipe
from isthmus.baselines import beside
from isthmus.baselines.comparison import Outcome
from isthmus.cli import run
from isthmus.report import ENDINGS, FIGURES, charts, drawing, sections
from isthmus.report.blocks import Plate, Table, number, percent
from isthmus.report.fields import summed
from isthmus.report.figures import shown_labels
from isthmus.report.study import Study
from isthmus.report.verdict import headline, plain

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

HOSTILE = [
    "<script>alert(1)</script>",
    'a"onload="x',
    "$\\frac",
    "</svg><b>&",
    "{{ 7 * 7 }}",
    "\x07\x1b bell",
]


class Page(HTMLParser):
    """What a browser would make of it: tags with their attributes, and the text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def table(n: int = 200, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    x = np.tanh(generator.normal(size=(n, 2)) @ generator.normal(size=(2, 6)))
    x = 3 + x + 0.05 * generator.normal(size=x.shape)
    x[generator.random(x.shape) < 0.02] = np.nan
    x[11, 2] = 40.0  # a slip of the pen
    return x


def write_csv(path: Path, x: np.ndarray, names: list[str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([["" if v != v else repr(v) for v in row] for row in x.tolist()])
    return path


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """The run folder of a table whose column names mean harm."""
    folder = tmp_path_factory.mktemp("tables")
    data = write_csv(folder / "<b>sales.csv", table(), [name.replace("\x07\x1b", "") for name in HOSTILE])
    out = folder / "run"
    assert run(["fit", "vae", str(data), "--dim", "2", "--epochs", "30", "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """The run folder of digits, by a method whose code has no posterior."""
    out = tmp_path_factory.mktemp("pictures") / "run"
    command = ["fit", "autoencoder", "digits", "--dim", "4", "--epochs", "2", "--out", str(out), "--quiet"]
    assert run(command) == 0
    return out


@pytest.fixture(params=["tables", "pictures"])
def folder(request) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(folder) -> Page:
    return Page((folder / "report.html").read_text("utf-8"))


def study(
    x: np.ndarray, name: str | Recipe = "vae", shape: tuple[int, ...] | None = None, labels=None, **options
) -> Study:
    """Of rows, the last third of them held out."""

    class Part(types.SimpleNamespace):
        x: np.ndarray
        labels: np.ndarray | None
        places: np.ndarray | None

    cut = 2 * len(x) // 3
    parts = [
        Part(x=x[s], labels=None if labels is None else labels[s], places=np.arange(len(x))[s])
        for s in (slice(0, cut), slice(cut, None))
    ]
    embedder = Embedder(name, random_state=0, **{"dim": 2, "epochs": 3, **options})
    embedder.fit(parts[0].x, parts[0].labels)
    seen = embedder.reconstruct(parts[1].x, parts[1].labels)
    units = "columns" if shape is None else "whole"
    comparison = beside(parts[0].x, parts[1].x, 2, seen, str(name), units=units)
    metrics = {"data": {"name": "rows"}}
    return Study(
        *(embedder, parts[0], parts[1], None, shape, units, comparison, "", metrics),
        history=embedder.history_.records,
        patient=False,
    )


# the page


def test_the_page_asks_for_nothing(page, folder):
    text = (folder / "report.html").read_text("utf-8")
    assert len(text) < 5_000_000
    assert not page.all("script") and not page.all("iframe") and not page.all("object")
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, address)
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\((?!#)", text)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and "default-src 'none'" in policy and "script" not in policy


def test_every_figure_has_an_alt_text_a_caption_and_its_numbers(page, folder):
    drawn = [a for tag, a in page.tags if tag == "svg"]
    assert len(drawn) == len(page.all("figure")) == len(page.all("figcaption")) >= 8
    for attributes in drawn:
        assert attributes["role"] == "img" and len(attributes["aria-label"] or "") > 30
    for link in (a for a in page.all("a") if "download" in a):
        header, _, body = (link["href"] or "").partition("base64,")
        assert header == "data:text/csv;"
        written = folder / "figures" / (link["download"] or "")
        assert base64.b64decode(body) == written.read_bytes()


def test_figures_are_written_thrice(folder):
    files = {path.name for path in (folder / "figures").iterdir()}
    names = {Path(name).stem for name in files}
    assert names <= set(FIGURES) and files == {f"{n}{e}" for n in names for e in ENDINGS}
    for name in names:
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        text = (folder / "figures" / f"{name}.svg").read_text("utf-8")
        assert text.startswith("<?xml") and "var(--" not in text
        rows = list(csv.reader(io.StringIO((folder / "figures" / f"{name}.csv").read_text("utf-8"))))
        assert len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows)


def test_ids_are_unique_and_references_find_them(page, folder):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    text = (folder / "report.html").read_text("utf-8")
    wanted = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
    assert wanted and {a or b for a, b in wanted} <= set(ids)


def test_contents_lead_to_every_section(page):
    keys = [a["id"] for a in page.all("section")]
    assert keys[0] == "verdict" and keys[-1] == "reproduce" and len(keys) == 10
    linked = [a["href"] for a in page.all("a") if (a["href"] or "").startswith("#")]
    assert linked[1:] == [f"#{key}" for key in keys]


def test_names_from_the_data_are_text_and_nothing_else(tables):
    text = (tables / "report.html").read_text("utf-8")
    page = Page(text)
    assert "<script" not in text and not page.all("b") and "49" not in re.findall(r"\b49\b", "{{ 7 * 7 }}")
    assert "<b>sales" in page.text  # the data's name, as the person sees it
    for name in ("<script>alert(1)</script>", 'a"onload="x', "$\\frac", "</svg><b>&", "{{ 7 * 7 }}"):
        assert page.text.count(name) >= 3, name  # in tables and in figures
    for path in (tables / "figures").glob("*.svg"):
        assert "<script" not in path.read_text("utf-8")


def test_escaping_is_what_keeps_names_out(tables):
    """The control: were the page not escaped, the tests above would see a script."""
    plate = Plate("x", drawing.canvas(1, 1), None, '"><script>', "")  # type: ignore[arg-type]
    drawn = drawing.inline(drawing.svg(plate.figure), plate.name, plate.alt)
    assert not Page(drawn).all("script") and Page(drawn).all("svg")[0]["aria-label"] == plate.alt
    text = (tables / "report.html").read_text("utf-8")
    assert Page(text.replace("&lt;", "<").replace("&gt;", ">")).all("script")


def test_a_report_of_strange_letters(tmp_path):
    x = table()[:, :3]
    made = study(x)
    made = Study(**{**vars(made), "columns": ["温度", "\x07\x1b bell", "😀" * 40], "train": made.train})
    plate = charts.columns_rebuilt(made)
    assert plate is not None
    text = drawing.svg(plate.figure)
    assert "温度" in text and "\x07" not in text and "\x1b" not in text


# colours


def colours(text: str) -> dict[str, dict[str, str]]:
    """The tokens of each theme."""
    found = re.findall(r"(--[^{}]*?color-scheme: (light|dark);)", text)
    return {theme: dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", body)) for body, theme in found}


def contrast(a: str, b: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_themes_are_there_by_preference_by_choice_and_on_paper(tables):
    text = (tables / "report.html").read_text("utf-8")
    themes = colours(text)
    assert set(themes) == {"light", "dark"} and themes["light"].keys() == themes["dark"].keys()
    assert "@media (prefers-color-scheme: dark)" in text and "@media print" in text
    for theme in ("auto", "light", "dark"):
        assert f'id="theme-{theme}"' in text
    assert ":root:has(#theme-light:checked)" in text and ":root:has(#theme-dark:checked)" in text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(tables, theme):
    found = colours((tables / "report.html").read_text("utf-8"))[theme]
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)  # the standard's own example
    for name in ("ink", "muted", "link", "good", "even", "bad", "none"):
        for ground in ("paper", "ground"):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
    for series in (0, 3):  # model and PCA: marks, not text
        assert contrast(found[f"series-{series}"], found["paper"]) >= 3


def test_figures_take_the_colours_of_the_page(tables):
    text = (tables / "report.html").read_text("utf-8")
    for colour in (*drawing.COLOURS, drawing.MUTED):
        assert not re.search(rf"(fill|stroke): {colour.lower()}\b", text), colour
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", text))
    assert used <= set(colours(text)["light"]) and {"series-0", "series-3", "muted"} <= used


# what it says


SCORES = {
    Outcome.WINS: (0.5, 0.2),
    Outcome.DRAW: (0.3, 0.3),
    Outcome.LOSES: (0.1, 0.5),
    Outcome.NOTHING: (0.5, 1.5),
    Outcome.EXACT: (0.0, 0.1),
}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_verdict_is_plain_also_where_the_model_loses(outcome):
    linear, own = SCORES[outcome]
    generator = np.random.default_rng(0)
    test = generator.normal(size=(300, 4))
    if outcome is Outcome.EXACT:
        train, dim, seen = test, 4, test + own
    else:
        train, dim = generator.normal(size=(300, 4)), 2
        off = generator.normal(size=test.shape)
        pca = beside(train, test, dim, test).scores[1].mse
        target = {Outcome.WINS: 0.5, Outcome.DRAW: 1.0, Outcome.LOSES: 1.5, Outcome.NOTHING: 4.0}[outcome]
        seen = test + off / off.std() * np.sqrt(target * pca) * train.std(0)
    comparison = beside(train, test, dim, seen)
    assert comparison.outcome is outcome
    made = study(table())
    made = Study(**{**vars(made), "comparison": comparison})
    said = {
        Outcome.WINS: ("Better", "worth having"),
        Outcome.DRAW: ("No better", "simpler method will do"),
        Outcome.LOSES: ("Worse", "take PCA"),
        Outcome.NOTHING: ("learned nothing", "do not use this model"),
        Outcome.EXACT: ("Nothing to win", "nothing is left to win"),
    }[outcome]
    assert said[0] in headline(made) and said[1] in plain(made)


def test_the_slip_of_the_pen_is_found_and_explained():
    x = table(300)
    x = x[~np.isnan(x).any(1)]
    x[-20, 2] = 40.0
    made = study(x, epochs=30)
    assert made.places[np.argmin(made.scores)] == len(x) - 20
    excess = made.excess
    assert excess is not None and np.unravel_index(np.nanargmax(excess[:, :6]), (len(made.x), 6))[1] == 2
    section = sections.surprising(made)
    first = section.blocks[0].rows[0]  # type: ignore[union-attr]
    assert first[0] == str(len(x) - 20) and "x2 is 40, expected" in str(first[2])


def test_contributions_add_up_to_the_score():
    made = study(table(90))
    assert made.surprises is not None
    values, rate = made.surprises
    volume = made.embedder.preparation_.log_volume(made.net_rows.span(0, len(made.x)).context["observed"])
    np.testing.assert_allclose(-np.nansum(values, 1) - rate - volume, made.scores, rtol=1e-9)
    assert (np.isnan(values) == np.isnan(made.x)).all()


def test_numbers_of_the_dimension_curve_are_those_of_pca():
    made = study(table(150))
    plate = charts.error_by_dimension(made)
    assert plate is not None and made.comparison is not None
    at = {int(str(row[1])): float(str(row[2])) for row in plate.numbers.rows if row[0] == "PCA"}
    assert at[2] == pytest.approx(made.comparison.scores[1].mse, rel=1e-12)
    assert list(at.values()) == sorted(at.values(), reverse=True)


MASKED = {"patch": 2, "dim": 8, "depth": 1, "width": 8, "heads": 2, "decoder_depth": 1}


@pytest.mark.parametrize("normalised", [False, True], ids=["own units", "normalised"])
def test_a_guess_is_shown_without_anything_of_what_is_hidden(normalised):
    x = np.random.default_rng(0).normal(3, 2, (30, 8, 8))
    recipe = Recipe("masked_autoencoder", **MASKED, normalised=normalised)
    made = study(x, recipe, shape=(8, 8), dim=None)

    def drawn(of: Study) -> dict[str, np.ndarray]:
        section = sections.guessed(of)
        assert section is not None and "75\u00a0%" in section.lead
        (plate,) = (block for block in section.blocks if isinstance(block, Plate))
        rows = {kind: [r[2:] for r in plate.numbers.rows if r[1] == kind] for kind in ("given", "guessed")}
        return {kind: np.array(values, float) for kind, values in rows.items()}

    assert made.guess is not None and made.guess.units is not normalised
    hidden = made.guess.hidden.numpy().reshape(len(made.x), -1)[:8]
    assert hidden.mean() == 0.75
    part = types.SimpleNamespace(x=made.part.x.copy(), labels=None, places=made.part.places)
    inside = part.x[:8].reshape(8, -1)
    inside[hidden] = 40 - 7 * inside[hidden]  # of another mean and another spread
    other = dataclasses.replace(made, test=part)
    before, after = drawn(made), drawn(other)
    assert not np.allclose(before["given"], after["given"])
    np.testing.assert_array_equal(before["guessed"][hidden], after["guessed"][hidden])
    lent = [stats(each["given"], hidden) for each in (before, after)]  # the control: as others draw it
    assert not np.allclose(lent[0], lent[1])


def stats(given: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A guess of nothing, brought to the mean of what was hidden."""
    return np.array([row[gone].mean() for row, gone in zip(given, hidden)])


def test_only_masked_models_guess():
    assert sections.guessed(study(table(60))) is None
    assert sections.guessed(study(table(60), "denoising")) is None  # damaged, but nothing is hidden
    flat = sections.guessed(study(table(60), Recipe("masked_autoencoder", **MASKED), dim=None))
    assert flat is not None and "of the training mean" in getattr(flat.blocks[-1], "text", "")


def test_best_and_worst_are_what_they_are_called(pictures):
    rows = list(csv.DictReader((pictures / "figures" / "reconstructions.csv").read_text().splitlines()))
    errors: dict[str, list[float]] = {"best": [], "typical": [], "worst": []}
    for given, rebuilt in zip(rows[::2], rows[1::2]):
        pixels = [name for name in given if name.startswith("pixel")]
        assert len(pixels) == 64 and given["row"] == rebuilt["row"]
        gaps = [float(given[p]) - float(rebuilt[p]) for p in pixels]
        errors[given["group"]].append(float(np.mean(np.square(gaps))))
    assert max(errors["best"]) < min(errors["typical"]) <= max(errors["typical"]) < min(errors["worst"])


def test_rows_keep_their_place_in_the_file(tables):
    metrics = json.loads((tables / "metrics.json").read_text())
    rows = list(csv.DictReader((tables / "figures" / "contributions.csv").read_text().splitlines()))
    x = table()
    seen = json.loads((tables / "preprocessing.json").read_text())
    assert seen and metrics["data"]["rows"] == 160
    scored = {int(row["row"]) for row in rows}
    assert scored <= set(range(len(x))) and max(scored) > 40  # places in the file, not among the 40 held out


@pytest.mark.parametrize(
    "what",
    [
        "one dimension",
        "few rows",
        "conditional",
        "semi-supervised",
        "quantised",
        "bits",
        "colour",
        "counts",
        "constant",
        "one column",
    ],
)
def test_sections_of_whatever_comes(what):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(60, 5))
    made = {
        "one dimension": lambda: study(rows, dim=1),
        "few rows": lambda: study(rows[:4]),
        "conditional": lambda: study(rows, "conditional_vae", labels=np.array(["a", "b"] * 30)),
        "semi-supervised": lambda: study(rows, "m2", labels=np.array(["a", "b", None] * 20)),
        "quantised": lambda: study(rows, "vq_vae", dim=None),
        "bits": lambda: study((rows > 0).astype(float)),
        "colour": lambda: study(generator.random((30, 3, 6, 8)), shape=(3, 6, 8)),
        "counts": lambda: study(generator.poisson(0.7, (60, 5)) * 3),
        "constant": lambda: study(np.column_stack([rows, np.ones(60)])),
        "one column": lambda: study(rows[:, :1], dim=1),
    }[what]()
    found = [section for make in sections.SECTIONS if (section := make(made)) is not None]
    assert len(found) >= 8
    for plate in (block for section in found for block in section.blocks if isinstance(block, Plate)):
        assert plate.name in FIGURES and plate.numbers.rows
        assert Page(drawing.inline(drawing.svg(plate.figure), plate.name, plate.alt)).all("svg")


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["b", None, "a", float("nan")], ["b", "not known", "a", "not known"]),
        ([1.0, float("nan"), 2.5], ["1", "not known", "2.5"]),
        ([3, 1, 1], [3, 1, 1]),
        ([*map(str, range(21)), None], None),  # too many words
    ],
)
def test_labels_that_are_not_known_are_shown_as_such(labels, shown):
    kind = object if None in labels or isinstance(labels[0], str) else None
    found = shown_labels(np.array(labels, dtype=kind))
    assert (None if found is None else found.tolist()) == shown


def test_a_scale_keeps_its_numbers_where_some_are_missing():
    labels = np.r_[np.arange(30.0), np.nan]
    np.testing.assert_array_equal(shown_labels(labels), labels)


def test_a_report_where_no_rows_were_held_out():
    made = study(table(60))
    alone = Study(**{**vars(made), "test": None, "comparison": None, "why": "No rows were held out."})
    found = {section.key: section for make in sections.SECTIONS if (section := make(alone)) is not None}
    assert "size" not in found and headline(alone) == "Not judged"
    assert "No rows were held out" in found["verdict"].lead and "training rows" in found["surprising"].lead


def test_large_pictures_stay_a_small_page(tmp_path):
    from isthmus.report.page import write

    x = np.random.default_rng(0).random((24, 3, 100, 100)).astype(np.float32)  # noise does not compress
    made = study(x, Recipe("autoencoder", hidden=(4,)), shape=(3, 100, 100), epochs=1)
    assert write(made, tmp_path).stat().st_size < 5_000_000


def test_umap_is_shown_where_it_is_installed_and_somebody_waits(monkeypatch):
    class Stand:
        def __init__(self, **options):
            self.options = options

        def fit_transform(self, z):
            return z[:, :2] + 1

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stand, __spec__=object()))
    hurried = study(table(90), dim=3)
    made = Study(**{**vars(hurried), "patient": True})
    plate = charts.maps(made)
    assert plate is not None and "UMAP_1" in plate.numbers.columns and "UMAP" in plate.alt
    quick = charts.maps(hurried)
    assert quick is not None and "UMAP_1" not in quick.numbers.columns
    assert "adds UMAP" in quick.caption


def test_numbers_as_a_person_reads_them():
    assert number(-0.012345) == "−0.0123" and number(float("nan")) == "–"
    assert number(12345.6) == "12\u202f346"
    assert percent(0.0) == "0\u00a0%" and percent(4e-7) == "< 0.1\u00a0%"
    assert percent(0.714) == "71\u00a0%" and percent(0.9994) == "99.9\u00a0%"


# tables of several kinds of columns


@pytest.fixture(scope="module")
def mixed() -> Study:
    pandas = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    z = generator.normal(size=150)
    frame = pandas.DataFrame(
        {
            "order": [f"A{i:04d}" for i in range(150)],
            "price": np.round(20 + 8 * z, 2),
            "region": np.array(["north", "<i>east</i>"])[(z > 0).astype(int)],
            "size": np.array(["S", "M", "L"])[np.digitize(z, [-0.5, 0.5])],
            "sent": (pandas.Timestamp("2024-06-01") + pandas.to_timedelta((40 * z).round(), "D")).strftime(
                "%Y-%m-%d"
            ),
        }
    )
    frame.loc[[3, 130], "size"] = None
    fitted = Embedder("vae", dim=2, epochs=40, random_state=0).fit(frame[:100])
    schema = fitted.schema_
    assert schema is not None
    x = schema.encode(frame)
    plain = fitted.on_numbers()
    parts = [
        types.SimpleNamespace(x=x[s], labels=None, places=np.arange(150)[s])
        for s in (slice(0, 100), slice(100, None))
    ]
    seen = plain.reconstruct(x[100:])
    comparison = beside(x[:100], x[100:], 2, seen, blocks=schema.blocks)
    metrics = {"data": {"name": "orders"}, "notes": fitted.notes_}
    return Study(
        *(plain, parts[0], parts[1], schema.names, None, "columns", comparison, "", metrics),
        history=fitted.history_.records,
        patient=False,
        schema=schema,
    )


def test_a_table_of_words_and_dates_is_shown_as_it_is(mixed, tmp_path):
    from isthmus.report.page import write

    text = write(mixed, tmp_path).read_text("utf-8")
    page = Page(text)
    assert not page.all("i") or all("style" in each for each in page.all("i"))  # bars, and no name
    assert page.text.count("<i>east</i>") >= 2 and "2024-0" in page.text
    rebuilt = next(b for b in sections.reconstructions(mixed).blocks if isinstance(b, Table))
    assert [row[0] for row in rebuilt.rows] == ["price", "region", "size", "sent"]
    best = [str(row[1]) for row in rebuilt.rows]
    assert best[1].split("\u00a0")[0] in ("north", "<i>east</i>") and best[2][0] in "SML"
    columns = next(b for b in sections.data(mixed).blocks if isinstance(b, Table))
    assert [row[0] for row in columns.rows] == ["price", "region", "size", "sent", "order"]
    assert "identifier, not learned" in str(columns.rows[-1][1])


def test_the_command_line_reports_on_words_and_dates(tmp_path):
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    lines = [f"{i % 7}.5,{['red', 'blue'][i % 2]},2024-01-{1 + i % 28:02},N{i:03}" for i in range(60)]
    (tmp_path / "x.csv").write_text("\n".join(["size,colour,day,name", *lines]) + "\n")
    out = tmp_path / "run"
    fit = ["fit", "vae", str(tmp_path / "x.csv"), "--dim", "2", "--epochs", "5", "--out", str(out)]
    assert run([*fit, "--quiet"]) == 0
    text = Page((out / "report.html").read_text("utf-8")).text
    assert "identifier, not learned" in text and "2024-01-" in text and "colour=red" in text
    rows = list(csv.DictReader((out / "figures" / "columns.csv").read_text().splitlines()))
    assert {row["column"] for row in rows} == {"size", "colour", "day"}


def test_a_mixed_report_measures_as_its_verdict_does(mixed):
    """PCA of the model's size on the curve, and the error of complete rows; a class is no column."""
    mean, linear, own = mixed.comparison.scores
    plate = charts.error_by_dimension(mixed)
    assert plate is not None
    curve = plate.numbers.rows
    assert dict((row[1], row[2]) for row in curve if row[0] == "PCA")[2] == pytest.approx(linear.mse)
    rows = ~np.isnan(mixed.x).any(1)
    complete = mixed.stick.error(mixed.stick.measured(mixed.x[rows]), mixed.stick.measured(mixed.seen[rows]))
    assert mixed.errors[rows].mean() == pytest.approx(complete.mean())
    control = np.square((mixed.seen - mixed.x) / np.nanstd(mixed.learned, 0))[rows].mean()
    assert abs(control - complete.mean()) > 0.01


def test_contributions_of_a_mixed_table_add_up_by_column(mixed):
    assert mixed.surprises is not None
    values, rate = mixed.surprises
    by_column = summed(mixed.fields, values)
    assert by_column.shape == (50, 4)
    present = mixed.net_rows.span(0, 50).context["observed"]
    volume = mixed.embedder.preparation_.log_volume(present)
    np.testing.assert_allclose(-np.nansum(by_column, 1) - rate - volume, mixed.scores, rtol=1e-9)
    assert np.isnan(by_column[30]).tolist() == [False, False, True, False]  # its size is missing


def test_classes_are_explained_by_their_probabilities(mixed):
    field = next(field for field in mixed.fields if field.name == "size")
    row = np.zeros(mixed.x.shape[1])
    row[field.place] = [0.2, 0.7, 0.1]
    assert field.show(row) == f"{field.classes[1]} (70\u00a0%)"
    given = np.zeros_like(row)
    given[field.place] = [1, 0, 0]
    assert field.show(given) == field.classes[0] and field.agreement(given, row) == pytest.approx(0.2)


# the verb


def test_the_verb_writes_the_same_report_again(tables, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", without("umap"))
    assert run(["report", str(tables), "--out", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    for path in (tables / "figures").glob("*.csv"):
        assert path.read_bytes() == (tmp_path / "figures" / path.name).read_bytes(), path.name


def test_the_verb_takes_other_rows(tables, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", without("umap"))
    names = [name.replace("\x07\x1b", "") for name in HOSTILE]
    other = write_csv(tmp_path / "other.csv", table(50, seed=5), names)
    assert run(["report", str(tables), str(other), "--out", str(tmp_path / "out")]) == 0
    assert "50 held out" in Page((tmp_path / "out" / "report.html").read_text("utf-8")).text


def test_no_report_where_none_is_wanted_or_the_extra_is_missing(tmp_path, capsys, monkeypatch):
    data = write_csv(tmp_path / "x.csv", table(40), [f"x{i}" for i in range(6)])
    fit = ["fit", "linear", str(data), "--epochs", "1"]
    assert run([*fit, "--out", str(tmp_path / "a"), "--no-report"]) == 0
    assert not (tmp_path / "a" / "report.html").exists() and not (tmp_path / "a" / "figures").exists()
    monkeypatch.setattr(drawing, "available", lambda: False)
    capsys.readouterr()
    assert run([*fit, "--out", str(tmp_path / "b")]) == 0
    assert "isthmus[report]" in capsys.readouterr().err
    assert run(["report", str(tmp_path / "a")]) == 1
    assert "isthmus[report]" in capsys.readouterr().err


def without(name: str):
    from importlib.util import find_spec

    return lambda asked, *rest: None if asked == name else find_spec(asked, *rest)


# a browser


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium to open the page in")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_browser_opens_it_without_a_complaint(folder, theme, tmp_path):
    assert CHROMIUM is not None
    flags = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--enable-logging=stderr", "--v=0", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--window-size=1200,1600", f"--screenshot={tmp_path / 'page.png'}"),
        *(["--blink-settings=preferredColorScheme=0"] if theme == "dark" else []),
    ]
    address = (folder / "report.html").as_uri()
    done = subprocess.run([CHROMIUM, *flags, address], capture_output=True, text=True)
    assert done.returncode == 0
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not complaints
    from matplotlib.image import imread

    ground = imread(tmp_path / "page.png")[5, 5, :3]
    assert (ground.mean() > 0.5) == (theme == "light")
