"""Two players: an autoencoder, and a critic that judges its codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..corruptions import gaussian_noise
from ..latents import Classed, Deterministic, Imposed, Petals, Sphere, plain
from ..latents.imposed import Shaped
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Given, Learner, call
from ..nets import mlp, mlps
from ..objective import Loss, Objective, Term
from ..recipes import method
from ..terms import classification, fooling, reconstruction
from ..trace import NOTHING, Batch
from .plain import UNIT


@method
def wae_gan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    weight: float = 10.0,
    critic: Sequence[int] = (128, 128),
    pace: float = 0.5,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Adversarial:
    """Wasserstein autoencoder with an adversarial penalty: cost(x, g(z)) + λ D_GAN(q(z), p(z)).

    Codes are deterministic; a critic learns to tell them from prior draws, and the encoder to fool it. `pace`
    is the critic's learning rate in the others', 0.5 for MNIST in the paper. A faster one turns faster than
    the decoder can follow, and reconstruction pays for it.

    Reference: Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018, algorithm 1, arXiv:1711.01558.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    objective = reconstruction + weight * fooling
    autoencoder = Autoencoder(encoder, Deterministic(dim, matched=True), decoder, explain, objective)
    return Adversarial(autoencoder, mlp(dim, *critic, 1), paces={"critic": pace})


@method
def aae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    prior: Shaped = Sphere,
    weight: float = 10.0,
    critic: Sequence[int] = (128, 128),
    pace: float = 0.5,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Adversarial:
    """Adversarial autoencoder: reconstruction, and codes that a critic cannot tell from draws of any prior.

    `prior` makes the shape from `dim`: it is drawn from and never evaluated, so it may be a swiss roll. With
    the round one this is `wae_gan`, as Tolstikhin et al. note. The paper takes turns at reconstruction and
    regularisation with an optimiser each; here one step does both, `weight` says how much of the second, and
    `pace` how fast the critic learns, as in `wae_gan`.

    Reference: Makhzani, Shlens, Jaitly, Goodfellow & Frey, Adversarial Autoencoders, 2015, arXiv:1511.05644.

    >>> aae(64, dim=2, prior=SwissRoll)  # doctest: +SKIP
    """
    explain, latent = likelihood(features), Imposed(prior(dim))
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    autoencoder = Autoencoder(encoder, latent, decoder, explain, reconstruction + weight * fooling)
    return Adversarial(autoencoder, mlp(dim, *critic, 1), paces={"critic": pace})


@method
def labelled_aae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    classes: int = 10,
    prior: Callable[..., Any] = Petals,
    weight: float = 10.0,
    critic: Sequence[int] = (128, 128),
    pace: float = 1.0,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Adversarial:
    """Adversarial autoencoder whose critic sees labels: each class is held to a part of the prior of its own.

    `prior(dim, classes)` is `Petals` or `SwissRoll`. The encoder does not see labels; rows
    without one are compared with draws of the whole prior, under a label of their own.

    `pace` is the critic's learning rate in the others': a shape with gaps needs a quick one.

    Context: `labels` (b,), whole numbers below `classes`, −1 where unknown; needed in training only.

    Reference: Makhzani et al., Adversarial Autoencoders, 2015, section 2.3, arXiv:1511.05644.
    """
    explain, latent = likelihood(features), Imposed(prior(dim, classes))
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    judge = Given(Told(mlp(dim + classes + 1, *critic, 1), classes), "labels")
    autoencoder = Autoencoder(encoder, latent, decoder, explain, reconstruction + weight * fooling)
    return Adversarial(autoencoder, judge, by_label, {"critic": pace})


