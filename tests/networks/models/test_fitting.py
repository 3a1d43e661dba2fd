"""Whether weights fit a network, by constructed state dicts in the layouts of PyTorch and Keras."""

from pathlib import Path
from typing import Any

import pytest

import convcli
from convcli.networks.models.operations import Weight
from convcli.networks.models.reading import open_model
from convcli.networks.models.state_dicts.fitting import Fit, fit_weights, needed_by_file, needed_by_layers
from convcli.networks.models.state_dicts.loading import read_state_dict
from convcli.networks.models.state_dicts.tensors import StateDict, StoredTensor
from convcli.networks.sources import shipped_networks
from tests.networks.models.onnx_writer import graph, model, node, tensor, value

DATA = Path(__file__).parents[2] / "data" / "models"


def state(*tensors: tuple[str, tuple[int, ...]]) -> StateDict:
    return StateDict("a.pth", tuple(StoredTensor(name, shape, "float32") for name, shape in tensors))


def fitted(text: str, *tensors: tuple[str, tuple[int, ...]]) -> Fit:
    return fit_weights(needed_by_layers(convcli.network(text)), state(*tensors))


def in_torch(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the tensors of a network as PyTorch stores them, in the order of the layers."""
    tensors: list[tuple[str, tuple[int, ...]]] = []
    for number, stage in enumerate(convcli.network(text).layers):
        weights, biases = stage.weights, stage.biases
        if weights is not None:
            tensors.append((f"{number}.weight", weights[:-3:-1] + weights[:-2]))
            if len(weights) == 1:
                tensors[-1] = (f"{number}.weight", weights)
            if biases is not None:
                tensors.append((f"{number}.bias", biases[-1:]))
    return tensors


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", sorted(set(shipped_networks()) - {"unet"}))
def test_weights_as_pytorch_stores_them_fit_in_any_order(name: str) -> None:
    tensors = in_torch(name)
    for order in (tensors, tensors[::-1], sorted(tensors)):
        fit = fitted(name, *order)
        assert fit.fits, [str(mismatch) for mismatch in fit.mismatches[:3]]
    modules = [match.module for match in fitted(name, *tensors).matches]
    assert modules == sorted({tensor.split(".")[0] for tensor, _ in tensors}, key=int)


NET = "in 16x16x6, conv 8 f3x5 g2, dw f3 x2 nobias, tconv 4 f2 s2, prelu c, scale, gap, flatten, fc 10"


@pytest.mark.parametrize(
    "tensors",
    [
        [  # PyTorch
            ("c.weight", (8, 3, 3, 5)), ("c.bias", (8,)), ("d.weight", (16, 1, 3, 3)), ("t.weight", (16, 4, 2, 2)),
            ("t.bias", (4,)), ("p.weight", (4,)), ("block.gamma", (4, 1, 1)), ("fc.weight", (10, 4)),
            ("fc.bias", (10,)), ("c.running_mean", (8,)), ("c.num_batches_tracked", ()),
        ],
        [  # Keras
            ("c.kernel", (3, 5, 3, 8)), ("c.bias", (8,)), ("d.kernel", (3, 3, 8, 2)), ("t.kernel", (2, 2, 4, 16)),
            ("t.bias", (4,)), ("p.alpha", (1, 1, 4)), ("s.gamma", (4,)), ("fc.kernel", (4, 10)), ("fc.bias", (10,)),
        ],
    ],
)  # fmt: skip
def test_layouts_of_both_frameworks_fit(tensors: list[tuple[str, tuple[int, ...]]]) -> None:
    fit = fitted(NET, *tensors)
    assert fit.fits, [str(mismatch) for mismatch in fit.mismatches]
    modules = [match.module for match in fit.matches]
    assert modules[:3] == ["c", "d", "t"]
    assert modules[-1] == "fc"


def test_what_does_not_fit_is_said_with_both_shapes() -> None:
    text = "in 8x8x3\nconv 4 f3 p1, bn\nconv 8 f3, fc 5"
    fit = fitted(
        text,
        ("a.weight", (4, 3, 3, 3)),
        ("a.bias", (4,)),
        ("n.weight", (4,)),
        ("n.bias", (4,)),
        ("b.weight", (8, 2, 3, 3)),
        ("b.bias", (8,)),
        ("extra.weight", (7, 7, 1, 1)),
    )
    assert [match.module for match in fit.matches] == ["a", "n"]
    assert [str(mismatch) for mismatch in fit.mismatches] == [
        "b.weight is 8x2x3x3, but conv 8 f3 (line 3, column 1) needs 8x4x3x3",
        "fc 5 (line 3, column 12) needs 5x8, which the file lacks",
        "extra.weight is 7x7x1x1, but no layer needs it",
    ]


def test_biases_that_are_missing_or_left_over() -> None:
    text = "in 8x8x3, conv 4 f3, conv 5 f3 nobias"
    weights = [("a.weight", (4, 3, 3, 3)), ("b.weight", (5, 4, 3, 3))]
    fit = fitted(text, *weights, ("b.bias", (5,)))
    assert [str(mismatch) for mismatch in fit.mismatches] == [
        "conv 4 f3 (line 1, column 11), the bias, needs 4, which the file lacks",
        "b.bias is 5, but no layer needs it",
    ]
    assert [match.module for match in fit.matches] == ["a", "b"]
    fit = fitted(text, *weights, ("a.bias", (3,)))
    assert str(fit.mismatches[0]) == "a.bias is 3, but conv 4 f3 (line 1, column 11) needs 4"


def test_layers_that_share_weights_need_them_once() -> None:
    text = "in 8x8x4, conv 4 f3 p1 @one, use @one"
    assert fitted(text, ("a.weight", (4, 4, 3, 3)), ("a.bias", (4,))).fits


def test_names_decide_where_the_network_comes_from_a_file() -> None:
    needed = needed_by_file(
        [
            Weight("one.weight", (4, 4)),
            Weight("one.bias", (4,)),
            Weight("two.weight", (4, 4)),
            Weight("two.bias", (4,)),
            Weight("two.running_mean", (4,), learned=False),
            Weight("token", (1, 1, 4)),
            Weight("steps", (1,), "int64"),
            Weight("attn.in_proj_weight", (12, 4)),
            Weight("attn.in_proj_bias", (12,)),
            Weight("attn.scale", (3,)),
        ]
    )
    tensors = [
        ("two.weight", (4, 4)),
        ("two.bias", (4,)),
        ("one.weight", (4, 4)),
        ("one.bias", (4,)),
        ("token", (1, 1, 4)),
        ("attn.in_proj_weight", (12, 4)),
        ("attn.in_proj_bias", (12,)),
        ("attn.scale", (3,)),
    ]
    fit = fit_weights(needed, state(*tensors))
    assert fit.fits, [str(mismatch) for mismatch in fit.mismatches]
    assert [match.module for match in fit.matches] == [match.needed.name for match in fit.matches]
    fit = fit_weights(needed, state(*tensors[:3], ("two.other", (9, 9)), *tensors[3:]))
    assert not fit.fits
    fit = fit_weights(needed, state(("two.weight", (5, 5)), ("two.bias", (4,)), *tensors[2:]))
    assert [str(mismatch) for mismatch in fit.mismatches] == ["two.weight is 5x5, but two needs 4x4"]
    fit = fit_weights(
        needed_by_file([Weight("b.w", (4, 4)), Weight("z.w", (6, 6))]),
        state(("b.w", (3, 3)), ("c.w", (2, 2))),
    )
    assert [str(mismatch) for mismatch in fit.mismatches] == [
        "b.w is 3x3, but b needs 4x4",
        "c.w is 2x2, but z needs 6x6",
    ]


def test_of_exports_that_fold_normalization_only_kernels_are_compared() -> None:
    stored = [
        Weight("onnx::Conv_9", (4, 3, 3, 3)),
        Weight("onnx::Conv_10", (4,)),
        Weight("onnx::MatMul_12", (4, 2)),
        Weight("steps", (3, 3), "int64"),
    ]
    tensors = [
        ("a.weight", (4, 3, 3, 3)),
        ("n.weight", (4,)),
        ("n.bias", (4,)),
        ("f.weight", (2, 4)),
        ("s", (4, 1, 1)),
    ]
    needed = needed_by_file(stored, kernels_only=True)
    fit = fit_weights(needed, state(*tensors), kernels_only=True)
    assert fit.fits
    assert [match.module for match in fit.matches] == ["a.weight", "f.weight"]
    assert not fit_weights(needed_by_file(stored), state(*tensors)).fits


@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layers_of_onnx_are_compared_by_direction(tmp_path: Path, directions: int) -> None:
    shapes = {"W": [directions, 12, 5], "R": [directions, 12, 4], "B": [directions, 24]}
    words: dict[str, Any] = {"direction": "bidirectional"} if directions == 2 else {}
    layer = node("GRU", ["x", *shapes], ["y"], hidden_size=4, **words)
    path = tmp_path / "gru.onnx"
    weights = [tensor(name, shape) for name, shape in shapes.items()]
    path.write_bytes(model(graph([layer], [value("x", [7, 1, 5])], [value("y")], weights)))
    needed = needed_by_file(open_model(str(path)).weights(), kernels_only=True)
    tensors = [
        (f"rnn.{name}_l0{suffix}", shape)
        for suffix in ("", "_reverse")[:directions]
        for name, shape in (
            ("weight_ih", (12, 5)),
            ("weight_hh", (12, 4)),
            ("bias_ih", (12,)),
            ("bias_hh", (12,)),
        )
    ]
    fit = fit_weights(needed, state(*tensors), kernels_only=True)
    assert fit.fits, [str(each) for each in fit.mismatches]
    assert len(fit.matches) == 2 * directions
    assert not fit_weights(needed, state(*tensors[1:]), kernels_only=True).fits


def test_a_checkpoint_fits_the_network_that_it_was_made_with() -> None:
    network = convcli.network("in 3x3x3, conv 4 f3 nobias, bn, relu, flatten, fc 2")
    needed = needed_by_layers(network)
    assert fit_weights(needed, read_state_dict(DATA / "tiny.safetensors")).fits
    fit = fit_weights(needed, read_state_dict(DATA / "tiny.pth"))
    assert [str(mismatch) for mismatch in fit.mismatches] == ["half is 2x3, but no layer needs it"]
    assert [match.module for match in fit.matches] == ["0", "1", "4"]


def test_operations_without_shapes_fit_by_their_number_of_values(tmp_path: Path) -> None:
    lstm = {"class_name": "LSTM", "config": {"name": "lstm", "units": 3}}
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 5, 2]}}
    path = tmp_path / "lstm.json"
    path.write_text(
        f'{{"class_name": "Sequential", "config": {{"name": "s", "layers": [{_json(first)}, {_json(lstm)}]}}}}'
    )
    needed = needed_by_layers(convcli.network(path))
    weights = ("lstm.kernel", (2, 12)), ("lstm.recurrent_kernel", (3, 12)), ("lstm.bias", (12,))
    assert fit_weights(needed, state(*weights)).fits
    assert fit_weights(needed, state(("other", (72,)))).fits
    assert fit_weights(needed, state(("lstm.all", (72,)))).matches[0].module == "lstm"
    assert not fit_weights(needed, state(("lstm.all", (71,)))).fits
    assert [str(each) for each in fit_weights(needed, state(("other", (71,)))).mismatches] == [
        "lstm (lstm) needs 72, which the file lacks",
        "other is 71, but no layer needs it",
    ]


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def test_a_bias_of_one_number_fits() -> None:
    text = "in 9x9x1, bn, conv 1 f3, flatten, fc 1"
    assert fitted(text, *in_torch(text)).fits
    wrong = [(name, (2,) if name == "3.bias" else shape) for name, shape in in_torch(text)]
    assert [str(each) for each in fitted(text, *wrong).mismatches] == [
        "3.bias is 2, but fc 1 (line 1, column 35) needs 1"
    ]


def test_weights_of_a_single_layer_fit() -> None:
    fit = fitted("in 9x9x3, conv 4 f3", ("weight", (4, 3, 3, 3)), ("bias", (4,)))
    assert (fit.fits, [match.module for match in fit.matches]) == (True, [""])
