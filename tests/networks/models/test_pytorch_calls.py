"""Single calls of ATen's functions: impossible ones are refused with the arithmetic, rare ones have their sizes."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import pytest

from convcli.errors import ConvcliError, SizeError, SpecError
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.operations import Model, ModelInput, OperationKind, Shape, Weight
from convcli.networks.models.pytorch.calls import Call, OutputName, Program, Reference, Stated, Subprogram
from convcli.networks.models.pytorch.evaluation import evaluate_program
from convcli.networks.models.pytorch.registry import rule


def called(target: str, arguments: dict[str, Any], weights: dict[str, Shape] | None = None) -> Model:
    """Evaluate a call; tuples among its arguments are inputs of that shape."""
    inputs: list[ModelInput] = []

    def argument(value: Any) -> Any:
        if isinstance(value, tuple):
            inputs.append(ModelInput(f"x{len(inputs)}", value))
            return Reference(inputs[-1].name)
        return [argument(part) for part in value] if isinstance(value, list) else value

    given = {name: argument(value) for name, value in arguments.items()}
    weights = weights or {}
    given |= {name: Reference(name) for name in weights}
    stated = {each.name: Stated(tuple(each.shape), "float32") for each in inputs}  # type: ignore[arg-type]
    program = Program(
        inputs=tuple(inputs),
        constants={},
        weights={name: Weight(name, shape) for name, shape in weights.items()},
        calls=(Call(target, given, ("y",), "block.0"),),
        outputs=(("y", Reference("y")),),
        stated=stated,
    )
    return evaluate_program(program, {each.name: each.shape for each in inputs})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("conv2d.default", {"input": (1, 3, 8, 8), "weight": (4, 3, 9, 9)},
         "block.0: aten.conv2d, filter 9 on input 8: gives"),
        ("conv2d.default", {"input": (1, 3, 0, 8), "weight": (4, 3, 1, 1)},
         "block.0: aten.conv2d: its input is 1x3x0x8, which has no values"),
        ("conv2d.default", {"input": (3, 8), "weight": (4, 3, 1, 1)},
         "block.0: aten.conv2d: input is 3x8, but 3 or 4 axes are needed"),
        ("conv2d.default", {"input": (3, 8), "weight": (4, 3)},
         "block.0: aten.conv2d: a kernel of 4x3 has no sides; convolutions have 1 to 3"),
        ("conv2d.default", {"input": (1, 4, 8, 8), "weight": (4, 4, 1, 1), "groups": 0},
         "block.0: aten.conv2d: a kernel of 4x4x1x1 in 0 groups is impossible"),
        ("constant_pad_nd.default", {"self": (1, 4, 8, 8), "pad": [-5, -5]},
         "block.0: aten.constant_pad_nd: padding [-5, -5] leaves nothing of 1x4x8x8"),
        ("unflatten.int", {"self": (2, 12), "dim": 1, "sizes": [5, -1]},
         "block.0: aten.unflatten: cannot reshape 12 (12 values) to 5x? (is a multiple of 5)"),
        ("view.default", {"self": (), "size": [2]}, "block.0: aten.view: cannot reshape a number (1 values) to 2 (2 values)"),
        ("expand.default", {"self": (2, 3), "size": [3]}, "block.0: aten.expand: cannot expand 2x3 to 3, which has fewer axes"),
        ("expand.default", {"self": (2, 3), "size": [4, 3]}, "block.0: aten.expand: cannot expand 2x3 to 4x3"),
        ("select.int", {"self": (2, 3), "dim": 1, "index": 3},
         "block.0: aten.select: index 3 does not exist along an axis of length 3"),
        ("select.int", {"self": (2, 3), "dim": 2, "index": 0},
         "block.0: aten.select: axis 2 does not exist: the tensor has 2 axes"),
        ("narrow.default", {"self": (2, 3), "dim": 1, "start": 2, "length": 2},
         "block.0: aten.narrow: cannot take 2 from position 2 of 3"),
        ("split_with_sizes.default", {"self": (2, 3), "split_sizes": [1, 1], "dim": 1},
         "block.0: aten.split_with_sizes: cannot split an axis of length 3 at [1, 2]"),
        ("split.Tensor", {"self": (2, 9), "split_size": 2, "dim": 1},
         "block.0: aten.split: splits an axis of length 9 into 5 parts of 2, but 1 are used"),
        ("unbind.int", {"self": (2, 9)}, "block.0: aten.unbind: takes 1 positions of an axis of length 2"),
        ("add.Tensor", {"self": (2, 3), "other": (2, 4)},
         "block.0: aten.add: sizes 2x3 and 2x4 differ along an axis: neither is 1"),
        ("glu.default", {"self": (2, 3)}, "block.0: aten.glu: halves axis 1 of 2x3, which is odd"),
        ("batch_norm.default", {"input": (2, 3), "weight": (4,)},
         "block.0: aten.batch_norm: its input of 2x3 has 3 channels, but its weight is for 4"),
        ("batch_norm.default", {"input": (2,)}, "block.0: aten.batch_norm: its input is 2, without channels"),
        ("layer_norm.default", {"input": (2, 3), "normalized_shape": [4]},
         "block.0: aten.layer_norm: normalizes 4, but its input is 2x3"),
        ("group_norm.default", {"input": (1, 6, 5), "num_groups": 4}, "block.0: aten.group_norm, groups 4: must divide"),
        ("mm.default", {"self": (2, 3), "mat2": (4, 5)},
         "block.0: aten.mm: cannot multiply 2x3 by 4x5: 3 columns meet 4 rows"),
        ("matmul.default", {"self": (2, 3), "other": ()}, "block.0: aten.matmul: multiplies a number as a matrix"),
        ("linear.default", {"input": (2, 3), "weight": (5, 4)},
         "block.0: aten.linear: its input is 2x3, but its weights are for 4 values"),
        ("einsum.default", {"equation": "ij,jk", "tensors": [(2, 3), (4, 5)]},
         "block.0: aten.einsum: equation ij,jk: axis j is 3 in one array and 4 in another"),
        ("einsum.default", {"tensors": [(4,)], "equation": "i,j"},
         "block.0: aten.einsum: equation i,j is for 2 arrays, not 1"),
        ("einsum.default", {"tensors": [(4,)], "equation": "i->j"},
         "block.0: aten.einsum: equation i->j makes axes that no array has"),
        ("einsum.default", {"tensors": [(4,)], "equation": "ij"},
         "block.0: aten.einsum: equation ij does not fit an array of 4"),
        ("bilinear.default", {"input1": (2, 3), "input2": (2, 4), "weight": (5, 3, 3)},
         "block.0: aten.bilinear: its inputs are 2x3 and 2x4, its weights 5x3x3"),
        ("tensordot.default", {"self": (2, 3), "other": (2, 4), "dims_self": [1], "dims_other": [1]},
         "block.0: aten.tensordot: cannot sum 2x3 and 2x4 over [1], [1]"),
        ("scaled_dot_product_attention.default", {"query": (1, 5, 8), "key": (1, 5, 6), "value": (1, 5, 8)},
         "block.0: aten.scaled_dot_product_attention: its queries 1x5x8, keys 1x5x6 and values 1x5x8 do not fit"),
        ("scaled_dot_product_attention.default", {"query": (8,), "key": (1, 5, 6), "value": (1, 5, 8)},
         "block.0: aten.scaled_dot_product_attention: its queries, keys and values need positions and features"),
        ("gru.input", {"input": (5, 1, 8), "hx": (1, 1, 4), "params": [(12, 7), (12, 4)]},
         "block.0: aten.gru: its input is 5x1x8, but its weights are 12x7"),
        ("cat.default", {"tensors": [(2, 3), (3, 4)], "dim": 1},
         "block.0: aten.cat: cannot concatenate 2x3 and 3x4 along axis 1: other axes differ"),
        ("stack.default", {"tensors": [(2, 3), (3, 4)]}, "block.0: aten.stack: cannot stack 2x3, 3x4"),
        ("topk.default", {"self": (2, 3), "k": 4}, "block.0: aten.topk: takes 4 of 3 values"),
        ("pixel_shuffle.default", {"self": (1, 5, 2, 2), "upscale_factor": 2}, "block.0: aten.pixel_shuffle, 5 channels: must be a multiple of 4"),
        ("col2im.default", {"self": (1, 8, 9), "output_size": [5, 5], "kernel_size": [2, 2]},
         "block.0: aten.col2im: cannot fold 1x8x9 to 5x5, which has 16 positions of 4 values"),
        ("unfold.default", {"self": (2, 3), "dimension": 1, "size": 4, "step": 1},
         "block.0: aten.unfold: cannot take windows of 4 every 1 of 3"),
        ("upsample_nearest2d.vec", {"input": (1, 3, 4, 4), "output_size": [0, 4]},
         "block.0: aten.upsample_nearest2d: cannot resize 1x3x4x4 to 0x4"),
    ],
)  # fmt: skip
def test_impossible_sizes_are_refused(target: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SizeError) as caught:
        called(f"aten.{target}", arguments)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "arguments", "message"),
    [
        ("view.default", {"self": (4,), "size": [-1, -1]}, "cannot take the shape [-1, -1]"),
        ("view.default", {"self": (4,), "size": [1] * 65},
         "has 65 numbers as its argument size; at most 64 are read"),
        ("view.default", {"self": (4,), "size": ["x"]}, "needs a whole number as its argument size"),
        ("max_pool2d.default", {"self": (1, 3, 8, 8), "kernel_size": [2, 2, 2]},
         "needs 2 numbers as its argument kernel_size, but has 3"),
        ("permute.default", {"self": (4, 5), "dims": [0, 0]}, "is no order of 2 axes: [0, 0]"),
        ("movedim.int", {"self": (4, 5), "source": [0, 0], "destination": [0, 1]}, "cannot move axes [0, 0] to [0, 1]"),
        ("flatten.using_ints", {"self": (4, 5), "start_dim": 1, "end_dim": 0}, "cannot flatten axes 1 to 0"),
        ("slice.Tensor", {"self": (4,), "step": 0}, "has a step of 0; it must be at least 1"),
        ("chunk.default", {"self": (4,), "chunks": 0}, "splits into parts of 0"),
        ("pad.default", {"self": (4,), "pad": [1]}, "has 1 amounts of padding for 1 axes"),
        ("cat.default", {"tensors": (4,)}, "needs a list of tensors as its argument tensors"),
        ("einsum.default", {"tensors": [(4,)], "equation": None}, "needs an equation"),
        ("index.Tensor", {"self": (4,), "indices": 3}, "needs a list of positions"),
        ("upsample_nearest2d.vec", {"input": (1, 3, 4, 4)}, "needs a size or factors"),
        ("upsample_nearest2d.vec", {"input": (1, 3, 4, 4), "scale_factors": [0.0, 2.0]}, "has the factors [0.0, 2.0]"),
        ("arange.default", {"end": float("inf")}, "needs numbers as start, end and step"),
        ("unsqueeze.default", {"self": (1,) * 64, "dim": 0}, "makes a tensor of 65 axes; at most 64 are read"),
        ("relu.default", {"self": "x"}, "needs a tensor as its argument self"),
        ("pixel_shuffle.default", {"self": (1, 4, 2, 2), "upscale_factor": 0}, "has arguments that this function cannot have"),
    ],
)  # fmt: skip
def test_arguments_that_no_exporter_writes_are_refused(
    target: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        called(f"aten.{target}", arguments)
    assert str(caught.value) == f"block.0: aten.{target.partition('.')[0]}: {message}"


@pytest.mark.parametrize(
    ("target", "arguments", "weights", "shape", "macs"),
    [
        ("_scaled_dot_product_flash_attention_for_cpu.default",
         {"query": (2, 3, 5, 8), "key": (2, 3, 7, 8), "value": (2, 3, 7, 8)}, {}, (2, 3, 5, 8), 2 * 3 * 5 * 7 * 16),
        ("_native_multi_head_attention.default",
         {"query": (2, 5, 8), "key": (2, 5, 8), "value": (2, 5, 8), "embed_dim": 8, "num_head": 2},
         {"qkv_weight": (24, 8), "proj_weight": (8, 8)}, (2, 5, 8), 2 * (5 * 8 * 24 + 2 * 5 * 5 * 8 + 5 * 8 * 8)),
        ("_transformer_encoder_layer_fwd.default", {"src": (2, 5, 8)},
         {"qkv_weight": (24, 8), "proj_weight": (8, 8), "ffn_weight_1": (16, 8), "ffn_weight_2": (8, 16)},
         (2, 5, 8), 2 * 5 * (24 * 8 + 8 * 8 + 2 * 16 * 8 + 2 * 5 * 8)),
        ("mkldnn_rnn_layer.default",
         {"input": (5, 2, 8), "hx_": (1, 2, 4), "cx_": (1, 2, 4), "hidden_size": 4},
         {"weight1": (16, 8), "weight2": (16, 4), "weight3": (16,), "weight4": (16,)}, (5, 2, 4), 5 * 2 * 16 * 12),
        ("lstm.data", {"data": (9, 8), "hx": [(1, 2, 4), (1, 2, 4)], "params": [(16, 8), (16, 4)]}, {}, (9, 4),
         9 * 16 * 12),
        ("_embedding_bag.default", {"indices": (6,), "offsets": (2,)}, {"weight": (20, 8)}, (2, 8), 0),
        ("native_dropout.default", {"input": (2, 3)}, {}, (2, 3), 0),
        ("log_sigmoid_forward.default", {"self": (2, 3)}, {}, (2, 3), 0),
        ("_fused_rms_norm.default", {"input": (2, 3), "normalized_shape": [3]}, {"weight": (3,)}, (2, 3), 0),
        ("_weight_norm_interface.default", {"v": (4, 3), "g": (4, 1)}, {}, (4, 3), 0),
        ("max.other", {"self": (4, 3), "other": (4, 1)}, {}, (4, 3), 0),
        ("triu_indices.default", {"row": 3, "col": 3, "self": (3,)}, {}, None, 0),
        ("diag_embed.default", {"self": (2, 3)}, {}, (2, 3, 3), 0),
        ("rot90.default", {"self": (2, 3), "k": 2}, {}, (2, 3), 0),
        ("take.default", {"self": (2, 3), "index": (7,)}, {}, (7,), 0),
        ("fft_irfft.default", {"self": (2, 5), "n": 7}, {}, (2, 7), 0),
        ("as_strided.default", {"self": (2, 6), "size": [3, 4], "stride": [4, 1]}, {}, (3, 4), 0),
        ("view.dtype", {"self": (2, 6), "dtype": "int32"}, {}, (2, 6), 0),
        ("addr.default", {"self": (2, 6), "vec1": (2,), "vec2": (6,)}, {}, (2, 6), 0),
        ("squeeze.default", {"self": (1, 6, 1)}, {}, (6,), 0),
        ("t.default", {"self": (6,)}, {}, (6,), 0),
        ("torchvision.deform_conv2d.default",
         {"input": (2, 3, 8, 8), "offset": (2, 18, 6, 6), "mask": (2, 9, 6, 6), "stride_h": 1, "stride_w": 1},
         {"weight": (4, 3, 3, 3), "bias": (4,)}, (2, 4, 6, 6), 2 * 36 * 4 * 27),
        ("torchvision.roi_align.default",
         {"input": (1, 8, 20, 20), "rois": (5, 5), "pooled_height": 7, "pooled_width": 6}, {}, (5, 8, 7, 6), 0),
        ("higher_order.flex_attention", {"0": (1, 2, 5, 8), "1": (1, 2, 5, 8), "2": (1, 2, 5, 8)}, {}, (1, 2, 5, 8),
         2 * 5 * 5 * 16),
        ("full_like.default", {"self": (6,), "fill_value": 1}, {}, None, 0),
        ("hstack.default", {"tensors": [(6,), (2,)]}, {}, (8,), 0),
        ("tensor_split.sections", {"self": (6,), "sections": 1}, {}, (6,), 0),
        ("flatten.using_ints", {"self": ()}, {}, (1,), 0),
        ("fft_fft2.default", {"self": (3, 4, 5)}, {}, (3, 4, 5), 0),
        ("fft_rfftn.default", {"self": (3, 4, 5)}, {}, (3, 4, 3), 0),
        ("view.default", {"self": (6, 4), "size": [2.0, 12]}, {}, (2, 12), 0),
    ],
)  # fmt: skip
def test_rare_functions_have_their_sizes_and_work(
    target: str, arguments: dict[str, Any], weights: dict[str, Shape], shape: Shape | None, macs: int
) -> None:
    known = target.startswith(("torchvision", "higher_order"))
    model = called(target if known else f"aten.{target}", arguments, weights)
    assert sum(each.macs for each in model.operations) == macs
    assert all(each.kind != OperationKind.UNKNOWN for each in model.operations)
    shapes = [array.shape for _, array in model.outputs]
    assert shapes == ([] if shape is None else [shape])
    used = {weight.name for each in model.operations for weight in each.weights}
    assert used == weights.keys()


@pytest.mark.parametrize("function", ["lstm.input", "gru.input"])
def test_the_last_state_of_a_recurrent_layer_can_be_read(function: str) -> None:
    names = ["h"] if function.startswith("gru") else ["h", "c"]
    shapes = {"x": (1, 50, 8), **dict.fromkeys(names, (2, 1, 4))}
    params = {"a": (16, 8), "b": (16, 4), "c1": (16, 4), "d": (16, 4)}
    arguments: dict[str, Any] = {
        "input": Reference("x"),
        "hx": [Reference(name) for name in names] if len(names) > 1 else Reference("h"),
        "params": [Reference(name) for name in params],
    }
    recurrent = Call(
        f"aten.{function}",
        arguments,
        ("y", *(f"last_{name}" for name in names)),
        "r",
    )
    last = Call("aten.select.int", {"self": Reference("last_h"), "dim": 0, "index": -1}, ("last",), "")
    program = Program(
        inputs=tuple(ModelInput(name, shape) for name, shape in shapes.items()),
        constants={},
        weights={name: Weight(name, shape) for name, shape in params.items()},
        calls=(recurrent, last),
        outputs=(("last", Reference("last")),),
        stated={name: Stated(shape, "float32") for name, shape in shapes.items()},
    )
    network = lower(evaluate_program(program, shapes))
    assert network.layers[0].output == (50, 4)
    assert network.layers[1].text == f"{function[:-6]} state"
    assert network.params == sum(prod(shape) for shape in params.values())
    assert network.outputs[0].size == (4,) if network.outputs else network.output == (4,)


def evaluated(
    *calls: tuple[str, dict[str, Any]],
    stated: Mapping[str, Stated | int] | None = None,
    shape: Shape = (2, 3, 4),
    outputs: Sequence[OutputName] = (),
    weights: dict[str, Shape] | None = None,
) -> Model:
    """Evaluate calls that read x, or results r0, r1, ... of earlier ones; the last result is the output."""
    weights = weights or {}
    names = {"x", *weights, *(f"r{at}" for at in range(len(calls))), *(str(each) for each in outputs)}

    def argument(value: Any) -> Any:
        if isinstance(value, list):
            return [argument(part) for part in value]
        return Reference(value) if isinstance(value, str) and value in names else value

    made = [
        Call(target, {name: argument(value) for name, value in given.items()}, (f"r{at}",), "block.0")
        for at, (target, given) in enumerate(calls)
    ]
    if outputs:
        made[0] = made[0]._replace(outputs=tuple(outputs))
    program = Program(
        (ModelInput("x", shape),),
        {},
        {name: Weight(name, weight) for name, weight in weights.items()},
        tuple(made),
        (("y", Reference(f"r{len(calls) - 1}")),),
        {"x": Stated(shape, "float32"), **(stated or {})},
    )
    return evaluate_program(program, {"x": shape})


CHOSEN = ("aten.nonzero.default", {"self": "x"})  # as many rows as there are values other than 0


@pytest.mark.parametrize(
    "calls",
    [
        [CHOSEN],
        [CHOSEN, ("aten.cat.default", {"tensors": ["r0", "r0"]})],
        [CHOSEN, ("aten.stack.default", {"tensors": ["r0", "r0"]})],
        [CHOSEN, ("aten.vstack.default", {"tensors": ["r0", "r0"]})],
        [CHOSEN, ("aten.add.Tensor", {"self": "r0", "other": 1})],
        [CHOSEN, ("aten.add.Tensor", {"self": "x", "other": "r0"})],
        [("aten.gt.Scalar", {"self": "x", "other": 0}), ("aten.index.Tensor", {"self": "x", "indices": ["r0"]})],
        [("aten.diagonal.default", {"self": "x", "offset": 1})],
        [("aten.item.default", {"self": "x"}), ("aten.clamp.default", {"self": "x", "min": "r0"})],
        [("aten.cat.default", {"tensors": []})],
    ],
)  # fmt: skip
def test_what_has_a_size_by_its_values_is_no_unknown_operation(calls: list[Any]) -> None:
    model = evaluated(*calls)
    assert [array.shape for _, array in model.outputs] == [None]
    assert model.operations[-1].kind == OperationKind.OTHER


@pytest.mark.parametrize(
    ("calls", "shape"),
    [
        ([("aten.eye.default", {"n": 3, "m": 4}), ("aten.add.Tensor", {"self": "x", "other": "r0"})], (2, 3, 4)),
        ([("aten.randperm.default", {"n": 5}), ("aten.index_select.default", {"self": "x", "dim": 1, "index": "r0"})],
         (2, 5, 4)),
        ([("aten.hann_window.default", {"window_length": 4}), ("aten.mul.Tensor", {"self": "x", "other": "r0"})],
         (2, 3, 4)),
        ([("aten.full.default", {"size": [], "fill_value": 8}), ("aten.view.default", {"self": "x", "size": ["r0", -1]})],
         (8, 3)),
        ([("aten.arange.default", {"end": 9}), ("aten.slice.Tensor", {"self": "r0", "start": 6, "end": 7}),
          ("aten.item.default", {"self": "r1"}), ("aten.view.default", {"self": "x", "size": ["r2", -1]})], (6, 4)),
        ([("aten.full.default", {"size": [2], "fill_value": 1.0}), ("aten.relu_.default", {"self": "r0"}),
          ("aten.view.default", {"self": "x", "size": [6, 4]})], (6, 4)),
    ],
)  # fmt: skip
def test_constants_have_their_sizes_and_values(calls: list[Any], shape: Shape) -> None:
    model = evaluated(*calls)
    assert [array.shape for _, array in model.outputs] == [shape]
    assert len(model.operations) == 1  # none of constants alone


@pytest.mark.parametrize(("function", "side"), [("add", 8), ("sub", 4), ("mul", 12), ("div", None)])
def test_arithmetic_of_constants_is_computed(function: str, side: int | None) -> None:
    model = evaluated(
        ("aten.scalar_tensor.default", {"s": 6}),
        (f"aten.{function}.Tensor", {"self": "r0", "other": 2}),
        ("aten.item.default", {"self": "r1"}),
        ("aten.view.default", {"self": "x", "size": ["r2", -1]}),
    )
    assert model.outputs[0][1].shape == (None if side is None else (side, 24 // side))


def test_products_of_constants_are_work_and_those_with_weights_dense_layers() -> None:
    ones = ("aten.ones.default", {"size": [4, 4]})
    model = evaluated(
        ones, ("aten.mm.default", {"self": "r0", "mat2": "r0"}), ("aten.matmul.default", {"self": "x", "other": "r1"})
    )  # fmt: skip
    assert [each.macs for each in model.operations if each.macs] == [64, 2 * 3 * 4 * 4]
    einsum = ("aten.einsum.default", {"equation": "bij,jk->bik", "tensors": ["x", "w"]})
    [dense] = evaluated(einsum, weights={"w": (4, 5)}).operations
    assert dense.layer is not None
    assert (dense.layer.text, dense.output.shape) == ("fc 5 nobias", (2, 3, 5))
    with pytest.raises(SizeError, match="its input is 2x3x4, but its weights are for 6 values"):
        evaluated(("aten.linear.default", {"input": "x", "weight": "w"}), weights={"w": (5, 6)})


def test_results_without_a_rule_are_as_the_file_states_them() -> None:
    number = ("aten.item.default", {"self": "x"})
    reshaped = ("aten.view.default", {"self": "x", "size": ["r0", -1]})
    assert evaluated(number, reshaped, stated={"r0": 6}).outputs[0][1].shape == (6, 4)
    # More results than the rule has, of which one has no name.
    two, joined = ("aten.relu.default", {"self": "x"}), ("aten.add.Tensor", {"self": "x", "other": "more"})
    shown = {"more": Stated((5, 1, 3, 4), "float32")}
    model = evaluated(two, joined, stated=shown, outputs=["first", None, "more"])
    assert model.outputs[0][1].shape == (5, 2, 3, 4)
    # A list of results beside a single one, of an operation that is not known.
    shown |= {"part": Stated((7,), "float32")}
    unknown = ("mylib.foo.default", {"self": "x"})
    model = evaluated(unknown, joined, stated=shown, outputs=[("part", None), "more"])
    assert model.outputs[0][1].shape == (5, 2, 3, 4)


def test_a_function_has_one_rule() -> None:
    with pytest.raises(ValueError, match="relu has two rules"):
        rule("relu")(lambda _: None)


# Numbers --------------------------------------------------------------------------------------------------


def numbers(*calls: tuple[str, list[Any]], shape: Shape = (2, 3, 4)) -> tuple[int | None, ...] | None:
    """Return the shape that a view gets, whose sides are computed by the calls; earlier ones by number."""
    made = []
    for at, (target, arguments) in enumerate(calls):
        given = {
            str(n): Reference(each) if isinstance(each, str) else each for n, each in enumerate(arguments)
        }
        if target.startswith("aten."):
            given = {"self": given["0"], "dim": given.get("1")}
        made.append(Call(target, given, (f"n{at}",)))
    last = f"n{len(calls) - 1}"
    made.append(Call("aten.view.default", {"self": Reference("x"), "size": [Reference(last), -1]}, ("y",)))
    program = Program(
        (ModelInput("x", shape),),
        {},
        {},
        tuple(made),
        (("y", Reference("y")),),
        {"x": Stated(shape, "float32")},
    )
    model = evaluate_program(program, {"x": shape})
    return model.outputs[0][1].shape


@pytest.mark.parametrize(
    ("calls", "side"),
    [
        ([("aten.sym_size.int", ["x", 1])], 3),
        ([("aten.sym_numel.default", ["x"])], 24),
        ([("aten.sym_size.int", ["x", -1]), ("_operator.mul", ["n0", 2])], 8),
        ([("aten.sym_size.int", ["x", -1]), ("operator.floordiv", ["n0", 2])], 2),
        ([("_operator.pow", [2, 3])], 8),
        ([("_operator.truediv", [9, 3]), ("math.floor", ["n0"])], 3),
        ([("torch.sym_max", [1, 6])], 6),
        ([("torch.sym_sum", [[1, 5]])], 6),
        ([("_operator.gt", [3, 2]), ("torch.sym_ite", ["n0", 4, 5])], 4),
        ([("_operator.getitem", [[2, 6], 1])], 6),
    ],
)
def test_numbers_are_computed(calls: list[Any], side: int) -> None:
    assert numbers(*calls) == (side, 24 // side)


@pytest.mark.parametrize(
    "calls",
    [
        [("aten.sym_stride.int", ["x", 0])],
        [("aten.item.default", ["x"])],
        [("aten.item.default", ["x"]), ("_operator.add", ["n0", 1])],
        [("_operator.pow", ["x", 1])],
        [("torch.sym_sum", ["x"])],
        [("aten.item.default", ["x"]), ("torch.sym_ite", ["n0", 1, 2])],
        [("_operator.getitem", ["x", 1])],
        [("aten.item.default", ["x"]), ("aten.sym_size.int", ["x", "n0"])],
    ],
)
def test_numbers_that_depend_on_values_are_unknown(calls: list[Any]) -> None:
    assert numbers(*calls) is None


@pytest.mark.parametrize(("target", "arguments"), [("_operator.add", ["x"]), ("_operator.pow", [10, 99]),
                                                    ("_operator.floordiv", [1, 0]), ("_operator.add", [1, None])])  # fmt: skip
def test_numbers_that_cannot_be_are_refused(target: str, arguments: list[Any]) -> None:
    if arguments == ["x"]:
        assert numbers((target, arguments)) is None
        return
    with pytest.raises(ConvcliError):
        numbers((target, arguments))


def test_a_program_within_is_entered_only_if_it_runs_once() -> None:
    inner = Subprogram(
        ("a",), (Reference("b"),), (Call("aten.relu.default", {"self": Reference("a")}, ("b",)),)
    )
    for target, kinds in (
        ("higher_order.wrap_with_set_grad_enabled", [OperationKind.LAYER]),
        ("higher_order.while_loop", [OperationKind.UNKNOWN]),
    ):
        call = Call(target, {"0": False, "1": inner, "2": Reference("x")}, ("y",))
        program = Program((ModelInput("x", (2, 3)),), {}, {}, (call,), (("y", Reference("y")),), {})
        assert [each.kind for each in evaluate_program(program, {"x": (2, 3)}).operations] == kinds
    call = Call("higher_order.wrap_with_set_grad_enabled", {"0": inner}, ("y",))
    with pytest.raises(SpecError, match="has not as many inputs as the program within it"):
        evaluate_program(Program((), {}, {}, (call,), (), {}), {})
