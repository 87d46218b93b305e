"""Priors: how probable a code is, and where new codes come from."""

from .autoregressive import Autoregressive
from .diffusion import Diffusion, DiffusionPrior, timed
from .flow import Flow
from .masked import MaskedMixture
from .mixture import Mixture
from .normal import Normal
from .prior import Prior, Whitening, descend
from .two_stage import TwoStage
from .vamp import Vamp

__all__ = [
    "Autoregressive",
    "Diffusion",
    "DiffusionPrior",
    "Flow",
    "MaskedMixture",
    "Mixture",
    "Normal",
    "Prior",
    "TwoStage",
    "Vamp",
    "Whitening",
    "descend",
    "timed",
]
