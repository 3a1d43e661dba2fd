"""The picture: pixels with their alpha, color profile and resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import ImageError, UsageError
from convcli.pictures.arrays import PIXEL_DTYPES, check_unmasked, image_array

__all__ = ["Picture", "PictureKind", "check_picture", "convert_alpha", "without_channel_axis"]

ALPHA_DTYPES = (np.uint8, np.uint16, np.uint32, np.float32, np.float64)


class PictureKind(StrEnum):
    """The kind of input an image came from, which decides the default format of its result."""

    PIXELS = "pixels"
    NUMBERS = "numbers"
    ARRAY = "array"
    TEXT = "text"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image with its alpha, color profile and resolution.

    Attributes
    ----------
    pixels : array (H, W) or (H, W, C)
        Without alpha: an RGBA array is ``Picture(rgba[..., :3], alpha=rgba[..., 3])``.
    alpha : array (H, W), unsigned integers or floats, optional
        0 is transparent; the largest value of an integer dtype, or 1.0, is opaque.
    kind : PictureKind
        Default: pixels if they are uint8 or uint16, otherwise an array of numbers.
    profile : bytes, optional
        ICC profile.
    resolution : (float, float), optional
        Dots per inch, horizontally and vertically.
    notes : tuple of str
        What could not be kept.
    maps : bool
        Whether the channels are separate feature maps rather than colors.

    Raises
    ------
    ImageError
        The pixels are not an image, or alpha does not fit them.

    Examples
    --------
    >>> import numpy as np
    >>> import convcli
    >>> rgba = np.full((4, 6, 4), 255, np.uint8)
    >>> picture = convcli.Picture(rgba[..., :3], alpha=rgba[..., 3])
    >>> picture.pixels.shape, picture.alpha.shape
    ((4, 6, 3), (4, 6))
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    kind: PictureKind = PictureKind.PIXELS
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    maps: bool = False

    def __post_init__(self) -> None:
        """Check the arrays."""
        pixels = image_array(self.pixels)
        object.__setattr__(self, "pixels", pixels)
        if self.kind == PictureKind.PIXELS and pixels.dtype not in PIXEL_DTYPES:
            object.__setattr__(self, "kind", PictureKind.ARRAY)
        if self.alpha is None:
            return
        check_unmasked(self.alpha, "alpha", ImageError)
        alpha = np.asarray(self.alpha)
        dtypes = (pixels.dtype,) if pixels.dtype in PIXEL_DTYPES else ALPHA_DTYPES
        if alpha.dtype not in dtypes or alpha.shape != pixels.shape[:2]:
            names = " or ".join(np.dtype(dtype).name for dtype in dtypes)
            raise ImageError(
                f"alpha of {alpha.dtype} {alpha.shape}",
                f"must be {names} {pixels.shape[:2]} for {pixels.dtype} pixels {pixels.shape}; "
                "0 is transparent, the largest integer or 1.0 is opaque",
            )
        object.__setattr__(self, "alpha", alpha)

    @property
    def depth(self) -> int:
        """Bits per rendered pixel: 16 for uint16, else 8."""
        return 16 if self.pixels.dtype == np.uint16 else 8

    def with_pixels(self, pixels: NDArray[Any], alpha: NDArray[Any] | None, *, maps: bool = False) -> Picture:
        """Return the result as a picture that keeps profile and resolution where they still apply."""
        profile, notes = self.profile, tuple[str, ...]()
        space = b"GRAY" if pixels.ndim == 2 else b"RGB "
        if profile is not None and profile[16:20] != space:
            profile, notes = None, ("the color profile does not fit the result and is dropped",)
        if alpha is not None and pixels.dtype in PIXEL_DTYPES:
            alpha = convert_alpha(alpha, pixels.dtype)
        maps = maps or (self.maps and pixels.ndim == 3 and pixels.shape[2] > 1)
        kind = PictureKind.PIXELS if pixels.dtype in PIXEL_DTYPES else self.kind
        return replace(self, pixels=pixels, alpha=alpha, profile=profile, notes=notes, kind=kind, maps=maps)

    @property
    def pixels_with_alpha(self) -> NDArray[Any]:
        """The pixels, with alpha as the last channel if there is any."""
        if self.alpha is None or self.maps:
            return self.pixels
        return np.dstack((self.pixels, self.alpha))


def check_picture(value: object) -> None:
    """Check that a value is a Picture, and not an array or the name of a file.

    Raises
    ------
    UsageError
        It is something else.
    """
    if not isinstance(value, Picture):
        raise UsageError(f"picture of type {type(value).__name__}", "must be a Picture, as in Picture(array)")


def convert_alpha(alpha: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return alpha in another dtype: opaque stays opaque, all else is rounded to the nearest value.

    Examples
    --------
    >>> convert_alpha(np.array([[0.0, 0.5, 1.0]]), np.dtype(np.uint8)).tolist()
    [[0, 128, 255]]
    """
    if alpha.dtype == dtype:
        return alpha
    shares = alpha.astype(np.float64)
    if alpha.dtype.kind == "u":
        shares /= np.iinfo(alpha.dtype).max
    if dtype.kind == "f":
        return shares.astype(dtype)
    most = np.iinfo(dtype).max
    with np.errstate(invalid="ignore"):
        levels: NDArray[Any] = np.rint(np.nan_to_num(shares, nan=0.0).clip(0, 1) * most).astype(dtype)
    return levels


def without_channel_axis(picture: Picture) -> Picture:
    """Return a picture of one channel, (H, W, 1), as (H, W); all others stay."""
    is_single = picture.pixels.ndim == 3 and picture.pixels.shape[2] == 1
    return replace(picture, pixels=picture.pixels[:, :, 0]) if is_single else picture
