"""What a method costs: the lines of each function in `isthmus.models`, docstring and signature included.

python benchmarks/cost.py
"""

from __future__ import annotations

import ast
import inspect
import statistics
import textwrap

from isthmus.models import METHODS


def lines(function: object) -> tuple[int, int]:
    """Of the whole function, and of its body without the docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))  # type: ignore[arg-type]
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.FunctionDef) and tree.end_lineno is not None
    body = [each for each in tree.body if not isinstance(each, ast.Expr)]
    return len(source.splitlines()), tree.end_lineno - body[0].lineno + 1


def main() -> None:
    costs = {name: lines(function) for name, function in METHODS.items()}
    for name, (whole, body) in sorted(costs.items(), key=lambda item: item[1]):
        print(f"{name:18}{whole:4} lines, of which the body {body:2}")
    whole, body = (statistics.median(column) for column in zip(*costs.values()))
    print(f"{'median':18}{whole:4.0f} lines, of which the body {body:2.0f}")
    if whole > 40:
        raise SystemExit("a method should cost at most 40 lines")


if __name__ == "__main__":
    main()
