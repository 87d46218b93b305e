"""The one flow: corrupt -> encode -> bottleneck -> decode -> likelihood, and an objective over it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .distributions import Distribution, full
from .latents import Latent
from .objective import Loss, Objective, Term
from .randomness import drawing_from
from .trace import NOTHING, Batch, Code, Trace

if TYPE_CHECKING:
    from .data import Rows
    from .recipes import Recipe


class Learner(nn.Module, ABC):
    """Anything that can be trained: some players, and for each batch the losses they take turns at."""

    autoencoder: Autoencoder  # the part that tasks use: it embeds, reconstructs and samples
    recipe: Recipe | None = None  # how it was built, where a function marked `method` built it
    betas = (0.9, 0.999)  # of Adam, where nobody says otherwise: players of a game want less momentum
    paces: Mapping[str, float] = NOTHING  # of players, what their learning rate is multiplied by
    momenta: Mapping[str, float] = NOTHING  # of players whose β₁ of Adam is not that of `betas`

    @abstractmethod
    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        """Who moves which parameters. Each has an optimiser, also one that moves a part of another's."""

    @abstractmethod
    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        """Yield (player, loss) in turns; the player has moved by the time the generator goes on."""


class Given(nn.Module):
    """Hand `net` the named parts of the context, in this order, after its input.

    Those that are `optional` go by their names, where the context has them.

    >>> Given(net, "labels")(x, labels=y)  # doctest: +SKIP
    """

    def __init__(self, net: nn.Module, *names: str, optional: Sequence[str] = ()):
        super().__init__()
        self.net, self.names, self.optional = net, names, tuple(optional)

    def forward(self, x: Any, **context: Any) -> Any:
        missing = [name for name in self.names if name not in context]
        if missing:
            has = ", ".join(f'"{name}"' for name in context) or "nothing"
            raise KeyError(
                f'{type(self.net).__name__} needs "{missing[0]}" in the context; this batch has {has}'
            )
        known = {name: context[name] for name in self.optional if name in context}
        return self.net(x, *(context[name] for name in self.names), **known)


class NoEncoder(TypeError, ValueError):
    """A model that only makes rows was asked to read one."""


class Absent(nn.Module):
    """Stands where a model has no encoder.

    Raises:
        NoEncoder: when it is asked for a code.
    """

    def forward(self, x: Tensor) -> Tensor:
        raise NoEncoder(
            "a GAN has no encoder: it makes rows (`autoencoder.sample`) and cannot tell the code of one; "
            "`bigan` is the GAN that can"
        )


def call(net: nn.Module, x: Any, context: Mapping[str, Any]) -> Any:
    """Only a net that asks for the context gets it, so that any of the user's own works."""
    return net(x, **context) if isinstance(net, Given) else net(x)


def in_sight(x: Any, context: Mapping[str, Any]) -> Any:
    """What a net may read: zero wherever the context says that a value is missing, whatever stood there."""
    observed = context.get("observed")
    if observed is None or not isinstance(x, Tensor) or observed.shape != x.shape:
        return x
    return torch.where(observed, x, torch.zeros((), dtype=x.dtype, device=x.device))


