"""Rules of elementwise functions: activations, arithmetic with broadcasting, comparisons, casts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.networks.layer_types.elementwise import Elementwise, ElementwiseKind, Prelu
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.views import sliced
from convcli.networks.models.pytorch.steps import Tensor, UnknownSize, shape_text
from convcli.networks.models.shapes import broadcast_shape

if TYPE_CHECKING:
    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["activated", "broadcast"]

ACTIVATIONS = {
    "relu": ElementwiseKind.RELU,
    "relu6": ElementwiseKind.RELU6,
    "silu": ElementwiseKind.SILU,
    "sigmoid": ElementwiseKind.SIGMOID,
    "tanh": ElementwiseKind.TANH,
    "gelu": ElementwiseKind.GELU,
    "hardswish": ElementwiseKind.HARDSWISH,
    "leaky_relu": ElementwiseKind.LEAKYRELU,
    "rrelu": ElementwiseKind.LEAKYRELU,
    "rrelu_with_noise": ElementwiseKind.LEAKYRELU,
    "elu": ElementwiseKind.ELU,
    "selu": ElementwiseKind.SELU,
    "mish": ElementwiseKind.MISH,
    "hardsigmoid": ElementwiseKind.HARDSIGMOID,
    "softplus": ElementwiseKind.SOFTPLUS,
    "softmax": ElementwiseKind.SOFTMAX,
    "_softmax": ElementwiseKind.SOFTMAX,
    "_safe_softmax": ElementwiseKind.SOFTMAX,
    "log_softmax": ElementwiseKind.LOGSOFTMAX,
    "_log_softmax": ElementwiseKind.LOGSOFTMAX,
}
UNARY = (
    "arccos arccosh arcsin arcsinh arctan arctanh "
    "abs absolute acos acosh angle asin asinh atan atanh bitwise_not ceil celu clamp clamp_max "
    "clamp_min clip conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 fix floor "
    "frac hardshrink hardtanh i0 isfinite isinf isnan lgamma log log10 log1p log2 log_sigmoid "
    "logical_not logit nan_to_num neg negative positive rad2deg real imag reciprocal round rsqrt sgn "
    "sign signbit sin sinc sinh softshrink softsign special_erf special_expit special_gelu sqrt square "
    "tan tanhshrink threshold trunc xlogy fake_quantize_per_tensor_affine"
)
CASTS = (
    "quantize_per_tensor dequantize_per_tensor quantize_per_channel dequantize_per_channel dequantize "
    "fake_quantize_per_channel_affine fake_quantize_learnable_per_tensor_affine as_tensor chalf "
    "to _to_copy type_as float half double bfloat16 int long bool clone contiguous detach detach_copy "
    "alias alias_copy dropout native_dropout feature_dropout alpha_dropout feature_alpha_dropout "
    "lift_fresh lift_fresh_copy lift lift_copy identity requires_grad _autocast_to_reduced_precision "
    "_autocast_to_full_precision resolve_conj resolve_neg pin_memory cpu cuda quantize_dequantize "
    "view_as_complex_copy conj _conj dropout2d dropout3d data _copy_from convert_element_type "
    "requires_grad_ stop_gradient _lazy_clone ascontiguous set_ device_put"
)
BINARY = {
    "add": OperationKind.ADD,
    "sub": OperationKind.SUBTRACT,
    "subtract": OperationKind.SUBTRACT,
    "mul": OperationKind.MULTIPLY,
    "multiply": OperationKind.MULTIPLY,
    "div": OperationKind.DIVIDE,
    "divide": OperationKind.DIVIDE,
    "true_divide": OperationKind.DIVIDE,
    "pow": OperationKind.POWER,
}
COMPARISONS = (
    "eq ne lt le gt ge equal greater greater_equal less less_equal not_equal logical_and logical_or "
    "logical_xor isclose"
)
OTHERS = (
    "arctan2 ldexp gcd lcm logaddexp2 nextafter igamma igammac isin _masked_softmax "
    "maximum minimum fmax fmin fmod remainder floor_divide atan2 hypot bitwise_and bitwise_or "
    "bitwise_xor __and__ __or__ __xor__ bitwise_left_shift bitwise_right_shift copysign where "
    "masked_fill lerp addcmul addcdiv heaviside float_power logaddexp polar complex rsub "
    "dist_elementwise __rshift__ __lshift__"
)


def broadcast(step: Step, *shapes: Shape | None) -> Shape:
    """Return the shape of an elementwise result, where axes of length 1 are repeated."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        raise UnknownSize
    output = broadcast_shape(*known)
    if output is None:
        sizes = " and ".join(map(shape_text, dict.fromkeys(known)))
        step.impossible(f"sizes {sizes} differ along an axis: neither is 1")
    return output


