"""The worker's end of the pipe: prepare once, then run and time one round whenever a line asks for it.

Standard library only, so that it runs in any peer's environment. A side is a module whose `__main__` calls
`serve(prepare)`, where `prepare(**arguments)` does what is not measured (imports, data, device) and returns
`(description, make_round)`; `make_round(seed)` does a round's own preparation (a new model from this seed)
and returns `work`, a function of nothing. Only `work()` is timed. What it returns, a dictionary, goes back
with the times; a `seconds` of its own replaces the worker's (the import case's child times itself).
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from importlib.metadata import distributions
from typing import Any

Work = Callable[[], dict[str, Any]]
Prepare = Callable[..., tuple[dict[str, Any], Callable[[int], Work]]]


def serve(prepare: Prepare) -> None:
    """Answer requests, a line of JSON each, on the standard output that the process was started with.

    argv[1] holds the arguments of `prepare` as JSON. The first line out says that the worker is ready; then
    `{"seed": 3}` in gives `{"seconds": …, "cpu_seconds": …, …}` out. An exception gives `{"error": …}`.
    """
    # Libraries print; whatever they print goes to the error stream and not into the middle of the protocol.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(record: dict[str, Any]) -> None:
        answers.write(json.dumps(record) + "\n")

    try:
        description, make_round = prepare(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))
        answer({"description": description, "python": platform.python_version(), "packages": packages()})
        for line in sys.stdin:
            work = make_round(json.loads(line)["seed"])
            gc.collect()  # so that no round pays for the last one's garbage
            wall, cpu = time.perf_counter(), time.process_time()
            outcome = work()
            times = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
            answer(times | outcome)
    except Exception:
        answer({"error": traceback.format_exc()})
        raise SystemExit(1) from None


def packages() -> dict[str, str]:
    """Every distribution in this environment and its version."""
    return dict(sorted((d.metadata["Name"], d.version) for d in distributions() if d.metadata["Name"]))
