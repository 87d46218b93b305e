"""The ladder network: labels at the top, and a cost of denoising on every floor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..latents import Judged
from ..likelihoods.certain import Point
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Learner, in_sight
from ..nets import mlps
from ..nets.ladder import Floor, LadderNet, Pass, dense_floors
from ..objective import Loss, Objective, Term
from ..recipes import method
from ..terms import classification, reconstruction
from ..trace import Batch, Code, Trace
from .plain import UNIT

SEVERAL = 32  # labelled rows of a batch that have statistics of their own


@method
def ladder_network(
    features: Features,
    dim: int = 250,
    hidden: Sequence[int] = (1000, 500, 250, 250),
    *,
    classes: int = 10,
    labelled: int = 1,
    rows: int = 2,
    costs: Sequence[float] = (1000.0, 10.0, 0.1),
    noise: float = 0.3,
    lateral: float = 0.0,
    floors: Callable[..., list[Floor]] = dense_floors,
    likelihood: Callable[..., Any] = UNIT,
) -> LadderNetwork:
    """Ladder network: −log q(y | x̃) + Σ_l λ_l / m_l ‖z_l − BN_clean(ẑ_l)‖², a classifier that denoises.

    `costs` are λ from the input up, the last of them for all floors above; `noise` the deviation on every
    floor. The code is the last hidden floor of the clean way up, `dim` numbers; `predict` gives classes. Of
    pictures, `floors` may be `isthmus.nets.conv_floors`.

    Context: `labels` (b,), whole numbers below `classes`, −1 or NaN where unknown; needed in training only.
    `labelled` of `rows` have one: half of them in the batches of `isthmus.data.two_streams`.

    Reference: Rasmus et al., Semi-Supervised Learning with Ladder Networks, NeurIPS 2015, arXiv:1507.02672
    (sizes, λ and noise: section 4.1, for 100 labels).
    """
    steps = floors(features, hidden, dim, classes)
    weights = [*costs, *[costs[-1]] * len(steps)][: len(steps) + 1]
    return built(features, steps, weights, labelled / rows, noise, lateral, likelihood)


@method
def gamma_model(
    features: Features,
    dim: int = 250,
    hidden: Sequence[int] = (1000, 500, 250, 250),
    *,
    classes: int = 10,
    labelled: int = 1,
    rows: int = 2,
    cost: float = 1.0,
    noise: float = 0.3,
    lateral: float = 0.0,
    floors: Callable[..., list[Floor]] = dense_floors,
    likelihood: Callable[..., Any] = UNIT,
) -> LadderNetwork:
    """Γ-model: the ladder network with a cost of denoising on the top floor alone, so without a way down.

    For pictures the paper has `floors=conv_floors` of `isthmus.nets`, with hidden (32, 64, 128) and dim 10.

    Context: `labels` (b,), whole numbers below `classes`, −1 or NaN where unknown; needed in training only.
    `labelled` of `rows` have one: half of them in the batches of `isthmus.data.two_streams`.

    Reference: Rasmus et al., Semi-Supervised Learning with Ladder Networks, NeurIPS 2015, sections 3.3
    and 4.2, arXiv:1507.02672.
    """
    steps = floors(features, hidden, dim, classes)
    return built(features, steps, [*[0.0] * len(steps), cost], labelled / rows, noise, lateral, likelihood)


def built(
    features: Features,
    floors: Sequence[Floor],
    weights: Sequence[float],
    share: float,
    noise: float,
    lateral: float,
    likelihood: Callable[..., Any],
) -> LadderNetwork:
    """The learner, from the floors above the input, the cost of each, and the share that has labels."""
    for weight in weights:
        if not (callable(weight) or weight >= 0):
            raise ValueError(f"the costs of floors are 0 or more, not {weight}")
    counted = [floor for floor, weight in enumerate(weights) if weight]
    net = LadderNet(features, floors, min(counted, default=len(floors)), lateral)
    explain = likelihood(features)
    *_, before, dim, classes = [0, *(floor.shape[0] for floor in floors)]
    _, decoder = mlps(features, (before,) if before else (), 1, dim, explain.width)
    tasks = Autoencoder(Resting(net), Judged(dim, classes), decoder, explain, reconstruction)
    objective = Objective.of(classification(share))
    for floor in counted:
        objective = objective + weights[floor] * denoising(floor)
    return LadderNetwork(tasks, net, objective, noise)


class LadderNetwork(Learner):
    """Two ways up, a clean and a noisy one, one down, and an error on every floor.

    Rows whose labels are known and rows whose labels are not are normalised apart, where there are enough of
    both; the errors are those of the latter, or of all where every label is known. Reconstructions and
    samples come from a decoder that learns beside the ladder, from a code that it does not move: the way down
    of the ladder is handed what it should denoise, and so is no bottleneck.
    """

    def __init__(self, tasks: Autoencoder, net: LadderNet, objective: Objective, noise: float):
        super().__init__()
        if not noise >= 0:
            raise ValueError(f"noise is a deviation, 0 or more, not {noise}")
        self.autoencoder, self.net, self.objective, self.noise = tasks, net, objective, noise

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        reading = [*self.autoencoder.decoder.parameters(), *self.autoencoder.likelihood.parameters()]  # type: ignore[attr-defined]
        return {"ladder": self.net.parameters(), "decoder": reading}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        trace, clean = self.passes(batch, step)
        yield "ladder", self.objective(self, trace)
        if self.training:
            self.net.remember(clean)  # once the weights have moved, as `Latent.follow` does
        trace = self.autoencoder(batch, step=step)
        output = self.autoencoder.decode(trace.code.z.detach())
        yield "decoder", self.autoencoder.objective(self, trace._replace(output=output))

    def predict(self, x: Tensor) -> Tensor:
        """(b, ...) -> log probabilities of the classes (b, classes), by the clean way up."""
        return self.net.at_rest(x)[1].log_softmax(1)

    def passes(self, batch: Batch, step: int) -> tuple[Trace, Pass]:
        """Both ways up and the way down, and the clean one; the code holds `logits` and the errors."""
        labels, here = known(batch), batch.input.device
        order = torch.argsort((labels < 0).to(torch.uint8), stable=True)  # those with labels first
        count, labels = int((labels >= 0).sum()), labels[order].to(here)  # no wait if they lie on the host
        order = order.to(here)
        parts = [count, len(labels) - count] if min(count, len(labels) - count) >= SEVERAL else [len(labels)]
        x = self.net.laid(in_sight(batch.input, batch.context))[order]
        judged = slice(count if count < len(labels) else 0, None)
        observed = batch.context.get("observed")
        seen = None if observed is None else self.net.laid(observed)[order][judged]
        clean, logits, errors = self.ways(x, parts, judged, seen)
        context = {**batch.context, "labels": labels}
        code = Code(clean.z[-1], extra={"logits": logits, **errors})
        return Trace(batch._replace(context=context), x, code, Point(x), step), clean

    def ways(
        self, x: Tensor, parts: Sequence[int], judged: slice, observed: Tensor | None
    ) -> tuple[Pass, Tensor, dict[str, Tensor]]:
        """The clean way up, the noisy one's logits, and each floor's error: all that is arithmetic alone."""
        clean = self.net.climb(x, 0.0, parts)
        corrupted = self.net.climb(x, self.noise, parts)
        part = corrupted._replace(z=[z[judged] for z in corrupted.z], logits=corrupted.logits[judged])
        errors = {
            f"denoising_{floor}": self.error(clean, estimate, floor, judged, observed if floor == 0 else None)
            for floor, estimate in self.net.descend(part).items()
        }
        return clean, corrupted.logits, errors

    def error(
        self, clean: Pass, estimate: Tensor, floor: int, judged: slice, observed: Tensor | None
    ) -> Tensor:
        """‖z − (ẑ − m) / s‖² / width of each row, m and s the clean way's: a shrunk ẑ gains nothing."""
        normal = (estimate - clean.mean[floor][judged]) / clean.deviation[floor][judged]
        square = (clean.z[floor][judged] - normal).square()
        return (square if observed is None else torch.where(observed, square, 0.0)).flatten(1).mean(1)


class Resting(nn.Module):
    """The clean way up, by running statistics: an encoder of [last hidden floor, logits of the classes]."""

    def __init__(self, net: LadderNet):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(self.net.at_rest(x), 1)


def known(batch: Batch) -> Tensor:
    """Labels as whole numbers, −1 where there is none; on the host or the device, as they were given."""
    labels = batch.context.get("labels")
    if labels is None:
        return torch.full((len(batch.input),), -1)
    labels = torch.where(torch.isnan(labels), -1, labels) if labels.is_floating_point() else labels
    return labels.long()


def denoising(floor: int) -> Term:
    """The error of one floor, which a pass of `LadderNetwork` has found."""

    def found(model: Any, trace: Trace) -> Tensor:
        return trace.code.extra[f"denoising_{floor}"]

    return Term(f"denoising_{floor}", found)
