"""`python -m isthmus`, the same as `isthmus`."""

from .cli import main

main()
