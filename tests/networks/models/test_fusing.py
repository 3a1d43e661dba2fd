"""Operations that exporters write for one layer become that layer; what only looks like it stays as it is."""

from collections.abc import Callable
from math import prod
from typing import Any

import pytest

from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization, Pad, PadMode, Scale
from convcli.networks.layer_types.pooling import BlurPool
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convcli.networks.models.fusing.fusing import fuse
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.operations import Array, Operation, OperationKind, Weight
from convcli.networks.sources import network
from tests.support.model_building import ModelBuilder

ADD, SUB, MUL, DIV, POW = (
    OperationKind.ADD,
    OperationKind.SUBTRACT,
    OperationKind.MULTIPLY,
    OperationKind.DIVIDE,
    OperationKind.POWER,
)
Pattern = Callable[[ModelBuilder, Array], Array]


def fused(build: Pattern, *shape: int) -> list[Operation]:
    builder = ModelBuilder()
    return [*fuse(builder.model(build(builder, builder.input(*shape)))).operations]


def layers(build: Pattern, *shape: int) -> list[Layer | str | None]:
    """Return the layers that a pattern becomes, and the kinds of other operations."""
    return [
        operation.layer if operation.kind == OperationKind.LAYER else str(operation.kind)
        for operation in fused(build, *shape)
    ]


# Activations ----------------------------------------------------------------------------------------------


def silu(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, x, b.elementwise("sigmoid", x))


def silu_swapped(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, b.elementwise("sigmoid", x), x)


def silu_with_exp(b: ModelBuilder, x: Array) -> Array:
    return b.pair(DIV, x, b.scalar(ADD, b.function("exp", b.function("neg", x)), 1))


def gelu(b: ModelBuilder, x: Array) -> Array:
    grown = b.scalar(ADD, b.function("erf", b.scalar(DIV, x, 1.4142135)), 1)
    return b.scalar(MUL, b.pair(MUL, x, grown), 0.5)


def gelu_of_halves(b: ModelBuilder, x: Array) -> Array:
    grown = b.scalar(ADD, b.function("erf", b.scalar(MUL, x, 0.70710677)), 1)
    return b.pair(MUL, grown, b.scalar(MUL, x, 0.5))


def gelu_tanh(b: ModelBuilder, x: Array) -> Array:
    cube = b.scalar(MUL, b.scalar(POW, x, 3), 0.044715)
    tanh = b.elementwise("tanh", b.scalar(MUL, b.pair(ADD, x, cube), 0.7978846))
    return b.pair(MUL, b.scalar(MUL, x, 0.5), b.scalar(ADD, tanh, 1))


def gelu_tanh_by_products(b: ModelBuilder, x: Array) -> Array:
    cube = b.scalar(MUL, b.pair(MUL, b.pair(MUL, x, x), x), 0.044715)
    tanh = b.function("tanh", b.scalar(MUL, b.pair(ADD, cube, x), 0.7978846))
    return b.scalar(MUL, b.pair(MUL, b.scalar(ADD, tanh, 1), x), 0.5)


def quick_gelu(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, x, b.elementwise("sigmoid", b.scalar(MUL, x, 1.702)))


def hardsigmoid(b: ModelBuilder, x: Array) -> Array:
    return b.scalar(DIV, b.elementwise("relu6", b.scalar(ADD, x, 3)), 6)


def hardswish(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, x, hardsigmoid(b, x))


def hardswish_divided_last(b: ModelBuilder, x: Array) -> Array:
    return b.scalar(MUL, b.pair(MUL, b.elementwise("relu6", b.scalar(ADD, x, 3)), x), 1 / 6)


def hardswish_of_hardsigmoid(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, b.elementwise("hardsigmoid", x), x)


def mish(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, x, b.elementwise("tanh", b.elementwise("softplus", x)))


def softplus(b: ModelBuilder, x: Array) -> Array:
    return b.function("log", b.scalar(ADD, b.function("exp", x), 1))


