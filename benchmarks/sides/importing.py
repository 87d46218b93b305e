"""A fresh process that runs one import statement and times it inside itself."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.worker import serve

CHILD = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statement}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def prepare(statement: str) -> tuple[dict[str, Any], Any]:
    command = [sys.executable, "-c", CHILD.format(statement=statement)]

    def work() -> dict[str, Any]:
        child = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, cpu_seconds = map(float, child.stdout.split())
        return {"seconds": seconds, "cpu_seconds": cpu_seconds}

    return {"statement": statement}, lambda seed: work


if __name__ == "__main__":
    serve(prepare)
