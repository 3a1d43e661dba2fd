"""Layers that resize, rearrange and normalize, against PyTorch (2.13), timm and by hand.

``tests/data/resizing.json`` has the pixels that each output of torch's ``interpolate`` depends on, and output
sizes and parameters of PyTorch's layers (of timm's for blur pooling and layer scale).
"""

import json
from math import prod
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.errors import SizeError
from convcli.networks.layer_types.cropping import Slice
from convcli.networks.layer_types.pooling import BlurPool
from convcli.networks.layer_types.shuffling import PixelShuffle, PixelUnshuffle
from convcli.networks.receptive_fields import ReceptiveField
from convcli.networks.sources import network
from convcli.sizes.resized import CroppedAxis, Interpolation, ResizedAxis
from convcli.sizes.text import format_size
from convcli.sizes.windowed import Axis
from tests.support.sampling import examples

GOLDEN = json.loads((Path(__file__).parents[1] / "data/resizing.json").read_text("utf-8"))


def test_each_output_reads_the_pixels_that_interpolation_reads() -> None:
    for mode, align_corners, side, output, ranges in GOLDEN["interpolation"]:
        axis = ResizedAxis(side, output, Interpolation(mode), align_corners)
        read = [[min(max(pixel, 0), side - 1) for pixel in axis.input_range(unit)] for unit in range(output)]
        assert read == ranges, axis
        unread = set(range(side)).difference(*(range(first, last + 1) for first, last in ranges))
        assert axis.unread_count() == len(unread), axis
        assert {pixel for first, last in axis.unread_ranges() for pixel in range(first, last + 1)} == unread


def test_sizes_and_parameters_are_those_of_pytorch() -> None:
    for text, size, output, params in GOLDEN["layers"]:
        if output == "error":
            with pytest.raises(SizeError):
                network(text, size)
        else:
            net = network(text, size)
            assert (format_size(net.output), net.params) == (output, params), (text, size)
    assert sum(output == "error" for _, _, output, _ in GOLDEN["layers"]) >= 10


# All fields are given: hypothesis makes up what is missing, even where there is a default.
NONE = st.just(0)
AXES = st.one_of(
    st.builds(
        ResizedAxis, st.just(12), st.sampled_from([4, 6, 12, 18, 24, 36]), st.sampled_from(Interpolation),
        st.booleans(), NONE, NONE,
    ),
    st.builds(CroppedAxis, st.just(12), st.integers(0, 3), st.integers(0, 3)),
    st.builds(
        Axis, st.just(12), st.integers(1, 4), st.integers(0, 2), NONE, st.integers(1, 3), st.just(1),
        st.just(False),
    ),
)  # fmt: skip


def pixels_of(chain: list[ResizedAxis | CroppedAxis | Axis], unit: int) -> range:
    """Return the pixels that a unit sees, as if the image had no ends."""
    first = last = unit
    for axis in reversed(chain):
        ends = [axis.input_range(position) for position in range(first, last + 1)]
        first, last = min(end[0] for end in ends), max(end[1] for end in ends)
    return range(first, last + 1)


@given(st.lists(AXES, max_size=3))
@settings(max_examples=examples(100), deadline=None)
def test_receptive_field_after_resizing_is_the_largest_of_all_units(
    chain: list[ResizedAxis | CroppedAxis | Axis],
) -> None:
    field = ReceptiveField()
    for axis in chain:
        field = field.through(axis)
    largest = max(len(pixels_of(chain, unit)) for unit in range(max(len(field.unit_ranges), 40)))
    assert field.size is not None
    assert field.size == largest if field.unit_ranges else field.size >= largest
    bound = field._replace(unit_ranges=()).size
    assert bound is not None
    assert bound >= largest


@pytest.mark.parametrize(
    ("axis", "step", "twice_first_center"),
    [
        (ResizedAxis(14, 28, Interpolation.BILINEAR), "1/2", "-1/2"),  # output 0 lies at -1/4
        (ResizedAxis(14, 28), "1/2", "-1/2"),
        (ResizedAxis(5, 9, Interpolation.BILINEAR, align_corners=True), "1/2", "0"),
        (ResizedAxis(9, 1, Interpolation.BILINEAR, align_corners=True), "8", "0"),
        (ResizedAxis(9, 3, Interpolation.BICUBIC), "3", "2"),
        (CroppedAxis(9, 2, 3), "1", "4"),
    ],
)
def test_positions_of_outputs(axis: ResizedAxis | CroppedAxis, step: str, twice_first_center: str) -> None:
    assert (str(axis.step), str(axis.twice_first_center)) == (step, twice_first_center)


def test_upsampling_undoes_the_jump_of_a_stride() -> None:
    net = network("maxpool f2, up 2 bilinear, conv 3 f3 p1", (32, 32, 3))
    assert net.fields is not None
    assert (net.output, net.fields[0].jump, net.fields[0].center) == ((32, 32, 3), 1, 0)
    assert net.layers[1].fields == network("maxpool f2, up to 32x32 bilinear", (32, 32, 3)).fields


