"""The harness that times us against others: its statistics, its records, and its talk with the workers."""

import argparse
import hashlib
import importlib
import json
import math
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import answers, first_result, harness, speed, streaming
from benchmarks.harness import Pair, Side, Worker, alternate, compare, quietest, record, write
from benchmarks.replayed import Replayed

from isthmus import Batch, Learner, seeded, train
from isthmus.answers import Budget, Claim, Evidence
from isthmus.data import read
from isthmus.models import autoencoder, ladder_network, semi_aae
from isthmus.randomness import Stream
from isthmus.training import adam

PRETENDING = "benchmarks.sides.pretending"


def pairs(ratio: float, rounds: int, seed: int, common: float = 0.3, own: float = 0.05) -> list[Pair]:
    """Rounds in which both sides are slowed alike (`common`) and each for itself (`own`), log-normally."""
    draw = random.Random(seed)
    out = []
    for _ in range(rounds):
        base = draw.lognormvariate(0, common)
        a, b = (base * draw.lognormvariate(0, own) for _ in range(2))
        slow, fast = ({"seconds": t, "cpu_seconds": 2 * t} for t in (ratio * a, b))
        out.append(Pair(slow, fast, "a", 0.0))
    return out


def test_the_ratio_is_exact_where_rounds_are_scaled_copies() -> None:
    found = compare(pairs(1.25, 9, seed=0, own=0.0))
    assert found == pytest.approx((1.25, 1.25, 1.25))


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(100):
        found = compare(pairs(0.7, 15, seed), resamples=300)
        covered += found.low <= 0.7 <= found.high
        assert found.low <= found.ratio <= found.high
    assert covered >= 88  # of a nominal 95; fewer than 88 has a probability of 0.004


def test_pairing_keeps_the_interval_narrow_where_both_sides_are_slowed_alike() -> None:
    paired = pairs(1.0, 15, seed=1, common=0.5, own=0.01)
    shuffled = [Pair(x.a, y.b, "a", 0.0) for x, y in zip(paired, paired[7:] + paired[:7])]

    def width(rounds: list[Pair]) -> float:
        found = compare(rounds)
        return math.log(found.high / found.low)

    assert width(paired) < 0.3 * width(shuffled)


def test_a_ratio_turned_round_has_the_interval_turned_round() -> None:
    there = pairs(1.3, 11, seed=2)
    back = [Pair(p.b, p.a, "a", 0.0) for p in there]
    assert compare(back).ratio == pytest.approx(1 / compare(there).ratio)
    assert compare(back).low == pytest.approx(1 / compare(there).high, rel=0.02)


def test_workers_take_turns_in_changing_order_and_what_they_print_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(harness, "QUIET", math.inf)
    with (
        Worker(Side("slow", PRETENDING, {"seconds": 3.0, "spread": 0.1})) as a,
        Worker(Side("fast", PRETENDING, {"seconds": 2.0, "spread": 0.1})) as b,
    ):
        rounds = alternate(a, b, rounds=4, rest=0.0)
        assert a.ready["description"] == {"data": {"name": "none"}} and "pytest" in a.ready["packages"]
    assert [p.first for p in rounds] == ["a", "b", "a", "b"]
    assert [(p.a["seed"], p.b["seed"]) for p in rounds] == [(i, i) for i in range(4)]
    assert compare(rounds) == pytest.approx((1.5, 1.5, 1.5))
    assert all(p.a["cpu_seconds"] >= 0 for p in rounds)


