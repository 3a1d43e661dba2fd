"""What a model file does, as every reader reports it: weights, arrays, and operations on them.

Shapes are those of the file: the batch first, the channels where the format puts them. They are plain
numbers: readers compute them for a given input size and fold arithmetic on shapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import NamedTuple, Protocol

from convcli.networks.layer_types.base import Layer

__all__ = [
    "Array",
    "LoadedModel",
    "Model",
    "ModelInput",
    "Operation",
    "OperationKind",
    "Shape",
    "Weight",
    "is_sequence_of_vectors",
]

Shape = tuple[int, ...]


class Weight(NamedTuple):
    """A tensor stored in a model file: its name and shape, never its values.

    Attributes
    ----------
    name : str
        As in the file, such as ``layer1.0.conv1.weight``. Operations whose weights have the same name share
        them.
    shape : tuple of int
    dtype : str
        numpy's name, or ``bfloat16``, ``float8_e4m3fn`` and others that numpy lacks.
    learned : bool
        False for running statistics and other buffers, which are kept but are not parameters.
    """

    name: str
    shape: Shape
    dtype: str = "float32"
    learned: bool = True

    @property
    def elements(self) -> int:
        """Number of values."""
        return prod(self.shape)

    def is_per_channel(self, shape: Shape, channel_axis: int) -> bool:
        """Whether it has one number for each channel of an array of this shape.

        Examples
        --------
        >>> bias = Weight("bias", (64, 1, 1))
        >>> bias.is_per_channel((1, 64, 7, 7), 1), bias.is_per_channel((1, 7, 7, 64), 3)
        (True, False)
        """
        if self.shape == shape[channel_axis : channel_axis + 1]:  # as it is stored, before a reshape
            return True
        sides = (1,) * (len(shape) - len(self.shape)) + self.shape
        return len(sides) == len(shape) and sides[channel_axis] == shape[channel_axis] == prod(sides)


class Array(NamedTuple):
    """An array that an operation reads or makes.

    Attributes
    ----------
    number : int
        Identifies it within a model.
    shape : tuple of int or None
        None if an unknown operation makes it and the file does not state its shape.
    """

    number: int
    shape: Shape | None


class OperationKind(StrEnum):
    """What an operation does to arrays."""

    LAYER = "layer"  # what a layer of convcli does: `Operation.layer`
    ADD = "add"  # ADD to POWER: elementwise with broadcasting; of two arrays, of an array and a weight, ...
    SUBTRACT = "subtract"  # ... or of an array and a number (`constant`)
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    POWER = "power"
    CONCATENATE = "concatenate"  # along `axis`
    SLICE = "slice"  # `start`, `stop`, `step` along `axis`; a split is several slices of one array
    TRANSPOSE = "transpose"  # `permutation`
    RESHAPE = "reshape"  # also flatten, squeeze, unsqueeze
    EXPAND = "expand"  # repeats along axes of length 1
    IDENTITY = "identity"  # nothing at inference: dropout, casts, contiguous copies
    UNARY = "unary"  # an elementwise function that is no layer: `function`, such as erf, exp, sqrt
    MEAN = "mean"  # over `axes`; the output keeps them with length 1, or not
    MAXIMUM = "maximum"  # over `axes`
    MATMUL = "matmul"  # of two arrays that are both computed
    ATTENTION = "attention"  # softmax(Q K^T) V, both products in `macs`
    RECURRENT = "recurrent"  # LSTM, GRU, RNN, along `axis`; -1 where the steps need no axis of their own
    EMBEDDING = "embedding"  # rows of a weight
    OTHER = "other"  # known, without parameters and multiply-accumulates, such as argmax
    UNKNOWN = "unknown"  # counted as not known


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """An operation of a model file.

    Attributes
    ----------
    kind : OperationKind
    source : str
        The operation in the words of the file, for messages and tables: ``Conv``, ``aten.conv2d``,
        ``com.acme.Foo``.
    name : str
        Path of the module (``layer1.0.conv1``), or of the node where the file has no modules.
    inputs : tuple of Array
        Arrays that it reads; not its weights.
    output : Array
        What it makes. An operation with several outputs that matter is reported as several operations.
    weights : tuple of Weight
        Kernel before bias; scale, shift, running mean and variance.
    layer : Layer or None
        For `OperationKind.LAYER`.
    channel_axis : int
        For `OperationKind.LAYER`: the axis of the channels in its input and output, as a non-negative number.
    macs : int
        Multiply-accumulates, for kinds whose layer does not count them itself.
    axis, start, stop, step, axes, permutation, function, constant
        See `OperationKind`.
    """

    kind: OperationKind
    source: str
    inputs: tuple[Array, ...]
    output: Array
    name: str = ""
    weights: tuple[Weight, ...] = ()
    layer: Layer | None = None
    channel_axis: int = 1
    macs: int = 0
    axis: int = 0
    start: int = 0
    stop: int = 0
    step: int = 1
    axes: tuple[int, ...] = ()
    permutation: tuple[int, ...] = ()
    function: str = ""
    constant: float | None = None


class ModelInput(NamedTuple):
    """An input that a file declares.

    Attributes
    ----------
    name : str
    shape : tuple of int, str or None
        Each side as a number, or as the name of a dynamic one (None if it has no name); the batch first.
    channel_axis : int or None
        Of an image, sound or volume; None for other inputs, such as token numbers.
    batch_axis : int
        1 for sequences that a recurrent layer reads with their steps first.
    """

    name: str
    shape: tuple[int | str | None, ...]
    channel_axis: int | None = 1
    batch_axis: int = 0


def is_sequence_of_vectors(shape: Sequence[int | str | None]) -> bool:
    """Whether an input is a number of steps, each of as many values: only the number of steps is dynamic.

    Where the second side is called a batch, the steps come first, and a size could not say how many.

    Examples
    --------
    >>> is_sequence_of_vectors(("batch", "steps", 8)), is_sequence_of_vectors(("batch", 3, "length"))
    (True, False)
    """
    if len(shape) != 3 or isinstance(shape[1], int) or not isinstance(shape[2], int):
        return False
    return "batch" not in (shape[1] or "").lower()


class Model(NamedTuple):
    """What a model does for inputs of given shapes.

    Attributes
    ----------
    inputs, outputs : tuple of (str, Array)
        With their names.
    operations : tuple of Operation
        In order of execution.
    weights : tuple of Weight
        All weights of the file that take part, also those of no operation.
    stored : bool
        Whether the parameters are those stored, not those learned: exporters fold normalization into
        convolutions.
    channel_axes : tuple of int or None
        Axis of the channels of each input, where the format states it (Keras). Where it is empty or None,
        the first layer that reads the input decides.
    """

    inputs: tuple[tuple[str, Array], ...]
    outputs: tuple[tuple[str, Array], ...]
    operations: tuple[Operation, ...]
    weights: tuple[Weight, ...] = ()
    stored: bool = False
    channel_axes: tuple[int | None, ...] = ()


class LoadedModel(Protocol):
    """A model file that was read, before its input sizes are known."""

    @property
    def inputs(self) -> tuple[ModelInput, ...]:
        """The inputs that the file declares."""

    def evaluate(self, shapes: dict[str, Shape]) -> Model:
        """Compute what the model does for inputs of these shapes, by name.

        Raises
        ------
        SizeError
            A shape is impossible for an operation: the message names it and shows the arithmetic.
        """
