"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .categorical import Categorical, hard_gumbel, relaxed, unreparameterised
from .deterministic import Deterministic
from .gaussian import Gaussian, committed
from .flowed import FlowPosterior
from .latent import Latent
from .lattices import FiniteScalar, LookupFree
from .nested import Nested
from .quantised import Places, Quantised, Shares, TwoLevels, rotation, straight_through
from .quantisers import Codebook, Product, Quantiser, Residual
from .refitted import Refitted
from .search import kmeans, nearest
from .sparse import JumpReLU, TopK
from .spherical import Spherical

__all__ = [
    "Bijective",
    "Categorical",
    "Codebook",
    "Deterministic",
    "FiniteScalar",
    "FlowPosterior",
    "Gaussian",
    "JumpReLU",
    "Kept",
    "Latent",
    "LookupFree",
    "Nested",
    "Places",
    "Product",
    "Quantised",
    "Quantiser",
    "Refitted",
    "Residual",
    "Shares",
    "Spherical",
    "TopK",
    "TwoLevels",
    "committed",
    "hard_gumbel",
    "kmeans",
    "nearest",
    "relaxed",
    "rotation",
    "straight_through",
    "unreparameterised",
]
