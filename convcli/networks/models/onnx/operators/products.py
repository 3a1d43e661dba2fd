"""Matrix products: dense layers where one factor is stored, else products of two computed arrays."""

from collections.abc import Sequence
from math import prod

from convcli.networks.layer_types.dense import Dense
from convcli.networks.models.einsum import read_einsum
from convcli.networks.models.onnx.call import Call, Results, Rule
from convcli.networks.models.onnx.values import Value
from convcli.networks.models.operations import OperationKind, Shape, Weight
from convcli.networks.models.shapes import matmul_shape

__all__ = ["RULES", "multiply_matrices"]


def gemm(call: Call) -> Results:
    """Gemm: a dense layer with bias, and its weights often transposed."""
    return _gemm(call, call.input(), call.input(1), call.optional(2))


def _gemm(call: Call, data: Value, factor: Value, bias: Value | None) -> Value:
    shape, other = call.shape_of(data), call.shape_of(factor)
    if len(shape) != 2 or len(other) != 2:
        call.fail_size("needs two matrices", shape, other)
    if call.integer("transA"):
        data = _transposed(call, data)
        shape = shape[::-1]
    inputs, units = other[::-1] if call.integer("transB") else other
    if shape[1] != inputs:
        call.fail_size(f"its weights read {inputs} values, not {shape[1]}", shape, other)
    if not factor.is_constant:
        result = call.emit(
            OperationKind.MATMUL, (shape[0], units), inputs=[data, factor], macs=shape[0] * inputs * units
        )
        return result if bias is None else _added(call, result, bias)
    has_bias = bias is not None and bias.is_constant and (bool(bias.weights) or bias.scalar not in (0, None))
    weights = (*factor.weights, *(bias.weights if bias is not None and has_bias else ()))
    result = _dense(call, data, units, (shape[0], units), 1, weights, bias=has_bias)
    return result if bias is None or bias.is_constant else _added(call, result, bias)


def _transposed(call: Call, data: Value) -> Value:
    shape = call.shape_of(data)
    return call.view(OperationKind.TRANSPOSE, shape[::-1], data, lambda _: (), permutation=(1, 0))


def _added(call: Call, first: Value, second: Value) -> Value:
    return call.emit(OperationKind.ADD, first.shape, inputs=[first, second], source="Add")


def _dense(
    call: Call, data: Value, units: int, shape: Shape, axis: int, weights: Sequence[Weight], *, bias: bool
) -> Value:
    layer = Dense(units=units, bias=bias)
    return call.emit(
        OperationKind.LAYER, shape, inputs=[data], weights=weights, layer=layer, channel_axis=axis
    )


def multiply_matrices(call: Call, first: Value, second: Value) -> Value:
    """Multiply two tensors as numpy's matmul does: the last two axes are matrices, others are broadcast."""
    one, other = call.shape_of(first), call.shape_of(second)
    try:
        shape = matmul_shape(one, other)
    except ValueError as error:
        call.fail_size(f"{error}", one, other)
    macs = prod(shape) * one[-1]
    for data, factor, axis in ((first, second, len(one) - 1), (second, first, len(other) - 2)):
        if factor.is_constant and not data.is_constant and len(call.shape_of(factor)) == 2 and axis > 0:
            units = other[-1] if factor is second else one[0]
            return _dense(call, data, units, shape, axis, factor.weights, bias=False)
    return call.emit(OperationKind.MATMUL, shape, inputs=[first, second], macs=macs)


def matrix_product(call: Call) -> Results:
    """MatMul and MatMulInteger."""
    return multiply_matrices(call, call.input(), call.input(1))


def quantized_matrix_product(call: Call) -> Results:
    """QLinearMatMul: scales and zero points are no parameters."""
    return multiply_matrices(call, call.input(), call.input(3))


def quantized_gemm(call: Call) -> Results:
    """com.microsoft.QGemm."""
    return _gemm(call, call.input(), call.input(3), call.optional(6))


def fused_matrix_product(call: Call) -> Results:
    """com.microsoft.FusedMatMul, whose factors may be transposed."""
    first, second = (
        _swapped(call, call.input(index)) if call.integer(name) else call.input(index)
        for index, name in enumerate(("transA", "transB"))
    )
    return multiply_matrices(call, first, second)


def _swapped(call: Call, data: Value) -> Value:
    """Swap the last two axes."""
    shape = call.shape_of(data)
    rank = len(shape)
    if rank < 2:
        return data
    permutation = (*range(rank - 2), rank - 1, rank - 2)
    result = tuple(shape[axis] for axis in permutation)
    return call.view(OperationKind.TRANSPOSE, result, data, lambda _: (), permutation=permutation)


def packed_matrix_product(call: Call) -> Results:
    """com.microsoft.MatMulNBits: weights of a few bits, packed; `K` and `N` state their shape."""
    data, packed = call.input(), call.input(1)
    shape = call.shape()
    inputs, units = call.integer("K"), call.integer("N")
    if not shape or shape[-1] != inputs:
        call.fail_size(f"its weights read {inputs} values", shape)
    weights = [Weight(weight.name, (inputs, units), "int4") for weight in packed.weights]
    return _dense(call, data, units, (*shape[:-1], units), len(shape) - 1, weights, bias=False)


def einsum(call: Call) -> Results:
    """Einsum: of two tensors a product, of one a transpose or a sum."""
    shapes = [call.shape(index) for index in range(len(call.inputs))]
    try:
        einsum = read_einsum(call.text("equation"), shapes)
    except ValueError as error:
        call.fail_size(f"{error}", *shapes[:8])
    data = call.input()
    if len(shapes) == 1:
        (labels,) = einsum.operands
        if sorted(labels) == sorted(einsum.result):
            permutation = tuple(labels.index(label) for label in einsum.result)
            return call.view(
                OperationKind.TRANSPOSE, einsum.shape, data, lambda _: (), permutation=permutation
            )
        return call.emit(OperationKind.OTHER, einsum.shape, function="einsum")
    if einsum.units is not None and call.input(1).is_constant and not data.is_constant:
        weights = call.input(1).weights
        return _dense(call, data, einsum.units, einsum.shape, len(shapes[0]) - 1, weights, bias=False)
    return call.emit(OperationKind.MATMUL, einsum.shape, macs=einsum.macs)


RULES: dict[str, Rule] = {
    "Gemm": gemm,
    "QGemm": quantized_gemm,
    "MatMul": matrix_product,
    "MatMulInteger": matrix_product,
    "DynamicQuantizeMatMul": matrix_product,
    "MatMulIntegerToFloat": matrix_product,
    "QLinearMatMul": quantized_matrix_product,
    "FusedMatMul": fused_matrix_product,
    "FusedGemm": gemm,
    "MatMulNBits": packed_matrix_product,
    "Einsum": einsum,
}
