"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .categorical import Categorical, hard_gumbel, relaxed, unreparameterised
from .deterministic import Deterministic
from .flowed import FlowPosterior
from .gaussian import Gaussian, committed
from .hierarchical import BottomUp, Ladder, TopDown
from .labelled import Labelled
from .gaussian import Gaussian
from .imposed import Classed, Imposed, Informed, Petals, Shape, Sphere, SwissRoll
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
    "BottomUp",
    "Categorical",
    "Codebook",
    "Deterministic",
    "FiniteScalar",
    "FlowPosterior",
    "Gaussian",
    "JumpReLU",
    "Kept",
    "Labelled",
    "Ladder",
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
    "TopDown",
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
from .quantised import VectorQuantised
from .sparse import BatchTopK, Counted, Gated, JumpReLU, TopK
    "BatchTopK",
    "Counted",
    "Gated",
    "Classed",
    "Imposed",
    "Informed",
    "Petals",
    "Shape",
    "Sphere",
    "SwissRoll",
    "VectorQuantised",
]
