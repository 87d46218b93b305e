"""Examples in docstrings stand behind >>>, which Markdown would take for a quotation: they get a fence."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

EXAMPLE = re.compile(r"^(?:>>> .*(?:\n(?!\n|>>> ).+)*\n?)+", re.M)
FLAGS = re.compile(r"\s*# doctest:.*$", re.M)


class Fences(Extension):
    """Put a fence around every example that is not within one."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring is not None:
            fenced = EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value)
            obj.docstring.value = FLAGS.sub("", fenced)
