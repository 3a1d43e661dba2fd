"""Graphs of ONNX files: branches, functions, constants, quantization, names, what is not known, costs by formula."""

from collections.abc import Sequence
from math import prod
from typing import Any

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.diagram.diagram import network_diagram
from convcli.networks.models.fusing.fusing import fuse
from convcli.networks.models.input_sizes import input_shapes
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.onnx.file import ModelFile
from convcli.networks.models.onnx.loading import OnnxModel
from convcli.networks.models.onnx.wire import WireReader
from convcli.networks.models.operations import Model, Operation, OperationKind, Shape
from tests.networks.models.onnx_writer import (
    attribute,
    field,
    graph,
    message,
    model,
    node,
    tensor,
    value,
    varint,
)

K = OperationKind
IMAGE = (1, 3, 8, 8)


def loaded(content: bytes) -> OnnxModel:
    """Read a model from bytes."""
    return OnnxModel(ModelFile(WireReader("test.onnx", content)))


def run(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes] = (),
    *,
    shape: Shape = IMAGE,
    outputs: Sequence[str] = ("y",),
    values: Sequence[bytes] = (),
    **options: Any,
) -> Model:
    """Evaluate nodes that read x."""
    named = [value(name) for name in outputs]
    content = graph(nodes, [value("x", shape)], named, tensors, values)
    return loaded(model(content, **options)).evaluate({"x": shape})


def weights_of(found: Model) -> dict[str, Shape]:
    """Return the learned parameters of a model."""
    return {weight.name: weight.shape for weight in found.weights if weight.learned}


def shapes_of(found: Model) -> list[Shape | None]:
    """Return the shapes of a model's outputs."""
    return [array.shape for _, array in found.outputs]


def kinds_of(found: Model) -> list[tuple[OperationKind, str]]:
    """Return what a model does."""
    return [(each.kind, each.source) for each in found.operations]


CONVOLUTION = tensor("w", [6, 3, 3, 3])


# Constants ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        {"value": (5, tensor("", [2], [1, -1]))},
        {"value": (5, tensor("", [2], [1, -1], kind=6))},
        {"value_ints": [1, -1]},
        {"sparse_value": (22, message((1, tensor("", [2], [1, -1])), (3, 2)))},
    ],
)
def test_sizes_come_from_constants_of_every_kind(target: dict[str, Any]) -> None:
    nodes = [node("Constant", [], ["shape"], **target), node("Reshape", ["x", "shape"], ["y"])]
    found = run(nodes)
    assert shapes_of(found) == [None if "sparse_value" in target else (1, 192)]
    assert not found.weights


@pytest.mark.parametrize(
    "data",
    [
        message((1, 2), (2, 7), (8, "shape"), (7, 3), (7, 64)),  # int64_data, not packed
        message((1, 2), (2, 7), (8, "shape"), (7, bytes([3, 64]))),  # packed
        message((1, bytes([2])), (2, 6), (8, "shape"), (5, bytes([3, 64]))),  # int32_data, packed dims
        message((1, 2), (2, 11), (8, "shape"), (10, bytes(6) + b"\x08\x40" + bytes(6) + b"\x50\x40")),
    ],
)
def test_sizes_are_read_from_every_field_of_a_tensor(data: bytes) -> None:
    nodes = [node("Cast", ["shape"], ["whole"], to=7), node("Reshape", ["x", "whole"], ["y"])]
    assert shapes_of(run(nodes, [data])) == [(3, 64)]


@pytest.mark.parametrize(
    "content", [{"value_float": 2.0}, {"value_floats": [1.0, 1.0, 2.0, 2.0]}, {"value_int": 2}]
)
def test_scales_come_from_constants(content: dict[str, Any]) -> None:
    nodes = [
        node("Constant", [], ["scale"], **content),
        node("Cast", ["scale"], ["number"], to=1),
        node("Expand", ["number", "four"], ["scales"]),
        node("Resize", ["x", "", "scales"], ["y"]),
    ]
    (shape,) = shapes_of(run(nodes, [tensor("four", [1], [4])]))
    assert shape == ((1, 3, 16, 16) if "value_floats" in content else (2, 6, 16, 16))


def test_sizes_are_computed_from_the_shape_of_the_input() -> None:
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "two"], ["height"]),
        node("Div", ["height", "minus_three"], ["third"]),  # towards zero
        node("Neg", ["third"], ["positive"]),
        node("Unsqueeze", ["positive"], ["side"], axes=[0]),
        node("Concat", ["batch", "side", "rest"], ["target"], axis=0),
        node("Slice", ["x", "zero", "side", "three"], ["cut"]),
        node("Reshape", ["cut", "target"], ["y"]),
    ]
    tensors = [
        tensor("two", [], [2]), tensor("minus_three", [], [-3]), tensor("batch", [1], [1]), tensor("rest", [1], [-1]),
        tensor("zero", [1], [0]), tensor("three", [1], [3]),
    ]  # fmt: skip
    found = run(nodes, tensors, opset=11)
    assert shapes_of(found) == [(1, 2, 24)]
    assert kinds_of(found) == [(K.SLICE, "Slice"), (K.RESHAPE, "Reshape")]


