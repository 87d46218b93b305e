"""Maps that do not react to small changes of their input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..model import call, full
from ..objective import Term, term
from ..trace import Trace


def contraction(exact: bool = False, probes: int = 1) -> Term:
    """‖∂z/∂x‖²_F, the penalty of the contractive autoencoder (Rifai et al. 2011, eq. 4).

    Without `exact`, Hutchinson's estimate E_v ‖Jᵀv‖², v uniform in {−1, 1}^d: unbiased, one backward pass a
    probe. With it one backward pass a code dimension. z is the mean code, its activation included. An untied
    decoder can undo any contraction by growing as the encoder shrinks: tie the weights, as the paper does.
    """
    if probes < 1:
        raise ValueError(f"at least one probe is needed, not {probes}")

    @term
    def contraction(model: Any, trace: Trace) -> Tensor:
        with torch.enable_grad():  # also where the loss is only read, on held-out data
            x = trace.batch.input.detach().requires_grad_()
            z = model.latent(full(call(model.encoder, x, trace.batch.context)), False).z  # (b, d)
            if exact:
                one_hot = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)  # (d, d)
                directions = one_hot[:, None].expand(-1, *z.shape)  # (d, b, d)
            else:
                directions = torch.randint(0, 2, (probes, *z.shape), device=z.device).to(z) * 2 - 1
            rows = [torch.autograd.grad(z, x, v, create_graph=True)[0] for v in directions]
            squares = torch.stack([row.flatten(1).square().sum(1) for row in rows])  # (probes or d, b)
        return squares.sum(0) if exact else squares.mean(0)

    return contraction
