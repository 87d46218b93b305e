"""Autoencoders that learn from a task made out of the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..corruptions import hide_patches, masking_noise, two_views
from ..latents import Deterministic, Projected
from ..likelihoods.likelihood import REAL, Features
from ..model import Autoencoder, Given
from ..nets import PatchDecoder, VisibleEncoder, mlp, mlps
from ..recipes import method
from ..terms import hidden_reconstruction, info_nce, reconstruction
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
    reader = Given(encoder, optional=["hidden", "visible"])
    writer = Given(decoder, optional=["hidden"])
    latent, corrupt = Deterministic(encoder.width), hide_patches(patch, rate, normalised)
    return Autoencoder(reader, latent, writer, explain, hidden_reconstruction, corrupt)


@method
def contrastive_autoencoder(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 10.0,
    contrast: Callable[..., Any] = info_nce,
    noise: float = 0.3,
    corruption: Callable[..., Any] = masking_noise,
    projected: int = 64,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """−log p(x | z) + λ contrast(h(z), h(z')): z of one damaged view of a row, z' of another.

    `contrast` makes the term: `info_nce`, `barlow` or `vicreg`, or a `Recipe` of one. `corruption(noise)`
    makes the views, and says what codes need not tell: for pictures `shifts` with `noise=2`, say. h is a head
    of `projected` numbers with one hidden layer. With λ = 0 this is `denoising`.

    Reference: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020,
    arXiv:2002.05709; of tables, with damaged columns: Bahri et al., SCARF, ICLR 2022, arXiv:2106.15147.

    >>> contrastive_autoencoder(64, contrast=barlow).objective  # doctest: +SKIP
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    latent = Projected(Deterministic(dim), mlp(dim, projected, projected))
    objective = reconstruction + weight * contrast()
    return Autoencoder(encoder, latent, decoder, explain, objective, two_views(corruption(noise)))


@method
def contrastive_masked_autoencoder(
    features: Features,
    dim: int = 32,
    patch: int = 4,
    *,
    weight: float = 1.0,
    contrast: Callable[..., Any] = info_nce,
    noise: float = 0.3,
    corruption: Callable[..., Any] = masking_noise,
    projected: int = 64,
    masked: Callable[..., Any] = masked_autoencoder,
    likelihood: Callable[..., Any] = UNIT,
) -> Autoencoder:
    """Masked autoencoder whose summary of what is visible is held near that of a second view, read whole.

    −log p(x_hidden | z) + λ contrast(h(s), h(s')), s the first `dim` numbers of the code. `masked` may be a
    `Recipe` of `masked_autoencoder` with other sizes. The paper's second encoder is a running mean of the
    first and its views are shifted; here one encoder learns from both sides. λ = 1 is the paper's.

    Reference: Huang et al., Contrastive Masked Autoencoders are Stronger Vision Learners, 2022,
    arXiv:2207.13532.
    """
    model: Autoencoder = masked(features, dim, patch, likelihood=likelihood)
    assert model.corrupt is not None
    model.latent = Projected(model.latent, mlp(dim, projected, projected), reads=dim)
    model.objective = hidden_reconstruction + weight * contrast()
    model.corrupt = two_views(model.corrupt, corruption(noise))
    return model
