"""The identity map: a model that hands rows through and has learned nothing of what rows are like."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..baselines import Yardstick, mean_predictor
from ..estimators.door import frame_of
from ..metrics import suggest_dim
from .examination import Half, Patient
from .findings import Bars, Finding

COPIED = 0.9  # of the variance of noise


def identity(patient: Patient) -> Finding | None:
    """The model rebuilds rows that are nothing like the data as well: it copies.

    Shown to it are rows whose columns were drawn apart from each other, each from the training rows: the same
    values, and nothing that ties them. Of independent columns k numbers can hold about the k/d-th part (PCA's
    share, where columns weigh alike); what has learned which rows there are holds less. So nine tenths of
    their variance are rebuilt only by a code about as wide as the data whose net hands through what comes.
    Worth a warning where the data have fewer dimensions than columns, by `suggest_dim`. Where noise is not
    rebuilt so well, a code as wide as the data that nothing else holds back is worth a note.
    (Vincent et al. 2010, section 3; Steck 2020, arXiv:2010.06509, on over-fitting towards the identity.)
    """
    half = patient.train
    columns = half.target.shape[1]
    if columns < 2 or len(half.target) < 20:
        return None
    share, own = _explained(patient, patient.half(_apart(patient), patient.labels)), _explained(patient, half)
    copies, wide = share >= COPIED, _wide(patient)
    if not (copies or wide):
        return None
    dim, why = _narrower(half, columns)
    evidence = f"the code has {patient.dim} dimensions and the data {columns} columns: "
    if copies:
        evidence += (
            f"rows of columns shuffled apart, which are no data, are rebuilt too, {100 * share:.4g} % of "
            f"their variance (of the data's own {100 * own:.4g} %).{why}"
        )
    else:
        evidence += f"nothing is left out, so nothing need be learned.{why}"
    return Finding(
        "identity",
        "warning" if copies and dim < columns else "note",
        evidence,
        f"{patient.command} --dim {dim}\n"
        f"isthmus fit denoising {patient.source} --dim {patient.dim}   # or noise to undo",
        Bars(
            "What is rebuilt of data, and of rows that are none",
            {"data": own, "shuffled columns": share},
            "share of the variance",
            COPIED,
            "what only a copy rebuilds of noise",
        ),
    )


def _wide(patient: Patient) -> bool:
    """A code as wide as the data, and nothing else that keeps it from handing rows through."""
    model, half = patient.embedder.model_.autoencoder, patient.train
    columns = half.target.shape[1]
    free = half.kl is None and half.indices is None and getattr(model, "corrupt", None) is None
    plain = repr(getattr(model, "objective", "")) == "reconstruction"
    full = (half.codes != 0).sum(1).mean() >= columns / 2  # or wide, but few entries of it in use at once
    return bool(patient.dim >= columns and free and plain and full)


def _apart(patient: Patient) -> Any:
    """Training rows, each column of them in an order of its own; the columns of a category stay together."""
    rows, draw = patient.rows, np.random.default_rng(0)
    if hasattr(rows, "columns"):
        frame = frame_of(rows).copy()
        for name in frame.columns:
            frame[name] = frame[name].array.take(draw.permutation(len(frame)))
        return frame
    values = np.array(rows)  # (n, ...)
    flat = values.reshape(len(values), -1)
    tied = {place: block for block in patient.blocks for place in range(*block.indices(flat.shape[1]))}
    groups = {tied[i].start if i in tied else i: tied.get(i, slice(i, i + 1)) for i in range(flat.shape[1])}
    for group in groups.values():
        flat[:, group] = flat[draw.permutation(len(flat)), group]
    return flat.reshape(values.shape)


def _explained(patient: Patient, half: Half) -> float:
    """R² around the training mean, with the yardstick that the verdict measures with."""
    learned = patient.train.target
    stick = Yardstick.of(learned, "whole" if patient.pixels else "columns", patient.blocks)
    mean = mean_predictor(learned).reconstruct(half.target)
    target = stick.measured(half.target)
    left, whole = (float(stick.error(target, stick.measured(guess)).mean()) for guess in (half.seen, mean))
    return 1 - left / whole if whole else 0.0


def _narrower(half: Half, columns: int) -> tuple[int, str]:
    whole = half.target[np.isfinite(half.target).all(1)]
    try:
        found = suggest_dim(whole)
    except ValueError:
        return max(1, columns // 4), ""
    return min(found.dim, columns - 1), f" suggest_dim: {found.sentence}"