def test_rounds_that_others_disturbed_are_run_again_and_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([0, 0, *(0, 9), *(9, 9), *(9, 99), *(99, 99)])  # warm-up, then rounds 0 and 2 disturbed
    monkeypatch.setattr(harness, "busy_elsewhere", lambda own: next(readings))
    side = Side("one", PRETENDING, {"seconds": 1.0})
    with Worker(side) as a, Worker(side) as b:
        rounds = alternate(a, b, rounds=2, rest=0.0)
    assert [p.others > harness.QUIET for p in rounds] == [True, False, True, False]
    assert [p.a["seed"] for p in quietest(rounds, 2)] == [1, 3]
    assert [p.a["seed"] for p in quietest(rounds, 3)] == [0, 1, 3]  # too few were quiet: the quietest


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="needs /proc")
def test_what_a_process_does_is_seen_unless_it_is_our_own() -> None:
    def seen(own: set[int]) -> float:
        before, until = harness.busy_elsewhere(own), time.process_time() + 0.2
        while time.process_time() < until:
            pass
        return harness.busy_elsewhere(own) - before

    assert seen(set()) >= 0.15
    whole, without = harness.busy_elsewhere(set()), harness.busy_elsewhere({os.getpid()})
    assert whole - without >= 0.15  # at least what was just done


def test_a_worker_that_fails_says_why() -> None:
    with Worker(Side("broken", PRETENDING, {"seconds": 1.0, "fails_at": 1})) as worker:
        assert worker.round(0)["seconds"] == 1.0
        with pytest.raises(RuntimeError, match=r"broken (?s:.*)ArithmeticError: as asked"):
            worker.round(1)
    with pytest.raises(RuntimeError, match=r"absent (?s:.*)No module named benchmarks\.sides\.absent"):
        Worker(Side("absent", "benchmarks.sides.absent")).__enter__()


def test_a_record_holds_what_is_needed_to_judge_a_figure(tmp_path: Path) -> None:
    side = Side("one", PRETENDING, {"seconds": 1.0})
    with Worker(side) as a, Worker(side) as b:
        rounds = alternate(a, b, rounds=3, rest=0.0)
        counted = quietest(rounds, 3)
        result = record("trial", a, b, rounds, counted, {"ratio": 1.0}, (0.0, 0.0, 0.0))
    path = write("trial", result, tmp_path)
    read = json.loads(path.read_text())
    assert read == json.loads(json.dumps(result))
    assert set(read) == {
        *("schema", "name", "when", "command", "git", "machine", "threads", "load"),
        *("seeds", "sides", "rounds", "verdict"),
    }
    assert len(read["git"]["commit"]) == 40 and isinstance(read["git"]["modified"], bool)
    assert read["machine"]["cores"] >= 1 and read["machine"]["memory_gib"] > 0
    assert {"processor", "system", "python"} <= set(read["machine"])
    assert read["seeds"] == list(range(len(rounds)))
    assert len(counted) == sum(r["counted"] for r in read["rounds"]) == 3
    for role in "ab":
        assert {"name", "module", "arguments", "peer", "python", "packages", "description"} <= set(
            read["sides"][role]
        )


def test_a_record_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write("trial", {"value": 1}, tmp_path)
    for spoilt in ({"value": float("nan")}, {"value": object()}):
        with pytest.raises((ValueError, TypeError)):
            write("trial", spoilt, tmp_path)
    (tmp_path / "held.json").mkdir()
    with pytest.raises(OSError):
        write("held", {"value": 2}, tmp_path)
    assert json.loads((tmp_path / "trial.json").read_text()) == {"value": 1}
    assert {path.name for path in tmp_path.iterdir()} == {"trial.json", "held.json"}


def test_an_environment_is_built_again_only_when_its_pins_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[list[str]] = []
    monkeypatch.setattr(harness, "ENVIRONMENTS", tmp_path / "peers")
    monkeypatch.setattr(harness.venv, "create", lambda folder, with_pip: folder.mkdir(parents=True))
    monkeypatch.setattr(harness.subprocess, "run", lambda command, check: built.append(command))
    pins = tmp_path / "some.txt"
    for text, builds in (("a==1", 1), ("a==1", 1), ("a==2", 2), ("a==2", 2)):
        pins.write_text(text)
        python = harness.environment("some", pins)
        assert len(built) == builds and python == tmp_path / "peers" / "some" / "bin" / "python"
    assert built[0][0] == str(python) and str(pins) in built[0]

    def fails(command: list[str], check: bool) -> None:
        raise OSError("no network")

    monkeypatch.setattr(harness.subprocess, "run", fails)
    pins.write_text("a==3")
    for _ in range(2):  # half-built: not taken for built
        with pytest.raises(OSError, match="no network"):
            harness.environment("some", pins)
    assert harness.environment(None) == Path(sys.executable)
    with pytest.raises(FileNotFoundError, match="there are pins for: .*pythae"):
        harness.environment("nobody")


