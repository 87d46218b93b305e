"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .deterministic import Deterministic
from .gaussian import Gaussian
from .imposed import Classed, Imposed, Informed, Petals, Shape, Sphere, SwissRoll
from .latent import Latent
from .nested import Nested
from .quantised import VectorQuantised
from .sparse import JumpReLU, TopK

__all__ = [
    "Classed",
    "Deterministic",
    "Gaussian",
    "Imposed",
    "Informed",
    "JumpReLU",
    "Latent",
    "Nested",
    "Petals",
    "Shape",
    "Sphere",
    "SwissRoll",
    "TopK",
    "VectorQuantised",
]
