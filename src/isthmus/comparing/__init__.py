"""Several methods beside PCA on the same rows."""

from .contest import compare
from .fairness import CodeSize, Likeness
from .results import Baseline, MethodComparison, MethodResult

__all__ = ["Baseline", "CodeSize", "Likeness", "MethodComparison", "MethodResult", "compare"]
