"""The layer grammar: words, positions, invalid specs, and random text."""

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.cropping import Crop, Slice
from convcli.networks.layer_types.dense import Dense, Flatten
from convcli.networks.layer_types.elementwise import (
    Elementwise,
    ElementwiseKind,
    Normalization,
    NormalizationKind,
    Pad,
    PadMode,
    Prelu,
    Scale,
)
from convcli.networks.layer_types.pooling import AdaptiveKind, AdaptivePooling, BlurPool, Pooling, PoolingKind
from convcli.networks.layer_types.resizing import Upsample, UpsampleMode
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle, PixelUnshuffle
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.spec import Join, JoinTag, LayerItem, Repeat, Spec, Tag
from convcli.sizes.text import NamedPadding
from tests.support.sampling import examples


def layer_of(text: str) -> Layer:
    (item,) = parse_spec(text).items
    assert isinstance(item, LayerItem)
    return item.layer


def texts(spec: Spec) -> list[str]:
    return [item.layer.text for item in spec.items if isinstance(item, LayerItem)]


# Words ----------------------------------------------------------------------------------------------------

ONE = ((1, 1), (1, 1))


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("conv 6 f5", Convolution(window=(5, 5), filters=6)),
        ("conv f5 6", Convolution(window=(5, 5), filters=6)),
        ("conv 6 k5", Convolution(window=(5, 5), filters=6)),
        ("CONV 6 F5", Convolution(window=(5, 5), filters=6)),
        ("conv 6 f3x5 s2x1 p1x2 d2 g3 nobias",
         Convolution(window=(3, 5), filters=6, stride=(2, 1), padding=((1, 1), (2, 2)), dilation=(2, 2), groups=3,
                     bias=False)),
        ("conv 6 f5 p0:1x2:3", Convolution(window=(5, 5), filters=6, padding=((0, 1), (2, 3)))),
        ("conv 6 f5 psame", Convolution(window=(5, 5), filters=6, padding=NamedPadding.SAME)),
        ("conv 6 f5 psame_lower", Convolution(window=(5, 5), filters=6, padding=NamedPadding.SAME_LOWER)),
        ("conv 6 f5 pvalid", Convolution(window=(5, 5), filters=6, padding=NamedPadding.VALID)),
        ("conv filters=64 kernel_size=7 stride=2 padding=3 bias=false",
         Convolution(window=(7, 7), filters=64, stride=(2, 2), padding=((3, 3), (3, 3)), bias=False)),
        ("Conv2d out_channels=64 kernel_size=3x5 dilation=2 groups=2 bias=True",
         Convolution(window=(3, 5), filters=64, dilation=(2, 2), groups=2)),
        ("Conv2D filters=64 kernel_size=3 strides=2 padding='same' use_bias=False dilation_rate=1",
         Convolution(window=(3, 3), filters=64, stride=(2, 2), padding=NamedPadding.SAME, bias=False)),
        ("dw f3 s2 p1 x2 nobias",
         Depthwise(window=(3, 3), stride=(2, 2), padding=ONE, multiplier=2, bias=False)),
        ("DepthwiseConv2D kernel_size=3 depth_multiplier=2", Depthwise(window=(3, 3), multiplier=2)),
        ("tconv 8 f3 s2 p1 op1 g2 d2 nobias",
         TransposedConvolution(window=(3, 3), filters=8, stride=(2, 2), padding=ONE, output_padding=(1, 1), groups=2,
                               dilation=(2, 2), bias=False)),
        ("ConvTranspose2d out_channels=8 kernel_size=2 stride=2 output_padding=1x0",
         TransposedConvolution(window=(2, 2), filters=8, stride=(2, 2), output_padding=(1, 0))),
        ("maxpool f2", Pooling(window=(2, 2))),
        ("maxpool f3 s2 p1 d2 ceil",
         Pooling(window=(3, 3), stride=(2, 2), padding=ONE, dilation=(2, 2), ceil=True)),
        ("MaxPooling2D pool_size=2 strides=2", Pooling(window=(2, 2), stride=(2, 2))),
        ("AvgPool2d kernel_size=3 ceil_mode=true", Pooling(window=(3, 3), ceil=True, type=PoolingKind.AVERAGE)),
        ("avgpool f3x2", Pooling(window=(3, 2), type=PoolingKind.AVERAGE)),
        ("gap", AdaptivePooling()),
        ("gap 6x7", AdaptivePooling(size=(6, 7))),
        ("gap 6", AdaptivePooling(size=(6, 6))),
        ("AdaptiveAvgPool2d output_size=7", AdaptivePooling(size=(7, 7))),
        ("pad 1", Pad(padding=ONE)),
        ("pad 0:1x2", Pad(padding=((0, 1), (2, 2)))),
        ("fc 10", Dense(units=10)),
        ("fc 10 nobias", Dense(units=10, bias=False)),
        ("Linear out_features=10", Dense(units=10)),
        ("Dense units=10 use_bias=false", Dense(units=10, bias=False)),
        ("bn", Normalization(type=NormalizationKind.BATCH)),
        ("BatchNorm2d", Normalization(type=NormalizationKind.BATCH)),
        ("ln", Normalization(type=NormalizationKind.LAYER)),
        ("LayerNorm", Normalization(type=NormalizationKind.LAYER)),
        ("flatten", Flatten()),
        ("ReLU", Elementwise(type=ElementwiseKind.RELU)),
        ("swish", Elementwise(type=ElementwiseKind.SILU)),
        ("leaky_relu", Elementwise(type=ElementwiseKind.LEAKYRELU)),
        ("max_pool3d f2", Pooling(window=(2, 2))),
        ("adaptivemaxpool1d output_size=2", AdaptivePooling(size=(2, 2), type=AdaptiveKind.MAX)),
        ("UpsamplingBilinear2d 2", Upsample(factor=(2, 2), mode=UpsampleMode.BILINEAR, align_corners=True)),
        ("upsample scale_factor=2 mode=trilinear", Upsample(factor=(2, 2), mode=UpsampleMode.BILINEAR)),
        ("up to 5x6 linear", Upsample(size=(5, 6), mode=UpsampleMode.BILINEAR)),
        (
            "up TO 5x6 mode=bilinear align_corners=true",
            Upsample(size=(5, 6), mode=UpsampleMode.BILINEAR, align_corners=True),
        ),
        ("reflectionpad2d 2", Pad(padding=((2, 2), (2, 2)), mode=PadMode.MIRROR)),
        ("pad 2 mode=reflect", Pad(padding=((2, 2), (2, 2)), mode=PadMode.MIRROR)),
        ("replicationpad1d 2", Pad(padding=((2, 2), (2, 2)), mode=PadMode.EDGE)),
        ("cropping2d 1", Crop(amounts=((1, 1), (1, 1)))),
        ("crop 1:2x3:4", Crop(amounts=((1, 2), (3, 4)))),
        ("centercrop 5", Crop(size=(5, 5))),
        ("slice 3:", Slice(start=3)),
        ("channel_shuffle groups=4", ChannelShuffle(groups=4)),
        ("DepthToSpace block_size=3", PixelShuffle(factor=3)),
        ("groupnorm num_groups=8", Normalization(type="gn", groups=8)),
        ("gn 8 affine=false", Normalization(type="gn", groups=8, affine=False)),
        ("InstanceNorm3d affine=true", Normalization(type="instancenorm")),
        ("instancenorm", Normalization(type="instancenorm", affine=False)),
        ("RMSNorm", Normalization(type="rms")),
        ("batchnorm3d bias=false", Normalization(type="bn", bias=False)),
        ("LayerScale", Scale()),
        ("prelu c", Prelu(per_channel=True)),
        *((kind.value, Elementwise(type=kind)) for kind in ElementwiseKind),
    ],
)  # fmt: skip
def test_words(text: str, layer: Layer) -> None:
    assert layer_of(text) == layer


