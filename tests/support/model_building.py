"""Models written by hand, as readers would report them: arrays with shapes, and operations on them."""

from math import prod
from typing import Any

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.operations import Array, Model, Operation, OperationKind, Shape, Weight
from convcli.networks.network import Network

STATISTICS = ("mean", "variance")


class ModelBuilder:
    """Adds operations one by one."""

    def __init__(self) -> None:
        self.inputs: list[tuple[str, Array]] = []
        self.operations: list[Operation] = []
        self._arrays = 0

    def array(self, shape: Shape | None) -> Array:
        self._arrays += 1
        return Array(self._arrays - 1, shape)

    def input(self, *shape: int, name: str = "x") -> Array:
        self.inputs.append((name, self.array(shape)))
        return self.inputs[-1][1]

    def add(
        self,
        kind: OperationKind,
        inputs: Array | tuple[Array, ...],
        shape: Shape | None,
        *weights: Weight,
        source: str = "",
        **more: Any,
    ) -> Array:
        inputs = inputs if isinstance(inputs, tuple) and not isinstance(inputs, Array) else (inputs,)
        operation = Operation(
            kind=kind,
            source=source or str(kind),
            inputs=inputs,
            output=self.array(shape),
            weights=weights,
            **more,
        )
        self.operations.append(operation)
        return operation.output

    def layer(self, layer: Layer, array: Array, shape: Shape | None, *weights: Weight, **more: Any) -> Array:
        return self.add(OperationKind.LAYER, array, shape, *weights, layer=layer, **more)

    def convolution(self, array: Array, filters: int, window: int = 1, *, name: str = "conv") -> Array:
        """Add a convolution that keeps the sides."""
        batch, channels, *sides = array.shape or ()
        layer = Convolution(
            window=(window, window), filters=filters, bias=False, padding=((window // 2,) * 2,) * 2
        )
        kernel = Weight(f"{name}.weight", (filters, channels, window, window))
        return self.layer(layer, array, (batch, filters, *sides), kernel, name=name)

    def normalization(self, array: Array, *, name: str = "bn") -> Array:
        shape = array.shape or ()
        weights = [
            Weight(f"{name}.{part}", shape[1:2], learned=part not in STATISTICS)
            for part in ("weight", "bias", *STATISTICS)
        ]
        return self.layer(Normalization(type="bn"), array, shape, *weights, name=name)

    def dense(self, array: Array, units: int, *, name: str = "fc") -> Array:
        shape = array.shape or ()
        weights = Weight(f"{name}.weight", (units, shape[-1])), Weight(f"{name}.bias", (units,))
        layer = Dense(units=units)
        axis = len(shape) - 1
        return self.layer(layer, array, (*shape[:-1], units), *weights, name=name, channel_axis=axis)

    def elementwise(self, type: str, array: Array) -> Array:
        return self.layer(Elementwise(type=type), array, array.shape)

    def reshape(self, array: Array, *shape: int) -> Array:
        return self.add(OperationKind.RESHAPE, array, shape)

    def transpose(self, array: Array, *permutation: int) -> Array:
        shape = tuple((array.shape or ())[axis] for axis in permutation)
        return self.add(OperationKind.TRANSPOSE, array, shape, permutation=permutation)

    def scalar(self, kind: OperationKind, array: Array, constant: float, *, reverse: bool = False) -> Array:
        """Combine an array and a number."""
        if reverse:
            function = f"reverse {kind}"
            return self.add(OperationKind.UNARY, array, array.shape, constant=constant, function=function)
        return self.add(kind, array, array.shape, constant=constant)

    def function(self, name: str, array: Array) -> Array:
        return self.add(OperationKind.UNARY, array, array.shape, function=name)

    def pair(self, kind: OperationKind, first: Array, second: Array) -> Array:
        shapes = first.shape or (), second.shape or ()
        longer, shorter = sorted(shapes, key=len, reverse=True)
        padded = (1,) * (len(longer) - len(shorter)) + shorter
        return self.add(kind, (first, second), tuple(map(max, longer, padded)))

    def weighted(self, kind: OperationKind, array: Array, name: str, *shape: int) -> Array:
        return self.add(kind, array, array.shape, Weight(name, shape))

    def mean(self, array: Array, *axes: int) -> Array:
        """Average over axes, which are kept."""
        shape = tuple(1 if axis in axes else side for axis, side in enumerate(array.shape or ()))
        return self.add(OperationKind.MEAN, array, shape, axes=axes)

    def product(self, first: Array, second: Array) -> Array:
        one, other = first.shape or (), second.shape or ()
        shape = (*one[:-1], other[-1])
        return self.add(OperationKind.MATMUL, (first, second), shape, macs=prod(shape) * one[-1])

    def model(self, *outputs: Array, **more: Any) -> Model:
        named = tuple((f"y{number}", array) for number, array in enumerate(outputs))
        return Model(tuple(self.inputs), named, tuple(self.operations), **more)

    def network(self, *outputs: Array, **more: Any) -> Network:
        return lower(self.model(*outputs, **more))
