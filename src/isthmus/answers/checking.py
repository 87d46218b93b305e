"""Whether an answer's claims hold, and whether its control fails them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from .book import answer
from .evidence import Budget, Evidence


@dataclass(frozen=True)
class Checked:
    """An answer under one seed: the evidence, and the control's, or why there is none."""

    number: int
    question: str
    seed: int
    evidence: Evidence | None
    control: Evidence | None
    bug: str
    seconds: float
    error: str = ""

    @property
    def complaints(self) -> list[str]:
        """What is wrong, a sentence each; nothing where all holds."""
        if self.evidence is None or self.control is None:
            return [self.error]
        wrong = [
            f"{claim.sentence}: {claim.value:.4g}, not {claim.bounds}"
            for claim in self.evidence.claims
            if not claim.holds
        ]
        guarded = [claim for claim in self.control.claims if claim.guarded]
        if not guarded:
            wrong.append("no claim is guarded by the control")
        wrong += [
            f"the control ({self.bug}) passes too: {claim.sentence}: {claim.value:.4g} is {claim.bounds}"
            for claim in guarded
            if claim.holds
        ]
        return wrong

    @property
    def holds(self) -> bool:
        """Every claim holds, and the control fails every guarded one."""
        return not self.complaints

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "question": self.question,
            "seed": self.seed,
            "holds": self.holds,
            "complaints": self.complaints,
            "bug": self.bug,
            "seconds": round(self.seconds, 3),
            "evidence": self.evidence and self.evidence.to_json(),
            "control": self.control and self.control.to_json(),
        }


def check(number: int, budget: Budget | None = None) -> Checked:
    """Run one answer's experiment and its control; what goes wrong within them is told, not raised."""
    budget = budget or Budget()
    each, started = answer(number), time.perf_counter()
    evidence = control = None
    error = bug = ""
    try:
        bug = each.bug
        evidence = each.run(budget)
        control = each.run(budget, bug=True)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    seconds = time.perf_counter() - started
    return Checked(number, each.question, budget.seed, evidence, control, bug, seconds, error)


def check_all(numbers: Iterable[int], seeds: int = 1, full: bool = False, jobs: int = 1) -> Iterator[Checked]:
    """Each answer under each seed, in processes of one thread each; in order of number, then seed."""
    tasks = [(number, Budget(full, seed)) for number in numbers for seed in range(seeds)]
    if jobs == 1:
        yield from (check(*task) for task in tasks)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_alone) as pool:
        waiting = [pool.submit(_plain, *task) for task in tasks]
        try:
            for each in waiting:
                yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _plain(number: int, budget: Budget) -> Checked:
    """A check that can cross to another process: pictures hold functions, and stay behind."""
    checked = check(number, budget)
    bare: Callable[[Evidence | None], Evidence | None] = lambda e: e and Evidence(e.claims, e.tables)  # noqa: E731
    return Checked(
        checked.number, checked.question, checked.seed, bare(checked.evidence), bare(checked.control),
        checked.bug, checked.seconds, checked.error,
    )  # fmt: skip


def _alone() -> None:
    """One thread for each process: several of more threads stand in each other's way."""
    import torch

    torch.set_num_threads(1)
