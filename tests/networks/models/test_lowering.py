"""Operations of model files become layers with the sizes and costs that one would write down by hand."""

from math import prod

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization, NormalizationKind
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.operations import Array, OperationKind, Shape, Weight
from convcli.networks.network import Network
from convcli.networks.sources import network
from convcli.networks.tables import params_table
from tests.support.model_building import ModelBuilder


def rows(net: Network) -> list[tuple[str, tuple[int, ...]]]:
    return [(stage.text, stage.output) for stage in net.layers]


def residual(builder: ModelBuilder, batch: int) -> Array:
    x = builder.input(batch, 3, 8, 10)
    first = builder.elementwise("relu", builder.normalization(builder.convolution(x, 16, 3, name="a")))
    second = builder.convolution(first, 16, 3, name="b")
    added = builder.add(OperationKind.ADD, (second, first), first.shape)
    pooled = builder.add(OperationKind.MEAN, added, (batch, 16), axes=(2, 3))
    return builder.dense(pooled, 10)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_residual_network_has_the_rows_and_sums_of_its_text(batch: int) -> None:
    builder = ModelBuilder()
    net = builder.network(residual(builder, batch))
    text = network(
        "conv 16 f3 p1 nobias, bn, relu, add { conv 16 f3 p1 nobias | }, gap, flatten, fc 10", (8, 10, 3)
    )
    assert rows(net) == rows(text)
    assert [stage[2:10] for stage in net.layers] == [stage[2:10] for stage in text.layers]
    assert [stage.input_tensors for stage in net.layers] == [stage.input_tensors for stage in text.layers]
    assert [stage.output_tensor for stage in net.layers] == [stage.output_tensor for stage in text.layers]
    assert (net.params, net.macs, net.statistics) == (text.params, text.macs, text.statistics)
    assert (net.input, net.batch, net.inputs, net.outputs) == ((8, 10, 3), batch, (), ())
    assert net.layers[0].name == "a"
    assert net.peak_activations == text.peak_activations


@pytest.mark.parametrize("batch", [1, 4])
def test_channels_are_followed_through_transposes(batch: int) -> None:
    builder = ModelBuilder()
    x = builder.input(batch, 8, 10, 3)
    first = builder.convolution(builder.transpose(x, 0, 3, 1, 2), 16, 3)
    last = builder.dense(builder.transpose(first, 0, 2, 3, 1), 5)
    net = builder.network(last)
    assert net.input == (8, 10, 3)
    assert rows(net) == [("conv 16 f3 p1 nobias", (8, 10, 16)), ("fc 5", (8, 10, 5))]
    assert net.receptive_field == (3, 3)
    assert [stage.input_tensors for stage in net.layers] == [(0,), (1,)]


def test_a_second_use_of_the_same_weights_counts_the_work_alone() -> None:
    builder = ModelBuilder()
    x, z = builder.input(1, 3, 8, 8), builder.input(1, 3, 8, 8, name="z")
    left, right = builder.convolution(x, 4, 3), builder.convolution(z, 4, 3)
    net = builder.network(builder.add(OperationKind.SUBTRACT, (left, right), left.shape))
    assert [(stage.params, stage.macs, stage.shares) for stage in net.layers] == [
        (108, 6912, None), (0, 6912, 0), (0, 0, None)
    ]  # fmt: skip
    assert [stage.input_tensors for stage in net.layers] == [(0,), (1,), (2, 3)]
    assert [(port.name, port.size, port.tensor) for port in net.inputs] == [
        ("x", (8, 8, 3), 0),
        ("z", (8, 8, 3), 1),
    ]


def test_vectors_that_a_file_stores_once_count_for_each_layer_that_does_not_share_its_matrix() -> None:
    builder = ModelBuilder()
    zeros, ones = Weight("zeros", (4,)), Weight("ones", (4, 1, 1))
    array = builder.input(1, 4)
    for matrix in ("a", "b", "a"):
        kernel = Weight(matrix, (4, 4))
        array = builder.layer(Dense(units=4), array, (1, 4), kernel, zeros, channel_axis=1)
    for _ in range(2):
        array = builder.layer(
            Normalization(type=NormalizationKind.LAYER), array, (1, 4), ones, zeros, channel_axis=1
        )
    merged, learned = lower(builder.model(array, stored=True)), lower(builder.model(array))
    assert [stage.params for stage in merged.layers] == [20, 20, 0, 8, 8]
    assert [stage.shares for stage in merged.layers] == [None, None, 0, None, None]
    assert [stage.params for stage in learned.layers] == [20, 16, 0, 4, 0]


