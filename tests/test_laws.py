"""Every method against every law. A new method is one line in CASES.

A law is a function of a `Case`; a control beside it shows that a classical mistake breaks it.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import json
import math
import re
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import isthmus
from isthmus import Autoencoder, Batch, Learner, Recipe
from isthmus.latents import Bijective, Deterministic, Gaussian
from isthmus.latents.bijective import Transported
from isthmus.likelihoods import gaussian
from isthmus.models import GENERATORS, METHODS, autoencoder
from isthmus.models.adversarial import Adversarial, judging
from isthmus.nets import convs, mlp, mlps
from isthmus.nets.dropout import UncertainLinear
from isthmus.objective import term
from isthmus.recipes import Signed
from isthmus.runs import cite
from isthmus.terms import fooling, l1, reconstruction, warmup
from isthmus.trace import NOTHING
from isthmus.training import train

FEATURES = 12


def nothing(n: int) -> dict[str, Tensor]:
    return {}


class Case(NamedTuple):
    """How a method is built for these tests, what its formula is, and what its batches carry beside rows."""

    recipe: Recipe
    formula: str
    context: Callable[[int], dict[str, Tensor]] = nothing

    @property
    def name(self) -> str:
        return self.recipe.name

    def build(self, features: Any = FEATURES, seed: int = 0, **more: Any) -> Learner:
        with isthmus.seeded(seed):
            return self.recipe(features, **more)

    def batch(self, n: int = 64, shape: tuple[int, ...] = (FEATURES,), seed: int = 1) -> Batch:
        """Rows near a curved sheet, so that there is something to learn."""
        with isthmus.seeded(seed):
            hidden = torch.randn(n, 3)
            mix = torch.randn(3, math.prod(shape), generator=torch.Generator().manual_seed(5))
            x = (torch.tanh(hidden @ mix) + 0.1 * torch.randn(n, math.prod(shape))).reshape(n, *shape)
            return Batch(x, x, self.context(n) or NOTHING)


def labels(n: int) -> dict[str, Tensor]:
    return {"labels": torch.arange(n) % 10}


def some_labels(n: int) -> dict[str, Tensor]:
    return {"labels": torch.where(torch.arange(n) % 3 > 0, torch.arange(n) % 10, -1)}


def case(
    name: str, formula: str, context: Callable[[int], dict[str, Tensor]] = nothing, **options: Any
) -> Case:
    return Case(Recipe(METHODS[name], **options), formula, context)


COMMITTED = "reconstruction + 0.25 * commitment"
FOOLED = "reconstruction + 10.0 * fooling"
SMALL: dict[str, Any] = {"dim": 3, "hidden": (16,)}
CHOICES: dict[str, Any] = {"variables": 4, "values": 5, "hidden": (16,), "steps": 100}
TINY: dict[str, Any] = {"depth": 1, "width": 8, "decoder_depth": 1, "heads": 2}
CASES = [
    case("linear", "reconstruction", dim=3),
    case("autoencoder", "reconstruction", **SMALL),
    case("tied", "reconstruction", **SMALL),
    case("stacked", "reconstruction", **SMALL, epochs=2),
    case("denoising", "reconstruction", **SMALL),
    case("sparse_l1", "reconstruction + 0.1 * l1"),
    case("sparse_resampled", "reconstruction + 0.1 * l1", dead_after=64, every=2),
    case("sparse_kl", "reconstruction + 3.0 * kl_to_rate"),
    case("sparse_top_k", "reconstruction + 0.03125 * revival", k=6),
    case("sparse_batch_top_k", "reconstruction + 0.03125 * revival", k=6),
    case("matryoshka", "reconstruction + prefix_reconstruction + 0.03125 * revival", k=6),
    case("sparse_gated", "reconstruction + 0.1 * gate_l1 + gate_reconstruction"),
    case("sparse_jump_relu", "reconstruction + 0.1 * l0"),
    case("contractive", "reconstruction + 0.1 * contraction"),
    case("jacobian", "reconstruction + 0.1 * reconstruction_contraction", **SMALL),
    case("orthogonal", "reconstruction + 0.1 * orthogonality", **SMALL),
    case("rae_l2", "reconstruction + 0.01 * code_size + 0.001 * decoder_decay", **SMALL),
    case("rae_gp", "reconstruction + 0.01 * code_size + 0.01 * decoder_contraction", **SMALL),
    case("rae_sn", "reconstruction + 0.01 * code_size", **SMALL),
    case("variational_dropout", "reconstruction + warmup(1000, 1) * weight_kl", **SMALL),
    case("vae", "reconstruction + kl", **SMALL),
    case("beta_vae", "reconstruction + 4.0 * kl", **SMALL),
    case("capacity_vae", "reconstruction + 1000.0 * capacity", **SMALL, steps=100, nats=6.0),
    case("cyclical_vae", "reconstruction + cyclical(25, 1) * kl", **SMALL, steps=100),
    case("delta_vae", "reconstruction + kl", **SMALL),
    case("skip_vae", "reconstruction + kl", **SMALL),
    case(
        "eased",
        "reconstruction + warmup(100, 1) * kl",
        dim=3,
        steps=100,
        model=Recipe(METHODS["mixture_vae"], hidden=(16,)),
    ),
    case("conditional_vae", "reconstruction + kl", labels, **SMALL),
    case("iwae", "importance_weighted", **SMALL),
    case("miwae", "importance_weighted", **SMALL),
    case("ciwae", "0.25 * reconstruction + 0.25 * kl + 0.75 * importance_weighted", **SMALL, beta=0.25),
    case("linear_vae", "expected_reconstruction + kl", dim=3),
    case("mixture_vae", "reconstruction + kl", **SMALL),
    case("vamp_vae", "reconstruction + kl", **SMALL, components=20),
    case("flow_vae", "reconstruction + kl", **SMALL),
    case("iaf_vae", "reconstruction + kl", **SMALL),
    case("hyperspherical_vae", "reconstruction + kl", **SMALL),
    case("ladder_vae", "reconstruction + warmup(100, 1) * kl", **SMALL, width=16, steps=100),
    case("hierarchical_vae", "reconstruction + warmup(100, 1) * kl", **SMALL, layers=2, width=16, steps=100),
    case("top_down_vae", "reconstruction + warmup(100, 1) * kl", **SMALL, width=16, blocks=3, steps=100),
    case("ex_post", "reconstruction", dim=3, model=Recipe(autoencoder, hidden=(16,))),
    case("flow", "surprise", hidden=(16,), layers=4),
    case("invertible", "reconstruction", **SMALL, layers=4),
    case("ladder_network", "reconstruction", labels, **SMALL),
    case("gamma_model", "reconstruction", labels, **SMALL),
    case(
        "beta_tcvae",
        "reconstruction + mutual_information + 6.0 * total_correlation + dimensionwise_kl",
        **SMALL,
        rows=64,
    ),
    case("factor_vae", "reconstruction + kl + 35.0 * density_ratio", **SMALL, critic=(16,)),
    case("dip_vae_i", "reconstruction + kl + dip", **SMALL),
    case("dip_vae_ii", "reconstruction + kl + dip", **SMALL),
    case("info_vae", "reconstruction + 0.5 * kl + 99.5 * mmd", **SMALL, alpha=0.5),
    case("categorical_vae", "reconstruction + warmup(100, 1) * kl", **CHOICES),
    case("reinforce_vae", "leave_one_out + warmup(100, 1) * kl", **CHOICES),
    case("m2", "marginalised + 3.0 * classification", some_labels, **SMALL),
    case("vq_vae", COMMITTED, hidden=(16,), size=16, width=4, positions=3),
    case("residual_vq_vae", COMMITTED, hidden=(16,), size=8, width=4, positions=3),
    case("product_vq_vae", COMMITTED, hidden=(16,), size=8, width=4, positions=3),
    case("fsq", "reconstruction", hidden=(16,), levels=(5, 4), positions=3),
    case("lfq", f"{COMMITTED} + 1.0 * corner_entropy", hidden=(16,), bits=4, positions=3),
    case("vq_vae_2", COMMITTED, hidden=(16,), size=16, width=4, positions=3, top_hidden=(8,)),
    case("wae_gan", FOOLED, **SMALL, critic=(16,)),
    case("wae_mmd", "reconstruction + 10.0 * mmd", **SMALL),
    case("sliced_wae", "reconstruction + 10.0 * sliced", **SMALL),
    case("aae", FOOLED, **SMALL, critic=(16,)),
    case("labelled_aae", FOOLED, labels, **SMALL, critic=(16,)),
    case("semi_aae", "reconstruction", labels, **SMALL, critic=(16,)),
    case("bigan", "swapping + 1.0 * reconstruction", **SMALL, critic=(16,), cycle=1.0),
    case("vae_gan", "likeness + kl", **SMALL, critic=16),
    case("ebgan", "energy + hinge", **SMALL, noise=4),
    case(
        "nae", "energy + -1.0 * warmup(100, 1) * negative_energy + 1.0 * negative_square", **SMALL, steps=100
    ),
    case("masked_autoencoder", "hidden_reconstruction", dim=8, patch=1, **TINY),
    case("contrastive_autoencoder", "reconstruction + 10.0 * info_nce", **SMALL),
    case(
        "contrastive_masked_autoencoder",
        "hidden_reconstruction + 1.0 * info_nce",
        dim=8,
        patch=1,
        masked=Recipe(METHODS["masked_autoencoder"], **TINY),
    ),
]
MADE = [  # generators, for comparison: laws of training and of being written down, not of encoding
    Case(Recipe(GENERATORS["gan"], **SMALL, critic=16), "looks_real"),
    Case(Recipe(GENERATORS["info_gan"], **SMALL, critic=16), "looks_real + 1.0 * told"),
    Case(Recipe(GENERATORS["diffusion"], hidden=(16,), length=50, jumps=10), "noise_error"),
]
GAME = next(case for case in CASES if case.name == "wae_gan")
laws = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
laws_of_all = pytest.mark.parametrize("case", [*CASES, *MADE], ids=lambda case: case.name)


def test_every_method_is_listed():
    assert [case.name for case in CASES] == list(METHODS)
    assert [case.name for case in MADE] == list(GENERATORS)


def steps(model: Learner, batches: list[Batch]) -> list[Any]:
    return list(train(model, batches, partial(torch.optim.Adam, lr=3e-3)))


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def output(model: Learner, batch: Batch) -> Tensor:
    """What eval() makes of a batch: code and reconstruction, side by side."""
    with torch.no_grad():
        trace = model.eval().autoencoder(batch)
    return torch.cat([trace.code.z.flatten(1), trace.output.mean.flatten(1)], 1)


# (a) No player ever moves another's parameters


def trespasses(model: Learner, batch: Batch) -> list[str]:
    """Parameters that moved in another's turn, that have no owner, or two of which neither owns a part of the
    other's: who takes a second turn at a part has no others besides."""
    names = {id(p): name for name, p in model.named_parameters()}
    own = {player: {names[id(p)] for p in parameters} for player, parameters in model.players().items()}
    found = [n for n in names.values() if not any(n in mine for mine in own.values())]
    for one, other in itertools.combinations(own.values(), 2):
        found += [] if one <= other or other <= one else sorted(one & other)
    before = snapshot(model)
    turns = model.losses(batch, 0)
    optimizers = {p: torch.optim.SGD(list(own), 0.01) for p, own in model.players().items()}
    with isthmus.seeded(0):
        for player, loss in turns:
            loss.total.backward(inputs=list(model.players()[player]))
            optimizers[player].step()
            model.zero_grad()
            now = snapshot(model)
            moved = {n for n in names.values() if not torch.equal(now[n], before[n])}
            found += sorted(moved - own[player])
            before = now
    return found


