"""The checks: a function for each thing that goes wrong. It answers with a `Finding`, or with nothing."""

from __future__ import annotations

from collections.abc import Callable

from .copying import identity
from .critics import too_strong, too_weak
from .decoding import blurred, decoder_scale
from .examination import Patient
from .findings import Finding
from .inputs import scale
from .learning import losing, overfitting
from .regularisation import collapse, over_regularised, under_regularised
from .unused import dead_codes, dead_units

REBUILDING = ("decoder scale", "over-fitting", "worse than PCA", "blurred", "identity")  # of who learned to

CHECKS: dict[str, Callable[[Patient], Finding | None]] = {
    "posterior collapse": collapse,
    "over-regularised": over_regularised,
    "under-regularised": under_regularised,
    "dead units": dead_units,
    "dead codes": dead_codes,
    "decoder scale": decoder_scale,
    "critic too strong": too_strong,
    "critic too weak": too_weak,
    "over-fitting": overfitting,
    "worse than PCA": losing,
    "blurred": blurred,
    "scale": scale,
    "identity": identity,
}
