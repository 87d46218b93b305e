"""Fitted estimators that are kept: recipe and weights in a pickle, JSON and no pickle in a run folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..data.preparation import Preparation
from ..data.schema import Schema
from ..model import Learner
from ..models.ex_post import under
from ..randomness import seeded
from ..recipes import Recipe
from ..runs import load, read_header, save
from ..training.checkpoints import write_atomically

FILE = "preprocessing.json"


class Keepable(BaseEstimator):
    """An estimator that can be saved, loaded and pickled: as recipe and what it learned, never as code."""

    preparation_: Preparation
    schema_: Schema | None
    recipe_: Recipe
    model_: Learner

    def save(self, folder: str | Path) -> Path:
        """Write recipe, weights and preprocessing into a run folder: JSON and safetensors, no pickle."""
        check_is_fitted(self)
        return write(self, folder)

    @classmethod
    def load(cls, folder: str | Path, trusted: tuple[str, ...] = ()) -> Self:
        """The fitted estimator of a run folder, on the CPU; see `isthmus.load` for `trusted`."""
        kept = read(folder, trusted)
        self = cls(kept.asked)
        self.preparation_, self.schema_ = kept.preparation, kept.schema
        self.recipe_, self.model_ = kept.recipe, kept.model
        self.n_features_in_ = kept.features
        self._n_features_out = self.model_.autoencoder.latent.dim
        if kept.names is not None:
            self.feature_names_in_ = np.array(kept.names, object)
        if kept.classes is not None:
            self.classes_ = np.array(kept.classes)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Recipe and weights, never the module: its functions need not be picklable."""
        state = dict(super().__getstate__())
        if "model_" in state:
            weights = state["model_"].state_dict()
            state["model_"] = {name: value.cpu().numpy() for name, value in weights.items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            with seeded(0):  # what is drawn is overwritten, and the process's own random numbers stay
                self.model_ = self.recipe_().eval()
            weights = {name: torch.as_tensor(np.array(v)) for name, v in state["model_"].items()}
            self.model_.load_state_dict(weights)


class Kept(NamedTuple):
    """What a run folder says of an estimator."""

    asked: Recipe  # without what the data said
    recipe: Recipe
    model: Learner
    preparation: Preparation
    schema: Schema | None
    features: int
    names: list[str] | None
    classes: list[Any] | None


def write(embedder: Any, folder: str | Path) -> Path:
    """Recipe, weights and preprocessing of a fitted estimator."""
    schema = getattr(embedder, "schema_", None)
    state = embedder.preparation_.to_json()
    state |= {} if schema is None else {"schema": schema.to_json()}
    text = json.dumps(state, ensure_ascii=False).encode()
    header = {**_header(embedder), "preprocessing": hashlib.sha256(text).hexdigest()}
    folder = save(folder, embedder.model_, embedder.recipe_, estimator=header)
    write_atomically(folder / FILE, text)
    return folder


def read(folder: str | Path, trusted: tuple[str, ...] = ()) -> Kept:
    """What `write` wrote, the model on the CPU; see `isthmus.load` for `trusted`.

    Raises:
        ValueError: where a file is damaged, and for a folder that holds a bare model.
    """
    header = read_header(folder)
    if not isinstance(header.get("estimator"), dict):
        raise ValueError(f"{folder} holds a bare model: isthmus.load reads it")
    path = Path(folder) / FILE
    fields = ("n_features_in", "feature_names", "classes", "from_data", "prior_afterwards", "preprocessing")
    state = dict.fromkeys(fields) | header["estimator"]
    try:
        text = path.read_bytes()
        prepared = json.loads(text)
        columns = prepared.pop("schema", None)
        preparation = Preparation.from_json(prepared)
        schema = None if columns is None else Schema.from_json(columns)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is missing or damaged: {error}") from error
    if state["preprocessing"] not in (None, hashlib.sha256(text).hexdigest()):
        raise ValueError(
            f"{path} is damaged, or of another model: its checksum is not the one in recipe.json"
        )
    model = load(folder, trusted)
    recipe = Recipe.read(header["model"], trusted)
    learned, fitted = state["from_data"] or (), under(recipe) if state["prior_afterwards"] else recipe
    asked = Recipe(fitted.function, **{k: v for k, v in fitted.arguments.items() if k not in learned})
    described = (state["n_features_in"], state["feature_names"], state["classes"])
    return Kept(asked, recipe, model, preparation, schema, *described)


def _header(embedder: Any) -> dict[str, Any]:
    names = getattr(embedder, "feature_names_in_", None)
    classes = getattr(embedder, "classes_", None)
    recipe, asked = embedder.recipe_, set(embedder._recipe().arguments)
    asked |= set() if embedder.likelihood == "auto" else {"likelihood"}
    afterwards = recipe.function is not embedder._recipe().function  # `fit_prior` has been called
    if afterwards:
        recipe = under(recipe)
    return {
        "from_data": sorted(set(recipe.arguments) - asked),  # other data will say otherwise
        "prior_afterwards": afterwards,
        "n_features_in": embedder.n_features_in_,
        "feature_names": None if names is None else names.tolist(),
        "classes": None if classes is None else classes.tolist(),
    }
