"""One call of a Keras layer while a model is evaluated: its options, and the operations that it records."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from convcli.errors import SizeError, SpecError
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.elementwise import Elementwise, ElementwiseKind
from convcli.networks.models.keras.configuration import Config, LayerConfig, as_mapping, found_in, shown
from convcli.networks.models.operations import Array, Operation, OperationKind, Shape, Weight
from convcli.networks.models.shapes import layer_shape, size_without_batch
from convcli.sizes.text import format_size

__all__ = ["Arrays", "LayerCall", "Recorder", "ShapeUnknown"]

MAX_OPERATIONS = 250_000  # a shared model that calls shared models, ... has exponentially many
MAX_ELEMENTS = 2**63
MAX_AXES = 64

Arrays = Any  # an `Array`, or lists and dictionaries of them


class ShapeUnknown(Exception):  # noqa: N818 -- not an error: the operation is reported as unknown
    """A layer needs the shape of an array that an unknown operation makes."""


class Recorder:
    """Collects the operations of a model.

    Attributes
    ----------
    operations : list of Operation
    weights : dict
        Each `Weight` by its name.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.weights: dict[str, Weight] = {}
        self._arrays = 0
        self._calls = 0
        self._inputs = 0

    def count_call(self, path: str) -> None:
        """Count a call of a layer.

        Raises
        ------
        SpecError
            There are too many.
        """
        self._calls += 1
        if self._calls > MAX_OPERATIONS:
            raise SpecError(path, f"is one of more than {MAX_OPERATIONS:,} calls of layers")

    def array(self, shape: Shape | None) -> Array:
        """Return a new array."""
        self._arrays += 1
        return Array(self._arrays - 1, shape)

    def add(self, operation: Operation) -> Array:
        """Add an operation; return its output.

        Raises
        ------
        SpecError
            There are too many operations.
        """
        self._inputs += len(operation.inputs)
        if len(self.operations) >= MAX_OPERATIONS or self._inputs > 4 * MAX_OPERATIONS:
            raise SpecError(operation.name, f"is one of more than {MAX_OPERATIONS:,} operations")
        self.operations.append(operation)
        for weight in operation.weights:
            self.weights[weight.name] = weight
        return operation.output


