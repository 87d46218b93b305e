"""Priors: how probable a code is, and where new codes come from."""

from .diffusion import Diffusion, DiffusionPrior, timed

__all__ = ["Diffusion", "DiffusionPrior", "timed"]