def test_numbers_of_shapes_are_clipped() -> None:  # padding that TensorFlow calls SAME, as timm computes it
    nodes = [
        node("Clip", ["number", "zero", ""], ["positive"]),
        node("Cast", ["positive"], ["side"], to=7),
        node("Concat", ["one", "side"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["a"]),
        node("Clip", ["x", "zero", "one_number"], ["y"]),
    ]
    tensors = [
        tensor("number", [1], [192.0]), tensor("zero", [], [0.0]), tensor("one", [1], [1]),
        tensor("one_number", [], [1.0]),
    ]  # fmt: skip
    found = run(nodes, tensors, outputs=["a", "y"])
    assert shapes_of(found)[0] == (1, 192)
    assert [each.function for each in found.operations if each.kind == K.UNARY] == ["clip 0 1"]


def test_numbers_that_grow_beyond_all_bounds_are_not_followed() -> None:
    nodes = [node("Mul", [f"n{place}", f"n{place}"], [f"n{place + 1}"]) for place in range(300)]
    nodes += [
        node("Pow", ["n0", "n7"], ["power"]),
        node("Reshape", ["x", "n300"], ["a"]),
        node("Reshape", ["x", "power"], ["y"]),
    ]
    found = run(nodes, [tensor("n0", [2], [3, 64])], outputs=["a", "y"])
    assert shapes_of(found) == [None, None]


@pytest.mark.parametrize(
    "made",
    [
        [node("Pow", ["two", "hundred"], ["n"])],  # too large
        [node("Clip", ["two"], ["n"], min=float("inf"))],
        [
            node("Add", ["row", "column"], ["grid"]),
            node("ReduceMax", ["grid"], ["n"], keepdims=0),
        ],  # too many
        [node("Max", ["row", "column"], ["grid"]), node("ReduceMax", ["grid"], ["n"], keepdims=0)],
        [node("Where", ["row", "row", "column"], ["grid"]), node("ReduceMax", ["grid"], ["n"], keepdims=0)],
    ],
)
def test_numbers_that_are_too_large_or_too_many_are_not_followed(made: list[bytes]) -> None:
    nodes = [*made, node("Reshape", ["x", "n"], ["y"])]
    tensors = [
        tensor("two", [1], [2]), tensor("hundred", [1], [100]), tensor("row", [20], [1] * 20),
        tensor("column", [20, 1], [1] * 20),
    ]  # fmt: skip
    assert shapes_of(run(nodes, tensors)) == [None]


def test_constants_of_many_numbers_are_weights_and_texts_are_none() -> None:
    nodes = [
        node("Constant", [], ["scales"], value_floats=[float(number) for number in range(17)]),
        node("Constant", [], ["text"], value_string="same"),
        node("Foo", ["text"], ["z"], domain="com.acme"),
        node("Unsqueeze", ["x", "last"], ["a"]),
        node("Mul", ["a", "scales"], ["y"]),
    ]
    found = run(nodes, [tensor("last", [1], [4])], outputs=["y", "z"])
    assert shapes_of(found) == [(1, 3, 8, 8, 17), None]
    assert weights_of(found) == {"scales": (17,)}


def test_numbers_of_half_precision_are_not_read_from_their_bits() -> None:
    scales = message((1, 4), (2, 10), (8, "scales"), *[(5, 0x3C00)] * 4)
    assert shapes_of(run([node("Resize", ["x", "", "scales"], ["y"])], [scales])) == [None]


def test_a_constant_of_many_weights_counts_them_all() -> None:
    tensors = [tensor(f"w{place}", [2, 3]) for place in range(66)]
    nodes = [
        node("Concat", [f"w{place}" for place in range(66)], ["w"], axis=0),
        node("Flatten", ["x"], ["a"]),
        node("Gemm", ["a", "w"], ["y"], transB=1),
    ]
    found = run(nodes, tensors, shape=(1, 3, 1, 1))
    assert shapes_of(found) == [(1, 132)]
    assert weights_of(found) == {f"w{place}": (2, 3) for place in range(66)}


def test_external_and_small_and_large_weights_count() -> None:
    nodes = [node("Conv", ["x", "w", "b"], ["y"])]
    found = run(nodes, [CONVOLUTION, tensor("b", [6], [0.5] * 6)])
    assert weights_of(found) == {"w": (6, 3, 3, 3), "b": (6,)}
    assert shapes_of(found) == [(1, 6, 6, 6)]


def test_stored_tensors_that_are_inputs_too_are_no_inputs() -> None:
    content = graph(
        [node("Conv", ["x", "w"], ["y"])],
        [value("x", IMAGE), value("w", [6, 3, 3, 3])],
        [value("y")],
        [CONVOLUTION],
    )
    found = loaded(model(content, opset=7))
    assert [each.name for each in found.inputs] == ["x"]
    assert found.evaluate({"x": IMAGE}).outputs[0][1].shape == (1, 6, 6, 6)


def test_vectors_that_the_exporter_stored_once_count_for_each_layer() -> None:
    nodes = [
        node("Identity", ["b"], ["b2"]),
        node("Conv", ["x", "w", "b"], ["a"], pads=[1, 1, 1, 1]),
        node("Conv", ["a", "v", "b2"], ["c"]),
        node("Identity", ["v"], ["v2"]),
        node("Conv", ["c", "v2"], ["d"]),  # a matrix is shared
        node("Identity", ["v"], ["onnx::Conv_7"]),
        node("Conv", ["d", "onnx::Conv_7"], ["y"]),  # but not one that the exporter has computed
    ]
    found = run(nodes, [tensor("w", [3, 3, 3, 3]), tensor("v", [3, 3, 1, 1]), tensor("b", [3])])
    assert weights_of(found) == {
        "w": (3, 3, 3, 3),
        "b": (3,),
        "v": (3, 3, 1, 1),
        "b2": (3,),
        "onnx::Conv_7": (3, 3, 1, 1),
    }


def test_a_bias_that_is_made_of_one_number_is_none() -> None:
    nodes = [node("Expand", ["zero", "six"], ["b"]), node("Conv", ["x", "w", "b"], ["y"])]
    found = run(nodes, [CONVOLUTION, tensor("zero", [1], [0.0]), tensor("six", [1], [6])])
    assert weights_of(found) == {"w": (6, 3, 3, 3)}
    assert found.operations[0].layer is not None
    assert found.operations[0].layer.text == "conv 6 f3 nobias"


def test_a_sparse_weight_counts_as_its_dense_one() -> None:
    sparse = message((1, tensor("w", [2], [1.0, 2.0])), (3, 192), (3, 5))
    content = message(
        (1, node("Flatten", ["x"], ["a"])),
        (1, node("MatMul", ["a", "w"], ["y"])),
        (11, value("x", IMAGE)),
        (12, value("y")),
        (15, sparse),
    )
    found = loaded(model(content)).evaluate({"x": IMAGE})
    assert (weights_of(found), shapes_of(found)) == ({"w": (192, 5)}, [(1, 5)])


# Order, branches, functions -------------------------------------------------------------------------------


def test_nodes_run_in_any_order() -> None:
    nodes = [node("Relu", [f"v{place}"], [f"v{place + 1}"], name=f"n{place}") for place in range(50)]
    chain = [node("Conv", ["x", "w"], ["v0"]), *nodes, node("Add", ["v50", "v0"], ["y"])]
    found = run(chain[::-1], [CONVOLUTION])
    assert [each.source for each in found.operations] == ["Conv", *["Relu"] * 50, "Add"]


@pytest.mark.parametrize(
    ("nodes", "message_"),
    [
        (
            [node("Relu", ["z"], ["y"], name="lost")],
            "test.onnx, node lost (Relu): reads 'z', which no node makes",
        ),
        (
            [
                node("Add", ["x", "b"], ["a"]),
                node("Relu", ["a"], ["b"], name="round"),
                node("Relu", ["b"], ["y"]),
            ],
            "test.onnx, node a (Add): needs its own output: the graph has a cycle",
        ),
        (
            [node("Relu", ["x"], ["y"]), node("Relu", ["x"], ["y"], name="again")],
            "test.onnx, node again (Relu): makes 'y', which another node makes, too",
        ),
        ([], "test.onnx: output 'y' is made by no node"),
        (
            [node("Split", ["x"], ["y", "x"], axis=2, num_outputs=2)],
            "test.onnx, node y (Split): makes 'x', which exists before it",
        ),
    ],
)
def test_a_graph_that_cannot_run_is_refused(nodes: Sequence[bytes], message_: str) -> None:
    with pytest.raises(SpecError) as caught:
        run(nodes)
    assert str(caught.value) == message_


def _branch(operator: str) -> tuple[int, bytes]:
    return 6, graph([node(operator, ["x", "w"], ["inner"])], [], [value("inner")])


@pytest.mark.parametrize(("rank", "source"), [(4, "Conv"), (3, "ConvInteger")])
def test_the_branch_is_taken_that_the_shape_decides(rank: int, source: str) -> None:
    nodes = [
        node("If", ["is_image"], ["y"], then_branch=_branch("Conv"), else_branch=_branch("ConvInteger")),
        node("Equal", ["rank", "asked"], ["is_image"]),
        node("Size", ["shape"], ["rank"]),
        node("Shape", ["x"], ["shape"]),
    ]
    found = run(nodes, [CONVOLUTION, tensor("asked", [], [rank])])
    assert (kinds_of(found), shapes_of(found)) == ([(K.LAYER, source)], [(1, 6, 6, 6)])


def test_a_branch_that_values_decide_is_not_known() -> None:
    nodes = [
        node("ReduceMax", ["x"], ["most"], keepdims=0),
        node("Greater", ["most", "half"], ["chosen"]),
        node("If", ["chosen"], ["y"], then_branch=_branch("Conv"), else_branch=_branch("Conv")),
    ]
    stated = [value("y", [1, 6, 6, 6])]
    content = graph(nodes, [value("x", IMAGE)], stated, [CONVOLUTION, tensor("half", [], [0.5])])
    found = loaded(model(content)).evaluate({"x": IMAGE})
    assert (kinds_of(found)[-1], shapes_of(found)) == ((K.UNKNOWN, "If"), [(1, 6, 6, 6)])


def test_fields_that_no_version_of_onnx_has_are_skipped() -> None:
    number, later = field(99, 1), field(98, "text") + varint(97 << 3 | 1) + bytes(8)
    convolution = node("Conv", ["x", "w"], ["y"], name="n", domain="ai.onnx") + number + later
    named = field(9, message((1, "namespace"), (3, 1), (2, ": Net/block: Block/conv2d: aten.conv2d.default")))
    side = message((1, 8)) + later
    sides = message((1, message((1, 1))), (1, message((1, 3))), (1, side), (1, side)) + later
    declared = message((1, "x"), (2, message((1, message((1, 1), (2, sides)) + later), (4, b""))))
    sparse = message((1, tensor("s", [1], [1.0])), (3, 2)) + number
    content = (
        graph([convolution + named], [declared], [value("y")], [CONVOLUTION]) + number + field(15, sparse)
    )
    function = _function("Unused", ["a"], []) + number
    domains = message((1, 8), (8, message((1, ""), (3, 1), (2, 17))), (7, content), (25, function)) + later
    file = loaded(domains)
    assert file.inputs[0].shape == IMAGE
    found = file.evaluate({"x": IMAGE})
    assert (kinds_of(found), shapes_of(found)) == ([(K.LAYER, "Conv")], [(1, 6, 6, 6)])
    assert found.operations[0].name == "block"


def _function(name: str, inputs: Sequence[str], nodes: Sequence[bytes]) -> bytes:
    parts: list[tuple[int, Any]] = [
        (1, name),
        (10, "com.acme"),
        *((4, each) for each in inputs),
        (5, "result"),
    ]
    return message(*parts, *((7, each) for each in nodes), (6, "by"), (11, attribute("axis", 1)))


def test_functions_are_replaced_by_their_nodes() -> None:
    reference = message((1, "strides"), (21, "by"), (20, 7))
    convolve = message((1, "data"), (1, "kernel"), (2, "result"), (4, "Conv"), (3, "c"), (5, reference))
    inner = _function("Inner", ["data", "kernel", "left_out"], [convolve])
    outer = _function(
        "Outer",
        ["a", "b"],
        [
            node("Inner", ["a", "b", ""], ["r"], name="in", domain="com.acme", by=[2, 2]),
            node("Relu", ["r"], ["result"]),
        ],
    )
    nodes = [node("Outer", ["x", "w"], ["y"], name="block", domain="com.acme")]
    found = run(nodes, [CONVOLUTION], functions=[inner, outer])
    assert (kinds_of(found), shapes_of(found)) == ([(K.LAYER, "Conv"), (K.LAYER, "Relu")], [(1, 6, 3, 3)])
    assert [each.name for each in found.operations] == ["block.in.c", "block"]


def test_functions_that_call_themselves_are_refused() -> None:
    forever = _function("Forever", ["a"], [node("Forever", ["a"], ["result"], name="f", domain="com.acme")])
    with pytest.raises(SpecError, match=r"has more than 24 graphs or functions within each other"):
        run([node("Forever", ["x"], ["y"], domain="com.acme")], functions=[forever])


def test_functions_that_multiply_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.networks.models.onnx.evaluation.MAX_CALLS", 1000)
    functions = [_function("F0", ["a"], [node("Relu", ["a"], ["result"])])]
    for level in range(1, 20):
        calls = [
            node(
                f"F{level - 1}",
                ["a" if half == 0 else "b"],
                ["b" if half == 0 else "result"],
                domain="com.acme",
            )
            for half in (0, 1)
        ]
        functions.append(_function(f"F{level}", ["a"], calls))
    with pytest.raises(SpecError, match="runs more than 1,000 nodes within others"):
        run([node("F19", ["x"], ["y"], domain="com.acme")], functions=functions)


# What is not known ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "given", "expected"),
    [
        ([1, 5, 8, 8], IMAGE, (1, 5, 8, 8)),
        (["batch", 5, 8, 8], IMAGE, (1, 5, 8, 8)),
        (["other", 5, 8, 8], IMAGE, None),
        ([1, 5, 8, 8], (1, 3, 9, 8), None),  # the file was exported for another size
        (None, IMAGE, None),
    ],
)
def test_an_unknown_operator_has_the_size_that_the_file_states(
    stated: list[int | str] | None, given: Shape, expected: Shape | None
) -> None:
    nodes = [node("Foo", ["x", "w"], ["a"], name="odd", domain="com.acme"), node("Relu", ["a"], ["y"])]
    content = graph(
        nodes, [value("x", ["batch", 3, 8, None])], [value("y")], [tensor("w", [7])], [value("a", stated)]
    )
    found = loaded(model(content)).evaluate({"x": given})
    assert kinds_of(found)[0] == (K.UNKNOWN, "com.acme.Foo")
    assert (found.operations[0].output.shape, weights_of(found)) == (expected, {"w": (7,)})