def relu6(b: ModelBuilder, x: Array) -> Array:
    relu = b.elementwise("relu", x)
    return b.add(OperationKind.OTHER, relu, x.shape, function="min", constant=6)


def hardsigmoid_by_clipping(b: ModelBuilder, x: Array) -> Array:
    return b.function("clip 0 1", b.scalar(ADD, b.scalar(MUL, x, 1 / 6), 0.5))


def softplus_with_threshold(b: ModelBuilder, x: Array) -> Array:
    large = b.add(OperationKind.OTHER, x, x.shape, function="greater", constant=20)
    return b.add(OperationKind.OTHER, (large, x, b.elementwise("softplus", x)), x.shape, function="where")


def sigmoid(b: ModelBuilder, x: Array) -> Array:
    return b.scalar(DIV, b.scalar(ADD, b.function("exp", b.function("neg", x)), 1), 1, reverse=True)


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (silu, "silu"), (silu_swapped, "silu"), (silu_with_exp, "silu"),
        (gelu, "gelu"), (gelu_of_halves, "gelu"), (gelu_tanh, "gelu"), (gelu_tanh_by_products, "gelu"),
        (quick_gelu, "gelu"), (hardsigmoid, "hardsigmoid"), (hardswish, "hardswish"),
        (hardswish_divided_last, "hardswish"), (hardswish_of_hardsigmoid, "hardswish"), (mish, "mish"),
        (softplus, "softplus"), (softplus_with_threshold, "softplus"),
        (hardsigmoid_by_clipping, "hardsigmoid"), (relu6, "relu6"), (sigmoid, "sigmoid"),
    ],
)  # fmt: skip
def test_an_activation_that_is_written_out_is_one_layer(build: Pattern, kind: str) -> None:
    assert layers(build, 1, 8, 7, 7) == [Elementwise(type=kind)]
    # also behind another activation, whose output it is a function of
    after = layers(lambda b, x: build(b, b.elementwise("relu", x)), 1, 8, 7, 7)
    assert after == [Elementwise(type="relu"), Elementwise(type=kind)] or kind in (
        "softplus",
        "hardsigmoid",
        "sigmoid",
        "relu6",
    )


def gate_of_another_array(b: ModelBuilder, x: Array) -> Array:
    return b.pair(MUL, x, b.elementwise("sigmoid", b.convolution(x, 8)))


def gelu_of_one_half(b: ModelBuilder, x: Array) -> Array:
    grown = b.scalar(ADD, b.function("erf", b.scalar(DIV, x, 2)), 1)
    return b.scalar(MUL, b.pair(MUL, x, grown), 0.5)


def square_root(b: ModelBuilder, x: Array) -> Array:
    return b.function("sqrt", x)


def residual_activation(b: ModelBuilder, x: Array) -> Array:
    return b.pair(ADD, x, b.elementwise("relu", x))


@pytest.mark.parametrize(
    ("build", "count"),
    [(gate_of_another_array, 3), (gelu_of_one_half, 5), (square_root, 1), (residual_activation, 2)],
)
def test_what_only_resembles_an_activation_stays(build: Pattern, count: int) -> None:
    assert len(layers(build, 1, 8, 7, 7)) == count


def test_a_gate_that_is_broadcast_is_no_activation() -> None:
    def squeeze(b: ModelBuilder, x: Array) -> Array:
        return b.pair(MUL, x, b.elementwise("sigmoid", b.mean(x, 2, 3)))

    assert layers(squeeze, 1, 8, 7, 7) == ["mean", Elementwise(type="sigmoid"), "multiply"]


def test_an_activation_of_an_unknown_size_stays() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.add(MUL, (x, b.elementwise("sigmoid", x)), None)

    assert layers(build, 1, 8, 7, 7) == [Elementwise(type="sigmoid"), "multiply"]


