"""Programs of PyTorch in .pt2 files, against what PyTorch computed for the same networks."""

import json
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.models.operations import Model, ModelInput, Operation, OperationKind
from convcli.networks.models.pytorch.calls import Reference, Subprogram
from convcli.networks.models.pytorch.loading import load_pt2
from convcli.networks.models.pytorch.parsing import parse_program
from convcli.networks.models.shapes import size_without_batch

MODELS = Path(__file__).parents[2] / "data" / "models"
NAMES = sorted(path.stem for path in MODELS.glob("*.pt2"))


def macs_of(operation: Operation) -> int:
    """Return the multiply-accumulates of an operation, for all pictures of its batch."""
    if operation.layer is None:
        return operation.macs
    shape = operation.inputs[0].shape or ()
    batch = prod(shape[: int(len(shape) > 1 and operation.channel_axis > 0)])
    return (operation.layer.macs(size_without_batch(shape, operation.channel_axis)) or 0) * batch


def counts(model: Model) -> tuple[int, int, int]:
    """Return parameters, buffers and multiply-accumulates."""
    learned = [weight.elements for weight in model.weights if weight.learned]
    kept = [weight.elements for weight in model.weights if not weight.learned and weight.shape]
    return sum(learned), sum(kept), sum(map(macs_of, model.operations))


@pytest.mark.parametrize("name", NAMES)
def test_counts_and_sizes_are_those_that_pytorch_traced(name: str) -> None:
    truth: dict[str, Any] = json.loads((MODELS / f"{name}.json").read_text("utf-8"))
    loaded = load_pt2(MODELS / f"{name}.pt2")
    model = loaded.evaluate({"x": tuple(truth["input"][0])})
    assert counts(model) == (truth["params"], truth["buffers"], truth["macs"])
    sizes = truth["output"]
    if isinstance(sizes, dict):
        sizes = list(sizes.values())
    expected = [tuple(size) for size in (sizes if isinstance(sizes[0], list) else [sizes])]
    assert [array.shape for _, array in model.outputs] == expected
    assert [each for each in model.operations if each.kind == OperationKind.UNKNOWN] == []
    # Everything with multiply-accumulates, in order.
    work = [(each.output.shape, macs_of(each)) for each in model.operations if macs_of(each)]
    traced = [(tuple(each["out"]), each["macs"]) for each in truth["ops"] if each["macs"]]
    assert [macs for _, macs in work] == [macs for _, macs in traced]
    assert [prod(shape or ()) for shape, _ in work] == [prod(shape) for shape, _ in traced]


def test_operations_have_the_names_of_their_modules_and_weights() -> None:
    model = load_pt2(MODELS / "resnet18.pt2").evaluate({"x": (1, 3, 224, 224)})
    first = model.operations[0]
    assert (first.source, first.name) == ("aten.conv2d", "conv1")
    assert [weight.name for weight in first.weights] == ["conv1.weight"]
    assert "layer4.1.bn2" in {each.name for each in model.operations}
    batch_norm = model.operations[1].weights
    assert [(weight.name, weight.learned) for weight in batch_norm] == [
        ("bn1.weight", True), ("bn1.bias", True), ("bn1.running_mean", False), ("bn1.running_var", False),
    ]  # fmt: skip


# Dynamic sizes, shared weights, regions -------------------------------------------------------------------


