"""Rows by their energy: how unlike the data a model finds them."""

from __future__ import annotations

from torch import Tensor

from ..model import Learner
from ..terms.energy import energy_of
from .passes import Rows, at_rest, batches, rows_of


def energy(model: Learner, rows: Rows) -> Tensor:
    """E(x) = ½ ‖x − x̂‖² of each row (n,), in float64 and squared units of what the model reads.

    A score for rows unlike the data, greater is stranger: of a model whose energy is held up elsewhere, such
    as `nae` or `ebgan`, and of any other autoencoder, whose error nothing holds up and may be low anywhere.
    `Embedder.score_samples` orders rows the same way, upside down, under a Gaussian of one scale.
    """
    with at_rest(model) as flow:
        return rows_of([energy_of(flow, b.input, b.context).double() for b in batches(rows, flow)])
