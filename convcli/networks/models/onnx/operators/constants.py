"""Operators that make constants, copy values or change their type."""

from math import ceil, prod

from convcli.networks.models.onnx.arithmetic import strides_of
from convcli.networks.models.onnx.call import Call, Results, Rule, UnknownNumbersError
from convcli.networks.models.onnx.tensors import DTYPES, Number, is_integer
from convcli.networks.models.onnx.values import MAX_FOLDED, Value, folded, stored
from convcli.networks.models.operations import OperationKind, Weight

__all__ = ["RULES"]


def constant(call: Call) -> Results:
    """Constant: a tensor, or numbers."""
    attributes = call.attributes
    for name in ("value", "sparse_value"):
        tensor = attributes[name].tensor if name in attributes else None
        if tensor is not None:
            return stored(tensor, call.weight_name())
    if "value_int" in attributes:
        return folded((attributes["value_int"].integer,), ())
    if "value_ints" in attributes:
        integers = attributes["value_ints"].integers
        return folded(integers, (len(integers),))
    if "value_float" in attributes:
        return folded((attributes["value_float"].number,), (), "float32")
    if "value_floats" in attributes:
        numbers = attributes["value_floats"].numbers
        shape = (len(numbers),)
        if len(numbers) <= 16:
            return folded(numbers, shape, "float32")
        return Value(shape, None, (Weight(call.weight_name(), shape),))
    return Value((), None, (), None, "string")


def filled(call: Call) -> Results:
    """ConstantOfShape: one number, 0 by default."""
    shape = call.known_integers(0) or ()
    if any(side < 0 for side in shape):
        call.fail(f"shape {list(shape)[:16]} has a negative side")
    found = call.attributes.get("value")
    tensor = None if found is None else found.tensor
    numbers = (0.0,) if tensor is None else tensor.numbers(1)
    dtype = "float32" if tensor is None else tensor.dtype
    few = numbers is not None and prod(shape) <= MAX_FOLDED
    return folded((numbers or ()) * prod(shape) if few else None, shape, dtype)


def counted(call: Call) -> Results:
    """Range: from a start to a limit."""
    bounds = [call.input(index).scalar for index in range(3)]
    start, limit, delta = bounds
    if start is None or limit is None or not delta:
        raise UnknownNumbersError
    length = max(ceil((limit - start) / delta), 0)
    few = length <= MAX_FOLDED
    numbers = tuple(start + index * delta for index in range(length)) if few else None
    return folded(numbers, (length,), call.input().dtype)


def cast(call: Call) -> Results:
    """Cast and CastLike: weights stay weights."""
    data = call.input()
    dtype = DTYPES.get(call.integer("to"), "float32") if len(call.inputs) < 2 else call.input(1).dtype
    numbers = data.numbers
    if dtype == data.dtype:
        return data
    if numbers is not None:
        convert = bool if dtype == "bool" else int if is_integer(dtype) else float
        try:
            numbers = tuple(convert(number) for number in numbers)
        except (ValueError, OverflowError):  # not a number, infinite
            numbers = None
    return call.emit(
        OperationKind.IDENTITY, data.shape, inputs=[data], weights=(), numbers=numbers, dtype=dtype
    )


def identity(call: Call) -> Results:
    """Identity: of a stored tensor it may be one of its own.

    PyTorch's exporter stores tensors with equal values once, such as shifts that are all zero, and gives each
    layer an Identity. Only a matrix with the name of a parameter is one that layers share.
    """
    data = call.input()
    if data.tensor is not None and data.weights:
        name, shape = call.weight_name(), data.tensor.shape
        if name.startswith("onnx::") or max(shape, default=1) == prod(shape):
            return data._replace(weights=(data.weights[0]._replace(name=name),))
    return same(call)


def same(call: Call) -> Results:
    """Return the input: what only matters in training, or changes how numbers are kept."""
    data = call.input()
    if data.is_constant:
        return data
    result = call.emit(OperationKind.IDENTITY, data.shape, inputs=[data], weights=())
    if call.has_output(1):  # the mask of a dropout
        return result, call.emit(OperationKind.OTHER, data.shape, inputs=[data], weights=(), dtype="bool")
    return result


def dequantize(call: Call) -> Results:
    """DequantizeLinear: its scale and zero point are no parameters."""
    result = same(call)
    return result._replace(numbers=None, dtype="float32") if isinstance(result, Value) else result


def quantize_dynamically(call: Call) -> Results:
    """DynamicQuantizeLinear: also makes a scale and a zero point."""
    data = call.input()
    scale, zero_point = (
        call.emit(OperationKind.OTHER, (), inputs=[data], weights=(), dtype=dtype)
        for dtype in ("float32", "uint8")
    )
    values = call.emit(OperationKind.IDENTITY, data.shape, inputs=[data], weights=(), dtype="uint8")
    return values, scale, zero_point


def places_of_nonzero(call: Call) -> Results:
    """NonZero: the positions of values that are not zero."""
    data, shape = call.input(), call.shape()
    if data.numbers is None:
        raise UnknownNumbersError
    chosen = [place for place, number in enumerate(data.numbers) if number]
    numbers: list[Number] = [
        place // stride % side
        for stride, side in zip(strides_of(shape), shape, strict=True)
        for place in chosen
    ]
    return folded(tuple(numbers), (len(shape), len(chosen)))


def random_like(call: Call) -> Results:
    """RandomNormalLike and others: numbers of the shape of the input."""
    return Value(call.shape())


def window(call: Call) -> Results:
    """HannWindow and others: weights of a given length for signals."""
    return Value(call.known_integers(0))


def random(call: Call) -> Results:
    """RandomNormal and others: numbers of a shape."""
    return Value(call.integers("shape") or ())


RULES: dict[str, Rule] = {
    "Constant": constant,
    "ConstantOfShape": filled,
    "Range": counted,
    "Cast": cast,
    "CastLike": cast,
    "Identity": identity,
    "Dropout": same,
    "QuantizeLinear": same,
    "DequantizeLinear": dequantize,
    "DynamicQuantizeLinear": quantize_dynamically,
    "NonZero": places_of_nonzero,
    "RandomNormalLike": random_like,
    "RandomUniformLike": random_like,
    "RandomNormal": random,
    "RandomUniform": random,
    "Bernoulli": same,
    "HannWindow": window,
    "HammingWindow": window,
    "BlackmanWindow": window,
}
