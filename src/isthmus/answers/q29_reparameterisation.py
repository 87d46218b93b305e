"""What is a variational autoencoder, and why is its code reparameterised?

**In short.** A VAE is a latent-variable model p(x, z) = p(z) p(x | z), trained by maximising a lower bound
on log p(x). The encoder gives a distribution q(z | x) rather than a point. The bound is an expectation over
draws from q, and one must differentiate through the draw: writing it as z = μ + σ ε, with noise ε that knows
nothing of the parameters, makes the draw a differentiable function of μ and σ.

**Definition.** q(z | x) = N(μ(x), diag σ(x)²), prior p(z) = N(0, I), any normalised likelihood p(x | z).

    log p(x) ≥ ELBO(x) = E_q[log p(x | z)] − KL(q(z | x) ‖ p(z))

The gap is KL(q(z | x) ‖ p(z | x)): the bound is tight where the encoder is the true posterior.

**Mathematics.** For Gaussians the second term is closed: ½ Σ_j (μ_j² + σ_j² − 1 − log σ_j²). The first has
two unbiased gradients with respect to the encoder, f(z) being log p(x | z):

    score function     E_q[ f(z) ∇ log q(z | x) ]
    reparameterised    E_ε[ ∇ f(μ + σ ε) ]

They have the same mean. The first knows f by its values only, so that its variance grows with f²; the second
uses the slope of f. More draws tighten the bound itself:

    L_K = E log 1/K Σ_k p(x, z_k) / q(z_k | x),   ELBO = L_1 ≤ L_K ≤ log p(x)

**Intuition.** Asking "did this random code happen to do well?" is trial and error. Asking "in which
direction should this code have moved?" is steering. Both end in the same place; one needs hundreds of times
the draws.

**When, and when not.** Reparameterise location-scale families, flows, and (implicitly) Gamma or Dirichlet
codes. Discrete codes have no such map: use the score function with a baseline, a relaxation
(Gumbel-softmax), or straight-through gradients (VQ-VAE).

**Pitfalls.** A draw that is detached from μ and σ trains without complaint: the encoder then sees the KL
term alone, and collapses onto the prior. Log variance taken for log deviation. Divergence averaged over
dimensions where the likelihood is summed. A mean of logs reported as L_K: that is the ELBO again. One draw
of the ELBO reported as log p(x).

**Sources.** Kingma and Welling 2014, arXiv:1312.6114; Rezende, Mohamed and Wierstra 2014, arXiv:1401.4082;
Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519; Williams 1992, Machine Learning 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..corruptions import binarise
from ..latents import Gaussian
from ..likelihoods import bernoulli
from ..metrics import elbo, log_likelihood
from ..model import Autoencoder
from ..models import vae
from ..objective import Term
from ..randomness import seeded
from ..terms import kl, reconstruction, score_function
from ..trace import Batch, Code, Trace
from .common import grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the draw is detached from the mean and deviation it was made of: sample() where rsample() was meant"
ROWS, DRAWS = 8, 8000


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    train = torch.from_numpy(x.train)
    with seeded(budget.seed):
        test = torch.bernoulli(torch.from_numpy(x.test))
    right = fitted(train, budget)
    model = fitted(train, budget, Severed) if bug else right
    if bug:  # both gradients of the same, useful model: of a collapsed one both are zero
        right.latent = Severed(right.latent.dim)
    along = gradients(right, test[:ROWS], reconstruction, budget.seed)
    score = gradients(right, test[:ROWS], score_function, budget.seed + 1)
    disagreement = (along.mean(1) - score.mean(1)) / ((along.var(1) + score.var(1)) / DRAWS).sqrt()
    spread, other = (float(each.var(1).mean()) for each in (along, score))

    means = bernoulli(test.shape[1])(train.mean(0).clamp(1e-3, 1 - 1e-3).logit().expand_as(test))
    baseline = float(means.log_prob(test).mean())
    bound = elbo(model, test, samples=5)
    some = test[: budget.pick(len(test), 1000)]
    tighter = {k: log_likelihood(model, some, samples=k).mean for k in (1, 5, 50)}
    rises = [b - a for a, b in zip(list(tighter.values()), list(tighter.values())[1:])]
    claims = [
        Claim(
            "Difference of the two gradients, root mean square in standard errors (1 is chance)",
            float(disagreement.square().mean().sqrt()),
            at_most=1.3,
        ),
        Claim(
            "Nats of the test ELBO above independent pixels",
            bound.mean - baseline,
            at_least=budget.pick(2.0, 103.0),  # of MNIST: an ELBO of −103, where independent pixels have −206
        ),
        Claim(
            "Variance of the score-function gradient, in those of the reparameterised",
            other / max(spread, 1e-12),
            at_least=50,
            guarded=False,
        ),
        Claim(
            "Smallest rise of the bound from 1 to 5 to 50 draws, in nats",
            min(rises),
            at_least=0,
            guarded=False,
        ),
    ]
    rows: list[list[str | float | None]] = [["independent pixels (the training means)", baseline]]
    rows += [["ELBO", bound.mean], ["ELBO without its KL term, which is no bound", -bound.distortion]]
    rows += [[f"importance-weighted bound, K = {k}", value] for k, value in tighter.items()]
    table = Table("log p(x) of held-out digits, binarised, in nats", ["", "nats"], rows)
    return Evidence(claims, [table], [picture(along[0, :, 0], score[0, :, 0])])


class Severed(Gaussian):
    """The bug: the code has the right distribution, and passes no gradient on."""

    def forward(self, features: Tensor, noisy: bool) -> Code:
        code = super().forward(features, noisy)
        return code._replace(z=code.z.detach())


def fitted(x: Tensor, budget: Budget, latent: type[Gaussian] = Gaussian) -> Autoencoder:
    dim, hidden = budget.pick((8, (128,)), (20, (400, 400)))

    def build() -> Autoencoder:
        model = vae(x.shape[1], dim, hidden, likelihood=bernoulli)
        model.corrupt, model.latent = binarise, latent(dim)
        return model

    return trained(build, x, budget, budget.pick(60, 12), budget.pick(2e-3, 1e-3))


def gradients(model: Autoencoder, x: Tensor, explain: Term, seed: int) -> Tensor:
    """Of `explain + kl` at the encoder's output, (rows, draws, features): a gradient from each draw alone."""
    with torch.no_grad():
        features = model.encoder(x).repeat_interleave(DRAWS, 0)
    features.requires_grad_()
    with seeded(seed):
        code = model.latent(features, True)
    wide = x.repeat_interleave(DRAWS, 0)
    trace = Trace(Batch(wide, wide), features, code, model.decode(code.z))
    loss = explain(model, trace) + kl(model, trace)
    (gradient,) = torch.autograd.grad(loss.sum(), features)
    return gradient.view(len(x), DRAWS, -1).double()


def picture(along: Tensor, score: Tensor) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        reach = float(score.abs().quantile(0.98))
        for values, name, colour in ((score, "score function", "C1"), (along, "reparameterised", "C0")):
            axis.hist(
                values.numpy(),
                bins=120,
                range=(-reach, reach),
                color=colour,
                alpha=0.7,
                density=True,
                label=name,
            )
        axis.set_yscale("log")
        axis.set_xlabel("gradient with respect to one mean, from one draw")
        axis.set_ylabel("density")
        axis.legend()

    alt = "Two histograms around the same mean: score-function gradients are spread many times as wide."
    return Picture("The same mean, another spread", alt, draw)
