"""`isthmus ask`: what it lists, proves, keeps and checks; a made-up experiment stands behind a question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus.answers import Budget, Claim, Evidence, Picture, Table, answers, book
from isthmus.cli import run
from isthmus.cli.ask import numbers, ranges


def draw(figure: Any) -> None:
    figure.subplots().plot([1, 0])


class Module:
    """An answer's file: its experiment gives `right`, and with the bug `wrong`."""

    BUG = "the sign is lost"

    def __init__(self, right: float, wrong: float):
        self.values = (right, wrong)
        self.budgets: list[Budget] = []

    def experiment(self, budget: Budget, bug: bool = False) -> Evidence:
        self.budgets.append(budget)
        table = Table("Errors", ["", "error"], [["mean", 4.0], ["model", self.values[bug]]])
        picture = Picture("A curve", "It falls.", draw)
        return Evidence([Claim("it is small", self.values[bug], at_most=1)], [table], [picture])


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], Module]:
    def put(right: float = 0.5, wrong: float = 2.0) -> Module:
        made = Module(right, wrong)
        monkeypatch.setattr(book.Answer, "_module", lambda self: made)
        return made

    return put


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        status = run(["ask", *map(str, arguments)])
        return status, *capsys.readouterr()

    return call


def test_without_words_the_questions_are_listed(ask: Any) -> None:
    status, out, _ = ask()
    assert status == 0 and len(out.splitlines()) == len(answers())
    assert "28  When is an autoencoder the same as PCA" in out
    status, out, _ = ask("--json")
    assert {"number": 28, "question": next(a.question for a in answers() if a.number == 28)} in json.loads(
        out
    )


def test_words_are_searched_for(ask: Any) -> None:
    status, out, _ = ask("pca", "autoencoder")
    assert status == 0 and out.startswith("28")


def test_a_number_gives_text_tables_claims_and_the_controls_verdict(ask: Any, module: Any) -> None:
    made = module()
    status, out, err = ask(28)
    assert status == 0 and made.budgets == [Budget(), Budget()]
    order = ["# 28. When", "**In short.**", "Errors", "✓ it is small: 0.5 (≤ 1)", "the sign is lost"]
    order += ["it fails, as it must", "✗ it is small: 2 (≤ 1)"]
    places = [out.find(part) for part in order]
    assert -1 not in places and places == sorted(places), dict(zip(order, places))
    assert "quick experiment" in err


@pytest.mark.parametrize(
    "right, wrong, said",
    [(1.5, 2.0, "✗ it is small: 1.5 (≤ 1)"), (0.5, 0.6, "it passes, and the claims prove nothing")],
)
def test_a_failing_claim_or_a_passing_control_is_status_1(
    right: float, wrong: float, said: str, ask: Any, module: Any
) -> None:
    module(right, wrong)
    status, out, _ = ask(28)
    assert status == 1 and said in out
    status, out, _ = ask("--check", 28)
    assert status == 1 and "✗ 28" in out and "0 of 1 hold" in out


def test_an_experiment_that_breaks_is_a_sentence(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(book.Answer, "_module", broken)
    status, out, err = ask(28)
    assert status == 1 and "✗ RuntimeError: out of luck" in out and "Traceback" not in out + err


def test_text_alone_runs_nothing(ask: Any, module: Any) -> None:
    made = module()
    status, out, err = ask(28, "--text")
    assert status == 0 and "**Sources.**" in out and "it is small" not in out and err == ""
    assert json.loads(ask(28, "--text", "--json")[1])["number"] == 28
    assert made.budgets == []


def test_on_a_terminal_the_text_is_set(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    status, out, _ = ask(28, "--text")
    assert status == 0 and "In short." in out and "**" not in out


@pytest.mark.parametrize("full", ["--full", "--budget=full"])
def test_full_and_seed_reach_the_experiment(full: str, ask: Any, module: Any) -> None:
    made = module()
    assert ask(28, full, "--seed", 3)[0] == 0
    assert made.budgets == [Budget(True, 3)] * 2


def test_json_holds_all(ask: Any, module: Any) -> None:
    module()
    status, out, err = ask(28, "--json")
    told = json.loads(out)
    assert status == 0 and err == "" and told["holds"] and told["budget"] == "quick"
    assert told["evidence"]["claims"][0]["value"] == 0.5 and told["control"]["claims"][0]["value"] == 2.0


def test_out_keeps_pictures_their_words_and_the_numbers(ask: Any, module: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    module()
    folder = tmp_path / "a" / "b"
    status, _, err = ask(28, "--out", folder)
    assert status == 0 and "q28-1-a-curve.png, evidence.json" in err
    assert (folder / "q28-1-a-curve.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "q28-1-a-curve.txt").read_text() == "It falls.\n"
    kept = json.loads((folder / "evidence.json").read_text())
    assert kept["holds"] and kept["pictures"][0]["alt"] == "It falls."


def test_check_runs_seeds_names_what_it_skips_and_speaks_json(ask: Any, module: Any) -> None:
    made = module()
    there = {each.number for each in answers()}
    missing = [number for number in range(90, 100) if number not in there]
    status, out, err = ask("--check", "28,90-99", "--seeds", 2)
    assert status == 0 and out.count("✓ 28") == 2 and "2 of 2 hold" in out
    assert f"skipped: {ranges(missing)}" in err
    assert made.budgets == [Budget(seed=0), Budget(seed=0), Budget(seed=1), Budget(seed=1)]
    told = json.loads(ask("--check", "28,90-99", "--json")[1])
    assert told["holds"] and told["skipped"] == missing and len(told["checks"]) == 1


@pytest.mark.parametrize(
    "words, said",
    [
        ((99,), "there is no answer 99"),
        (("autoencoderz",), "did you mean"),
        ((28, 29), "one question at a time"),
        (("--check", "3-1"), "not '3-1'"),
        (("--check", "1,,2"), "not ''"),
        (("--check", "0"), "not '0'"),
        (("--check", "99"), "none of 99 has an answer"),
        (("--check", "28", "pca"), "leave out 'pca'"),
        (("--check", "28", "--out", "x"), "--out means nothing with --check"),
        (("--check", "28", "--budget", "ful"), 'did you mean "full"'),
        ((28, "--full", "--budget", "quick"), "contradict"),
        ((28, "--jobs", 2), "--jobs means nothing without --check"),
        ((28, "--text", "--full"), "--full means nothing with --text"),
        (("pca", "--seed", 1), "--seed means nothing without the number"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(
    words: tuple[object, ...], said: str, ask: Any, module: Any
) -> None:
    made = module()
    status, out, err = ask(*words)
    assert status == 2 and out == "" and said in err.splitlines()[-1] and made.budgets == []


def test_ranges_there_and_back() -> None:
    assert numbers("28, 1-3,2") == [1, 2, 3, 28] and ranges([1, 2, 3, 28]) == "1-3, 28"
    assert ranges([4]) == "4" and ranges([]) == ""
