"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .categorical import Categorical, relaxed, straight_through, unreparameterised
from .deterministic import Deterministic
from .gaussian import Gaussian, committed
from .latent import Latent
from .nested import Nested
from .quantised import VectorQuantised
from .refitted import Refitted
from .sparse import JumpReLU, TopK

__all__ = [
    "Bijective",
    "Categorical",
    "Deterministic",
    "Gaussian",
    "JumpReLU",
    "Kept",
    "Latent",
    "Nested",
    "Refitted",
    "TopK",
    "VectorQuantised",
    "committed",
    "relaxed",
    "straight_through",
    "unreparameterised",
]
