"""The score-function gradient against the gradient of the expectation in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isthmus import Autoencoder, Batch, Trace
from isthmus.models import autoencoder, linear_vae
from isthmus.objective import Term
from isthmus.randomness import seeded
from isthmus.terms import expected_reconstruction, reconstruction, score_function

DRAWS = 100_000


def setting() -> tuple[Autoencoder, Tensor]:
    with seeded(0):
        return linear_vae(4, dim=2).double(), torch.randn(1, 4, dtype=torch.float64)


def gradients(term: Term, draws: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Value (draws,), and gradient at the features (draws, 4), of each draw alone."""
    model, x = setting()
    features = model.encoder(x).detach().expand(draws, -1).clone().requires_grad_()
    with seeded(seed):
        code = model.latent(features, True)
    wide = x.expand(draws, -1)
    value = term(model, Trace(Batch(wide, wide), features, code, model.decode(code.z)))
    (gradient,) = torch.autograd.grad(value.sum(), features)
    return value.detach(), gradient


def test_it_is_the_gradient_of_the_expectation() -> None:
    _, found = gradients(score_function, DRAWS)
    _, exact = gradients(expected_reconstruction, 1)
    error = found.std(0) / DRAWS**0.5
    assert ((found.mean(0) - exact[0]).abs() < 4 * error).all()
    assert (exact[0].abs() > 8 * error).any()  # so that a gradient of zero would be seen


def test_its_value_is_the_reconstruction_of_the_same_code() -> None:
    mine, _ = gradients(score_function, 10)
    theirs, _ = gradients(reconstruction, 10)
    torch.testing.assert_close(mine, theirs)


def test_a_code_without_a_density_is_refused() -> None:
    model, x = autoencoder(4, 2), torch.zeros(3, 4)
    with pytest.raises(ValueError, match="score-function gradient needs a code with one stochastic layer"):
        score_function(model, model(Batch(x, x)))
