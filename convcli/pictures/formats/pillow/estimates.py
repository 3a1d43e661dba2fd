"""Estimates the memory that Pillow's decoders take, and recognizes when they run out of it.

The numbers are upper bounds, measured as peaks of processes that decode pictures of 20 million pixels.
"""

from __future__ import annotations

import io
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from convcli.compiled.engine import is_compiled
from convcli.errors import ImageError
from convcli.pictures.headers.tiff_tags import SEPARATE_PLANES, Photometric, Tag
from convcli.pictures.raster import held_bytes

if TYPE_CHECKING:
    from PIL import Image

    from convcli.pictures.limits import Limits

__all__ = ["MAPPED", "check_scans", "check_size", "is_memory_short"]

MAPPED = {"PNG", "JPEG", "MPO", "TIFF", "WEBP", "BMP", "PPM", "AVIF"}
"""The formats that are decoded into rasters."""
# By mode: channels of the array, bytes per value, bytes per pixel in Pillow.
MODE_BYTES = {
    "1": (1, 1, 1),
    "L": (1, 1, 1),
    "P": (3, 1, 2),  # 1, and 4 instead of 3 when its colors are looked up
    "I;16": (1, 2, 2),
    "I": (1, 4, 4),
    "F": (1, 4, 4),
    "LA": (2, 1, 4),
    "RGB": (3, 1, 4),
    "RGBA": (4, 1, 4),
}
ANY_MODE = 3, 1, 4
MAPPED_MODES = {"L", "I;16", "RGB", "RGBA"}  # which rasters can have
SAMPLES = 4  # of a color pixel in a raster
ROW_OVERHEAD = 12  # bytes that Pillow needs per row
FRAME_BYTES = 12  # per pixel: what decoders hold of the frames before
WEBP_BYTES, AVIF_BYTES, AVIF_GRAY_BYTES = 12, 9, 4  # per pixel: canvases and planes of the decoders
# Pillow's decoders in Python hold two copies of all samples, and the words of a block of plain text.
PYTHON_COPIES, TEXT_BLOCK, WORD_BYTES = 2, 1 << 20, 40
MAX_PART_PIXELS = 1 << 24  # pixels of a part that may exceed the limit, and the picture
RGBX_BITS = 32  # per pixel
OUT_OF_MEMORY = ("out of memory", "decoder error -9")  # how decoders report it


def check_size(
    image: Image.Image,
    file_bytes: int,
    name: str,
    limits: Limits,
    *,
    frame: int | None = None,
    is_decoded: bool = False,
) -> None:
    """Refuse a picture whose header gives a size beyond the limits.

    Raises
    ------
    ImageError
        It is larger.
    """
    decoder_bytes = 0 if is_decoded else _decoder_bytes(image, file_bytes, frame)
    if image.format == "TIFF" and not is_decoded:
        decoder_bytes += _part_bytes(image, name, limits)
    if image.format == "AVIF" and not is_decoded:
        _check_part(_coded_pixels(image), "holds a picture of", name, limits)
    _check(image, name, limits, decoder_bytes, is_decoded=is_decoded)


def check_scans(image: Image.Image, file_bytes: int, name: str, limits: Limits) -> None:
    """Refuse a JPEG of several scans that takes too much memory: libjpeg holds all its coefficients.

    Raises
    ------
    ImageError
        It takes more than the limits allow.
    """
    _check(image, name, limits, _pixels_bytes(image) + _coefficient_bytes(image) + 2 * file_bytes)


def _check(
    image: Image.Image, name: str, limits: Limits, decoder_bytes: int, *, is_decoded: bool = False
) -> None:
    """Check the memory of pixels in Pillow, with either what the decoder takes besides or a copy of them."""
    channels, itemsize, _ = MODE_BYTES.get(image.mode, ANY_MODE)
    pixels_bytes = _pixels_bytes(image)
    has_transparency = "transparency" in image.info
    if has_transparency:
        channels = 2 if image.mode in {"L", "1"} else 4
    area, size = image.height * image.width, (image.height, image.width, channels)
    is_converted = has_transparency or image.format not in MAPPED or image.mode not in MAPPED_MODES
    copied_bytes = pixels_bytes if is_converted else 0
    if channels > 2 and not is_compiled():  # numpy packs colors, which have a fourth sample
        copied_bytes = max(copied_bytes + area, SAMPLES * area)
    limits.check(
        name,
        size,
        itemsize,
        decoder_bytes=max(copied_bytes, pixels_bytes + decoder_bytes - held_bytes(size, itemsize)),
        taken_bytes=pixels_bytes if is_decoded else 0,
        numbers=image.mode in {"I", "F"},
    )


