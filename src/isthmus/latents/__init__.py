"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .deterministic import Deterministic
from .gaussian import Gaussian
from .latent import Latent
from .nested import Nested
from .quantised import VectorQuantised
from .refitted import Refitted
from .sparse import JumpReLU, TopK

__all__ = [
    "Bijective",
    "Kept",
    "Deterministic",
    "Gaussian",
    "JumpReLU",
    "Latent",
    "Nested",
    "Refitted",
    "TopK",
    "VectorQuantised",
]