@pytest.mark.parametrize(
    ("ratio", "options", "holds"),
    [
        (1.08, {"at_most": 1.10}, True),
        (1.12, {"at_most": 1.10}, False),
        (1 / 1.7, {"at_least": 1.6, "speeds": True}, True),
        (1 / 1.5, {"at_least": 1.6, "speeds": True}, False),
    ],
)
def test_a_bar_is_judged_in_its_own_direction(ratio: float, options: dict, holds: bool) -> None:
    case = speed.Case("time", Side("a", PRETENDING), Side("b", PRETENDING), **options)
    verdict = speed.judge(case, pairs(ratio, 9, seed=3, own=0.0))
    assert verdict["holds"] is verdict["certain"] is holds
    assert verdict["ratio"] == pytest.approx(1 / ratio if "speeds" in options else ratio)
    assert verdict["cpu_ratio"] == pytest.approx(verdict["ratio"])
    assert ("DOES NOT HOLD" in speed.sentence(case, verdict)) is not holds


def test_sides_that_did_not_do_the_same_work_fail_whatever_their_times() -> None:
    case = speed.Case("time", Side("a", PRETENDING), Side("b", PRETENDING), at_most=2.0)
    rounds = [Pair(p.a | {"loss": 200.0}, p.b | {"loss": 100.0}, "a", 0.0) for p in pairs(1.0, 5, seed=4)]
    verdict = speed.judge(case, rounds)
    assert not verdict["holds"] and "NOT THE SAME WORK" in speed.sentence(case, verdict)


def test_the_command_runs_a_case_prints_its_line_and_tells_by_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow, fast = (Side(name, PRETENDING, {"seconds": s}) for name, s in (("slow", 1.2), ("fast", 1.0)))
    monkeypatch.setattr(harness.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(speed, "CASES", {"trial": speed.Case("time of nothing", slow, fast, at_most=1.1)})
    assert speed.main(["trial", "--rounds", "2", "--results", str(tmp_path)]) == 1
    assert speed.main(["trial", "--rounds", "2", "--results", str(tmp_path), "--self-check"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "slow / fast = 1.200" in first and "bar at most 1.1: DOES NOT HOLD" in first
    assert "fast / fast = 1.000" in second and "holds" in second
    assert {path.name for path in tmp_path.iterdir()} == {"trial.json", "trial.self_check.json"}
    assert json.loads((tmp_path / "trial.json").read_text())["verdict"]["holds"] is False
    for wrong in (["nothing"], ["trial", "--rounds", "1"]):
        with pytest.raises(SystemExit) as status:
            speed.main(wrong)
        assert status.value.code == 2


def test_synthetic_data_repeats_and_real_data_are_used_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.workload import binary_data

    monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path))  # holds nothing
    x, description = binary_data(100, 12)
    again, same = binary_data(100, 12)
    assert x.equal(again) and description == same and description["name"].startswith("synthetic")
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert description["sha256"] == hashlib.sha256(x.byte().numpy().tobytes()).hexdigest()


def test_the_arithmetic_alone_ends_at_the_weights_of_the_loop_by_hand() -> None:
    """Its gradients are written out; autograd's are the reference."""
    from benchmarks.sides import arithmetic, handwritten
    from benchmarks.workload import decoder_layers, encoder_layers

    x = (torch.rand(640, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    ends = []
    for alone in (True, False):
        with seeded(0):
            encoder, decoder = encoder_layers(12, 8, 6), decoder_layers(3, 8, 12)
            parameters = [*encoder.parameters(), *decoder.parameters()]
            if alone:
                loss = arithmetic.epoch(parameters, x)
            else:
                loss = handwritten.epoch(encoder, decoder, parameters, x)
        ends.append((loss, parameters))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-6)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ends[0][1], ends[1][1]))


