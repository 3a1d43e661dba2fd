"""A recipe: one thing to do to a picture, and its result."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture
from convcli.pipeline.outputs import Destination

__all__ = ["Recipe", "Result"]


class Result(NamedTuple):
    """What a recipe makes of a picture.

    Attributes
    ----------
    picture : Picture
        What is written.
    record : mapping
        What is known about it, under the keys of ``--json``.
    notes : tuple of str
        What could not be kept.
    summary : str, optional
        What to say about it instead of its size and values.
    is_amplified : bool
        Whether a filter with a gain above 1 was applied as it is, without scale and bias: dividing by the
        gain then saturates fewer pixels.
    map_names : tuple of str
        Names of the feature maps of a picture that has several.
    """

    picture: Picture
    record: Mapping[str, object]
    notes: tuple[str, ...] = ()
    summary: str | None = None
    is_amplified: bool = False
    map_names: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """One thing to do to each input. It can be pickled.

    Attributes
    ----------
    label : str
        What derived file names have after the name of the input.
    run : callable
        Takes a picture and whether numbers are wanted instead of pixels, and returns a `Result`.
    result_size : callable
        Returns the size of the result for the size of a picture; raises `SizeError` if there is none.
    as_numbers : bool or None
        Whether the result stays numbers instead of pixels; None: as the input and the output format suggest.
    extra_bytes : int
        Additional bytes per value of the result while it is computed.
    itemsize : int
        Bytes per value of a result of numbers, if the input has at most 4.
    destination : Destination or None
        Where its results go, if not where all others go.
    """

    label: str
    run: Callable[[Picture, bool], Result]
    result_size: Callable[[Size], Size]
    as_numbers: bool | None = None
    extra_bytes: int = 0
    itemsize: int = 4
    destination: Destination | None = None
