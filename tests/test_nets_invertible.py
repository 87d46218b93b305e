"""Invertible nets: the inverse is exact, and the log-determinant is autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import isthmus
from isthmus.nets import Chain, Invertible, couplings


@pytest.fixture(autouse=True)
def repeatable():
    with isthmus.seeded(0):
        yield


def stirred(net: Chain, size: float = 0.3) -> Chain:
    """A net that is not the identity: what training would have done, at random."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(size * torch.randn_like(parameter) / parameter.shape[-1] ** 0.5)
    return net


def jacobians(net: Invertible, x: Tensor) -> Tensor:
    return torch.stack([torch.func.jacrev(lambda row: net(row[None])[0][0])(row) for row in x])


@pytest.mark.parametrize("dim", [1, 2, 5, 16])
@pytest.mark.parametrize("affine", [True, False])
def test_log_determinant_is_autograds_and_the_inverse_exact(dim, affine):
    net = stirred(couplings(dim, 6, (16,), affine=affine)).double()
    x = torch.randn(7, dim, dtype=torch.float64)
    y, log_det = net(x)
    assert (y - x).abs().max() > 0.1
    torch.testing.assert_close(log_det, jacobians(net, x).det().abs().log())
    torch.testing.assert_close(net.inverse(y), x)
    backwards = torch.stack([torch.func.jacrev(lambda r: net.inverse(r[None])[0])(row) for row in y])
    torch.testing.assert_close(backwards @ jacobians(net, x), torch.eye(dim).double().expand(7, -1, -1))


def test_control_a_scale_read_from_the_half_that_moves_has_another_determinant():
    net = stirred(couplings(4, 2, (16,), affine=True)).double()
    x = torch.randn(7, 4, dtype=torch.float64)
    first = net.layers[0]
    first.stays, first.moves = first.moves, first.moves  # reads what it then changes
    _, log_det = net(x)
    assert (log_det - jacobians(net, x).det().abs().log()).abs().max() > 1e-3
    assert (net.inverse(net(x)[0]) - x).abs().max() > 1e-3


def test_in_single_precision_a_deep_stack_is_still_inverted():
    x = torch.randn(200, 64)

    def error(size: float, bound: float) -> float:
        net = stirred(couplings(64, 16, (64, 64), bound=bound), size)
        with torch.no_grad():
            return float((net.inverse(net(x)[0]) - x).abs().max())

    assert error(0.1, 2.0) < 1e-5
    assert error(0.3, 1.0) < 0.01
    assert not error(0.3, 1e9) < 1e3  # control: scales that nothing bounds


def test_it_starts_as_the_identity_and_then_moves_every_column():
    net = couplings(6, 2, (8,))
    x = torch.randn(5, 6)
    y, log_det = net(x)
    assert torch.equal(y, x) and not log_det.any()
    moved = (stirred(net)(x)[0] - x).abs().amax(0)
    assert (moved > 1e-4).all()
    with pytest.raises(ValueError, match="at least two"):
        couplings(6, 1)
