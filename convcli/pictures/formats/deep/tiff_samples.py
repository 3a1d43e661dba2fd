"""What the samples of a TIFF's page mean, and how pictures are made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.formats.deep.samples import Alpha, Meaning, make_picture, scale_depth
from convcli.pictures.formats.unsupported import COLORS, JPEG, refuse_compression, refuse_tiff
from convcli.pictures.headers.tiff_tags import (
    ASSOCIATED,
    CENTIMETER,
    FLOAT,
    INCH,
    SEPARATE_PLANES,
    SIGNED,
    UNASSOCIATED,
    Photometric,
    Tag,
)
from convcli.pictures.picture import Picture, sound_resolution

__all__ = ["TiffSamples"]

CONTIGUOUS = 1  # planar configuration
WHOLE_BITS = (8, 16, 32, 64)
BYTE_COLORS = 255  # the highest color of a palette of bytes, which some programs write


@dataclass(frozen=True)
class TiffSamples:
    """What the samples of a page mean.

    Attributes
    ----------
    name : str
        The name to use in messages.
    bits : int
        Per sample.
    colors : int
        How many samples of a pixel are colors.
    is_changed : bool
        Whether the values in the file are not those of the picture.
    meaning : Meaning
    palette : array (N, 3), optional
        The colors that the samples stand for.
    """

    name: str
    bits: int
    colors: int
    is_changed: bool
    meaning: Meaning
    palette: NDArray[np.uint8] | None = None

    @classmethod
    def of(cls, page: tifffile.TiffPage, name: str) -> TiffSamples:
        """Return what the samples of a page mean.

        Raises
        ------
        ImageError
            They are of a kind that is not read.
        """
        bits: Any = page.bitspersample  # a tuple if they differ
        samples, photometric = page.samplesperpixel, int(page.photometric)
        if page.dtype is None or not isinstance(bits, int) or page.dtype.kind not in "buif":
            raise ImageError(name, f"holds samples of a kind that is not read: {page.bitspersample} bits")
        if int(page.planarconfig) not in (CONTIGUOUS, SEPARATE_PLANES):
            raise ImageError(name, f"is damaged: its planar configuration is {int(page.planarconfig)}")
        refuse_compression(name, int(page.compression))
        sample_format = {"i": SIGNED, "f": FLOAT}.get(page.dtype.kind, 1)
        kinds = [int(kind) for kind in page.extrasamples]
        refuse_tiff(name, photometric, bits, sample_format, kinds)
        if page.tags.valueof(Tag.IMAGE_DEPTH, 1) != 1 or page.imagedepth != 1:
            raise ImageError(name, "holds a volume, and not a picture")
        if photometric == Photometric.YCBCR and page.compression != JPEG:
            raise ImageError(name, "has YCbCr colors without JPEG compression; convert it to RGB first")
        colors = COLORS[photometric]
        extra = samples - colors
        if extra < 0:
            raise ImageError(name, f"is damaged: it has {samples} samples per pixel, but {colors} colors")
        if not kinds and extra == 1 and photometric == Photometric.RGB:
            kinds = [UNASSOCIATED]  # many programs leave the tag out
        alpha, alphas = Alpha.NONE, {ASSOCIATED, UNASSOCIATED}
        is_last = len(kinds) == extra and kinds[-1:] and kinds[-1] in alphas and alphas.isdisjoint(kinds[:-1])
        if is_last and page.dtype.kind != "i":
            alpha = Alpha.ASSOCIATED if kinds[-1] == ASSOCIATED else Alpha.STRAIGHT
        inks = photometric == Photometric.SEPARATED and page.tags.valueof(Tag.INK_SET, 1) != 1
        bands = inks or extra > (alpha != Alpha.NONE)
        if photometric == Photometric.PALETTE and extra:
            raise ImageError(name, "has a palette and extra samples, which is not read")
        unsigned = page.dtype.kind in "bu"
        if photometric == Photometric.SEPARATED and not bands and not unsigned:
            bands = True
        is_changed = (
            photometric not in (Photometric.BLACK_IS_ZERO, Photometric.RGB)
            or alpha == Alpha.ASSOCIATED
            or bits not in WHOLE_BITS
        )
        orientation = page.tags.valueof(Tag.ORIENTATION, 1)
        profile = page.tags.valueof(Tag.PROFILE, None)
        meaning = Meaning(
            alpha=alpha,
            bands=bands,
            white_is_zero=photometric == Photometric.WHITE_IS_ZERO and page.dtype.kind != "f",
            ink=photometric == Photometric.SEPARATED and not bands,
            orientation=orientation if isinstance(orientation, int) else 1,
            profile=bytes(profile) if isinstance(profile, bytes) and profile else None,
            resolution=_resolution(page),
        )
        palette = _palette(page, name) if photometric == Photometric.PALETTE else None
        return cls(name, bits, colors, is_changed, meaning, palette)

    def with_notes(self, *notes: str) -> TiffSamples:
        """Return the same with more notes on the picture."""
        return replace(self, meaning=replace(self.meaning, notes=(*self.meaning.notes, *notes)))

    def to_picture(self, samples: NDArray[Any]) -> Picture:
        """Make a picture of samples (H, W, S), which may be some rows of the page.

        Raises
        ------
        ImageError
            A sample has no color in the palette.
        """
        if self.palette is not None:
            return make_picture(self._colored(samples[..., 0]), self.meaning)
        samples, notes = scale_depth(samples, self.bits)
        return make_picture(samples, self.with_notes(*notes).meaning)

    def _colored(self, indexes: NDArray[Any]) -> NDArray[np.uint8]:
        assert self.palette is not None
        if indexes.dtype == np.bool_:
            indexes = indexes.view(np.uint8)
        if indexes.max() >= len(self.palette):
            raise ImageError(self.name, "is damaged: its palette has too few colors")
        colors: NDArray[np.uint8] = self.palette[indexes]
        return colors


def _palette(page: tifffile.TiffPage, name: str) -> NDArray[np.uint8]:
    """Return the colors of a page with 8 bits, as Pillow does."""
    colors = page.colormap
    if colors is None:
        raise ImageError(name, "is damaged: its palette is missing")
    return np.ascontiguousarray((colors.T if colors.max() <= BYTE_COLORS else colors.T >> 8).astype(np.uint8))


def _resolution(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Return dots per inch of the picture as it is stored."""
    unit = page.tags.valueof(Tag.RESOLUTION_UNIT, INCH)
    dots = []
    for tag in (Tag.X_RESOLUTION, Tag.Y_RESOLUTION):
        value = page.tags.valueof(tag, None)
        if not isinstance(value, tuple) or len(value) != 2 or not value[1]:
            return None
        dots.append(value[0] / value[1] * (2.54 if unit == CENTIMETER else 1))
    return sound_resolution(*dots) if unit in (INCH, CENTIMETER) else None
