"""Search for input sizes: the sides at which every pixel is read, and the smallest side that works."""

from collections.abc import Iterator
from typing import NoReturn

from convcli.errors import SizeError
from convcli.networks.building import build
from convcli.networks.layer_types.base import Size
from convcli.networks.network import Network, Stage
from convcli.networks.spec import Item, Join, JoinTag, LayerItem, Repeat, Spec
from convcli.sizes.text import NamedPadding
from convcli.sizes.windowed import Axis

__all__ = ["first_unread_layer", "smallest_side", "valid_sides"]

MAX_TRIED = 4096  # sides, for a network that may work at a side and fail at a larger one
MAX_BITS = 1600  # of a side that can still be typed


def valid_sides(spec: Spec, size: Size | None, sides: range) -> Iterator[int]:
    """Yield the sides of square inputs at which every layer reads every row and column.

    Parameters
    ----------
    spec : Spec
    size : tuple of int or None
        An input that gives the channels, if the spec has none.
    sides : range

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> list(valid_sides(read_spec("conv 8 f11 s4, maxpool f3 s2"), (1, 1, 3), range(220, 240)))
    [227, 235]
    """
    for side in sides:
        network = _build_at(spec, size, side)
        if network is not None and not any(map(_unread_count, network.layers)):
            yield side


def first_unread_layer(spec: Spec, size: Size | None, side: int) -> str:
    """Return, as text, the first layer that is impossible or does not read all of its input.

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> first_unread_layer(read_spec("conv 8 f3, maxpool f2"), (1, 1, 3), 9)
    'at 9, maxpool f2 (line 1, column 12) never reads 1 of its 7 rows'
    """
    try:
        network = build(spec, _square_input(spec, size, side))
    except SizeError as error:
        return f"at {side}, {error.what}: {error.why}"
    for stage in network.layers:
        if count := _unread_count(stage):
            axis = max(stage.axes or (), key=lambda axis: axis.unread_count() or 0)
            leaves_gaps = isinstance(axis, Axis) and axis.stride > axis.extent
            why = ": its stride skips them at every side" * leaves_gaps
            where = f"{stage.text} ({stage.position})"
            return f"at {side}, {where} never reads {count} of its {axis.side} rows{why}"
    return f"at {side}, every row and column is read"


def _unread_count(stage: Stage) -> int | str:
    """Return how many rows or columns of its input a layer never reads, whichever is more."""
    counts = [axis.unread_count() for axis in stage.axes or ()]
    return "an unknown number" if None in counts else max((count or 0 for count in counts), default=0)


def smallest_side(spec: Spec, size: Size | None) -> int:
    """Return the side of the smallest square input on which no layer is impossible.

    Raises
    ------
    SizeError
        No side works, or none of those tried does.

    Examples
    --------
    >>> from convcli.networks.sources import read_spec
    >>> smallest_side(read_spec("in 32x32x1\\nconv 6 f5, maxpool f2, conv 16 f5"), None)
    14
    """
    if not _is_monotone(spec.items):
        for side in range(1, MAX_TRIED + 1):
            if _build_at(spec, size, side):
                return side
        _raise_last_error(spec, size)
    fits = 1
    while _build_at(spec, size, fits) is None:
        fits *= 2
        if fits.bit_length() > MAX_BITS:
            _raise_last_error(spec, size)
    low = fits // 2
    while fits - low > 1:
        middle = (low + fits) // 2
        low, fits = (low, middle) if _build_at(spec, size, middle) else (middle, fits)
    return fits


def _is_monotone(items: tuple[Item, ...]) -> bool:
    """Whether every input larger than one that works works: not with branches or named paddings."""
    for item in items:
        if isinstance(item, Join | JoinTag) or (isinstance(item, Repeat) and not _is_monotone(item.body)):
            return False
        if isinstance(item, LayerItem) and isinstance(getattr(item.layer, "padding", None), NamedPadding):
            return False
    return True


def _raise_last_error(spec: Spec, size: Size | None) -> NoReturn:
    """Raise the error of the last side tried."""
    try:
        build(spec, _square_input(spec, size, MAX_TRIED))
    except SizeError as error:
        raise SizeError(error.what, f"{error.why} (no side up to {MAX_TRIED} works)") from None
    raise AssertionError("a side that does not work was tried again")


def _square_input(spec: Spec, size: Size | None, side: int) -> Size:
    known = size or spec.input or ()
    channels = known[2:] or (spec.input or ())[2:]
    return (side, side, *channels)


def _build_at(spec: Spec, size: Size | None, side: int) -> Network | None:
    try:
        return build(spec, _square_input(spec, size, side))
    except SizeError:
        return None
