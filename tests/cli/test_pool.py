"""``convcli pool``: pictures are compared with loops over windows, sizes with the worked numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support import oracles as reference
from tests.support.command_line import Runner, assert_failed, nothing_changes, on_terminal

Array = NDArray[Any]

NONE = ((0, 0), (0, 0))
JSON_KEYS = [
    "input", "output", "filter", "kernel", "gain", "padding", "border", "stride", "dilation",
    "shape_in", "shape_out", "dtype", "min", "max", "mean", "saturated", "seconds",
]  # fmt: skip


def noise(shape: tuple[int, ...], dtype: str = "uint8") -> Array:
    limits = np.iinfo(dtype)
    drawn = np.random.default_rng(11).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.asarray(drawn)


def save(path: Path, pixels: Array) -> Array:
    Image.fromarray(pixels).save(path)
    return pixels


def opened(path: str | Path) -> Array:
    with Image.open(path) as image:
        return np.array(image)


def pooled(
    image: Array, mode: str = "max", *, size: tuple[int, int] = (2, 2), stride: tuple[int, int] | None = None,
    amounts: reference.PaddingAmounts = NONE, ceil: bool = False,
) -> Array:  # fmt: skip
    windows = reference.pool_windows(image, size, stride=stride or size, amounts=amounts, ceil=ceil)
    combine = reference.largest if mode == "max" else reference.rounded_mean
    return np.array([[combine(pixels) for pixels in row] for row in windows])


@pytest.fixture
def photo(in_folder: Path) -> Array:
    """A small color picture, ``photo.png``."""
    return save(in_folder / "photo.png", noise((7, 9, 3)))


# Pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_picture(convcli: Runner, photo: Array, mode: str) -> None:
    ran = convcli("pool", "photo.png", "--mode", mode, "--f", "2", "--s", "2")
    assert ran.all == (0, f"photo-{mode}pool-2x2.png\n", "")
    result = opened(f"photo-{mode}pool-2x2.png")
    assert result.shape == (3, 4, 3)
    assert (result == pooled(photo, mode)).all()


def test_largest_of_two_by_two_is_the_default(convcli: Runner, photo: Array) -> None:
    assert convcli("pool", "photo.png").all == (0, "photo-maxpool-2x2.png\n", "")
    assert (opened("photo-maxpool-2x2.png") == pooled(photo)).all()


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize(
    ("options", "size", "stride", "amounts", "ceil"),
    [
        (("--f", "3"), (3, 3), None, NONE, False),
        (("--f", "3", "--s", "2"), (3, 3), (2, 2), NONE, False),
        (("--filter-size", "3x2", "--stride", "1x4"), (3, 2), (1, 4), NONE, False),
        (("--f", "2", "--ceil"), (2, 2), None, NONE, True),
        (("--f", "3", "--s", "2", "--p", "1"), (3, 3), (2, 2), ((1, 1), (1, 1)), False),
        (("--f", "3", "--padding", "1x0"), (3, 3), None, ((1, 1), (0, 0)), False),
        (("--f", "4", "--s", "3", "--p", "0:2x1:0", "--ceil"), (4, 4), (3, 3), ((0, 2), (1, 0)), True),
        (("--f", "3", "--s", "1", "--p", "same"), (3, 3), (1, 1), ((1, 1), (1, 1)), False),
        (("--f", "1", "--s", "3"), (1, 1), (3, 3), NONE, False),
    ],
)
def test_windows(
    convcli: Runner, photo: Array, mode: str, options: tuple[str, ...], size: tuple[int, int],
    stride: tuple[int, int] | None, amounts: reference.PaddingAmounts, ceil: bool,
) -> None:  # fmt: skip
    ran = convcli("pool", "photo.png", "--mode", mode, *options, "-o", "out.png")
    assert ran.all == (0, "out.png\n", "")
    expected = pooled(photo, mode, size=size, stride=stride, amounts=amounts, ceil=ceil)
    assert opened("out.png").shape == expected.shape
    assert (opened("out.png") == expected).all()


def test_means_round_half_to_even(convcli: Runner, in_folder: Path) -> None:
    # sums of four: 2, 6, 10, 14 are halves; 1 and 3 quarters are not
    row = np.array([[1, 1, 3, 3, 5, 5, 7, 7, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]], np.uint8)
    save(in_folder / "halves.png", row)
    ran = convcli("pool", "halves.png", "--mode", "avg")
    assert ran.all == (0, "halves-avgpool-2x2.png\n", "")
    assert opened("halves-avgpool-2x2.png").tolist() == [[0, 2, 2, 4, 1]]


def test_padding_is_not_counted(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "flat.png", np.full((4, 4), 90, np.uint8))
    ran = convcli("pool", "flat.png", "--mode", "avg", "--f", "3", "--s", "1", "--p", "1")
    assert ran.all == (0, "flat-avgpool-3x3.png\n", "")
    assert opened("flat-avgpool-3x3.png").tolist() == [[90] * 4] * 4


@pytest.mark.parametrize("mode", ["max", "avg"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_pooled(convcli: Runner, in_folder: Path, mode: str, channels: int) -> None:
    pixels = save(in_folder / "clear.png", noise((6, 8, channels)))
    ran = convcli("pool", "clear.png", "--mode", mode, "-o", "out.png")
    assert ran.all == (0, "out.png\n", "")
    assert opened("out.png").shape == (3, 4, channels)
    assert (opened("out.png")[..., -1] == pooled(pixels[..., -1], mode)).all()
    expected = pooled(pixels, mode)[..., :-1]
    if mode == "avg":
        alpha = pixels[..., -1:].astype(int)
        sums = (
            (pixels[..., :-1] * alpha).reshape(3, 2, 4, 2, -1).sum((1, 3)),
            alpha.reshape(3, 2, 4, 2, 1).sum((1, 3)),
        )
        expected = np.rint(sums[0] / sums[1])
    assert (opened("out.png")[..., :-1] == expected).all()


def test_alpha_straight_pools_colors_as_if_opaque(convcli: Runner, in_folder: Path) -> None:
    pixels = save(in_folder / "clear.png", noise((6, 8, 4)))
    ran = convcli("pool", "clear.png", "--mode", "avg", "--alpha", "straight", "-o", "out.png")
    assert ran.all == (0, "out.png\n", "")
    assert (opened("out.png") == pooled(pixels, "avg")).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--alpha", "filter"], "--alpha filter: is for filters; pooling always pools alpha, too"),
        (["--alpha", "weigthed"], "--alpha 'weigthed': unknown value; did you mean weighted?"),
        (["--alpha", "weighted", "--background", "white"],
         "--alpha: cannot be combined with --background, which leaves no alpha; choose one"),
        (["--nan", "drop"], "--nan 'drop': unknown value; choose from keep, ignore"),
    ],
)  # fmt: skip
def test_wrong_alpha_and_nan(convcli: Runner, in_folder: Path, options: list[str], message: str) -> None:
    save(in_folder / "clear.png", noise((6, 8, 4)))
    with nothing_changes(in_folder):
        assert convcli("pool", "clear.png", *options).all == (2, "", f"convcli: {message}\n")


@pytest.mark.parametrize(("mode", "value"), [("max", 6), ("avg", 3)])
def test_nan_is_left_out_if_asked(convcli: Runner, in_folder: Path, mode: str, value: float) -> None:
    np.save(in_folder / "a.npy", np.array([[np.nan, 1.0, np.nan, np.nan], [2.0, 6.0, np.nan, np.nan]]))
    assert convcli("pool", "a.npy", "--mode", mode, "--nan", "ignore", "-o", "b.npy").code == 0
    assert np.array_equal(np.load("b.npy"), [[value, np.nan]], equal_nan=True)
    assert convcli("pool", "a.npy", "--mode", mode, "-o", "c.npy").code == 0
    assert np.isnan(np.load("c.npy")).all()


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_sixteen_bit_gray_stays_sixteen_bit(convcli: Runner, in_folder: Path, mode: str) -> None:
    pixels = save(in_folder / "deep.png", noise((6, 8), "uint16"))
    assert convcli("pool", "deep.png", "--mode", mode, "-o", "out.png").all == (0, "out.png\n", "")
    with Image.open("out.png") as image:
        assert image.mode == "I;16"
    assert (opened("out.png") == pooled(pixels, mode)).all()


def test_matrix_is_printed(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a.csv").write_text("1,3,2,1\n2,9,1,1\n1,3,2,3\n5,6,1,2\n")
    with nothing_changes(in_folder):
        assert convcli("pool", "a.csv").all == (0, "9 2\n6 3\n", "")
        assert convcli("pool", "a.csv", "--mode", "avg").all == (0, "3.75 1.25\n3.75 2\n", "")


def test_largest_values_of_npy_keep_its_type(convcli: Runner, in_folder: Path) -> None:
    array = noise((5, 6, 2), "int16")
    np.save(in_folder / "a.npy", array)
    assert convcli("pool", "a.npy").all == (0, "a-maxpool-2x2.npy\n", "")
    values = np.load("a-maxpool-2x2.npy")
    assert values.dtype == np.int16
    assert (values == pooled(array)).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32"])
def test_means_of_npy_are_exact(convcli: Runner, in_folder: Path, dtype: str) -> None:
    array = noise((4, 6, 2), dtype)
    np.save(in_folder / "a.npy", array)
    assert convcli("pool", "a.npy", "--mode", "avg").all == (0, "a-avgpool-2x2.npy\n", "")
    values = np.load("a-avgpool-2x2.npy")
    assert values.dtype == np.float64
    assert (values == array.astype(float).reshape(2, 2, 3, 2, 2).sum((1, 3)) / 4).all()


def test_npy_written_as_a_picture_rounds_half_to_even(convcli: Runner, in_folder: Path) -> None:
    array = noise((4, 6))
    np.save(in_folder / "a.npy", array)
    assert convcli("pool", "a.npy", "--mode", "avg", "-o", "out.png").all == (0, "out.png\n", "")
    assert (opened("out.png") == pooled(array, "avg")).all()


def test_pictures_written_as_numbers_round_half_to_even(convcli: Runner, in_folder: Path) -> None:
    pixels = save(in_folder / "a.png", noise((4, 6)))
    assert convcli("pool", "a.png", "--mode", "avg", "-o", "out.npy").all == (0, "out.npy\n", "")
    values = np.load("out.npy")
    assert values.dtype == np.uint8
    assert (values == pooled(pixels, "avg")).all()


def test_float_tiff_gives_a_float_tiff(convcli: Runner, in_folder: Path) -> None:
    array = (noise((4, 6)) / 4 - 20).astype(np.float32)
    save(in_folder / "heights.tiff", array)
    assert convcli("pool", "heights.tiff", "--mode", "avg").all == (0, "heights-avgpool-2x2.tiff\n", "")
    means = array.astype(float).reshape(2, 2, 3, 2).mean(axis=(1, 3))
    assert (opened("heights-avgpool-2x2.tiff") == means.astype(np.float32)).all()


def test_out_dir_and_several_pictures(convcli: Runner, photo: Array, in_folder: Path) -> None:
    gray = save(in_folder / "gray.png", noise((4, 4)))
    ran = convcli("pool", "photo.png", "gray.png", "--out-dir", "small")
    assert ran.all == (0, "small/photo-maxpool-2x2.png\nsmall/gray-maxpool-2x2.png\n", "")
    assert (opened("small/photo-maxpool-2x2.png") == pooled(photo)).all()
    assert (opened("small/gray-maxpool-2x2.png") == pooled(gray)).all()


def test_bad_file_does_not_stop_the_others(convcli: Runner, photo: Array) -> None:
    ran = convcli("pool", "none.png", "photo.png")
    errors = "convcli: none.png: no such file or directory\nconvcli: 2 inputs: 1 done, 1 failed\n"
    assert ran.all == (1, "photo-maxpool-2x2.png\n", errors)
    assert (opened("photo-maxpool-2x2.png") == pooled(photo)).all()


def test_existing_output_is_kept_and_force_replaces_it(
    convcli: Runner, photo: Array, in_folder: Path
) -> None:
    (in_folder / "photo-maxpool-2x2.png").write_bytes(b"precious")
    with nothing_changes(in_folder):
        ran = convcli("pool", "photo.png")
    error = "convcli: photo-maxpool-2x2.png: exists; use --force to overwrite it\n"
    assert ran.all == (1, "", error)
    assert convcli("pool", "photo.png", "--force").all == (0, "photo-maxpool-2x2.png\n", "")
    assert (opened("photo-maxpool-2x2.png") == pooled(photo)).all()


def test_json_of_a_picture(convcli: Runner, photo: Array) -> None:
    ran = convcli("pool", "photo.png", "--mode", "avg", "--f", "3", "--s", "2x1", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    values = pooled(photo, "avg", size=(3, 3), stride=(2, 1))
    assert list(record) == JSON_KEYS
    assert isinstance(record.pop("seconds"), float)
    assert record.pop("mean") == pytest.approx(values.mean())
    assert record == {
        "input": "photo.png",
        "output": "photo-avgpool-3x3.png",
        "filter": "avgpool f3 s2x1",
        "kernel": None,
        "gain": None,
        "padding": "0",
        "border": None,
        "stride": "2x1",
        "dilation": "1x1",
        "shape_in": "7x9x3",
        "shape_out": "3x7x3",
        "dtype": "uint8",
        "min": values.min(),
        "max": values.max(),
        "saturated": 0,
    }


@pytest.mark.usefixtures("photo")
def test_json_stride_is_the_window_unless_given(convcli: Runner) -> None:
    ran = convcli("pool", "photo.png", "--f", "3x2", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["stride"] == "3x2"


def test_terminal_shows_size_type_and_range(terminal: Runner, in_folder: Path) -> None:
    save(in_folder / "flat.png", np.full((4, 6, 3), 90, np.uint8))
    ran = terminal("pool", "flat.png")
    assert ran.all == (0, "flat-maxpool-2x2.png  (2x3x3, uint8 from 90 to 90)\n", "")


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("options", "start"),
    [
        (("--mode", "mx"), "--mode 'mx': unknown value; did you mean max?"),
        (("--mode", "average"), "--mode 'average': unknown value; did you mean avg?"),
        (("--mode", "AVG"), "--mode 'AVG': unknown value; did you mean avg?"),
        (("--mode", "median"), "--mode 'median': "),
        (("--f", "0"), "filter '0': must be "),
        (("--f", "2.5"), "filter '2.5': must be "),
        (("--f", ""), "filter '': must be "),
        (("--s", "0"), "stride '0': must be "),
        (("--s", "two"), "stride 'two': must be "),
        (("--s", ""), "stride '': must be "),
        (("--p", "-1"), "padding '-1': must be "),
        (("--n", "28"), "--n: gives a size instead of an image; leave out one of them"),
    ],
)
def test_wrong_usage(convcli: Runner, in_folder: Path, options: tuple[str, ...], start: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("pool", "photo.png", *options)
    assert_failed(ran, 2, start)


def test_nothing_to_pool(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("pool", "--f", "2")
    why = "missing; for example: convcli pool photo.png --f 2, or: convcli pool --n 28x28x6 --f 2"
    assert ran.all == (2, "", f"convcli: IMAGE: {why}\n")


@pytest.mark.usefixtures("photo")
def test_padding_above_half_the_window_of_a_picture(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("pool", "photo.png", "--f", "3", "--p", "2")
    why = "is more than half the window of 3, so a window could contain only padding; use at most 1"
    assert ran.all == (1, "", f"convcli: photo.png: padding 2: {why}\n")


def test_padding_above_half_the_window_of_a_size(convcli: Runner) -> None:
    ran = convcli("pool", "--n", "28", "--f", "3", "--p", "2")
    why = "is more than half the window of 3, so a window could contain only padding; use at most 1"
    assert ran.all == (2, "", f"convcli: padding 2: {why}\n")


@pytest.mark.usefixtures("photo")
def test_window_larger_than_the_picture(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("pool", "photo.png", "--f", "8")
    assert_failed(ran, 1, "photo.png: filter 8 on input 7: gives floor((7 + 2·0 - 8)/8) + 1 = 0, because ")


@pytest.mark.parametrize("options", [("-o", "out.png"), ("--out-dir", "small"), ("--format", "png")])
def test_size_alone_has_nothing_to_write(convcli: Runner, in_folder: Path, options: tuple[str, ...]) -> None:
    with nothing_changes(in_folder):
        ran = convcli("pool", "--n", "28", "--f", "2", *options)
    assert_failed(ran, 2, "")


# The size alone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (("--n", "28x28x6", "--f", "2"), "14x14x6"),
        (("--n", "28", "--f", "2"), "14x14"),
        (("--n", "28"), "14x14"),
        (("--n", "7", "--f", "2"), "3x3"),
        (("--n", "7", "--f", "2", "--ceil"), "4x4"),
        (("--n", "7x9x3", "--f", "3x2", "--s", "2x1"), "3x8x3"),
        (("--n", "112", "--f", "3", "--s", "2", "--p", "1"), "56x56"),
        (("--n", "13", "--f", "3", "--s", "2", "--p", "same"), "7x7"),
        (("--n", "28", "--mode", "avg"), "14x14"),
    ],
)
def test_size_into_a_pipe(convcli: Runner, options: tuple[str, ...], size: str) -> None:
    assert convcli("pool", *options).all == (0, f"{size}\n", "")


def test_size_of_a_layer_pools_further(convcli: Runner) -> None:
    first = convcli("pool", "--n", "28x28x6", "--f", "2")
    assert first.all == (0, "14x14x6\n", "")
    assert convcli("pool", "--n", first.out.strip(), "--f", "2").all == (0, "7x7x6\n", "")


def test_size_on_a_terminal_says_that_pooling_has_no_parameters(terminal: Runner) -> None:
    ran = terminal("pool", "--n", "28x28x6", "--f", "2")
    lines = [
        "14x14x6",
        "",
        "side    floor((n + 2p - f)/s) + 1 = floor((28 + 2·0 - 2)/2) + 1 = 14",
        "params  none: pooling learns nothing, and pools each channel separately",
        "unread  none: every input row and column is read",
    ]
    assert ran.all == (0, "".join(f"{line}\n" for line in lines), "")


def test_size_on_a_terminal_of_its_own() -> None:
    ran = on_terminal("pool", "--n", "7", "--f", "2", "--ceil")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("4x4\n\nside    ceil((n + 2p - f)/s) + 1 = ceil((7 + 2·0 - 2)/2) + 1 = 4\n")
    assert "params  none" in ran.out


def test_json_of_a_size(convcli: Runner) -> None:
    ran = convcli("pool", "--n", "28x27x6", "--f", "2", "--mode", "avg", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "input": "28x27x6",
        "layers": [
            {
                "text": "avgpool f2",
                "type": "avgpool",
                "line": None,
                "column": None,
                "input": "28x27x6",
                "output": "14x13x6",
                "params": 0,
                "statistics": 0,
                "macs": 0,
                "activations": 1092,
                "weights": None,
                "bias": None,
                "connections": None,
                "filter": "2x2",
                "padding": "0",
                "stride": "2x2",
                "dilation": "1x1",
                "unread_rows": {"count": 0, "ranges": []},
                "unread_columns": {"count": 1, "ranges": [[26, 26]]},
                "receptive_field": [2, 2],
                "jump": [2, 2],
                "centre": [0.5, 0.5],
                "misaligned": None,
                "depth": 0,
                "tags": [],
                "reads": [0],
                "writes": 1,
                "name": None,
            }
        ],
        "output": "14x13x6",
        "params": 0,
        "statistics": 0,
        "macs": 0,
        "activations": 1092,
        "peak_activations": 28 * 27 * 6 + 1092,
        "receptive_field": [2, 2],
        "jump": [2, 2],
        "centre": [0.5, 0.5],
    }


def test_parameters_are_none_without_channels_too(convcli: Runner) -> None:
    ran = convcli("pool", "--n", "28", "--f", "2", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert (record["params"], record["macs"], record["layers"][0]["params"]) == (0, 0, 0)
