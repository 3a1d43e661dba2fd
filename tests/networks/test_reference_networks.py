"""Whole networks against PyTorch's figures, sums, and a naive simulation of memory."""

import re
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError, SpecError
from convcli.networks.building import build
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.joins import JoinLayer
from convcli.networks.network import Network, single_layer
from convcli.networks.sources import network, read_spec, shipped_networks
from convcli.networks.text.grammar import parse_spec

# torchvision's documentation, each without auxiliary heads (Inception v3's has 3,326,696 parameters).
PARAMS = {
    "alexnet": 61_100_840,
    "densenet121": 7_978_856,
    "efficientnet_b0": 5_288_548,
    "googlenet": 6_624_904,
    "inception_v3": 27_161_264 - 3_326_696,
    "lenet5": 61_706,
    "mobilenet_v2": 3_504_872,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "squeezenet1_0": 1_248_424,
    "vgg11": 132_863_336,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
}
# The same, in units of 10^9 multiply-accumulates, rounded.
GIGA_MACS = {
    "alexnet": 0.71,
    "densenet121": 2.83,
    "efficientnet_b0": 0.39,
    "googlenet": 1.50,
    "inception_v3": 5.71,
    "mobilenet_v2": 0.30,
    "resnet18": 1.81,
    "resnet34": 3.66,
    "resnet50": 4.09,
    "squeezenet1_0": 0.82,
    "vgg11": 7.61,
    "vgg16": 15.47,
    "vgg16_bn": 15.47,
}
# NETWORKS.md of the project; for the last four A. Araujo et al., Distill 2019.
FIELDS = {
    "alexnet": (195, 32, 31),
    "vgg16": (212, 32, 15.5),
    "resnet18": (435, 32, 0),
    "mobilenet_v2": (491, 32, 0),
    "inception_v3": (1311, 32, None),
    "densenet121": (2071, 32, None),
    "resnet34": (899, 32, 0),
}


# Shipped networks -----------------------------------------------------------------------------------------


def test_all_documented_networks_are_shipped() -> None:
    promised = (
        "lenet5 alexnet vgg11 vgg16 vgg16_bn resnet18 resnet34 resnet50 mobilenet_v2 squeezenet1_0 googlenet "
        "inception_v3 densenet121 efficientnet_b0 unet"
    )
    assert set(shipped_networks()) == set(promised.split())
    assert set(PARAMS) == set(shipped_networks()) - {"unet"}


@pytest.mark.parametrize("name", sorted(PARAMS))
def test_totals_equal_torchvision(name: str) -> None:
    net = network(name)
    assert net.params == PARAMS[name]
    assert net.macs is not None
    if name in GIGA_MACS:
        assert round(net.macs / 1e9, 2) == GIGA_MACS[name]
    assert net.output == ((10,) if name == "lenet5" else (1000,))


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_receptive_fields_equal_published_ones(name: str) -> None:
    size, jump, center = FIELDS[name]
    net = network(name)
    assert net.receptive_field == (size, size)
    assert net.fields is not None
    for field in net.fields:
        assert (field.jump, field.center if center is not None else None) == (jump, center)


def test_unet_output_is_as_large_as_its_input() -> None:
    net = network("unet")
    assert net.output == (256, 256, 2)
    assert net.params == 31_036_546
    assert not any(stage.misaligned for stage in net.layers)
    with pytest.raises(SizeError, match="its branches give"):
        network("unet", 250)


@pytest.mark.parametrize("name", sorted(PARAMS))
def test_no_branch_of_a_shipped_network_is_misaligned(name: str) -> None:
    assert not any(stage.misaligned for stage in network(name).layers)


@pytest.mark.parametrize("name", sorted(set(PARAMS) | {"unet"}))
def test_every_shipped_network_cites_its_paper(name: str) -> None:
    title = shipped_networks()[name].read_text("utf-8").splitlines()[0]
    assert re.fullmatch(r"# \S.+ \(.+: .+, (19|20)[0-9]{2}, (arXiv:[0-9]{4}\.[0-9]{4,5}|Proc\. .+)\)", title)


