"""Networks on sounds and volumes, against PyTorch's sizes, and against the same network on an image."""

import csv
import json
import re
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError, SpecError
from convcli.networks.building import input_size, likely_size
from convcli.networks.layer_types.base import Layer, Sides, Size, channels_of, rank_of
from convcli.networks.layer_types.convolution import Convolution, Depthwise, TransposedConvolution
from convcli.networks.layer_types.cropping import Crop
from convcli.networks.layer_types.elementwise import Pad
from convcli.networks.layer_types.pooling import AdaptivePooling, BlurPool, Pooling
from convcli.networks.layer_types.resizing import Upsample
from convcli.networks.network import Network
from convcli.networks.searching import first_unread_layer, smallest_side, valid_sides
from convcli.networks.sources import network, read_spec
from convcli.networks.tables import shape_table
from convcli.networks.text.grammar import parse_spec
from convcli.networks.text.input_sizes import format_input, layer_input
from convcli.networks.text.spec import LayerItem
from convcli.networks.writing import as_layer_text
from convcli.sizes.axes import adaptive_axes, pooling_axes, transposed_axes, window_axes
from convcli.sizes.text import NamedPadding, TypedSize
from tests.support.sampling import examples

DATA = Path(__file__).parents[1] / "data"
M5 = """in 8000x1
conv 32 f80 s16, bn, relu, maxpool f4
conv 32 f3, bn, relu, maxpool f4
2 x { conv 64 f3, bn, relu, maxpool f4 }
gap, fc 35, logsoftmax
"""
C3D = """in 16x112x112x3
conv 64 f3 p1, relu, maxpool f1x2x2
conv 128 f3 p1, relu, maxpool f2
2 x { conv 256 f3 p1, relu }, maxpool f2
2 x { conv 512 f3 p1, relu }, maxpool f2
2 x { conv 512 f3 p1, relu }, maxpool f2 p0x1x1
flatten, fc 4096, relu, dropout, fc 4096, relu, dropout, fc 487
"""


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("x")))


def layer_of(text: str) -> Layer:
    (item,) = parse_spec(text).items
    assert isinstance(item, LayerItem)
    return item.layer


# Against PyTorch ------------------------------------------------------------------------------------------


