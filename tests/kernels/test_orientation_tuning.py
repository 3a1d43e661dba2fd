"""Orientation tuning against drawn stimuli and formulas, and on the command line."""

import json
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convcli.convolution.engine import apply_filter
from convcli.errors import KernelError
from convcli.figures.plots import tuning_plot
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Filter, custom_filter, kernel_matrix
from convcli.kernels.lookup import get_filter
from convcli.kernels.orientation_tuning import Stimulus, tuning_curves
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes

Array = NDArray[Any]


def drawn(side: int, angle: float, first: float, last: float = math.inf, parts: int = 32) -> Array:
    """Draw a stimulus between two lines: each pixel as the mean of parts x parts points."""
    points = (np.arange(side * parts) + 0.5) / parts - side / 2
    across = points * math.cos(math.radians(angle)) - points[:, None] * math.sin(math.radians(angle))
    bright = (across > first) & (across < last)
    pixels: Array = bright.reshape(side, parts, side, parts).mean((1, 3))
    return pixels


def derivative(sigma: float, degrees: float) -> Array:
    """Return the derivative of a Gaussian along a direction, smooth and large."""
    side = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
    bell = np.exp(-(side**2 + side[:, None] ** 2) / (2 * sigma**2))
    along = side * math.cos(math.radians(degrees)) - side[:, None] * math.sin(math.radians(degrees))
    taps: Array = along * bell
    return taps


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize(
    "name", ["sobel-x", "scharr-y", "roberts-x", "sobel", "kirsch", "emboss", "gaussian"]
)
@pytest.mark.parametrize("angle", [0, 20, 45, 77, 90, 133])
def test_responses_are_those_to_drawn_stimuli(name: str, angle: int) -> None:
    one = get_filter(name)
    edge, bar = tuning_curves(one)
    side = one.kernels[0].shape[0]

    def response(stimulus: Array) -> float:
        return float(abs(apply_filter(stimulus, one, padding="valid")[0, 0]))

    starts = np.arange(-side, side, 1 / 8)
    edges = [[drawn(side, angle, start), drawn(side, angle, -math.inf, start)] for start in starts]
    expected = max(response(stimulus) for pair in edges for stimulus in pair)
    assert edge.responses[angle] == pytest.approx(expected, abs=0.03 * edge.responses.max())
    bars = [response(drawn(side, angle, start, start + bar.width)) for start in starts]
    assert bar.responses[angle] == pytest.approx(max(bars), abs=0.03 * bar.responses.max())


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("degrees", [0, 17, 70, 90, 179])
def test_a_smooth_derivative_sees_the_cosine_of_the_angle(degrees: float) -> None:
    edge, _ = tuning_curves(custom_filter("smooth", derivative(6, degrees)))
    cosine = np.abs(np.cos(np.radians(edge.angles - degrees)))
    np.testing.assert_allclose(edge.responses / edge.responses.max(), cosine, atol=2e-3)
    assert edge.preferred == pytest.approx([degrees], abs=0.5)
    assert edge.half_width == pytest.approx(60, abs=0.3)
    assert edge.selectivity == pytest.approx(1, abs=2e-3)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("degrees", [0, 30, 45, 100, 179])
def test_a_gabor_filter_prefers_its_angle_and_stripes_of_its_width(degrees: float) -> None:
    curves = tuning_curves(get_filter("gabor", angle=degrees, sigma=4, wavelength=8))
    for (
        curve
    ) in curves:  # near an axis, rows of pixels see an edge alike, which moves the best angle a little
        assert curve.preferred == pytest.approx([degrees], abs=1 if degrees == 179 else 0.1)
    assert curves[1].width == pytest.approx(4, abs=1)


