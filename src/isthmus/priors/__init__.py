"""Priors: how probable a code is, and where new codes come from."""

from .flow import Flow
from .mixture import Mixture
from .normal import Normal
from .prior import Prior, Whitening, descend
from .vamp import Vamp

__all__ = ["Flow", "Mixture", "Normal", "Prior", "Vamp", "Whitening", "descend"]
from .autoregressive import Autoregressive

__all__ = ["Autoregressive"]
