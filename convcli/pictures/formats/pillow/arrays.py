"""Converts decoded Pillow images to pictures: rasters of 8-bit pixels, arrays of numbers, alpha apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convcli.late_numpy import np
from convcli.pictures.formats.pillow.rasters import convert_to_rasters
from convcli.pictures.headers.tiff_tags import SIGNED, UNSIGNED
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.raster import Raster

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from convcli.pictures.formats.pillow.decoder import PillowDecoded

    Pixels = NDArray[Any] | Raster

__all__ = ["convert_to_picture"]

STRIP_PIXELS = 1 << 17  # pixels copied from Pillow at a time


def convert_to_picture(decoded: PillowDecoded) -> Picture:
    """Return the pixels, alpha and metadata of a decoded image."""
    pixels, alpha, kind = _pixels_of(decoded)
    return Picture(pixels, alpha, kind, decoded.profile, decoded.resolution, decoded.notes)


def _pixels_of(decoded: PillowDecoded) -> tuple[Pixels, Pixels | None, PictureKind]:
    """Return pixels, alpha and kind: 8-bit pixels as rasters, all others as arrays."""
    image = decoded.image
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format == "PPM"):
        return *_deep_gray(decoded), PictureKind.PIXELS
    if image.mode == "I":
        values = _array(image, np.int32)
        is_unsigned = decoded.sample_format == UNSIGNED
        return (values.view(np.uint32) if is_unsigned else values), None, PictureKind.NUMBERS
    if image.mode == "F":
        return _array(image, np.float32), None, PictureKind.NUMBERS
    if image.mode == "L" and decoded.sample_format == SIGNED:
        return _array(image, np.uint8).view(np.int8), None, PictureKind.NUMBERS
    return *_rasters(decoded), PictureKind.PIXELS


def _rasters(decoded: PillowDecoded) -> tuple[Raster, Raster | None]:
    """Return 8-bit pixels, and alpha if there is any."""
    image, raster = decoded.image, decoded.raster
    has_alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    mode = ("L" if image.mode in {"1", "L", "LA", "La"} else "RGB") + ("A" if has_alpha else "")
    if raster is None or image.mode != mode:
        return convert_to_rasters(image, mode)
    if not has_alpha:
        return raster, None
    return raster.with_channels(3), convert_to_rasters(image.getchannel("A"), "L")[0]


def _deep_gray(decoded: PillowDecoded) -> tuple[Pixels, NDArray[np.uint16] | None]:
    """Return 16-bit pixels, and alpha if a value is transparent."""
    transparent = decoded.image.info.get("transparency")
    is_plain = decoded.white == 65535 and not decoded.inverted and not isinstance(transparent, int)
    if is_plain and decoded.raster is not None:
        return decoded.raster, None
    values: NDArray[np.uint16] = _array(decoded.image, np.uint16)
    alpha = None
    if isinstance(transparent, int):
        alpha = np.full_like(values, 65535)
        alpha[values == transparent] = 0
    if decoded.white < 65535:
        for rows in _strips(values.shape[1], values.shape[0]):
            values[rows] = (values[rows].astype(np.uint32) * 65535 + decoded.white // 2) // decoded.white
    if decoded.inverted:
        np.subtract(65535, values, out=values)
    return values, alpha


def _array(image: Image.Image, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the pixels of an image of one channel, strip by strip: all at once takes more copies."""
    array = np.empty((image.height, image.width), dtype)
    for rows in _strips(image.width, image.height):
        array[rows] = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
    return array


def _strips(width: int, height: int) -> Iterator[slice]:
    """Yield the rows of each strip."""
    step = max(1, STRIP_PIXELS // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))
