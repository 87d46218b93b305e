"""Functions that build plain networks. `mlps` and `convs` give an encoder and the decoder that mirrors it."""

from .conditional import OneHot
from .constrained import lipschitz, unit_columns
from .convolutional import convs, residual_block
from .cost import multiplications
from .dense import Residual, Transposed, mlp, mlps, size, transposed
from .dropout import GaussianDropout, SparseDropout, pruned, uncertain
from .initialise import initialise

__all__ = [
    "GaussianDropout",
    "OneHot",
    "Residual",
    "SparseDropout",
    "Transposed",
    "convs",
    "initialise",
    "lipschitz",
    "mlp",
    "mlps",
    "multiplications",
    "pruned",
    "residual_block",
    "size",
    "transposed",
    "uncertain",
    "unit_columns",
]
