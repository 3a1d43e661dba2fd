"""Compresses tiles: the same family as the source, where that suits the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from convcli.pictures.formats.unsupported import JPEG, LZMA, LZW, PACKBITS, ZSTD
from convcli.pictures.regions.properties import Storage

__all__ = ["TileCompression", "choose_compression"]

UNCOMPRESSED, DEFLATE = 1, 8
DEFLATE_LEVEL = 2  # of libdeflate: at most 1 % larger than zlib's level 6, in a fifth of the time
ZSTD_LEVEL = 3
JPEG_QUALITY = 90
NO_PREDICTOR, INTEGER_PREDICTOR, FLOAT_PREDICTOR = 1, 2, 3
PREDICTED = {"deflate", "lzw", "zstd", "lzma"}
LIKE_DEFLATE = {"gzip", "zlib", "blosc"}  # of Zarr


def _none(tile: Any) -> memoryview:
    return memoryview(tile).cast("B")


def _deflate(tile: Any) -> bytes:
    return bytes(imagecodecs.deflate_encode(tile, level=DEFLATE_LEVEL))


def _zstd(tile: Any) -> bytes:
    return bytes(imagecodecs.zstd_encode(tile, level=ZSTD_LEVEL))


def _packbits(tile: Any) -> bytes:
    return bytes(imagecodecs.packbits_encode(tile, axis=-2))


def _jpeg(tile: Any) -> bytes:
    if tile.shape[2] == 1:
        return bytes(imagecodecs.jpeg8_encode(tile[..., 0], level=JPEG_QUALITY))
    options: dict[str, Any] = {"colorspace": "RGB", "outcolorspace": "YCBCR", "subsampling": "444"}
    return bytes(imagecodecs.jpeg8_encode(tile, level=JPEG_QUALITY, **options))


ENCODERS: dict[str, tuple[int, Callable[[Any], bytes | memoryview]]] = {
    "none": (UNCOMPRESSED, _none),
    "deflate": (DEFLATE, _deflate),
    "lzw": (LZW, lambda tile: bytes(imagecodecs.lzw_encode(tile))),
    "zstd": (ZSTD, _zstd),
    "lzma": (LZMA, lambda tile: bytes(imagecodecs.lzma_encode(tile))),
    "packbits": (PACKBITS, _packbits),
    "jpeg": (JPEG, _jpeg),
}
"""By family: its number in TIFF, and the function that compresses a tile (H, W, S)."""


class TileCompression(NamedTuple):
    """How tiles are compressed.

    Attributes
    ----------
    family : str
    number : int
        Of the family in TIFF.
    predictor : int
        1: none; 2: differences of whole numbers; 3: of the bytes of floats.
    """

    family: str
    number: int
    predictor: int

    def encode(self, tile: NDArray[Any]) -> bytes | memoryview:
        """Return the bytes of a contiguous tile (H, W, S)."""
        if self.predictor == INTEGER_PREDICTOR:
            tile = np.asarray(imagecodecs.delta_encode(tile, axis=-2))
        elif self.predictor == FLOAT_PREDICTOR:
            tile = np.asarray(imagecodecs.floatpred_encode(tile, axis=-2))
        return ENCODERS[self.family][1](tile)


def choose_compression(
    storage: Storage, dtype: np.dtype[Any], samples: int, *, colors: int
) -> tuple[TileCompression, tuple[str, ...]]:
    """Return how to compress a result whose source is stored like that, and notes.

    JPEG is kept for 8-bit gray or RGB; all else that it cannot hold is deflated.

    Examples
    --------
    >>> choose_compression(Storage("jpeg"), np.dtype("u1"), 3, colors=3)[1][0][:43]
    'the output is JPEG-compressed (quality 90),'
    >>> choose_compression(Storage("jpeg"), np.dtype("f4"), 1, colors=1)[0].family
    'deflate'
    """
    family = "deflate" if storage.compression in LIKE_DEFLATE else storage.compression
    notes: tuple[str, ...] = ()
    if family == "jpeg":
        if dtype == np.uint8 and samples == colors and samples in (1, 3):
            notes = (
                f"the output is JPEG-compressed (quality {JPEG_QUALITY}), like the input: "
                "values change slightly; a .zarr keeps the exact ones",
            )
        else:
            family = "deflate"
    if family not in ENCODERS:
        family = "deflate"
    predictor = NO_PREDICTOR
    if storage.has_predictor and family in PREDICTED and dtype.itemsize <= 4:
        predictor = FLOAT_PREDICTOR if dtype.kind == "f" else INTEGER_PREDICTOR
    return TileCompression(family, ENCODERS[family][0], predictor), notes
