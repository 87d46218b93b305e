"""The figures of rows that are pictures: mosaics, a line of pictures for each thing shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .blocks import Numbers, Plate
from .drawing import canvas, words
from .study import Study

LARGEST = 64  # pixels a side that a picture is shown with
GAP = 0.08  # between pictures, of a side


def mosaic(
    study: Study,
    lines: Sequence[np.ndarray],
    labels: Sequence[str],
    heads: Sequence[str] = (),
    heat: Sequence[int] = (),
) -> Any:
    """Lines of pictures (n, d) each, named at the left; those in `heat` show surprise and not grey."""
    across = max(len(line) for line in lines)
    cell = 6.4 / max(across, 8)
    pictures = [[_picture(study, row, index in heat) for row in line] for index, line in enumerate(lines)]
    high, wide = pictures[0][0].shape[:2]
    gap = max(1, round(GAP * max(high, wide)))
    sheet = np.ones((len(lines) * (high + gap) - gap, across * (wide + gap) - gap, 4))
    sheet[..., 3] = 0
    for down, line in enumerate(pictures):
        for right, picture in enumerate(line):
            at = slice(down * (high + gap), down * (high + gap) + high)
            sheet[at, right * (wide + gap) : right * (wide + gap) + wide] = picture
    figure = canvas(7.4, cell * len(lines) * high / wide + (0.45 if heads else 0.2))
    axis = figure.subplots()
    axis.imshow(sheet, interpolation="nearest")
    axis.set_yticks(
        [d * (high + gap) + high / 2 for d in range(len(lines))], [words(each) for each in labels]
    )
    axis.set_xticks([r * (wide + gap) + wide / 2 for r in range(len(heads))], [words(h, 14) for h in heads])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.set_anchor("W")
    for side in axis.spines.values():
        side.set_visible(False)
    return figure


def reconstructions(study: Study, groups: dict[str, np.ndarray]) -> Plate:
    """Rows (by place) of each group, and below them what the model makes of them."""
    lines, labels = [], []
    for name, which in groups.items():
        lines += [study.x[which], study.seen[which]]
        labels += [name, "rebuilt"]
    shown = [(name, int(i)) for name, which in groups.items() for i in which]
    rows = [
        (name, int(study.places[i]), kind, *values[i].tolist())
        for name, i in shown
        for kind, values in (("given", study.x), ("rebuilt", study.seen))
    ]
    told = "; ".join(f"{name} {study.errors[which].mean():.3g}" for name, which in groups.items())
    return Plate(
        "reconstructions",
        mosaic(study, lines, labels),
        Numbers(("group", "row", "kind", *study.names), rows),
        f"Pairs of pictures, given and rebuilt: best, typical and worst rows. Mean squared error: {told}.",
        "Every second line is what the model rebuilds of the line above it. Typical rows are those around "
        "the median error: judge the model by these.",
    )


def guessed(study: Study, which: np.ndarray, hidden: np.ndarray) -> Plate:
    """Rows (by place), what of them was shown, and what the model guesses where they were `hidden` (n, d).

    Nothing of a guess is the original's: where the model knows no units, its deviations are drawn as such.
    """
    assert study.guess is not None
    low, high = study.grey
    gone, given, made = hidden[which], study.x[which], study.guessed[which]
    lines = {"given": given, "shown": np.where(gone, (low + high) / 2, given)}
    caption = "What is grey in the middle line was hidden. In the last, it is what the model puts there."
    if study.guess.units:
        drawn = guess = np.where(gone, made, given)
    else:
        guess = np.where(gone, made, np.nan)
        drawn = low + (high - low) * (3 + np.clip(np.where(gone, made, 0), -3, 3)) / 6
        caption += (
            " Each patch is in its own mean and deviation, which the model does not know: grey is the mean, "
            "the ends are three deviations away."
        )
    numbers = {**lines, "guessed": guess}
    rows = [
        (int(study.places[i]), kind, *line[n].tolist())
        for kind, line in numbers.items()
        for n, i in enumerate(which)
    ]
    return Plate(
        "guessed",
        mosaic(study, [*lines.values(), drawn], list(numbers)),
        Numbers(("row", "kind", *study.names), rows),
        f"{len(which)} pictures: given, with a part hidden, and with that part guessed.",
        caption,
    )


def samples(study: Study, drawn: np.ndarray) -> Plate:
    """Pictures drawn from the model."""
    lines = [drawn[i : i + 10] for i in range(0, len(drawn), 10)]
    return Plate(
        "samples",
        mosaic(study, lines, [""] * len(lines)),
        Numbers(study.names, drawn.tolist()),
        f"{len(drawn)} pictures that the model made up.",
        "Codes are drawn from the prior and decoded, without noise. None of these is in the data.",
    )


def traversal(study: Study, which: Sequence[int], steps: np.ndarray, path: np.ndarray) -> Plate:
    """How pictures follow a latent dimension: path (len(which), steps, d), a line a dimension."""
    rows = [(f"z{d}", float(s), *r.tolist()) for d, line in zip(which, path) for s, r in zip(steps, line)]
    return Plate(
        "traversals",
        mosaic(study, list(path), [f"z{d}" for d in which], [f"{s:+.1f}".replace("-", "−") for s in steps]),
        Numbers(("dimension", "at", *study.names), rows),
        f"Lines of pictures in which one of {len(which)} latent dimensions changes from left to right.",
        "One number of the code is moved from left to right, in its standard deviations, and the others stay "
        "at their mean. This is what the dimension stands for.",
    )


def interpolation(study: Study, ends: Sequence[tuple[int, int]], path: np.ndarray) -> Plate:
    """From one picture to another along a straight line between their codes: path (pairs, steps, d)."""
    lines = [np.concatenate([study.x[[a]], line, study.x[[b]]]) for (a, b), line in zip(ends, path)]
    along = np.linspace(0, 1, path.shape[1])
    rows = [
        (int(study.places[a]), int(study.places[b]), float(t), *r.tolist())
        for (a, b), line in zip(ends, path)
        for t, r in zip(along, line)
    ]
    heads = ["given", *("" for _ in along), "given"]
    return Plate(
        "interpolations",
        mosaic(study, lines, [f"{study.places[a]} to {study.places[b]}" for a, b in ends], heads),
        Numbers(("from", "to", "at", *study.names), rows),
        f"Lines of pictures that lead from one given picture to another, for {len(ends)} pairs.",
        "Pictures decoded from codes on the straight line between two given ones, which stand at the ends. "
        "Sensible pictures on the way mean that the space between rows is filled.",
    )


def surprising(study: Study, which: np.ndarray, excess: np.ndarray | None) -> Plate:
    """The most surprising pictures, what is expected of them, and where the surprise lies."""
    lines, labels = [study.x[which], study.seen[which]], ["given", "rebuilt"]
    if excess is not None:
        lines.append(np.maximum(np.nan_to_num(excess[which]), 0))
        labels.append("surprise")
    rows = [
        (int(study.places[i]), label, *row.tolist())
        for label, line in zip(labels, lines)
        for i, row in zip(which, line)
    ]
    return Plate(
        "surprising",
        mosaic(study, lines, labels, [f"row {study.places[i]}" for i in which], heat=(2,)),
        Numbers(("row", "kind", *study.names), rows),
        f"The {len(which)} most surprising pictures, rebuilt, and where they surprise.",
        "Above the pictures that the model explains worst, below what it makes of them"
        + ("; the darker a spot of the last line, the more it surprised." if excess is not None else "."),
    )


def _picture(study: Study, row: np.ndarray, heat: bool = False) -> np.ndarray:
    """(d,) -> RGBA (h, w, 4), no larger than is shown."""
    import matplotlib

    assert study.shape is not None
    shape = study.shape if len(study.shape) == 3 else (1, *study.shape)
    image = np.asarray(row, float).reshape(shape)
    step = -(-max(shape[1:]) // LARGEST)
    if step > 1:
        high, wide = (side // step * step for side in shape[1:])
        blocks = image[:, :high, :wide].reshape(shape[0], high // step, step, wide // step, step)
        image = blocks.mean((2, 4))
    if heat:
        amount = image.sum(0)
        return np.asarray(matplotlib.colormaps["Oranges"](amount / (amount.max() or 1.0)))
    low, high_end = study.grey
    image = np.clip((np.nan_to_num(image, nan=low) - low) / max(high_end - low, 1e-30), 0, 1)
    if image.shape[0] == 3:
        return np.concatenate([image.transpose(1, 2, 0), np.ones((*image.shape[1:], 1))], 2)
    return np.asarray(matplotlib.colormaps["gray_r" if study.inked else "gray"](image[0]))
