"""The picture: pixels with their alpha, color profile and resolution.

Does not use numpy for pictures that hold rasters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, overload

from convcli.errors import ImageError, UsageError
from convcli.late_numpy import np
from convcli.pictures.arrays import PIXEL_DTYPES, check_unmasked, image_array
from convcli.pictures.raster import Raster
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Picture",
    "PictureKind",
    "check_picture",
    "convert_alpha",
    "sound_resolution",
    "without_channel_axis",
]

ALPHA_DTYPES = ("uint8", "uint16", "uint32", "float32", "float64")

MAX_DOTS = 1e6  # per inch


class PictureKind(StrEnum):
    """The kind of input an image came from, which decides the default format of its result."""

    PIXELS = "pixels"
    NUMBERS = "numbers"
    ARRAY = "array"
    TEXT = "text"


class _Pixels:
    """A required attribute that is set to an array or a raster, and read as a contiguous array."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, picture: None, owner: type) -> _Pixels: ...
    @overload
    def __get__(self, picture: object, owner: type) -> NDArray[Any]: ...
    def __get__(self, picture: object | None, owner: type) -> Any:
        if picture is None:
            raise AttributeError(self.name)  # so that it has no default
        value = picture.__dict__[self.name]
        if isinstance(value, Raster) and value.is_packed:
            return value.array()
        if isinstance(value, Raster):  # what is written to the array must be in the raster from now on
            value = picture.__dict__[self.name] = value.packed_array()
        return value

    def __set__(self, picture: object, value: NDArray[Any] | Raster) -> None:
        picture.__dict__[self.name] = value


class _Alpha(_Pixels):
    """The same for an attribute that may be None, the default."""

    @overload  # type: ignore[override] # the attribute of the class is the default
    def __get__(self, picture: None, owner: type) -> None: ...
    @overload
    def __get__(self, picture: object, owner: type) -> NDArray[Any] | None: ...
    def __get__(self, picture: object | None, owner: type) -> Any:
        return None if picture is None else super().__get__(picture, owner)

    def __set__(self, picture: object, value: NDArray[Any] | Raster | None) -> None:
        picture.__dict__[self.name] = value