def test_a_source_of_numbers_that_is_not_known_has_a_table_and_a_diagram() -> None:
    nodes = [
        node("Noise", ["seed"], ["n"], domain="com.acme"),
        node("Conv", ["x", "w"], ["c"]),
        node("Add", ["c", "n"], ["y"]),
    ]
    network = lower(run(nodes, [CONVOLUTION, tensor("seed", [2])]))
    labels = [box.label for box in network_diagram(network).boxes]
    assert set(labels) == {"? com.acme.Noise", "Add", "conv 6 f3 nobias"}
    assert network.params is None


def test_what_follows_an_unknown_size_is_unknown_where_it_costs() -> None:
    nodes = [
        node("Foo", ["x"], ["a", "", "b"], domain="com.acme"),
        node("Relu", ["a"], ["c"]),
        node("Conv", ["c", "w"], ["d"]),
        node("Add", ["d", "b"], ["y"]),
    ]
    found = run(nodes, [CONVOLUTION])
    assert [kind for kind, _ in kinds_of(found)] == [K.UNKNOWN, K.OTHER, K.LAYER, K.LAYER, K.OTHER]
    assert shapes_of(found) == [None]


def test_layers_behind_an_unknown_size_have_their_parameters() -> None:
    nodes = [
        node("Foo", ["x"], ["a"], domain="com.acme"),
        node("Conv", ["a", "w", "b"], ["c"], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("Gemm", ["a", "m", "b"], ["d"], transB=1),
        node("MatMul", ["a", "v"], ["e"]),
        node("Sigmoid", ["a"], ["f"]),
        node("Conv", ["a", "b"], ["g"]),  # no kernel
        node("Gemm", ["a", "a"], ["h"]),
        node("Gemm", ["a", "w"], ["y"]),  # no matrix
    ]
    tensors = [CONVOLUTION, tensor("b", [6]), tensor("m", [6, 9]), tensor("v", [9, 4])]
    found = run(nodes, tensors, outputs=list("cdefghy"), values=[value("c", [1, 6, 7, 7])])
    texts = [each.layer.text if each.layer else each.kind for each in found.operations]
    assert texts == [
        K.UNKNOWN, "conv 6 f3 s2 psame", "fc 6", "fc 4 nobias", "sigmoid", K.UNKNOWN, K.UNKNOWN, K.UNKNOWN,
    ]  # fmt: skip
    assert shapes_of(found) == [(1, 6, 7, 7), *[None] * 6]
    network = lower(found)
    assert (network.params, network.known_params) == (None, 168 + 60 + 36)
    assert (network.layers[1].output, network.known_macs) == ((7, 7, 6), 7 * 7 * 6 * 27)


@pytest.mark.parametrize(
    ("last", "shape", "text"),
    [
        (node("Resize", ["x", "", "scales"], ["y"]), None, ""),
        (node("OneHot", ["x", "depth", "scales"], ["y"]), None, ""),
        (node("SequenceAt", ["x", "zero"], ["y"]), None, ""),
        (node("Clip", ["x", "depth"], ["y"]), IMAGE, "clip"),
    ],
)
def test_operators_whose_numbers_are_computed_from_values(
    last: bytes, shape: Shape | None, text: str
) -> None:
    nodes = [
        node("ReduceMax", ["x"], ["depth"], keepdims=0),
        node("Expand", ["depth", "four"], ["scales"]),
        last,
    ]
    found = run(nodes, [tensor("four", [1], [4]), tensor("zero", [], [0])])
    assert (shapes_of(found), found.operations[-1].function) == ([shape], text)


@pytest.mark.parametrize(
    ("last", "shape", "kind", "opset"),
    [
        (node("Resize", ["x", "double"], ["y"]), (1, 3, 16, 16), K.LAYER, 10),
        (node("Resize", ["x", "", "", "same"], ["y"]), IMAGE, K.IDENTITY, 17),
        (node("MaxRoiPool", ["x", "regions"], ["y"], pooled_shape=[2, 3]), (5, 3, 2, 3), K.OTHER, 17),
        (node("Pad", ["x", "amounts"], ["y"]), (1, 3, 7, 10), K.LAYER, 17),
    ],
)
def test_sizes_of_rare_forms_of_operators(last: bytes, shape: Shape, kind: OperationKind, opset: int) -> None:
    tensors = [
        tensor("double", [4], [1.0, 1.0, 2.0, 2.0]), tensor("same", [4], [1, 3, 8, 8]), tensor("regions", [5, 5]),
        tensor("amounts", [8], [0, 0, -1, 1, 0, 0, 0, 1]),
    ]  # fmt: skip
    found = run([last], tensors, opset=opset)
    assert (shapes_of(found), found.operations[-1].kind) == ([shape], kind)


@pytest.mark.parametrize(
    ("scale", "made", "text"),
    [
        ("scale", [node("ConstantOfShape", ["three"], ["scale"], value=(5, tensor("", [1], [1.0])))], "instancenorm"),
        ("layer1.norm.weight", [], "instancenorm affine"),
        ("ones", [], "instancenorm"),
    ],
)  # fmt: skip
def test_instance_normalization_learns_what_is_no_plain_constant(
    scale: str, made: list[bytes], text: str
) -> None:
    tensors = [
        tensor("three", [1], [3]), tensor("zeros", [3], [0.0] * 3), tensor("ones", [3], [1.0] * 3),
        tensor("layer1.norm.weight", [3], [1.0] * 3),
    ]  # fmt: skip
    [found] = run([*made, node("InstanceNormalization", ["x", scale, "zeros"], ["y"])], tensors).operations
    assert found.layer is not None
    assert found.layer.text == text


def test_microsoft_operators_are_known_and_others_are_not() -> None:
    nodes = [
        node("FusedConv", ["x", "w"], ["a"], domain="com.microsoft"),
        node("Gelu", ["a"], ["b"], domain="com.microsoft"),
        node("Gelu", ["b"], ["y"], domain="com.acme"),
    ]
    found = run(nodes, [CONVOLUTION])
    assert [kind for kind, _ in kinds_of(found)] == [K.LAYER, K.LAYER, K.UNKNOWN]
    assert found.operations[0].source == "com.microsoft.FusedConv"


# Costs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("layout", [0, 1])
def test_recurrent_layers_cost_what_the_formula_says(
    operator: str, gates: int, directions: int, layout: int
) -> None:
    steps, batch, size, hidden = 7, 2, 5, 4
    shape = (batch, steps, size) if layout else (steps, batch, size)
    tensors = [
        tensor("W", [directions, gates * hidden, size]),
        tensor("R", [directions, gates * hidden, hidden]),
        tensor("B", [directions, 2 * gates * hidden]),
    ]
    words: dict[str, Any] = {"direction": "bidirectional"} if directions == 2 else {}
    nodes = [node(operator, ["x", "W", "R", "B"], ["y", "last"], hidden_size=hidden, layout=layout, **words)]
    found = run(nodes, tensors, shape=shape, outputs=["y", "last"])
    outside = (batch, steps, directions, hidden) if layout else (steps, directions, batch, hidden)
    assert shapes_of(found) == [
        outside,
        (batch, directions, hidden) if layout else (directions, batch, hidden),
    ]
    if layout:  # a row of the table shows the directions side by side, as other formats have them
        assert lower(found).layers[0].output == (steps, directions * hidden)
    first = found.operations[0]
    assert (first.kind, first.function) == (K.RECURRENT, operator.lower())
    assert first.macs == steps * batch * directions * gates * hidden * (size + hidden)
    assert sum(prod(shape) for shape in weights_of(found).values()) == directions * gates * hidden * (
        size + hidden + 2
    )


def macs_of(operation: Operation) -> int:
    """Return the multiply-accumulates of a dense layer over its channel axis, or those stated."""
    if operation.layer is None:
        return operation.macs
    shape = operation.inputs[0].shape or ()
    axis = operation.channel_axis
    return operation.layer.macs((*shape[:axis], *shape[axis + 1 :], shape[axis])) or 0


@pytest.mark.parametrize(
    ("nodes", "shape", "result", "macs", "kind"),
    [
        ([node("MatMul", ["x", "w"], ["y"])], (2, 7, 3), (2, 7, 5), 2 * 7 * 3 * 5, K.LAYER),
        ([node("MatMul", ["v", "x"], ["y"])], (2, 3, 7), (2, 5, 7), 2 * 5 * 3 * 7, K.LAYER),
        ([node("MatMul", ["x", "x"], ["y"])], (2, 3, 3), (2, 3, 3), 2 * 27, K.MATMUL),
        ([node("MatMul", ["x", "stack"], ["y"])], (7, 3), (4, 7, 5), 4 * 7 * 15, K.MATMUL),
        ([node("MatMul", ["x", "one"], ["y"])], (2, 7, 3), (2, 7), 42, K.MATMUL),
        ([node("Gemm", ["x", "w", "b"], ["y"])], (2, 3), (2, 5), 30, K.LAYER),
        ([node("Gemm", ["x", "v"], ["y"], transB=1)], (2, 3), (2, 5), 30, K.LAYER),
        ([node("Gemm", ["x", "w"], ["y"], transA=1)], (3, 2), (2, 5), 30, K.LAYER),
        ([node("Gemm", ["x", "x", "x"], ["y"], transB=1)], (2, 2), (2, 2), 8, K.MATMUL),
        ([node("Einsum", ["x", "w"], ["y"], equation="bij,jk->bik")], (2, 7, 3), (2, 7, 5), 210, K.LAYER),
        ([node("Einsum", ["x", "x"], ["y"], equation="b i d, b j d -> b i j")], (2, 7, 3), (2, 7, 7), 2 * 49 * 3, K.MATMUL),
        ([node("Einsum", ["x", "w"], ["y"], equation="...j,jk")], (2, 7, 3), (2, 7, 5), 210, K.LAYER),
        ([node("Einsum", ["x", "stack"], ["y"], equation="bhj,hjk->bhk")], (2, 4, 3), (2, 4, 5), 120, K.MATMUL),
        ([node("Einsum", ["x"], ["y"], equation="bij->bji")], (2, 7, 3), (2, 3, 7), 0, K.TRANSPOSE),
        ([node("Einsum", ["x"], ["y"], equation="bij->b")], (2, 7, 3), (2,), 0, K.OTHER),
        ([node("MatMulInteger", ["x", "w"], ["y"])], (7, 3), (7, 5), 105, K.LAYER),
        ([node("FusedMatMul", ["x", "x"], ["y"], domain="com.microsoft", transB=1)], (2, 7, 3), (2, 7, 7), 294, K.MATMUL),
        ([node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft", transA=1)], (3,), (5,), 15, K.MATMUL),
        ([node("MatMulNBits", ["x", "packed"], ["y"], domain="com.microsoft", K=3, N=5)], (7, 3), (7, 5), 105, K.LAYER),
        ([node("Attention", ["x", "x", "x"], ["y"], q_num_heads=2, kv_num_heads=2)], (2, 7, 6), (2, 7, 6), 2 * 2 * 49 * 6, K.ATTENTION),
        ([node("Attention", ["x", "x", "x"], ["y"])], (2, 3, 7, 4), (2, 3, 7, 4), 2 * 2 * 3 * 49 * 4, K.ATTENTION),
        ([node("MultiHeadAttention", ["x", "x", "x"], ["y"], domain="com.microsoft", num_heads=2)], (2, 7, 6), (2, 7, 6), 2 * 2 * 49 * 6, K.ATTENTION),
        ([node("Attention", ["x", "qkv", "qkv_bias"], ["y"], domain="com.microsoft", num_heads=2)], (2, 7, 6), (2, 7, 6), 2 * 7 * 6 * 18 + 2 * 2 * 49 * 6, K.ATTENTION),
        ([node("DeformConv", ["x", "kernel", "offsets"], ["y"])], IMAGE, (1, 6, 6, 6), 6 * 36 * 27, K.OTHER),
        ([node("Conv", ["x", "x"], ["y"])], (3, 3, 5, 5), (3, 3, 1, 1), 3 * 3 * 75, K.MATMUL),
    ],
)  # fmt: skip
def test_products_cost_what_the_formula_says(
    nodes: Sequence[bytes], shape: Shape, result: Shape, macs: int, kind: OperationKind
) -> None:
    tensors = [
        tensor("w", [3, 5]), tensor("v", [5, 3]), tensor("b", [5]), tensor("stack", [4, 3, 5]), tensor("one", [3]),
        tensor("packed", [5, 1, 2], kind=2), tensor("qkv", [6, 18]), tensor("qkv_bias", [18]),
        tensor("kernel", [6, 3, 3, 3]), tensor("offsets", [1, 18, 6, 6]),
    ]  # fmt: skip
    found = run(nodes, tensors, shape=shape, opset=23)
    assert shapes_of(found) == [result]
    assert sum(map(macs_of, found.operations)) == macs
    assert kind in [each.kind for each in found.operations]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("QLinearConv", ["x", "s", "z", "q", "scales", "z", "s", "z", "b"], ["y"])], {"q": (6, 3, 3, 3), "b": (6,)}),
        ([node("DequantizeLinear", ["q", "scales", "zeros"], ["w"]), node("DequantizeLinear", ["b", "scales"], ["c"]), node("Conv", ["x", "w", "c"], ["y"])], {"q": (6, 3, 3, 3), "b": (6,)}),
        ([node("ConvInteger", ["x", "q", "z", "zeros"], ["y"])], {"q": (6, 3, 3, 3)}),
    ],
)  # fmt: skip
def test_scales_and_zero_points_are_no_parameters(nodes: Sequence[bytes], expected: dict[str, Shape]) -> None:
    tensors = [
        tensor("s", [], [0.5]), tensor("z", [], [0], kind=3), tensor("scales", [6]), tensor("zeros", [6], kind=3),
        tensor("q", [6, 3, 3, 3], kind=3), tensor("b", [6], kind=6),
    ]  # fmt: skip
    found = run(nodes, tensors)
    assert (weights_of(found), shapes_of(found)) == (expected, [(1, 6, 6, 6)])


