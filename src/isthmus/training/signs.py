"""What can be seen to go wrong while training goes on: cheap signs, looked at when an epoch ends, said once.

`isthmus.diagnostics.examine` looks closer, once training is over.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data import MappedRows, Rows
from ..latents.quantisers import Codebook
from ..likelihoods.family import Positive
from ..likelihoods.real import LOG_SCALES, OptimalGaussian
from ..model import Given, Learner
from ..objective import Objective
from ..randomness import seeded

EPOCHS = 5  # that a sign must last: one may be chance
STEPS = 300  # before which nothing is said: Adam has moved a weight by 0.3 at a rate of 0.001 till then
SILENT = 0.01  # nats a dimension, as the doctor has it
EVEN = 2 * math.log(2)  # the loss of a critic that cannot tell


class TrainingWarning(UserWarning):
    """Training goes on, and something looks wrong: what, and what to do."""


class Glimpse(NamedTuple):
    """What there is to be seen at the end of an epoch: the model, its rows, and the terms of every epoch."""

    model: Learner
    records: list[dict[str, Any]]
    rows: Any

    def last(self, name: str) -> list[float]:
        """A term over the last few epochs, by its name without a player's; empty where it is not known."""
        found = [_ending(record["train"]).get(name) for record in self.records[-EPOCHS:]]
        return [value for value in found if value is not None]


class Signs:
    """Looks, once half of the epochs are over and again when they are, and warns of each thing once.

    Early on, healthy models look ill: codes have not moved yet, and critics win.
    """

    def __init__(self, model: Learner, rows: Any, epochs: int):
        self.model, self.rows, self.epochs = model, rows, epochs
        self.said: set[str] = set()

    def look(self, records: list[dict[str, Any]], over: bool = False) -> None:
        """After the epochs of these records; `over` says that no more will come."""
        if (
            len(records) < EPOCHS
            or records[-1]["step"] < STEPS
            or not (over or 2 * len(records) >= self.epochs)
        ):
            return
        glimpse = Glimpse(self.model, records, self.rows)
        for name, sign in SIGNS.items():
            if name not in self.said and (text := sign(glimpse)) is not None:
                self.said.add(name)
                warnings.warn(f"epoch {len(records)}: {text}", TrainingWarning, stacklevel=3)


def silent(glimpse: Glimpse) -> str | None:
    """The KL of a whole code below 0.01 nats a dimension, its weight being all that it will be."""
    kl, latent = glimpse.last("kl"), glimpse.model.autoencoder.latent
    if len(kl) < EPOCHS or max(kl) >= SILENT * latent.dim or not _warm(glimpse):
        return None
    weight = max((each.weight(glimpse.records[-1]["step"]) for each in _costs(glimpse)), default=1.0)
    less = f"less weight than {weight:g}" if weight > 1 else "less weight"
    return (
        f"the code carries {max(kl):.2g} nats in all: the decoder does without it (posterior collapse). "
        f"Unless the columns are independent of each other, give the KL {less} or a warm-up, or let the "
        "likelihood learn its scale"
    )


def rising(glimpse: Glimpse) -> str | None:
    """A loss, at the weights of now, that gave back half of what it had won, and its reconstruction too.

    Past epochs are weighed as the present one is, so that no schedule looks like a rise.
    """
    objective, records = getattr(glimpse.model.autoencoder, "objective", None), glimpse.records
    if not isinstance(objective, Objective) or len(glimpse.model.players()) > 1 or len(records) < 3 * EPOCHS:
        return None
    weights = {each.name: each.weight(records[-1]["step"]) for each in objective.terms}
    if "reconstruction" not in weights or not all(set(weights) <= set(r["train"]) for r in records):
        return None
    total = [sum(weight * r["train"][name] for name, weight in weights.items()) for r in records]
    both = _lost(total), _lost([r["train"]["reconstruction"] for r in records])
    if min(both) < 0.5:
        return None
    return (
        f"the loss has risen again by {100 * both[0]:.0f} % of what it had fallen. Try a lower learning "
        "rate, a schedule that falls (isthmus.training.cosine), or clip gradients (clip=1.0)"
    )


def critic(glimpse: Glimpse) -> str | None:
    """A critic whose loss is next to nothing, or that cannot tell although codes are far from the prior."""
    pairs = list(zip(glimpse.last("real"), glimpse.last("fake")))
    if len(pairs) < EPOCHS or not hasattr(glimpse.model, "critic"):
        return None
    losses = [real + fake for real, fake in pairs]
    if max(losses) < 0.1:  # right with 95 % on either side: −2 log 0.95
        return (
            f"the critic's loss is {max(losses):.2g}: it tells what is real from what is not nearly always, "
            "and its opponent learns little from that. Give the term that fools it more weight, or the "
            "critic fewer units"
        )
    of_codes = hasattr(glimpse.model, "judge")  # and not of rows, or pairs of both
    if of_codes and min(losses) > 0.97 * EVEN and max(losses) < 1.03 * EVEN and _apart(glimpse):
        return (
            f"the critic's loss is that of a coin, {EVEN:.2f}, and yet codes are not where the prior is: it "
            "does not see the difference. Give it more units, or take a distance (wae_mmd, sliced_wae)"
        )
    return None