def test_what_no_output_depends_on_is_left_out() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 3, 8, 8)
    used = builder.convolution(x, 4, name="used")
    builder.convolution(x, 400, name="unused")
    weights = tuple(weight for operation in builder.operations for weight in operation.weights)
    net = builder.network(used, weights=(*weights, Weight("mean", (7,), learned=False)))
    assert [stage.name for stage in net.layers] == ["used"]
    assert (net.params, net.known_params, net.unused_params) == (1212, 1212, 1200)
    assert params_table(net).as_tsv().splitlines()[2:] == [
        "used by no layer\t\t1200\t\t\t\t\t\t", "total\t8x8x4\t1212\t768\t256\t\t\t0\t"
    ]  # fmt: skip


def test_outputs_are_listed_unless_the_only_one_is_the_last_layer() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 3, 8, 8)
    first = builder.convolution(x, 4)
    second = builder.elementwise("relu", first)
    net = builder.network(second, first)
    assert [(port.name, port.size, port.tensor) for port in net.outputs] == [
        ("y0", (8, 8, 4), 2),
        ("y1", (8, 8, 4), 1),
    ]


@pytest.mark.parametrize("batch", [1, 4])
def test_an_output_that_is_a_view_of_the_last_layer_has_its_own_size(batch: int) -> None:
    builder = ModelBuilder()
    last = builder.convolution(builder.input(batch, 3, 8, 10), 4, 3)
    net = builder.network(builder.add(OperationKind.RESHAPE, (last,), (batch, 4, 80)))
    assert (net.layers[-1].output, net.output) == ((8, 10, 4), (80, 4))
    assert [port.size for port in net.outputs] == [(80, 4)]


def test_behind_an_unknown_operation_sizes_are_unknown_and_parameters_are_counted() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 3, 8, 8)
    foo = builder.add(OperationKind.UNKNOWN, x, None, source="com.acme.Foo")
    kernel = Weight("k", (4, 3, 1, 1))
    last = builder.layer(Convolution(window=(1, 1), filters=4, bias=False), foo, None, kernel)
    added = builder.add(OperationKind.ADD, (last, builder.elementwise("relu", last)), None)
    net = builder.network(added)
    assert [(stage.output, stage.params, stage.macs) for stage in net.layers] == [
        ((), None, None), ((), 12, None), ((), 0, 0), ((), 0, 0)
    ]  # fmt: skip
    assert net.unknown


def test_a_size_of_an_unknown_operation_that_the_file_states_is_used() -> None:
    builder = ModelBuilder()
    foo = builder.add(OperationKind.UNKNOWN, builder.input(1, 3, 8, 8), (1, 5, 4, 4), source="com.acme.Foo")
    net = builder.network(builder.convolution(foo, 2))
    assert rows(net) == [("? com.acme.Foo", (4, 4, 5)), ("conv 2 f1 nobias", (4, 4, 2))]
    assert net.layers[1].macs == 160


def test_an_unknown_operation_that_keeps_the_shape_keeps_the_channels_where_they_were() -> None:
    builder = ModelBuilder()
    x = builder.convolution(builder.input(1, 3, 8, 9), 4)
    foo = builder.add(OperationKind.UNKNOWN, x, (1, 4, 8, 9), source="acme.wiggle")
    net = builder.network(builder.add(OperationKind.MEAN, foo, (1, 4, 1, 1), axes=(2, 3)))
    assert rows(net)[1:] == [("? acme.wiggle", (8, 9, 4)), ("gap", (1, 1, 4))]


def recurrent(builder: ModelBuilder, x: Array, *, axis: int = 0) -> Array:
    shape = x.shape or ()
    return builder.add(
        OperationKind.RECURRENT, x, (*shape[:-1], 12), function="lstm", macs=prod(shape[:-1]) * 960, axis=axis
    )