def test_curves_computed_by_hand() -> None:
    edge, bar = tuning_curves(get_filter("sobel-x"))
    assert (edge.stimulus, edge.width, bar.stimulus, bar.width) == (Stimulus.EDGE, math.inf, Stimulus.BAR, 1)
    assert edge.responses[[0, 45, 90]].tolist() == pytest.approx([4, 3, 0], abs=1e-3)
    assert (edge.preferred, bar.preferred) == ((0.0,), (0.0,))
    turned, _ = tuning_curves(get_filter("sobel-y"))
    assert turned.preferred == (90.0,)
    np.testing.assert_allclose(turned.responses, np.roll(edge.responses, 90), atol=1e-9)


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize("name", CATALOG)
def test_turning_a_filter_turns_its_curve(name: str) -> None:
    one = get_filter(name)
    quarter = Filter(
        name, tuple(kernel_matrix(np.rot90(taps)) for taps in one.kernels), "", "", "", 1, one.combination
    )
    for curve, turned in zip(tuning_curves(one), tuning_curves(quarter), strict=True):
        np.testing.assert_allclose(turned.responses, np.roll(curve.responses, 90), atol=1e-9 * one.gain)
        assert (turned.width, len(turned.preferred)) == (curve.width, len(curve.preferred))


@pytest.mark.parametrize("name", ["gaussian", "box", "identity", "sobel", "laplacian", "kirsch", "log"])
def test_filters_that_see_all_directions_prefer_none(name: str) -> None:
    for curve in tuning_curves(get_filter(name)):
        assert (curve.preferred, curve.half_width) == ((), None)
        assert curve.selectivity < 0.5


def test_two_preferred_angles() -> None:
    saddle, _ = tuning_curves(custom_filter("saddle", [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]))
    assert saddle.preferred == pytest.approx([45, 135], abs=0.01)
    assert saddle.half_width == pytest.approx(22.5, abs=15)


def test_a_filter_of_zeros_responds_to_nothing() -> None:
    for curve in tuning_curves(custom_filter("nothing", np.zeros((3, 3), int))):
        assert (curve.responses.max(), curve.selectivity, curve.preferred, curve.half_width) == (
            0,
            0,
            (),
            None,
        )


def test_the_longest_side() -> None:
    assert tuning_curves(custom_filter("long", np.ones((1, 129))))[1].preferred == (90,)
    with pytest.raises(KernelError, match="longer: has a kernel size of 1025; tuning is measured up to 1024"):
        tuning_curves(custom_filter("longer", np.ones((1025, 1))))


def test_taps_whose_sums_overflow_are_refused() -> None:
    with pytest.raises(KernelError, match="has coefficients beyond 1e\\+150"):
        tuning_curves(custom_filter("huge", np.full((3, 3), 1e308)))


def test_the_plot_is_drawn_through_the_peak() -> None:
    tuned = get_filter("gabor:angle=90")
    pixels = np.asarray(Image.open(BytesIO(tuning_plot(tuning_curves(tuned), tuned))))
    assert pixels.shape == (460, 900, 3)
    red = (pixels == (178, 24, 43)).all(2)[:, :720]
    rows, columns = np.nonzero(red[40:400])
    assert columns[rows == rows.min()].mean() == pytest.approx(385, abs=2)  # the middle of 70 to 700


def test_the_filter_and_its_stimuli_stand_beside_the_curves() -> None:
    tuned = get_filter("sobel-x")
    pixels = np.asarray(Image.open(BytesIO(tuning_plot(tuning_curves(tuned), tuned))))[..., :3]
    column = pixels[:, 728:838, 0].astype(int)
    kernel, edge, bar = column[34:102, :68], column[136:246], column[280:390]
    # 22 pixels a side, as wide as the bar, in a frame of one pixel.
    assert kernel[1:67:22, 1:67:22].tolist() == [[64, 128, 192], [1, 128, 255], [64, 128, 192]]
    assert edge[:, :55].max() == 0  # at 0 degrees brightness grows to the right
    assert edge[:, 55:].min() == 255
    # A tile shows 5 taps, 22 pixels each. A bar 1 tap wide gets the strongest response.
    assert (bar[55] == 255).sum() == 22
    assert bar[:, :44].max() == bar[:, -44:].max() == 0


# As typed -------------------------------------------------------------------------------------------------


