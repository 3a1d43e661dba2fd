"""Reads deep JPEG, AVIF, JPEG 2000 and JPEG XL files with imagecodecs."""

from __future__ import annotations

import io
import math
from typing import BinaryIO

import imagecodecs
import numpy as np

from convcli.errors import ImageError
from convcli.pictures.damage.jpeg import find_scans, pad_scans
from convcli.pictures.formats.deep.headers import (
    FIRST_OF_SEVERAL,
    check_size,
    open_header,
    pillow_meaning,
    refuse_frame,
    scaled_picture,
)
from convcli.pictures.formats.deep.samples import (
    Alpha,
    DeepDecoded,
    Meaning,
)
from convcli.pictures.formats.unsupported import refuse_jpeg
from convcli.pictures.headers.av1 import coded_pixels
from convcli.pictures.headers.avif import avif_bits
from convcli.pictures.headers.jpeg import read_frame
from convcli.pictures.headers.jpeg2000 import ASSOCIATED_OPACITY, COLOR, OPACITY, ColorSpace, read_jpeg2000
from convcli.pictures.headers.jpegxl import ALPHA, read_jpegxl
from convcli.pictures.limits import Limits
from convcli.pictures.picture import sound_resolution

__all__ = ["READERS"]

SEQUENCE_BRAND, STILL_BRAND = b"ftypavis", b"ftypavif"


def decode_jpeg(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a JPEG file of 12 bits per channel."""
    header = read_frame(stream)
    if header is None:
        raise ImageError(name, "is damaged: it has no header")
    refuse_jpeg(name, header)
    refuse_frame(frame, name)
    check_size((header.width, header.height), header.components, header.bits, 2, stream, name, limits)
    scans = find_scans(stream, name)
    content = _rewound(stream).read()
    # Pillow reads the rest of the header of a file that says that it has 8 bits.
    eight_bits = bytearray(content)
    eight_bits[header.position] = 8
    with open_header(io.BytesIO(eight_bits), name) as image:
        meaning = pillow_meaning(image, frame)
    samples = imagecodecs.jpeg8_decode(content)
    if not scans.arithmetic:  # missing pixels become what is added
        again = imagecodecs.jpeg8_decode(pad_scans(stream, scans.ends))
        if not np.array_equal(samples, again):
            raise ImageError(name, "is damaged: some of its pixels are missing")
    return scaled_picture(samples, header.bits, meaning)


def decode_avif(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode an AVIF file of 10 or 12 bits per channel."""
    with open_header(stream, name) as image:
        refuse_frame(frame, name, animated=getattr(image, "is_animated", False))
        # The decoder scales a picture to the size that the file gives; a larger one counts with its own.
        width, height = image.size
        scaled = max(1, math.ceil(coded_pixels(stream) / (width * height)))
        check_size(image.size, len(image.getbands()), 10, 2 * scaled, stream, name, limits)
        meaning = pillow_meaning(image, frame)
    # By the brand of a still, libavif decodes one frame. imagecodecs writes beyond its memory if it has to
    # select it.
    content = _rewound(stream).read().replace(SEQUENCE_BRAND, STILL_BRAND, 1)
    samples = imagecodecs.avif_decode(content)
    if samples.shape[:2] != (height, width):
        raise ImageError(name, "is damaged: its picture has another size than the file says")
    return scaled_picture(samples, avif_bits(stream), meaning)


def decode_jpeg2000(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a JPEG 2000 file: JP2, or a bare codestream."""
    header = read_jpeg2000(stream, name)
    if header.subsampled or header.palette or header.space == ColorSpace.SYCC:
        raise ImageError(name, "has subsampled, YCC or palette colors; convert it to RGB first")
    refuse_frame(frame, name)
    check_size(
        header.size[::-1], header.components, header.bits, 4, stream, name, limits, numbers=header.signed
    )
    stream.seek(header.codestream)  # without the boxes: their profile would change the values
    samples = imagecodecs.jpeg2k_decode(stream.read())
    ink = header.space == ColorSpace.CMYK
    alpha, bands = _jpeg2000_alpha(header.components, header.channels, ink=ink)
    resolution = sound_resolution(*header.resolution) if header.resolution else None
    meaning = Meaning(alpha, bands, False, ink and not bands, 1, header.profile, resolution)
    return scaled_picture(samples, header.bits, meaning)


def _jpeg2000_alpha(components: int, channels: tuple[int, ...] | None, *, ink: bool) -> tuple[Alpha, bool]:
    """Return what alpha is, and whether the components are bands instead of colors."""
    colors = 4 if ink else 3 if components >= 3 else 1
    if components == colors:
        return Alpha.NONE, False
    # Other programs take a channel that is not defined as opacity, too.
    last = OPACITY if channels is None else channels[-1]
    one_more = components == colors + 1 and (channels is None or set(channels[:-1]) == {COLOR})
    if one_more and last in (OPACITY, ASSOCIATED_OPACITY):
        return Alpha.STRAIGHT if last == OPACITY else Alpha.ASSOCIATED, False
    return Alpha.NONE, True


def decode_jpegxl(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> DeepDecoded:
    """Decode a JPEG XL file."""
    header = read_jpegxl(stream, name)
    refuse_frame(frame, name, animated=header.animated)
    colors = 1 if header.gray else 3
    channels = colors + len(header.extra)
    bits = 16 if header.floats else header.bits
    check_size(
        header.size[::-1], channels, bits, 1, stream, name, limits, numbers=header.floats, whole_file=False
    )
    samples = imagecodecs.jpegxl_decode(_rewound(stream).read(), index=0 if header.animated else None)
    if samples.ndim == 3 and samples.shape[:2] != header.size:  # plane after plane
        samples = np.moveaxis(samples, 0, -1)
    if samples.shape[:2] != header.size or samples.reshape(*header.size, -1).shape[2] != channels:
        raise ImageError(name, f"holds {len(header.extra)} extra channels, which are not read")
    alpha, bands = Alpha.NONE, bool(header.extra)
    if header.extra == (ALPHA,):
        alpha, bands = Alpha.ASSOCIATED if header.associated else Alpha.STRAIGHT, False
    notes = [FIRST_OF_SEVERAL] if header.animated and frame is None else []
    if header.profiled:
        notes.append("its color profile is not kept")
    return scaled_picture(samples, bits, Meaning(alpha, bands, notes=tuple(notes)))


def _rewound(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return stream


READERS = {
    "JPEG": decode_jpeg,
    "AVIF": decode_avif,
    "JPEG 2000": decode_jpeg2000,
    "JPEG XL": decode_jpegxl,
}
"""By format."""
