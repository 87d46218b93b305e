"""What is raised when data that a person brought cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class DataError(ValueError):
    """Data that cannot be used: the message says what is wrong, where it is, and what would work."""


@contextmanager
def needs(extra: str, purpose: str) -> Iterator[None]:
    """Imports that an extra brings: where they fail, `DataError` says how to install it."""
    try:
        yield
    except ImportError as error:
        raise DataError(
            f"{purpose} needs {error.name or 'a package'}, which is not installed: "
            f"pip install 'isthmus[{extra}]'"
        ) from error