def golden_cases() -> list[dict[str, str]]:
    """Return layers that PyTorch 2.13 was asked for; ``out`` is ``error`` where it refuses the layer."""
    with (DATA / "sizes_1d_3d.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def text_of(row: dict[str, str]) -> str:
    op = row["op"]
    if op == "gap":
        return f"gap {row['f']}"
    words = [op, row["c_out"]] if op in ("conv", "tconv") else [op]
    words += [f"f{row['f']}", f"p{row['p']}", f"s{row['s']}", f"d{row['d']}"]
    words += [f"op{row['output_padding']}"] if op == "tconv" else []
    words += [f"g{row['groups']}"] if op in ("conv", "tconv") else []
    return " ".join(words + ["ceil"] * (row["ceil"] == "1"))


@pytest.mark.parametrize(
    "row", golden_cases(), ids=lambda row: f"{row['n']}-{text_of(row)}".replace(" ", "-")
)
def test_sizes_parameters_and_macs_are_those_of_pytorch(row: dict[str, str]) -> None:
    sides, c_in, c_out = numbers(row["n"]), int(row["c_in"]), int(row["c_out"])
    text = f"in {row['n']}x{c_in}{' 1d' * (len(sides) == 1)}, {text_of(row)}"
    if row["out"] == "error":
        with pytest.raises(SizeError):
            network(text)
        return
    net, out = network(text), numbers(row["out"])
    assert (net.input, net.output, net.params) == ((*sides, c_in), (*out, c_out), int(row["params"]))
    positions = {"conv": out, "tconv": sides}.get(row["op"])
    weights = prod(numbers(row["f"])) * c_in // int(row["groups"]) * c_out
    assert net.macs == (prod(positions) * weights if positions else 0)


def test_the_cases_hold_every_layer_of_either_rank() -> None:
    found = {(row["op"], len(numbers(row["n"])), row["out"] == "error") for row in golden_cases()}
    assert {
        (op, rank, False) for op in ("conv", "tconv", "maxpool", "avgpool", "gap") for rank in (1, 3)
    } <= found
    assert {rank for _, rank, is_error in found if is_error} == {1, 3}


@pytest.mark.parametrize(
    ("text", "file", "ops", "field"),
    [
        (M5, "m5_audio.json", {"conv", "native_batch_norm", "addmm"}, (6848,)),
        (C3D, "c3d.json", {"conv", "relu", "max_pool3d_with_indices", "addmm"}, (76, 150, 150)),
    ],
    ids=["m5", "c3d"],
)
def test_networks_are_those_that_pytorch_traced(text: str, file: str, ops: set[str], field: Size) -> None:
    net = network(text)
    truth = json.loads((DATA / "models" / file).read_text("utf-8"))
    assert (net.params, net.macs) == (truth["params"], truth["macs"])
    kinds = ("conv", "bn", "fc") if file == "m5_audio.json" else ("conv", "relu", "maxpool", "fc")
    stages = [stage for stage in net.layers if stage.layer.type in kinds]
    expected = [op for op in truth["ops"] if op["op"] in ops]
    assert [(stage.params, stage.macs) for stage in stages] == [(op["params"], op["macs"]) for op in expected]
    for stage, op in zip(stages, expected, strict=True):
        _, channels, *sides = op["out"]
        assert [side for side in stage.output if side > 1] == [
            side for side in (*sides, channels) if side > 1
        ]
    assert net.receptive_field == field


def test_the_field_of_a_volume_is_that_of_each_axis() -> None:
    """Against the recurrence of the field and of the jump, axis by axis."""
    windows = [(3, 3, 1, 1), (1, 2, 1, 2), (3, 3, 1, 1), (2, 2, 2, 2)]
    windows += 3 * [(3, 3, 1, 1), (3, 3, 1, 1), (2, 2, 2, 2)]
    fields, jumps = [1, 1], [1, 1]
    for window in windows:
        for axis in (0, 1):
            fields[axis] += (window[axis] - 1) * jumps[axis]
            jumps[axis] *= window[axis + 2]
    net = network(C3D)
    assert net.receptive_field == (fields[0], fields[1], fields[1])
    assert net.fields is not None
    assert [field.jump for field in net.fields] == [jumps[0], jumps[1], jumps[1]]


# Against the same network on an image -----------------------------------------------------------------------

LAYERS = st.sampled_from(
    [
        "conv 4 f3", "conv 4 f5 s2 p1", "conv 6 f2 d3 g2", "conv 2 f3 psame s2", "dw f3 p1 x2", "dw f2 s2", "bn", "relu",
        "tconv 4 f3 s2 p1 op1", "maxpool f2", "avgpool f3 s2 p1 ceil", "gap", "gap 3", "pad 2", "pad 0:1", "up 2",
        "mul { | gap, sigmoid }", "add { conv 2 f3 p1 | conv 2 f1 }", "cat { | relu }", "fc 4", "blurpool f3 s2", "gmp",
        "crop 5",
    ]
)  # fmt: skip


@settings(max_examples=examples(60))
@given(st.lists(LAYERS, min_size=1, max_size=5), st.integers(5, 40))
def test_equal_sides_act_alike_at_any_rank(layers: list[str], side: int) -> None:
    """A side of a sound, of an image and of a volume is the same, and so are its field and what is unread."""
    text = ", ".join(layers)
    made: dict[int, Network | None] = {}
    for rank in (1, 2, 3):
        try:
            made[rank] = network(f"in {'x'.join([str(side)] * rank)}x4 {rank}d, {text}")
        except SizeError:
            made[rank] = None
    image = made[2]
    for rank in (1, 3):
        other = made[rank]
        assert (other is None) == (image is None)
        if other is None or image is None:
            continue
        for ours, theirs in zip(image.layers, other.layers, strict=True):
            assert rank_of(theirs.output) == rank
            assert set(theirs.output[:-1]) == set(ours.output[:-1])
            assert theirs.output[-1] == ours.output[-1]
            assert theirs.text.split()[0] == ours.text.split()[0]
            assert set(theirs.fields or ()) == set(ours.fields or ())
            assert {axis.unread_count() for axis in theirs.axes or ()} == {
                axis.unread_count() for axis in ours.axes or ()
            }
            assert bool(theirs.misaligned) == bool(ours.misaligned)


def test_a_sound_is_an_image_of_one_row() -> None:
    image = network(
        "in 1x8000x1, conv 32 f1x80 s1x16, bn, relu, maxpool f1x4, conv 32 f1x3, bn, relu, maxpool f1x4, "
        "2 x { conv 64 f1x3, bn, relu, maxpool f1x4 }, gap, fc 35, logsoftmax"
    )
    sound = network(M5)
    assert [stage.output for stage in sound.layers] == [stage.output[1:] for stage in image.layers]
    assert [stage.params for stage in sound.layers] == [stage.params for stage in image.layers]
    assert [stage.macs for stage in sound.layers] == [stage.macs for stage in image.layers]
    assert (sound.peak_activations, sound.activations) == (image.peak_activations, image.activations)
    for ours, theirs in zip(sound.layers, image.layers, strict=True):
        assert (ours.fields or ())[-1:] == (theirs.fields or ())[-1:]
        assert ours.weights is None or len(ours.weights) < 3 or ours.weights == (theirs.weights or ())[1:]


# Text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Convolution(window=(3,), filters=8), "conv 8 f3"),
        (Convolution(window=(3, 3, 3), filters=8, stride=(2, 2, 2), padding=((1, 1),) * 3), "conv 8 f3 s2 p1"),
        (Convolution(window=(3, 7, 7), filters=8, stride=(1, 2, 2)), "conv 8 f3x7x7 s1x2x2"),
        (Convolution(window=(3,), filters=8, padding=((0, 1), (0, 1), (1, 1))), "conv 8 f3 p0:1x0:1x1:1"),
        (Convolution(window=(3,), filters=8, padding=((1, 1), (3, 3), (3, 3))), "conv 8 f3 p1x3x3"),
        (Convolution(window=(80,), filters=8, dilation=(2,), padding=((0, 1),)), "conv 8 f80 p0:1 d2"),
        (Convolution(window=(3, 3), filters=8, padding=NamedPadding.SAME), "conv 8 f3 psame"),
        (Depthwise(window=(1, 3, 3)), "dw f1x3x3"),
        (TransposedConvolution(window=(2,) * 3, filters=4, stride=(2,), output_padding=(0, 1, 1)),
         "tconv 4 f2 s2 op0x1x1"),
        (Pooling(window=(1, 2, 2)), "maxpool f1x2x2"),
        (Pooling(window=(2, 2, 2), stride=(2, 2, 2)), "maxpool f2"),
        (Pooling(window=(3,), stride=(1, 1)), "maxpool f3 s1"),
        (AdaptivePooling(), "gap"),
        (AdaptivePooling(size=(1, 1, 1)), "gap"),
        (AdaptivePooling(size=(1, 7, 7)), "gap 1x7x7"),
        (AdaptivePooling(size=(6,)), "gap 6"),
        (Pad(padding=((1, 1),) * 3), "pad 1"),
        (BlurPool(window=(3,), stride=(2,)), "blurpool f3 s2"),
        (Upsample(factor=(1, 2, 2)), "up 1x2x2"),
        (Upsample(size=(4, 8, 8)), "up to 4x8x8"),
        (Crop(size=(5,)), "crop 5"),
        (Crop(amounts=((0, 1), (1, 1), (2, 0))), "crop 0:1x1:1x2:0"),
    ],
)  # fmt: skip
def test_text_is_the_shortest_that_reads_back_equal(layer: Layer, text: str) -> None:
    assert layer.text == text
    assert layer_of(text) == layer
    assert hash(layer_of(text)) == hash(layer)


