"""Autoencoders whose error is an energy: low at data, where it is learned, and held up elsewhere.

A plain autoencoder is never told what not to reconstruct. Here rows that the model makes, and that are not
data, are pushed up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..chains import langevin
from ..distributions import full
from ..latents import Deterministic, Latent, Round, plain
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner, in_sight
from ..nets import mlps
from ..objective import Loss
from ..recipes import method
from ..terms import energy, hinge, negative_energy, negative_square, warmup
from ..terms.energy import energy_of, pulling_away
from ..trace import NOTHING, Batch
from .plain import UNIT


@method
def ebgan(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    margin: float = 0.5,
    pulling: float = 0.1,
    noise: int = 16,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = UNIT,
) -> Game:
    """Energy-based GAN: an autoencoder is the critic, and its error the energy, up to a margin.

        critic:      E(x) + max(0, m d − E(G(ε))),   E(x) = ½ ‖x − x̂‖², d numbers a row
        generator:   E(G(ε)) + λ pulling-away(codes of G(ε))

    `margin` is m; 0.5 is the energy of a row that only the mean stands for, if data have unit variance.
    `pulling` is λ, 0.1 in the paper; `noise` the width of ε. Tasks use the critic; `model.made(n)` are rows
    of the generator.

    Reference: Zhao, Mathieu & LeCun, Energy-based Generative Adversarial Network, ICLR 2017,
    arXiv:1609.03126.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    _, generator = nets(features, hidden, noise, noise, explain.width)
    flow = Autoencoder(encoder, Deterministic(dim), decoder, explain, energy + hinge(margin))
    return Game(flow, generator, noise, pulling)


