"""``convcli explain``: each number taken apart adds up to what the engine gives."""

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from convcli.convolution.engine import apply_filter, convolve
from convcli.convolution.explaining.values import explain_value
from convcli.errors import SizeError
from convcli.kernels.lookup import kernel
from convcli.pictures.channels import select_channels
from tests.support.command_line import SAMPLES, Runner, assert_failed, assert_refused, nothing_changes
from tests.support.sampling import examples

RGB = np.random.default_rng(1).integers(0, 256, (12, 10, 3)).astype(np.uint8)


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from([np.uint8, np.int64, np.float64]), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from(["same", "valid", 1, 2]), st.booleans(), st.integers(0, 1 << 30),
    st.sampled_from(["edge", "zero", "constant:3", "reflect", "symmetric", "wrap"]),
)  # fmt: skip
def test_sums_are_those_of_convolve(
    dtype: type, f: int, s: int, d: int, padding: Any, flip: bool, seed: int, border: str
) -> None:
    rng = np.random.default_rng(seed)
    image: Any = rng.integers(0, 200, (11, 13)).astype(dtype)
    taps = rng.integers(-4, 5, (f, 2))
    how: dict[str, Any] = {"stride": s, "dilation": d, "padding": padding, "border": border, "flip": flip}
    result = convolve(image, taps, **how)
    for _ in range(3):
        at = int(rng.integers(result.shape[0])), int(rng.integers(result.shape[1]))
        cell = explain_value(image, taps, at, **how)
        assert cell.total == result[at]
        np.testing.assert_array_equal(cell.products.astype(float), cell.patch * cell.taps)
        assert cell.padded.shape == cell.patch.shape == taps.shape


def test_what_stands_on_the_padding_is_marked() -> None:
    cell = explain_value(np.arange(9).reshape(3, 3), np.ones((3, 3), int), (0, 2), border="constant:50")
    assert cell.patch.tolist() == [[50, 50, 50], [1, 2, 50], [4, 5, 50]]
    assert cell.padded.tolist() == [[True, True, True], [False, False, True], [False, False, True]]


def test_exact_beyond_int64() -> None:
    assert explain_value([[2**62, 2**62]], [[4, 4]], (0, 0), padding="valid").total == 2**65


def test_pixels_outside_are_refused() -> None:
    with pytest.raises(SizeError, match="row 3, column 0: is outside the 3x3 result"):
        explain_value(np.zeros((3, 3)), np.ones((1, 1)), (3, 0))
    with pytest.raises(SizeError, match="single channel"):
        explain_value(np.zeros((3, 3, 2)), np.ones((1, 1)), (0, 0))


@pytest.fixture
def photo(in_folder: Path) -> Path:
    Image.fromarray(RGB).save("photo.png")
    (in_folder / "m.csv").write_text("10,10,0,0\n" * 3)
    return in_folder


@pytest.mark.usefixtures("photo")
def test_a_terminal_sees_everything(terminal: Runner) -> None:
    ran = terminal("explain", "m.csv", "--filter", "vertical", "--at", "1,0")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        "m.csv, vertical, column 1, row 0 of the result\n"
        "\n"
        "patch, [padding]    filter      products\n"
        "[10] [10]  [0]       1  0 -1    10  0  0\n"
        " 10   10    0        1  0 -1    10  0  0\n"
        " 10   10    0        1  0 -1    10  0  0\n"
    )
    assert "sum    10 + 10 + 10 = 30\npixel  30\n" in ran.out
    assert ran.out.endswith(
        "\nresult, [column 1, row 0]\n  0  [30]  30    0\n  0   30   30    0\n  0   30   30    0\n"
    )
    both = terminal("explain", "photo.png", "--filter", "sobel", "--at", "3,4", "--channel", "g")
    assert "filter 1" in both.out
    assert "sum 2 " in both.out
    value = apply_filter(RGB[..., 1], "sobel")[4, 3]
    assert f"magnitude  {value:.6g}\n" in both.out
    long = terminal("explain", "photo.png", "--filter", "gaussian:sigma=2", "--at", "3,4")
    assert "products that are not 0 = " in long.out


@pytest.mark.usefixtures("in_folder")
def test_integers_are_printed_in_full(terminal: Runner) -> None:
    np.save("large.npy", np.full((3, 3), 12_345_678))
    ran = terminal("explain", "large.npy", "--kernel", "1 -1 1", "--at", "1,1")
    assert "sum    12345678 + (-12345678) + 12345678 = 12345678\n" in ran.out


