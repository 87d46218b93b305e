"""Codes for the rows of a table or a stack of images, with scikit-learn's interface."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from ..data import DataError, Rows
from ..data.preparation import Family, Preparation, prepare
from ..model import Learner
from ..randomness import seeded
from ..recipes import Recipe, parameters
from ..runs import load, read_header, save
from ..training import adam, cosine, fit
from ..training.checkpoints import write_atomically
from .inference import codes, decoded, passes

STEPS = 3000  # that epochs="auto" aims at, in 10 epochs or more


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Learn codes for rows, and all that an autoencoder can do with them.

    >>> z = Embedder("vae", dim=16, random_state=0).fit_transform(X)  # doctest: +SKIP

    Missing values are NaN. Rows are scaled as the data ask for; what comes out is in the data's own units.

    Parameters:
        recipe: the name of a method (see `isthmus models`), or a `Recipe`, whose arguments take part in
            scikit-learn's searches: `GridSearchCV(Embedder(Recipe("beta_vae")), {"recipe__beta": [1, 4]})`.
        dim: width of the code; None for what the recipe says.
        likelihood: "auto" looks at the data; a name or a function from `isthmus.likelihoods`.
        scaling: "auto", "columns", "whole" or "none"; see `isthmus.data.preparation.prepare`.
        epochs: "auto" for about 3000 steps, and 10 epochs at least.
        batch_size, lr, weight_decay: of Adam, whose rate falls along a cosine to zero.
        held_out, monitor, patience: a share of the rows for early stopping on a term; see `isthmus.fit`.
        clip, precision, device: as in `isthmus.fit`; device "auto" takes a GPU where there is one.
        folder: where to keep checkpoints while fitting; a run that was interrupted goes on from there.
        verbose: say on stderr what was chosen, and show progress where that is a terminal.
        tensorboard: write every term to `folder`/tensorboard too.
        random_state: seed of weights, order and noise.

    Attributes:
        model_: the trained `Learner`. recipe_: what built it. history_: what `fit` returned.
        preparation_: scaling and what was noticed, `notes_` in words. classes_: labels, if conditional.
    """

    def __init__(
        self,
        recipe: str | Recipe = "vae",
        dim: int | None = None,
        *,
        likelihood: str | Family = "auto",
        scaling: str = "auto",
        epochs: int | str = "auto",
        batch_size: int = 128,
        lr: float = 2e-3,
        weight_decay: float = 0.0,
        held_out: float | None = None,
        monitor: str | None = None,
        patience: int = 10,
        clip: float | None = None,
        precision: str = "fp32",
        device: str = "auto",
        folder: str | Path | None = None,
        verbose: bool = False,
        tensorboard: bool = False,
        random_state: Any = None,
    ):
        self.recipe = recipe
        self.dim = dim
        self.likelihood = likelihood
        self.scaling = scaling
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.held_out = held_out
        self.monitor = monitor
        self.patience = patience
        self.clip = clip
        self.precision = precision
        self.device = device
        self.folder = folder
        self.verbose = verbose
        self.tensorboard = tensorboard
        self.random_state = random_state

    def set_params(self, **params: Any) -> Embedder:
        """As in scikit-learn; a method given by name becomes a `Recipe` once one of its arguments is set."""
        if isinstance(self.recipe, str) and any(key.startswith("recipe__") for key in params):
            self.recipe = Recipe(params.pop("recipe", self.recipe))
        return super().set_params(**params)

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Embedder:
        """Learn from rows (n, d), or images (n, h, w) or (n, c, h, w). Only conditional methods read `y`.

        Raises:
            ValueError: for data that cannot be learned from (`DataError` says where), and for options that do
                not fit; TypeError for an argument that the recipe does not take.
        """
        x = self._validated(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        whole = np.issubdtype(getattr(X, "dtype", np.dtype(float)), np.integer)
        recipe = self._recipe()
        likelihood = (
            recipe.arguments.get("likelihood", "auto") if self.likelihood == "auto" else self.likelihood
        )
        counts = bool(whole) and getattr(X, "dtype", None) != np.uint8
        self.preparation_, family = prepare(x, likelihood, self.scaling, counts=counts)
        epochs = self._epochs(len(x))
        steps = epochs * -(-len(x) // self.batch_size)
        facts: dict[str, Any] = {"features": self.preparation_.features, "rows": len(x)}
        facts["steps"] = max(1, steps // 2)  # of a schedule within the method: the second half is steady
        context = {}
        if "classes" in parameters(recipe.function):
            context["labels"] = self._learn_labels(y)
            facts["classes"] = len(self.classes_)
        if family is not None:
            if "likelihood" not in parameters(recipe.function):
                raise ValueError(f"{recipe.name} takes no likelihood, and these data need {family}")
            recipe = Recipe(recipe.function, **{**recipe.arguments, "likelihood": family})
        self.recipe_ = recipe.given(**facts)
        device = "cuda" if self.device == "auto" and torch.cuda.is_available() else self.device
        with seeded(seed):
            self.model_: Learner = self.recipe_()
        if self.verbose:
            print("\n".join(self.notes_), file=sys.stderr)
        rows = self.preparation_.rows(x, **context)
        self.history_ = fit(
            self.model_,
            rows,
            epochs=epochs,
            batch_size=self.batch_size,
            optimizer=adam(self.lr, weight_decay=self.weight_decay),
            schedule=cosine(steps),
            clip=self.clip,
            precision=self.precision,
            held_out=self.held_out,
            monitor=self.monitor,
            patience=self.patience,
            seed=seed,
            device="cpu" if device == "auto" else device,
            folder=self.folder,
            tensorboard=self.tensorboard,
            progress=None if self.verbose else False,
        )
        self.model_.to("cpu").eval()
        self._n_features_out = self.model_.autoencoder.latent.dim
        self.model_.autoencoder.latent.fit_prior(codes(self.model_, rows))
        if self.folder is not None:
            self.save(self.folder)
        return self

    def transform(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """(n, ...) -> codes (n, dim), float32: the code, or its posterior's mean."""
        return codes(self.model_, self._rows(X, y)).numpy()

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> np.ndarray:
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y, **params).transform(X, y)

    def inverse_transform(self, Z: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Codes (n, dim) -> expected rows, in the data's own units."""
        check_is_fitted(self)
        z = torch.as_tensor(np.array(Z, np.float32))
        if z.ndim != 2 or z.shape[1] != self._n_features_out:
            raise ValueError(f"codes are (n, {self._n_features_out}); these have shape {tuple(z.shape)}")
        return np.concatenate(
            [self.preparation_.restore(o.mean) for o in decoded(self.model_, z, self._labels(y))]
        )

    def reconstruct(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Rows as the model sees them, in the data's own units; missing values are filled too."""
        rows = self._rows(X, y)
        return np.concatenate([self.preparation_.restore(o.mean) for _, _, o in passes(self.model_, rows)])

    def impute(self, X: ArrayLike, y: ArrayLike | None = None, rounds: int = 5) -> np.ndarray:
        """Rows with missing values filled by their expectation, and everything else untouched.

        What was filled is read again and filled anew, `rounds` times: Rezende et al. 2014, appendix F, with
        means for draws.
        """
        x = self._validated(X)
        rows = self.preparation_.rows(x, **self._labels(y))
        filled = np.array(self.preparation_.shaped(x), np.float64)
        missing = np.isnan(filled)
        for _ in range(max(1, rounds) if missing.any() else 0):
            guess = np.concatenate(
                [self.preparation_.restore(o.mean) for _, _, o in passes(self.model_, rows)]
            )
            filled[missing] = guess.reshape(filled.shape)[missing]
            rows = self.preparation_.rows(filled, **self._labels(y))
        return filled.reshape(x.shape)

    def sample(
        self, n: int = 1, y: ArrayLike | None = None, *, noise: bool = True, random_state: Any = None
    ) -> np.ndarray:
        """(n, ...) new rows in the data's own units: draws, or without `noise` their expectation."""
        check_is_fitted(self)
        if n < 1:
            raise ValueError(f"at least one row must be asked for, not {n}")
        labels = self._labels(y)
        if labels and len(labels["labels"]) != n:
            raise ValueError(f"{n} rows were asked for with {len(labels['labels'])} labels")
        with torch.no_grad(), seeded(int(check_random_state(random_state).randint(2**31 - 1))):
            z = self.model_.autoencoder.latent.sample(n)
            outputs = decoded(self.model_, z, labels)
            return np.concatenate(
                [self.preparation_.restore(o.sample() if noise else o.mean) for o in outputs]
            )

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """How well each row is explained (n,), in nats: log p(x | z) at the code, minus its KL if it has one.

        High is ordinary, low is surprising. Densities are those of the data in their own units. It is the
        integrand of the ELBO at the posterior's mean: deterministic, and not a bound; for one see
        `isthmus.metrics.log_likelihood`.
        """
        rows = self._rows(X, y)
        scores = []
        for batch, code, output in passes(self.model_, rows):
            present = batch.context.get("observed")
            score = output.log_prob(batch.target, present).double()
            for stage in code.stages:
                score = score - stage.q.kl(stage.p).sum(-1).double()
            scores.append(score.numpy() - self.preparation_.log_volume(present))
        return np.concatenate(scores)

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """The mean of `score_samples`: greater is better, as scikit-learn's searches expect."""
        return float(self.score_samples(X, y).mean())

    @property
    def notes_(self) -> list[str]:
        """What was noticed about the data and chosen for them."""
        check_is_fitted(self, "preparation_")
        return list(self.preparation_.notes)

    def save(self, folder: str | Path) -> Path:
        """Write recipe, weights and preprocessing into a run folder: JSON and safetensors, no pickle."""
        check_is_fitted(self)
        folder = save(folder, self.model_, self.recipe_, estimator=self._header())
        text = json.dumps(self.preparation_.to_json(), ensure_ascii=False)
        write_atomically(folder / "preprocessing.json", text.encode())
        return folder

    @classmethod
    def load(cls, folder: str | Path, trusted: tuple[str, ...] = ()) -> Embedder:
        """The fitted estimator of a run folder, on the CPU; see `isthmus.load` for `trusted`."""
        header = read_header(folder)
        if "estimator" not in header:
            raise ValueError(f"{folder} holds a bare model: isthmus.load reads it")
        path = Path(folder) / "preprocessing.json"
        try:
            preparation = Preparation.from_json(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"{path} is missing or damaged: {error}") from error
        model = load(folder, trusted)
        recipe = Recipe.read(header["model"], trusted)
        self = cls(recipe)
        self.preparation_, self.recipe_, self.model_ = preparation, recipe, model
        state = {"n_features_in": None, "feature_names": None, "classes": None} | header["estimator"]
        self.n_features_in_ = state["n_features_in"]
        self._n_features_out = self.model_.autoencoder.latent.dim
        if state["feature_names"] is not None:
            self.feature_names_in_ = np.array(state["feature_names"], object)
        if state["classes"] is not None:
            self.classes_ = np.array(state["classes"])
        return self

    def _header(self) -> dict[str, Any]:
        names = getattr(self, "feature_names_in_", None)
        classes = getattr(self, "classes_", None)
        return {
            "n_features_in": self.n_features_in_,
            "feature_names": None if names is None else names.tolist(),
            "classes": None if classes is None else classes.tolist(),
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Recipe and weights, never the module: its functions need not be picklable."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = {name: value.numpy() for name, value in state["model_"].state_dict().items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "model_" in state:
            self.model_ = self.recipe_().eval()
            weights = {name: torch.as_tensor(np.array(v)) for name, v in state["model_"].items()}
            self.model_.load_state_dict(weights)

    def _validated(self, X: ArrayLike, reset: bool = False) -> np.ndarray:
        """Rows as float, NaN where missing; complaints that name the column."""
        if not reset:
            check_is_fitted(self)
            shape = getattr(X, "shape", ())
            if len(self.preparation_.shape) == 3 and len(shape) == 2:
                X = self.preparation_.shaped(np.asarray(X))  # flat rows of pixels
                X = X[:, 0] if self.preparation_.grey else X
        self._refuse_words(X)
        x = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            allow_nd=True,
        )
        x = x.toarray() if hasattr(x, "toarray") else x
        return x

    @staticmethod
    def _refuse_words(X: Any) -> None:
        for name in getattr(X, "columns", ()):
            column = X[name]
            if getattr(column.dtype, "kind", "f") not in "biuf":
                values = list(column)
                at = next((i for i, v in enumerate(values) if isinstance(v, str)), 0)
                raise DataError(
                    f"column {name!r} does not hold numbers: row {at} is {values[at]!r}. "
                    "Leave the column out, or encode it"
                )

    def _recipe(self) -> Recipe:
        recipe = Recipe(self.recipe) if isinstance(self.recipe, str) else self.recipe
        if self.dim is None:
            return recipe
        return Recipe(recipe.function, **{**recipe.arguments, "dim": self.dim})

    def _epochs(self, n: int) -> int:
        if self.epochs == "auto":
            return max(10, STEPS // -(-n // self.batch_size))
        if isinstance(self.epochs, str) or self.epochs < 0:
            raise ValueError(f'epochs is a number or "auto", not {self.epochs!r}')
        return self.epochs

    def _learn_labels(self, y: ArrayLike | None) -> Tensor:
        if y is None:
            raise ValueError(f"{self._recipe().name} is conditional: fit it with labels, fit(X, y)")
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        return torch.from_numpy(labels)

    def _labels(self, y: ArrayLike | None) -> dict[str, Tensor]:
        """The context that a conditional model needs, and nothing for others."""
        if not hasattr(self, "classes_"):
            return {}
        if y is None:
            raise ValueError("this model is conditional: give the labels too")
        labels = np.atleast_1d(np.asarray(y))
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"the label {unknown[0]!r} was not seen in training; known are {self.classes_}")
        return {"labels": torch.from_numpy(np.searchsorted(self.classes_, labels))}

    def _rows(self, X: ArrayLike, y: ArrayLike | None) -> Rows:
        return self.preparation_.rows(self._validated(X), **self._labels(y))
