"""A VAE out of its parts, trained by `fit`, and in a loop of one's own: both end at the same weights."""

import sys

import torch
from torch import nn

from isthmus import Autoencoder, evaluate, fit, seeded, train
from isthmus.data import Rows, batches, epoch_order, load
from isthmus.latents import Gaussian
from isthmus.likelihoods import gaussian
from isthmus.terms import kl, reconstruction, warmup

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
digits = load("digits")
rows, held_out = (Rows(torch.as_tensor(part.x) / 16) for part in (digits.train, digits.test))


def build() -> Autoencoder:
    with seeded(0):
        return Autoencoder(
            encoder=nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 2 * 8)),
            latent=Gaussian(8),
            decoder=nn.Sequential(nn.Linear(8, 128), nn.SiLU(), nn.Linear(128, 64)),
            likelihood=gaussian(64),
            objective=reconstruction + warmup(200) * kl,
        )


fitted = build()
history = fit(fitted, rows, epochs=EPOCHS, held_out=held_out)
print(fitted.objective, "by fit:", history.records[-1]["held_out"])

own = build()
steps = (b for epoch in range(EPOCHS) for b in batches(rows, 128, order=epoch_order(len(rows), 0, epoch)))
for report in train(own, steps):
    if report.step % 100 == 0:
        print(f"step {report.step:4}  {report.loss}")
print("by the loop:", evaluate(own, held_out))
assert all(torch.allclose(a, b) for a, b in zip(fitted.parameters(), own.parameters()))
