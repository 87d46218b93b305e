"""What labels are worth, where only some rows have one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..objective import Term, term
from ..trace import Trace


@term
def marginalised(model: Any, trace: Trace) -> Tensor:
    """−ELBO of rows whose class is known, or summed over all classes that it might be.

        Σ_y q(y|x) [E_q(z|x,y) −log p(x | z, y) + KL(q(z|x,y) ‖ p(z))] + KL(q(y|x) ‖ p(y))

    For a known label q(y|x) is all at the label, and KL(q ‖ p) the −log p(y) of it (Kingma et al. 2014, eqs.
    6 and 7, arXiv:1406.5298). A sum and not a draw of y, whose gradient is noisy; it costs a pass through the
    decoder for each class. For a latent that is `Labelled`.
    """
    latent, (_, choice) = model.latent, trace.code.stages
    h, n = trace.code.extra["h"], len(trace.code.z)
    y = torch.eye(latent.classes, dtype=h.dtype, device=h.device).repeat_interleave(n, 0)  # (c b, c)

    def repeat(x: Any) -> Any:
        return x.repeat(latent.classes, *[1] * (x.dim() - 1)) if isinstance(x, Tensor) else x

    z, q, p = latent.given(repeat(h), y, True)
    context = {name: repeat(value) for name, value in trace.batch.context.items()}
    context["labels"] = torch.full_like(context["labels"], -1)  # y says what the class is
    output = model.decode(torch.cat([z, y], -1), **context)
    cost = q.kl(p).sum(-1) - output.log_prob(repeat(trace.batch.target), context.get("observed"))
    probabilities = choice.q.mean  # (b, c)
    return (probabilities * cost.view(-1, n).T).sum(1) + choice.q.kl(choice.p).sum(-1)


def classification(share: float = 1.0) -> Term:
    """−log q(y | x) of rows whose label is known, 0 for the others, over the `share` of rows that have one.

    So its mean over rows is the mean over labelled rows, whatever their share. The generative terms alone
    teach q(y | x) nothing from labels (Kingma et al. 2014, equation 9).
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of labelled rows lies above 0 and up to 1; it is {share}")

    @term
    def classification(model: Any, trace: Trace) -> Tensor:
        labels = trace.batch.context["labels"].long()
        return F.cross_entropy(trace.code.extra["logits"], labels, ignore_index=-1, reduction="none") / share

    return classification


@term
def cross_entropy(model: Any, trace: Trace) -> Tensor:
    """−log q(y | x), the mean over the rows of the batch whose label is known: a scalar, in nats.

    `code.extra["logits"]` (b, classes) are read, and `labels` (b,), −1 where unknown. A mean over all rows
    would weigh labels by how many there are in the batch, where `classification` reckons with their share in
    the data; with none in the batch it is 0.
    """
    logits, labels = trace.code.extra["logits"], trace.batch.context["labels"].long()
    found = F.cross_entropy(logits, labels, reduction="sum", ignore_index=-1)
    return found / (labels >= 0).sum().clamp(min=1)