def test_layers_that_differ_are_not_equal() -> None:
    assert Convolution(window=(3, 3)) == Convolution(window=(3,)) != Convolution(window=(3, 1))
    assert Pooling(window=(3,)) != Convolution(window=(3,))
    assert Pooling(window=(3,)) != "maxpool f3"
    assert Pooling(window=(2, 2)) == Pooling(window=(2,), stride=(2,)) != Pooling(window=(2,), stride=(1,))
    assert len({Convolution(window=(3,) * rank) for rank in (1, 2, 3)}) == 1


def test_stages_have_a_number_per_axis() -> None:
    (stage,) = network("in 9x9x9x2, conv 4 f3 p1").layers
    assert isinstance(stage.layer, Convolution)
    assert (stage.layer.window, stage.layer.stride, stage.layer.padding) == (
        (3,) * 3,
        (1,) * 3,
        ((1, 1),) * 3,
    )
    assert (stage.weights, stage.biases, stage.connections) == ((3, 3, 3, 2, 4), (1, 1, 1, 1, 4), 54)
    fitting = stage.layer.for_input((5, 5, 5, 1))
    assert fitting is stage.layer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("in 8000x1, conv 8 f3x3", "f3x3 has 2 sides, but the input 8000x1 is one-dimensional: give f3; "
         "for an image of 8000x1 pixels, write in 8000x1 2d"),
        ("in 5x9, conv 8 f7x1", "filter 7 on input 5 gives floor((5 + 2·0 - 7)/1) + 1 = -1, because the filter "
         "is larger than the padded input (7 > 5); use a padding of at least 1 or a filter of at most 5"),
        ("in 8000x1 1d, conv 8 f80x1", "f80x1 has 2 sides, but the input 8000x1 is one-dimensional: give f80"),
        ("in 8000x1 1d, conv 8 f3 s2x1", "s2x1 has 2 sides, but the input 8000x1 is one-dimensional: give s2"),
        ("in 8000x1 1d, conv 8 f3 p0:1x2:3",
         "p0:1x2:3 has 2 sides, but the input 8000x1 is one-dimensional: give p2:3"),
        ("in 9x9x9x1, maxpool f3 d2x2", "d2x2 has 2 sides, but the input 9x9x9x1 is three-dimensional: give d2"),
        ("in 9x9x9x1, conv 2 f3x5",
         "f3x5 has 2 sides, but the input 9x9x9x1 is three-dimensional: give f3x3x5"),
        ("in 9x9x1, gap 3x3x3", "3x3x3 has 3 sides, but the input 9x9x1 is two-dimensional: give 3"),
        ("in 9x9x9x1, tconv 2 f2 s2 op0x1",
         "op0x1 has 2 sides, but the input 9x9x9x1 is three-dimensional: give op0x0x1"),
        ("in 9x9x1, up to 3x4x5", "to 3x4x5 has 3 sides, but the input 9x9x1 is two-dimensional: give to 4x5"),
    ],
)  # fmt: skip
def test_a_wrong_number_of_sides_is_an_error(text: str, why: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text)
    assert caught.value.why == why


