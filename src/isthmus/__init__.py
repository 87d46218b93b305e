"""isthmus: autoencoders of every kind, one way to build, train, judge and use them.

Names are looked up when they are used, so that `import isthmus` costs no more than `import torch`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Autoencoder": "model",
    "Batch": "trace",
    "Code": "trace",
    "Embedder": "estimators",
    "Given": "model",
    "Latent": "latents",
    "Learner": "model",
    "Objective": "objective",
    "Recipe": "recipes",
    "Stage": "trace",
    "Term": "objective",
    "Trace": "trace",
    "cite": "runs",
    "compare": "comparing",
    "evaluate": "training",
    "fit": "training",
    "fit_prior": "models",
    "load": "runs",
    "method": "recipes",
    "save": "runs",
    "seeded": "randomness",
    "term": "objective",
    "train": "training",
}
_ROOMS = {
    "baselines",
    "comparing",
    "corruptions",
    "data",
    "diagnostics",
    "distributions",
    "estimators",
    "latents",
    "likelihoods",
    "metrics",
    "models",
    "nets",
    "priors",
    "terms",
    "training",
}

if TYPE_CHECKING:
    from .comparing import compare as compare
    from .estimators import Embedder as Embedder
    from .latents import Latent as Latent
    from .model import Autoencoder as Autoencoder
    from .model import Given as Given
    from .model import Learner as Learner
    from .models import fit_prior as fit_prior
    from .objective import Objective as Objective
    from .objective import Term as Term
    from .objective import term as term
    from .randomness import seeded as seeded
    from .recipes import Recipe as Recipe
    from .recipes import method as method
    from .runs import cite as cite
    from .runs import load as load
    from .runs import save as save
    from .trace import Batch as Batch
    from .trace import Code as Code
    from .trace import Stage as Stage
    from .trace import Trace as Trace
    from .training import evaluate as evaluate
    from .training import fit as fit
    from .training import train as train

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"isthmus has no {name!r}; it has {', '.join(sorted(_HOME))}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
