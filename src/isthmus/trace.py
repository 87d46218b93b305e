"""The records that travel through an autoencoder, in the order in which they come to be."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from .distributions import NoClosedForm

if TYPE_CHECKING:
    from .distributions import Density, Distribution, Posterior

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Batch(NamedTuple):
    """What one step sees: what is read, what must be explained, and what both sides may look at.

    `input` and `target` are tensors with one row a sample, (b, ...). `context` holds named tensors that are
    neither: `labels` (b,), and `observed` (shape of the target, bool) where values are missing. A missing
    value is neither read nor explained: `input` and `target` hold a harmless number in its place.
    """

    input: Any
    target: Any
    context: Mapping[str, Any] = NOTHING


class Stage(NamedTuple):
    """One stochastic layer: a sample (b, ...), the posterior it was drawn from, and its prior."""

    z: Tensor
    q: Posterior
    p: Density

    def divergence(self) -> Tensor:
        """KL(q ‖ p) in nats: (b, d), a dimension each, in closed form; else (b, 1), log q − log p at `z`.

        The latter has KL as its expectation where `z` was drawn. At a mean it is what the code costs there.
        """
        try:
            return self.q.kl(self.p)
        except NoClosedForm:
            return (self.q.log_prob(self.z) - self.p.log_prob(self.z))[:, None]


class Code(NamedTuple):
    """What the bottleneck hands to the decoder (`z`), and how it came about.

    `stages` is empty for a deterministic code, one long for a VAE, n long for a hierarchy. `extra` holds what
    only the method's own terms know: indices of a codebook, activations that a penalty looks at.
    """

    z: Tensor
    stages: tuple[Stage, ...] = ()
    extra: Mapping[str, Tensor] = NOTHING


class Trace(NamedTuple):
    """Everything that happened between reading a batch and explaining it, and at which step of training."""

    batch: Batch
    features: Any
    code: Code
    output: Distribution
    step: int = 0
