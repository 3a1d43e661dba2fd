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
from convcli.pictures.formats.deep.samples import (
    LIBRARY_BYTES,
    DeepDecoded,
    Meaning,
    make_picture,
    scale_samples,
)
from convcli.pictures.formats.pillow.conventions import scale_note
from convcli.pictures.frames import no_frame
from convcli.pictures.limits import Limits

__all__ = ["decode_pnm"]

HEADER = re.compile(rb"(P[36])" + rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})" * 3 + rb"(?:\s|#[^\r\n]*[\r\n])")
MAX_HEADER = 1 << 16
MAX_VALUE = 65535
PLAIN_CHARACTERS = b"0123456789 \t\n\v\f\r"


def decode_pnm(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a PNM file of type P3 or P6."""
    header = HEADER.match(stream.read(MAX_HEADER))
    if header is None:
        raise ImageError(name, "is damaged: its header is not that of a PNM file")
    width, height, most = (int(field) for field in header.groups()[1:])
    if not (width and height and 0 < most <= MAX_VALUE):
        raise ImageError(name, f"is damaged: a PNM of {width}x{height} pixels from 0 to {most} cannot be")
    if frame:
        raise no_frame(name, frame, 1)
    plain = header[1] == b"P3"
    length = stream.seek(0, io.SEEK_END) - header.end()
    values = width * height * 3
    decoder_bytes = 2 * length + 8 * values if plain else 2 * values
    limits.check(name, (height, width, 3), 2, decoder_bytes=decoder_bytes + LIBRARY_BYTES)
    stream.seek(header.end())
    read = _plain if plain else _binary
    samples = read(stream, values, most, name).reshape(height, width, 3)
    if most == MAX_VALUE:
        return DeepDecoded(make_picture(samples.astype(np.uint16, copy=False), Meaning()))
    samples = scale_samples(samples, most, np.uint16)
    return DeepDecoded(make_picture(samples, Meaning(notes=(scale_note(most),))))


def _binary(stream: BinaryIO, values: int, most: int, name: str) -> NDArray[Any]:
    width = 2 if most > 255 else 1
    data = stream.read(values * width)
    if len(data) < values * width:
        raise ImageError(name, f"is truncated: {values * width - len(data)} bytes of its pixels are missing")
    return np.frombuffer(data, f">u{width}")


def _plain(stream: BinaryIO, values: int, most: int, name: str) -> NDArray[Any]:
    text = re.sub(rb"#[^\r\n]*", b"", stream.read()).strip()
    if text.translate(None, PLAIN_CHARACTERS):
        raise ImageError(name, "is damaged: a pixel is not a whole number")
    # A number that is too large becomes the largest.
    samples = np.fromstring(text, np.int64, sep=" ")[:values]
    if len(samples) < values:
        raise ImageError(name, f"is truncated: it has {len(samples)} of its {values} values")
    if samples.max() > most:
        raise ImageError(name, f"is damaged: it has a value above {most}")
    return samples.astype(np.uint16)