@pytest.mark.parametrize(
    ("shape", "axis", "batch", "output", "macs"),
    [
        ((30, 1, 8), 0, 1, (30, 12), 28800),  # the steps first: the default of PyTorch
        ((30, 2, 8), 0, 2, (30, 12), 28800),
        ((30, 8), 0, 1, (30, 12), 28800),  # without a batch
        ((2, 30, 8), 1, 2, (30, 12), 28800),
        ((30, 8), -1, 30, (12,), 960),  # a single step
    ],
)
def test_recurrent_layers_tell_the_steps_from_the_batch(
    shape: Shape, axis: int, batch: int, output: Shape, macs: int
) -> None:
    builder = ModelBuilder()
    net = builder.network(recurrent(builder, builder.input(*shape), axis=axis))
    assert (net.batch, net.output, net.macs) == (batch, output, macs)


def test_tokens_may_have_their_steps_first() -> None:
    builder = ModelBuilder()
    tokens, other = builder.input(30, 2), builder.input(3, 2, 12)
    embedded = builder.add(OperationKind.EMBEDDING, tokens, (30, 2, 8), Weight("e", (99, 8)))
    net = builder.network(recurrent(builder, embedded), builder.elementwise("relu", other))
    assert rows(net) == [("embedding", (30, 8)), ("lstm", (30, 12)), ("relu", (3, 12))]
    assert [port.size for port in net.inputs] == [(30,), (3, 12)]


def test_attention_tells_the_steps_from_the_batch() -> None:
    builder = ModelBuilder()
    steps = builder.input(30, 2, 8)
    heads = builder.add(OperationKind.RESHAPE, steps, (30, 4, 4))
    moved = builder.add(OperationKind.TRANSPOSE, heads, (4, 30, 4), permutation=(1, 0, 2))
    macs = 2 * 4 * 30 * 30 * 4
    made = builder.add(OperationKind.ATTENTION, (moved, moved, moved), (4, 30, 4), macs=macs)
    net = builder.network(made)
    assert (net.batch, net.input, net.output, net.macs) == (2, (30, 8), (2, 30, 4), macs // 2)


def test_errors_name_the_operation() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 3, 4, 4)
    layer = Convolution(window=(5, 5), filters=2)
    wrong = builder.layer(layer, x, (1, 2, 1, 1), name="features.0", source="Conv")
    with pytest.raises(SizeError, match=r"features.0 \(Conv\), conv 2 f5 on 4x4x3: filter 5 on input 4 "):
        builder.network(wrong)


def test_a_size_in_the_file_that_is_not_that_of_the_layer_is_refused() -> None:
    builder = ModelBuilder()
    layer = Convolution(window=(3, 3), filters=2)
    wrong = builder.layer(layer, builder.input(1, 3, 4, 4), (1, 2, 4, 4), source="Conv")
    with pytest.raises(SpecError, match=r"Conv: convcli computes 2x2x2, the file states 4x4x2"):
        builder.network(wrong)


def test_weights_that_are_not_those_of_the_layer_are_refused() -> None:
    builder = ModelBuilder()
    layer = Convolution(window=(3, 3), filters=2)
    kernel = Weight("kernel", (2, 4, 3, 3))
    wrong = builder.layer(layer, builder.input(1, 3, 4, 4), (1, 2, 2, 2), kernel, source="Conv")
    with pytest.raises(SpecError, match=r"needs weights of 3x3x3x2, but kernel has 2x4x3x3"):
        builder.network(wrong)


def test_a_model_that_computes_nothing_is_refused() -> None:
    builder = ModelBuilder()
    with pytest.raises(SpecError, match="has no layers"):
        builder.network(builder.input(1, 3, 4, 4))


def test_an_array_that_nothing_computes_is_refused() -> None:
    builder = ModelBuilder()
    builder.input(1, 3, 4, 4)
    missing = builder.layer(Elementwise(type="relu"), Array(99, (1, 3, 4, 4)), (1, 3, 4, 4))
    with pytest.raises(SpecError, match="reads an array that no operation before it computes"):
        builder.network(missing)
    builder.operations.clear()
    with pytest.raises(SpecError, match="output y1: no operation of the model computes it"):
        builder.network(builder.elementwise("relu", builder.inputs[0][1]), Array(99, ()))


