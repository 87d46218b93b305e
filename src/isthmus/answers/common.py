"""What several experiments share: rows to learn from, and what to ask of a model that has learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..corruptions import Corruption
from ..data import load
from ..model import Learner
from ..randomness import seeded
from ..trace import Batch
from ..training import adam, cosine, fit
from .evidence import Budget, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Model = TypeVar("Model", bound=Learner)


class Grey(NamedTuple):
    """Pictures as flat rows (n, d) of grey values between 0 and 1, float32, and their labels (n,)."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def grey(budget: Budget, full: str = "mnist") -> Grey:
    """Digits of 8 × 8 pixels; with the full budget, MNIST or another set of pictures."""
    data = load(budget.pick("digits", full))
    scale = np.float32(budget.pick(16, 1))
    assert data.train.y is not None and data.test.y is not None
    return Grey(data.train.x / scale, data.train.y, data.test.x / scale, data.test.y)


class Planted(NamedTuple):
    """Rows x = a D (n, width), float32, the sparse amplitudes a (n, atoms), and the atoms, the rows of D."""

    atoms: np.ndarray
    amplitudes: np.ndarray
    x: np.ndarray


def planted(seed: int, atoms: int, width: int, active: float, rows: int) -> Planted:
    """Sums of few atoms of unit length: each is in a row with probability active / atoms, at 0.5 to 1.5."""
    draw = np.random.default_rng(seed)
    dictionary = draw.standard_normal((atoms, width))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    present = draw.random((rows, atoms)) < active / atoms
    amplitudes = present * draw.uniform(0.5, 1.5, (rows, atoms))
    return Planted(dictionary, amplitudes, (amplitudes @ dictionary).astype(np.float32))


def learned(model: Learner, x: Any, budget: Budget, **options: Any) -> Any:
    """The same model after `fit(model, x, …)` under the budget's seed, quietly; in eval()."""
    fit(model, x, seed=budget.seed, progress=False, **options)
    return model


def trained(
    build: Callable[[], Model], x: Any, budget: Budget, epochs: int, lr: float = 2e-3, **options: Any
) -> Model:
    """What `build` makes under the budget's seed, after as many epochs at a rate that falls to zero."""
    with seeded(budget.seed):
        model = build()
    rows = len(x[0] if isinstance(x, tuple) else x)
    steps = epochs * -(-rows // options.get("batch_size", 128))
    return learned(
        model, x, budget, epochs=epochs, optimizer=adam(lr, model.betas), schedule=cosine(steps), **options
    )


def damaging_both(corruption: Callable[[float], Corruption], level: float) -> Corruption:
    """A classical mistake: the target shares the damage of the input."""
    damage = corruption(level)

    def corrupt(batch: Batch) -> Batch:
        x = damage(batch).input
        return batch._replace(input=x, target=x)

    return corrupt


def reconstructed(model: Learner, x: Any) -> np.ndarray:
    """(n, …) -> (n, …): means, by the model at rest."""
    return _ask(model, x, lambda batch: model.autoencoder.decode(model.autoencoder.encode(batch).z).mean)


def codes(model: Learner, x: Any) -> np.ndarray:
    """(n, …) -> (n, dim): by the model at rest."""
    return _ask(model, x, lambda batch: model.autoencoder.encode(batch).z)


def squared(x: np.ndarray, seen: np.ndarray) -> float:
    """‖x − x̂‖², summed over a row and averaged over rows."""
    return float(np.square(x - seen).reshape(len(x), -1).sum(1).mean())


def line(*cells: str | float | None) -> list[str | float | None]:
    """A row of a table whose cells are of several kinds."""
    return list(cells)


def count(model: torch.nn.Module) -> int:
    """Parameters, each once however often it is used."""
    return sum(p.numel() for p in model.parameters())


def side_by_side(title: str, alt: str, rows: Mapping[str, np.ndarray]) -> Picture:
    """Square pictures with a name before every row of them; each (n, d), grey values between 0 and 1."""
    across = max(len(pictures) for pictures in rows.values())

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(rows), across, squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items()):
            for axis, picture in zip(line, pictures):
                axis.imshow(picture.reshape(2 * (round(picture.size**0.5),)), cmap="gray_r", vmin=0, vmax=1)
            for axis in line:
                axis.set(xticks=[], yticks=[], frame_on=False)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        figure.suptitle(title)

    return Picture(title, alt, draw, (1.6 + 0.62 * across, 0.5 + 0.68 * len(rows)))


def _ask(model: Learner, x: Any, answer: Any) -> np.ndarray:
    like: Tensor = next(model.parameters())
    model.eval()
    with torch.no_grad():
        parts = [answer(part.to(like)) for part in torch.as_tensor(x).split(8192)]
    return torch.cat(parts).cpu().numpy()
