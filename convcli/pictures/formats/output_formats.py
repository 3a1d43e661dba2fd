"""The output formats, and what each of them can hold."""

from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import OutputError, UsageError, closest_spelling
from convcli.pictures.gif_writer import gif_losses
from convcli.pictures.picture import Picture

__all__ = [
    "OUTPUT_FORMATS",
    "OutputFormat",
    "check_holds",
    "format_for_path",
    "holds_alpha",
    "holds_profile",
    "parse_format",
    "pillow_numbers",
    "tiff_beyond_pillow",
]

EXTRA = "pip install 'convcli[deep]' writes it"
EXTRA_MODULES = ("tifffile", "imagecodecs")
FLOAT32_BITS = 24  # bits of the significand
STRIP_VALUES = 1 << 16  # values at a time, which fit in the cache


class OutputFormat(StrEnum):
    """The formats that can be written."""

    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    WEBP = "webp"
    BMP = "bmp"
    PNM = "pnm"
    AVIF = "avif"
    GIF = "gif"
    JP2 = "jp2"
    JXL = "jxl"
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


class EncoderMemory(NamedTuple):
    """Memory that an encoder takes besides the picture, the file included (measured).

    Attributes
    ----------
    pixel, value, byte : float
        Bytes per pixel, per value, and per byte of the values; they are added up.
    """

    pixel: float = 0
    value: float = 0
    byte: float = 0

    def bytes_for(self, pixels: int, values: int, itemsize: int) -> int:
        """Return the bytes for a picture."""
        return int(self.pixel * pixels + (self.value + self.byte * itemsize) * values)


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
        Whether pixels can have 16 bits.
    bands : bool
        Whether it holds any number of channels, not only 1 or 3.
    alpha, profile : bool
        Whether it holds alpha, and a color profile.
    gray_as_rgb : bool
        Whether it stores grayscale as RGB, which a profile of grayscale does not fit.
    max_resolution : float
        In dots per inch; 0 if it holds no resolution.
    max_side : int, optional
        Maximum width and height in pixels.
    encoder, number_encoder, band_encoder : EncoderMemory
        Memory that encoding pixels takes, encoding numbers of one channel or several maps, and encoding
        numbers of several channels.
    save_options : mapping, optional
        The arguments of Pillow's `save`, if Pillow writes it.
    extra : bool
        Whether only the extra ``convcli[deep]`` writes it.
    """

    extensions: tuple[str, ...]
    numeric: bool = False
    separator: str = ""
    sixteen_bits: bool = False
    bands: bool = False
    alpha: bool = False
    profile: bool = False
    gray_as_rgb: bool = False
    max_resolution: float = 0
    max_side: int | None = None
    encoder: EncoderMemory = EncoderMemory()
    number_encoder: EncoderMemory = EncoderMemory()
    band_encoder: EncoderMemory = EncoderMemory()
    save_options: Mapping[str, Any] | None = None
    extra: bool = False


OUTPUT_FORMATS: Mapping[OutputFormat, FormatProperties] = {
    OutputFormat.PNG: FormatProperties(
        extensions=("png", "apng"),
        sixteen_bits=True,
        alpha=True,
        profile=True,
        max_resolution=1e6,
        encoder=EncoderMemory(byte=1.3),
    ),
    OutputFormat.JPEG: FormatProperties(
        extensions=("jpg", "jpeg"),
        profile=True,
        max_resolution=65535,
        max_side=65500,
        encoder=EncoderMemory(byte=1.8),
        save_options={"format": "JPEG", "quality": 92, "subsampling": 0},
    ),
    OutputFormat.TIFF: FormatProperties(
        extensions=("tiff", "tif"),
        sixteen_bits=True,
        bands=True,
        alpha=True,
        profile=True,
        max_resolution=1e6,
        encoder=EncoderMemory(value=3.4, byte=0.7),
        number_encoder=EncoderMemory(value=11.5),
        band_encoder=EncoderMemory(value=0.5, byte=1.6),
        save_options={"format": "TIFF", "compression": "tiff_adobe_deflate"},
    ),
    OutputFormat.WEBP: FormatProperties(
        extensions=("webp",),
        alpha=True,
        profile=True,
        gray_as_rgb=True,
        max_side=16383,
        encoder=EncoderMemory(pixel=33, value=3),
        save_options={"format": "WEBP", "lossless": True, "exact": True},
    ),
    OutputFormat.BMP: FormatProperties(
        extensions=("bmp",),
        max_resolution=1e6,
        encoder=EncoderMemory(byte=2.6),
        save_options={"format": "BMP"},
    ),
    OutputFormat.PNM: FormatProperties(
        extensions=("pnm", "pgm", "ppm"),
        sixteen_bits=True,
        encoder=EncoderMemory(byte=2.6),
        save_options={"format": "PPM"},
    ),
    OutputFormat.AVIF: FormatProperties(  # without alpha: it would change the values of transparent pixels
        extensions=("avif",),
        profile=True,
        gray_as_rgb=True,
        max_side=65535,
        encoder=EncoderMemory(pixel=22, value=8),
        save_options={"format": "AVIF", "quality": 92, "subsampling": "4:4:4"},
    ),
    OutputFormat.GIF: FormatProperties(
        extensions=("gif",), alpha=True, max_side=65535, encoder=EncoderMemory(value=5.5)
    ),
    OutputFormat.JP2: FormatProperties(
        extensions=("jp2",),
        sixteen_bits=True,
        alpha=True,
        profile=True,
        max_resolution=1e6,
        encoder=EncoderMemory(value=8, byte=4.7),
        extra=True,
    ),
    OutputFormat.JXL: FormatProperties(
        extensions=("jxl",),
        sixteen_bits=True,
        alpha=True,
        encoder=EncoderMemory(pixel=12, value=11),
        extra=True,
    ),
    OutputFormat.NPY: FormatProperties(extensions=("npy",), numeric=True),
    OutputFormat.CSV: FormatProperties(
        extensions=("csv",), numeric=True, separator=",", number_encoder=EncoderMemory(value=90)
    ),
    OutputFormat.TXT: FormatProperties(
        extensions=("txt",), numeric=True, separator=" ", number_encoder=EncoderMemory(value=90)
    ),
}
"""The properties of every format.