def test_rows_and_columns_that_are_broadcast_make_an_image() -> None:  # coordinate attention
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("ReduceMean", ["c"], ["rows"], axes=[3]),
        node("ReduceMean", ["c"], ["columns"], axes=[2]),
        node("Mul", ["rows", "columns"], ["gate"]),
        node("Mul", ["c", "gate"], ["y"]),
    ]
    network = lower(run(nodes, [CONVOLUTION]))
    assert [stage.output for stage in network.layers][-4:] == [(6, 1, 6), (1, 6, 6), (6, 6, 6), (6, 6, 6)]


# Layouts, names, errors -----------------------------------------------------------------------------------


def test_a_model_of_tensorflow_has_its_channels_last() -> None:
    nodes = [
        node("Sub", ["image", "mean"], ["centered"], name="model/rescale/sub"),
        node("Transpose", ["centered"], ["t"], name="model/conv1/Conv2D__6", perm=[0, 3, 1, 2]),
        node("Pad", ["t", "pads"], ["padded"], name="model/pad/Pad"),
        node(
            "Conv",
            ["padded", "w"],
            ["c"],
            name="StatefulPartitionedCall/model/conv1/Conv2D",
            strides=[2, 2],
            auto_pad="VALID",
        ),
        node("Clip", ["c", "zero", "six"], ["r"], name="model/relu/Relu6"),
        node("Transpose", ["r"], ["back"], perm=[0, 2, 3, 1]),
        node("Reshape", ["back", "flat"], ["f"], name="model/flatten/Reshape"),
        node("MatMul", ["f", "dense"], ["m"], name="model/fc/MatMul"),
        node("Add", ["m", "bias"], ["y"], name="model/fc/BiasAdd"),
    ]
    tensors = [
        tensor("mean", [3], [0.1, 0.2, 0.3]), tensor("pads", [8], [0, 0, 0, 0, 0, 0, 1, 1]), CONVOLUTION,
        tensor("zero", [], [0.0]), tensor("six", [], [6.0]), tensor("flat", [2], [-1, 96]), tensor("dense", [96, 5]), tensor("bias", [5]),
    ]  # fmt: skip
    content = graph(nodes, [value("image", ["unk__1", 8, 8, 3])], [value("y")], tensors)
    read = loaded(model(content))
    (declared,) = read.inputs
    assert (declared.shape, declared.channel_axis) == (("unk__1", 8, 8, 3), 3)
    found = read.evaluate({"image": (1, 8, 8, 3)})
    assert shapes_of(found) == [(1, 5)]
    layers = [each.layer.text for each in found.operations if each.layer is not None]
    assert layers == ["pad 0:1x0:1", "conv 6 f3 s2 nobias", "relu6", "fc 5 nobias"]
    named = {each.source: each.name for each in found.operations}
    assert (named["Conv"], named["MatMul"]) == ("StatefulPartitionedCall.model.conv1", "model.fc")


