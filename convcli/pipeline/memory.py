"""How much memory the work on a picture takes, so that what does not fit is refused before it is decoded."""

from collections.abc import Sequence

from convcli.compiled.engine import is_compiled
from convcli.errors import ConvcliError
from convcli.pictures.formats.output_formats import OUTPUT_FORMATS, OutputFormat
from convcli.pictures.limits import Size
from convcli.pictures.raster import held_bytes
from convcli.pipeline.recipes.recipe import InputKind, Recipe, Work

__all__ = ["kept_result_bytes", "result_bytes"]

AVIF_FRAME_BYTES = 56  # bytes per pixel that the encoder of AVIF takes for each frame (measured)


def result_bytes(
    recipes: Sequence[Recipe],
    file_format: OutputFormat | None,
    size: Size,
    itemsize: int,
    is_numeric: bool,
    *,
    frees_input: bool = False,
) -> int:
    """Return the memory that the largest result of several recipes takes, with the file made of it.

    Parameters
    ----------
    recipes : sequence of Recipe
    file_format : OutputFormat or None
        Of results that go where most go; None: as the input suggests.
    size : (height, width, channels)
        Of the input.
    itemsize : int
        Bytes per value of the input.
    is_numeric : bool
        Whether the input has numbers instead of pixels.
    frees_input : bool
        Whether a single picture, used once, is dropped before its result is encoded.
    """
    picture = InputKind(size, itemsize, is_numeric)
    freed = held_bytes(size, itemsize, is_numeric=is_numeric) if frees_input and len(recipes) == 1 else 0
    return max(_result_bytes(recipe, file_format, picture, freed) for recipe in recipes)


def _result_bytes(recipe: Recipe, file_format: OutputFormat | None, picture: InputKind, freed: int) -> int:
    if recipe.destination is not None:
        file_format = recipe.destination.format
    as_numbers, work = _estimate(recipe, file_format, picture)
    if work is None:
        return 0
    properties = OUTPUT_FORMATS[file_format or (OutputFormat.TIFF if as_numbers else OutputFormat.PNG)]
    encoder = properties.number_encoder if as_numbers else properties.encoder
    if as_numbers and work.channels > 1 and not work.is_maps:
        encoder = properties.band_encoder
    encoder_bytes = encoder.bytes_for(work.pixels, work.values, work.itemsize)
    if properties.save_options is not None and is_compiled() and not (as_numbers or work.is_maps):
        # Pillow reads rasters where they lie.
        encoder_bytes -= _held(work)
    return _held(work) + max(work.extra, encoder_bytes - freed)


def kept_result_bytes(
    recipes: Sequence[Recipe], file_format: OutputFormat | None, size: Size, itemsize: int, is_numeric: bool
) -> int:
    """Return the memory that the encoded results of one of several frames take until all are written.

    Parameters are those of `result_bytes`.
    """
    picture = InputKind(size, itemsize, is_numeric)
    works = [_estimate(recipe, file_format, picture)[1] for recipe in recipes]
    if file_format == OutputFormat.AVIF:
        return sum(work.pixels * AVIF_FRAME_BYTES for work in works if work is not None)
    return sum(_held(work) for work in works if work is not None)


def _held(work: Work) -> int:
    """Return the bytes of the result."""
    return held_bytes((1, work.pixels, work.channels), work.itemsize)


def _estimate(
    recipe: Recipe, file_format: OutputFormat | None, picture: InputKind
) -> tuple[bool, Work | None]:
    """Return whether a result stays numbers, and the memory that it takes.

    The memory is None if the recipe fails; then that is reported when it is tried.
    """
    as_numbers = recipe.as_numbers
    if as_numbers is None:
        if file_format is None or file_format == OutputFormat.TIFF:
            as_numbers = picture.is_numeric
        else:
            as_numbers = file_format.numeric
    try:
        return as_numbers, recipe.estimate(picture, as_numbers)
    except ConvcliError:
        return as_numbers, None
