"""What a codebook and its encoder owe each other (van den Oord et al. 2017, eq. 3, arXiv:1711.00937)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..objective import Term, term
from ..trace import Trace


@term
def codebook(model: Any, trace: Trace) -> Tensor:
    """‖sg[z_e] − e‖²: entries move to the features that chose them. For a codebook that is a parameter.

    Summed over positions and, where there are several, over approximations from coarse to fine.
    """
    before, nearest = replaced(trace)
    return (nearest - before.detach()).square().flatten(1).sum(1)


@term
def commitment(model: Any, trace: Trace) -> Tensor:
    """‖z_e − sg[e]‖²: features stay near the entry they chose.

    Summed as `codebook` is: for residual quantisation, Σ_i ‖z_e − sg[Σ_{j≤i} e^(j)]‖² (Lee et al. 2022,
    eq. 9).
    """
    before, nearest = replaced(trace)
    return (before - nearest.detach()).square().flatten(1).sum(1)


def bit_entropy(temperature: float = 1.0) -> Term:
    """Σ_j E h(p_j) − h(E p_j), p_j = σ(4 x_j / τ): each sign is sure of itself, and both come alike often.

    p_j is the softmax over −‖x − c‖² / τ of the corners c of a cube, which factorises; h(p) is the entropy of
    a coin. The first part falls as numbers leave zero. The second is at its least where each of the signs is
    + for half of the batch; it is the entropy of independent signs, an upper bound of the one of the corners
    together, which would need them all. The mean over the batch ties samples: a scalar, of all positions.

    Reference: Yu et al. 2024 (MAGVIT-v2), equation 4, arXiv:2310.05737; factorised, Zhao, Xiong & Krähenbühl,
    Binary Spherical Quantization, 2024, arXiv:2406.07548, section 3.3.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0; it is {temperature}")

    @term
    def bit_entropy(model: Any, trace: Trace) -> Tensor:
        logits = 4 * replaced(trace)[0].squeeze(2) / temperature  # (b, p, w)
        p = torch.sigmoid(logits)
        each = p * F.softplus(-logits) + (1 - p) * F.softplus(logits)
        share = p.mean((0, 1))
        together = -(torch.xlogy(share, share) + torch.xlogy(1 - share, 1 - share))
        return each.mean(0).sum() - logits.shape[1] * together.sum()

    return bit_entropy


def replaced(trace: Trace) -> tuple[Tensor, Tensor]:
    """What was quantised, (b, p, 1, w), and by what, (b, p, s, w).

    Raises:
        ValueError: for a code that is not quantised.
    """
    extra = trace.code.extra
    if "nearest" not in extra:
        raise ValueError("this term needs a quantised code, such as Quantised(Codebook(128, 8), positions=8)")
    return extra["before"][:, :, None], extra["nearest"]
