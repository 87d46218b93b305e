"""Greedy layer-wise pretraining."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..corruptions import gaussian_noise
from ..data import Rows
from ..latents import Deterministic
from ..likelihoods import gaussian
from ..objective import Term
from ..terms import squared_error

if TYPE_CHECKING:
    from ..model import Autoencoder

CHUNK = 8192  # rows a pass


def greedy(epochs: int, noise: float) -> Callable[[Autoencoder, Rows, int], None]:
    """Train each layer of a mirrored mlp, from the outermost in, to denoise the codes that reach it.

    Bengio et al. 2007; with noise, Vincent et al. 2010, section 3.3. Layers stay in place: what is trained
    here is what fine-tuning starts from.
    """

    def prepare(model: Autoencoder, rows: Rows, seed: int) -> None:
        from .fitting import fit  # fit calls this function's product

        objective: Term = squared_error
        seen = {name: part for name, part in rows.context.items() if name == "observed"}
        encoders, decoders = _layers(model.encoder), list(reversed(_layers(model.decoder)))
        if not isinstance(rows, Rows):
            raise ValueError("greedy pretraining needs rows in memory: give an array or a tensor")
        codes = rows.input.flatten(1)  # pictures as the encoder lays them out
        for level, (encode, decode) in enumerate(zip(encoders, decoders)):
            outermost = level == 0
            layer = type(model)(
                encode,
                Deterministic(_linear(encode).out_features),
                # the mirror ends in its neighbour's activation, but what it explains is this layer's input
                _linear(decode) if outermost else nn.Sequential(_linear(decode), encoders[level - 1][-1]),
                gaussian(_linear(encode).in_features, scale=1.0),
                objective,
                gaussian_noise(noise),
            )
            # codes miss nothing, even where their input did
            context = {name: part.flatten(1) for name, part in seen.items()} if outermost else {}
            fit(layer, Rows(codes, **context), epochs=epochs, seed=seed + level + 1, progress=False)
            with torch.no_grad():
                layer.eval()
                parts = (layer.encode(part.to(layer.device)).z for part in codes.split(CHUNK))
                codes = torch.cat([part.to(codes.device) for part in parts])  # they may not fit beside it all

    return prepare


def _layers(net: nn.Module) -> list[nn.Sequential]:
    """An mlp cut before every linear layer."""
    layers: list[nn.Sequential] = []
    for module in net.children():
        if isinstance(module, nn.Linear):
            layers.append(nn.Sequential(module))
        elif layers:
            layers[-1].append(module)
    return layers


def _linear(layer: nn.Sequential) -> nn.Linear:
    linear = layer[0]
    assert isinstance(linear, nn.Linear)
    return linear
