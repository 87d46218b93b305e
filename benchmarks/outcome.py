"""How a benchmark of quality ends: its record written, its bars told, and an exit status."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import isthmus
from harness import accelerator, command, git, machine, write
from isthmus.runs import versions


def tell(name: str, options: argparse.Namespace, result: dict[str, Any], keep: bool = True) -> int:
    """Write `results/<name>.json`, or with `keep` false tell the bars alone; the exit status is 0 or 1.

    All bars must hold, and with `options.control` one must be missed.
    """
    for bar, holds in result["bars"].items():
        print(f"{'holds ' if holds else 'MISSED'}  {bar}")
    if keep:
        print(f"written to {recorded(name, options, result)}")
    return 0 if all(result["bars"].values()) != options.control else 1


def recorded(name: str, options: argparse.Namespace, result: dict[str, Any]) -> Path:
    """`results/<name>.json`; of a benchmark of many runs also what is known of it before all are done."""
    name += "_control" if options.control else ""
    header = {
        "name": name,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": command(),
        "git": git(),
        "machine": machine() | {"accelerator": accelerator(getattr(options, "device", "cpu"))},
        "versions": versions() | {"isthmus": isthmus.__version__},
        "seed": options.seed,
        "threads": options.threads,
    }
    return write(name, header | {"result": result})
