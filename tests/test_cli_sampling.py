"""`isthmus sample --prior`: a density of the codes of a finished run, and nothing of the run is lost."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from isthmus import Embedder, load
from isthmus.cli import run
from isthmus.comparing import Likeness
from isthmus.data import load as rows_of
from isthmus.latents import Refitted
from isthmus.priors import Flow, Mixture

FULL = "Mixture(components=10, full=true)"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """An autoencoder of digits: by itself it draws from one Gaussian of its codes."""
    folder = tmp_path_factory.mktemp("runs") / "plain"
    options = ("--dim", "8", "--epochs", "15", "--quiet", "--no-report", "--out", str(folder))
    assert run(["fit", "autoencoder", "digits", *options]) == 0
    return folder


@pytest.fixture
def sample(capsys):
    """Exit status, stdout and stderr of `isthmus sample` with these words."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()  # of what came before
        status = run(["sample", *map(str, words)])
        return status, *capsys.readouterr()

    return call


def everything(folder: Path) -> dict[str, str]:
    """What is in a folder, by checksums."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def distance(drawn: np.ndarray) -> float:
    """MMD² of samples to held-out digits, as `compare` has it."""
    digits = rows_of("digits")
    mean, spread = digits.train.x.mean(0), np.sqrt(digits.train.x.var(0).mean())
    found = Likeness.of((digits.test.x - mean) / spread, (drawn - mean) / spread)
    assert found is not None
    return found.distance


def shuffled(tmp_path: Path) -> Path:
    """The training digits, each pixel from another row: rows that go with nothing."""
    draw = np.random.default_rng(0)
    path = tmp_path / "shuffled.npy"
    np.save(path, np.stack([draw.permutation(column) for column in rows_of("digits").train.x.T], 1))
    return path


def test_samples_come_nearer_to_the_data_and_not_where_the_rows_go_with_nothing(plain, sample, tmp_path):
    """Against the run's own Gaussian, at three seeds; the control is the same density of shuffled rows."""

    def drawn(seed: int, *words: object) -> float:
        out = tmp_path / "drawn.npy"
        status, _, err = sample(plain, "-n", 360, "--mean", "--seed", seed, "--out", out, *words)
        assert status == 0, err
        return distance(np.load(out))

    for seed in range(3):
        without, prior = drawn(seed), drawn(seed, "--prior", FULL)
        control = drawn(seed, "--prior", FULL, "--from", shuffled(tmp_path))
        assert prior < without < control


def test_it_draws_what_fit_prior_draws(plain, sample, tmp_path):
    """The same rows as in Python, from the training part alone, by its name too."""
    embedder = Embedder.load(plain)
    del embedder.feature_names_in_  # the rows below have none
    embedder.fit_prior(rows_of("digits").train.x, Flow, random_state=3)
    expected = embedder.sample(5, random_state=3)
    for words in ((), ("--from", "digits")):
        out = tmp_path / "new.npy"
        status, _, err = sample(plain, "-n", 5, "--seed", 3, "--prior", "flow", *words, "--out", out)
        assert status == 0 and "fitted to the codes of 1438 rows of digits" in err
        np.testing.assert_array_equal(np.load(out), embedder.preparation_.typed(expected))


def test_the_run_stays_as_it_is_and_another_draws_like_this_henceforth(plain, sample, capsys, tmp_path):
    before, kept = everything(plain), tmp_path / "kept" / "b"
    words = ("-n", 4, "--seed", 1, "--prior", "mixture")
    status, drawn, err = sample(plain, *words, "--keep", kept)
    assert status == 0 and f"written to {kept}" in err and everything(plain) == before
    assert sample(kept, "-n", 4, "--seed", 1)[1] == drawn != sample(plain, "-n", 4, "--seed", 1)[1]
    assert [path.name for path in kept.parent.iterdir()] == ["b"]  # no draft is left
    latent = load(kept).autoencoder.latent
    assert isinstance(latent, Refitted) and isinstance(latent.prior, Mixture)
    weights = load(plain).state_dict()
    assert all((load(kept).state_dict()[name.replace("latent.", "latent.latent.")] == value).all()
               for name, value in weights.items())  # fmt: skip
    known = json.loads((kept / "metrics.json").read_text())
    assert known["prior"] == {"prior": "Mixture", "data": "digits", "rows": 1438, "seed": 1}
    assert run(["evaluate", str(kept), "--json"]) == run(["evaluate", str(plain), "--json"]) == 0
    first, second = capsys.readouterr().out.split("\n}\n")[:2]
    assert json.loads(first + "}")["test"]["mse"] == json.loads(second + "}")["test"]["mse"]


def test_a_kept_run_takes_another_prior_again(plain, sample, tmp_path):
    assert sample(plain, "--prior", "mixture", "--keep", tmp_path / "b")[0] == 0
    assert sample(tmp_path / "b", "--prior", "normal", "--keep", tmp_path / "c")[0] == 0
    assert "model=autoencoder" in repr(load(tmp_path / "c").recipe)


