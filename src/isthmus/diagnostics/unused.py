"""Parts of a code that carry nothing: dead units and dead codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics import codebook_use
from .examination import Patient
from .findings import Bars, Finding, by_number


def dead_units(patient: Patient) -> Finding | None:
    """Entries of a deterministic code that no row moves: they take room and carry nothing."""
    half = patient.judged
    if half.kl is not None or half.indices is not None or len(half.codes) < 2:
        return None
    spread = half.codes.std(0)
    dead = int((spread <= 1e-6 * spread.max()).sum())
    if not dead:
        return None
    k = len(spread)
    picture = Bars(
        "How much each unit of the code moves", by_number("z", spread), "standard deviation over rows"
    )
    if dead == k:
        remedy = f"{patient.command} --lr 5e-4   # and look at the data: do they vary?"
        evidence = f"No row moves any of the {k} units of the code."
        return Finding("dead units", "problem", evidence, remedy, picture)
    sparse = next((name for name in ("k", "weight", "sparsity", "l1") if patient.argument(name)), None)
    remedy = f"{patient.command} --dim {k - dead}"
    if (after := patient.argument("dead_after")) is not None:
        remedy += f"\n# or revive them sooner: --set dead_after={max(1, int(after) // 5)}, with more epochs"
    if sparse is not None:
        remedy += f"\n# or ask for less sparsity: --set {sparse}=…, now {patient.argument(sparse)}"
    severity = "warning" if dead > k / 10 else "note"
    evidence = f"{dead} of {k} units of the code are the same for all {len(half.codes)} rows"
    active = float((half.codes != 0).sum(1).mean())
    evidence += f"; {active:.3g} are active in a row." if active < k / 2 else "."
    return Finding("dead units", severity, evidence, remedy, picture)


def _fewer(levels: Sequence[int], enough: int) -> list[int]:
    """Levels of a lattice of no more than `enough` places, or the fewest: none below three levels."""
    fewer = list(levels)
    while np.prod(fewer) > enough and max(fewer) > 3:
        fewer[int(np.argmax(fewer))] -= 1
    while np.prod(fewer) > enough and len(fewer) > 1:
        fewer.pop()
    return fewer


def dead_codes(patient: Patient) -> Finding | None:
    """Entries of a codebook that no row is given (van den Oord et al. 2017; Dhariwal et al. 2020)."""
    indices = patient.train.indices
    if indices is None:
        return None
    latent = patient.embedder.model_.autoencoder.latent
    columns: dict[int, list[int]] = {}
    for column, book in enumerate(getattr(latent, "books", [0] * indices.shape[1])):
        columns.setdefault(book, []).append(column)
    levels = getattr(latent, "levels", [int(indices.max()) + 1] * indices.shape[1])
    uses = {book: codebook_use(indices[:, own], levels[own[0]]) for book, own in columns.items()}
    book, worst = min(uses.items(), key=lambda item: item[1].used / item[1].size)
    if worst.used >= worst.size / 2 or indices.size / len(uses) < 2 * worst.size:
        return None
    bits = int(np.ceil(np.log2(max(worst.used, 2))))
    if levels := patient.argument("levels"):
        remedy = f"--set levels={','.join(map(str, _fewer(levels, 2**bits)))}"
    elif patient.argument("bits"):
        remedy = f"--set bits={bits}"
    else:
        remedy = f"--set size={min(2**bits, worst.size)}"
    return Finding(
        "dead codes",
        "problem" if worst.used < 2 else "warning",
        f"{worst.used} of {worst.size} codes are in use on {len(indices)} training rows, "
        f"and they are worth {worst.perplexity:.1f} used alike (perplexity).",
        f"{patient.command} {remedy}",
        Bars(
            f"How often each of {worst.size} codes is given, the most frequent first",
            by_number(
                "", np.sort(np.bincount(indices[:, columns[book]].ravel(), minlength=worst.size))[::-1]
            ),
            "times",
        ),
    )
