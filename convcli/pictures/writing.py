"""Writing pictures and arrays as image files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.files.atomic import check_target, write_atomically
from convcli.pictures.arrays import PIXEL_DTYPES, image_array
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import OutputFormat, format_for_path
from convcli.pictures.picture import Picture, check_picture

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["write_image", "write_picture"]


def write_image(target: str | os.PathLike[str], image: ArrayLike, *, force: bool = False) -> None:
    """Write an array as an image file; the file appears complete or not at all.

    Parameters
    ----------
    target : path
        The extension selects the format: png, jpg, tiff, webp, bmp, pnm, avif, gif, jp2, jxl for pixels; npy,
        csv, txt, tiff for numbers; zarr for both.
    image : array (H, W) or (H, W, C)
        uint8 or uint16: pixels with 1 to 4 channels (gray, gray + alpha, RGB, RGBA), in a tiff with any
        number. Any other type: numbers; `render` turns them into pixels.
    force : bool
        Replace an existing file.

    Raises
    ------
    UsageError
        The extension is unknown, or the extra ``convcli[deep]`` that writes it is not installed.
    ImageError
        The array is not an image.
    OutputError
        The file exists, cannot be written, or its format cannot hold the image.
    """
    array = image_array(image)
    picture = Picture(array)
    target = os.fsdecode(target)
    is_pixels = not format_for_path(target).numeric and array.dtype in PIXEL_DTYPES
    if is_pixels and array.ndim == 3 and array.shape[2] in (2, 4):
        color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
        picture = Picture(color, alpha=array[..., -1])
    write_picture(target, picture, force=force)


def write_picture(
    target: str | os.PathLike[str], picture: Picture, *, force: bool = False, png_level: int | None = None
) -> tuple[str, ...]:
    """Write a picture with its alpha, color profile and resolution; the file appears complete or not at all.

    Parameters
    ----------
    target : path
        The extension selects the format, as for `write_image`.
    picture : Picture
    force : bool
        Replace an existing file.
    png_level : int, optional
        Compression level of a PNG file: 0 (largest) to 9 (smallest, slowest). Default: a fast method.

    Returns
    -------
    tuple of str
        What the format cannot hold and was dropped, such as a color profile.

    Raises
    ------
    UsageError
        The extension is unknown.
    OutputError
        The file exists, cannot be written, or its format cannot hold the picture.
    """
    check_picture(picture)
    target = os.fsdecode(target)
    file_format = format_for_path(target)
    dropped = check_holds(picture, file_format, target)
    check_target(target, replace=force)
    if file_format == OutputFormat.ZARR:
        from convcli.pictures.regions.properties import UNKNOWN_STORAGE  # late: it needs an extra
        from convcli.pictures.regions.writing.zarr import write_zarr

        write_zarr(target, [picture], picture.shape[0], UNKNOWN_STORAGE, replace=force)
        return dropped
    content = encode(picture, file_format, target, png_level=png_level)
    write_atomically(target, lambda stream: stream.writelines(content), replace=force)
    return dropped
