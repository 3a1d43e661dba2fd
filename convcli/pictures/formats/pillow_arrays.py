"""Converts decoded Pillow images to pictures: arrays of pixels or numbers, with alpha apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.picture import Picture, PictureKind

if TYPE_CHECKING:
    from PIL import Image

    from convcli.pictures.formats.pillow import PillowDecoded

__all__ = ["convert_to_picture"]

STRIP_PIXELS = 1 << 17  # pixels copied from Pillow at a time
UNSIGNED, SIGNED = 1, 2  # TIFF sample formats


def convert_to_picture(decoded: PillowDecoded) -> Picture:
    """Return the pixels, alpha and metadata of a decoded image."""
    pixels, alpha, kind = _arrays_of(decoded)
    return Picture(pixels, alpha, kind, decoded.profile, decoded.resolution, decoded.notes)


def _arrays_of(decoded: PillowDecoded) -> tuple[NDArray[Any], NDArray[Any] | None, PictureKind]:
    """Return pixels, alpha and kind."""
    image = decoded.image
    if image.mode.startswith("I;16") or (image.mode == "I" and decoded.format == "PPM"):
        return *_deep_gray(decoded), PictureKind.PIXELS
    if image.mode == "I" and decoded.sample_format == UNSIGNED:
        return np.array(image).view(np.uint32), None, PictureKind.NUMBERS
    if image.mode in {"I", "F"}:
        return np.array(image), None, PictureKind.NUMBERS
    if image.mode == "L" and decoded.sample_format == SIGNED:
        return np.array(image).view(np.int8), None, PictureKind.NUMBERS
    has_alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    gray = image.mode in {"1", "L", "LA", "La"}
    mode = ("LA" if has_alpha else "L") if gray else ("RGBA" if has_alpha else "RGB")
    array = _array(image if image.mode == mode else image.convert(mode))
    if not has_alpha:
        return array, None, PictureKind.PIXELS
    return (array[..., 0] if gray else array[..., :3]), array[..., -1], PictureKind.PIXELS


def _deep_gray(decoded: PillowDecoded) -> tuple[NDArray[np.uint16], NDArray[np.uint16] | None]:
    """Return 16-bit pixels, and alpha if a value is transparent."""
    values: NDArray[np.uint16] = np.asarray(decoded.image).astype(np.uint16)
    transparent = decoded.image.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = np.where(values == transparent, 0, 65535).astype(np.uint16)
    if decoded.white < 65535:
        scaled = (values.astype(np.uint32) * 65535 + decoded.white // 2) // decoded.white
        values = scaled.astype(np.uint16)
    return (65535 - values if decoded.inverted else values), alpha


def _array(image: Image.Image) -> NDArray[Any]:
    """Return an image's pixels, copied in strips: all at once, Pillow would make two more copies."""
    width, height = image.size
    rows = max(1, STRIP_PIXELS // width)
    array = np.empty((height, width, len(image.getbands())), np.uint8)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        array[top : top + rows] = np.asarray(strip).reshape(-1, width, array.shape[2])
    return array if array.shape[2] > 1 else array[:, :, 0]