def test_what_weights_alone_give_stays() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.pair(ADD, x, b.add(OperationKind.MULTIPLY, (), (1, 8), Weight("w", (8,))))

    assert layers(build, 1, 8) == ["multiply", "add"]


def test_a_joined_layer_has_the_name_of_the_module_around_its_parts() -> None:
    def named(b: ModelBuilder, x: Array) -> Array:
        gate = b.layer(Elementwise(type="sigmoid"), x, x.shape, name="features.1.act.sigmoid")
        return b.add(MUL, (x, gate), x.shape, name="features.1.act")

    assert [operation.name for operation in fused(named, 1, 8, 7, 7)] == ["features.1.act"]


def test_parts_that_something_else_reads_stay() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 8, 7, 7)
    gate = builder.elementwise("sigmoid", x)
    model = fuse(builder.model(builder.pair(MUL, x, gate), gate))
    assert [operation.layer for operation in model.operations] == [
        Elementwise(type="sigmoid"), Elementwise(type="silu")
    ]  # fmt: skip


# Normalizations -------------------------------------------------------------------------------------------


def centered(b: ModelBuilder, x: Array, *axes: int) -> Array:
    return b.pair(SUB, x, b.mean(x, *axes))


def layer_norm(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 2)
    deviation = b.function("sqrt", b.scalar(ADD, b.mean(b.scalar(POW, data, 2), 2), 1e-5))
    return b.pair(DIV, data, deviation)


def layer_norm_by_product(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 2)
    deviation = b.function("sqrt", b.scalar(ADD, b.mean(b.pair(MUL, data, data), 2), 1e-5))
    return b.pair(MUL, b.scalar(DIV, deviation, 1, reverse=True), data)


def layer_norm_by_power(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 2)
    return b.pair(MUL, data, b.scalar(POW, b.mean(b.function("square", data), 2), -0.5))


def test_layer_normalization_that_is_written_out_is_one_layer() -> None:
    for build in (layer_norm, layer_norm_by_product, layer_norm_by_power):
        plain = fused(build, 2, 197, 768)
        assert [(operation.layer, operation.channel_axis) for operation in plain] == [
            (Normalization(type="ln", affine=False), 2)
        ]

        def affine(b: ModelBuilder, x: Array, build: Pattern = build) -> Array:
            return b.weighted(ADD, b.weighted(MUL, build(b, x), "scale", 768), "shift", 768)

        (operation,) = fused(affine, 2, 197, 768)
        assert operation.layer == Normalization(type="ln")
        assert [weight.name for weight in operation.weights] == ["scale", "shift"]


def test_an_epsilon_may_be_large() -> None:
    def build(b: ModelBuilder, x: Array, axis: int = 2) -> Array:
        data = centered(b, x, axis)
        deviation = b.function("sqrt", b.scalar(ADD, b.mean(b.scalar(POW, data, 2), axis), 0.1))
        return b.pair(DIV, data, deviation)

    assert layers(build, 2, 197, 768) == [Normalization(type="ln", affine=False)]
    assert layers(lambda b, x: build(b, x, 0), 768)[-1] == "divide"  # a vector without a batch


def test_normalization_over_the_channels_of_an_image_is_layer_normalization() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        data = centered(b, x, 1)
        deviation = b.function("sqrt", b.scalar(ADD, b.mean(b.scalar(POW, data, 2), 1), 1e-6))
        return b.weighted(MUL, b.pair(DIV, data, deviation), "scale", 96, 1, 1)

    (operation,) = fused(build, 1, 96, 56, 56)
    assert (operation.layer, operation.channel_axis) == (Normalization(type="ln", bias=False), 1)


@pytest.mark.parametrize(
    ("shape", "axes", "channel_axis"), [((1, 8, 7, 7), (2, 3), 1), ((1, 7, 7, 8), (1, 2), 3)]
)
def test_normalization_over_the_sides_is_instance_normalization(
    shape: tuple[int, ...], axes: tuple[int, ...], channel_axis: int
) -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        data = centered(b, x, *axes)
        return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 2), *axes)))

    (operation,) = fused(build, *shape)
    assert operation.layer == Normalization(type="instancenorm", affine=False)
    assert operation.channel_axis == channel_axis


