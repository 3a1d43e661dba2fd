"""Transparent pictures laid over a color, for formats that have no alpha."""

from fractions import Fraction
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from convcli.errors import ImageError, UsageError
from convcli.pictures.backgrounds import flatten, parse_color
from convcli.pictures.picture import Picture
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(9, 30), (9, 30, 3)])
@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), (255, 136, 7)])
def test_each_value_is_weighted_by_alpha_and_rounded(
    shape: tuple[int, ...], background: tuple[int, int, int]
) -> None:
    pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
    alpha = RANDOM.integers(0, 256, shape[:2], dtype=np.uint8)
    alpha[0, :2] = 0, 255
    made = flatten(Picture(pixels, alpha), background)
    assert made.alpha is None
    assert made.pixels.ndim == (2 if len(shape) == 2 and len(set(background)) == 1 else 3)
    for place in np.ndindex(*made.pixels.shape):
        value = int(pixels[place[: pixels.ndim]])
        color, part = background[place[2] if len(place) > 2 else 0], Fraction(int(alpha[place[:2]]), 255)
        assert made.pixels[place] == int(part * value + (1 - part) * color + Fraction(1, 2))


def test_pictures_without_alpha_are_unchanged() -> None:
    picture = Picture(np.zeros((2, 2), np.uint8))
    assert flatten(picture, (1, 2, 3)) is picture


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_deep_integers_are_weighted_exactly(dtype: type[np.unsignedinteger], shape: tuple[int, ...]) -> None:
    white = np.iinfo(dtype).max
    pixels = RANDOM.integers(0, white, shape, dtype, endpoint=True)
    alpha = RANDOM.integers(0, white, shape[:2], dtype, endpoint=True)
    alpha[0, :2], pixels[0] = (0, white), white
    background = (255, 255, 255) if len(shape) == 2 else (255, 136, 0)
    made = flatten(Picture(pixels, alpha), background)
    assert (made.alpha, made.pixels.dtype.type, made.pixels.shape) == (None, dtype, shape)
    for place in np.ndindex(*shape):
        part = Fraction(int(alpha[place[:2]]), int(white))
        color = Fraction(background[place[2] if len(place) > 2 else 0], 255)
        exact = part * int(pixels[place]) + (1 - part) * color * int(white)
        assert made.pixels[place] == int(exact + Fraction(1, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("depth", [np.uint8, np.float32])
def test_floats_are_weighted_and_white_is_1(dtype: type[np.floating], depth: type[np.generic]) -> None:
    pixels = np.array([[[0.5, 2, -1], [np.nan, np.inf, 7], [4, np.inf, 0]]], dtype)
    alpha = np.array([[51, 0, 255]], np.uint8)
    made = flatten(Picture(pixels, alpha if depth == np.uint8 else (alpha / 255).astype(depth)), (255, 51, 0))
    assert (made.alpha, made.pixels.dtype.type) == (None, dtype)
    assert np.allclose(made.pixels, [[[0.9, 0.56, -0.2], [1, 0.2, 0], [4, np.inf, 0]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros((1, 1), np.int16), "int16 numbers have no black and white; leave it out"),
        (np.zeros((1, 1), np.uint64), "uint64 numbers have no black and white; leave it out"),
        (np.zeros((1, 1, 5), np.uint8), "a color has no value for 5 channels; leave it out"),
    ],
)
def test_what_has_no_colors_is_laid_over_none(pixels: np.ndarray, why: str) -> None:
    with pytest.raises(ImageError) as caught:
        flatten(Picture(pixels, np.zeros((1, 1), np.uint8)), (255, 255, 255))
    assert str(caught.value) == f"background: {why}"


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("white", (255, 255, 255)),
        ("Rebeccapurple", (102, 51, 153)),
        ("#f80", (255, 136, 0)),
        ("#102030", (16, 32, 48)),
        ("rgb(1,2,3)", (1, 2, 3)),
        ("hsl(120,100%,50%)", (0, 255, 0)),
    ],
)
def test_colors(text: str, color: tuple[int, int, int]) -> None:
    assert parse_color(text) == color


@pytest.mark.parametrize(
    "text", ["", "no color", "#12", "#12345678", "rgba(1,2,3,4)", "#f00f", "x" * 10_000, "\n"]
)
def test_no_opaque_color(text: str) -> None:
    with pytest.raises(UsageError, match="is not an opaque color"):
        parse_color(text)


