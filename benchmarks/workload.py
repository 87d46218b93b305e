"""The data and the network that every side of the training cases uses; torch and numpy only."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LEARNING_RATE = 1e-3
BATCH_SIZE = 128


def binary_data(rows: int, columns: int) -> tuple[Tensor, dict[str, Any]]:
    """(rows, columns) of zeros and ones in float32, and a description that both sides must agree on.

    60 000 × 784 is MNIST's training set, a pixel above 127 being one, where `ISTHMUS_DATA` holds it; else,
    and in every other shape, Bernoulli draws whose log-odds come from eight hidden factors.
    """
    images = Path(os.environ.get("ISTHMUS_DATA", ""), "mnist", "train-images-idx3-ubyte.gz")
    if (rows, columns) == (60_000, 784) and "ISTHMUS_DATA" in os.environ and images.is_file():
        name = "MNIST training images, above 127"
        x = (
            np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(rows, columns)
            > 127
        )
    else:
        name = "synthetic: Bernoulli, log-odds of eight factors, seed 0"
        draw = np.random.default_rng(0)
        factors, loadings = draw.standard_normal((rows, 8)), draw.standard_normal((8, columns))
        x = draw.random((rows, columns)) < 1 / (1 + np.exp(-(factors @ loadings)))
    bits = np.ascontiguousarray(x, np.uint8)
    description = {
        "name": name,
        "shape": [rows, columns],
        "sha256": hashlib.sha256(bits.tobytes()).hexdigest(),
    }
    return torch.from_numpy(bits).float(), description


def encoder_layers(columns: int, hidden: int, width: int) -> nn.Sequential:
    """columns → hidden ReLU → width."""
    return nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, width))


def decoder_layers(dim: int, hidden: int, columns: int) -> nn.Sequential:
    """dim → hidden ReLU → columns, logits."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, columns))


def size(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in model.parameters())
