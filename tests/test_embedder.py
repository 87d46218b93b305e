"""The estimator keeps scikit-learn's contract, and its own promises."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from isthmus import Embedder


@parametrize_with_checks([Embedder("vae", dim=2, epochs=3), Embedder("autoencoder", dim=1, epochs=3)])
def test_sklearn(estimator, check):
    check(estimator)
