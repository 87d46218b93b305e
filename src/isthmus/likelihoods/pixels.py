"""Likelihood of pixels, and of whatever else takes equidistant values: the discretised logistic mixture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributions import Elementwise
from .family import Family
from .likelihood import Features, Likelihood, Support

LOG_SCALES = (-7.0, 3.0)  # where the range of values is (-1, 1); Salimans et al. bound it by -7 below


def logistic_mixture(
    features: Features, components: int = 5, levels: int = 256, low: float = 0.0, high: float = 1.0
) -> Likelihood:
    """Values on `levels` equidistant points from `low` to `high`: a mixture of logistics, cut in between.

    p(x) = Σ_k π_k [σ((x + δ - m_k) / s_k) - σ((x - δ - m_k) / s_k)],  δ half a step

    where the first bin begins at -∞ and the last ends at ∞, so that it is a mass: nats of this and bits per
    dimension, nats / (d log 2), compare across models of images (Salimans, Karpathy, Chen & Kingma 2017,
    "PixelCNN++", arXiv:1701.05517). Each element has a mixture of its own: colour channels are independent
    given the decoder's output, where PixelCNN++ chains them.

    The decoder delivers 3 `components` blocks: logits of π, then m and log s in units in which the range is
    (-1, 1), log s bounded softly to (-7, 3). `mean` is the expectation of the mixture clipped to the range,
    less than half a step from that of the binned one; samples lie on the points.
    Target (b, *features). Raises ValueError for fewer than one component or two levels, or low >= high.
    """
    if components < 1 or levels < 2 or not low < high:
        raise ValueError(
            "logistic_mixture needs components >= 1, levels >= 2 and low < high; it was given "
            f"components={components}, levels={levels}, low={low}, high={high}"
        )

    def on_grid(x: Tensor) -> Tensor:
        steps = (x - low) * ((levels - 1) / (high - low))
        return ((steps - steps.round()).abs() < 0.01) & (steps > -0.5) & (steps < levels - 0.5)

    def distribution(params: Tensor) -> LogisticMixture:
        return LogisticMixture(params, levels, low, high)

    support = Support(f"one of {levels} equidistant numbers from {low:g} to {high:g}", on_grid)
    return Family(
        features, distribution, name="logistic_mixture", support=support, blocks=3 * components, stacked=True
    )


class LogisticMixture(Elementwise):
    """The mixture of each element, from params (b, 3 components, *features); inside, the range is (-1, 1)."""

    def __init__(self, params: Tensor, levels: int, low: float, high: float):
        self.logits, self.means, raw = params.chunk(3, 1)  # each (b, components, *features)
        middle, reach = sum(LOG_SCALES) / 2, (LOG_SCALES[1] - LOG_SCALES[0]) / 2
        self.log_scales = middle + reach * torch.tanh((raw - middle) / reach)
        self.levels, self.low, self.high = levels, low, high

    def log_density(self, x: Tensor) -> Tensor:
        """Of the bin around x; log[σ(u) - σ(v)] = log σ(u) + log σ(-v) + log(1 - e^(v - u)).

        The identity is exact and the last term, as u - v = 2δ/s, needs no u: nothing cancels or underflows
        where σ(u) - σ(v) is 0 in floating point, and the usual fall-back to the density is its limit.
        """
        x = (x.to(self.means.dtype) - self.low).mul(2 / (self.high - self.low)).sub(1).unsqueeze(1)
        delta = 1 / (self.levels - 1)
        precision = (-self.log_scales).exp()
        upper, lower = (x - self.means + delta) * precision, (x - self.means - delta) * precision
        below_top, above_bottom = x < 1 - delta, x > delta - 1
        log_mass = (
            torch.where(below_top, F.logsigmoid(upper), 0.0)
            + torch.where(above_bottom, F.logsigmoid(-lower), 0.0)
            + torch.where(below_top & above_bottom, torch.log(-torch.expm1(-2 * delta * precision)), 0.0)
        )
        return torch.logsumexp(self.logits.log_softmax(1) + log_mass, 1)

    @property
    def mean(self) -> Tensor:
        """E[clip(y, -1, 1)] = -1 + ∫ σ((m - y) / s) dy from -1 to 1, by the softplus."""
        scales = self.log_scales.exp()
        inside = scales * (F.softplus((self.means + 1) / scales) - F.softplus((self.means - 1) / scales)) - 1
        return self.values((self.logits.softmax(1) * inside).sum(1))

    def sample(self) -> Tensor:
        gumbel = -torch.empty_like(self.logits).exponential_().log()
        chosen = (self.logits + gumbel).argmax(1, keepdim=True)
        mean, log_scale = self.means.gather(1, chosen), self.log_scales.gather(1, chosen)
        y = (mean + log_scale.exp() * torch.rand_like(mean).logit(eps=1e-7)).squeeze(1).clamp(-1, 1)
        steps = ((y + 1) * ((self.levels - 1) / 2)).round()
        return self.low + steps * (self.high - self.low) / (self.levels - 1)

    def values(self, y: Tensor) -> Tensor:
        """From (-1, 1) to (low, high)."""
        return self.low + (y.clamp(-1, 1) + 1) * ((self.high - self.low) / 2)