def test_streaming_is_judged_by_memory_and_by_rows_per_second() -> None:
    def pairs(share: float) -> list[harness.Pair]:
        times = [{"epoch_seconds": t, "seconds": 2 * t} for t in (1.0, 2.0, 3.0)]
        slow = [{"epoch_seconds": t["epoch_seconds"] / share, "seconds": 8.0} for t in times]
        return [harness.Pair(a, b, "a", 0.0) for a, b in zip(times, slow)]

    whole = {"rows": 1000, "epoch_seconds": 24.0, "peak": 900.0}
    verdict = streaming.judge(whole, pairs(0.8001))
    assert verdict["share"] == pytest.approx(0.8001) and verdict["share_of_fit"] == pytest.approx(0.5)
    assert verdict["holds"] and verdict["rows_per_second"] == pytest.approx(1000 / 24)
    assert not streaming.judge(whole | {"peak": 1500.0}, pairs(0.8001))["holds"]
    assert not streaming.judge(whole, pairs(0.7999))["holds"]


def test_both_files_of_streaming_hold_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(streaming, "STEP", 40)
    monkeypatch.setattr(streaming, "GROUP", 15)
    a, b = (read(streaming.generate(tmp_path / kind, 100, kind)).values for kind in ("npy", "parquet"))
    assert a.shape == (100, streaming.COLUMNS)
    assert (a == b).all()


def test_a_first_result_is_timed_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_result, "ROWS", 30)
    monkeypatch.setattr(first_result, "COLUMNS", 3)
    table = first_result.generate(tmp_path / "x.csv")
    assert len(table.read_text().splitlines()) == 31
    found = first_result.once(table, tmp_path / "run", report=False)
    assert 0 < found["cpu_seconds"] and found["seconds"] > 0.1
    table.write_text("a,b\n1,\n")
    with pytest.raises(RuntimeError, match="ended with 2"):
        first_result.once(table, tmp_path / "run", report=False)  # which holds a run


class Stand:
    """An answer whose claim holds with a small value, and whose control has another."""

    number, question = 1, "What?"

    def __init__(self, right: float, wrong: float):
        self.values = right, wrong

    def run(self, budget: Budget, bug: bool) -> Evidence:
        assert budget.full
        return Evidence([Claim("small", self.values[bug], at_most=1), Claim("other", 0, 0, 0, guarded=False)])


@pytest.mark.parametrize("right, wrong, holds", [(0, 2, True), (2, 2, False), (0, 0, False)])
def test_an_answer_of_record_holds_where_its_claims_do_and_its_control_fails(
    right: float, wrong: float, holds: bool, tmp_path: Path
) -> None:
    each: Any = Stand(right, wrong)
    options = argparse.Namespace(seed=0, threads=1)
    path = tmp_path / "answers_full.json"
    for part in answers.PARTS:
        answers.keep(path, each, part, answers.measured(each, part, options))
    [one] = json.loads(path.read_text("utf-8"))["answers"].values()
    assert one["holds"] == holds and set(answers.PARTS) <= set(one)
    assert [len(one[part]["claims"]) for part in answers.PARTS] == [2, 1]


def test_an_answer_that_breaks_is_on_record_and_does_not_hold(tmp_path: Path) -> None:
    each: Any = Stand(0, 2)
    del each.values
    told = answers.measured(each, "evidence", argparse.Namespace(seed=0, threads=1))
    assert "AttributeError" in told["error"]
    assert not answers.keep(tmp_path / "a.json", each, "evidence", told)["holds"]


ROWS = torch.rand(8, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8) % 3 - 1
ON_A_CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")


def replay(models: list[Learner], inputs: list[Tensor], rates: list[float]) -> list[dict[str, Tensor]]:
    """The weights after a step at each rate."""
    device = inputs[0].device
    labels = [LABELS.to(device)] * len(models)
    side_by_side = Replayed(models, inputs, labels, lambda model: adam(0.01, model.betas))
    stream = Stream(7, device)
    for rate in rates:
        side_by_side.pace(rate)
        with stream:
            side_by_side.step()
    return [model.state_dict() for model in models]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=ON_A_CARD)])