# Sizes ----------------------------------------------------------------------------------------------------


def test_sequence_by_hand() -> None:
    net = network("conv 6 f5, maxpool f2, conv 16 f5, flatten, fc 120", (32, 32, 3))
    assert [stage.output for stage in net.layers] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (1600,), (120,)
    ]  # fmt: skip
    assert [stage.params for stage in net.layers] == [456, 0, 2416, 0, 192120]
    assert [stage.macs for stage in net.layers] == [352800, 0, 240000, 0, 192000]
    assert [stage.activations for stage in net.layers] == [4704, 1176, 1600, 1600, 120]


@pytest.mark.parametrize(
    ("text", "size", "output"),
    [
        ("add { conv 3 f3 p1 | }", (8, 8, 3), (8, 8, 3)),
        ("cat { conv 5 f1 | | conv 2 f3 p1 }", (8, 8, 3), (8, 8, 10)),
        ("mul { | gap }", (8, 8, 3), (8, 8, 3)),
        ("mul { gap | }", (8, 8, 3), (8, 8, 3)),
        ("mul { | }", (8, 8, 3), (8, 8, 3)),
        ("flatten, cat { fc 4 | fc 5 | }", (2, 2, 3), (21,)),
        ("flatten, add { fc 12 | }", (2, 2, 3), (12,)),
        ("relu @a, conv 4 f3 p1, cat @a", (8, 8, 3), (8, 8, 7)),
        ("relu @a, conv 3 f3 p1, add @a, add @a", (8, 8, 3), (8, 8, 3)),
        ("add { relu @in | }, cat @in", (8, 8, 3), (8, 8, 6)),
        ("2 x { conv 4 f1 @a, relu }, cat @a", (8, 8, 3), (8, 8, 8)),
        ("cat { conv 5 f1 | conv 2 f1 }", (8, 8), (8, 8, 7)),
        ("cat { | relu }", (8, 8), (8, 8)),
        ("cat { conv 3 f1 | conv 5 f1 | }", (8, 8), (8, 8)),
        ("add { conv 3 f1 | }", (8, 8), (8, 8, 3)),
        ("fc 4", (8, 8, 3), (8, 8, 4)),
        ("pad 1, conv 2 f3", (8, 8, 3), (8, 8, 2)),
        ("gap 3x2", (8, 8, 3), (3, 2, 3)),
        ("tconv 2 f2 s2", (8, 8, 3), (16, 16, 2)),
    ],
)
def test_outputs(text: str, size: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert network(text, size).output == output


def test_given_size_takes_missing_channels_from_the_spec() -> None:
    assert network("in 32x32x3\nconv 6 f5").output == (28, 28, 6)
    assert network("in 32x32x3\nrelu", 48).output == (48, 48, 3)
    assert network("in 32x32x3\nrelu", (48, 40, 3)).output == (48, 40, 3)
    assert network("in 32x32\nrelu", (48, 40, 5)).output == (48, 40, 5)
    assert network("in 32x32x3\nrelu", "48x40").output == (48, 40, 3)


@pytest.mark.parametrize(
    ("size", "works"),
    [
        ((3, 224, 224), "224x224x3"),
        ((3, 48, 40), "48x40x3"),
        ((48, 40, 5), "48x40x3"),
        ((1, 48, 40), "48x40x3"),
        ("224x224x4", "224x224x3"),
    ],
)
def test_channels_that_contradict_the_spec_are_refused(size: tuple[int, ...] | str, works: str) -> None:
    with pytest.raises(SizeError) as caught:
        network("in 32x32x3\nconv 6 f1", size)
    channels = f"{size}".rstrip(")").replace("x", " ").split()[-1]
    assert caught.value.why == (
        f'has {channels} channels, but the network begins with "in 32x32x3"; channels come last: give {works}'
    )


def test_unknown_channels() -> None:
    net = network("maxpool f2, conv 6 f3, relu, conv 8 f3", (32, 32))
    assert [stage.output for stage in net.layers] == [(16, 16), (14, 14, 6), (14, 14, 6), (12, 12, 8)]
    assert [stage.params for stage in net.layers] == [0, None, 0, (9 * 6 + 1) * 8]
    assert (net.params, net.macs, net.peak_activations) == (None, None, None)
    assert [stage.activations for stage in net.layers][:2] == [None, 14 * 14 * 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "conv 6 f5, conv 16 f5",
            "line 1, column 12, conv 16 f5 on 4x4x6: filter 5 on input 4 gives floor((4 + 2·0 - 5)/1) + 1 = 0, because the filter "
            "is larger than the padded input (5 > 4); use a padding of at least 1 or a filter of at most 4",
        ),
        ("relu,\n conv 6 f3 g4", "line 2, column 2, conv 6 f3 g4 on 8x8x3: groups 4 must divide the 3 input channels, "
         "but 3 / 4 leaves a remainder of 3; the nearest number of groups that does is 3"),
        ("maxpool f3 p2", "line 1, column 1, maxpool f3 p2 on 8x8x3: padding 2 is more than half the window of 3, so "
         "a window could contain only padding; use at most 1"),
        ("flatten, conv 6 f3", "line 1, column 10, conv 6 f3 on 192: conv on 192 values needs an image, not "
         "a vector; put it before the flatten"),
        ("add { conv 6 f5 | conv 6 f3 }", "line 1, column 1, add: its branches give 4x4x6 and 6x6x6; they must have "
         "the same size"),
        ("mul { | gap, conv 2 f1 }", "line 1, column 1, mul: its branches give 8x8x3 and 1x1x2; they must have the "
         "same size, or 1x1"),
        ("cat { conv 6 f5 | }", "line 1, column 1, cat: its branches give 4x4x6 and 8x8x3; they must have the same "
         "height and width"),
        ("relu @skip, conv 3 f3, cat @skip", "line 1, column 24, cat @skip: its branches give 6x6x3 and 8x8x3; they "
         "must have the same height and width"),
        ("relu @skip, add @skpi", "line 1, column 13, add @skpi: unknown tag; did you mean skip?"),
        ("add @skip", "line 1, column 1, add @skip: unknown tag; no earlier layer has a tag; put @skip after the layer to join with"),
        ("2 x { relu, conv 2 f5 }", "line 1, column 13, conv 2 f5 on 4x4x2: filter 5 on input 4 gives floor((4 + 2·0 - "
         "5)/1) + 1 = 0, because the filter is larger than the padded input (5 > 4); use a padding of at least 1 or a filter "
         "of at most 4"),
    ],
)  # fmt: skip
def test_impossible_layers(text: str, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, (8, 8, 3))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "tags", [[f"t{number}" for number in range(3000)], [f"{n}" * 9999 for n in range(9)]]
)
def test_long_lists_of_tags_are_shortened(tags: list[str]) -> None:
    with pytest.raises(SizeError) as caught:
        network(", ".join(f"relu @a{tag}" for tag in tags) + ", add @?", (8, 8, 3))
    assert caught.value.why == f"unknown tag; {len(tags):,} other tags are defined before it"


