"""Bottlenecks: how features become a code, and where codes come from when there is no input."""

from .bijective import Bijective, Kept
from .categorical import Categorical, hard_gumbel, relaxed, unreparameterised
from .deterministic import Deterministic
from .flowed import FlowPosterior
from .gaussian import Gaussian, committed
from .hierarchical import BottomUp, Ladder, TopDown
from .imposed import Classed, Imposed, Informed, Petals, Shape, Sphere, SwissRoll
from .labelled import Judged, Labelled
from .latent import Latent
from .lattices import FiniteScalar, LookupFree
from .nested import Nested
from .projected import Projected
from .quantised import Places, Quantised, Shares, TwoLevels, rotation, straight_through
from .quantisers import Codebook, Product, Quantiser, Residual
from .refitted import Refitted, plain
from .round import Round
from .search import kmeans, nearest
from .sparse import BatchTopK, Counted, Gated, JumpReLU, TopK
from .spherical import Spherical

__all__ = [
    "Round",
    "BatchTopK",
    "Bijective",
    "BottomUp",
    "Categorical",
    "Classed",
    "Codebook",
    "Counted",
    "Deterministic",
    "FiniteScalar",
    "FlowPosterior",
    "Gated",
    "Gaussian",
    "Imposed",
    "Informed",
    "Judged",
    "JumpReLU",
    "Kept",
    "Labelled",
    "Ladder",
    "Latent",
    "LookupFree",
    "Nested",
    "Petals",
    "Places",
    "Product",
    "Projected",
    "Quantised",
    "Quantiser",
    "Refitted",
    "Residual",
    "Shape",
    "Shares",
    "Sphere",
    "Spherical",
    "SwissRoll",
    "TopDown",
    "TopK",
    "TwoLevels",
    "committed",
    "hard_gumbel",
    "kmeans",
    "nearest",
    "plain",
    "relaxed",
    "rotation",
    "straight_through",
    "unreparameterised",
]
