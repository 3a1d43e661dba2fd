"""Photographs of any size, made of the sample images.

Enlarging would make them unnaturally smooth, noise unnaturally rough, and both compress as no photograph
does. So windows of the originals are laid side by side, turned over and moved from tile to tile. A window
comes again further away than the 32 KiB that deflate looks back, so repetition does not help the encoders.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.channels import Channels, select_channels
from convcli.pictures.reading import read_image

__all__ = ["Subject", "photograph", "sides_of"]

Pixels = NDArray[Any]

SAMPLES = Path(__file__).parents[2] / "sample_images"
IN_COLOUR = ("chelsea.png", "rocket.jpg")
ALL = ("camera.png", "chelsea.png", "brick.png", "rocket.jpg")
TILE = (300, 448)  # what the smallest original holds
STEP = (37, 53)  # how far the window moves on from tile to tile


class Subject(StrEnum):
    """What kind of photograph."""

    GREY = "gray"
    RGB = "RGB"
    GREY_16 = "16-bit gray"


def photograph(subject: Subject, height: int, width: int) -> Pixels:
    """Make a photograph; the same one each time.

    Parameters
    ----------
    subject : Subject
        Grey is made of all four originals, RGB of the two in colour. In 16 bits the low byte of a pixel is
        the high byte of another, so that all 65,536 values can occur.
    height, width : int

    Returns
    -------
    array (H, W) or (H, W, 3)
        uint8, or uint16 for 16-bit gray.

    Examples
    --------
    >>> photograph(Subject.RGB, 384, 512).shape
    (384, 512, 3)
    """
    if subject == Subject.GREY_16:
        gray = photograph(Subject.GREY, height, width)
        return gray.astype(np.uint16) << 8 | np.flip(gray)
    tile_height, tile_width = TILE
    rows, columns = -(-height // tile_height), -(-width // tile_width)
    result = np.empty(
        (rows * tile_height, columns * tile_width, 3)[: 3 if subject == Subject.RGB else 2], np.uint8
    )
    for row in range(rows):
        for column in range(columns):
            top, left = row * tile_height, column * tile_width
            result[top : top + tile_height, left : left + tile_width] = _tile(subject, row * columns + column)
    return np.ascontiguousarray(result[:height, :width])


def sides_of(megapixels: int) -> tuple[int, int]:
    """Return height and width of so many million pixels, 3 to 4 where they are whole.

    Examples
    --------
    >>> sides_of(12), sides_of(100)
    ((3000, 4000), (10000, 10000))
    """
    height = round((megapixels * 750_000) ** 0.5)
    if height * height * 4 == megapixels * 3_000_000:
        return height, height * 4 // 3
    height = round((megapixels * 1_000_000) ** 0.5)
    return height, round(megapixels * 1_000_000 / height)


def _tile(subject: Subject, number: int) -> Pixels:
    """Return the next original's next window, turned over in one of four ways."""
    originals = _originals(subject)
    turn, which = divmod(number, len(originals))
    source = originals[which]
    top, left = (
        number * step % (side - tile + 1) for step, side, tile in zip(STEP, source.shape, TILE, strict=False)
    )
    window = source[top : top + TILE[0], left : left + TILE[1]]
    upside_down, mirrored = divmod(turn % 4, 2)
    return window[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


@cache
def _originals(subject: Subject) -> tuple[Pixels, ...]:
    if subject == Subject.RGB:
        return tuple(read_image(SAMPLES / name) for name in IN_COLOUR)
    return tuple(select_channels(read_image(SAMPLES / name), Channels.GRAY) for name in ALL)