def test_root_mean_square_normalization_is_one_layer() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        inverse = b.function("rsqrt", b.scalar(ADD, b.mean(b.scalar(POW, x, 2), 2), 1e-6))
        return b.weighted(MUL, b.pair(MUL, x, inverse), "scale", 512)

    assert layers(build, 1, 10, 512) == [Normalization(type="rms")]


def variance_of_another_array(b: ModelBuilder, x: Array) -> Array:
    data, other = centered(b, x, 2), b.function("exp", x)
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, other, 2), 2)))


def mean_over_other_axes(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 1)
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 2), 2)))


def cube(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 2)
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 3), 2)))


@pytest.mark.parametrize("build", [variance_of_another_array, mean_over_other_axes, cube])
def test_what_only_resembles_normalization_stays(build: Pattern) -> None:
    assert Normalization not in map(type, layers(build, 1, 10, 12))


def group_norm(b: ModelBuilder, x: Array, *, groups: int = 4) -> Array:
    layer = Normalization(type="instancenorm", affine=False)
    grouped = b.reshape(x, 1, groups, 98)
    return b.reshape(b.layer(layer, grouped, grouped.shape), 1, 8, 7, 7)


def test_group_normalization_by_reshaping_is_one_layer() -> None:
    assert layers(group_norm, 1, 8, 7, 7) == [Normalization(type="gn", groups=4, affine=False)]

    def affine(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.weighted(MUL, group_norm(b, x), "scale", 8, 1, 1), "shift", 8, 1, 1)

    assert layers(affine, 1, 8, 7, 7) == [Normalization(type="gn", groups=4)]


# Weights that follow a layer --------------------------------------------------------------------------------


def test_a_sum_with_a_weight_is_the_bias_of_the_layer_before() -> None:
    def dense(b: ModelBuilder, x: Array) -> Array:
        made = b.layer(Dense(units=5, bias=False), x, (2, 5), Weight("w", (5, 8)), channel_axis=1)
        return b.weighted(ADD, made, "b", 5)

    def convolution(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.convolution(x, 4), "b", 1, 4, 1, 1)

    (operation,) = fused(dense, 2, 8)
    assert operation.layer == Dense(units=5)
    assert [weight.name for weight in operation.weights] == ["w", "b"]
    (operation,) = fused(convolution, 1, 8, 7, 7)
    assert isinstance(operation.layer, Convolution)
    assert operation.layer.bias


@pytest.mark.parametrize("shape", [(7,), (1,), (4, 7, 7), (7, 1)])
def test_a_weight_that_is_not_one_number_a_channel_is_no_bias(shape: tuple[int, ...]) -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.convolution(x, 4), "b", *shape)

    assert layers(build, 1, 8, 7, 7)[1:] == ["add"]


def test_a_second_bias_stays() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.weighted(ADD, b.convolution(x, 4), "b", 4, 1, 1), "c", 4, 1, 1)

    assert layers(build, 1, 8, 7, 7)[1:] == ["add"]


@pytest.mark.parametrize(("shape", "axis"), [((1, 8, 7, 9), 1), ((1, 7, 9, 8), 3)])
def test_a_product_and_a_sum_with_a_weight_for_each_channel_are_one_scale(
    shape: tuple[int, ...], axis: int
) -> None:
    sides = (8,) + (1,) * (3 - axis)

    def apart(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.weighted(MUL, x, "w", *sides), "b", *sides)

    def together(b: ModelBuilder, x: Array) -> Array:
        weights = Weight("b", (8,)), Weight("w", (8,))
        return b.add(OperationKind.OTHER, x, x.shape, *weights, source="aten.addcmul")

    for build in (apart, together):
        (operation,) = fused(build, *shape)
        assert (operation.layer, operation.channel_axis) == (Scale(bias=True), axis)
        assert {weight.name for weight in operation.weights} == {"w", "b"}


