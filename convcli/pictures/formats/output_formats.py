"""The output formats, and what each of them can hold."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import OutputError, UsageError, closest_spelling
from convcli.pictures.picture import Picture

__all__ = [
    "OUTPUT_FORMATS",
    "OutputFormat",
    "check_holds",
    "format_for_path",
    "holds_profile",
    "parse_format",
    "tiff_numbers",
]

FLOAT32_BITS = 24  # bits of the significand


class OutputFormat(StrEnum):
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
        return OUTPUT_FORMATS[self].extensions[0]

    @property
    def numeric(self) -> bool:
        """Whether files of this format hold numbers rather than pixels."""
        return OUTPUT_FORMATS[self].numeric

    @property
    def text(self) -> bool:
        """Whether files of this format are text, which a terminal can show."""
        return bool(OUTPUT_FORMATS[self].separator)


class FormatProperties(NamedTuple):
    """How files of a format are named and written, and what they can hold.

    Attributes
    ----------
    extensions : tuple of str
        The usual file extension, then all others.
    numeric : bool
        Whether it holds numbers rather than pixels.
    separator : str
        Text between two numbers, if it is a text format.
    sixteen_bits : bool
        Whether grayscale pixels can have 16 bits.
    alpha, profile : bool
        Whether it holds alpha, and a color profile.
    gray_as_rgb : bool
        Whether it stores grayscale as RGB, which a profile of grayscale does not fit.
    max_resolution : float
        In dots per inch; 0 if it holds no resolution.
    max_side : int, optional
        Maximum width and height in pixels.
    encoder_bytes : int, optional
        Memory that the encoder takes per value, if it is more than in the file (measured).
    save_options : mapping, optional
        The arguments of Pillow's `save`, if Pillow writes it.
    """

    extensions: tuple[str, ...]
    numeric: bool = False
    separator: str = ""
    sixteen_bits: bool = False
    alpha: bool = False
    profile: bool = False
    gray_as_rgb: bool = False
    max_resolution: float = 0
    max_side: int | None = None
    encoder_bytes: int | None = None
    save_options: Mapping[str, Any] | None = None


OUTPUT_FORMATS: Mapping[OutputFormat, FormatProperties] = {
    OutputFormat.PNG: FormatProperties(
        extensions=("png",), sixteen_bits=True, alpha=True, profile=True, max_resolution=1e6
    ),
    OutputFormat.JPEG: FormatProperties(
        extensions=("jpg", "jpeg"), profile=True, max_resolution=65535, max_side=65500,
        save_options={"format": "JPEG", "quality": 92, "subsampling": 0},
    ),
    OutputFormat.TIFF: FormatProperties(
        extensions=("tiff", "tif"), sixteen_bits=True, alpha=True, profile=True, max_resolution=1e6,
        encoder_bytes=12, save_options={"format": "TIFF", "compression": "tiff_adobe_deflate"},
    ),
    OutputFormat.WEBP: FormatProperties(
        extensions=("webp",), alpha=True, profile=True, gray_as_rgb=True, max_side=16383,
        encoder_bytes=32, save_options={"format": "WEBP", "lossless": True, "exact": True},
    ),
    OutputFormat.BMP: FormatProperties(
        extensions=("bmp",), max_resolution=1e6, save_options={"format": "BMP"}
    ),
    OutputFormat.PNM: FormatProperties(
        extensions=("pnm", "pgm", "ppm"), sixteen_bits=True, save_options={"format": "PPM"}
    ),
    OutputFormat.AVIF: FormatProperties(  # without alpha: it would change the values of transparent pixels
        extensions=("avif",), profile=True, gray_as_rgb=True, max_side=65535,
        encoder_bytes=16, save_options={"format": "AVIF", "quality": 92, "subsampling": "4:4:4"},
    ),
    OutputFormat.NPY: FormatProperties(extensions=("npy",), numeric=True),
    OutputFormat.CSV: FormatProperties(extensions=("csv",), numeric=True, separator=",", encoder_bytes=90),
    OutputFormat.TXT: FormatProperties(extensions=("txt",), numeric=True, separator=" ", encoder_bytes=90),
}  # fmt: skip
"""The properties of every format.

To add a format, name it in `OutputFormat` and describe it here; if Pillow does not write it, add a case to
`encode`, too.
"""


def parse_format(name: str) -> OutputFormat:
    """Return the format with that name (``png``, ``jpg``, ``npy``, ...).

    Raises
    ------
    UsageError
        There is no such format.
    """
    word = name.lower().removeprefix(".")
    for file_format, properties in OUTPUT_FORMATS.items():
        if word in properties.extensions:
            return file_format
    near = closest_spelling(word, OutputFormat, cutoff=0.7)
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"format {name[:50]!r}", f"is not one of {', '.join(OutputFormat)}{hint}")


def format_for_path(target: str | Path) -> OutputFormat:
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
        raise UsageError(
            str(target), f"{what}; the extension selects the format: {', '.join(OutputFormat)}"
        ) from None


def check_holds(picture: Picture, file_format: OutputFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return notes about what it drops.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are not pixels.
    """
    pixels = picture.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if picture.maps and file_format not in (OutputFormat.NPY, OutputFormat.TIFF):
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


def holds_profile(picture: Picture, file_format: OutputFormat) -> bool:
    """Whether a format can hold a picture's profile: not a gray one if the format stores gray as RGB."""
    properties = OUTPUT_FORMATS[file_format]
    return properties.profile and not (properties.gray_as_rgb and picture.pixels.ndim == 2)


def _check_pixels_fit(picture: Picture, channels: int, file_format: OutputFormat, name: str) -> None:
    if picture.maps:  # each map is a page
        return
    properties, deep = OUTPUT_FORMATS[file_format], picture.pixels.dtype == np.uint16
    if channels not in (1, 3):
        advice = "use npy"
        if channels == 4 and properties.alpha and not deep:
            advice += ", or in Python Picture(pixels[..., :3], alpha=pixels[..., 3]) if the fourth is alpha"
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; {advice}")
    if deep and not properties.sixteen_bits:
        raise OutputError(
            name,
            f"{file_format} cannot hold 16-bit pixels; use png, tiff or pnm (grayscale only), or npy",
        )
    if deep and (channels == 3 or picture.alpha is not None):
        raise OutputError(
            name, f"16-bit pixels in {file_format} must be grayscale without alpha; use npy for others"
        )
    if picture.alpha is not None and not properties.alpha:
        others = sorted(name for name, other in OUTPUT_FORMATS.items() if other.alpha)
        raise OutputError(
            name,
            f"{file_format} cannot hold alpha; use {', '.join(others)}, "
            "or blend it with a color: --background white",
        )
    if channels == 3 and name.lower().endswith(".pgm"):
        raise OutputError(name, "a .pgm file holds grayscale only; use .ppm")
    limit = properties.max_side
    if limit is not None and max(picture.pixels.shape[:2]) > limit:
        raise OutputError(name, f"{file_format} holds at most {limit} pixels per side; use png or tiff")


def _check_numbers(
    pixels: NDArray[Any], channels: int, file_format: OutputFormat, name: str, *, maps: bool
) -> None:
    if file_format != OutputFormat.TIFF:
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
