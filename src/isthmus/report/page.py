"""The report as one page that needs nothing else: no request, no script, both themes, and paper."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..training import write_atomically
from . import ENDINGS, FIGURES, FOLDER, PAGE
from .blocks import Plate, Section
from .drawing import inline, png, svg
from .sections import SECTIONS
from .study import Study
from .verdict import headline, mood

ATTACHED = 150_000  # bytes of a figure's numbers that the page carries; more are in the folder alone


class Front(NamedTuple):
    """What stands above the chapters: what the page is about, and the verdict in a few words.

    `mood` is good, even, bad or none, and colours the headline; `version` is that of isthmus.
    """

    title: str
    headline: str
    mood: str
    version: str


def write(study: Study, folder: Path) -> Path:
    """The report of a fitted model: all that `SECTIONS` have to say of it."""
    version = study.metrics.get("versions", {}).get("isthmus", "")
    front = Front(f"{study.name} on {study.data}", headline(study), mood(study), version)
    return publish(front, [section for make in SECTIONS if (section := make(study)) is not None], folder)


def publish(front: Front, sections: Sequence[Section], folder: Path) -> Path:
    """`report.html` into the folder, and every figure as PNG, SVG and CSV into its `figures/`."""
    drawn = {plate.name: keep(plate, folder / FOLDER) for each in sections for plate in _plates(each)}
    for name in FIGURES:
        if name not in drawn:  # of a report before this one
            for ending in ENDINGS:
                (folder / FOLDER / f"{name}{ending}").unlink(missing_ok=True)
    path = folder / PAGE
    write_atomically(path, render(front, sections, drawn).encode())
    return path


def render(front: Front, sections: Sequence[Section], drawn: dict[str, str]) -> str:
    """The page; `drawn` holds the SVG of every figure."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def picture(plate: Plate) -> Any:
        # matplotlib has escaped the text in the figure, and `inline` escapes the alt text
        return Markup(inline(drawn[plate.name], plate.name, plate.alt))

    environment = Environment(
        loader=PackageLoader("isthmus.report", "."),
        autoescape=True,  # names and labels are whatever a stranger wrote into a file
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        front=front,
        sections=sections,
        picture=picture,
        kind_of=lambda block: type(block).__name__,
        attached=_attached,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _plates(section: Section) -> list[Plate]:
    return [block for block in section.blocks if isinstance(block, Plate)]


def keep(plate: Plate, folder: Path) -> str:
    """A figure as PNG, SVG and CSV; the SVG is given back."""
    text = svg(plate.figure)
    plate.figure.set_layout_engine(None)  # it lies as it shall, and laying out takes a draw of its own
    write_atomically(folder / f"{plate.name}.svg", text.encode())
    write_atomically(folder / f"{plate.name}.png", png(plate.figure))
    write_atomically(folder / f"{plate.name}.csv", plate.numbers.csv().encode())
    return text


def _attached(plate: Plate) -> str:
    """The numbers as an address that holds them, or nothing where they are many."""
    text = plate.numbers.csv().encode()
    return f"data:text/csv;base64,{base64.b64encode(text).decode()}" if len(text) <= ATTACHED else ""