@laws_of_all
def test_a_player_moves_only_its_own_parameters(case):
    assert trespasses(case.build(), case.batch()) == []


class Trespassing(Adversarial):
    """Control: the critic's player also owns the encoder."""

    def players(self):
        both = itertools.chain(self.critic.parameters(), self.autoencoder.encoder.parameters())
        return {**super().players(), "critic": both}


def test_control_a_player_that_owns_anothers_parameters_is_caught():
    whole = GAME.build()
    assert isinstance(whole, Adversarial)
    assert trespasses(Trespassing(whole.autoencoder, whole.critic), GAME.batch())


# (b) Every parameter of a player moves


def stuck(model: Learner, batch: Batch) -> list[str]:
    before = snapshot(model)
    steps(model, [batch] * 20)
    return [name for name, p in model.named_parameters() if torch.equal(before[name], p.detach())]


@laws_of_all
def test_every_parameter_moves(case):
    assert stuck(case.build(), case.batch()) == []


def test_control_a_detached_code_leaves_the_encoder_where_it_is():
    class Detached(Deterministic):
        def forward(self, features: Tensor, noisy: bool) -> Any:
            return super().forward(features.detach(), noisy)

    encoder, decoder = mlps(FEATURES, (8,), 3, 3, FEATURES)
    model = Autoencoder(encoder, Detached(3), decoder, gaussian(FEATURES), reconstruction)
    assert stuck(model, CASES[0].batch())


