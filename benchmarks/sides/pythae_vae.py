"""One epoch of pythae's own VAE in its own `BaseTrainer`, with its progress bar, log and checkpoints off.

Measured is `BaseTrainer.train_step`, the epoch alone: not the trainer's construction, its sanity check, the
copy of the best model or the final save. The layers are those of the other sides, with a sigmoid after the
last, which `reconstruction_loss="bce"` needs. Arguments of the optimiser go through pythae's configuration.
"""

from __future__ import annotations

import logging
import tempfile
from typing import Any

import torch
from benchmarks.worker import Work, serve
from benchmarks.workload import BATCH_SIZE, LEARNING_RATE, binary_data, decoder_layers, encoder_layers, size
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import CallbackHandler
from torch import Tensor, nn


class Encoder(BaseEncoder):
    def __init__(self, columns: int, hidden: int, dim: int):
        super().__init__()
        self.layers = encoder_layers(columns, hidden, 2 * dim)

    def forward(self, x: Tensor) -> ModelOutput:
        mu, log_variance = self.layers(x).chunk(2, -1)
        return ModelOutput(embedding=mu, log_covariance=log_variance)


class Decoder(BaseDecoder):
    def __init__(self, columns: int, hidden: int, dim: int):
        super().__init__()
        self.layers = nn.Sequential(decoder_layers(dim, hidden, columns), nn.Sigmoid())

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


def prepare(
    rows: int, columns: int, hidden: int, dim: int, threads: int, optimizer: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Any]:
    torch.set_num_threads(threads)
    logging.disable(logging.INFO)
    data, description = binary_data(rows, columns)
    dataset = BaseDataset(data, torch.zeros(rows))
    folder = tempfile.TemporaryDirectory()

    def model() -> VAE:
        config = VAEConfig(input_dim=(columns,), latent_dim=dim, reconstruction_loss="bce")
        return VAE(config, encoder=Encoder(columns, hidden, dim), decoder=Decoder(columns, hidden, dim))

    def make_round(seed: int) -> Work:
        torch.manual_seed(seed)
        config = BaseTrainerConfig(
            output_dir=folder.name,
            per_device_train_batch_size=BATCH_SIZE,
            num_epochs=1,
            learning_rate=LEARNING_RATE,
            optimizer_params=optimizer,
            seed=seed,
        )
        trainer = BaseTrainer(model(), dataset, training_config=config)
        trainer.prepare_training()
        trainer.callback_handler = CallbackHandler(
            [], trainer.model
        )  # without the progress bar of every step
        return lambda: {"loss": trainer.train_step(1), "samples": rows}

    told = f"Adam, {optimizer}" if optimizer else "Adam, pythae's default"
    return {"data": description, "parameters": size(model()), "optimizer": told}, make_round


if __name__ == "__main__":
    serve(prepare)
