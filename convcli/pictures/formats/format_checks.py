"""Checks that an output format can hold a picture, and finds out what it would drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.errors import OutputError, install_command
from convcli.late_numpy import np
from convcli.pictures.formats.output_formats import (
    OUTPUT_FORMATS,
    TILED,
    OutputFormat,
    extra_is_installed,
)
from convcli.pictures.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_holds", "holds_alpha", "holds_profile", "pillow_numbers", "tiff_beyond_pillow"]

FLOAT32_BITS = 24  # bits of the significand
STRIP_VALUES = 1 << 16  # values at a time, which fit in the cache


def check_holds(picture: Picture, file_format: OutputFormat, name: str) -> tuple[str, ...]:
    """Check that a format can hold a picture, and return notes about what it drops.

    Raises
    ------
    OutputError
        It cannot: too many bits or channels, alpha, or numbers that are not pixels; or the extra that writes
        them is not installed.
    """
    channels = picture.channels
    if picture.maps and file_format not in (OutputFormat.NPY, *TILED):
        raise OutputError(name, f"{file_format} holds one map, not {channels}; use npy or tiff")
    if file_format.text and channels > 1:
        raise OutputError(
            name,
            f"{file_format} holds one channel, not {channels}; use npy, or take one (apply --channels gray)",
        )
    if not file_format.numeric and not picture.maps:  # each map is a page
        _check_pixels_fit(picture, channels, file_format, name)
    if file_format == OutputFormat.TIFF:
        _check_tiff(picture, channels, name)
    notes = []
    if picture.has_alpha and not holds_alpha(picture, file_format):
        of = "maps" if picture.maps else "pixels"
        kinds = f"{picture.alpha_format} alpha with {picture.pixel_format} {of}"
        notes.append(f"{file_format} cannot hold {kinds if OUTPUT_FORMATS[file_format].alpha else 'alpha'}")
    if picture.profile is not None and not holds_profile(picture, file_format):
        does = "is written without" if file_format == OutputFormat.JXL else "cannot hold"
        notes.append(f"{file_format} {does} the color profile")
    if file_format == OutputFormat.GIF:
        from convcli.pictures.formats.gif_writer import gif_losses  # late: it loads Pillow

        notes += gif_losses(picture)
    return tuple(notes)


def holds_alpha(picture: Picture, file_format: OutputFormat) -> bool:
    """Whether a format can hold a picture's alpha: a TIFF of numbers only alpha of the same kind."""
    if not picture.has_alpha or picture.maps or not OUTPUT_FORMATS[file_format].alpha:
        return False
    pixels, alpha = picture.pixel_format, picture.alpha_format
    return alpha == pixels or (alpha.startswith("float") and pixels.startswith("float"))


def holds_profile(picture: Picture, file_format: OutputFormat) -> bool:
    """Whether a format can hold a picture's profile: not a gray one if the format stores gray as RGB."""
    properties = OUTPUT_FORMATS[file_format]
    return properties.profile and not (properties.gray_as_rgb and len(picture.shape) == 2)


def _check_pixels_fit(picture: Picture, channels: int, file_format: OutputFormat, name: str) -> None:
    properties = OUTPUT_FORMATS[file_format]
    deep = picture.pixel_format != "uint8"
    if picture.is_numeric:
        if file_format not in TILED:
            raise OutputError(name, f"{file_format} holds pixels, not raw numbers; use npy, csv or tiff")
        return
    if channels not in (1, 3) and not properties.bands:
        advice = "use tiff or npy"
        if channels == 4 and properties.alpha and (properties.sixteen_bits or not deep):
            advice += ", or in Python Picture(pixels[..., :3], alpha=pixels[..., 3]) if the fourth is alpha"
        raise OutputError(name, f"{file_format} holds 1 or 3 channels, not {channels}; {advice}")
    if deep and not properties.sixteen_bits:
        raise OutputError(name, f"{file_format} cannot hold 16-bit pixels; use png, tiff, pnm or npy")
    if picture.has_alpha and not properties.alpha:
        others = sorted(
            name
            for name, other in OUTPUT_FORMATS.items()
            if other.alpha
            and not other.extra
            and (other.sixteen_bits or not deep)
            and name != OutputFormat.GIF  # which reduces it to on or off
        )
        raise OutputError(
            name,
            f"{file_format} cannot hold alpha; use {', '.join(others)}, "
            "or blend it with a color: --background white",
        )
    if channels == 3 and name.lower().endswith(".pgm"):
        raise OutputError(name, "a .pgm file holds grayscale only; use .ppm")
    limit = properties.max_side
    if limit is not None and max(picture.shape[:2]) > limit:
        raise OutputError(name, f"{file_format} holds at most {limit} pixels per side; use png or tiff")


def _check_tiff(picture: Picture, channels: int, name: str) -> None:
    """Check that the extra is installed if the TIFF needs it."""
    why = tiff_beyond_pillow(picture)
    if why and not extra_is_installed():
        instead = "npy" if picture.is_numeric or channels not in (1, 3) else "png"
        raise OutputError(name, f"{why}; {install_command('deep')} writes it, or use {instead}")


def tiff_beyond_pillow(picture: Picture) -> str:
    """Return why Pillow does not write a picture as TIFF without loss, or nothing if it does."""
    channels = 1 if picture.maps else picture.channels
    alpha = holds_alpha(picture, OutputFormat.TIFF)
    pixel_format = picture.pixel_format
    if not (channels == 1 and not alpha) and not (channels in (1, 3) and pixel_format == "uint8"):
        plural = "s" if channels > 1 else ""
        ending = " with alpha" if alpha else ""
        return f"Pillow writes no TIFF of {channels} channel{plural} of {pixel_format}{ending}"
    if picture.is_numeric and pillow_numbers(picture.pixels) is None:
        return "Pillow would round these numbers to 32 bits in a TIFF"
    return ""


def pillow_numbers(numbers: NDArray[Any]) -> np.dtype[Any] | None:
    """Return the dtype in which Pillow writes numbers exactly: float32, else int32; None if both round."""
    rows = max(1, STRIP_VALUES // numbers[0].size)
    strips = [numbers[top : top + rows] for top in range(0, len(numbers), rows)]
    if all(_fit_float32(strip) for strip in strips):
        return np.dtype(np.float32)
    limits = np.iinfo(np.int32)
    if numbers.dtype.kind == "f" or numbers.min() < limits.min or numbers.max() > limits.max:
        return None
    return np.dtype(np.int32)


def _fit_float32(numbers: NDArray[Any]) -> bool:
    if numbers.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array_equal(numbers.astype(np.float32).astype(numbers.dtype), numbers, equal_nan=True)
    lowest_bit = np.maximum(numbers & (~numbers + 1), 1)
    return bool((abs(numbers // lowest_bit) < 1 << FLOAT32_BITS).all())
