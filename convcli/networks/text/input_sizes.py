"""What the size of an input means: an image, a sound or a volume, and what overrides the size in a text."""

from collections.abc import Sequence

from convcli.errors import SizeError
from convcli.networks.layer_types.base import (
    DIMENSIONS,
    Sides,
    Size,
    channels_of,
    rank_of,
    sides_of,
    with_sides,
)
from convcli.networks.text.spec import Item, LayerItem, walk
from convcli.sizes.text import TypedSize, channels_last, counted, format_size, parse_input

__all__ = [
    "format_input",
    "image_hint",
    "layer_input",
    "merged_size",
    "possible_sizes",
    "sound_hint",
    "square_size",
    "with_channels",
]

FORMS = {1: "L or LxC", 2: "HxW or HxWxC", 3: "DxHxW or DxHxWxC"}
RANKS = {1: 2, 3: 2, 4: 3}  # of a size without such a word as 2d, by its count of numbers


def possible_sizes(typed: Size, items: Sequence[Item]) -> tuple[Size, ...]:
    """Return what a size as typed may mean for a network, the likeliest first.

    Two numbers are an image whose channels are unknown, or a sound with channels; there is no doubt if a word
    such as ``1d`` follows them, if the second is 1, or if an option of a layer has two sides.

    Raises
    ------
    SizeError
        The word does not fit the count of numbers.

    Examples
    --------
    >>> possible_sizes((224, 224, 3), ()), possible_sizes((8000, 1), ()), possible_sizes((16000, 2), ())
    (((224, 224, 3),), ((8000, 1),), ((16000, 2), (16000, 2)))
    """
    rank, count = typed.rank if isinstance(typed, TypedSize) else None, len(typed)
    if isinstance(typed, Sides):
        return (typed,)
    if rank is None and count == 2:
        image, sound = Sides(typed), TypedSize(typed, rank=1)
        if typed[1] == 1:
            return (sound,)
        return (image,) if 2 in _option_ranks(items) else (image, sound)
    rank = rank or RANKS[count]
    if count in (1, rank):
        return (Sides(typed * rank if count == 1 else typed),)
    if count != rank + 1:
        raise SizeError(f"input {format_size(typed)}", f"has {count} numbers; {rank}d needs {FORMS[rank]}")
    return (TypedSize(typed, rank=1) if rank == 1 else tuple(typed),)


def format_input(size: Size) -> str:
    """Write the size of an input as `in` takes it, with the word that a reader needs.

    Examples
    --------
    >>> format_input((224, 224, 3)), format_input((16000, 2)), format_input((8000, 1))
    ('224x224x3', '16000x2 1d', '8000x1')
    """
    rank = rank_of(size)
    is_clear = not isinstance(size, Sides) and (rank != 1 or size[-1] == 1)
    return format_size(size) + f" {rank}d" * (not is_clear)


def merged_size(own: Size, typed: Size) -> Size:
    """Return a size as typed instead of that of the text, which gives the rank and missing channels.

    Raises
    ------
    SizeError
        The rank or the channels contradict those of the text.

    Examples
    --------
    >>> merged_size((32, 32, 1), (28,)), merged_size((8000, 1), (4000,)), merged_size((8000, 1), (4000, 1))
    ((28, 28, 1), (4000, 1), (4000, 1))
    """
    rank, count, channels = rank_of(own), len(typed), channels_of(own)
    word = typed.rank if isinstance(typed, TypedSize) else count if isinstance(typed, Sides) else None
    begins = f'the network begins with "in {format_input(own)}"'
    if count not in (1, rank, rank + 1) or word not in (None, rank):
        fitting = format_size(with_sides(own, typed[:1] * rank))
        raise SizeError(
            f"input {format_size(typed)}",
            f"does not fit: {begins}, which is {DIMENSIONS[rank]}; give a size such as {fitting}",
        )
    if count <= rank:
        return _marked(with_sides(own, typed * rank if count == 1 else typed))
    if channels not in (None, typed[-1]):
        channels_first = typed[0] == channels or channels_last(typed) is not None
        sides = typed[1:] if channels_first else typed[:-1]
        raise SizeError(
            f"input {format_size(typed)}",
            f"has {counted(typed[-1], 'channel')}, but {begins}; "
            f"channels come last: give {format_size((*sides, channels or 1))}",
        )
    return _marked(tuple(typed))


def image_hint(typed: Size, items: Sequence[Item]) -> str:
    """Return how to write an image, if a size that is taken for a sound was more likely meant so.

    Examples
    --------
    >>> from convcli.networks.text.grammar import parse_spec
    >>> image_hint((8000, 1), parse_spec("conv 8 f80x1").items)
    '; for an image of 8000x1 pixels, write in 8000x1 2d'
    """
    has_word = isinstance(typed, Sides) or (isinstance(typed, TypedSize) and typed.rank is not None)
    if has_word or len(typed) != 2 or typed[1] != 1 or 2 not in _option_ranks(items):
        return ""
    return f"; for an image of {format_size(typed)} pixels, write in {format_size(typed)} 2d"


def sound_hint(size: Size) -> str:
    """Return how to write a sound, if an image without channels looks like one: much longer than wide.

    Examples
    --------
    >>> sound_hint(Sides((16000, 2))), sound_hint(Sides((224, 224)))
    ('; for a sound of 2 channels, write 16000x2 1d', '')
    """
    if not isinstance(size, Sides) or len(size) != 2 or size[0] <= 4 * size[1]:
        return ""
    return f"; for a sound of {size[1]} channels, write {format_size(size)} 1d"


def square_size(size: Size | None, side: int, items: Sequence[Item]) -> Size:
    """Return a size with all sides equal; of an image if the size is unknown and no option has three sides.

    Examples
    --------
    >>> square_size((8000, 1), 99, ()), square_size(None, 7, ())
    ((99, 1), (7, 7))
    """
    if size is None:
        return Sides((side,) * max({2, *_option_ranks(items)}))
    return _marked(with_sides(size, (side,) * rank_of(size)))


def layer_input(text: str) -> Size:
    """Parse the size of a single layer's input, which is an image unless there are four numbers or a word.

    Examples
    --------
    >>> layer_input("32"), layer_input("8000x1"), layer_input("16x112x112x3"), layer_input("8000x1 1d")
    ((32, 32), (8000, 1), (16, 112, 112, 3), (8000, 1))
    """
    typed = parse_input(text)
    if typed.rank is None and len(typed) == 2:
        return Sides(typed)
    return possible_sizes(typed, ())[0]


def with_channels(size: Size, channels: int) -> Size:
    """Return a size with these channels instead of its own or of unknown ones."""
    return _marked((*sides_of(size), channels))


def _marked(size: Size) -> Size:
    """Return a size that is never taken for the sides of an image."""
    return TypedSize(size, rank=1) if len(size) == 2 and not isinstance(size, Sides) else size


def _option_ranks(items: Sequence[Item]) -> set[int]:
    """Return how many sides the options of layers have, where they have several."""
    layers = (item.layer for item in walk(items) if isinstance(item, LayerItem))
    values = (getattr(layer, name) for layer in layers for name in layer.per_axis)
    return {len(value) for value in values if isinstance(value, tuple) and len(value) > 1}