def activated(step: Step, tensor: Tensor, kind: ElementwiseKind, axis: int = 1) -> Tensor:
    """Return a tensor through an activation."""
    return step.emit(
        OperationKind.LAYER, [tensor], tensor.shape, layer=Elementwise(type=kind), channel_axis=axis
    )


@rule(*ACTIVATIONS)
def activation(step: Step) -> Tensor:
    """An activation that is a layer of convcli."""
    tensor, shape = step.shaped("input" if "input" in step.arguments else "self")
    axis = 1
    if "softmax" in step.source:
        axis = step.axis("dim", len(shape))
    return activated(step, tensor, ACTIVATIONS[step.function], axis)


@rule(*UNARY.split())
def unary(step: Step) -> Tensor:
    """A function of each value, which keeps the size."""
    tensor, shape = step.shaped("self" if "self" in step.arguments else "input")
    function = step.function
    if function == "hardtanh" and (step.number("min_val", -1), step.number("max_val", 1)) == (0, 6):
        return activated(step, tensor, ElementwiseKind.RELU6)
    limits = step.number("min"), step.number("max")
    if function in ("clamp", "clip") and limits in ((0, 6), (0, None)):
        return activated(step, tensor, ElementwiseKind.RELU6 if limits[1] else ElementwiseKind.RELU)
    if function == "clamp_min" and step.number("min") == 0:
        return activated(step, tensor, ElementwiseKind.RELU)
    for bound in ("min", "max"):  # tensors, which broadcast
        if isinstance(step.arguments.get(bound), Tensor):
            shape = broadcast(step, shape, step.tensor(bound).shape)
    return step.emit(OperationKind.UNARY, [tensor], shape, function=function)


@rule("log_sigmoid_forward")
def log_sigmoid(step: Step) -> tuple[Tensor, Tensor]:
    """The logarithm of the sigmoid, and a buffer that its gradient uses."""
    tensor, shape = step.shaped("self")
    return step.emit(OperationKind.UNARY, [tensor], shape, function="log_sigmoid"), Tensor((0,))


@rule("prelu", "_prelu_kernel")
def prelu(step: Step) -> Tensor:
    """A leaky relu that learns its slopes."""
    tensor, shape = step.shaped("self")
    slopes = step.tensor("weight")
    layer = Prelu(per_channel=bool(slopes.weights) and slopes.weights[0].elements > 1)
    axis = min(1, len(shape) - 1)
    return step.emit(
        OperationKind.LAYER, [tensor], shape, layer=layer, channel_axis=axis, weights=slopes.weights
    )


@rule("glu")
def gated(step: Step) -> Tensor:
    """One half of the values, times the sigmoid of the other half."""
    tensor, shape = step.shaped("self")
    axis = step.axis("dim", len(shape), -1)
    if shape[axis] % 2:
        step.impossible(f"halves axis {axis} of {shape_text(shape)}, which is odd")
    half = shape[axis] // 2
    values = sliced(step, tensor, axis, 0, half)
    gate = activated(step, sliced(step, tensor, axis, half, shape[axis]), ElementwiseKind.SIGMOID, axis)
    return step.emit(OperationKind.MULTIPLY, [values, gate], values.shape)