def test_all_elementwise_words_of_the_grammar_are_known() -> None:
    words = "relu relu6 silu sigmoid tanh gelu hardswish softmax lrn dropout identity "
    words += "leakyrelu elu selu mish hardsigmoid softplus logsoftmax"
    assert {kind.value for kind in ElementwiseKind} == set(words.split())


def pairs(minimum: int = 1) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(minimum, 9), st.integers(minimum, 9))


PADDINGS = st.one_of(
    st.tuples(pairs(0), pairs(0)), st.sampled_from([NamedPadding.SAME, NamedPadding.SAME_LOWER])
)
GEOMETRY = {"window": pairs(), "padding": PADDINGS, "dilation": pairs()}
STRIDED = {**GEOMETRY, "stride": pairs()}
COUNT = st.integers(1, 10**30)
LAYERS = st.one_of(
    st.builds(Convolution, filters=COUNT, groups=COUNT, bias=st.booleans(), ceil=st.booleans(), **STRIDED),
    st.builds(Depthwise, multiplier=COUNT, bias=st.booleans(), **STRIDED),
    st.builds(
        TransposedConvolution,
        filters=COUNT,
        groups=COUNT,
        bias=st.booleans(),
        output_padding=pairs(0),
        **STRIDED,
    ),
    st.builds(
        Pooling, ceil=st.booleans(), type=st.sampled_from(PoolingKind), stride=st.none() | pairs(), **GEOMETRY
    ),
    st.builds(AdaptivePooling, size=pairs(), type=st.sampled_from(AdaptiveKind)),
    st.builds(BlurPool, window=pairs(), stride=pairs()),
    st.builds(Pad, padding=st.tuples(pairs(0), pairs(0)), mode=st.sampled_from(PadMode)),
    st.builds(Upsample, factor=pairs(), mode=st.sampled_from(UpsampleMode)),
    st.builds(Upsample, size=pairs(), mode=st.just(UpsampleMode.BICUBIC), align_corners=st.booleans()),
    st.builds(Crop, size=pairs()),
    st.builds(Crop, amounts=st.tuples(pairs(0), pairs(0))),
    st.builds(Slice, start=st.integers(0, 9), stop=st.none() | st.integers(10, 10**30)),
    st.builds(ChannelShuffle, groups=COUNT),
    st.builds(PixelShuffle, factor=COUNT),
    st.builds(PixelUnshuffle, factor=COUNT),
    st.builds(Prelu, per_channel=st.booleans()),
    st.just(Scale()),
    st.builds(Dense, units=COUNT, bias=st.booleans()),
    st.builds(
        Normalization,
        type=st.sampled_from([NormalizationKind.BATCH, NormalizationKind.LAYER]),
        bias=st.booleans(),
    ),
    st.builds(
        Normalization,
        type=st.sampled_from(NormalizationKind).filter(lambda kind: kind != NormalizationKind.GROUP),
        affine=st.booleans(),
    ),
    st.builds(Normalization, type=st.just(NormalizationKind.GROUP), groups=COUNT, bias=st.booleans()),
    st.builds(Elementwise, type=st.sampled_from(ElementwiseKind)),
    st.just(Flatten()),
)


