"""Keras models, against Keras's own shapes and numbers of parameters for every layer."""

import json
import zipfile
from collections import defaultdict
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import pytest

import convcli
from convcli.networks.models.keras import layer_call
from convcli.networks.models.keras.graphs import read_shape
from convcli.networks.models.keras.loading import KerasModel, load_keras
from convcli.networks.models.operations import Model, OperationKind, Shape

DATA = Path(__file__).parents[2] / "data" / "models"


def evaluate(loaded: KerasModel, sides: int = 64) -> Model:
    """Evaluate a model with batch 1 and the same length for every side that it leaves open."""
    shapes: dict[str, Shape] = {
        each.name: (1, *(side if isinstance(side, int) else sides for side in each.shape[1:]))
        for each in loaded.inputs
    }
    return loaded.evaluate(shapes)


def fits(shape: Shape | None, stated: list[int | None]) -> bool:
    """Whether a shape is what Keras states, which may leave sides open."""
    return (
        shape is not None
        and len(shape) == len(stated)
        and all(wanted in (None, side) for side, wanted in zip(shape, stated, strict=True))
    )


def params_and_shapes(
    model: Model, *, learned_only: bool = False
) -> tuple[dict[str, int], dict[str, list[Shape | None]]]:
    """Return the numbers of values in the weights of each layer, and the shapes it makes."""
    weights: dict[str, set[tuple[str, Shape]]] = defaultdict(set)
    shapes: dict[str, list[Shape | None]] = defaultdict(list)
    for operation in model.operations:
        weights[operation.name] |= {
            (weight.name, weight.shape) for weight in operation.weights if weight.learned or not learned_only
        }
        shapes[operation.name].append(operation.output.shape)
    return {name: sum(prod(shape) for _, shape in each) for name, each in weights.items()}, shapes


@pytest.mark.parametrize(
    ("name", "macs"), [("keras_small_same", 4_914_784), ("keras_mobilenet", 568_740_352)]
)
def test_every_layer_of_the_reference_has_its_size_and_parameters(name: str, macs: int) -> None:
    truth = json.loads((DATA / f"{name}.json").read_text())
    path = DATA / f"{name}.keras.config.json"
    params, shapes = params_and_shapes(evaluate(load_keras(path)))
    for layer in truth["layers"]:
        if layer["cls"] != "InputLayer":
            assert params[layer["name"]] == layer["params"], layer["name"]
            assert shapes[layer["name"]][-1] == (1, *layer["out"]), layer["name"]
    network = convcli.network(path)
    assert (network.params, network.macs) == (truth["trainable"], macs)
    assert sum(stage.statistics for stage in network.layers) == truth["params"] - truth["trainable"]


# By hand: 12 steps; 7 queries and keys; 3 images of 4x5, 7x7 and 6x6 outputs.
MACS = {
    "recurrent": 12
    * (24 * 11 + 21 * 13 + 21 * 14 + 4 * 11 + 2 * 9 * 7 + 16 * 7 + 15 * 9 + 4 * 9 + 12 + 48 * 9),
    "attention": 1596 + 2128 + 3584 + 588 + 588 + 252,
    "convlstm states": 3 * 20 * 9 * 16 * (2 + 4),
    "conv in time": 3 * 49 * 3 * 18,
    "nested_td": 3 * 36 * 36 * 2 + 3 * 12 * 5,
}
CASES = json.loads((DATA / "keras_layers.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_layer_has_the_parameters_and_the_shape_that_keras_computes(
    case: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(case["config"]))
    model = evaluate(load_keras(path))
    params, shapes = params_and_shapes(model)
    learned, _ = params_and_shapes(model, learned_only=True)
    for name, (trainable, buffers, shape) in case["layers"].items():
        inner = [each for each in params if each == name or each.startswith(f"{name}.")]
        assert sum(learned[each] for each in inner) == trainable, name
        assert sum(params[each] for each in inner) == trainable + buffers, name
        assert any(fits(each, shape) for each in shapes[name if name in shapes else inner[-1]]), name
    for (_, array), shape in zip(model.outputs, case["outputs"], strict=True):
        assert fits(array.shape, shape)
    assert not [each.source for each in model.operations if each.kind == OperationKind.UNKNOWN]
    network = convcli.network(path)
    assert network.params == sum(trainable for trainable, _, _ in case["layers"].values())
    assert sum(stage.statistics for stage in network.layers) == sum(
        buffers for _, buffers, _ in case["layers"].values()
    )
    assert case["name"] not in MACS or network.macs == MACS[case["name"]]


def write(path: Path, made: list[dict[str, Any]], **more: Any) -> Path:
    """Write a functional model from ``x`` to the last of some layers."""
    first = {
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 8, 8, 4], "name": "x"},
        "inbound_nodes": [],
    }
    config = {
        "name": "model",
        "layers": [first | {"name": "x"}, *made],
        "input_layers": [["x", 0, 0]],
        "output_layers": [[made[-1]["config"]["name"], 0, 0]],
    }
    path.write_text(json.dumps({"class_name": "Functional", "config": config | more}))
    return path


