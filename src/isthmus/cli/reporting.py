"""The verb `report`, and the report at the end of `fit`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..data.schema import Schema
from ..estimators import Embedder
from ..training.folder import read_history
from .judging import Judgement, judge
from .output import say, show
from .source import Part, Source
from .using import Trust, judged, opened


def report(
    folder: Path, data: str | None, labels: str | None, trust: Trust, out: Path | None, quiet: bool
) -> None:
    """Write the report of a finished run anew, on the rows held out or on others."""
    from ..report import drawing

    if not drawing.available():
        raise ImportError(drawing.MISSING)
    fitted = opened(folder, trust)
    embedder, train, test, given = judged(fitted, data, labels, quiet)
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    schema = fitted.embedder.schema_
    judgement = judge(embedder, train, test, given.name, given.pixels, schema)
    page = write_report(
        *(out or folder, embedder, train, test, given, judgement, metrics, say),
        history=read_history(folder),
        schema=schema,
    )
    show(str(page))


def write_report(
    folder: Path,
    embedder: Embedder,
    train: Part,
    test: Part | None,
    given: Source,
    judgement: Judgement,
    metrics: Mapping[str, Any],
    remark: Callable[..., None],
    history: list[dict[str, Any]] | None = None,
    schema: Schema | None = None,
) -> Path | None:
    """The page and its figures into the folder; None, with a remark, where the extra is not installed.

    Without a `history` it is that of the fit that has just ended, and somebody waits. Of a mixed table with
    this `schema`, embedder and parts are those of encoded rows.
    """
    from ..report import drawing

    if not drawing.available():
        remark(f"no report: {drawing.MISSING}")
        return None
    from ..report.page import write
    from ..report.study import Study

    shape = given.shape or (train.x.shape[1:] if train.x.ndim > 2 else None)
    study = Study(
        embedder=embedder,
        train=train,
        test=test,
        columns=given.columns,
        shape=shape,
        units="whole" if given.pixels else "columns",
        comparison=judgement.comparison,
        why=judgement.why,
        metrics=metrics,
        history=embedder.history_.records if history is None else history,
        patient=history is not None,
        schema=schema,
    )
    return write(study, folder)
