"""Corrects or refuses files that Pillow reads differently from most programs.

The table "What is assumed where a file leaves room" in docs/filters.md lists all conventions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from PIL import Image

from convcli.errors import ImageError
from convcli.pictures.headers.tiff_tags import CENTIMETER, Photometric, Tag
from convcli.pictures.picture import sound_resolution

__all__ = [
    "cmyk_note", "describe_color", "exif_orientation", "find_resolution", "forget_xmp", "prepare",
    "scale_note",
]  # fmt: skip

HALF = (2, 2)  # the subsampling of a file that does not give it
JPEG_COEFFICIENTS = (0.299, 0.587, 0.114)
FULL_RANGE = (0, 255, 128, 255, 128, 255)
BMP_HEADER, BMP_BITFIELDS, BMP_ALPHA_BITFIELDS = 14, 3, 6
BLOCK = 1 << 20  # bytes read at a time
SRGB_GAMMA = 1 / 2.2
SRGB_CHROMATICITY = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


def prepare(image: Image.Image, stream: BinaryIO, name: str) -> Callable[[], None]:
    """Set how Pillow decodes the pixels, and return a function to call after decoding.

    Raises
    ------
    ImageError
        Programs read the file differently, or Pillow ignores what decides how its pixels look.
    """
    match image.format:
        case "TIFF":
            forget_xmp(image)
            _check_ycbcr(image, name)
            _scale_color_map(image)
        case "BMP":
            _find_bmp_alpha(image, stream, name)
        case "PPM" if image.info.get("scale", 1) != 1:
            why = (
                f"has a scale factor of {image.info['scale']:g}, which some programs multiply by and others "
            )
            raise ImageError(name, why + "divide by; write 1.0 or -1.0 there")
        case "GIF":
            return _gif_background(image, name)
    return lambda: None


def scale_note(most: int) -> str:
    """Return the note on samples that are scaled because they do not use all bits of their type."""
    return f"its values from 0 to {most} are scaled to {255 if most < 255 else 65535}"


def cmyk_note(profile: bytes | None) -> str:
    """Return the note on colors that were converted from CMYK."""
    return "CMYK was converted to RGB" + (", and its color profile was dropped" if profile else "")


def describe_color(image: Image.Image) -> list[str]:
    """Return notes on what a PNG without a profile says about its colors: samples are used as they are."""
    found = image.info
    if image.format != "PNG" or "icc_profile" in found or "srgb" in found:
        return []
    notes = []
    gamma = found.get("gamma")
    if gamma is not None and abs(gamma - SRGB_GAMMA) > 0.005:
        notes.append(f"its gamma of {gamma:g} is not kept: its values are used as they are")
    chromaticity = found.get("chromaticity")
    if chromaticity is not None and not _close(chromaticity, SRGB_CHROMATICITY):
        notes.append("its primary colors (cHRM) are not kept: its values are used as they are")
    return notes


def _close(values: Any, others: tuple[float, ...]) -> bool:
    return len(values) == len(others) and all(
        abs(float(value) - other) <= 0.005 for value, other in zip(values, others, strict=True)
    )


# Orientation and resolution --------------------------------------------------------------------------------


def forget_xmp(image: Image.Image) -> None:
    """Let EXIF alone decide the orientation: no program but Pillow uses the one in XMP."""
    kinds = [kind for kind in ("xmp", "XML:com.adobe.xmp") if image.info.pop(kind, None)]
    if kinds and image.format != "TIFF":  # which has read no EXIF yet
        image._exif = None  # Pillow may have read it with the XMP


def exif_orientation(exif: bytes) -> int:
    """Return the orientation in EXIF data, 1 if there is none."""
    found = Image.Exif()
    found.load(exif)
    orientation = found.get(Tag.ORIENTATION, 1)
    return orientation if isinstance(orientation, int) else 1


def find_resolution(image: Image.Image) -> tuple[float, float] | None:
    """Return the dots per inch of an image as it is stored; None if the file does not give them."""
    dots: Any = image.info.get("dpi")
    if image.format in {"JPEG", "MPO"} and not image.info.get("jfif_unit"):
        dots = _exif_resolution(image)
    if image.format == "TIFF" and Tag.X_RESOLUTION not in image.tag_v2:  # type: ignore[attr-defined]
        return None  # Pillow invents a default
    return sound_resolution(*map(float, dots)) if isinstance(dots, tuple) and len(dots) == 2 else None


def _exif_resolution(image: Image.Image) -> tuple[float, float] | None:
    """Return dots per inch from EXIF: Pillow uses one value for both axes and invents a missing one."""
    exif = image.getexif()
    try:
        across, down = float(exif[Tag.X_RESOLUTION]), float(exif[Tag.Y_RESOLUTION])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    factor = 2.54 if exif.get(Tag.RESOLUTION_UNIT) == CENTIMETER else 1
    return across * factor, down * factor


# TIFF ------------------------------------------------------------------------------------------------------


def _check_ycbcr(image: Image.Image, name: str) -> None:
    """Refuse uncompressed YCbCr that Pillow would read wrongly; libtiff converts compressed YCbCr."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined] # a TIFF has it
    tiles: Any = image.tile  # type: ignore[attr-defined]
    if tags.get(Tag.PHOTOMETRIC) != Photometric.YCBCR or not tiles or tiles[0][0] != "raw":
        return
    if tags.get(Tag.YCBCR_SUBSAMPLING, HALF) != (1, 1):
        why = "stores its colors at a lower resolution without compression, which Pillow does not read"
    elif not (
        _close(tags.get(Tag.YCBCR_COEFFICIENTS, JPEG_COEFFICIENTS), JPEG_COEFFICIENTS)
        and _close(tags.get(Tag.REFERENCE_BLACK_WHITE, FULL_RANGE), FULL_RANGE)
    ):
        why = "gives its own conversion from YCbCr to RGB, which Pillow ignores in a file without compression"
    else:
        return
    raise ImageError(name, f"{why}; save it as RGB")


