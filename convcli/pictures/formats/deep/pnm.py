"""Reads color PNM files with more than 8 bits per channel; needs no extra.

Source: Netpbm, the formats of PPM files.
"""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.formats.deep.samples import DeepDecoded, Meaning, make_picture
from convcli.pictures.formats.pillow_conventions import scale_note
from convcli.pictures.limits import Limits

__all__ = ["decode_pnm"]

HEADER = re.compile(rb"(P[36])" + rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})" * 3 + rb"(?:\s|#[^\r\n]*[\r\n])")
MAX_HEADER = 1 << 16
MAX_VALUE = 65535
MAX_DIGITS = 20
TEXT_MEMORY_FACTOR = 24  # reading numbers as text takes at most this many times their bytes


def decode_pnm(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a PNM file of type P3 or P6."""
    header = HEADER.match(stream.read(MAX_HEADER))
    if header is None:
        raise ImageError(name, "is damaged: its header is not that of a PNM file")
    width, height, most = (int(field) for field in header.groups()[1:])
    if not (width and height and 0 < most <= MAX_VALUE):
        raise ImageError(name, f"is damaged: a PNM of {width}x{height} pixels from 0 to {most} cannot be")
    if frame:
        raise ImageError(name, f"has no frame {frame}: it has a single frame")
    plain = header[1] == b"P3"
    length = stream.seek(0, io.SEEK_END) - header.end()
    values = width * height * 3
    limits.check(
        name, (height, width, 3), 2, decoder_bytes=TEXT_MEMORY_FACTOR * length if plain else 4 * values
    )
    stream.seek(header.end())
    samples = _plain(stream, values, most, name) if plain else _binary(stream, values, most, name)
    notes = () if most == MAX_VALUE else (scale_note(most),)
    pixels = samples.reshape(height, width, 3)
    return DeepDecoded(make_picture(pixels, Meaning(notes=notes)))


def _scaled(samples: NDArray[Any], most: int) -> NDArray[Any]:
    if most == MAX_VALUE:
        return samples.astype(np.uint16, copy=False)
    levels = (np.arange(most + 1, dtype=np.uint64) * MAX_VALUE + most // 2) // most
    return np.take(levels.astype(np.uint16), samples, mode="clip")


def _binary(stream: BinaryIO, values: int, most: int, name: str) -> NDArray[Any]:
    width = 2 if most > 255 else 1
    data = stream.read(values * width)
    if len(data) < values * width:
        raise ImageError(name, f"is truncated: {values * width - len(data)} bytes of its pixels are missing")
    return _scaled(np.frombuffer(data, f">u{width}"), most)


def _plain(stream: BinaryIO, values: int, most: int, name: str) -> NDArray[Any]:
    words = re.sub(rb"#[^\r\n]*", b"", stream.read()).split()[:values]
    if len(words) < values:
        raise ImageError(name, f"is truncated: it has {len(words)} of its {values} values")
    if not all(word.isdigit() and len(word) <= MAX_DIGITS for word in words):
        raise ImageError(name, "is damaged: a pixel is not a whole number")
    samples = np.array(words).astype(np.float64)  # exact up to 2^53, and no number overflows
    if samples.max() > most:
        raise ImageError(name, f"is damaged: it has a value above {most}")
    return _scaled(samples.astype(np.uint32), most)
