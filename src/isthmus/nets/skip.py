"""Decoders that are reminded of the code at every layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..likelihoods.likelihood import Features
from .dense import checked, mlp, size
from .initialise import initialise


def skips(
    features: Features,
    hidden: Sequence[int],
    coded: int,
    dim: int,
    explained: Features,
    activation: type[nn.Module] = nn.ReLU,
) -> tuple[nn.Module, nn.Module]:
    """The encoder of `mlps`, and a decoder whose every hidden layer sees the code too.

        h_l = f(W_l h_{l−1} + U_l z),   x̂ = W h_L + U z

    What h lost of z on the way it finds again, so that more of the code is used: among the remedies for
    posterior collapse the one that changes neither the objective nor the posterior.

    Reference: Dieng, Kim, Rush & Blei, Avoiding Latent Variable Collapse with Generative Skip Models, AISTATS
    2019, section 3, arXiv:1807.04863.
    """
    hidden = checked(hidden)
    encoder = mlp(size(features), *hidden, coded, activation=activation)
    if not isinstance(features, int):
        encoder.insert(0, nn.Flatten())
    decoder = nn.Sequential(Skip(dim, tuple(reversed(hidden)), size(explained), activation))
    if not isinstance(explained, int):
        decoder.append(nn.Unflatten(1, explained))
    return encoder, decoder


class Skip(nn.Module):
    """An mlp whose layers, all but the first, read [h, z]."""

    def __init__(self, dim: int, hidden: Sequence[int], out: int, activation: type[nn.Module]):
        super().__init__()
        widths = [0, *hidden]  # before the first layer there is only z
        self.layers = nn.ModuleList(
            initialise(nn.Linear(before + dim, after), activation) for before, after in zip(widths, hidden)
        )
        self.last = initialise(nn.Linear(widths[-1] + dim, out), None)
        self.activation = activation()

    def forward(self, z: Tensor) -> Tensor:
        h = z[:, :0]
        for layer in self.layers:
            h = self.activation(layer(torch.cat([h, z], 1)))
        out: Tensor = self.last(torch.cat([h, z], 1))
        return out