To add a format, name it in `OutputFormat` and describe it here; if Pillow does not write it, add a case to
`encode`, too.
"""


def parse_format(name: str) -> OutputFormat:
    """Return the format with that name (``png``, ``jpg``, ``npy``, ...).

    Raises
    ------
    UsageError
        There is no such format, or the extra that writes it is not installed.
    """
    file_format = _format_named(name)
    if file_format is not None:
        _check_installed(file_format, f"format {name!r}")
        return file_format
    word = name.lower().removeprefix(".")
    near = closest_spelling(word, OutputFormat, cutoff=0.7)
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"format {name[:50]!r}", f"is not one of {', '.join(OutputFormat)}{hint}")


def format_for_path(target: str | Path) -> OutputFormat:
    """Return the format that the extension of a file name selects.

    Raises
    ------
    UsageError
        The extension is missing or unknown, or the extra that writes the format is not installed.
    """
    extension = Path(target).suffix
    file_format = _format_named(extension)
    if file_format is None:
        what = f"unknown extension {extension!r}" if extension else "has no extension"
        raise UsageError(str(target), f"{what}; the extension selects the format: {', '.join(OutputFormat)}")
    _check_installed(file_format, str(target))
    return file_format


def _format_named(name: str) -> OutputFormat | None:
    word = name.lower().removeprefix(".")
    for file_format, properties in OUTPUT_FORMATS.items():
        if word in properties.extensions:
            return file_format
    return None


def _check_installed(file_format: OutputFormat, what: str) -> None:
    if OUTPUT_FORMATS[file_format].extra and not _extra_is_installed():
        raise UsageError(what, f"Pillow writes no {file_format.upper()}; {EXTRA}")


def _extra_is_installed() -> bool:
    return all(find_spec(module) is not None for module in EXTRA_MODULES)


def check_holds(picture: Picture, file_format: OutputFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return notes about what it drops.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are not pixels; or the extra that writes
        them is not installed.
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
    if not file_format.numeric and not picture.maps:  # each map is a page
        _check_pixels_fit(picture, channels, file_format, name)
    if file_format == OutputFormat.TIFF:
        _check_tiff(picture, channels, name)
    notes = []
    if picture.alpha is not None and not holds_alpha(picture, file_format):
        kinds = f"{picture.alpha.dtype} alpha with {pixels.dtype} {'maps' if picture.maps else 'pixels'}"
        notes.append(f"{file_format} cannot hold {kinds if OUTPUT_FORMATS[file_format].alpha else 'alpha'}")
    if picture.profile is not None and not holds_profile(picture, file_format):
        does = "is written without" if file_format == OutputFormat.JXL else "cannot hold"
        notes.append(f"{file_format} {does} the color profile")
    if file_format == OutputFormat.GIF:
        notes += gif_losses(picture)
    return tuple(notes)


def holds_alpha(picture: Picture, file_format: OutputFormat) -> bool:
    """Whether a format can hold a picture's alpha: a TIFF of numbers only alpha of the same kind."""
    if picture.alpha is None or picture.maps:
        return False
    pixels, alpha = picture.pixels.dtype, picture.alpha.dtype
    return OUTPUT_FORMATS[file_format].alpha and (alpha == pixels or alpha.kind == pixels.kind == "f")


