"""Methods from the literature, a function each: it chooses parts for the flow, or is a `Learner`."""

from .adversarial import Adversarial, aae, labelled_aae, semi_aae, wae_gan
from .games import bigan, vae_gan
from .generators import diffusion, gan, info_gan
from .plain import (
    autoencoder,
    contractive,
    denoising,
    linear,
    sparse_jump_relu,
    sparse_kl,
    sparse_l1,
    sparse_top_k,
    stacked,
    tied,
)
from .quantised import vq_vae
from .variational import beta_vae, capacity_vae, conditional_vae, iwae, linear_vae, vae
from .wasserstein import sliced_wae, wae_mmd

METHODS = {
    function.__name__: function
    for function in (
        linear,
        autoencoder,
        tied,
        stacked,
        denoising,
        sparse_l1,
        sparse_kl,
        sparse_top_k,
        sparse_jump_relu,
        contractive,
        vae,
        beta_vae,
        capacity_vae,
        conditional_vae,
        iwae,
        linear_vae,
        vq_vae,
        wae_gan,
        wae_mmd,
        sliced_wae,
        aae,
        labelled_aae,
        semi_aae,
        bigan,
        vae_gan,
    )
}

GENERATORS = {function.__name__: function for function in (gan, info_gan, diffusion)}  # for comparison

__all__ = ["GENERATORS", "METHODS", "Adversarial", *METHODS, *GENERATORS]
