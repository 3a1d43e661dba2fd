"""Pictures checked for what Pillow lets pass: parts that never came, and are left black or grey."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError
from convcli.jpeg_checks import Scans, padded, scans_of
from convcli.png_checks import check_all_pixels, check_chunks
from convcli.tiff_checks import APART, PLANAR, check_directory, check_parts

__all__ = ["checked"]

ROWS_COMPARED = 256  # at a time


def checked(image: Image.Image, stream: BinaryIO, name: str, frame: int) -> Callable[[], None]:
    """Check a picture that is not decoded yet, and return what checks it when it is.

    Raises
    ------
    ImageError
        It is damaged or cut short.
    """
    if image.format == "TIFF":
        _check_tiff(image, stream, name)
    if image.format == "PNG":
        return partial(_check_png, image, stream, name, frame)
    if image.format not in {"JPEG", "MPO"}:
        return lambda: None
    content = stream
    if frame:  # of several pictures in one file
        place = stream.tell()
        stream.seek(image.offset)  # type: ignore[attr-defined] # of an MPO
        content = io.BytesIO(stream.read())
        stream.seek(place)
    place = content.tell()
    scans = scans_of(content, name)
    content.seek(place)
    return partial(_check_jpeg, image, content, name, scans)


def _check_tiff(image: Image.Image, stream: BinaryIO, name: str) -> None:
    tags: Any = image.tag_v2  # type: ignore[attr-defined] # of a TIFF
    tile: Any = image.tile[0] if image.tile else ("",)  # type: ignore[attr-defined]
    place = stream.tell()
    check_directory(stream, name, tags.offset)
    stream.seek(place)
    if tile[0] == "raw":  # else libtiff misses them
        check_parts(tags, name)
    elif image.mode == "LA" and tags.get(PLANAR) == APART:
        raise ImageError(name, "holds grey and alpha in planes of their own, of which Pillow reads one")


def _check_png(image: Image.Image, stream: BinaryIO, name: str, frame: int) -> None:
    """Check what Pillow leaves zero where it never came."""
    check_chunks(stream, name)
    if image.mode == "P" and image.palette is not None:
        colors = len(image.palette.palette) // len(image.palette.mode)
        highest: Any = image.getextrema()[1]
        if highest >= colors:
            raise ImageError(name, f"is damaged: it uses colour {highest} of a palette of {colors}")
    last_row = image.crop((0, image.height - 1, *image.size))
    if frame or image.info.get("interlace") or last_row.getbbox(alpha_only=False) is None:
        check_all_pixels(stream, name, frame)


def _check_jpeg(image: Image.Image, stream: BinaryIO, name: str, scans: Scans) -> None:
    """Check what libjpeg leaves grey where it never came.

    It goes through a file of several scans once more, with bits behind each: only if some are missing they
    become pixels. In a file of one scan its last block is missing then, too, and shows it. An arithmetic code
    may leave its last bytes out, so bits behind it would tell nothing.
    """
    last: Any = image.getpixel((image.width - 1, image.height - 1))
    grey = all(abs(value - 128) <= 1 for value in (last if isinstance(last, tuple) else (last,)))
    if scans.arithmetic or (not grey and len(scans.ends) == 1):
        return
    with Image.open(io.BytesIO(padded(stream, scans.ends)), formats=("JPEG",)) as again:
        again.load()
        for top in range(0, image.height, ROWS_COMPARED):
            strip = 0, top, image.width, min(image.height, top + ROWS_COMPARED)
            if image.crop(strip).tobytes() != again.crop(strip).tobytes():
                raise ImageError(name, "is damaged: a part of its pixels is missing")
