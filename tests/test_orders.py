"""Benchmarks of orders between families, and of what a step costs: that they measure what they say."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torch.func import jacrev

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import families, steps
from benchmarks.harness import compare

import isthmus
from isthmus import Learner
from isthmus.data import Rows
from isthmus.models import autoencoder
from isthmus.objective import Loss
from isthmus.trace import Batch


def reads(net: families.Reading, elements: int) -> Tensor:
    """(d, d): how much each logit changes with each element that is seen, over a few rows."""
    z, seen = torch.randn(20, 3), torch.randn(20, elements)
    return (
        torch.stack([jacrev(lambda x, z=a: net(z[None], x[None])[0])(b) for a, b in zip(z, seen)])
        .abs()
        .sum(0)
    )


def test_a_strong_decoder_reads_all_rows_above_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with isthmus.seeded(0):
        net = families.Reading(3, 3, 50)
        above = torch.ones(3, 3).tril(-1).repeat_interleave(3, 0).repeat_interleave(3, 1).bool()  # (9, 9)
        assert torch.equal(reads(net, 9) > 0, above)
        monkeypatch.setattr(families.F, "pad", lambda x, _: torch.cat([x, x[:, :1]], 1))
        assert (reads(net, 9)[above.logical_not()] > 0).any()  # control: not moved down, it would copy


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_order_holds_where_students_test_says_so(seeds: int) -> None:
    draw = np.random.default_rng(0)
    for _ in range(100):
        differences = draw.normal(0.7, 1.0, seeds)
        p = stats.ttest_1samp(differences, 0, alternative="greater").pvalue
        assert families.above_nothing(differences.tolist()) == (p <= families.LEVEL)


def test_nothing_is_no_order_and_the_same_for_each_seed_is_one() -> None:
    assert not families.above_nothing([0.0, 0.0, 0.0]) and not families.above_nothing([-1.0, -1.0])
    assert families.above_nothing([2.0, 2.0, 2.0])


def test_a_curve_is_straight_between_its_points_and_silent_beyond() -> None:
    assert families.between(1.5, [3.0, 1.0, 2.0], [9.0, 1.0, 5.0]) == pytest.approx(3.0)
    with pytest.raises(ValueError, match="from 1 to 3 says nothing of 3.5"):
        families.between(3.5, [3.0, 1.0, 2.0], [9.0, 1.0, 5.0])


def test_both_sides_of_a_step_do_the_same_work() -> None:
    """Over one epoch the bare loop and `fit` come to the same weights; a loop that does less would not."""
    rows = Rows(steps.made_up(12, 5 * steps.BATCH)[0])
    with isthmus.seeded(0):
        ours, theirs, lazy = (autoencoder(12, 3, (16,)) for _ in range(3))
        theirs.load_state_dict(ours.state_dict())
        lazy.load_state_dict(ours.state_dict())
    isthmus.fit(ours, rows, epochs=1, batch_size=steps.BATCH, seed=0, progress=False)
    steps.stretch(steps.by_hand(theirs, rows), 5)
    steps.stretch(steps.by_hand(lazy, rows), 4)
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, theirs.state_dict()[name], msg=name)
    assert any(not torch.allclose(v, lazy.state_dict()[name]) for name, v in ours.state_dict().items())


class Slow(Learner):
    """A step of a known length."""

    def __init__(self, seconds: float):
        super().__init__()
        self.autoencoder, self.seconds = autoencoder(4, 1, ()), seconds

    def players(self) -> Any:
        return {"autoencoder": self.parameters()}

    def losses(self, batch: Batch, step: int) -> Iterator[tuple[str, Loss]]:
        time.sleep(self.seconds)
        yield "autoencoder", self.autoencoder.objective(self.autoencoder, self.autoencoder(batch))


@pytest.mark.parametrize("turns", [steps.in_turns, steps.against_itself])
def test_a_step_that_is_longer_is_found_to_be_by_as_much(turns: Any) -> None:
    rows = Rows(steps.made_up(4, 3 * steps.BATCH)[0])
    other = steps.by_hand(Slow(0.01), rows)
    pairs = turns(Slow(0.03), rows, lambda: steps.stretch(other, 4), 4, 3)
    assert len(pairs) == 3
    assert compare(pairs).ratio == pytest.approx(3, rel=0.25)


def test_methods_are_timed_with_their_defaults_and_games_are_left_out() -> None:
    options = steps.argparse.Namespace(columns=12, rows=1280, length=2, rounds=2, self_check=False)
    for name in ("vae", "conditional_vae", "vq_vae", "beta_tcvae", "stacked"):
        found = steps.timed(name, options)
        assert found is not None and found["ratio"] > 0 and len(found["seconds"]["a"]) == 2
    assert steps.timed("wae_gan", options) is None
