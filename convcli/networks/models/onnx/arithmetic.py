"""Arithmetic on small constant tensors: what exporters compute sizes, axes and slices with."""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import prod
from operator import mul

from convcli.networks.models.onnx.tensors import Number
from convcli.networks.models.onnx.values import MAX_FOLDED
from convcli.networks.models.operations import Shape
from convcli.networks.models.shapes import broadcast_shape

__all__ = ["BINARY", "UNARY", "elementwise", "expand", "reduce", "strided", "strides_of"]

Numbers = tuple[Number, ...]
MAX_INTEGER = 1 << 63
MAX_EXPONENT = 64


def strides_of(shape: Shape) -> list[int]:
    """Return the distance in a flat tensor from one element to the next along each axis.

    Examples
    --------
    >>> strides_of((2, 3, 4))
    [12, 4, 1]
    """
    return list(accumulate((1, *shape[:0:-1]), mul))[::-1] if shape else []


def strided(numbers: Numbers, shape: Shape, strides: Sequence[int], offset: int = 0) -> Numbers:
    """Return the elements of a view of a flat tensor: a transpose, a slice, repeated values.

    Examples
    --------
    >>> strided((1, 2, 3, 4, 5, 6), (3, 2), [1, 3])  # 2x3, transposed
    (1, 4, 2, 5, 3, 6)
    """
    places = [offset]
    for side, stride in zip(shape, strides, strict=True):
        steps = [index * stride for index in range(side)]
        places = [place + step for place in places for step in steps]
    return tuple([numbers[place] for place in places])


def expand(numbers: Numbers, shape: Shape, target: Shape) -> Numbers:
    """Return a tensor's elements broadcast to another shape."""
    if shape == target:
        return numbers
    missing = len(target) - len(shape)
    strides = [0 if side == 1 else stride for side, stride in zip(shape, strides_of(shape), strict=True)]
    return strided(numbers, target, [0] * missing + strides)


def elementwise(
    function: Callable[..., Number], *tensors: tuple[Numbers, Shape]
) -> tuple[Numbers | None, Shape] | None:
    """Apply a function to the elements of small tensors, broadcast to one shape.

    Returns
    -------
    (tuple, tuple of int) or None
        The results, which are None if one of them is impossible or too large, and their shape. None if the
        shapes do not fit.
    """
    shape = broadcast_shape(*(shape for _, shape in tensors))
    if shape is None:
        return None
    if prod(shape) > MAX_FOLDED:
        return None, shape
    columns = [expand(numbers, own, shape) for numbers, own in tensors]
    try:
        results = tuple(function(*row) for row in zip(*columns, strict=True))
    except (ArithmeticError, ValueError):
        return None, shape
    return (results if all(map(_is_small, results)) else None), shape


def _is_small(number: Number) -> bool:
    return -MAX_INTEGER <= number < MAX_INTEGER  # also False for NaN


def reduce(
    function: Callable[[Sequence[Number]], Number], numbers: Numbers, shape: Shape, axes: Sequence[int]
) -> Numbers:
    """Reduce axes of a small tensor; the result is in order of the axes that remain."""
    strides = strides_of(shape)
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    inner = tuple(shape[axis] for axis in axes)
    starts = strided(
        tuple(range(len(numbers))), tuple(shape[axis] for axis in kept), [strides[axis] for axis in kept]
    )
    return tuple(
        function(strided(numbers, inner, [strides[axis] for axis in axes], int(start))) for start in starts
    )


def _divide(first: Number, second: Number) -> Number:
    if isinstance(first, int) and isinstance(second, int):  # towards zero
        quotient = abs(first) // abs(second)
        return quotient if (first < 0) == (second < 0) else -quotient
    return first / second


def _power(first: Number, second: Number) -> Number:
    if abs(second) > MAX_EXPONENT:
        raise OverflowError
    result: Number = first**second
    return int(result) if isinstance(first, int) else result


def _round(number: Number) -> Number:
    return float(round(number))  # half to even, as ONNX does


BINARY: dict[str, Callable[..., Number]] = {
    "Add": lambda first, second: first + second,
    "Sub": lambda first, second: first - second,
    "Mul": lambda first, second: first * second,
    "Div": _divide,
    "Mod": lambda first, second: first % second,
    "Pow": _power,
    "Equal": lambda first, second: first == second,
    "Greater": lambda first, second: first > second,
    "Less": lambda first, second: first < second,
    "GreaterOrEqual": lambda first, second: first >= second,
    "LessOrEqual": lambda first, second: first <= second,
    "And": lambda first, second: bool(first) and bool(second),
    "Or": lambda first, second: bool(first) or bool(second),
    "Xor": lambda first, second: bool(first) != bool(second),
    "BitwiseAnd": lambda first, second: first & second,
    "BitwiseOr": lambda first, second: first | second,
}
UNARY: dict[str, Callable[[Number], Number]] = {
    "Neg": lambda number: -number,
    "Abs": abs,
    "Floor": lambda number: float(math.floor(number)),
    "Ceil": lambda number: float(math.ceil(number)),
    "Round": _round,
    "Sqrt": math.sqrt,
    "Exp": math.exp,
    "Log": math.log,
    "Reciprocal": lambda number: 1 / number,
    "Sign": lambda number: (number > 0) - (number < 0),
    "Not": lambda number: not number,
}
