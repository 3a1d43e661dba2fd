"""The output formats: their names, their properties, and which one a name or an extension selects."""

from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from convcli.errors import UsageError, closest_spelling, install_command

__all__ = [
    "OUTPUT_FORMATS",
    "TILED",
    "OutputFormat",
    "extra_is_installed",
    "format_for_path",
    "parse_format",
]

EXTRA_MODULES = {"deep": ("tifffile", "imagecodecs"), "dask": ("zarr",)}


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
    ZARR = "zarr"

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
    fixed : int
        Bytes for any picture.
    pixel, value, byte : float
        Bytes per pixel, per value, and per byte of the values; they are added up.
    """

    fixed: int = 0
    pixel: float = 0
    value: float = 0
    byte: float = 0

    def bytes_for(self, pixels: int, values: int, itemsize: int) -> int:
        """Return the bytes for a picture."""
        return self.fixed + int(self.pixel * pixels + (self.value + self.byte * itemsize) * values)


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
        The arguments of Pillow's `save`, or of `encode_jpeg`, if these write it.
    extra : str
        The extra that writes it, if convcli does not by itself: ``deep`` or ``dask``.
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
    extra: str = ""


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
        save_options={"quality": 92},
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
        encoder=EncoderMemory(byte=3),
        save_options={"format": "BMP"},
    ),
    OutputFormat.PNM: FormatProperties(
        extensions=("pnm", "pgm", "ppm"),
        sixteen_bits=True,
        encoder=EncoderMemory(byte=3),
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
        extensions=("gif",),
        alpha=True,
        max_side=65535,
        encoder=EncoderMemory(value=5.6),
        save_options={"format": "GIF", "interlace": False},  # animations are put together from such files
    ),
    OutputFormat.JP2: FormatProperties(
        extensions=("jp2",),
        sixteen_bits=True,
        alpha=True,
        profile=True,
        max_resolution=1e6,
        encoder=EncoderMemory(fixed=1 << 22, value=7.7, byte=4.7),
        extra="deep",
    ),
    OutputFormat.JXL: FormatProperties(
        extensions=("jxl",),
        sixteen_bits=True,
        alpha=True,
        encoder=EncoderMemory(fixed=68_000_000, pixel=8, value=8.5, byte=1.6),
        extra="deep",
    ),
    OutputFormat.NPY: FormatProperties(extensions=("npy",), numeric=True),
    OutputFormat.CSV: FormatProperties(
        extensions=("csv",), numeric=True, separator=",", number_encoder=EncoderMemory(value=100)
    ),
    OutputFormat.TXT: FormatProperties(
        extensions=("txt",), numeric=True, separator=" ", number_encoder=EncoderMemory(value=100)
    ),
    OutputFormat.ZARR: FormatProperties(extensions=("zarr",), sixteen_bits=True, bands=True, extra="dask"),
}
"""The properties of every format.

To add a format, name it in `OutputFormat` and describe it here; if Pillow does not write it, add a case to
`encode`, too.
"""


TILED = OutputFormat.TIFF, OutputFormat.ZARR
"""The formats that are written tile by tile, and hold pixels as well as numbers."""


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
    extra = OUTPUT_FORMATS[file_format].extra
    if extra and not extra_is_installed(extra):
        why = f"convcli does not write {file_format.upper()} by itself; {install_command(extra)} writes it"
        raise UsageError(what, why)


def extra_is_installed(extra: str = "deep") -> bool:
    """Whether an extra is installed: the one for deep pictures, or another that a format needs."""
    return all(find_spec(module) is not None for module in EXTRA_MODULES[extra])
