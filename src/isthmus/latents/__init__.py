"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .deterministic import Deterministic
from .gaussian import Gaussian
from .latent import Latent
from .nested import Nested
from .quantised import VectorQuantised
from .sparse import BatchTopK, Counted, Gated, JumpReLU, TopK

__all__ = [
    "BatchTopK",
    "Counted",
    "Deterministic",
    "Gated",
    "Gaussian",
    "JumpReLU",
    "Latent",
    "Nested",
    "TopK",
    "VectorQuantised",
]
