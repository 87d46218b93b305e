"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .categorical import Categorical, relaxed, straight_through, unreparameterised
from .deterministic import Deterministic
from .gaussian import Gaussian, committed
from .latent import Latent
from .lattices import FiniteScalar, LookupFree
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
from .quantised import Places, Quantised, Shares, TwoLevels, rotation, straight_through
from .quantisers import Codebook, Product, Quantiser, Residual
from .search import kmeans, nearest
    "Codebook",
    "FiniteScalar",
    "LookupFree",
    "Places",
    "Product",
    "Quantised",
    "Quantiser",
    "Residual",
    "Shares",
    "TwoLevels",
    "kmeans",
    "nearest",
    "rotation",
]
