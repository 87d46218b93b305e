"""What pages do not say themselves: they are filled from the package, from its answers, and from the records.

A line that consists of one of the words in `PARTS` is replaced by what the word stands for, and so is a line
`API module`. The answers become a page each.
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "benchmarks" / "results"
EVIDENCE = ROOT / "docs" / "evidence"  # what `isthmus ask N --out docs/evidence/qNN` wrote


def on_config(config: Any) -> Any:
    """The answers join the navigation."""
    from isthmus.answers import answers

    pages = [{f"{each.number}. {each.question}": page_of(each.number)} for each in answers()]
    for entry in config.nav:
        if "Answer book" in entry and isinstance(entry["Answer book"], str):
            entry["Answer book"] = [{"All questions": "answers/index.md"}, *pages]
    return config


def on_files(files: Files, config: Any) -> Files:
    """A page for each answer, and one that lists them."""
    from isthmus.answers import answers

    lines = ["# The answer book", "", INTRODUCTION, ""]
    for each in answers():
        lines.append(f"{each.number}. [{each.question}](q{each.number:02}.md)")
        files.append(File.generated(config, page_of(each.number), content=answer_page(each)))
        for picture in sorted((EVIDENCE / f"q{each.number:02}").glob("*.png")):
            place = f"answers/q{each.number:02}/{picture.name}"
            files.append(File.generated(config, place, abs_src_path=str(picture)))
    listed = "\n".join(re.sub(r"^(\d+)\. ", r"- **\1** ", line) for line in lines)
    files.append(File.generated(config, "answers/index.md", content=listed + "\n"))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    for word, text in PARTS.items():
        if re.search(rf"^{word}$", markdown, re.M):
            markdown = re.sub(rf"^{word}$", lambda _, text=text: text(), markdown, flags=re.M)
    return re.sub(r"^API ([\w.]+)$", lambda match: api(match[1]), markdown, flags=re.M)


INTRODUCTION = """\
Each question has a short text, and an experiment that runs: `isthmus ask 28` shows one and runs the other.
A *claim* is a sentence, a value, and the bound it must keep. Beside it runs a *control*: the same code with a
classical bug switched on, which must fail. A claim that the control passes too would prove nothing."""


def page_of(number: int) -> str:
    return f"answers/q{number:02}.md"


def answer_page(each: Any) -> str:
    """Text, claims, tables and pictures of one answer; what was measured, as it was recorded."""
    parts = [f"# {each.number}. {each.question}", each.text, "## The experiment"]
    parts.append(f"`isthmus ask {each.number}` runs it. Its control: {each.bug}.")
    folder = EVIDENCE / f"q{each.number:02}"
    if (folder / "evidence.json").is_file():
        record = json.loads((folder / "evidence.json").read_text("utf-8"))
        parts += evidence(record["evidence"], record["control"])
        for picture in record.get("pictures", []):
            parts.append(f"![{picture['alt']}](q{each.number:02}/{picture['file']})")
    return "\n\n".join(parts) + "\n"


def evidence(found: dict[str, Any], control: dict[str, Any]) -> list[str]:
    """Claims with the control's values beside them, then the tables."""
    from isthmus.answers import Claim

    def bounds(claim: dict[str, Any]) -> str:
        return Claim(**{name: claim[name] for name in ("sentence", "value", "at_least", "at_most")}).bounds

    wrong = {claim["sentence"]: claim["value"] for claim in control["claims"] if claim["guarded"]}
    rows = [
        [c["sentence"], number(c["value"]), bounds(c), "holds" if c["holds"] else "**fails**"]
        + [number(wrong[c["sentence"]]) if c["sentence"] in wrong else ""]
        for c in found["claims"]
    ]
    parts = [table(["claim", "value", "bound", "", "with the bug"], rows)]
    for each in found["tables"]:
        parts += [
            f"**{each['title']}**",
            table(each["columns"], [list(map(number, r)) for r in each["rows"]]),
        ]
    return parts


def api(module: str) -> str:
    """Every public name of a module; of one without such a list, the module itself."""
    names = getattr(importlib.import_module(module), "__all__", None)
    return "\n\n".join(f"::: {module}.{name}" for name in names) if names else f"::: {module}"


def verbs() -> str:
    """Each verb with its help, from the command line itself."""
    from typer.main import get_command

    from isthmus.cli import app

    parts = []
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        text, _, example = inspect.cleandoc(command.help or "").partition("Example:")
        parts.append(f"## {name}\n\n{text.strip()}")
        if example.strip():
            parts.append(f"```console\n$ {example.strip()}\n```")
        rows = []
        for parameter in command.params:
            names = ", ".join(f"`{option}`" for option in parameter.opts)
            rows.append([names, getattr(parameter, "help", None) or ""])
        if rows:
            parts.append(table(["argument", "is"], rows))
    return "\n\n".join(parts)


