"""The layer types: text, sizes and counts against brute force."""

from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.networks.layer_types.base import Layer, Sides
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.elementwise import (
    Elementwise,
    ElementwiseKind,
    Normalization,
    NormalizationKind,
    Pad,
)
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling
from convcli.sizes.text import NamedPadding
from tests.support import oracles as reference

# Texts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Convolution(window=(5, 5), filters=6), "conv 6 f5"),
        (Convolution(window=(5, 3)), "conv f5x3"),
        (Convolution(window=(3, 3), filters=8, stride=(2, 2)), "conv 8 f3 s2"),
        (Convolution(window=(3, 3), filters=8, stride=(2, 1)), "conv 8 f3 s2x1"),
        (Convolution(window=(3, 3), filters=8, padding=((1, 1), (1, 1))), "conv 8 f3 p1"),
        (Convolution(window=(3, 3), filters=8, padding=((0, 1), (2, 3))), "conv 8 f3 p0:1x2:3"),
        (Convolution(window=(3, 3), filters=8, padding=NamedPadding.SAME), "conv 8 f3 psame"),
        (Convolution(window=(3, 3), filters=8, dilation=(2, 2)), "conv 8 f3 d2"),
        (
            Convolution(window=(3, 3), filters=8, groups=4, bias=False, ceil=True, dilation=(1, 2)),
            "conv 8 f3 d1x2 g4 nobias ceil",
        ),
        (Pooling(window=(2, 2)), "maxpool f2"),
        (Pooling(window=(3, 3), stride=(2, 2), type="avgpool"), "avgpool f3 s2"),
        (Pooling(window=(3, 2), stride=(3, 2)), "maxpool f3x2"),
        (Pooling(window=(3, 3), padding=((1, 1), (1, 1)), ceil=True), "maxpool f3 p1 ceil"),
        (Dense(units=300), "fc 300"),
        (Dense(units=300, bias=False), "fc 300 nobias"),
    ],
)
def test_text(layer: Convolution | Pooling | Dense, text: str) -> None:
    assert layer.text == text


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (Convolution(window=(3, 3)), "conv"),
        (Pooling(window=(2, 2)), "maxpool"),
        (Pooling(window=(2, 2), type="avgpool"), "avgpool"),
        (Dense(units=3), "fc"),
    ],
)
def test_type(layer: Convolution | Pooling | Dense, kind: str) -> None:
    assert layer.type == kind


def test_layers_compare_by_value() -> None:
    assert Convolution(window=(3, 3), filters=2) == Convolution(window=(3, 3), filters=2)
    with pytest.raises(AttributeError):
        Dense(units=3).units = 4  # type: ignore[misc] # it is frozen


# Convolution ----------------------------------------------------------------------------------------------


sides = st.integers(1, 12)
pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
amounts = st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2)


