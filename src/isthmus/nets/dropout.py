"""Layers whose weights are distributions: variational dropout, and how it prunes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PRUNED = 3.0  # log α above which a weight is taken for zero: of its size, 95 % is noise


class UncertainLinear(nn.Module, ABC):
    """y = W x + b with q(w_ij) = N(θ_ij, α θ_ij²) under the log-uniform prior p(log |w|) ∝ 1.

    While training outputs are drawn, not weights, which are shared by all rows of a batch and would tie their
    noise (local reparameterisation, Kingma et al. 2015, section 2.2, arXiv:1506.02557):

        y ~ N(W x + b, (α θ²) x²)

    In eval() the mean.
    """

    weight: nn.Parameter
    bias: nn.Parameter

    @property
    @abstractmethod
    def log_alpha(self) -> Tensor:
        """log α, of every weight or of all together."""

    @abstractmethod
    def kl(self) -> Tensor:
        """KL(q(W) ‖ p(W)) in nats, up to a constant: a scalar."""

    @property
    def mean(self) -> Tensor:
        """(out, in): the weights that eval() uses."""
        return self.weight

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.linear(x, self.mean, self.bias)
        variance = F.linear(x.square(), self.log_alpha.exp() * self.weight.square())
        return F.linear(x, self.weight, self.bias) + (variance + 1e-12).sqrt() * torch.randn_like(variance)

    def extra_repr(self) -> str:
        return f"in_features={self.weight.shape[1]}, out_features={self.weight.shape[0]}"


class GaussianDropout(UncertainLinear):
    """Variational dropout as it began: one α ≤ 1 for the layer, which is Gaussian dropout of a learned rate.

    α = p / (1 − p) corresponds to a dropout rate p, here at most one half.

    Reference: Kingma, Salimans & Welling, Variational Dropout and the Local Reparameterization Trick, NeurIPS
    2015, arXiv:1506.02557, section 3.
    """

    def __init__(self, linear: nn.Linear, alpha: float = 0.1):
        super().__init__()
        self.weight, self.bias = nn.Parameter(linear.weight.detach().clone()), _bias(linear)
        self.logit = nn.Parameter(torch.tensor(alpha).logit())

    @property
    def log_alpha(self) -> Tensor:
        return F.logsigmoid(self.logit)

    def kl(self) -> Tensor:
        return self.weight.numel() * kl_of_dropout(self.log_alpha)


class SparseDropout(UncertainLinear):
    """An α of its own for every weight, without limit: what is all noise is zero in eval(): pruned.

    The variance σ² = α θ² is the parameter, and not α, so that the gradient of θ has no noise that grows with
    α. It is held as log σ² / 20: Adam moves all parameters alike, and a log variance has far to go.

    Reference: Molchanov, Ashukha & Vetrov, Variational Dropout Sparsifies Deep Neural Networks, ICML 2017,
    arXiv:1701.05369, sections 4.1 to 4.3.
    """

    def __init__(self, linear: nn.Linear, log_variance: float = -10.0):
        super().__init__()
        self.weight, self.bias = nn.Parameter(linear.weight.detach().clone()), _bias(linear)
        self.scaled = nn.Parameter(torch.full_like(linear.weight, log_variance / 20))

    @property
    def log_alpha(self) -> Tensor:
        return (20 * self.scaled - (self.weight.square() + 1e-16).log()).clamp(-8, 8)

    @property
    def kept(self) -> Tensor:
        """(out, in), bool: the weights that are not pruned."""
        return self.log_alpha.detach() <= PRUNED

    @property
    def mean(self) -> Tensor:
        return self.weight * self.kept

    def kl(self) -> Tensor:
        return kl_of_weights(self.log_alpha).sum()


def kl_of_dropout(log_alpha: Tensor) -> Tensor:
    """KL(N(θ, αθ²) ‖ log-uniform) for α ≤ 1, up to a constant, within 0.04 nats (Kingma et al. 2015)."""
    alpha = log_alpha.exp()
    return -0.5 * log_alpha - 1.16145124 * alpha + 1.50204118 * alpha**2 - 0.58629921 * alpha**3


def kl_of_weights(log_alpha: Tensor) -> Tensor:
    """KL(N(θ, αθ²) ‖ log-uniform), zero for α → ∞, within 0.01 nats (Molchanov et al. 2017, eq. 14)."""
    return 0.63576 * torch.sigmoid(-1.87320 - 1.48695 * log_alpha) + 0.5 * F.softplus(-log_alpha)


def uncertain(net: nn.Module, layer: type[UncertainLinear]) -> nn.Module:
    """The same net, each `nn.Linear` replaced by such a layer that starts at its weights.

    Raises:
        ValueError: where there is none, as in a net of convolutions.
    """
    found = [
        (parent, name, child)
        for parent in net.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]
    if not found:
        raise ValueError(f"variational dropout needs linear layers; {type(net).__name__} has none")
    for parent, name, child in found:
        setattr(parent, name, layer(child))
    return net


def pruned(model: nn.Module) -> float:
    """The share of weights in `SparseDropout` layers that eval() takes for zero."""
    kept = [layer.kept for layer in model.modules() if isinstance(layer, SparseDropout)]
    if not kept:
        raise ValueError(f"{type(model).__name__} has no layer with sparse variational dropout")
    return 1 - sum(float(k.sum()) for k in kept) / sum(k.numel() for k in kept)


def _bias(linear: nn.Linear) -> nn.Parameter:
    zero = linear.weight.new_zeros(linear.out_features)
    return nn.Parameter(zero if linear.bias is None else linear.bias.detach().clone())