def _scale_color_map(image: Image.Image) -> None:
    """Read the palette as bytes if no entry has more: some programs write it so, although it has 16 bits."""
    colors: Any = image.tag_v2.get(Tag.COLOR_MAP)  # type: ignore[attr-defined]
    if image.mode in {"P", "PA"} and colors and max(colors) <= 255:
        from PIL import ImagePalette  # late: only for some old files

        image.palette = ImagePalette.raw("RGB;L", bytes(colors))


# BMP -------------------------------------------------------------------------------------------------------


def _find_bmp_alpha(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Read a fourth byte without a mask as alpha, unless all pixels would be transparent."""
    position = stream.tell()
    stream.seek(BMP_HEADER)
    head = stream.read(56).ljust(56, b"\0")
    header_bytes, bits, compression = struct.unpack("<L10xHL", head[:20])
    masked = compression in {BMP_BITFIELDS, BMP_ALPHA_BITFIELDS}
    if (
        bits == 16
        and masked
        and (header_bytes >= 56 or compression == BMP_ALPHA_BITFIELDS)
        and any(head[52:])
    ):
        why = "has alpha in pixels of 16 bits, which programs read in different ways; save it as PNG"
        raise ImageError(name, why)
    tiles: Any = image.tile  # type: ignore[attr-defined]
    if bits == 32 and not masked and image.mode == "RGB" and tiles and tiles[0][3][0] == "BGRX":
        stream.seek(tiles[0][2])
        if _has_alpha(_blocks(stream, 4 * image.width * image.height)):
            image._mode = "RGBA"
            image.tile = [tiles[0]._replace(args=("BGRA", *tiles[0][3][1:]))]  # type: ignore[attr-defined]
    stream.seek(position)


def _blocks(stream: BinaryIO, length: int) -> Iterator[bytes]:
    while block := stream.read(min(BLOCK, length)):
        length -= len(block)
        yield block


def _has_alpha(blocks: Iterator[bytes]) -> bool:
    """Whether the fourth bytes are neither all 0, which would show nothing, nor all 255."""
    some, opaque = False, True
    for block in blocks:
        fourth = block[3::4]
        some = some or fourth.count(0) < len(fourth)
        opaque = opaque and fourth.count(255) == len(fourth)
        if some and not opaque:
            return True
    return False


# GIF -------------------------------------------------------------------------------------------------------


def _gif_background(image: Image.Image, name: str) -> Callable[[], None]:
    """Return a function that fills the area around a smaller first frame with the background color."""
    tiles: Any = image.tile  # type: ignore[attr-defined]
    background = image.info.get("background")
    covers = not tiles or tuple(tiles[0][1]) == (0, 0, *image.size)
    if covers or background is None or "transparency" in image.info or image.tell():
        return lambda: None
    colors: Any = image.global_palette  # type: ignore[attr-defined] # a GIF has it
    if image.palette and colors and image.palette.palette != colors.palette:
        raise ImageError(name, "has a first frame with its own colors that does not cover the picture")
    part = tiles[0][1]

    def fill() -> None:
        frame = image.crop(part)
        image.paste(background, (0, 0, *image.size))
        image.paste(frame, part[:2])

    return fill