# (c) The data term falls


def explained(model: Learner, batch: Batch) -> float:
    """Squared error of the reconstruction in eval(), in units of the data's variance.

    Of a model that hides part of what it explains, the error of what is hidden.
    """
    with torch.no_grad(), isthmus.seeded(0):
        trace = model.eval().autoencoder(batch)
        if "hidden_reconstruction" in repr(model.autoencoder.objective):
            trace = model.autoencoder(batch, noisy=True)
            wrong = (trace.output.mean - batch.target)[trace.batch.context["hidden"]]
            return float(wrong.square().mean() / batch.target.var())
    if isinstance(model.autoencoder.latent, Bijective):  # rebuilds whatever it is; nats a column, then
        return float(trace.code.stages[0].divergence().mean() / FEATURES)
    return float((trace.output.mean - batch.target).square().mean() / batch.target.var())


def learns(case: Case, model: Learner) -> bool:
    batches = [case.batch(128, seed=seed) for seed in range(400)]
    held_out = case.batch(200, seed=999)
    before = explained(model, held_out)
    steps(model, batches)
    return explained(model, held_out) < min(before, 0.9)


@laws
def test_what_is_not_explained_falls(case):
    assert learns(case, case.build())


def test_control_an_objective_that_forgets_the_data_does_not_learn():
    case = CASES[1]
    model = case.build()
    model.autoencoder.objective = isthmus.Objective.of(0.0 * reconstruction + l1)
    assert not learns(case, model)