def test_json_has_both_curves(convcli: Runner) -> None:
    done = convcli("filters", "sobel-x", "--tuning", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert (list(told), told["name"]) == (["name", "edge", "bar"], "sobel-x")
    assert list(told["edge"]) == ["preferred", "half_width", "selectivity", "angles", "responses"]
    assert (told["edge"]["preferred"], told["bar"]["width"]) == ([0.0], 1.0)
    assert len(told["bar"]["angles"]) == len(told["bar"]["responses"]) == 180


def test_a_pipe_gets_rows(convcli: Runner) -> None:
    done = convcli("filters", "sobel-x", "--tuning")
    lines = done.out.splitlines()
    assert (done.code, done.err, len(lines)) == (0, "", 181)
    assert lines[:2] == ["angle\tedge\tbar", "0\t4\t4"]


def test_a_terminal_gets_bars(terminal: Runner) -> None:
    done = terminal("filters", "sobel-x", "--tuning", columns=80)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "sobel-x: responses to a rotated edge and a rotated bar of height 1"
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[3:15]] == [f"{angle}°" for angle in range(0, 180, 15)]
    assert " ".join(done.out.split()).endswith(
        "response the largest absolute value over all positions; half width: so far from the preferred angle, half of it is left"
    )
    assert "\nedge           prefers 0.0°; half width 61.3°; weakest response 0%\n" in done.out
    flat = terminal("filters", "gaussian", "--tuning")
    assert "edge           no preferred angle: the weakest response is 100% of the strongest" in flat.out


def test_a_plot_is_written(convcli: Runner, in_folder: Path) -> None:
    done = convcli("filters", "gabor", "--tuning", "-o", "tuning.png")
    assert (done.code, done.out, done.err) == (0, "tuning.png\n", "")
    with Image.open(in_folder / "tuning.png") as image:
        assert image.size == (900, 460)
    again = convcli("filters", "gabor", "--tuning", "-o", "tuning.png")
    assert_failed(again, 1, "tuning.png: exists; use --force")


def test_a_learned_kernel_is_a_filter_too(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "learned.json").write_text('{"kernel": [[0, 0, 0], [-1, 0, 1], [0, 0, 0]], "loss": 1e-9}')
    told = json.loads(convcli("filters", "@learned.json", "--tuning", "--json").out)
    assert (told["name"], told["edge"]["preferred"]) == ("learned", [0.0])
    shown = json.loads(convcli("filters", "@learned.json", "--json").out)
    assert (shown["matrix"], shown["gain"]) == ([[0, 0, 0], [-1, 0, 1], [0, 0, 0]], 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tuning"], "NAME: missing"),
        (["gabor", "--tuning", "-o", "tuning.csv"], "tuning.csv: a tuning curve must be saved as .png"),
        (["gabour", "--tuning"], "gabour: unknown filter: did you mean gabor?"),
        (["@none.json", "--tuning"], "none.json: no such file or directory"),
        (
            ["@volume.npy"],
            "@volume.npy: is a volume, but filters shows a matrix; save one of its matrices and give that",
        ),
        (["@volume.npy", "--angle", "20"], "--kernel: cannot be combined with --angle"),
    ],
)
def test_what_is_refused(convcli: Runner, in_folder: Path, arguments: list[str], message: str) -> None:
    np.save(in_folder / "volume.npy", np.ones((3, 3, 3)))
    with nothing_changes(in_folder):
        assert_refused(convcli("filters", *arguments), message)


def test_a_kernel_file_is_never_overwritten_by_its_description(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "k.json").write_text('{"kernel": [[1, 0, -1]], "mine": 1}')
    (in_folder / "k.png").symlink_to("k.json")
    with nothing_changes(in_folder):
        done = convcli("filters", "@k.json", "-o", "k.json", "--force")
        assert_failed(done, 1, "k.json: is an input")
        assert_failed(
            convcli("filters", "@k.json", "--tuning", "-o", "k.png", "--force"), 1, "k.png: is an input"
        )
