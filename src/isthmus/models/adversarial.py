"""Two players: an autoencoder, and a critic that judges its codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from ..latents import Deterministic
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner
from ..nets import mlp, mlps
from ..objective import Loss
from ..recipes import method
from ..terms import fooling, reconstruction
from ..trace import Batch
from .plain import UNIT


@method
def wae_gan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 10.0,
    critic: Sequence[int] = (128, 128),
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Adversarial:
    """Wasserstein autoencoder with an adversarial penalty: cost(x, g(z)) + λ D_GAN(q(z), p(z)).

    Codes are deterministic; a critic learns to tell them from prior draws, and the encoder to fool it.

    Reference: Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018, algorithm 1, arXiv:1711.01558.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + weight * fooling
    autoencoder = Autoencoder(encoder, Deterministic(dim, matched=True), decoder, explain, objective)
    return Adversarial(autoencoder, mlp(dim, *critic, 1))


class Adversarial(Learner):
    """An autoencoder whose codes a critic compares with draws from the prior."""

    def __init__(self, autoencoder: Autoencoder, critic: nn.Module):
        super().__init__()
        self.autoencoder, self.critic = autoencoder, critic

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.autoencoder.parameters(), "critic": self.critic.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        z = trace.code.z.detach()
        yield "critic", judging(self.critic(self.autoencoder.latent.sample(len(z))), self.critic(z))
        yield "autoencoder", self.autoencoder.objective(self, trace)  # asks the critic that has just learned


def judging(real: Tensor, fake: Tensor) -> Loss:
    """The critic's loss: −log D(real) − log(1 − D(fake)), from logits (Goodfellow et al. 2014)."""
    return Loss(
        {"real": F.softplus(-real).flatten(), "fake": F.softplus(fake).flatten()}, {"real": 1.0, "fake": 1.0}
    )