@pytest.mark.parametrize(("first", "second"), [(SUB, DIV), (ADD, MUL), (DIV, ADD), (MUL, SUB)])
def test_shifts_and_factors_in_any_order_are_one_scale(first: OperationKind, second: OperationKind) -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(second, b.weighted(first, x, "first", 3), "second", 3)

    assert layers(build, 1, 7, 9, 3) == [Scale(bias=True)]


def test_a_shift_a_factor_and_a_shift_are_batch_normalization() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        centered = b.weighted(SUB, x, "mean", 8)
        return b.weighted(ADD, b.weighted(MUL, centered, "factor", 8), "shift", 8)

    (operation,) = fused(build, 1, 7, 9, 8)
    assert operation.layer == Normalization(type="bn")
    assert [(weight.name, weight.learned) for weight in operation.weights] == [
        ("factor", True), ("shift", True), ("mean", False)
    ]  # fmt: skip
    (scale, other) = layers(lambda b, x: b.weighted(ADD, build(b, x), "other", 8), 1, 7, 9, 8)
    assert (scale, other) == (Normalization(type="bn"), "add")


def test_a_scale_with_a_shift_can_be_said_in_text() -> None:
    net = network("scale bias, scale", (4, 4, 3))
    assert [(stage.text, stage.params) for stage in net.layers] == [("scale bias", 6), ("scale", 3)]


def test_a_product_and_a_sum_with_other_weights_stay() -> None:
    def positions(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.weighted(MUL, x, "w", 7, 7), "b", 7, 7)

    def half(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(ADD, b.scalar(MUL, x, 2), "b", 8, 1, 1)

    assert layers(positions, 1, 8, 7, 7) == ["multiply", "add"]
    assert layers(half, 1, 8, 7, 7) == ["multiply", "add"]


def blur(
    b: ModelBuilder,
    x: Array,
    *,
    learned: bool = False,
    mode: PadMode = PadMode.MIRROR,
    amount: int = 1,
    groups: int = 8,
    more: int = 0,
) -> Array:
    pad = Pad(padding=((amount, amount),) * 2, mode=mode)
    padded = b.layer(pad, x, (1, 8, 10 + 2 * amount, 12 + 2 * amount), name="layer2.blur")
    layer = Convolution(
        window=(3, 3), stride=(2, 2), filters=8, groups=groups, bias=False, padding=((more, more),) * 2
    )
    kernel = Weight("kernel", (8, 8 // groups, 3, 3), learned=learned)
    return b.layer(layer, padded, (1, 8, 4 + amount, 5 + amount), kernel, name="layer2.blur")


def test_blur_pooling_that_is_written_out_is_one_layer() -> None:
    (operation,) = fused(blur, 1, 8, 10, 12)
    assert (operation.layer, operation.name) == (BlurPool(window=(3, 3), stride=(2, 2)), "layer2.blur")


@pytest.mark.parametrize(
    "change",
    [
        {"learned": True}, {"mode": PadMode.ZERO}, {"amount": 2}, {"amount": 12}, {"groups": 4}, {"more": 1},
    ],
)  # fmt: skip
def test_other_depthwise_convolutions_stay(change: dict[str, Any]) -> None:
    assert len(fused(lambda b, x: blur(b, x, **change), 1, 8, 10, 12)) == 2


# Views ------------------------------------------------------------------------------------------------------


def channel_shuffle(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 4, 3, 5, 6), 0, 2, 1, 3, 4), 2, 12, 5, 6)


def channel_shuffle_merged(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 4, 3, 30), 0, 2, 1, 3), 2, 12, 5, 6)


def channel_shuffle_last(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 12, 5, 2, 3), 0, 1, 2, 4, 3), 2, 12, 5, 6)


def pixel_shuffle(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 3, 2, 2, 5, 6), 0, 1, 4, 2, 5, 3), 2, 3, 10, 12)