class LayerCall(NamedTuple):
    """A layer that is called.

    Attributes
    ----------
    recorder : Recorder
    layer : LayerConfig
    path : str
        Names of the models around it and its own, joined by dots.
    arguments : tuple
    keywords : mapping
        With an `Array` for each array.
    """

    recorder: Recorder
    layer: LayerConfig
    path: str
    arguments: tuple[object, ...]
    keywords: Mapping[str, object]

    @property
    def config(self) -> Config:
        """The layer's configuration."""
        return Config(self.layer.values, self.path)

    @property
    def inputs(self) -> list[Array]:
        """All arrays among the arguments, in order; masks are not."""
        keywords = {key: value for key, value in self.keywords.items() if "mask" not in key}
        return [*found_in(self.arguments, Array), *found_in(keywords, Array)]

    @property
    def function_name(self) -> str:
        """The name of a function, without its module, underscores and capitals."""
        name = self.layer.class_name
        if name in ("TFOpLambda", "TensorFlowOpLayer"):
            name = self.config.text("function", self.layer.name)
        return name.rpartition(".")[2].replace("_", "").lower()

    def value(self, *names: str, position: int = -1, default: object = None) -> object:
        """Return an argument by name, from the call or the configuration, or by its position in the call."""
        for name in names:
            for mapping in (self.keywords, self.layer.values):
                if mapping.get(name) is not None:
                    return _without_tuples(mapping[name])
        if 0 <= position < len(self.arguments):
            return _without_tuples(self.arguments[position])
        return default

    def integers(self, value: object, what: str) -> list[int]:
        """Return an argument as a list of whole numbers."""
        values = value if isinstance(value, list | tuple) else [value]
        whole = [each for each in values if type(each) is int and abs(each) < 2**62]
        if len(whole) < len(values):
            self.fail(f"needs whole numbers as {what}, not {shown(value)}")
        return whole

    def axes(self, value: object, rank: int) -> list[int]:
        """Return an argument as axes of an array, counted from 0."""
        axes = self.integers(value, "axes")
        if not axes or not all(-rank <= axis < rank for axis in axes):
            self.fail(f"needs axes of an array with {rank} axes, not {shown(value)}")
        return [axis % rank for axis in axes]

    @property
    def input(self) -> Array:
        """The first array.

        Raises
        ------
        SpecError
            There is none.
        """
        for array in self.inputs:
            return array
        raise SpecError(self.path, "is called without an input")

    def shape(self, array: Array, *ranks: int) -> Shape:
        """Return the shape of an array, which must have one of these numbers of axes.

        Raises
        ------
        ShapeUnknown
            It is not known.
        SpecError
            It has another number of axes.
        """
        if array.shape is None:
            raise ShapeUnknown
        if not array.shape or (ranks and len(array.shape) not in ranks):
            needed = " or ".join(map(str, ranks)) or "at least 1"
            raise SpecError(
                self.path,
                f"is a {self.layer.class_name} on an array of {_shown(array.shape)}, but needs one with "
                f"{needed} axes",
            )
        return array.shape

    def weight(self, name: str, shape: Sequence[int], *, learned: bool = True) -> Weight:
        """Return a weight of the layer."""
        return Weight(f"{self.path}.{name}", tuple(shape), self.config.dtype, learned)

    def emit(
        self,
        kind: OperationKind,
        inputs: Sequence[Array],
        shape: Shape | None,
        weights: Sequence[Weight] = (),
        source: str = "",
        **fields: Any,
    ) -> Array:
        """Record an operation of the layer; return its output.

        Raises
        ------
        SizeError
            Its output is empty or too large.
        """
        if shape is not None:
            if len(shape) > MAX_AXES:
                self.fail(f"makes an array with {len(shape):,} axes; at most {MAX_AXES} are supported")
            elements = 1
            for side in shape:
                elements *= side
                if side < 1 or elements >= MAX_ELEMENTS:
                    self.fail(f"makes an array of shape {_shown(shape)}")
        return self.recorder.add(
            Operation(
                kind=kind,
                source=source or self.layer.full_class_name,
                name=self.path,
                inputs=tuple(inputs),
                output=self.recorder.array(shape),
                weights=tuple(weights),
                **fields,
            )
        )

    def apply(
        self,
        layer: Layer,
        array: Array,
        weights: Sequence[Weight] = (),
        *,
        channel_axis: int,
        source: str = "",
    ) -> Array:
        """Record a layer of convcli, which determines the output size.

        Raises
        ------
        SizeError
            The layer is impossible on the array.
        """
        shape = self.shape(array)
        try:
            made = layer_shape(layer, shape, channel_axis)
        except SizeError as error:
            size = format_size(size_without_batch(shape, channel_axis))
            raise SizeError(f"{self.path}, {layer.text} on {size}", f"{error.what} {error.why}") from None
        return self.emit(
            OperationKind.LAYER, [array], made, weights, source, layer=layer, channel_axis=channel_axis
        )

    def fail(self, why: str) -> NoReturn:
        """Raise a `SizeError` that names the layer."""
        raise SizeError(self.path, why)

    def view(self, array: Array, shape: Shape) -> Array:
        """Record a reshape."""
        return self.emit(OperationKind.RESHAPE, [array], shape)

    def activate(self, array: Array, key: str = "activation", *, channel_axis: int = -1) -> Array:
        """Record the layer's activation, if it has one."""
        given = self.config.get(key)
        name = given
        if isinstance(given, dict):  # a function, or a layer such as LeakyReLU
            config = given.get("config")
            is_function = isinstance(config, str)
            name = config if is_function else given.get("class_name")
            custom = str(given.get("registered_name") or name) not in (name, "function")
            name = str(given.get("registered_name")) if custom else name
        if given in (None, "linear"):
            return array
        if not isinstance(name, str):
            self.config.fail(key, "the name of a function")
        return self.function(name, array, channel_axis=channel_axis)

    def function(self, name: str, array: Array, *, channel_axis: int = -1) -> Array:
        """Record an elementwise function by its name."""
        known = ACTIVATIONS.get(name.lower().replace("_", ""))
        if known == "linear":
            return self.emit(OperationKind.IDENTITY, [array], array.shape)
        if known is None:
            return self.emit(OperationKind.UNKNOWN, [array], array.shape, source=name)
        if array.shape is None or known not in KINDS:
            return self.emit(OperationKind.UNARY, [array], array.shape, source=name, function=known)
        axis = channel_axis % len(array.shape)
        return self.emit(
            OperationKind.LAYER,
            [array],
            array.shape,
            source=name,
            layer=Elementwise(type=ElementwiseKind(known)),
            channel_axis=axis,
        )


KINDS = set(ElementwiseKind)
# By Keras's names without underscores; values that are no `ElementwiseKind` are functions without a layer.
ACTIVATIONS = {
    "linear": "linear", "identity": "linear", "relu": "relu", "relu6": "relu6", "silu": "silu",
    "swish": "silu", "sigmoid": "sigmoid", "tanh": "tanh", "gelu": "gelu", "hardsilu": "hardswish",
    "hardswish": "hardswish", "leakyrelu": "leakyrelu", "elu": "elu", "selu": "selu", "mish": "mish",
    "hardsigmoid": "hardsigmoid", "softplus": "softplus", "softmax": "softmax", "logsoftmax": "logsoftmax",
    "celu": "celu", "exponential": "exp", "exp": "exp", "hardtanh": "hardtanh", "hardshrink": "hardshrink",
    "softshrink": "softshrink", "tanhshrink": "tanhshrink", "logsigmoid": "logsigmoid",
    "softsign": "softsign", "sparseplus": "sparseplus", "sparsemax": "sparsemax", "squareplus": "squareplus",
    "sparsesigmoid": "sparsesigmoid", "threshold": "threshold",
}  # fmt: skip


def _without_tuples(value: object) -> object:
    """Return a value without Keras's wrapping of tuples."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        return as_mapping(value.get("config")).get("value", value.get("items"))
    return value


def _shown(shape: Shape) -> str:
    return format_size(shape)
