"""Methods from the literature, a function each: it chooses parts for the flow, or is a `Learner`."""

from .adversarial import Adversarial, aae, labelled_aae, semi_aae, wae_gan
from .bounds import ciwae, iwae, miwae
from .choices import categorical_vae, reinforce_vae
from .densities import flow_vae, hyperspherical_vae, iaf_vae, mixture_vae, vamp_vae
from .disentangled import Factorised, beta_tcvae, dip_vae_i, dip_vae_ii, factor_vae, info_vae
from .energy import ebgan, nae
from .ex_post import ex_post, fit_prior
from .games import bigan, vae_gan
from .generators import diffusion, gan, info_gan
from .hierarchical import hierarchical_vae, ladder_vae, top_down_vae
from .invertible import flow, invertible
from .ladder import LadderNetwork, gamma_model, ladder_network
from .plain import autoencoder, denoising, linear, stacked, tied
from .quantised import fsq, lfq, product_vq_vae, residual_vq_vae, vq_vae, vq_vae_2
from .regularised import contractive, jacobian, orthogonal, rae_gp, rae_l2, rae_sn, variational_dropout
from .remedies import capacity_vae, cyclical_vae, delta_vae, eased, skip_vae
from .resampled import Resampled, sparse_resampled
from .self_supervised import contrastive_autoencoder, contrastive_masked_autoencoder, masked_autoencoder
from .semi_supervised import m2
from .sparse import (
    matryoshka,
    sparse_batch_top_k,
    sparse_gated,
    sparse_jump_relu,
    sparse_kl,
    sparse_l1,
    sparse_top_k,
)
from .variational import beta_vae, conditional_vae, linear_vae, vae
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
        cyclical_vae,
        delta_vae,
        skip_vae,
        eased,
        conditional_vae,
        iwae,
        miwae,
        ciwae,
        linear_vae,
        mixture_vae,
        vamp_vae,
        flow_vae,
        iaf_vae,
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
        m2,
        vq_vae,
        residual_vq_vae,
        product_vq_vae,
        fsq,
        lfq,
        vq_vae_2,
        wae_gan,
        wae_mmd,
        sliced_wae,
        aae,
        labelled_aae,
        semi_aae,
        bigan,
        vae_gan,
        ebgan,
        nae,
        masked_autoencoder,
        contrastive_autoencoder,
        contrastive_masked_autoencoder,
    )
}

ALSO_CALLED = {  # what people type for a method, where the nearest name would be another one
    "ae": "autoencoder",
    "pca": "linear",
    "dae": "denoising",
    "sae": "sparse_l1",
    "sparse": "sparse_l1",
    "top_k": "sparse_top_k",
    "cae": "contractive",
    "cvae": "conditional_vae",
    "wae": "wae_mmd",
    "rae": "rae_l2",
    "iaf": "iaf_vae",
    "mae": "masked_autoencoder",
    "ali": "bigan",
    "dip_vae": "dip_vae_i",
    "tcvae": "beta_tcvae",
    "vqvae": "vq_vae",
    "nvae": "top_down_vae",
    "vdvae": "top_down_vae",
}

GENERATORS = {function.__name__: function for function in (gan, info_gan, diffusion)}  # for comparison

NAMED = {**METHODS, **GENERATORS}  # all that goes by a name

__all__ = [
    "Adversarial",
    "Factorised",
    "GENERATORS",
    "LadderNetwork",
    "METHODS",
    "NAMED",
    "Resampled",
    "fit_prior",
    *METHODS,
    *GENERATORS,
]
