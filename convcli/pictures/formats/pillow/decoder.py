"""The decoder that uses Pillow, for common picture formats.

Does not use numpy: files of 8-bit pixels are decoded without it.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from PIL import Image, ImageFile

from convcli.errors import ConvcliError, ImageError
from convcli.owned_process import is_owned
from convcli.pictures.formats.pillow.conventions import (
    cmyk_note,
    describe_color,
    find_resolution,
    forget_xmp,
    prepare,
    scale_note,
)
from convcli.pictures.formats.pillow.damage import check_damage
from convcli.pictures.formats.pillow.estimates import check_size, is_memory_short
from convcli.pictures.formats.pillow.kept_whole import decoder_arguments, refuse_cut
from convcli.pictures.formats.pillow.libtiff_errors import captured_libtiff_errors
from convcli.pictures.formats.pillow.opening import allocate_pixels, length, open_image, seek_frame
from convcli.pictures.frames import SEVERAL_FRAMES, no_frame
from convcli.pictures.headers.signatures import find_format
from convcli.pictures.headers.tiff_tags import Tag
from convcli.pictures.limits import Limits
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from convcli.pictures.picture import Picture

__all__ = ["EXTENSIONS", "FORMATS", "PillowDecoded", "decode", "decoder_errors", "finish_decoding"]

FORMATS = ("PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF", "PNM", "AVIF")
EXTENSIONS = (
    ".png", ".apng", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pnm", ".pgm", ".ppm",
    ".pbm", ".pfm", ".avif",
)  # fmt: skip
TWELVE_BITS = "I;12"  # Pillow's name for a raw mode

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
    raster : Raster or None
        The pixels of the image, if they lie in memory that we allocated.
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
    raster: Raster | None = None

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise ImageError if the picture is larger than the limits allow."""
        check_size(self.image, self.file_bytes, name, limits, is_decoded=True)

    def to_picture(self, name: str) -> Picture:
        """Convert to a picture."""
        from convcli.pictures.formats.pillow.arrays import convert_to_picture  # late: decoding starts before

        try:
            return convert_to_picture(self)
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # conversion may raise anything, as decoders do
            why = f"cannot be converted: {str(error) or type(error).__name__}"
            raise ImageError(name, why) from None