def old_layer(kind: str, name: str, *nodes: Any, **config: Any) -> dict[str, Any]:
    """Return a layer in the format of Keras 2."""
    return {
        "class_name": kind,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": list(nodes),
    }


def test_the_format_of_keras_2_is_read(tmp_path: Path) -> None:
    inner = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 4], "name": "in"}},
        {
            "class_name": "Conv2D",
            "config": {"name": "c", "filters": 4, "kernel_size": [3, 3], "padding": "same"},
        },
    ]
    slices = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": None, "step": 2}]
    layers = [
        old_layer("Sequential", "net", [["x", 0, 0, {}]], [["net", 1, 0, {}]], layers=inner),
        old_layer(
            "TFOpLambda",
            "tf.math.multiply",
            ["net", 2, 0, {"y": 2.0, "name": None}],
            function="math.multiply",
        ),
        old_layer(
            "TFOpLambda",
            "minus",
            ["_CONSTANT_VALUE", -1, 1.0, {"y": ["net", 1, 0]}],
            function="math.subtract",
        ),
        old_layer("Add", "add", [["tf.math.multiply", 0, 0, {}], ["minus", 0, 0, {}]]),
        old_layer("SlicingOpLambda", "get", ["add", 0, 0, {"slice_spec": slices}]),
        old_layer("TFOpLambda", "mean", ["get", 0, 0, {"axis": [1, 2]}], function="math.reduce_mean"),
        old_layer(
            "TFOpLambda",
            "join",
            [["mean", 0, 0, {"axis": -1}], ["mean", 0, 0, {"axis": -1}]],
            function="concat",
        ),
        old_layer("TFOpLambda", "grown", ["join", 0, 0, {"axis": 1}], function="expand_dims"),
        old_layer(
            "TFOpLambda",
            "outer",
            ["grown", 0, 0, {"b": ["grown", 0, 0], "transpose_a": True}],
            function="linalg.matmul",
        ),
        old_layer(
            "MultiHeadAttention", "mha", ["outer", 0, 0, {"value": ["outer", 0, 0]}], num_heads=2, key_dim=3
        ),
    ]
    model = evaluate(load_keras(write(tmp_path / "old.json", layers)))
    params, shapes = params_and_shapes(model)
    assert {name: each[-1] for name, each in shapes.items()} == {
        "net.c": (1, 8, 8, 4),
        "tf.math.multiply": (1, 8, 8, 4),
        "minus": (1, 8, 8, 4),
        "add": (1, 8, 8, 4),
        "get": (1, 4, 8, 4),
        "mean": (1, 4),
        "join": (1, 8),
        "grown": (1, 1, 8),
        "outer": (1, 8, 8),
        "mha": (1, 8, 8),
    }
    assert (params["net.c"], params["mha"]) == (148, 3 * 9 * 6 + 7 * 8)
    assert sum(operation.name == "net.c" for operation in model.operations) == 2


