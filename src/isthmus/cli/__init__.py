"""The command line: one verb per job, files in, files out.

Exit status 0: done. 1: the work failed. 2: used wrongly. 130: stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from .commands import app
from .misuse import Misuse, Stopped, UsageError

__all__ = ["app", "main", "run"]


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """What `isthmus <arguments>` does, and its exit status; every complaint is a sentence on stderr."""
    try:
        return int(app(list(arguments), standalone_mode=False, prog_name="isthmus") or 0)
    except UsageError as error:
        if not arguments:
            print(error.format_message(), file=sys.stderr)  # the help
            return 2
        return _complain(error.format_message(), 2)
    except Misuse as error:
        return _complain(str(error), 2)
    except Stopped as error:
        return _complain(str(error), 130)
    except Exception as error:
        if os.environ.get("ISTHMUS_DEBUG"):
            raise
        if type(error).__name__ == "Abort":  # Ctrl-C, after typer
            return _complain("stopped", 130)
        return _complain(_sentence(error), 1)


def _complain(message: str, status: int) -> int:
    print(f"isthmus: {message}", file=sys.stderr)
    return status


def _sentence(error: Exception) -> str:
    """What went wrong, in words that do not need the source."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno == errno.ENOSPC
        return f"{where}{error.strerror}" + ("; what was written before is whole" if full else "")
    if isinstance(error, KeyError):  # whose str is its message in quotes
        return str(error.args[0])
    expected = (ValueError, OSError, RuntimeError, ImportError)
    if isinstance(error, expected) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error} (ISTHMUS_DEBUG=1 shows where)"
