"""Autoencoders that learn a class from few labels, and from all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from ..latents import Labelled
from ..likelihoods import gaussian
from ..likelihoods.likelihood import Features
from ..model import Autoencoder, Given
from ..nets import Beside, Relabelled, WithLabel, mlp, mlps
from ..recipes import method
from ..terms import classification, marginalised

Net = TypeVar("Net", bound=nn.Module)


@method
def m2(
    features: Features,
    dim: int = 8,
    hidden: Sequence[int] = (256, 128),
    *,
    classes: int = 10,
    rows: int = 1,
    labelled: int = 1,
    alpha: float = 0.1,
    width: int = 128,
    nets: Callable[..., Any] = mlps,
    likelihood: Callable[..., Any] = gaussian,
) -> Autoencoder:
    """p(x | z, y) with the class y known for some rows and summed over for others, and α CE(y, q(y | x)).

    Context: `labels` (b,), whole numbers below `classes`, −1 where unknown. `labelled` of the `rows` have
    one. The code is [z, y], so that a class can be exchanged and the style kept.

    q(y | x) is a net of its own. To begin with it finds all classes as likely, and none explains a row better
    than another, so that labels are the first to say what the classes are; otherwise chance says it, and the
    sum over classes holds on to that. (The authors start all weights at 0.001.)

    M1 is a `vae` and any classifier of its codes; M1+M2 this method on the codes of a `vae`, a pipeline of
    two embedders. α = 0.1 is the paper's: its 0.1 N for a sum over N rows is 0.1 for a mean over rows beside
    a mean over labels.

    Reference: Kingma, Rezende, Mohamed & Welling, Semi-Supervised Learning with Deep Generative Models,
    NeurIPS 2014, model M2, arXiv:1406.5298.
    """
    explain = likelihood(features)
    encoder, decoder = nets(features, hidden, width, dim + classes, explain.width)
    classifier, _ = nets(features, hidden, classes, dim + classes, explain.width)
    infer = deaf(mlp(width + classes, width, 2 * dim), classes)
    objective = marginalised + alpha * classification(labelled / rows)
    reader = Given(WithLabel(Beside(encoder, silent(classifier)), classes), "labels")
    writer = Given(Relabelled(deaf(decoder, classes), classes), "labels")
    return Autoencoder(reader, Labelled(dim, classes, infer, width), writer, explain, objective)


@torch.no_grad()
def deaf(net: Net, last: int) -> Net:
    """`net`, deaf to the `last` numbers of its input until it learns, if it begins with a linear layer."""
    first = next(layer for layer in net.modules() if not list(layer.children()))
    if isinstance(first, nn.Linear):
        first.weight[:, -last:] = 0.0
    return net


@torch.no_grad()
def silent(net: Net) -> Net:
    """`net`, which says 0 until it learns, if it ends with a linear layer."""
    *_, final = (layer for layer in net.modules() if not list(layer.children()))
    if isinstance(final, nn.Linear):
        final.weight.zero_()
    return net
