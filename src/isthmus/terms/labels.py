"""What labels say of codes, where there are any."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from ..objective import term
from ..trace import Trace


@term
def cross_entropy(model: Any, trace: Trace) -> Tensor:
    """−log q(y | x), the mean over the rows of the batch whose label is known: a scalar, in nats.

    `code.extra["logits"]` (b, classes) are read, and `labels` (b,), −1 where unknown. A mean over all rows
    would weigh labels by how many there are; with none in the batch it is 0.
    """
    logits, labels = trace.code.extra["logits"], trace.batch.context["labels"].long()
    found = F.cross_entropy(logits, labels, reduction="sum", ignore_index=-1)
    return found / (labels >= 0).sum().clamp(min=1)
