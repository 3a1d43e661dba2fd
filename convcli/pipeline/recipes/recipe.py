"""A recipe: one thing to do to a picture, and its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture
from convcli.pipeline.outputs import Destination

__all__ = ["Recipe", "Result"]


@dataclass(frozen=True, eq=False)
class Result:
    """The result of an operation on a picture: the picture to write and the facts to report."""

    picture: Picture
    facts: Mapping[str, object]
    notes: tuple[str, ...] = ()
    summary: str | None = None  # the report for a person; None for size, type and range


@dataclass(frozen=True)
class Recipe:
    """An operation on each input.

    Attributes
    ----------
    label : str
        The ``{filter}`` part of derived names.
    numbers : bool or None
        Whether the result stays an array of values; None if input and output format decide.
    run : callable
        Takes a picture and whether the result stays an array of values.
    result_size : callable
        Takes the size of a picture and returns that of its result; raises `SizeError` if there is none.
    between : int
        Bytes per value of the result that are held while it is computed.
    itemsize : int
        Bytes of each number of a result that is made of numbers of at most 4 bytes.
    where : Destination or None
        Where its results go, if not to the same place as the others.
    maps : tuple of str
        Names of the maps of a result, where it has several that have names.
    """

    label: str
    run: Callable[[Picture, bool], Result]
    result_size: Callable[[Size], Size]
    numbers: bool | None = None
    between: int = 0
    itemsize: int = 4
    where: Destination | None = None
    maps: tuple[str, ...] = ()

    def goes(self, usual: Destination) -> Destination:
        """Return where its results go, given the usual destination."""
        return self.where or usual
