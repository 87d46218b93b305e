"""Fitted estimators in run folders: what they know beside the model, as JSON and never as a pickle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..data.preparation import Preparation
from ..data.schema import Schema
from ..model import Learner
from ..models.ex_post import under
from ..recipes import Recipe
from ..runs import load, read_header, save
from ..training.checkpoints import write_atomically

if TYPE_CHECKING:
    from .embedder import Embedder

FILE = "preprocessing.json"


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


def write(embedder: Embedder, folder: str | Path) -> Path:
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


def _header(embedder: Embedder) -> dict[str, Any]:
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