def test_calls_of_custom_models_are_counted_from_one_in_keras_2(tmp_path: Path) -> None:
    layers = [
        old_layer("Backbone", "mine", [["x", 0, 0, {}]]) | {"registered_name": "acme>Backbone"},
        old_layer("Add", "add", [["mine", 1, 0, {}], ["x", 0, 0, {}]]),
    ]
    model = evaluate(load_keras(write(tmp_path / "custom.json", layers)))
    assert [operation.source for operation in model.operations] == ["acme>Backbone", "Add"]


def test_an_archive_is_read_without_its_weights(tmp_path: Path) -> None:
    content = (DATA / "keras_small_same.keras.config.json").read_bytes()
    path = tmp_path / "small.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", content)
        archive.writestr("model.weights.h5", b"not HDF5")
    assert convcli.network(path).params == 42_138
    assert convcli.network(path, "61x75").output == (10,)


def layer(
    kind: str, name: str, *inputs: str, stated: list[int | None] | None = None, **config: Any
) -> dict[str, Any]:
    """Return a layer in the format of Keras 3."""
    arguments = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [each, 0, 0], "shape": stated}}
        for each in inputs
    ]
    registered = config.pop("registered_name", None)
    return {
        "module": config.pop("module", "keras.layers"),
        "class_name": kind,
        "registered_name": registered,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": [{"args": arguments, "kwargs": {}}],
    }


def function(kind: str, *inputs: str, **config: Any) -> dict[str, Any]:
    """Return a function of keras.ops with the name ``a``."""
    return layer(kind, "a", *inputs, module="keras.src.ops.numpy", **config)


def test_custom_layers_are_unknown_and_have_the_size_that_is_stated(tmp_path: Path) -> None:
    layers = [
        layer("Conv2D", "mine", "x", module="acme.layers", registered_name="acme>Conv2D"),
        layer("Lambda", "code", "mine", stated=[None, 8, 8, 6], function={"class_name": "__lambda__"}),
        layer("Conv2D", "conv", "code", stated=[None, 8, 8, 5], filters=7, kernel_size=[3, 3]),
        layer("Other", "last", "conv", stated=[None, 6, 6, 7]),
        layer("Dense", "end", "last", units=3),
    ]
    path = write(tmp_path / "custom.json", layers)
    network = convcli.network(path)
    assert network.unknown == {"acme>Conv2D": 1, "Lambda": 1, "Other": 1, "Dense": 1}
    assert network.params is None
    assert network.known_params == 5 * 9 * 7 + 7
    assert network.layers[0].output == (8, 8, 6)
    assert convcli.network(path, "9x9x4").layers[0].output == ()


