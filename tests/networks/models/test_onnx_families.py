"""Operators that models rarely have: sequences, fused ones of ONNX Runtime, old opsets, arithmetic, errors of each."""

from collections.abc import Sequence
from math import prod
from typing import Any

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.models.operations import OperationKind, Shape
from tests.networks.models.onnx_writer import node, tensor
from tests.networks.models.test_onnx_graphs import CONVOLUTION, kinds_of, run, shapes_of, weights_of

K = OperationKind
NUMBERS = [
    tensor("zero", [], [0]), tensor("one", [], [1]), tensor("two", [], [2]), tensor("nine", [], [9]), tensor("parts", [2], [1, 2]),
    tensor("half", [], [0.5]), tensor("axis", [1], [1]), tensor("seven", [1], [7]), tensor("c", [3]), tensor("d", [8]),
    tensor("s", [], [0.5]), tensor("z", [], [0], kind=2), CONVOLUTION, tensor("p", [3, 8, 8]),
]  # fmt: skip


# Sequences ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("SplitToSequence", ["x", "parts"], ["s1"], axis=1), node("SequenceAt", ["s1", "one"], ["y"])], (1, 2, 8, 8)),
        ([node("SplitToSequence", ["x", "two"], ["s1"], axis=1), node("SequenceAt", ["s1", "one"], ["y"])], (1, 1, 8, 8)),
        ([node("SplitToSequence", ["x"], ["s1"], axis=1, keepdims=0), node("SequenceAt", ["s1", "zero"], ["y"])], (1, 8, 8)),
        ([node("SequenceConstruct", ["x", "x"], ["s1"]), node("ConcatFromSequence", ["s1"], ["y"], axis=1)], (1, 6, 8, 8)),
        ([node("SequenceConstruct", ["x", "x"], ["s1"]), node("ConcatFromSequence", ["s1"], ["y"], axis=0, new_axis=1)], (2, 1, 3, 8, 8)),
        (
            [
                node("SequenceEmpty", [], ["s0"]), node("SequenceInsert", ["s0", "x"], ["s1"]), node("SequenceInsert", ["s1", "w", "zero"], ["s2"]),
                node("SequenceLength", ["s2"], ["n"]), node("Sub", ["n", "one"], ["last"]), node("SequenceAt", ["s2", "last"], ["y"]),
            ],
            (1, 3, 8, 8),
        ),
    ],
)  # fmt: skip
def test_parts_of_sequences_have_their_shapes(nodes: Sequence[bytes], expected: Shape) -> None:
    found = run(nodes, NUMBERS, opset=13)
    assert shapes_of(found) == [expected]
    assert not any(kind == K.UNKNOWN for kind, _ in kinds_of(found))


# ONNX Runtime ---------------------------------------------------------------------------------------------


def test_fused_operators_of_onnx_runtime_have_the_parts_that_they_join() -> None:
    nodes = [
        node("FusedConv", ["x", "v", "c", "x"], ["a"], domain="com.microsoft"),
        node("GroupNorm", ["a", "c", "c2"], ["b"], domain="com.microsoft", groups=3),
        node(
            "SkipLayerNormalization", ["b", "a", "d", "e", "f"], ["g", "", "", "sum"], domain="com.microsoft"
        ),
        node("SkipSimplifiedLayerNormalization", ["g", "sum", "d2"], ["h"], domain="com.microsoft"),
        node("SimplifiedLayerNormalization", ["h", "d3"], ["i"], domain="com.microsoft"),
        node("QuickGelu", ["i"], ["y"], domain="com.microsoft"),
    ]
    tensors = [
        *NUMBERS,
        tensor("v", [3, 3, 1, 1]),
        tensor("c2", [3]),
        *(tensor(name, [8]) for name in ("e", "f", "d2", "d3")),
    ]
    found = run(nodes, tensors)
    layers = [each.layer.type for each in found.operations if each.layer is not None]
    assert layers == ["conv", "gn", "ln", "rms", "rms", "gelu"]
    assert [kind for kind, _ in kinds_of(found)].count(K.ADD) == 4
    assert sum(map(prod, weights_of(found).values())) == 9 + 3 + 3 + 5 * 8
    assert shapes_of(found) == [(1, 3, 8, 8)]


