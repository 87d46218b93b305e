"""Codes, pictures or pairs held to a distribution: by transport, by a kernel, by a critic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

import isthmus
from isthmus import Batch, Embedder, Learner, Recipe
from isthmus.corruptions import shifts
from isthmus.data import DataError
from isthmus.latents import Petals, SwissRoll
from isthmus.likelihoods import bernoulli
from isthmus.models import aae, bigan, labelled_aae, semi_aae, sliced_wae, vae_gan, wae_gan, wae_mmd
from isthmus.models.generators import diffusion, gan, info_gan
from isthmus.priors import Diffusion, DiffusionPrior
from isthmus.terms import classification, cross_entropy, imq, likeness, sliced, swapping, told
from isthmus.terms.discrepancy import discrepancy, sliced_distance
from isthmus.trace import Code, Trace
from isthmus.training import adam, cosine, fit


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sheet(seed: int, n: int = 1500) -> Tensor:
    """Rows near a curved sheet in eight dimensions, whose codes have no reason to be normal."""
    hidden = normal(seed, n, 2)
    mix = normal(7, 2, 8)
    return (torch.tanh(1.5 * hidden @ mix) + 0.05 * normal(seed + 1, n, 8)).float()


def trained(model: Learner, x: Any, epochs: int = 40, lr: float = 3e-3) -> Any:
    """With little momentum: with more, the players of a game circle each other."""
    rows = len(x[0] if isinstance(x, tuple) else x)
    schedule = cosine(epochs * -(-rows // 128))
    fit(model, x, epochs=epochs, optimizer=adam(lr, (0.5, 0.9)), schedule=schedule, progress=False)
    return model


def codes(model: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.autoencoder.encode(x).z


# The sliced Wasserstein distance


def transported(a: Tensor, b: Tensor) -> float:
    """The exact W₂² of two samples, by the best assignment."""
    cost = (a[:, None] - b).square().sum(-1).numpy()
    return float(cost[linear_sum_assignment(cost)].mean())


def test_on_a_line_the_sliced_distance_is_the_exact_one():
    a, b = normal(0, 60, 1), 0.3 + normal(1, 60, 1).abs()
    found = float(sliced_distance(a, b, torch.tensor([[1.0], [-1.0]], dtype=torch.float64)))
    assert found == pytest.approx(transported(a, b), rel=1e-12)
    unsorted = float((a - b).square().mean())  # the control: rows compared as they came
    assert unsorted > 1.2 * found


def test_of_a_shift_it_is_the_squared_length_over_the_dimension():
    """Along θ a shift by m is θ·m, and E (θ·m)² = ‖m‖²/d; the same rows: no sampling error."""
    a, shift = normal(0, 50, 5), torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
    directions = F.normalize(normal(2, 20_000, 5), dim=1)
    each = (directions @ shift).square()
    expected, error = float(shift.square().sum() / 5), float(each.std() / len(each) ** 0.5)
    assert float(sliced_distance(a, a + shift, directions)) == pytest.approx(expected, abs=4 * error)
    loose = float(
        sliced_distance(a, a + shift, normal(2, 20_000, 5))
    )  # the control: directions of any length
    assert loose > 4 * expected


def test_the_sliced_distance_is_below_the_exact_one_and_sees_a_shift():
    a, b = normal(0, 80, 3), normal(1, 80, 3) + 1
    directions = F.normalize(normal(2, 500, 3), dim=1)
    assert float(sliced_distance(a, b, directions)) < transported(a, b)  # a projection shortens
    assert float(sliced_distance(a, b, directions)) > 5 * float(sliced_distance(a, b - 1, directions))


def test_a_distance_along_no_direction_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        sliced(0)


@pytest.mark.parametrize("method", [wae_mmd, sliced_wae], ids=lambda method: method.__name__)
def test_codes_are_held_to_the_prior(method):
    """The unbiased MMD² of codes against prior draws: of two equal samples it is 0 but for noise."""
    x = sheet(0, 600)
    prior, other = normal(100, len(x), 3).float(), normal(101, len(x), 3).float()
    noise = abs(float(discrepancy(prior, other, imq)))

    def away(weight: float) -> float:
        with isthmus.seeded(0):
            model = method(8, 3, (32,), weight=weight)
        return float(discrepancy(codes(trained(model, x), x), prior, imq))

    held, free = away(10.0), away(0.0)
    assert 4 * held < free, (held, free)
    assert noise < 0.02


# Adversarial autoencoders: any prior, with labels, with few of them


def test_a_round_prior_makes_the_adversarial_autoencoder_wae_gan():
    """The paper that names it proves no more than this: same seed, same steps, same weights."""
    x = sheet(0, 300)
    with isthmus.seeded(0):
        one = aae(8, 3, (16,), critic=(16,))
    with isthmus.seeded(0):
        other = wae_gan(8, 3, (16,), critic=(16,))
    trained(one, x, 2), trained(other, x, 2)
    assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_petals_are_the_mixture_they_say():
    with isthmus.seeded(0):
        shape = Petals(4, 5)
        labels = torch.arange(5).repeat_interleave(20_000)
        z = shape.sample(100_000, labels)
    angle = 2 * math.pi * torch.arange(5) / 5
    centre = 3 * torch.stack([angle.cos(), angle.sin()], 1)
    for k in range(5):
        own = z[labels == k]
        torch.testing.assert_close(own.mean(0)[:2], centre[k], atol=0.02, rtol=0)
        axes = torch.tensor([[angle[k].cos(), angle[k].sin()], [-angle[k].sin(), angle[k].cos()]])
        spread = torch.cat([own[:, :2] @ axes.T, own[:, 2:]], 1).std(0)
        torch.testing.assert_close(spread, torch.tensor([0.7, 0.2, 1.0, 1.0]), atol=0.03, rtol=0)
    with isthmus.seeded(0):
        free = shape.sample(50_000, torch.full((50_000,), -1))
        any_label = shape.sample(50_000)
    torch.testing.assert_close(free.mean(0), any_label.mean(0), atol=0.05, rtol=0)


def test_the_swiss_roll_is_evenly_covered_along_its_length():
    """Arc length of a spiral r = t/5 is about ∫ t dt / 5; equal shares of it hold equal numbers of draws."""
    with isthmus.seeded(0):
        z = SwissRoll(noise=0.0).sample(50_000)
    t = 5 * z.norm(dim=1)
    torch.testing.assert_close(z, torch.stack([t * t.cos(), t * t.sin()], 1) / 5, atol=1e-4, rtol=0)
    length = (t.square() - (1.5 * math.pi) ** 2) / ((4.5 * math.pi) ** 2 - (1.5 * math.pi) ** 2)
    counts = torch.histc(length, 10, 0, 1) / len(t)
    assert float((counts - 0.1).abs().max()) < 0.01
    even = torch.histc((t - t.min()) / (t.max() - t.min()), 10, 0, 1) / len(t)
    assert float((even - 0.1).abs().max()) > 0.03  # the control: in t itself it is not
    with isthmus.seeded(0):
        parts = SwissRoll(noise=0.0).sample(1000, torch.arange(1000) % 10)
    placed = (parts.norm(dim=1) * 5).square()
    order = (placed - (1.5 * math.pi) ** 2) / ((4.5 * math.pi) ** 2 - (1.5 * math.pi) ** 2)
    assert torch.equal((10 * order).floor().clamp(0, 9).long(), torch.arange(1000) % 10)


def test_shapes_refuse_what_they_are_not():
    with pytest.raises(ValueError, match="dim is 2, not 8"):
        aae(8, 8, prior=SwissRoll)
    with pytest.raises(ValueError, match="plane"):
        Petals(1)
    with pytest.raises(ValueError, match="at least 2"):
        semi_aae(8, classes=1)


def strayed(z: Tensor) -> float:
    """Mean distance of codes from the swiss roll's curve, by many noiseless draws of it."""
    with isthmus.seeded(0):
        curve = SwissRoll(noise=0.0).sample(4000)
    return float(torch.cdist(z, curve).min(1).values.mean())


