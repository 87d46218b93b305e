"""What weights cost: they are the same for all samples, so that each term is a scalar."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..nets.dropout import UncertainLinear
from ..objective import Term, term
from ..trace import Trace


def weight_kl(rows: int) -> Term:
    """KL(q(W) ‖ p(W)) / N, of all layers with variational dropout, in nats a row of N = `rows`.

    With `reconstruction`, a row's share of the negative ELBO of the weights (Kingma et al. 2015, equation 3).
    Divided by the rows of the data and not of the batch: else a smaller batch would mean less noise.
    """
    if rows < 1:
        raise ValueError(f"rows counts those of the training data, at least one; it is {rows}")

    @term
    def weight_kl(model: Any, trace: Trace) -> Tensor:
        layers = [layer.kl() for layer in model.modules() if isinstance(layer, UncertainLinear)]
        if not layers:
            raise ValueError("weight_kl needs layers whose weights are distributions: SparseDropout, say")
        return torch.stack(layers).sum() / rows

    return weight_kl


@term
def decoder_decay(model: Any, trace: Trace) -> Tensor:
    """½ ‖θ‖² of the decoder's weights, without biases (Ghosh et al. 2020, section 3, arXiv:1903.12436)."""
    return 0.5 * torch.stack([w.square().sum() for w in _weights(model.decoder)]).sum()


@term
def orthogonality(model: Any, trace: Trace) -> Tensor:
    """Σ ‖W Wᵀ − I‖²_F over the encoder's weights, the smaller side of each (Bansal et al. 2018, 1810.09102).

    Directions are neither lost nor doubled. Where W narrows, its rows become orthonormal: distances within
    the subspace that it reads are kept.
    """
    found = []
    for weight in _weights(model.encoder):
        w = weight.flatten(1)
        w = w if w.shape[0] <= w.shape[1] else w.T
        found.append((w @ w.T - torch.eye(len(w), dtype=w.dtype, device=w.device)).square().sum())
    return torch.stack(found).sum()


def _weights(net: nn.Module) -> list[Tensor]:
    return [w for name, w in net.named_parameters() if w.dim() > 1]
