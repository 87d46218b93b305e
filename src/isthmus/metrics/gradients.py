"""How strongly a loss pulls at each layer."""

from __future__ import annotations

import copy
from typing import Any

import torch

from ..model import Learner
from ..randomness import seeded
from .passes import Rows, batches


def gradient_norms(model: Learner, rows: Rows, seed: int = 0) -> dict[str, float]:
    """‖∂L/∂W‖ of every weight matrix or kernel, by name and in the order of use, over one batch of all rows.

    Where the norms fall by powers of ten towards the input, what is far from the loss does not learn: the
    vanishing gradient (Hochreiter 1991; Glorot & Bengio 2010). They are those of training, noise and batch
    statistics included, on a copy: neither weights nor gradients nor running means of the model change.
    Adam divides by them and hides their size; plain gradient descent does not. Where several players move a
    matrix it is the largest.

    Args:
        rows: as of `log_likelihood`; few hundred are plenty.
        seed: of the noise.
    """
    judged = copy.deepcopy(model).train()
    judged.zero_grad()
    players = {name: list(parameters) for name, parameters in judged.players().items()}
    whole = next(iter(batches(rows, judged.autoencoder, size=2**31)))
    found: dict[Any, float] = {}
    with seeded(seed, judged.autoencoder.device):
        for player, loss in judged.losses(whole, 0):
            own = [p for p in players[player] if p.requires_grad]
            pulls = torch.autograd.grad(loss.total, own, retain_graph=True, allow_unused=True)
            norms = [0.0 if pull is None else float(pull.norm()) for pull in pulls]
            found |= {p: max(norm, found.get(p, 0.0)) for p, norm in zip(own, norms)}
    return {name: found[p] for name, p in judged.named_parameters() if p.dim() > 1 and p in found}