# (d) eval() is deterministic, and what a row gives does not depend on its company


def depends_on_company(model: Learner, batch: Batch) -> float:
    """The largest relative change of what a row gives when order and size of the batch change."""
    whole = output(model, batch)
    assert torch.equal(whole, output(model, batch))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    turned = output(model, taken(batch, order))
    parts = torch.cat([output(model, taken(batch, part)) for part in order.split(7)])
    worst = max((turned - whole[order]).abs().max(), (parts - whole[order]).abs().max())
    return float(worst / whole.abs().max())


def taken(batch: Batch, index: Tensor) -> Batch:
    return Batch(batch.input[index], batch.target[index], {k: v[index] for k, v in batch.context.items()})


@laws
def test_eval_is_deterministic_and_independent_of_order_and_size(case):
    model = case.build()
    steps(model, [case.batch()] * 5)
    assert depends_on_company(model, case.batch(40)) < 1e-6


def test_control_statistics_of_the_batch_would_show():
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    encoder, decoder = mlp(FEATURES, 8, 3), mlp(3, 8, FEATURES)
    model = Autoencoder(
        nn.Sequential(Centred(), encoder), Deterministic(3), decoder, gaussian(FEATURES), reconstruction
    )
    assert depends_on_company(model, CASES[0].batch(40)) > 1e-3


@laws
def test_training_is_stochastic_where_the_method_is_and_repeats_under_a_seed(case):
    model = case.build().train()

    def draw(seed: int) -> Tensor:
        with isthmus.seeded(seed):
            twin = copy.deepcopy(model)
            return twin.autoencoder(case.batch()).output.mean

    assert torch.equal(draw(3), draw(3))
    stages = model.autoencoder(case.batch()).code.stages
    drawn = any(not isinstance(stage.q, Transported) for stage in stages)
    noisy = drawn or model.autoencoder.corrupt is not None
    uncertain = any(isinstance(part, UncertainLinear) for part in model.modules())
    assert torch.equal(draw(3), draw(4)) is not (noisy or uncertain)


