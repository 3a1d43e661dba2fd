"""The decoder that uses Pillow, for common picture formats.

Does not use numpy, so that decoding can start while numpy is being imported.
"""

from __future__ import annotations

import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from convcli.errors import ConvcliError, ImageError, NotKeptWhole
from convcli.pictures.formats.libtiff_errors import captured_libtiff_errors
from convcli.pictures.formats.pillow_conventions import (
    describe_color,
    exif_resolution,
    forget_xmp,
    prepare,
    scale_note,
)
from convcli.pictures.formats.pillow_damage import check_damage
from convcli.pictures.limits import Limits

if TYPE_CHECKING:
    from convcli.pictures.picture import Picture

__all__ = ["EXTENSIONS", "FORMATS", "PillowDecoded", "decode", "describe_loaded"]

PILLOW_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")  # none runs an external program
FORMATS = ("PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF", "PNM", "AVIF")
EXTENSIONS = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pnm", ".pgm", ".ppm", ".pbm",
    ".avif",
)  # fmt: skip
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, X_RESOLUTION, SAMPLE_FORMAT = 258, 262, 274, 282, 339  # TIFF tags
# By mode: channels of the array, bytes per value, bytes per pixel in Pillow.
MODE_BYTES = {
    "1": (1, 1, 1),
    "L": (1, 1, 1),
    "P": (3, 1, 5),
    "I;16": (1, 2, 2),
    "I": (1, 4, 4),
    "F": (1, 4, 4),
    "LA": (2, 1, 4),
    "RGB": (3, 1, 4),
    "RGBA": (4, 1, 4),
}
TWELVE_BITS = "I;12"  # Pillow's name for a raw mode
ROW_OVERHEAD = 12  # bytes that Pillow needs per row
MAX_TEXT_BYTES = 1 << 24  # bytes of an uncompressed text or profile in a PNG
SIGNATURES = {  # compiled when a file turns out to be damaged
    "a PNG": rb"\x89PNG",
    "a JPEG": rb"\xff\xd8\xff",
    "a TIFF": rb"II[*+]\0|MM\0[*+]",
    "a GIF": rb"GIF8",
    "a WebP": rb"(?s:RIFF.{4}WEBP)",
    "an AVIF": rb"(?s:.{4}ftypavi[fs])",
    "a PNM": rb"P[1-6Ff][ \t\r\n#]",
}

# Pillow's log messages are discarded unless the application configures logging; without a handler they
# would go to standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class PillowDecoded(NamedTuple):
    """A decoded picture as a Pillow image; see `Decoded`.

    Attributes
    ----------
    image : Image
        With EXIF orientation applied.
    format : str
        Pillow's name for the file format.
    profile : bytes or None
        ICC profile.
    resolution : (float, float) or None
        Dots per inch, horizontally and vertically.
    notes : tuple of str
        What could not be kept.
    sample_format : int
        For a TIFF: 1 unsigned, 2 signed, 3 float; 0 for all other formats.
    inverted : bool
        Whether it is a TIFF in which 0 is white.
    white : int
        The 16-bit value that the file uses for white, or for black if it is inverted.
    file_bytes : int
        Length of the file.
    """

    image: Image.Image
    format: str
    profile: bytes | None
    resolution: tuple[float, float] | None
    notes: tuple[str, ...]
    sample_format: int
    inverted: bool
    white: int
    file_bytes: int

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise ImageError if the picture is larger than the limits allow."""
        _check_size(self.image, self.file_bytes, name, limits)

    def to_picture(self, name: str) -> Picture:
        """Convert to arrays."""
        from convcli.pictures.formats.pillow_arrays import convert_to_picture  # late: it needs numpy

        try:
            return convert_to_picture(self)
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # conversion may raise anything, as decoders do
            why = f"cannot be converted: {str(error) or type(error).__name__}"
            raise ImageError(name, why) from None


def decode(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> PillowDecoded | None:
    """Decode a picture, or return None if the file is in none of the formats; see `Decoder.decode`."""
    with _UNLIMITED_PILLOW, captured_libtiff_errors(stream) as first_error:
        try:
            with Image.open(stream, formats=PILLOW_FORMATS) as image:
                file_bytes = _length(stream)
                if frame is not None:
                    _check_size(image, file_bytes, name, limits)
                    _seek(image, frame, name)
                _check_size(image, file_bytes, name, limits)
                _refuse_truncation(image, stream, name)
                decoded = _decoded(image, stream, name, frame)
        except UnidentifiedImageError:
            kind = _signature(stream)
            if kind is None:
                return None
            why = f"starts like {kind} file, but is damaged, truncated or of an unsupported kind"
            raise ImageError(name, why) from None
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # a decoder may raise anything on a damaged file
            raise ImageError(name, first_error() or _reason(error)) from None
        if first_error():
            raise ImageError(name, first_error())
        return decoded


def _length(stream: BinaryIO) -> int:
    """Return the length of a stream in bytes."""
    position = stream.tell()
    length = stream.seek(0, io.SEEK_END)
    stream.seek(position)
    return length


def _signature(stream: BinaryIO) -> str | None:
    """Return the format that the first bytes of a file indicate, or None."""
    stream.seek(0)
    head = stream.read(16)
    return next((kind for kind, pattern in SIGNATURES.items() if re.match(pattern, head)), None)


def _reason(error: Exception) -> str:
    """Return a decoder's message, or a general one where its own is meant for programmers."""
    text = error.args[0] if error.args else ""
    message = text.decode("latin-1") if isinstance(text, bytes) else str(error)
    for_users = isinstance(error, OSError | SyntaxError | ValueError) and "literal for int" not in message
    return f"cannot be decoded: {message}" if for_users and message else "is damaged or truncated"


