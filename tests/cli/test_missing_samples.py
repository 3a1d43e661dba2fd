"""Transparent pixels and NaN as `apply` treats them, and notes on results that show little."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import convcli as public
from convcli.errors import UsageError
from tests.support.command_line import SAMPLES, Runner, nothing_changes

Array = NDArray[Any]
PICTURES = Path(__file__).parents[1] / "data" / "pictures"
HALOS = [
    ("halo_2px.png", "box"),
    ("halo_black.png", "gaussian:sigma=1"),
    ("halo_white.png", "gaussian:sigma=1"),
]
RANDOM = np.random.default_rng(18)

pytestmark = pytest.mark.usefixtures("in_folder")


def opened(path: str | Path) -> Array:
    with Image.open(path) as image:
        return np.array(image)


def glass(path: str, shape: tuple[int, ...] = (6, 7, 4)) -> Array:
    pixels = RANDOM.integers(0, 256, shape, np.uint8)
    pixels[:2, :3, -1] = 0
    pixels[4:, :, -1] = 255
    Image.fromarray(pixels).save(path)
    return pixels


def premultiplied(pixels: Array) -> tuple[Array, Array]:
    """Return the means of the 3x3 windows, colors weighted by alpha, and the means of alpha."""
    wide = np.pad(pixels.astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (3, 3), (0, 1))
    alpha = windows[..., -1, :, :]
    sums = alpha.sum((-2, -1))[..., None]
    colors = (windows[..., :-1, :, :] * alpha[..., None, :, :]).sum((-2, -1)) / np.where(sums == 0, 1, sums)
    plain = windows[..., :-1, :, :].mean((-2, -1))
    return np.rint(np.where(sums == 0, plain, colors)), np.rint(alpha.mean((-2, -1)))


# Alpha ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "filter_name"), HALOS)
def test_hidden_colors_do_not_bleed(convcli: Runner, name: str, filter_name: str) -> None:
    assert convcli("apply", PICTURES / name, "--filter", filter_name, "-o", "out.png").all == (
        0,
        "out.png\n",
        "",
    )
    before, after = opened(PICTURES / name), opened("out.png")
    assert (after[..., 3] == before[..., 3]).all()
    assert (after[before[..., 3] > 0][:, :3] == [0, 255, 0]).all()


def test_straight_filters_colors_as_if_opaque(convcli: Runner) -> None:
    ran = convcli(
        "apply", PICTURES / "halo_2px.png", "--filter", "box", "--alpha", "straight", "-o", "out.png"
    )
    assert ran.all == (0, "out.png\n", "")
    assert opened("out.png").tolist() == [[[0, 85, 0, 0], [0, 170, 0, 255]]]


@pytest.mark.parametrize("mode", ["weighted", "straight", "filter"])
@pytest.mark.parametrize("channels", [2, 4])
def test_means_are_those_of_premultiplied_colors(convcli: Runner, mode: str, channels: int) -> None:
    pixels = glass("in.png", (6, 7, channels))
    ran = convcli("apply", "in.png", "--filter", "box", "--alpha", mode, "-o", "out.png", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["alpha"] == mode
    colors, alpha = premultiplied(pixels)
    if mode == "straight":
        colors = premultiplied(np.dstack([pixels[..., :-1], np.full(pixels.shape[:2], 255)]))[0]
    found = opened("out.png")
    assert (found[..., :-1] == colors).all()
    assert (found[..., -1] == (alpha if mode == "filter" else pixels[..., -1])).all()


def test_derivatives_are_those_of_the_colors_as_they_are(convcli: Runner) -> None:
    glass("in.png")
    for mode in ("weighted", "straight"):
        options = ("--filter", "sobel", "--alpha", mode, "-o", f"{mode}.png", "--json")
        assert json.loads(convcli("apply", "in.png", *options).out)["alpha"] == "straight"
    assert Path("weighted.png").read_bytes() == Path("straight.png").read_bytes()


def test_filtered_alpha_of_a_derivative_is_an_outline(convcli: Runner) -> None:
    pixels = np.zeros((1, 6, 2), np.uint8)
    pixels[0, 3:, 1] = 40
    Image.fromarray(pixels).save("in.png")
    options = ("--kernel", "1 0 -1", "--alpha", "filter", "-o", "out.png")
    assert convcli("apply", "in.png", *options).code == 0
    assert opened("out.png")[0, :, 1].tolist() == [0, 0, 40, 40, 0, 0]
    more = ("--border", "zero", "--scale", "2", "-o", "b.png")
    assert convcli("apply", "in.png", *options[:-2], *more).code == 0
    assert opened("b.png")[0, :, 1].tolist() == [255, 0, 80, 80, 0, 255]  # the border is opaque


def test_opaque_pictures_are_filtered_as_without_alpha(convcli: Runner) -> None:
    pixels = RANDOM.integers(0, 256, (6, 7, 4), np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save("in.png")
    Image.fromarray(pixels[..., :3].copy()).save("plain.png")
    records = []
    for name in ("in.png", "plain.png"):
        ran = convcli("apply", name, "--filter", "gaussian", "-o", f"out-{name}", "--json")
        records.append({key: json.loads(ran.out)[key] for key in ("dtype", "min", "max", "mean", "plan")})
    assert records[0] == records[1]
    assert (opened("out-in.png")[..., :3] == opened("out-plain.png")).all()


def test_16_bit_and_floating_alpha_weight_colors() -> None:
    for dtype, full in ((np.uint16, 65535), (np.float32, 1)):
        pixels, alpha = np.array([[9, 100, 200]], dtype), np.array([[0, full, full]], dtype)
        picture = public.Picture(pixels, alpha=alpha)
        found = public.filter_picture(picture, [[1, 1, 1]], alpha="filter")
        assert found.pixels.tolist() == [[300, 450, 500]]
        assert found.alpha is not None
        assert found.alpha.dtype == dtype
        assert found.alpha.tolist() == [[full, full, full]]
        straight = public.filter_picture(picture, [[1, 1, 1]], alpha="straight").pixels
        assert straight.tolist() == [[118, 309, 500]]


def test_an_unknown_way_of_alpha() -> None:
    with pytest.raises(UsageError, match="unknown value; did you mean weighted"):
        public.filter_picture(public.Picture(np.zeros((2, 2), np.uint8)), "box", alpha="weigthed")


def test_alpha_and_background_contradict_each_other(convcli: Runner) -> None:
    glass("in.png")
    with nothing_changes(Path()):
        ran = convcli("apply", "in.png", "--filter", "box", "--alpha", "filter", "--background", "white")
    why = "cannot be combined with --background, which leaves no alpha; choose one"
    assert ran.all == (2, "", f"convcli: --alpha: {why}\n")


# NaN ------------------------------------------------------------------------------------------------------


def test_nan_written_as_0_is_counted(convcli: Runner) -> None:
    ran = convcli("apply", PICTURES / "nan2.tif", "--filter", "box", "-o", "out.png")
    note = "9 NaN were written as 0; --nan ignore leaves NaN out of the windows"
    assert ran.all == (0, "out.png\n", f"convcli: note: {PICTURES / 'nan2.tif'}: {note}\n")
    assert (opened("out.png") == 0).sum() == 9


def test_nan_can_be_left_out(convcli: Runner) -> None:
    options = ("--filter", "box", "--nan", "ignore", "-o", "out.png")
    assert convcli("apply", PICTURES / "nan2.tif", *options).all == (0, "out.png\n", "")
    assert (opened("out.png") == 100).all()


def test_nan_stays_where_there_is_nothing_else(convcli: Runner) -> None:
    field = np.full((5, 9), np.nan)
    field[:, 0] = 8
    np.save("a.npy", field)
    options = ("--filter", "box", "--nan", "ignore")
    assert convcli("apply", "a.npy", *options, "-o", "b.npy").all == (0, "b.npy\n", "")
    found = np.load("b.npy")
    assert (found[:, :2] == 8).all()
    assert np.isnan(found[:, 2:]).all()
    ran = convcli("apply", "a.npy", *options, "-o", "c.png", "--json")
    assert ran.err == "convcli: note: a.npy: 35 NaN were written as 0\n"
    assert json.loads(ran.out)["nan"] == 35


# Saturation and contrast ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "filter_name", "note"),
    [
        ("dem.tif", "gaussian:sigma=1", "88 % of the pixels saturate; --signed stretch or --scale 0.1 shows them"),
        ("demu32.tif", "gaussian:sigma=1", "100 % of the pixels saturate; --signed stretch or --scale 9e-05 shows them"),
        ("f01.tif", "sobel", "the result uses less than 1 % of the range from 0 to 255; --signed stretch or --scale 70 makes it visible"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit_pixels_are_noted(
    convcli: Runner, name: str, filter_name: str, note: str
) -> None:
    ran = convcli("apply", PICTURES / name, "--filter", filter_name, "-o", "out.png")
    whole = f"convcli: note: {PICTURES / name}: {note}, -o x.npy keeps the numbers\n"
    assert ran.all == (0, "out.png\n", whole)
    scale = note.partition("--scale ")[2].partition(" ")[0]
    for option in (("--signed", "stretch"), ("--scale", scale)):
        ran = convcli("apply", PICTURES / name, "--filter", filter_name, *option, "-o", "out.png", "--force")
        assert ran.all == (0, "out.png\n", "")
        assert opened("out.png").max() > 120
    assert convcli("apply", PICTURES / name, "--filter", filter_name, "-o", "out.npy").err == ""


def test_saturation_is_said_once(convcli: Runner, terminal: Runner) -> None:
    camera = SAMPLES / "camera.png"
    note = "convcli: note: {}: {} % of the pixels saturate; {}, -o x.npy keeps the numbers\n"
    gain = "--scale gain divides by the gain of the filter"
    ran = convcli("apply", camera, "--kernel", "3", "-o", "out.png")
    share = round(np.mean(opened(camera) > 85) * 100)
    assert ran.all == (0, "out.png\n", note.format(camera, share, gain))
    ran = terminal("apply", camera, "--kernel", "3", "-o", "out.png", "--force")
    assert (ran.code, "saturated" in ran.out) == (0, False)
    ran = convcli("apply", camera, "--kernel", "1", "--bias", "200", "-o", "out.png", "--force")
    share = round(np.mean(opened(camera) > 55) * 100)
    assert ran.err == note.format(camera, share, "--signed stretch shows them")


def test_lost_contrast_is_noted_but_not_that_of_flat_pictures(convcli: Runner) -> None:
    camera = SAMPLES / "camera.png"
    ran = convcli("apply", camera, "--filter", "box", "--scale", "1/200", "-o", "out.png")
    way = "--signed stretch or another --scale makes it visible, -o x.npy keeps the numbers"
    lost = f"the result uses less than 1 % of the range from 0 to 255; {way}"
    assert ran.all == (0, "out.png\n", f"convcli: note: {camera}: {lost}\n")
    flat = np.full((80, 80), 100, np.uint8)
    flat[40:] = 103
    Image.fromarray(flat).save("flat.png")
    for filter_name in ("box", "sobel", "laplacian"):
        assert convcli("apply", "flat.png", "--filter", filter_name).err == ""
    np.save("constant.npy", np.full((5, 5), 0.25))
    for filter_name in ("box", "sobel", "gaussian:sigma=2", "log:sigma=2", "gabor"):
        assert convcli("apply", "constant.npy", "--filter", filter_name, "-o", f"{filter_name}.png").err == ""


def test_the_scale_that_a_note_names_replaces_the_present_one(convcli: Runner) -> None:
    options = ("--filter", "gaussian:sigma=1", "-o", "out.png", "--force", "--scale")
    assert "or --scale 0.1 shows" in convcli("apply", PICTURES / "dem.tif", *options, "5").err
    assert convcli("apply", PICTURES / "dem.tif", *options, "0.1").err == ""


@pytest.mark.parametrize(
    ("signed", "low", "high", "scale"),
    [
        ("abs", -6000, 2000, "0.04"),  # 255 / 6000
        ("clip", -6000, 2000, "0.1"),  # 255 / 2000
        ("center", -3000, 6000, "0.02"),  # 127 / 6000
        ("center", -6000, 2000, "0.02"),
    ],
)
def test_values_fit_at_the_scale_that_a_note_names(
    convcli: Runner, signed: str, low: int, high: int, scale: str
) -> None:
    np.save("wide.npy", np.linspace(low, high, 900).reshape(30, 30))
    options = ("--filter", "identity", "--signed", signed, "-o", "out.png", "--force")
    ran = convcli("apply", "wide.npy", *options)
    assert f"the pixels saturate; --signed stretch or --scale {scale} shows them" in ran.err
    assert convcli("apply", "wide.npy", *options, "--scale", scale).all == (0, "out.png\n", "")
    lowest, highest = (0, high) if signed == "clip" else (low, high)
    shown = np.linspace(low, high, 900).clip(lowest, highest) * float(scale)
    expected = np.abs(shown) if signed == "abs" else shown + 128 * (signed == "center")
    assert np.abs(opened("out.png").ravel() - expected).max() <= 0.5


def test_negative_values_that_clip_cuts_off_are_meant(convcli: Runner) -> None:
    ran = convcli("apply", SAMPLES / "camera.png", "--filter", "sobel-x", "--signed", "clip", "-o", "out.png")
    assert ran.all == (0, "out.png\n", "")
    assert (opened("out.png") == 0).mean() > 0.3


# Banks ----------------------------------------------------------------------------------------------------


def test_the_channels_of_a_volume_are_weighted_one_by_one() -> None:
    pixels = glass("in.png")
    picture = public.read_picture("in.png")
    taps = RANDOM.integers(0, 5, (3, 3, 3, 2))
    taps[..., 1, 1] = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]  # a derivative, of the colors as they are
    found = public.filter_picture(picture, taps, signed="raw").pixels
    expected = np.zeros(found.shape)
    for channel, number in np.ndindex(3, 2):
        plane = public.Picture(pixels[..., channel], alpha=pixels[..., 3])
        expected[..., number] += public.filter_picture(plane, taps[..., channel, number], signed="raw").pixels
    assert found.dtype == np.float64
    assert found == pytest.approx(expected)
    straight = public.filter_picture(picture, taps, signed="raw", alpha="straight").pixels
    assert straight.dtype.kind == "i"
    assert straight.tolist() == public.convolve_volume(pixels[..., :3], taps).tolist()


def test_hidden_colors_do_not_bleed_into_maps() -> None:
    picture = public.read_picture(PICTURES / "halo_2px.png")
    taps = np.repeat(np.ones((1, 3, 1, 1)) / 3, 2, axis=3)
    maps = public.filter_picture(picture, taps, signed="raw").pixels
    assert maps.tolist() == [[[0, 0, 255, 255, 0, 0]] * 2]
    combined = public.filter_picture(picture, taps, combine="max", channels="g", signed="raw").pixels
    assert combined.tolist() == [[255, 255]]


def test_banks_leave_nan_out() -> None:
    image = RANDOM.random((5, 6))
    image[2, 2] = np.nan
    found = public.filter_picture(public.Picture(image), np.ones((3, 3, 1, 2)), nan="ignore").pixels
    plain = public.filter_picture(public.Picture(image), np.ones((3, 3)), nan="ignore").pixels
    assert np.isfinite(found).all()
    assert (found == plain[..., None]).all()


def test_json_of_a_bank_says_what_alpha_did(convcli: Runner) -> None:
    glass("in.png")
    np.save("box.npy", np.ones((3, 3, 1, 2)))
    ran = convcli(
        "apply", "in.png", "--kernel", "@box.npy", "--bank", "sobel:2", "--out-dir", "out", "--json"
    )
    assert [json.loads(line)["alpha"] for line in ran.out.splitlines()] == ["weighted", "straight"]
    with nothing_changes(Path()):
        ran = convcli("apply", "in.png", "--bank", "sobel:2", "--alpha", "filter", "-o", "x.npy")
    assert ran.all == (
        2,
        "",
        "convcli: --alpha filter: filters alpha by one matrix, but sobel-2 has several\n",
    )


# Explanations and drawings --------------------------------------------------------------------------------


def test_explain_shows_what_apply_writes(convcli: Runner) -> None:
    halo = PICTURES / "halo_2px.png"
    ran = convcli("explain", halo, "--kernel", "1 2 1", "--at", "1,0", "--border", "zero")
    note = (
        f"convcli: note: {halo}: the window has transparent pixels, so apply weights colors by alpha: the value "
        "is not the sum of the products, which apply --alpha straight gives\n"
    )
    assert (ran.code, ran.err) == (0, note)
    options = ("--kernel", "1 2 1", "--border", "zero", "--signed", "raw", "-o", "out.npy")
    convcli("apply", halo, *options)
    values = np.load("out.npy")[0, 1].tolist()
    assert ran.out == "\t".join(f"{value}" for value in values) + "\n"
    assert values == [0, 255 * 2 / 3 * 4, 0]
    for more in (("--filter", "sobel-x"), ("--kernel", "1", "--at", "1,0")):
        assert convcli("explain", halo, *more).err == ""


def test_directions_leave_nan_out(convcli: Runner) -> None:
    ramp = np.tile(np.arange(0.0, 90, 10), (8, 1))
    ramp[4, 4] = np.nan
    np.save("ramp.npy", ramp)
    grays = {}
    for mode in ("keep", "ignore"):
        ran = convcli("apply", "ramp.npy", "--direction", f"{mode}.png", "--nan", mode, "--json")
        left, top, width, height = json.loads(ran.out)["place"].values()
        drawn = opened(f"{mode}.png")[top : top + height, left : left + width]
        grays[mode] = int((drawn == 127).all(-1).sum())
    assert grays["ignore"] == 0 < grays["keep"]


def test_a_sheet_weights_colors_as_the_results_do(convcli: Runner) -> None:
    halo = PICTURES / "halo_white.png"
    command = ("apply", halo, "--filter", "box", "--channels", "r", "--sheet")
    records = {}
    for mode in ("weighted", "straight"):
        ran = convcli(*command, f"{mode}.png", "--alpha", mode, "--json", "--signed", "clip")
        assert ran.code == 0
        records[mode] = Path(f"{mode}.png").read_bytes()
    assert records["weighted"] != records["straight"]


@pytest.mark.parametrize("signed", ["gray", "stretch"])
def test_no_scale_shows_infinity(convcli: Runner, terminal: Runner, signed: str) -> None:
    np.save("i.npy", np.array([[np.inf, 1, -np.inf, 2]]))
    ran = convcli("apply", "i.npy", "--kernel", "1", "--signed", signed, "-o", "i.png")
    assert (ran.code, ran.out) == (0, "i.png\n")
    note = "convcli: note: i.npy: 50 % of the pixels are infinite; -o x.npy keeps the numbers\n"
    assert ran.err.splitlines(keepends=True)[-1] == note
    assert opened("i.png").tolist()[0] == {"gray": [255, 192, 0, 255], "stretch": [255, 0, 0, 255]}[signed]
    np.save("n.npy", np.array([[np.inf, np.nan]]))
    shown = terminal("apply", "n.npy", "--kernel", "1")
    assert shown.out == "n-kernel.npy  (1x2, float64, no finite value)\n"
