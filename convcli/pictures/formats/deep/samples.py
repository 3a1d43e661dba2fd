"""Makes pictures of decoded samples: depth, alpha, bands, orientation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.pictures.arrays import PIXEL_DTYPES, turn_upright
from convcli.pictures.formats.pillow.conventions import cmyk_note, scale_note
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture, PictureKind, convert_alpha

__all__ = [
    "LIBRARY_BYTES",
    "Alpha",
    "DeepDecoded",
    "Meaning",
    "make_picture",
    "picture_itemsize",
    "scale_depth",
    "scale_samples",
]

LIBRARY_BYTES = 1 << 23  # bytes that the decoding libraries take for themselves
STRIP_PIXELS = 1 << 17  # pixels whose alpha is divided out at a time


class Alpha(StrEnum):
    """What the last sample of a pixel is."""

    NONE = "none"
    STRAIGHT = "straight"
    ASSOCIATED = "associated"
    TRUNCATED = "truncated"
    """Associated, with 8 bits; colors are divided as Pillow does: rounded down."""


@dataclass(frozen=True)
class Meaning:
    """What the samples of a picture mean, and what belongs to them.

    Attributes
    ----------
    alpha : Alpha
    bands : bool
        Whether the samples are bands instead of colors.
    white_is_zero : bool
    ink : bool
        Whether the samples are cyan, magenta, yellow and black.
    orientation : int
        As EXIF counts it.
    profile : bytes or None
    resolution : (float, float) or None
        Of the picture as it is stored.
    notes : tuple of str
    """

    alpha: Alpha = Alpha.NONE
    bands: bool = False
    white_is_zero: bool = False
    ink: bool = False
    orientation: int = 1
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DeepDecoded:
    """A decoded picture; see `Decoded`."""

    picture: Picture

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise ImageError if the picture is larger than the limits allow."""
        height, width, *channels = self.picture.pixels.shape
        numbers = self.picture.kind != PictureKind.PIXELS
        size = height, width, (channels or [1])[0]
        limits.check(name, size, self.picture.pixels.itemsize, numbers=numbers)

    def to_picture(self, name: str) -> Picture:  # noqa: ARG002 -- nothing is left that could fail
        """Return the picture."""
        return self.picture


def picture_itemsize(bits: int) -> int:
    """Return the bytes per value of a picture whose samples have `bits` bits."""
    return next((size for size in (1, 2, 4) if bits <= 8 * size), 8)


