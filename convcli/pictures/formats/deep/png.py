"""Reads PNG files of 16 bits per channel in color, or with alpha.

The compiled core undoes the filters; without it, imagecodecs does.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.compiled.engine import is_compiled
from convcli.errors import ImageError
from convcli.pictures.damage.png import CHANNELS, check_chunks, find_chunk, pixel_data
from convcli.pictures.formats.deep.headers import (
    check_size,
    open_header,
    pillow_meaning,
    refuse_frame,
    scaled_picture,
)
from convcli.pictures.formats.deep.samples import DeepDecoded
from convcli.pictures.formats.png.reader import PixelReader
from convcli.pictures.headers.png_chunks import MAX_SIDE
from convcli.pictures.limits import Limits

__all__ = ["png_decoder"]

DEPTH, COLOR, METHODS, INTERLACE = 8, 9, 10, 12  # positions in the header
TRANSPARENT_COLOR = 6  # bytes of a chunk tRNS

SampleReader = Callable[[bytes, bytes, Sequence[bytes], str], NDArray[Any]]


def png_decoder() -> Callable[[BinaryIO, str, Limits, int | None], DeepDecoded]:
    """Return the function that decodes a file; see `Decoder.decode`.

    Raises
    ------
    ImportError
        There is neither the compiled core nor imagecodecs.
    """
    if is_compiled():
        return partial(_decode, read_samples)
    from convcli.pictures.formats.deep.png_samples import read_samples_with_libpng

    return partial(_decode, read_samples_with_libpng)


def _decode(
    read: SampleReader, stream: BinaryIO, name: str, limits: Limits, frame: int | None
) -> DeepDecoded:
    with open_header(stream, name) as image:
        refuse_frame(frame, name, animated=getattr(image, "is_animated", False))
        transparent = (find_chunk(stream, name, b"tRNS") or b"") if image.mode == "RGB" else b""
        if image.mode == "RGB" and len(transparent) != TRANSPARENT_COLOR:
            transparent = b""  # damaged, or none
            image.info.pop("transparency", None)
        channels = len(image.getbands()) + ("transparency" in image.info)
        value_bytes = 0 if is_compiled() else 8  # the core decodes to where the pixels stay
        check_size(image.size, channels, 16, value_bytes, stream, name, limits)
        check_chunks(stream, name)
        image.info.setdefault("exif", find_chunk(stream, name, b"eXIf"))  # it may follow the pixels
        meaning = pillow_meaning(image, frame)
    header, parts = pixel_data(stream, name)
    _check_header(header, image.size, name)
    return scaled_picture(read(header, transparent, parts, name), 16, meaning)


def _check_header(header: bytes, size: tuple[int, int], name: str) -> None:
    width, height = struct.unpack_from(">II", header)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ImageError(name, f"has {width}x{height} pixels: each side must be from 1 to {MAX_SIDE}")
    if (width, height) != size or header[DEPTH] != 16 or header[COLOR] not in CHANNELS:
        raise ImageError(name, "is damaged: it has several headers, which differ")
    if header[METHODS:INTERLACE] != bytes(2) or header[INTERLACE] > 1:
        raise ImageError(name, "is damaged: its header names an unknown compression, filter or interlacing")


def read_samples(header: bytes, transparent: bytes, parts: Sequence[bytes], name: str) -> NDArray[Any]:
    """Return samples (H, W) or (H, W, C), with alpha if a color is transparent.

    Parameters
    ----------
    header, transparent : bytes
        The contents of the chunks IHDR and tRNS. tRNS is empty if it is missing or does not apply.
    parts : sequence of bytes
        The contents of the chunks IDAT.
    name : str
        The name to use in messages.

    Raises
    ------
    ImageError
        Pixels are missing.
    """
    width, height = struct.unpack_from(">II", header)
    channels = CHANNELS[header[COLOR]]
    samples = np.empty((height, width, channels + bool(transparent)), np.uint16)
    reader = PixelReader(height, width, channels, 16, interlaced=bool(header[INTERLACE]))
    try:
        reader.read(parts, samples.data)
    except zlib.error:
        if reader.missing:  # otherwise only what follows the pixels is damaged
            raise
    if reader.missing:
        raise ImageError(name, f"is damaged: {reader.missing} bytes of its pixels are missing")
    if transparent:
        colors, alpha = samples[..., :channels], samples[..., channels]
        alpha[(colors == np.frombuffer(transparent, ">u2")).all(axis=2)] = 0
    return samples
