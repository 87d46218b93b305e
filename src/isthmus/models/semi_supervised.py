"""Autoencoders that learn a class from few labels, and from all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..corruptions import gaussian_noise
from ..latents import Labelled
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Given
from ..nets import Beside, Joined, Relabelled, WithLabel, mlps
from ..nets.dense import checked
from ..recipes import method
from ..terms import classification, marginalised


@method
def m2(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    classes: int = 10,
    rows: int = 1,
    labelled: int = 1,
    alpha: float = 3.0,
    noise: float = 0.0,
    corruption: Callable[..., Any] = gaussian_noise,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """p(x | z, y) with the class y known for some rows and summed over for others, and α CE(y, q(y | x)).

    Context: `labels` (b,), whole numbers below `classes`, −1 where unknown. `labelled` of the `rows` have
    one. The code is [z, y], so that a class can be exchanged and the style kept.

    q(y | x) and q(z | x, y) are nets of their own, and the class joins the last hidden layer of the latter.
    `corruption(noise)` is done to rows before they are read: of pictures, `shifts` without the target, say.

    M1 is a `vae` and any classifier of its codes; M1+M2 this method on the codes of a `vae`, a pipeline of
    two embedders. The paper's α is 0.1 for a mean over rows, of which one in 500 has a label: each counts 50
    fold. Where more have one, that much needs a larger α, or classes are what rows fall into; hence 3.

    Reference: Kingma, Rezende, Mohamed & Welling, Semi-Supervised Learning with Deep Generative Models,
    NeurIPS 2014, model M2, arXiv:1406.5298.
    """
    if not checked(hidden):
        raise ValueError("m2 needs a hidden layer, where what it reads and the class meet; hidden is empty")
    explain, (*below, width) = likelihood(features), hidden
    encoder, _ = nets(features, below, width, dim + classes, explain.width)
    classifier, decoder = nets(features, hidden, classes, dim + classes, explain.width)
    latent = Labelled(dim, classes, Joined(width, classes, 2 * dim), width)
    objective = marginalised + alpha * classification(labelled / rows)
    reader = Given(WithLabel(Beside(encoder, classifier), classes), "labels")
    writer = Given(Relabelled(decoder, classes), "labels")
    return Autoencoder(reader, latent, writer, explain, objective, corruption(noise) if noise else None)