@given(LAYERS)
@settings(max_examples=examples(300), deadline=None)
def test_layer_text_round_trip(layer: Layer) -> None:
    again = layer_of(layer.text)
    assert again.text == layer.text
    if not isinstance(layer, Pooling):  # the text leaves a stride out that is the window
        assert again == layer


# Layout ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "conv 6 f5, relu, fc 3",
        "conv 6 f5\nrelu\nfc 3",
        "\n\nconv 6 f5,\n, relu,,fc 3,\n",
        "conv 6 f5 # a comment, with words\n  # another\n\trelu\r\nfc 3\r\n",
        "\ufeffconv 6 f5,relu,fc 3",
        "conv\t6   f5 ,relu , fc 3#",
    ],
)
def test_layout(text: str) -> None:
    assert texts(parse_spec(text)) == ["conv 6 f5", "relu", "fc 3"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("in 32x24x3, relu", (32, 24, 3)),
        ("# net\n\nin 32\nrelu", (32,)),
        ("IN 1x2\nrelu", (1, 2)),
        ("relu", None),
    ],
)
def test_input(text: str, size: tuple[int, ...] | None) -> None:
    assert parse_spec(text).input == size


@pytest.mark.parametrize("times", ["3 x {", "3x {", "3x{", "3 × {", "3 x{", "3 X\t{", "03 x {"])
def test_repeats(times: str) -> None:
    (item,) = parse_spec(f"{times} conv 6 f5, relu }}").items
    assert isinstance(item, Repeat)
    assert (item.times, len(item.body)) == (3, 2)


