"""Methods from the literature, a function each: it chooses parts for the flow, or is a `Learner`."""

from .adversarial import Adversarial, wae_gan
from .densities import flow_vae, hyperspherical_vae, mixture_vae, vamp_vae
from .disentangled import Factorised, beta_tcvae, dip_vae_i, dip_vae_ii, factor_vae, info_vae
from .ex_post import ex_post, fit_prior
from .hierarchical import hierarchical_vae, ladder_vae, top_down_vae
from .invertible import flow, invertible
from .ladder import LadderNetwork, gamma_model, ladder_network
from .plain import autoencoder, denoising, linear, stacked, tied
from .quantised import fsq, lfq, product_vq_vae, residual_vq_vae, vq_vae, vq_vae_2
from .regularised import contractive
from .sparse import sparse_jump_relu, sparse_kl, sparse_l1, sparse_top_k
from .variational import (
    beta_vae,
    capacity_vae,
    categorical_vae,
    ciwae,
    conditional_vae,
    cyclical_vae,
    delta_vae,
    iwae,
    linear_vae,
    miwae,
    reinforce_vae,
    skip_vae,
    vae,
)

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
        cyclical_vae,
        delta_vae,
        skip_vae,
        conditional_vae,
        iwae,
        miwae,
        ciwae,
        linear_vae,
        mixture_vae,
        vamp_vae,
        flow_vae,
        hyperspherical_vae,
        ladder_vae,
        hierarchical_vae,
        top_down_vae,
        ex_post,
        flow,
        invertible,
        ladder_network,
        gamma_model,
        beta_tcvae,
        factor_vae,
        dip_vae_i,
        dip_vae_ii,
        info_vae,
        categorical_vae,
        reinforce_vae,
        vq_vae,
        residual_vq_vae,
        product_vq_vae,
        fsq,
        lfq,
        vq_vae_2,
        wae_gan,
    )
}

__all__ = ["Adversarial", "Factorised", "METHODS", "LadderNetwork", "fit_prior", *METHODS]