def test_dynamic_sides_are_computed_for_any_input() -> None:
    loaded = load_pt2(MODELS / "pytorch" / "dynamic.pt2")
    assert loaded.inputs == (ModelInput("x", ("s77", 3, "s53", "s0"), 1),)
    for height, width in ((32, 40), (17, 64)):
        model = loaded.evaluate({"x": (1, 3, height, width)})
        positions = ((height - 3) // 2 + 1) * ((width - 3) // 2 + 1)
        assert [array.shape for _, array in model.outputs] == [
            (1, positions, 32), (1, 8, height, width),
        ]  # fmt: skip
        # Two convolutions, a dense layer, and an LSTM of two layers of two directions of 16 units.
        lstm = 2 * 4 * 16 * ((8 + 16) + (32 + 16))
        expected = height * width * 8 * 27 + positions * (8 * 72 + 64 + lstm)
        assert counts(model) == (7 + 224 + 584 + 72 + 9728, 4, expected)
        kinds = {each.source: each.kind for each in model.operations}
        assert kinds["aten.lstm"] == OperationKind.RECURRENT


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"x": (1, 3, 8, 40)}, "input x of 1x3x8x40: has a side of 8, but the file allows at least 16 and at most 512"),
        ({"x": (1, 3, 600, 40)}, "input x of 1x3x600x40: has a side of 600, but the file allows at least 16 and at most 512"),
        ({"x": (1, 3, 40)}, "input x: has 4 axes, but its size is 1x3x40"),
        ({"input": (1, 3, 32, 32)}, "input x: has no size"),
        ({"x": (1, 4, 32, 32)}, "c: aten.conv2d: its input has 4 channels, but its kernel of 8x3x3x3 is for 3"),
    ],
)  # fmt: skip
def test_sizes_that_a_file_does_not_allow_are_refused(shapes: dict[str, Any], message: str) -> None:
    with pytest.raises(SizeError) as caught:
        load_pt2(MODELS / "pytorch" / "dynamic.pt2").evaluate(shapes)
    assert str(caught.value) == message


def test_shared_weights_have_one_name_and_regions_are_entered() -> None:
    model = load_pt2(MODELS / "pytorch" / "shared.pt2").evaluate({"i": (2, 5)})
    assert counts(model)[0] == 100 * 16 + 16 * 16 + 16  # the embedding is also the last layer
    by_source = {each.source: each for each in model.operations}
    assert by_source["aten.embedding"].weights == by_source["aten.linear"].weights
    assert [each.name for each in model.operations if each.source == "aten.linear"] == ["l", "l", "o"]
    doubled = by_source["aten.mul"]  # within torch.no_grad
    assert (doubled.constant, doubled.inputs[0].shape) == (2, (2, 5, 16))
    # x[:, 0] = 1 changes x, which the last layer reads.
    written, joined = [each for each in model.operations if each.source == "aten.fill_"]
    assert joined.inputs == (doubled.output, written.output)
    assert joined.output == model.operations[-2].output
    assert model.operations[-1].inputs == (model.operations[-2].output,)


def test_a_view_that_no_longer_fits_shows_the_arithmetic() -> None:
    with pytest.raises(SizeError) as caught:
        load_pt2(MODELS / "vit_b_16.pt2").evaluate({"x": (1, 3, 320, 320)})
    assert str(caught.value) == (
        "aten.reshape: cannot reshape 1x768x20x20 (307,200 values) to 1x768x196 (150,528 values)"
    )


# Layouts and damage ---------------------------------------------------------------------------------------

SIZES = {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3], "y": [1, 4, 6, 6], "z": [1, 4, 6, 6]}


def program(**changes: Any) -> dict[str, Any]:
    """Return a program of a convolution and an unknown operation, as torch.export.save writes it."""
    tensors = {name: {"as_tensor": {"name": name}} for name in SIZES}
    nodes = [
        node("torch.ops.aten.conv2d.default", {"input": tensors["x"], "weight": tensors["w"]}, "y"),
        node("torch.ops.mylib.foo.default", {"a": tensors["y"]}, "z"),
    ]
    graph = {
        "nodes": nodes,
        "tensor_values": {
            name: {"dtype": 7, "sizes": [{"as_int": side} for side in sides]} for name, sides in SIZES.items()
        },
        "sym_int_values": {},
    }
    specs = [
        {"parameter": {"arg": {"name": "w"}, "parameter_name": "conv.weight"}},
        {"user_input": {"arg": tensors["x"]}},
    ]
    signature = {"input_specs": specs, "output_specs": [{"user_output": {"arg": tensors["z"]}}]}
    return {"graph_module": {"graph": graph | changes, "signature": signature}, "range_constraints": {}}


def node(target: str, inputs: dict[str, Any], output: str) -> dict[str, Any]:
    return {
        "target": target,
        "inputs": [{"name": name, "arg": argument} for name, argument in inputs.items()],
        "outputs": [{"as_tensor": {"name": output}}],
        "metadata": {},
    }


def saved(path: Path, members: dict[str, Any]) -> Path:
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, str) else json.dumps(content))
    return path