@pytest.mark.parametrize("is_vector", [True, False])
def test_a_gate_does_not_end_the_receptive_field(is_vector: bool) -> None:
    builder = ModelBuilder()
    features = builder.convolution(builder.input(1, 3, 8, 10), 4, 3, name="a")
    if is_vector:
        pooled = builder.add(OperationKind.MEAN, features, (1, 4), axes=(2, 3))
        gate = builder.reshape(builder.dense(pooled, 4), 1, 4, 1, 1)
    else:
        gate = builder.convolution(builder.mean(features, 2, 3), 4, name="gate")
    gated = builder.add(OperationKind.MULTIPLY, (features, gate), features.shape)
    last = builder.convolution(gated, 4, 3, name="b")
    net = builder.network(builder.dense(builder.reshape(builder.mean(last, 2, 3), 1, 4), 10))
    assert [stage.text for stage in net.layers].count("mul") == 1
    assert net.fields == net.layers[[stage.name for stage in net.layers].index("b")].fields
    assert [field.jump for field in net.fields or ()] == [1, 1]
    text = network("conv 4 f3 p1, mul { gap, conv 4 f1 | }, conv 4 f3 p1, gap, flatten, fc 10", (8, 10, 3))
    assert net.receptive_field == text.receptive_field


def test_sums_of_arrays_whose_channels_were_seen_along_different_axes() -> None:
    builder = ModelBuilder()
    tokens = builder.dense(builder.input(1, 196, 48), 64, name="a")
    mixed = builder.transpose(builder.dense(builder.transpose(tokens, 0, 2, 1), 196, name="b"), 0, 2, 1)
    added = builder.pair(OperationKind.ADD, tokens, mixed)
    scaled = builder.weighted(OperationKind.MULTIPLY, mixed, "scale", 64)
    net = builder.network(builder.pair(OperationKind.ADD, added, scaled))
    assert rows(net) == [
        ("fc 64", (196, 64)), ("fc 196", (64, 196)), ("add", (196, 64)), ("scale", (196, 64)), ("add", (196, 64))
    ]  # fmt: skip


def test_a_weight_for_each_channel_is_a_scale_or_a_bias_and_others_are_rows_of_their_own() -> None:
    builder = ModelBuilder()
    x = builder.elementwise("relu", builder.input(1, 6, 8, 10))
    for kind in (OperationKind.MULTIPLY, OperationKind.ADD):
        x = builder.weighted(kind, x, f"{kind}.viewed", 6)
        x = builder.weighted(kind, x, f"{kind}.channels", 6, 1, 1)
        x = builder.weighted(kind, x, f"{kind}.positions", 8, 10)
        x = builder.weighted(kind, x, f"{kind}.one")
        x = builder.scalar(kind, x, 2)
    net = builder.network(x)
    assert [(stage.text, stage.params) for stage in net.layers[1:]] == [
        ("scale", 6), ("scale", 6), ("mul", 80), ("mul", 1), ("bias", 6), ("bias", 6), ("add", 80), ("add", 1)
    ]  # fmt: skip
    assert {stage.output for stage in net.layers} == {(8, 10, 6)}
    assert net.receptive_field == (1, 1)


def test_work_on_constants_is_counted() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 4, 6)
    table = builder.add(OperationKind.OTHER, (), (1, 4, 3), Weight("table", (4, 3)))
    positions = builder.dense(table, 6)
    net = builder.network(builder.pair(OperationKind.ADD, x, positions))
    assert [(stage.text, stage.params, stage.macs) for stage in net.layers] == [
        ("fc 6", 36, 72),
        ("add", 0, 0),
    ]


def test_weights_that_are_computed_count_where_they_are_read() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 4, 6)
    token = builder.add(OperationKind.EXPAND, (), (1, 1, 6), Weight("token", (1, 1, 6)))
    net = builder.network(builder.add(OperationKind.CONCATENATE, (token, x), (1, 5, 6), axis=1))
    assert [(stage.text, stage.output, stage.params, stage.input_tensors) for stage in net.layers] == [
        ("concatenate", (5, 6), 6, (0,))
    ]  # fmt: skip


