"""Operators that reduce axes, and those that search: mean, maximum, argmax, largest values."""

from collections.abc import Callable, Sequence
from math import prod

from convcli.networks.models.onnx.arithmetic import reduce
from convcli.networks.models.onnx.call import Call, Results, Rule, UnknownNumbersError
from convcli.networks.models.onnx.tensors import Number
from convcli.networks.models.operations import OperationKind

__all__ = ["RULES"]

KINDS = {"ReduceMean": OperationKind.MEAN, "ReduceMax": OperationKind.MAXIMUM}
KEEPING = (
    "ScatterND", "ScatterElements", "Scatter", "TensorScatter", "EyeLike", "ReverseSequence",
    "RotaryEmbedding",
)  # fmt: skip
FOLDED: dict[str, Callable[[Sequence[Number]], Number]] = {
    "ReduceProd": prod,
    "ReduceSum": sum,
    "ReduceMin": min,
    "ReduceMax": max,
}


def reduction(name: str) -> Rule:
    """Return the rule of a reduction; its axes are an attribute in older opsets."""

    def rule(call: Call) -> Results:
        data, shape = call.input(), call.shape()
        asked = call.known_integers(1, "axes")
        if not asked and call.integer("noop_with_empty_axes"):
            return call.view(OperationKind.IDENTITY, shape, data)
        axes = call.axes(asked, len(shape)) if asked else tuple(range(len(shape)))
        kept = bool(call.integer("keepdims", 1))
        result = tuple(
            1 if axis in axes else side for axis, side in enumerate(shape) if kept or axis not in axes
        )
        numbers = None
        if data.numbers and name in FOLDED:
            numbers = reduce(FOLDED[name], data.numbers, shape, axes)
            numbers = numbers if all(abs(number) < 1 << 62 for number in numbers) else None
        kind = KINDS.get(name, OperationKind.OTHER)
        function = name.removeprefix("Reduce").lower()
        return call.emit(kind, result, inputs=[data], axes=axes, function=function, numbers=numbers)

    return rule


def search(call: Call) -> Results:
    """ArgMax and ArgMin: positions along an axis."""
    shape = call.shape()
    axis = call.axis(call.integer("axis"), len(shape))
    result = (*shape[:axis], *(1,) * call.integer("keepdims", 1), *shape[axis + 1 :])
    return call.emit(OperationKind.OTHER, result, dtype="int64", function="argmax")


def largest(call: Call) -> Results:
    """TopK: the largest values along an axis, and where they are."""
    shape = call.shape()
    axis = call.axis(call.integer("axis", -1), len(shape))
    number = call.integer("k") if call.optional(1) is None else (call.known_integers(1) or (0,))[0]
    if not 0 <= number <= shape[axis]:
        call.fail_size(f"has fewer than {number} values along axis {axis}", shape)
    result = (*shape[:axis], number, *shape[axis + 1 :])
    data = [call.input()]
    return (
        call.emit(OperationKind.OTHER, result, inputs=data, function="topk"),
        call.emit(OperationKind.OTHER, result, inputs=data, dtype="int64", function="topk"),
    )


def like_input(index: int) -> Rule:
    """Return the rule of an operator whose output has the shape of an input."""

    def rule(call: Call) -> Results:
        return call.emit(OperationKind.OTHER, call.shape(index), function=call.node.operator.lower())

    return rule


def one_hot(call: Call) -> Results:
    """OneHot: a new axis, as long as there are classes."""
    shape = call.shape()
    depth = call.input(1).scalar
    if depth is None:
        raise UnknownNumbersError
    axis = call.axis(call.integer("axis", -1), len(shape) + 1)
    return call.emit(OperationKind.OTHER, (*shape[:axis], int(depth), *shape[axis:]), function="onehot")


def by_values(_: Call) -> Results:
    """NonMaxSuppression and others: how much they choose depends on values."""
    raise UnknownNumbersError


def determinant(call: Call) -> Results:
    """Det: a number for each matrix."""
    return call.emit(OperationKind.OTHER, call.shape()[:-2], function="det")


def crop_and_pad(call: Call) -> Results:
    """CenterCropPad: sides are cut or padded to what is asked for."""
    result = list(call.shape())
    asked = call.known_integers(1) or ()
    axes = call.integers("axes")
    for axis, side in zip(range(len(result)) if axes is None else axes, asked, strict=True):
        result[call.axis(axis, len(result))] = side
    return call.emit(OperationKind.OTHER, tuple(result), function="crop")


def columns_to_image(call: Call) -> Results:
    """Col2Im: adds up blocks of an image."""
    shape, image, block = call.shape(), call.known_integers(1) or (), call.known_integers(2) or ()
    return call.emit(OperationKind.OTHER, (shape[0], shape[1] // prod(block), *image), function="col2im")


def gather_rows(call: Call) -> Results:
    """GatherND: the last axis of the indices is a position."""
    shape, places = call.shape(), call.shape(1)
    batch = call.integer("batch_dims")
    if not places or places[-1] + batch > len(shape):
        call.fail_size("has fewer axes than its indices", shape, places)
    return call.emit(OperationKind.OTHER, (*places[:-1], *shape[batch + places[-1] :]), function="gather")


RULES: dict[str, Rule] = {
    **{
        f"Reduce{name}": reduction(f"Reduce{name}")
        for name in ("Mean", "Max", "Min", "Sum", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")
    },
    "ArgMax": search,
    "ArgMin": search,
    "TopK": largest,
    "OneHot": one_hot,
    "GatherElements": like_input(1),
    "GatherND": gather_rows,
    **{name: like_input(0) for name in KEEPING},
    **dict.fromkeys(("NonMaxSuppression", "Unique", "Compress", "Multinomial"), by_values),
    "Det": determinant,
    "CenterCropPad": crop_and_pad,
    "Col2Im": columns_to_image,
}