# (e) and (i): written down, read, built and loaded it is the same; copies are copies


@laws
def test_a_description_builds_the_same_model(case):
    model = case.build()
    steps(model, [case.batch()] * 3)
    assert model.recipe is not None
    text = json.dumps(model.recipe.describe())
    again = Recipe.read(json.loads(text))
    assert json.dumps(again.describe()) == text
    twin = again()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(output(twin, case.batch()), output(model, case.batch()))
    assert type(twin) is type(model) and repr(twin) == repr(model)


@laws
def test_saved_and_loaded_it_is_the_same(case, tmp_path):
    model = case.build()
    steps(model, [case.batch()] * 3)
    isthmus.save(tmp_path, model)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}  # nothing is pickled
    assert torch.equal(output(isthmus.load(tmp_path), case.batch()), output(model, case.batch()))


@laws
def test_a_copy_learns_on_its_own(case):
    model = case.build()
    twin = copy.deepcopy(model)
    assert torch.equal(output(twin, case.batch()), output(model, case.batch()))
    before = snapshot(model)
    steps(twin, [case.batch()] * 3)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    steps(model, [case.batch()] * 3)  # and the same way
    assert torch.equal(output(twin, case.batch()), output(model, case.batch()))


@pytest.mark.parametrize(
    "where",
    [
        "os:system",
        "subprocess:Popen",
        "isthmus.models.plain:nn",
        "builtins:eval",
        "isthmus.runs:load",
        "tests:x",
    ],
)
def test_untrusted_functions_are_refused(where):
    description = CASES[1].recipe.describe()
    for hurt in ({**description, "recipe": where}, {**description, "nets": {"function": where}}):
        with pytest.raises(ValueError):
            Recipe.read(hurt)


# (f) Images, where a method takes nets


IMAGE = (1, 9, 7)
with_nets = [case for case in CASES if "nets" in inspect.signature(case.recipe.function).parameters]


@pytest.mark.parametrize("case", with_nets, ids=lambda case: case.name)
@pytest.mark.parametrize("nets", [convs, mlps], ids=lambda nets: nets.__name__)
def test_images_of_any_size(case, nets):
    options: dict[str, Any] = {"hidden": (4, 8)}
    with isthmus.seeded(0):
        model = Recipe(case.recipe.function, **{**case.recipe.arguments, **options, "nets": nets})(IMAGE)
    batch = case.batch(16, IMAGE)
    assert stuck(model, batch) == []
    with torch.no_grad():
        assert model.eval().autoencoder(batch).output.mean.shape == (16, *IMAGE)
        context = {name: value[:5] for name, value in batch.context.items()}
        drawn = model.autoencoder.sample(5, torch.Generator().manual_seed(0), **context)
    assert drawn.mean.shape == drawn.sample().shape == (5, *IMAGE)


# (g) Missing values


def losses_and_gradients(model: Learner, batch: Batch) -> list[Tensor]:
    found: list[Tensor] = []
    model = copy.deepcopy(model).train()
    with isthmus.seeded(2):
        for player, loss in model.losses(batch, 7):
            own = list(model.players()[player])
            found += [value.detach() for value in loss.values.values()]
            found += torch.autograd.grad(loss.total, own, allow_unused=True, materialize_grads=True)
    return found


def depends_on_placeholder(model: Learner, batch: Batch, placeholder: float) -> bool:
    observed = batch.context["observed"]
    other = batch._replace(
        input=torch.where(observed, batch.input, placeholder),
        target=torch.where(observed, batch.target, placeholder),
    )
    return not all(map(torch.equal, losses_and_gradients(model, batch), losses_and_gradients(model, other)))


def with_gaps(case: Case) -> Batch:
    batch = case.batch()
    observed = torch.rand(batch.target.shape, generator=torch.Generator().manual_seed(0)) < 0.8
    observed[0] = False  # also a row of which nothing is known
    return batch._replace(context={**batch.context, "observed": observed})


@laws_of_all
@pytest.mark.parametrize("placeholder", [0.0, 1e6, math.nan])
def test_what_stands_in_for_a_missing_value_does_not_matter(case, placeholder):
    model, batch = case.build(), with_gaps(case)
    assert not depends_on_placeholder(model, batch, placeholder)
    assert all(value.isfinite().all() for value in losses_and_gradients(model, batch))


