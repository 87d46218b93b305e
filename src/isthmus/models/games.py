"""Games whose critic sees more than codes: pairs of a row and its code, or rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..latents import Deterministic, Gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner, in_sight
from ..nets import mlp, mlps
from ..objective import Loss
from ..recipes import method
from ..terms import kl, likeness, reconstruction, rows_fooling, swapping
from ..trace import Batch
from .adversarial import judging
from .plain import UNIT

BETAS = (
    0.5,
    0.9,
)  # of games with a penalty on the critic's slope: with more momentum players circle each other


@method
def bigan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    stochastic: bool = False,
    cycle: float = 0.0,
    slope: float = 1.0,
    critic: Sequence[int] = (128,),
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Pairs:
    """BiGAN, also ALI: a critic tells (x, E(x)) from (G(z), z), and both players swap its labels.

        max_D E log D(x, E(x)) + E log(1 − D(G(z), z));   E, G minimise −log(1 − D(x, E(x))) − log D(G(z), z)

    Nothing compares x with G(E(x)): that E inverts G follows where the game is won, and is far off before, so
    that reconstructions are like the row rather than equal to it. `cycle` adds c · −log p(x | E(x)), as
    ALICE does; `slope` holds the critic's steepness (R1), 0 in the papers; `stochastic` is ALI's encoder, a
    Gaussian. The critic reads x with a net like the encoder.

    Reference: Donahue, Krähenbühl & Darrell, Adversarial Feature Learning, ICLR 2017, arXiv:1605.09782;
    Dumoulin et al., Adversarially Learned Inference, ICLR 2017, arXiv:1606.00704; Li et al., ALICE, NeurIPS
    2017, arXiv:1709.01215.
    """
    explain = likelihood(features)
    latent = Gaussian(dim) if stochastic else Deterministic(dim, matched=True)
    encoder, decoder = nets(features, hidden, latent.features, dim, explain.width)
    body, _ = nets(features, hidden, critic[0], dim, explain.width)
    objective = swapping + cycle * reconstruction if cycle else swapping
    autoencoder = Autoencoder(encoder, latent, decoder, explain, objective)
    return Pairs(autoencoder, PairCritic(body, mlp(critic[0] + dim, *critic, 1)), slope)


@method
def vae_gan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    gamma: float = 1.0,
    slope: float = 1.0,
    critic: int = 128,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Likeness:
    """VAE whose error is measured inside a critic: where it sees a likeness, pixels need not agree.

        encoder:  KL(q(z|x) ‖ p) + ½ ‖D_l(x) − D_l(x̂)‖²
        decoder:  γ ½ ‖D_l(x) − D_l(x̂)‖² − log D(x̂) − log D(g(z')),   z' ~ p
        critic:   −log D(x) − log(1 − D(x̂)) − log(1 − D(g(z')))

    D_l is the critic's hidden layer, `critic` wide; `slope` holds its steepness (R1), 0 in the paper. The
    decoder's part is non-saturating, where the paper writes the minimax form. The likelihood's mean is the
    picture; its scale plays no part in training.

    Reference: Larsen, Sønderby, Larochelle & Winther, Autoencoding beyond Pixels Using a Learned Similarity
    Metric, ICML 2016, algorithm 1, arXiv:1512.09300.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, 2 * dim, dim, explain.width)
    body, _ = nets(features, hidden, critic, dim, explain.width)
    judge = RowCritic(nn.Sequential(body, nn.ReLU()), nn.Linear(critic, 1))
    return Likeness(Autoencoder(encoder, Gaussian(dim), decoder, explain, likeness + kl), judge, gamma, slope)


class Pairs(Learner):
    """An autoencoder whose pairs of row and code a critic compares, from either end."""

    betas = BETAS

    def __init__(self, autoencoder: Autoencoder, critic: nn.Module, slope: float = 0.0):
        super().__init__()
        self.autoencoder, self.critic, self.slope = autoencoder, critic, slope

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.autoencoder.parameters(), "critic": self.critic.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        with torch.no_grad():
            fake = self.generated(len(trace.code.z), trace.batch.context)
        yield "critic", judged(self.critic, (trace.batch.input, trace.code.z), fake, slope=self.slope)
        yield "autoencoder", self.autoencoder.objective(self, trace)  # asks the critic that has just learned

    def generated(self, n: int, context: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """(n, ...), (n, dim): rows made of prior draws, hidden where the batch's are, and these draws."""
        z = self.autoencoder.latent.sample(n)
        return in_sight(self.autoencoder.decode(z, **context).mean, context), z


def judged(critic: nn.Module, real: Sequence[Tensor], *fakes: Sequence[Tensor], slope: float) -> Loss:
    """The critic's loss, and γ/2 ‖∇D‖² at what is real, γ the `slope` (R1, Mescheder et al. 2018).

    Without it a critic that is sure grows ever steeper, and those who climb its slope overshoot.
    """
    held = slope > 0 and torch.is_grad_enabled()
    real = [part.detach().requires_grad_(held) for part in real]
    logits = critic(*real)
    loss = judging(logits, torch.cat([critic(*fake) for fake in fakes], 1))
    if not held:
        return loss
    gradients = torch.autograd.grad(logits.sum(), real, create_graph=True)
    steep = torch.cat([gradient.flatten(1) for gradient in gradients], 1).square().sum(1)
    return Loss({**loss.values, "slope": steep}, {**loss.weights, "slope": slope / 2})


class PairCritic(nn.Module):
    """(b, ...), (b, dim) -> (b, 1): what `body` sees in a row stands beside its code, at the same width."""

    def __init__(self, body: nn.Module, head: nn.Module):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.cat([F.relu(self.body(x)), z], 1))
        return logits


class RowCritic(nn.Module):
    """(b, ...) -> (b, 1), by way of a hidden layer, `body`, that others may look at."""

    def __init__(self, body: nn.Module, head: nn.Module):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x))
        return logits


class Likeness(Learner):
    """Three players: an encoder, a decoder, and a critic inside which likeness is measured."""

    betas = BETAS

    def __init__(self, autoencoder: Autoencoder, critic: nn.Module, gamma: float, slope: float = 0.0):
        super().__init__()
        self.autoencoder, self.critic, self.slope = autoencoder, critic, slope
        self.making = gamma * likeness + rows_fooling  # the decoder's; the encoder's is the autoencoder's

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        flow = self.autoencoder
        encoder = [*flow.encoder.parameters(), *flow.latent.parameters()]
        known = {id(parameter) for parameter in encoder}
        decoder = [parameter for parameter in flow.parameters() if id(parameter) not in known]
        return {"critic": self.critic.parameters(), "encoder": encoder, "decoder": decoder}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        with torch.no_grad():
            trace = self.autoencoder(batch, noisy=True, step=step)
            context = trace.batch.context
            rebuilt, made = in_sight(trace.output.mean, context), self.generated(len(trace.code.z), context)
        yield "critic", judged(self.critic, [trace.batch.input], [rebuilt], [made], slope=self.slope)
        yield "encoder", self.autoencoder.objective(self, self.autoencoder(batch, noisy=True, step=step))
        yield "decoder", self.making(self, self.autoencoder(batch, noisy=True, step=step))

    def generated(self, n: int, context: Mapping[str, Any]) -> Tensor:
        """(n, ...): rows made of prior draws, hidden where those of the batch are."""
        z = self.autoencoder.latent.sample(n)
        made: Tensor = in_sight(self.autoencoder.decode(z, **context).mean, context)
        return made
