"""What readers of deep pictures share: checks of the header, what Pillow finds in it, and scaling."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError
from convcli.pictures.formats.deep.samples import (
    LIBRARY_BYTES,
    Alpha,
    DeepDecoded,
    Meaning,
    make_picture,
    picture_itemsize,
    scale_depth,
)
from convcli.pictures.formats.pillow.conventions import describe_color, exif_orientation, find_resolution
from convcli.pictures.formats.pillow.opening import open_image
from convcli.pictures.frames import no_frame
from convcli.pictures.limits import Limits

__all__ = [
    "FIRST_OF_SEVERAL",
    "check_size",
    "open_header",
    "pillow_meaning",
    "refuse_frame",
    "scaled_picture",
]

WHOLE_BITS = (8, 16, 32)
FIRST_OF_SEVERAL = "has several frames; the first is used"
"""The note on an animation."""


def refuse_frame(frame: int | None, name: str, *, animated: bool = False) -> None:
    """Refuse all frames but the first."""
    if frame:
        if animated:
            raise ImageError(name, f"has no frame {frame}: only the first frame of such a file is read")
        raise no_frame(name, frame, 1)


def check_size(
    size: tuple[int, int],
    channels: int,
    bits: int,
    value_bytes: int,
    stream: BinaryIO,
    name: str,
    limits: Limits,
    *,
    numbers: bool = False,
    whole_file: bool = True,
) -> None:
    """Refuse a picture whose header gives a size beyond the limits.

    Its decoder takes `value_bytes` per value, and holds the whole file twice or lets go of it meanwhile.
    """
    width, height = size
    itemsize = picture_itemsize(bits)
    if bits not in WHOLE_BITS:
        value_bytes += itemsize  # to scale them
    file_bytes = stream.seek(0, io.SEEK_END)
    value_bytes *= width * height * channels
    decoder_bytes = value_bytes + 2 * file_bytes if whole_file else max(value_bytes, file_bytes)
    numbers = numbers or itemsize > 2
    limits.check(
        name,
        (height, width, channels),
        itemsize,
        decoder_bytes=decoder_bytes + LIBRARY_BYTES,
        numbers=numbers,
    )


def scaled_picture(samples: NDArray[Any], bits: int, meaning: Meaning) -> DeepDecoded:
    """Scale samples (H, W) or (H, W, C) and make a picture of them."""
    scaled, notes = scale_depth(samples if samples.ndim == 3 else samples[..., np.newaxis], bits)
    return DeepDecoded(make_picture(scaled, replace(meaning, notes=(*meaning.notes, *notes))))


def open_header(stream: BinaryIO, name: str) -> Image.Image:
    """Open a file with Pillow, which reads only its header."""
    image = open_image(stream, name, None)
    if image is None:
        raise ImageError(name, "is damaged or truncated: its header cannot be read")
    return image


def pillow_meaning(image: Image.Image, frame: int | None) -> Meaning:
    """Return the alpha and metadata that Pillow finds in a header."""
    has_alpha = image.mode in {"LA", "RGBA"} or "transparency" in image.info
    notes = describe_color(image)
    if frame is None and getattr(image, "is_animated", False):
        notes.append(FIRST_OF_SEVERAL)
    return Meaning(
        alpha=Alpha.STRAIGHT if has_alpha else Alpha.NONE,
        orientation=exif_orientation(image.info.get("exif") or b""),
        profile=image.info.get("icc_profile") or None,
        resolution=find_resolution(image),
        notes=tuple(notes),
    )
