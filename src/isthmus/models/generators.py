"""What autoencoders are compared with: nets that make rows and were not made to encode them.

Each is a `Learner` trained by the same loop on the same nets, and its `autoencoder` is the flow read from the
side that it has. A GAN has no encoder: it samples, and every task that reads a row says why it cannot. An
InfoGAN's encoder tells the part of the code it was told to keep, and zeros for the rest. A diffusion model
encodes by walking its own steps the other way, into a code as wide as the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..latents import Deterministic, Informed
from ..likelihoods import gaussian
from ..likelihoods.likelihood import REAL, Features
from ..model import Absent, Autoencoder, Learner, in_sight
from ..nets import mlps, size
from ..objective import Loss
from ..priors import Diffusion, timed
from ..recipes import Recipe, method
from ..terms import looks_real, noise_error, told
from ..trace import Batch, Code, Trace
from .games import BETAS, RowCritic, judged

SHARP = Recipe(gaussian, scale=0.1)  # a game ends at the mean; draws get little noise


@method
def gan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    critic: int = 128,
    slope: float = 1.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = SHARP,
) -> Generating:
    """Generative adversarial net: a decoder of prior draws against a critic of rows; there is no encoder.

        critic:   −log D(x) − log(1 − D(G(z))) + γ/2 ‖∇D(x)‖²;    decoder:  −log D(G(z))   (non-saturating)

    `slope` is γ, the R1 penalty; the first paper has none. The critic is a net like an encoder.

    Reference: Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, arXiv:1406.2661; R1: Mescheder,
    Geiger & Nowozin, Which Training Methods for GANs do actually Converge?, ICML 2018, arXiv:1801.04406.

    >>> gan(64, dim=8).autoencoder.sample(5).mean.shape
    torch.Size([5, 64])
    """
    explain = likelihood(features)
    body, decoder = nets(features, hidden, critic, dim, explain.width)
    latent = Deterministic(dim, matched=True)
    judge = RowCritic(nn.Sequential(body, nn.ReLU()), nn.Linear(critic, 1))
    return Generating(Autoencoder(Absent(), latent, decoder, explain, looks_real), judge, slope)


@method
def info_gan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    kinds: int = 10,
    continuous: int = 2,
    weight: float = 1.0,
    critic: int = 128,
    slope: float = 1.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = SHARP,
) -> Generating:
    """GAN that must keep part of its code readable: V(D, G) − λ L_I, L_I = E log Q(c | G(z, c)) + H(c).

    L_I is a lower bound of the mutual information of c and G(z, c). c is one of `kinds` and `continuous`
    numbers; `dim` is the noise beside it. Q is the encoder, with a net of its own: in the paper it shares the
    critic's layers, and here no two players share a parameter.

    Reference: Chen et al., InfoGAN, NeurIPS 2016, arXiv:1606.03657 (λ 1).
    """
    explain, latent = likelihood(features), Informed(kinds, continuous, dim)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    body, _ = nets(features, hidden, critic, dim, explain.width)
    judge = RowCritic(nn.Sequential(body, nn.ReLU()), nn.Linear(critic, 1))
    objective = looks_real + weight * told
    return Generating(Autoencoder(encoder, latent, decoder, explain, objective), judge, slope)


@method
def diffusion(
    features: Features,
    hidden: Sequence[int] = (256, 256),
    *,
    length: int = 1000,
    jumps: int = 50,
    net: Callable[..., Any] = timed,
    likelihood: Callable[..., Any] = SHARP,
) -> Denoising:
    """Denoising diffusion: E ‖ε − ε_θ(√ᾱ_t x + √(1 − ᾱ_t) ε, t)‖². Samples are walked out of noise.

    The code of a row is the noise that DDIM walks to, as wide as the row, and decoding walks back; `jumps`
    says in how many steps. Of the likelihood only the mean and the noise of draws are used, so it is one of
    real numbers; data should be near unit variance. `model.chain.bound(x)` is the ELBO.

    Reference: Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models, NeurIPS 2020, arXiv:2006.11239;
    Song, Meng & Ermon, Denoising Diffusion Implicit Models, ICLR 2021, arXiv:2010.02502.
    """
    explain = likelihood(features)
    if explain.width != features or explain.support is not REAL:
        raise ValueError(f"diffusion adds Gaussian noise to real numbers; {explain.name} explains others")
    chain, dim = Diffusion(net(features, hidden), features, length), size(features)
    there = Walked(chain, jumps)
    flow = there, Deterministic(dim, matched=True), Back(there, features)
    return Denoising(Autoencoder(*flow, explain, noise_error))


class Generating(Learner):
    """A decoder of prior draws against a critic of rows; an encoder, if there is one, reads what is made."""

    betas = BETAS

    def __init__(self, autoencoder: Autoencoder, critic: nn.Module, slope: float = 0.0):
        super().__init__()
        self.autoencoder, self.critic, self.slope = autoencoder, critic, slope

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"critic": self.critic.parameters(), "generator": self.autoencoder.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        with torch.no_grad():
            fake = self.made(batch, step).batch.input
        real = in_sight(batch.input, batch.context)
        yield "critic", judged(self.critic, [real], [fake], slope=self.slope)
        yield "generator", self.autoencoder.objective(self, self.made(batch, step))

    def made(self, batch: Batch, step: int) -> Trace:
        """The flow of as many rows from prior draws; what the batch's rows miss is hidden in them too."""
        z = self.autoencoder.latent.sample(len(batch.input))
        output = self.autoencoder.decode(z, **batch.context)
        rows = in_sight(output.mean, batch.context)
        return Trace(Batch(rows, rows, batch.context), None, Code(z), output, step)


class Denoising(Learner):
    """One player: a net that tells the noise in rows, at any step of a chain."""

    def __init__(self, autoencoder: Autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    @property
    def chain(self) -> Diffusion:
        """Where its net and the chances of its steps are."""
        there = self.autoencoder.encoder
        assert isinstance(there, Walked)
        return there.chain

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"denoiser": self.chain.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = Trace(batch, None, Code(batch.input), cast(Any, None), step)  # nothing is encoded or decoded
        yield "denoiser", self.autoencoder.objective(self, trace)


class Walked(nn.Module):
    """A diffusion's way from a row to noise, (b, *features) -> (b, d)."""

    def __init__(self, chain: Diffusion, jumps: int):
        super().__init__()
        chain.times(jumps)  # raises for a number of jumps that the chain has not
        self.chain, self.jumps = chain, jumps

    def forward(self, x: Tensor) -> Tensor:
        return self.chain.encoded(x, self.jumps).flatten(1)


class Back(nn.Module):
    """And back, (b, d) -> (b, *features)."""

    def __init__(self, there: Walked, features: Features):
        super().__init__()
        self.there = (there,)  # in a tuple: registered once, as the encoder
        self.shape = (features,) if isinstance(features, int) else tuple(features)

    def forward(self, z: Tensor) -> Tensor:
        (there,) = self.there
        return there.chain.walked(z.unflatten(1, self.shape), there.jumps)
