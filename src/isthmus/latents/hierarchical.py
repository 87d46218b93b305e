"""Codes of several stochastic layers, drawn from the top down: p(z) = p(z_L) Π_i p(z_i | z_{>i})."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..distributions import Density, DiagonalNormal, full
from ..nets import Residual, mlp
from ..trace import Code, Stage
from .latent import Known

BOUND = 5.0  # of log standard deviations, both ways: a prior that is learned must not become a point


class Ladder(Known):
    """The ladder VAE: evidence from the bottom up, beliefs from the top down, weighed by their precision.

        q(z_i | z_{i+1}, x) = N(μ, σ²),   σ⁻² = σ̂⁻² + σ_p⁻²,   μ = σ² (μ̂ σ̂⁻² + μ_p σ_p⁻²)

    μ̂, σ̂ come from the row, by a net for each layer, one upon the other; μ_p, σ_p are those of the prior
    p(z_i | z_{i+1}), which the posterior thus shares. At the top there is no belief but N(0, I), and q is the
    evidence alone. `dims` counts from the lowest layer, z_1, which the decoder is handed, to the top; the
    encoder delivers (b, width). Divergences are those given the draw of the layer above, stages in that order
    too, from z_1 up.

    Upper layers die early in training, when the lower ones explain faster than they: warm-up of the KL
    (`isthmus.terms.warmup`) or free bits keep them.

    Reference: Sønderby et al., Ladder Variational Autoencoders, NeurIPS 2016, arXiv:1602.02282.
    """

    zero: Tensor

    def __init__(self, dims: Sequence[int], width: int = 128):
        super().__init__()
        self.dims, self.dim, self.features = checked(dims), dims[0], width
        ups = [nn.Sequential(nn.ReLU(), *mlp(width, width, width)) for _ in self.dims[1:]]
        self.up = nn.ModuleList(ups)
        self.evidence = nn.ModuleList(
            unit(nn.Sequential(nn.ReLU(), nn.Linear(width, 2 * d)), d) for d in self.dims
        )
        self.down = prior_nets(self.dims, width)
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return self.descend(self.seen(features), len(features), noisy)

    def sample(self, n: int) -> Tensor:
        return self.descend([], n, True).z

    @torch.no_grad()
    def resample(self, features: Tensor, layers: int) -> Tensor:
        """Codes (b, dim) of which the row says the top `layers`, at their means; those below are drawn.

        0 is a draw from the prior, and what all rows' draws have in common with their row at k layers, but
        not at k − 1, is what layer k holds.
        """
        seen = self.seen(features)
        return self.descend(seen[len(seen) - within(layers, len(seen)) :], len(features), False, draw=True).z

    def seen(self, features: Tensor) -> list[DiagonalNormal]:
        """What the row alone says of each layer, from z_1 up."""
        found = [normal(self.evidence[0](features))]
        for up, evidence in zip(self.up, self.evidence[1:]):
            features = up(features)
            found.append(normal(evidence(features)))
        return found

    def descend(self, seen: list[DiagonalNormal], n: int, noisy: bool, draw: bool = False) -> Code:
        """From the top down: q where evidence is given, of the top layers; the prior, drawn, below them.

        With `draw` layers of the prior are drawn even where those of q are not noisy.
        """
        stages: list[Stage] = []
        z = self.zero
        for level in reversed(range(len(self.dims))):
            top = level == len(self.dims) - 1
            p = standard(self.zero) if top else normal(self.down[level](z))
            place = level - (len(self.dims) - len(seen))
            if place >= 0:
                q = seen[place] if top else merged(seen[place], p)
                z = q.rsample() if noisy else q.mean
            else:
                q = p
                z = self.zero.new_empty(n, self.dims[level]).normal_() if top else p.rsample()
            stages.insert(0, Stage(z, q, p))
        return Code(z, tuple(stages))


class BottomUp(Known):
    """The plain hierarchy: q(z_1 | x), then q(z_2 | z_1), …, against a prior that is drawn from the top down.

    z_2 is inferred from a draw of z_1, and the divergence of z_1 is from p(z_1 | z_2) at a z_2 that depends
    on it: there is no closed form, and log q − log p at the draws is taken. With it, upper layers are hard
    to use (Sønderby et al. 2016); it is here to be compared with `Ladder`, whose arguments it has.

    Reference: Rezende, Mohamed & Wierstra, ICML 2014, arXiv:1401.4082; Burda et al. 2016, section 2.
    """

    zero: Tensor

    def __init__(self, dims: Sequence[int], width: int = 128):
        super().__init__()
        self.dims, self.dim, self.features = checked(dims), dims[0], width
        self.evidence = unit(nn.Sequential(nn.ReLU(), nn.Linear(width, 2 * self.dims[0])), self.dims[0])
        ups = [unit(mlp(lower, width, 2 * upper), upper) for lower, upper in itertools.pairwise(self.dims)]
        self.up, self.down = nn.ModuleList(ups), prior_nets(self.dims, width)
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        q = normal(self.evidence(features))
        drawn = [q.rsample() if noisy else q.mean]
        posteriors = [q]
        for up in self.up:
            posteriors.append(normal(up(drawn[-1])))
            drawn.append(posteriors[-1].rsample() if noisy else posteriors[-1].mean)
        priors = [AtDraws(normal(down(above))) for down, above in zip(self.down, drawn[1:])]
        beliefs: list[Density] = [*priors, standard(self.zero)]
        stages = (Stage(z, q, p) for z, q, p in zip(drawn, posteriors, beliefs))
        return Code(drawn[0], tuple(stages))

    def sample(self, n: int) -> Tensor:
        return self.descend(self.zero.new_empty(n, self.dims[-1]).normal_(), len(self.down))

    @torch.no_grad()
    def resample(self, features: Tensor, layers: int) -> Tensor:
        """Codes (b, dim) of which the row says the top `layers`, at their means; those below are drawn."""
        level = len(self.dims) - within(layers, len(self.dims))
        if not layers:
            return self.sample(len(features))
        return self.descend(self(features, False).stages[level].z, level)

    def descend(self, z: Tensor, level: int) -> Tensor:
        """z_1, drawn by the prior from a z that lies `level` layers above."""
        for down in reversed(self.down[:level]):
            z = normal(down(z)).rsample()
        return z


class TopDown(Known):
    """The deep top-down VAE: a residual stream from the top, to which each of `blocks` layers adds a draw.

        p(z_l | h), q(z_l | h, x) from nets;   h ← h + r(h) + W z_l;   h ← h + mlp(h)

    All layers see the row's features (b, width), the encoder's, and the stream h that the layers above left.
    Where q is the prior a layer costs nothing and says nothing, so that depth does no harm. The code that the
    decoder is handed is h, (b, width): the decoder is a head. Layers count from the top: stage 0 is drawn
    first. The last layer of each branch starts small, by 1/√blocks (section 3.2 of the reference).

    VDVAE at one resolution, of dense nets: pictures come through a convolutional encoder, flat.

    Reference: Child, Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images, ICLR
    2021, arXiv:2011.10650, figure 3.
    """

    start: nn.Parameter

    def __init__(self, dim: int, blocks: int = 8, width: int = 64):
        super().__init__()
        if blocks < 1:
            raise ValueError(f"there is at least one block, not {blocks}")
        self.each, self.dim, self.features = dim, width, width
        self.start = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(Block(dim, width, blocks) for _ in range(blocks))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return self.descend(features, len(features), len(self.blocks), noisy)

    def sample(self, n: int) -> Tensor:
        return self.descend(None, n, 0, True).z

    @torch.no_grad()
    def resample(self, features: Tensor, layers: int) -> Tensor:
        """Codes (b, dim) of which the row says the top `layers`, at their means; those below are drawn."""
        return self.descend(features, len(features), within(layers, len(self.blocks)), False).z

    def descend(self, features: Tensor | None, n: int, layers: int, noisy: bool) -> Code:
        """q in the first `layers` blocks, of which the mean is taken unless `noisy`; the prior below."""
        h, stages = self.start.expand(n, -1), []
        for level, block in enumerate(self.blocks):
            h, stage = block(h, features if level < layers else None, noisy)
            stages.append(stage)
        return Code(h, tuple(stages))


class Block(nn.Module):
    """One layer of `TopDown`."""

    def __init__(self, dim: int, width: int, blocks: int):
        super().__init__()
        self.dim = dim
        self.prior = unit(nn.Sequential(nn.ReLU(), *mlp(width, width, 2 * dim + width)), dim)
        self.posterior = unit(nn.Sequential(nn.ReLU(), *mlp(2 * width, width, 2 * dim)), dim)
        self.put = nn.Linear(dim, width)
        after = nn.Sequential(nn.ReLU(), *mlp(width, width, width))
        self.after = Residual(after)
        with torch.no_grad():
            for last in (self.prior[-1], self.put, after[-1]):
                last.weight *= blocks**-0.5

    def forward(self, h: Tensor, features: Tensor | None, noisy: bool) -> tuple[Tensor, Stage]:
        out = self.prior(h)
        p, more = normal(out[:, : 2 * self.dim]), out[:, 2 * self.dim :]
        q = p
        if features is not None:
            q = normal(self.posterior(torch.cat([h, features], 1)))
        z = q.rsample() if noisy or features is None else q.mean
        return self.after(h + more + self.put(z)), Stage(z, q, p)


class AtDraws:
    """A density of which only values are asked: a divergence from it is estimated at the draw."""

    def __init__(self, density: DiagonalNormal):
        self.density = density

    def log_prob(self, z: Tensor) -> Tensor:
        return self.density.log_prob(z)


def normal(params: Tensor) -> DiagonalNormal:
    """(b, 2 d) -> N: means, then log standard deviations, held smoothly within ±`BOUND`."""
    mean, log_scale = full(params).chunk(2, -1)
    return DiagonalNormal(mean, BOUND * torch.tanh(log_scale / BOUND))


def merged(a: DiagonalNormal, b: DiagonalNormal) -> DiagonalNormal:
    """The normalised product of two Gaussians: precisions add up, and weigh the means."""
    share = torch.sigmoid(2 * (b.log_scale - a.log_scale))  # of a in the precision
    log_scale = -0.5 * torch.logaddexp(-2 * a.log_scale, -2 * b.log_scale)
    return DiagonalNormal(torch.lerp(b.mean, a.mean, share), log_scale)


def unit(net: nn.Sequential, dim: int) -> nn.Sequential:
    """The net, of whose last layer come `dim` means and then log scales: these start at 0, whatever it reads.

    Before it has learned, what a net reads may be large, of pictures above all, and divergences grow with the
    exponential of log scales: a code that begins by costing a million nats is first of all given up.
    """
    last = net[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight[dim : 2 * dim] = 0.0
        last.bias[dim : 2 * dim] = 0.0
    return net


def standard(zero: Tensor) -> DiagonalNormal:
    return DiagonalNormal(zero, zero, standard=True)


def prior_nets(dims: tuple[int, ...], width: int) -> nn.ModuleList:
    """(b, d_{i+1}) -> (b, 2 d_i): parameters of p(z_i | z_{i+1}), for every layer but the top."""
    pairs = itertools.pairwise(dims)
    return nn.ModuleList(unit(mlp(upper, width, 2 * lower), lower) for lower, upper in pairs)


def checked(dims: Sequence[int]) -> tuple[int, ...]:
    if len(dims) < 1 or min(dims) < 1:
        raise ValueError(f"dims holds the width of each layer, from the lowest up; it is {tuple(dims)}")
    return tuple(dims)


def within(layers: int, most: int) -> int:
    """How many layers a row says, once it is sure that there are so many."""
    if not 0 <= layers <= most:
        raise ValueError(f"a row says from 0 to all {most} layers, not {layers}")
    return layers
