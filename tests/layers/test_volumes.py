"""Filters as deep as the image, and banks of them: in Python and as they are typed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from convcli.convolution.engine import convolve
from convcli.errors import ConvcliError, FilterError, KernelError, SizeError
from convcli.kernels.banks import orientation_bank
from convcli.kernels.lookup import get_filter, kernel
from convcli.layers.convolution_layer import conv_forward
from convcli.layers.volumes import convolve_volume
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes
from tests.support.sampling import examples

Array = NDArray[Any]
RGB = np.random.default_rng(1).integers(0, 256, (20, 24, 3)).astype(np.uint8)
TAPS = np.random.default_rng(2).integers(-3, 4, (3, 3, 3, 5))


# The library ----------------------------------------------------------------------------------------------


@settings(max_examples=examples(100), deadline=None)
@given(
    st.sampled_from([np.uint8, np.int32, np.float32, np.float64]), st.integers(1, 4), st.integers(1, 3),
    st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(0, 1 << 30),
)  # fmt: skip
def test_equals_a_layer(
    dtype: type, depth: int, filters: int, side: int, stride: int, dilation: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image: Array = rng.integers(0, 100, (9, 8, depth)).astype(dtype)
    taps = rng.integers(-5, 6, (side, side, depth, filters))
    maps = convolve_volume(image, taps, padding=2, border="zero", stride=stride, dilation=dilation)
    layer = conv_forward(image[None], taps, padding=2, stride=stride, dilation=dilation)[0]
    np.testing.assert_array_equal(maps, layer)
    np.testing.assert_array_equal(
        convolve_volume(image, taps[..., 0], padding=2, border="zero", stride=stride, dilation=dilation),
        layer[..., 0],
    )


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from([np.uint8, np.int32, np.float32, np.float64]),
    st.sampled_from(["int", "float"]),
    st.integers(1, 18), st.sampled_from([1, 2, 5, 17]), st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from(["zero", "constant:7", "edge", "reflect", "symmetric", "wrap"]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)), st.booleans(), st.integers(0, 1 << 30),
)  # fmt: skip
def test_maps_are_sums_over_channels(
    dtype: type, kind: str, depth: int, filters: int, sides: tuple[int, int], border: str,
    stride: tuple[int, int], flip: bool, seed: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    top = 1 << 20 if dtype is np.int32 else 256
    image: Array = rng.integers(-top if dtype is np.int32 else 0, top, (11, 9, depth)).astype(dtype)
    taps: Array = rng.integers(-9, 10, (*sides, depth, filters))
    if kind == "float":
        taps = rng.standard_normal(taps.shape)
    options: dict[str, Any] = {"border": border, "stride": stride, "flip": flip, "dilation": (1, 2)}
    maps = convolve_volume(image, taps, **options)
    wide = image.astype(np.int64 if image.dtype.kind in "iu" else np.float64)
    for number in range(filters):
        expected = sum(
            convolve(wide[..., c], taps[:, :, c, number], **options).astype(
                wide.dtype if kind == "int" else float
            )
            for c in range(depth)
        )
        if maps.dtype.kind == "i":
            np.testing.assert_array_equal(maps[..., number], expected)
        else:
            largest = float(np.abs(taps).sum((0, 1, 2)).max()) * top
            np.testing.assert_allclose(maps[..., number], expected, rtol=0, atol=2e-5 * largest)


def test_sums_are_exact_in_the_narrowest_type() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    small = convolve_volume(white, np.ones((1, 1, 3), int))
    assert (small.dtype, small.max()) == (np.dtype(np.int16), 765)
    large = convolve_volume(white, np.full((3, 3, 3), 40, int))
    assert (large.dtype, large.max()) == (np.dtype(np.int32), 255 * 27 * 40)
    huge = np.full((2, 2, 2), 2**61, np.int64)
    assert convolve_volume(huge, np.ones((1, 1, 2), int)).max() == 2**62
    bank = np.full((1, 1, 2, 3), 1)
    assert (convolve_volume(huge + 1, bank) == 2**62 + 2).all()
    with pytest.raises(ConvcliError, match="int64"):
        convolve_volume(huge, np.full((1, 1, 2), 4))
    for bound in (24, 53):  # odd sums just below and above what float32 and float64 hold
        near = np.full((1, 1, 1), (1 << bound) // 3, np.int64)
        assert convolve_volume(near, np.full((1, 1, 1, 3), 3)).tolist() == [[[(1 << bound) // 3 * 3] * 3]]
        assert convolve_volume(near, np.full((1, 1, 1, 3), 5)).tolist() == [[[(1 << bound) // 3 * 5] * 3]]


def test_nan_of_any_channel_is_seen() -> None:
    image = np.zeros((5, 5, 2))
    image[2, 2, 1] = np.nan
    assert np.isnan(convolve_volume(image, np.ones((3, 3, 2)))).sum() == 9
    assert np.isnan(convolve_volume(image, np.ones((3, 3, 2, 4)))).sum() == 36
    both = np.stack([np.full((3, 3), np.inf), np.full((3, 3), -np.inf)], axis=-1)
    assert np.isnan(convolve_volume(both, np.ones((1, 1, 2)))).all()
    image[0, 0, 1] = np.inf
    first_only = np.ones((3, 3, 2, 4)) * [[1], [0]]
    assert np.isfinite(convolve_volume(image, first_only)).all()


def test_no_layer_of_many_channels_overflows_in_between() -> None:
    image, taps = np.full((8, 8, 16), 5e37, np.float32), np.full((3, 3, 16, 16), 1e-3)
    np.testing.assert_allclose(convolve_volume(image, taps), 5e37 * 144e-3, rtol=1e-5)


def test_taps_beyond_float32_are_refused_by_both_algorithms() -> None:
    for filters in (1, 4):
        with pytest.raises(KernelError, match="beyond float32"):
            convolve_volume(RGB, np.full((3, 3, 3, filters), 1e38))


def test_padding_far_larger_than_the_image_is_refused_by_both_algorithms() -> None:
    for filters in (1, 4):
        with pytest.raises(SizeError, match=r"enlarges a .* image to"):
            convolve_volume(RGB, np.ones((3, 3, 3, filters)), padding=100_000)


def test_flip_and_borders_are_those_of_convolve() -> None:
    maps = convolve_volume(RGB, TAPS, flip=True, border="reflect", stride=(2, 1))
    expected = sum(
        convolve(RGB[..., c], TAPS[:, :, c, 2], flip=True, border="reflect", stride=(2, 1)).astype(int)
        for c in range(3)
    )
    np.testing.assert_array_equal(maps[..., 2], expected)


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 2), (3, 3, 4, 5)])
def test_another_depth_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(SizeError, match=r"for an image of 3 channels"):
        convolve_volume(RGB, np.ones(shape))


def test_a_bank_turns_by_itself() -> None:
    with pytest.raises(FilterError, match="is rotated through all angles; leave out angle"):
        orientation_bank("gabor:8,angle=30")
    with pytest.raises(FilterError, match="has 41783296 coefficients; the limit is 1048576"):
        orientation_bank("gabor:4096,size=101")
    with pytest.raises(FilterError, match="needs a count from 1 to 4096"):
        orientation_bank("gabor:" + "9" * 5000)
    with pytest.raises(FilterError, match=r"^--bank '': needs a count from 1 to 4096"):
        orientation_bank("")


def test_orientation_banks() -> None:
    bank = orientation_bank("gabor:8,wavelength=4")
    assert (bank.name, bank.count) == ("gabor-8", 8)
    turned = get_filter("gabor:wavelength=4", angle=67.5).kernels[0]
    np.testing.assert_array_equal(bank.taps[:, :, 0, 3], turned)
    np.testing.assert_allclose(orientation_bank("sobel:2").taps[:, :, 0, 0], kernel("sobel-x"))
    for text in ("gabor", "gabor:0", "gabor:x", "gabor:99999", "box:4", "nothing:4", "laplacian:2", ""):
        with pytest.raises(FilterError):
            orientation_bank(text)


# The command ----------------------------------------------------------------------------------------------


@pytest.fixture
def photo(in_folder: Path) -> Path:
    Image.fromarray(RGB).save("photo.png")
    np.save("bank.npy", TAPS)
    np.save("red.npy", np.stack([kernel("vertical"), *[np.zeros((3, 3), int)] * 2], axis=-1))
    return in_folder


@pytest.mark.usefixtures("photo")
def test_a_bank_gives_a_stack_of_maps(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "--kernel", "@bank.npy")
    assert ran.all == (0, "photo-bank.npy\n", "")
    np.testing.assert_array_equal(np.load("photo-bank.npy"), convolve_volume(RGB, TAPS))
    ran = convcli("apply", "photo.png", "--kernel", "@bank.npy", "-o", "maps.tiff", "--json")
    record = json.loads(ran.out)
    assert (ran.code, ran.err, record["shape_out"], record["dtype"]) == (0, "", "20x24x5", "int16")
    with Image.open("maps.tiff") as pages:
        assert pages.n_frames == 5  # type: ignore[attr-defined] # TIFF has it
        for number in range(5):
            pages.seek(number)
            np.testing.assert_array_equal(np.asarray(pages), convolve_volume(RGB, TAPS)[..., number])


@pytest.mark.usefixtures("photo")
def test_bias_and_relu(convcli: Runner) -> None:
    options = ("--kernel", "@bank.npy", "--bias", "1,-200,3,4,5.5", "--relu", "-o", "maps.npy")
    ran = convcli("apply", "photo.png", *options, "--json")
    assert json.loads(ran.out)["min"] == 0
    expected = np.maximum(convolve_volume(RGB, TAPS) + np.array([1, -200, 3, 4, 5.5]), 0)
    np.testing.assert_array_equal(np.load("maps.npy"), expected)
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "--relu", "-o", "relu.png").code == 0
    np.testing.assert_array_equal(
        np.asarray(Image.open("relu.png")), np.clip(convolve(RGB, kernel("sobel-x")), 0, 255)
    )
    raw = convcli("apply", "photo.png", "--filter", "sobel-x", "--relu", "-o", "relu.npy", "--json")
    assert json.loads(raw.out)["min"] == 0
    np.testing.assert_array_equal(np.load("relu.npy"), np.maximum(convolve(RGB, kernel("sobel-x")), 0))


@pytest.mark.usefixtures("photo")
def test_an_edge_in_the_red_channel_only(convcli: Runner) -> None:
    note = "convcli: note: red.npy: 3x3x3 is read as (f, f, C); if the axes are (C, f, f), add --order oihw\n"
    assert convcli("apply", "photo.png", "--kernel", "@red.npy").all == (0, "photo-red.png\n", note)
    with Image.open("photo-red.png") as drawn:
        assert drawn.mode == "L"
        expected = np.minimum(np.abs(convolve(RGB[..., 0], kernel("vertical"))), 255)
        np.testing.assert_array_equal(np.asarray(drawn), expected)


@pytest.mark.parametrize("border", ["edge", "constant:7"])
@pytest.mark.parametrize("name", ["sobel-x", "gaussian:sigma=1"])
@pytest.mark.usefixtures("photo")
def test_channels_sum_is_a_filter_as_deep_as_the_image(convcli: Runner, name: str, border: str) -> None:
    ran = convcli(
        "apply", "photo.png", "--filter", name, "--channels", "sum", "--border", border, "-o", "sum.npy"
    )
    assert (ran.code, ran.err) == (0, "")
    taps = np.repeat(kernel(name)[..., None], 3, axis=2)
    np.testing.assert_allclose(np.load("sum.npy"), convolve_volume(RGB, taps, border=border), rtol=1e-5)


@pytest.mark.usefixtures("photo")
def test_typed_banks(convcli: Runner) -> None:
    options = ("--bank", "sobel:4", "--channels", "sum", "--border", "constant:2", "-o", "all.npy")
    ran = convcli("apply", "photo.png", *options)
    assert (ran.code, ran.err) == (0, "")
    taps = np.repeat(orientation_bank("sobel:4").taps, 3, axis=2)
    np.testing.assert_allclose(
        np.load("all.npy"), convolve_volume(RGB, taps, border="constant:2"), rtol=1e-4, atol=1e-2
    )
    assert convcli("apply", "photo.png", "--bank", "gabor:3,size=5", "--channels", "g").code == 0
    assert np.load("photo-gabor-3.npy").shape == (20, 24, 3)


def test_text_prints_each_map(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "m.csv").write_text("1,2\n3,4\n")
    np.save("two.npy", np.array([[[[1, -1]]]]))
    assert convcli("apply", "m.csv", "--kernel", "@two.npy").all == (0, "1 2\n3 4\n\n-1 -2\n-3 -4\n", "")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--kernel", "@bank.npy", "--channels", "gray"], 2, "--channels gray: selects one channel"),
        (["--kernel", "@bank.npy", "--scale", "gain"], 2, "bank: is a volume and has no gain"),
        (
            ["--kernel", "@bank.npy", "--bias", "1,2"],
            2,
            "--bias: has 2 numbers, but there are 5 filters; give one number or 5",
        ),
        (
            ["--filter", "sobel-x", "--bias", "1,2"],
            2,
            "--bias: has 2 numbers, but there is one filter; give one number",
        ),
        (["--bank", "sobel"], 2, "--bank 'sobel': needs a count from 1 to 4096"),
        (["--bank", "sobel:4", "--angle", "5"], 2, "--bank: cannot be combined with --angle"),
        (
            ["--kernel", "@bank.npy", "-o", "maps.png"],
            1,
            "maps.png: png holds one map, not 5; use npy or tiff",
        ),
        (
            ["--kernel", "@bank.npy", "-o", "maps.csv"],
            1,
            "maps.csv: csv holds one map, not 5; use npy or tiff",
        ),
        (["--kernel", "@deep.npy"], 1, "photo.png: taps 3x3x2: must be (f_h, f_w, 3)"),
        (["--kernel", "@wide.npy"], 2, "wide.npy: must have two to four axes (f_h, f_w, C, F)"),
        (["--kernel", "@nan.npy"], 2, "nan.npy: row 1, column 2 is nan, not finite"),
    ],
)
def test_errors_name_what_does_not_fit(
    convcli: Runner, photo: Path, options: list[str], code: int, expected: str
) -> None:
    np.save("deep.npy", np.ones((3, 3, 2)))
    np.save("wide.npy", np.ones((1,) * 5))
    np.save("nan.npy", np.array([[[0.0], [np.nan]]]))
    with nothing_changes(photo):
        ran = convcli("apply", "photo.png", *options)
        (assert_refused if code == 2 else lambda ran, expected: assert_failed(ran, 1, expected))(
            ran, expected
        )
