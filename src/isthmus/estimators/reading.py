"""What comes in, checked and brought into the shape that a net reads, and handed back as it came."""

from __future__ import annotations

import warnings
from functools import partial
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor

from ..data import MappedRows, Rows
from ..data.blocks import Blocks
from ..data.preparation import refuse
from ..data.schema import Schema
from ..data.streams import mapped_rows, numbered
from ..models import METHODS
from ..recipes import Recipe, parameters
from .door import counted, frame_of, handed, numbers_of, places_of, values_of
from .keeping import Keepable


class Reading(Keepable):
    """The part of an estimator that reads: rows, labels, and what was asked for."""

    recipe: Any
    dim: Any
    likelihood: Any
    classes_: np.ndarray

    def _recipe(self) -> Recipe:
        recipe = self.recipe if isinstance(self.recipe, Recipe) else Recipe(self.recipe)
        if self.dim is None:
            return recipe
        return Recipe(recipe.function, **{**recipe.arguments, "dim": counted("dim", self.dim, 1)})

    def _likelihood(self, recipe: Recipe) -> Any:
        """What was asked of the estimator or of its recipe; for a table, what follows for its columns."""
        asked = recipe.arguments.get("likelihood", "auto") if self.likelihood == "auto" else self.likelihood
        if self._schema is None:
            return asked
        return self._schema.likelihood(numbers_of(recipe.function, asked))

    def _partial(self) -> bool:
        """Whether rows without a label may be among the others: of methods that count the `labelled`."""
        return self._recipe().takes("labelled")

    @property
    def _schema(self) -> Schema | None:
        return getattr(self, "schema_", None)  # what an earlier version pickled has none

    @property
    def _reads_labels(self) -> bool:
        """Whether the trained nets read labels; a method may learn from them and then do without."""
        return hasattr(self, "classes_") and "labels" in self.model_.autoencoder.asks

    def _validated(self, X: Any, reset: bool = False) -> Any:
        """Rows as float, NaN where missing; pictures in their shape, mixed tables encoded.

        What is larger than memory stays where it is.
        """
        if not reset:
            check_is_fitted(self)
        if self._schema is not None:
            frame = frame_of(X)
            if reset:
                validate_data(self, frame, reset=True, skip_check_array=True)
            return self._schema.encode(frame, remark=lambda words: warnings.warn(words, stacklevel=4))
        values, named = values_of(X), hasattr(X, "columns")
        if isinstance(values, Blocks):
            validate_data(self, values, reset=reset, skip_check_array=True)
            return values
        if not reset and len(self.preparation_.shape) == 3:
            values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
            values, named = self.preparation_.shaped(values), False
            values = values[:, 0] if self.preparation_.grey else values
        x = check_array(
            values,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            allow_nd=True,
            estimator=self,
            input_name="X",
        )
        validate_data(self, X if named else x, reset=reset, skip_check_array=True)
        return x.toarray() if hasattr(x, "toarray") else x

    def _rows(self, X: Any, y: ArrayLike | None) -> Rows | MappedRows:
        x = self._validated(handed(X))
        if not np.all(self.preparation_.continuous):
            explain: Any = self.model_.autoencoder.likelihood
            for first, part in x.spans() if isinstance(x, Blocks) else ((0, x),):
                with numbered(partial(add, first)):
                    refuse(explain, self.preparation_.shaped(part))
        return self._prepared(x, self._labels(y, len(x)))

    def _labels(self, y: ArrayLike | None, n: int) -> dict[str, Tensor]:
        """The context that a conditional model needs for n rows, and nothing for others."""
        if not self._reads_labels:
            return {}
        return {"labels": torch.from_numpy(places_of(y, n, self.classes_, self._partial()))}

    def _prepared(self, x: np.ndarray | Blocks, context: dict[str, Tensor]) -> Rows | MappedRows:
        if isinstance(x, Blocks):
            return mapped_rows(self.preparation_, x, **context)
        return self.preparation_.rows(x, **context)

    def _given(self, x: np.ndarray, like: Any = None) -> Any:
        """Rows as they came: an array, or a frame."""
        return x if self._schema is None else self._schema.decode(x, None if like is None else frame_of(like))


def tells_classes(embedder: Reading) -> bool:
    """Whether the method learns to tell classes from labels that may be few: it counts the `labelled`.

    Raises:
        AttributeError: where it does not; this is where scikit-learn looks for the reason.
    """
    if not embedder._partial():
        name = embedder._recipe().name
        known = ", ".join(each for each, method in METHODS.items() if "labelled" in parameters(method))
        raise AttributeError(f"{name} does not tell classes: {known} do")
    return True