def depth_to_space(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 2, 2, 3, 5, 6), 0, 3, 4, 1, 5, 2), 2, 3, 10, 12)


def pixel_unshuffle(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 12, 1, 5, 3, 2), 0, 1, 4, 2, 5, 3), 2, 12, 5, 6)


def pixel_unshuffle_by_3(b: ModelBuilder, x: Array) -> Array:
    return b.reshape(b.transpose(b.reshape(x, 2, 12, 2, 3, 2, 3), 0, 1, 3, 5, 2, 4), 2, 108, 2, 2)


def test_shuffles_that_are_written_out_are_one_layer() -> None:
    for build, layer, axis in [
        (channel_shuffle, ChannelShuffle(groups=4), 1),
        (channel_shuffle_merged, ChannelShuffle(groups=4), 1),
        (channel_shuffle_last, ChannelShuffle(groups=2), 3),
        (pixel_shuffle, PixelShuffle(factor=2), 1),
        (depth_to_space, PixelShuffle(factor=2), 1),
    ]:
        (operation,) = fused(build, 2, 12, 5, 6)
        assert (operation.layer, operation.channel_axis) == (layer, axis), build
    assert layers(pixel_unshuffle_by_3, 2, 12, 6, 6) == [PixelUnshuffle(factor=3)]


def test_other_transposes_between_reshapes_stay() -> None:
    def windows(b: ModelBuilder, x: Array) -> Array:
        return b.reshape(b.transpose(b.reshape(x, 1, 2, 4, 2, 4, 3), 0, 1, 3, 2, 4, 5), 4, 4, 4, 3)

    def unequal(b: ModelBuilder, x: Array) -> Array:
        return b.reshape(b.transpose(b.reshape(x, 1, 2, 2, 3, 4, 5), 0, 1, 4, 2, 5, 3), 1, 2, 8, 15)

    assert layers(windows, 1, 8, 8, 3) == ["reshape", "transpose", "reshape"]
    assert layers(unequal, 1, 12, 4, 5) == ["reshape", "transpose", "reshape"]


@pytest.mark.parametrize(
    ("split", "permutation", "target"),
    [
        ((1, 16, 45), (0, 2, 1), (1, 24, 5, 6)),  # the split is no part of the channels
        ((1, 24, 5, 6), (0, 2, 1, 3), (1, 24, 5, 6)),  # sides mixed with channels
        ((1, 24, 1, 30), (0, 2, 1, 3), (1, 24, 5, 6)),  # nothing moves
        ((1, 2, 3, 4, 30), (0, 3, 2, 1, 4), (1, 24, 5, 6)),  # three parts of the channels
        ((1, 2, 3, 2, 2, 5, 6), (0, 2, 1, 5, 3, 6, 4), (1, 6, 10, 12)),  # pixels and channels at once
        ((1, 2, 12, 30), (0, 2, 1, 3), None),
    ],
)
def test_reshapes_around_transposes_that_are_no_shuffle_stay(
    split: tuple[int, ...], permutation: tuple[int, ...], target: tuple[int, ...] | None
) -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.add(OperationKind.RESHAPE, b.transpose(b.reshape(x, *split), *permutation), target)

    assert "layer" not in [operation.kind for operation in fused(build, 1, 24, 5, 6)]
    assert len(fused(build, 1, 24, 5, 6)) == 2 + (split != (1, 24, 5, 6))


def test_a_view_with_a_weight_stays() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        return b.weighted(OperationKind.EXPAND, x, "w", 8)

    assert layers(build, 1, 8) == ["expand"]


def test_views_that_undo_each_other_vanish() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        there = b.transpose(b.transpose(x, 0, 2, 3, 1), 0, 3, 1, 2)
        back = b.reshape(b.reshape(there, 1, 8, 49), 1, 8, 7, 7)
        same = b.add(OperationKind.IDENTITY, back, back.shape)
        return b.elementwise("relu", same)

    (operation,) = fused(build, 1, 8, 7, 7)
    assert operation.inputs[0].number == 0