@given(st.integers(1, 4), st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 9)))
@settings(max_examples=examples(60))
def test_pixel_unshuffle_is_the_inverse_of_pixel_shuffle(factor: int, size: tuple[int, int, int]) -> None:
    wide = (*size[:2], size[2] * factor**2)
    shuffled = PixelShuffle(factor=factor).output(wide)
    assert shuffled == (size[0] * factor, size[1] * factor, size[2])
    assert PixelUnshuffle(factor=factor).output(shuffled) == wide


@given(st.integers(2, 5), st.integers(1, 9))
@settings(max_examples=examples(40), deadline=None)
def test_split_and_slices_give_each_channel_once(parts: int, channels: int) -> None:
    size = (4, 4, parts * channels)
    branches = " | ".join([""] * parts)
    net = network(f"split {parts} {{ {branches} }}", size)
    assert net.output == size
    slices = [stage.layer for stage in net.layers[:-1]]
    assert [(part.start, part.stop) for part in slices if isinstance(part, Slice)] == [
        (channels * number, channels * (number + 1)) for number in range(parts)
    ]
    cut = ", ".join(f"slice {channels * n}:{channels * (n + 1)} | " for n in range(parts)).replace(", ", "")
    assert network(f"cat {{ {cut.rstrip('| ')} }}", size).output == size


def test_unknown_channels_stay_unknown_or_become_known() -> None:
    net = network("up 2, split 2 { | relu }", (8, 8))
    assert (net.output, net.params, net.macs) == ((16, 16), 0, 0)
    assert network("slice 2:6, fc 5", (8, 8)).params == 25
    assert network("slice 2:", (8, 8)).output == (8, 8)
    for text, output in [
        ("pixelshuffle 2", (16, 16)),
        ("pixelunshuffle 2", (4, 4)),
        ("shuffle g2", (8, 8)),
        ("gn g2", (8, 8)),
        ("crop 4x4", (4, 4)),
        ("blurpool f3 s2", (4, 4)),
    ]:
        assert network(text, (8, 8)).output == output
    assert network("blurpool f3 s2", (8, 8)).macs is None
    assert network("instancenorm", (8, 8)).params == 0
    assert network("rms", (8, 8)).params is None


def test_blur_pooling_is_a_depthwise_convolution_without_parameters() -> None:
    blur, convolution = network("blurpool f4 s2", (9, 9, 6)), network("dw f4 s2 p1:2x1:2 nobias", (9, 9, 6))
    assert (blur.output, blur.macs, blur.params) == (convolution.output, convolution.macs, 0)
    assert blur.fields == convolution.fields
    assert BlurPool(window=(3, 3), stride=(2, 2)).connections(64) == 9
    assert blur.macs == prod((5, 5, 6)) * 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop 9x5", "crop 9x5 on 8x8x6: size 9x5 is larger than the input of 8x8; use pad to enlarge it"),
        (
            "crop 4:4x0:0",
            "crop 4:4x0:0 on 8x8x6: amounts 4:4 on side 8 give 8 - 2·4 = 0: nothing is left; cut off at most 7 in "
            "all",
        ),
        (
            "slice 4:8",
            "slice 4:8 on 8x8x6: channels 4:8 are not among the 6 channels; use a range within 0:6",
        ),
        (
            "shuffle g4",
            "shuffle g4 on 8x8x6: groups 4 must divide the 6 channels, but 6 / 4 leaves a remainder of 2",
        ),
        ("gn g4", "gn g4 on 8x8x6: groups 4 must divide the 6 channels, but 6 / 4 leaves a remainder of 2"),
        (
            "pixelshuffle 2",
            "pixelshuffle 2 on 8x8x6: 6 channels must be a multiple of 4, but 6 / 4 leaves a remainder of 2; make "
            "them 8",
        ),
        (
            "pixelunshuffle 3",
            "pixelunshuffle 3 on 8x8x6: side 8 must be a multiple of 3, but 8 / 3 leaves a remainder of 2; crop "
            "it by that, or pad it by 1",
        ),
        (
            "pad 8 mirror",
            "pad 8 mirror on 8x8x6: padding 8 on input 8 is mirrored without the border itself, so it must be "
            "less than 8",
        ),
        (
            "split 4 { | | | }",
            "split 4 on 8x8x6: needs channels that 4 divides, but 6 / 4 leaves a remainder of 2",
        ),
        (
            "flatten, up 2",
            "up 2 on 384: up on 384 values needs an image, not a vector; put it before the flatten",
        ),
    ],
)
def test_impossible_sizes_show_the_arithmetic(text: str, message: str) -> None:
    with pytest.raises(SizeError) as caught:
        network(text, (8, 8, 6))
    assert str(caught.value).partition(", ")[2].partition(", ")[2] == message
