"""What a method costs: the lines of each function in `isthmus.models`, docstring and signature included.

    python benchmarks/cost.py

Writes `results/cost.json`; the exit status is 1 where the median is above 40 lines.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import statistics
import sys
import textwrap

from isthmus.models import METHODS
from outcome import tell

MOST = 40


def lines(function: object) -> tuple[int, int]:
    """Of the whole function, and of its body without the docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))  # type: ignore[arg-type]
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.FunctionDef) and tree.end_lineno is not None
    body = [each for each in tree.body if not isinstance(each, ast.Expr)]
    return len(source.splitlines()), tree.end_lineno - body[0].lineno + 1


def main() -> int:
    costs = {name: lines(function) for name, function in METHODS.items()}
    for name, (whole, body) in sorted(costs.items(), key=lambda item: item[1]):
        print(f"{name:18}{whole:4} lines, of which the body {body:2}")
    whole, body = (statistics.median(column) for column in zip(*costs.values()))
    print(f"{'median':18}{whole:4.0f} lines, of which the body {body:2.0f}")
    result = {
        "lines": {name: {"whole": whole, "body": body} for name, (whole, body) in sorted(costs.items())},
        "median": {"whole": whole, "body": body},
        "bars": {f"a method's median is at most {MOST} lines": whole <= MOST},
    }
    return tell("cost", argparse.Namespace(seed=None, threads=1, control=False), result)


if __name__ == "__main__":
    sys.exit(main())
