"""A code that is a picture: what moves in the image moves in the code, and nothing else changes."""

from __future__ import annotations

import pytest
import torch

from isthmus.nets import convs
from isthmus.randomness import seeded


def test_a_shift_by_the_stride_shifts_the_code_and_what_comes_back() -> None:
    with seeded(0):
        encoder, decoder = convs((1, 32, 32), (4, 6), 128, 128, (1, 32, 32), spatial=True)
        patch = torch.rand(3, 1, 8, 8)
    with torch.no_grad():
        pictures = [torch.zeros(3, 1, 32, 32) for _ in range(2)]
        for picture, at in zip(pictures, (12, 16)):
            picture[:, :, at : at + 8, 12:20] = patch
        codes = [encoder(picture).view(3, 2, 8, 8) for picture in pictures]
        seen = [decoder(code.flatten(1)) for code in codes]
    torch.testing.assert_close(codes[0][:, :, 1:6], codes[1][:, :, 2:7])
    torch.testing.assert_close(seen[0][:, :, 6:22], seen[1][:, :, 10:26])
    assert not torch.allclose(codes[0], codes[1])


def test_a_width_that_is_no_picture_is_refused() -> None:
    with pytest.raises(
        ValueError, match="4 x 4 places, and a width that is a multiple of 16; this one has 20"
    ):
        convs((1, 16, 16), (4, 8), 20, 20, (1, 16, 16), spatial=True)
    encoder, _ = convs((1, 16, 16), (4, 8), 64, 32, (1, 16, 16), spatial=True)
    assert encoder(torch.zeros(2, 1, 16, 16)).shape == (2, 64)
