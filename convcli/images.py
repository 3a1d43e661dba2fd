"""Files and streams to arrays and back: the only module that knows Pillow.

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
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from convcli.arrays import image_array
from convcli.errors import ConvcliError, ImageError, MatrixError, OutputError, UsageError
from convcli.files import check_target, write_atomically
from convcli.matrices import format_matrix, parse_matrix

__all__ = [
    "FileFormat",
    "Kind",
    "Picture",
    "check_holds",
    "encode",
    "format_named",
    "format_of",
    "load_picture",
    "read_image",
    "write_image",
]

MAX_PIXELS = 1 << 28  # 268 million
MAX_STREAM = 1 << 32  # bytes taken from a pipe
READABLE = (
    "PNG",
    "JPEG",
    "MPO",
    "TIFF",
    "WEBP",
    "BMP",
    "GIF",
    "PPM",
    "AVIF",
)  # none of these starts a program
READABLE_TEXT = "PNG, JPEG, TIFF, WebP, BMP, GIF, PNM and AVIF"
NPY_MAGIC = b"\x93NUMPY"


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
    def numeric(self) -> bool:
        """Whether files of this format hold numbers, not pixels."""
        return self in (FileFormat.NPY, FileFormat.CSV, FileFormat.TXT)

    @property
    def text(self) -> bool:
        """Whether files of this format are text, fit for a terminal."""
        return self in (FileFormat.CSV, FileFormat.TXT)


ALIASES = {"jpg": "jpeg", "tif": "tiff", "pgm": "pnm", "ppm": "pnm"}
HOLDS_16_BITS = {FileFormat.PNG, FileFormat.TIFF, FileFormat.PNM}
HOLDS_ALPHA = {FileFormat.PNG, FileFormat.TIFF, FileFormat.WEBP, FileFormat.AVIF}
HOLDS_PROFILE = HOLDS_ALPHA | {FileFormat.JPEG}
SAVE_OPTIONS: dict[FileFormat, dict[str, Any]] = {
    # On photographs run-length matching alone gives the size of level 6 in a third of its time.
    FileFormat.PNG: {"format": "PNG", "compress_type": 3},
    FileFormat.JPEG: {"format": "JPEG", "quality": 92, "subsampling": 0},
    FileFormat.TIFF: {"format": "TIFF", "compression": "tiff_adobe_deflate"},
    FileFormat.WEBP: {"format": "WEBP", "lossless": True},
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
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    kind: Kind = Kind.PIXELS
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def depth(self) -> int:
        """Bits a pixel is rendered with: 16 for uint16, else 8."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    def with_pixels(self, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> "Picture":
        """Return the picture of a result: what came with the input is kept where it stays true."""
        profile, notes = self.profile, tuple[str, ...]()
        space = b"GRAY" if pixels.ndim == 2 else b"RGB "
        if profile is not None and profile[16:20] != space:
            profile, notes = None, ("the colour profile does not fit the result and is dropped",)
        kind = Kind.PIXELS if pixels.dtype in (np.uint8, np.uint16) else self.kind
        return replace(self, pixels=pixels, alpha=alpha, profile=profile, notes=notes, kind=kind)


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
    return _joined(load_picture(source, name))


