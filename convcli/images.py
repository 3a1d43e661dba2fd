"""Files and streams to arrays and back; with `decoding`, the only module that knows Pillow.

===================  =======================================================================
input                becomes
===================  =======================================================================
1-bit, grey          uint8 ``(H, W)``; a 1-bit image holds 0 and 255
16-bit grey          uint16 ``(H, W)``
grey + alpha         uint8 ``(H, W)`` and alpha
RGB, palette         uint8 ``(H, W, 3)``
RGBA, transparency   uint8 ``(H, W, 3)`` and alpha
CMYK, YCbCr          RGB, as Pillow converts it; a CMYK profile is dropped and that is said
32-bit integer TIFF  int32 ``(H, W)``, numbers
float TIFF           float32 ``(H, W)``, numbers
.npy                 the array, numbers
.csv, .txt           int64 or float64 ``(H, W)``, numbers
16-bit colour        refused: Pillow would cut it to 8 bits
===================  =======================================================================
"""

import io
import math
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from convcli.arrays import NPY_MAGIC, image_array, read_npy
from convcli.decoding import Decoded, decode
from convcli.errors import ConvcliError, ImageError, MatrixError, OutputError, UsageError
from convcli.files import check_target, write_atomically
from convcli.limits import USUAL, Limits
from convcli.matrices import format_matrix, parse_matrix
from convcli.opening import open_input
from convcli.png import encode_png

__all__ = [
    "FileFormat",
    "Kind",
    "Picture",
    "check_holds",
    "encoded",
    "flattened",
    "format_named",
    "format_of",
    "load_picture",
    "parse_color",
    "read_image",
    "write_image",
]

MAX_STREAM = 1 << 32  # bytes taken from a pipe
TEXT_EXPANDS = 12  # times its bytes are the numbers of a text while it is read
STRIP_PIXELS = 1 << 17  # copied from Pillow at a time
FLOAT32_BITS = 24  # of its significand
READABLE_TEXT = "PNG, JPEG, TIFF, WebP, BMP, GIF, PNM and AVIF"
UNSIGNED, SIGNED = 1, 2  # sample formats of a TIFF


class Kind(StrEnum):
    """What an image is by nature, which says what its result is written as."""

    PIXELS = "pixels"
    NUMBERS = "numbers"
    ARRAY = "array"
    TEXT = "text"


class FileFormat(StrEnum):
    """The formats that are written."""

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
        """What the names of such files end in."""
        return "jpg" if self is FileFormat.JPEG else self.value

    @property
    def numeric(self) -> bool:
        """Whether files of this format hold numbers, not pixels."""
        return self in (FileFormat.NPY, FileFormat.CSV, FileFormat.TXT)

    @property
    def text(self) -> bool:
        """Whether files of this format are text, fit for a terminal."""
        return self in (FileFormat.CSV, FileFormat.TXT)


