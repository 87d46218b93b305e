"""What do the encoder and the decoder each do, and can one be had without the other?

**In short.** The decoder is the model: it says which rows there can be, one for each code. The encoder is a
fast guess at the code of a row. A decoder without an encoder still works, by search; an encoder without its
decoder means nothing.

**Definition.** The decoder g gives p(x | z). The best code of a row is found by search, the encoder's is
computed:

    z*(x) = argmin over z of  −log p(x | g(z)),        f(x) ≈ z*(x)

The difference of the two losses, averaged over rows, is the *amortisation gap*: the price of one net for
all rows. In a variational autoencoder both minimise −ELBO, and the gap is in nats.

**Mathematics.** Training lets f and g move together, so g is best for the codes that f happens to give, not
for z*. In a VAE log p(x) − ELBO(x) = KL(q(z|x) ‖ p(z|x)) splits in two: what the best Gaussian of this row
would still lack (approximation), and what the encoder's lacks against that one (amortisation). With an
affine decoder z* is least squares, an affine function of x, and an affine encoder has no gap.

**Intuition.** The decoder is a landscape, the encoder a map that says where on it you stand. A wrong map
sends you near the place, and a few steps in the landscape correct it. A map of another landscape is waste
paper.

**When, and when not.** Search beside the encoder where every bit counts (compression, likelihoods) or part
of a row is missing. Search alone, an auto-decoder, where rows come in shapes that no encoder reads, as
point clouds of any size. The encoder alone where only features are wanted. An encoder costs one pass, a
search a hundred.

**Pitfalls.** Search through a decoder in training mode chases dropout and batch statistics. The decoder's
weights must be frozen, or they fit the test rows. A search without a prior may end at codes where no data
are; the error is low and the code useless for sampling. To compare decoders by the encoder's error mixes
the two; search tells them apart. The encoder of another run does not fit: codes have no fixed axes.

**Sources.** Cremer, Li and Duvenaud 2018, arXiv:1801.03558; Bojanowski et al. 2018, arXiv:1707.05776
(latent optimisation); Park et al. 2019, arXiv:1901.05103 (auto-decoder); Kim et al. 2018, arXiv:1802.02550
(semi-amortised).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..baselines import mean_predictor, pca
from ..metrics import amortisation_gap, best_codes
from ..model import Autoencoder
from ..models import autoencoder, vae
from ..randomness import seeded
from .common import codes, grey, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "the decoder is one drawn at random, not the one that was trained along with the encoder"
STEPS = 100


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data, dim = grey(budget), budget.pick(8, 30)
    features, hidden = data.train.shape[1], budget.pick((128, 64), (512, 256))
    held = data.test[:1000]
    epochs, lr = budget.pick(40, 6), budget.pick(3e-3, 1e-3)
    net = trained(lambda: autoencoder(features, dim, hidden), data.train, budget, epochs, lr)
    with seeded(budget.seed + 1):
        random = autoencoder(features, dim, hidden).eval()
    random.encoder = net.encoder
    judged = random if bug else net

    rows = torch.from_numpy(held)
    middle = (
        torch.from_numpy(codes(net, data.train)).mean(0).expand(len(held), -1)
    )  # a start that knows no row
    refined = best_codes(judged, rows, steps=STEPS)
    alone = best_codes(judged, rows, middle, steps=STEPS, lr=0.1)
    seen = {
        "the encoder's code": decoded(judged, torch.from_numpy(codes(net, held))),
        f"then {STEPS} steps of search": decoded(judged, refined.codes),
        f"no encoder: {STEPS} steps of search": decoded(judged, alone.codes),
    }
    own, better, without = (squared(held, x) for x in seen.values())
    board, mean = pca(data.train, dim), mean_predictor(data.train)
    least = squared(held, board.reconstruct(held))
    variational = trained(lambda: vae(features, dim, hidden), data.train, budget, epochs, lr)
    gap = amortisation_gap(variational, rows[:200], steps=budget.pick(100, 300), samples=2, seed=budget.seed)
    claims = [
        Claim("Error of the encoder's code, as a share of PCA's", own / least, at_most=0.8),
        Claim(
            "Error of the code that search finds without an encoder, as a share of PCA's",
            without / least,
            at_most=0.7,
        ),
        Claim(
            "Share of the encoder's error that search takes away",
            1 - better / own,
            at_least=0.05,
            guarded=False,
        ),
        Claim(
            "Rows that search made worse",
            int((refined.after > refined.before).sum()),
            at_most=0,
            guarded=False,
        ),
        Claim("Error without an encoder, as a share of that with", without / own, at_most=1.5, guarded=False),
        Claim(
            "Amortisation gap of a VAE, in nats",
            gap.gap,
            at_least=0.5,
            at_most=budget.pick(10, 20),
            guarded=False,
        ),
    ]
    nonsense = decoded(random, best_codes(random, rows, middle, steps=STEPS, lr=0.1).codes)
    baselines = {
        "mean of the training rows": mean.reconstruct(held),
        f"PCA, {dim} components": board.reconstruct(held),
    }
    every = {**baselines, **seen, f"a random decoder: {STEPS} steps of search": nonsense}
    table = Table(
        "Squared error of held-out rows, summed over features",
        ["", "error"],
        [[name, squared(held, x)] for name, x in every.items()],
    )
    bounds = Table(
        "VAE: −ELBO of held-out rows, in nats (density; lower is better)",
        ["", "−ELBO"],
        [
            ["the encoder's posterior", -float(gap.amortised.mean())],
            ["the best for each row", -float(gap.local.mean())],
        ],
    )
    first = [int(np.flatnonzero(data.test_labels[:1000] == label)[0]) for label in range(10)]
    picture = side_by_side(
        "The map, the search, and the search without a map",
        "Digits, and the same from the encoder's code, after search, and by search alone: ever closer.",
        {"digit": held[first]} | {name: x[first] for name, x in seen.items()},
    )
    return Evidence(claims, [table, bounds], [picture])


def decoded(model: Autoencoder, z: Tensor) -> np.ndarray:
    with torch.no_grad():
        return model.decode(z).mean.numpy()
