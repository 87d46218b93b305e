"""The verb `ask`: the questions, the answer to one with its proof, or a check of many."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..answers import Answer, Budget, Checked, Claim, Picture, answer, answers, check, search
from ..answers.checking import check_all
from .misuse import Misuse, hint
from .output import say, show, to_json

LAST = 99  # the files of the book have two digits


class Asked(NamedTuple):
    """What the options say of how to answer, or of what to check."""

    text: bool = False
    full: bool = False
    seed: int | None = None
    out: Path | None = None
    check: str | None = None
    budget: str | None = None
    seeds: int | None = None
    jobs: int | None = None

    def refuse(self, where: str, *options: str) -> None:
        """Options that would mean nothing here."""
        for option in options:
            if getattr(self, option) not in (None, False):
                raise Misuse(f"--{option} means nothing {where}")

    def whole(self) -> bool:
        """Whether the full budget is asked for, by either of its two names."""
        if self.budget not in (None, "quick", "full"):
            raise Misuse(
                f"--budget is quick or full, not {self.budget!r}{hint(self.budget, ['quick', 'full'])}"
            )
        if self.full and self.budget == "quick":
            raise Misuse("--full and --budget quick contradict one another")
        return self.full or self.budget == "full"


def ask(words: Sequence[str], asked: Asked, as_json: bool) -> int:
    """Do what was asked; the exit status is 1 where a claim fails or a control passes.

    Raises:
        Misuse: for a number without an answer, words that none speaks of, options that mean nothing.
    """
    if asked.check is not None:
        if words:
            raise Misuse(f"--check names the questions by itself: leave out {' '.join(words)!r}")
        asked.refuse("with --check", "text", "seed", "out")
        return check_many(numbers(asked.check), asked, as_json)
    asked.refuse("without --check", "seeds", "jobs")
    if len(words) == 1 and words[0].isdecimal():
        found = _known(int(words[0]))
        return tell(found, asked, as_json) if asked.text else prove(found, asked, as_json)
    asked.refuse("without the number of one question", "text", "full", "seed", "out", "budget")
    if any(word.isdecimal() for word in words):
        raise Misuse(f"one question at a time; `isthmus ask --check {','.join(words)}` checks several")
    return list_questions(words, as_json)


def list_questions(words: Sequence[str], as_json: bool) -> int:
    """Every question, or those whose answer speaks of the words."""
    try:
        found = search(" ".join(words)) if words else answers()
    except ValueError as error:
        raise Misuse(str(error)) from error
    show(
        [{"number": each.number, "question": each.question} for each in found]
        if as_json
        else "\n".join(f"{each.number:2}  {each.question}" for each in found)
    )
    return 0


def tell(found: Answer, asked: Asked, as_json: bool) -> int:
    """The text alone."""
    asked.refuse("with --text, which runs nothing", "full", "seed", "out", "budget")
    show(_words(found)) if as_json else _print_text(found)
    return 0


def prove(found: Answer, asked: Asked, as_json: bool) -> int:
    """The text, then the experiment and its control."""
    budget = Budget(asked.whole(), asked.seed or 0)
    if asked.out is not None:
        _check_folder(asked.out)
    if not as_json:
        _print_text(found)
        say(
            f"running the {'full' if budget.full else 'quick'} experiment and its control, seed {budget.seed}"
        )
    checked = check(found.number, budget)
    report = {**_words(found), "budget": "full" if budget.full else "quick", **checked.to_json()}
    show(report if as_json else proof(checked))
    if asked.out is not None and checked.evidence is not None:
        written = keep(found, checked.evidence.pictures, report, asked.out)
        say(f"written to {asked.out}: {', '.join(written)}")
    return 0 if checked.holds else 1


def proof(checked: Checked) -> str:
    """Tables, claims and the control's verdict."""
    if checked.evidence is None or checked.control is None:
        return f"✗ {checked.error}"
    lines = [f"{table}\n" for table in checked.evidence.tables]
    lines += [_claim(claim) for claim in checked.evidence.claims]
    guarded = [claim for claim in checked.control.claims if claim.guarded]
    fails = bool(guarded) and not any(claim.holds for claim in guarded)
    verdict = "it fails, as it must" if fails else "it passes, and the claims prove nothing"
    lines += ["", f"With the bug – {checked.bug} – switched on, {verdict}:"]
    lines += [f"    {_claim(claim)}" for claim in guarded]
    return "\n".join(lines)


