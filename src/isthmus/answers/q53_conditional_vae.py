"""What is a conditional VAE, and what becomes of its code?

**In short.** A VAE of p(x | y): encoder and decoder both see the label y. One can then ask for a "7", and,
as the label is free, the code no longer needs to hold it: z becomes what is left over, slant and thickness.
Swapping the label while z stays gives another digit in the same hand.

**Definition.** With q(z | x, y) and a prior that is N(0, I) for every label, or learned as p(z | y),

    log p(x | y) ≥ E_q[log p(x | z, y)] − KL(q(z | x, y) ‖ p(z | y))

**Mathematics.** With one prior for all labels, z and y are independent under the model. Any information
about y that z holds costs rate and tells the decoder nothing new, so that the optimum drops it. The exact
gain over the unconditional model is the information between row and label,

    E log p(x | y) − E log p(x) = I(x; y) ≤ H(y)

log 10 = 2.3 nats for ten balanced classes. The gain of *bounds* may be larger, since the inference gap
shrinks too, and so may the gain of imperfect models.

**Intuition.** Tell a draughtsman the letter and he need only be told the handwriting.

**When, and when not.** For asking by attribute, for structured outputs (many answers y for one x), for data
with a known nuisance (batch, device, speaker) that should leave the code. Without labels for most rows: the
semi-supervised M2 model. It does not make z causal: what merely goes with the label leaves the code as well.

**Pitfalls.** Giving the label to the encoder alone: the samples ignore it. Giving it to the decoder alone:
z may keep it, and the decoder may then ignore the label. Judging whether samples are of their class with
the same net that was trained. A probe tells whether z still holds y; near chance is the goal (at the size
of the quick experiment it stays above), and an unconditional model beside it shows that the probe can see.
A powerful decoder ignores z instead.

**Sources.** Sohn, Lee and Yan 2015, Learning Structured Output Representation using Deep Conditional
Generative Models, NeurIPS; Kingma et al. 2014, arXiv:1406.5298 (M2, figure 1: style against class).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..likelihoods import bernoulli
from ..metrics import elbo, linear_probe
from ..model import Autoencoder
from ..models import conditional_vae, vae
from ..nets import mlps
from ..randomness import seeded
from ..trace import Batch
from .common import grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the label reaches the encoder and not the decoder"
CLASSES, EACH = 10, 100


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    labels, test_labels = (torch.from_numpy(part).long() for part in (x.train_labels, x.test_labels))
    given, free = {"labels": labels}, {"labels": test_labels}
    plain = fitted(vae, train, None, budget)
    model = fitted(blind if bug else conditional_vae, train, labels, budget)

    wanted = torch.arange(CLASSES).repeat(EACH)
    with torch.no_grad(), seeded(budget.seed):
        asked = (model.sample(len(wanted), labels=wanted).mean > 0.5).float()
        unasked = (plain.sample(len(wanted)).mean > 0.5).float()
    averages = torch.stack([train[labels == each].mean(0) for each in range(CLASSES)]).clamp(1e-2, 1 - 1e-2)
    judge = Judge(train, labels)
    named = {
        "pixels of the class's average": judge(averages.round(), torch.arange(CLASSES)),
        "unconditional": judge(unasked, wanted),
        "conditional": judge(asked, wanted),
    }
    held = [
        linear_probe(mean(plain, train), labels, mean(plain, test), test_labels).score,
        linear_probe(
            mean(model, train, **given), labels, mean(model, test, **free), test_labels
        ).score,
    ]  # fmt: skip
    bounds = [
        elbo(plain, test, samples=5, seed=budget.seed).mean,
        elbo(model, Batch(test, test, free), samples=5, seed=budget.seed).mean,
    ]
    independent = bernoulli(test.shape[1])(averages.logit()[test_labels]).log_prob(test).mean()
    claims = [
        Claim("Share of samples that show the digit asked for", named["conditional"], at_least=0.8),
        Claim(
            "Accuracy of a linear probe for the digit on its code", held[1], at_most=budget.pick(0.55, 0.25)
        ),
        Claim("Nats that the bound gains over the unconditional one", bounds[1] - bounds[0], at_least=1.5),
        Claim("The same probe on the unconditional code", held[0], at_least=0.7, guarded=False),
    ]
    table = Table(
        "With and without the label",
        ["", "shows what was asked", "probe of the code", "bound on log p, nats"],
        [
            [
                "independent pixels of the class",
                named["pixels of the class's average"],
                None,
                float(independent),
            ],
            ["unconditional", named["unconditional"], held[0], bounds[0]],
            ["conditional", named["conditional"], held[1], bounds[1]],
        ],
    )
    return Evidence(claims, [table], [picture(model, test, test_labels)])


def fitted(
    method: Callable[..., Autoencoder], x: Tensor, labels: Tensor | None, budget: Budget
) -> Autoencoder:
    dim, hidden = budget.pick((8, (128,)), (8, (400, 400)))
    return trained(
        lambda: method(x.shape[1], dim, hidden, likelihood=bernoulli),
        x if labels is None else (x, labels),
        budget,
        budget.pick(60, 20),
        budget.pick(2e-3, 1e-3),
    )


def blind(features: int, dim: int, hidden: tuple[int, ...], likelihood: Any) -> Autoencoder:
    """The bug: a conditional VAE whose decoder is not told the label."""
    model = conditional_vae(features, dim, hidden, likelihood=likelihood)
    _, model.decoder = mlps(features, hidden, 2 * dim, dim, features)
    return model


def mean(model: Autoencoder, x: Tensor, **context: Any) -> Tensor:
    with torch.no_grad():
        return model.encode(x, **context).z


class Judge:
    """The share of pictures that a classifier of another kind, a support vector machine, names right."""

    def __init__(self, x: Tensor, labels: Tensor, rows: int = 5000):
        from sklearn.svm import SVC

        chosen = np.random.default_rng(0).permutation(len(x))[:rows]
        self.classifier = SVC(C=5).fit(x.numpy()[chosen], labels.numpy()[chosen])

    def __call__(self, x: Tensor, labels: Tensor) -> float:
        return float(self.classifier.score(x.numpy(), labels.numpy()))


def picture(model: Autoencoder, x: Tensor, labels: Tensor) -> Picture:
    side = round(x.shape[1] ** 0.5)
    hands = [int((labels == each).nonzero()[0]) for each in (2, 4, 7)]
    with torch.no_grad():
        z = model.encode(x[hands], labels=labels[hands]).z.repeat_interleave(CLASSES, 0)
        shown = model.decode(z, labels=torch.arange(CLASSES).repeat(len(hands))).mean

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(hands), CLASSES + 1)
        for row, hand in zip(range(len(hands)), hands):
            images = [x[hand], *shown[row * CLASSES : (row + 1) * CLASSES]]
            for axis, image in zip(axes[row], images):
                axis.imshow(image.view(side, side), cmap="gray_r", vmin=0, vmax=1)
                axis.set_xticks([])
                axis.set_yticks([])
        for axis, name in zip(axes[0], ["given", *map(str, range(CLASSES))]):
            axis.set_title(name, fontsize=9)

    alt = "Three held-out digits at the left; beside each, its code decoded under the labels 0 to 9."
    return Picture("One hand, ten digits", alt, draw, (8.0, 2.6))
