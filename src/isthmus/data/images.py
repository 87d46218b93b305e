"""Folders of images as one array: sizes, colours and labels found out, damage named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError, needs

if TYPE_CHECKING:
    from PIL import Image

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
GREY = ("1", "L", "LA", "I;16", "I;16B", "I", "F")
Size = int | tuple[int, int]


def image_files(folder: Path) -> list[Path]:
    """The images in the folder and in those below it, by name; hidden ones aside."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def read_images(folder: Path, size: Size | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images (n, h, w), or (n, 3, h, w) where one has colours, and the name of the subfolder of each.

    Bytes stay bytes, 0 to 255. A photograph is turned as its camera says, and transparency is dropped. With
    `size`, a side or (height, width), each is scaled to cover it and cut around its centre. Labels are None
    unless every image is in a subfolder.

    Raises:
        DataError: for a damaged file, and where the sizes differ and none was asked for.
    """
    with needs("images", "reading images"):
        import PIL.Image  # noqa: F401
    files = image_files(folder)
    pictures = [_opened(path, size) for path in files]
    _check_sizes(folder, [picture.shape[:2] for picture in pictures])
    coloured = any(picture.ndim == 3 and (picture != picture[..., :1]).any() for picture in pictures)
    stack = np.stack([_channels(picture, coloured) for picture in pictures])
    below = [path.relative_to(folder).parts[:-1] for path in files]
    return stack, np.array([parts[0] for parts in below]) if all(below) else None


def _opened(path: Path, size: Size | None) -> np.ndarray:
    """(h, w), or (h, w, 3)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            image: Any = ImageOps.exif_transpose(file)
            image = image.convert("RGB") if image.mode not in GREY else _plain(image)
            if size is not None:
                height, width = (size, size) if isinstance(size, int) else size
                image = ImageOps.fit(image, (width, height))
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is damaged or no image: {error}; leave it out or save it again") from error


def _plain(image: Image.Image) -> Image.Image:
    """Grey without transparency, in bytes where it is no more."""
    return image.convert("L") if image.mode in ("1", "LA") else image


def _channels(picture: np.ndarray, coloured: bool) -> np.ndarray:
    """(3, h, w) or (h, w)."""
    if not coloured:
        return picture[..., 0] if picture.ndim == 3 else picture
    return np.moveaxis(picture, -1, 0) if picture.ndim == 3 else np.stack([picture] * 3)


def _check_sizes(folder: Path, sizes: list[tuple[int, ...]]) -> None:
    found = Counter(sizes)
    if len(found) == 1:
        return
    most = found.most_common()
    told = ", ".join(f"{h} x {w} ({count})" for (h, w), count in most[:5])
    told += f" and {len(most) - 5} more" if len(most) > 5 else ""
    side = min(64, *(min(size) for size in found))
    raise DataError(
        f"{folder} holds images of {len(found)} sizes, height x width: {told}; a model needs one: "
        f"size={side} (on the command line --size {side}) scales and cuts all to {side} x {side}"
    )