@dataclass(frozen=True, eq=False, repr=False)
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

    pixels: _Pixels = _Pixels()
    alpha: _Alpha = _Alpha()
    kind: PictureKind = PictureKind.PIXELS
    profile: bytes | None = None
    resolution: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    maps: bool = False

    def __post_init__(self) -> None:
        """Check pixels and alpha."""
        pixels, alpha = self._held
        if isinstance(pixels, Raster) and (alpha is None or _fits(alpha, pixels)):
            return
        pixels = image_array(self.pixels)
        object.__setattr__(self, "pixels", pixels)
        if self.kind == PictureKind.PIXELS and pixels.dtype not in PIXEL_DTYPES:
            object.__setattr__(self, "kind", PictureKind.ARRAY)
        if self.alpha is None:
            return
        check_unmasked(self.alpha, "alpha", ImageError)
        array = np.asarray(self.alpha)
        dtypes = (pixels.dtype.name,) if pixels.dtype in PIXEL_DTYPES else ALPHA_DTYPES
        if array.dtype not in dtypes or array.shape != pixels.shape[:2]:
            raise ImageError(
                f"alpha of {array.dtype} {array.shape}",
                f"must be {' or '.join(dtypes)} {pixels.shape[:2]} for {pixels.dtype} pixels {pixels.shape}; "
                "0 is transparent, the largest integer or 1.0 is opaque",
            )
        object.__setattr__(self, "alpha", array)

    @property
    def _held(self) -> tuple[NDArray[Any] | Raster, NDArray[Any] | Raster | None]:
        """Pixels and alpha as they are: arrays or rasters."""
        return self.__dict__["pixels"], self.__dict__["alpha"]

    @property
    def raster(self) -> Raster | None:
        """The pixels as a raster of the same memory; None for numbers, and pixels that are not contiguous."""
        return _raster_of(self._held[0])

    @property
    def alpha_raster(self) -> Raster | None:
        """The same for alpha."""
        alpha = self._held[1]
        return None if alpha is None else _raster_of(alpha)

    @property
    def has_alpha(self) -> bool:
        """Whether there is alpha."""
        return self._held[1] is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, C)."""
        return self._held[0].shape

    @property
    def channels(self) -> int:
        """The number of channels, without alpha."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def pixel_format(self) -> str:
        """The name of the dtype of the pixels."""
        return _format_of(self._held[0])

    @property
    def alpha_format(self) -> str:
        """The name of the dtype of alpha, empty if there is none."""
        alpha = self._held[1]
        return "" if alpha is None else _format_of(alpha)

    @property
    def is_numeric(self) -> bool:
        """Whether they are numbers, not 8-bit or 16-bit pixels."""
        return self.pixel_format not in PIXEL_DTYPES

    @property
    def depth(self) -> int:
        """Bits per rendered pixel: 16 for uint16, else 8."""
        return 16 if self.pixel_format == "uint16" else 8

    def changed(self, **changes: Any) -> Picture:
        """Return the picture with other values of some attributes, as `dataclasses.replace` does.

        The others stay as they are: rasters do not become arrays.

        Examples
        --------
        >>> Picture(np.zeros((2, 2), np.uint8)).changed(notes=("is black",)).notes
        ('is black',)
        """
        pixels, alpha = self._held
        return replace(self, **{"pixels": pixels, "alpha": alpha, **changes})

    def with_pixels(
        self, pixels: NDArray[Any] | Raster, alpha: NDArray[Any] | Raster | None, *, maps: bool = False
    ) -> Picture:
        """Return the result as a picture that keeps profile and resolution where they still apply."""
        profile, notes = self.profile, tuple[str, ...]()
        is_gray = len(pixels.shape) == 2
        if profile is not None and profile[16:20] != (b"GRAY" if is_gray else b"RGB "):
            profile, notes = None, ("the color profile does not fit the result and is dropped",)
        has_pixels = isinstance(pixels, Raster) or pixels.dtype in PIXEL_DTYPES
        if alpha is not None and has_pixels:
            alpha = _alpha_like(alpha, pixels)
        maps = maps or (self.maps and not is_gray and pixels.shape[2] > 1)
        kind = PictureKind.PIXELS if has_pixels else self.kind
        return self.changed(pixels=pixels, alpha=alpha, profile=profile, notes=notes, kind=kind, maps=maps)

    @property
    def pixels_with_alpha(self) -> NDArray[Any]:
        """The pixels, with alpha as the last channel if there is any."""
        if self.alpha is None or self.maps:
            return self.pixels
        return np.dstack((self.pixels, self.alpha))

    def __repr__(self) -> str:
        """Return its size and type, without the pixels."""
        alpha = " with alpha" if self.has_alpha else ""
        return f"<Picture {format_size(self.shape)} {self.pixel_format}{alpha}>"

    def _repr_png_(self) -> bytes:
        """Return it as a PNG file of moderate size, for notebooks."""
        from convcli.drawing.notebooks import notebook_png  # late: only notebooks need it

        return notebook_png("picture_png", self)


def _format_of(held: NDArray[Any] | Raster) -> str:
    return f"uint{held.depth}" if isinstance(held, Raster) else held.dtype.name


def _fits(alpha: NDArray[Any] | Raster, pixels: Raster) -> bool:
    return isinstance(alpha, Raster) and alpha.shape == pixels.shape[:2] and alpha.depth == pixels.depth


def _raster_of(held: NDArray[Any] | Raster) -> Raster | None:
    if isinstance(held, Raster):
        return held
    if held.dtype not in PIXEL_DTYPES or not held.flags.c_contiguous:
        return None
    return Raster.of(held)


def _alpha_like(alpha: NDArray[Any] | Raster, pixels: NDArray[Any] | Raster) -> NDArray[Any] | Raster:
    """Return alpha of as many bits as pixels."""
    if isinstance(pixels, Raster):
        if isinstance(alpha, Raster) and alpha.depth == pixels.depth:
            return alpha
        pixels = pixels.array()
    return convert_alpha(alpha.array() if isinstance(alpha, Raster) else alpha, pixels.dtype)


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


def sound_resolution(across: float, down: float) -> tuple[float, float] | None:
    """Return dots per inch, horizontally and vertically, or None if no picture can have them."""
    return (across, down) if 0 < across < MAX_DOTS and 0 < down < MAX_DOTS else None


def without_channel_axis(picture: Picture) -> Picture:
    """Return a picture of one channel, (H, W, 1), as (H, W); all others stay."""
    if picture.shape[2:] != (1,):
        return picture
    raster = picture.raster
    if raster is None or not raster.is_packed:
        return picture.changed(pixels=picture.pixels[:, :, 0])
    return picture.changed(pixels=Raster.packed(raster.samples, *raster.shape[:2], depth=raster.depth))
