"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .deterministic import Deterministic
from .gaussian import Gaussian
from .latent import Latent
from .lattices import FiniteScalar, LookupFree
from .nested import Nested
from .quantised import Places, Quantised, Shares, TwoLevels, rotation, straight_through
from .quantisers import Codebook, Product, Quantiser, Residual
from .search import kmeans, nearest
from .sparse import JumpReLU, TopK

__all__ = [
    "Codebook",
    "Deterministic",
    "FiniteScalar",
    "Gaussian",
    "JumpReLU",
    "Latent",
    "LookupFree",
    "Nested",
    "Places",
    "Product",
    "Quantised",
    "Quantiser",
    "Residual",
    "Shares",
    "TopK",
    "TwoLevels",
    "kmeans",
    "nearest",
    "rotation",
    "straight_through",
]