def test_averages_over_the_channels_keep_positions_and_others_do_not() -> None:
    builder = ModelBuilder()
    x = builder.convolution(builder.input(1, 3, 8, 10), 4, 3)
    net = builder.network(builder.mean(x, 1), builder.mean(x, 2), builder.mean(x, 1, 2, 3))
    assert [(stage.text, stage.output, stage.fields is None) for stage in net.layers[1:]] == [
        ("mean", (8, 10, 1), False), ("mean", (1, 10, 4), True), ("mean", (1, 1, 1), True)
    ]  # fmt: skip


def test_very_many_weights_that_are_computed_together_are_not_copied_again_and_again() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 3, 8, 10)
    table = builder.add(OperationKind.OTHER, (), (3, 1, 1), Weight("first", (3, 1, 1)))
    for number in range(1500):
        table = builder.add(OperationKind.ADD, (table, table), (3, 1, 1), Weight(f"{number}", (3, 1, 1)))
    net = builder.network(builder.pair(OperationKind.MULTIPLY, x, table))
    assert net.layers[0].params == 3003
    assert net.params == 3 * 1501


def test_frames_that_share_the_axis_of_the_batch_are_all_counted() -> None:
    builder = ModelBuilder()
    video = builder.input(2, 5, 3, 8, 10)
    frames = builder.convolution(builder.reshape(video, 10, 3, 8, 10), 4, 3)
    features = builder.reshape(builder.mean(frames, 2, 3), 2, 5, 4)
    net = builder.network(builder.dense(features, 7))
    assert (net.batch, net.input) == (2, (5, 8, 10, 3))
    first, *_, last = net.layers
    assert (first.output, first.macs, first.fields) == ((5, 8, 10, 4), 5 * 8 * 10 * 4 * 27, None)
    assert (last.output, last.macs) == ((5, 7), 5 * 4 * 7)


def test_an_array_of_fewer_axes_is_aligned_at_the_last() -> None:
    builder = ModelBuilder()
    x, y = builder.input(1, 4, 6), builder.input(6, name="y")
    net = builder.network(builder.pair(OperationKind.ADD, y, builder.pair(OperationKind.MULTIPLY, x, y)))
    assert rows(net) == [("mul", (4, 6)), ("add", (4, 6))]


def test_slices_along_sides_are_crops_where_they_are_an_image_and_slices_elsewhere() -> None:
    builder = ModelBuilder()
    x = builder.convolution(builder.input(1, 3, 8, 10), 4, 3)
    cropped = builder.add(OperationKind.SLICE, x, (1, 4, 6, 10), axis=2, start=1, stop=7)
    channels = builder.add(OperationKind.SLICE, cropped, (1, 2, 6, 10), axis=1, start=2, stop=4)
    strided = builder.add(OperationKind.SLICE, channels, (1, 2, 3, 10), axis=2, stop=6, step=2)
    tokens = builder.transpose(builder.reshape(strided, 1, 2, 30), 0, 2, 1)
    first = builder.add(OperationKind.SLICE, tokens, (1, 1, 2), axis=1, start=0, stop=1)
    net = builder.network(first)
    assert rows(net)[1:] == [
        ("crop 1:1x0:0", (6, 10, 4)), ("slice 2:4", (6, 10, 2)), ("slice", (3, 10, 2)), ("slice", (1, 2))
    ]  # fmt: skip


def test_an_input_without_a_batch_keeps_its_axes() -> None:
    builder = ModelBuilder()
    x, table = builder.input(1, 4, 6), builder.input(6, 4, name="table")
    viewed = builder.reshape(builder.elementwise("relu", table), 4, 6)
    net = builder.network(builder.pair(OperationKind.ADD, x, viewed))
    assert rows(net) == [("relu", (6, 4)), ("add", (4, 6))]


def test_arrays_of_fewer_axes_get_more() -> None:
    builder = ModelBuilder()
    x, y = builder.input(1, 4, 6), builder.input(4, 6, name="y")
    wide = builder.add(OperationKind.EXPAND, y, (1, 4, 6))
    tall = builder.add(OperationKind.ADD, y, (3, 4, 6), Weight("planes", (3, 1, 1)))
    net = builder.network(builder.pair(OperationKind.MULTIPLY, x, wide), tall)
    assert [(stage.text, stage.output, stage.params) for stage in net.layers] == [
        ("add", (3, 4, 6), 3), ("mul", (4, 6), 0)
    ]  # fmt: skip


