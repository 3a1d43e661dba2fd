"""Opens picture files with Pillow's plugins; each is loaded when the first file may be in its format.

`PIL.Image.open` is not used: it checks a limit of the whole process, `PIL.Image.MAX_IMAGE_PIXELS`; `Limits`
replaces it.
"""

import io
import struct
import warnings
from functools import cache
from importlib import import_module
from typing import BinaryIO

from PIL import Image, ImageFile

from convcli.errors import ImageError
from convcli.owned_process import is_owned
from convcli.pictures.formats.pillow.estimates import MAPPED
from convcli.pictures.formats.pillow.rasters import image_of, new_raster
from convcli.pictures.raster import Raster

__all__ = ["allocate_pixels", "length", "load_plugin", "open_image", "seek_frame"]

# By format, the plugin, which runs no external program, and how its files start: only then is it loaded.
PLUGINS: dict[str, tuple[str, bytes | tuple[bytes, ...]]] = {
    "PNG": ("PngImagePlugin", b"\x89PNG"),
    "JPEG": ("JpegImagePlugin", b"\xff\xd8"),
    "TIFF": ("TiffImagePlugin", (b"II", b"MM")),
    "WEBP": ("WebPImagePlugin", b"RIFF"),
    "BMP": ("BmpImagePlugin", b"BM"),
    "GIF": ("GifImagePlugin", b"GIF8"),
    "PPM": ("PpmImagePlugin", b"P"),
    "AVIF": ("AvifImagePlugin", b"\0\0"),  # the length of its first box
}
PREFIX = 16  # bytes by which a plugin recognizes its format


@cache
def _set_up_owned_process() -> None:
    """Turn off Pillow's limit and its warnings: `Limits` and our own notes take their place."""
    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")


def open_image(stream: BinaryIO, name: str, frame: int | None) -> ImageFile.ImageFile | None:
    """Open a picture, or return None if Pillow recognizes none of its formats.

    A TIFF is opened at the page `frame`; in other formats, the caller has to select the frame.

    Raises
    ------
    ImageError
        A TIFF does not have that page, or opening the file would take too long.
    """
    if is_owned():  # otherwise both belong to the caller
        _set_up_owned_process()
    stream.seek(0)
    prefix = stream.read(PREFIX)
    for file_format, (_, start) in PLUGINS.items():
        if not prefix.startswith(start):
            continue
        load_plugin(file_format)
        factory, accept = Image.OPEN[file_format]
        if accept is not None and accept(prefix) is not True:  # a text if Pillow lacks a library
            continue
        content, profile = _prepare(file_format, stream, name, frame)
        content.seek(0)
        try:
            image = factory(content, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
        if profile is not None:
            image.info["icc_profile"] = profile
        return image
    return None


def load_plugin(file_format: str) -> None:
    """Load Pillow's plugin for a format."""
    if file_format not in Image.OPEN:
        import_module(f"PIL.{PLUGINS[file_format][0]}")


def _prepare(
    file_format: str, stream: BinaryIO, name: str, frame: int | None
) -> tuple[BinaryIO, bytes | None]:
    """Return the stream that Pillow reads instead of the file, and a color profile that this stream lacks."""
    # Late imports: only for the format.
    if file_format == "PNG":
        from convcli.pictures.damage.png_metadata import without_bulky_metadata

        return without_bulky_metadata(stream)
    if file_format == "JPEG":
        from convcli.pictures.damage.jpeg import check_fill

        check_fill(stream, name)
    elif file_format == "TIFF" and frame:
        from convcli.pictures.headers.tiff_pages import at_page, page_offset

        return at_page(stream, page_offset(stream, name, frame)), None
    return stream, None


def seek_frame(image: ImageFile.ImageFile, frame: int, name: str) -> None:
    """Select a frame; the frames before it are decoded if it builds on them.

    Raises
    ------
    ImageError
        A later frame of a GIF is larger than the picture: Pillow would enlarge that, whatever the limits.
    EOFError
        There is no such frame.
    """
    if image.format != "GIF":
        image.seek(frame)
        return
    size = image.size
    for number in range(image.tell() + 1, frame + 1):
        image.seek(number)
        if image.size != size:
            raise ImageError(name, f"is damaged: its frame {number} is larger than the picture")


def allocate_pixels(image: Image.Image) -> Raster | None:
    """Allocate the pixels of an image, and return them as a raster if they can be one.

    Pillow would allocate them itself, in ordinary memory. Of a TIFF it would check
    `PIL.Image.MAX_IMAGE_PIXELS` before.
    """
    if getattr(image, "_im", None) is not None:  # an animation, of which frames have been decoded
        return None
    if image.format == "PNG" and not getattr(image, "tile", ()):  # no pixels: Pillow refuses to allocate any
        return None
    size = getattr(image, "_tile_size", image.size)
    raster = new_raster(image.mode, size) if image.format in MAPPED else None
    if raster is not None:
        image.im = image_of(raster).im
    elif image.format == "TIFF":
        image.im = Image.new(image.mode, size, None).im
    return raster


def length(stream: BinaryIO) -> int:
    """Return the length of a stream in bytes."""
    position = stream.tell()
    end = stream.seek(0, io.SEEK_END)
    stream.seek(position)
    return end