def test_an_input_size_is_needed() -> None:
    with pytest.raises(SizeError) as caught:
        network("relu")
    assert str(caught.value) == (
        'the network has no input size: add --n 224x224x3, or begin it with "in 224x224x3"'
    )


def test_counts_of_huge_sizes_are_exact() -> None:
    huge = 10**30
    net = network(f"conv {huge} f3 p1, flatten, fc {huge}", (huge, huge, huge))
    assert net.params == (9 * huge + 1) * huge + (huge**3 + 1) * huge
    assert net.macs == 9 * huge**4 + huge**4


def test_sizes_beyond_five_hundred_digits_are_refused() -> None:
    with pytest.raises(SizeError, match="makes a size of more than 500 digits"):
        network("9 x { tconv 1 f2 s" + "9" * 400 + " }", (9, 9, 1))
    text = str(network("flatten, fc " + "9" * 500, ("9" * 500 + "x") * 2 + "9" * 500))
    assert "9" * 10 in text.replace(",", "")


@pytest.mark.parametrize("n", [0, -3, (), (1, 2, 3, 4, 5), 2.5, True, "3y3", (3, "3")])
def test_wrong_input_sizes(n: Any) -> None:
    with pytest.raises(SizeError):
        network("relu", n)


# Sums, memory, fields -------------------------------------------------------------------------------------