def test_a_bias_after_the_transpose_that_keras_writes_belongs_to_the_convolution() -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        node("Conv", ["t", "w"], ["c"]),
        node("Transpose", ["c"], ["back"], perm=[0, 2, 3, 1]),
        node("Cast", ["back"], ["same"], to=1),
        node("Add", ["bias", "same"], ["biased"]),
        node("Transpose", ["biased"], ["u"], perm=[0, 3, 1, 2]),
        node("Conv", ["u", "v"], ["d"]),
        node("Transpose", ["d"], ["out"], perm=[0, 2, 3, 1]),
        node("Mul", ["out", "rows"], ["y"]),  # not one for each channel
    ]
    tensors = [CONVOLUTION, tensor("bias", [1, 1, 1, 6]), tensor("v", [6, 6, 1, 1]), tensor("rows", [6, 1])]
    network = lower(fuse(run(nodes, tensors, shape=(1, 8, 8, 3))))
    assert [stage.text for stage in network.layers] == ["conv 6 f3", "conv 6 f1 nobias", "mul"]
    assert (network.output, network.params) == ((6, 6, 6), 168 + 36 + 6)


@pytest.mark.parametrize(
    ("shape", "kind", "operator", "axis"),
    [
        ([1, 224, 224, 3], 1, "Relu", 3),
        ([1, 3, 224, 224], 1, "Relu", 1),
        ([1, 3, 224, 3], 1, "Relu", 1),
        ([1, 64, 8, 3], 1, "Conv", 1),  # read by a convolution as it is
        (["N", "steps", 8], 1, "Relu", 2),  # a sequence of vectors
        (["steps", "batch", 8], 1, "Relu", 1),
        ([1, 30, 8], 1, "MatMul", 2),
        (["N", 8, "length"], 1, "Relu", 1),  # a sound
        ([1, 128], 7, "Relu", None),  # token numbers
        ([1, 128], 1, "Relu", 1),
        ([], 1, "Relu", None),
    ],
)
def test_the_axis_of_the_channels_of_an_input(
    shape: list[int | str | None], kind: int, operator: str, axis: int | None
) -> None:
    content = graph(
        [node(operator, ["x", "w"], ["y"])], [value("x", shape, kind=kind)], [value("y")], [CONVOLUTION]
    )
    assert [each.channel_axis for each in loaded(model(content)).inputs] == [axis]


