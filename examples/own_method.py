"""A method of one's own: a function marked `@method` that composes parts, and a term of one's own."""

import sys
from pathlib import Path

import numpy as np

from isthmus import Autoencoder, Embedder, Recipe, method, term
from isthmus.data import load
from isthmus.latents import Gaussian
from isthmus.likelihoods import gaussian
from isthmus.nets import mlps
from isthmus.terms import kl, reconstruction


@term
def smoothness(model, trace):
    """Σ_j (x̂_j+1 − x̂_j)²: neighbouring columns of the reconstruction shall not jump."""
    return trace.output.mean.diff(dim=-1).square().sum(-1)


@method
def smooth_vae(features, dim=4, hidden=(64,), *, weight=0.1, likelihood=gaussian):
    """A VAE whose reconstructions are smooth along the columns: −ELBO + λ Σ_j (x̂_j+1 − x̂_j)²."""
    explain = likelihood(features)
    encoder, decoder = mlps(features, hidden, 2 * dim, dim, explain.width)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, reconstruction + kl + weight * smoothness)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/smooth")
    x = load("digits").train.x
    for weight in (0.0, 10.0):
        embedder = Embedder(Recipe(smooth_vae, weight=weight), epochs=5, random_state=0).fit(x)
        roughness = np.square(np.diff(embedder.reconstruct(x))).sum(1).mean()
        print(f"{embedder.recipe_}: roughness {roughness:.1f}")
    embedder.save(folder)  # JSON and safetensors; only packages that you trust are looked up when it is read
    again = Embedder.load(folder, trusted=("__main__",))
    assert np.array_equal(again.transform(x), embedder.transform(x))