def test_joins_tags_and_positions() -> None:
    spec = parse_spec("conv 8 f3 @a @b,\n add { relu | | 2 x { bn }\n}, cat @a")
    layer, first_tag, second_tag, join, cat = spec.items
    assert isinstance(layer, LayerItem)
    assert isinstance(join, Join)
    assert isinstance(cat, JoinTag)
    assert (first_tag, second_tag) == (Tag("a", (1, 11)), Tag("b", (1, 14)))  # type: ignore[arg-type]
    assert (str(layer.position), str(join.position), str(cat.position)) == (
        "line 1, column 1",
        "line 2, column 2",
        "line 3, column 4",
    )
    assert [len(branch) for branch in join.branches] == [1, 0, 1]
    (repeat,) = join.branches[2]
    assert isinstance(repeat, Repeat)
    assert (str(repeat.position), str(repeat.body[0].position)) == ("line 2, column 17", "line 2, column 23")
    assert (cat.kind, cat.name) == ("cat", "a")


# Invalid specs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: there are no layers; write some, for example: conv 6 f5, maxpool f2"),
        ("# nothing", "line 1, column 10: there are no layers; write some, for example: conv 6 f5, maxpool f2"),
        ("in 3x3x3", "line 1, column 1: there are no layers; write some, for example: conv 6 f5, maxpool f2"),
        ("relu, cnov 6 f5", "line 1, column 7: unknown layer 'cnov': did you mean conv?"),
        ("conv 6 f5 relu", "line 1, column 11: relu is a layer of its own: put a comma between conv and relu"),
        (
            "conv 6 f5 f3",
            "line 1, column 11: f3 sets the kernel size of conv a second time",
        ),
        (
            "conv f5",
            "line 1, column 1: conv needs a number of filters: conv OUT fF [sS] [pP] [dD] [gG] [nobias]",
        ),
        ("fc", "line 1, column 1: fc needs a number of units: fc OUT [nobias]"),
        ("maxpool", "line 1, column 1: maxpool needs a kernel size: maxpool fF [sS] [pP] [dD] [ceil]"),
        ("pad", "line 1, column 1: pad needs a padding: pad P [mirror] [edge]"),
        (
            "pad same",
            "line 1, column 5: 'same' is not an option of pad: pad P [mirror] [edge]",
        ),
        (
            "pad padding=same",
            "line 1, column 1: pad has no filter that same could depend on: give an amount, as in pad 1 or pad 0:1x0:1",
        ),
        ("conv 6 f0", "line 1, column 8: filter '0' must be a whole number, at least 1"),
        ("conv 0 f3", "line 1, column 6: filters '0' must be a whole number, at least 1"),
        ("conv 6 f3 s-1", "line 1, column 11: stride '-1' must be one number, or one per axis as in 4x3 (vertical x "
         "horizontal), with whole numbers of at least 1"),
        ("conv 6 f3 bias=maybe", "line 1, column 11: 'maybe' must be true or false"),
        ("conv 6 kernel_siz=3", "line 1, column 8: kernel_siz is not an option of conv: did you mean kernel_size?"),
        ("relu slope=2", "line 1, column 6: slope is not an option of relu: relu takes no options; remove it"),
        ("up 2 to 3", "line 1, column 6: to3 sets the factor or size of up a second time"),
        ("up bilinear", "line 1, column 1: up needs a factor or size: up N, or up to HxW, [bilinear] [bicubic] [corners]"),
        ("up to", "line 1, column 4: 'to' must be a letter and its value together, as in to 64x64: up N, or up to HxW, "
         "[bilinear] [bicubic] [corners]"),
        ("up 2 mode=cubic", "line 1, column 6: 'cubic' must be one of nearest, bilinear, bicubic, linear, trilinear"),
        ("pad 1 mode=same", "line 1, column 7: 'same' must be one of zero, mirror, edge, constant, reflect, replicate"),
        ("crop", "line 1, column 1: crop needs a size, or amounts: crop HxW, or crop T:BxL:R"),
        ("cropping2d cropping=same", "line 1, column 12: amount 'same' must be a number, AxB or T:BxL:R"),
        ("slice 4", "line 1, column 7: channels '4' must be a range, as in 0:24, or 24: up to the last"),
        ("slice 4:3", "line 1, column 7: end of the channels '3' must be a whole number, at least 5"),
        ("shuffle", "line 1, column 1: shuffle needs a number of groups: shuffle gG"),
        ("blurpool f3", "line 1, column 1: blurpool needs a stride: blurpool fF sS"),
        ("out conv 2 f1", "line 1, column 1: out needs layers in braces, as in: out { conv 10 f1 }"),
        ("out { relu | bn }", "line 1, column 12: out cannot have branches; write another out for another output"),
        ("relu, out { relu } @b", "line 1, column 20: @b cannot stand here: out goes on with its input: put the tag before "
         "it, or inside of its braces"),
        ("relu @a, from @a @b", "line 1, column 18: @b cannot stand here: the output has the name @a already"),
        ("from { relu }", "line 1, column 1: from needs the tag of an earlier output, as in: from @skip"),
        ("use a", "line 1, column 1: use needs the tag of an earlier output, as in: use @skip"),
        ("use @a", "line 1, column 1: use @a: unknown tag; no earlier layer has a tag; put @a after it"),
        ("relu @skip, use @skp", "line 1, column 13: use @skp: unknown tag; did you mean skip?"),
        ("in 3x3x3 @a, use @a", "line 1, column 14: use @a: is the input; to go on from it, write from @a"),
        ("split 3 { | relu }", "line 1, column 1: split 3 needs 3 branches, one for each part of the channels, but has 2"),
        ("split 1 { relu }", "line 1, column 7: parts '1' must be a whole number, at least 2"),
        ("split @a", "line 1, column 1: split needs branches, as in: split 2 { conv 64 f3 p1 | }"),
        ("split { relu }", "line 1, column 7: split needs at least two branches, separated by |; an empty branch is the input "
         "itself"),
        ("relu 6", "line 1, column 6: '6' is not an option of relu: relu takes no options; remove it"),
        ("maxpool f2 g2", "line 1, column 12: 'g2' is not an option of maxpool: maxpool fF [sS] [pP] [dD] [ceil]"),
        ("3 relu", "line 1, column 1: a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"),
        ("3 x relu", "line 1, column 1: a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"),
        ("3.5 x { relu }", "line 1, column 1: a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"),
        ("0 x { relu }", "line 1, column 1: repeats '0' must be a whole number, at least 1"),
        ("2 x { }", "line 1, column 5: there is nothing to repeat"),
        ("2 x { relu | bn }", "line 1, column 12: a repeat cannot have branches; only add, cat, mul and split can"),
        ("2 x { relu", "line 1, column 5: this brace is never closed"),
        ("add { relu |\n2 x { bn", "line 2, column 5: this brace is never closed"),
        ("relu }", "line 1, column 6: '}' has no opening brace"),
        ("relu | bn", "line 1, column 6: '|' has no opening brace"),
        ("relu { bn }", "line 1, column 6: a comma is missing before '{'"),
        ("{ bn }", "line 1, column 1: a brace must follow add, cat, mul, split, out or a repeat, as in: 3 x { conv 64 f3 p1 }"),
        ("add { relu } bn", "line 1, column 5: add needs at least two branches, separated by |; an empty branch is the "
         "input itself"),
        ("add { relu | } bn", "line 1, column 16: a comma is missing before 'bn'"),
        ("add relu", "line 1, column 1: add needs branches or a tag, as in: add { conv 64 f3 p1 | } or add @skip"),
        ("@a, relu", "line 1, column 1: @a must follow the layer whose output it names"),
        ("relu @", "line 1, column 6: a tag needs a name, as in @skip"),
        ("relu, in 3x3", "line 1, column 7: in may appear only once, before all layers"),
        ("in 3y3, relu", "line 1, column 4: input '3y3' must be a size such as 32, 32x24 or 32x24x3, with "
         "whole numbers of at least 1"),
        ("in 3 3, relu", "line 1, column 1: in takes only the input size, for example: in 32x32x3"),
        ("9999999 x { relu }", "line 1, column 1: makes 9,999,999 layers with repeats written out; at most 100,000 are "
         "allowed"),
        ("relu, 1000 x { 1000 x { relu, bn } }", "line 1, column 7: makes 2,000,001 layers with repeats written out; at "
         "most 100,000 are allowed"),
        (f"{10**400} x {{ relu }}", "line 1, column 1: makes more than 10^30 layers with repeats written out; at most "
         "100,000 are allowed"),
    ],
)  # fmt: skip
def test_invalid_specs_are_refused(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert str(caught.value) == message


def test_error_names_the_file() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec("relu\nrelux", "my.net")
    assert str(caught.value) == "my.net, line 2, column 1: unknown layer 'relux': did you mean relu?"


def test_similar_network_is_suggested() -> None:
    with pytest.raises(SpecError, match="did you mean resnet18"):
        parse_spec("resnet81", network_names=["resnet18", "vgg16"])


@pytest.mark.parametrize("opened", ["2 x { ", "add { relu | "])
def test_depth_is_limited(opened: str) -> None:
    deepest = opened.replace("2", "1") * 100 + "relu" + "}" * 100
    assert parse_spec(deepest).items
    with pytest.raises(SpecError, match="braces are nested more than 100 deep"):
        parse_spec(opened.replace("2", "1") * 101 + "relu" + "}" * 101)
    with pytest.raises(SpecError, match="braces are nested more than 100 deep"):
        parse_spec(opened * 10_000)


def test_a_hundred_thousand_layers_are_allowed() -> None:
    assert len(build(parse_spec("100000 x { relu }"), (3, 3, 3)).layers) == 100_000


def test_long_words_are_cut_in_messages() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec("x" * 100_000)
    assert len(str(caught.value)) < 500


# Random text ----------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["conv", "6", "f5", " ", ",", "\n", "{", "}", "|", "@a", "x", "3", "add", "cat", "mul", "relu", "in", "32x32x3", "#",
     "s2", "p1", "=", "gap", "flatten", "fc", "10", "bn", "dw f3", "tconv 4 f2 s2", "maxpool f2", "@", "\0", "é", "２"]
)  # fmt: skip