def _check_size(image: Image.Image, file_bytes: int, name: str, limits: Limits) -> None:
    """Refuse a picture whose header gives a size beyond the limits."""
    channels, itemsize, pixel_bytes = MODE_BYTES.get(image.mode, (3, 1, 8))
    if "transparency" in image.info:
        channels, pixel_bytes = 4, 8
    if image.format in {"WEBP", "AVIF", "GIF"}:
        pixel_bytes += 8  # their decoders hold whole frames
    size = image.height, image.width, channels
    decoder_bytes = (image.width * pixel_bytes + ROW_OVERHEAD) * image.height
    if image.format in {"PNG", "WEBP", "AVIF"}:  # their decoders read compressed data into memory
        decoder_bytes += 2 * file_bytes
    limits.check(name, size, itemsize, decoder_bytes=decoder_bytes, numbers=image.mode in {"I", "F"})


def _seek(image: Image.Image, frame: int, name: str) -> None:
    try:
        image.seek(frame)
    except EOFError:
        # The number of a TIFF is unreliable after the failed search, which stops at the last page.
        count = image.tell() + 1 if image.format == "TIFF" else getattr(image, "n_frames", 1)
        has = f"it has {count} frames, counted from 0" if count > 1 else "it has a single frame"
        raise ImageError(name, f"has no frame {frame}: {has}") from None


class _SharedChange:
    """A process-wide change: made for the first thread that needs it, undone after the last."""

    def __init__(self, change: Callable[[], AbstractContextManager[None]]) -> None:
        self.change = change
        self.lock = threading.Lock()
        self.users = 0
        self.undo = ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.undo.enter_context(self.change())
            self.users += 1

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.undo.close()


@contextmanager
def _without_limit_and_warnings() -> Iterator[None]:
    """Turn off Pillow's pixel limit and warnings: `Limits` and our own notes take their place."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    text, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, MAX_TEXT_BYTES
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
        PngImagePlugin.MAX_TEXT_CHUNK = text


_UNLIMITED_PILLOW = _SharedChange(_without_limit_and_warnings)


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    """Return a TIFF tag, or the default if the file is not a TIFF or does not have the tag."""
    return getattr(image, "tag_v2", {}).get(number, default)


def _refuse_truncation(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Refuse color with more than 8 bits per channel, because Pillow would drop the lower bits."""
    bits = max(_tag(image, BITS_PER_SAMPLE, (8,)))
    if bits > 32:
        raise NotKeptWhole(name, "holds 64-bit numbers, which Pillow would cut to 32")
    raw_mode, *rest = _decoder_arguments(image)
    in_color = image.mode not in {"1", "L", "I", "F"} and not image.mode.startswith("I;16")
    deep = {
        "PNG": ";16" in raw_mode,
        "TIFF": bits > 8,
        "PPM": bool(rest) and isinstance(rest[0], int) and rest[0] > 255,
        "AVIF": image.format == "AVIF" and _is_deep_avif(stream),
    }
    if in_color and deep.get(image.format or "", False):
        raise NotKeptWhole(name, "holds more than 8 bits per color channel, which Pillow would cut to 8")


