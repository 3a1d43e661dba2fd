"""Rules of reductions: means, maxima, sums and others over some or all axes, and sorting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, UnknownSize

if TYPE_CHECKING:
    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["extreme", "largest", "positions_in_order", "reduce", "reduce_twice", "sort", "to_number"]

KINDS = {
    "mean": OperationKind.MEAN,
    "nanmean": OperationKind.MEAN,
    "amax": OperationKind.MAXIMUM,
    "max": OperationKind.MAXIMUM,
}
POSITIONS = ("argmax", "argmin", "count_nonzero")
TRUTHS = ("any", "all")


def _reduced(step: Step, shape: Shape, axes: list[int]) -> Shape:
    """Return a shape without some axes, or with length 1 along them."""
    if step.flag("keepdim"):
        return tuple(1 if axis in axes else side for axis, side in enumerate(shape))
    return tuple(side for axis, side in enumerate(shape) if axis not in axes)


@rule("mean", "nanmean", "sum", "nansum", "amax", "amin", "prod", "var", "std", "norm", "logsumexp",
      "linalg_vector_norm", "linalg_norm", "linalg_matrix_norm", "frobenius_norm", "argmax", "argmin", "any",
      "all", "count_nonzero", "special_logsumexp", "nanmedian", "quantile", "nanquantile")  # fmt: skip
def reduce(step: Step) -> Tensor:
    """One value along the axes given, or of all values."""
    tensor, shape = step.shaped("self" if "self" in step.arguments else "input")
    axes = step.axes("dim", len(shape))
    function = step.function
    dtype = "int64" if function in POSITIONS else "bool" if function in TRUTHS else None
    output = _reduced(step, shape, axes)
    kind = KINDS.get(function, OperationKind.OTHER)
    fields: dict[str, Any] = {"axes": tuple(axes)} if kind != OperationKind.OTHER else {}
    return step.emit(kind, [tensor], output, dtype=dtype, **fields)


@rule("var_mean", "std_mean", "aminmax")
def reduce_twice(step: Step) -> tuple[Tensor, Tensor]:
    """Two values along the axes given, or of all values."""
    tensor, shape = step.shaped("self")
    output = _reduced(step, shape, step.axes("dim", len(shape)))
    return step.other([tensor], output), step.other([tensor], output)


@rule("max", "min", "median", "mode", "kthvalue", "cummax", "cummin")
def extreme(step: Step) -> Any:
    """Extreme values along an axis with their positions, of all values, or of two tensors."""
    tensor, shape = step.shaped("self")
    if "other" in step.arguments:
        from convcli.networks.models.pytorch.rules.elementwise import broadcast

        other = step.tensor("other")
        return step.other([tensor, other], broadcast(step, shape, other.shape))
    function = step.function
    kind = KINDS.get(function, OperationKind.OTHER)
    if "dim" not in step.arguments and function not in ("mode", "kthvalue"):
        axes = list(range(len(shape)))
        fields: dict[str, Any] = {"axes": tuple(axes)} if kind != OperationKind.OTHER else {}
        return step.emit(kind, [tensor], _reduced(step, shape, axes), **fields)
    axes = [step.axis("dim", len(shape), -1)]
    output = shape if function.startswith("cum") else _reduced(step, shape, axes)
    fields = {"axes": tuple(axes)} if kind != OperationKind.OTHER else {}
    values = step.emit(kind, [tensor], output, **fields)
    return values, Tensor(output, values.number, "int64")


@rule("topk")
def largest(step: Step) -> tuple[Tensor, Tensor]:
    """The largest values along an axis, with their positions."""
    tensor, shape = step.shaped("self")
    axis, count = step.axis("dim", len(shape), -1), step.integer("k")
    if shape and not 0 <= count <= shape[axis]:
        step.impossible(f"takes {count} of {shape[axis]} values")
    output = tuple(count if at == axis else side for at, side in enumerate(shape))
    values = step.other([tensor], output)
    return values, Tensor(output, values.number, "int64")


@rule("sort", "msort")
def sort(step: Step) -> tuple[Tensor, Tensor]:
    """Values in order, with their positions."""
    tensor, shape = step.shaped("self")
    values = step.other([tensor], shape)
    return values, Tensor(shape, values.number, "int64")


@rule("argsort")
def positions_in_order(step: Step) -> Tensor:
    """Positions of the values in order."""
    tensor, shape = step.shaped("self")
    return step.other([tensor], shape, dtype="int64")


@rule("item", "_local_scalar_dense")
def to_number(step: Step) -> Any:
    """The only value of a tensor, as a number."""
    tensor = step.tensor("self")
    if tensor.values is not None and len(tensor.values) == 1:
        return tensor.values[0]
    return UnknownSize()
