"""Variational autoencoders that ask something of all codes together: independent axes, or the prior."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from torch import nn

from ..latents import Gaussian
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner
from ..nets import mlp, mlps
from ..objective import Loss
from ..recipes import Signed, method
from ..terms import decomposed_kl, density_ratio, dip, kl, mmd, rbf, reconstruction
from ..terms.disentanglement import permuted
from ..trace import Batch
from .adversarial import judging


@method
def beta_tcvae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    rows: int,
    beta: float = 6.0,
    stratified: bool = False,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + I(n; z) + β TC(z) + Σ_j KL(q(z_j) ‖ p(z_j)): β weighs only what axes say of one another.

    At β = 1 it is the VAE. `rows` is the number of training rows, which the estimate needs. By weighted
    sampling, as in the paper, the terms' values are shifted by multiples of log N; `stratified` is in nats.

    Reference: Chen, Li, Grosse & Duvenaud, Isolating Sources of Disentanglement in VAEs, NeurIPS 2018,
    arXiv:1802.04942 (β = 6 on dSprites).

    >>> beta_tcvae(64, rows=1797).objective
    reconstruction + mutual_information + 6.0 * total_correlation + dimensionwise_kl
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    information, correlation, rest = decomposed_kl(rows, stratified)
    objective = reconstruction + information + beta * correlation + rest
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)


@method
def factor_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    gamma: float = 35.0,
    critic: Sequence[int] = (128, 128),
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Factorised:
    """−log p(x|z) + KL + γ TC(z), the total correlation by a critic that knows codes from shuffled codes.

    The paper's critic has six layers of 1000 units; codes of few dimensions do with less.

    Reference: Kim & Mnih, Disentangling by Factorising, ICML 2018, algorithm 1, arXiv:1802.05983 (γ = 35 on
    dSprites).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = reconstruction + kl + gamma * density_ratio
    autoencoder = Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)
    return Factorised(autoencoder, mlp(dim, *critic, 1, activation=nn.LeakyReLU))


class Factorised(Learner):
    """An autoencoder whose codes a critic compares with the same codes, each dimension shuffled on its own.

    The paper shuffles a second batch; here it is the same one, in which a shuffled code meets itself once in
    b dimensions.
    """

    def __init__(self, autoencoder: Autoencoder, critic: nn.Module):
        super().__init__()
        self.autoencoder, self.critic = autoencoder, critic

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.autoencoder.parameters(), "critic": self.critic.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        z = trace.code.z.detach()
        yield "critic", judging(self.critic(z), self.critic(permuted(z)))
        yield "autoencoder", self.autoencoder.objective(self, trace)  # asks the critic that has just learned


@method
def dip_vae_i(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    off_diagonal: float = 10.0,
    diagonal: float = 100.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + KL + λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)², C the covariance of posterior means.

    Reference: Kumar, Sattigeri & Balakrishnan, Variational Inference of Disentangled Latent Concepts from
    Unlabeled Observations, ICLR 2018, equation 6, arXiv:1711.00848 (λ_d = 10 λ_od).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = reconstruction + kl + dip(off_diagonal, diagonal)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)


@method
def dip_vae_ii(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    off_diagonal: float = 10.0,
    diagonal: float = 10.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """As `dip_vae_i`, with C the covariance of codes: of their means, and the mean of their own variances.

    Reference: Kumar, Sattigeri & Balakrishnan, Variational Inference of Disentangled Latent Concepts from
    Unlabeled Observations, ICLR 2018, equation 7, arXiv:1711.00848 (λ_d = λ_od).
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = reconstruction + kl + dip(off_diagonal, diagonal, within=True)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)


@method
def info_vae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    alpha: Signed = 0.0,
    weight: float = 100.0,
    kernel: Callable[..., Any] = rbf,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """−log p(x|z) + (1 − α) KL(q(z|x) ‖ p) + (α + λ − 1) MMD²(q(z), p): all codes together match the prior.

    `weight` is λ. At α = 0, λ = 1 it is the VAE; at α = 1 what single rows cost is free ("MMD-VAE"). By `rbf`
    MMD² is a number below 2, which is why λ is large; but from a batch it is a noisy one, and a λ of 1000
    drowns likelihoods of few nats. `kernel` is `rbf` or `imq` of `isthmus.terms`.

    Reference: Zhao, Song & Ermon, InfoVAE: Balancing Learning and Inference in Variational Autoencoders, AAAI
    2019, equation 7, arXiv:1706.02262.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    objective = reconstruction + (1 - alpha) * kl + (alpha + weight - 1) * mmd(kernel)
    return Autoencoder(encoder, Gaussian(dim), decoder, explain, objective)