def test_a_step_that_is_replayed_is_one_of_training(device: str) -> None:
    """All four players of a game, with the numbers that it draws, and rates that fall."""
    rates, rows = [1.0, 0.5, 0.25], ROWS.to(device)
    ours, twin, third = (seeded_game().to(device) for _ in range(3))
    [replayed] = replay([ours], [rows], rates)
    batches = [Batch(rows, rows, {"labels": LABELS.to(device)})] * 3
    turns = list(train(twin, batches, adam(0.01, twin.betas), seed=7, schedule=lambda step: rates[step]))
    assert len(turns) == 12
    near = 1e-7 if device == "cpu" else 1e-5  # rates are fp32 here; a card may add in another order
    torch.testing.assert_close(replayed, twin.state_dict(), rtol=0, atol=near)
    [other] = replay([third], [rows], [1.0, 1.0, 1.0])  # the control: rates that do not fall
    name = "autoencoder.encoder.0.weight"
    assert (other[name] - replayed[name]).abs().max() > 1e-3


def seeded_game() -> Learner:
    with seeded(0):
        return semi_aae(5, 2, (6,), classes=2, critic=(4,), pace=0.5)


def test_models_side_by_side_know_nothing_of_each_other() -> None:
    def built(seed: int) -> Learner:
        with seeded(seed):
            return autoencoder(5, 2, (6,))

    one, two = replay([built(0), built(1)], [ROWS, ROWS.flip(0)], [1.0, 1.0])
    [alone] = replay([built(1)], [ROWS.flip(0)], [1.0, 1.0])
    torch.testing.assert_close(two, alone, rtol=0, atol=0)
    assert not torch.equal(one["decoder.0.weight"], two["decoder.0.weight"])


@pytest.fixture
def few_labels(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    return importlib.import_module("semi_supervised")


@pytest.mark.parametrize("labelled", [40, 10], ids=["normalised apart", "too few"])
def test_a_ladder_whose_labelled_rows_come_first_is_the_ladder(few_labels: Any, labelled: int) -> None:
    x = torch.randn(80, 5, generator=torch.Generator().manual_seed(0))
    labels = torch.where(torch.arange(80) < labelled, torch.arange(80) % 3, -1)

    def loss(told: int) -> Tensor:
        with seeded(0):
            model = ladder_network(5, 3, (4,), classes=3, labelled=labelled, rows=80)
            if told:
                few_labels.in_order(model, told)
            return next(model.losses(Batch(x, x, {"labels": labels}), 0))[1].total

    torch.testing.assert_close(loss(labelled), loss(0))
    assert not torch.allclose(loss(labelled + 8), loss(0))  # the control: another number than have labels


def test_who_knows_the_hundred_alone_sees_them_wherever_they_are_moved(few_labels: Any) -> None:
    x, labels = torch.rand(3, 784, generator=torch.Generator().manual_seed(0)), torch.arange(3)
    draw = few_labels.Draw(x, x, labels, x, labels, 0)
    wide, narrow = few_labels.everywhere(draw, 2), few_labels.everywhere(draw, 1)
    with seeded(0):
        batches = [few_labels.moving(2)(Batch(x, x)) for _ in range(400)]
    assert all(torch.equal(batch.target, x) for batch in batches)
    for label in range(3):
        read = {tuple(batch.input[label].tolist()) for batch in batches}
        assert read == {tuple(row.tolist()) for row in wide.x[wide.labels == label]}
        assert not read <= {tuple(row.tolist()) for row in narrow.x[narrow.labels == label]}  # the control


def test_an_epoch_side_by_side_has_every_row_once_and_each_label_as_often(few_labels: Any) -> None:
    x, labels = torch.arange(6.0)[:, None], torch.arange(6)
    draw = few_labels.Draw(torch.arange(100.0)[:, None], x, labels, x, labels, 0)
    places = few_labels.places(draw, 3, 10, torch.Generator().manual_seed(0))
    assert places.shape == (10, 13)
    assert torch.equal(places[:, 3:].flatten().sort().values, torch.arange(6, 106))
    assert places[:, :3].flatten().bincount(minlength=6).tolist() == [5] * 6