def test_a_vector_has_no_sides() -> None:
    with pytest.raises(SizeError, match="maxpool on 81 values needs an image, not a vector"):
        network("in 9x9x1, flatten, maxpool f2")
    assert Pooling(window=(2, 2)).for_input((81,)).window == (2, 2)


# Axes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: window_axes((3, 9, 9), 5), "filter 5 on input 3 in depth gives "),
        (lambda: window_axes((9, 9, 3), 5), "filter 5 on input 3 horizontally gives "),
        (lambda: window_axes((3,), 5), "filter 5 on input 3 gives "),
        (lambda: window_axes((9, 9, 9), (3, 3)), r"filter \(3, 3\) must be one number, or 3 numbers"),
        (lambda: window_axes((9,), (3, 3)), r"filter \(3, 3\) must be one number$"),
        (lambda: window_axes((9,), 3, padding=((1, 1), (2, 2))), r"must be \(before, after\) for each axis"),
        (lambda: pooling_axes((9, 9, 9), (3, 3, 5), padding=2), "half the window of 3 in depth, so"),
        (lambda: transposed_axes((2, 5, 5), 3, padding=(3, 0, 0)), "padding 3:3 on input 2 in depth gives "),
        (
            lambda: transposed_axes((2, 5, 5), 3, stride=(1, 2, 3), output_padding=(1, 1, 2)),
            "output padding 1x1x2 must be .* at most 0 in depth and 1 vertically and 2 horizontally; 0x1x2 works",
        ),
        (
            lambda: transposed_axes((5,), 3, stride=2, output_padding=2),
            "output padding 2 must .* use at most 1",
        ),
        (
            lambda: transposed_axes((5,), 3, padding="same", output_padding=1),
            "needs a padding given as a number",
        ),
        (lambda: adaptive_axes((5, 5, 5), (1, 2)), r"output \(1, 2\) must be one number, or 3 numbers"),
    ],
)
def test_errors_name_the_axis_where_sides_differ(call: Any, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        call()
    assert re.search(message, f"{caught.value.what} {caught.value.why}")


def test_values_for_all_axes_and_for_each() -> None:
    depth, rows, columns = window_axes([8, 9, 10], [3], stride=(2,), padding=((0, 1),))  # type: ignore[arg-type]
    assert [axis.output for axis in (depth, rows, columns)] == [4, 4, 5]
    assert [axis.after for axis in window_axes((7, 8, 9), 3, padding="same", stride=2)] == [1, 1, 1]
    assert [axis.output for axis in transposed_axes((5, 6, 7), 3, stride=2, padding="same")] == [10, 12, 14]
    assert [axis.output for axis in adaptive_axes((5,), 2)] == [2]


# What the numbers of an input mean ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "n", "size", "channels"),
    [
        ("in 16x112x112x3, conv 64 f3x7x7", None, (16, 112, 112, 3), 3),
        ("in 8000x1, conv 64 f80", None, (8000, 1), 1),
        ("in 16000x2 1d, conv 64 f3", None, (16000, 2), 2),
        (
            "in 16000x2, conv 64 f80",
            None,
            (16000, 2),
            2,
        ),  # an image of two columns has no room for the filter
        ("in 16000x2, conv 64 f80x1", None, (16000, 2), None),  # two sides
        ("in 16000x2, 2 x { out { cat { conv 64 f3x1 | conv 1 f3 p0x1 } } }", None, (16000, 2), None),
        ("in 64x64 2d, conv 8 f3", None, (64, 64), None),
        ("in 64x1 2d, conv 8 f3x1", None, (64, 1), None),
        ("in 64x64, conv 8 f3", None, (64, 64), None),
        ("in 64x64 1D, conv 8 f3", None, (64, 64), 64),
        ("in 64, conv 8 f3", None, (64, 64), None),
        ("in 64 1d, conv 8 f3", None, (64,), None),
        ("in 16x112x112 3d, conv 64 f3", None, (16, 112, 112), None),
        ("in 16 3d, conv 64 f3", None, (16, 16, 16), None),
        ("in 9x9x3 2d, conv 8 f3", None, (9, 9, 3), 3),
        ("conv 8 f3", (9, 9, 9, 2), (9, 9, 9, 2), 2),
        ("conv 8 f3", "16000x2 1d", (16000, 2), 2),
        ("conv 8 f3", "16x9x9 3d", (16, 9, 9), None),
        ("conv 8 f80", (16000, 2), (16000, 2), 2),
        ("conv 8 f3", 9, (9, 9), None),
        ("conv 8 f3", Sides((99,)), (99,), None),
        ("in 8000x1, conv 8 f3", 4000, (4000, 1), 1),
        ("in 8000x1, conv 8 f3", "4000x1", (4000, 1), 1),
        ("in 8000x1, conv 8 f3", "4000 1d", (4000, 1), 1),
        ("in 16000x2, conv 8 f80", 4000, (4000, 2), 2),
        ("in 8000 1d, conv 8 f3", "4000x7", (4000, 7), 7),
        ("in 16x112x112x3, conv 8 f3", "8x64x64", (8, 64, 64, 3), 3),
        ("in 16x112x112x3, conv 8 f3", 9, (9, 9, 9, 3), 3),
        ("in 16x112x112x3, conv 8 f3", Sides((9, 9, 9)), (9, 9, 9, 3), 3),
        ("in 64x64, conv 8 f3", (9, 9, 3), (9, 9, 3), 3),
    ],
)
def test_the_rank_of_an_input(text: str, n: Any, size: Size, channels: int | None) -> None:
    net = network(text, n)
    assert (net.input, channels_of(net.input)) == (size, channels)
    assert rank_of(net.input) == len(size) - (channels is not None)
    assert input_size(parse_spec(text), net.input) == size
    assert likely_size(parse_spec(text), net.input) == size