@method
def nae(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    temperature: float = 0.04,
    steps: int = 100,
    square: float = 1.0,
    walk: tuple[int, float] = (10, 0.1),
    search: tuple[int, float] = (10, 0.2),
    chains: int = 1000,
    anew: float = 0.01,
    keep_codes: bool = False,
    nets: Callable[..., Any] = mlps,
    latent: Callable[..., Latent] = Round,
    likelihood: Callable[..., Any] = UNIT,
) -> Normalised:
    """Normalised autoencoder: maximum likelihood of p(x) = exp(−E(x) / T) / Z, E(x) = ½ ‖x − x̂‖².

        T ∇ −log p(x) = ∇E(x) − E_{x⁻ ~ p} ∇E(x⁻)

    x⁻ ends a Langevin chain over rows, of which `chains` are kept from step to step; each is continued with
    probability 1 − `anew`. A new one starts on the decoder's manifold: at g(z), where a chain over codes on a
    sphere, of energy E(g(z)), has ended. So what is rebuilt though it is no data is found, and it is p that
    is pushed up and not where chains begin: in the plane, where Z is known, short chains that all start anew
    are worse than no push. With `keep_codes` chains over codes are kept instead, of which the authors start
    five in a hundred anew. `walk` are number and size of the steps over rows, `search` over codes; T is the
    variance that p has across the manifold, and 2E/d of a plain autoencoder says how much data have. For
    `steps` steps the push grows from nothing. `square` weighs E(x⁻)² / d, which bounds it.

    Reference: Yoon, Noh & Park, Autoencoding Under Normalization Constraints, ICML 2021, arXiv:2105.05735.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, dim, dim, explain.width)
    push = -1.0 * (warmup(steps) * negative_energy) + square * negative_square
    flow = Autoencoder(encoder, latent(dim), decoder, explain, energy + push)
    shape = (features,) if isinstance(features, int) else tuple(features)
    kept = flow.latent.sample(chains) if keep_codes else torch.zeros(chains, *shape)
    return (CodesKept if keep_codes else RowsKept)(flow, temperature, walk, search, kept, anew)


class Game(Learner):
    """A critic that is an autoencoder, and a generator that makes rows of low energy to it."""

    def __init__(self, autoencoder: Autoencoder, generator: nn.Module, noise: int, pulling: float):
        super().__init__()
        self.autoencoder, self.generator, self.noise, self.pulling = autoencoder, generator, noise, pulling

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"critic": self.autoencoder.parameters(), "generator": self.generator.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        yield "critic", self.autoencoder.objective(self, trace)
        rows = in_sight(self.made(len(trace.code.z)), batch.context)
        codes = self.autoencoder.encode(rows, **batch.context).z
        found = {"made_energy": energy_of(self.autoencoder, rows, batch.context)}
        found["pulling_away"] = pulling_away(codes)
        yield "generator", Loss(found, {"made_energy": 1.0, "pulling_away": self.pulling})

    def made(self, n: int) -> Tensor:
        """(n, ...): rows that the generator makes of noise."""
        like = next(self.generator.parameters())
        noise = like.new_empty(n, self.noise).normal_()
        made: Tensor = self.autoencoder.likelihood(full(self.generator(noise))).mean
        return made

    @torch.no_grad()
    def negatives(self, n: int, context: Mapping[str, Any] = NOTHING) -> Tensor:
        """What the critic is to push up: rows of the generator, hidden where those of the batch are."""
        rows: Tensor = in_sight(self.made(n), context)
        return rows


class Normalised(Learner):
    """An autoencoder that pushes up the energy of what it draws from itself, by chains that go on.

    Raises:
        ValueError: if no chain is to be kept, and for a share that starts anew which is no share.
    """

    kept: Tensor  # where each chain stands: (chains, ...) rows, or (chains, dim) codes

    def __init__(
        self,
        autoencoder: Autoencoder,
        temperature: float,
        walk: tuple[int, float],
        search: tuple[int, float],
        kept: Tensor,
        anew: float,
        limit: float = 3.0,
    ):
        if not 0 <= anew <= 1 or not len(kept):
            raise ValueError(
                f"at least one chain is kept, and a share of 0 to 1 starts anew; not {len(kept)} and {anew}"
            )
        super().__init__()
        self.autoencoder, self.temperature, self.walk, self.search = autoencoder, temperature, walk, search
        self.anew, self.limit = anew, limit
        self.register_buffer("kept", kept)

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.autoencoder.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace = self.autoencoder(batch, noisy=True, step=step)
        yield "autoencoder", self.autoencoder.objective(self, trace)

    @abstractmethod
    def negatives(self, n: int, context: Mapping[str, Any] = NOTHING) -> Tensor:
        """(n, ...): where chains over rows have come; hidden where the batch's rows are.

        In train() the chains are kept there; in eval() they stay, so that no held-out row moves them.
        """

    def walked(self, x: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(n, ...) -> (n, ...): the ends of chains over rows, of energy E(x)."""
        return self.chain(lambda x: energy_of(self.autoencoder, x, context), x, *self.walk)

    def searched(self, z: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(n, dim) -> (n, dim): the ends of chains over codes, of energy E(g(z))."""
        latent = plain(self.autoencoder.latent)
        onto = latent.onto if isinstance(latent, Round) else None
        return self.chain(
            lambda z: energy_of(self.autoencoder, self.made(z, context), context), z, *self.search, onto=onto
        )

    def made(self, z: Tensor, context: Mapping[str, Any]) -> Tensor:
        """(n, dim) -> (n, ...): what codes decode to."""
        rows: Tensor = self.autoencoder.decode(z, **context).mean
        return rows

    def chain(self, energy: Callable[[Tensor], Tensor], x: Tensor, *steps: Any, **options: Any) -> Tensor:
        return langevin(energy, x, *steps, temperature=self.temperature, limit=self.limit, **options)


class RowsKept(Normalised):
    """Chains over rows go on from step to step; a new one starts where a chain over codes has ended."""

    begun: Tensor

    def __init__(self, *settings: Any, **options: Any):
        super().__init__(*settings, **options)
        self.register_buffer("begun", torch.zeros(len(self.kept), dtype=torch.bool))

    def negatives(self, n: int, context: Mapping[str, Any] = NOTHING) -> Tensor:
        context = unobscured(context)
        if self.anew == 1:  # nothing is asked of the device
            return self.walked(self.started(n, context), context)
        at = torch.randint(len(self.kept), (n,), device=self.kept.device)
        new = (torch.rand(n, device=at.device) < self.anew) | ~self.begun[at]
        x = self.kept[at]
        if new.any():
            its = {k: v[new] if isinstance(v, Tensor) and len(v) == n else v for k, v in context.items()}
            x[new] = self.started(int(new.sum()), its)
        x = self.walked(x, context)
        if self.training:
            self.kept[at], self.begun[at] = x, True
        return x

    def started(self, n: int, context: Mapping[str, Any] = NOTHING) -> Tensor:
        """(n, ...): on the decoder's manifold, at codes where chains of energy E(g(z)) have ended."""
        z = self.searched(self.autoencoder.latent.sample(n), context)
        with torch.no_grad():
            return self.made(z, context)


class CodesKept(Normalised):
    """Chains over codes go on from step to step; from the row that each has come to, one over rows starts.

    As the authors do it. Codes wander all over the sphere, where kept rows hardly leave their place.
    """

    def negatives(self, n: int, context: Mapping[str, Any] = NOTHING) -> Tensor:
        context = unobscured(context)
        at = torch.randint(len(self.kept), (n,), device=self.kept.device)
        new = torch.rand(n, 1, device=at.device) < self.anew
        z = torch.where(new, self.autoencoder.latent.sample(n), self.kept[at])
        z = self.searched(z, context)
        if self.training:
            self.kept[at] = z
        with torch.no_grad():
            x = self.made(z, context)
        return self.walked(x, context)


def unobscured(context: Mapping[str, Any]) -> dict[str, Any]:
    """The context of rows that are made, and so whole."""
    return {name: value for name, value in context.items() if name != "observed"}