def keep(found: Answer, pictures: Sequence[Picture], report: dict[str, Any], folder: Path) -> list[str]:
    """Pictures as PNG, what each shows in words beside it, and all numbers; the names of the files."""
    from ..report.figures import save
    from ..training import write_atomically

    described = []
    for index, picture in enumerate(pictures, start=1):
        name = f"q{found.number:02}-{index}-{_slug(picture.title)}.png"
        save(picture.figure(), folder / name)
        write_atomically((folder / name).with_suffix(".txt"), f"{picture.alt}\n".encode())
        described.append({"file": name, "title": picture.title, "alt": picture.alt})
    whole = to_json({**report, "pictures": described})
    write_atomically(folder / "evidence.json", whole.encode())
    return [*(each["file"] for each in described), "evidence.json"]


def check_many(wanted: Sequence[int], asked: Asked, as_json: bool) -> int:
    """Each answer under each seed; a line for what holds, and a sentence for whatever does not."""
    known = {each.number for each in answers()}
    if missing := [number for number in wanted if number not in known]:
        say(f"without an answer, and skipped: {ranges(missing)}")
    there = [number for number in wanted if number in known]
    if not there:
        raise Misuse(f"none of {asked.check} has an answer; there are {ranges(sorted(known))}")
    full, seeds = asked.whole(), asked.seeds or 1
    done: list[Checked] = []
    started, of = time.perf_counter(), len(there) * seeds
    _note(f"0 of {of}")
    for each in check_all(there, seeds, full, asked.jobs or 1):
        done.append(each)
        _note("")
        if not as_json:
            show(_line(each))
        _note(f"{len(done)} of {of}")
    _note("")
    failed = [each for each in done if not each.holds]
    seconds = time.perf_counter() - started
    if as_json:
        checks = [each.to_json() for each in done]
        show(
            {"holds": not failed, "budget": "full" if full else "quick", "skipped": missing, "checks": checks}
        )
    else:
        show(f"{len(done) - len(failed)} of {len(done)} hold, in {seconds:.0f} s")
    return 1 if failed else 0


def numbers(text: str) -> list[int]:
    """`1-3,28` as [1, 2, 3, 28].

    Raises:
        Misuse: for anything else.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= LAST:
            raise Misuse(
                f"--check takes numbers from 1 to {LAST} and ranges of them, such as 1-5,28; not {part!r}"
            )
        found.update(range(first, last + 1))
    return sorted(found)


def ranges(found: Sequence[int]) -> str:
    """[1, 2, 3, 28] as `1-3, 28`."""
    said: list[str] = []
    for number in found:
        first, _, last = said[-1].partition("-") if said else ("", "", "")
        if said and int(last or first) == number - 1:
            said[-1] = f"{first}-{number}"
        else:
            said.append(str(number))
    return ", ".join(said)


def _known(number: int) -> Answer:
    try:
        return answer(number)
    except ValueError as error:
        raise Misuse(str(error)) from error


def _check_folder(out: Path) -> None:
    """Refuse what could not be kept before minutes go into it."""
    from ..report import figures

    if not figures.available():
        raise ImportError(f"--out writes pictures, and {figures.MISSING}")
    out.mkdir(parents=True, exist_ok=True)


def _words(found: Answer) -> dict[str, Any]:
    return {"number": found.number, "question": found.question, "text": found.text}


def _print_text(found: Answer) -> None:
    """Set as Markdown on a terminal; in a pipe the Markdown itself."""
    text = f"# {found.number}. {found.question}\n\n{found.text}\n"
    if not sys.stdout.isatty():
        show(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text), width=min(console.width, 100))
    console.print()


def _claim(claim: Claim) -> str:
    mark = "✓" if claim.holds else "✗"
    return f"{mark} {claim.sentence}: {claim.value:.4g} ({claim.bounds})"


def _line(each: Checked) -> str:
    mark = "✓" if each.holds else "✗"
    first = f"{mark} {each.number:2}  seed {each.seed}  {each.seconds:5.1f} s  {each.question}"
    return "\n".join([first, *(f"      {complaint}" for complaint in each.complaints)])


def _note(text: str) -> None:
    """A line on a terminal that is written over; nothing in a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}")
        sys.stderr.flush()


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