def _decoder_arguments(image: Image.Image) -> tuple[Any, ...]:
    """Return the arguments of Pillow's decoder: the raw mode first, or "" if there is none."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    whole = arguments if isinstance(arguments, tuple) else (arguments,)
    return whole if whole and isinstance(whole[0], str) else ("", *whole)


def _is_deep_avif(stream: BinaryIO) -> bool:
    """Look up the high-bit-depth flag in the AV1 configuration box of an AVIF file."""
    position = stream.tell()
    stream.seek(0)
    _, _, configuration = stream.read(1 << 16).partition(b"av1C")
    stream.seek(position)
    return bool(configuration[2:3]) and bool(configuration[2] & 0x40)


def _decoded(image: Image.Image, stream: BinaryIO, name: str, frame: int | None) -> PillowDecoded:
    notes = []
    if frame is None and getattr(image, "is_animated", False):
        notes.append("has several frames; the first is used (--frame selects another)")
    raw_mode, *rest = _decoder_arguments(image)
    if (
        image.format == "PPM"
        and image.mode != "F"
        and rest
        and isinstance(rest[0], int)
        and rest[0] not in (1, 255, 65535)
    ):
        notes.append(scale_note(rest[0]))
    # Loading a TIFF applies its orientation and removes the tag.
    sideways = _tag(image, ORIENTATION, 1) >= 5
    check_pixels = check_damage(image, stream, name, frame or 0)
    _fix_byte_order(image)
    finish = prepare(image, stream, name)
    image.load()
    check_pixels()
    finish()
    return describe_loaded(image, name, raw_mode, notes, _length(stream), sideways=sideways)


def describe_loaded(
    image: Image.Image, name: str, raw_mode: str, notes: list[str], file_bytes: int, *, sideways: bool = False
) -> PillowDecoded:
    """Return an image whose pixels are loaded, upright and with what belongs to it.

    Parameters
    ----------
    image : Image
        Changed in place.
    name : str
        The name to use in messages.
    raw_mode : str
        How the file stores pixels, by Pillow's name.
    notes : list of str
        What is known already to be lost.
    file_bytes : int
        Length of the file.
    sideways : bool
        Whether loading has turned it by a quarter.

    Raises
    ------
    ImageError
        Its colors are not supported.
    """
    forget_xmp(image)
    sideways = sideways or image.getexif().get(ORIENTATION, 1) in range(5, 9)
    profile = image.info.get("icc_profile") or None
    notes += describe_color(image)
    if raw_mode == TWELVE_BITS:
        notes.append(scale_note(4095))
    _scale_transparent_gray(image, raw_mode)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"LAB", "HSV"}:
        raise ImageError(name, f"has {image.mode} colors; convert it to RGB first")
    if image.mode == "CMYK":
        notes.append("CMYK was converted to RGB" + (", and its color profile was dropped" if profile else ""))
        profile = None
    return PillowDecoded(
        image,
        image.format or "",
        profile,
        _resolution(image, sideways=sideways),
        tuple(notes),
        _tag(image, SAMPLE_FORMAT, (1,))[0] if image.format == "TIFF" else 0,
        _tag(image, PHOTOMETRIC, 1) == 0,
        4095 if raw_mode == TWELVE_BITS else 65535,
        file_bytes,
    )


def _fix_byte_order(image: Image.Image) -> None:
    """Stop Pillow from swapping the bytes of values that libtiff has already swapped."""
    tiles: Any = getattr(image, "tile", [])
    if image.format == "TIFF" and tiles and tiles[0][0] == "libtiff":
        raw_mode, *rest = tiles[0][3]
        native = re.sub(r"^([FI];(?:16|32))B(?=[FS]?$)", r"\1N", raw_mode)
        image.tile = [tiles[0]._replace(args=(native, *rest))]  # type: ignore[attr-defined]


def _resolution(image: Image.Image, *, sideways: bool) -> tuple[float, float] | None:
    """Return dots per inch, horizontally and vertically, of the upright picture."""
    value = image.info.get("dpi")
    if image.format in {"JPEG", "MPO"} and not image.info.get("jfif_unit"):
        value = exif_resolution(image)
    if image.format == "TIFF" and _tag(image, X_RESOLUTION, None) is None:
        return None  # Pillow invents a default
    if not isinstance(value, tuple) or len(value) != 2 or not all(0 < float(part) < 1e6 for part in value):
        return None
    across, down = float(value[0]), float(value[1])
    return (down, across) if sideways else (across, down)


def _scale_transparent_gray(image: Image.Image, raw_mode: str) -> None:
    """Scale a PNG's transparent gray value as its pixels are scaled."""
    value = image.info.get("transparency")
    if isinstance(value, int) and raw_mode in {"L;2", "L;4"}:
        image.info["transparency"] = value * (85 if raw_mode == "L;2" else 17)