def test_layers_without_costs_are_known_on_any_input(tmp_path: Path) -> None:
    layers = [
        layer("Lambda", "code", "x"),
        layer("MaxPooling2D", "halved", "code", pool_size=[2, 2]),
        layer("GlobalMaxPooling2D", "pooled", "halved"),
        layer("Dense", "end", "pooled", stated=[None, 5], units=3),
    ]
    network = convcli.network(write(tmp_path / "free.json", layers))
    assert network.unknown == {"Lambda": 1}
    assert [(stage.output, stage.params, stage.macs) for stage in network.layers] == [
        ((), None, None), ((), 0, 0), ((5,), 0, 0), ((3,), 18, 15),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "more", "message"),
    [
        ([layer("ReLU", "a", "b"), layer("ReLU", "b", "a")], {}, "has a cycle: a needs its own output"),
        ([layer("ReLU", "a", "y")], {}, "refers to the layer 'y', which does not exist"),
        ([layer("ReLU", "a", "x"), layer("ReLU", "a", "x")], {}, "has two layers named a"),
        ([layer("ReLU", "a\x1b[31m", "x")], {}, "has a layer with an impossible name: 'a\\x1b[31m'"),
        ([layer("ReLU", "a", "x")], {"output_layers": [["a", 3, 0]]}, "refers to call 3 of a, which is called 1 times"),
        ([layer("ReLU", "a", "x")], {"output_layers": [["a", 0, 7]]}, "has no output 7 of the layer a"),
        ([layer("ReLU", "a", "x")], {"output_layers": []}, "has no output_layers"),
        ([layer("ReLU", "a", "x")], {"output_layers": 5}, "has 5 instead of the output of a layer"),
        ([layer("ReLU", "a", "x")], {"layers": [5]}, "has a layer without a class_name or a name"),
        ([layer("ReLU", "a", "x")], {"layers": "no"}, "holds a model of the class Functional"),
        ([layer("ReLU", "a")], {}, "a: is called without an input"),
        ([layer("Conv2D", "a", "x", filters=-1, kernel_size=[3, 3])], {}, "a: its filters is -1, but must be"),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=[3])], {}, ""),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=[3, 3, 3])], {}, "must be 2 whole numbers of at least 1"),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=9)], {}, "a, conv 8 f9 on 8x8x4: filter 9 on input 8"),
        ([layer("Conv1D", "a", "x", filters=8, kernel_size=3)], {}, "a: is a Conv1D on an array of 1x8x8x4"),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=3, padding="some")], {}, "must be same or valid"),
        ([layer("Reshape", "a", "x", target_shape=[5, -1])], {}, "a: makes 5x-1 of 256 values"),
        ([layer("Permute", "a", "x", dims=[1, 1, 2])], {}, "must be an order of the axes 1 to 3"),
        ([layer("GroupNormalization", "a", "x", groups=3)], {}, "its 3 groups must divide the 4 channels"),
        ([layer("RepeatVector", "a", "x", n=3)], {}, "needs one with 2 axes"),
        ([layer("Activation", "a", "x", activation=5)], {}, "its activation is 5, but must be the name of a function"),
        ([layer("Cropping2D", "a", "x", cropping=[[4, 4], [0, 0]])], {}, "nothing is left"),
        ([layer("UpSampling2D", "a", "x", size=10**15)], {}, "a: makes an array of shape"),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=3, use_bias="x")], {}, "its use_bias is 'x', but must be true"),
        ([layer("Conv2D", "a", "x", filters=8, kernel_size=3, padding=[1])], {}, "its padding is [1], but must be a text"),
        ([layer("BatchNormalization", "a", "x", axis=7)], {}, "its axis is 7, but must be an axis of an array"),
        ([layer("EinsumDense", "a", "x", equation="abc", output_shape=2)], {}, "must be an equation such as abc,cd"),
        ([layer("EinsumDense", "a", "x", equation="abcd,de->abce")], {}, "must be the axes of abcd,de->abce"),
        ([layer("Concatenate", "a", "x", axis=9)], {}, "its axis is 9, but must be an axis"),
        ([layer("Concatenate", "a", "x", axis="c")], {}, "its axis is 'c', but must be a whole number"),
        ([layer("Cropping2D", "a", "x", cropping=[[1], 2])], {}, "must be whole numbers of at least 0"),
        ([layer("Cropping2D", "a", "x", cropping=[1, 2, 3])], {}, "must be 2 whole numbers or pairs"),
        ([layer("Bidirectional", "a", "x")], {}, "has a layer without a class_name or a name"),
        ([layer("Dot", "a", "x", "x", axes=[1, 9])], {}, "must be an axis of each input"),
        ([layer("Dot", "a", "x", "x", axes=[1, 3])], {}, "multiplies 8x8x4 and 8x8x4 along sides that differ"),
        ([layer("Flatten", "b", "x"), layer("Add", "a", "x", "b")], {}, "joins arrays of 8x8x4 and 256, which must"),
        (
            [layer("MaxPooling2D", "b", "x"), layer("Concatenate", "a", "x", "b")],
            {},
            "concatenates 8x8x4 and 4x4x4 along axis 3; their other sides must be equal",
        ),
        ([layer("ReLU", "b", "x"), layer("TimeDistributed", "c", "b", layer={"class_name": "Flatten"}),
          layer("TimeDistributed", "a", "c")], {}, "has a layer without a class_name or a name"),
        ([function("Reshape", "x", newshape=[3, 5])], {}, "a: makes 3x5 of 256 values, which is 15"),
        ([function("Reshape", "x", newshape=[-2, 5])], {}, "only one side may be -1"),
        ([function("Reshape", "x", newshape="x")], {}, "needs whole numbers as shape, not ['x']"),
        ([function("Transpose", "x", axes=[0, 1])], {}, "needs an order of all 4 axes"),
        ([function("Mean", "x", axis=8)], {}, "needs axes of an array with 4 axes, not 8"),
        ([function("Squeeze", "x", axis=1)], {}, "removes an axis of length 8; only 1 is possible"),
        ([function("Split", "x", indices_or_sections=3, axis=1)], {}, "splits a side of 8 into 3 parts"),
        ([function("Matmul", "x", "x")], {}, ": 4 columns meet 8 rows"),
        ([function("Pad", "x", pad_width=[[1, 1], [1, 1]])], {}, "needs padding for 4 axes"),
        ([function("Resize", "x", size=[1, 2, 3])], {}, "needs a height and a width"),
        ([function("Tile", "x", repeats=[1] * 99)], {}, "makes an array with 99 axes; at most 64 are supported"),
        ([function("GetItem", "x", key=9)], {}, "takes index 9 of a side of 1"),
        ([function("GetItem", "x", key=[0] * 5)], {}, "takes 5 indices of an array with 4 axes"),
        ([function("GetItem", "x", key=["k"])], {}, "is indexed by 'k'"),
        ([function("GetItem", "x", key=[{"start": 0, "step": 0}])], {}, "is indexed by a slice with step 0"),
        ([function("GetItem", "x", key=[{"start": "x"}])], {}, "is indexed by a slice that is not constant"),
        ([layer("ReLU", "a", "x")], {"output_layers": [None]}, "has no output_layers"),
        ([layer("ReLU", "a") | {"inbound_nodes": [{"args": json.loads("[" * 40 + "]" * 40)}]}], {}, "has arguments that are nested too deeply"),
        ([old_layer("ReLU", "a", [["x"]])], {}, "has ['x'] instead of the output of a layer"),
        ([layer("MultiHeadAttention", "a", num_heads=1, key_dim=2)], {}, "a: is called without an input"),
        ([layer("Attention", "a")], {}, "a: is called without an input"),
        (
            [layer("Reshape", "b", "x", target_shape=[64, 4]),
             layer("Bidirectional", "a", "b", merge_mode="max", layer={"class_name": "GRU", "config": {"name": "g", "units": 2}})],
            {},
            "its merge_mode is 'max', but must be concat, sum, mul, ave or null",
        ),
        (
            [layer("Functional", "a", "x", output_layers=[["i", 0, 0]], input_layers=[["i", 0, 0], ["j", 0, 0]],
                   layers=[{"class_name": "InputLayer", "config": {"name": name}} for name in "ij"])],
            {},
            "a: has 2 inputs, but is called with 1",
        ),
    ],
)  # fmt: skip
def test_impossible_models_are_refused_in_one_line(
    layers: list[dict[str, Any]], more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "model.json", layers, **more)
    if not message:
        convcli.network(path)
        return
    with pytest.raises(convcli.ConvcliError) as raised:
        convcli.network(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "is not the configuration of a Keras model"),
        ('{"class_name": "MyModel", "config": {}}', "holds a model of the class MyModel"),
        ('{"class_name": "Sequential", "config": ' * 500, "is not valid JSON"),
        (
            '{"class_name": "Sequential", "config": {"name": "s", "layers": 5}}',
            "holds a model of the class Sequential",
        ),
        ('{"class_name": "Sequential", "config": {"name": "s", "layers": []}}', "has no list of layers"),
        (
            '{"class_name": "Sequential", "config": [%s, %s]}' % ((json.dumps(old_layer("ReLU", "a")),) * 2),
            "has two layers named a",
        ),
    ],
)
def test_other_json_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(convcli.SpecError) as raised:
        load_keras(path)
    assert message in str(raised.value)


