"""The demonstration and the examples: what a reader runs first must run."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from isthmus import Embedder, demo
from isthmus.baselines import Comparison, Score
from isthmus.report import figures
from isthmus.training.folder import read_history

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_demo_writes_weights_metrics_and_figures(tmp_path):
    said: list[str] = []
    result = demo.demo(tmp_path / "demo", epochs=2, say=said.append)
    metrics = json.loads((tmp_path / "demo" / "metrics.json").read_text())
    assert metrics["verdict"] == result.verdict() and set(metrics["models"]) == set(demo.RECIPES)
    for name, recipe in demo.RECIPES.items():
        assert name in str(result)
        assert Embedder.load(tmp_path / "demo" / recipe).recipe_.name == recipe
        assert len(read_history(tmp_path / "demo" / recipe)) == 2
    drawn = {path.stem for path in (tmp_path / "demo" / "figures").iterdir()}
    assert drawn == {"reconstructions", "samples", "latent_map", "learning_curves"}
    linear, pca = metrics["models"]["linear autoencoder"]["mse"], metrics["baselines"]["PCA 8"]["mse"]
    assert linear <= 1.05 * pca  # two epochs of Adam, and L-BFGS comes close all the same


def test_demo_goes_on_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "available", lambda: False)
    said: list[str] = []
    demo.demo(tmp_path, epochs=1, say=said.append)
    assert any("isthmus[report]" in line for line in said) and not (tmp_path / "figures").exists()


def comparison(error: float, standard_error: float = 0.0001) -> Comparison:
    scores = (Score("mean", 0.07, 0.0), Score("PCA 8", 0.024, 0.6), Score("own", error, 0.8))
    return Comparison(scores, "", 0.024 - error, standard_error)


@pytest.mark.parametrize(
    "errors, words",
    [
        ((0.024, 0.012, 0.020), "the VAE reconstructs held-out digits best, with 50 % less"),
        ((0.024, 0.012, 0.030), "PCA beats the autoencoder"),
        ((0.030, 0.012, 0.020), "misses PCA by 25.0 %"),
        ((0.024, 0.025, 0.026), "take PCA"),
    ],
)
def test_the_verdict_says_who_wins_and_who_loses(errors, words):
    names = ("linear autoencoder", "VAE", "autoencoder")
    result = demo.Demo(dict(zip(names, map(comparison, errors))), dict.fromkeys(names, 1.0), Path("runs"))
    assert words in result.verdict() and result.verdict().count(".") <= 2
    assert words in str(result)


@pytest.mark.parametrize(
    "example, arguments",
    [("embedder.py", ["folder", "2"]), ("by_parts.py", ["2"]), ("own_method.py", ["folder"])],
)
def test_examples_run(example, arguments, tmp_path, monkeypatch, capsys):
    path = EXAMPLES / example
    assert len(path.read_text().splitlines()) <= 40
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [example, *arguments])
    runpy.run_path(str(path), run_name="__main__")
    out, err = capsys.readouterr()
    assert out and not err
