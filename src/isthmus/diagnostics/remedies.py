"""What several findings end in: a lighter hand on the code, or a heavier one."""

from __future__ import annotations

from ..recipes import is_method
from .examination import Patient


def lighter(patient: Patient) -> str:
    """What lets a code carry more: less weight on the KL, or a scale that is learned, or a slow start."""
    beta = patient.argument("beta")
    if isinstance(beta, float | int) and beta > 1:
        return f"{patient.command} --set beta=1"
    if patient.fixed_scale:
        return f"{patient.again}   # a likelihood that learns its scale"
    costs = [each.name for each in patient.embedder.model_.autoencoder.objective.terms]
    if "kl" in costs and is_method(patient.recipe) and patient.recipe.name not in PLAIN:
        return (
            f"isthmus fit eased {patient.data} --dim {patient.dim} --set model={patient.recipe.name} "
            "--set free_nats=0.1"
        )
    return (
        f"isthmus fit beta_vae {patient.data} --dim {patient.dim} "
        "--set beta=0.5 --set warmup_steps=1000 --set free_nats=0.1"
    )


PLAIN = ("vae", "beta_vae", "eased")  # of which `beta_vae` is the general case, or which ease already


def heavier(patient: Patient) -> str:
    """What brings codes and prior together: more weight, a scale that is learned, or another prior."""
    beta, weight = patient.argument("beta"), patient.argument("weight")
    lines = []
    if patient.train.kl is None:
        if isinstance(weight, int | float) and weight > 0:
            lines.append(f"{patient.again} --set weight={10 * weight:g}")
    elif isinstance(beta, int | float) and beta < 1:
        lines.append(f"{patient.command} --set beta=1")
    elif patient.fixed_scale:
        lines.append(f"{patient.again}   # a likelihood that learns its scale")
    known = is_method(patient.recipe) and patient.recipe.name != "ex_post"
    same = f" --set model={patient.recipe.name}" if known and patient.argument("dim") is not None else ""
    fitted = f"isthmus fit ex_post {patient.data} --dim {patient.dim}{same}"
    return "\n".join(
        [*lines, f"{fitted}   # or sample from a density fitted to the codes, wherever they are"]
    )
