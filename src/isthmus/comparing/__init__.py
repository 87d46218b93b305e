"""Several methods beside PCA on the same rows."""

from .contest import compare
from .results import Baseline, MethodComparison, MethodResult

__all__ = ["Baseline", "MethodComparison", "MethodResult", "compare"]
