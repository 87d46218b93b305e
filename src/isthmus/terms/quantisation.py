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


TOGETHER = 8  # signs whose corners are counted together: 256 of them


def corner_entropy(temperature: float = 1.0) -> Term:
    """E H(q(c | x)) − H(E q(c | x)): each vector is sure of its corner, and all corners come alike often.

        q(c | x) = softmax_c(−‖x − c‖² / τ) = Π_j σ(4 c_j x_j / τ),   c in {−1, 1}ʷ

    The first part falls as numbers leave zero; the second is at its least where the corners are used alike.
    It is exact for up to 8 numbers; more are taken by groups of 8, as if those were independent. Each sign by
    itself would not do: all may be balanced, and say the same. The mean over the batch ties samples: a
    scalar, summed over positions.

    Reference: Yu et al. 2024 (MAGVIT-v2), equation 4, arXiv:2310.05737; by groups, Zhao, Xiong & Krähenbühl,
    Binary Spherical Quantization, 2024, arXiv:2406.07548, section 3.3.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature is above 0; it is {temperature}")

    @term
    def corner_entropy(model: Any, trace: Trace) -> Tensor:
        x = replaced(trace)[0].squeeze(2)  # (b, p, w)
        logits = 4 * x / temperature
        p = torch.sigmoid(logits)
        each = p * F.softplus(-logits) + (1 - p) * F.softplus(logits)
        together = x.new_zeros(())
        for signs in p.flatten(0, 1).split(TOGETHER, 1):
            q = torch.ones_like(signs[:, :1])
            for sign in signs.split(1, 1):
                q = torch.cat([q * (1 - sign), q * sign], 1)  # (b p, 2, 4, … corners)
            share = q.mean(0)
            together = together - torch.xlogy(share, share).sum()
        return each.sum((1, 2)).mean() - x.shape[1] * together

    return corner_entropy


def replaced(trace: Trace) -> tuple[Tensor, Tensor]:
    """What was quantised, (b, p, 1, w), and by what, (b, p, s, w).

    Raises:
        ValueError: for a code that is not quantised.
    """
    extra = trace.code.extra
    if "nearest" not in extra:
        raise ValueError("this term needs a quantised code, such as Quantised(Codebook(128, 8), positions=8)")
    return extra["before"][:, :, None], extra["nearest"]
