"""Multiplications of a net, against counts by hand."""

from __future__ import annotations

from torch import nn

from isthmus.nets import convs, mlps, multiplications


def test_a_dense_net_and_its_tied_mirror_cost_as_many_as_they_have_weights() -> None:
    for tied in (False, True):
        encoder, decoder = mlps(20, (7,), 3, 3, 20, tied=tied)
        assert multiplications(encoder, 20) == multiplications(decoder, 3) == 20 * 7 + 7 * 3


def test_a_weight_of_a_convolution_costs_once_for_every_place() -> None:
    encoder, decoder = convs((1, 8, 8), (4, 6), 5, 5, (1, 8, 8))
    by_hand = 16 * 4 * 4 * 4 + 16 * 4 * 6 * 2 * 2 + 6 * 2 * 2 * 5  # 8 × 8 -> 4 × 4 -> 2 × 2 -> 5
    assert multiplications(encoder, (1, 8, 8)) == multiplications(decoder, 5) == by_hand


def test_the_net_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout())
    net[2].eval()
    assert multiplications(net, 4) == 12
    assert net.training and net[1].training and not net[2].training
    assert net[1].num_batches_tracked == 0 and not net[0]._forward_hooks