def test_control_a_term_that_looks_at_everything_shows_it():
    @term
    def careless(model, trace):
        return (trace.output.mean - trace.batch.target).square().sum(1)

    model = CASES[1].build()
    model.autoencoder.objective = isthmus.Objective.of(careless)
    assert depends_on_placeholder(model, with_gaps(CASES[1]), 1e6)


# (h) The minibatch must not matter


def constant_column(batch: Batch) -> Batch:
    x = batch.input.clone()
    x[:, 0] = 3.0
    return Batch(x, x, batch.context)


@laws
@pytest.mark.parametrize("which", ["last batch of one", "one row only", "constant column"])
def test_awkward_batches_stay_finite(case, which):
    model = case.build()
    batches = {
        "last batch of one": [case.batch(8), case.batch(8), case.batch(1)] * 3,
        "one row only": [case.batch(1)] * 10,
        "constant column": [constant_column(case.batch(16))] * 10,
    }[which]
    steps(model, batches)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert output(model, batches[-1]).isfinite().all()


@laws
def test_one_row_alone_can_be_fitted(case):
    model = case.build()
    batch = case.batch(1)
    data = (batch.input, batch.context["labels"]) if batch.context else batch.input
    history = isthmus.training.fit(model, data, epochs=2, progress=False)
    assert all(math.isfinite(value) for value in history.records[-1]["train"].values())
    assert output(model, batch).isfinite().all()


# (j) Seeds


@laws_of_all
def test_a_seed_gives_the_weights_and_leaves_the_process_alone(case):
    before = torch.get_rng_state()
    one, same, other = case.build(seed=1), case.build(seed=1), case.build(seed=2)
    steps(one, [case.batch()] * 3)
    steps(same, [case.batch()] * 3)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values()))
    assert not all(torch.equal(a, b) for a, b in zip(same.parameters(), other.parameters()))
    generator = torch.Generator().manual_seed(0)
    context = case.batch(4).context
    first = one.autoencoder.sample(4, generator, **context).mean
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, one.autoencoder.sample(4, torch.Generator().manual_seed(0), **context).mean)
    assert not torch.equal(first, one.autoencoder.sample(4, generator, **context).mean)


# (k), (l): it reads as the paper, and says which


@laws_of_all
def test_the_objective_reads_as_the_formula(case):
    assert repr(case.build().autoencoder.objective) == case.formula


@laws
def test_the_docstring_names_its_paper(case):
    found = cite(case.name)
    assert any(character.isdigit() for character in found) and found.endswith((".", ")"))
    assert cite(case.recipe) == cite(case.build()) == found


@laws_of_all
def test_a_method_is_short(case):
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(case.recipe.function)))
    assert len(source.splitlines()) <= 40
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    keyword_only = {argument.arg for argument in function.args.kwonlyargs}
    assert "likelihood" in keyword_only  # what the data are is for the person to say


# (m) What is of another kind than the signature says is refused, and named


def accepted(function: Callable[..., Any], **options: Any) -> list[str]:
    """Arguments that take a value of a wrong kind, or refuse it without a word on which one is wrong."""
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind = str(parameter.annotation)
        wrong: list[Any] = [2.5, -1] if kind.startswith("int") else []
        wrong = ["many", math.nan, -0.5] if kind.startswith("float") else wrong
        wrong = ["many", math.nan] if kind == "Signed" else wrong
        wrong = ["imq", 3] if kind.startswith("Callable") else wrong
        wrong = [16, "16", 2.5, (2.5,)] if kind == "Sequence[int]" else wrong
        for value in wrong if name != "features" else []:
            try:
                function(FEATURES, **{**options, name: value})
                words = "nothing"
            except Exception as refusal:
                words = f"{type(refusal).__name__}: {refusal}"
            if not re.match(rf"(Type|Value)Error: {function.__name__}: {name} ", words):
                found.append(f"{name}={value!r} -> {words}")
    return found


@laws_of_all
def test_arguments_of_another_kind_are_refused_by_name(case):
    assert accepted(case.recipe.function, **case.recipe.arguments) == []


