"""Encoding pictures in the output formats."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convcli.errors import ConvcliError, OutputError
from convcli.late_numpy import np
from convcli.pictures.formats.format_checks import holds_profile, pillow_numbers, tiff_beyond_pillow
from convcli.pictures.formats.output_formats import OUTPUT_FORMATS, OutputFormat
from convcli.pictures.npy import npy_header
from convcli.pictures.picture import Picture, without_channel_axis
from convcli.pictures.raster import Raster
from convcli.pictures.text_matrices import format_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["encode", "pillow_options", "save_with_pillow"]


def encode(
    picture: Picture,
    file_format: OutputFormat,
    name: str,
    *,
    png_level: int | None = None,
    jobs: int | None = None,
) -> Sequence[bytes | memoryview]:
    """Return the bytes of a picture's file in parts; `check_holds` must have accepted the picture.

    Encodes in memory, because Pillow does not notice when a disk accepts only part of the data.

    Raises
    ------
    OutputError
        The encoder refuses the picture.
    UsageError
        `encode_png` does not accept the level or the number of jobs.
    """
    if file_format != OutputFormat.NPY:
        picture = without_channel_axis(picture)
    # Late imports: each for its format.
    if file_format == OutputFormat.PNG:
        from convcli.pictures.formats.png.writer import encode_png

        return encode_png(
            picture.raster or picture.pixels,
            alpha=picture.alpha_raster or picture.alpha,
            profile=picture.profile,
            resolution=_resolution_for(picture, file_format),
            level=png_level,
            jobs=jobs,
        )
    if file_format == OutputFormat.PNM and len(picture.shape) == 3 and picture.depth == 16:
        return _encode_deep_pnm(picture.pixels)
    if OUTPUT_FORMATS[file_format].extra == "deep" or (
        file_format == OutputFormat.TIFF and tiff_beyond_pillow(picture)
    ):
        from convcli.pictures.formats.deep.encoding import encode_deep

        with _encoder_errors(file_format, name):
            return [encode_deep(picture, file_format, _resolution_for(picture, file_format), jobs)]
    if file_format == OutputFormat.NPY:
        return _encode_npy(picture.pixels)
    if file_format.text:
        return [format_matrix(picture.pixels, OUTPUT_FORMATS[file_format].separator).encode()]
    if file_format == OutputFormat.GIF:
        from convcli.pictures.formats.gif_writer import encode_gif

        return [encode_gif(picture)]
    return _encode_with_pillow(picture, file_format, name, jobs)


def _encode_npy(pixels: NDArray[Any]) -> Sequence[bytes | memoryview]:
    if pixels.flags.c_contiguous:  # without a copy
        return [npy_header(pixels.shape, pixels.dtype), pixels.reshape(-1).view(np.uint8).data]
    memory = io.BytesIO()
    np.save(memory, pixels, allow_pickle=False)
    return [memory.getbuffer()]


def _resolution_for(picture: Picture, file_format: OutputFormat) -> tuple[float, float] | None:
    fits = picture.resolution and max(picture.resolution) <= OUTPUT_FORMATS[file_format].max_resolution
    return picture.resolution if fits else None


def _encode_deep_pnm(pixels: NDArray[Any]) -> Sequence[bytes | memoryview]:
    """Return a binary PPM of 16 bits per color channel, which Pillow does not write.

    Source: Netpbm, PPM Format Specification (the most significant byte first).
    """
    height, width, _ = pixels.shape
    samples = pixels.astype(">u2", order="C").view(np.uint8).reshape(-1)
    return [f"P6\n{width} {height}\n65535\n".encode(), samples.data]


def _encode_with_pillow(
    picture: Picture, file_format: OutputFormat, name: str, jobs: int | None
) -> Sequence[bytes | memoryview]:
    options = pillow_options(picture, file_format)
    resolution = _resolution_for(picture, file_format)
    if resolution is not None:
        options["dpi"] = resolution
    if file_format == OutputFormat.JPEG:
        from convcli.pictures.formats.jpeg_writer import encode_jpeg  # late: for its format

        with _encoder_errors(file_format, name):
            return encode_jpeg(picture.raster or Raster.of(picture.pixels), **options, jobs=jobs)
    return [save_with_pillow(_pages_for_pillow(picture), file_format, name, options)]


def _pages_for_pillow(picture: Picture) -> list[Image.Image]:
    """Return the images of a file: one, or one for each map."""
    from PIL import Image  # late, too: PNG files are written without it

    from convcli.pictures.formats.pillow.rasters import image_of

    if picture.maps:
        return [Image.fromarray(page) for page in np.moveaxis(_array_for_pillow(picture), 2, 0)]
    if picture.raster is None or (picture.has_alpha and picture.alpha_raster is None):
        return [Image.fromarray(_array_for_pillow(picture))]
    image = image_of(picture.raster)
    if picture.alpha_raster is not None:
        image = image.convert("LA" if image.mode == "L" else "RGBA")
        image.putalpha(image_of(picture.alpha_raster))
    return [image]


def _array_for_pillow(picture: Picture) -> NDArray[Any]:
    if not picture.is_numeric:
        return picture.pixels_with_alpha
    return picture.pixels.astype(pillow_numbers(picture.pixels) or picture.pixels.dtype, copy=False)


def pillow_options(picture: Picture, file_format: OutputFormat) -> dict[str, Any]:
    """Return the arguments of Pillow's `save` for a format, with the profile if the format can hold it."""
    options = dict(OUTPUT_FORMATS[file_format].save_options or {})
    if picture.profile is not None and holds_profile(picture, file_format):
        options["icc_profile"] = picture.profile
    return options


def save_with_pillow(
    images: Sequence[Image.Image], file_format: OutputFormat, name: str, options: Mapping[str, Any]
) -> memoryview:
    """Return the file of an image, or of several frames or pages.

    Raises
    ------
    OutputError
        The encoder refuses them.
    """
    memory = io.BytesIO()
    first, *others = images
    several: dict[str, Any] = {"save_all": True, "append_images": others} if others else {}
    with _encoder_errors(file_format, name):
        first.save(memory, **options, **several)
    return memory.getbuffer()


@contextmanager
def _encoder_errors(file_format: OutputFormat, name: str) -> Iterator[None]:
    """Turn whatever an encoder may raise into an OutputError."""
    try:
        yield
    except (ConvcliError, MemoryError):
        raise
    except Exception as error:
        why = f"the {file_format} encoder failed: {str(error) or type(error).__name__}"
        raise OutputError(name, why) from None
