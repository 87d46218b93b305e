"""The full budget of the answer book: every claim and its control, each written down as it is measured.

`isthmus ask --check 1-70 --budget full` runs the same and tells it at the end; here a stop loses one part
only, and claims can be had before controls.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import RESULTS, git, machine

import isthmus
from isthmus.answers import Answer, Budget, answers
from isthmus.cli.ask import numbers
from isthmus.runs import versions
from isthmus.training import write_atomically

PARTS = ("evidence", "control")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=numbers, help="such as 1-5,28; those without an answer are skipped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    wrong = 0
    for part in options.parts:
        for each in answers():
            if each.number in options.numbers:
                told = measured(each, part, options)
                kept = keep(options.results / "answers_full.json", each, part, told)
                wrong += not kept["holds"]
                said = "" if kept["holds"] else "FAILS"
                print(f"{each.number:2}  {part:8}  {told['seconds']:6.1f} s  {said}", flush=True)
    return 1 if wrong else 0


def measured(each: Answer, part: str, options: argparse.Namespace) -> dict[str, Any]:
    """The claims of one part, and under what circumstances they came out so."""
    started, work = time.perf_counter(), time.process_time()
    claims: list[dict[str, Any]] = []
    error = ""
    try:
        evidence = each.run(Budget(full=True, seed=options.seed), bug=part == "control")
        claims = evidence.to_json()["claims"]
    except Exception as problem:  # is told, and the next one runs
        error = f"{type(problem).__name__}: {problem}"
    return {
        "claims": [claim for claim in claims if part == "evidence" or claim["guarded"]],
        "error": error,
        "seed": options.seed,
        "threads": options.threads,
        "seconds": round(time.perf_counter() - started, 1),
        "processor_seconds": round(time.process_time() - work, 1),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": shlex.join(["python", *sys.argv]),
        "git": git(),
        "machine": machine(),
        "versions": versions() | {"isthmus": isthmus.__version__},
    }


def keep(path: Path, each: Answer, part: str, told: dict[str, Any]) -> dict[str, Any]:
    """The answer's place in the record, this part in it anew: what was recorded of others stays."""
    record: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    there = record.setdefault("answers", {})
    one = there.setdefault(str(each.number), {"question": each.question})
    one[part] = told
    one["holds"] = judge(one)
    record["answers"] = dict(sorted(there.items(), key=lambda item: int(item[0])))
    record["name"] = "answers_full"
    write_atomically(path, f"{json.dumps(record, indent=1, ensure_ascii=False)}\n".encode())
    return one


def judge(one: dict[str, Any]) -> bool:
    """Whether all claims hold, and the control, where it was run, fails every one that it guards."""
    parts = [one[part] for part in PARTS if part in one]
    right = all(claim["holds"] for claim in one.get("evidence", {}).get("claims", ()))
    caught = not any(claim["holds"] for claim in one.get("control", {}).get("claims", ()))
    return right and caught and not any(part["error"] for part in parts)


if __name__ == "__main__":
    sys.exit(main())
