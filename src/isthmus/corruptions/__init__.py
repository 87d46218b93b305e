"""Functions from a batch to a harder batch."""

from .noise import (
    Corruption,
    binarise,
    damaging,
    dequantisation,
    gaussian_noise,
    masking_noise,
    salt_and_pepper,
)
from .patches import hide_patches
from .views import shifts, two_views

__all__ = [
    "Corruption",
    "binarise",
    "damaging",
    "dequantisation",
    "gaussian_noise",
    "hide_patches",
    "masking_noise",
    "salt_and_pepper",
    "shifts",
    "two_views",
]