@pytest.mark.parametrize(
    ("text", "n", "message"),
    [
        ("in 8000x1, conv 8 f3", (8, 8, 3),
         'input 8x8x3 does not fit: the network begins with "in 8000x1", which is one-dimensional; '
         "give a size such as 8x1"),
        ("in 16000x2 1d, conv 8 f3", "8x8 2d",
         'input 8x8 does not fit: the network begins with "in 16000x2 1d", which is one-dimensional; '
         "give a size such as 8x2"),
        ("in 9x9x9x3, conv 8 f3", (8, 8),
         'input 8x8 does not fit: the network begins with "in 9x9x9x3", which is three-dimensional; '
         "give a size such as 8x8x8x3"),
        ("in 9x9x3, conv 8 f3", (9, 9, 9, 3),
         'input 9x9x9x3 does not fit: the network begins with "in 9x9x3", which is two-dimensional; '
         "give a size such as 9x9x3"),
        ("in 16x112x112x3, conv 8 f3", (3, 16, 112, 112),
         'input 3x16x112x112 has 112 channels, but the network begins with "in 16x112x112x3"; '
         "channels come last: give 16x112x112x3"),
        ("in 8000x1, conv 8 f3", "4000x2",
         'input 4000x2 has 2 channels, but the network begins with "in 8000x1"; channels come last: give 4000x1'),
        ("conv 8 f3", "8x8 3d", "input 8x8 has 2 numbers; 3d needs DxHxW or DxHxWxC"),
        ("conv 8 f3", "8x8x8x8x8", "input '8x8x8x8x8' must be a size such as 32, 32x24 or 32x24x3, with whole "
         "numbers of at least 1"),
        ("in 2x2, conv 8 f5", None,
         "line 1, column 9, conv 8 f5 on 2x2 filter 5 on input 2 gives floor((2 + 2·0 - 5)/1) + 1 = -2, because the "
         "filter is larger than the padded input (5 > 2); use a padding of at least 2 or a filter of at most 2"),
        ("in 160x10, flatten", None,
         "line 1, column 12, flatten on 160x10 flatten on 160x10 needs to know the channels, as in --n 160x10x3; "
         "for a sound of 10 channels, write 160x10 1d"),
        ("in 10x10, flatten", None,
         "line 1, column 11, flatten on 10x10 flatten on 10x10 needs to know the channels, as in --n 10x10x3"),
        ("conv 3 f5", (3, 16, 112, 112),
         "line 1, column 1, conv 3 f5 on 3x16x112x112 filter 5 on input 3 in depth gives floor((3 + 2·0 - 5)/1) + 1 = "
         "-1, because the filter is larger than the padded input (5 > 3); use a padding of at least 1 or a filter of "
         "at most 3; if the channels come first, give the input as 16x112x112x3"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_say_how_to_write_them(text: str, n: Any, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, n)
    assert f"{caught.value.what} {caught.value.why}" == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("in 16x112 3d, relu", "line 1, column 4 input 16x112 has 2 numbers; 3d needs DxHxW or DxHxWxC"),
        ("in 8x8 4d, relu", "line 1, column 1 in takes only the input size, for example: in 32x32x3"),
        ("in 8x8 1d 1d, relu", "line 1, column 1 in takes only the input size, for example: in 32x32x3"),
        ("in 1x2x3x4x5, relu", "line 1, column 4 input '1x2x3x4x5' must be a size such as 32, 32x24 or 32x24x3, with "
         "whole numbers of at least 1"),
        ("conv 2 f1x2x3x4", "line 1, column 8 filter '1x2x3x4' must be one number, or one per axis as in 4x3 "
         "(vertical x horizontal), with whole numbers of at least 1"),
        ("conv 2 f3 p1x1x1x1", "line 1, column 11 padding '1x1x1x1' has more than three parts; write AxB, AxBxC or "
         "T:BxL:R"),
    ],
)  # fmt: skip
def test_invalid_words(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text)
    assert f"{caught.value.what} {caught.value.why}" == message


def test_an_ambiguous_size_is_decided_by_the_network() -> None:
    spec = parse_spec("in 16000x2, conv 8 f80, conv 8 f3")
    assert input_size(spec, None) == (16000, 2)
    assert rank_of(input_size(spec, None)) == 1
    assert likely_size(parse_spec("conv 8 f80"), (16, 2)) == Sides((16, 2))  # neither is possible
    assert likely_size(parse_spec("conv 8 f80"), None) is None
    with pytest.raises(SizeError, match="has no input size"):
        input_size(parse_spec("conv 8 f80"), None)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((8000, 1), "8000x1"),
        ((16000, 2), "16000x2 1d"),
        (Sides((16000,)), "16000 1d"),
        (Sides((64, 64)), "64x64 2d"),
        (Sides((9, 9, 9)), "9x9x9 3d"),
        ((9, 9, 9, 1), "9x9x9x1"),
        ((9, 9, 1), "9x9x1"),
    ],
)
def test_the_size_of_an_input_reads_back(size: Size, text: str) -> None:
    assert format_input(size) == text
    read = input_size(parse_spec(f"in {text}, relu"), None)
    assert (read, channels_of(read)) == (size, channels_of(size))


