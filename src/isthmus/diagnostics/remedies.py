"""What several findings end in: a lighter hand on the code, or a heavier one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ..recipes import is_method
from .examination import Patient


def reading(plan: Mapping[str, Any]) -> str:
    """The options of a run that say how its data are read, where they are not those of the command line.

    >>> reading({"labels": "species", "seed": 3, "split": "random"})
    '--labels species --seed 3'
    """
    asked = [(name, plan.get(name, usual)) for name, usual in READ.items() if plan.get(name, usual) != usual]
    asked += [("column", each) for each in plan.get("columns") or ()]
    return shlex.join([word for name, value in asked for word in (f"--{name}", str(value))])


READ = {"labels": None, "test": 0.2, "split": "random", "size": None, "seed": 0}


def lighter(patient: Patient) -> str:
    """What lets a code carry more: less weight on the KL, or a scale that is learned, or a slow start."""
    beta = patient.argument("beta")
    if isinstance(beta, float | int) and beta > 1:
        return f"{patient.again} --set beta=1"
    if patient.fixed_scale:
        return f"{patient.again}   # a likelihood that learns its scale"
    costs = [each.name for each in patient.embedder.model_.autoencoder.objective.terms]
    if "kl" in costs and is_method(patient.recipe) and patient.recipe.name not in PLAIN:
        return (
            f"isthmus fit eased {patient.source} --dim {patient.dim} --set model={patient.recipe.name} "
            "--set free_nats=0.1"
        )
    return (
        f"isthmus fit beta_vae {patient.source} --dim {patient.dim} "
        "--set beta=0.5 --set warmup_steps=1000 --set free_nats=0.1"
    )


PLAIN = ("vae", "beta_vae", "eased")  # of which `beta_vae` is the general case, or which ease already


def heavier(patient: Patient) -> str:
    """What brings codes and prior together: more weight, a scale that is learned, or another prior."""
    beta = patient.argument("beta")
    weight = None if patient.free else patient.argument("weight")  # of a free code it weighs something else
    lines = []
    if patient.train.kl is None:
        if isinstance(weight, int | float) and weight > 0:
            lines.append(f"{patient.again} --set weight={10 * weight:g}")
    elif isinstance(beta, int | float) and beta < 1:
        lines.append(f"{patient.again} --set beta=1")
    elif patient.fixed_scale:
        lines.append(f"{patient.again}   # a likelihood that learns its scale")
    known = is_method(patient.recipe) and patient.recipe.name != "ex_post"
    same = f" --set model={patient.recipe.name}" if known and patient.argument("dim") is not None else ""
    fitted = f"isthmus fit ex_post {patient.source} --dim {patient.dim}{same}"
    return "\n".join(
        [*lines, f"{fitted}   # or sample from a density fitted to the codes, wherever they are"]
    )