def test_choosing_all_values_of_a_vector_is_a_view() -> None:
    def build(b: ModelBuilder, x: Array, *, count: int = 392) -> Array:
        return b.add(OperationKind.OTHER, b.reshape(x, 392), (1, count // 49, 7, 7), function="gather")

    assert layers(lambda b, x: b.elementwise("relu", build(b, x)), 1, 8, 7, 7) == [Elementwise(type="relu")]
    assert layers(lambda b, x: b.reshape(build(b, x), 1, 392), 1, 8, 7, 7) == ["reshape"]
    assert layers(lambda b, x: build(b, x, count=196), 1, 8, 7, 7) == ["reshape", "other"]


def test_an_output_that_is_an_input_keeps_its_name() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 8)
    y = builder.add(OperationKind.IDENTITY, x, (1, 8))
    model = fuse(builder.model(y, builder.elementwise("relu", y)))
    assert [(name, array.number) for name, array in model.outputs] == [("y0", 0), ("y1", 2)]


# Attention --------------------------------------------------------------------------------------------------


def heads(b: ModelBuilder, x: Array, name: str) -> Array:
    return b.transpose(b.reshape(b.dense(x, 32, name=name), 1, 10, 4, 8), 0, 2, 1, 3)


def written_out(b: ModelBuilder, x: Array, *, scaled: bool = True, mask: str = "") -> Array:
    q, k, v = (heads(b, x, name) for name in "qkv")
    scores = b.product(q, b.transpose(k, 0, 1, 3, 2))
    if scaled:
        scores = b.scalar(MUL, scores, 0.35)
    if mask == "weight":
        scores = b.weighted(ADD, scores, "positions", 1, 4, 10, 10)
    elif mask:
        scores = b.pair(ADD, b.function("exp", scores) if mask == "exp" else b.input(1, 1, 10, 10), scores)
    return b.product(b.elementwise("softmax", scores), v)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("mask", ["", "weight", "array"])
def test_attention_that_is_written_out_is_one_operation(scaled: bool, mask: str) -> None:
    operations = fused(lambda b, x: written_out(b, x, scaled=scaled, mask=mask), 1, 10, 32)
    last = operations[-1]
    assert (last.kind, last.macs) == (OperationKind.ATTENTION, 2 * 4 * 10 * 10 * 8)
    assert [operation.kind for operation in operations].count(OperationKind.MATMUL) == 0
    assert len(last.inputs) == 3 + (mask == "array")
    assert [weight.name for weight in last.weights] == ["positions"] * (mask == "weight")


def test_attention_is_counted_with_the_work_of_both_products() -> None:
    builder = ModelBuilder()
    x = builder.input(1, 10, 32)
    net = lower(fuse(builder.model(written_out(builder, x))))
    assert [(stage.text, stage.output, stage.params, stage.macs) for stage in net.layers] == [
        *[("fc 32", (10, 32), 1056, 10240)] * 3, ("attention", (4, 10, 8), 0, 6400)
    ]  # fmt: skip


def test_products_without_a_softmax_between_them_stay() -> None:
    assert layers(lambda b, x: b.product(b.product(x, b.transpose(x, 0, 2, 1)), x), 1, 10, 32)[-1] == "matmul"
    assert layers(lambda b, x: written_out(b, x, mask="exp"), 1, 10, 32)[-1] == "matmul"
    assert (
        layers(
            lambda b, x: b.product(
                b.elementwise("softmax", b.elementwise("relu", x)), b.transpose(x, 0, 2, 1)
            ),
            1,
            10,
            32,
        )[-1]
        == "matmul"
    )


def test_attention_may_be_reshaped_and_guarded_against_rows_that_are_all_masked() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        scores = b.product(x, b.transpose(x, 0, 2, 1))
        mask = b.input(1, 1, 1, 10, 10, name="mask")
        masked = b.reshape(b.pair(ADD, mask, b.reshape(scores, 1, 1, 1, 10, 10)), 1, 10, 10)
        softmax = b.elementwise("softmax", masked)
        invalid = b.function("isnan", softmax)
        guarded = b.add(OperationKind.OTHER, (invalid, softmax), softmax.shape, function="where")
        return b.product(guarded, x)

    last = fused(build, 1, 10, 32)[-1]
    assert (last.kind, last.macs, len(last.inputs)) == (OperationKind.ATTENTION, 2 * 10 * 10 * 32, 4)


def test_attention_of_which_something_else_reads_the_scores_stays() -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        scores = b.product(x, b.transpose(x, 0, 2, 1))
        weighted = b.product(b.elementwise("softmax", scores), x)
        return b.pair(ADD, weighted, b.product(scores, x))

    assert layers(build, 1, 10, 32).count("matmul") == 3


def scaled_often(b: ModelBuilder, x: Array) -> Array:
    for _ in range(9):
        x = b.scalar(MUL, x, 0.5)
    return x


def test_products_far_from_the_softmax_are_not_searched_for() -> None:
    def far(b: ModelBuilder, x: Array) -> Array:
        return b.product(b.elementwise("softmax", scaled_often(b, b.product(x, x))), x)

    def biased(b: ModelBuilder, x: Array) -> Array:
        bias = scaled_often(b, b.function("exp", x))
        return b.product(b.elementwise("softmax", b.pair(ADD, bias, b.product(x, x))), x)

    assert layers(far, 1, 10, 10)[-1] == "matmul"
    last = fused(biased, 1, 10, 10)[-1]
    assert (last.kind, len(last.inputs), last.macs) == (OperationKind.ATTENTION, 4, 2000)


def over_all_axes(b: ModelBuilder, x: Array) -> Array:
    data = centered(b, x, 1, 2)
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 2), 1, 2)))