def test_a_table_with_named_columns_in_another_order(sample, tmp_path):
    """A kept run knows its columns, and rows of `--from` are taken by name."""
    draw = np.random.default_rng(0)
    x = 3 + draw.normal(size=(80, 2)) @ draw.normal(size=(2, 4)) + 0.1 * draw.normal(size=(80, 4))
    for name, order in (("a", [0, 1, 2, 3]), ("b", [3, 1, 0, 2])):
        head = ",".join("wxyz"[i] for i in order)
        np.savetxt(tmp_path / f"{name}.csv", x[:, order], delimiter=",", header=head, comments="")
    options = ["--dim", "2", "--epochs", "5", "--test", "0", "--quiet", "--no-report"]
    assert run(["fit", "autoencoder", str(tmp_path / "a.csv"), *options, "--out", str(tmp_path / "a")]) == 0
    same = [
        sample(tmp_path / "a", "--prior", "mixture", "--from", tmp_path / f"{name}.csv", "-n", 6)[1]
        for name in "ab"
    ]
    assert same[0] == same[1] and same[0].startswith("w,x,y,z\n")
    assert sample(tmp_path / "a", "--prior", "mixture", "--keep", tmp_path / "k")[0] == 0
    assert sample(tmp_path / "k", "-n", 2)[1].startswith("w,x,y,z\n")
    (tmp_path / "a.csv").unlink()
    status, out, err = sample(tmp_path / "a", "--prior", "mixture")
    assert status == 2 and out == "" and "there is no file" in err and "--from X" in err
    assert sample(tmp_path / "a", "--prior", "mixture", "--from", tmp_path / "b.csv")[0] == 0


def test_a_conditional_run_is_fitted_with_its_labels(sample, tmp_path):
    folder = tmp_path / "a"
    options = ["--dim", "2", "--epochs", "1", "--quiet", "--no-report", "--out", str(folder)]
    assert run(["fit", "conditional_vae", "iris", *options]) == 0
    status, out, err = sample(
        folder, "--prior", "mixture", "--labels", 1, "-n", 3, "--out", tmp_path / "x.csv"
    )
    assert status == 0, err
    np.save(tmp_path / "x.npy", rows_of("iris").train.x)
    status, _, err = sample(folder, "--prior", "mixture", "--labels", 1, "--from", tmp_path / "x.npy")
    assert status == 2 and "holds no labels" in err


@pytest.mark.parametrize(
    "words, told",
    [
        (["--prior", "flwo"], 'did you mean "Flow"?'),
        (["--prior", "Whitening"], "nothing named 'Whitening'"),
        (["--prior", "Flow(layer=2)"], 'did you mean "layers"?'),
        (["--prior", "vamp"], "it asks for encoder, features"),
        (["--prior", "autoregressive"], "MaskedMixture reads these"),
        (["--prior", "mixture(components=0)"], "at least one component"),
        (["--prior", "mixture", "--from", "digit"], 'did you mean "digits"?'),
        (["--prior", "mixture", "--from", "iris"], "which iris does not have"),
        (["--from", "digits"], "--prior flow"),
        (["--keep", "b"], "--prior flow"),
    ],
)
def test_used_wrongly(plain, sample, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    before = everything(plain)
    status, out, err = sample(plain, *words, "--keep", "kept")
    assert status == (1 if "iris" in words else 2)  # where the data cannot be used, or the command
    assert out == "" and told in err.splitlines()[-1] and "Traceback" not in err
    assert everything(plain) == before and not list(tmp_path.iterdir())


def test_a_folder_that_is_taken_is_left_alone(plain, sample, tmp_path):
    taken = Path(shutil.copytree(plain, tmp_path / "taken"))
    before = everything(taken)
    status, _, err = sample(plain, "--prior", "mixture", "--keep", taken)
    assert status == 2 and "something is there already" in err and everything(taken) == before


def test_a_disk_that_is_full_leaves_no_half_of_a_run(plain, sample, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("isthmus.cli.sampling.write_atomically", full)
    status, _, err = sample(plain, "--prior", "mixture", "--keep", tmp_path / "b")
    assert status == 1 and "No space left" in err and not list(tmp_path.iterdir())


def test_a_model_without_codes_says_so(sample, tmp_path):
    options = ["--epochs", "1", "--quiet", "--no-report", "--out", str(tmp_path / "a")]
    assert run(["fit", "gan", "iris", *options]) == 0
    status, _, err = sample(tmp_path / "a", "--prior", "flow")
    assert status == 2 and "no codes to fit a prior to" in err


def test_diffusion_is_a_name_of_its_prior(capsys, tmp_path):
    options = ["--epochs", "1", "--dim", "2", "--set", "prior=diffusion", "--quiet", "--no-report"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isthmus.priors.diffusion.descend", lambda *_, **__: None)  # which takes long
        assert run(["fit", "ex_post", "iris", *options, "--out", str(tmp_path / "a")]) == 0
    assert "prior=DiffusionPrior" in repr(load(tmp_path / "a").recipe)
