"""Converts decoded Pillow images to pictures: arrays of pixels or numbers, with alpha apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from convcli.late_numpy import np
from convcli.pictures.headers.tiff_tags import SIGNED, UNSIGNED
from convcli.pictures.picture import Picture, PictureKind

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    from convcli.pictures.formats.pillow.decoder import PillowDecoded

__all__ = ["convert_to_picture"]

STRIP_PIXELS = 1 << 17  # pixels copied from Pillow at a time


def convert_to_picture(decoded: PillowDecoded) -> Picture:
    """Return the pixels, alpha and metadata of a decoded image."""
    pixels, alpha, kind = _arrays_of(decoded)
    return Picture(pixels, alpha, kind, decoded.profile, decoded.resolution, decoded.notes)


def _arrays_of(decoded: PillowDecoded) -> tuple[NDArray[Any], NDArray[Any] | None, PictureKind]:
    """Return pixels, alpha and kind."""
    image = decoded.image
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format == "PPM"):
        return *_deep_gray(decoded), PictureKind.PIXELS
    if image.mode == "I":
        values = _array(image, image.mode, np.int32)
        is_unsigned = decoded.sample_format == UNSIGNED
        return (values.view(np.uint32) if is_unsigned else values), None, PictureKind.NUMBERS
    if image.mode == "F":
        return _array(image, image.mode, np.float32), None, PictureKind.NUMBERS
    if image.mode == "L" and decoded.sample_format == SIGNED:
        return _array(image, image.mode).view(np.int8), None, PictureKind.NUMBERS
    has_alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    gray = image.mode in {"1", "L", "LA", "La"}
    array = _array(image, ("LA" if has_alpha else "L") if gray else ("RGBA" if has_alpha else "RGB"))
    if not has_alpha:
        return array, None, PictureKind.PIXELS
    return (array[..., 0] if gray else array[..., :3]), array[..., -1], PictureKind.PIXELS


def _deep_gray(decoded: PillowDecoded) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Return 16-bit pixels, and alpha if a value is transparent."""
    values: NDArray[np.uint16] = _array(decoded.image, decoded.image.mode, np.uint16)
    transparent = decoded.image.info.get("transparency")
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


def _array(image: Image.Image, mode: str, dtype: type[np.generic] = np.uint8) -> NDArray[Any]:
    """Return an image's pixels in another mode, strip by strip: all at once would take more copies."""
    width, height = image.size
    channels = len(image.getbands()) if mode == image.mode else len(mode)
    array = np.empty((height, width, channels), dtype)
    for rows in _strips(width, height):
        strip = image.crop((0, rows.start, width, rows.stop))
        values = np.asarray(strip if image.mode == mode else strip.convert(mode))
        array[rows] = values.reshape(-1, width, channels)
    return array if channels > 1 else array[:, :, 0]


def _strips(width: int, height: int) -> Iterator[slice]:
    """Yield the rows of each strip."""
    step = max(1, STRIP_PIXELS // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))