def methods() -> str:
    """Each method with its docstring, what it minimises, and a command that fits it, by file."""
    from isthmus.cli.lists import example
    from isthmus.models import NAMED

    parts = []
    for name, function in NAMED.items():
        text = inspect.getdoc(function) or ""
        head, _, rest = text.partition("\n")
        body = re.split(r"^>>>", rest, flags=re.M)[0].strip()
        parts.append(f"## {name}\n\n{head}\n\n{body}".rstrip())
        parts.append(f"Minimised: `{formula(function)}`\n\n```console\n$ {example(function)}\n```")
    return "\n\n".join(parts)


def formula(function: Callable[..., Any]) -> str:
    """The objective that a method builds for 64 columns."""
    from isthmus import Recipe, seeded

    facts = {"features": 64, "rows": 1000, "steps": 1000, "classes": 10, "labelled": 1000}
    with seeded(0):
        model = Recipe(function).given(**facts)()
    return repr(getattr(model, "objective", model.autoencoder.objective))


def speed() -> str:
    rows = []
    for record in records():
        if "sides" not in record or "self_check" in record["name"]:
            continue
        verdict = record["verdict"]
        low, high = verdict["interval_95"]
        bar = verdict["bar"]
        wanted = f"≤ {bar['at_most']}" if bar.get("at_most") else ""
        wanted = f"≥ {bar['at_least']}" if bar.get("at_least") else wanted
        ours, theirs = (record["sides"][side]["name"] for side in "ab")
        reached = ("holds" if verdict["holds"] else "**missed**") if wanted else "told"
        rows.append(
            [f"{verdict['question']}: {ours} / {theirs}", f"{verdict['ratio']:.2f} ({low:.2f}–{high:.2f})"]
            + [wanted, reached, f"`{record['command']}`"]
        )
    return table(["what", "ratio (95 %)", "bar", "", "command"], rows)


def limits() -> str:
    """What has a limit of its own instead of another side: memory, seconds."""
    rows = []
    for record in records():
        verdict = record.get("verdict", {})
        if "holds" in verdict and "sides" not in record:
            found = ", ".join(
                f"{name.replace('_', ' ')} {number(value)}"
                for name, value in verdict.items()
                if name != "holds"
            )
            wanted = record["bar"] if isinstance(record["bar"], dict) else {"bar": record["bar"]}
            bar = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in wanted.items())
            reached = "holds" if verdict["holds"] else "**missed**"
            rows.append([record["name"], found, bar, reached, f"`{record['command']}`"])
    return table(["case", "measured", "bar", "", "command"], rows)


def quality() -> str:
    rows = []
    for record in records():
        if "result" not in record:
            continue
        for bar, holds in record["result"].get("bars", {}).items():
            control = "control" in record["name"]
            said = "holds" if holds else "fails, as it must" if control else "**missed**"
            rows.append([record["name"].removeprefix("quality_"), bar, said, f"`{record['command']}`"])
    return table(["case", "bar", "", "command"], rows)


def beside() -> str:
    """Every method on the same rows, from the record of `benchmarks/table.py`, if there is one."""
    path = RECORDS / "table_digits.json"
    if not path.is_file():
        return ""
    record = json.loads(path.read_text("utf-8"))
    found = record["result"]
    rows = [[each["name"], number(each["mse"]), "", "", "", "", ""] for each in found["baselines"]]
    for each in found["methods"]:
        if "failed" in each:
            continue
        if "apart" in each:  # it only draws, and the record has its samples
            continue
        mse, against, drawn = each["mse"], each["against"], each["samples"]
        spread = "" if mse["sd"] is None else f" ± {mse['sd']:.2g}"
        exact = against["r2"] > 1 - 1e-12
        times = math.inf if exact else mse["mean"] / against["mse"]
        change = "exact" if exact else f"{100 * (times - 1):+.0f} %" if times < 10 else f"{times:.3g} times"
        larger = "" if against == found["baselines"][1] else f" ({against['name']})"
        like = ["", ""] if drawn is None else [f"{drawn['distance']:.3g}", f"{drawn['recall']:.2f}"]
        size = [f"{each['code']['bits']:.0f}", str(each["weights"])]
        rows.append([each["name"], number(mse["mean"]) + spread, change + larger, *size, *like])
    columns = ["method", "squared error", "to PCA", "bits of a code", "weights", "MMD² of samples", "recall"]
    held = found["rows"]
    told = (
        f"{held['train']} rows learned from, {held['test']} held out, {found['seeds']} seeds, "
        f"{found['settings']['epochs']} epochs, codes of {found['dim']} numbers where a method has that to "
        f"choose: `{record['command']}`."
    )
    return told + "\n\n" + table(columns, rows)


def records() -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(RECORDS.glob("*.json"))]


def table(columns: list[str], rows: list[list[str]]) -> str:
    """In Markdown; bars within cells are kept from ending them."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "–".join(map(number, value))
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value), quote=False)


PARTS: dict[str, Callable[[], str]] = {
    "VERBS": verbs,
    "METHODS": methods,
    "SPEED": speed,
    "LIMITS": limits,
    "QUALITY": quality,
    "BESIDE": beside,
}
