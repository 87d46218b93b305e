"""Autoencoders that learn from a task made out of the rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..corruptions import hide_patches
from ..latents import Deterministic
from ..likelihoods.likelihood import REAL, Features
from ..model import Autoencoder, Given
from ..nets import PatchDecoder, VisibleEncoder
from ..recipes import method
from ..terms import hidden_reconstruction
from .plain import UNIT


@method
def masked_autoencoder(
    features: Features,
    dim: int = 32,
    patch: int = 4,
    *,
    rate: float = 0.75,
    depth: int = 4,
    heads: int = 4,
    width: int = 32,
    decoder_depth: int = 2,
    normalised: bool = False,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Masked autoencoder: −log p(x_hidden | f(x_visible)), f a transformer that sees visible patches only.

    The code is `dim` numbers that sum up the row, then `dim` for each patch, zeros while it is hidden. Three
    quarters are hidden in training and none afterwards, so that codes are for use, and a reconstruction of
    what was read is nothing that was trained. Patches are `patch` wide squares of pictures and runs of the
    columns of flat rows. `normalised` explains each patch in its own units, for codes alone: pictures of what
    the model says then know no brightness, and are not given the original's.

    The paper's ViT-B has dim 768, depth 12 and 12 heads, its decoder width 512 and depth 8; these are for
    small pictures. The rate, the loss on hidden patches only and the narrow decoder are the paper's.

    Reference: He, Chen, Xie, Li, Dollár & Girshick, Masked Autoencoders Are Scalable Vision Learners, CVPR
    2022, arXiv:2111.06377.
    """
    explain = likelihood(features)
    if normalised and explain.support is not REAL:
        raise ValueError(f"a normalised patch is of real numbers, and {explain.name} explains others")
    encoder = VisibleEncoder(features, patch, dim, depth, heads)
    decoder = PatchDecoder(features, explain.width, patch, dim, width, decoder_depth, heads)
    reader, writer = Given(encoder, optional=["hidden"]), Given(decoder, optional=["hidden"])
    latent, corrupt = Deterministic(encoder.width), hide_patches(patch, rate, normalised)
    return Autoencoder(reader, latent, writer, explain, hidden_reconstruction, corrupt)