@pytest.mark.usefixtures("photo")
def test_a_pipe_and_json(convcli: Runner) -> None:
    assert convcli("explain", "m.csv", "--filter", "vertical", "--at", "1,0").all == (0, "30\n", "")
    ran = convcli("explain", "photo.png", "--kernel", "1 0 -1", "--at", "2,5", "--channel", "r", "--json")
    record = json.loads(ran.out)
    expected = convolve(RGB[..., 0], [[1, 0, -1]])[5, 2]
    assert (record["value"], record["pixel"]) == (expected, min(abs(expected), 255))
    (cell,) = record["cells"]
    assert cell["sum"] == expected
    assert (cell["rows"], cell["columns"], cell["taps"]) == ([5], [1, 2, 3], [[1, 0, -1]])
    summed = convcli("explain", "photo.png", "--filter", "box", "--channel", "sum", "--border", "constant:9")
    taps = np.repeat(kernel("box")[..., None], 3, axis=2)
    padded = np.pad(RGB.astype(float), ((1, 1), (1, 1), (0, 0)), constant_values=9)
    assert float(summed.out) == pytest.approx((padded[:3, :3] * taps).sum(), rel=1e-6)


@pytest.mark.usefixtures("photo")
def test_every_channel_is_explained_as_apply_filters_every_channel(convcli: Runner, terminal: Runner) -> None:
    options = "explain", "photo.png", "--filter", "sobel-x", "--at", "2,5"
    values = apply_filter(RGB, "sobel-x")[5, 2].tolist()
    assert convcli(*options).all == (0, "\t".join(map(str, values)) + "\n", "")
    assert convcli(*options, "--channels", "each").out == convcli(*options).out
    record = json.loads(convcli(*options, "--json").out)
    assert list(record) == [
        "input", "filter", "row", "column", "channels", "signed", "combination", "padding", "border", "stride",
        "dilation",
    ]  # fmt: skip
    assert [list(one) for one in record["channels"]] == [["channel", "cells", "value", "pixel"]] * 3
    assert [one["channel"] for one in record["channels"]] == ["r", "g", "b"]
    assert [one["value"] for one in record["channels"]] == values
    assert [one["pixel"] for one in record["channels"]] == [min(abs(value), 255) for value in values]
    single = json.loads(convcli(*options, "--channels", "g", "--json").out)
    assert list(single)[:8] == ["input", "filter", "channel", "row", "column", "cells", "value", "pixel"]
    assert single["cells"] == record["channels"][1]["cells"]
    luma = json.loads(convcli(*options, "--channels", "gray", "--json").out)
    assert luma["value"] == apply_filter(select_channels(RGB, "gray"), "sobel-x")[5, 2]
    shown = terminal(*options).out
    assert shown.startswith("photo.png, sobel-x, column 2, row 5 of the result\n\nchannel r\npatch")
    assert re.findall(r"(?m)^channel (.)$", shown) == ["r", "g", "b"]
    assert [int(text) for text in re.findall(r"(?m)^sum .* = (-?\d+)$", shown)] == values


def test_channels_that_are_no_colors_are_numbered(convcli: Runner, in_folder: Path) -> None:
    maps = np.arange(4 * 5 * 2).reshape(4, 5, 2)
    np.save("two.npy", maps)
    np.save("one.npy", maps[..., :1])
    record = json.loads(convcli("explain", "two.npy", "--kernel", "1", "--at", "3,2", "--json").out)
    assert [(one["channel"], one["value"]) for one in record["channels"]] == [("1", 26), ("2", 27)]
    record = json.loads(convcli("explain", "one.npy", "--kernel", "1", "--at", "3,2", "--json").out)
    assert (record["channel"], record["value"]) == ("gray", 26)
    with nothing_changes(in_folder):
        assert_refused(
            convcli("explain", "two.npy", "--kernel", "1", "--animate", "a.gif"),
            "--animate: draws one channel, and two.npy has 2; choose one: --channels sum\n",
        )


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("seed", range(8))
def test_the_pixel_is_what_apply_writes(convcli: Runner, seed: int) -> None:
    rng = random.Random(seed)
    options = [
        "--filter", rng.choice(["sobel-x", "sobel", "gaussian:sigma=2", "laplacian", "box", "scharr-y"]),
        "--padding", rng.choice(["same", "valid", "3", "1x0", "2:0x1:3"]),
        "--stride", rng.choice(["1", "2", "3x1"]),
        "--dilation", rng.choice(["1", "2"]),
        "--border", rng.choice(["edge", "zero", "reflect", "wrap", "constant:77"]),
        "--signed", rng.choice(["abs", "clip", "center"]),
    ]  # fmt: skip
    if seed % 2:
        options = options[:-2]  # the default
    assert convcli("apply", SAMPLES / "chelsea.png", *options, "-o", "out.png").code == 0
    with Image.open("out.png") as image:
        written = np.array(image)
    corners = [(0, 0), (written.shape[0] - 1, written.shape[1] - 1)]
    inside = [(rng.randrange(written.shape[0]), rng.randrange(written.shape[1])) for _ in range(3)]
    for row, column in corners + inside:
        at = "--at", f"{column},{row}"
        ran = convcli("explain", SAMPLES / "chelsea.png", *options, *at, "--json")
        pixels = [one["pixel"] for one in json.loads(ran.out)["channels"]]
        assert (ran.code, pixels) == (0, written[row, column].tolist())


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("value", "signed", "expected"),
    [
        (-30, "abs", "|-30| = 30"),
        (30, "abs", "30"),
        (-300, "abs", "|-300| = 300, saturated to 255"),
        (256, "abs", "256, saturated to 255"),
        (-30, "clip", "max(-30, 0) = 0"),
        (30, "clip", "30"),
        (-30, "center", "-30 + 128 = 98"),
        (0, "center", "0 + 128 = 128"),
        (-129, "center", "-129 + 128 = -1, saturated to 0"),
        (-0.75, "abs", "|-0.75| = 0.75, rounded to 1"),
        (-0.25, "center", "-0.25 + 128 = 127.75, rounded to 128"),
        (math.inf, "abs", "inf, saturated to 255"),
        (math.nan, "abs", "nan, set to 0"),
    ],
)
def test_a_terminal_sees_how_a_value_becomes_a_pixel(
    terminal: Runner, value: float, signed: str, expected: str
) -> None:
    np.save("v.npy", np.array([[value]]))
    ran = terminal("explain", "v.npy", "--kernel", "1", "--signed", signed)
    assert ran.out.splitlines()[-1] == f"pixel  {expected} (--signed {signed})"


