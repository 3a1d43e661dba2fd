"""Chooses and calls the damage checks for a picture that Pillow decodes, by its format."""

import io
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError
from convcli.pictures.formats.pillow.estimates import check_scans
from convcli.pictures.formats.pillow.opening import length

if TYPE_CHECKING:
    from convcli.pictures.damage.jpeg import Scans
    from convcli.pictures.limits import Limits

__all__ = ["check_damage"]

PIXELS_COMPARED = 1 << 17  # pixels compared at a time


def check_damage(
    image: Image.Image, stream: BinaryIO, name: str, limits: "Limits", frame: int
) -> Callable[[], None]:
    """Check a picture before decoding, and return a function that checks it after decoding.

    Raises
    ------
    ImageError
        It is damaged or truncated, or decoding its scans and checking them takes too much memory.
    """
    if image.format == "TIFF":
        _check_tiff(image, stream, name)
    if image.format == "PNG":
        return partial(_check_png, image, stream, name, frame)
    if image.format not in {"JPEG", "MPO"}:
        return lambda: None
    from convcli.pictures.damage.jpeg import find_scans  # late, here and below: only for its format

    content = stream
    if frame:  # one of several pictures in a file
        position = stream.tell()
        stream.seek(image.offset)  # type: ignore[attr-defined] # an MPO has it
        content = io.BytesIO(stream.read())
        stream.seek(position)
    position = content.tell()
    scans = find_scans(content, name)
    content.seek(position)
    if len(scans.ends) > 1:
        check_scans(image, length(content), name, limits)
    return partial(_check_jpeg, image, content, name, scans)


def _check_tiff(image: Image.Image, stream: BinaryIO, name: str) -> None:
    from convcli.pictures.damage.tiff import check_directory, check_jpeg_parts, check_parts

    tags: Any = image.tag_v2  # type: ignore[attr-defined] # a TIFF has it
    tile: Any = image.tile[0] if image.tile else ("",)  # type: ignore[attr-defined]
    position = stream.tell()
    check_directory(stream, name, tags.offset)
    check_jpeg_parts(stream, tags, name)
    stream.seek(position)
    if tile[0] == "raw":  # for all others libtiff notices missing parts
        check_parts(tags, name)


def _check_png(image: Image.Image, stream: BinaryIO, name: str, frame: int) -> None:
    """Check for missing pixels, which Pillow leaves zero."""
    from convcli.pictures.damage.png import check_all_pixels, check_chunks

    check_chunks(stream, name)
    if image.mode == "P" and image.palette is not None:
        colors = len(image.palette.palette) // len(image.palette.mode)
        highest: Any = image.getextrema()[1]
        if highest >= colors:
            raise ImageError(name, f"is damaged: it uses color {highest}, but its palette has {colors}")
    last_row = image.crop((0, image.height - 1, *image.size))
    if frame or image.info.get("interlace") or last_row.getbbox(alpha_only=False) is None:
        check_all_pixels(stream, name, frame)


def _check_jpeg(image: Image.Image, stream: BinaryIO, name: str, scans: "Scans") -> None:
    """Check for missing pixels, which libjpeg leaves gray.

    A file with several scans is decoded again with extra bits after each scan: they become pixels only where
    data is missing. In a file with one scan, missing data always includes the last block, so a last pixel
    that is not gray proves that nothing is missing. Arithmetic coding may omit its last bytes, so extra bits
    would prove nothing there.
    """
    last: Any = image.getpixel((image.width - 1, image.height - 1))
    gray = all(abs(value - 128) <= 1 for value in (last if isinstance(last, tuple) else (last,)))
    if scans.arithmetic or (not gray and len(scans.ends) == 1):
        return
    from PIL.JpegImagePlugin import JpegImageFile

    from convcli.pictures.damage.jpeg import pad_scans

    with JpegImageFile(io.BytesIO(pad_scans(stream, scans.ends))) as again:
        again.load()
        rows = max(1, PIXELS_COMPARED // image.width)
        for top in range(0, image.height, rows):
            strip = 0, top, image.width, min(image.height, top + rows)
            if image.crop(strip).tobytes() != again.crop(strip).tobytes():
                raise ImageError(name, "is damaged: some of its pixels are missing")
