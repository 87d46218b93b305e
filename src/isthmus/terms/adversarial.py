"""What a critic says of codes. The learner provides it: `model.critic`."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ..objective import term
from ..trace import Trace


@term
def fooling(model: Any, trace: Trace) -> Tensor:
    """−log D(z): to the critic, codes should look like prior draws (non-saturating: Goodfellow 2014)."""
    return F.softplus(-model.critic(trace.code.z)).flatten()
