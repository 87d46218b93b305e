"""Denoising diffusion: rows, or codes, made out of noise a little at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..distributions import LOG_2PI
from ..likelihoods.likelihood import Features
from ..nets import mlp, size
from .prior import Prior, Whitening, descend


class Diffusion(nn.Module):
    """Noise is added in T steps, and a net learns to say which: a Markov chain, walked backwards to sample.

        x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε,   ᾱ_t = Π_s (1 − β_s),   loss = E ‖ε − ε_θ(x_t, t)‖²

    β_t grows linearly from 10⁻⁴ to 0.02 for T = 1000 (Ho et al., section 4), and in proportion 1000 / T for
    others, so that x_T is noise. Data should be near unit variance. This is a hierarchical VAE with a fixed
    encoder, T codes as wide as the data, and `bound` its ELBO; unlike there, no code is short.

    `net` maps ((b, *features), (b,) of t/T) to (b, *features); see `timed`.

    Reference: Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models, NeurIPS 2020, arXiv:2006.11239;
    Song, Meng & Ermon, Denoising Diffusion Implicit Models, ICLR 2021, arXiv:2010.02502.
    """

    kept: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, net: nn.Module, features: Features, length: int = 1000):
        super().__init__()
        if length < 20:
            raise ValueError(
                f"in few steps noise is not reached by small ones: length is {length}, at least 20"
            )
        self.net, self.length = net, length
        self.shape = (features,) if isinstance(features, int) else tuple(features)
        beta = torch.linspace(1e-4, 0.02, length, dtype=torch.float64) * 1000 / length
        kept = torch.cat([torch.ones(1), (1 - beta.clamp(max=0.999)).cumprod(0)])
        self.register_buffer("kept", kept.float(), persistent=False)  # (T + 1,): ᾱ_t, ᾱ_0 = 1
        self.register_buffer("low", torch.full(self.shape, math.inf))  # of each number, in training
        self.register_buffer("high", torch.full(self.shape, -math.inf))

    def loss(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """(b, *features) -> (b,): ‖ε − ε_θ(x_t, t)‖² at a random t for each row, over what was observed."""
        if self.training:
            seen = x.detach() if observed is None else torch.where(observed, x.detach(), 0)
            self.low, self.high = (
                torch.minimum(self.low, seen.amin(0)),
                torch.maximum(self.high, seen.amax(0)),
            )
        t = torch.randint(1, self.length + 1, (len(x),), device=x.device)
        noise = torch.randn_like(x)
        error = (noise - self.predicted(self.noised(x, t, noise, observed), t)).square()
        return (error if observed is None else error * observed).flatten(1).sum(1)

    def noised(self, x: Tensor, t: Tensor, noise: Tensor, observed: Tensor | None = None) -> Tensor:
        """x_t for each row; where nothing was observed there is noise alone, of the same variance."""
        kept = self.kept[t].view(-1, *(1,) * (x.dim() - 1)).to(x)
        x = x if observed is None else torch.where(observed, x, 0)  # also where a NaN stands in
        return kept.sqrt() * x + (1 - kept).sqrt() * noise

    def predicted(self, x: Tensor, t: Tensor) -> Tensor:
        """ε_θ(x_t, t); t (b,) whole numbers from 1 to T."""
        noise: Tensor = self.net(x, t.to(x.dtype) / self.length)
        return noise

    def sample(self, n: int, jumps: int | None = None, eta: float = 1.0) -> Tensor:
        """(n, *features): from noise to rows, in all T steps, or in `jumps` of them.

        `eta` is the noise added on the way back: 1 for DDPM, 0 for DDIM, which is deterministic given x_T.
        """
        return self.walked(torch.randn(n, *self.shape, device=self.kept.device), jumps, eta)

    def walked(self, x: Tensor, jumps: int | None = None, eta: float = 0.0) -> Tensor:
        """x_T -> x_0 (Song et al. 2021, equation 12)."""
        times = self.times(jumps)
        for t, to in zip(reversed(times[1:]), reversed(times[:-1])):
            clean, noise = self.parted(x, t, held=not eta)
            kept, after = self.kept[t].to(x), self.kept[to].to(x)
            spread = eta * ((1 - after) / (1 - kept) * (1 - kept / after)).sqrt()
            x = after.sqrt() * clean + (1 - after - spread.square()).clamp(min=0).sqrt() * noise
            x = x + spread * torch.randn_like(x) if eta and to else x
        return x

    def encoded(self, x: Tensor, jumps: int | None = None) -> Tensor:
        """x_0 -> x_T: DDIM walked the other way, which `walked` inverts as closely as the steps are small."""
        times = self.times(jumps)
        for t, to in zip(times[:-1], times[1:]):
            clean, noise = self.parted(x, t, held=True)
            after = self.kept[to].to(x)
            x = after.sqrt() * clean + (1 - after).sqrt() * noise
        return x

    def parted(self, x: Tensor, t: int, held: bool) -> tuple[Tensor, Tensor]:
        """x_t -> estimates of x_0 and of the noise that make it up.

        Without noise on the way nothing makes good what the net says wrongly, and errors grow at each jump.
        There the estimate of x_0 is `held` to what was seen in training, as Ho et al. hold theirs to [−1, 1].
        """
        noise, kept = self.said(x, max(t, 1)), self.kept[t].to(x)
        clean = (x - (1 - kept).sqrt() * noise) / kept.sqrt()
        if held and t:
            seen = self.low <= self.high
            low, high = torch.where(seen, self.low, -math.inf), torch.where(seen, self.high, math.inf)
            clean = clean.clamp(low.to(x), high.to(x))
            noise = (x - kept.sqrt() * clean) / (1 - kept).sqrt()
        return clean, noise

    def said(self, x: Tensor, t: int) -> Tensor:
        return self.predicted(x, torch.full((len(x),), t, device=x.device))

    def times(self, jumps: int | None) -> list[int]:
        """0 = t_0 < … < t_jumps = T, evenly spaced."""
        jumps = self.length if jumps is None else jumps
        if not 1 <= jumps <= self.length:
            raise ValueError(f"jumps lie between 1 and the {self.length} steps of the chain; it is {jumps}")
        return [round(self.length * k / jumps) for k in range(jumps + 1)]

    @torch.no_grad()
    def bound(self, x: Tensor, draws: int = 1) -> Tensor:
        """(b, *features) -> (b,): an unbiased estimate of the ELBO of log p(x), in nats.

            −KL(q(x_T|x) ‖ N(0, I)) − Σ_{t>1} KL(q(x_{t−1}|x_t, x) ‖ p_θ(x_{t−1}|x_t)) + log p_θ(x | x_1)

        with β_t for p_θ's variance: where data are broad beside it, the smaller one that `sample` adds would
        lose nats at the first steps (Ho et al., section 3.2, name both). All t are visited, `draws` times.
        """
        whole = math.prod(self.shape)
        last = self.kept[-1].to(x)
        far = 0.5 * (last * x.square() + (1 - last) - 1 - (1 - last).log()).flatten(1).sum(1)
        total = -far
        for t in range(1, self.length + 1):
            kept, before = self.kept[t].to(x), self.kept[t - 1].to(x)
            beta = 1 - kept / before
            for _ in range(draws):
                noise = torch.randn_like(x)
                off = (noise - self.said(kept.sqrt() * x + (1 - kept).sqrt() * noise, t)).square()
                off = off.flatten(1).sum(1) / draws
                if t == 1:  # x̂ = (x_1 − √β ε_θ)/√(1−β), variance β
                    total = total - 0.5 * off / kept - 0.5 * whole / draws * (LOG_2PI + beta.log())
                else:  # KL of Gaussians whose variances are β (1 − ᾱ_{t−1}) / (1 − ᾱ_t) and β
                    ratio = (1 - before) / (1 - kept)
                    width = 0.5 * whole * (ratio - 1 - ratio.log())
                    total = total - width / draws - 0.5 * off * beta / (kept / before) / (1 - kept)
        return total


class Timed(nn.Module):
    """A net of x and of where between data (0) and noise (1) it is, told in sines of several speeds."""

    def __init__(self, net: nn.Module, features: Features, waves: int = 16):
        super().__init__()
        self.net, self.features, self.waves = net, features, waves

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        speeds = torch.logspace(0, 3, self.waves, device=x.device, dtype=x.dtype)
        angle = share[:, None] * speeds  # (b, waves)
        told = torch.cat([x.flatten(1), angle.sin(), angle.cos()], 1)
        noise: Tensor = self.net(told).view_as(x)
        return noise


def timed(features: Features, hidden: Sequence[int] = (256, 256), waves: int = 16) -> Timed:
    """A fully connected net that says the noise in rows or small pictures: x and t in, ε out.

    >>> timed(4, (8,))(torch.zeros(2, 4), torch.tensor([0.1, 0.9])).shape
    torch.Size([2, 4])
    """
    wide = size(features)
    net = mlp(wide + 2 * waves, *hidden, wide, activation=nn.SiLU, residual=True)
    return Timed(net, features, waves)


class DiffusionPrior(Prior):
    """A density for the codes of any trained model: fitted to them, then drawn from in its place.

        z = standardised codes;   minimise E ‖ε − ε_θ(√ᾱ_t z + √(1 − ᾱ_t) ε, t)‖²

    Latent diffusion, in small: the autoencoder makes data short, the prior says which codes occur.

    Reference: Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, CVPR 2022,
    arXiv:2112.10752; Wehenkel & Louppe, Diffusion Priors in Variational Autoencoders, 2021, arXiv:2106.15671.

    >>> prior = DiffusionPrior(8)
    >>> prior.fit(codes)  # doctest: +SKIP
    >>> model.autoencoder.decode(prior.sample(100)).mean  # doctest: +SKIP
    """

    def __init__(self, dim: int, hidden: Sequence[int] = (128, 128), length: int = 200, updates: int = 4000):
        super().__init__()
        self.dim, self.updates = dim, updates
        self.white = Whitening(dim)
        self.chain = Diffusion(timed(dim, hidden), dim, length)

    def fit(self, codes: Tensor) -> None:
        """Learn from codes (n, dim), by `updates` steps of Adam. Draws come from the global generator.

        Raises:
            ValueError: for codes of another width.
        """
        codes = codes.detach().float()
        if codes.dim() != 2 or codes.shape[1] != self.dim:
            raise ValueError(f"codes are (n, {self.dim}) for this prior; these are {tuple(codes.shape)}")
        descend(self.chain, self.chain.loss, self.white.fit(codes), self.updates)

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        """(n, dim), by all steps, from the global generator."""
        return self.white.inverse(self.chain.sample(n))

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., dim) -> (...): a lower bound of the log density, in nats, estimated by draws: no gradient."""
        bound: Tensor = self.chain.bound(self.white(z).reshape(-1, self.dim))
        return bound.view(z.shape[:-1]) + self.white.log_det