def test_quantized_products_have_no_scales_among_their_parameters() -> None:
    nodes = [
        node("Flatten", ["x"], ["f"]),
        node("QGemm", ["f", "s", "z", "q", "s", "z", "b"], ["g"], domain="com.microsoft", transB=1),
        node("QLinearMatMul", ["g", "s", "z", "p", "s", "z", "s", "z"], ["h"]),
        node(
            "QLinearConcat", ["s", "z", "h", "s", "z", "h", "s", "z"], ["i"], domain="com.microsoft", axis=1
        ),
        node("DynamicQuantizeLinear", ["i"], ["y", "scale", "point"]),
        node("Add", ["scale", "scale"], ["double"]),
    ]
    tensors = [*NUMBERS, tensor("q", [5, 192], kind=3), tensor("b", [5], kind=6), tensor("p", [5, 4], kind=3)]
    found = run(nodes, tensors, outputs=["y", "double", "point"])
    assert shapes_of(found) == [(1, 8), (), ()]
    assert weights_of(found) == {"q": (5, 192), "b": (5,), "p": (5, 4)}


# Old opsets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "opset", "expected"),
    [
        ([node("Add", ["x", "c"], ["y"], broadcast=1, axis=1)], 6, (1, 3, 8, 8)),
        ([node("PRelu", ["x", "c"], ["y"])], 6, (1, 3, 8, 8)),
        ([node("Upsample", ["x"], ["y"], scales=[1.0, 1.0, 2.0, 3.0])], 7, (1, 3, 16, 24)),
        ([node("Slice", ["x"], ["y"], axes=[2, -1], starts=[1, -3], ends=[-1, 100])], 9, (1, 3, 6, 3)),
        ([node("Pad", ["x"], ["y"], pads=[0, 0, 1, 2, 0, 0, 3, 4])], 10, (1, 3, 12, 14)),
        (
            [
                node(
                    "MaxPool",
                    ["x"],
                    ["y"],
                    kernel_shape=[3, 4],
                    strides=[1, 2],
                    dilations=[2, 2],
                    auto_pad="SAME_LOWER",
                )
            ],
            11,
            (1, 3, 8, 4),
        ),  # more than half of the window is padding
        (
            [node("MaxPool", ["x"], ["y"], kernel_shape=[4, 1], dilations=[2, 1], auto_pad="SAME_UPPER")],
            11,
            (1, 3, 8, 8),
        ),
        ([node("Squeeze", ["x"], ["y"])], 11, (3, 8, 8)),
        ([node("ImageScaler", ["x"], ["y"], scale=0.5)], 1, (1, 3, 8, 8)),
        ([node("BatchNormalization", ["x", "p", "p", "p", "p"], ["y"], spatial=0)], 7, (1, 3, 8, 8)),
        ([node("Unsqueeze", ["x"], ["y"], axes=[0, -1])], 11, (1, 1, 3, 8, 8, 1)),
        ([node("TopK", ["x"], ["y", "places"], k=2)], 1, (1, 3, 8, 2)),
        ([node("Clip", ["x"], ["y"], min=0.0, max=6.0)], 6, (1, 3, 8, 8)),
        ([node("Dropout", ["x"], ["y", "mask"], ratio=0.5)], 7, (1, 3, 8, 8)),
    ],
)
def test_attributes_of_old_opsets_are_read(nodes: Sequence[bytes], opset: int, expected: Shape) -> None:
    assert shapes_of(run(nodes, NUMBERS, opset=opset)) == [expected]