def scale_depth(samples: NDArray[Any], bits: int) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Scale unsigned samples of fewer bits to 8 or 16, as those of a PNM file are; return them and a note.

    Examples
    --------
    >>> scale_depth(np.array([0, 1024, 4095], np.uint16), 12)[0].tolist()
    [0, 16388, 65535]
    """
    if samples.dtype.kind == "b":
        samples = samples.view(np.uint8)
    if bits in (8, 16) or bits > 16 or samples.dtype.kind != "u":
        return samples, ()
    most = (1 << bits) - 1
    if bits < 8:
        return scale_samples(samples, most, np.uint8), ()
    return scale_samples(samples, most, np.uint16), (scale_note(most),)


def scale_samples(samples: NDArray[Any], most: int, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """Scale samples (H, ...) from 0 to `most`, at most 65535, to all values of a dtype, as Pillow does."""
    table = np.rint(np.arange(most + 1) * np.iinfo(dtype).max / most).astype(dtype)
    result = np.empty(samples.shape, dtype)  # strip by strip, because numpy takes 8 bytes for each index
    rows = max(1, STRIP_PIXELS // max(1, samples[0].size))
    for top in range(0, len(samples), rows):
        np.take(table, samples[top : top + rows], mode="clip", out=result[top : top + rows])
    return result


def make_picture(samples: NDArray[Any], meaning: Meaning) -> Picture:
    """Return samples (H, W, C) as a picture; they may be changed in place."""
    turned = turn_upright(samples, meaning.orientation)
    if turned is not samples:
        turned = np.ascontiguousarray(turned)
    profile, notes = meaning.profile, list(meaning.notes)
    resolution = meaning.resolution
    if resolution is not None and meaning.orientation >= 5:
        resolution = resolution[::-1]
    alpha = None
    if meaning.alpha != Alpha.NONE:
        turned, alpha = turned[..., :-1], turned[..., -1]
        if meaning.alpha == Alpha.ASSOCIATED:
            turned = _divided(turned, alpha)
        elif meaning.alpha == Alpha.TRUNCATED:
            turned = _divided_down(turned, alpha)
        alpha = _pixel_alpha(alpha, turned.dtype)
    if meaning.white_is_zero:  # but no sample beyond gray
        turned = np.concatenate((np.iinfo(turned.dtype).max - turned[..., :1], turned[..., 1:]), axis=-1)
    if meaning.ink:
        turned = _without_ink(turned)
        notes.append(cmyk_note(profile))
        profile = None
    if meaning.bands:
        notes.append(f"its {turned.shape[2]} samples per pixel are kept as channels")
    pixels = turned[..., 0] if turned.shape[2] == 1 else turned
    plain = pixels.dtype in PIXEL_DTYPES and not meaning.bands
    kind = PictureKind.PIXELS if plain else PictureKind.NUMBERS
    return Picture(pixels, alpha, kind, profile, resolution, tuple(notes))


def _divided(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Return colors that alpha had been multiplied into; where alpha is 0, they are 0."""
    result = np.empty(colors.shape, np.float32 if colors.dtype == np.float16 else colors.dtype)
    rows = max(1, STRIP_PIXELS // colors.shape[1])
    for top in range(0, colors.shape[0], rows):
        strip = colors[top : top + rows].astype(np.float64)
        share = alpha[top : top + rows, :, np.newaxis].astype(np.float64)
        seen = share != 0
        if colors.dtype.kind == "f":
            with np.errstate(invalid="ignore", over="ignore"):  # infinite colors stay no colors
                result[top : top + rows] = np.divide(strip, share, out=np.zeros_like(strip), where=seen)
            continue
        most = np.iinfo(colors.dtype).max
        whole = np.divide(strip * float(most), share, out=np.zeros_like(strip), where=seen)
        is_most = whole >= float(most)  # as a float, that of 64 bits is one too large
        result[top : top + rows] = np.where(is_most, 0, np.rint(whole)).astype(colors.dtype)
        result[top : top + rows][is_most] = most
    return result


def _divided_down(colors: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 8-bit samples as Pillow divides alpha out: down; where it is 0, gray stays, color is 0."""
    result = np.empty(colors.shape, np.uint8)
    rows = max(1, STRIP_PIXELS // colors.shape[1])
    for top in range(0, colors.shape[0], rows):
        strip = colors[top : top + rows]
        share = alpha[top : top + rows, :, np.newaxis]
        whole = np.minimum(strip.astype(np.uint16) * 255 // np.maximum(share, 1), 255)
        result[top : top + rows] = np.where(share == 0, strip * np.uint8(strip.shape[2] == 1), whole)
    return result


def _pixel_alpha(alpha: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return alpha in a dtype that a picture may have."""
    if alpha.dtype == np.float16:
        return alpha.astype(np.float32)
    return convert_alpha(alpha, np.dtype(np.float64)) if dtype == np.uint64 else alpha


def _without_ink(samples: NDArray[Any]) -> NDArray[Any]:
    """Return cyan, magenta, yellow and black as RGB, as Pillow does: what ink lets through."""
    most = np.iinfo(samples.dtype).max
    result = np.empty((*samples.shape[:2], 3), samples.dtype)
    rows = max(1, STRIP_PIXELS // samples.shape[1])
    for top in range(0, samples.shape[0], rows):
        rest = most - samples[top : top + rows].astype(np.uint64)
        result[top : top + rows] = (rest[..., :3] * rest[..., 3:] + most // 2) // most
    return result
