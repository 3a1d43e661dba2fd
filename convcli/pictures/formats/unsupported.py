"""Refuses the kinds of TIFF and JPEG that no decoder here reads, many because programs differ on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcli.errors import ImageError
from convcli.pictures.headers.tiff_tags import ASSOCIATED, FLOAT, SIGNED, Photometric

if TYPE_CHECKING:
    from convcli.pictures.headers.jpeg import Frame

__all__ = [
    "COLORS", "CONTAINED", "DEFLATE", "JPEG", "JPEG_2000", "JPEG_XL", "LZMA", "LZW", "PACKBITS", "ZSTD",
    "refuse_compression", "refuse_jpeg", "refuse_tiff",
]  # fmt: skip

COLORS = {
    Photometric.WHITE_IS_ZERO: 1, Photometric.BLACK_IS_ZERO: 1, Photometric.RGB: 3, Photometric.PALETTE: 1,
    Photometric.SEPARATED: 4, Photometric.YCBCR: 3,
}  # fmt: skip
"""Number of color samples, by photometric interpretation."""
OTHER_COLORS = {8: "Lab", 9: "Lab", 10: "Lab", 32803: "color filter array", 32844: "LogL", 32845: "LogLuv"}
COMPLEX = (5, 6)  # sample formats
LZW, JPEG, JPEG_2000, JPEG_XL = 5, 7, {33003, 33004, 33005, 34712}, {50002, 52546}
CONTAINED = {JPEG, *JPEG_2000, *JPEG_XL}
"""Compressions whose parts are pictures of their own."""
DEFLATE, PACKBITS, LZMA, ZSTD = {8, 32946}, 32773, 34925, 50000
COMPRESSIONS = {1, LZW, *DEFLATE, PACKBITS, LZMA, ZSTD, *CONTAINED}
DCT_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # of JPEG: a single picture, and not lossless
INVERTED_BITS = (1, 2, 4, 8, 16)  # in which programs agree on what it means that 0 is white


def refuse_compression(name: str, method: int) -> None:
    """Refuse a page of a TIFF that is compressed by a method that is not read.

    Raises
    ------
    ImageError
        The method is not read.
    """
    if method not in COMPRESSIONS:
        raise ImageError(name, f"is compressed by method {method}, which is not read")


def refuse_jpeg(name: str, frame: Frame) -> None:
    """Refuse a JPEG file of more than 8 bits of a kind that is not read.

    Raises
    ------
    ImageError
        The kind is not read.
    """
    if frame.marker not in DCT_FRAMES or frame.components not in (1, 3):
        raise ImageError(
            name, "is a JPEG of a kind that is not read: lossless, hierarchical or CMYK of 12 bits"
        )


def refuse_tiff(
    name: str, photometric: int, bits: int, sample_format: int, extra_samples: Sequence[int]
) -> None:
    """Refuse a page of a TIFF that is not read, whatever is installed.

    Raises
    ------
    ImageError
        Its colors or samples are not read.
    """
    if photometric not in COLORS:
        other = OTHER_COLORS.get(photometric, f"photometric interpretation {photometric}")
        raise ImageError(name, f"has {other} colors; convert it to RGB first")
    if sample_format in COMPLEX:
        raise ImageError(name, "holds complex samples, which are not read; save their parts or magnitudes")
    if ASSOCIATED in extra_samples and len(extra_samples) > 1:
        why = "has alpha multiplied into its colors, and further samples; save it without them"
        raise ImageError(name, why)
    if photometric != Photometric.WHITE_IS_ZERO:
        return
    if ASSOCIATED in extra_samples:
        why = "says that 0 is white, and has alpha multiplied in; save it with straight alpha"
        raise ImageError(name, why)
    if sample_format != FLOAT and (sample_format == SIGNED or bits not in INVERTED_BITS):
        kind = "signed " if sample_format == SIGNED else ""
        why = f"says that 0 is white in {kind}{bits}-bit samples, which programs read in different ways"
        raise ImageError(name, f"{why}; save it with 0 as black")
