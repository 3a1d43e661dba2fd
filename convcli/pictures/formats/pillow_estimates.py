"""Estimates the memory that Pillow's decoders take, and finds out whether it was memory that one lacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from convcli.pictures.limits import Limits

__all__ = ["check_size", "is_memory_short"]

# By mode: channels of the array, bytes per value, bytes per pixel in Pillow.
MODE_BYTES = {
    "1": (1, 1, 1),
    "L": (1, 1, 1),
    "P": (3, 1, 5),
    "I;16": (1, 2, 2),
    "I": (1, 4, 4),
    "F": (1, 4, 4),
    "LA": (2, 1, 4),
    "RGB": (3, 1, 4),
    "RGBA": (4, 1, 4),
}
ROW_OVERHEAD = 12  # bytes that Pillow needs per row
OUT_OF_MEMORY = ("out of memory", "decoder error -9")  # how Pillow's decoders report it


def check_size(
    image: Image.Image, file_bytes: int, name: str, limits: Limits, *, is_decoded: bool = False
) -> None:
    """Refuse a picture whose header gives a size beyond the limits.

    Raises
    ------
    ImageError
        It is larger.
    """
    channels, itemsize, pixel_bytes = MODE_BYTES.get(image.mode, (3, 1, 8))
    if "transparency" in image.info:
        channels, pixel_bytes = 4, 8
    if image.format in {"WEBP", "AVIF", "GIF"}:
        pixel_bytes += 8  # their decoders hold whole frames
    size = image.height, image.width, channels
    decoder_bytes = (image.width * pixel_bytes + ROW_OVERHEAD) * image.height
    if image.format in {"PNG", "WEBP", "AVIF"}:  # their decoders read compressed data into memory
        decoder_bytes += 2 * file_bytes
    limits.check(
        name,
        size,
        itemsize,
        decoder_bytes=decoder_bytes,
        taken_bytes=decoder_bytes if is_decoded else 0,
        numbers=image.mode in {"I", "F"},
    )


def is_memory_short(error: Exception, image: Image.Image | None) -> bool:
    """Whether it was lack of memory that made a decoder fail, which not every decoder reports."""
    del image
    return any(text in str(error).lower() for text in OUT_OF_MEMORY)
