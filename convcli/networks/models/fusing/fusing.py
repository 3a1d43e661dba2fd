"""Groups of operations that together are one layer become that layer, in one pass over a model."""

from collections.abc import Callable

from convcli.networks.models.checking import check_model
from convcli.networks.models.fusing.activations import ActivationSamples
from convcli.networks.models.fusing.affine import affine, joined_weight
from convcli.networks.models.fusing.attention import attention
from convcli.networks.models.fusing.blurring import blur_pooling
from convcli.networks.models.fusing.graph import OperationGraph
from convcli.networks.models.fusing.normalizations import group_normalization, normalization
from convcli.networks.models.fusing.shuffles import all_values, joined_view
from convcli.networks.models.operations import Array, Model, Operation, OperationKind

__all__ = ["fuse"]

Rule = Callable[[OperationGraph, Operation], Operation | Array | None]

RULES: dict[OperationKind, tuple[Rule, ...]] = {
    OperationKind.TRANSPOSE: (joined_view,),
    OperationKind.RESHAPE: (group_normalization, joined_view),
    OperationKind.EXPAND: (joined_view,),
    OperationKind.IDENTITY: (joined_view,),
    OperationKind.LAYER: (blur_pooling,),
    OperationKind.ADD: (joined_weight, affine),
    OperationKind.SUBTRACT: (affine,),
    OperationKind.MULTIPLY: (joined_weight, affine, normalization),
    OperationKind.DIVIDE: (affine, normalization),
    OperationKind.MATMUL: (attention,),
    OperationKind.OTHER: (all_values, affine),
}
SAMPLED = {
    OperationKind.LAYER,
    OperationKind.ADD,
    OperationKind.SUBTRACT,
    OperationKind.MULTIPLY,
    OperationKind.DIVIDE,
    OperationKind.POWER,
    OperationKind.UNARY,
    OperationKind.OTHER,
}


def fuse(model: Model) -> Model:
    """Return a model in which groups of operations that together are one layer are that layer.

    Exporters write out silu as a sigmoid and a product, layer normalization as nine operations, a channel
    shuffle as a reshape, a transpose and a reshape. Views that change nothing are left out.

    Parameters
    ----------
    model : Model

    Examples
    --------
    >>> from convcli.networks.layer_types.elementwise import Elementwise
    >>> x, gate, y = (Array(number, (1, 8, 7, 7)) for number in range(3))
    >>> sigmoid = Operation(
    ...     kind=OperationKind.LAYER,
    ...     source="Sigmoid",
    ...     inputs=(x,),
    ...     output=gate,
    ...     layer=Elementwise(type="sigmoid"),
    ... )
    >>> product = Operation(kind=OperationKind.MULTIPLY, source="Mul", inputs=(gate, x), output=y)
    >>> model = fuse(Model((("x", x),), (("y", y),), (sigmoid, product)))
    >>> [operation.layer for operation in model.operations]
    [Elementwise(type='silu')]
    """
    check_model(model)
    graph = OperationGraph(model)
    samples = ActivationSamples(graph)
    for original in model.operations:
        operation = graph.resolved(original)
        joined = _joined(graph, samples, operation)
        if joined is None:
            graph.add(operation)
        elif isinstance(joined, Array):
            graph.alias(operation, joined)
        else:
            graph.replace(operation, joined)
    return graph.result()


def _joined(
    graph: OperationGraph, samples: ActivationSamples, operation: Operation
) -> Operation | Array | None:
    if not operation.inputs:
        return None
    for rule in RULES.get(operation.kind, ()):
        joined = rule(graph, operation)
        if joined is not None:
            return joined
    return samples.joined(operation) if operation.kind in SAMPLED else None