def test_control_a_function_without_the_door_takes_them_or_stumbles():
    assert accepted(inspect.unwrap(METHODS["info_vae"]))


def test_what_an_annotation_does_not_say_is_for_the_method():
    def own(
        features: Any,
        free=gaussian,
        either: int | str = 1,
        maybe: int | None = 3,
        last: int = -1,
        weight: float = 1.0,
        below: float = -1.0,
        signed: Signed = 0.0,
        **others: int,
    ) -> Any:
        return autoencoder(features, 2, (4,))

    given = {"free": "any", "either": "any", "maybe": None, "last": -2, "weight": warmup(9), "other": 1.5}
    given |= {"below": -0.5, "signed": -2.0}
    build: Callable[..., Any] = isthmus.method(own)
    assert build(FEATURES, **given).recipe.arguments["maybe"] is None
    own.__annotations__ |= {"signed": Signed, "weight": float}  # as where annotations are evaluated
    build = isthmus.method(own)
    assert build(FEATURES, signed=-2.0).recipe.arguments == {"features": FEATURES, "signed": -2.0}
    with pytest.raises(ValueError, match="own: weight is a number, 0 or more, not -2.0"):
        build(FEATURES, weight=-2.0)
    with pytest.raises(TypeError, match="own: signed is a number, not 'many'"):
        build(FEATURES, signed="many")
    assert build(FEATURES, maybe=np.int64(3), weight=np.float32(0.5)).recipe.arguments["maybe"] == 3
    with pytest.raises(TypeError, match="own: maybe is a whole number, not 2.5"):
        build(FEATURES, maybe=2.5)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cyclical_vae", {"cycles": 0}),
        ("eased", {"free_nats": -0.1}),
        ("conditional_vae", {"classes": 0}),
        ("vamp_vae", {"components": 0}),
        ("ladder_network", {"hidden": (16, 0)}),
        ("ladder_network", {"noise": -0.3}),
        ("ladder_network", {"costs": (1.0, -0.1)}),
        ("gamma_model", {"classes": 0}),
        ("masked_autoencoder", {"depth": 0}),
        ("masked_autoencoder", {"heads": 0}),
        ("masked_autoencoder", {"decoder_depth": 0}),
        ("info_gan", {"kinds": 0}),
    ],
)
def test_nothing_of_what_a_method_is_made_of_is_refused_in_words(name, given):
    (value,) = given.values()
    with pytest.raises(ValueError, match=rf"(not|are) .*{value if isinstance(value, float) else 0}"):
        {**METHODS, **GENERATORS}[name](FEATURES, **given)


# Two players, as the paper's algorithm takes turns


def test_the_critic_moves_first_and_the_encoder_asks_the_one_that_moved():
    case = GAME
    model, batch = case.build(), case.batch()
    assert isinstance(model, Adversarial)
    with isthmus.seeded(0):
        turns = model.losses(batch, 0)
        player, loss = next(turns)
        assert player == "critic"
        z = model.autoencoder.encode(batch.input).z
        expected = F.softplus(model.critic(z)).mean() + F.softplus(-model.critic(drawn(model, z))).mean()
        torch.testing.assert_close(loss.total, expected)
        with torch.no_grad():
            for parameter in model.critic.parameters():
                parameter.add_(0.1)
        player, loss = next(turns)
    assert player == "autoencoder"
    torch.testing.assert_close(loss.values["fooling"], F.softplus(-model.critic(z)).flatten())
    perfect, none = torch.tensor([[50.0]]), torch.tensor([[-50.0]])
    assert judging(perfect, none).total < 1e-6 < judging(none, perfect).total
    assert fooling.name in loss.means


def drawn(model: Adversarial, z: Tensor) -> Tensor:
    with isthmus.seeded(0):
        return model.autoencoder.latent.sample(len(z))


def test_an_encoder_of_another_width_is_named() -> None:
    model = Autoencoder(nn.Linear(4, 5), Gaussian(3), nn.Linear(3, 4), gaussian(4), reconstruction)
    for ask in (lambda x: model(Batch(x, x)), model.encode):
        with pytest.raises(ValueError, match=r"delivers \(2, 5\); Gaussian needs \(b, 6\)"):
            ask(torch.zeros(2, 4))
