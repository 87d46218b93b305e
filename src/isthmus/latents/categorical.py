"""Codes that are choices, and the ways in which a gradient gets past a choice."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ..distributions import OneHots
from ..trace import Code, Stage
from .latent import Known

Gradient = Callable[[Tensor, float], Tensor]  # logits (..., c) and a temperature -> draws (..., c)


def hard_gumbel(logits: Tensor, temperature: float) -> Tensor:
    """A one-hot draw whose gradient is that of the relaxed one (Jang, Gu & Poole 2017, section 2.2).

    What the decoder sees is a code, so that the loss is the loss; the gradient is biased.
    """
    return F.gumbel_softmax(logits, temperature, hard=True)


def relaxed(logits: Tensor, temperature: float) -> Tensor:
    """softmax((logits + Gumbel noise) / τ), inside the simplex (Jang et al. 2017; Maddison et al. 2017).

    Its gradient is exact for what it computes, the loss at codes that are no codes: biased as τ grows, noisy
    as it falls. In eval() the latent draws true codes, and what is then reported is the loss of the model.
    """
    return F.gumbel_softmax(logits, temperature)


def unreparameterised(logits: Tensor, temperature: float) -> Tensor:
    """A one-hot draw without gradient, for a term that brings its own: `score_function`, `leave_one_out`."""
    return F.gumbel_softmax(logits.detach(), temperature, hard=True)


class Categorical(Known):
    """`variables` choices among `values` each, one-hot, against a uniform prior.

    The encoder delivers logits, (b, variables · values), and the code is as wide: a one-hot vector for each
    variable, drawn while training, the likeliest otherwise. `gradient` says how the encoder learns from a
    draw: `hard_gumbel`, `relaxed` or `unreparameterised`, the first two at a `temperature`. A code holds
    at most variables · log(values) nats, and its KL is in closed form.

    Reference: Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax, ICLR 2017,
    arXiv:1611.01144; Maddison, Mnih & Teh, The Concrete Distribution, ICLR 2017, arXiv:1611.00712.
    """

    uniform: Tensor

    def __init__(
        self, variables: int, values: int, gradient: Gradient = hard_gumbel, temperature: float = 1.0
    ):
        super().__init__()
        if variables < 1 or values < 2:
            raise ValueError(
                f"a choice is among two values or more, not {variables} variables of {values} values"
            )
        if not temperature > 0:
            raise ValueError(f"a temperature is above 0, not {temperature}")
        self.variables, self.values, self.gradient = variables, values, gradient
        self.temperature = temperature
        self.features = self.dim = variables * values
        self.bits = variables * math.log2(values)
        self.register_buffer("uniform", torch.zeros(variables, values), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        logits = features.unflatten(-1, (self.variables, self.values))  # (b, v, c)
        if noisy:
            z = (self.gradient if self.training else hard_gumbel)(logits, self.temperature)
        else:
            z = F.one_hot(logits.argmax(-1), self.values).to(logits)
        z = z.flatten(-2)
        return Code(z, (Stage(z, OneHots(logits), OneHots(self.uniform)),))

    def sample(self, n: int) -> Tensor:
        return OneHots(self.uniform).rsample((n,))

    def extra_repr(self) -> str:
        return f"variables={self.variables}, values={self.values}, gradient={self.gradient.__name__}"
