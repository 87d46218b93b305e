"""Codes for rows of a table, by the estimator: fit, embed, look for odd rows, fill gaps, save, load."""

import sys
from pathlib import Path

import numpy as np

from isthmus import Embedder
from isthmus.baselines import beside
from isthmus.data import load

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/embedder")
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else "auto"
digits = load("digits")
x_train, x_test = digits.train.x, digits.test.x  # (1438, 64) and (359, 64)

embedder = Embedder("vae", dim=16, scaling="whole", epochs=epochs, random_state=0)
z = embedder.fit_transform(x_train)
print("codes", z.shape, *embedder.notes_, sep="\n  ")
print(beside(x_train, x_test, 16, embedder.reconstruct(x_test), "the VAE", "digits"))

odd = embedder.score_samples(x_test).argsort()[:5]
print("the five digits that surprise it most:", odd)

gaps = x_test.copy()
gaps[:, 20:28] = np.nan
print("mean error of what it fills in:", np.abs(embedder.impute(gaps) - x_test)[:, 20:28].mean())

embedder.save(folder)
assert np.array_equal(Embedder.load(folder).transform(x_train), z)
print("new digits:", embedder.sample(3, random_state=0).round().astype(int)[:, :8], sep="\n")
