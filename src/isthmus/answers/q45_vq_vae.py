"""What is a VQ-VAE, and what keeps its codebook alive?

**In short.** An autoencoder whose code is made of words: at each place the encoder's vector is replaced by
the nearest of K learned ones, and what is passed on is its number. Places · log₂ K bits are the most that a
code can say. A second model, fitted afterwards, learns which words follow which, and writes new ones.

**Definition.** For features z_e, entries e_j and k = argmin_j ‖z_e − e_j‖²,

    min −log p(x | z_q) + ‖sg[z_e] − e_k‖² + β ‖z_e − sg[e_k]‖²,    z_q = z_e + sg[e_k − z_e]

sg stops the gradient. The second term moves entries to their features and is mostly replaced by running
means; the third, with β = 0.25, keeps features near their entry.

**Mathematics.** argmin has no derivative; straight through, ∂z_q/∂z_e is taken to be 1, so the encoder is
told what the decoder would like z_q to be. The rotation trick turns that gradient with the vector. Running
means N ← γN + (1 − γ)n, m likewise, e = m/N are online k-means. Seen as a VAE, the posterior is one word, and
under a uniform prior its KL is the constant log K a place; under a learned prior p(k), −log p(k) − log p(x |
k) bounds −log p(x).

**Intuition.** A phrase book for pictures. A phrase that nobody says is never corrected, and so never said:
the few that were near the data at the start take all. Hence words start *at* features (k-means), and
one that falls silent is put onto a feature of today.

**When, and when not.** Where a sequence model comes next (pictures, sound, motion as tokens), or bits are to
be stored. Several short books, residual or side by side, name as many vectors with fewer entries. A fixed
grid (FSQ) has no book that could die. For a smooth code to interpolate in, or a density in one piece, take
a VAE.

**Pitfalls.** sg on the wrong side. A sum against a mean: weighs the commitment wrongly by the number of
places and of numbers at each. An entry both averaged and optimised. Means that move in eval(). Samples from
uniform indices, which are not the model's. Bits told as places · log₂ K with a perplexity of five. Entries
drawn from N(0, 1), as `nn.Embedding` does, far from where features are, and no revival: a few words are left
(the control).

**Sources.** van den Oord et al. 2017, arXiv:1711.00937; Razavi et al. 2019, arXiv:1906.00446; Dhariwal et al.
2020, arXiv:2005.00341 (revival); Mentzer et al. 2024, arXiv:2309.15505 (FSQ); Fifty et al. 2025,
arXiv:2410.06424 (rotation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from ..latents import Codebook, rotation
from ..metrics import CodebookUse, code_length, codebook_use
from ..model import Autoencoder
from ..models import fsq, vq_vae
from ..nets import convs
from ..priors import Autoregressive
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import commitment
from ..trace import Batch
from .common import grey, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

BUG = "the codebook starts at N(0, 1), is moved by its gradient alone, and nothing is revived"
LN2 = float(np.log(2))


class Setting(NamedTuple):
    """Square pictures, a book, and the map of places that codes are."""

    x: np.ndarray
    held: np.ndarray
    size: int
    shared: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.x.shape[1:]


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    side = round(rows.train.shape[1] ** 0.5)
    x, held = (part.reshape(-1, 1, side, side) for part in (rows.train, rows.test))
    places = budget.pick((4, 4), (7, 7))
    hidden = budget.pick((32,), (32, 32))
    shared = {"hidden": hidden, "positions": places, "width": 8, "nets": Recipe(convs, spatial=True)}
    setting = Setting(x, held, budget.pick(64, 128), shared)

    def fitted(build: Callable[[], Autoencoder]) -> Autoencoder:
        return trained(build, x, budget, budget.pick(24, 8), lr=4e-3, batch_size=64)

    models = {
        "k-means start, revival": fitted(lambda: book(setting, care=not bug, ema=None if bug else 0.99)),
        "the same, rotation trick": fitted(lambda: book(setting, gradient=rotation)),
        "running means alone": fitted(lambda: book(setting, care=False)),
        "gradient alone": fitted(lambda: book(setting, care=False, ema=None)),
        "a fixed grid (FSQ)": fitted(lambda: grid(setting, budget)),
    }
    chief = next(iter(models.values()))
    uses = {name: use(model, x) for name, model in models.items()}
    errors = {name: squared(held, reconstructed(model, held)) for name, model in models.items()}
    nothing = squared(held, np.broadcast_to(x.mean(0), held.shape))
    lengths, samples = priors(chief, setting, budget)
    word = uses["k-means start, revival"]
    claims = [
        Claim(
            "Perplexity, as a share of the size of the codebook", word.perplexity / word.size, at_least=0.5
        ),
        Claim("Share of entries in use", word.used / word.size, at_least=0.95),
        Claim(
            "Squared error, as a share of the mean picture's",
            errors["k-means start, revival"] / nothing,
            at_most=budget.pick(0.2, 0.1),
        ),
        Claim(
            "Bits of a held-out code that a prior saves by reading it in order, against each place alone",
            lengths["each place alone"] - lengths["read in order"],
            at_least=budget.pick(2, 20),
            guarded=False,
        ),
        Claim(
            "Gradient at the features, less the decoder's and 2β(z_e − e): largest difference, relative",
            straightness(budget),
            at_most=1e-5,
            guarded=False,
        ),
    ]
    lines = [line("the mean picture", 0.0, None, None, nothing)]
    lines += [
        line(name, most(model), uses[name].used, uses[name].perplexity, errors[name])
        for name, model in models.items()
    ]
    alive = Table(
        f"Held-out pictures, {places[0]} × {places[1]} places, a book of {setting.size}",
        ["", "bits at most", "entries in use", "perplexity", "squared error"],
        lines,
    )
    told = Table(
        "Bits of a held-out code, by what is known of codes",
        ["", "bits"],
        [line("nothing: all alike", most(chief)), *(line(name, value) for name, value in lengths.items())],
    )
    return Evidence(claims, [alive, told], [pictures(chief, setting, samples)])


def book(setting: Setting, care: bool = True, ema: float | None = 0.99, **options: Any) -> Autoencoder:
    """Without `care`, a codebook as it is often first written: an `nn.Embedding`, and nothing else."""
    model = vq_vae(setting.shape, setting.size, ema=ema, **setting.shared, **options)
    if care:
        return model
    for part in model.modules():
        if isinstance(part, Codebook):
            part.start, part.revive = None, 0.0
            with torch.no_grad():
                part.entries.normal_()
                if ema is not None:
                    part.sums.copy_(part.entries)
    return model


def grid(setting: Setting, budget: Budget) -> Autoencoder:
    """As many vectors, or nearly, none of them learned."""
    shared = {name: each for name, each in setting.shared.items() if name != "width"}
    return fsq(setting.shape, budget.pick((8, 8), (5, 5, 5)), **shared)


def most(model: Autoencoder) -> float:
    """Bits that a code can hold."""
    latent: Any = model.latent
    return float(np.log2(latent.levels).sum())


def use(model: Autoencoder, x: np.ndarray) -> CodebookUse:
    """On training rows."""
    latent: Any = model.latent
    with torch.no_grad():
        found = model.encode(torch.from_numpy(x[:5000])).extra["indices"]
    return codebook_use(found.numpy(), latent.levels[0])


def priors(
    model: Autoencoder, setting: Setting, budget: Budget
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Bits of held-out codes, and pictures of codes drawn, under three priors."""
    latent: Any = model.latent
    x, held = torch.from_numpy(setting.x[:20_000]), torch.from_numpy(setting.held)
    with seeded(budget.seed), torch.no_grad():
        codes = model.encode(x).z
        drawn = {"uniform": model.sample(10).mean}
        latent.fit_prior(codes)
        bits = {"each place alone": code_length(model, held).rate / LN2}
        drawn["each place alone"] = model.sample(10).mean
        latent.prior = Autoregressive(latent.levels, latent.books, epochs=budget.pick(10, 8))
        latent.fit_prior(codes)
        bits["read in order"] = code_length(model, held).rate / LN2
        drawn["read in order"] = model.sample(10).mean
    return bits, {name: each.numpy() for name, each in drawn.items()}


