"""Rules about the shapes of arrays in model files, which are the same in every format.

Shapes are those of the file: the batch first, the channels where the format puts them.
"""

from collections.abc import Sequence
from math import prod

from convcli.networks.layer_types.base import Layer, Size
from convcli.networks.models.operations import Shape
from convcli.sizes.text import format_size

__all__ = [
    "broadcast_shape",
    "fitted_shape",
    "layer_shape",
    "matmul_shape",
    "shape_in_file",
    "size_without_batch",
]


def broadcast_shape(*shapes: Shape) -> Shape | None:
    """Return the common shape of arrays as numpy broadcasts them; None if there is none.

    Examples
    --------
    >>> broadcast_shape((8, 1, 6), (7, 1)), broadcast_shape((2,), (3,))
    ((8, 7, 6), None)
    """
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, side in enumerate(shape, rank - len(shape)):
            if side != 1:
                if result[axis] not in (1, side):
                    return None
                result[axis] = side
    return tuple(result)


def fitted_shape(shape: Shape, sides: Sequence[int]) -> Shape | None:
    """Return the shape that a reshape makes: one side may be -1, the one that fits; None if none does.

    Examples
    --------
    >>> fitted_shape((1, 512, 7, 7), (1, -1)), fitted_shape((2, 3), (4, -1)), fitted_shape((2, 3), (7,))
    ((1, 25088), None, None)
    """
    elements, known = prod(shape), prod(side for side in sides if side != -1)
    if list(sides).count(-1) == 1 and known > 0 and elements % known == 0:
        sides = [elements // known if side == -1 else side for side in sides]
    return tuple(sides) if min(sides, default=0) >= 0 and prod(sides) == elements else None


def matmul_shape(first: Shape, second: Shape) -> Shape:
    """Return the shape of a product as numpy's matmul makes it: of matrices in the last two axes, or vectors.

    Each value is a sum of ``first[-1]`` products.

    Raises
    ------
    ValueError
        They cannot be multiplied; the message says why.

    Examples
    --------
    >>> matmul_shape((8, 1, 2, 3), (5, 3, 4)), matmul_shape((2, 3), (3,))
    ((8, 5, 2, 4), (2,))
    """
    if not first or not second:
        raise ValueError("multiplies a number as a matrix")
    rows = first if len(first) > 1 else (1, *first)
    columns = second if len(second) > 1 else (*second, 1)
    product = f"cannot multiply {format_size(first)} by {format_size(second)}"
    if rows[-1] != columns[-2]:
        raise ValueError(f"{product}: {rows[-1]} columns meet {columns[-2]} rows")
    batch = broadcast_shape(rows[:-2], columns[:-2])
    if batch is None:
        raise ValueError(f"{product}: their other sides are neither equal nor 1")
    return (*batch, *rows[-2:-1] * (len(first) > 1), *columns[-1:] * (len(second) > 1))


def size_without_batch(shape: Shape, channel_axis: int) -> Size:
    """Return the size of an array as convcli states it: without the batch, channels last.

    If the channels are the first axis, there is no batch.

    Examples
    --------
    >>> size_without_batch((1, 64, 14, 15), 1), size_without_batch((8, 14, 15, 64), 3)
    ((14, 15, 64), (14, 15, 64))
    """
    first = min(channel_axis, 1)
    return (*shape[first:channel_axis], *shape[channel_axis + 1 :], shape[channel_axis])


def shape_in_file(size: Size, channel_axis: int, like: Shape) -> Shape:
    """Return the shape of a layer's output, with the batch of its input and the channels where those are.

    Examples
    --------
    >>> shape_in_file((7, 8, 64), 1, (1, 3, 14, 16)), shape_in_file((7, 8, 64), 3, (1, 14, 16, 3))
    ((1, 64, 7, 8), (1, 7, 8, 64))
    """
    first = min(channel_axis, 1)
    before = channel_axis - first
    return (*like[:first], *size[:before], size[-1], *size[before:-1])


def layer_shape(layer: Layer, shape: Shape, channel_axis: int) -> Shape:
    """Return the shape that a layer makes of an array of that shape.

    Raises
    ------
    SizeError
        The layer is impossible on it.

    Examples
    --------
    >>> from convcli.networks.layer_types.convolution import Convolution
    >>> layer_shape(Convolution(window=(3, 3), filters=64), (8, 3, 14, 16), 1)
    (8, 64, 12, 14)
    """
    return shape_in_file(layer.output(size_without_batch(shape, channel_axis)), channel_axis, shape)
