"""Banks of depth 1: each filter on each channel, channels with filters of their own, combined maps."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convcli import filter_file, filter_picture
from convcli.convolution.engine import convolve
from convcli.errors import SizeError, UsageError
from convcli.kernels.banks import Bank, MapCombination, combine_maps, orientation_bank
from convcli.layers.volumes import convolve_volume
from convcli.pictures.picture import Picture
from tests.support.command_line import Runner, assert_failed, assert_refused

Array = NDArray[Any]
pytestmark = pytest.mark.usefixtures("in_folder")

DATA = Path(__file__).parents[1] / "data" / "pictures"
RGB = np.random.default_rng(5).integers(0, 256, (6, 7, 3), np.uint8)
TAPS = np.random.default_rng(6).integers(-9, 10, (3, 3, 1, 4))
DEEP = np.random.default_rng(7).integers(-9, 10, (3, 3, 3, 4))


def maps_of_each(pixels: Array, taps: Array) -> Array:
    """Return what torch's conv2d gives with groups=C and the taps repeated for each channel: c * F + k."""
    channels = [pixels[..., c] for c in range(pixels.shape[2])]
    return np.stack(
        [convolve(channel, taps[:, :, 0, k]) for channel in channels for k in range(taps.shape[3])], axis=-1
    )


def test_depthwise_weights_of_a_network(convcli: Runner) -> None:
    for name in ("dw1.npz", "rgb1.npy"):  # weights (3, 1, 1, 1), all 1; one pixel, (1, 2, 4)
        shutil.copy(DATA / name, name)

    def result(*options: str) -> list[float]:
        ran = convcli("apply", "rgb1.npy", "--kernel", "@dw1.npz:w", "--order", "oihw", "-o", "o.npy",
                      "--force", *options)  # fmt: skip
        assert (ran.code, ran.out) == (0, "o.npy\n")
        note = "3 filters on 3 channels give 9 maps; --channels depthwise gives each channel 1 of the filters"
        is_each = options in [(), ("--channels", "each")]
        assert ran.err == (f"convcli: note: rgb1.npy: {note}\n" if is_each else "")
        values: list[float] = np.load("o.npy")[0, 0].tolist()
        return values

    assert result() == result("--channels", "each") == [1, 1, 1, 2, 2, 2, 4, 4, 4]
    assert result("--channels", "depthwise") == [1, 2, 4]
    assert result("--channels", "sum") == [7, 7, 7]
    assert result("--channels", "b") == [4, 4, 4]


@pytest.mark.parametrize("count", [3, 2, 1])
def test_each_channel_is_filtered_by_each_filter(count: int) -> None:
    pixels = RGB[..., :count]
    found = filter_picture(Picture(pixels), TAPS, signed="raw").pixels
    np.testing.assert_array_equal(found, maps_of_each(pixels, TAPS))
    single = filter_picture(Picture(pixels), TAPS[..., 0], signed="raw").pixels
    expected = maps_of_each(pixels, TAPS[..., :1])
    np.testing.assert_array_equal(single, expected[..., 0] if count == 1 else expected)