def holds_profile(picture: Picture, file_format: OutputFormat) -> bool:
    """Whether a format can hold a picture's profile: not a gray one if the format stores gray as RGB."""
    properties = OUTPUT_FORMATS[file_format]
    return properties.profile and not (properties.gray_as_rgb and picture.pixels.ndim == 2)


def _check_pixels_fit(picture: Picture, channels: int, file_format: OutputFormat, name: str) -> None:
    properties, dtype = OUTPUT_FORMATS[file_format], picture.pixels.dtype
    deep = dtype != np.uint8
    if dtype not in (np.uint8, np.uint16):
        if file_format != OutputFormat.TIFF:
            raise OutputError(name, f"{file_format} holds pixels, not raw numbers; use npy, csv or tiff")
        return
    if channels not in (1, 3) and not properties.bands:
        advice = "use tiff or npy"
        if channels == 4 and properties.alpha and (properties.sixteen_bits or not deep):
            advice += ", or in Python Picture(pixels[..., :3], alpha=pixels[..., 3]) if the fourth is alpha"
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; {advice}")
    if deep and not properties.sixteen_bits:
        raise OutputError(name, f"{file_format} cannot hold 16-bit pixels; use png, tiff, pnm or npy")
    if picture.alpha is not None and not properties.alpha:
        others = sorted(
            name
            for name, other in OUTPUT_FORMATS.items()
            if other.alpha
            and not other.extra
            and (other.sixteen_bits or not deep)
            and name != OutputFormat.GIF  # which reduces it to on or off
        )
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


def _check_tiff(picture: Picture, channels: int, name: str) -> None:
    """Check that the extra is installed if the TIFF needs it."""
    why = tiff_beyond_pillow(picture)
    if why and not _extra_is_installed():
        is_png = picture.pixels.dtype in (np.uint8, np.uint16) and channels in (1, 3)
        raise OutputError(name, f"{why}; {EXTRA}, or use {'png' if is_png else 'npy'}")


def tiff_beyond_pillow(picture: Picture) -> str:
    """Return why Pillow does not write a picture as TIFF without loss, or nothing if it does."""
    pixels = picture.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 and not picture.maps else 1
    alpha = holds_alpha(picture, OutputFormat.TIFF)
    if not (channels == 1 and not alpha) and not (channels in (1, 3) and pixels.dtype == np.uint8):
        plural = "s" if channels > 1 else ""
        ending = " with alpha" if alpha else ""
        return f"Pillow writes no TIFF of {channels} channel{plural} of {pixels.dtype}{ending}"
    if pixels.dtype not in (np.uint8, np.uint16) and pillow_numbers(pixels) is None:
        return "Pillow would round these numbers to 32 bits in a TIFF"
    return ""


def pillow_numbers(numbers: NDArray[Any]) -> np.dtype[Any] | None:
    """Return the dtype in which Pillow writes numbers exactly: float32, else int32; None if both round."""
    rows = max(1, STRIP_VALUES // numbers[0].size)
    strips = [numbers[top : top + rows] for top in range(0, len(numbers), rows)]
    if all(_fit_float32(strip) for strip in strips):
        return np.dtype(np.float32)
    limits = np.iinfo(np.int32)
    if numbers.dtype.kind == "f" or numbers.min() < limits.min or numbers.max() > limits.max:
        return None
    return np.dtype(np.int32)


def _fit_float32(numbers: NDArray[Any]) -> bool:
    if numbers.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array_equal(numbers.astype(np.float32).astype(numbers.dtype), numbers, equal_nan=True)
    lowest_bit = np.maximum(numbers & (~numbers + 1), 1)
    return bool((abs(numbers // lowest_bit) < 1 << FLOAT32_BITS).all())