# Arithmetic -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "inputs", "expected"),
    [
        ("Add", ["nine", "two"], 11), ("Sub", ["two", "nine"], -7), ("Mul", ["nine", "two"], 18), ("Div", ["nine", "two"], 4),
        ("Mod", ["nine", "two"], 1), ("Pow", ["nine", "two"], 81), ("Pow", ["two", "minus"], 0), ("Min", ["nine", "two"], 2), ("Max", ["nine", "two"], 9),
        ("Sum", ["nine", "two", "one"], 12), ("Neg", ["nine"], -9), ("Abs", ["minus"], 1), ("Floor", ["half"], 0), ("Ceil", ["half"], 1),
        ("Round", ["half"], 0), ("Sqrt", ["nine"], 3), ("Exp", ["zero"], 1), ("Log", ["one"], 0), ("Log", ["zero"], None), ("Reciprocal", ["half"], 2),
        ("Sign", ["minus"], -1), ("Not", ["zero"], 1), ("Equal", ["one", "two"], 0), ("Less", ["one", "two"], 1), ("GreaterOrEqual", ["one", "two"], 0),
        ("LessOrEqual", ["one", "two"], 1), ("Greater", ["one", "two"], 0), ("And", ["one", "zero"], 0), ("Or", ["one", "zero"], 1), ("Xor", ["one", "one"], 0),
        ("BitwiseAnd", ["nine", "one"], 1), ("BitwiseOr", ["nine", "two"], 11), ("Div", ["nine", "zero"], None), ("ReduceProd", ["parts"], 2),
        ("ReduceSum", ["parts"], 3), ("ReduceMin", ["parts"], 1), ("ReduceMax", ["parts"], 2), ("Where", ["one", "nine", "two"], 9),
        ("Where", ["zero", "nine", "two"], 2), ("Cast", ["nine"], 9), ("Gather", ["parts", "minus"], 2), ("Range", ["zero", "nine", "two"], [0, 2, 4, 6, 8]),
        ("NonZero", ["parts"], [0, 1]), ("Tile", ["parts", "axis"], [1, 2]), ("Expand", ["two", "axis"], [2]), ("Transpose", ["matrix"], [1, 3, 2, 4]),
        ("Identity", ["parts"], [1, 2]), ("Tile", ["parts", "pair"], [1, 2, 1, 2]), ("Size", ["matrix"], 4), ("Mean", ["nine"], 9),
    ],
)  # fmt: skip
def test_small_numbers_are_computed(
    operator: str, inputs: Sequence[str], expected: int | list[int] | None
) -> None:
    words: dict[str, Any] = (
        {"to": 7} if operator == "Cast" else {"keepdims": 0} if operator.startswith("Reduce") else {}
    )
    nodes = [
        node(operator, inputs, ["found"], **words),
        node("Reshape", ["found", "flat"], ["flattened"]),
        node("Cast", ["flattened"], ["whole"], to=7),
        node("ConstantOfShape", ["whole"], ["y"]),
    ]
    tensors = [
        *NUMBERS,
        tensor("flat", [1], [-1]),
        tensor("minus", [], [-1]),
        tensor("matrix", [2, 2], [1, 2, 3, 4]),
        tensor("pair", [1], [2]),
    ]
    wanted = None if expected is None else tuple(expected) if isinstance(expected, list) else (expected,)
    if wanted and min(wanted) < 0:
        with pytest.raises(SpecError, match=rf"shape \[{wanted[0]}\] has a negative side"):
            run(nodes, tensors)
        return
    assert shapes_of(run(nodes, tensors)) == [wanted]


# Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (node("Reshape", ["x"], ["y"]), "has no shape"),
        (node("Reshape", ["x", "long"], ["y"]), "keeps sides that it does not have"),
        (node("Flatten", ["x"], ["y"], axis=9), "axis 9 does not exist in 4 dimensions"),
        (node("Squeeze", ["x", "axis"], ["y"]), "cannot drop axis 1: its length is 3, not 1"),
        (node("Unsqueeze", ["x"], ["y"]), "has no axes"),
        (node("Expand", ["x", "seven"], ["y"]), "cannot be expanded to [7]"),
        (node("Slice", ["x"], ["y"]), "needs starts and ends"),
        (node("Slice", ["x", "axis", "parts"], ["y"]), "do not fit each other"),
        (node("Split", ["x", "parts"], ["y", "z"], axis=2), "cannot be split into [1, 2] along axis 2"),
        (node("Split", ["x"], ["y"], num_outputs=2), "has 1 outputs, not 2"),
        (node("SplitToSequence", ["x", "parts"], ["y"], axis=2), "cannot be split into [1, 2] along axis 2"),
        (node("SplitToSequence", ["x", "zero"], ["y"], axis=2), "cannot be split into parts of 0"),
        (node("Gather", ["x", "nine"], ["y"], axis=1), "index [9] does not exist along axis 1"),
        (node("Pad", ["x", "parts"], ["y"]), "needs two amounts for each of 4 axes"),
        (node("Conv", ["c", "w"], ["y"]), "node y"),
        (node("Conv", ["x", "c"], ["y"]), "needs a kernel of 4 dimensions"),
        (node("ConvTranspose", ["x", "w"], ["y"]), "its kernel reads 6 channels, not 3"),
        (node("GlobalAveragePool", ["v"], ["y"]), "needs an image"),
        (node("Gemm", ["x", "w"], ["y"]), "needs two matrices"),
        (node("MatMul", ["x", "one"], ["y"]), "multiplies a number as a matrix"),
        (node("MatMul", ["x", "c"], ["y"]), "cannot multiply 1x3x8x8 by 3: 8 columns meet 3 rows"),
        (
            node("MatMulNBits", ["x", "c"], ["y"], domain="com.microsoft", K=3, N=5),
            "its weights read 3 values",
        ),
        (node("Einsum", ["x", "c"], ["y"], equation="i,j->ij"), "does not fit"),
        (
            node("Einsum", ["x", "c"], ["y"], equation="abcd,d->a"),
            "axis d is 8 in one array and 3 in another",
        ),
        (node("InstanceNormalization", ["v", "c", "c"], ["y"]), "needs channels"),
        (node("InstanceNormalization", ["x", "d", "d"], ["y"]), "its scale is for 8 channels, not 3"),
        (
            node("GroupNormalization", ["x", "c", "c"], ["y"], num_groups=2),
            "2 groups do not divide its channels",
        ),
        (node("Attention", ["x", "x", "w"], ["y"]), "its keys or values do not fit its queries"),
        (node("Attention", ["c", "x", "x"], ["y"]), "0 heads do not divide its values"),
        (
            node("Attention", ["x", "c"], ["y"], domain="com.microsoft", num_heads=1),
            "needs sequences of vectors",
        ),
        (node("GRU", ["x", "w", "w"], ["y"]), "needs sequences of vectors"),
        (node("Resize", ["x", "", "axis"], ["y"]), "has 1 scales or sizes for 4 axes"),
        (node("Resize", ["x"], ["y"]), "has neither scales nor sizes"),
        (node("GridSample", ["x", "c"], ["y"]), "needs an image and a grid"),
        (node("SpaceToDepth", ["c"], ["y"], blocksize=2), "needs an image and a block of at least 1"),
        (node("TopK", ["x", "nine"], ["y"]), "has fewer than 9 values along axis 3"),
        (node("GatherND", ["v", "long"], ["y"]), "has fewer axes than its indices"),
        (node("Add", ["x", "x3"], ["y"]), "sides that are neither equal nor 1 do not fit"),
        (node("SequenceAt", ["nothing", "one"], ["y"]), "position 1 is not in a sequence of 0"),
    ],
)
def test_a_node_that_is_impossible_says_why(bad: bytes, why: str) -> None:
    more = [
        node("SequenceEmpty", [], ["nothing"]),
        node("ReduceMax", ["x"], ["v"], axes=[1, 2, 3], keepdims=0),
        node("Concat", ["x", "x"], ["x3"], axis=1),
    ]
    tensors = [*NUMBERS, tensor("long", [6], [0] * 6)]
    with pytest.raises((SizeError, SpecError)) as caught:
        run([*more, bad], tensors)
    assert why in str(caught.value)
