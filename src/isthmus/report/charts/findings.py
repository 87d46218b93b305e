"""What the doctor found, drawn: bars, histograms or curves, as the finding brings them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...diagnostics.findings import Bars, Curves, Finding, Picture, Spread
from ..blocks import Numbers, Plate
from ..drawing import COLOURS, bare, canvas, words
from .axes import LINEAR, MODEL, WIDE, above

NAMED = 12  # bars that have a name each; of more, their places are counted
SERIES = (MODEL, LINEAR, COLOURS[2], COLOURS[4])
STYLES = ("-", "--", "-.", ":")


def finding(found: Finding) -> Plate | None:
    """Its picture, if it has one, by the name `doctor_…`; the alt text says what is found, too."""
    if found.picture is None:
        return None
    figure = canvas(WIDE, 2.7)
    axis = bare(figure.subplots(), grid="y")
    numbers = DRAWN[type(found.picture)](axis, found.picture)
    kind = {Bars: "Bars", Spread: "Histograms", Curves: "Lines"}[type(found.picture)]
    return Plate(
        named(found.name),
        figure,
        numbers,
        f"{kind}. {found.picture.title}: {_told(found.picture)}. {found.name}: {found.evidence}",
        f"{found.picture.title}. The doctor's finding: {found.name}.",
    )


def named(name: str) -> str:
    """Of a check, the name of its figure's files."""
    return f"doctor_{name.lower().replace(' ', '_').replace('-', '_')}"


def _bars(axis: Any, picture: Bars) -> Numbers:
    values = np.array(list(picture.values.values()))
    places = np.arange(len(values))
    axis.bar(places, values, 0.8, color=MODEL)
    if len(values) <= NAMED:
        axis.set_xticks(places, [words(name, 20) for name in picture.values])
    if picture.line is not None:
        axis.axhline(picture.line, color=LINEAR, linewidth=1.5, linestyle="--", label=picture.legend)
        above(axis)
    if values.min() > 0 and values.max() > 50 * values.min():
        axis.set_yscale("log")
    axis.set_ylabel(picture.of)
    return Numbers(("what", picture.of), [(name, float(v)) for name, v in picture.values.items()])


def _spread(axis: Any, picture: Spread) -> Numbers:
    groups = {name: np.asarray(values)[np.isfinite(values)] for name, values in picture.values.items()}
    low, high = np.quantile(np.concatenate(list(groups.values())), (0.0, 0.995))
    edges = np.linspace(low, high if high > low else low + 1, 41)
    shares = {name: np.histogram(v.clip(low, high), edges)[0] / max(1, len(v)) for name, v in groups.items()}
    for colour, style, (name, share) in zip(SERIES, STYLES, shares.items()):
        axis.stairs(share, edges, color=colour, linestyle=style, linewidth=1.8, label=name)
    axis.set_xlabel(picture.of)
    axis.set_ylabel("share")
    above(axis)
    rows = zip(edges[:-1].tolist(), edges[1:].tolist(), *(share.tolist() for share in shares.values()))
    return Numbers(("from", "to", *shares), [tuple(row) for row in rows])


def _curves(axis: Any, picture: Curves) -> Numbers:
    for colour, style, (name, values) in zip(SERIES, STYLES, picture.values.items()):
        axis.plot(picture.at, values, style, color=colour, linewidth=1.8, label=words(name))
    if min(values.min() for values in picture.values.values()) > 0:
        axis.set_yscale("log")
    axis.set_xlabel(picture.along)
    axis.set_ylabel(picture.of)
    above(axis)
    rows = zip(picture.at.tolist(), *(values.tolist() for values in picture.values.values()))
    return Numbers((picture.along, *picture.values), [tuple(row) for row in rows])


def _told(picture: Picture) -> str:
    """The figure in a few numbers, for those who do not see it."""
    if isinstance(picture, Bars):
        values = picture.values
        if len(values) <= 4:
            return ", ".join(f"{name} {value:.3g}" for name, value in values.items())
        return f"from {min(values.values()):.3g} to {max(values.values()):.3g}"
    if isinstance(picture, Spread):
        medians = (f"{name} {np.nanmedian(values):.3g}" for name, values in picture.values.items())
        return f"medians are {', '.join(medians)}"
    ends = (f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, values in picture.values.items())
    return ", ".join(ends)


DRAWN: dict[Any, Any] = {Bars: _bars, Spread: _spread, Curves: _curves}