def test_a_recurrent_layer_reads_vectors_behind_a_swap_of_batch_and_steps() -> None:
    nodes = [node("Transpose", ["x"], ["a"], perm=[1, 0, 2]), node("LSTM", ["a", "w", "w"], ["y"])]
    content = graph(nodes, [value("x", [1, 30, 8])], [value("y")], [CONVOLUTION])
    assert [(each.channel_axis, each.batch_axis) for each in loaded(model(content)).inputs] == [(2, 0)]


COPIES = [node("Identity", [f"x{place}" if place else "x"], [f"x{place + 1}"]) for place in range(8)]


@pytest.mark.parametrize(
    ("shape", "kind", "nodes", "batch_axis"),
    [
        (["steps", "batch", 8], 1, [node("Shape", ["x"], ["s"]), node("LSTM", ["x", "w", "w"], ["y"])], 1),
        (["steps", "batch", 8], 1, [node("Cast", ["x"], ["a"], to=1), node("GRU", ["a", "w", "w"], ["y"])], 1),
        (["batch", "steps", 8], 1, [node("LSTM", ["x", "w", "w"], ["y"], layout=1)], 0),
        (["steps", "batch"], 7, [node("Gather", ["w", "x"], ["a"]), node("RNN", ["a", "w", "w"], ["y"])], 1),
        (["batch", "steps"], 7, [node("Gather", ["w", "x"], ["a"]), node("Relu", ["a"], ["y"])], 0),
        ([1, 7, 8], 1, [node("LSTM", ["w", "x", "x"], ["y"])], 0),  # its weights
        ([1, 7, 8], 1, [node("LSTM", ["w", "w", "w"], ["y"])], 0),  # not read at all
        ([1, 7, 8], 1, [*COPIES, node("LSTM", ["x8", "w", "w"], ["y"])], 0),  # too far away
    ],
)  # fmt: skip
def test_recurrent_layers_tell_which_axis_of_an_input_is_the_batch(
    shape: list[int | str | None], kind: int, nodes: list[bytes], batch_axis: int
) -> None:
    content = graph(nodes, [value("x", shape, kind=kind)], [value("y")], [CONVOLUTION])
    [found] = loaded(model(content)).inputs
    assert found.batch_axis == batch_axis
    if batch_axis:
        typed = input_shapes([found], 50, "model.onnx")["x"]
        assert typed == ((50, 1, 8) if len(shape) == 3 else (50, 1))


