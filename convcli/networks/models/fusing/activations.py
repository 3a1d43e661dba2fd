"""Activations that are written out: expressions of one array, known by their values at a few points."""

import math
from collections.abc import Callable
from dataclasses import replace
from operator import add, gt, lt, mul, sub, truediv
from typing import NamedTuple

from convcli.networks.layer_types.elementwise import Elementwise
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Array, Operation, OperationKind

__all__ = ["ActivationSamples"]

Function = Callable[[float], float]
Samples = tuple[float, ...]

POINTS: Samples = (-7.25, -3.75, -2.5, -1.125, -0.375, 0.25, 1.375, 2.75, 3.5, 6.75)
TOLERANCE = 2e-3  # constants may be stored with 16 bits
MAX_ROOTS = 4  # arrays of which an expression is followed
MAX_OPERATIONS = 16  # in an expression


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def _hardsigmoid(x: float) -> float:
    return min(max(x / 6 + 0.5, 0), 1)


def _tanh_gelu(x: float) -> float:
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


LAYERS: dict[str, Function] = {
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "softplus": _softplus,
    "hardsigmoid": _hardsigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))),
    "hardswish": lambda x: x * _hardsigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
}
FUNCTIONS: dict[str, Function] = {
    "erf": math.erf,
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "tanh": math.tanh,
    "sigmoid": _sigmoid,
    "square": lambda x: x * x,
}
BINARY: dict[str, Callable[[float, float], float]] = {
    OperationKind.ADD: add,
    OperationKind.SUBTRACT: sub,
    OperationKind.MULTIPLY: mul,
    OperationKind.DIVIDE: truediv,
    OperationKind.POWER: math.pow,
    "min": min,
    "max": max,
    "greater": gt,
    "less": lt,
}
WRITTEN_OUT: list[tuple[str, Function]] = [
    *LAYERS.items(),
    ("gelu", _tanh_gelu),
    ("gelu", lambda x: x * _sigmoid(1.702 * x)),
]


class Known(NamedTuple):
    """An activation and its values."""

    type: str
    values: Samples


class Expression(NamedTuple):
    """An array as a function of another array, its root.

    Attributes
    ----------
    root : Array
    values : tuple of float
        Of the array, where the values of the root are `POINTS`.
    operations : int
        Number of operations from the root.
    """

    root: Array
    values: Samples
    operations: int


class ActivationSamples:
    """Finds expressions that are activations, whatever the order of their operations and operands.

    Attributes
    ----------
    expressions : dict
        Expressions that each array is, by its number.
    """

    def __init__(self, graph: OperationGraph) -> None:
        self.graph = graph
        self.expressions: dict[int, list[Expression]] = {}
        self.known = [Known(name, tuple(map(function, POINTS))) for name, function in WRITTEN_OUT]

    def joined(self, operation: Operation) -> Operation | Array | None:
        """Return the activation that an operation completes; an array if that is its result; else None."""
        expressions = self._expressions(operation)
        if not expressions:
            return None
        self.expressions[operation.output.number] = expressions
        if operation.kind == OperationKind.LAYER:
            return None
        for expression in expressions:
            root = expression.root
            if root.shape != operation.output.shape or not self.graph.readers(root):
                continue
            if _is_close(expression.values, POINTS):
                return root
            for name, values in self.known:
                if _is_close(expression.values, values):
                    makers = [self.graph.maker(array) for array in operation.inputs if array != root]
                    path = common_path([*filter(None, makers), operation])
                    return replace(
                        operation, kind=OperationKind.LAYER, layer=Elementwise(type=name), inputs=(root,),
                        name=path, constant=None, function="",
                    )  # fmt: skip
        return None

    def _expressions(self, operation: Operation) -> list[Expression]:
        """Return the output of an operation as expressions of earlier arrays, the nearest first."""
        if operation.weights or not 0 < len(operation.inputs) < 4:
            return []
        function = _function(operation)
        if function is None:
            return []
        first, *others = ({one.root.number: one for one in self._of(array)} for array in operation.inputs)
        results = []
        for number, expression in first.items():
            if expression.operations == MAX_OPERATIONS or not all(number in other for other in others):
                continue
            arguments = zip(expression.values, *(other[number].values for other in others), strict=True)
            try:
                values = tuple(function(*values) for values in arguments)
            except (ValueError, OverflowError, ZeroDivisionError):
                continue  # it has no value at one of the points
            results.append(Expression(expression.root, values, expression.operations + 1))
        return results

    def _of(self, array: Array) -> list[Expression]:
        """Return an array as expressions of others, and of itself if it may be the root of one."""
        earlier = self.expressions.get(array.number, [])
        if earlier and self.graph.readers(array) < 2:
            return earlier
        return [Expression(array, POINTS, 0), *earlier][:MAX_ROOTS]


def _function(operation: Operation) -> Callable[..., float] | None:
    """Return what an operation computes of its inputs; None if that is not known."""
    kind, constant, count = operation.kind, operation.constant, len(operation.inputs)
    if kind == OperationKind.LAYER:
        is_known = isinstance(operation.layer, Elementwise) and count == 1
        return LAYERS.get(operation.layer.type) if operation.layer and is_known else None
    name = operation.function if kind in (OperationKind.UNARY, OperationKind.OTHER) else str(kind)
    if name == "where" and count == 3:
        return lambda chosen, one, other: one if chosen else other
    if name.startswith("clip ") and count == 1:
        low, high = map(float, name.split()[1:])
        return lambda x: min(max(x, low), high)
    if constant is None and count == 1:
        return FUNCTIONS.get(name)
    binary = BINARY.get(name.removeprefix("reverse "))
    if binary is None or count != (2 if constant is None else 1):
        return None
    if constant is None:
        return binary
    if name.startswith("reverse "):
        return lambda x: binary(constant, x)
    return lambda x: binary(x, constant)


def _is_close(values: Samples, expected: Samples) -> bool:
    return all(
        abs(value - wanted) <= TOLERANCE * max(1, abs(wanted))
        for value, wanted in zip(values, expected, strict=True)
    )
