"""The arithmetic of that epoch alone: gradients written out, no autograd, no module, a fused Adam at the end.

What no library that trains this net with these products can go below; a test of the gradients is its loss.
"""

from __future__ import annotations

from typing import Any

import torch
from benchmarks.worker import Work, serve
from benchmarks.workload import BATCH_SIZE, LEARNING_RATE, binary_data, decoder_layers, encoder_layers, size
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear


def prepare(rows: int, columns: int, hidden: int, dim: int, threads: int) -> tuple[dict[str, Any], Any]:
    torch.set_num_threads(threads)
    data, description = binary_data(rows, columns)

    def layers() -> nn.ModuleList:
        return nn.ModuleList([encoder_layers(columns, hidden, 2 * dim), decoder_layers(dim, hidden, columns)])

    def make_round(seed: int) -> Work:
        torch.manual_seed(seed)
        parameters = list(layers().parameters())
        return lambda: {"loss": epoch(parameters, data), "samples": rows}

    return {"data": description, "parameters": size(layers()), "optimizer": "Adam, fused"}, make_round


@torch.no_grad()
def epoch(parameters: list[nn.Parameter], data: Tensor) -> float:
    """One pass over the data; the mean of the steps' losses, read once at the end."""
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
    w1, b1, w2, b2, w3, b3, w4, b4 = parameters
    losses = []
    for rows in torch.randperm(len(data)).split(BATCH_SIZE):
        x = data.index_select(0, rows)
        h1 = linear(x, w1, b1).relu_()
        mu, log_variance = linear(h1, w2, b2).chunk(2, -1)
        noise, deviation = torch.randn_like(mu), (0.5 * log_variance).exp()
        z = torch.addcmul(mu, noise, deviation)
        h2 = linear(z, w3, b3).relu_()
        logits = linear(h2, w4, b4)
        misfit = binary_cross_entropy_with_logits(logits, x, reduction="sum")
        divergence = 0.5 * (mu.square() + deviation.square() - 1 - log_variance).sum()
        losses.append((misfit + divergence) / len(x))

        d_logits = torch.sigmoid(logits).sub_(x).div_(len(x))
        d_h2 = (d_logits @ w4).mul_(h2 > 0)
        d_z = d_h2 @ w3
        d_mu = d_z + mu / len(x)
        d_log_variance = 0.5 * (d_z * noise * deviation + (deviation.square() - 1) / len(x))
        d_code = torch.cat([d_mu, d_log_variance], 1)
        d_h1 = (d_code @ w2).mul_(h1 > 0)
        gradients = (
            *(d_h1.T @ x, d_h1.sum(0), d_code.T @ h1, d_code.sum(0)),
            *(d_h2.T @ z, d_h2.sum(0), d_logits.T @ h2, d_logits.sum(0)),
        )
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        optimizer.step()
    return torch.stack(losses).mean().item()


if __name__ == "__main__":
    serve(prepare)