@pytest.mark.parametrize(
    ("name", "metadata", "weight", "expected"),
    [
        ("/layer1/layer1.0/conv1/Conv", {}, "onnx::Conv_193", "layer1.0.conv1"),
        ("/features/features.0/features.0.1/Conv", {}, "w", "features.0.1"),
        ("/Conv", {}, "w", ""),
        ("Conv_0", {}, "w", "Conv_0"),
        ("Conv_0", {}, "layer1.0.conv1.weight", "layer1.0.conv1"),
        ("n", {"pkg.torch.onnx.name_scopes": "['', 'layer1', 'layer1.0', 'conv2d']"}, "val_3", "layer1.0"),
        ("n", {"pkg.torch.onnx.name_scopes": "['', 'conv2d']"}, "val_3", "n"),
        ("n", {"namespace": ": my.Net/layer1: torch.nn.Sequential/layer1.0: torch.nn.Conv2d/conv2d: aten.conv2d.default"}, "w", "layer1.0"),
        ("n", {"other": "text"}, "w", "n"),
    ],
)  # fmt: skip
def test_names_of_modules(name: str, metadata: dict[str, str], weight: str, expected: str) -> None:
    nodes = [node("Conv", ["x", weight], ["y"], name=name, metadata=metadata)]
    assert [each.name for each in run(nodes, [tensor(weight, [6, 3, 3, 3])]).operations] == [expected]


