"""Methods from the literature, a function each: it chooses parts for the flow, or is a `Learner`."""

from .adversarial import Adversarial, wae_gan
from .plain import autoencoder, denoising, linear, stacked, tied
from .quantised import vq_vae
from .regularised import contractive, jacobian, orthogonal, rae_gp, rae_l2, rae_sn, variational_dropout
from .resampled import Resampled, sparse_resampled
from .sparse import (
    matryoshka,
    sparse_batch_top_k,
    sparse_gated,
    sparse_jump_relu,
    sparse_kl,
    sparse_l1,
    sparse_top_k,
)
from .variational import beta_vae, capacity_vae, conditional_vae, iwae, linear_vae, vae

METHODS = {
    function.__name__: function
    for function in (
        linear,
        autoencoder,
        tied,
        stacked,
        denoising,
        sparse_l1,
        sparse_resampled,
        sparse_kl,
        sparse_top_k,
        sparse_batch_top_k,
        matryoshka,
        sparse_gated,
        sparse_jump_relu,
        contractive,
        jacobian,
        orthogonal,
        rae_l2,
        rae_gp,
        rae_sn,
        variational_dropout,
        vae,
        beta_vae,
        capacity_vae,
        conditional_vae,
        iwae,
        linear_vae,
        vq_vae,
        wae_gan,
    )
}

__all__ = ["METHODS", "Adversarial", "Resampled", *METHODS]