def test_each_channel_gets_its_share_of_the_filters() -> None:
    taps = np.concatenate([TAPS, TAPS[..., :2] * 2], axis=3)  # torch: groups=3 and weights (6, 1, 3, 3)
    found = filter_picture(Picture(RGB), taps, channels="depthwise", signed="raw").pixels
    expected = [convolve(RGB[..., k // 2], taps[:, :, 0, k]) for k in range(6)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=-1))
    with pytest.raises(
        SizeError, match="has 4 filters, but the picture has 3 channels, which must get equal"
    ):
        filter_picture(Picture(RGB), TAPS, channels="depthwise")
    with pytest.raises(UsageError, match="is for filters of depth 1, but kernel has a depth of 3"):
        filter_picture(Picture(RGB), DEEP, channels="depthwise")


def test_maps_are_named_and_written_in_one_order(convcli: Runner) -> None:
    Image.fromarray(RGB).save("photo.png")
    ran = convcli("apply", "photo.png", "--bank", "sobel:2", "-o", "maps.tiff", "--json")
    record = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert record["maps"] == ["r, 0°", "r, 90°", "g, 0°", "g, 90°", "b, 0°", "b, 90°"]
    assert record["shape_out"] == "6x7x6"
    pages = tifffile.imread("maps.tiff")
    expected = maps_of_each(RGB, orientation_bank("sobel:2").taps)
    np.testing.assert_array_equal(np.moveaxis(pages, 0, -1), expected)
    assert convcli("apply", "photo.png", "--bank", "sobel:2", "--bias", "10,20", "-o", "b.npy").code == 0
    np.testing.assert_array_equal(np.load("b.npy"), expected + [10, 20] * 3)
    np.save("kernel.npy", TAPS[..., 0])  # a single filter of depth 1 gives a color picture
    assert convcli("apply", "photo.png", "--kernel", "@kernel.npy").all == (0, "photo-kernel.png\n", "")
    with Image.open("photo-kernel.png") as drawn:
        colors = np.minimum(np.abs(maps_of_each(RGB, TAPS[..., :1])), 255)
        np.testing.assert_array_equal(np.asarray(drawn), colors)


COMBINED: dict[str, Callable[[Array], Array]] = {
    "max": lambda maps: np.abs(maps).max(-1),
    "sum": lambda maps: np.abs(maps).sum(-1),
    "norm": lambda maps: np.sqrt((maps.astype(float) ** 2).sum(-1)),
}


@pytest.mark.parametrize("how", MapCombination)
def test_maps_are_combined_into_one(convcli: Runner, how: MapCombination) -> None:
    deep = convolve_volume(RGB, DEEP).astype(np.int64)
    found = filter_picture(Picture(RGB), DEEP, combine=how, signed="raw").pixels
    np.testing.assert_allclose(found, COMBINED[how](deep), rtol=1e-6)
    each = maps_of_each(RGB, TAPS).astype(np.int64).reshape(6, 7, 3, 4)
    combined = filter_picture(Picture(RGB), TAPS, combine=how, signed="raw").pixels
    np.testing.assert_allclose(combined, COMBINED[how](each), rtol=1e-6)
    if how != "norm":
        assert (found.dtype.kind, combined.dtype.kind) == ("i", "i")
        assert (found == COMBINED[how](deep)).all()
        assert (combined == COMBINED[how](each)).all()
    Image.fromarray(RGB).save("photo.png")
    ran = convcli("apply", "photo.png", "--bank", "sobel:4", "--combine", how)
    assert ran.all == (0, f"photo-sobel-4-{how}.png\n", "")
    rotated = maps_of_each(RGB, orientation_bank("sobel:4").taps).astype(float).reshape(6, 7, 3, 4)
    with Image.open(f"photo-sobel-4-{how}.png") as drawn:
        np.testing.assert_allclose(np.asarray(drawn), np.minimum(COMBINED[how](rotated).round(), 255), atol=1)
    filter_file("photo.png", orientation_bank("sobel:4"), combine=how, output="called.png")
    assert Path("called.png").read_bytes() == Path(f"photo-sobel-4-{how}.png").read_bytes()


def test_a_combined_sum_takes_a_wider_integer() -> None:
    taps = np.full((1, 1, 2, 3), 60)  # each response at most 2 * 60 * 255 = 30600, their sum 91800
    white = np.full((2, 2, 2), 255, np.uint8)
    found = filter_picture(Picture(white), taps, combine="sum", signed="raw").pixels
    assert found.tolist() == [[91800, 91800]] * 2
    assert found.dtype == np.int32
    assert filter_picture(Picture(white), taps, combine="max", signed="raw").pixels.dtype == np.int16


def test_combined_banks_have_names_and_one_map() -> None:
    combined = combine_maps(Bank("deep", DEEP), MapCombination.SUM)
    assert isinstance(combined, Bank)
    assert (combined.name, combined.count, combined.map_names) == ("deep-sum", 1, ("map 1",))
    with pytest.raises(UsageError, match="applies to a bank of several kernels, not to a filter"):
        filter_picture(Picture(RGB), "sobel", combine="max")


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (("--filter", "box", "--channels", "depthwise"), "--channels depthwise: gives each channel its own"),
        (("--bank", "sobel:3", "--combine", "max", "--channels", "depthwise"), "--channels depthwise: gives"),
        (("--direction", "d.png", "--channels", "depthwise"), "--channels depthwise: gives each channel"),
        (
            ("--filter", "sobel", "--combine", "max"),
            "--combine max: applies to a bank, but sobel is a single",
        ),
        (("--bank", "sobel:3", "--combine", "mean"), "--combine 'mean': unknown value"),
        (("--bank", "sobel:3", "--combine", "max", "--bias", "1,2,3"), "--bias: has 3 numbers, but there is"),
        (("--filter", "sobel:norm=l1", "--direction", "d.png"), "sobel:norm=l1: has another norm than"),
        (("--bank", "sobel:3", "--alpha", "filter"), "--alpha filter: filters alpha by one matrix"),
        (
            ("--sheet", "s.png", "--channels", "each"),
            "--channels each: cannot be combined with --sheet, which",
        ),
        (("--direction", "d.png", "--channels", "each", "--signed", "abs"), "--channels each: cannot be"),
        (("--filter", "sobel:norm=l1", "--angle", "30"), "sobel:norm=l1,angle=30: norm=l1 combines two"),
    ],
)
def test_options_that_do_not_fit_are_refused(convcli: Runner, options: tuple[str, ...], start: str) -> None:
    Image.fromarray(RGB).save("photo.png")
    np.save("deep.npy", DEEP)
    assert_refused(convcli("apply", "photo.png", *options), start)


def test_each_filter_of_a_bank_weights_what_is_transparent_or_missing() -> None:
    averaging = np.stack([np.full((3, 3), 1 / 9), np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8], axis=-1)
    alpha = np.random.default_rng(8).integers(0, 256, (6, 7), np.uint8)
    floats = RGB.astype(np.float32)
    floats[2, 3] = np.nan
    for picture, nan in ((Picture(RGB, alpha=alpha), "keep"), (Picture(floats), "ignore")):
        alone = [filter_picture(picture, averaging[..., k], signed="raw", nan=nan).pixels for k in range(2)]
        expected = np.stack(alone, axis=-1)
        for channels in ("each", "g"):
            found = filter_picture(
                picture, averaging[:, :, np.newaxis], channels=channels, signed="raw", nan=nan
            ).pixels
            part = expected.reshape(6, 7, 6) if channels == "each" else expected[:, :, 1]
            np.testing.assert_allclose(found, part, rtol=1e-6)
            assert not np.isnan(found).any()
    straight = filter_picture(Picture(RGB, alpha=alpha), averaging[:, :, np.newaxis], alpha="straight")
    np.testing.assert_allclose(straight.pixels, maps_of_each(RGB, averaging[:, :, np.newaxis]), atol=0.51)


def test_a_compression_without_effect_is_refused_or_noted(convcli: Runner) -> None:
    Image.fromarray(RGB).save("photo.png")
    Image.fromarray(RGB).save("pages.tif", save_all=True, append_images=[Image.fromarray(RGB)])
    Path("m.csv").write_text("1,2\n3,4\n")
    level = ("--png-level", "3")
    for options in (("--bank", "sobel:2"), ("--filter", "box", "--signed", "raw")):
        assert_refused(convcli("apply", "photo.png", *options, *level), "--png-level: applies only to PNG")
    ran = convcli("apply", "m.csv", "--kernel", "1", *level)
    note = "--png-level has no effect, because the result is printed"
    assert ran.all == (0, "1 2\n3 4\n", f"convcli: note: m.csv: {note}\n")
    ran = convcli("apply", "pages.tif", "--kernel", "1", "--frame", "all", *level)
    note = "--png-level has no effect, because the output is tiff"
    assert ran.all == (0, "pages-kernel.tiff\n", f"convcli: note: pages.tif: {note}\n")
    assert convcli("apply", "photo.png", "--kernel", "1", *level).all == (0, "photo-kernel.png\n", "")


def test_channels_that_cannot_share_filters_are_refused(convcli: Runner) -> None:
    Image.fromarray(RGB).save("photo.png")
    ran = convcli("apply", "photo.png", "--bank", "sobel:4", "--channels", "depthwise")
    assert_failed(ran, 1, "photo.png: sobel-4: has 4 filters, but the picture has 3 channels")
    assert_refused(
        convcli("explain", "photo.png", "--filter", "box", "--channel", "depthwise"),
        "--channel depthwise: applies only to a bank",
    )


def test_a_sheet_shows_a_panel_for_each_filter(convcli: Runner) -> None:
    Image.fromarray(RGB).save("photo.png")

    def titles(*options: str) -> list[str]:
        ran = convcli("apply", "photo.png", "--bank", "sobel:3", "--sheet", "s.png", "--force", "--json",
                      *options)  # fmt: skip
        assert (ran.code, ran.err) == (0, "")
        return [f"{panel['title']} {panel['channels']}" for panel in json.loads(ran.out)["panels"]]

    angles = ["0°", "60°", "120°"]
    assert titles() == ["input None", *(f"sobel-3, {angle} luma" for angle in angles)]
    assert titles("--signed", "abs") == ["input None", *(f"sobel-3, {angle} None" for angle in angles)]
    assert titles("--channels", "depthwise") == [
        "input None",
        *(f"sobel-3, {angle} None" for angle in angles),
    ]
    assert titles("--combine", "max") == ["input None", "sobel-3-max luma"]
