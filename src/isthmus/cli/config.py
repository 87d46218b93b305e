"""`--config run/config.yaml`: what was asked of a run, in a file to read, to change and to hand on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from .misuse import Misuse, hint

FILE = "config.yaml"
HEAD = (
    "# `isthmus fit --config FILE --out FOLDER` repeats this run. The command line goes before this file.\n"
)
ALIAS = {"set": "settings"}  # an option's name, where it is not its parameter's


def take(context: typer.Context, path: Path | None) -> Path | None:
    """Options from a YAML file, as if they were the defaults: what the command line says goes before them.

    Raises:
        Misuse: for a file that cannot be read, an option the verb does not have, and a value of another kind.
    """
    if path is not None:
        several = {str(each.name) for each in context.command.params if getattr(each, "multiple", False)}
        known = [str(each.name) for each in context.command.params if each.name != "config"]
        context.default_map = {**(context.default_map or {}), **_checked(_read(path), known, several, path)}
    return path


def written(asked: Mapping[str, Any]) -> str:
    """The YAML that repeats what was asked: everything that is not None, `--set` as a mapping."""
    import yaml

    plain = {name: value for name, value in asked.items() if value is not None}
    settings = plain.pop("settings", [])
    if settings:
        plain["set"] = dict(_pair(text) for text in settings)
    return HEAD + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Misuse(f"there is no file {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misuse(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise Misuse(f"{path} holds no options; a line of it reads `epochs: 50`")
    return found


def _checked(found: Mapping[str, Any], known: Iterable[str], several: set[str], path: Path) -> dict[str, Any]:
    options = {}
    known = list(known)
    names = [*(name for name in known if name not in ALIAS.values()), *ALIAS]
    for key, value in found.items():
        name = str(key).replace("-", "_")
        if name not in names:
            raise Misuse(f"{path}: there is no option {str(key)!r}{hint(name, names)}")
        name = ALIAS.get(name, name)
        if isinstance(value, dict) and name == "settings":
            value = [f"{part}={_text(each)}" for part, each in value.items()]
        if name in several and isinstance(value, list):
            value = [str(each) for each in value]
        elif name in several or isinstance(value, list | dict):
            raise Misuse(f"{path}: {key} takes {'a list' if name in several else 'one value'}, not {value!r}")
        if value is not None:
            options[name] = value
    return options


def _pair(text: str) -> tuple[str, Any]:
    """ "hidden=256,128" -> ("hidden", [256, 128])."""
    from .settings import parse

    name, _, value = (part.strip() for part in text.partition("="))
    found = parse(value)
    return name, list(found) if isinstance(found, tuple) else found


def _text(value: Any) -> str:
    """A value as `--set` takes it."""
    from .settings import parse

    return value if isinstance(value, str) and parse(value) == value else json.dumps(value)