def test_an_unknown_operation_has_the_size_that_the_file_states_for_its_own_inputs(tmp_path: Path) -> None:
    loaded = load_pt2(saved(tmp_path / "a.pt2", {"a/models/model.json": program()}))
    unknown = loaded.evaluate({"x": (1, 3, 8, 8)}).operations[1]
    assert (unknown.kind, unknown.source) == (OperationKind.UNKNOWN, "mylib.foo")
    assert (unknown.inputs[0].shape, unknown.output.shape) == ((1, 4, 6, 6), (1, 4, 6, 6))
    assert loaded.evaluate({"x": (1, 3, 9, 9)}).operations[1].output.shape is None


def test_what_follows_an_operation_of_unknown_size_is_unknown_only_if_it_has_costs(tmp_path: Path) -> None:
    names = {name: {"as_tensor": {"name": name}} for name in ("z", "r", "w")}
    document = program()
    nodes = document["graph_module"]["graph"]["nodes"]
    nodes += [
        node("torch.ops.aten.relu.default", {"self": names["z"]}, "r"),
        node("torch.ops.aten.conv2d.default", {"input": names["r"], "weight": names["w"]}, "c"),
    ]
    loaded = load_pt2(saved(tmp_path / "a.pt2", {"a/models/model.json": document}))
    kinds = [each.kind for each in loaded.evaluate({"x": (1, 3, 9, 9)}).operations[2:]]
    assert kinds == [OperationKind.OTHER, OperationKind.UNKNOWN]


def test_the_layouts_of_earlier_versions_are_read(tmp_path: Path) -> None:
    document = program()
    document["graph_module"]["signature"] = {  # of torch 2.1
        "inputs_to_parameters": {"w": "conv.weight"}, "inputs_to_buffers": {}, "user_inputs": ["x"],
        "user_outputs": ["z"],
    }  # fmt: skip
    path = saved(tmp_path / "a.pt2", {"serialized_exported_program.json": document, "version": "5.1"})
    model = load_pt2(path).evaluate({"x": (1, 3, 8, 8)})
    assert counts(model) == (4 * 27, 0, 36 * 4 * 27)
    assert model.outputs[0][0] == "z"


@pytest.mark.parametrize(
    ("stack", "module"),
    [
        ("L__self__,,A;L__self___layer1_0,layer1.0,torch.nn.Conv2d", "layer1.0"),
        ("L__self___layer1_0,L['self'].layer1[0],torch.nn.Conv2d", "layer1.0"),
        ("L__self___a_0,getattr(L['self'].a, '0').b,torch.nn.Conv2d", "a.0.b"),
        ("L__self__,L['self'],A", ""),
        ("nonsense", ""),
    ],
)
def test_modules_are_named_as_in_python(stack: str, module: str) -> None:
    document = program()
    document["graph_module"]["graph"]["nodes"][0]["metadata"] = {"nn_module_stack": stack}
    assert parse_program(document, {}, "a.pt2").program.calls[0].module == module


def spelled_out(value: Any) -> Any:
    """Return JSON as torch 2.2 writes it: with all that an argument is not."""
    if isinstance(value, list):
        return [spelled_out(part) for part in value]
    if not isinstance(value, dict):
        return value
    others: dict[str, Any] = {}
    if len(value) == 1 and next(iter(value)).startswith("as_"):
        others = dict.fromkeys(("as_none", "as_tensor", "as_int", "as_expr", "as_name"))
    if value and value.keys() <= {"parameter", "user_input", "user_output"}:
        others = dict.fromkeys(("parameter", "buffer", "user_input", "user_output"))
    return others | {name: spelled_out(part) for name, part in value.items()}


def test_the_json_of_torch_2_2_is_read(tmp_path: Path) -> None:
    document = spelled_out(program())
    nodes = document["graph_module"]["graph"]["nodes"]
    assert nodes[0]["inputs"][0]["arg"]["as_int"] is None
    optional = {
        "as_optional_tensors": [{"as_tensor": "w", "as_none": None}, {"as_tensor": None, "as_none": []}]
    }
    nodes[1]["inputs"].append({"name": "more", "arg": optional})
    path = saved(tmp_path / "a.pt2", {"serialized_exported_program.json": document})
    loaded = load_pt2(path)
    assert loaded.inputs == (ModelInput("x", (1, 3, 8, 8), 1),)
    assert loaded.program.calls[1].arguments["more"] == [Reference("w"), None]
    assert counts(loaded.evaluate({"x": (1, 3, 8, 8)})) == (4 * 27, 0, 36 * 4 * 27)


