"""How much of a codebook is used, and how long a discrete code is."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from ..latents import plain
from ..model import Learner
from .passes import Rows, at_rest, batches, log_prob, rows_of


class CodebookUse(NamedTuple):
    """`used` of `size` entries; used as unevenly as they are, they are worth `perplexity` used alike."""

    size: int
    used: int
    perplexity: float

    @property
    def bits(self) -> float:
        """The entropy of an index, log₂ perplexity: what it costs to store, at most log₂ size."""
        return math.log2(self.perplexity)

    def __str__(self) -> str:
        return f"{self.used} of {self.size} entries in use, perplexity {self.perplexity:.1f}"


def codebook_use(indices: Any, size: int) -> CodebookUse:
    """Of one book, from the indices (any shape) given to many rows: exp of the entropy of their shares.

    Where a code holds several books, `latent.books` says which columns are of which. Ask many more indices
    than there are entries: of n indices alike often, about K e^(−n/K) entries are not seen by chance.

    >>> print(codebook_use([0, 1, 1, 0], size=4))
    2 of 4 entries in use, perplexity 2.0
    """
    indices = np.asarray(indices).ravel()
    if not indices.size or indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= size:
        raise ValueError(f"expected whole numbers from 0 to {size - 1}, at least one; got {indices}")
    shares = np.bincount(indices, minlength=size) / indices.size
    taken = shares[shares > 0]
    return CodebookUse(size, len(taken), float(np.exp(-(taken * np.log(taken)).sum())))


class CodeLength(NamedTuple):
    """Means over rows, in nats: of a code under its prior, of a row given the code, and most of a code."""

    rate: float
    distortion: float
    most: float

    @property
    def bound(self) -> float:
        """rate + distortion, never below −log p(x) on average; `bits_per_dimension(-bound, dims)`."""
        return self.rate + self.distortion


def code_length(model: Learner, rows: Rows) -> CodeLength:
    """The two parts of the message that a quantised model makes of a row: its indices, then what they miss.

        −log p(x) = −log Σ_k p(k) p(x|k) ≤ −log p(k(x)) − log p(x|k(x))

    p(k) is the latent's prior: fit it first (`latent.fit_prior`, which an `Embedder` does), or it is uniform
    and the rate is `most` = Σ log levels.

    Raises:
        TypeError: for a code that is not discrete.
    """
    rates, distortions = [], []
    with at_rest(model) as autoencoder:
        latent: Any = plain(autoencoder.latent)
        if not hasattr(latent, "levels"):
            raise TypeError(f"the length of a code needs a discrete one; {type(latent).__name__} is not")
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            rates.append(-latent.prior.log_prob(code.extra["indices"]).double())
            distortions.append(-log_prob(autoencoder, code.z, batch))
    most = float(torch.tensor(latent.levels, dtype=torch.float64).log().sum())
    return CodeLength(float(rows_of(rates).mean()), float(rows_of(distortions).mean()), most)
