"""Attention that is written out: a product, its softmax, and another product."""

from dataclasses import replace

from convcli.networks.layer_types.elementwise import Elementwise, ElementwiseKind
from convcli.networks.models.fusing.graph import OperationGraph, common_path
from convcli.networks.models.operations import Array, Operation, OperationKind

__all__ = ["attention"]

SCALED = (OperationKind.MULTIPLY, OperationKind.DIVIDE)
MAX_STEPS = 8  # between the first product and the softmax


def attention(graph: OperationGraph, operation: Operation) -> Operation | None:
    """Return the attention that a product completes: of a softmax of another product, with values.

    Between the first product and the softmax may lie scaling, masks and position biases that are added, and
    reshapes; between the softmax and the second product what replaces rows that are all masked.
    """
    if len(operation.inputs) != 2:
        return None
    softmax = _softmax(graph, operation.inputs[0])
    if softmax is None:
        return None
    array, others, weights = softmax.inputs[0], list[Array](), list(operation.weights)
    for _ in range(MAX_STEPS):
        maker = graph.maker(array)
        if maker is None or graph.readers(array) != 1:
            return None
        if maker.kind == OperationKind.MATMUL:
            return replace(
                operation,
                kind=OperationKind.ATTENTION,
                inputs=(*maker.inputs, operation.inputs[1], *others),
                weights=(*maker.weights, *weights),
                macs=maker.macs + operation.macs,
                name=common_path([maker, softmax, operation]),
            )
        weights += maker.weights
        if maker.kind == OperationKind.ADD and maker.inputs:
            products = [one for one in maker.inputs if _is_product(graph, one)] or [*maker.inputs]
            array = products[0]
            others += [one for one in maker.inputs if one != array]
        elif (maker.kind in SCALED and len(maker.inputs) == 1) or maker.kind == OperationKind.RESHAPE:
            array = maker.inputs[0]
        else:
            return None
    return None


def _softmax(graph: OperationGraph, array: Array) -> Operation | None:
    maker = graph.maker(array)
    if maker is not None and maker.kind == OperationKind.OTHER and maker.function == "where":
        made = [graph.maker(one) for one in maker.inputs]  # where the softmax is not a number: zero
        found = [one for one in made if one is not None and one.kind == OperationKind.LAYER]
        maker = found[0] if len(found) == 1 else None
    if maker is None or not isinstance(maker.layer, Elementwise):
        return None
    return maker if maker.layer.type == ElementwiseKind.SOFTMAX else None


def _is_product(graph: OperationGraph, array: Array) -> bool:
    """Whether an array is a product, after scaling, adding and reshaping."""
    for _ in range(MAX_STEPS):
        maker = graph.maker(array)
        if maker is None or not maker.inputs:
            return False
        if maker.kind == OperationKind.MATMUL:
            return True
        if maker.kind not in (*SCALED, OperationKind.RESHAPE, OperationKind.ADD):
            return False
        array = maker.inputs[0]
    return False
