"""Codes for the rows of a table or a stack of images, with scikit-learn's interface."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..data import MappedRows, Rows
from ..data.blocks import Blocks
from ..data.preparation import Family, prepare
from ..data.schema import Schema
from ..data.streams import prepare_blocks
from ..models.ex_post import GMM, refit
from ..randomness import seeded
from ..recipes import Recipe, parameters
from ..training import adam, cosine, fit
from .door import classes_of, counted, frame_of, handed, lengths, table_of, values_of
from .inference import codes, decoded, passes, probabilities, some
from .reading import Reading, tells_classes


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Reading):
    """Learn codes for rows, and all that an autoencoder can do with them.

    >>> z = Embedder("vae", dim=16, random_state=0).fit_transform(X)  # doctest: +SKIP

    Missing values are NaN. Rows are scaled as the data ask for; what comes out is in the data's own units.
    Frames may hold words, booleans, categories and dates too (see `isthmus.data.schema.Schema`): then rows
    come back as frames, with the names and types that they had.

    Parameters:
        recipe: the name of a method (see `isthmus models`), or a `Recipe`, whose arguments take part in
            scikit-learn's searches: `GridSearchCV(Embedder(Recipe("beta_vae")), {"recipe__beta": [1, 4]})`.
        dim: width of the code; None for what the recipe says.
        likelihood: "auto" looks at the data; a name or a function from `isthmus.likelihoods`.
        scaling: "auto", "columns", "whole" or "none"; see `isthmus.data.preparation.prepare`.
        columns: what columns of a frame are to be taken for: {"zip": "category"}; others are looked at.
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
        schema_: what each column of a frame was taken for; None where all are plain numbers.
    """

    def __init__(
        self,
        recipe: str | Recipe = "vae",
        dim: int | None = None,
        *,
        likelihood: str | Family = "auto",
        scaling: str = "auto",
        columns: dict[str, str] | None = None,
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
        self.columns = columns
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
        if not isinstance(self.recipe, Recipe) and any(key.startswith("recipe__") for key in params):
            self.recipe = Recipe(params.pop("recipe", self.recipe))
        return super().set_params(**params)

    def fit(self, X: Any, y: ArrayLike | None = None) -> Embedder:
        """Learn from rows (n, d), or images (n, h, w) or (n, c, h, w). Only conditional methods read `y`.

        X is an array, a sparse matrix, a tensor, a frame, a data set of torch or Hugging Face, or an iterator
        of rows or batches, here as in all that follows.

        Raises:
            ValueError: for data that cannot be learned from (`DataError` says where), and for options that do
                not fit; TypeError for an argument that the recipe does not take.
        """
        X = handed(X)
        table = table_of(X, self.columns)
        self.schema_ = None if table is None else Schema.infer(table, self.columns)
        x = self._validated(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        recipe = self._recipe()
        likelihood = self._likelihood(recipe)
        kind = getattr(values_of(X) if self.schema_ is None else x, "dtype", np.dtype(float))
        counts = np.issubdtype(kind, np.integer) and kind != np.uint8
        look: Any = prepare_blocks if isinstance(x, Blocks) else prepare
        if self.schema_ is not None:
            look = partial(prepare, cells=self.schema_.cells)
        preparation, family = look(x, likelihood, self.scaling, counts=counts)
        self.preparation_ = replace(preparation, bytes=kind == np.uint8)
        batch_size, epochs, steps = lengths(len(x), self.batch_size, self.epochs)
        facts: dict[str, Any] = {"features": self.preparation_.features, "rows": len(x)}
        facts["steps"] = max(1, steps // 2)  # of a schedule within the method: the second half is steady
        context = {}
        if recipe.takes("classes"):
            self.classes_, labels = classes_of(y, recipe.name, self._partial())
            context["labels"] = torch.from_numpy(labels)
            facts["classes"], facts["labelled"] = len(self.classes_), int((labels >= 0).sum())
        if family is not None:
            if "likelihood" not in parameters(recipe.function):
                raise ValueError(f"{recipe.name} takes no likelihood, and these data need {family}")
            recipe = Recipe(recipe.function, **{**recipe.arguments, "likelihood": family})
        self.recipe_ = recipe.given(**facts)
        if self.folder is not None:
            self.recipe_.describe()  # raises where it cannot be written down: now, not after the training
        device = "cuda" if self.device == "auto" and torch.cuda.is_available() else self.device
        with seeded(seed):
            self.model_ = self.recipe_()
        if self.verbose:
            print("\n".join(self.notes_), file=sys.stderr)
        rows = self._prepared(x, context)
        self.history_ = fit(
            self.model_,
            rows,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=adam(self.lr, self.model_.betas, weight_decay=self.weight_decay),
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
        if self.model_.autoencoder.reads:
            with seeded(seed):
                self.model_.autoencoder.latent.fit_prior(codes(self.model_, some(rows)))
        if self.folder is not None:
            self.save(self.folder)
        return self

    def fit_prior(
        self,
        X: Any,
        prior: Callable[..., Any] = GMM,
        y: ArrayLike | None = None,
        *,
        random_state: Any = None,
    ) -> Embedder:
        """Fit a density to the codes of X, from which `sample` draws henceforth; all else stays as it is.

        >>> embedder.fit_prior(X, Recipe(isthmus.priors.Flow, layers=8)).sample(10)  # doctest: +SKIP

        Any model, also a deterministic one, and any prior of `isthmus.priors` that is fitted to codes; of a
        discrete code `Autoregressive` too, over its indices. X is what the model was fitted to, or more of
        the same kind. See `isthmus.models.ex_post`.
        """
        rows = self._rows(X, y)
        self.model_.recipe = self.recipe_
        with seeded(int(check_random_state(random_state).randint(2**31 - 1))):
            refit(self.model_, prior)
            self.model_.eval().autoencoder.latent.fit_prior(codes(self.model_, some(rows)))
        self.recipe_ = self.model_.recipe
        return self

    def transform(self, X: Any, y: ArrayLike | None = None) -> np.ndarray:
        """(n, ...) -> codes (n, dim), float32: the code, or its posterior's mean."""
        rows = self._rows(X, y)
        return codes(self.model_, rows).numpy()

    def fit_transform(self, X: Any, y: ArrayLike | None = None, **params: Any) -> np.ndarray:
        """`fit`, then `transform` of the same rows."""
        X = handed(X)
        return self.fit(X, y, **params).transform(X, y)

    @available_if(tells_classes)
    def predict(self, X: Any) -> np.ndarray:
        """(n, ...) -> the likeliest class of each row (n,), of methods that learn from few labels.

        >>> Embedder("m2").fit(X, y).predict(X)  # doctest: +SKIP

        In y, rows without a label have None, NaN or −1.
        """
        return np.asarray(self.classes_[self.predict_proba(X).argmax(1)])

    @available_if(tells_classes)
    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, ...) -> q(y | x) (n, classes), in the order of `classes_`."""
        return probabilities(self.model_, self._rows(X, None)).numpy()

    def inverse_transform(self, Z: ArrayLike, y: ArrayLike | None = None) -> Any:
        """Codes (n, dim) -> expected rows, in the data's own units."""
        check_is_fitted(self)
        z = torch.as_tensor(np.array(Z, np.float32))
        if z.ndim != 2 or z.shape[1] != self._n_features_out:
            raise ValueError(f"codes are (n, {self._n_features_out}); these have shape {tuple(z.shape)}")
        expected = [
            self.preparation_.restore(o.mean) for o in decoded(self.model_, z, self._labels(y, len(z)))
        ]
        return self._given(np.concatenate(expected))

    def reconstruct(self, X: Any, y: ArrayLike | None = None) -> Any:
        """Rows as the model sees them, in the data's own units; missing values are filled too."""
        X = handed(X)
        return self._given(self._expected(self._rows(X, y)), X)

    def impute(self, X: Any, y: ArrayLike | None = None, rounds: int | str = "auto") -> Any:
        """Rows with missing values filled by their expectation, or likeliest class; all else is untouched.

        What was filled is read again and filled anew, `rounds` times: Rezende et al. 2014, appendix F, with
        means for draws. By default 5 times where training rows were complete. A model whose training rows had
        gaps knows how to read them, and guesses of its own mislead it: it reads once.
        """
        X = handed(X)
        rows = self._rows(X, y)
        x = self._validated(X)
        filled = np.array(self.preparation_.shaped(x), np.float64)
        missing = np.isnan(filled)
        if rounds == "auto":
            rounds = 1 if self.preparation_.gaps else 5
        for _ in range(counted("rounds", rounds, 1) if missing.any() else 0):
            filled[missing] = self._expected(rows).reshape(filled.shape)[missing]
            rows = self.preparation_.rows(filled, **self._labels(y, len(x)))
        if self._schema is not None:
            return self._schema.fill(frame_of(X), filled)
        return filled.reshape(x.shape)

    def sample(
        self, n: int = 1, y: ArrayLike | None = None, *, noise: bool = True, random_state: Any = None
    ) -> Any:
        """(n, ...) new rows in the data's own units: draws, or without `noise` their expectation."""
        check_is_fitted(self)
        n = counted("n", n, 1)
        labels = self._labels(y, n)
        with torch.no_grad(), seeded(int(check_random_state(random_state).randint(2**31 - 1))):
            z = self.model_.autoencoder.latent.sample(n)
            outputs = decoded(self.model_, z, labels)
            rows = [self.preparation_.restore(o.sample() if noise else o.mean) for o in outputs]
        return self._given(np.concatenate(rows))

    def score_samples(self, X: Any, y: ArrayLike | None = None) -> np.ndarray:
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
                score = score - stage.divergence().sum(-1).double()
            scores.append(score.numpy() - self.preparation_.log_volume(present))
        return np.concatenate(scores)

    def score(self, X: Any, y: ArrayLike | None = None) -> float:
        """The mean of `score_samples`: greater is better, as scikit-learn's searches expect."""
        return float(self.score_samples(X, y).mean())

    def on_numbers(self) -> Embedder:
        """The same model of a mixed table, on encoded rows: arrays (n, schema_.width) go in and come out.

        Metrics and figures need numbers: `schema_.encode(frame)` makes them, `schema_.names` names them.
        """
        check_is_fitted(self)
        if self._schema is None:
            return self
        numeric = copy.copy(self)
        numeric.schema_, numeric.n_features_in_ = None, self._schema.width
        if hasattr(numeric, "feature_names_in_"):
            del numeric.feature_names_in_
        return numeric

    @property
    def notes_(self) -> list[str]:
        """What was noticed about the data and chosen for them."""
        check_is_fitted(self, "preparation_")
        return [*(self._schema.describe() if self._schema is not None else []), *self.preparation_.notes]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = False
        return tags

    def _expected(self, rows: Rows | MappedRows) -> np.ndarray:
        """What the model makes of rows, in the data's own units."""
        return np.concatenate([self.preparation_.restore(o.mean) for _, _, o in passes(self.model_, rows)])
