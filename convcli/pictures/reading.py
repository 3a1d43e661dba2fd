"""Reading pictures from files and streams."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from convcli.errors import ConvcliError, ImageError, MatrixError, TooLargeError, describe_os_error
from convcli.files.opening import is_zarr, open_input, read_chunk
from convcli.files.urls import file_name, local_name, redacted
from convcli.late_numpy import np
from convcli.pictures.arrays import image_array
from convcli.pictures.formats.decoding import decode, readable_formats
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS, MAX_PIXELS, Limits
from convcli.pictures.npy import MAX_COLORS, NPY_MAGIC, read_npy
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.text_matrices import parse_matrix
from convcli.sizes.per_axis import whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.pictures.formats.frame_reading.container import FramePicture, Frames
    from convcli.pictures.regions.region import Region, RegionLike

__all__ = ["load_frames", "load_picture", "read_image", "read_picture", "reading_limits"]

COMPOSED = (b"GIF8", b"\x89PNG")  # how files start in which a frame may be laid over others
MAX_STREAM_BYTES = 1 << 32  # bytes read from a pipe
TEXT_MEMORY_FACTOR = 12  # reading a text takes at most this many times its bytes in memory


def read_image(source: str | os.PathLike[str] | BinaryIO) -> NDArray[Any]:
    """Read an image file as an array.

    Parameters
    ----------
    source : path, URL or binary stream
        PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF and ``.npy`` are recognized by content, ``.csv`` and
        ``.txt`` matrices by file name. With the extra ``convcli[deep]``, also JPEG 2000, JPEG XL and what
        Pillow cannot keep whole: 16-bit color, 64-bit numbers, TIFFs of several bands.

    Returns
    -------
    array
        ``(H, W)`` if grayscale, else ``(H, W, C)``. Pixels are uint8, or uint16 for more than 8 bits; numbers
        are signed, unsigned or floating as in a TIFF, int64 or float64 from text, and of the dtype of a
        ``.npy`` file (uint8 for bool, float32 for float16). Alpha, if there is any, is the last channel:
        remove it before filtering (``image[..., :3]``). EXIF orientation has been applied.

    Raises
    ------
    ImageError
        The file cannot be read, or is not an image.

    Notes
    -----
    Nothing that belongs to the whole process changes: Pillow's warnings go through the caller's filters, and
    libtiff writes its complaints to standard error. Damaged fax or JPEG data inside a TIFF, which only these
    lines report, is not noticed.
    """
    return np.array(load_picture(*_source_and_name(source)).pixels_with_alpha)  # the caller may change it


def read_picture(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    frame: int | None = None,
    level: int | None = None,
    region: RegionLike | None = None,
) -> Picture:
    """Read an image file with its alpha, color profile and resolution.

    Parameters
    ----------
    source : path or binary stream
        As for `read_image`.
    max_pixels : int
        Maximum number of pixels.
    frame : int, optional
        Which frame of an animation to read, counted from 0 (default: the first).
    level : int, optional
        Which level of a pyramid in a TIFF or ``.zarr``, counted from 0, the largest (default).
    region : (left, top, width, height) or str, optional
        The only part to read, as text ``"left,top,WxH"``. Of a TIFF or ``.zarr`` only that part is decoded.

    Returns
    -------
    Picture
        EXIF orientation has been applied; 16 bits are kept.

    Raises
    ------
    ImageError
        The file cannot be read, is not an image, is too large, or does not have that frame, level or region.
    SizeError
        `max_pixels`, `frame` or `level` is not a whole number, or too small.
    UsageError
        `region` is not one.

    Examples
    --------
    >>> import convcli
    >>> picture = convcli.read_picture("sample_images/camera.png")
    >>> picture.pixels.shape, picture.pixels.dtype, picture.alpha
    ((512, 512), dtype('uint8'), None)
    """
    limits, frame = reading_limits(max_pixels, frame)
    level = None if level is None else whole_number(level, "level", 0)
    part = None
    if region is not None:
        from convcli.pictures.regions.region import as_region  # late: most pictures are read whole

        part = as_region(region)
    return load_picture(*_source_and_name(source), limits, frame=frame, level=level, region=part)


def reading_limits(max_pixels: int, frame: int | None) -> tuple[Limits, int | None]:
    """Check what a caller asked for.

    Raises
    ------
    SizeError
        A number is not a whole number, or too small.
    """
    limits = Limits(whole_number(max_pixels, "max_pixels", 1))
    return limits, None if frame is None else whole_number(frame, "frame", 0)


def _source_and_name(source: str | os.PathLike[str] | BinaryIO) -> tuple[str | BinaryIO, str]:
    """Return what to read, and its name in messages."""
    if isinstance(source, str | bytes | os.PathLike):
        path = local_name(os.fsdecode(source))
        return path, redacted(path)
    return source, "stream"


def load_picture(
    source: str | Path | BinaryIO,
    name: str,
    limits: Limits = DEFAULT_LIMITS,
    *,
    frame: int | None = None,
    level: int | None = None,
    region: Region | None = None,
) -> Picture:
    """Read an image, or a part of it, with its alpha, profile and resolution; messages call it `name`.

    Raises
    ------
    ImageError
        The file cannot be read, is not an image, is larger than the limits allow, does not have that frame,
        level or region, or holds values that the decoder would truncate.
    """
    with _reported_as_image_errors(name), ExitStack() as opened:
        part = None
        if isinstance(source, str | Path) and is_zarr(source):
            part = _load_part(source, name, limits, frame, level, region)
        if part is None:
            stream, extension = opened.enter_context(_seekable(source, name, limits))
            if level is None and region is None:
                return _decode(stream, name, extension, limits, frame)
            part = _load_part(stream, name, limits, frame, level, region)
        if part is None:
            stream.seek(0)
            picture = _decode(stream, name, extension, limits, frame)
            part = picture if region is None else region.cut(picture, name)
        return part


def _load_part(
    source: str | Path | BinaryIO,
    name: str,
    limits: Limits,
    frame: int | None,
    level: int | None,
    region: Region | None,
) -> Picture | None:
    """Read only what a part consists of, where the format allows that."""
    from convcli.pictures.regions.opening import open_large  # late: most pictures are read whole

    large = open_large(source, name, level=level, region=region, frame=frame, limits=limits)
    if large is None:
        return None
    with large:
        height, width, channels = large.properties.size
        itemsize, numbers = (
            np.dtype(large.properties.dtype).itemsize,
            large.properties.kind != PictureKind.PIXELS,
        )
        limits.check(name, (height, width, channels), itemsize, numbers=numbers)
        return large.read(0, height)


@contextmanager
def load_frames(
    source: str | Path | BinaryIO, name: str, limits: Limits, selected: FrameRange
) -> Iterator[Frames]:
    """Open a file and yield its selected pictures; each is read when the iterator reaches it.

    An array (N, H, W) or (N, H, W, C) in a ``.npy`` file is a stack of N pictures.

    Raises
    ------
    ImageError
        As `load_picture` does, also while iterating.
    """
    with ExitStack() as open_files:
        with _reported_as_image_errors(name):
            stream, extension = open_files.enter_context(_seekable(source, name, limits))
            frames = _open_frames(stream, name, extension, limits, selected)
        yield frames._replace(pictures=_reporting(frames.pictures, name))


def _reporting(pictures: Iterator[FramePicture], name: str) -> Iterator[FramePicture]:
    while True:
        with _reported_as_image_errors(name):
            picture = next(pictures, None)
        if picture is None:
            return
        yield picture
        del picture  # before the next is read


@contextmanager
def _seekable(source: str | Path | BinaryIO, name: str, limits: Limits) -> Iterator[tuple[BinaryIO, str]]:
    """Open a source as a seekable stream, and return its extension, too."""
    if not isinstance(source, str | Path):
        yield io.BytesIO(_read_all(partial(read_chunk, source), name, limits)), ""
        return
    with open_input(source) as stream:
        content = stream if stream.seekable() else io.BytesIO(_read_all(stream.read, name, limits))
        yield content, Path(file_name(str(source))).suffix.lower()


@contextmanager
def _reported_as_image_errors(name: str) -> Iterator[None]:
    """Turn whatever reading a file may raise into an ImageError."""
    try:
        yield
    except ConvcliError:
        raise
    except MemoryError:
        raise ImageError(name, "cannot be read: there is not enough memory") from None
    except ValueError as error:  # for example a stream that is closed
        raise ImageError(name, str(error)) from None
    except IsADirectoryError:
        raise ImageError(name, "is a folder; name the images in it or use --recursive") from None
    except OSError as error:
        raise ImageError(name, describe_os_error(error)) from None


def _read_all(read: Callable[[int], bytes], name: str, limits: Limits) -> bytes:
    """Read a stream to its end; `read` returns at most the given number of bytes."""
    parts: list[bytes] = []
    allowed, length = limits.allowed(), 0
    while part := read(1 << 20):
        parts.append(part)
        length += len(part)
        if length > MAX_STREAM_BYTES:
            raise ImageError(name, f"is longer than {MAX_STREAM_BYTES} bytes; write it to a file first")
        if allowed is not None and 2 * length > allowed:  # joining holds the parts and the whole
            limits.check_bytes(name, 2 * length)
    return b"".join(parts)


def _decode(stream: BinaryIO, name: str, extension: str, limits: Limits, frame: int | None) -> Picture:
    head = stream.read(len(NPY_MAGIC))
    stream.seek(0)
    if not head:
        raise ImageError(name, "is empty")
    if (head == NPY_MAGIC or extension in {".csv", ".txt"}) and frame:
        stack = f" (a range, as in apply --frame {frame}..{frame}, reads it as a stack)"
        why = f"has no frame {frame}: a matrix has a single frame"
        raise ImageError(name, why + stack if head == NPY_MAGIC else why)
    if head == NPY_MAGIC:
        return _decode_npy(stream, name, limits)
    if extension in {".csv", ".txt"}:
        return _decode_text(stream, name, limits)
    if frame and head.startswith(COMPOSED):
        frames = _open_frames(stream, name, extension, limits, FrameRange(frame, frame))
        return next(frames.pictures)[0]
    decoded = decode(stream, name, limits, frame=frame)
    if decoded is not None:
        return decoded.to_picture(name)
    if extension:
        raise ImageError(name, f"is not an image; supported are {readable_formats()}")
    try:  # a stream has no file name that could identify a matrix
        return _decode_text(stream, name, limits)
    except ImageError as error:
        raise ImageError(name, f"is not an image, and not a matrix either: {error.why}") from None


def _open_frames(stream: BinaryIO, name: str, extension: str, limits: Limits, selected: FrameRange) -> Frames:
    # Late, here and below: few runs need them.
    from convcli.pictures.formats.frame_reading.container import Container, FrameInfo, Frames

    head = stream.read(len(NPY_MAGIC))
    if head == NPY_MAGIC:
        stream.seek(0)
        return _open_stack(stream, name, limits, selected)
    frames = None
    if head and extension not in {".csv", ".txt"}:
        from convcli.pictures.formats.frame_reading.opening import open_frames

        frames = open_frames(stream, name, limits, selected)
    if frames is not None:
        return frames
    stream.seek(0)
    selected.select(1, name)
    return Frames(Container(), iter([(_decode(stream, name, extension, limits, None), FrameInfo())]))


def _open_stack(stream: BinaryIO, name: str, limits: Limits, selected: FrameRange) -> Frames:
    """Open an array as a stack of pictures; one with two axes is a single picture."""
    from convcli.pictures.formats.frame_reading.container import Container, FrameInfo, Frames

    def check_shape(shape: tuple[int, ...], itemsize: int) -> None:
        count, height, width, channels = (*shape, 1, 1)[:4] if len(shape) > 2 else (1, *shape, 1, 1, 1)[:4]
        size = height, width, channels
        kept = limits.kept_bytes(size, itemsize, True)
        limits.holding(count * (math.prod(size) * itemsize + kept)).check(name, size, itemsize, numbers=True)

    array = _read_array(stream, name, check_shape)
    if not 2 <= array.ndim <= 4 or not array.size:
        why = "a stack is (N, H, W) or (N, H, W, C), and not empty"
        raise ImageError(name, f"array of shape {array.shape}: {why}")
    is_stack = array.ndim > 2
    numbers = selected.select(len(array) if is_stack else 1, name)
    pictures = (
        (_array_picture(array[number] if is_stack else array, name), FrameInfo()) for number in numbers
    )
    return Frames(Container("npy", len(numbers), is_stack), pictures)


def _decode_npy(stream: BinaryIO, name: str, limits: Limits) -> Picture:
    def check_shape(shape: tuple[int, ...], itemsize: int) -> None:
        height, width, channels = (*shape, 1, 1, 1)[:3] if len(shape) < 4 else (math.prod(shape), 1, 1)
        limits.check(name, (height, width, channels), itemsize, numbers=True)

    array = _read_array(stream, name, check_shape)
    picture = _array_picture(array, name)
    if array.ndim == 3 and array.shape[2] > MAX_COLORS and array.shape[0] < min(array.shape[1:]):
        count, height, width = array.shape
        note = f"is read as one picture of {width} channels; --frame all reads {count} of {height}x{width}"
        return picture.changed(notes=(note,))
    return picture


def _read_array(
    stream: BinaryIO, name: str, check_shape: Callable[[tuple[int, ...], int], None]
) -> NDArray[Any]:
    try:
        return read_npy(stream, name, check_shape=check_shape)
    except MatrixError as error:
        raise ImageError(error.what, error.why) from None


def _array_picture(array: NDArray[Any], name: str) -> Picture:
    try:
        return Picture(image_array(array), kind=PictureKind.ARRAY)
    except ImageError as error:
        raise ImageError(name, str(error)) from None


def _decode_text(stream: BinaryIO, name: str, limits: Limits) -> Picture:
    limits.check_bytes(name, TEXT_MEMORY_FACTOR * stream.seek(0, io.SEEK_END))
    stream.seek(0)
    try:
        text = stream.read().decode("utf-8-sig")
        return Picture(parse_matrix(text, name, max_cells=limits.pixels), kind=PictureKind.TEXT)
    except UnicodeDecodeError:
        raise ImageError(name, "is not UTF-8 text") from None
    except TooLargeError as error:
        raise ImageError(error.what, f"{error.why}; raise the limit with --max-pixels") from None
    except MatrixError as error:
        raise ImageError(error.what, error.why) from None