def test_models_within_models_are_limited(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    model: dict[str, Any] = {"class_name": "ReLU", "config": {"name": "a"}}
    for depth in range(60):
        model = {"class_name": "Sequential", "config": {"name": f"m{depth}", "layers": [model]}}
    path.write_text(json.dumps(model))
    with pytest.raises(convcli.SpecError, match="is nested more than 32 models deep"):
        load_keras(path)
    wrapped: dict[str, Any] = {"class_name": "Dense", "config": {"name": "d", "units": 2}}
    for _ in range(150):
        wrapped = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": wrapped}}
    shape = [None, *[1] * 30, 2]
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": shape}}
    path.write_text(
        json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [first, wrapped]}})
    )
    with pytest.raises(convcli.SpecError, match="is a TimeDistributed layer on an array without steps"):
        evaluate(load_keras(path))


def test_shared_models_that_multiply_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_call, "MAX_OPERATIONS", 2000)
    model: dict[str, Any] = {"class_name": "ReLU", "config": {"name": "a"}}
    for depth in range(12):
        first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}, "name": "x"}
        calls = [[["x", 0, 0, {}]]] + [[["m", number, 0, {}]] for number in range(3)]
        config = {
            "name": f"f{depth}",
            "layers": [first, model | {"name": "m", "inbound_nodes": calls}],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["m", 3, 0]],
        }
        model = {"class_name": "Functional", "config": config}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model))
    with pytest.raises(convcli.SpecError, match="is one of more than 2,000"):
        evaluate(load_keras(path))


