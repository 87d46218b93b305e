"""The figures that any rows allow: each a function from a study to a `Plate`, or None if it says nothing."""

from .codes import dimensions, maps
from .findings import finding
from .paths import interpolation, traversal
from .rebuilding import baselines, columns_rebuilt, error_by_dimension
from .samples import dependence, marginals
from .surprising import contributions, surprise
from .training import curves

__all__ = [
    "baselines",
    "columns_rebuilt",
    "contributions",
    "curves",
    "dependence",
    "dimensions",
    "error_by_dimension",
    "finding",
    "interpolation",
    "maps",
    "marginals",
    "surprise",
    "traversal",
]