def test_a_batch_that_a_reshape_mixes_with_other_axes_is_lost() -> None:
    builder = ModelBuilder()
    mixed = builder.reshape(builder.transpose(builder.input(2, 3, 4), 1, 0, 2), 4, 6)
    net = builder.network(builder.elementwise("relu", mixed))
    assert (rows(net), net.batch) == ([("relu", (4, 6))], 2)


def test_a_result_without_the_axis_of_the_batch_is_whole() -> None:
    builder = ModelBuilder()
    net = builder.network(builder.add(OperationKind.OTHER, builder.input(2, 3, 4), (3,), source="Foo"))
    assert rows(net) == [("Foo", (3,))]


def test_what_reads_an_array_of_unknown_size_has_the_size_that_the_file_states() -> None:
    builder = ModelBuilder()
    foo = builder.add(OperationKind.UNKNOWN, builder.input(1, 3, 8, 8), None, source="acme.foo")
    flat = builder.elementwise("relu", builder.reshape(foo, 1, 3, 64))
    average = builder.add(OperationKind.MEAN, foo, (1, 3), axes=(2, 3))
    layer = Convolution(window=(1, 1), filters=4, bias=False)
    net = builder.network(flat, average, builder.layer(layer, foo, (1, 4, 8, 8)))
    assert [(stage.text, stage.output, stage.macs) for stage in net.layers[1:]] == [
        ("relu", (3, 64), 0), ("mean", (3,), 0), ("conv 4 f1 nobias", (8, 8, 4), None)
    ]  # fmt: skip


def test_an_output_whose_size_the_file_does_not_state_is_counted() -> None:
    builder = ModelBuilder()
    layer, kernel = Convolution(window=(1, 1), filters=4, bias=False), Weight("kernel", (4, 3, 1, 1))
    last = builder.elementwise("relu", builder.layer(layer, builder.input(1, 3, 8, 8), None, kernel))
    net = builder.network(last)
    assert [(stage.output, stage.params, stage.macs) for stage in net.layers] == [((), 12, 768), ((), 0, 0)]


def test_what_keeps_everything_is_no_row() -> None:
    builder = ModelBuilder()
    x = builder.convolution(builder.input(1, 3, 8, 8), 4, 3)
    same = builder.add(OperationKind.IDENTITY, x, x.shape)
    alone = builder.add(OperationKind.CONCATENATE, same, x.shape, axis=1)
    whole = builder.add(OperationKind.SLICE, alone, x.shape, axis=2, start=0, stop=8)
    net = builder.network(builder.elementwise("relu", whole))
    assert rows(net) == [("conv 4 f3 p1 nobias", (8, 8, 4)), ("relu", (8, 8, 4))]
    assert net.receptive_field == (3, 3)


def test_a_side_of_one_that_is_dropped_leaves_the_receptive_field_of_the_other() -> None:
    builder = ModelBuilder()
    x = builder.convolution(builder.input(1, 3, 1, 8), 4, 3)
    net = builder.network(builder.elementwise("relu", builder.reshape(x, 1, 4, 8)))
    assert net.layers[-1].output == (8, 4)
    assert [field.size for field in net.layers[-1].fields or ()] == [3]


def test_a_model_without_inputs_counts_what_it_computes() -> None:
    builder = ModelBuilder()
    table = builder.add(OperationKind.OTHER, (), (1, 4, 3), Weight("table", (4, 3)))
    net = builder.network(builder.dense(table, 6))
    assert (net.input, net.inputs, rows(net)) == ((), (), [("fc 6", (4, 6))])
    assert (net.params, net.macs) == (3 * 6 + 6 + 4 * 3, 4 * 3 * 6)


def test_a_sum_with_two_weights_is_a_row_of_its_own() -> None:
    builder = ModelBuilder()
    x = builder.elementwise("relu", builder.input(1, 6, 8, 10))
    weights = Weight("a", (6, 1, 1)), Weight("b", (6, 1, 1))
    net = builder.network(builder.add(OperationKind.ADD, x, x.shape, *weights))
    assert [(stage.text, stage.params) for stage in net.layers] == [("relu", 0), ("add", 12)]