@pytest.mark.thorough
def test_a_hundred_thousand_layers_are_read(tmp_path: Path) -> None:
    names = ["x", *(f"r{number}" for number in range(100_000))]
    layers = [layer("ReLU", name, before) for before, name in pairwise(names)]
    path = write(tmp_path / "deep.json", layers)
    assert len(evaluate(load_keras(path)).operations) == 100_000


@pytest.mark.parametrize("is_first", [False, True])
def test_a_product_with_a_constant_has_the_size_of_both(tmp_path: Path, *, is_first: bool) -> None:
    product = function("Matmul", "x")
    value = [[1.0] * 8] * 5 if is_first else [[1.0] * 6] * 4
    arguments = product["inbound_nodes"][0]["args"]
    arguments.insert(0 if is_first else 1, {"class_name": "__tensor__", "config": {"value": value}})
    network = convcli.network(write(tmp_path / "product.json", [product]))
    made = (8, 5, 4) if is_first else (8, 8, 6)
    assert (network.output, network.params, network.macs) == (made, 0, prod(made) * (8 if is_first else 4))


RECURRENT = {"class_name": "Cell", "registered_name": "acme>Cell", "config": {"name": "c", "units": 2}}
DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 3.0}}


@pytest.mark.parametrize(
    ("made", "output", "params"),
    [
        (layer("LayerNormalization", "a", "x", rms_scaling=True), (8, 8, 4), 4),
        (layer("PReLU", "a", "x", shared_axes=[0, 1, 2]), (8, 8, 4), 4),
        (layer("SpectralNormalization", "a", "x", layer={"class_name": "ReLU", "config": {}}), (8, 8, 4), 0),
        (layer("Pipeline", "a", "x", layers=[{"class_name": "Flatten", "config": {}}, DENSE]), (3,), 771),
        (function("Mean", "x", axis={"class_name": "__tuple__", "config": {"value": [1, 2]}}), (4,), 0),
        (function("Sum", "x", axis={"class_name": "__tuple__", "items": [3]}), (8, 8), 0),
        (function("Pad", "x", pad_width=[0, 1]), None, 0),
        (function("Reshape", "x", newshape=[None, -1, 4]), (64, 4), 0),
        (function("Add", "x"), (8, 8, 4), 0),
        (old_layer("TFOpLambda", "a", ["x", 0, 0, {"y": [[1.0] * 4] * 8}], function="math.add"), (8, 8, 4), 0),
        (
            old_layer("TFOpLambda", "a", ["x", 0, 0, {"num_or_size_splits": [3, 5], "axis": 1}], function="split"),
            (3, 8, 4),
            0,
        ),
        (
            old_layer(
                "TFOpLambda",
                "a",
                [["x", 0, 0]],
                [["x", 0, 0, {"values": [["x", 0, 0], ["x", 0, 0]], "axis": ["_CONSTANT_VALUE", -1, 3]}]],
                function="concat",
            ),
            (8, 8, 12),
            0,
        ),
    ],
)  # fmt: skip
def test_layers_in_rare_forms_have_their_size(
    made: dict[str, Any], output: tuple[int, ...] | None, params: int, tmp_path: Path
) -> None:
    call = len(made["inbound_nodes"]) - 1
    path = write(tmp_path / "model.json", [made], output_layers=[["a", call, 0]])
    model = evaluate(load_keras(path))
    batch = 2 if output is None else 1  # padded, too
    assert model.outputs[0][1].shape == (batch, *(output or (9, 9, 5)))
    assert sum(prod(weight.shape) for weight in model.weights) == params


