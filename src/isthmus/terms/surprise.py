"""Exact log-likelihood, by change of variables."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..distributions import LOG_2PI
from ..objective import term
from ..trace import Trace


@term
def surprise(model: Any, trace: Trace) -> Tensor:
    """−log p(x) = ½ ‖f(x)‖² + d/2 log 2π − log |det ∂f/∂x|, of the x that the encoder was handed.

    For encoders that can be run backwards (`isthmus.nets.Forwards`). Exact for what is observed whole: a
    missing value is read as 0 and counted as such.

    Raises ValueError for a code that does not hold the determinant.
    Reference: Dinh, Krueger & Bengio, NICE, 2015, equation 1, arXiv:1410.8516.
    """
    extra = trace.code.extra
    if "log_det" not in extra:
        raise ValueError(
            "surprise needs an encoder that can be run backwards, and a latent such as Bijective"
        )
    return 0.5 * (extra["whole"].square() + LOG_2PI).sum(-1) - extra["log_det"]
