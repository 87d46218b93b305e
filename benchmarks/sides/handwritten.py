"""One epoch of a VAE in a loop written by hand: what the same arithmetic costs with nothing around it."""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.worker import Work, serve
from benchmarks.workload import BATCH_SIZE, LEARNING_RATE, binary_data, decoder_layers, encoder_layers, size
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits


def prepare(rows: int, columns: int, hidden: int, dim: int, threads: int) -> tuple[dict[str, Any], Any]:
    torch.set_num_threads(threads)
    data, description = binary_data(rows, columns)

    def make_round(seed: int) -> Work:
        torch.manual_seed(seed)
        encoder, decoder = encoder_layers(columns, hidden, 2 * dim), decoder_layers(dim, hidden, columns)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        return lambda: {"loss": epoch(encoder, decoder, parameters, data), "samples": rows}

    both = nn.ModuleList([encoder_layers(columns, hidden, 2 * dim), decoder_layers(dim, hidden, columns)])
    return {"data": description, "parameters": size(both), "optimizer": "Adam, fused"}, make_round


def epoch(encoder: nn.Module, decoder: nn.Module, parameters: list[nn.Parameter], data: Tensor) -> float:
    """One pass over the data; the mean of the steps' losses, read once at the end."""
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
    losses = []
    for rows in torch.randperm(len(data)).split(BATCH_SIZE):
        x = data[rows]
        mu, log_variance = encoder(x).chunk(2, -1)
        z = mu + torch.randn_like(mu) * (0.5 * log_variance).exp()
        misfit = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        divergence = 0.5 * (mu.square() + log_variance.exp() - 1 - log_variance).sum()
        loss = (misfit + divergence) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


if __name__ == "__main__":
    serve(prepare)
