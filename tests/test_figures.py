"""Figures show what they are given: the numbers behind the marks, and nothing global touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus.report import figures

pytest.importorskip("matplotlib")


def records(n: int, held_out: bool = False) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = [
        {"epoch": i, "train": {"reconstruction": 9.0 / (i + 1), "kl": float(i)}} for i in range(n)
    ]
    return [{**e, "held_out": {"kl": e["train"]["kl"] + 1}} if held_out else e for e in entries]


def test_learning_curves_have_a_line_for_each_term():
    figure = figures.learning_curves({"vae": records(3, held_out=True), "other": records(2)})
    first, second = figure.axes
    lines = {line.get_label(): np.asarray(line.get_xydata()).tolist() for line in first.get_lines()}
    assert lines["kl"] == [[1, 0], [2, 1], [3, 2]] and lines["kl, held out"] == [[1, 1], [2, 2], [3, 3]]
    assert set(lines) == {"reconstruction", "kl", "kl, held out"}
    assert first.get_title() == "vae" and len(second.get_lines()) == 2


def test_reconstructions_are_those_given_on_the_scale_of_the_originals():
    x = np.arange(24.0).reshape(2, 12)
    figure = figures.reconstructions(x, {"model": 100 - x}, (3, 4), "title")
    images = [axis.get_images()[0] for axis in figure.axes]
    assert len(images) == 4 and all(image.get_clim() == (0, 23) for image in images)
    np.testing.assert_array_equal(images[1].get_array(), x[1].reshape(3, 4))
    np.testing.assert_array_equal(images[2].get_array(), 100 - x[0].reshape(3, 4))


def test_colour_pictures_and_a_last_line_that_is_not_full():
    x = np.random.default_rng(0).random((3, 3, 4, 4))
    figure = figures.samples({"model": x}, (3, 4, 4), x, across=2)
    assert [len(axis.get_images()) for axis in figure.axes] == [1, 1, 1, 0]
    assert np.asarray(figure.axes[0].get_images()[0].get_array()).shape == (4, 4, 3)


def test_latent_maps_name_every_class():
    z = np.random.default_rng(0).normal(size=(40, 5)) * [9, 5, 1, 1, 1]
    figure = figures.latent_maps({"vae": z}, np.arange(40) % 10, "digit")
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == list("0123456789")
    assert legend.get_title().get_text() == "digit"
    points = np.concatenate([np.reshape(each.get_offsets(), (-1, 2)) for each in figure.axes[0].collections])
    assert points.var(0)[0] == pytest.approx(np.linalg.eigvalsh(np.cov(z.T, bias=True))[-1])


LABELS = {
    "none": None,
    "numbers": np.linspace(0, 1, 40),
    "words": np.array(["cat", "dog"] * 20),
    "more words than a legend holds": np.array([f"word {i}" for i in range(40)]),
    "mathematics": np.array([r"$\frac", "$5 to $10"] * 20),
    "signs": np.array(["²", "ß"] * 20),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_latent_maps_of_any_labels(labels, tmp_path):
    z = np.random.default_rng(0).normal(size=(40, 3))
    figure = figures.latent_maps({"a": z, "b": z, "c": z[:, :2]}, labels)
    assert sum(bool(axis.collections) for axis in figure.axes[:4]) == 3
    assert figures.save(figure, tmp_path / "a.png").is_file()


def test_nothing_global_is_touched(tmp_path):
    from matplotlib._pylab_helpers import Gcf

    before = Gcf.get_all_fig_managers()
    figures.save(figures.learning_curves({"vae": records(3)}), tmp_path / "a.png")
    assert Gcf.get_all_fig_managers() == before