def test_layers_that_are_not_known_are_named_with_those_behind_them(tmp_path: Path) -> None:
    inner = {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 8]}}
    layers = [
        layer("Activation", "odd", "x", activation="mystery"),
        layer("Reshape", "steps", "odd", target_shape=[64, 4]),
        layer("RNN", "rnn", "steps", cell=RECURRENT),
        layer("Dropout", "drop", "rnn"),
        layer("Embedding", "rows", "drop", input_dim=5, output_dim=2),
        layer("Dot", "dot", "rows", "x"),
        layer("Sequential", "net", "dot", layers=[inner, {"class_name": "ReLU", "config": {"name": "r"}}]),
    ]
    model = evaluate(load_keras(write(tmp_path / "model.json", layers)))
    assert [each.source for each in model.operations if each.kind == OperationKind.UNKNOWN] == [
        "mystery", "acme>Cell", "Embedding", "Dot",
    ]  # fmt: skip
    assert [each.output.shape for each in model.operations] == [(1, 8, 8, 4), (1, 64, 4), *[None] * 5]


def test_inputs_without_a_stated_shape_have_the_axes_that_their_reader_needs(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"class_name": "Sequential", "config": [DENSE]}))  # as Keras 1 wrote it
    loaded = load_keras(path)
    assert loaded.inputs[0].shape == (None, None)
    assert params_and_shapes(evaluate(loaded, 7)) == ({"d": 24}, {"d": [(1, 3)]})
    write(path, [layer("ReLU", "a", "x", stated=[None, 8, 8, 4])])
    content = json.loads(path.read_text())
    del content["config"]["layers"][0]["config"]["batch_shape"]
    path.write_text(json.dumps(content))
    assert load_keras(path).inputs[0].shape == (None, 8, 8, 4)
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 5]}}
    rows = {"class_name": "Embedding", "config": {"name": "e", "input_dim": 7, "output_dim": 2}}
    path.write_text(json.dumps({"class_name": "Sequential", "config": [first, rows]}))
    loaded = load_keras(path)
    assert loaded.inputs[0].channel_axis is None
    assert params_and_shapes(evaluate(loaded)) == ({"e": 14}, {"e": [(1, 5, 2)]})


def test_shapes_may_be_wrapped_and_are_checked() -> None:
    assert read_shape({"class_name": "__tuple__", "items": [None, 8]}) == (None, 8)
    assert [read_shape(value) for value in ([None, "8"], [0], 8, [2**63])] == [None] * 4


def test_operations_of_one_layer_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "model.json", [layer("Add", "a", *["x"] * 6)])
    assert len(evaluate(load_keras(path)).operations) == 5
    monkeypatch.setattr(layer_call, "MAX_OPERATIONS", 4)
    with pytest.raises(convcli.SpecError, match="a: is one of more than 4 operations"):
        evaluate(load_keras(path))
