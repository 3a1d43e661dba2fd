"""Opens files that may hold several pictures, whatever the format, and yields those that were selected."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from convcli.errors import ImageError
from convcli.pictures.damage.png import check_chunks
from convcli.pictures.formats.decoding import decode
from convcli.pictures.formats.frame_reading.animations import PillowAnimation, count_jpeg_pictures
from convcli.pictures.formats.frame_reading.apng import PngAnimation, read_animation
from convcli.pictures.formats.frame_reading.container import Container, FrameInfo, FramePicture, Frames
from convcli.pictures.formats.frame_reading.gif import GifAnimation
from convcli.pictures.formats.frame_reading.tiff import read_page_info
from convcli.pictures.frames import FrameRange
from convcli.pictures.headers.signatures import find_format
from convcli.pictures.headers.tiff_pages import at_page, page_offsets
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture, PictureKind

__all__ = ["open_frames"]

FRAME_BYTES = 1 << 11  # that a frame takes besides its pixels (measured: a quarter of that)
ENCODING_COPIES = 2  # copies of an encoded frame while it becomes a part of the file
CANVAS_BYTES = 4  # bytes per pixel of a canvas, at most
CONTAINERS = {"PNG", "GIF", "WebP", "AVIF"}  # that may hold several frames or one


def open_frames(stream: BinaryIO, name: str, limits: Limits, selected: FrameRange) -> Frames | None:
    """Open a picture file, or return None if it is in no known format.

    Parameters
    ----------
    stream : binary stream
        Seekable.
    name : str
        The name to use in messages.
    limits : Limits
        Checked before pixels are decoded; the results of all frames count, because they are held.
    selected : FrameRange

    Raises
    ------
    ImageError
        It is damaged, is larger than the limits allow, or does not have those frames.
    """
    file_format = find_format(stream)
    if file_format == "TIFF":
        return _open_tiff(stream, name, limits, selected)
    if file_format == "PNG":
        check_chunks(stream, name)
        png = read_animation(stream, name, limits)
        if png.promised > 1 and png.frames:
            return _open_composed(png, name, limits, selected)
    elif file_format == "GIF":
        gif = GifAnimation(stream, name)
        if gif.promised > 1:
            return _open_composed(gif, name, limits, selected)
    elif file_format in {"WebP", "AVIF"}:
        animation = PillowAnimation(stream, name, file_format.lower())
        if animation.count > 1:
            return _open_animation(animation, name, limits, selected)
    elif file_format == "JPEG":
        return _open_jpeg(stream, name, limits, selected)
    container = file_format.lower() if file_format in CONTAINERS else ""
    return _open_single(stream, name, limits, selected, container)


def _open_single(
    stream: BinaryIO, name: str, limits: Limits, selected: FrameRange, container: str
) -> Frames | None:
    decoded = decode(stream, name, limits, frame=0)
    if decoded is None:
        return None
    selected.select(1, name)
    return Frames(Container(container), iter([(decoded.to_picture(name), FrameInfo())]))


def _open_tiff(stream: BinaryIO, name: str, limits: Limits, selected: FrameRange) -> Frames:
    directories = list(page_offsets(stream))

    def read(number: int, limits: Limits) -> FramePicture:
        directory = directories[number]
        picture = _decode_first(at_page(stream, directory), name, limits)
        return picture, read_page_info(stream, directory)

    return _pages(read, len(directories), name, limits, selected)


def _open_jpeg(stream: BinaryIO, name: str, limits: Limits, selected: FrameRange) -> Frames | None:
    """Open a JPEG; the pictures of a multi-picture file (MPO) become pages."""
    count = count_jpeg_pictures(stream, name)
    if count == 1:
        return _open_single(stream, name, limits, selected, "")

    def read(number: int, limits: Limits) -> FramePicture:
        decoded = decode(stream, name, limits, frame=number)
        assert decoded is not None  # it is a JPEG
        return decoded.to_picture(name), FrameInfo()

    return _pages(read, count, name, limits, selected)


def _pages(
    read: Callable[[int, Limits], FramePicture],
    count: int,
    name: str,
    limits: Limits,
    selected: FrameRange,
) -> Frames:
    """Return pages, which may differ in size, so that limits are checked page by page."""
    numbers = selected.select(count, name)

    def pages() -> Iterator[FramePicture]:
        held = 0
        for number in numbers:
            picture, info = read(number, limits.holding(held))
            kept = _kept_bytes(limits, picture)
            held = held + kept if held else (1 + ENCODING_COPIES) * kept
            yield picture, info
            del picture  # before the next is read

    return Frames(Container("tiff", len(numbers), count > 1), _each_numbered(pages(), numbers, name))


def _open_animation(animation: PillowAnimation, name: str, limits: Limits, selected: FrameRange) -> Frames:
    numbers = selected.select(animation.count, name)
    height, width, channels = animation.size
    limits.check_frames(name, numbers.stop, width, height)
    held = _held_copies(numbers) * (FRAME_BYTES + limits.kept_bytes((height, width, channels), 1, False))
    held += 2 * CANVAS_BYTES * height * width + 2 * animation.file_bytes  # the decoder's
    limits.holding(held).check(name, animation.size, 1, decoder_bytes=2 * CANVAS_BYTES * height * width)
    container = Container(animation.format, len(numbers), True, animation.plays)
    return Frames(container, _each_numbered(animation.frames(numbers), numbers, name))


def _open_composed(
    animation: PngAnimation | GifAnimation, name: str, limits: Limits, selected: FrameRange
) -> Frames:
    """Open an animation whose frames cover parts of the canvas."""
    numbers = selected.select(animation.promised, name)
    found = len(animation.frames)
    if numbers.stop > found:
        raise ImageError(name, f"is damaged: it promises {animation.promised} frames, but holds {found}")
    canvas = animation.canvas(_decode_first(animation.stream, name, limits))
    height, width, channels = (*canvas.model.pixels.shape, 1)[:3]
    limits.check_frames(name, numbers.stop, width, height)
    itemsize = canvas.model.pixels.itemsize
    canvas_bytes = CANVAS_BYTES * itemsize * height * width
    held = _held_copies(numbers) * _kept_bytes(limits, canvas.model) + 2 * canvas_bytes  # and the frame on it
    limits.holding(held).check(name, (height, width, channels), itemsize, decoder_bytes=2 * canvas_bytes)

    def frames() -> Iterator[FramePicture]:
        for number in range(numbers.stop):
            placement = animation.placement(number)
            with _numbered(number, name):
                shown = canvas.show(animation.picture(number), placement)
            if number in numbers:
                yield shown, FrameInfo(placement.duration)
            del shown

    has_default = animation.has_default and numbers.start == 0
    container = Container(animation.format, len(numbers), True, animation.plays, has_default)
    return Frames(container, frames())


def _decode_first(stream: BinaryIO, name: str, limits: Limits) -> Picture:
    """Decode the first picture of a file whose format is known."""
    decoded = decode(stream, name, limits, frame=0)
    if decoded is None:
        raise ImageError(name, "is damaged")
    return decoded.to_picture(name)


def _held_copies(numbers: range) -> int:
    """Return how many encoded results are in memory while the last frame is computed."""
    return len(numbers) - 1 + ENCODING_COPIES if len(numbers) > 1 else 0


def _kept_bytes(limits: Limits, picture: Picture) -> int:
    """Return the bytes of a picture's results that stay in memory."""
    height, width, channels = (*picture.pixels.shape, 1)[:3]
    size = height, width, channels + (picture.alpha is not None)
    return FRAME_BYTES + limits.kept_bytes(size, picture.pixels.itemsize, picture.kind != PictureKind.PIXELS)


def _each_numbered(frames: Iterator[FramePicture], numbers: range, name: str) -> Iterator[FramePicture]:
    """Yield frames; an error gets the number of its frame."""
    for number in numbers:
        with _numbered(number, name):
            frame = next(frames)
        yield frame
        del frame


@contextmanager
def _numbered(number: int, name: str) -> Iterator[None]:
    """Put the number of a frame into the errors about it."""
    try:
        yield
    except ImageError as error:
        raise type(error)(name, f"frame {number} {error.why}") from None