def decode(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> PillowDecoded | None:
    """Decode a picture, or return None if the file is in none of the formats; see `Decoder.decode`."""
    # The capture replaces a descriptor of the whole process.
    with captured_libtiff_errors(stream) if is_owned() else nullcontext(str) as first_error:
        image = None
        try:
            image = open_image(stream, name, frame)
            if image is None:
                _refuse_unopened(stream, name, frame)
                kind = find_format(stream)
                if kind not in FORMATS:
                    return None
                file = "an AVIF file" if kind == "AVIF" else f"a {kind} file"
                why = f"starts like {file}, but is damaged, truncated or of an unsupported kind"
                raise ImageError(name, why)
            with image:
                file_bytes = length(stream)
                if frame is not None and image.format != "TIFF":
                    if image.format != "MPO":  # its pictures differ in size
                        check_size(image, file_bytes, name, limits, frame=frame)
                        count = min(frame + 1, getattr(image, "n_frames", 1))
                        limits.check_frames(name, count, *image.size)
                    _seek(image, stream, frame, name)
                check_size(image, file_bytes, name, limits, frame=frame)
                refuse_cut(image, stream, name)
                decoded = _load(image, stream, name, limits, frame)
        except (ConvcliError, MemoryError):
            raise
        except Image.DecompressionBombError:  # of a WebP or GIF, in a process of a caller
            why = "has more pixels than Pillow allows: set PIL.Image.MAX_IMAGE_PIXELS to None"
            raise ImageError(name, why) from None
        except Exception as error:  # a decoder may raise anything on a damaged file
            if isinstance(error, Warning) and not is_owned():  # a caller wants errors of warnings
                raise
            if is_memory_short(error, image):
                raise MemoryError from None
            if image is None:
                _refuse_unopened(stream, name, frame)
            raise ImageError(name, first_error() or _describe_error(error)) from None
        if first_error():
            raise ImageError(name, first_error())
        return decoded


def _refuse_unopened(stream: BinaryIO, name: str, frame: int | None) -> None:
    from convcli.pictures.formats.pillow.unopened import refuse_unopened  # late: rarely needed

    refuse_unopened(stream, name, frame or 0)


@contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Turn whatever a decoder may raise on a damaged file into an ImageError."""
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(name, _describe_error(error)) from None


def _describe_error(error: Exception) -> str:
    """Return a decoder's message, or a general one where its own is meant for programmers."""
    text = error.args[0] if error.args else ""
    message = text.decode("latin-1") if isinstance(text, bytes) else str(error)
    for_users = isinstance(error, OSError | SyntaxError | ValueError) and "literal for int" not in message
    for_users = for_users and getattr(error, "errno", None) != errno.EINVAL  # of an offset that no file has
    return f"cannot be decoded: {message}" if for_users and message else "is damaged or truncated"


def _seek(image: ImageFile.ImageFile, stream: BinaryIO, frame: int, name: str) -> None:
    if image.format == "GIF" and frame:  # its frames lie over the first
        finish = prepare(image, stream, name)
        image.load()
        finish()
    try:
        seek_frame(image, frame, name)
    except EOFError:
        raise no_frame(name, frame, getattr(image, "n_frames", 1)) from None


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    """Return a TIFF tag, or the default if the file is not a TIFF or does not have the tag."""
    return getattr(image, "tag_v2", {}).get(number, default)


def _load(
    image: Image.Image, stream: BinaryIO, name: str, limits: Limits, frame: int | None
) -> PillowDecoded:
    notes = []
    if frame is None and getattr(image, "is_animated", False):
        notes.append(SEVERAL_FRAMES)
    raw_mode, *rest = decoder_arguments(image)
    most = rest[0] if rest and image.format == "PPM" and image.mode != "F" else None
    if isinstance(most, int) and most not in (1, 255, 65535):
        notes.append(scale_note(most))
    # Loading a TIFF applies its orientation and removes the tag.
    sideways = _tag(image, Tag.ORIENTATION, 1) >= 5
    check_pixels = check_damage(image, stream, name, limits, frame or 0)
    _fix_byte_order(image)
    finish = prepare(image, stream, name)
    raster = allocate_pixels(image)
    allocated = None if raster is None else image.im
    if image.format in {"JPEG", "MPO"}:  # in one call, which other threads cannot delay
        image.decodermaxblock = length(stream)  # type: ignore[attr-defined] # an ImageFile has it
    image.load()
    check_pixels()
    finish()
    decoded = finish_decoding(image, name, raw_mode, notes, length(stream), sideways=sideways)
    return decoded._replace(raster=raster) if decoded.image.im is allocated else decoded


def finish_decoding(
    image: Image.Image, name: str, raw_mode: str, notes: list[str], file_bytes: int, *, sideways: bool = False
) -> PillowDecoded:
    """Turn a loaded image upright, and return it with its profile, resolution and notes.

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
    orientation = image.getexif().get(Tag.ORIENTATION, 1)
    sideways = sideways or orientation in range(5, 9)
    profile = image.info.get("icc_profile") or None
    notes += describe_color(image)
    if raw_mode == TWELVE_BITS:
        notes.append(scale_note(4095))
    _scale_transparent_gray(image, raw_mode)
    if orientation in range(2, 9):
        from PIL import ImageOps  # late: most pictures are upright

        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in {"LAB", "HSV"}:
        raise ImageError(name, f"has {image.mode} colors; convert it to RGB first")
    if image.mode == "CMYK":
        notes.append(cmyk_note(profile))
        profile = None
    resolution = find_resolution(image)
    return PillowDecoded(
        image,
        image.format or "",
        profile,
        resolution[::-1] if resolution and sideways else resolution,
        tuple(notes),
        _tag(image, Tag.SAMPLE_FORMAT, (1,))[0] if image.format == "TIFF" else 0,
        _tag(image, Tag.PHOTOMETRIC, 1) == 0,
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


def _scale_transparent_gray(image: Image.Image, raw_mode: str) -> None:
    """Scale a PNG's transparent gray value as its pixels are scaled."""
    value = image.info.get("transparency")
    if isinstance(value, int) and raw_mode in {"L;2", "L;4"}:
        image.info["transparency"] = value * (85 if raw_mode == "L;2" else 17)
