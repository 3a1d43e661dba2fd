"""Writing arrays as picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from convcli.files.atomic import check_target, write_atomically
from convcli.pictures.arrays import image_array
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.file_formats import check_holds, format_for_path
from convcli.pictures.picture import Picture

__all__ = ["write_image"]


def write_image(target: str | Path, image: ArrayLike, *, force: bool = False) -> None:
    """Write an array as an image file; the file appears complete or not at all.

    Parameters
    ----------
    target : path
        The extension selects the format: png, jpg, tiff, webp, bmp, pnm, avif for pixels; npy, csv, txt,
        tiff for numbers.
    image : array (H, W) or (H, W, C)
        uint8, or uint16 for grayscale: pixels with 1 to 4 channels (gray, gray + alpha, RGB, RGBA). Any
        other type: numbers; `render` turns them into pixels.
    force : bool
        Replace an existing file.

    Raises
    ------
    UsageError
        The extension is unknown.
    ImageError
        The array is not an image.
    OutputError
        The file exists, cannot be written, or its format cannot hold the image.
    """
    file_format = format_for_path(target)
    array = image_array(image)
    picture = Picture(array)
    if not file_format.numeric and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (2, 4):
        color = array[..., 0] if array.shape[2] == 2 else array[..., :3]
        picture = Picture(color, alpha=array[..., -1])
    check_holds(picture, file_format, str(target))
    check_target(target, replace=force)
    content = encode(picture, file_format, str(target))
    write_atomically(target, lambda stream: stream.writelines(content), replace=force)