@pytest.mark.usefixtures("photo")
def test_wrong_requests(convcli: Runner) -> None:
    def ran(*options: str) -> Any:
        return convcli("explain", "photo.png", *options)

    assert_refused(convcli("explain"), "IMAGE: missing")
    assert_refused(ran(), "--filter: give either one --filter or one --kernel")
    assert_refused(
        ran("--filter", "box", "--kernel", "1"), "--filter: give either one --filter or one --kernel"
    )
    for at in ("1", "1,2,3", "a,b", "-1,0", "1.5,2", ""):
        assert_refused(ran("--filter", "box", "--at", at), "--at ")
    assert_refused(
        ran("--filter", "box", "--at", "10,0"), "photo.png: row 0, column 10: is outside the 12x10 result"
    )
    assert_refused(ran("--filter", "box", "--channel", "c"), "--channel 'c': ")
    for option in ("-o", "--animate"):
        assert_refused(
            ran("--filter", "box", option, "a.svg"),
            f"{option}: draws one channel, and photo.png has 3; choose one: --channels r, g, b, gray or sum\n",
        )
    assert_refused(
        ran("--filter", "box", "--signed", "stretch"),
        "--signed stretch: depends on all pixels of the result; use raw",
    )
    assert_failed(convcli("explain", "none.png", "--filter", "box"), 1, "none.png: ")
    np.save("k.npy", np.ones((1, 1, 2)))
    assert_refused(ran("--kernel", "@k.npy"), "photo.png: taps 1x1x2: must be (f_h, f_w, 3)")


def test_infinite_pixels_are_no_mistake() -> None:
    cell = explain_value([[np.inf, -np.inf]], [[1.0, 1.0]], (0, 0), padding="valid")
    assert np.isnan(cell.total)
    assert explain_value([[np.inf, 5]], [[0.0, 1.0]], (0, 0), padding="valid").products.tolist()[0][1] == 5


@pytest.mark.parametrize("pixels", [[[np.inf, 5]], [[np.nan, 5]]])
def test_zero_times_infinity_is_not_added(pixels: list[list[float]]) -> None:
    cell = explain_value(pixels, [[0.0, 2.0]], (0, 0), padding="valid")
    assert cell.products.tolist() == [[0, 10]]
    assert cell.total == convolve(np.array(pixels), [[0.0, 2.0]])[0, 0] == 10


def test_steps_and_padding_beyond_all_bounds() -> None:
    assert explain_value([[7]], [[2]], (0, 0), dilation=10**30, stride=10**30).total == 14
    with pytest.raises(SizeError, match=r"enlarges a 1x1 image to .* pixels"):
        explain_value([[7]], [[2]], (0, 0), padding=10**9)


def test_numbers_stay_numbers_as_apply_leaves_them(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "edge.csv").write_text("10,10,0,0\n" * 3)
    expected = json.loads(convcli("explain", "edge.csv", "--filter", "sobel-x", "--at", "1,1", "--json").out)
    assert (expected["value"], expected["pixel"], expected["signed"], expected["channel"]) == (
        -40,
        -40,
        "raw",
        "gray",
    )
    assert convcli("explain", "edge.csv", "--filter", "sobel-x", "--channels", "gray").code == 0