LAYERS = st.sampled_from(
    ["conv 4 f3 p1", "conv 4 f1 nobias", "dw f3 p1", "bn", "relu", "dropout", "identity", "maxpool f3 s1 p1", "fc 4"]
)  # fmt: skip


def sequences(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    chain = st.lists(of, min_size=1, max_size=4).map(", ".join)
    branches = st.lists(chain | st.just(""), min_size=2, max_size=3).map(" | ".join)
    joins = st.tuples(st.sampled_from(["add", "mul"]), branches).map(
        lambda pair: f"{pair[0]} {{ {pair[1]} }}"
    )
    tagged = st.tuples(chain, chain).map(lambda pair: f"relu @t, {pair[0]}, add @t, {pair[1]}")
    repeats = chain.map(lambda text: f"2 x {{ {text} }}")
    return joins | tagged | repeats | chain


NETWORKS = st.recursive(LAYERS, sequences, max_leaves=12)


def brute_force_peak(net: Network) -> int:
    """Hold every tensor as long as it is still to be read; look at each moment at all of them."""
    owner = {0: 0}
    sizes = {0: prod(net.input)}
    for stage in net.layers:
        if stage.output_tensor not in owner:
            owner[stage.output_tensor] = stage.output_tensor
            sizes[stage.output_tensor] = prod(stage.output)
    peak = sizes[0]
    for now, stage in enumerate(net.layers):
        held = {stage.output_tensor, *stage.input_tensors}
        made = {0} | {earlier.output_tensor for earlier in net.layers[:now]}
        for later in net.layers[now:]:
            held |= set(later.input_tensors) & made
        peak = max(peak, sum(sizes[tensor] for tensor in held))
    return peak


@given(NETWORKS)
@settings(max_examples=200, deadline=None)
def test_totals_and_peak_match_brute_force(text: str) -> None:
    net = network(f"conv 4 f1, {text}", (6, 6, 4))
    assert net.params == sum(stage.params or 0 for stage in net.layers)
    assert net.macs == sum(stage.macs or 0 for stage in net.layers)
    assert net.activations == sum(prod(stage.output) for stage in net.layers)
    assert net.peak_activations == brute_force_peak(net)
    for before, stage in zip(net.layers, net.layers[1:], strict=False):
        if stage.depth == before.depth == 0 and not isinstance(stage.layer, JoinLayer):
            assert stage.input == before.output


@pytest.mark.parametrize(
    ("text", "peak"),
    [
        ("conv 8 f1", 300 + 800),
        ("conv 8 f1, conv 2 f1", 300 + 800),
        ("conv 2 f1, conv 8 f1", 200 + 800),
        ("conv 8 f1, relu", 800 + 800),
        ("conv 8 f1, dropout, flatten", 300 + 800),
        ("conv 1 f1 @a, conv 8 f1, conv 8 f1, cat @a", 800 + 900 + 100),
        ("add { conv 3 f1 | }", 300 * 3),
        ("cat { conv 1 f1 | conv 2 f1 | conv 3 f1 }", 100 + 200 + 300 + 600),
    ],
)
def test_peak_by_hand(text: str, peak: int) -> None:
    assert network(text, (10, 10, 3)).peak_activations == peak


def test_misaligned_branches_are_reported() -> None:
    net = network("add { maxpool f2 s2 | maxpool f1 s2 }", (8, 8, 3))
    assert net.layers[-1].misaligned == "0.5 (jump 2) and 0 (jump 2)"
    assert network("cat { conv 2 f3 p1 | | maxpool f3 s1 p1 }", (8, 8, 3)).layers[-1].misaligned == ""
    assert network("add { conv 3 f3 psame | conv 3 f2 psame }", (8, 8, 3)).layers[-1].misaligned == (
        "0 (jump 1) and 0.5 (jump 1)"
    )


def test_gate_sees_everything_and_keeps_positions() -> None:
    net = network("conv 3 f3 s2 p1, mul { | gap, conv 3 f1, sigmoid }, conv 3 f3 p1", (8, 8, 3))
    assert net.receptive_field == (None, None)
    assert net.fields is not None
    assert (net.fields[0].jump, net.fields[0].center) == (2, 0)
    assert not any(stage.misaligned for stage in net.layers)


def test_receptive_fields_end_at_flatten() -> None:
    net = network("conv 3 f3, flatten, fc 4", (8, 8, 3))
    assert net.receptive_field == (3, 3)
    assert [stage.fields is None for stage in net.layers] == [False, True, True]
    assert network("fc 3", (8, 8, 3)).receptive_field == (1, 1)


# Dense equivalents, blocks, single layers -----------------------------------------------------------------


def test_dense_equivalent() -> None:
    conv, dw, relu = network("conv 2 f3, dw f2 nobias, relu", (4, 4, 1)).layers
    assert conv.dense_equivalent is not None
    assert (conv.dense_equivalent.params, conv.dense_equivalent.macs) == ((16 + 1) * 8, 16 * 8)
    assert dw.dense_equivalent is not None
    assert (dw.dense_equivalent.params, dw.dense_equivalent.macs) == (8 * 2, 8 * 2)
    assert relu.dense_equivalent is None


def test_blocks() -> None:
    net = network("conv 4 f1 @a, 3 x { conv 4 f1, bn, relu }, add { conv 4 f1 | }, add @a", (4, 4, 4))
    assert net.blocks == ("conv 4 f1", "", "3 x { conv, ..., relu }", "add { conv | }", "")
    assert [stage.block for stage in net.layers] == [0, *[2] * 9, 3, 3, 4]


def test_single_layer_is_the_network_of_that_layer() -> None:
    alone, spec = (
        single_layer(Convolution(window=(5, 5), filters=6), (32, 32, 3)),
        network("conv 6 f5", (32, 32, 3)),
    )
    assert (alone.output, alone.params, alone.macs) == (spec.output, spec.params, spec.macs)
    assert alone.layers[0].position is None
    with pytest.raises(SizeError) as caught:
        single_layer(Convolution(window=(5, 5), filters=6), (3, 3, 3))
    assert caught.value.what == "filter 5 on input 3"
    assert single_layer(Dense(units=300), (16384,)).params == 4915500


# Sources --------------------------------------------------------------------------------------------------


def test_files_names_and_texts_give_the_same_network(tmp_path: Path) -> None:
    path = tmp_path / "my.net"
    path.write_text("in 8x8x1\nconv 2 f3", "utf-8")
    assert network(path).output == network(str(path)).output == (6, 6, 2)
    assert network(" ResNet18 ").params == PARAMS["resnet18"]
    assert build(parse_spec("relu"), (3, 3, 3)).output == (3, 3, 3)
    odd = tmp_path / "relu"
    odd.write_text("in 8x8x1\ntanh", "utf-8")
    assert network(odd).layers[0].text == "tanh"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n", "is not text: byte 0 is 0x89"),
        (b"relu\0", "is not text: byte 4 is 0x00"),
        (b"", ""),
        (b" " * ((1 << 22) + 1), "is larger than 4,194,304 bytes, the limit for a network"),
    ],
)
def test_invalid_files(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bad.net"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert caught.value.what.startswith(str(path))
    assert caught.value.why == why or not content


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.net", "no such file or directory"), (tmp_path, "is a folder")):
        with pytest.raises(SpecError) as caught:
            read_spec(path)
        assert (caught.value.what, caught.value.why) == (str(path), why)
    with pytest.raises(SpecError, match="null"):
        read_spec("a\0b.net")


def test_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.net"
    path.write_text("in 8x8x1\nconv 2 f9", "utf-8")
    with pytest.raises(SizeError) as caught:
        network(path)
    assert caught.value.what == f"{path}, line 2, column 1, conv 2 f9 on 8x8x1"