def deep(levels: int) -> str:
    return '{"graph_module": ' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a/archive_format": "pt2"}, "holds no program of torch.export.save"),
        ({"a/data.pkl": "", "a/version": "3"},
         "holds no program of torch.export.save: it was written by torch.save or torch.jit.save; use torch.export.save"),
        ({"a/data/aotinductor/model/x.so": ""},
         "holds no program of torch.export.save: it was compiled by AOTInductor; save the exported program itself"),
        ({"a/models/b.json": {}, "a/models/c.json": {}},
         "holds several programs: a/models/b.json, a/models/c.json; save each on its own"),
        ({"a/models/model.json": {}}, "is damaged, or no program that torch.export.save wrote"),
        ({"a/models/model.json": []}, "is damaged, or no program that torch.export.save wrote"),
        ({"a/models/model.json": program(nodes=3)}, "is damaged, or no program that torch.export.save wrote"),
        ({"a/models/model.json": program(tensor_values={})}, "is damaged, or no program that torch.export.save wrote"),
        ({"a/models/model.json": deep(800)}, "is damaged, or no program that torch.export.save wrote"),
    ],
)  # fmt: skip
def test_files_that_hold_no_program_are_refused(
    members: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "a.pt2", members)
    with pytest.raises(SpecError) as caught:
        load_pt2(path)
    assert str(caught.value) == f"{path}: {message}"


def within(levels: int) -> dict[str, Any]:
    """Return an argument that is a program, with programs within each other."""
    graph: dict[str, Any] = {
        "inputs": [],
        "outputs": [],
        "nodes": [],
        "tensor_values": {},
        "sym_int_values": {},
    }
    for _ in range(levels):
        inner = {"name": "g", "arg": {"as_graph": {"name": "g", "graph": graph}}}
        graph = graph | {"nodes": [{"target": "higher_order.wrap", "inputs": [inner], "outputs": []}]}
    return {"as_graph": {"name": "g", "graph": graph}}


def stating(name: str, sizes: list[Any]) -> dict[str, Any]:
    """Return the program with other sizes stated for a tensor."""
    values = program()["graph_module"]["graph"]["tensor_values"]
    return program(tensor_values=values | {name: {"dtype": 7, "sizes": sizes}})


@pytest.mark.parametrize(
    "document",
    [
        stating("y", [{"as_int": 1}] * 65),
        stating("y", [{"as_int": "8"}]),
        stating("w", [{"as_expr": {"expr_str": "u0"}}]),
        stating("w", [{"as_int": -1}]),
        program(nodes=[{"target": 3, "inputs": [], "outputs": []}]),
        program(nodes=[node("aten.relu.default", {"self": {"as_int": []}}, "y")]),
        program(nodes=[node("higher_order.wrap", {"0": within(20)}, "y")]),
    ],
)
def test_statements_that_no_exporter_writes_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_program(document, {}, "a.pt2")
    assert str(caught.value) == "a.pt2: is damaged, or no program that torch.export.save wrote"
    parse_program(program(nodes=[node("higher_order.wrap", {"0": within(19)}, "y")]), {}, "a.pt2")


def test_numbers_without_a_value_for_the_exported_inputs_are_unknown() -> None:
    document = program(sym_int_values={"n": {"as_expr": {"expr_str": "u0"}}})
    document["graph_module"]["signature"]["input_specs"].append(
        {"user_input": {"arg": {"as_sym_int": {"as_name": "n"}}}}
    )
    parsed = parse_program(document, {}, "a.pt2").program
    assert (parsed.constants, "n" in parsed.stated) == ({"n": None}, False)