def dead_codes(glimpse: Glimpse) -> str | None:
    """Most entries of a codebook chosen a hundred times less than the average one, over the last steps."""
    books = [part for part in glimpse.model.autoencoder.modules() if isinstance(part, Codebook)]
    used = [(int((book.counts > 0.01 * book.counts.mean()).sum()), book.size) for book in books]
    worst = min(used, key=lambda each: each[0] / each[1], default=None)
    if worst is None or worst[0] >= worst[1] / 2:
        return None
    return (
        f"{worst[1] - worst[0]} of {worst[1]} entries of a codebook are not in use. Start it at k-means and "
        "revive dead entries (Codebook's defaults), or take a smaller one"
    )


def floor(glimpse: Glimpse) -> str | None:
    """A decoder's learned scale at its lower bound, beside a KL that then counts for nothing."""
    if not glimpse.last("kl"):
        return None
    parts = list(glimpse.model.autoencoder.modules())
    scales = [
        p
        for p in parts
        if isinstance(p, Positive) and p.name == "scale" and p.choice in ("shared", "feature")
    ]
    with torch.no_grad():
        logs = [float(part(iter(())).max()) for part in scales]
        logs += [
            float(part.log_scale) for part in parts if isinstance(part, OptimalGaussian) and part.weight > 0
        ]
    if not logs or max(logs) > 0.98 * LOG_SCALES[0]:
        return None
    return (
        f"the decoder's scale is at its floor, {math.exp(LOG_SCALES[0]):.2g}: rows are rebuilt exactly, and "
        "the KL counts for nothing beside that. Fewer dimensions will do, or the rows hold no noise and need "
        "no VAE"
    )


SIGNS: dict[str, Callable[[Glimpse], str | None]] = {
    "silent": silent,
    "rising": rising,
    "critic": critic,
    "dead codes": dead_codes,
    "floor": floor,
}


def _ending(terms: Mapping[str, float]) -> dict[str, float]:
    """Terms by their names alone."""
    return {name.rpartition(".")[2]: value for name, value in terms.items()}


def _warm(glimpse: Glimpse) -> bool:
    """Whether the KL's weight is what it will be later on."""
    step = glimpse.records[-1]["step"]
    return all(e.weight(step) >= max(e.weight(2 * step), e.weight(10 * step)) for e in _costs(glimpse))


def _costs(glimpse: Glimpse) -> list[Any]:
    """The terms of the objective that are a KL."""
    objective = getattr(glimpse.model.autoencoder, "objective", None)
    return [each for each in getattr(objective, "terms", ()) if each.name == "kl"]


def _lost(curve: list[float]) -> float:
    """By how much a curve rose again, over five epochs, as a share of its fall; 0 where that may be noise.

    The noise of an epoch is told by how much it differs from the next, and a mean of five has less than half
    of it; the best of many such means lies two or three of those too low.
    """
    values = np.array(curve)
    means = np.convolve(values, np.full(EPOCHS, 1 / EPOCHS), "valid")
    best, noise = means.min(), np.median(np.abs(np.diff(values)))
    rise, fall = means[-1] - best, values[0] - best
    return float(rise / fall) if fall > 0 and rise > 4 * noise else 0.0


def _apart(glimpse: Glimpse) -> bool:
    """Whether codes of some rows are off the prior's by half its spread, or spread half or twice as far."""
    model, rows = glimpse.model.autoencoder, glimpse.rows
    if not isinstance(rows, Rows | MappedRows) or any(isinstance(p, Given) for p in model.modules()):
        return False
    device, training = next(model.parameters()).device, model.training
    model.eval()
    with torch.no_grad(), seeded(0, device):
        batch = rows.span(0, min(256, len(rows)))
        z = model.encode(batch.input.to(device), **{k: v.to(device) for k, v in batch.context.items()}).z
        prior = model.latent.sample(1000)
    model.train(training)
    unit = prior.std(0).clamp_min(1e-6)
    shift, ratio = (z.mean(0) - prior.mean(0)).abs() / unit, z.std(0) / unit
    return bool((shift > 0.5).any() or (ratio < 0.5).any() or (ratio > 2.0).any())
