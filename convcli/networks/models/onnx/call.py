"""One call of an operator: its inputs and attributes, and the operations that it adds to the model."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import count
from math import prod
from typing import Any, NoReturn

from convcli.errors import SizeError, SpecError
from convcli.networks.layer_types.base import Layer
from convcli.networks.models.onnx.file import Attribute, Node
from convcli.networks.models.onnx.names import module_name
from convcli.networks.models.onnx.tensors import MAX_RANK, Number
from convcli.networks.models.onnx.values import Value, computed, folded
from convcli.networks.models.operations import Array, Operation, OperationKind, Shape, Weight
from convcli.networks.models.shapes import layer_shape, size_without_batch
from convcli.sizes.text import format_size

__all__ = ["Call", "Recorder", "Results", "Rule", "UnknownNumbersError", "format_shape", "side_outputs"]

MAX_UNITED = 64  # stored tensors that one constant is made of
MAX_SIDE = 1 << 62
MAX_VIEWED = 4096  # values that are moved within a constant


class Recorder:
    """What an evaluation collects: operations, weights, and numbers for arrays.

    Attributes
    ----------
    file : str
        For messages.
    opset : int
    operations : list of Operation
    weights : dict of str to Weight
        Those that take part, in order.
    """

    def __init__(self, file: str, opset: int) -> None:
        self.file, self.opset = file, opset
        self.operations: list[Operation] = []
        self.weights: dict[str, Weight] = {}
        self.numbers = count()

    def use(self, weights: Sequence[Weight]) -> None:
        """Note that weights take part."""
        for weight in weights:
            self.weights.setdefault(weight.name, weight)

    def maker(self, value: Value) -> Operation | None:
        """Return the last operation, if it makes a value."""
        last = self.operations[-1] if self.operations else None
        return last if last is not None and last.output is value.array else None

    def read_by(self, outputs: Sequence[Array]) -> tuple[Operation, ...]:
        """Return the operations that outputs depend on, in order: not those that were moved elsewhere."""
        wanted = {array.number for array in outputs}
        kept: list[Operation] = []
        for operation in reversed(self.operations):
            if operation.output.number in wanted:
                kept.append(operation)
                wanted.update(array.number for array in operation.inputs)
        return tuple(reversed(kept))

    def array(self, shape: Shape | None) -> Array:
        """Return a new array."""
        return Array(next(self.numbers), shape)


class Call:
    """A node with the values of its inputs.

    Parameters
    ----------
    recorder : Recorder
    node : Node
    inputs : list of Value or None
        None for one that is left out.
    attributes : dict of str to Attribute
    prefix : str
        Name of the call of the function that the node belongs to.
    """

    def __init__(
        self,
        recorder: Recorder,
        node: Node,
        inputs: Sequence[Value | None],
        attributes: dict[str, Attribute],
        prefix: str = "",
    ) -> None:
        self.recorder, self.node, self.inputs, self.attributes = recorder, node, inputs, attributes
        self.prefix = prefix
        self.is_constant = all(value is None or value.is_constant for value in inputs)

    @property
    def opset(self) -> int:
        """Version of ONNX's operators."""
        return self.recorder.opset

    @cached_property
    def name(self) -> str:
        """Path of the module, for tables."""
        weights = [weight for value in self.inputs if value is not None for weight in value.weights]
        return module_name(self.node, weights, self.prefix)

    # Inputs and attributes ----------------------------------------------------------------------------

    def optional(self, index: int) -> Value | None:
        """Return an input, or None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def input(self, index: int = 0) -> Value:
        """Return an input."""
        value = self.optional(index)
        if value is None:
            self.fail(f"needs at least {index + 1} inputs")
        return value

    def shape(self, index: int = 0) -> Shape:
        """Return the shape of an input."""
        return self.shape_of(self.input(index))

    def shape_of(self, value: Value) -> Shape:
        """Return the shape of a value, which must be known."""
        if value.shape is None:  # of a constant: arrays without a shape do not get here
            self.fail("needs the shape of an input that is not known")
        return value.shape

    def has_output(self, index: int) -> bool:
        """Whether anything may read an output."""
        return index < len(self.node.outputs) and bool(self.node.outputs[index])

    def integer(self, name: str, default: int = 0) -> int:
        """Return an attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.integer

    def number(self, name: str, default: float = 0.0) -> float:
        """Return an attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.number

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute."""
        found = self.attributes.get(name)
        return default if found is None else found.text

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an attribute; None if it is left out."""
        found = self.attributes.get(name)
        return None if found is None else found.integers

    def known_integers(self, index: int, name: str = "") -> tuple[int, ...] | None:
        """Return the whole numbers of an input or, in older opsets, of an attribute; None if left out.

        Raises
        ------
        UnknownNumbersError
            They depend on what the model computes.
        """
        value = self.optional(index)
        if value is None:
            return self.integers(name) if name else None
        if value.numbers is None:
            raise UnknownNumbersError
        return tuple(int(number) for number in value.numbers)

    def weight_name(self) -> str:
        """Return a name for what the node stores itself: that of its first output."""
        return f"{self.prefix}/{self.node.outputs[0]}" if self.prefix else self.node.outputs[0]

    def axis(self, axis: int, rank: int) -> int:
        """Return an axis counted from the front."""
        if not -rank <= axis < max(rank, 1):
            self.fail(f"axis {axis} does not exist in {rank} dimensions")
        return axis + rank if axis < 0 else axis

    def axes(self, axes: Sequence[int], rank: int) -> tuple[int, ...]:
        """Return axes counted from the front, each once, in order."""
        return tuple(sorted({self.axis(axis, rank) for axis in axes}))

    # Errors -------------------------------------------------------------------------------------------

    def fail(self, why: str) -> NoReturn:
        """Raise the error for a node that is not valid."""
        raise SpecError(f"{self.recorder.file}, node {self.node.title} ({self.node.qualified_operator})", why)

    def fail_size(self, why: str, *shapes: Shape) -> NoReturn:
        """Raise the error for inputs whose sizes do not fit."""
        raise SizeError(f"node {self.node.title} on {' and '.join(map(format_shape, shapes))}", why)

    # Results ------------------------------------------------------------------------------------------

    def emit(
        self,
        kind: OperationKind,
        shape: Shape | None,
        *,
        inputs: Sequence[Value] | None = None,
        weights: Sequence[Weight] | None = None,
        numbers: tuple[Number, ...] | None = None,
        dtype: str | None = None,
        source: str = "",
        **details: Any,
    ) -> Value:
        """Add an operation and return its output; on constants, only return the constant that it makes.

        Parameters
        ----------
        kind, shape
            Of the operation, and of its output.
        inputs : sequence of Value, optional
            Those that it reads; all of the node's by default.
        weights : sequence of Weight, optional
            By default the parameters among its inputs.
        numbers : tuple of int or float, optional
            The values, if they are constant and known.
        dtype : str, optional
            That of the first input by default.
        details
            Other fields of `Operation`.
        """
        values = [value for value in (self.inputs if inputs is None else inputs) if value is not None]
        if dtype is None:
            dtype = values[0].dtype if values else "float32"
        if shape is not None:
            self._check(shape)
        if all(value.is_constant for value in values):
            return self._constant(values, shape, numbers, dtype)
        return self.add(kind, shape, values, weights, dtype, source, **details)

    def add(
        self,
        kind: OperationKind,
        shape: Shape | None,
        values: Sequence[Value],
        weights: Sequence[Weight] | None = None,
        dtype: str = "float32",
        source: str = "",
        **details: Any,
    ) -> Value:
        """Add an operation even on constants."""
        if weights is None:
            weights = [weight for value in values for weight in value.parameters]
        self.recorder.use(weights)
        output = self.recorder.array(shape)
        self.recorder.operations.append(
            Operation(
                kind=kind,
                source=source or self.node.qualified_operator,
                name=self.name,
                inputs=tuple(value.array for value in values if value.array is not None),
                output=output,
                weights=tuple(weights),
                **details,
            )
        )
        return computed(output, dtype)

    def _constant(
        self, values: Sequence[Value], shape: Shape | None, numbers: tuple[Number, ...] | None, dtype: str
    ) -> Value:
        weights = tuple(dict.fromkeys(weight for value in values for weight in value.weights))
        if len(weights) > MAX_UNITED:  # not to copy ever longer lists
            self.recorder.use([weight for value in values for weight in value.parameters])
            weights = ()
        known = None if numbers is None or shape is None else folded(numbers, shape).numbers
        return Value(shape, None, weights, known, dtype)

    def _check(self, shape: Shape) -> None:
        if len(shape) > MAX_RANK or (shape and not 0 <= min(shape) <= max(shape) < MAX_SIDE):
            self.fail(f"makes an impossible shape {format_shape(shape)[:100]}")

    def layer(
        self,
        layer: Layer,
        data: Value,
        *,
        channel_axis: int = 1,
        weights: Sequence[Weight] = (),
        source: str = "",
    ) -> Value:
        """Add a layer whose output size the layer itself computes."""
        return self.emit(
            OperationKind.LAYER,
            self.layer_output(layer, self.shape_of(data), channel_axis),
            inputs=[data],
            weights=weights,
            layer=layer,
            channel_axis=channel_axis,
            source=source,
        )

    def layer_output(self, layer: Layer, shape: Shape, channel_axis: int = 1) -> Shape:
        """Return the shape that a layer makes of that of an image, in the layout of the file.

        Raises
        ------
        SizeError
            The layer is impossible: the message names the node and shows the arithmetic.
        """
        try:
            return layer_shape(layer, shape, channel_axis)
        except SizeError as error:
            size = format_size(size_without_batch(shape, channel_axis))
            raise SizeError(f"node {self.node.title} on {size}", f"{error.what} {error.why}") from None

    def view(
        self,
        kind: OperationKind,
        shape: Shape,
        data: Value,
        numbers: Callable[[tuple[Number, ...]], tuple[Number, ...]] | None = None,
        **details: Any,
    ) -> Value:
        """Add an operation that only moves the values of one input.

        `numbers` does the same to the numbers of a constant; by default they stay in order.
        """
        known = data.numbers
        if known is not None and numbers is not None:
            known = numbers(known) if prod(shape) <= MAX_VIEWED else None
        return self.emit(kind, shape, inputs=[data], numbers=known, **details)


def side_outputs(call: Call, data: Value, shapes: Sequence[Shape], what: str) -> list[Value | None]:
    """Add the outputs after the first that something may read, such as the last state of an LSTM."""
    source = f"{call.node.qualified_operator} {what}"
    return [
        call.emit(OperationKind.OTHER, shape, inputs=[data], weights=(), source=source)
        if call.has_output(index)
        else None
        for index, shape in enumerate(shapes, 1)
    ]


Results = Value | Sequence[Value | None]
Rule = Callable[[Call], Results]


class UnknownNumbersError(Exception):
    """Numbers that a shape depends on are not known before the model runs."""


def format_shape(shape: Shape) -> str:
    """Return a shape as text, batch first as in the file."""
    return "x".join(map(str, shape)) if shape else "a single number"
