"""A recipe: one thing to do to a picture, its result, and the memory that it takes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from convcli.pictures.formats.output_formats import TILED, OutputFormat
from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline.outputs import PRINTED, Destination

if TYPE_CHECKING:
    from convcli.pipeline.recipes.notes import RenderedValues
    from convcli.pipeline.recipes.strips import Strips

__all__ = ["InputKind", "Recipe", "Result", "Work", "wants_numbers"]


class InputKind(NamedTuple):
    """What is known about a picture before it is decoded.

    Attributes
    ----------
    size : (height, width, channels)
    itemsize : int
        Bytes per value.
    is_numeric : bool
        Whether it has numbers instead of pixels.
    """

    size: Size
    itemsize: int
    is_numeric: bool

    @property
    def may_have_alpha(self) -> bool:
        """Whether the last channel may be alpha."""
        return self.size[2] in (2, 4)

    @property
    def dtype(self) -> str:
        """The dtype of the pixels; of numbers, the one that takes the most memory."""
        return f"{'f' if self.is_numeric and self.itemsize > 2 else 'u'}{self.itemsize}"


class Work(NamedTuple):
    """The memory that a recipe takes besides the picture.

    Attributes
    ----------
    pixels, channels : int
        Numbers of pixels and of channels of the result.
    itemsize : int
        Bytes per value of the result.
    extra : int
        Bytes that are needed only while the result is computed.
    is_maps : bool
        Whether the channels are feature maps.
    """

    pixels: int
    channels: int
    itemsize: int
    extra: int = 0
    is_maps: bool = False

    @property
    def values(self) -> int:
        """Number of values of the result."""
        return self.pixels * self.channels


class Result(NamedTuple):
    """What a recipe makes of a picture.

    Attributes
    ----------
    picture : Picture
        What is written.
    record : mapping
        What is known about it, under the keys of ``--json``.
    notes : tuple of str
        What could not be kept, and what the result does not show.
    summary : str, optional
        What to say about it instead of its size and values.
    is_amplified : bool
        Whether a filter with a gain above 1 was applied as it is, without scale and bias: dividing by the
        gain then saturates fewer pixels.
    map_names : tuple of str
        Names of the feature maps of a picture that has several.
    is_saturation_noted : bool
        Whether a note says how many pixels are saturated.
    values : RenderedValues, optional
        What is known about the values that the pixels show.
    pixel_notes : tuple of str
        Those of the notes that are on these values.
    """

    picture: Picture
    record: Mapping[str, object]
    notes: tuple[str, ...] = ()
    summary: str | None = None
    is_amplified: bool = False
    map_names: tuple[str, ...] = ()
    is_saturation_noted: bool = False
    values: "RenderedValues | None" = None
    pixel_notes: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """One thing to do to each input. It can be pickled.

    Attributes
    ----------
    label : str
        What derived file names have after the name of the input.
    run : callable
        Takes a picture and whether numbers are wanted instead of pixels, and returns a `Result`.
    estimate : callable
        Takes an `InputKind`, and whether numbers are wanted instead of pixels, and returns the `Work`; raises
        `SizeError` if there is no result.
    as_numbers : bool or None
        Whether the result stays numbers instead of pixels; None: as the input and the output format suggest.
    destination : Destination or None
        Where its results go, if not where all others go.
    strips : callable or None
        Returns how it works on a picture strip by strip; None if it needs all of it.
    """

    label: str
    run: Callable[[Picture, bool], Result]
    estimate: Callable[[InputKind, bool], Work]
    as_numbers: bool | None = None
    destination: Destination | None = None
    strips: "Callable[[], Strips] | None" = None


def wants_numbers(recipe: Recipe, kind: PictureKind, file_format: OutputFormat | None) -> bool:
    """Whether the result of a kind of picture stays numbers instead of pixels in an output of that format."""
    if recipe.as_numbers is not None:
        return recipe.as_numbers
    if file_format is PRINTED or file_format.numeric:
        return True
    return file_format in TILED and kind != PictureKind.PIXELS
