"""What a model must beat to be worth its training."""

from .comparison import Comparison, Score, beside
from .denoising import Filtered, best_filter, filters, gaussian_filter, median_filter, wiener_filter
from .linear import LinearProjection, ProbabilisticPCA, mean_predictor, pca, probabilistic_pca
from .yardstick import Yardstick

__all__ = [
    "Comparison",
    "Filtered",
    "LinearProjection",
    "ProbabilisticPCA",
    "Score",
    "Yardstick",
    "beside",
    "best_filter",
    "filters",
    "gaussian_filter",
    "mean_predictor",
    "median_filter",
    "pca",
    "probabilistic_pca",
    "wiener_filter",
]