def straightness(budget: Budget, beta: float = 0.25) -> float:
    """Of a small model in double precision: autograd's ∂loss/∂z_e against the formula."""
    with seeded(budget.seed):
        model = vq_vae(12, 16, (16,), width=3, positions=4).double()
        x = torch.randn(32, 12, dtype=torch.float64)
    features = model.encoder(x)
    code = model.latent(features, True)
    explained = -model.decode(code.z).log_prob(x).sum()
    (slope,) = torch.autograd.grad(explained, code.z, retain_graph=True)
    trace = model(Batch(x, x))._replace(features=features, code=code)
    loss = explained + beta * commitment(model, trace).sum()
    (found,) = torch.autograd.grad(loss, features)
    by_hand = slope + 2 * beta * (features - code.z.detach())
    return ((found - by_hand).abs().max() / by_hand.abs().max()).item()


def pictures(model: Autoencoder, setting: Setting, samples: dict[str, np.ndarray]) -> Picture:
    held = setting.held[:10]
    rows = {"held out": held, "rebuilt": reconstructed(model, held).clip(0, 1)}
    rows |= {f"drawn: {name}": each.clip(0, 1) for name, each in samples.items()}
    alt = (
        "Digits, and their reconstructions from words; below, draws: of uniform words they are noise, of "
        "words by place they are blots, of words read in order they are like digits."
    )
    return side_by_side("From words, and from words that were made up", alt, rows)
