"""The answer book: questions about autoencoders, each answered by a short text and an experiment that runs.

A question is a file `qNN_name.py`. Its docstring is the answer; the first line is the question.

    BUG = "what the control gets wrong, in words"

    def experiment(budget: Budget, bug: bool = False) -> Evidence: ...

`experiment` runs on bundled data within the quick budget, and on real data with `budget.full`. With `bug` it
is the same code with the classical bug switched on: every claim that is `guarded` must then fail, or the
claim would not tell a right implementation from a wrong one.
"""

from .book import Answer, answer, answers, search
from .checking import Checked, check
from .evidence import Budget, Claim, Evidence, Picture, Table

__all__ = [
    "Answer",
    "Budget",
    "Checked",
    "Claim",
    "Evidence",
    "Picture",
    "Table",
    "answer",
    "answers",
    "check",
    "search",
]
