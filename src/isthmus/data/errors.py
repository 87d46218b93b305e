"""What is raised when data that a person brought cannot be used."""

from __future__ import annotations


class DataError(ValueError):
    """Data that cannot be used: the message says what is wrong, where it is, and what would work."""