def load_picture(source: str | Path | BinaryIO, name: str, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read an image with all that comes with it; `name` is what messages call it.

    Raises
    ------
    ImageError
        The file cannot be read, is no image, has more than `max_pixels`, or holds what Pillow would cut.
    """
    try:
        if not isinstance(source, str | Path):
            return _decode(io.BytesIO(_read_all(source, name)), name, "", max_pixels)
        with _open_file(Path(source), name) as stream:
            return _decode(stream, name, Path(source).suffix.lower(), max_pixels)
    except ConvcliError:
        raise
    except MemoryError:
        raise ImageError(name, "is too large for the memory of this machine") from None
    except OSError as error:
        raise ImageError(name, (error.strerror or str(error)).lower()) from None


def _open_file(path: Path, name: str) -> BinaryIO:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise ImageError(name, "is a folder; give the images in it")
    if stat.S_ISREG(mode):
        return path.open("rb")
    if not stat.S_ISFIFO(mode):
        raise ImageError(name, "is a device or a socket, not a file")
    with path.open("rb") as pipe:
        return io.BytesIO(_read_all(pipe, name))


def _read_all(stream: BinaryIO, name: str) -> bytes:
    data = stream.read(MAX_STREAM + 1)
    if len(data) > MAX_STREAM:
        raise ImageError(name, f"is longer than {MAX_STREAM} bytes; write it to a file first")
    return data


def _decode(stream: BinaryIO, name: str, extension: str, max_pixels: int) -> Picture:
    head = stream.read(len(NPY_MAGIC))
    stream.seek(0)
    if not head:
        raise ImageError(name, "is empty")
    if head == NPY_MAGIC:
        return _decode_npy(stream, name, max_pixels)
    if extension in {".csv", ".txt"}:
        return _decode_text(stream, name)
    try:
        return _decode_pixels(stream, name, max_pixels)
    except UnidentifiedImageError:
        if extension:
            raise ImageError(name, f"is no image; {READABLE_TEXT} are read") from None
    stream.seek(0)  # a stream has no name to tell a matrix by
    try:
        return _decode_text(stream, name)
    except ImageError as error:
        raise ImageError(name, f"is no image, and as a matrix: {error.why}") from None


def _decode_npy(stream: BinaryIO, name: str, max_pixels: int) -> Picture:
    try:
        version = np.lib.format.read_magic(stream)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape = reader(stream)[0]
        _check_pixels(name, shape[1] if len(shape) > 1 else 1, shape[0] if shape else 1, max_pixels)
        stream.seek(0)
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, EOFError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(name, f"is a damaged .npy file: {error}") from None
    try:
        return Picture(image_array(array), kind=Kind.ARRAY)
    except ImageError as error:
        raise ImageError(name, str(error)) from None


def _decode_text(stream: BinaryIO, name: str) -> Picture:
    try:
        return Picture(parse_matrix(stream.read().decode("utf-8-sig"), name), kind=Kind.TEXT)
    except UnicodeDecodeError:
        raise ImageError(name, "is not text in UTF-8") from None
    except MatrixError as error:
        raise ImageError(error.what, error.why) from None


def _check_pixels(name: str, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(name, f"has {width}x{height} = {width * height} pixels, more than {max_pixels}")


def _decode_pixels(stream: BinaryIO, name: str, max_pixels: int) -> Picture:
    try:
        with warnings.catch_warnings(), _own_pixel_limit():
            warnings.simplefilter("ignore")  # what matters of them is an error or a note
            with Image.open(stream, formats=READABLE) as image:
                _check_pixels(name, *image.size, max_pixels)
                _refuse_what_would_be_cut(image, stream, name)
                return _picture(image, name)
    except (ConvcliError, UnidentifiedImageError, MemoryError):
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise ImageError(name, f"cannot be decoded: {error or type(error).__name__}") from None


@contextmanager
def _own_pixel_limit() -> Iterator[None]:
    """Put Pillow's limit, which only warns, out of force where ours, which refuses, is checked."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _refuse_what_would_be_cut(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Refuse more than 8 bits a colour, which Pillow reads by dropping the lower ones."""
    cut = False
    if image.mode not in {"I;16", "I;16B", "I;16L", "I;16N", "I", "F", "L", "1"}:
        for tile in getattr(image, "tile", []):
            arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
            deep = any(isinstance(item, str) and ";16" in item for item in arguments)
            deep_pnm = image.format == "PPM" and len(arguments) > 1 and int(arguments[1]) > 255
            cut = cut or deep or deep_pnm
    if image.format == "AVIF":
        cut = cut or _deep_avif(stream)
    if image.format == "TIFF" and max(getattr(image, "tag_v2", {}).get(258, (1,))) > 32:
        raise ImageError(name, "holds 64-bit numbers, which Pillow would cut to 32; save it as .npy")
    if cut:
        raise ImageError(name, "holds more than 8 bits a colour, which Pillow would cut to 8; grey keeps 16")


def _deep_avif(stream: BinaryIO) -> bool:
    """Look up the high-bit-depth flag in the AV1 configuration box of an AVIF file."""
    place = stream.tell()
    stream.seek(0)
    _, _, configuration = stream.read(1 << 16).partition(b"av1C")
    stream.seek(place)
    return bool(configuration[2:3]) and bool(configuration[2] & 0x40)


def _picture(image: Image.Image, name: str) -> Picture:
    notes = []
    if getattr(image, "is_animated", False):
        notes.append("has several frames; the first is taken")
    image.load()
    upright = ImageOps.exif_transpose(image)
    resolution = image.info.get("dpi")
    picture = Picture(
        pixels=np.empty(0),
        profile=image.info.get("icc_profile") or None,
        resolution=resolution if _is_resolution(resolution) else None,
    )
    if upright.mode in {"CMYK", "YCbCr", "LAB", "HSV"}:
        if upright.mode in {"LAB", "HSV"}:
            raise ImageError(name, f"is in {upright.mode} colours; convert it to RGB first")
        if upright.mode == "CMYK":
            notes.append("CMYK was converted to RGB" + (", its profile dropped" if picture.profile else ""))
            picture = replace(picture, profile=None)
        upright = upright.convert("RGB")
    return replace(_pixels_of(upright, image, picture), notes=tuple(notes))


def _is_resolution(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(0 < float(part) < 1e6 for part in value)


def _pixels_of(upright: Image.Image, original: Image.Image, picture: Picture) -> Picture:
    if upright.mode.startswith("I;16"):
        pixels = np.array(upright).astype(np.uint16)
        white_is_zero = original.format == "TIFF" and getattr(original, "tag_v2", {}).get(262) == 0
        return replace(picture, pixels=65535 - pixels if white_is_zero else pixels)
    if upright.mode == "I" and original.format == "PPM":
        return replace(picture, pixels=np.array(upright).astype(np.uint16))
    if upright.mode in {"I", "F"}:
        numbers = np.array(upright)
        unsigned = original.format == "TIFF" and getattr(original, "tag_v2", {}).get(339, (1,))[0] == 1
        numbers = numbers.view(np.uint32) if upright.mode == "I" and unsigned else numbers
        return replace(picture, pixels=numbers, kind=Kind.NUMBERS)
    has_alpha = upright.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in upright.info
    if upright.mode in {"1", "L", "LA", "La"}:
        array = np.array(upright.convert("LA" if has_alpha else "L"))
        return (
            replace(picture, pixels=array[..., 0], alpha=array[..., 1])
            if has_alpha
            else replace(picture, pixels=array)
        )
    array = np.array(upright.convert("RGBA" if has_alpha else "RGB"))
    return replace(picture, pixels=array[..., :3], alpha=array[..., 3] if has_alpha else None)


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
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    picture = Picture(array)
    if not file_format.numeric and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (2, 4):
        color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
        picture = Picture(color, alpha=array[..., -1])
    check_holds(picture, file_format, str(target))
    check_target(target, replace=force)
    write_atomically(target, lambda stream: encode(picture, file_format, stream, str(target)), replace=force)


def check_holds(picture: Picture, file_format: FileFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return what it drops without harm.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are no pixels.
    """
    pixels = picture.pixels
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if file_format.text and channels > 1:
        raise OutputError(
            name, f"{file_format} holds one channel, not {channels}; add --channels gray, or use npy"
        )
    if file_format.numeric:
        return ("alpha is not kept",) if picture.alpha is not None else ()
    if pixels.dtype not in (np.uint8, np.uint16):
        _check_numbers(pixels, channels, file_format, name)
        return ("alpha is not kept",) if picture.alpha is not None else ()
    if channels not in (1, 3):
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; use npy")
    if pixels.dtype == np.uint16 and (
        file_format not in HOLDS_16_BITS or channels == 3 or picture.alpha is not None
    ):
        raise OutputError(
            name, f"{file_format} cannot hold 16 bits a pixel here; use png, tiff or pnm for grey, else npy"
        )
    if picture.alpha is not None and file_format not in HOLDS_ALPHA:
        raise OutputError(name, f"{file_format} cannot hold alpha; use {', '.join(sorted(HOLDS_ALPHA))}")
    if picture.profile is not None and file_format not in HOLDS_PROFILE:
        return (f"{file_format} cannot hold the colour profile",)
    return ()


def _check_numbers(pixels: NDArray[Any], channels: int, file_format: FileFormat, name: str) -> None:
    if file_format != FileFormat.TIFF:
        raise OutputError(name, f"{file_format} holds pixels, not raw numbers; use npy, csv or tiff")
    if channels > 1:
        raise OutputError(name, f"a float TIFF holds one channel, not {channels}; use npy")
    with np.errstate(over="ignore"):
        single = pixels.astype(np.float32)
    if not np.array_equal(single.astype(np.float64), pixels.astype(np.float64), equal_nan=True):
        raise OutputError(name, "a float TIFF would round these numbers to float32; use npy")


def encode(picture: Picture, file_format: FileFormat, stream: BinaryIO, name: str) -> None:
    """Write a picture, which `check_holds` has passed, to a stream.

    Raises
    ------
    OutputError
        The encoder refuses the picture.
    OSError
        The stream cannot be written.
    """
    if file_format == FileFormat.NPY:
        np.save(stream, picture.pixels, allow_pickle=False)
    elif file_format.text:
        separator = "," if file_format == FileFormat.CSV else " "
        stream.write(format_matrix(picture.pixels.reshape(picture.pixels.shape[:2]), separator).encode())
    else:
        options = SAVE_OPTIONS[file_format].copy()
        if picture.profile is not None and file_format in HOLDS_PROFILE:
            options["icc_profile"] = picture.profile
        if picture.resolution is not None:
            options["dpi"] = picture.resolution
        joined = _joined(picture)
        if joined.dtype not in (np.uint8, np.uint16):
            joined = joined.astype(np.float32)
        try:
            Image.fromarray(joined).save(stream, **options)
        except (ValueError, KeyError, TypeError, SystemError) as error:
            raise OutputError(name, f"the {file_format} encoder refuses: {error}") from None


def _joined(picture: Picture) -> NDArray[Any]:
    """Return the pixels with alpha as their last channel."""
    if picture.alpha is None:
        return picture.pixels
    return np.dstack((picture.pixels, picture.alpha))
