"""Decodes pictures that Pillow cannot keep whole: finds the format, and whether the extra is installed.

Imports numpy, tifffile and imagecodecs only when such a picture is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from convcli.errors import ConvcliError, ImageError, NotKeptWhole
from convcli.pictures.headers.signatures import find_format
from convcli.pictures.limits import Limits

if TYPE_CHECKING:
    from convcli.pictures.formats.deep.samples import DeepDecoded

__all__ = ["EXTENSIONS", "FORMATS", "decode", "describe_failure"]

FORMATS = ("JPEG 2000", "JPEG XL")
"""The formats that only this decoder reads."""
EXTENSIONS = (".jp2", ".j2k", ".jxl")
READ = ("PNG", "TIFF", "PNM", "JPEG", "AVIF", *FORMATS)
FOR_PROGRAMMERS = (TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, struct.error)
MAX_REASON = 200  # characters of another library's message


def decode(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded | None:
    """Decode a picture, or return None if the file is in none of the formats; see `Decoder.decode`."""
    found = find_format(stream)
    if found not in READ:
        return None
    try:
        return _reader(found, name)(stream, name, limits, frame)
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise ImageError(name, describe_failure(error)) from None


Reader = Callable[[BinaryIO, str, Limits, "int | None"], "DeepDecoded"]


def _reader(found: str, name: str) -> Reader:
    """Return the function that reads a format.

    Raises
    ------
    NotKeptWhole
        The extra is not installed.
    """
    try:
        if found == "PNG":
            from convcli.pictures.formats.deep.png import png_decoder

            return png_decoder()
        if found == "PNM":
            from convcli.pictures.formats.deep.pnm import decode_pnm

            return decode_pnm
        if found == "TIFF":
            from convcli.pictures.formats.deep.tiff import decode_tiff

            return decode_tiff
        from convcli.pictures.formats.deep.codecs import READERS

        return READERS[found]
    except ImportError:
        raise NotKeptWhole(name, f"is a {found} file, which convcli does not read by itself") from None


def describe_failure(error: Exception) -> str:
    """Return a message of one line, a general one where the decoder's own is meant for programmers."""
    message = " ".join(str(error).split())[:MAX_REASON]
    if not message or isinstance(error, FOR_PROGRAMMERS):
        return "is damaged, or of a kind that is not read"
    return f"cannot be decoded: {message}"
