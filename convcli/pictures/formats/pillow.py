"""Decodes image files with Pillow, and checks for damage that Pillow accepts.

Does not use numpy, so that decoding can start while numpy is being imported.
"""

import io
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageOps, PngImagePlugin, UnidentifiedImageError

from convcli.errors import ConvcliError, ImageError
from convcli.parallel import BackgroundTask
from convcli.pictures.damage.checks import checked
from convcli.pictures.formats.libtiff_errors import captured_libtiff_errors
from convcli.pictures.limits import DEFAULT_LIMITS, Limits

__all__ = ["READABLE", "Decoded", "decode", "start_decoding"]

READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF")  # none runs an external program
BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, X_RESOLUTION, SAMPLE_FORMAT = 258, 262, 274, 282, 339  # TIFF tags
# By mode: channels of the array, bytes per value, bytes per pixel in Pillow.
BYTES_OF_A_MODE = {
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
BYTES_OF_A_ROW = 12  # Pillow's overhead per row
LONGEST_CHUNK = 1 << 24  # bytes of an uncompressed text or profile in a PNG
SIGNATURES = {
    "a PNG": re.compile(rb"\x89PNG"),
    "a JPEG": re.compile(rb"\xff\xd8\xff"),
    "a TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "a GIF": re.compile(rb"GIF8"),
    "a WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "an AVIF": re.compile(rb".{4}ftypavi[fs]", re.DOTALL),
    "a PNM": re.compile(rb"P[1-6Ff][ \t\r\n#]"),
}
BACKGROUND_MIN_BYTES = (
    1 << 19
)  # bytes of a file: decoding a smaller one takes less time than starting a thread


# Pillow's log messages are discarded unless the application configures logging; without a handler they
# would go to standard error.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded picture as a Pillow image.

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
    """

    image: Image.Image
    format: str
    profile: bytes | None
    resolution: tuple[float, float] | None
    notes: tuple[str, ...]
    sample_format: int
    inverted: bool


def decode(
    stream: BinaryIO, name: str, limits: Limits = DEFAULT_LIMITS, *, frame: int | None = None
) -> Decoded:
    """Decode a picture, which messages call `name`; `frame` selects one of several, counted from 0.

    Raises
    ------
    ImageError
        It is damaged, is larger than the limits allow, does not have that frame, or holds values that Pillow
        would truncate.
    UnidentifiedImageError
        It is not a picture in a supported format.
    """
    begun = _started.pop(getattr(stream, "name", ""), None)
    decoded = begun.result() if begun is not None and frame is None else None
    if decoded is None:
        return _decode(stream, name, limits, frame)
    _check_size(decoded.image, stream, name, limits)  # decoding started before the limits were known
    return decoded


def _decode(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> Decoded:
    with _UNLIMITED_PILLOW, captured_libtiff_errors(stream) as heard:
        try:
            with Image.open(stream, formats=READABLE) as image:
                if frame is not None:
                    _check_size(image, stream, name, limits)
                    _seek(image, frame, name)
                _check_size(image, stream, name, limits)
                _refuse_what_would_be_cut(image, stream, name)
                decoded = _decoded(image, stream, name, frame)
        except UnidentifiedImageError:
            kind = _signature(stream)
            if kind is None:
                raise
            why = f"starts like {kind} file, but is damaged, truncated or of an unsupported kind"
            raise ImageError(name, why) from None
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # a decoder may raise anything on a damaged file
            raise ImageError(name, heard() or _reason(error)) from None
        if heard():
            raise ImageError(name, heard())
        return decoded


def _signature(stream: BinaryIO) -> str | None:
    """Return the format that the first bytes of a file indicate, or None."""
    stream.seek(0)
    head = stream.read(16)
    return next((kind for kind, pattern in SIGNATURES.items() if pattern.match(head)), None)


def _reason(error: Exception) -> str:
    """Return a decoder's message, or a general one where its own is meant for programmers."""
    text = error.args[0] if error.args else ""
    words = text.decode("latin-1") if isinstance(text, bytes) else str(error)
    told = isinstance(error, OSError | SyntaxError | ValueError) and "literal for int" not in words
    return f"cannot be decoded: {words}" if told and words else "is damaged or truncated"


def _check_size(image: Image.Image, stream: BinaryIO, name: str, limits: Limits) -> None:
    """Refuse a picture whose header gives a size beyond the limits."""
    channels, itemsize, of_a_pixel = BYTES_OF_A_MODE.get(image.mode, (3, 1, 8))
    if "transparency" in image.info:
        channels, of_a_pixel = 4, 8
    if image.format in {"WEBP", "AVIF", "GIF"}:
        of_a_pixel += 8  # their decoders hold whole frames
    size = image.height, image.width, channels
    decoder = (image.width * of_a_pixel + BYTES_OF_A_ROW) * image.height
    if image.format in {"PNG", "WEBP", "AVIF"}:  # their decoders read compressed data into memory
        place = stream.tell()
        decoder += 2 * stream.seek(0, io.SEEK_END)
        stream.seek(place)
    limits.check(name, size, itemsize, decoder=decoder, numbers=image.mode in {"I", "F"})


def _seek(image: Image.Image, frame: int, name: str) -> None:
    try:
        image.seek(frame)
    except EOFError:
        raise ImageError(name, f"has no frame {frame}; frames are counted from 0") from None


_started: dict[str, BackgroundTask[Decoded]] = {}


def start_decoding(path: str) -> None:
    """Start decoding a large PNG or JPEG file on a background thread; `decode` picks up the result.

    Ignores all errors: `decode` will meet them again and report them.
    """
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: no more threads can be started
        if Path(path).stat().st_size < BACKGROUND_MIN_BYTES or not Path(path).is_file():
            return
        with Path(path).open("rb") as stream:
            if stream.read(4) not in {b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1"}:
                return
        _started[str(Path(path))] = BackgroundTask(partial(_decode_file, path))


def _decode_file(path: str) -> Decoded:
    with Path(path).open("rb") as stream:
        return _decode(stream, path, DEFAULT_LIMITS, None)


class _Shared:
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
    text, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, LONGEST_CHUNK
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
        PngImagePlugin.MAX_TEXT_CHUNK = text


_UNLIMITED_PILLOW = _Shared(_without_limit_and_warnings)


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    """Return a TIFF tag, or the default if the file is not a TIFF or does not have the tag."""
    return getattr(image, "tag_v2", {}).get(number, default)


def _refuse_what_would_be_cut(image: Image.Image, stream: BinaryIO, name: str) -> None:
    """Refuse color with more than 8 bits per channel, because Pillow would drop the lower bits."""
    bits = max(_tag(image, BITS_PER_SAMPLE, (8,)))
    if bits > 32:
        raise ImageError(name, "holds 64-bit numbers, which Pillow would cut to 32; save it as .npy")
    raw_mode, *rest = _decoder_arguments(image)
    in_color = image.mode not in {"1", "L", "I", "F"} and not image.mode.startswith("I;16")
    deep = {
        "PNG": ";16" in raw_mode,
        "TIFF": bits > 8,
        "PPM": bool(rest) and isinstance(rest[0], int) and rest[0] > 255,
        "AVIF": image.format == "AVIF" and _is_deep_avif(stream),
    }
    if in_color and deep.get(image.format or "", False):
        why = "holds more than 8 bits per color channel, which Pillow would cut to 8; only grayscale keeps 16"
        raise ImageError(name, why)


def _decoder_arguments(image: Image.Image) -> tuple[Any, ...]:
    """Return the arguments of Pillow's decoder: the raw mode first, or "" if there is none."""
    tiles = getattr(image, "tile", [])
    arguments = tiles[0][3] if tiles else ""
    whole = arguments if isinstance(arguments, tuple) else (arguments,)
    return whole if whole and isinstance(whole[0], str) else ("", *whole)


def _is_deep_avif(stream: BinaryIO) -> bool:
    """Look up the high-bit-depth flag in the AV1 configuration box of an AVIF file."""
    place = stream.tell()
    stream.seek(0)
    _, _, configuration = stream.read(1 << 16).partition(b"av1C")
    stream.seek(place)
    return bool(configuration[2:3]) and bool(configuration[2] & 0x40)


def _decoded(image: Image.Image, stream: BinaryIO, name: str, frame: int | None) -> Decoded:
    notes = []
    if frame is None and getattr(image, "is_animated", False):
        notes.append("has several frames; uses the first (--frame selects another)")
    raw_mode, *rest = _decoder_arguments(image)
    if (
        image.format == "PPM"
        and image.mode != "F"
        and rest
        and isinstance(rest[0], int)
        and rest[0] not in (1, 255, 65535)
    ):
        notes.append(f"its values from 0 to {rest[0]} are scaled to {255 if rest[0] < 255 else 65535}")
    # Loading a TIFF applies its orientation and removes the tag.
    lies = _tag(image, ORIENTATION, 1) >= 5
    check = checked(image, stream, name, frame or 0)
    _mend_byte_order(image)
    image.load()
    check()
    lies = lies or image.getexif().get(ORIENTATION, 1) in range(5, 9)
    profile = image.info.get("icc_profile") or None
    notes += _scale_transparent_value(image, raw_mode)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"LAB", "HSV"}:
        raise ImageError(name, f"has {image.mode} colors; convert it to RGB first")
    if image.mode == "CMYK":
        notes.append("CMYK was converted to RGB" + (", its profile dropped" if profile else ""))
        profile = None
        if image.format == "JPEG" and "adobe" not in image.info:  # Pillow inverts every CMYK JPEG as Adobe's
            image.paste(ImageChops.invert(image))
    return Decoded(
        image,
        image.format or "",
        profile,
        _resolution(image, lies=lies),
        tuple(notes),
        _tag(image, SAMPLE_FORMAT, (1,))[0] if image.format == "TIFF" else 0,
        _tag(image, PHOTOMETRIC, 1) == 0,
    )


def _mend_byte_order(image: Image.Image) -> None:
    """Stop Pillow from swapping the bytes of values that libtiff has already swapped."""
    tiles: Any = getattr(image, "tile", [])
    if image.format == "TIFF" and tiles and tiles[0][0] == "libtiff":
        raw_mode, *rest = tiles[0][3]
        native = re.sub(r"^([FI];(?:16|32))B(?=[FS]?$)", r"\1N", raw_mode)
        image.tile = [tiles[0]._replace(args=(native, *rest))]  # type: ignore[attr-defined]


def _resolution(image: Image.Image, *, lies: bool) -> tuple[float, float] | None:
    """Return dots per inch, horizontally and vertically, of the upright picture."""
    value = image.info.get("dpi")
    if image.format == "TIFF" and _tag(image, X_RESOLUTION, None) is None:
        return None  # Pillow invents a default
    if not isinstance(value, tuple) or len(value) != 2 or not all(0 < float(part) < 1e6 for part in value):
        return None
    across, down = float(value[0]), float(value[1])
    return (down, across) if lies else (across, down)


def _scale_transparent_value(image: Image.Image, raw_mode: str) -> list[str]:
    """Scale a PNG's transparent gray value as its pixels are scaled; return a note if it cannot be kept."""
    value = image.info.get("transparency")
    if isinstance(value, int) and raw_mode in {"L;2", "L;4"}:
        image.info["transparency"] = value * (85 if raw_mode == "L;2" else 17)
    if value is not None and image.mode.startswith("I"):
        return ["its transparent gray value is not kept"]
    return []