@pytest.mark.parametrize(
    "text", [M5, C3D, "in 16000x2 1d\nconv 4 f80 s4, maxpool f4 s3 d2 ceil, up 3, crop 0:7\n"]
)
def test_layer_text_of_any_rank_reads_back(text: str) -> None:
    net = network(text)
    again = network(as_layer_text(net))
    assert [stage.output for stage in again.layers] == [stage.output for stage in net.layers]
    assert (again.params, again.macs, again.input) == (net.params, net.macs, net.input)


def test_typed_sizes_remember_their_word() -> None:
    assert TypedSize((8000, 1), rank=1) == (8000, 1)
    assert [rank_of(layer_input(text)) for text in ("8", "8x1", "8x8x1", "8x8x8x1", "8x1 1d", "8x8x8 3d")] == [
        2, 2, 2, 3, 1, 3,
    ]  # fmt: skip


# Searches and tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size", "smallest", "valid"),
    [
        ("in 8000x1, conv 4 f80 s4, maxpool f4", None, 92, [108, 124]),
        ("in 8000x1, conv 4 f80 s4, maxpool f4", (100, 1), 92, [108, 124]),
        ("conv 4 f3 s2, maxpool f2", (30, 30, 30, 1), 5, [101, 105, 109, 113, 117, 121, 125, 129]),
        ("conv 4 f3x3x3 s2, maxpool f2", None, 5, [101, 105, 109, 113, 117, 121, 125, 129]),
        ("conv 4 f3 s2, maxpool f2", None, 5, [101, 105, 109, 113, 117, 121, 125, 129]),
        ("in 16000x2, conv 4 f80 s4, maxpool f4", None, 92, [108, 124]),
    ],
)
def test_sides_are_searched_along_all_axes_at_once(
    text: str, size: Size | None, smallest: int, valid: list[int]
) -> None:
    spec = read_spec(text)
    assert smallest_side(spec, size) == smallest
    assert list(valid_sides(spec, size, range(100, 130))) == valid


