"""A run's config repeats it; what a shell offers after Tab; JSON of what lists say."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from isthmus.cli import completion, config, run
from isthmus.data.entries import CATALOGUE
from isthmus.models import NAMED


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    status = run([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.fixture
def sales(tmp_path):
    path = tmp_path / "sales.csv"
    np.savetxt(
        path, np.random.default_rng(0).normal(size=(60, 4)), delimiter=",", header="a,b,c,d", comments=""
    )
    return path


ASKED = ("--dim", 2, "--epochs", 2, "--seed", 3, "--lr", 1e-3, "--test", 0.25, "--set", "beta=0.1")
NESTED = ("--set", "hidden=16,8", "--set", "nets=mlps", "--set", "nets.activation=gelu")


def test_a_config_repeats_its_run_bit_for_bit(capsys, sales, tmp_path):
    first, second, third = (tmp_path / name for name in "abc")
    assert call(capsys, "fit", "beta_vae", sales, *ASKED, *NESTED, "--quiet", "--out", first)[0] == 0
    path = first / "config.yaml"
    asked = yaml.safe_load(path.read_text())
    assert asked["model"] == "beta_vae" and asked["lr"] == 1e-3 and asked["seed"] == 3
    assert asked["set"] == {
        "beta": 0.1,
        "hidden": [16, 8],
        "nets": "mlps",
        "nets.activation": "gelu",
    }
    assert call(capsys, "fit", "--config", path, "--quiet", "--out", second)[0] == 0
    weights = [(folder / "weights.safetensors").read_bytes() for folder in (first, second)]
    assert weights[0] == weights[1]
    assert yaml.safe_load((second / "config.yaml").read_text()) == asked
    # what the command line says goes before it
    assert call(capsys, "fit", "--config", path, "--seed", 4, "--quiet", "--out", third)[0] == 0
    assert (third / "weights.safetensors").read_bytes() != weights[0]
    assert yaml.safe_load((third / "config.yaml").read_text()) == {**asked, "seed": 4}


@pytest.mark.parametrize(
    "text",
    [
        "beta=6",
        "hidden=256,128",
        "hidden=[8]",
        "activation=null",
        "flag=true",
        "name=word",
        'name="5"',
        "x=1e-3",
    ],
)
def test_settings_survive_the_file(text):
    from isthmus.cli.settings import parse

    path = config.written({"model": "vae", "settings": [text]})
    again = config._checked(yaml.safe_load(path), ["model", "settings"], {"settings"}, None)  # type: ignore[arg-type]
    name, _, value = again["settings"][0].partition("=")
    assert name == text.partition("=")[0] and parse(value) == parse(text.partition("=")[2])


@pytest.mark.parametrize(
    "text, words",
    [
        ("epoch: 3", "there is no option 'epoch' (did you mean \"epochs\"?)"),
        ("epochs: many", "Invalid value for '--epochs'"),
        ("epochs: [1, 2]", "takes one value"),
        ("set: beta=6", "takes a list"),
        ("set: {bta: 6}", 'did you mean "beta"?'),
        ("model: vea", 'did you mean "vae"?'),
        ("- 1", "holds no options"),
        ("a: [", "is no YAML"),
        ("!!python/object/apply:os.getcwd []", "is no YAML"),
        ("config: other.yaml", "there is no option"),
    ],
)
def test_a_config_that_says_nothing_sensible(capsys, sales, tmp_path, text, words):
    path = tmp_path / "c.yaml"
    path.write_text(text if text.startswith(("-", "!", "a:")) else f"{text}\ndata: {sales}\n")
    model = () if "model" in text else ("beta_vae",)
    rest = () if "model" in text else (sales,)
    status, out, err = call(capsys, "fit", *model, *rest, "--config", path, "--out", tmp_path / "a")
    assert status == 2 and out == "" and words in err.splitlines()[-1] and "Traceback" not in err
    assert not (tmp_path / "a").exists()


def test_a_config_that_is_not_there(capsys, tmp_path):
    status, _, err = call(capsys, "fit", "--config", tmp_path / "none.yaml")
    assert status == 2 and "there is no file" in err


def test_what_completion_offers_is_what_there_is():
    assert completion.methods() == sorted(NAMED) and completion.datasets() == sorted(CATALOGUE)
    assert completion.method("beta_v") == ["beta_vae"] and "digits" in completion.dataset("di")


@pytest.mark.parametrize(
    "words, expected",
    [("isthmus fit bet", "beta_vae"), ("isthmus fit vae dig", "digits"), ("isthmus comp", "compare")],
)
def test_a_shell_is_told_and_does_not_wait_for_torch(words, expected):
    code = (
        "import sys; from isthmus.cli import app\n"
        "try: app(prog_name='isthmus')\n"
        "finally: assert 'torch' not in sys.modules"
    )
    asked = {"_ISTHMUS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert expected in done.stdout.split() and "Assertion" not in done.stderr


def test_lists_as_json(capsys):
    listed = json.loads(call(capsys, "models", "--json")[1])
    assert [each["name"] for each in listed] == list(NAMED) and all(each["summary"] for each in listed)
    one = json.loads(call(capsys, "models", "beta_vae", "--json")[1])
    assert one["arguments"]["beta"] == "4.0" and "features" in one["from_data"]
    assert "Higgins" in one["reference"]
    sets = json.loads(call(capsys, "datasets", "--json")[1])
    assert [each["name"] for each in sets] == list(CATALOGUE)
    assert json.loads(call(capsys, "datasets", "digits", "--json")[1])["shape"] == [1, 8, 8]
    assert "Kingma" in json.loads(call(capsys, "cite", "vae", "--json")[1])["reference"]
    assert {"torch", "isthmus"} <= set(json.loads(call(capsys, "version", "--json")[1]))


def test_every_verb_shows_an_example():
    from typer.main import get_command

    from isthmus.cli import app

    verbs = get_command(app).commands  # type: ignore[attr-defined]
    assert len(verbs) >= 14
    for name, verb in verbs.items():
        assert f"Example: isthmus {name}" in verb.help, name
