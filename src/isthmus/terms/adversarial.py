"""What a critic says: of codes, of pairs, of rows. The learner provides it, as `model.critic`."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ..model import in_sight
from ..objective import term
from ..trace import Trace


@term
def fooling(model: Any, trace: Trace) -> Tensor:
    """−log D(z): to the critic, codes should look like prior draws (non-saturating: Goodfellow 2014).

    A critic of several opinions, (b, k), has each of them fooled: they are added.
    """
    return F.softplus(-model.judge(trace.code.z, trace.batch.context)).sum(1)


@term
def swapping(model: Any, trace: Trace) -> Tensor:
    """−log(1 − D(x, E(x))) − log D(G(z'), z'), z' ~ p: both players want the critic's labels swapped.

    Non-saturating for the encoder too. Minimising log D(x, E(x)), as the minimax game reads, leaves it
    without a gradient as soon as the critic is sure. Reference: Dumoulin et al. 2017, arXiv:1606.00704.
    """
    inferred = model.critic(trace.batch.input, trace.code.z)
    generated = model.critic(*model.generated(len(inferred), trace.batch.context))
    return (F.softplus(inferred) + F.softplus(-generated)).sum(1)


@term
def likeness(model: Any, trace: Trace) -> Tensor:
    """½ ‖D_l(x) − D_l(x̂)‖², D_l the critic's hidden layer: there, a Gaussian of unit variance.

    What is missing in the row is hidden in both. Reference: Larsen et al. 2016, equation 7, arXiv:1512.09300.
    """
    seen, made = trace.batch.input, in_sight(trace.output.mean, trace.batch.context)
    return 0.5 * (model.critic.body(seen) - model.critic.body(made)).square().sum(1)


@term
def rows_fooling(model: Any, trace: Trace) -> Tensor:
    """−log D(x̂) − log D(g(z')), z' ~ p: rebuilt and sampled rows should look real to the critic."""
    context = trace.batch.context
    rebuilt = model.critic(in_sight(trace.output.mean, context))
    return (F.softplus(-rebuilt) + F.softplus(-model.critic(model.generated(len(rebuilt), context)))).sum(1)


@term
def looks_real(model: Any, trace: Trace) -> Tensor:
    """−log D(G(z)): rows made of prior draws should look real to the critic (Goodfellow et al. 2014)."""
    return F.softplus(-model.critic(trace.batch.input)).sum(1)


@term
def told(model: Any, trace: Trace) -> Tensor:
    """−log Q(c | G(z, c)): the encoder tells from a made row the class and the numbers that it was made of.

    A class costs its cross-entropy, a number ½(c − m)²: a Gaussian of unit variance, but for a constant. With
    H(c) added, minus this bounds the mutual information from below (Chen et al. 2016, equation 5).
    """
    latent, flow = model.autoencoder.latent, model.autoencoder
    kind, numbers, _ = trace.code.z.split([latent.classes, latent.continuous, latent.noise], 1)
    seen = flow.encode(trace.batch.input, **trace.batch.context).extra
    lost = F.cross_entropy(seen["logits"], kind.argmax(1), reduction="none")
    return lost + 0.5 * (numbers - seen["means"]).square().sum(1)


@term
def noise_error(model: Any, trace: Trace) -> Tensor:
    """‖ε − ε_θ(x_t, t)‖² at a random step of the learner's `chain` (Ho et al. 2020, equation 14)."""
    return model.chain.loss(trace.batch.target, trace.batch.context.get("observed"))