@pytest.mark.parametrize(
    ("nodes", "message_"),
    [
        (
            [node("Conv", ["x", "w"], ["y"], name="/layer1/Conv")],
            "node /layer1/Conv on 2x2x3: filter 3 on input 2 gives floor((2 + 2·0 - 3)/1) + 1 = 0, because the filter "
            "is larger than the padded input (3 > 2); use a padding of at least 1 or a filter of at most 2",
        ),
        ([node("Reshape", ["x", "five"], ["y"], name="r")], "node r on 1x3x2x2: cannot be reshaped to 5: it has 12 values"),
        ([node("Add", ["x", "three"], ["y"])], "node y on 1x3x2x2 and 3: sides that are neither equal nor 1 do not fit each other"),
        ([node("Flatten", ["x"], ["a"]), node("Gemm", ["a", "m"], ["y"])], "node y on 1x12 and 3x5: its weights read 3 values, not 12"),
        ([node("Conv", ["x", "v"], ["y"])], "node y on 1x3x2x2: its kernel reads 4 channels in each of 1 groups, not 3"),
        ([node("Add", ["two", "four"], ["n"]), node("Reshape", ["x", "n"], ["y"])], "node n on 2 and 4: sides that are neither equal nor 1 do not fit each other"),
        ([node("LSTM", ["sequence", "kernel", "recurrence"], ["y"], hidden_size=2)], "node y on 1x8x5 and 1x8x3: its weights are not those of 1 x 2 units"),
        ([node("Concat", ["x", "w"], ["y"], axis=1)], "node y on 1x3x2x2 and 6x3x3x3: cannot be joined along axis 1: other sides differ"),
    ],
)  # fmt: skip
def test_an_impossible_size_names_the_node_and_shows_the_arithmetic(
    nodes: Sequence[bytes], message_: str
) -> None:
    tensors = [
        CONVOLUTION,
        tensor("five", [1], [5]),
        tensor("three", [3]),
        tensor("m", [3, 5]),
        tensor("v", [6, 4, 1, 1]),
        tensor("two", [2], [1, 2]),
        tensor("four", [4], [1, 2, 3, 4]),
        tensor("sequence", [7, 1, 5]),
        tensor("kernel", [1, 8, 5]),
        tensor("recurrence", [1, 8, 3]),
    ]
    with pytest.raises(SizeError) as caught:
        run(nodes, tensors, shape=(1, 3, 2, 2))
    assert str(caught.value) == message_


def test_an_input_without_a_size_is_refused() -> None:
    with pytest.raises(SizeError, match="input 'x': has no size"):
        loaded(model(graph([node("Relu", ["x"], ["y"])], [value("x")], [value("y")]))).evaluate({})
