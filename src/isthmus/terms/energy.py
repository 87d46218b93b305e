"""The reconstruction error as an energy, low where data are, and what holds it up elsewhere.

E(x) = ½ ‖x − x̂‖², in squared units of the data, over what is observed. The learner provides rows of its own
to hold it up at, as `model.negatives(n, context)`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ..distributions import total
from ..model import Autoencoder
from ..objective import Term, term
from ..trace import Trace
from .reconstruction import squared_error


@term
def energy(model: Any, trace: Trace) -> Tensor:
    """E(x) = ½ ‖x − x̂‖² of the rows."""
    return 0.5 * squared_error(model, trace)


def released(model: Any, trace: Trace) -> dict[str, Tensor]:
    """The energy of the learner's own rows, and its square a feature, which keeps it from running away."""
    rows = model.negatives(len(trace.code.z), trace.batch.context)
    found = energy_of(model.autoencoder, rows, trace.batch.context)
    return {"negative_energy": found, "negative_square": found.square() / rows[0].numel()}


negative_energy = Term("negative_energy", released)
negative_square = Term("negative_square", released)


def hinge(margin: float) -> Term:
    """max(0, m d − E(x⁻)), d numbers a row: the energy of made rows is raised until it is m a feature.

    Reference: Zhao, Mathieu & LeCun, Energy-based Generative Adversarial Network, 2017, equation 1,
    arXiv:1609.03126.
    """
    if not margin > 0:
        raise ValueError(f"the margin is an energy a feature, above 0; it is {margin}")

    @term
    def hinge(model: Any, trace: Trace) -> Tensor:
        rows = model.negatives(len(trace.code.z), trace.batch.context)
        return F.relu(margin * rows[0].numel() - energy_of(model.autoencoder, rows, trace.batch.context))

    return hinge


def energy_of(autoencoder: Autoencoder, x: Tensor, context: Any) -> Tensor:
    """E of any rows (b, ...), seen through the gaps of the context."""
    x_hat = autoencoder.decode(autoencoder.encode(x, **context).z, **context).mean
    return 0.5 * total((x - x_hat).square(), x.dim() - 1, context.get("observed"))


def pulling_away(codes: Tensor) -> Tensor:
    """1/n(n−1) Σ_{i≠j} cos²(s_i, s_j) of (n, d): made rows should be of many kinds; 0 for a single one.

    Reference: Zhao et al. 2017, equation 4, arXiv:1609.03126.
    """
    n, unit = len(codes), F.normalize(codes, dim=1)
    squares = (unit @ unit.T).square()
    return (squares.sum() - squares.diagonal().sum()) / max(n * (n - 1), 1)
