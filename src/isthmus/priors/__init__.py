"""Priors: how probable a code is, and where new codes come from."""

from .autoregressive import Autoregressive
from .flow import Flow
from .mixture import Mixture
from .normal import Normal
from .prior import Prior, Whitening, descend
from .vamp import Vamp

__all__ = ["Autoregressive", "Flow", "Mixture", "Normal", "Prior", "Vamp", "Whitening", "descend"]
from .diffusion import Diffusion, DiffusionPrior, timed

__all__ = ["Diffusion", "DiffusionPrior", "timed"]
