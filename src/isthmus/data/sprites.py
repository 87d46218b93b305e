"""Pictures of which every cause is known: a shape at every size, angle and place, none left out."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .errors import DataError

SIDE = 16  # pixels
FINE = 4  # points a pixel, along each side
SHAPES = ("square", "ellipse", "triangle")
RADII = (2.0, 2.6, 3.3, 4.0)  # pixels, of the circle around the shape
ANGLES = 8  # over a right angle, after which a square is itself again
PLACES = 16  # along either axis, half a pixel apart
FACTORS = ("shape", "scale", "rotation", "x", "y")
SIZES = (len(SHAPES), len(RADII), ANGLES, PLACES, PLACES)


class Sprites(NamedTuple):
    """Flat pictures (n, side²), float32 from 0 to 1, and where each is on its five axes, (n, 5), int64."""

    x: np.ndarray
    factors: np.ndarray


def sprites() -> Sprites:
    """All 24 576 pictures, 16 × 16, in the order of their factors, the last of `FACTORS` fastest.

    Of each combination of 3 shapes, 4 scales, 8 rotations, 16 places across and 16 down there is one
    picture, and no two are the same. A pixel is the share of 4 × 4 points in it that the shape covers. The
    idea is that of dSprites (Matthey et al. 2017), whose squares and ellipses, turned all the way round,
    meet themselves again: there, rotation cannot be read off the picture. These are no dSprites.

    >>> sprites().factors.max(0) + 1
    array([ 3,  4,  8, 16, 16])
    """
    drawn = [
        _everywhere(shape, radius * FINE, turn * np.pi / 2 / ANGLES)
        for shape in SHAPES
        for radius in RADII
        for turn in range(ANGLES)
    ]
    x = np.concatenate(drawn).reshape(-1, SIDE * SIDE)
    return Sprites(x, np.stack(np.unravel_index(np.arange(len(x)), SIZES), 1).astype(np.int64))


def dsprites(path: str | Path, rows: int | None = None, seed: int = 0) -> Sprites:
    """dSprites, from the NPZ file of its authors that you have: all pictures, or so many drawn at random.

    64 × 64 pixels, 737 280 pictures of 3 shapes, 6 scales, 40 rotations and 32 × 32 places; the colour, which
    is always white, is left out of the factors. All of them take 3 GB to read and 12 GB as float32: ask for
    `rows`, 100 000 say.

    Reference: Matthey, Higgins, Hassabis & Lerchner 2017, https://github.com/google-deepmind/dsprites-dataset.

    Raises:
        DataError: for a file that is not there, or not this one.
    """
    try:
        with np.load(path) as file:
            pictures, classes = file["imgs"], file["latents_classes"]
    except (OSError, EOFError, LookupError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not the NPZ file of dSprites: {error}") from error
    if pictures.ndim != 3 or classes.shape != (len(pictures), len(FACTORS) + 1):
        shapes = f"{pictures.shape} and {classes.shape}"
        raise DataError(f"{path} is not dSprites: its pictures and causes have the shapes {shapes}")
    if rows is not None:
        if not 1 <= rows <= len(pictures):
            raise DataError(f"there are {len(pictures)} pictures in {path}, and {rows} were asked for")
        some = np.sort(np.random.default_rng(seed).permutation(len(pictures))[:rows])
        pictures, classes = pictures[some], classes[some]
    x = pictures.reshape(len(pictures), -1).astype(np.float32)
    return Sprites(x, classes[:, 1:].astype(np.int64))


def _everywhere(shape: str, radius: float, angle: float) -> np.ndarray:
    """One shape at all places, (PLACES across, PLACES down, SIDE, SIDE): windows of one large drawing."""
    step, seen = FINE // 2, SIDE * FINE
    reach = step * (PLACES - 1)
    points = np.arange(seen + reach) - (seen + reach - 1) / 2
    covered = _inside(shape, radius, angle, points[None, :], points[:, None])  # rows are y
    windows = np.lib.stride_tricks.sliding_window_view(covered, (seen, seen))[::-step, ::-step]
    pixels = windows.reshape(PLACES, PLACES, SIDE, FINE, SIDE, FINE).mean((3, 5), dtype=np.float32)
    return pixels.swapaxes(0, 1)  # (down, across) -> (across, down)


def _inside(shape: str, radius: float, angle: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    u = np.cos(angle) * x + np.sin(angle) * y
    v = np.cos(angle) * y - np.sin(angle) * x
    if shape == "square":
        return np.maximum(np.abs(u), np.abs(v)) <= radius / np.sqrt(2)
    if shape == "ellipse":
        return u**2 + (2 * v) ** 2 <= radius**2
    sides = [np.cos(turn) * u + np.sin(turn) * v for turn in (np.pi / 2, -np.pi / 6, -5 * np.pi / 6)]
    return np.max(np.broadcast_arrays(*sides), 0) <= radius / 2