def test_a_layer_that_reads_not_all_of_a_sound() -> None:
    spec = read_spec("in 8000x1, conv 4 f1 s2, relu")
    assert list(valid_sides(spec, None, range(90, 92))) == []
    assert list(valid_sides(spec, None, range(90, 92), exempt=(1,))) == [90, 91]
    assert "--ignore-unread-by 1 exempts it" in first_unread_layer(spec, None, 91)


def test_searches_follow_equal_layers_of_other_ranks() -> None:
    """f3 and f3x3 are equal, but only one of them fits a sound."""
    spec = read_spec("in 99x1, conv 4 f3, conv 4 f3x3")
    with pytest.raises(SizeError):
        smallest_side(spec, None)


def test_tables_have_an_entry_per_axis() -> None:
    volume = network(
        "in 16x113x112x3, conv 64 f3x7x7 s1x2x2 p1x3x3, maxpool f2, add { conv 64 f2 s2 | maxpool f2 }"
    )
    columns = {column.name: column.cells for column in shape_table(volume).columns}
    assert columns["output"][:2] == ["16x57x56x64", "8x28x28x64"]
    assert columns["field"][:2] == ["3x7x7", "4x9x9"]
    assert columns["jump"][:2] == ["1x2x2", "2x4x4"]
    assert columns["centre"][:2] == ["0", "0.5x1x1"]
    assert columns["padding"][:2] == ["1x3x3", None]
    assert columns["unread"][:2] == [None, "1 row"]


