"""The output formats, and what each of them can hold."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import OutputError, UsageError, closest_spelling
from convcli.pictures.picture import Picture

__all__ = [
    "HOLDS_RESOLUTION",
    "FileFormat",
    "check_holds",
    "format_for_path",
    "holds_profile",
    "parse_format",
    "tiff_numbers",
]

FLOAT32_BITS = 24  # bits of the significand


class FileFormat(StrEnum):
    """The formats that can be written."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    WEBP = "webp"
    BMP = "bmp"
    PNM = "pnm"
    AVIF = "avif"
    NPY = "npy"
    CSV = "csv"
    TXT = "txt"

    @property
    def extension(self) -> str:
        """The usual file extension."""
        return "jpg" if self is FileFormat.JPEG else self.value

    @property
    def numeric(self) -> bool:
        """Whether files of this format hold numbers rather than pixels."""
        return self in (FileFormat.NPY, FileFormat.CSV, FileFormat.TXT)

    @property
    def text(self) -> bool:
        """Whether files of this format are text, which a terminal can show."""
        return self in (FileFormat.CSV, FileFormat.TXT)


ALIASES = {"jpg": "jpeg", "tif": "tiff", "pgm": "pnm", "ppm": "pnm"}
HOLDS_16_BITS = {FileFormat.PNG, FileFormat.TIFF, FileFormat.PNM}
HOLDS_ALPHA = {FileFormat.PNG, FileFormat.TIFF, FileFormat.WEBP}  # AVIF would change the values
HOLDS_PROFILE = HOLDS_ALPHA | {FileFormat.JPEG, FileFormat.AVIF}
HOLDS_GRAY_AS_RGB = {FileFormat.WEBP, FileFormat.AVIF}
HOLDS_RESOLUTION = {FileFormat.PNG: 1e6, FileFormat.TIFF: 1e6, FileFormat.BMP: 1e6, FileFormat.JPEG: 65535.0}
LONGEST_SIDE = {FileFormat.JPEG: 65500, FileFormat.WEBP: 16383, FileFormat.AVIF: 65535}


def parse_format(name: str) -> FileFormat:
    """Return the format with that name (``png``, ``jpg``, ``npy``, ...).

    Raises
    ------
    UsageError
        There is no such format.
    """
    word = name.lower().removeprefix(".")
    word = ALIASES.get(word, word)
    if word not in tuple(FileFormat):
        near = closest_spelling(word, FileFormat, cutoff=0.7)
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f"format {name[:50]!r}", f"is not one of {', '.join(FileFormat)}{hint}")
    return FileFormat(word)


def format_for_path(target: str | Path) -> FileFormat:
    """Return the format that the extension of a file name selects.

    Raises
    ------
    UsageError
        The extension is missing or unknown.
    """
    extension = Path(target).suffix
    try:
        return parse_format(extension)
    except UsageError:
        what = f"unknown extension {extension!r}" if extension else "has no extension"
        raise UsageError(str(target), f"{what}, which selects the format: {', '.join(FileFormat)}") from None


def check_holds(picture: Picture, file_format: FileFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return notes about what it drops.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are not pixels.
    """
    pixels = picture.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if picture.maps and file_format not in (FileFormat.NPY, FileFormat.TIFF):
        raise OutputError(name, f"{file_format} holds one map, not {channels}; use npy or tiff")
    if file_format.text and channels > 1:
        raise OutputError(
            name,
            f"{file_format} holds one channel, not {channels}; use npy, or take one (apply --channels gray)",
        )
    numbers = pixels.dtype not in (np.uint8, np.uint16)
    if numbers and not file_format.numeric:
        _check_numbers(pixels, channels, file_format, name, maps=picture.maps)
    elif not file_format.numeric:
        _check_pixels_fit(picture, channels, file_format, name)
    notes = []
    if picture.alpha is not None and (numbers or file_format.numeric or picture.maps):
        notes.append("alpha is not kept")
    if picture.profile is not None and not holds_profile(picture, file_format):
        notes.append(f"{file_format} cannot hold the color profile")
    return tuple(notes)


def holds_profile(picture: Picture, file_format: FileFormat) -> bool:
    """Whether a format can hold a picture's profile: not a gray one if the format stores gray as RGB."""
    gray = picture.pixels.ndim == 2
    return file_format in HOLDS_PROFILE and not (gray and file_format in HOLDS_GRAY_AS_RGB)


def _check_pixels_fit(picture: Picture, channels: int, file_format: FileFormat, name: str) -> None:
    if picture.maps:  # each map is a page
        return
    deep = picture.pixels.dtype == np.uint16
    if channels not in (1, 3):
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; use npy")
    if deep and (file_format not in HOLDS_16_BITS or channels == 3 or picture.alpha is not None):
        raise OutputError(
            name,
            f"{file_format} cannot hold 16 bits per pixel here; use png, tiff or pnm for grayscale, else npy",
        )
    if picture.alpha is not None and file_format not in HOLDS_ALPHA:
        raise OutputError(
            name,
            f"{file_format} cannot hold alpha; use {', '.join(sorted(HOLDS_ALPHA))}, "
            "or lay it over a color with --background white",
        )
    if channels == 3 and name.lower().endswith(".pgm"):
        raise OutputError(name, "a .pgm file holds grayscale only; use .ppm")
    longest = LONGEST_SIDE.get(file_format)
    if longest is not None and max(picture.pixels.shape[:2]) > longest:
        raise OutputError(name, f"{file_format} holds at most {longest} pixels per side; use png or tiff")


def _check_numbers(
    pixels: NDArray[Any], channels: int, file_format: FileFormat, name: str, *, maps: bool
) -> None:
    if file_format != FileFormat.TIFF:
        raise OutputError(name, f"{file_format} holds pixels, not raw numbers; use npy, csv or tiff")
    if channels > 1 and not maps:
        raise OutputError(name, f"a float TIFF holds one channel, not {channels}; use npy")
    if tiff_numbers(pixels) is None:
        raise OutputError(name, "a TIFF would round these numbers to 32 bits; use npy")


def tiff_numbers(pixels: NDArray[Any]) -> NDArray[Any] | None:
    """Return the numbers as float32 or, if that would round integers, as int32; None if neither is exact."""
    with np.errstate(over="ignore"):
        single = pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        return single if np.array_equal(single.astype(pixels.dtype), pixels, equal_nan=True) else None
    lowest_bit = np.maximum(pixels & (~pixels + 1), 1)
    if (abs(pixels // lowest_bit) < 1 << FLOAT32_BITS).all():
        return single
    limits = np.iinfo(np.int32)
    return pixels.astype(np.int32) if limits.min <= pixels.min() and pixels.max() <= limits.max else None
