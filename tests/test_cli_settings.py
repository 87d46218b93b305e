"""What `--set` can say: every default as it is shown, and every part of isthmus that a method takes."""

from __future__ import annotations

import inspect
import json
import shlex

import pytest

import isthmus
from isthmus import Recipe
from isthmus.cli.lists import example, plain
from isthmus.cli.misuse import Misuse
from isthmus.cli.settings import arguments
from isthmus.latents import Petals, Round, SwissRoll, rotation
from isthmus.models import GENERATORS, METHODS
from isthmus.nets import GaussianDropout, autoregressions, convs
from isthmus.priors import Autoregressive, Flow, Mixture
from isthmus.terms import barlow, imq

FACTS = {"features": 12, "rows": 100, "steps": 30, "classes": 3, "labelled": 50}


@pytest.mark.parametrize("name", [*METHODS, *GENERATORS])
def test_what_is_printed_as_a_default_can_be_set(name):
    function = {**METHODS, **GENERATORS}[name]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            found = arguments(function, [f"{parameter.name}={plain(parameter.default)}"])[parameter.name]
            assert found == parameter.default, parameter


@pytest.mark.parametrize("name", [*METHODS, *GENERATORS])
def test_the_example_of_a_method_is_one(name):
    function = {**METHODS, **GENERATORS}[name]
    verb, model, data, *settings = shlex.split(example(function).removeprefix("isthmus "))
    assert (verb, model, data) == ("fit", name, "digits")
    arguments(function, settings[1::2])  # raises for what is no setting


PARTS = [
    ("info_vae", ["kernel=imq"], {"kernel": imq}),
    ("vq_vae", ["gradient=rotation"], {"gradient": rotation}),
    ("fsq", ["prior=autoregressive", "prior.epochs=1"], {"prior": Recipe(Autoregressive, epochs=1)}),
    ("flow_vae", ["flow=autoregressions"], {"flow": autoregressions}),
    ("jacobian", ["penalty=contraction(exact=true)"], None),
    ("aae", ["prior=swiss_roll", "dim=2"], {"prior": SwissRoll, "dim": 2}),
    ("labelled_aae", ["prior=Petals", "dim=2"], {"prior": Petals, "dim": 2}),
    ("variational_dropout", ["layer=gaussian-dropout"], {"layer": GaussianDropout}),
    ("nae", ["latent=Round"], {"latent": Round}),
    ("contrastive_autoencoder", ["contrast=barlow", "noise=0.2"], {"contrast": barlow, "noise": 0.2}),
    ("contrastive_masked_autoencoder", ["masked.width=8", "masked.depth=1"], None),
    ("ex_post", ["prior=flow", "prior.layers=2"], {"prior": Recipe(Flow, layers=2)}),
    (
        "ex_post",
        ["prior=Mixture(components=3, full=True)"],
        {"prior": Recipe(Mixture, components=3, full=True)},
    ),
    ("ex_post", ["model=beta_tcvae", "model.beta=2", "model.hidden=16"], None),
    ("ex_post", ["model=beta_tcvae(hidden=(16, 8), beta=2)"], None),
    ("vae", ["nets=convs(blocks=1)", "hidden=4"], {"nets": Recipe(convs, blocks=1), "hidden": (4,)}),
]


@pytest.mark.parametrize(("name", "settings", "expected"), PARTS, ids=[" ".join(part[1]) for part in PARTS])
def test_parts_are_found_by_name_in_their_own_room(name, settings, expected):
    found = arguments(METHODS[name], settings)
    assert expected is None or found == expected
    facts = {**FACTS, "features": (1, 8, 8)} if name == "vae" else FACTS
    recipe = Recipe(name, **found).given(**facts)
    with isthmus.seeded(0):
        assert recipe().autoencoder.latent.dim > 0
    again = Recipe.read(json.loads(json.dumps(recipe.describe())))
    assert again == recipe


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("info_vae", "kernel=convs", "nothing named 'convs' to be the kernel"),  # a part, of another kind
        ("info_vae", "kernel=hinge", "It may be imq or rbf."),  # from the same room, but no kernel
        ("vq_vae", "gradient=relaxed", "It may be rotation or straight_through."),  # of choices, not vectors
        ("vae", "nets=autoregressions", "It may be convs or mlps or skips."),
        ("vq_vae", "gradient=rotatoin", 'did you mean "rotation"'),
        ("ex_post", "prior=flwo", 'did you mean "Flow"'),
        ("ex_post", "prior=Prior", "nothing named 'Prior'"),  # abstract
        ("ex_post", "prior=Flow(layers=2", "does not close"),
        ("ex_post", "prior=Flow(layer=2)", 'did you mean "layers"'),
        ("ex_post", "prior.layers=two", "whole number"),
        ("ex_post", "model=vea", 'did you mean "vae"'),
        ("beta_vae", "beta=-1", "beta_vae: beta is a number, 0 or more, not -1.0"),
        ("vae", "dim=-1", "vae: dim is a count, 0 or more, not -1"),
    ],
)
def test_what_is_no_such_part_is_refused_in_words(name, setting, words):
    settings = ["prior=Flow", setting] if setting.startswith("prior.") else [setting]
    with pytest.raises(Misuse) as refusal:
        arguments(METHODS[name], settings)
    assert words in str(refusal.value)