def test_codes_take_the_shape_of_a_swiss_roll():
    """Draws of N(0, I) stray by 0.5 from the curve; those of the roll by 0.04, the mean of |noise|."""
    x = sheet(0)
    with isthmus.seeded(0):
        held = aae(8, 2, (128, 128), prior=SwissRoll, weight=1.0)
        around = held.autoencoder.latent.sample(1000)
    assert strayed(around) < 0.06
    assert strayed(normal(0, 1000, 2).float()) > 0.4  # what a round prior would give
    assert strayed(codes(held, x)) > 0.3  # and what no training does
    assert strayed(codes(trained(held, x, 250, 5e-3), x)) < 0.2


def clouds(seed: int, n: int = 1200) -> tuple[Tensor, Tensor]:
    """Four clouds in six dimensions, apart but for a few rows: a linear classifier is right on 99 in 100."""
    labels = torch.arange(n) % 4
    return (normal(50, 4, 6)[labels] * 1.5 + 0.7 * normal(seed, n, 6)).float(), labels


def some_known(labels: Tensor, of_ten: int, shuffled: bool) -> Tensor:
    """−1 for all but the first of every ten; `shuffled` ones say nothing: the control."""
    if shuffled:
        labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    return torch.where(torch.arange(len(labels)) // 4 % 10 < of_ten, labels, -1)


@pytest.mark.parametrize("shuffled", [False, True], ids=["labels", "control"])
def test_each_class_goes_to_its_own_petal(shuffled):
    x, labels = clouds(0)
    test, wanted = clouds(1)
    with isthmus.seeded(0):
        model = labelled_aae(6, 2, (64,), classes=4, critic=(64,))
    z = codes(trained(model, (x, some_known(labels, 5, shuffled)), 40), test)
    angle = 2 * math.pi * torch.arange(4) / 4
    nearest = torch.cdist(z, 3 * torch.stack([angle.cos(), angle.sin()], 1)).argmin(1)
    right = float((nearest == wanted).float().mean())
    assert right < 0.6 if shuffled else right > 0.9


@pytest.mark.parametrize("shuffled", [False, True], ids=["labels", "control"])
def test_some_labels_name_the_classes_of_a_code(shuffled):
    x, labels = clouds(0)
    test, wanted = clouds(1)
    with isthmus.seeded(0):
        model = semi_aae(6, 2, (64,), classes=4, critic=(64,))
    z = codes(trained(model, (x, some_known(labels, 1, shuffled)), 40), test)
    torch.testing.assert_close(z[:, :4].sum(1), torch.ones(len(z)))
    assert float(z[:, :4].max(1).values.mean()) > 0.6  # to the critic, probabilities look like one-hot draws
    right = float((z[:, :4].argmax(1) == wanted).float().mean())
    assert right < 0.6 if shuffled else right > 0.9


def test_what_every_phase_reads_is_corrupted_in_training_alone_also_when_loaded(tmp_path):
    x = normal(0, 12, 1, 6, 6).float()
    moving = Recipe(shifts, target=False)
    model = semi_aae((1, 6, 6), 2, (8,), classes=2, critic=(4,), noise=2.0, corruption=moving)
    isthmus.save(tmp_path, model)
    for each in (model, isthmus.load(tmp_path)):
        read: list[Tensor] = []
        each.autoencoder.encoder.register_forward_pre_hook(lambda _, given, read=read: read.append(given[0]))
        with isthmus.seeded(1):
            expected = moving(2.0)(Batch(x, x)).input
        with isthmus.seeded(1):
            turns = [
                player for player, _ in each.losses(Batch(x, x, {"labels": torch.arange(12) % 3 - 1}), 0)
            ]
        assert turns == ["critic", "autoencoder", "regularisation", "classification"]
        assert len(read) == 3 and torch.equal(read[0], expected)
        assert not torch.equal(read[1], read[0]) and not torch.equal(read[2], read[1])  # drawn anew
        each.eval()
        torch.testing.assert_close(codes(each, x), codes(model, x), rtol=0, atol=0)
        assert torch.equal(read[3], x)


def test_classification_reads_known_labels_only():
    logits = normal(0, 6, 3)
    labels = torch.tensor([0, -1, 2, -1, 1, -1])
    trace = Trace(Batch(None, None, {"labels": labels}), None, Code(logits, extra={"logits": logits}), None)  # type: ignore[arg-type]
    expected = -logits.log_softmax(1)[[0, 2, 4], [0, 2, 1]].mean()
    torch.testing.assert_close(classification(0.5)(None, trace).mean(), expected)
    torch.testing.assert_close(cross_entropy(None, trace), expected)
    none = trace._replace(batch=Batch(None, None, {"labels": torch.full((6,), -1)}))
    assert float(classification(0.5)(None, none).sum()) == float(cross_entropy(None, none)) == 0


def test_an_embedder_learns_from_some_labels_and_needs_none_afterwards(tmp_path):
    x, labels = clouds(0, 400)
    y = np.where(np.arange(400) < 200, np.array(["a", "b", "c", "d"], object)[labels], None)
    model = Embedder(Recipe("semi_aae", hidden=(16,)), dim=2, epochs=2, random_state=0).fit(x.numpy(), y)
    assert model.classes_.tolist() == ["a", "b", "c", "d"]
    z = model.transform(x.numpy())
    assert z.shape == (400, 6)
    np.testing.assert_array_equal(Embedder.load(model.save(tmp_path)).transform(x.numpy()), z)
    with pytest.raises(DataError, match="label of row 200 is None"):
        Embedder("conditional_vae", epochs=1).fit(x.numpy(), y)


# Games over pairs and rows


@pytest.mark.parametrize("blind", [False, True], ids=["pairs", "control"])
def test_where_the_game_over_pairs_is_won_the_encoder_inverts_the_decoder(blind):
    """E(G(z)) = z though nothing ever compared them; a critic that does not see z leaves E anywhere."""
    mix = torch.tensor([[1.2, 0.5], [-0.4, 0.8]])
    x, z = normal(0, 4000, 2).float() @ mix.T, normal(9, 2000, 2).float()
    with isthmus.seeded(0):
        model = bigan(2, 2, (), critic=(64, 64))
    if blind:
        model.critic = Blind(model.critic)
    trained(model, x, 50, 5e-3)
    with torch.no_grad():
        made = model.autoencoder.decode(z).mean
    away = float((codes(model, made) - z).norm(dim=1).mean())
    torch.testing.assert_close(
        torch.cov(made.T), mix @ mix.T, atol=0.25, rtol=0
    )  # either way rows look right
    assert away > 1.0 if blind else away < 0.15


class Blind(torch.nn.Module):
    """A critic of pairs that does not look at codes."""

    def __init__(self, critic: torch.nn.Module):
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.critic(x, 0 * z)


def test_both_players_swap_the_labels_and_neither_is_without_a_gradient():
    """Where the critic is sure (±30), the minimax game gives the encoder nothing; swapped labels do."""
    with isthmus.seeded(0):
        model = bigan(4, 2, (8,), critic=(8,))
        x = torch.randn(16, 4)
    trace = model.autoencoder(Batch(x, x))
    logit = model.critic(x, trace.code.z)
    with isthmus.seeded(1):
        made, z = model.generated(16, {})
        expected = F.softplus(logit) + F.softplus(-model.critic(made, z))
    with isthmus.seeded(1):
        torch.testing.assert_close(swapping(model, trace), expected[:, 0])
    sure = torch.full((3,), 30.0, requires_grad=True)  # log odds that (x, E(x)) is what it is
    (swapped,) = torch.autograd.grad(F.softplus(sure).sum(), sure)
    (minimax,) = torch.autograd.grad(-F.softplus(-sure).sum(), sure)
    assert float(swapped.min()) > 0.99 and float(minimax.abs().max()) < 1e-6


def test_likeness_is_measured_in_the_hidden_layer_and_each_player_has_its_own_loss():
    with isthmus.seeded(0):
        model = vae_gan(4, 2, (8,), critic=8, gamma=0.5)
        x = torch.randn(16, 4)
    trace = model.autoencoder(Batch(x, x), noisy=False)
    body: Any = model.critic.body
    hidden = [body(rows) for rows in (x, trace.output.mean)]
    normal_there = torch.distributions.Normal(hidden[1], 1.0)
    constant = 0.5 * hidden[0].shape[1] * math.log(2 * math.pi)
    torch.testing.assert_close(likeness(model, trace), -normal_there.log_prob(hidden[0]).sum(1) - constant)
    with isthmus.seeded(1):
        turns = {player: loss for player, loss in model.losses(Batch(x, x), 0)}
    assert {player: set(loss.values) for player, loss in turns.items()} == {
        "critic": {"real", "fake", "slope"},
        "encoder": {"likeness", "kl"},
        "decoder": {"likeness", "rows_fooling"},
    }
    assert turns["decoder"].weights == {"likeness": 0.5, "rows_fooling": 1.0}


# Generators, for comparison


def test_a_gan_says_that_it_cannot_encode():
    with isthmus.seeded(0):
        model = gan(4, 2, (8,), critic=8)
    assert model.autoencoder.sample(3).mean.shape == (3, 4)
    with pytest.raises(TypeError, match="no encoder.*bigan"):
        model.autoencoder.encode(torch.zeros(3, 4))
    with pytest.raises(TypeError, match="no encoder"):
        model.autoencoder(Batch(torch.zeros(3, 4), torch.zeros(3, 4)))


def test_the_slope_of_a_critic_is_its_gradient_at_real_rows():
    """Of a linear critic w·x it is ‖w‖² everywhere."""
    with isthmus.seeded(0):
        model = gan(3, 2, (8,), slope=0.5)
        model.critic = torch.nn.Linear(3, 1)
        turns = dict(model.losses(Batch(torch.randn(5, 3), None), 0))
    loss, weight = turns["critic"], model.critic.weight
    torch.testing.assert_close(loss.values["slope"], weight.square().sum().expand(5))
    assert loss.weights["slope"] == 0.25


def test_what_an_info_gan_tells_is_a_bound_of_the_information():
    """H(c) − the loss: of a generator that ignores c, E log Q cannot be above −H(c), so it is below 0."""
    with isthmus.seeded(0):
        model = info_gan(4, 2, (16,), kinds=5, continuous=0, critic=8)
        trace = model.made(Batch(torch.zeros(4000, 4), None), 0)
        z = trace.code.z
        torch.testing.assert_close(z[:, :5].sum(1), torch.ones(4000))
        deaf = trace._replace(batch=Batch(torch.randn(4000, 4), None))
    with torch.no_grad():
        assert math.log(5) - float(told(model, deaf).mean()) < 0.02
        perfect = F.cross_entropy(100 * z[:, :5], z[:, :5].argmax(1))
    assert math.log(5) - float(perfect) == pytest.approx(math.log(5))
    seen = model.autoencoder.encode(trace.batch.input).extra["logits"]
    expected = -seen.log_softmax(1)[torch.arange(4000), z[:, :5].argmax(1)]
    torch.testing.assert_close(told(model, trace), expected)


class Exact(torch.nn.Module):
    """The noise that is expected in x_t where rows are N(0, s²): √(1 − ᾱ) x_t / (ᾱ s² + 1 − ᾱ)."""

    def __init__(self, s: float, steps: int, factor: float = 1.0):
        super().__init__()
        self.s, self.steps, self.factor = s, steps, factor
        self.kept = Diffusion(torch.nn.Identity(), 1, steps).kept

    def forward(self, x: Tensor, share: Tensor) -> Tensor:
        kept = self.kept[(share * self.steps).round().long()][:, None].to(x)
        return self.factor * (1 - kept).sqrt() * x / (kept * self.s**2 + 1 - kept)


def test_a_chain_keeps_the_variance_of_what_was_made_to_have_it_and_ends_in_noise():
    chain = Diffusion(torch.nn.Identity(), 3, 1000)
    assert float(chain.kept[-1]) < 1e-4  # Ho et al.: the last step is nearly noise alone
    x, t = normal(0, 200_000, 1).float(), torch.randint(1, 1001, (200_000,))
    noised = chain.noised(x, t, normal(1, 200_000, 1).float())
    assert float(noised.var()) == pytest.approx(1.0, abs=0.015)


@pytest.mark.parametrize("eta", [0.0, 1.0], ids=["ddim", "ddpm"])
def test_a_chain_that_knows_the_noise_samples_the_data(eta):
    chain = Diffusion(Exact(0.5, 200), 1, 200)
    with isthmus.seeded(0), torch.no_grad():
        drawn = chain.sample(20_000, eta=eta)
        wrong = Diffusion(Exact(0.5, 200, factor=0.8), 1, 200).sample(20_000, eta=eta)  # the control
    assert float(drawn.std()) == pytest.approx(0.5, rel=0.05)
    assert abs(float(wrong.std()) - 0.5) > 0.05


def test_the_bound_of_a_chain_is_below_the_likelihood_and_near_it():
    x = 0.5 * normal(0, 4000, 1).float()
    truth = float(torch.distributions.Normal(0, 0.5).log_prob(x).mean())
    with isthmus.seeded(0):
        few, many = (float(Diffusion(Exact(0.5, t), 1, t).bound(x).mean()) for t in (50, 1000))
        wrong = float(Diffusion(Exact(0.5, 1000, 0.8), 1, 1000).bound(x).mean())
    assert truth - 0.05 < few < truth + 0.02
    assert truth - 0.05 < many < truth + 0.02
    assert wrong < truth - 0.05  # the control: a net that is wrong about the noise


def test_ddim_walks_back_what_it_walked():
    chain = Diffusion(Exact(0.5, 1000), 1, 1000)
    x = 0.5 * normal(0, 200, 1).float()
    with torch.no_grad():
        noise = chain.encoded(x)
        back = chain.walked(noise)
        coarse = chain.walked(chain.encoded(x, 10), 10)
    assert float(noise.std()) == pytest.approx(1.0, rel=0.15)
    assert float((back - x).abs().max()) < 0.02 < float((coarse - x).abs().max())


def test_a_walk_without_noise_does_not_leave_what_was_seen():
    """A net that underrates the noise: at each jump too much is left, which nothing takes away again."""
    chain = Diffusion(Exact(0.5, 200, factor=0.8), 1, 200)
    x, z = (0.5 * normal(0, 500, 1).float()).clamp(-1, 1), normal(1, 2000, 1).float()
    with torch.no_grad():
        astray = chain.walked(z, 50)  # the control: before anything was seen
        lost = (chain.walked(chain.encoded(x, 50), 50) - x).abs().mean()
        chain.train().loss(x)
        within = chain.walked(z, 50)
        kept = (chain.walked(chain.encoded(x, 50), 50) - x).abs().mean()
    assert float(within.abs().max()) <= float(x.abs().max()) < 0.7 * float(astray.abs().max())
    assert kept < lost + 0.01  # rows come back no worse


def test_a_diffusion_prior_knows_which_codes_occur():
    """Codes on a ring: a Gaussian fitted to them puts draws into the hole, a diffusion does not."""
    angle = 2 * math.pi * torch.rand(3000, generator=torch.Generator().manual_seed(0))
    ring = 5 + 3 * torch.stack([angle.cos(), angle.sin()], 1) + 0.1 * normal(1, 3000, 2).float()
    with isthmus.seeded(0):
        prior = DiffusionPrior(2, length=100)
        prior.fit(ring)
        drawn = prior.sample(2000)
        density = prior.log_prob(ring[:500].view(2, 250, 2)).mean()
        hole = prior.log_prob(torch.full((50, 2), 5.0)).mean()
    radius = (drawn - 5).norm(dim=1)
    gaussian = ring.mean(0) + normal(2, 2000, 2).float() @ torch.linalg.cholesky(torch.cov(ring.T)).T
    inside = float((radius < 2).float().mean())
    assert inside < 0.05 < 0.2 < float(((gaussian - 5).norm(dim=1) < 2).float().mean())
    assert float(radius.mean()) == pytest.approx(3.0, abs=0.1)
    assert float(density) > float(hole) + 2
    with pytest.raises(ValueError, match=r"codes are \(n, 2\)"):
        prior.fit(torch.zeros(5, 3))


def test_diffusion_as_a_learner_samples_and_encodes_by_its_own_steps():
    with pytest.raises(ValueError, match="real numbers"):
        diffusion(8, likelihood=bernoulli)
    with pytest.raises(ValueError, match="between 1 and the 50"):
        diffusion(8, length=50, jumps=51)
    x = sheet(0, 600)
    with isthmus.seeded(0):
        model = diffusion(8, (64, 64), length=200, jumps=100)
    fit(model, x, epochs=300, optimizer=adam(3e-3), schedule=cosine(1500), progress=False)
    z = codes(model, x)
    with torch.no_grad():
        back = model.autoencoder.decode(z).mean
        drawn = model.autoencoder.sample(600, torch.Generator().manual_seed(0)).mean
    assert float((back - x).square().mean() / x.var()) < 0.05
    assert float((torch.cov(drawn.T) - torch.cov(x.T)).norm() / torch.cov(x.T).norm()) < 0.25