def test_weights_that_share_memory_have_the_first_name(tmp_path: Path) -> None:
    meta = {"dtype": 7, "sizes": [{"as_int": 4}]}
    entries = {"a": {"path_name": "weight_0", "tensor_meta": meta}, "none": {"path_name": None},
               "conv.weight": {"path_name": "weight_0", "tensor_meta": meta}}  # fmt: skip
    members = {
        "a/models/model.json": program(),
        "a/data/weights/model_weights_config.json": {"config": entries},
    }
    loaded = load_pt2(saved(tmp_path / "a.pt2", members))
    assert [weight.name for weight in loaded.program.weights.values()] == ["a"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"as_tensor": {"name": "gone"}}, "gone is used before it is computed"),
        ({"as_string": "x"}, "aten.conv2d needs a tensor as its argument weight"),
        ({"as_none": True}, "aten.conv2d needs a tensor as its argument weight"),
    ],
)
def test_arguments_that_a_function_cannot_have_are_refused(
    argument: dict[str, Any], message: str, tmp_path: Path
) -> None:
    document = program()
    document["graph_module"]["graph"]["nodes"][0]["inputs"][1]["arg"] = argument
    path = saved(tmp_path / "a.pt2", {"a/models/model.json": document})
    with pytest.raises(SpecError) as caught:
        load_pt2(path).evaluate({"x": (1, 3, 8, 8)})
    assert str(caught.value) == f"{path}: {message}"


def test_every_kind_of_argument_and_input_is_read() -> None:
    number = {"as_expr": {"expr_str": "s0", "hint": {"as_int": 8}}}
    arguments = {
        "none": {"as_none": True}, "device": {"as_device": {"type": "cpu"}}, "int": {"as_int": 3},
        "floats": {"as_floats": [1.5]}, "lists": {"as_int_lists": [[1, 2]]}, "text": {"as_string": "same"},
        "type": {"as_scalar_type": 13}, "tensor": {"as_optional_tensor": {"as_tensor": {"name": "x"}}},
        "tensors": {"as_optional_tensors": [{"as_none": True}, {"as_tensor": {"name": "x"}}]},
        "nested": {"as_nested_tensors": [[{"name": "x"}]]}, "number": {"as_sym_int": {"as_name": "n"}},
        "numbers": {"as_sym_ints": [{"as_name": "n"}, {"as_int": 2}]}, "new": {"as_something_new": 1},
        "graph": {"as_graph": {"name": "g", "graph": {
            "inputs": [{"as_tensor": {"name": "a"}}], "outputs": [{"as_tensor": {"name": "b"}}], "sym_int_values": {},
            "nodes": [node("torch.ops.aten.relu.default", {"self": {"as_tensor": {"name": "a"}}}, "b")],
            "tensor_values": {"b": {"dtype": 99, "sizes": [{"as_expr": {"expr_str": "u0"}}]}},
        }}},
    }  # fmt: skip
    document = program(nodes=[], sym_int_values={"n": number})
    graph, signature = document["graph_module"]["graph"], document["graph_module"]["signature"]
    graph["nodes"] = [node("_operator.add", arguments, "y")]
    graph["nodes"][0]["inputs"].append({"name": "", "arg": {"as_bool": True}})
    graph["nodes"][0]["outputs"] = [
        {"as_tensors": [{"name": "p"}]}, {"as_optional_tensors": [{"as_none": True}, {"as_tensor": {"name": "q"}}]},
        {"as_sym_int": {"as_name": "r"}}, {"as_sym_int": {"as_int": 3}}, {"as_none": True},
    ]  # fmt: skip
    graph["nodes"][0]["metadata"] = {"nn_module_stack": "L__self__,L['self'],A;L__self___b,L['self'].b,B"}
    graph["tensor_values"]["x"]["sizes"] = [number, {"as_int": 3}, {"as_expr": {"expr_str": "2*s1"}},
                                            {"as_expr": {"expr_str": "Symbol('s7', integer=True)"}}]  # fmt: skip
    signature["input_specs"] += [
        {"constant_input": {"name": "k", "value": {"as_float": 0.5}}}, {"token": {"arg": {"name": "t"}}},
        {"user_input": {"arg": {"as_sym_int": {"as_name": "n"}}}}, {"user_input": {"arg": {"as_int": 3}}},
    ]  # fmt: skip
    signature["output_specs"] += [
        {"user_output": {"arg": {"as_sym_int": {"as_name": "n"}}}},
        {"buffer_mutation": {"arg": {"name": "w"}, "buffer_name": "w"}}, {"loss_output": {"arg": {"name": "y"}}},
    ]  # fmt: skip
    document["range_constraints"] = {"s0": {"min_val": 2, "max_val": "int_oo"}}
    parsed = parse_program(document, {}, "a.pt2")
    call = parsed.program.calls[0]
    inner = call.arguments.pop("graph")
    assert isinstance(inner, Subprogram)
    assert (inner.inputs, inner.outputs) == (("1/a",), (Reference("1/b"),))
    assert inner.calls[0].arguments == {"self": Reference("1/a")}
    x, n = Reference("x"), Reference("n")
    assert call.arguments == {
        "none": None, "device": None, "int": 3, "floats": [1.5], "lists": [[1, 2]], "text": "same", "type": "bfloat16",
        "tensor": x, "tensors": [None, x], "nested": [[x]], "number": n, "numbers": [n, 2], "new": None, "14": True,
    }  # fmt: skip
    assert call.outputs == (("p",), (None, "q"), "r", None, None)
    assert (call.target, call.module) == ("_operator.add", "b")
    assert parsed.program.inputs == (ModelInput("x", ("s0", 3, None, "s7"), 1),)
    assert parsed.program.constants == {"k": 0.5, "n": 8}
    assert [name for name, _ in parsed.program.outputs] == ["z", "y"]
    assert parsed.ranges == {"s0": (2, None)}