# Limits ---------------------------------------------------------------------------------------------------

LONG = "9" * 500


@pytest.mark.parametrize(
    ("text", "n", "message"),
    [
        ("relu", "x".join([LONG] * 4), "input: has a number of values of more than 1500 digits"),
        (
            f"conv {LONG} f2",
            "x".join([LONG] * 3) + "x1",
            "conv 9+: has a number of values of more than 1500 digits",
        ),
        ("tconv 1 f2 s10", f"{LONG}x1x1x1", "tconv 1 f2 s10: makes a size of more than 500 digits"),
    ],
)
def test_volumes_with_too_many_values(text: str, n: str, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, n)
    assert re.search(message, f"{caught.value.what}: {caught.value.why}")


def test_the_largest_volumes_can_be_printed() -> None:
    side = 10**374
    net = network(f"conv {side} f{side // 9}, bn, tconv 1 f{side // 9}", (side, side, side, side))
    assert len(str((net.macs or 0) * 2 * int(LONG))) < 4300
    assert len(str(net)) > 1000


def test_padding_for_another_number_of_axes_is_shown_as_typed() -> None:
    with pytest.raises(
        SizeError, match=r"p1x1 has 2 sides, but the input 9x9x9x3 is three-dimensional: give p1$"
    ):
        network("conv 4 f3 p1x1", (9, 9, 9, 3))


def test_gates_fit_images_whose_channels_are_unknown() -> None:
    assert network("in 9x8 2d, mul { | gap }, mul { conv 4 f1 | gap, conv 4 f1 }").output == (9, 8, 4)
    assert network("in 9x8 2d, mul { gap | conv 4 f1 | }").output == (9, 8, 4)
    with pytest.raises(
        SizeError, match="its branches give 9x8x4 and 9x8x5 and 9x8; they must have the same size"
    ):
        network("in 9x8 2d, add { conv 4 f1 | conv 5 f1 | }")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("in 9x1, cat { conv 3 f2 | }", "8x3 and 9x1; they must have the same length$"),
        ("in 9x1, mul { conv 3 f2 | }", "8x3 and 9x1; they must have the same size, or 1$"),
        ("in 9x9x9x1, mul { conv 3 f2 | }", "8x8x8x3 and 9x9x9x1; they must have the same size, or 1x1x1$"),
    ],
)
def test_joins_name_the_axes(text: str, message: str) -> None:
    with pytest.raises(SizeError, match=message):
        network(text)