class Autoencoder(Learner):
    """The general case. Parts go in, and a step is one pass through all of them.

    Args:
        encoder: (b, ...) -> (b, latent.features); any module.
        latent: the bottleneck, a `Latent`.
        decoder: (b, latent.dim) -> the likelihood's parameters, (b, *likelihood.width); any module.
        likelihood: parameters -> `Distribution` over targets; see `isthmus.likelihoods`.
        objective: what is minimised, as a formula: `reconstruction + 4.0 * kl`.
        corrupt: batch -> harder batch, while training only; see `isthmus.corruptions`.
        prepare: (model, rows, seed) -> None, what `fit` does before its first step: greedy pretraining, say.
        finish: (model, rows, seed, tell) -> None, what `fit` does after its last: `isthmus.training.lbfgs()`,
            say; `tell(text)` says how far it is.
    """

    def __init__(
        self,
        encoder: nn.Module,
        latent: Latent,
        decoder: nn.Module,
        likelihood: Callable[[Tensor], Distribution],
        objective: Term | Objective,
        corrupt: Callable[[Batch], Batch] | None = None,
        prepare: Callable[[Autoencoder, Rows, int], None] | None = None,
        finish: Callable[[Any, Any, int, Callable[[str], None]], None] | None = None,
    ):
        super().__init__()
        self.encoder, self.latent, self.decoder, self.likelihood = encoder, latent, decoder, likelihood
        self.objective, self.corrupt = Objective.of(objective), corrupt
        self.prepare, self.finish = prepare, finish

    @property
    def autoencoder(self) -> Autoencoder:  # type: ignore[override]
        return self

    @property
    def device(self) -> torch.device:
        """Where its parameters live, or if it has none its buffers; the CPU where it has neither."""
        return next(chain(self.parameters(), self.buffers()), torch.empty(())).device

    @property
    def asks(self) -> set[str]:
        """What its nets read of the context, and so cannot be used without."""
        return {name for part in self.modules() if isinstance(part, Given) for name in part.names}

    @property
    def reads(self) -> bool:
        """Whether it has an encoder: what only makes rows has none."""
        return not isinstance(self.encoder, Absent)

    def encode(
        self, x: Tensor, sample: bool = False, generator: torch.Generator | None = None, **context: Any
    ) -> Code:
        """The code of (b, ...): the posterior's mean or mode, or with `sample` a draw from it."""
        with self._drawing(generator):
            return self.latent(self._features(in_sight(x, context), context), sample)

    def decode(self, z: Tensor, **context: Any) -> Distribution:
        """(b, dim) -> the distribution over targets."""
        return self.likelihood(full(call(self.decoder, z, context)))

    def sample(self, n: int, generator: torch.Generator | None = None, **context: Any) -> Distribution:
        """`n` codes from the prior, decoded: take `.mean` for clean pictures, `.sample()` for draws."""
        with self._drawing(generator):
            return self.decode(self.latent.sample(n), **context)

    def forward(self, batch: Batch, noisy: bool | None = None, step: int = 0) -> Trace:
        """One pass. `noisy` corrupts and samples; by default in train() only: eval() is deterministic."""
        trace = self.read(batch, noisy, step)
        return trace._replace(output=self.decode(trace.code.z, **trace.batch.context))

    def read(self, batch: Batch, noisy: bool | None = None, step: int = 0) -> Trace:
        """A pass as far as to the code, for a loss that asks no more; the trace has no output."""
        noisy = self.training if noisy is None else noisy
        if "observed" in batch.context:
            batch = batch._replace(input=in_sight(batch.input, batch.context))
        if noisy and self.corrupt is not None:
            batch = self.corrupt(batch)
        features = self._features(batch.input, batch.context)
        code = self.latent(features, noisy)
        return Trace(batch, features, code, None, step)  # type: ignore[arg-type]

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        # noisy in eval() too: a held-out loss is the training objective, with dropout and such switched off
        trace = self(batch, noisy=True, step=step)
        yield "autoencoder", self.objective(self, trace)
        if self.training:
            self.latent.follow(trace.code, first=step == 0)

    def _drawing(self, generator: torch.Generator | None) -> AbstractContextManager[None]:
        """Draws from a generator, where there is one; else from the global ones as usual."""
        return nullcontext() if generator is None else drawing_from(generator, self.device)

    def _features(self, x: Any, context: Mapping[str, Any]) -> Any:
        features = full(call(self.encoder, x, context))
        if isinstance(features, Tensor) and features.shape[-1:] != (self.latent.features,):
            raise ValueError(
                f"the encoder delivers {tuple(features.shape)}; {type(self.latent).__name__} needs "
                f"(b, {self.latent.features}), its `features`"
            )
        return features
