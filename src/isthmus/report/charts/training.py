"""How the training went."""

from __future__ import annotations

import math

from ..blocks import Numbers, Plate, number
from ..figures import learning_curves
from ..study import Study


def curves(study: Study) -> Plate | None:
    """Each term of the objective over the epochs."""
    if not study.history:
        return None
    figure = learning_curves({study.name: study.history}, title=False)
    terms = list(study.history[0]["train"])
    held = [f"{t}, held out" for t in study.history[0].get("held_out", {})]
    rows = [
        (
            r["epoch"] + 1,
            *(r["train"].get(t, "") for t in terms),
            *(r.get("held_out", {}).get(t.removesuffix(", held out"), "") for t in held),
        )
        for r in study.history
    ]
    first, last = study.history[0]["train"], study.history[-1]["train"]
    told = ", ".join(f"{t} from {number(first[t])} to {number(last.get(t, math.nan))}" for t in terms)
    return Plate(
        "learning_curve",
        figure,
        Numbers(("epoch", *terms, *held), rows),
        f"Curves over {len(rows)} epochs: {told}.",
        "Means over rows, in nats where the term is a likelihood or a divergence; lower is better. A curve "
        "that still falls at the right end asks for more epochs.",
    )
