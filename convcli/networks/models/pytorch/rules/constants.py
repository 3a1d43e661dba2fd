"""Rules of constants: ranges, zeros, random numbers; small ranges of integers are computed."""

from __future__ import annotations

from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.steps import Tensor, elements

if TYPE_CHECKING:
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["constant", "constant_like", "grids", "nothing", "number_as_tensor", "numbers_in_order", "pairs"]

MAX_VALUES = 4096  # of a constant of which the values are kept


def _dtype(step: Step, default: str = "float32") -> str:
    given = step.arguments.get("dtype")
    return given if isinstance(given, str) else default


@rule("zeros", "ones", "empty", "full", "rand", "randn", "randint", "randperm", "eye", "empty_permuted",
      "empty_strided", "new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided", "linspace",
      "logspace", "hann_window", "hamming_window", "blackman_window", "bartlett_window", "scalar_tensor",
      "triu_indices", "tril_indices", "complex_zeros")  # fmt: skip
def constant(step: Step) -> Tensor:
    """A tensor of a given shape."""
    function = step.function
    if function in ("linspace", "logspace"):
        shape = [step.integer("steps")]
    elif function == "scalar_tensor":
        shape = []
    elif function == "eye":
        shape = [step.integer("n"), step.integer("m", step.integer("n"))]
    elif function == "randperm":
        shape = [step.integer("n")]
    elif function.endswith("_window"):
        shape = [step.integer("window_length")]
    elif function.endswith("_indices"):
        return Tensor(step.stated_shape(), None, "int64")
    else:
        shape = step.integers("size", [])
    default = step.tensor("self").dtype if "self" in step.arguments else "float32"
    value: Any = {"zeros": 0, "new_zeros": 0, "ones": 1, "new_ones": 1}.get(function)
    value = step.arguments.get("fill_value", step.arguments.get("s", value))
    count = elements(tuple(shape))
    values = (value,) * count if isinstance(value, int) and 0 < count <= MAX_VALUES else None
    if isinstance(value, int) and function in ("full", "scalar_tensor"):
        default = "int64"
    return Tensor(tuple(shape), None, _dtype(step, default), values=values)


@rule("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like")
def constant_like(step: Step) -> Tensor:
    """A constant of the shape of a tensor."""
    tensor, shape = step.shaped("self")
    return Tensor(shape, None, _dtype(step, tensor.dtype))


@rule("arange", "range")
def numbers_in_order(step: Step) -> Tensor:
    """Numbers from `start` up to `end`."""
    start, end, by = step.number("start", 0), step.number("end"), step.number("step", 1)
    if end is None or start is None or not by or not all(map(isfinite, (start, end, by))):
        step.fail("needs numbers as start, end and step")
    if all(isinstance(number, int) for number in (start, end, by)):
        numbers = range(int(start), int(end), int(by))
        count = max(-(-(int(end) - int(start)) // int(by)), 0)
        values = tuple(numbers) if count <= MAX_VALUES else None
        return Tensor((count,), None, _dtype(step, "int64"), values=values)
    return Tensor((max(ceil((end - start) / by), 0),), None, _dtype(step))


@rule("meshgrid")
def grids(step: Step) -> list[Tensor]:
    """The coordinates of all points of a grid."""
    tensors = step.tensors("tensors")
    shape = tuple(side for each in tensors for side in (each.shape or (1,)))
    if step.arguments.get("indexing") == "xy" and len(shape) > 1:
        shape = (shape[1], shape[0], *shape[2:])
    return [step.other([each], shape) for each in tensors]


@rule("cartesian_prod")
def pairs(step: Step) -> Tensor:
    """All combinations of the values of several vectors."""
    tensors = step.tensors("tensors")
    count = elements(tuple(side for each in tensors for side in (each.shape or (1,))))
    return step.other(tensors, (count, len(tensors)))


@rule("_assert_scalar", "_assert_tensor_metadata", "_assert_async", "sym_constrain_range",
      "sym_constrain_range_for_size", "_functional_assert_async", "_functional_assert_scalar",
      "_functional_sym_constrain_range", "_functional_sym_constrain_range_for_size", "record_stream",
      "_make_dep_token", "manual_seed")  # fmt: skip
def nothing(step: Step) -> list[Tensor]:
    """Checks while a program runs, which compute nothing."""
    return [Tensor((0,)) for _ in range(step.output_count)]


@rule("zero_dim_tensor", "tensor")
def number_as_tensor(step: Step) -> Tensor:
    """A number as a tensor."""
    return step.emit(OperationKind.IDENTITY, [], ())
