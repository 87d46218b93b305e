"""Priors: how probable a code is, and where new codes come from."""

from .autoregressive import Autoregressive

__all__ = ["Autoregressive"]
