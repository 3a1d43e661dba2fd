"""Pillow images and rasters of the same memory: neither is copied to become the other.

Pillow keeps 4 bytes for each RGB pixel, so such a raster has 4 samples per pixel, of which 3 count.
"""

from __future__ import annotations

import sys
from typing import Any

from PIL import Image

from convcli.pictures.raster import Raster

__all__ = ["convert_to_rasters", "image_of", "new_raster"]

CHANNELS = {"L": None, "RGB": 3, "RGBA": 4, "I;16": None}  # by mode
SAMPLES = 4  # of a pixel with several channels
MAX_MAPPED_BYTES = (1 << 31) - 1
STRIP_PIXELS = 1 << 17  # pixels converted at a time


def new_raster(mode: str, size: tuple[int, int]) -> Raster | None:
    """Return a raster of zeros that `image_of` shows as an image of a mode; None if it can show none.

    Examples
    --------
    >>> new_raster("RGB", (5, 2)).samples.shape, new_raster("CMYK", (5, 2))
    ((2, 5, 4), None)
    """
    if mode not in CHANNELS or (mode == "I;16" and sys.byteorder == "big"):
        return None
    width, height = size
    channels = CHANNELS[mode]
    samples, depth = None if channels is None else SAMPLES, 16 if mode == "I;16" else 8
    if width * height * (samples or 1) * (depth // 8) > MAX_MAPPED_BYTES:
        return None
    raster = Raster.empty(height, width, samples, depth=depth)
    return raster if channels is None else raster.with_channels(channels)


def image_of(raster: Raster) -> Image.Image:
    """Return an image of a raster's memory, or of a copy where Pillow keeps such pixels in another way.

    The image keeps the memory alive, and the raster shows what is drawn on the image.

    Parameters
    ----------
    raster : Raster
        Of one channel, or of RGB or RGBA with 8 bits.

    Examples
    --------
    >>> raster = new_raster("RGB", (2, 1))
    >>> image_of(raster).putpixel((1, 0), (7, 8, 9))
    >>> raster.array().tolist()
    [[[0, 0, 0], [7, 8, 9]]]
    """
    height, width, *samples = raster.samples.shape or ()
    size = width, height
    mode = {None: "L" if raster.depth == 8 else "I;16", 3: "RGB", 4: "RGBA"}[raster.channels]
    if samples in ([], [SAMPLES]) and raster.samples.nbytes <= MAX_MAPPED_BYTES:
        return Image.Image()._new(_map(raster.samples, size, mode))  # as `Image.frombuffer` does
    raw_mode = mode if raster.is_packed else "RGBX"
    data: Any = raster.samples.cast("B")
    return Image.frombytes(mode, size, data, "raw", raw_mode)


def convert_to_rasters(image: Image.Image, mode: str) -> tuple[Raster, Raster | None]:
    """Return an image as a raster and its alpha as another, strip by strip: all at once takes more copies.

    Parameters
    ----------
    image : Image
    mode : str
        What it becomes: L, LA, RGB or RGBA.
    """
    width, height = image.size
    is_gray = mode[0] == "L"
    pixels = Raster.empty(height, width, None if is_gray else SAMPLES)
    alpha = Raster.empty(height, width) if mode[-1] == "A" else None
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        if strip.mode != mode:
            strip = strip.convert(mode)
        if alpha is not None:
            _copy(strip.getchannel("A"), alpha, top)
        _copy(strip.getchannel("L") if mode == "LA" else strip, pixels, top)
    return pixels if is_gray else pixels.with_channels(3), alpha


def _copy(strip: Image.Image, raster: Raster, top: int) -> None:
    """Copy a strip to the rows of a raster from `top` on."""
    row_bytes = raster.samples.nbytes // len(raster.samples)
    memory = raster.samples.cast("B")[top * row_bytes : (top + strip.height) * row_bytes]
    _map(memory, strip.size, strip.mode).paste(strip.im, (0, 0, *strip.size))


def _map(memory: memoryview, size: tuple[int, int], mode: str) -> Any:
    """Return an image that lies in memory, as `Image.frombuffer` makes it, though not of RGB."""
    core: Any = vars(Image)["core"]
    return core.map_buffer(memory, size, "raw", 0, (mode, 0, 1))