@pytest.fixture
def glass(in_folder: Path) -> np.ndarray:
    """A transparent color picture, ``glass.png``."""
    pixels = RANDOM.integers(0, 256, (12, 16, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(in_folder / "glass.png")
    return pixels


@pytest.mark.usefixtures("glass")
@pytest.mark.parametrize("name", ["out.bmp", "out.jpg", "out.pnm", "out.avif"])
@pytest.mark.parametrize("command", [("apply", "--filter", "box"), ("pool", "--f", "2")])
def test_the_error_names_the_way_out(convcli: Runner, name: str, command: tuple[str, ...]) -> None:
    with nothing_changes(Path()):
        ran = convcli(command[0], "glass.png", *command[1:], "-o", name)
        assert_failed(ran, 1, f"{name}: ")
    assert ran.err.endswith(
        "cannot hold alpha; use png, tiff, webp, or blend it with a color: --background white\n"
    )


@pytest.mark.parametrize("name", ["out.bmp", "out.ppm", "out.png"])
def test_the_result_is_laid_over_the_color(convcli: Runner, glass: np.ndarray, name: str) -> None:
    command = "apply", "glass.png", "--filter", "identity", "--background", "#00ff80", "-o", name
    assert convcli(*command).all == (0, f"{name}\n", "")
    alpha = glass[..., 3:].astype(int)
    expected = np.floor((glass[..., :3] * alpha + np.array([0, 255, 128]) * (255 - alpha)) / 255 + 0.5)
    with Image.open(name) as image:
        assert image.mode == "RGB"
        assert (np.array(image) == expected).all()


def test_it_is_laid_over_the_color_before_it_is_filtered(convcli: Runner, in_folder: Path) -> None:
    """What lies under transparent pixels must not show at their edge."""
    pixels = np.zeros((20, 20, 4), np.uint8)  # black where nobody sees it
    pixels[5:15, 5:15] = 255
    Image.fromarray(pixels).save(in_folder / "square.png")
    command = "apply", "square.png", "--filter", "gaussian:sigma=2", "--background", "white", "-o", "soft.png"
    assert convcli(*command).all == (0, "soft.png\n", "")
    assert np.array(Image.open("soft.png")).min() == 255


def test_a_pooled_picture_is_laid_over_white(convcli: Runner, in_folder: Path) -> None:
    Image.fromarray(np.array([[[9, 255], [200, 0]]], np.uint8)).save(in_folder / "gray.png")
    assert convcli("pool", "gray.png", "--f", "1", "--background", "white", "-o", "x.bmp").code == 0
    assert np.array(Image.open("x.bmp")).tolist() == [[9, 255]]


def test_a_profile_of_gray_does_not_stay_with_a_colored_result(convcli: Runner, in_folder: Path) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = b"GRAY"
    Image.new("LA", (4, 4), (10, 128)).save(in_folder / "x.png", icc_profile=bytes(profile))
    command = "apply", "x.png", "--filter", "identity", "-o"
    dropped = "convcli: note: x.png: the color profile does not fit the result and is dropped\n"
    assert convcli(*command, "red.jpg", "--background", "red").all == (0, "red.jpg\n", dropped)
    assert convcli(*command, "white.jpg", "--background", "white").all == (0, "white.jpg\n", "")
    with Image.open("white.jpg") as image:
        assert image.info["icc_profile"] == bytes(profile)


def test_no_color_is_wrong_usage(convcli: Runner, glass: np.ndarray) -> None:
    assert glass.size
    with nothing_changes(Path()):
        ran = convcli("apply", "glass.png", "--filter", "box", "-o", "x.jpg", "--background", "whyte")
        assert_refused(ran, "--background 'whyte': unknown color; did you mean white?")


def test_deep_pictures_are_laid_over_the_color(convcli: Runner, in_folder: Path) -> None:
    pixels = RANDOM.integers(0, 65536, (4, 5, 3), np.uint16)
    alpha = RANDOM.integers(0, 65536, (4, 5), np.uint16)
    (in_folder / "x.png").write_bytes(imagecodecs.png_encode(np.dstack((pixels, alpha))))
    command = "apply", "x.png", "--filter", "identity", "--background", "#00ff80", "-o", "x.ppm"
    assert convcli(*command).all == (0, "x.ppm\n", "")
    shares = alpha[..., np.newaxis].astype(object)
    expected = (
        pixels * shares * 2 + np.array([0, 65535, 128 * 257]) * (65535 - shares) * 2 + 65535
    ) // 131070
    *header, samples = Path("x.ppm").read_bytes().split(b"\n", 3)
    assert header == [b"P6", b"5 4", b"65535"]
    assert np.array_equal(np.frombuffer(samples, ">u2").reshape(4, 5, 3), expected.astype(np.uint16))


def test_a_picture_without_colors_is_named(convcli: Runner, in_folder: Path) -> None:
    tifffile.imwrite(
        in_folder / "x.tif", np.zeros((4, 5, 6), np.uint8), photometric="minisblack", planarconfig="contig",
        extrasamples=["unspecified"] * 4 + ["unassalpha"],
    )  # fmt: skip
    ran = convcli("apply", "x.tif", "--filter", "identity", "--background", "white")
    why = "background: a color has no value for 5 channels; leave it out"
    assert ran.all == (1, "", f"convcli: x.tif: {why}\n")
