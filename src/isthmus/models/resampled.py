"""A dictionary whose dead entries are put onto the rows that it explains worst."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..latents import Counted, Deterministic, plain
from ..model import Autoencoder, Learner
from ..nets import size
from ..objective import Loss
from ..recipes import method
from ..terms import l1, reconstruction
from ..trace import Batch, Trace
from .plain import UNIT
from .sparse import DEAD, dictionary, reader


@method
def sparse_resampled(
    features: int,
    dim: int | None = None,
    *,
    weight: float = 0.1,
    dead_after: int = DEAD,
    every: int = 100,
    likelihood: Callable[..., Any] = UNIT,
) -> Resampled:
    """`sparse_l1` that starts dead entries anew, after `every` so many steps.

    Dead is what was silent for `dead_after` rows. `dim` is 4 × features by default.

    Reference: Bricken et al., Towards Monosemanticity: Decomposing Language Models With Dictionary Learning,
    Transformer Circuits Thread, 2023, appendix on neuron resampling; there every 25 000 steps.
    """
    dim = 4 * size(features) if dim is None else dim
    encoder, decoder, explain = dictionary(features, dim, likelihood)
    latent = Counted(Deterministic(dim, nn.ReLU))
    return Resampled(
        Autoencoder(encoder, latent, decoder, explain, reconstruction + weight * l1), dead_after, every
    )


class Resampled(Learner):
    """An autoencoder with a dictionary, and a step after each `every`-th move that no gradient could take."""

    def __init__(self, autoencoder: Autoencoder, dead_after: int, every: int):
        super().__init__()
        if dead_after < 1 or every < 1:
            raise ValueError(f"dead_after counts rows and every steps; they are {dead_after} and {every}")
        self.autoencoder, self.dead_after, self.every = autoencoder, dead_after, every

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"autoencoder": self.autoencoder.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        model = self.autoencoder
        trace = model(batch, noisy=True, step=step)
        yield "autoencoder", model.objective(model, trace)
        if self.training:
            model.latent.follow(trace.code, first=step == 0)
            if step % self.every == self.every - 1:
                resample(model, trace, self.dead_after)


@torch.no_grad()
def resample(model: Autoencoder, trace: Trace, dead_after: int) -> int:
    """Put dead entries onto rows of the batch, drawn with probability ∝ loss²; how many were.

    The atom becomes the row less the decoder's bias, at unit length; the encoder reads along it with a fifth
    of the mean weight of the living and no bias; the count starts anew. An entry that was silent has had no
    gradient since, so that Adam's averages of it are near zero; they are left. Bricken et al. draw from
    819 200 rows, and set them to zero.
    """
    latent, atoms, read = plain(model.latent), model.decoder[0], reader(model.encoder)  # type: ignore[index]
    assert isinstance(latent, Counted)
    dead = (latent.silent > dead_after).nonzero().flatten()
    loss: Tensor = -trace.output.log_prob(trace.batch.target, trace.batch.context.get("observed"))
    chances = (loss - loss.min()).square()
    dead = dead[: int((chances > 0).sum())]
    if not len(dead):
        return 0
    rows = trace.batch.input.flatten(1)[torch.multinomial(chances, len(dead))]
    directions = nn.functional.normalize(rows - atoms.bias, dim=1)  # (dead, d)
    living = latent.silent <= dead_after
    length = read.weight[living].norm(dim=1).mean() if living.any() else read.weight.norm(dim=1).mean()
    atoms.parametrizations.weight.original[:, dead] = directions.T
    read.weight[dead] = 0.2 * length * directions
    read.bias[dead] = 0
    latent.silent[dead] = 0
    return len(dead)