ALIASES = {"jpg": "jpeg", "tif": "tiff", "pgm": "pnm", "ppm": "pnm"}
HOLDS_16_BITS = {FileFormat.PNG, FileFormat.TIFF, FileFormat.PNM}
HOLDS_ALPHA = {FileFormat.PNG, FileFormat.TIFF, FileFormat.WEBP}  # AVIF would change it
HOLDS_PROFILE = HOLDS_ALPHA | {FileFormat.JPEG, FileFormat.AVIF}
HOLDS_GREY_AS_RGB = {FileFormat.WEBP, FileFormat.AVIF}
HOLDS_RESOLUTION = {FileFormat.PNG: 1e6, FileFormat.TIFF: 1e6, FileFormat.BMP: 1e6, FileFormat.JPEG: 65535.0}
LONGEST_SIDE = {FileFormat.JPEG: 65500, FileFormat.WEBP: 16383, FileFormat.AVIF: 65535}
Color = tuple[int, int, int]
SAVE_OPTIONS: dict[FileFormat, dict[str, Any]] = {
    FileFormat.JPEG: {"format": "JPEG", "quality": 92, "subsampling": 0},
    FileFormat.TIFF: {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    FileFormat.WEBP: {"format": "WEBP", "lossless": True, "exact": True},
    FileFormat.BMP: {"format": "BMP"},
    FileFormat.PNM: {"format": "PPM"},
    FileFormat.AVIF: {"format": "AVIF", "quality": 92, "subsampling": "4:4:4"},
}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and what came with it.

    Attributes
    ----------
    pixels : array (H, W) or (H, W, C)
        Without alpha.
    alpha : array (H, W), optional
    kind : Kind
    profile : bytes, optional
        ICC profile.
    resolution : (float, float), optional
        Dots per inch, across and down.
    notes : tuple of str
        What could not be kept.
    maps : bool
        Whether the channels are maps of their own, and no colours.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    kind: Kind = Kind.PIXELS
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    maps: bool = False

    @property
    def depth(self) -> int:
        """Bits a pixel is rendered with: 16 for uint16, else 8."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    def with_pixels(
        self, pixels: NDArray[Any], alpha: NDArray[Any] | None, *, maps: bool = False
    ) -> "Picture":
        """Return the picture of a result: what came with the input is kept where it stays true."""
        profile, notes = self.profile, tuple[str, ...]()
        space = b"GRAY" if pixels.ndim == 2 else b"RGB "
        if profile is not None and profile[16:20] != space:
            profile, notes = None, ("the colour profile does not fit the result and is dropped",)
        kind = Kind.PIXELS if pixels.dtype in (np.uint8, np.uint16) else self.kind
        return replace(self, pixels=pixels, alpha=alpha, profile=profile, notes=notes, kind=kind, maps=maps)


# Formats ------------------------------------------------------------------------------------------------


def format_named(name: str) -> FileFormat:
    """Return the format of that name (``png``, ``jpg``, ``npy``, ...).

    Raises
    ------
    UsageError
        There is none.
    """
    word = name.lower().removeprefix(".")
    word = ALIASES.get(word, word)
    if word not in tuple(FileFormat):
        raise UsageError(f"format {name[:50]!r}", f"is not one of {', '.join(FileFormat)}")
    return FileFormat(word)


def format_of(target: str | Path) -> FileFormat:
    """Return the format that a file name's extension stands for.

    Raises
    ------
    UsageError
        The extension is missing or unknown.
    """
    extension = Path(target).suffix
    try:
        return format_named(extension)
    except UsageError:
        what = f"unknown extension {extension!r}" if extension else "has no extension"
        raise UsageError(str(target), f"{what}; the format follows it: {', '.join(FileFormat)}") from None


# Reading ------------------------------------------------------------------------------------------------


def read_image(source: str | Path | BinaryIO) -> NDArray[Any]:
    """Read an image file as an array.

    Parameters
    ----------
    source : path or binary stream
        PNG, JPEG, TIFF, WebP, BMP, GIF, PNM or AVIF, known by content; ``.npy`` by content; ``.csv`` and
        ``.txt`` matrices by name.

    Returns
    -------
    array
        See the table at the head of this module. Alpha, where there is any, is the last channel: take it
        off before filtering (``image[..., :3]``). EXIF orientation has been applied.

    Raises
    ------
    ImageError
        The file cannot be read, or is no image.
    """
    name = str(source) if isinstance(source, str | Path) else "stream"
    return np.array(_joined(load_picture(source, name)))  # a caller may change it


def load_picture(
    source: str | Path | BinaryIO, name: str, limits: Limits = USUAL, *, frame: int | None = None
) -> Picture:
    """Read an image with all that comes with it; `name` is what messages call it.

    Raises
    ------
    ImageError
        The file cannot be read, is no image, is larger than the limits allow, has not so many frames, or
        holds what Pillow would cut.
    """
    try:
        if not isinstance(source, str | Path):
            read = partial(_read_part, source)
            return _decode(io.BytesIO(_read_all(read, name, limits)), name, "", limits, frame)
        with open_input(source) as stream:
            content = stream if stream.seekable() else io.BytesIO(_read_all(stream.read, name, limits))
            return _decode(content, name, Path(source).suffix.lower(), limits, frame)
    except ConvcliError:
        raise
    except MemoryError:
        raise ImageError(name, "is too large for the memory of this machine") from None
    except IsADirectoryError:
        raise ImageError(name, "is a folder; give the images in it") from None
    except OSError as error:
        raise ImageError(name, (error.strerror or str(error)).lower()) from None


def _read_all(read: Callable[[int], bytes], name: str, limits: Limits) -> bytes:
    """Read a stream to its end, by a function that reads a part of so many bytes at most."""
    parts: list[bytes] = []
    most = left = min(MAX_STREAM, (limits.allowed() or MAX_STREAM) // 2)  # the whole and its parts
    while left >= 0:
        part = read(1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
    raise ImageError(name, f"is longer than {most} bytes; write it to a file first")


def _read_part(stream: BinaryIO, most: int) -> bytes:
    """Read a part of a stream that may be a terminal or a pipe."""
    _wait_for(stream)
    part: bytes = getattr(stream, "read1", stream.read)(most)
    return part


def _wait_for(stream: BinaryIO) -> None:
    """Wait until there is something to read, and let signals be handled while there is nothing.

    A read that has begun to wait does not see a signal that came a moment before.
    """
    with suppress(OSError, ValueError):  # no descriptor to wait for, as in memory: it is always ready
        while not select.select([stream.fileno()], [], [], 0.1)[0]:
            pass


def _decode(stream: BinaryIO, name: str, extension: str, limits: Limits, frame: int | None) -> Picture:
    head = stream.read(len(NPY_MAGIC))
    stream.seek(0)
    if not head:
        raise ImageError(name, "is empty")
    if (head == NPY_MAGIC or extension in {".csv", ".txt"}) and frame:
        raise ImageError(name, f"has no frame {frame}; it holds one")
    if head == NPY_MAGIC:
        return _decode_npy(stream, name, limits)
    if extension in {".csv", ".txt"}:
        return _decode_text(stream, name, limits)
    try:
        decoded = decode(stream, name, limits, frame=frame)
        try:
            return _picture(decoded)
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # as a decoder, what converts may raise anything
            why = f"cannot be converted: {str(error) or type(error).__name__}"
            raise ImageError(name, why) from None
    except UnidentifiedImageError:
        if extension:
            raise ImageError(name, f"is no image; {READABLE_TEXT} are read") from None
    try:  # a stream has no name to tell a matrix by
        return _decode_text(stream, name, limits)
    except ImageError as error:
        raise ImageError(name, f"is no image, and as a matrix: {error.why}") from None


def _decode_npy(stream: BinaryIO, name: str, limits: Limits) -> Picture:
    def admit(shape: tuple[int, ...], itemsize: int) -> None:
        height, width, channels = (*shape, 1, 1, 1)[:3] if len(shape) < 4 else (math.prod(shape), 1, 1)
        limits.check(name, (height, width, channels), itemsize, numbers=True)

    try:
        return Picture(image_array(read_npy(stream, name, admit=admit)), kind=Kind.ARRAY)
    except MatrixError as error:
        raise ImageError(error.what, error.why) from None
    except ImageError as error:
        raise (error if error.what == name else ImageError(name, str(error))) from None


def _decode_text(stream: BinaryIO, name: str, limits: Limits) -> Picture:
    limits.check_bytes(name, TEXT_EXPANDS * stream.seek(0, io.SEEK_END))
    stream.seek(0)
    try:
        text = stream.read().decode("utf-8-sig")
        return Picture(parse_matrix(text, name, max_cells=limits.pixels), kind=Kind.TEXT)
    except UnicodeDecodeError:
        raise ImageError(name, "is not text in UTF-8") from None
    except MatrixError as error:
        more = "; --max-pixels takes more" if "more than" in error.why else ""
        raise ImageError(error.what, error.why + more) from None


def _picture(decoded: Decoded) -> Picture:
    pixels, alpha, kind = _arrays_of(decoded)
    return Picture(pixels, alpha, kind, decoded.profile, decoded.resolution, decoded.notes)


def _arrays_of(decoded: Decoded) -> tuple[NDArray[Any], NDArray[Any] | None, Kind]:
    """Return pixels, alpha and kind of a decoded picture."""
    image = decoded.image
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format == "PPM"):
        deep = np.asarray(image).astype(np.uint16)
        return (65535 - deep if decoded.inverted else deep), None, Kind.PIXELS
    if image.mode == "I" and decoded.sample_format == UNSIGNED:
        return np.array(image).view(np.uint32), None, Kind.NUMBERS
    if image.mode in {"I", "F"}:
        return np.array(image), None, Kind.NUMBERS
    if image.mode == "L" and decoded.sample_format == SIGNED:
        return np.array(image).view(np.int8), None, Kind.NUMBERS
    has_alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    gray = image.mode in {"1", "L", "LA", "La"}
    mode = ("LA" if has_alpha else "L") if gray else ("RGBA" if has_alpha else "RGB")
    array = _array(image if image.mode == mode else image.convert(mode))
    if not has_alpha:
        return array, None, Kind.PIXELS
    return (array[..., 0] if gray else array[..., :3]), array[..., -1], Kind.PIXELS


def _array(image: Image.Image) -> NDArray[Any]:
    """Return an image's pixels, copied strip by strip: at once, Pillow would make two copies more."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    array = np.empty((height, width, len(image.getbands())), np.uint8)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        array[top : top + rows] = np.asarray(strip).reshape(-1, width, array.shape[2])
    return array if array.shape[2] > 1 else array[:, :, 0]


# Writing ------------------------------------------------------------------------------------------------


def write_image(target: str | Path, image: ArrayLike, *, force: bool = False) -> None:
    """Write an array as an image file; it appears whole or not at all.

    Parameters
    ----------
    target : path
        Its extension says the format: png, jpg, tiff, webp, bmp, pnm, avif for pixels; npy, csv, txt, tiff
        for numbers.
    image : array (H, W) or (H, W, C)
        uint8, or uint16 for grey: pixels, with 1 to 4 channels (grey, grey + alpha, RGB, RGBA). Any other
        type: numbers, see `render` for making pixels of them.
    force : bool
        Replace an existing file.

    Raises
    ------
    UsageError
        The extension is unknown.
    ImageError
        The array is no image.
    OutputError
        The file exists, cannot be written, or its format cannot hold the image.
    """
    file_format = format_of(target)
    array = image_array(image)
    picture = Picture(array)
    if not file_format.numeric and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (2, 4):
        color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
        picture = Picture(color, alpha=array[..., -1])
    check_holds(picture, file_format, str(target))
    check_target(target, replace=force)
    content = encoded(picture, file_format, str(target))
    write_atomically(target, lambda stream: stream.writelines(content), replace=force)


def parse_color(text: str, name: str = "colour") -> Color:
    """Read a colour by its name in CSS, or as in ``#fff``, ``#ffffff``, ``rgb(255,255,255)``.

    Raises
    ------
    UsageError
        It is none, or one with an alpha of its own.

    Examples
    --------
    >>> parse_color("white"), parse_color("#f80")
    ((255, 255, 255), (255, 136, 0))
    """
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        alpha = [0]
    if alpha:
        near = get_close_matches(text.lower()[:50], ImageColor.colormap, n=1)
        why = f"did you mean {near[0]}?" if near else "must be opaque, as in white, #ff8800 or rgb(255,136,0)"
        raise UsageError(f"{name} {text[:50]!r}", why)
    return red, green, blue


def flattened(picture: Picture, background: Color) -> Picture:
    """Lay a picture over a colour, so that it needs no alpha; one of grey over a colour becomes RGB.

    Each value is that of the picture and that of the colour, weighted by alpha and its rest, rounded.

    Examples
    --------
    >>> half = Picture(np.array([[200]], np.uint8), alpha=np.array([[51]], np.uint8))
    >>> flattened(half, (255, 255, 255)).pixels.tolist()
    [[244]]
    """
    pixels, alpha = picture.pixels, picture.alpha
    if alpha is None or picture.maps or pixels.dtype != np.uint8:
        return picture
    if pixels.ndim == 2 and len(set(background)) > 1:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    channels = pixels.reshape(*pixels.shape[:2], -1)
    laid = np.empty_like(channels)
    for channel, value in enumerate(background[: channels.shape[2]]):
        weighted = channels[..., channel] * alpha.astype(np.uint16)  # 255 * 255 + 127 fits 16 bits
        weighted += (255 - alpha) * np.uint16(value) + np.uint16(127)
        laid[..., channel] = weighted // 255
    return picture.with_pixels(laid.reshape(pixels.shape), None)


def check_holds(picture: Picture, file_format: FileFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return what it drops without harm.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are no pixels.
    """
    pixels = picture.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if picture.maps and file_format not in (FileFormat.NPY, FileFormat.TIFF):
        raise OutputError(name, f"{file_format} holds one map, not {channels}; use npy or tiff")
    if file_format.text and channels > 1:
        raise OutputError(
            name, f"{file_format} holds one channel, not {channels}; add --channels gray, or use npy"
        )
    numbers = pixels.dtype not in (np.uint8, np.uint16)
    if numbers and not file_format.numeric:
        _check_numbers(pixels, channels, file_format, name, maps=picture.maps)
    elif not file_format.numeric:
        _check_pixels_fit(picture, channels, file_format, name)
    notes = []
    if picture.alpha is not None and (numbers or file_format.numeric or picture.maps):
        notes.append("alpha is not kept")
    if picture.profile is not None and not _holds_profile(picture, file_format):
        notes.append(f"{file_format} cannot hold the colour profile")
    return tuple(notes)


def _holds_profile(picture: Picture, file_format: FileFormat) -> bool:
    """Whether a format holds the profile of a picture; some hold grey as RGB, whose profile it is not."""
    grey = picture.pixels.ndim == 2
    return file_format in HOLDS_PROFILE and not (grey and file_format in HOLDS_GREY_AS_RGB)


def _check_pixels_fit(picture: Picture, channels: int, file_format: FileFormat, name: str) -> None:
    if picture.maps:  # a page each
        return
    deep = picture.pixels.dtype == np.uint16
    if channels not in (1, 3):
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; use npy")
    if deep and (file_format not in HOLDS_16_BITS or channels == 3 or picture.alpha is not None):
        raise OutputError(
            name, f"{file_format} cannot hold 16 bits a pixel here; use png, tiff or pnm for grey, else npy"
        )
    if picture.alpha is not None and file_format not in HOLDS_ALPHA:
        raise OutputError(
            name,
            f"{file_format} cannot hold alpha; use {', '.join(sorted(HOLDS_ALPHA))}, "
            "or lay it over a colour by --background white",
        )
    if channels == 3 and name.lower().endswith(".pgm"):
        raise OutputError(name, "a .pgm file is grey; use .ppm")
    longest = LONGEST_SIDE.get(file_format)
    if longest is not None and max(picture.pixels.shape[:2]) > longest:
        raise OutputError(name, f"{file_format} holds sides of {longest} pixels at most; use png or tiff")


def _check_numbers(
    pixels: NDArray[Any], channels: int, file_format: FileFormat, name: str, *, maps: bool
) -> None:
    if file_format != FileFormat.TIFF:
        raise OutputError(name, f"{file_format} holds pixels, not raw numbers; use npy, csv or tiff")
    if channels > 1 and not maps:
        raise OutputError(name, f"a float TIFF holds one channel, not {channels}; use npy")
    if _tiff_numbers(pixels) is None:
        raise OutputError(name, "a TIFF would round these numbers to 32 bits; use npy")


def _tiff_numbers(pixels: NDArray[Any]) -> NDArray[Any] | None:
    """Return the numbers as float32 or, where that would round integers, as int32; None if both would."""
    with np.errstate(over="ignore"):
        single = pixels.astype(np.float32)
    if pixels.dtype.kind == "f":
        return single if np.array_equal(single.astype(pixels.dtype), pixels, equal_nan=True) else None
    lowest_bit = np.maximum(pixels & (~pixels + 1), 1)
    if (abs(pixels // lowest_bit) < 1 << FLOAT32_BITS).all():
        return single
    limits = np.iinfo(np.int32)
    return pixels.astype(np.int32) if limits.min <= pixels.min() and pixels.max() <= limits.max else None


def encoded(
    picture: Picture,
    file_format: FileFormat,
    name: str,
    *,
    png_level: int | None = None,
    jobs: int | None = None,
) -> Sequence[bytes | memoryview]:
    """Return the parts of the file that holds a picture, which `check_holds` has passed.

    Made in memory: Pillow does not notice a disk that takes only a part of what it writes.

    Raises
    ------
    OutputError
        The encoder refuses the picture.
    UsageError
        `encode_png` knows no such level, or number of jobs.
    """
    memory = io.BytesIO()
    if picture.pixels.ndim == 3 and picture.pixels.shape[2] == 1 and file_format != FileFormat.NPY:
        picture = replace(picture, pixels=picture.pixels[:, :, 0])
    if file_format == FileFormat.PNG:
        return encode_png(
            picture.pixels,
            alpha=picture.alpha,
            profile=picture.profile,
            resolution=_resolution_for(picture, file_format),
            level=png_level,
            jobs=jobs,
        )
    if file_format == FileFormat.NPY:
        np.save(memory, picture.pixels, allow_pickle=False)
    elif file_format.text:
        separator = "," if file_format == FileFormat.CSV else " "
        memory.write(format_matrix(picture.pixels, separator).encode())
    else:
        _encode_pixels(picture, file_format, memory, name)
    return [memory.getbuffer()]


def _resolution_for(picture: Picture, file_format: FileFormat) -> tuple[float, float] | None:
    fits = picture.resolution and max(picture.resolution) <= HOLDS_RESOLUTION.get(file_format, 0)
    return picture.resolution if fits else None


def _encode_pixels(picture: Picture, file_format: FileFormat, memory: BinaryIO, name: str) -> None:
    pixels = _joined(picture)
    resolution = _resolution_for(picture, file_format)
    options = SAVE_OPTIONS[file_format].copy()
    if picture.profile is not None and _holds_profile(picture, file_format):
        options["icc_profile"] = picture.profile
    if resolution is not None:
        options["dpi"] = resolution
    if picture.pixels.dtype not in (np.uint8, np.uint16):
        numbers = _tiff_numbers(picture.pixels)
        pixels = picture.pixels if numbers is None else numbers
    pages = [Image.fromarray(page) for page in (np.moveaxis(pixels, 2, 0) if picture.maps else [pixels])]
    if len(pages) > 1:
        options |= {"save_all": True, "append_images": pages[1:]}
    try:
        pages[0].save(memory, **options)
    except MemoryError:
        raise
    except Exception as error:  # an encoder may raise anything
        raise OutputError(
            name, f"the {file_format} encoder refuses: {str(error) or type(error).__name__}"
        ) from None


def _joined(picture: Picture) -> NDArray[Any]:
    """Return the pixels with alpha as their last channel."""
    if picture.alpha is None or picture.maps:
        return picture.pixels
    return np.dstack((picture.pixels, picture.alpha))
