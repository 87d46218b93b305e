"""A game that one side has won: a critic of codes that is too strong, or too weak."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ..metrics.arrays import Array
from ..model import Given
from ..models.adversarial import Adversarial
from .examination import Patient
from .findings import Finding, Spread

SURE = 0.95  # of all codes and draws
APART = 0.75  # of them, by another classifier: then half of the prior's mass is where codes are not
DRAWS = 1000


class Opinions(NamedTuple):
    """Logits of one critic, the log odds that something is a prior draw: of draws (m,) and of codes (n,)."""

    draws: Array
    codes: Array

    @property
    def accuracy(self) -> float:
        """The share it tells rightly, of draws and codes alike often."""
        return float((self.draws > 0).mean() + (self.codes < 0).mean()) / 2

    @property
    def loss(self) -> float:
        """Its own, 2 log 2 = 1.386 where it cannot tell."""
        return float(np.logaddexp(0, -self.draws).mean() + np.logaddexp(0, self.codes).mean())

    def picture(self) -> Spread:
        values = {"draws from the prior": self.draws, "codes": self.codes}
        return Spread(
            "The critic's opinion", {k: v.clip(-20, 20) for k, v in values.items()}, "log odds of a draw"
        )


def too_strong(patient: Patient) -> Finding | None:
    """The critic tells codes from prior draws nearly always: the encoder has lost the game.

    By accuracy on codes and draws that the critic has not learned from. 95 % rightly told means that the two
    overlap in a tenth of their mass at most (the total variation is at least 2 · 0.95 − 1): samples are
    decoded from elsewhere than rows are, and the critic's log odds are so far out that its slope says little
    of where to go (Arjovsky & Bottou 2017, arXiv:1701.04862).
    """
    found = _opinions(patient)
    if not found:
        return None
    worst = max(found, key=lambda each: each.accuracy)
    if worst.accuracy < SURE:
        return None
    weight = patient.argument("weight")
    lines = (
        [f"{patient.again} --set weight={10 * weight:g}"]
        if isinstance(weight, int | float) and weight
        else []
    )
    lines += [
        f"isthmus fit wae_mmd {patient.source} --dim {patient.dim}   # a distance, with no critic to win"
    ]
    return Finding(
        "critic too strong",
        "warning",
        f"the critic tells codes of {patient.held} from draws of the prior in {100 * worst.accuracy:.0f} % "
        f"of cases (its loss {worst.loss:.2g}; 1.39 where it cannot tell): the encoder does not fool it.",
        "\n".join(lines),
        worst.picture(),
    )


def too_weak(patient: Patient) -> Finding | None:
    """Codes and prior differ, and the critic does not see it, so that nothing pulls the codes there.

    What there is to see, a random forest says, which learns from training codes and prior draws and is asked
    of others: its accuracy a* bounds the total variation from below by 2 a* − 1 (Lopez-Paz & Oquab 2017,
    arXiv:1610.06545). The finding is a* ≥ 0.75, so that codes miss half of the prior's mass, while the
    critic sees less than half of that difference: 2 a − 1 < ½ (2 a* − 1), by two standard errors.
    """
    found = _opinions(patient)
    if len(found) != 1:
        return None
    seen, (own,) = _forest(patient), found
    if seen is None:
        return None
    error = 0.5 / np.sqrt(min(len(own.codes), len(own.draws)))  # of an accuracy, at most
    if seen - 2 * error < APART or own.accuracy + 2 * error >= 0.5 + (seen - 0.5) / 2:
        return None
    return Finding(
        "critic too weak",
        "warning",
        f"a random forest tells codes of {patient.held} from draws of the prior in {100 * seen:.0f} % of "
        f"cases, and the critic in {100 * own.accuracy:.0f} %: there is a difference, and it is blind to it.",
        f"{patient.again} --set critic=256,256   # a wider critic\n"
        f"isthmus fit wae_mmd {patient.source} --dim {patient.dim}   # or a distance instead",
        own.picture(),
    )


def _opinions(patient: Patient) -> list[Opinions]:
    """Of each critic that looks at codes alone, about held-out codes and as many draws as tell."""
    model = patient.embedder.model_
    if (
        not isinstance(model, Adversarial)
        or isinstance(model.critic, Given)
        or len(patient.judged.codes) < 20
    ):
        return []
    with torch.no_grad():
        draws, codes = (
            model.judge(torch.as_tensor(z).to(next(model.critic.parameters())), {}).double().numpy()
            for z in (patient.prior(DRAWS), patient.judged.codes[:DRAWS])
        )
    return [Opinions(*each) for each in zip(draws.T, codes.T)]


def _forest(patient: Patient) -> float | None:
    """How well another classifier tells codes from draws, on those that it has not learned from."""
    from sklearn.ensemble import RandomForestClassifier

    if patient.test is None:
        known, held = patient.train.codes[::2], patient.train.codes[1::2]
    else:
        known, held = patient.train.codes, patient.test.codes
    known, held = known[:DRAWS], held[:DRAWS]
    if len(known) < 20 or len(held) < 20:
        return None
    draws = patient.prior(len(known) + len(held))
    forest = RandomForestClassifier(100, random_state=0)
    forest.fit(np.concatenate([draws[: len(known)], known]), np.repeat([1, 0], len(known)))
    told = forest.predict(np.concatenate([draws[len(known) :], held]))
    return float((told == np.repeat([1, 0], len(held))).mean())