@method
def semi_aae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    classes: int = 10,
    rows: int = 1,
    labelled: int = 1,
    critic: Sequence[int] = (128, 128),
    pace: float = 1.0,
    noise: float = 0.0,
    corruption: Callable[..., Any] = gaussian_noise,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Adversarial:
    """Semi-supervised adversarial autoencoder: a code of a class and a style, each with a critic of its own.

    A step reconstructs, regularises (the critics, then the encoder fools them) and classifies, with an
    optimiser each, as in the paper, so that none is drowned by another's gradient. `pace` is the learning
    rate of all but the first, in that one's. `corruption(noise)` is done to rows before they are read, and
    with `noise` 0 nothing: of pictures, 2 and `shifts` without the target, say. A style of few numbers leaves
    more for the class to say; rows between 0 and 1 want a sigmoid at the decoder's end. The class's critic
    knows one-hot draws, so that unlabelled rows have to choose. The code, (classes + dim) wide, begins with
    the classes' probabilities.

    Context: `labels` (b,), whole numbers below `classes`, −1 where unknown; `labelled` of `rows` have one.

    Reference: Makhzani et al., Adversarial Autoencoders, 2015, section 5, arXiv:1511.05644.
    """
    explain, latent = likelihood(features), Classed(classes, dim)
    encoder, decoder = nets(features, hidden, latent.features, latent.dim, explain.width)
    judges = Apart(mlp(classes, *critic, 1), mlp(dim, *critic, 1), widths=(classes, dim))
    autoencoder = Autoencoder(encoder, latent, decoder, explain, reconstruction)
    autoencoder.corrupt = corruption(noise) if noise else None
    turns = {"regularisation": fooling, "classification": classification(labelled / rows)}
    momenta = {"autoencoder": 0.9, "critic": 0.1, "regularisation": 0.1, "classification": 0.9}
    return Adversarial(autoencoder, judges, None, dict.fromkeys(["critic", *turns], pace), turns, momenta)


class Adversarial(Learner):
    """An autoencoder whose codes a critic compares with draws from the prior.

    `critic` is (b, dim) -> (b, k) logits, k opinions; `draws` gives as many codes as it was handed, for a
    batch's context: by default from the latent, whatever the context. After the autoencoder's turn the
    encoder takes further `turns`, at an objective and with an optimiser each. `paces` are players' learning
    rates in the autoencoder's.
    """

    betas = (0.5, 0.999)  # Tolstikhin et al. 2018, appendix: with more momentum the players circle

    def __init__(
        self,
        autoencoder: Autoencoder,
        critic: nn.Module,
        draws: Callable[[Autoencoder, Batch], Tensor] | None = None,
        paces: Mapping[str, float] = NOTHING,
        turns: Mapping[str, Term | Objective] = NOTHING,
        momenta: Mapping[str, float] = NOTHING,
    ):
        for player, pace in paces.items():
            if not pace > 0:
                raise ValueError(
                    f"pace is the {player}'s learning rate in the autoencoder's, above 0; it is {pace}"
                )
        super().__init__()
        self.paces, self.momenta = dict(paces), dict(momenta)
        self.autoencoder, self.critic, self.draws = autoencoder, critic, draws or at_random
        self.turns = {player: Objective.of(objective) for player, objective in turns.items()}

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        again = {player: self.autoencoder.encoder.parameters() for player in self.turns}
        return {"autoencoder": self.autoencoder.parameters(), "critic": self.critic.parameters(), **again}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        z, prior = trace.code.z.detach(), self.draws(self.autoencoder, batch)
        yield "critic", judging(self.judge(prior, batch.context), self.judge(z, batch.context))
        yield "autoencoder", self.autoencoder.objective(self, trace)  # asks the critic that has just learned
        for player, objective in self.turns.items():
            yield player, objective(self, self.autoencoder.read(batch, noisy=True, step=step))

    def judge(self, z: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(b, dim) -> (b, k), logits: the log odds that codes are prior draws."""
        logits: Tensor = call(self.critic, z, context)
        return logits


class Told(nn.Module):
    """`net` of [z, one-hot label], where not knowing the label (−1) is a label too."""

    def __init__(self, net: nn.Module, classes: int):
        super().__init__()
        self.net, self.classes = net, classes

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = self.net(torch.cat([z, F.one_hot(labels.long() + 1, self.classes + 1).to(z)], 1))
        return logits


class Apart(nn.Module):
    """A critic for each part of a code: (b, sum of widths) -> (b, number of critics)."""

    def __init__(self, *critics: nn.Module, widths: Sequence[int]):
        super().__init__()
        self.critics, self.widths = nn.ModuleList(critics), list(widths)

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([critic(part) for critic, part in zip(self.critics, z.split(self.widths, 1))], 1)


def at_random(autoencoder: Autoencoder, batch: Batch) -> Tensor:
    return autoencoder.latent.sample(len(batch.input))


def by_label(autoencoder: Autoencoder, batch: Batch) -> Tensor:
    """Each row's draw from the part of the shape that its label names."""
    latent = plain(autoencoder.latent)
    assert isinstance(latent, Imposed)
    return latent.shape.sample(len(batch.input), batch.context["labels"])


def judging(real: Tensor, fake: Tensor) -> Loss:
    """The critic's loss: −log D(real) − log(1 − D(fake)), from logits (b, k) (Goodfellow et al. 2014)."""
    return Loss(
        {"real": F.softplus(-real).sum(1), "fake": F.softplus(fake).sum(1)}, {"real": 1.0, "fake": 1.0}
    )