def _pixels_bytes(image: Image.Image) -> int:
    """Return the bytes of the image in Pillow."""
    return (image.width * MODE_BYTES.get(image.mode, ANY_MODE)[2] + ROW_OVERHEAD) * image.height


def _coefficient_bytes(image: Image.Image) -> int:
    """Return the bytes of all coefficients of a JPEG."""
    layers: Any = getattr(image, "layer", ())
    sampling = [(across, down) for _, across, down, _ in layers] or [(1, 1)]
    most_across, most_down = (max(1, *factors) for factors in zip(*sampling, strict=True))
    blocks: int = sum(
        math.ceil(image.width * across / most_across / 8) * math.ceil(image.height * down / most_down / 8)
        for across, down in sampling
    )
    return 128 * blocks


def _decoder_bytes(image: Image.Image, file_bytes: int, frame: int | None) -> int:
    """Return the bytes that decoding, checking or turning an image upright takes besides the image."""
    pixels = image.width * image.height
    match image.format:
        case "WEBP":
            return WEBP_BYTES * pixels + 2 * file_bytes
        case "AVIF":
            coded = max(pixels, _coded_pixels(image))
            return (AVIF_GRAY_BYTES if image.mode == "L" else AVIF_BYTES) * coded + 2 * file_bytes
        case "GIF" | "PNG" if frame:
            return FRAME_BYTES * pixels
        case "PNG" if isinstance(getattr(image, "fp", None), io.BytesIO):  # may be a copy
            return _pixels_bytes(image) + 2 * file_bytes
        case "PPM" if _is_decoded_by_python(image):
            copies = PYTHON_COPIES * pixels * len(image.getbands()) * (4 if image.mode == "I" else 1)
            return copies + WORD_BYTES * min(file_bytes, TEXT_BLOCK)
    turned_bytes = _pixels_bytes(image) if _may_be_turned(image) else 0
    return turned_bytes + (file_bytes if image.format in {"JPEG", "MPO"} else 0)


def _may_be_turned(image: Image.Image) -> bool:
    if image.format == "TIFF":
        return bool(image.tag_v2.get(Tag.ORIENTATION, 1) != 1)  # type: ignore[attr-defined] # a TIFF has it
    return image.format == "PNG" or "exif" in image.info  # which may follow the pixels of a PNG


def _check_part(pixels: int, what: str, name: str, limits: Limits) -> None:
    if pixels > max(limits.pixels, MAX_PART_PIXELS):
        why = f"{what} {pixels} pixels, more than {limits.pixels}"
        raise ImageError(name, f"{why}; raise the limit with --max-pixels")


def _coded_pixels(image: Image.Image) -> int:
    """Return the pixels of the largest picture in an AVIF, which the decoder scales to the size it gives."""
    from convcli.pictures.headers.av1 import coded_pixels  # late: only for an AVIF

    stream: Any = getattr(image, "fp", None)
    if stream is None:  # it is closed
        return 0
    position = stream.tell()
    pixels = coded_pixels(stream)
    stream.seek(position)
    return pixels


def _is_decoded_by_python(image: Image.Image) -> bool:
    tiles: Any = getattr(image, "tile", ())
    return bool(tiles) and str(tiles[0][0]).startswith("ppm")


def _part_bytes(image: Image.Image, name: str, limits: Limits) -> int:
    """Return the bytes of the tile or strip that libtiff decodes at a time, which may exceed the picture."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined] # a TIFF has it
    tiles: Any = getattr(image, "tile", ())
    if not tiles or tiles[0][0] != "libtiff":
        return 0
    across, down = tags.get(Tag.TILE_WIDTH), tags.get(Tag.TILE_LENGTH)
    if across is None or down is None:
        rows = tags.get(Tag.ROWS_PER_STRIP, image.height)
        across, down = image.width, min(rows, image.height) if isinstance(rows, int) else image.height
    pixels = across * down
    _check_part(pixels, f"has tiles of {across}x{down} =", name, limits)
    bits = tags.get(Tag.BITS_PER_SAMPLE, (1,))
    pixel_bits = max(bits) if tags.get(Tag.PLANAR) == SEPARATE_PLANES else sum(bits)
    if tags.get(Tag.PHOTOMETRIC) == Photometric.YCBCR:
        pixel_bits = RGBX_BITS  # libtiff converts it
    return int(pixels * pixel_bits // 8)


def is_memory_short(error: Exception, image: Image.Image | None) -> bool:
    """Whether a decoder ran out of memory: not every decoder reports it as such."""
    if any(text in str(error).lower() for text in OUT_OF_MEMORY):
        return True
    if image is None:
        return False
    with suppress(MemoryError):  # where the address space is limited
        bytes(_decoder_bytes(image, 0, None) + _coefficient_bytes(image))  # which takes no memory until used
        return False
    return True