@given(
    st.one_of(
        st.text(max_size=60), st.lists(PIECES, max_size=30).map(" ".join), st.lists(PIECES).map("".join)
    )
)
@settings(max_examples=examples(500), deadline=None)
def test_any_text_parses_or_is_refused(text: str) -> None:
    with suppress(SpecError, SizeError):
        assert build(parse_spec(text), (32, 32, 3)).layers


def test_damaged_networks_parse_or_are_refused() -> None:
    whole = "in 32x32x3\nconv 16 f3 p1 nobias, bn @a\n2 x { add { conv 16 f3 p1, relu | }, relu }\ncat @a, gap, fc 10"
    chooser = random.Random(7)
    refused = 0
    for _ in range(2000):
        text = list(whole)
        for _ in range(chooser.randint(1, 4)):
            offset = chooser.randrange(len(text))
            text[offset : offset + chooser.randint(0, 2)] = chooser.choice(whole)
        try:
            build(parse_spec("".join(text)))
        except (SpecError, SizeError):
            refused += 1
    assert refused > 500


def test_corners_need_interpolation() -> None:
    with pytest.raises(SpecError, match=r"column 7: corners needs bilinear or bicubic"):
        parse_spec("relu, up 2 corners")


@pytest.mark.parametrize("text", ["ReflectionPad2d 1 edge", "UpsamplingBilinear2d 2 bicubic"])
def test_a_name_that_says_the_mode_takes_no_other(text: str) -> None:
    with pytest.raises(SpecError, match="is not an option of"):
        parse_spec(text)
