"""The answer book: its texts are whole, its frame judges rightly. That the claims hold, each is asked."""

from __future__ import annotations

import ast
import inspect
import json
import re
from typing import Any

import numpy as np
import pytest

from isthmus.answers import Budget, Claim, Evidence, Table, answer, answers, book, check, search
from isthmus.answers.checking import check_all

EVERY = [each.number for each in answers()]


def test_a_claim_holds_within_its_bounds_and_never_for_what_is_not_a_number() -> None:
    assert Claim("", 1.0, at_least=1.0).holds and not Claim("", 0.9, at_least=1.0).holds
    assert Claim("", 1.0, at_most=1.0).holds and not Claim("", 1.1, at_most=1.0).holds
    assert not Claim("", float("nan"), at_least=0, at_most=1).holds
    with pytest.raises(ValueError, match="needs a bound"):
        Claim("no bound", 1.0)


def test_a_table_has_a_cell_under_every_column() -> None:
    assert "0.5" in str(Table("t", ["a", "b"], [["x", 0.5]]))
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        Table("t", ["a", "b"], [["x"]])


def test_evidence_made_of_arrays_becomes_json() -> None:
    one, two = np.array([1.0], np.float32)[0], np.array([2])[0]  # neither is a number to json
    evidence = Evidence([Claim("c", one, at_least=one)], [Table("t", ["a", "b"], [[one, two]])])
    assert json.loads(json.dumps(evidence.to_json()))["tables"][0]["rows"] == [[1.0, 2]]


class Module:
    """An answer whose experiment gives what a test wants."""

    BUG = "the bug"

    def __init__(self, right: float, wrong: float, guarded: bool = True):
        self.values, self.guarded = (right, wrong), guarded

    def experiment(self, budget: Budget, bug: bool = False) -> Evidence:
        return Evidence([Claim("it is small", self.values[bug], at_most=1, guarded=self.guarded)])


@pytest.mark.parametrize(
    "module, complaint",
    [
        (Module(0.5, 2.0), None),
        (Module(1.5, 2.0), "it is small: 1.5, not ≤ 1"),
        (Module(0.5, 0.6), "the control .the bug. passes too"),
        (Module(0.5, 2.0, guarded=False), "no claim is guarded"),
    ],
)
def test_an_answer_holds_where_its_claims_do_and_its_control_fails(
    module: Any, complaint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book.Answer, "_module", lambda self: module)
    checked = check(EVERY[0])
    assert checked.holds == (complaint is None)
    if complaint:
        assert any(re.search(complaint, said) for said in checked.complaints)


def test_an_experiment_that_breaks_is_told_and_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(book.Answer, "_module", broken)
    [checked] = check_all(EVERY[:1])
    assert not checked.holds and checked.complaints == ["RuntimeError: out of luck"]


def test_unknown_questions_and_words_are_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="there is no answer 99"):
        answer(99)
    with pytest.raises(ValueError, match="did you mean"):
        search("autoencoderz")
    assert search("pca autoencoder")[0].number == 28


@pytest.mark.parametrize("number", EVERY)
def test_an_answer_is_a_whole_text(number: int) -> None:
    each = answer(number)
    assert each.question.endswith("?")
    parts = [
        "In short",
        "Definition",
        "Mathematics",
        "Intuition",
        "When, and when not",
        "Pitfalls",
        "Sources",
    ]
    places = [each.text.find(f"**{part}.**") for part in parts]
    assert -1 not in places and places == sorted(places), dict(zip(parts, places))
    assert 150 <= each.words <= 500, each.words


@pytest.mark.parametrize("number", EVERY)
def test_an_answer_runs_by_its_budget_and_its_bug(number: int) -> None:
    """Both reach the code: an experiment that ignored one would claim what it does not show."""
    run = answer(number).experiment
    assert list(inspect.signature(run).parameters) == ["budget", "bug"]
    tree = ast.parse(inspect.getsource(inspect.getmodule(run)))  # type: ignore[arg-type]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {"budget", "bug"} <= used and answer(number).bug


@pytest.mark.answers
@pytest.mark.parametrize("number", EVERY)
def test_the_claims_of_an_answer_hold_and_its_control_fails(number: int) -> None:
    checked = check(number)
    assert checked.holds, "\n".join(checked.complaints)
