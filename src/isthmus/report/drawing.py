"""How every figure is made and written: one style, PNG and SVG, and an SVG that takes the page's colours."""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..training import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING = "matplotlib and jinja2 are an extra: pip install 'isthmus[report]'"
# Okabe & Ito 2008, which colour-blind readers tell apart, without their yellow (pale for thin marks) and
# with three more; further classes repeat them with another marker
COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"),
    *("#882255", "#999999", "#B8A800"),
)
INK, PAPER, MUTED = "#000000", "#ffffff", "#595959"
TOKENS = {
    INK: "var(--ink)",
    PAPER: "var(--paper)",
    MUTED: "var(--muted)",
    **{c.lower(): f"var(--series-{i})" for i, c in enumerate(COLOURS) if c != INK},
}
PLAIN = {"Creator": None, "Date": None, "Format": None, "Type": None}  # the same figure, the same bytes


def available() -> bool:
    """Whether figures and the page can be made here."""
    return all(importlib.util.find_spec(name) for name in ("matplotlib", "jinja2"))


def canvas(width: float, height: float) -> Figure:
    """An empty figure, in inches, that lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)


def bare(axis: Any, *, grid: str | None = None) -> Any:
    """An axis without box, with a faint grid along "x", "y" or "both"."""
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if grid is not None:
        axis.grid(axis=grid, color=MUTED, alpha=0.25, linewidth=0.6)
        axis.set_axisbelow(True)
    return axis


def words(text: object, most: int = 28) -> str:
    """A name from the data as a label: short, on one line, and never read as mathematics."""
    line = "".join(c if c.isprintable() else " " for c in str(text)).strip()
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return line.replace("$", r"\$")


def png(figure: Figure) -> bytes:
    with quiet():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=144)
    return buffer.getvalue()


def svg(figure: Figure) -> str:
    """Text stays text, so that it can be read aloud, searched and copied."""
    import matplotlib

    buffer = io.StringIO()
    with quiet(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "isthmus"}):
        figure.savefig(buffer, format="svg", metadata=PLAIN)
    return buffer.getvalue()


def inline(drawn: str, name: str, alt: str) -> str:
    """An SVG as part of a page: its colours follow the page's theme, its ids are its own, it has an alt text.

    Colours become custom properties (`TOKENS`). What matplotlib leaves out because black is SVG's default is
    inherited from the page.
    """
    start = drawn.index("<svg")
    end = drawn.index(">", start)
    found = re.search(r'viewBox="([^"]+)"', drawn[start:end])
    assert found is not None
    body = re.sub(r"<style type=.*?</style>", "", drawn[end + 1 :], count=1, flags=re.S)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#", f"url(#{name}-", body)
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    body = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda c: TOKENS.get(c[0], c[0]), body)
    width = float(found[1].split()[2])
    return (
        f'<svg class="plot" role="img" aria-label="{escape(alt)}" viewBox="{found[1]}" '
        f'style="max-width: {width * 4 / 3:.0f}px">{body}'
    )


def save(figure: Figure, path: Path) -> Path:
    """As PNG, whole or not at all."""
    write_atomically(path, png(figure))
    return path


@contextmanager
def quiet() -> Iterator[None]:
    """A letter that the font lacks is drawn as a box: names are the data's, and no reason to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        yield
