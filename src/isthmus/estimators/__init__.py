"""scikit-learn faces, one per task: arrays in, arrays out; a recipe says which autoencoder is behind them."""

from .embedder import Embedder

__all__ = ["Embedder"]
