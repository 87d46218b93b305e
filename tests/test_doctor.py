"""The doctor finds what was planted, and nothing in a run that is well."""

from __future__ import annotations

import copy
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from isthmus import Embedder, Recipe
from isthmus.baselines import probabilistic_pca
from isthmus.cli import run
from isthmus.cli.settings import arguments
from isthmus.diagnostics import CHECKS, Bars, Curves, Diagnosis, Finding, Spread, decoding, examine
from isthmus.diagnostics.critics import Opinions
from isthmus.diagnostics.regularisation import FAR, _nearest
from isthmus.likelihoods import gaussian
from isthmus.models import METHODS
from isthmus.recipes import named
from isthmus.training import TrainingWarning

pytest.importorskip("pandas")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import doctor  # noqa: E402

FAST: dict[str, Any] = {"batch_size": 32, "lr": 5e-3, "random_state": 0}


def plane(n=300, seed=0, noise=0.1):
    """Two numbers in eight columns, bent so that PCA is behind."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(1).normal(size=(2, 8))
    z = rng.uniform(-1, 1, (n, 2))
    return 2 * np.sin(z @ mix) + 0.5 * z @ mix + noise * rng.normal(size=(n, 8))


TRAIN, TEST = plane(300, 0), plane(200, 2)


def names(found: Diagnosis) -> dict[str, str]:
    return {each.name: each.severity for each in found.findings}


def said(found: Diagnosis, name: str) -> tuple[str, str]:
    (finding,) = [each for each in found.findings if each.name == name]
    return finding.evidence, finding.remedy


@pytest.fixture(scope="module")
def plain() -> Embedder:
    return Embedder("autoencoder", dim=2, epochs=60, **FAST).fit(TRAIN)


@pytest.fixture(scope="module")
def variational() -> Embedder:
    return Embedder("vae", dim=2, epochs=160, **FAST).fit(TRAIN)


def test_runs_that_are_well(plain, variational):
    for embedder in (plain, variational):
        found = examine(embedder, TRAIN, TEST)
        assert found.healthy and not found.findings, found
        assert "Nothing was found" in str(found) and set(found.looked_for) == set(CHECKS)


@pytest.mark.filterwarnings("ignore::isthmus.training.TrainingWarning")
def test_a_collapsed_posterior():
    embedder = Embedder(Recipe("beta_vae", dim=3, beta=500.0), epochs=30, **FAST).fit(TRAIN)
    found = examine(embedder, TRAIN, TEST, data="sales.csv")
    assert names(found)["posterior collapse"] == "problem" and not found.healthy
    evidence, remedy = said(found, "posterior collapse")
    assert "3 of 3 dimensions" in evidence and remedy == "isthmus fit beta_vae sales.csv --dim 3 --set beta=1"
    _, more = said(found, "worse than PCA")  # the cause is the same, and so is the remedy
    assert more.splitlines()[0] == remedy and "--epochs" not in more


def test_the_remedy_of_a_silent_code_can_be_pasted_and_works(tmp_path, capsys):
    """β-VAE at unit variance says nothing; what the doctor prints, run as it stands, says what there is."""
    path, out = tmp_path / "my rows.csv", tmp_path / "a"
    kind = (TRAIN[:, 0] > 0).astype(int)
    np.savetxt(
        path, np.column_stack([TRAIN, kind]), delimiter=",", header="a,b,c,d,e,f,g,h,kind", comments=""
    )
    asked = ["--labels", "kind", "--dim", "2", "--test", "0.3", "--seed", "3", "--out", str(out)]
    settings = ["--set", "likelihood.scale=1", "--set", "beta=10", "--epochs", "150", "--no-report"]
    assert run(["fit", "beta_vae", str(path), *asked, *settings]) == 0
    told = capsys.readouterr().err
    assert "posterior collapse" in told and "less weight than 10" in told
    assert f"isthmus doctor {out}" in told.splitlines()[-2]

    def doctor(folder: str) -> tuple[dict[str, dict[str, str]], float]:
        capsys.readouterr()  # of the fit
        assert run(["doctor", folder, "--json", "--quiet"]) == 0
        found = json.loads(capsys.readouterr().out)["findings"]
        r2 = json.loads((Path(folder) / "metrics.json").read_text())["test"]["r2"]
        return {each["name"]: each for each in found}, r2

    ill, silent = doctor(str(out))
    assert ill["posterior collapse"]["severity"] == "problem" and silent < 0.05
    for name in ("posterior collapse", "worse than PCA"):
        words = shlex.split(ill[name]["remedy"].splitlines()[0], comments=True)
        assert words[:4] == ["isthmus", "fit", "beta_vae", str(path)]
        for option, value in zip(asked[:-2:2], asked[1:-2:2]):
            assert words[words.index(option) + 1] == value
    assert all(pasted(each["remedy"]) for each in ill.values())
    assert run([*words[1:], "--epochs", "150", "--no-report"]) == 0
    well, r2 = doctor(words[words.index("--out") + 1])
    assert "posterior collapse" not in well and r2 > 0.5


def test_dimensions_that_a_vae_does_not_need_are_a_note():
    wide = Embedder(Recipe("beta_vae", dim=6, beta=2.0), epochs=160, **FAST).fit(TRAIN)
    found = examine(wide, TRAIN, TEST)
    assert names(found)["posterior collapse"] == "note"
    evidence, remedy = said(found, "posterior collapse")
    kept = int(remedy.split()[-1])
    assert 2 <= kept < 6 and f"do not ask for more than {kept}" in evidence


def test_dead_units(plain):
    embedder = Embedder("autoencoder", dim=4, epochs=2, **FAST).fit(TRAIN)
    assert "dead units" not in names(examine(embedder, TRAIN))  # the control
    encoder = embedder.model_.autoencoder.encoder
    last = [each for each in encoder.modules() if isinstance(each, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight[1] = 0
    evidence, remedy = said(examine(embedder, TRAIN), "dead units")
    assert evidence.startswith("1 of 4 units") and "--dim 3" in remedy
    with torch.no_grad():
        last.weight.zero_()
    assert names(examine(embedder, TRAIN))["dead units"] == "problem"


def test_dead_codes():
    embedder = Embedder(Recipe("vq_vae", size=16), epochs=10, **FAST).fit(TRAIN)
    assert "dead codes" not in names(examine(embedder, TRAIN))  # the control
    with torch.no_grad():
        embedder.model_.autoencoder.latent.get_buffer("places.quantiser.entries")[3:] = 1e6
    found = examine(embedder, TRAIN)
    evidence, remedy = said(found, "dead codes")
    assert evidence.startswith("3 of 16 codes") and "--set size=4" in remedy


@pytest.mark.parametrize(
    ("recipe", "fewer"),
    [(Recipe("fsq", levels=(9, 9, 9)), "levels="), (Recipe("lfq", bits=9), "bits=")],
)
def test_fewer_codes_can_be_pasted_where_there_is_no_book(recipe, fewer):
    """A lattice is made smaller by its own argument, to less than twice the places in use."""
    embedder = Embedder(recipe, epochs=1, **FAST).fit(TRAIN)
    last = [each for each in embedder.model_.autoencoder.encoder.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():  # the encoder says next to nothing: one or two places are in use
        last.weight.mul_(1e-3)
        last.bias.fill_(0.4)
    evidence, remedy = said(examine(embedder, TRAIN), "dead codes")
    used = int(evidence.split()[0])
    asked = remedy.partition(fewer)[2]
    numbers = [int(text) for text in asked.split(",")]
    places = np.prod(numbers) if fewer == "levels=" else 2 ** numbers[0]
    assert places < 2 * max(used, 2) or numbers == [3]
    assert pasted(remedy) == 1


def test_over_fitting(plain):
    few = plane(24, 5, noise=0.5)
    embedder = Embedder(Recipe("autoencoder", dim=4, hidden=(256, 256)), epochs=300, **FAST).fit(few)
    found = examine(embedder, few, plane(200, 6, noise=0.5))
    evidence, remedy = said(found, "over-fitting")
    assert "200 held-out rows" in evidence
    first, second = remedy.splitlines()
    assert "--dim 4 --held-out 0.1" in first and "--dim 4 --set hidden=64,64" in second  # as wide as it was
    assert names(found)["over-fitting"] == "warning"
    assert "over-fitting" not in names(examine(embedder, few))  # nothing to see it by


def test_worse_than_pca_and_than_nothing(plain):
    untrained = Embedder("autoencoder", dim=2, epochs=0, **FAST).fit(TRAIN)
    evidence, remedy = said(examine(untrained, TRAIN, TEST, data="sales.csv"), "worse than PCA")
    assert "has learned nothing" in evidence and "isthmus compare sales.csv" in remedy
    begun = Embedder("autoencoder", dim=2, epochs=3, **FAST).fit(TRAIN)
    found = examine(begun, TRAIN, TEST)
    assert names(found)["worse than PCA"] == "warning" and "more than that of PCA" in str(found)
    assert said(found, "worse than PCA")[1].startswith("isthmus fit autoencoder X --dim 2 --epochs 2000")
    assert "--epochs" not in said(examine(loaded_as(begun), TRAIN, TEST), "worse than PCA")[1]  # who knows
    assert "--epochs" in said(examine(loaded_as(begun), TRAIN, TEST, epochs=3), "worse than PCA")[1]
    assert "--epochs" not in said(examine(begun, TRAIN, TEST, epochs=1000), "worse than PCA")[1]


def loaded_as(embedder: Embedder) -> Embedder:
    """The same, which does not know for how long it was trained."""
    other = copy.copy(embedder)
    other.epochs = "auto"
    return other


@pytest.mark.filterwarnings("ignore::isthmus.training.TrainingWarning")
@pytest.mark.parametrize(
    ("recipe", "held"),
    [(Recipe("wae_mmd", dim=8, weight=1e-3), True), (Recipe("jacobian", dim=8, weight=1e-3), False)],
)
def test_more_weight_is_advised_where_it_is_the_prior_s(recipe, held):
    """Of a Jacobian more is no remedy: codes stay where they are, and rows are lost."""
    found = examine(Embedder(recipe, epochs=20, **FAST).fit(TRAIN), TRAIN, TEST)
    _, remedy = said(found, "under-regularised")
    assert ("--set weight=0.01" in remedy) is held and "ex_post" in remedy


def test_where_pca_is_exact_there_is_no_factor_to_speak_of():
    x = np.random.default_rng(0).normal(size=(60, 1))
    embedder = Embedder("vae", dim=1, epochs=3, random_state=0).fit(x[:40])
    assert examine(embedder, x[:40], x[40:]).to_json()["looked_for"]


def test_scale():
    unequal = TRAIN * np.array([1e4, 1, 1, 1, 1, 1, 1, 1])
    raw = Embedder("autoencoder", dim=2, epochs=2, scaling="none", **FAST).fit(unequal)
    evidence, remedy = said(examine(raw, unequal), "scale")
    assert "7 of 8 columns" in evidence and remedy.endswith("--dim 2 --scaling columns")
    assert "scale" not in names(examine(raw, unequal, pixels=True))
    scaled = Embedder("autoencoder", dim=2, epochs=2, **FAST).fit(unequal)
    assert "scale" not in names(examine(scaled, unequal))  # the control
    large = Embedder("autoencoder", dim=2, epochs=2, scaling="none", **FAST).fit(1e4 * TRAIN)
    assert "expect 1" in said(examine(large, 1e4 * TRAIN), "scale")[0]


def test_a_code_as_wide_as_the_data():
    wide = Embedder("autoencoder", dim=8, epochs=2, **FAST).fit(TRAIN)
    evidence, remedy = said(examine(wide, TRAIN), "identity")
    assert "8 dimensions and the data 8 columns" in evidence and remedy.splitlines()[0][-1] in "23"
    noisy = Embedder("denoising", dim=8, epochs=2, **FAST).fit(TRAIN)
    assert "identity" not in names(examine(noisy, TRAIN))  # noise keeps it from handing rows through


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("plant", doctor.PLANTS)
def test_what_is_planted_is_found_and_its_remedies_can_be_pasted(plant, seed):
    name, fitted = doctor.PLANTS[plant]
    found, _ = doctor.caught(fitted, seed)
    assert names(found)[name] != "note" and not found.healthy
    for finding in found.findings:
        pasted(finding.remedy)


@pytest.mark.slow
@pytest.mark.parametrize("run_", doctor.HEALTHY)
def test_no_alarm_in_a_run_that_is_well(run_):
    assert doctor.alarms(run_, 0) == []


def test_every_check_is_planted_somewhere():
    assert {name for name, _ in doctor.PLANTS.values()} == set(CHECKS)


def test_a_collapsed_code_is_where_the_prior_is():
    """Draws of either half and of the prior are drawn apart: else they would coincide, and look near."""
    embedder = Embedder(Recipe("beta_vae", dim=3, beta=1e5), epochs=40, **FAST)
    with pytest.warns(TrainingWarning):
        embedder.fit(TRAIN)
    assert "under-regularised" not in names(examine(embedder, TRAIN, TEST))


@pytest.mark.parametrize("dim", [2, 12])
def test_codes_that_follow_the_prior_leave_a_twentieth_of_its_draws_outside(dim):
    """Exchangeable: whatever the dimension. The control: codes half as wide as the prior."""
    draw = np.random.default_rng(0)
    known, held, prior = draw.normal(size=(3, 2000, dim))

    def outside(scale: float) -> float:
        usual = _nearest(scale * held, scale * known)
        return float((_nearest(prior, scale * known) > np.quantile(usual, FAR)).mean())

    assert abs(outside(1.0) - 0.05) < 3 * np.sqrt(2 * 0.05 * 0.95 / 2000)
    assert outside(0.5) > 0.3


def test_the_rate_that_data_support_is_that_of_probabilistic_pca():
    """Σ ½ log λ/σ² is the mean KL of its exact posterior; the control counts variances, not their logs."""
    pca = probabilistic_pca(TRAIN, 3)
    mean, spread = pca.posterior(TRAIN)
    kl = 0.5 * (np.square(mean) + np.square(spread) - 1).sum(1).mean() - np.log(spread).sum()
    ratio = pca.eigenvalues[:3] / pca.variance
    assert 0.5 * np.log(ratio).sum() == pytest.approx(kl, rel=1e-6)
    assert 0.5 * (ratio - 1).sum() > 2 * kl


def test_a_calibrated_decoder_has_residuals_of_its_own_size(variational):
    """σ² = the mean squared residual at draws of the posterior (Rybkin et al. 2021); a fixed one has not."""

    def size(embedder: Embedder) -> float:
        patient: list[Any] = []
        CHECKS["spy"] = patient.append
        try:
            examine(embedder, TRAIN)
        finally:
            del CHECKS["spy"]
        return float(np.square(patient[0].train.standard).mean())

    assert size(variational) == pytest.approx(1, rel=0.15)
    fixed = Recipe("vae", dim=2, likelihood=Recipe(gaussian, scale=0.05))
    assert size(Embedder(fixed, epochs=30, **FAST).fit(TRAIN)) > 4


@pytest.mark.parametrize("shape", [(8, 8), (3, 6, 7)])
def test_energy_is_all_there_over_frequencies(shape):
    """Parseval; and a filter with a known response leaves its square of the energy."""
    x = np.random.default_rng(0).normal(size=(5, int(np.prod(shape))))
    power = decoding._power(x, shape)
    np.testing.assert_allclose(power.sum((1, 2)), np.square(x).sum(1))
    picture = x.reshape(-1, *shape)
    smooth = (picture + np.roll(picture, 1, -1)) / 2  # response cos(π f)
    response = np.cos(np.pi * np.fft.rfftfreq(shape[-1])) ** 2
    np.testing.assert_allclose(decoding._power(smooth.reshape(5, -1), shape), power * response, atol=1e-9)


def test_the_best_critic_of_two_gaussians_is_right_as_often_as_theory_says():
    """Draws N(0, 1), codes N(−δ, 1): log odds δ z + δ²/2, right Φ(δ/2) of the time."""
    draw = np.random.default_rng(0)
    z, codes = draw.normal(size=100_000), draw.normal(size=100_000) - 2
    best = Opinions(2 * z + 2, 2 * codes + 2)
    assert best.accuracy == pytest.approx(norm.cdf(1), abs=0.005)
    assert Opinions(0 * z, 0 * codes - 1e-9).loss == pytest.approx(2 * np.log(2))


def test_findings_are_drawn_with_words_for_those_who_do_not_see():
    pytest.importorskip("matplotlib")
    from isthmus.report import FIGURES
    from isthmus.report.charts.findings import finding, named

    assert {named(name) for name in CHECKS} == {name for name in FIGURES if name.startswith("doctor_")}
    values = np.random.default_rng(0).normal(size=50)
    pictures: list[Bars | Spread | Curves] = [
        Bars("what each carries", {"z0": 0.002, "z1": 3.0}, "nats", 0.01, "silent"),
        Bars("many", {str(i): float(i) for i in range(40)}, "times"),
        Spread("how they lie", {"codes": values, "draws": 2 * values}, "distance"),
        Curves("energy", "cycles a pixel", np.arange(4.0), {"data": np.arange(1.0, 5)}, "energy"),
    ]
    for picture in pictures:
        plate = finding(Finding("dead codes", "warning", "3 of 16 are in use.", "do this", picture))
        assert plate is not None and plate.numbers.rows
        assert picture.title in plate.alt and "3 of 16 are in use." in plate.alt
    assert finding(Finding("dead codes", "warning", "3 of 16 are in use.", "do this")) is None


def test_gaps_and_frames_are_examined():
    pandas = pytest.importorskip("pandas")
    gaps = TRAIN.copy()
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.1] = np.nan
    embedder = Embedder("autoencoder", dim=2, epochs=60, **FAST).fit(gaps)
    assert examine(embedder, gaps, TEST).healthy
    frame = pandas.DataFrame({"a": TRAIN[:, 0], "b": TRAIN[:, 1], "c": np.where(TRAIN[:, 0] > 0, "x", "y")})
    mixed = Embedder("vae", dim=2, epochs=5, **FAST).fit(frame)
    assert "worse than PCA" in examine(mixed, frame, frame[:50]).looked_for


def test_remedies_can_be_pasted(plain):
    """Every command of a remedy names options and arguments that exist."""
    embedder = Embedder(Recipe("beta_vae", dim=3, beta=500.0), epochs=0, **FAST).fit(TRAIN)
    collapsed = Embedder(Recipe("beta_vae", dim=3, beta=1.0), epochs=0, **FAST).fit(TRAIN)
    remedies = [
        finding.remedy
        for each in (embedder, collapsed, plain)
        for finding in examine(each, TRAIN, TEST + 9, data="digits").findings
    ]
    assert remedies
    for remedy in remedies:
        assert pasted(remedy)


def pasted(remedy: str) -> int:
    """How many commands there are in it, all of them whole."""
    from typer.main import get_command

    from isthmus.cli import app

    lines = [words for line in remedy.splitlines() if (words := shlex.split(line.partition("#")[0]))]
    for words in lines:
        verb = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
        parsed = verb.make_context(words[1], words[2:]).params
        if words[1] == "fit" and parsed["model"] in METHODS:  # and not one of a benchmark's own
            arguments(named(parsed["model"]), parsed["settings"] or [])
    return len(lines)


def test_doctor_on_the_command_line(capsys, tmp_path):
    path, folder = tmp_path / "sales.csv", tmp_path / "a"
    np.savetxt(path, TRAIN, delimiter=",", header=",".join("abcdefgh"), comments="")
    command = ["fit", "autoencoder", str(path), "--dim", "2", "--epochs", "0", "--out", str(folder)]
    assert run([*command, "--quiet"]) == 0
    capsys.readouterr()
    assert run(["doctor", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "problem: worse than PCA" in text and f"--out {folder}-again" in text
    assert run(["doctor", str(folder), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    numbers = json.loads(out)
    assert err == "" and numbers["healthy"] is False and numbers["findings"][0]["severity"] == "problem"
    out = tmp_path / "found"
    assert run(["doctor", str(folder), "--out", str(out), "--quiet"]) == 0
    written = json.loads((out / "doctor.json").read_text())
    (finding,) = [each for each in written["findings"] if each["name"] == "worse than PCA"]
    assert (out / finding["figure"]).read_bytes().startswith(b"\x89PNG") and "PCA" in finding["alt"]
    assert (out / "doctor.txt").read_text() == text and (out / "doctor_worse_than_pca.csv").is_file()
    capsys.readouterr()
    other = tmp_path / "other.csv"
    np.savetxt(other, TEST[:7], delimiter=",", header=",".join("abcdefgh"), comments="")
    assert run(["doctor", str(folder), str(other)]) == 0 and "7 held-out rows" in capsys.readouterr().out
    np.savetxt(path, TEST, delimiter=",", header=",".join("abcdefgh"), comments="")
    assert run(["doctor", str(folder)]) == 1 and "is not what it was" in capsys.readouterr().err
    assert run(["doctor", str(tmp_path / "none")]) == 2
