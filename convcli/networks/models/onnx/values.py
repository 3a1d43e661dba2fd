"""Values that pass between the nodes of an ONNX graph: computed arrays, stored tensors, folded numbers."""

from math import prod
from typing import NamedTuple

from convcli.networks.models.onnx.tensors import Number, Tensor, is_integer
from convcli.networks.models.operations import Array, Shape, Weight

__all__ = ["MAX_FLOATS", "MAX_FOLDED", "Value", "computed", "folded", "stored"]

MAX_FOLDED = 256  # values of a tensor whose numbers are followed: sizes, axes, permutations
MAX_FLOATS = 16  # scales of a Resize
_INDEX_TYPES = {"int64", "bool", "string", "uint64", "uint32", "int16", "uint16"}


class Value(NamedTuple):
    """A value by name.

    Attributes
    ----------
    shape : tuple of int or None
        None if unknown.
    array : Array or None
        For a value that depends on the model's inputs; None for a constant.
    weights : tuple of Weight
        The stored tensors that a constant was made of.
    numbers : tuple of int or float, or None
        The values of a constant in order, where they are few and known.
    dtype : str
    tensor : Tensor or None
        The stored tensor itself.
    parts : tuple of Value or None
        The tensors of a sequence.
    """

    shape: Shape | None
    array: Array | None = None
    weights: tuple[Weight, ...] = ()
    numbers: tuple[Number, ...] | None = None
    dtype: str = "float32"
    tensor: Tensor | None = None
    parts: "tuple[Value, ...] | None" = None

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the values of the model's inputs, but at most on their shapes."""
        return self.array is None

    @property
    def scalar(self) -> Number | None:
        """Its only value, if it is known."""
        return self.numbers[0] if self.numbers is not None and len(self.numbers) == 1 else None

    @property
    def parameters(self) -> tuple[Weight, ...]:
        """Its stored tensors of more than one value, which count as parameters."""
        return tuple(weight for weight in self.weights if weight.elements > 1 and weight.dtype != "int32")


def stored(tensor: Tensor, name: str) -> Value:
    """Return the value of a stored tensor. What is an index or a truth value is no weight."""
    numbers = tensor.numbers(MAX_FOLDED if is_integer(tensor.dtype) else MAX_FLOATS)
    weight = Weight(name, tensor.shape, tensor.dtype)
    return Value(
        tensor.shape, None, () if tensor.dtype in _INDEX_TYPES else (weight,), numbers, tensor.dtype, tensor
    )


def folded(numbers: tuple[Number, ...] | None, shape: Shape, dtype: str = "int64") -> Value:
    """Return a constant that was computed."""
    known = numbers if numbers is not None and len(numbers) == prod(shape) <= MAX_FOLDED else None
    return Value(shape, None, (), known, dtype)


def computed(array: Array, dtype: str = "float32") -> Value:
    """Return an array that the model computes."""
    return Value(array.shape, array, (), None, dtype)
