"""Rules of matrix products: dense layers, products of two arrays, embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.networks.layer_types.dense import Dense
from convcli.networks.models.einsum import read_einsum
from convcli.networks.models.operations import OperationKind
from convcli.networks.models.pytorch.registry import rule
from convcli.networks.models.pytorch.rules.elementwise import broadcast
from convcli.networks.models.pytorch.rules.views import reshaped
from convcli.networks.models.pytorch.steps import Tensor, elements, shape_text
from convcli.networks.models.shapes import matmul_shape

if TYPE_CHECKING:
    from convcli.networks.models.pytorch.steps import Step

__all__ = ["dense", "multiplied"]


def dense(step: Step, tensor: Tensor, units: int, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """Add a dense layer over the last axis of a tensor, which its kernel fits."""
    shape = tensor.shape or ()
    read, weights = step.weights_of(kernel, bias)
    has_bias = bias is not None and bool(bias.weights)
    return step.emit(
        OperationKind.LAYER,
        [step.computed(tensor), *read],
        (*shape[:-1], units),
        layer=Dense(units=units, bias=has_bias),
        channel_axis=len(shape) - 1,
        weights=weights,
    )


def multiplied(step: Step, first: Tensor, second: Tensor, *, added: Tensor | None = None) -> Tensor:
    """Add a product of matrices, whose leading axes broadcast: a dense layer, if one is a constant.

    `added` is added to it: a bias, if it is a constant of one axis.
    """
    shape, kernel = first.shape or (), second.shape or ()
    try:
        output = matmul_shape(shape, kernel)
    except ValueError as error:
        step.impossible(f"{error}")
    is_bias = added is None or (added.number is None and len(added.shape or ()) <= 1)
    if second.number is None and second.weights and len(kernel) == 2 and is_bias:
        return dense(step, first, kernel[1], second, added)
    macs = elements(output) * shape[-1]
    operands = [first, second, *([] if added is None else [added])]
    return step.emit(OperationKind.MATMUL, operands, output, macs=macs, is_work=True)


@rule("linear", "_linear", "mkldnn_linear", "_mkl_linear")
def linear(step: Step) -> Tensor:
    """A dense layer: the kernel has a row for each of its units."""
    tensor, shape = step.shaped("input" if "input" in step.arguments else "self")
    kernel, kernel_shape = step.shaped("weight", (1, 2))
    bias = step.optional("bias")
    units, inputs = kernel_shape if len(kernel_shape) == 2 else (1, *kernel_shape)
    if not shape or shape[-1] != inputs:
        step.impossible(f"its input is {shape_text(shape)}, but its weights are for {inputs} values")
    if kernel.number is None and (bias is None or bias.number is None):
        output = dense(step, tensor, units, kernel, bias)
        one = len(kernel.shape or ()) == 1
        return reshaped(step, output, shape[:-1]) if one else output
    operands = [tensor, kernel, *([] if bias is None else [bias])]
    output_shape = (*shape[:-1], units) if len(kernel_shape) == 2 else shape[:-1]
    return step.emit(OperationKind.MATMUL, operands, output_shape, macs=elements(shape) * units, is_work=True)


@rule("addmm", "baddbmm")
def add_product(step: Step) -> Tensor:
    """A product of matrices, added to a tensor."""
    names = ("mat1", "mat2") if "mat1" in step.arguments else ("batch1", "batch2")
    first, second = (step.shaped(name, (2, 3))[0] for name in names)
    # With beta 0 the tensor is only a place for the result.
    added = None if step.number("beta", 1) == 0 else step.tensor("self")
    return multiplied(step, first, second, added=added)


@rule("addmv", "addbmm")
def add_vector_product(step: Step) -> Tensor:
    """A product of a matrix and a vector, or of batches that are summed, and a tensor."""
    if "addmv" in step.source:
        return multiplied(step, step.shaped("mat")[0], step.shaped("vec")[0])
    first, second = (step.shaped(name, (3,))[1] for name in ("batch1", "batch2"))
    tensors = [step.tensor(name) for name in ("batch1", "batch2", "self")]
    macs = elements(first) * second[2]
    return step.emit(OperationKind.MATMUL, tensors, (first[1], second[2]), macs=macs, is_work=True)


@rule(
    "mm",
    "bmm",
    "matmul",
    "mv",
    "dot",
    "vdot",
    "inner",
    "__matmul__",
    "linalg_matmul",
    "_int_mm",
    "_scaled_mm",
)
def product(step: Step) -> Tensor:
    """A product of matrices or vectors."""
    second = next((name for name in ("mat2", "vec", "tensor", "other") if name in step.arguments), "other")
    first = "self" if "self" in step.arguments else "input"
    return multiplied(step, step.shaped(first)[0], step.shaped(second)[0])


@rule("outer", "ger", "addr")
def outer(step: Step) -> Tensor:
    """All products of the values of two vectors."""
    names = ("vec1", "vec2") if "vec1" in step.arguments else ("self", "vec2")
    first, second = (step.shaped(name, (1,)) for name in names)
    return step.other([first[0], second[0]], (*first[1], *second[1]))


@rule("einsum")
def einsum(step: Step) -> Tensor:
    """A sum of products over labeled axes, two tensors after the other."""
    equation = step.arguments.get("equation")
    tensors = step.tensors("tensors" if "tensors" in step.arguments else "operands")
    if not isinstance(equation, str):
        step.fail("needs an equation")
    try:
        einsum = read_einsum(equation, [tensor.shape or () for tensor in tensors])
    except ValueError as error:
        step.impossible(f"{error}")
    if len(tensors) == 1:
        return step.other(tensors, einsum.shape)
    last = tensors[-1]
    if einsum.units is not None and last.number is None and last.weights:
        return dense(step, tensors[0], einsum.units, last, None)
    return step.emit(OperationKind.MATMUL, tensors, einsum.shape, macs=einsum.macs, is_work=True)


# Rows of weights ------------------------------------------------------------------------------------------


@rule("embedding")
def embedding(step: Step) -> Tensor:
    """Rows of a table."""
    table, shape = step.shaped("weight")
    indices, index_shape = step.shaped("indices")
    return step.emit(
        OperationKind.EMBEDDING,
        [indices],
        (*index_shape, *shape[1:]),
        weights=table.weights,
        dtype=table.dtype,
    )


@rule("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag(step: Step) -> tuple[Tensor, ...]:
    """Sums or means of rows of a table."""
    table, shape = step.shaped("weight")
    indices, index_shape = step.shaped("indices")
    bags = step.shaped("offsets")[1] if step.has("offsets") and len(index_shape) == 1 else index_shape
    count = bags[0] - step.flag("include_last_offset")
    output = step.emit(
        OperationKind.EMBEDDING, [indices], (count, *shape[1:]), weights=table.weights, dtype=table.dtype
    )
    return output, Tensor((0,)), Tensor((0,)), Tensor((0,))


@rule("cdist", "_cdist_forward")
def distances(step: Step) -> Tensor:
    """Distances of all rows of one matrix from all rows of another."""
    (first, rows), (second, columns) = (step.shaped(name) for name in ("x1", "x2"))
    batch = broadcast(step, rows[:-2], columns[:-2])
    return step.other([first, second], (*batch, rows[-2], columns[-2]))


@rule("cosine_similarity", "pairwise_distance")
def similarities(step: Step) -> Tensor:
    """Similarities of two tensors along an axis."""
    (first, rows), (second, columns) = (step.shaped(name) for name in ("x1", "x2"))
    shape = broadcast(step, rows, columns)
    axis = step.axis("dim", len(shape), 1 if "cosine" in step.source else -1)
    return step.other([first, second], (*shape[:axis], *shape[axis + 1 :]))


@rule("bilinear")
def bilinear(step: Step) -> Tensor:
    """For each unit a product of one vector, a matrix and another vector."""
    (first, rows), (second, columns) = (step.shaped(name) for name in ("input1", "input2"))
    kernel, shape = step.shaped("weight", (3,))
    if rows[:-1] != columns[:-1] or (rows[-1], columns[-1]) != shape[1:]:
        step.impossible(
            f"its inputs are {shape_text(rows)} and {shape_text(columns)}, its weights {shape_text(shape)}"
        )
    bias = step.optional("bias")
    output = (*rows[:-1], shape[0])
    macs = elements(output) * (rows[-1] + 1) * columns[-1]
    operands = [first, second, kernel, *([] if bias is None else [bias])]
    return step.emit(OperationKind.MATMUL, operands, output, macs=macs, is_work=True)


@rule("tensordot")
def tensordot(step: Step) -> Tensor:
    """Sums of products over axes of two tensors."""
    (first, rows), (second, columns) = (step.shaped(name) for name in ("self", "other"))
    summed = [step.checked_axis(axis, len(rows)) for axis in step.integers("dims_self", [])]
    others = [step.checked_axis(axis, len(columns)) for axis in step.integers("dims_other", [])]
    if [rows[axis] for axis in summed] != [columns[axis] for axis in others]:
        step.impossible(f"cannot sum {shape_text(rows)} and {shape_text(columns)} over {summed}, {others}")
    kept = [side for axis, side in enumerate(rows) if axis not in summed]
    kept += [side for axis, side in enumerate(columns) if axis not in others]
    macs = elements(tuple(kept)) * elements(tuple(rows[axis] for axis in summed))
    return step.emit(OperationKind.MATMUL, [first, second], tuple(kept), macs=macs, is_work=True)


@rule("_trilinear")
def trilinear(step: Step) -> Tensor:
    """Sums of products of three tensors, which get new axes first: what `bilinear` is divided into."""
    tensors, shapes = [], []
    for number in (1, 2, 3):
        tensor, shape = step.shaped(f"i{number}")
        sides = list(shape)
        for axis in sorted(step.integers(f"expand{number}", [])):
            sides.insert(axis, 1)
        tensors.append(tensor)
        shapes.append(tuple(sides))
    full = broadcast(step, *shapes)
    summed = [step.checked_axis(axis, len(full)) for axis in step.integers("sumdim", [])]
    output = tuple(side for axis, side in enumerate(full) if axis not in summed)
    # The second product is of what the first has summed.
    macs = elements(full) + (elements(full) // max(full[summed[0]], 1) if summed else 0)
    return step.emit(OperationKind.MATMUL, tensors, output, macs=macs, is_work=True)
