"""What `fit` warns of while it trains: what is planted, once; and nothing of what is well."""

from __future__ import annotations

import math
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isthmus import fit, seeded
from isthmus.cli import run
from isthmus.models import autoencoder, beta_vae, cyclical_vae, vae, wae_gan
from isthmus.training import TrainingWarning, adam, signs
from isthmus.training.signs import Glimpse, Signs

pytest.importorskip("pandas")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import doctor  # noqa: E402


def records(steps: int = 100, **curves: list[float]) -> list[dict[str, Any]]:
    """A history with these terms."""
    length = len(next(iter(curves.values())))
    return [
        {
            "epoch": i,
            "step": steps * (i + 1),
            "train": {name.replace("__", "."): c[i] for name, c in curves.items()},
        }
        for i in range(length)
    ]


@pytest.mark.parametrize("plant", doctor.SIGNS)
def test_what_is_planted_is_warned_of(plant):
    assert doctor.warns(plant, 0)


def test_it_is_said_once_and_not_before_half_of_the_epochs():
    model, kl = vae(8, 2), [0.001] * 40
    looking = Signs(model, None, epochs=40)
    said = []
    for i in range(1, 41):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            looking.look(records(reconstruction=[1.0] * i, kl=kl[:i]))
        said += [i for _ in heard]
    assert said == [20]
    with pytest.warns(TrainingWarning, match="epoch 9: the code carries 0.001 nats"):
        Signs(model, None, epochs=40).look(records(reconstruction=[1.0] * 9, kl=kl[:9]), over=True)
    Signs(model, None, epochs=40).look(
        records(10, reconstruction=[1.0] * 20, kl=kl[:20])
    )  # 200 steps: too early


def test_a_code_is_not_silent_while_its_weight_still_rises():
    """The control is the same history without a warm-up."""
    history = records(reconstruction=[1.0] * 6, kl=[0.001] * 6)
    assert signs.silent(Glimpse(beta_vae(8, 2), history, None)) is not None
    assert signs.silent(Glimpse(beta_vae(8, 2, warmup_steps=10_000), history, None)) is None
    assert (
        signs.silent(Glimpse(beta_vae(8, 2), records(reconstruction=[1.0] * 6, kl=[0.001] * 5 + [3.0]), None))
        is None
    )


def test_a_loss_that_rises_by_its_schedule_does_not_rise():
    """β grows from 0: the total of each epoch rises, and at one weight all of them fall."""
    falling = list(np.linspace(10, 1, 20))
    bought = records(reconstruction=falling, kl=list(np.linspace(0, 8, 20)))
    assert signs.rising(Glimpse(beta_vae(8, 2, beta=1.0, warmup_steps=2000), bought, None)) is None
    back = records(reconstruction=[*falling, *np.linspace(1, 9, 10)], kl=[1.0] * 30)
    assert "risen again by" in (signs.rising(Glimpse(beta_vae(8, 2, beta=1.0), back, None)) or "")
    noise = np.random.default_rng(0).normal(size=30)
    flat = records(reconstruction=list(np.linspace(10, 1, 30) ** 0.2 + 0.01 * noise))
    assert signs.rising(Glimpse(autoencoder(8, 2), flat, None)) is None


def test_a_coin_of_a_critic_is_what_one_wants_where_codes_are_the_prior():
    x = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    even = records(critic__real=[math.log(2)] * 6, critic__fake=[math.log(2)] * 6)
    from isthmus.data import Rows

    with seeded(0):
        model = wae_gan(8, 2, (), critic=())  # linear, so that codes of Gaussian rows are Gaussian
    flow = model.autoencoder
    layer = next(part for part in flow.encoder.modules() if isinstance(part, torch.nn.Linear))
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.copy_(torch.eye(2, 8))
    assert signs.critic(Glimpse(model, even, Rows(x))) is None
    with torch.no_grad():
        layer.weight.mul_(5)
    assert "does not see" in (signs.critic(Glimpse(model, even, Rows(x))) or "")
    assert model.training  # as it was


def test_a_scale_at_its_floor():
    """Rows without noise on a line: the decoder is exact. With noise there is a scale to find."""
    history = records(reconstruction=[1.0] * 6, kl=[3.0] * 6)
    model = vae(8, 2)
    assert signs.floor(Glimpse(model, history, None)) is None
    with torch.no_grad():
        next(part for name, part in model.named_parameters() if name.endswith("tenths")).fill_(-3.0)
    assert "at its floor" in (signs.floor(Glimpse(model, history, None)) or "")


@pytest.mark.parametrize("build", [vae, autoencoder, wae_gan, lambda *a: cyclical_vae(*a, steps=300)])
def test_a_run_that_is_well_is_trained_in_silence(build):
    x = torch.as_tensor(doctor.plane(0).train).float()
    with seeded(0):
        model = build(8, 2)
    fit(model, x, epochs=60, batch_size=32, optimizer=adam(2e-3, model.betas), progress=False)  # or an error


def test_looking_leaves_training_as_it_was():
    """The same weights, bit for bit, with and without signs."""
    x = torch.as_tensor(doctor.plane(0).train).float()

    def weights(looks: bool, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
        with seeded(0), monkeypatch.context() as patch:
            if not looks:
                patch.setattr(Signs, "look", lambda *a, **k: None)
            else:
                patch.setattr(signs, "EVEN", 0.0)
            model = wae_gan(8, 2, (16,))
            fit(model, x, epochs=35, batch_size=32, progress=False)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    with pytest.MonkeyPatch.context() as patch:
        assert torch.equal(weights(True, patch), weights(False, patch))


def test_the_command_line_says_it_as_a_remark(tmp_path, capsys):
    path = tmp_path / "plane.csv"
    np.savetxt(path, doctor.plane(0).train, delimiter=",", header=",".join("abcdefgh"), comments="")
    command = ["fit", "beta_vae", str(path), "--dim", "2", "--set", "beta=500"]
    command += ["--epochs", "200", "--no-report"]
    assert run([*command, "--out", str(tmp_path / "a")]) == 0
    out, err = capsys.readouterr()
    assert (
        err.count("warning, epoch") == 1 and "posterior collapse" in err and "posterior collapse" not in out
    )
    assert run([*command, "--out", str(tmp_path / "b"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