def count_by_hand(
    layer: Convolution, size: tuple[int, int, int], padding: reference.PaddingAmounts
) -> tuple[tuple[int, int], int]:
    """Return the spatial size of the output and the multiplications, window by window."""
    rows, columns = (
        reference.window_starts(
            size[axis],
            layer.window[axis],
            before=padding[axis][0],
            after=padding[axis][1],
            stride=layer.stride[axis],
            dilation=layer.dilation[axis],
        )
        for axis in (0, 1)
    )
    multiplications = 0
    filters = range(layer.filters or 0)
    for _ in product(rows, columns, filters):
        multiplications += layer.window[0] * layer.window[1] * (size[2] // layer.groups)
    return (len(rows), len(columns)), multiplications


@settings(max_examples=150)
@given(
    size=st.tuples(sides, sides, st.integers(1, 3)),
    window=pairs,
    stride=pairs,
    dilation=pairs,
    padding=amounts,
    filters=st.integers(1, 3),
    groups=st.integers(1, 3),
    bias=st.booleans(),
)
def test_convolution_counts_match_brute_force(
    size: tuple[int, int, int], window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int],
    padding: reference.PaddingAmounts, filters: int, groups: int, bias: bool,
) -> None:  # fmt: skip
    size, filters = (*size[:2], size[2] * groups), filters * groups
    layer = Convolution(
        window=window,
        filters=filters,
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=groups,
        bias=bias,
    )
    (rows, columns), macs = count_by_hand(layer, size, padding)
    if not rows or not columns:
        with pytest.raises(SizeError, match="larger than the padded input"):
            layer.output(size)
        return
    assert layer.output(size) == (rows, columns, filters)
    assert layer.macs(size) == macs
    assert layer.connections(size[2]) == window[0] * window[1] * size[2] // groups
    weights = [
        1 for _ in product(range(window[0]), range(window[1]), range(size[2] // groups), range(filters))
    ]
    assert layer.params(size[2]) == len(weights) + (filters if bias else 0)


def test_axes_are_vertical_then_horizontal() -> None:
    layer = Convolution(window=(5, 3), stride=(2, 1), padding=((0, 1), (2, 3)), dilation=(1, 2))
    rows, columns = layer.axes((20, 30, 3))
    assert (rows.side, rows.window, rows.before, rows.after, rows.stride, rows.dilation) == (
        20,
        5,
        0,
        1,
        2,
        1,
    )
    assert (columns.side, columns.window, columns.before, columns.after) == (30, 3, 2, 3)
    assert (columns.stride, columns.dilation) == (1, 2)


@pytest.mark.parametrize(
    ("padding", "output"), [(NamedPadding.SAME, (16, 16, 4)), (NamedPadding.VALID, (14, 14, 4))]
)
def test_named_padding(padding: NamedPadding, output: tuple[int, ...]) -> None:
    assert Convolution(window=(5, 5), filters=4, stride=(2, 2), padding=padding).output((32, 32, 3)) == output


def test_ceil_rounds_up() -> None:
    assert Convolution(window=(2, 2), stride=(2, 2), ceil=True).output(Sides((7, 7))) == (4, 4)
    assert Convolution(window=(2, 2), stride=(2, 2)).output(Sides((7, 7))) == (3, 3)


def test_costs_are_unknown_without_filters() -> None:
    layer = Convolution(window=(5, 5))
    assert layer.output((32, 32, 3)) == (28, 28)
    assert layer.params(3) is None
    assert layer.macs((32, 32, 3)) is None
    assert layer.connections(3) == 75


def test_macs_are_unknown_without_channels() -> None:
    layer = Convolution(window=(5, 5), filters=6)
    assert layer.output(Sides((32, 32))) == (28, 28, 6)
    assert layer.macs(Sides((32, 32))) is None


def test_depthwise_convolution() -> None:
    layer = Convolution(window=(3, 3), filters=8, groups=8)
    assert layer.params(8) == (9 + 1) * 8
    assert layer.macs((10, 10, 8)) == 8 * 8 * 8 * 9


def test_counts_are_exact_at_any_size() -> None:
    huge = 10**30
    layer = Convolution(window=(3, 3), filters=huge, padding=((1, 1), (1, 1)))
    assert layer.params(huge) == 9 * huge**2 + huge
    assert layer.macs((huge, huge, huge)) == 9 * huge**4


@pytest.mark.parametrize(
    ("channels", "filters", "groups", "message"),
    [
        (4, 6, 3, "groups 3: must divide the 4 input channels, but 4 / 3 leaves a remainder of 1; "),
        (6, 4, 3, "groups 3: must divide the 4 filters, but 4 / 3 leaves a remainder of 1; "),
        (2, 4, 4, "groups 4: must divide the 2 input channels, but 2 / 4 leaves a remainder of 2; "),
    ],
)
def test_groups_that_do_not_divide(channels: int, filters: int, groups: int, message: str) -> None:
    layer = Convolution(window=(3, 3), filters=filters, groups=groups)
    for count in (layer.connections, layer.params):
        with pytest.raises(SizeError) as caught:
            count(channels)
        assert str(caught.value).startswith(message)
    with pytest.raises(SizeError):
        layer.macs((10, 10, channels))


# Pooling --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "size", "output"),
    [
        (Pooling(window=(2, 2)), (28, 28, 6), (14, 14, 6)),
        (Pooling(window=(2, 2)), Sides((28, 28)), (14, 14)),
        (Pooling(window=(3, 3), stride=(2, 2)), (13, 14, 2), (6, 6, 2)),
        (Pooling(window=(3, 3), stride=(2, 2), padding=((1, 1), (1, 1))), (112, 112, 64), (56, 56, 64)),
        (Pooling(window=(2, 3), ceil=True), (7, 7, 1), (4, 3, 1)),
    ],
)
def test_pooling_size(layer: Pooling, size: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert layer.output(size) == output


def test_pooling_costs_nothing() -> None:
    layer = Pooling(window=(2, 2))
    assert layer.params(6) == 0
    assert layer.macs((28, 28, 6)) == 0


def test_pooling_refuses_padding_above_half_its_window() -> None:
    with pytest.raises(SizeError, match="padding 2: is more than half the window of 3"):
        Pooling(window=(3, 3), padding=((2, 2), (0, 0))).output(Sides((28, 28)))


# Dense ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(120,), (16384,), (1,)])
def test_dense_on_a_vector(size: tuple[int, ...], bias: bool) -> None:
    layer = Dense(units=30, bias=bias)
    assert layer.output(size) == (30,)
    assert layer.macs(size) == prod(size) * 30
    assert layer.params(prod(size)) == prod(size) * 30 + (30 if bias else 0)
    assert (layer.weights(prod(size)), layer.biases(9)) == ((prod(size), 30), (30,) if bias else None)


@pytest.mark.parametrize("bias", [True, False])
def test_dense_on_an_image_acts_per_pixel(bias: bool) -> None:
    layer, same = Dense(units=30, bias=bias), Convolution(window=(1, 1), filters=30, bias=bias)
    assert layer.output((7, 9, 16)) == same.output((7, 9, 16))
    assert layer.macs((7, 9, 16)) == same.macs((7, 9, 16))
    assert layer.params(16) == same.params(16)
    assert (layer.output(Sides((7, 9))), layer.macs(Sides((7, 9)))) == ((7, 9, 30), None)


def test_dense_on_a_photograph() -> None:
    assert Dense(units=300).params(128 * 128) == 4_915_500


# Depthwise and transposed convolutions --------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 4), st.integers(1, 2), st.booleans())
@settings(max_examples=100, deadline=None)
def test_depthwise_is_a_convolution_with_one_group_per_channel(
    channels: int, multiplier: int, f: int, s: int, bias: bool
) -> None:
    layer = Depthwise(window=(f, f), stride=(s, s), multiplier=multiplier, bias=bias)
    same = Convolution(
        window=(f, f), stride=(s, s), filters=channels * multiplier, groups=channels, bias=bias
    )
    size = (9, 7, channels)
    assert layer.output(size) == same.output(size)
    assert layer.axes(size) == same.axes(size)
    assert layer.params(channels) == same.params(channels) == (f * f + bias) * channels * multiplier
    assert layer.macs(size) == same.macs(size)
    assert layer.connections(channels) == f * f
    assert layer.weights(channels) == (f, f, 1, channels * multiplier)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.booleans())
@settings(max_examples=100, deadline=None)
def test_transposed_convolution_counts_match_brute_force(
    f: int, s: int, out: int, c_in: int, bias: bool
) -> None:
    layer = TransposedConvolution(window=(f, f), stride=(s, s), filters=out, bias=bias)
    products = weights = 0
    for _ in product(range(f), range(f), range(c_in), range(out)):
        weights += 1
        products += 5 * 4
    assert layer.params(c_in) == weights + out * bias
    assert layer.macs((5, 4, c_in)) == products
    assert layer.output((5, 4, c_in)) == (4 * s + f, 3 * s + f, out)
    assert layer.macs(Sides((5, 4))) is None


def test_transposed_convolution_in_groups() -> None:
    layer = TransposedConvolution(window=(3, 3), filters=6, groups=2)
    assert (layer.params(4), layer.weights(4)) == (3 * 3 * 6 // 2 * 4 + 6, (3, 3, 2, 6))
    with pytest.raises(SizeError, match="groups 2: must divide the 5 input channels"):
        layer.params(5)


# The other layers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text", "output"),
    [
        (Depthwise(window=(3, 3), stride=(2, 2), multiplier=2, bias=False), "dw f3 s2 x2 nobias", (3, 3, 16)),
        (
            TransposedConvolution(
                window=(3, 3), filters=4, stride=(2, 2), padding=((1, 1), (1, 1)), output_padding=(1, 1)
            ),
            "tconv 4 f3 s2 p1 op1",
            (16, 16, 4),
        ),
        (Pooling(window=(3, 3), stride=(2, 2), dilation=(2, 2)), "maxpool f3 s2 d2", (2, 2, 8)),
        (AdaptivePooling(), "gap", (1, 1, 8)),
        (AdaptivePooling(size=(2, 3)), "gap 2x3", (2, 3, 8)),
        (Pad(padding=((1, 2), (3, 4))), "pad 1:2x3:4", (11, 15, 8)),
        (Normalization(type=NormalizationKind.BATCH), "bn", (8, 8, 8)),
        (Normalization(type=NormalizationKind.LAYER), "ln", (8, 8, 8)),
        (Elementwise(type=ElementwiseKind.RELU), "relu", (8, 8, 8)),
        (Flatten(), "flatten", (512,)),
    ],
)
def test_text_and_output_of_the_others(layer: Layer, text: str, output: tuple[int, ...]) -> None:
    assert (layer.text, layer.output((8, 8, 8))) == (text, output)


def test_normalization_has_two_parameters_and_statistics_per_channel() -> None:
    batch, layer = (Normalization(type=kind) for kind in ("bn", "ln"))
    assert (batch.params(64), batch.statistics(64), batch.macs((7, 7, 64))) == (128, 128, 0)
    assert (layer.params(64), layer.statistics(64)) == (128, 0)


@pytest.mark.parametrize(
    "layer", [AdaptivePooling(), Pad(padding=((1, 1), (1, 1))), Flatten(), Elementwise(type="tanh")]
)
def test_layers_without_parameters(layer: Layer) -> None:
    assert (layer.params(8), layer.statistics(8), layer.macs((4, 4, 8))) == (0, 0, 0)
    assert (layer.weights(8), layer.biases(8), layer.connections(8)) == (None, None, None)


@pytest.mark.parametrize(
    "layer",
    [
        Convolution(window=(3, 3), filters=2),
        Depthwise(window=(3, 3)),
        TransposedConvolution(window=(3, 3), filters=2),
        Pooling(window=(2, 2)),
        AdaptivePooling(),
        Pad(padding=((1, 1), (1, 1))),
    ],
)
def test_an_image_is_needed(layer: Layer) -> None:
    for ask in (layer.output, layer.axes):
        with pytest.raises(SizeError) as caught:
            ask((400,))
        assert caught.value.what == f"{layer.type} on 400 values"


def test_flatten_needs_the_channels() -> None:
    with pytest.raises(SizeError) as caught:
        Flatten().output(Sides((5, 5)))
    assert str(caught.value) == "flatten on 5x5: needs to know the channels, as in --n 5x5x3"