@pytest.mark.parametrize(
    ("target", "arguments", "axis"),
    [
        ("aten.linear.default", {}, 3),
        ("aten.conv2d.default", {}, 1),
        ("aten.permute.default", {"dims": [0, 3, 1, 2]}, 3),
        ("aten.permute.default", {"dims": [0]}, 1),
        ("aten.relu.default", {}, 1),
    ],
)
def test_the_first_call_that_reads_an_input_tells_its_channels(
    target: str, arguments: dict[str, Any], axis: int
) -> None:
    document = program()
    x = {"as_tensor": {"name": "x"}}
    copied = {"as_tensor": {"name": "c"}}
    given = {"self": copied} | {name: {"as_ints": value} for name, value in arguments.items()}
    nodes = [node("torch.ops.aten.clone.default", {"self": x}, "c"), node(f"torch.ops.{target}", given, "y")]
    document["graph_module"]["graph"]["nodes"] = nodes
    assert parse_program(document, {}, "a.pt2").program.inputs[0].channel_axis == axis


def test_a_sequence_of_vectors_has_its_values_last() -> None:
    document = program()
    sides = [{"as_int": 1}, {"as_expr": {"expr_str": "s1"}}, {"as_int": 8}]
    document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"] = sides
    assert parse_program(document, {}, "a.pt2").program.inputs == (ModelInput("x", (1, "s1", 8), 2),)


def test_what_comes_far_behind_an_input_tells_nothing_about_it() -> None:
    names = ["x", *(f"c{at}" for at in range(20))]
    copies = [
        node("torch.ops.aten.clone.default", {"self": {"as_tensor": {"name": name}}}, following)
        for name, following in pairwise(names)
    ]
    for rank, axis, batch in ((4, 1, 0), (3, 1, 0), (2, None, 0)):
        document = stating("x", [{"as_int": 5}] * rank)
        for reader, count in (("linear", 21), ("lstm", 20)):
            last = {"as_tensor": {"name": names[min(count, 20)]}}
            nodes = [*copies, node(f"torch.ops.aten.{reader}.default", {"input": last}, "y")]
            document["graph_module"]["graph"]["nodes"] = nodes
            [found] = parse_program(document, {}, "a.pt2").program.inputs
            assert (found.channel_axis, found.batch_axis) == (axis, batch)


@pytest.mark.parametrize(
    ("target", "arguments", "axis"),
    [
        ("aten.lstm.input", {"input": {"as_tensor": {"name": "c"}}, "batch_first": {"as_bool": False}}, 1),
        ("aten.gru.input", {"input": {"as_tensor": {"name": "c"}}, "batch_first": {"as_bool": True}}, 0),
        ("aten.gru.input", {"hx": {"as_tensor": {"name": "c"}}}, 0),
    ],
)
def test_recurrent_layers_tell_which_axis_of_an_input_is_the_batch(
    target: str, arguments: dict[str, Any], axis: int
) -> None:
    document = program()
    graph = document["graph_module"]["graph"]
    graph["tensor_values"]["x"]["sizes"] = [{"as_int": side} for side in (30, 2, 8)]
    clone = node("torch.ops.aten.clone.default", {"self": {"as_tensor": {"name": "x"}}}, "c")
    graph["nodes"] = [clone, node(f"torch.ops.{target}", arguments, "y")]
    [found] = parse_program(document, {}, "a.pt2").program.inputs
    assert found.batch_axis == axis
