"""How does generation by an InfoGAN compare with generation by an autoencoder?

**In short.** An InfoGAN is a GAN that must keep a part of its code readable from what it makes. It has no
reconstruction: the code is *chosen* first and must then be told from the row, where an autoencoder starts
with the row. So an InfoGAN's code is few, named choices; an autoencoder's is whatever rebuilds the row.

**Definition.** Code c (one of k, and some even numbers), noise z, generator G, critic D, reader Q:

    min_{G,Q} max_D V(D, G) − λ L_I,   L_I = E_{c, x ~ G(z,c)} log Q(c | x) + H(c)

**Mathematics.** I(c; x) = H(c) − H(c | x), and for any Q, E log Q(c | x) ≤ −H(c | x), the difference a KL.
So L_I ≤ I(c; G(z, c)) ≤ H(c): for one of ten at most log 10 = 2.30 nats, and reaching it says that every made
row tells its class. It says nothing of real rows. An autoencoder bounds the information from the other side
of the flow, I(x; z), by its reconstruction; a VAE's KL bounds it from above.

**Intuition.** Ten stamps and an artist who must use them so that anybody can tell which one was used. The
natural way is a stamp for each kind of picture, but any ten that differ will do: slants, or thicknesses.

**When, and when not.** For few discrete factors, and where pictures need be sharp. For codes of given rows,
for reconstruction, likelihood or missing values take an autoencoder: the noise of an InfoGAN cannot be told
from a row at all. That classes come out is a hope, not a consequence: which factor c takes is not determined
by the loss, and on small pictures it is often style.

**Pitfalls.** A code drawn anew for the reader, not the one the row was made of: nothing can be learned (the
control). Accuracy by the best assignment on *test* labels, or of the best of many seeds. Accuracy without
k-means on pixels beside it, which is hard to beat. Batch statistics over made and real rows together. L_I
taken for information about data.

**Sources.** Chen et al. 2016, arXiv:1606.03657; Goodfellow et al. 2014, arXiv:1406.2661; Barber and Agakov
2003, NeurIPS (the bound); Makhzani et al. 2015, arXiv:1511.05644 (clusters by an autoencoder).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional as F

from ..latents import Informed
from ..metrics import frechet_distance
from ..models import autoencoder, info_gan
from ..models.generators import Generating
from ..models.plain import UNIT
from ..objective import Objective, Term
from ..randomness import seeded
from ..terms import looks_real, told
from ..trace import Trace
from .common import codes, grey, line, side_by_side, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "the code that the reader must tell is drawn anew, not the one that the row was made of"
KINDS = 10


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data = grey(budget)
    train, test = 2 * data.train - 1, 2 * data.test - 1
    wide, hidden, epochs = train.shape[1], budget.pick((128,), (400, 400)), budget.pick(80, 60)

    def game() -> Generating:
        model = info_gan(wide, 16, hidden, kinds=KINDS, continuous=2)
        if bug:
            model.autoencoder.objective = Objective.of(looks_real + 1.0 * confused)
        return model

    model = trained(game, train, budget, epochs)
    plain = trained(lambda: autoencoder(wide, 16, hidden, likelihood=UNIT), train, budget, epochs)
    plain.latent.fit_prior(torch.from_numpy(codes(plain, train)))
    information = math.log(KINDS) - lost(model, budget)
    made, drawn = rows_of(model, len(test), budget), rows_of(plain, len(test), budget)
    read = codes(model, train)[:, :KINDS].argmax(1), codes(model, test)[:, :KINDS].argmax(1)
    parts = {
        "InfoGAN, its reader's class": read,
        "k-means on an autoencoder's codes": clustered(codes(plain, train), codes(plain, test), budget),
        "k-means on pixels": clustered(train, test, budget),
        "one class for all": (np.zeros(len(train), int), np.zeros(len(test), int)),
    }
    right = {
        name: accuracy(own, data.train_labels, other, data.test_labels)
        for name, (own, other) in parts.items()
    }
    claims = [
        Claim(
            f"L_I, the information in made rows about their class, in nats of log {KINDS} = 2.30",
            information,
            at_least=1.5,
        ),
    ]
    rows = [line(name, value) for name, value in right.items()]
    named = Table(
        "Held-out digits: class by the best naming, chosen on training rows", ["", "accuracy"], rows
    )
    made_of = Table(
        "Fréchet distance of made rows from held-out ones, on pixels from −1 to 1",
        ["", "distance"],
        [
            line("InfoGAN", frechet_distance(made, test)),
            line("autoencoder, a Gaussian fitted to its codes", frechet_distance(drawn, test)),
            line("training rows themselves", frechet_distance(train[: len(test)], test)),
            line("mean of training rows", frechet_distance(np.tile(train.mean(0), (len(test), 1)), test)),
        ],
    )
    alt = "Each row of digits is made with one class of the code and ten draws of the noise."
    return Evidence(
        claims, [named, made_of], [side_by_side("A class of the code a row", alt, shown(model, budget))]
    )


def confused_telling(model: Any, trace: Trace) -> Tensor:
    return told(
        model, trace._replace(code=trace.code._replace(z=model.autoencoder.latent.sample(len(trace.code.z))))
    )


confused = Term("told", confused_telling)  # the bug


def lost(model: Generating, budget: Budget, n: int = 5000) -> float:
    """E −log Q(c | G(z, c)) of the class, in nats."""
    flow = model.autoencoder
    with torch.no_grad(), seeded(budget.seed + 1):
        z = flow.latent.sample(n)
        logits = flow.encode(flow.decode(z).mean).extra["logits"]
    return float(F.cross_entropy(logits, z[:, :KINDS].argmax(1)))


def rows_of(model: Any, n: int, budget: Budget) -> np.ndarray:
    """(n, d): means of what prior draws decode to."""
    with torch.no_grad():
        made = model.autoencoder.sample(n, torch.Generator().manual_seed(budget.seed)).mean
    rows: np.ndarray = made.numpy()
    return rows


def clustered(train: np.ndarray, test: np.ndarray, budget: Budget) -> tuple[np.ndarray, np.ndarray]:
    found = KMeans(KINDS, n_init=4, random_state=budget.seed).fit(train[:20_000])
    return found.predict(train), found.predict(test)


def accuracy(own: np.ndarray, labels: np.ndarray, other: np.ndarray, wanted: np.ndarray) -> float:
    """Of held-out rows, once clusters have the names that fit training labels best."""
    counts = np.zeros((KINDS, KINDS))
    np.add.at(counts, (own, labels), 1)
    cluster, name = linear_sum_assignment(-counts)
    names = np.empty(KINDS, int)
    names[cluster] = name
    return float((names[other] == wanted).mean())


def shown(model: Generating, budget: Budget) -> dict[str, np.ndarray]:
    """For each class ten rows, the same noise in every column."""
    latent = model.autoencoder.latent
    assert isinstance(latent, Informed)
    with torch.no_grad(), seeded(budget.seed + 2):
        z = latent.sample(10)
        z[:, KINDS : KINDS + latent.continuous] = 0
        pictures = {}
        for kind in range(KINDS):
            z[:, :KINDS] = F.one_hot(torch.tensor(kind), KINDS).to(z)
            pictures[f"c = {kind}"] = (0.5 + 0.5 * model.autoencoder.decode(z).mean).clamp(0, 1).numpy()
    return pictures
