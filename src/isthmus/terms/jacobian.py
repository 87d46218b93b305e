"""Maps that do not react to small changes of their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..distributions import full
from ..model import call
from ..objective import Term, term
from ..trace import Trace


def contraction(exact: bool = False, probes: int = 1) -> Term:
    """‖∂z/∂x‖²_F, the penalty of the contractive autoencoder (Rifai et al. 2011, eq. 4).

    Without `exact`, Hutchinson's estimate E_v ‖Jᵀv‖², v uniform in {−1, 1}^d: unbiased, one backward pass a
    probe. With it one backward pass a code dimension. z is the mean code, its activation included. An untied
    decoder can undo any contraction by growing as the encoder shrinks: tie the weights, as the paper does.
    """
    _some(probes)

    @term
    def contraction(model: Any, trace: Trace) -> Tensor:
        return squared_jacobian(lambda x: _code(model, trace, x), trace.batch.input, exact, probes)

    return contraction


def decoder_contraction(exact: bool = False, probes: int = 1) -> Term:
    """‖∂x̂/∂z‖²_F at the code, x̂ the mean output: a decoder that does not react to small changes of its code.

    The gradient penalty of the regularised autoencoder (Ghosh et al. 2020, section 3, arXiv:1903.12436). By
    itself it is evaded by codes that grow: penalise their size too. `exact` and `probes` as in `contraction`.
    """
    _some(probes)

    @term
    def decoder_contraction(model: Any, trace: Trace) -> Tensor:
        context = trace.batch.context
        return squared_jacobian(lambda z: model.decode(z, **context).mean, trace.code.z, exact, probes)

    return decoder_contraction


def reconstruction_contraction(exact: bool = False, probes: int = 1) -> Term:
    """‖∂x̂/∂x‖²_F, of encoder and decoder together: the reconstruction contractive autoencoder.

    Scales cannot evade it, as they can the Jacobians of the halves. The error plus σ² times it is what small
    Gaussian noise of deviation σ does to a denoiser near the data (Alain & Bengio 2014, theorem 1,
    arXiv:1211.4246). `exact` and `probes` as in `contraction`.
    """
    _some(probes)

    @term
    def reconstruction_contraction(model: Any, trace: Trace) -> Tensor:
        def seen(x: Tensor) -> Tensor:
            mean: Tensor = model.decode(_code(model, trace, x), **trace.batch.context).mean
            return mean

        return squared_jacobian(seen, trace.batch.input, exact, probes)

    return reconstruction_contraction


def squared_jacobian(function: Callable[[Tensor], Tensor], x: Tensor, exact: bool, probes: int) -> Tensor:
    """‖∂f/∂x‖²_F of each row, (b,), of a function of rows alone; see `contraction`."""
    with torch.enable_grad():  # also where the loss is only read, on held-out data
        x = x.detach().requires_grad_()
        y = function(x).flatten(1)  # (b, d)
        if exact:
            one_hot = torch.eye(y.shape[1], dtype=y.dtype, device=y.device)  # (d, d)
            directions = one_hot[:, None].expand(-1, *y.shape)  # (d, b, d)
        else:
            directions = torch.randint(0, 2, (probes, *y.shape), device=y.device).to(y) * 2 - 1
        rows = [torch.autograd.grad(y, x, v, create_graph=True)[0] for v in directions]
        squares = torch.stack([row.flatten(1).square().sum(1) for row in rows])  # (probes or d, b)
    return squares.sum(0) if exact else squares.mean(0)


def _code(model: Any, trace: Trace, x: Tensor) -> Tensor:
    z: Tensor = model.latent(full(call(model.encoder, x, trace.batch.context)), False).z  # (b, d)
    return z


def _some(probes: int) -> None:
    if probes < 1:
        raise ValueError(f"at least one probe is needed, not {probes}")
