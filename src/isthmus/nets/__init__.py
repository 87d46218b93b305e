"""Functions that build plain networks. `mlps` and `convs` give an encoder and the decoder that mirrors it."""

from .autoregressive import Gate, MaskedNet, autoregressions
from .conditional import Beside, Joined, OneHot, Relabelled, WithLabel
from .constrained import lipschitz, unit_columns
from .convolutional import convs, residual_block
from .cost import multiplications
from .dense import Residual, Transposed, mlp, mlps, size, transposed
from .dropout import GaussianDropout, SparseDropout, pruned, uncertain
from .initialise import initialise
from .invertible import Backwards, Chain, Coupling, Forwards, Invertible, Scaling, couplings
from .ladder import conv_floors, dense_floors
from .patches import Patches
from .skip import Skip, skips
from .transformer import PatchDecoder, VisibleEncoder

__all__ = [
    "Backwards",
    "Beside",
    "Chain",
    "Coupling",
    "Forwards",
    "GaussianDropout",
    "Gate",
    "Invertible",
    "Joined",
    "MaskedNet",
    "OneHot",
    "Relabelled",
    "PatchDecoder",
    "Patches",
    "Residual",
    "Scaling",
    "Skip",
    "SparseDropout",
    "Transposed",
    "VisibleEncoder",
    "WithLabel",
    "autoregressions",
    "conv_floors",
    "convs",
    "couplings",
    "dense_floors",
    "initialise",
    "lipschitz",
    "mlp",
    "mlps",
    "multiplications",
    "pruned",
    "residual_block",
    "size",
    "skips",
    "transposed",
    "uncertain",
    "unit_columns",
]