def mean_of_another(b: ModelBuilder, x: Array) -> Array:
    data = b.pair(SUB, x, b.mean(b.function("exp", x), 2))
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 2), 2)))


def centered_by_another(b: ModelBuilder, x: Array) -> Array:
    data = b.pair(SUB, x, b.function("exp", x))
    return b.pair(DIV, data, b.function("sqrt", b.mean(b.scalar(POW, data, 2), 2)))


@pytest.mark.parametrize("build", [mean_of_another, centered_by_another, over_all_axes])
def test_normalization_of_something_else_is_no_layer_normalization(build: Pattern) -> None:
    assert Normalization(type="ln", affine=False) not in layers(build, 1, 10, 12)


@pytest.mark.parametrize(
    ("grouped", "affine"), [((2, 4, 49), False), ((1, 3, 98), False), ((1, 4, 98), True)], ids=str
)
def test_other_normalization_between_reshapes_is_no_group_normalization(
    grouped: tuple[int, ...], affine: bool
) -> None:
    def build(b: ModelBuilder, x: Array) -> Array:
        layer = Normalization(type="instancenorm", affine=affine)
        inner = b.reshape(x, *grouped)
        return b.reshape(b.layer(layer, inner, inner.shape), 1, 8, 7, 7)

    if prod(grouped) == 392:
        assert "reshape" in layers(build, 1, 8, 7, 7)


def test_groups_that_are_not_made_and_undone_by_reshapes_are_no_group_normalization() -> None:
    layer = Normalization(type="instancenorm", affine=False)

    def flattened(b: ModelBuilder, x: Array) -> Array:
        return b.reshape(b.layer(layer, b.reshape(x, 1, 4, 98), (1, 4, 98)), 1, 8, 49)

    assert layers(flattened, 1, 8, 7, 7) == ["reshape", layer, "reshape"]
    assert layers(lambda b, x: b.reshape(b.layer(layer, x, x.shape), 1, 392), 1, 8, 49) == [layer, "reshape"]