@rule(*CASTS.split())
def keep(step: Step) -> Any:
    """What changes no value at inference: casts, copies, dropout."""
    tensor = step.tensor("self" if "self" in step.arguments else "a" if "a" in step.arguments else "input")
    dtype = step.arguments.get("dtype")
    output = step.emit(
        OperationKind.IDENTITY,
        [tensor],
        tensor.shape,
        dtype=dtype if isinstance(dtype, str) else tensor.dtype,
    )
    if output.number is None:
        output = output._replace(values=tensor.values)
    return (output, Tensor(tensor.shape, dtype="bool")) if "native_dropout" in step.source else output


# Arithmetic -----------------------------------------------------------------------------------------------


@rule(*BINARY)
def arithmetic(step: Step) -> Tensor:
    """Arithmetic of two tensors, or of a tensor and a number."""
    first, second = ("self", "exponent") if "exponent" in step.arguments else ("self", "other")
    kind = BINARY[step.function]
    operands = [step.tensor(first), step.tensor(second)]
    constants = [step.number(name) for name in (first, second)]
    shape = broadcast(step, *(each.shape for each in operands))
    number = next((each for each in constants if each is not None), None)
    if constants[0] is not None and kind not in (OperationKind.ADD, OperationKind.MULTIPLY):
        return step.other(operands[1:], shape)  # a number minus a tensor: no layer
    tensors = [each for each, constant in zip(operands, constants, strict=True) if constant is None]
    output = step.emit(kind, tensors, shape, constant=number)
    if output.number is None and all(each.values is not None and len(each.values) == 1 for each in operands):
        return output._replace(values=_folded(kind, operands))
    return output


def _folded(kind: OperationKind, operands: list[Tensor]) -> tuple[int, ...] | None:
    """Return the value of arithmetic of two constants that are single integers."""
    first, second = ((each.values or (0,))[0] for each in operands)
    if kind == OperationKind.ADD:
        return (first + second,)
    if kind == OperationKind.SUBTRACT:
        return (first - second,)
    return (first * second,) if kind == OperationKind.MULTIPLY else None


@rule(*COMPARISONS.split())
def compare(step: Step) -> Tensor:
    """A comparison, which gives true or false."""
    operands = step.all_tensors()
    return step.other(operands, broadcast(step, *(each.shape for each in operands)), dtype="bool")


@rule(*OTHERS.split())
def combine(step: Step) -> Tensor:
    """An elementwise function of several tensors that is no layer."""
    operands = step.all_tensors()
    dtype = operands[1].dtype if "where" in step.source and len(operands) > 1 else None
    return step.other(operands, broadcast(step, *(each.shape for each in operands)), dtype=dtype)


@rule("copy", "fill", "zero", "masked_scatter", "uniform", "normal", "bernoulli", "exponential", "random",
      "tril", "triu", "roll", "flip", "fliplr", "flipud", "_masked_scale",
      "searchsorted", "cumsum", "cumprod", "logcumsumexp", "renorm", "index_put",
      "index_add", "index_copy", "index_fill", "scatter", "scatter_add", "scatter_reduce",
      "slice_scatter", "select_scatter", "_index_put_impl", "_unsafe_index_put", "put", "fill_diagonal",
      "fftshift", "fft_fftshift", "fft_ifftshift", "diagonal_scatter", "bucketize",
      "_unsafe_masked_index_put_accumulate")  # fmt: skip
def keep_size(step: Step) -> Tensor:
    """What keeps the size of its first argument, and changes values."""
    tensors = step.all_tensors()
    dtype = "int64" if "bucketize" in step.source or "sorted" in step.source else None
    if "searchsorted" in step.source:
        return step.other(tensors, tensors[-1].shape, dtype=dtype)
    if "copy" in step.source and len(tensors) > 1:  # the values are those of the second
        return step.other(tensors[::-1], broadcast(step, tensors[0].shape, tensors[1].shape))
    return step.other(tensors, tensors[0].shape, dtype=dtype)
