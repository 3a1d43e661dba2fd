"""``convcli apply``: every result is compared with loops over Python numbers, with Pillow or with np.pad."""

import io
import json
import math
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from convcli.convolution.engine import plan
from convcli.kernels.lookup import get_filter
from tests.support import oracles as reference
from tests.support.command_line import SAMPLES, Runner, assert_failed, contents, nothing_changes, on_terminal

Array = NDArray[Any]
BinaryRunner = Callable[..., tuple[int, bytes, str]]

SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = SOBEL_X.T
LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
LOPSIDED = np.array([[1, 2, 0], [-3, 0, 5], [0, -7, 1]])  # without any symmetry
LOPSIDED_TEXT = "1 2 0; -3 0 5; 0 -7 1"
AROUND = ((1, 1), (1, 1))  # what `same` adds for a filter of 3x3

JSON_KEYS = [
    "input", "output", "filter", "kernel", "gain", "padding", "border", "stride", "dilation",
    "shape_in", "shape_out", "dtype", "min", "max", "mean", "saturated", "plan", "seconds",
]  # fmt: skip

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def noise(shape: tuple[int, ...], dtype: str = "uint8", *, seed: int = 7) -> Array:
    limits = np.iinfo(dtype)
    drawn = np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.asarray(drawn)


def save(path: Path, pixels: Array, **options: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def opened(path: str | Path) -> Array:
    with Image.open(path) as image:
        return np.array(image)


def mode_of(path: str | Path) -> str:
    with Image.open(path) as image:
        return image.mode


def filtered(
    image: Array, kernel: Array = SOBEL_X, *, amounts: reference.PaddingAmounts = AROUND, border: str = "edge",
    stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), flip: bool = False,
) -> Array:  # fmt: skip
    """Return the exact result, as an object array of Python numbers."""
    return reference.convolve(
        image, kernel, amounts=amounts, border=border, stride=stride, dilation=dilation, flip=flip
    )


def rendered(values: Array, mapping: str = "abs", *, scale: Fraction = Fraction(1), depth: int = 8) -> Array:
    pixels, _ = reference.render(list(values.ravel()), mapping, scale=scale, depth=depth)
    return np.array(pixels).reshape(values.shape)


@pytest.fixture
def photo(in_folder: Path) -> Array:
    """A small color picture, ``photo.png``."""
    pixels = noise((7, 9, 3))
    save(in_folder / "photo.png", pixels)
    return pixels


@pytest.fixture
def gray(in_folder: Path) -> Array:
    """A small gray picture, ``gray.png``."""
    pixels = noise((7, 9))
    save(in_folder / "gray.png", pixels)
    return pixels


@pytest.fixture
def matrix(in_folder: Path) -> Array:
    """The textbook's vertical edge, ``edge.csv``."""
    (in_folder / "edge.csv").write_text("10,10,10,0,0,0\n" * 6)
    return np.array([[10, 10, 10, 0, 0, 0]] * 6)


@pytest.fixture
def binary(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, bytes, str]]:
    """Run a command line in this process with bytes for standard input and from standard output."""
    from convcli.cli.error_handling import run

    def call(*arguments: object, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return code, out, err.decode()

    return call


# The worked examples --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (("vertical-edge.csv", "--filter", "vertical", "--padding", "valid"), ["0 30 30 0"] * 4),
        (("vertical-edge-mirrored.csv", "--filter", "vertical", "--padding", "valid"), ["0 -30 -30 0"] * 4),
        (
            ("vertical-edge-mirrored.csv", "--filter", "vertical", "--padding", "valid", "--signed", "abs"),
            ["0 30 30 0"] * 4,
        ),
        (
            ("checkerboard.csv", "--filter", "horizontal", "--padding", "valid"),
            ["0 0 0 0", "30 10 -10 -30", "30 10 -10 -30", "0 0 0 0"],
        ),
    ],
)
def test_worked_examples(
    convcli: Runner, in_folder: Path, arguments: tuple[str, ...], rows: list[str]
) -> None:
    ran = convcli("apply", SAMPLES / arguments[0], *arguments[1:])
    assert ran.all == (0, "".join(f"{row}\n" for row in rows), "")
    assert not contents(in_folder)


# Names and places -----------------------------------------------------------------------------------------


def test_writes_stem_and_filter_here_and_prints_the_path(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((7, 9, 3))
    save(in_folder / "pictures" / "photo.png", pixels)
    assert convcli("apply", "pictures/photo.png", "--filter", "sobel-x").all == (0, "photo-sobel-x.png\n", "")
    assert mode_of("photo-sobel-x.png") == "RGB"
    assert (opened("photo-sobel-x.png") == rendered(filtered(pixels))).all()


def test_several_images_and_filters_give_an_output_each(
    convcli: Runner, photo: Array, gray: Array, in_folder: Path
) -> None:
    ran = convcli("apply", "photo.png", "gray.png", "--filter", "sobel-x", "--filter", "laplacian")
    names = ["photo-sobel-x.png", "photo-laplacian.png", "gray-sobel-x.png", "gray-laplacian.png"]
    assert ran.all == (0, "".join(f"{name}\n" for name in names), "")
    for image, stem in ((photo, "photo"), (gray, "gray")):
        for kernel, name in ((SOBEL_X, "sobel-x"), (LAPLACIAN, "laplacian")):
            assert (opened(f"{stem}-{name}.png") == rendered(filtered(image, kernel))).all()
    assert sorted(contents(in_folder)) == sorted(["photo.png", "gray.png", *names])


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("--filter", "gaussian:sigma=2"), "photo-gaussian-sigma=2.png"),
        (("--filter", "gabor:wavelength=8,angle=70,size=5"), "photo-gabor-wavelength=8-angle=70-size=5.png"),
        (("--filter", "sobel-x", "--angle", "70"), "photo-sobel-x-angle=70.png"),
        (("--filter", "sobel-x", "--size", "5"), "photo-sobel-x-size=5.png"),
        (("--filter", "Sobel-X"), "photo-sobel-x.png"),
        (("--kernel", "1 0 -1"), "photo-kernel.png"),
        (("--filter", "box", "--format", "jpeg"), "photo-box.jpg"),
        (("--filter", "box", "--format", "tiff"), "photo-box.tiff"),
        (("--filter", "box", "--format", "npy"), "photo-box.npy"),
        (("--filter", "box", "--signed", "raw"), "photo-box.npy"),
        (("--filter", "box", "--out-dir", "made/for/it"), "made/for/it/photo-box.png"),
        (("--filter", "box", "--out-dir", "."), "photo-box.png"),
        (("--filter", "box", "-o", "soft.webp"), "soft.webp"),
    ],
)
def test_name_of_the_output(convcli: Runner, in_folder: Path, arguments: tuple[str, ...], name: str) -> None:
    assert convcli("apply", "photo.png", *arguments).all == (0, f"{name}\n", "")
    assert [path for path, data in contents(in_folder).items() if data is not None] == sorted(
        ["photo.png", name]
    )


def test_kernel_file_gives_its_name(convcli: Runner, photo: Array, in_folder: Path) -> None:
    (in_folder / "kernels").mkdir()
    (in_folder / "kernels" / "mine.csv").write_text("1,2,0\n-3,0,5\n0,-7,1\n")
    ran = convcli("apply", "photo.png", "--kernel", "@kernels/mine.csv")
    assert ran.all == (0, "photo-mine.png\n", "")
    assert (opened("photo-mine.png") == rendered(filtered(photo, LOPSIDED))).all()


@pytest.mark.parametrize("stem", ["holiday.2024", "two.png", "photo.jpeg", ".hidden"])
def test_dots_in_a_name_stay(convcli: Runner, in_folder: Path, stem: str) -> None:
    save(in_folder / f"{stem}.png", noise((4, 4)))
    assert convcli("apply", f"{stem}.png", "--filter", "box").all == (0, f"{stem}-box.png\n", "")
    assert (in_folder / f"{stem}-box.png").is_file()


@pytest.mark.usefixtures("gray")
def test_dots_in_a_folder_stay(convcli: Runner, in_folder: Path) -> None:
    ran = convcli("apply", "gray.png", "--filter", "box", "--out-dir", "as.jpeg")
    assert ran.all == (0, "as.jpeg/gray-box.png\n", "")
    assert (in_folder / "as.jpeg" / "gray-box.png").is_file()


@pytest.mark.usefixtures("gray")
def test_folder_that_is_there_is_used(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "edges").mkdir()
    (in_folder / "edges" / "other.txt").write_text("stays")
    ran = convcli("apply", "gray.png", "--filter", "box", "--out-dir", "edges")
    assert ran.all == (0, "edges/gray-box.png\n", "")
    assert sorted(contents(in_folder / "edges")) == ["gray-box.png", "other.txt"]


def test_force_replaces(convcli: Runner, gray: Array, in_folder: Path) -> None:
    (in_folder / "out.png").write_bytes(b"old")
    ran = convcli("apply", "gray.png", "--filter", "identity", "-o", "out.png", "--force")
    assert ran.all == (0, "out.png\n", "")
    assert (opened("out.png") == gray).all()
    assert sorted(contents(in_folder)) == ["gray.png", "out.png"]


def test_symbolic_link_as_output_stays_and_its_file_is_replaced(
    convcli: Runner, gray: Array, in_folder: Path
) -> None:
    (in_folder / "target.png").write_bytes(b"old")
    (in_folder / "link.png").symlink_to("target.png")
    ran = convcli("apply", "gray.png", "--filter", "identity", "-o", "link.png", "--force")
    assert ran.all == (0, "link.png\n", "")
    assert (in_folder / "link.png").is_symlink()
    assert (opened("target.png") == gray).all()


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--filter", "identity", "-o", "out.png", "gray.png"),
        ("apply", "gray.png", "--filter", "identity", "-o", "out.png"),
        ("apply", "--filter=identity", "gray.png", "--output=out.png"),
        ("apply", "-oout.png", "--filter", "identity", "--", "gray.png"),
    ],
)
def test_options_stand_before_or_after(convcli: Runner, gray: Array, arguments: tuple[str, ...]) -> None:
    assert convcli(*arguments).all == (0, "out.png\n", "")
    assert (opened("out.png") == gray).all()


@pytest.mark.parametrize("arguments", [("--", "-x.png"), ("./-x.png",)])
def test_name_with_a_leading_dash(convcli: Runner, in_folder: Path, arguments: tuple[str, ...]) -> None:
    pixels = noise((4, 5))
    save(in_folder / "-x.png", pixels)
    assert convcli("apply", "--filter", "identity", *arguments).all == (0, "-x-identity.png\n", "")
    assert (opened("./-x-identity.png") == pixels).all()


# Formats --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("out.png", "PNG"), ("out.PNG", "PNG"), ("out.tif", "TIFF"), ("out.tiff", "TIFF"),
        ("out.webp", "WEBP"), ("out.bmp", "BMP"), ("out.pnm", "PPM"), ("out.ppm", "PPM"),
    ],
)  # fmt: skip
def test_lossless_formats(convcli: Runner, photo: Array, name: str, file_format: str) -> None:
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "-o", name).all == (0, f"{name}\n", "")
    with Image.open(name) as image:
        assert (image.format, image.mode) == (file_format, "RGB")
    assert (opened(name) == rendered(filtered(photo))).all()


@pytest.mark.parametrize(
    ("name", "file_format"), [("out.jpg", "JPEG"), ("out.jpeg", "JPEG"), ("out.avif", "AVIF")]
)
def test_lossy_formats(convcli: Runner, in_folder: Path, name: str, file_format: str) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    save(in_folder / "flat.png", flat)
    assert convcli("apply", "flat.png", "--filter", "identity", "-o", name).all == (0, f"{name}\n", "")
    with Image.open(name) as image:
        assert (image.format, image.mode, image.size) == (file_format, "RGB", (16, 16))
    assert np.abs(opened(name).astype(int) - flat).max() <= 4


def test_pgm_holds_gray(convcli: Runner, gray: Array, in_folder: Path) -> None:
    assert convcli("apply", "gray.png", "--filter", "identity", "-o", "out.pgm").all == (0, "out.pgm\n", "")
    assert (in_folder / "out.pgm").read_bytes() == b"P5\n9 7\n255\n" + gray.tobytes()


@pytest.mark.parametrize(("name", "separator"), [("out.csv", ","), ("out.txt", " ")])
def test_picture_to_text_gives_signed_numbers(
    convcli: Runner, gray: Array, in_folder: Path, name: str, separator: str
) -> None:
    assert convcli("apply", "gray.png", "--filter", "sobel-x", "-o", name).all == (0, f"{name}\n", "")
    rows = [separator.join(map(str, row)) + "\n" for row in filtered(gray)]
    assert (in_folder / name).read_text() == "".join(rows)


def test_picture_to_npy_gives_signed_numbers(convcli: Runner, photo: Array) -> None:
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "-o", "out.npy").all == (0, "out.npy\n", "")
    values = np.load("out.npy")
    assert values.dtype == np.int16
    assert (values == filtered(photo)).all()


def test_picture_to_csv_rendered_when_asked(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--filter", "sobel-x", "-o", "out.csv", "--signed", "clip")
    assert ran.all == (0, "out.csv\n", "")
    assert (np.loadtxt("out.csv", delimiter=",") == rendered(filtered(gray), "clip")).all()


@pytest.mark.usefixtures("photo")
def test_color_does_not_fit_into_text(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "sobel-x", "-o", "out.csv")
    why = "csv holds one channel, not 3; use npy, or take one (apply --channels gray)"
    assert ran.all == (1, "", f"convcli: out.csv: {why}\n")


def test_format_names_the_format_of_a_name_without_extension(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--filter", "identity", "-o", "out", "--format", "bmp")
    assert ran.all == (0, "out\n", "")
    with Image.open("out") as image:
        assert image.format == "BMP"
    assert (opened("out") == gray).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize("there", [False, True])
def test_format_against_the_extension_is_refused(convcli: Runner, in_folder: Path, there: bool) -> None:
    if there:
        (in_folder / "out.jpg").write_bytes(b"old")
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "-o", "out.jpg", "--format", "png")
    assert ran.all == (
        2,
        "",
        "convcli: out.jpg: ends in .jpg, but --format is png; change one of them\n",
    )


@pytest.mark.usefixtures("gray")
def test_unknown_format(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--format", "psd")
    assert_failed(ran, 2, "format 'psd': is not one of png, jpeg, ")


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.bmp"])
def test_raw_numbers_do_not_fit_into_pixels(convcli: Runner, in_folder: Path, name: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "sobel-x", "--signed", "raw", "-o", name)
    word = {"out.png": "png", "out.jpg": "jpeg", "out.bmp": "bmp"}[name]
    why = f"keeps signed values, but {word} holds pixels; use npy, csv, txt or tiff"
    assert ran.all == (2, "", f"convcli: --signed raw: {why}\n")


@pytest.mark.parametrize("name", ["out.jpg", "out.bmp", "out.pnm"])
def test_alpha_is_not_dropped_silently(convcli: Runner, in_folder: Path, name: str) -> None:
    save(in_folder / "clear.png", noise((5, 6, 4)))
    with nothing_changes(in_folder):
        ran = convcli("apply", "clear.png", "--filter", "box", "-o", name)
    word = {"out.jpg": "jpeg", "out.bmp": "bmp", "out.pnm": "pnm"}[name]
    assert_failed(ran, 1, f"{name}: {word} cannot hold alpha; use ")


# Standard input and output --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "file_format"),
    [((), "PNG"), (("--format", "png"), "PNG"), (("--format", "bmp"), "BMP"), (("--format", "tiff"), "TIFF")],
)
def test_picture_to_standard_output(
    binary: BinaryRunner, photo: Array, in_folder: Path, options: tuple[str, ...], file_format: str
) -> None:
    with nothing_changes(in_folder):
        code, out, err = binary("apply", "photo.png", "--filter", "sobel-x", "-o", "-", *options)
    assert (code, err) == (0, "")
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == file_format
        assert (np.array(image) == rendered(filtered(photo))).all()


def test_numbers_to_standard_output(binary: BinaryRunner, gray: Array) -> None:
    code, out, err = binary("apply", "gray.png", "--filter", "sobel-x", "-o", "-", "--format", "csv")
    rows = [",".join(map(str, row)) + "\n" for row in filtered(gray)]
    assert (code, out.decode(), err) == (0, "".join(rows), "")


def test_npy_to_standard_output(binary: BinaryRunner, gray: Array) -> None:
    code, out, err = binary("apply", "gray.png", "--filter", "sobel-x", "-o", "-", "--format", "npy")
    assert (code, err) == (0, "")
    assert (np.load(io.BytesIO(out)) == filtered(gray)).all()


def test_picture_from_standard_input(binary: BinaryRunner, photo: Array, in_folder: Path) -> None:
    data = (in_folder / "photo.png").read_bytes()
    assert binary("apply", "-", "--filter", "sobel-x", stdin=data) == (0, b"stdin-sobel-x.png\n", "")
    assert (opened("stdin-sobel-x.png") == rendered(filtered(photo))).all()


def test_picture_through_a_pipe(binary: BinaryRunner, photo: Array, in_folder: Path) -> None:
    data = (in_folder / "photo.png").read_bytes()
    with nothing_changes(in_folder):
        code, out, err = binary("apply", "-", "--filter", "identity", "-o", "-", stdin=data)
    assert (code, err) == (0, "")
    assert (opened_bytes(out) == photo).all()


def opened_bytes(data: bytes) -> Array:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def test_matrix_from_standard_input(binary: BinaryRunner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = binary(
            "apply", "-", "--filter", "vertical", "--padding", "valid", stdin=b"10,10,10,0,0,0\n" * 6
        )
    assert ran == (0, b"0 30 30 0\n" * 4, "")


def test_npy_from_standard_input(binary: BinaryRunner, in_folder: Path) -> None:
    array = noise((5, 6), "int16")
    np.save(in_folder / "a.npy", array)
    data = (in_folder / "a.npy").read_bytes()
    assert binary("apply", "-", "--filter", "sobel-x", stdin=data) == (0, b"stdin-sobel-x.npy\n", "")
    assert (np.load("stdin-sobel-x.npy") == filtered(array)).all()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"no picture", "is not an image, and not a matrix either: row 1, column 1 is 'no', not a number"),
        (b"1 2\n3", "is not an image, and not a matrix either: row 2 has 1 number, but row 1 has 2"),
    ],
)
def test_unreadable_standard_input(binary: BinaryRunner, in_folder: Path, data: bytes, why: str) -> None:
    with nothing_changes(in_folder):
        ran = binary("apply", "-", "--filter", "box", stdin=data)
    assert ran == (1, b"", f"convcli: standard input: {why}\n")


def test_standard_input_twice(binary: BinaryRunner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = binary("apply", "-", "-", "--filter", "box", stdin=b"1 2 3")
    assert ran == (2, b"", "convcli: -: standard input can be read only once; leave one - out\n")


@pytest.mark.usefixtures("gray")
def test_json_and_picture_on_standard_output_are_refused(binary: BinaryRunner) -> None:
    ran = binary("apply", "gray.png", "--filter", "box", "-o", "-", "--json")
    why = "writes to standard output, and so does -o -; write the result to a file"
    assert ran == (2, b"", f"convcli: --json: {why}\n")


@pytest.mark.usefixtures("gray")
def test_picture_to_a_terminal_is_refused(terminal: Runner) -> None:
    ran = terminal("apply", "gray.png", "--filter", "box", "-o", "-")
    why = "png cannot be shown in a terminal; redirect it, or add --format csv"
    assert ran.all == (2, "", f"convcli: -o -: {why}\n")


def test_text_to_a_terminal(terminal: Runner, gray: Array) -> None:
    ran = terminal("apply", "gray.png", "--filter", "sobel-x", "-o", "-", "--format", "txt")
    rows = [" ".join(map(str, row)) + "\n" for row in filtered(gray)]
    assert ran.all == (0, "".join(rows), "")


# Filters, parameters, kernels -----------------------------------------------------------------------------


def test_gaussian_with_sigma(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--filter", "gaussian:sigma=0.5", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    taps = np.array([math.exp(-((x / 0.5) ** 2) / 2) for x in range(-2, 3)])
    taps /= taps.sum()
    expected = filtered(gray, np.multiply.outer(taps, taps), amounts=((2, 2), (2, 2))).astype(float)
    assert np.load("out.npy").dtype == np.float32
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("degrees", [0, 70, 90, 180, -45, 405.5])
def test_angle_steers_exactly(convcli: Runner, gray: Array, degrees: float) -> None:
    ran = convcli("apply", "gray.png", "--filter", "sobel-x", "--angle", degrees, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    x, y = filtered(gray, SOBEL_X).astype(float), filtered(gray, SOBEL_Y).astype(float)
    upwards = -y  # y points down, angles grow counter-clockwise as seen on the screen
    expected = math.cos(math.radians(degrees)) * x + math.sin(math.radians(degrees)) * upwards
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("arguments", [("sobel-x:angle=90",), ("sobel-x", "--angle", "90")])
def test_quarter_turn_is_minus_y(convcli: Runner, gray: Array, arguments: tuple[str, ...]) -> None:
    ran = convcli("apply", "gray.png", "--filter", *arguments, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    assert np.load("out.npy").dtype == np.int16
    assert (np.load("out.npy") == -filtered(gray, SOBEL_Y)).all()


@pytest.mark.parametrize(
    ("name", "size", "column", "row"),
    [
        ("sobel-x", 3, [1, 2, 1], [-1, 0, 1]),
        ("sobel-x", 5, [1, 4, 6, 4, 1], [-1, -2, 0, 2, 1]),
        ("sobel-x", 7, [1, 6, 15, 20, 15, 6, 1], [-1, -4, -5, 0, 5, 4, 1]),
        ("prewitt-x", 3, [1] * 3, [-1, 0, 1]),
        ("prewitt-x", 5, [1] * 5, [-2, -1, 0, 1, 2]),
        ("prewitt-x", 7, [1] * 7, [-3, -2, -1, 0, 1, 2, 3]),
    ],
)
def test_size_takes_the_larger_version(
    convcli: Runner, gray: Array, name: str, size: int, column: list[int], row: list[int]
) -> None:
    ran = convcli("apply", "gray.png", "--filter", name, "--size", size, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    kernel, half = np.multiply.outer(column, row), size // 2
    assert (np.load("out.npy") == filtered(gray, kernel, amounts=((half, half), (half, half)))).all()


@pytest.mark.parametrize(
    ("size", "row"), [(3, [1, 2, 1]), (5, [1, 4, 6, 4, 1]), (7, [1, 6, 15, 20, 15, 6, 1])]
)
def test_gaussian_by_size_is_binomial(convcli: Runner, gray: Array, size: int, row: list[int]) -> None:
    ran = convcli("apply", "gray.png", "--filter", "gaussian", "--size", size, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    half = size // 2
    sums = filtered(gray, np.multiply.outer(row, row), amounts=((half, half), (half, half)))
    np.testing.assert_allclose(np.load("out.npy"), sums.astype(float) / sum(row) ** 2, rtol=1e-5)


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("--filter", "laplacian", "--size", "5"), "laplacian: has no options"),
        (("--filter", "scharr-x", "--size", "5"), "scharr-x: has no option size; it takes angle (a finite number)"),
        (("--filter", "sobel-x", "--size", "4"), "sobel-x:size=4: must be "),
        (("--filter", "sobel-x", "--size", "9"), "sobel-x:size=9: must be "),
        (("--filter", "gaussian", "--size", "9"), "gaussian:size=9: must be 3, 5 or 7; "),
        (
            ("--filter", "sobel:power=2"),
            "sobel: has no option power; it takes size (an odd number from 3 to 7), angle (a finite number), "
            "norm (l1, l2 or max)\n",
        ),
        (("--filter", "gaussian:sgima=2"), "gaussian: has no option sgima: did you mean sigma?"),
        (("--filter", "gaussian:sigma"), "gaussian:sigma: options are written "),
        (("--filter", "gaussian:sigma=wide"), "gaussian:sigma=wide: must be a number from 0.05 to 1000 (standard deviation in pixels)"),
        (("--filter", "gaussian:sigma=0"), "gaussian:sigma=0"),
        (("--filter", "gaussian:sigma=1,sigma=2"), "gaussian:sigma=1,sigma=2: gives sigma twice"),
        (
            ("--filter", "sobel-x:angle=1", "--angle", "2"),
            "sobel-x:angle=1: sets angle, which is also given as 2",
        ),
        (
            ("--kernel", "1 0 -1", "--angle", "30"),
            "--kernel: cannot be combined with --angle and --size, which are for named filters",
        ),
        (
            ("--kernel", "1 0 -1", "--size", "3"),
            "--kernel: cannot be combined with --angle and --size, which are for named filters",
        ),
        ((), "--filter: missing; for example: --filter sobel-x (convcli filters lists all filters)"),
    ],
)  # fmt: skip
def test_wrong_filter_parameters(
    convcli: Runner, in_folder: Path, arguments: tuple[str, ...], start: str
) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", *arguments, "--out-dir", "results")
    assert_failed(ran, 2, f"{start}")


@pytest.mark.usefixtures("gray")
def test_filter_without_angle_names_those_with_one(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "laplacian", "--angle", "30")
    assert_failed(ran, 2, "laplacian: has no option angle; these filters have it: ")
    assert {"sobel-x", "scharr", "gabor"} <= set(ran.err.rpartition(": ")[2].rstrip("\n").split(", "))


@pytest.mark.parametrize(
    "typed",
    [
        LOPSIDED_TEXT,
        "1,2,0;-3,0,5;0,-7,1",
        "1, 2, 0; -3, 0, 5; 0, -7, 1;",
        "1 2 0\n-3 0 5\n0 -7 1\n",
        "1.0 2e0 0/3; -6/2 -0 10/2; 0 -7.0 1",
    ],
)
def test_typed_kernel(convcli: Runner, gray: Array, typed: str) -> None:
    ran = convcli("apply", "gray.png", "--kernel", typed, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    values = np.load("out.npy")
    assert values.dtype == np.int16
    assert (values == filtered(gray, LOPSIDED)).all()


def test_typed_kernel_may_begin_with_a_minus(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--kernel", "-1 0 1; -2 0 2; -1 0 1", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, SOBEL_X)).all()


def test_fractions_in_a_typed_kernel(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--kernel", "1/4 1/2 1/4", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    expected = filtered(gray, np.array([[0.25, 0.5, 0.25]]), amounts=((0, 0), (1, 1))).astype(float)
    assert (np.load("out.npy") == expected).all()


@pytest.mark.parametrize(
    ("kernel", "amounts"),
    [
        ([[1, 2], [3, 5]], ((0, 1), (0, 1))),
        ([[1, 2, 3, 5]], ((0, 0), (1, 2))),
        ([[1], [2], [3]], ((1, 1), (0, 0))),
        ([[1, 2, 3], [4, 5, 7]], ((0, 1), (1, 1))),
        ([[3]], ((0, 0), (0, 0))),
    ],
)
def test_any_rectangle_is_a_kernel_and_even_ones_stand_on_their_upper_left_middle(
    convcli: Runner, gray: Array, kernel: list[list[int]], amounts: reference.PaddingAmounts
) -> None:
    typed = ";".join(" ".join(map(str, row)) for row in kernel)
    assert convcli("apply", "gray.png", "--kernel", typed, "-o", "out.npy").all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, np.array(kernel), amounts=amounts)).all()


@pytest.mark.parametrize("name", ["mine.csv", "mine.txt", "mine.json", "named.json", "mine.npy"])
def test_kernel_file(convcli: Runner, gray: Array, in_folder: Path, name: str) -> None:
    if name.endswith(".npy"):
        np.save(in_folder / name, LOPSIDED)
    else:
        texts = {
            "mine.csv": "1,2,0\n-3,0,5\n0,-7,1\n",
            "mine.txt": "# mine\n1 2 0\n-3 0 5\n0 -7 1\n",
            "mine.json": json.dumps(LOPSIDED.tolist()),
            "named.json": json.dumps({"kernel": LOPSIDED.tolist(), "name": "mine"}),
        }
        (in_folder / name).write_text(texts[name])
    assert convcli("apply", "gray.png", "--kernel", f"@{name}", "-o", "out.npy").all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, LOPSIDED)).all()


def test_filters_and_kernels_together(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--kernel", LOPSIDED_TEXT, "--filter", "sobel-x")
    assert ran.all == (0, "gray-sobel-x.png\ngray-kernel.png\n", "")
    assert (opened("gray-sobel-x.png") == rendered(filtered(gray, SOBEL_X))).all()
    assert (opened("gray-kernel.png") == rendered(filtered(gray, LOPSIDED))).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("1 0 -1; 2 0; 1 0 -1", "row 2 has 2 numbers, but row 1 has 3"),
        ("1 nan; 2 3", "row 1, column 2 is nan, not finite"),
        ("1 2; 3 -inf", "row 2, column 2 is -inf, not finite"),
        ("1 2; sobel 3", "row 2, column 1 is 'sobel', not a number"),
        ("1,,2", "row 1, column 2 is empty"),
        ("1 1/0", "row 1, column 2 is '1/0', a division by zero"),
        ("1 2;;3 4", "has an empty row in '1 2;;3 4'"),
        ("", 'is empty; write rows such as "1 0 -1; 2 0 -2; 1 0 -1"'),
        ("  ", 'is empty; write rows such as "1 0 -1; 2 0 -2; 1 0 -1"'),
        (";", "has an empty row in ';'"),
    ],
)
def test_typed_kernel_that_is_none(convcli: Runner, in_folder: Path, typed: str, why: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--kernel", typed, "--out-dir", "results")
    assert ran.all == (2, "", f"convcli: --kernel: {why}\n")


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("k.csv", b"1,2\n3\n", "row 2 has 1 number, but row 1 has 2"),
        ("k.csv", b"1,x\n", "row 1, column 2 is 'x', not a number"),
        ("k.csv", b"", 'is empty; write rows such as "1 0 -1; 2 0 -2; 1 0 -1"'),
        ("k.txt", b"\xff\xfe1 2", "is not UTF-8 text"),
        ("k.json", b"[[1, 2], [3]]", "has rows of different lengths"),
        ("k.json", b'{"taps": [[1]]}', 'has no "kernel"; write {"kernel": [[1, 0, -1]]}'),
        ("k.json", b"[[1, NaN]]", "row 1, column 2 is nan, not finite"),
        ("k.json", b"[1, 2]", "must have two to four axes (f_h, f_w, C, F); its shape is (2,)"),
        ("k.yaml", b"- 1", "the name of a kernel file must end in .csv, .txt, .json or .npy"),
        ("k", b"1 2", "the name of a kernel file must end in .csv, .txt, .json or .npy"),
    ],
)
def test_kernel_file_that_is_none(convcli: Runner, in_folder: Path, name: str, data: bytes, why: str) -> None:
    (in_folder / name).write_bytes(data)
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--kernel", f"@{name}")
    assert ran.all == (2, "", f"convcli: {name}: {why}\n")


@pytest.mark.usefixtures("gray")
def test_missing_kernel_file(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--kernel", "@none.csv")
    assert ran.all == (2, "", "convcli: none.csv: no such file or directory\n")


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
def test_magnitude_is_the_length_of_the_gradient(convcli: Runner, gray: Array, name: str) -> None:
    smoothing = {"sobel": [1, 2, 1], "prewitt": [1, 1, 1], "scharr": [3, 10, 3]}[name]
    kernel = np.multiply.outer(smoothing, [-1, 0, 1])
    assert convcli("apply", "gray.png", "--filter", name, "-o", "out.npy").all == (0, "out.npy\n", "")
    pairs = zip(filtered(gray, kernel).ravel(), filtered(gray, kernel.T).ravel(), strict=True)
    expected = np.array([math.hypot(x, y) for x, y in pairs]).reshape(gray.shape)
    np.testing.assert_allclose(np.load("out.npy"), expected, rtol=1e-6)


def test_magnitude_as_pixels_is_rounded_and_saturated(convcli: Runner, gray: Array) -> None:
    assert convcli("apply", "gray.png", "--filter", "sobel").all == (0, "gray-sobel.png\n", "")
    pairs = zip(filtered(gray).ravel(), filtered(gray, SOBEL_Y).ravel(), strict=True)
    expected = np.array([min(round(math.hypot(x, y)), 255) for x, y in pairs]).reshape(gray.shape)
    assert (opened("gray-sobel.png") == expected).all()


@pytest.mark.parametrize(
    ("name", "ring"),
    [("kirsch", [5, 5, 5, -3, -3, -3, -3, -3]), ("robinson", [1, 2, 1, 0, -1, -2, -1, 0])],
)
def test_compass_is_the_strongest_of_eight_directions(
    convcli: Runner, gray: Array, name: str, ring: list[int]
) -> None:
    places = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    responses = []
    for turn in range(8):
        kernel = np.zeros((3, 3), int)
        for cell, tap in zip(places, ring[turn:] + ring[:turn], strict=True):
            kernel[cell] = tap
        responses.append(filtered(gray, kernel))
    assert convcli("apply", "gray.png", "--filter", name, "-o", "out.npy").all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == np.max(responses, axis=0)).all()


# How the kernel moves -------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--padding", "--p"])
@pytest.mark.parametrize(
    ("padding", "amounts"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("same", ((1, 1), (1, 1))),
        ("0", ((0, 0), (0, 0))),
        ("2", ((2, 2), (2, 2))),
        ("1x3", ((1, 1), (3, 3))),
        ("0:1x2:0", ((0, 1), (2, 0))),
        ("4:0x1", ((4, 0), (1, 1))),
    ],
)
def test_padding(
    convcli: Runner, gray: Array, option: str, padding: str, amounts: reference.PaddingAmounts
) -> None:
    ran = convcli("apply", "gray.png", "--kernel", LOPSIDED_TEXT, option, padding, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    expected = filtered(gray, LOPSIDED, amounts=amounts)
    assert np.load("out.npy").shape == expected.shape
    assert (np.load("out.npy") == expected).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("padding", "start"),
    [
        ("sme", "padding 'sme': must be valid, same, a number, AxB "),
        ("-1", "padding '-1': must be "),
        ("1.5", "padding '1.5': must be "),
        ("1x2x3", "padding '1x2x3': has more than two parts; write AxB or T:BxL:R"),
        ("1:2:3", "padding '1:2:3': has more than two amounts on an axis; write T:BxL:R"),
        ("", "padding '': must be "),
    ],
)
def test_impossible_padding(convcli: Runner, in_folder: Path, padding: str, start: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--padding", padding)
    assert_failed(ran, 2, f"{start}")


@pytest.mark.parametrize("padding", ["2", "1:3x0:2"])
@pytest.mark.parametrize(
    "border", ["zero", "constant:7", "constant:-40", "edge", "reflect", "symmetric", "wrap"]
)
def test_border(convcli: Runner, gray: Array, border: str, padding: str) -> None:
    ran = (
        convcli(
            "apply", "gray.png", "--kernel", LOPSIDED_TEXT, "--border", border, "-p", padding, "-o", "out.npy"
        )
        if False
        else convcli(
            "apply",
            "gray.png",
            "--kernel",
            LOPSIDED_TEXT,
            "--border",
            border,
            "--p",
            padding,
            "-o",
            "out.npy",
        )
    )
    assert ran.all == (0, "out.npy\n", "")
    amounts: reference.PaddingAmounts = ((2, 2), (2, 2)) if padding == "2" else ((1, 3), (0, 2))
    assert (np.load("out.npy") == filtered(gray, LOPSIDED, amounts=amounts, border=border)).all()


def test_edge_is_the_border_unless_given(convcli: Runner, gray: Array) -> None:
    assert convcli("apply", "gray.png", "--filter", "sobel-x", "-o", "out.npy").all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, border="edge")).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("border", "line"),
    [
        ("edgee", "border 'edgee': unknown value; did you mean edge?"),
        ("constant", "border 'constant': constant takes a finite number, as in constant:128"),
        ("constant:nan", "border 'constant:nan': constant takes a finite number, as in constant:128"),
        ("zero:3", "border 'zero:3': only constant takes a value, as in constant:128"),
    ],
)
def test_wrong_border(convcli: Runner, in_folder: Path, border: str, line: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--border", border)
    assert ran.all == (2, "", f"convcli: {line}\n")


@pytest.mark.parametrize(("text", "stride"), [("2", (2, 2)), ("3x2", (3, 2)), ("1x9", (1, 9))])
def test_stride(convcli: Runner, gray: Array, text: str, stride: tuple[int, int]) -> None:
    ran = convcli(
        "apply", "gray.png", "--kernel", LOPSIDED_TEXT, "--padding", "1", "--stride", text, "-o", "out.npy"
    )
    assert ran.all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, LOPSIDED, stride=stride)).all()


def test_same_with_a_stride_gives_a_pixel_for_every_step_begun(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--kernel", LOPSIDED_TEXT, "--stride", "2x4", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    # 7 rows: 4 windows from -1 to 7; 9 columns: 3 windows from -1 to 9
    assert (np.load("out.npy") == filtered(gray, LOPSIDED, stride=(2, 4))).all()
    assert np.load("out.npy").shape == (4, 3)


@pytest.mark.parametrize(("text", "dilation"), [("2", (2, 2)), ("1x3", (1, 3)), ("3x1", (3, 1))])
def test_dilation(convcli: Runner, gray: Array, text: str, dilation: tuple[int, int]) -> None:
    ran = convcli(
        "apply", "gray.png", "--kernel", LOPSIDED_TEXT, "--padding", "1", "--dilation", text, "-o", "out.npy"
    )
    assert ran.all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(gray, LOPSIDED, dilation=dilation)).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize("option", ["--stride", "--dilation"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two", "nan", ""])
def test_impossible_step(convcli: Runner, in_folder: Path, option: str, value: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", option, value)
    name = option.removeprefix("--")
    assert_failed(ran, 2, f"{name} {value!r}: must be ")


@pytest.mark.parametrize("flags", [(), ("--flip",)])
def test_flip_turns_the_kernel_half_round(convcli: Runner, gray: Array, flags: tuple[str, ...]) -> None:
    ran = convcli("apply", "gray.png", "--kernel", LOPSIDED_TEXT, *flags, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    turned = LOPSIDED[::-1, ::-1] if flags else LOPSIDED
    assert (np.load("out.npy") == filtered(gray, turned)).all()


# From numbers to pixels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", ["abs", "clip", "center", "stretch"])
def test_signed(convcli: Runner, photo: Array, mapping: str) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--signed", mapping)
    assert ran.all == (0, "photo-sobel-x.png\n", "")
    assert (opened("photo-sobel-x.png") == rendered(filtered(photo), mapping)).all()


def test_signed_gray_says_what_the_levels_mean(convcli: Runner, photo: Array) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--signed", "gray", "--json")
    values = filtered(photo)
    assert (opened("photo-sobel-x.png") == rendered(values, "gray")).all()
    levels, magnitude = max((127, values.max()), (128, -values.min()), key=lambda end: end[1] / end[0])
    assert json.loads(ran.out)["gray"] == {"zero": 128, "step": magnitude / levels}
    black, white = (f"{end * magnitude / levels:.6g}" for end in (-128, 127))
    assert ran.err == f"convcli: note: photo.png: zero is gray 128, black {black}, white {white}\n"


def test_signed_raw_keeps_numbers(convcli: Runner, photo: Array) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--signed", "raw")
    assert ran.all == (0, "photo-sobel-x.npy\n", "")
    assert (np.load("photo-sobel-x.npy") == filtered(photo)).all()


def test_signed_raw_in_a_float_tiff(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--filter", "sobel-x", "--signed", "raw", "-o", "out.tiff")
    assert ran.all == (0, "out.tiff\n", "")
    assert mode_of("out.tiff") == "F"
    assert (opened("out.tiff") == filtered(gray)).all()


@pytest.mark.usefixtures("photo")
def test_abs_is_the_default(convcli: Runner) -> None:
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "-o", "default.png").code == 0
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "--signed", "abs", "-o", "abs.png").code == 0
    assert Path("default.png").read_bytes() == Path("abs.png").read_bytes()


@pytest.mark.usefixtures("gray")
def test_unknown_signed(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--signed", "centered")
    assert ran.all == (2, "", "convcli: --signed 'centered': unknown value; did you mean center?\n")


@pytest.mark.usefixtures("photo")
def test_option_values_have_both_spellings(convcli: Runner) -> None:
    for name, words in {
        "american.png": ("--channels", "gray", "--signed", "center"),
        "british.png": ("--channels", "grey", "--signed", "centre"),
    }.items():
        assert convcli("apply", "photo.png", "--filter", "sobel-x", *words, "-o", name).code == 0
    assert Path("british.png").read_bytes() == Path("american.png").read_bytes()


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("0.25", Fraction(1, 4)),
        ("1/4", Fraction(1, 4)),
        ("gain", Fraction(1, 4)),
        ("-2", Fraction(-2)),
        ("3", Fraction(3)),
        ("0", Fraction(0)),
    ],
)
def test_scale(convcli: Runner, gray: Array, text: str, factor: Fraction) -> None:
    ran = convcli(
        "apply", "gray.png", "--filter", "sobel-x", "--scale", text, "--signed", "clip", "-o", "out.png"
    )
    assert ran.all == (0, "out.png\n", "")
    assert (opened("out.png") == rendered(filtered(gray), "clip", scale=factor)).all()


def test_gain_makes_an_edge_from_black_to_white_white(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "edge.png", np.array([[0, 0, 255, 255]] * 3, np.uint8))
    ran = convcli("apply", "edge.png", "--filter", "sobel-x", "--scale", "gain")
    assert ran.all == (0, "edge-sobel-x.png\n", "")
    assert opened("edge-sobel-x.png").tolist() == [[0, 255, 255, 0]] * 3


def test_gain_is_each_filters_own(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "edge.png", np.array([[0, 0, 255, 255]] * 3, np.uint8))
    ran = convcli("apply", "edge.png", "--filter", "prewitt-x", "--filter", "scharr-x", "--scale", "gain")
    assert ran.all == (0, "edge-prewitt-x.png\nedge-scharr-x.png\n", "")
    assert opened("edge-prewitt-x.png").tolist() == [[0, 255, 255, 0]] * 3
    assert opened("edge-scharr-x.png").tolist() == [[0, 255, 255, 0]] * 3


@pytest.mark.usefixtures("gray")
def test_gain_of_zero_cannot_divide(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--kernel", "0 0 0", "--scale", "gain")
    why = "has a gain of 0, so --scale gain cannot divide by it"
    assert ran.all == (2, "", f"convcli: kernel: {why}\n")


@pytest.mark.parametrize("bias", ["100", "-30", "0.5"])
def test_bias_is_added_to_the_scaled_result(convcli: Runner, gray: Array, bias: str) -> None:
    ran = convcli("apply", "gray.png", "--filter", "sobel-x", "--scale", "2", "--bias", bias, "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == 2 * filtered(gray).astype(float) + float(bias)).all()


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--scale", "half"), "--scale 'half': must be a number, as in 70, 0.25 or 1/4, or gain"),
        (("--scale", "inf"), "--scale 'inf': must be a number, as in 70, 0.25 or 1/4, or gain"),
        (("--scale", "1 2"), "--scale '1 2': must be a number, as in 70, 0.25 or 1/4, or gain"),
        (("--bias", "nan"), "--bias 'nan': must be a number, as in 70, 0.25 or 1/4"),
    ],
)
def test_wrong_scale_or_bias(convcli: Runner, in_folder: Path, arguments: tuple[str, ...], line: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", *arguments)
    assert ran.all == (2, "", f"convcli: {line}\n")


# Channels -------------------------------------------------------------------------------------------------


def test_each_channel_on_its_own_is_the_default(convcli: Runner, photo: Array) -> None:
    assert convcli("apply", "photo.png", "--filter", "sobel-x", "-o", "default.npy").code == 0
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--channels", "each", "-o", "each.npy")
    assert ran.all == (0, "each.npy\n", "")
    for channel in range(3):
        assert (np.load("each.npy")[..., channel] == filtered(photo[..., channel])).all()
    assert (np.load("default.npy") == np.load("each.npy")).all()


def test_gray_is_pillows_luma(convcli: Runner, in_folder: Path) -> None:
    colors = noise((40, 50, 3), seed=3)
    save(in_folder / "photo.png", colors)
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--channels", "gray", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    luma = np.array(Image.fromarray(colors).convert("L"))
    assert (np.load("out.npy") == filtered(luma)).all()


@pytest.mark.parametrize(("which", "channel"), [("r", 0), ("g", 1), ("b", 2)])
def test_one_channel(convcli: Runner, photo: Array, which: str, channel: int) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--channels", which)
    assert ran.all == (0, "photo-sobel-x.png\n", "")
    assert mode_of("photo-sobel-x.png") == "L"
    assert (opened("photo-sobel-x.png") == rendered(filtered(photo[..., channel]))).all()


def test_gray_of_a_gray_picture_is_the_picture(convcli: Runner, gray: Array) -> None:
    ran = convcli("apply", "gray.png", "--filter", "identity", "--channels", "gray")
    assert ran.all == (0, "gray-identity.png\n", "")
    assert (opened("gray-identity.png") == gray).all()


@pytest.mark.usefixtures("gray")
def test_gray_picture_has_no_red(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--channels", "r")
    why = "channels r: the image has 1 channel, not red, green and blue; leave out --channels"
    assert ran.all == (1, "", f"convcli: gray.png: {why}\n")


@pytest.mark.usefixtures("gray")
def test_unknown_channels(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "gray.png", "--filter", "box", "--channels", "greys")
    assert ran.all == (2, "", "convcli: --channels 'greys': unknown value; did you mean gray?\n")


def test_gray_keeps_alpha(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((5, 6, 4))
    save(in_folder / "clear.png", pixels)
    ran = convcli("apply", "clear.png", "--filter", "identity", "--channels", "gray")
    assert ran.all == (0, "clear-identity.png\n", "")
    assert mode_of("clear-identity.png") == "LA"
    luma = np.array(Image.fromarray(pixels[..., :3]).convert("L"))
    assert (opened("clear-identity.png") == np.dstack([luma, pixels[..., 3]])).all()


# What pictures are made of --------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "mode"), [(2, "LA"), (4, "RGBA")])
@pytest.mark.parametrize("name", ["sobel-x", "sobel", "box"])
def test_alpha_stays_byte_for_byte(
    convcli: Runner, in_folder: Path, channels: int, mode: str, name: str
) -> None:
    pixels = noise((7, 9, channels))
    pixels[2:4, :, -1] = 0
    save(in_folder / "clear.png", pixels)
    ran = convcli("apply", "clear.png", "--filter", name)
    assert ran.all == (0, f"clear-{name}.png\n", "")
    assert mode_of(f"clear-{name}.png") == mode
    assert opened(f"clear-{name}.png")[..., -1].tobytes() == pixels[..., -1].tobytes()


def test_color_under_alpha_is_filtered_as_it_is(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((7, 9, 4))
    save(in_folder / "clear.png", pixels)
    assert convcli("apply", "clear.png", "--filter", "sobel-x").all == (0, "clear-sobel-x.png\n", "")
    assert (opened("clear-sobel-x.png")[..., :3] == rendered(filtered(pixels[..., :3]))).all()


@pytest.mark.parametrize(
    ("options", "rows", "columns"),
    [
        (("--padding", "valid"), range(1, 6), range(1, 8)),
        (("--padding", "valid", "--stride", "2"), range(1, 6, 2), range(1, 8, 2)),
        (("--padding", "valid", "--dilation", "2x3"), range(2, 5), range(3, 6)),
        (("--stride", "2x3"), range(0, 7, 2), [1, 4, 7]),
        (("--padding", "1", "--stride", "3x4"), range(0, 7, 3), range(0, 9, 4)),
        (("--padding", "0:1x2:0"), [1, 2, 3, 4, 5, 6], [0, 0, 1, 2, 3, 4, 5, 6, 7]),
        (
            (
                "--padding",
                "2",
            ),
            [0, 0, 1, 2, 3, 4, 5, 6, 6],
            [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8],
        ),
    ],
)
def test_alpha_keeps_step_with_the_filter(
    convcli: Runner, in_folder: Path, options: tuple[str, ...], rows: list[int], columns: list[int]
) -> None:
    pixels = noise((7, 9, 4))
    save(in_folder / "clear.png", pixels)
    ran = convcli("apply", "clear.png", "--filter", "sobel-x", *options)
    assert ran.all == (0, "clear-sobel-x.png\n", "")
    expected = pixels[..., 3][np.ix_(list(rows), list(columns))]
    assert opened("clear-sobel-x.png")[..., 3].tolist() == expected.tolist()


def test_sixteen_bit_gray_stays_sixteen_bit(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((7, 9), "uint16")
    save(in_folder / "deep.png", pixels)
    assert convcli("apply", "deep.png", "--filter", "sobel-x").all == (0, "deep-sobel-x.png\n", "")
    assert mode_of("deep-sobel-x.png") == "I;16"
    assert (opened("deep-sobel-x.png") == rendered(filtered(pixels), depth=16)).all()


@pytest.mark.parametrize("name", ["out.png", "out.tiff", "out.pgm"])
def test_sixteen_bit_gray_is_exact_in(convcli: Runner, in_folder: Path, name: str) -> None:
    pixels = noise((7, 9), "uint16")
    save(in_folder / "deep.tiff", pixels)
    assert convcli("apply", "deep.tiff", "--filter", "identity", "-o", name).all == (0, f"{name}\n", "")
    assert opened(name).tolist() == pixels.tolist()


def test_sixteen_bit_gray_is_not_cut_to_eight(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "deep.png", noise((5, 5), "uint16"))
    with nothing_changes(in_folder):
        ran = convcli("apply", "deep.png", "--filter", "box", "-o", "out.jpg")
    why = "jpeg cannot hold 16-bit pixels; use png, tiff, pnm or npy"
    assert ran.all == (1, "", f"convcli: out.jpg: {why}\n")


def test_sixteen_bit_center_is_at_half(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "deep.png", np.full((4, 4), 1234, np.uint16))
    ran = convcli("apply", "deep.png", "--filter", "sobel-x", "--signed", "center")
    assert ran.all == (0, "deep-sobel-x.png\n", "")
    assert opened("deep-sobel-x.png").tolist() == [[32768] * 4] * 4


def test_one_bit_becomes_gray(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((6, 10)) > 127
    save(in_folder / "bits.png", pixels)
    assert mode_of("bits.png") == "1"
    assert convcli("apply", "bits.png", "--filter", "box").all == (0, "bits-box.png\n", "")
    assert mode_of("bits-box.png") == "L"
    sums = filtered(pixels.astype(int) * 255, np.ones((3, 3), int))
    assert (opened("bits-box.png") == rendered(sums, scale=Fraction(1, 9))).all()


def palette_picture(path: Path, **options: Any) -> Array:
    """Write a palette picture of three colors, and return its indices."""
    indices = noise((5, 6)) % 3
    image = Image.new("P", (6, 5))
    image.putdata([int(index) for index in indices.ravel()])
    image.putpalette([10, 20, 30, 40, 50, 60, 200, 100, 0])
    image.save(path, **options)
    return indices


PALETTE = np.array([[10, 20, 30], [40, 50, 60], [200, 100, 0]])


def test_palette_becomes_color(convcli: Runner, in_folder: Path) -> None:
    indices = palette_picture(in_folder / "few.png")
    assert convcli("apply", "few.png", "--filter", "sobel-x").all == (0, "few-sobel-x.png\n", "")
    assert mode_of("few-sobel-x.png") == "RGB"
    assert (opened("few-sobel-x.png") == rendered(filtered(PALETTE[indices]))).all()


@pytest.mark.parametrize("name", ["few.png", "few.gif"])
def test_transparent_palette_color_becomes_alpha(convcli: Runner, in_folder: Path, name: str) -> None:
    indices = palette_picture(in_folder / name, transparency=1)
    assert convcli("apply", name, "--filter", "sobel-x").all == (0, "few-sobel-x.png\n", "")
    assert mode_of("few-sobel-x.png") == "RGBA"
    result = opened("few-sobel-x.png")
    assert (result[..., 3] == np.where(indices == 1, 0, 255)).all()
    assert (result[..., :3] == rendered(filtered(PALETTE[indices]))).all()


def test_cmyk_is_converted_and_that_is_said(convcli: Runner, in_folder: Path) -> None:
    image = Image.fromarray(noise((5, 6, 4)), "CMYK")
    image.save(in_folder / "print.tiff")
    ran = convcli("apply", "print.tiff", "--filter", "identity")
    assert ran.all == (0, "print-identity.png\n", "convcli: note: print.tiff: CMYK was converted to RGB\n")
    assert (opened("print-identity.png") == np.array(image.convert("RGB"))).all()


def test_float_tiff_gives_a_float_tiff(convcli: Runner, in_folder: Path) -> None:
    numbers = (noise((7, 9)) / 16 - 5).astype(np.float32)
    save(in_folder / "heights.tiff", numbers)
    assert convcli("apply", "heights.tiff", "--filter", "sobel-x").all == (0, "heights-sobel-x.tiff\n", "")
    assert mode_of("heights-sobel-x.tiff") == "F"
    assert (opened("heights-sobel-x.tiff") == filtered(numbers).astype(np.float32)).all()


def test_float_tiff_as_pixels_when_asked(convcli: Runner, in_folder: Path) -> None:
    numbers = (noise((7, 9)) / 16 - 5).astype(np.float32)
    save(in_folder / "heights.tiff", numbers)
    ran = convcli("apply", "heights.tiff", "--filter", "sobel-x", "--signed", "stretch")
    assert ran.all == (0, "heights-sobel-x.png\n", "")
    assert (opened("heights-sobel-x.png") == rendered(filtered(numbers), "stretch")).all()


def test_integer_tiff_gives_numbers(convcli: Runner, in_folder: Path) -> None:
    numbers = noise((7, 9), "int16").astype(np.int32) * 3
    save(in_folder / "counts.tiff", numbers)
    assert convcli("apply", "counts.tiff", "--filter", "sobel-x").all == (0, "counts-sobel-x.tiff\n", "")
    assert mode_of("counts-sobel-x.tiff") == "F"
    assert (opened("counts-sobel-x.tiff") == filtered(numbers)).all()


@pytest.mark.usefixtures("without_extra")
def test_integers_that_a_tiff_would_round_are_refused(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "counts.tiff", noise((7, 9), "int32"))
    with nothing_changes(in_folder):
        ran = convcli("apply", "counts.tiff", "--filter", "sobel-x")
    why = "Pillow would round these numbers to 32 bits in a TIFF; pip install 'convcli[deep]' writes it, or use npy"
    assert ran.all == (1, "", f"convcli: counts-sobel-x.tiff: {why}\n")


@pytest.mark.parametrize(
    ("dtype", "result"), [("uint8", "int16"), ("int16", "int32"), ("uint16", "int32"), ("int32", "int64")]
)
def test_npy_gives_npy_in_the_narrowest_exact_type(
    convcli: Runner, in_folder: Path, dtype: str, result: str
) -> None:
    array = noise((5, 6), dtype)
    np.save(in_folder / "a.npy", array)
    assert convcli("apply", "a.npy", "--filter", "sobel-x").all == (0, "a-sobel-x.npy\n", "")
    values = np.load("a-sobel-x.npy")
    assert values.dtype == np.dtype(result)
    assert (values == filtered(array)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_npy_keeps_its_type(convcli: Runner, in_folder: Path, dtype: str) -> None:
    array = (noise((5, 6, 2)) / 8).astype(dtype)
    np.save(in_folder / "a.npy", array)
    assert convcli("apply", "a.npy", "--filter", "sobel-x").all == (0, "a-sobel-x.npy\n", "")
    values = np.load("a-sobel-x.npy")
    assert values.dtype == np.dtype(dtype)
    assert (values == filtered(array).astype(dtype)).all()


def test_npy_to_a_picture(convcli: Runner, in_folder: Path) -> None:
    array = noise((5, 6, 3))
    np.save(in_folder / "a.npy", array)
    assert convcli("apply", "a.npy", "--filter", "sobel-x", "-o", "out.png").all == (0, "out.png\n", "")
    assert (opened("out.png") == rendered(filtered(array))).all()


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros(3), "array of shape (3,): an image is (H, W) or (H, W, C), and not empty"),
        (np.zeros((0, 3)), "array of shape (0, 3): an image is (H, W) or (H, W, C), and not empty"),
        (np.zeros((2, 2), complex), "holds complex numbers (dtype <c16); real numbers are required"),
    ],
)
def test_npy_that_is_no_image(convcli: Runner, in_folder: Path, array: Array, why: str) -> None:
    np.save(in_folder / "a.npy", array)
    with nothing_changes(in_folder):
        ran = convcli("apply", "a.npy", "--filter", "box")
    assert ran.all == (1, "", f"convcli: a.npy: {why}\n")


@pytest.mark.usefixtures("matrix")
def test_matrix_is_printed_and_nothing_written(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "edge.csv", "--filter", "vertical")
    assert ran.all == (0, "0 0 30 30 0 0\n" * 6, "")


@pytest.mark.usefixtures("matrix")
def test_matrix_is_aligned_on_a_terminal(terminal: Runner) -> None:
    ran = terminal("apply", "edge.csv", "--filter", "sobel-x", "--padding", "valid")
    title = "edge.csv, sobel-x  (4x4, int16 from -40 to 0)\n"
    assert ran.all == (0, title + "  0 -40 -40   0\n" * 4, "")


@pytest.mark.usefixtures("matrix")
@pytest.mark.parametrize(
    ("signed", "header", "row"),
    [
        ("raw", "int16 from -30 to 0", "  0 -30 -30   0\n"),
        ("abs", "uint8 from 0 to 30", " 0 30 30  0\n"),
        ("clip", "uint8 from 0 to 0); 8 values saturated (fewer with --scale gain", "0 0 0 0\n"),
        ("center", "uint8 from 98 to 128", "128  98  98 128\n"),
        ("stretch", "uint8 from 0 to 255", "255   0   0 255\n"),
        ("gray", "uint8 from 0 to 128", "128   0   0 128\n"),
    ],
)
def test_the_title_of_a_matrix_describes_what_is_printed(
    terminal: Runner, signed: str, header: str, row: str
) -> None:
    kernel = "-1 0 1; -1 0 1; -1 0 1"
    ran = terminal("apply", "edge.csv", "--kernel", kernel, "--padding", "0", "--signed", signed)
    note = "convcli: note: edge.csv: zero is gray 128, black -30, white 29.7656\n" * (signed == "gray")
    assert ran.all == (0, f"edge.csv, kernel  (4x4, {header})\n" + row * 4, note)


@pytest.mark.usefixtures("matrix")
def test_each_map_of_a_bank_is_printed_below_its_own_title(terminal: Runner) -> None:
    ran = terminal("apply", "edge.csv", "--bank", "sobel:2", "--padding", "valid")
    first = "edge.csv, sobel-2  (4x4, int16 from -40 to 0)\n" + "  0 -40 -40   0\n" * 4
    assert ran.all == (0, f"{first}\nedge.csv, sobel-2  (4x4, int16 from 0 to 0)\n" + "0 0 0 0\n" * 4, "")


def test_fractions_of_a_matrix_are_printed_in_full(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a.txt").write_text("0.1 0.2 1e-3\n")
    ran = convcli("apply", "a.txt", "--filter", "identity")
    assert ran.all == (0, "0.1 0.2 0.001\n", "")


@pytest.mark.usefixtures("matrix")
@pytest.mark.parametrize(
    ("name", "text"), [("out.csv", "0,0,30,30,0,0\n" * 6), ("out.txt", "0 0 30 30 0 0\n" * 6)]
)
def test_matrix_to_a_text_file(convcli: Runner, in_folder: Path, name: str, text: str) -> None:
    assert convcli("apply", "edge.csv", "--filter", "vertical", "-o", name).all == (0, f"{name}\n", "")
    assert (in_folder / name).read_text() == text


def test_matrix_to_npy(convcli: Runner, matrix: Array) -> None:
    assert convcli("apply", "edge.csv", "--filter", "sobel-x", "-o", "out.npy").all == (0, "out.npy\n", "")
    assert (np.load("out.npy") == filtered(matrix)).all()


def test_matrix_to_a_picture(convcli: Runner, matrix: Array) -> None:
    assert convcli("apply", "edge.csv", "--filter", "sobel-x", "-o", "out.png").all == (0, "out.png\n", "")
    assert mode_of("out.png") == "L"
    assert (opened("out.png") == rendered(filtered(matrix))).all()


@pytest.mark.usefixtures("matrix")
def test_matrix_to_a_folder(convcli: Runner, in_folder: Path) -> None:
    ran = convcli("apply", "edge.csv", "--filter", "vertical", "--out-dir", "results")
    assert ran.all == (0, "results/edge-vertical.csv\n", "")
    assert (in_folder / "results" / "edge-vertical.csv").read_text() == "0,0,30,30,0,0\n" * 6


@pytest.mark.usefixtures("matrix")
def test_matrix_given_out_is_read_in_again(convcli: Runner, in_folder: Path) -> None:
    once = convcli("apply", "edge.csv", "--filter", "gaussian:sigma=0.7")
    (in_folder / "again.txt").write_text(once.out)
    assert convcli("apply", "again.txt", "--filter", "identity").all == (0, once.out, "")


def deep_color_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + struct.pack(">6H", 1, 2, 3, 40000, 50000, 60000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("deep.png", deep_color_png()),
        ("deep.ppm", b"P6 2 1 65535\n" + struct.pack(">6H", 1, 2, 3, 40000, 50000, 60000)),
    ],
)
def test_sixteen_bit_color_is_kept(convcli: Runner, in_folder: Path, name: str, data: bytes) -> None:
    (in_folder / name).write_bytes(data)
    ran = convcli("apply", name, "--filter", "identity", "-o", "out.npy")
    assert ran.all == (0, "out.npy\n", "")
    assert np.load("out.npy").tolist() == [[[1, 2, 3], [40000, 50000, 60000]]]


@pytest.mark.usefixtures("without_extra", "numpy_engine")
def test_sixteen_bit_color_names_the_extra(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "deep.png").write_bytes(deep_color_png())
    with nothing_changes(in_folder):
        ran = convcli("apply", "deep.png", "--filter", "box")
    why = "holds 16 bits per color channel, which Pillow would cut to 8; pip install 'convcli[deep]' reads it"
    assert ran.all == (1, "", f"convcli: deep.png: {why}\n")


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.tiff", "out.webp"])
def test_color_profile_stays(convcli: Runner, in_folder: Path, name: str) -> None:
    save(in_folder / "photo.png", noise((16, 16, 3)), icc_profile=SRGB)
    assert convcli("apply", "photo.png", "--filter", "box", "-o", name).all == (0, f"{name}\n", "")
    with Image.open(name) as image:
        assert image.info["icc_profile"] == SRGB


def test_color_profile_that_no_longer_fits_is_dropped_with_a_note(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "photo.png", noise((5, 6, 3)), icc_profile=SRGB)
    ran = convcli("apply", "photo.png", "--filter", "box", "--channels", "gray")
    note = "convcli: note: photo.png: the color profile does not fit the result and is dropped\n"
    assert ran.all == (0, "photo-box.png\n", note)
    with Image.open("photo-box.png") as image:
        assert "icc_profile" not in image.info


def test_color_profile_that_the_format_cannot_hold_is_dropped_with_a_note(
    convcli: Runner, in_folder: Path
) -> None:
    save(in_folder / "photo.png", noise((5, 6, 3)), icc_profile=SRGB)
    ran = convcli("apply", "photo.png", "--filter", "box", "-o", "out.bmp")
    assert ran.all == (0, "out.bmp\n", "convcli: note: photo.png: bmp cannot hold the color profile\n")


def test_alpha_that_numbers_cannot_hold_is_dropped_with_a_note(convcli: Runner, in_folder: Path) -> None:
    pixels = noise((5, 6, 4))
    save(in_folder / "clear.png", pixels)
    ran = convcli("apply", "clear.png", "--filter", "sobel-x", "-o", "out.npy")
    assert (ran.code, ran.out) == (0, "out.npy\n")
    assert ran.err.startswith("convcli: note: clear.png: npy cannot hold alpha")
    assert ran.err.count("\n") == 1
    assert (np.load("out.npy") == filtered(pixels[..., :3])).all()


def test_orientation_is_applied_once_and_cleared(convcli: Runner, in_folder: Path) -> None:
    pixels, exif = noise((5, 7, 3)), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    save(in_folder / "turned.png", pixels, exif=exif)
    assert convcli("apply", "turned.png", "--filter", "sobel-x").all == (0, "turned-sobel-x.png\n", "")
    upright = np.rot90(pixels, -1)
    assert (opened("turned-sobel-x.png") == rendered(filtered(upright))).all()
    with Image.open("turned-sobel-x.png") as image:
        assert image.getexif().get(0x0112, 1) == 1


def test_resolution_stays(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "scan.jpg", noise((16, 16)), dpi=(300, 300))
    assert convcli("apply", "scan.jpg", "--filter", "box", "-o", "out.jpg").all == (0, "out.jpg\n", "")
    with Image.open("out.jpg") as image:
        assert image.info["dpi"] == (300, 300)


def test_first_of_several_frames_is_taken_and_that_is_said(convcli: Runner, in_folder: Path) -> None:
    frames = [Image.fromarray(noise((5, 6), seed=seed)) for seed in (1, 2)]
    frames[0].save(in_folder / "moving.png", save_all=True, append_images=frames[1:], default_image=True)
    ran = convcli("apply", "moving.png", "--filter", "identity")
    note = "convcli: note: moving.png: has several frames; the first is used (--frame selects another, --frame all filters all)\n"
    assert ran.all == (0, "moving-identity.png\n", note)
    assert (opened("moving-identity.png") == np.array(frames[0])).all()


# JSON -----------------------------------------------------------------------------------------------------


def test_json(convcli: Runner, photo: Array) -> None:
    ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--stride", "2x1", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    record = json.loads(ran.out)
    values = filtered(photo, stride=(2, 1))
    assert list(record) == JSON_KEYS
    assert isinstance(record.pop("seconds"), float)
    assert record.pop("mean") == pytest.approx(float(sum(values.ravel())) / values.size)
    assert record == {
        "input": "photo.png",
        "output": "photo-sobel-x.png",
        "filter": "sobel-x",
        "kernel": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        "gain": 4.0,
        "padding": "same",
        "border": "edge",
        "stride": "2x1",
        "dilation": "1x1",
        "shape_in": "7x9x3",
        "shape_out": "4x9x3",
        "dtype": "int16",
        "min": values.min(),
        "max": values.max(),
        "saturated": sum(abs(value) > 255 for value in values.ravel()),
        "plan": str(plan(photo, get_filter("sobel-x"), stride=(2, 1))),
    }
    assert {type(record[key]) for key in ("min", "max", "saturated")} == {int}
    assert (opened("photo-sobel-x.png") == rendered(values)).all()


def test_json_of_floats_and_all_options(convcli: Runner, gray: Array) -> None:
    ran = convcli(
        "apply", "gray.png", "--kernel", "0.5 0.25", "--padding", "0:1x2", "--border", "constant:3",
        "--dilation", "2", "--bias", "1", "-o", "out.npy", "--json",
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    values = np.load("out.npy")
    assert list(record) == JSON_KEYS
    assert {key: record[key] for key in JSON_KEYS[1:9]} == {
        "output": "out.npy", "filter": "kernel", "kernel": [[0.5, 0.25]], "gain": 0.75, "padding": "0:1x2:2",
        "border": "constant:3", "stride": "1x1", "dilation": "2x2",
    }  # fmt: skip
    assert record["shape_in"] == "7x9"
    assert record["shape_out"] == "8x11"
    assert (record["dtype"], record["saturated"]) == (str(values.dtype), 0)
    assert (record["min"], record["max"]) == (values.min(), values.max())
    assert record["mean"] == pytest.approx(values.mean(dtype=float))
    assert gray.shape == (7, 9)


@pytest.mark.usefixtures("gray")
def test_json_of_a_magnitude_has_both_kernels(convcli: Runner) -> None:
    ran = convcli("apply", "gray.png", "--filter", "sobel", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert list(record) == JSON_KEYS
    assert record["kernel"] == [SOBEL_X.tolist(), SOBEL_Y.tolist()]
    assert record["dtype"] == "float32"


@pytest.mark.usefixtures("photo", "gray")
def test_json_lines_for_several(convcli: Runner) -> None:
    ran = convcli("apply", "photo.png", "gray.png", "--filter", "sobel-x", "--filter", "box", "--json")
    assert (ran.code, ran.err) == (0, "")
    records = [json.loads(line) for line in ran.out.splitlines()]
    lines = [(record["input"], record["filter"]) for record in records]
    assert sorted(lines, key=lambda line: line[0] == "gray.png") == [
        ("photo.png", "sobel-x"), ("photo.png", "box"), ("gray.png", "sobel-x"), ("gray.png", "box"),
    ]  # fmt: skip
    assert all(list(record) == JSON_KEYS for record in records)


@pytest.mark.usefixtures("matrix")
def test_json_of_a_printed_matrix_has_its_values(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "edge.csv", "--filter", "vertical", "--padding", "valid", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert list(record) == [*JSON_KEYS, "values"]
    assert record["output"] is None
    assert record["values"] == [[0, 30, 30, 0]] * 4


def strict_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_of_nan_and_infinity_is_json(convcli: Runner, in_folder: Path) -> None:
    np.save(in_folder / "a.npy", np.array([[1.0, math.nan, 3.0, math.inf, 5.0]]))
    ran = convcli("apply", "a.npy", "--filter", "identity", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = strict_json(ran.out)
    assert (record["min"], record["max"], record["mean"]) == (1, 5, 3)


def test_json_of_nothing_but_nan_is_json(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a.csv").write_text("nan,nan\n")
    ran = convcli("apply", "a.csv", "--filter", "identity", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = strict_json(ran.out)
    assert (record["min"], record["max"], record["mean"], record["values"]) == (
        None,
        None,
        None,
        [[None, None]],
    )


def test_json_of_numbers_whose_mean_is_beyond_them_is_json(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "a.csv").write_text("1e308,1e308\n")
    ran = convcli("apply", "a.csv", "--filter", "identity", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = strict_json(ran.out)
    assert (record["min"], record["max"], record["values"]) == (1e308, 1e308, [[1e308, 1e308]])


def test_nan_becomes_black_and_is_counted(convcli: Runner, in_folder: Path) -> None:
    np.save(in_folder / "a.npy", np.array([[1.0, math.nan, 300.0, math.inf]]))
    ran = convcli("apply", "a.npy", "--filter", "identity", "-o", "out.png", "--json")
    assert (ran.code, ran.err) == (
        0,
        "convcli: note: a.npy: 1 NaN was written as 0; --nan ignore leaves NaN out of the windows\n"
        "convcli: note: a.npy: 50 % of the pixels saturate; --signed stretch or --scale 0.8 shows them, "
        "-o x.npy keeps the numbers\n",
    )
    record = strict_json(ran.out)
    assert (record["saturated"], record["nan"]) == (3, 1)
    assert opened("out.png").tolist() == [[1, 0, 255, 255]]


# Terminals ------------------------------------------------------------------------------------------------


def test_terminal_shows_size_type_and_range(terminal: Runner, in_folder: Path) -> None:
    save(in_folder / "edge.png", np.array([[0, 0, 100, 100]] * 3, np.uint8))
    ran = terminal("apply", "edge.png", "--filter", "sobel-x")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        "edge-sobel-x.png  (3x4, int16 from 0 to 400); 6 values saturated (fewer with --scale gain)"
    )
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--filter", "sharpen"),
        ("--filter", "sobel-x", "--scale", "2"),
        ("--filter", "sobel-x", "--bias", "1"),
        ("--filter", "sobel-x", "--scale", "gain", "--bias", "200"),
        ("--kernel", "0.9; 0.1", "--bias", "200"),
        ("--bank", "sobel:1", "--signed", "abs"),
    ],
)
def test_no_hint_where_the_gain_does_not_saturate(
    terminal: Runner, in_folder: Path, options: tuple[str, ...]
) -> None:
    save(in_folder / "edge.png", np.array([[0, 0, 255, 255]] * 3, np.uint8))
    ran = terminal("apply", "edge.png", *options, "-o", "out.png")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith(" saturated\n")


def test_terminal_of_its_own(in_folder: Path) -> None:
    (in_folder / "edge.csv").write_text("10,10,0,0\n" * 3)
    ran = on_terminal("apply", "edge.csv", "--filter", "vertical", "--border", "zero")
    title = "edge.csv, vertical  (3x4, int16 from -30 to 30)\n"
    assert ran.all == (0, title + "-20  20  20   0\n-30  30  30   0\n-20  20  20   0\n", "")


# The errors that must change nothing ----------------------------------------------------------------------


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sobel-xx", "sobel-xx: unknown filter: did you mean sobel-x?"),
        ("gausian:sigma=2", "gausian: unknown filter: did you mean gaussian?"),
        ("SOBLE", "soble: unknown filter: did you mean sobel?"),
    ],
)
def test_unknown_filter_gets_a_suggestion(convcli: Runner, in_folder: Path, name: str, line: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", name, "--out-dir", "results")
    assert ran.all == (2, "", f"convcli: {line}\n")


@pytest.mark.usefixtures("photo")
def test_unknown_filter_far_from_any_gets_the_list(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "qqq")
    assert_failed(ran, 2, "qqq: unknown filter: choose from vertical, horizontal, prewitt-x, ")


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        (
            "text.png",
            b"1 2 3\n",
            "is not an image; supported are PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000 and JPEG XL",
        ),
        (
            "text",
            b"hello\n",
            "is not an image, and not a matrix either: row 1, column 1 is 'hello', not a number",
        ),
        ("empty.png", b"", "is empty"),
        ("rows.csv", b"1,2\n3\n", "row 2 has 1 number, but row 1 has 2"),
        ("rows.csv", b"1,2\n3,x\n", "row 2, column 2 is 'x', not a number"),
        ("bytes.txt", b"\xff\xff", "is not UTF-8 text"),
    ],
)
def test_unreadable_file(convcli: Runner, in_folder: Path, name: str, data: bytes, why: str) -> None:
    (in_folder / name).write_bytes(data)
    with nothing_changes(in_folder):
        ran = convcli("apply", name, "--filter", "box")
    assert ran.all == (1, "", f"convcli: {name}: {why}\n")


def test_truncated_picture(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "photo.png", noise((40, 40, 3)))
    content = (in_folder / "photo.png").read_bytes()
    (in_folder / "photo.png").write_bytes(content[: len(content) // 2])
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box")
    assert_failed(ran, 1, "photo.png: cannot be decoded: ")


def test_folder_as_input(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "pictures").mkdir()
    with nothing_changes(in_folder):
        ran = convcli("apply", "pictures", "--filter", "box")
    assert ran.all == (1, "", "convcli: pictures: is a folder; name the images in it or use --recursive\n")


@pytest.mark.usefixtures("gray")
@not_as_root
def test_forbidden_file(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "gray.png").chmod(0)
    ran = convcli("apply", "gray.png", "--filter", "box")
    assert ran.all == (1, "", "convcli: gray.png: permission denied\n")
    assert [path.name for path in in_folder.iterdir()] == ["gray.png"]


def test_missing_file(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "none.png", "--filter", "box")
    assert ran.all == (1, "", "convcli: none.png: no such file or directory\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    "arguments", [("-o", "photo-box.png"), (), ("--out-dir", "."), ("-o", "./photo-box.png")]
)
def test_existing_output(convcli: Runner, in_folder: Path, arguments: tuple[str, ...]) -> None:
    (in_folder / "photo-box.png").write_bytes(b"precious")
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", *arguments)
    name = arguments[1] if arguments[:1] == ("-o",) else "photo-box.png"
    assert ran.all == (1, "", f"convcli: {name}: exists; use --force to overwrite it\n")


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            120,
            ["edge-sobel-x.png  (9x18, int16 from 0 to 1020); 18 values saturated (fewer with --scale gain)"],
        ),
        (
            80,
            [
                "edge-sobel-x.png  (9x18, int16 from 0 to 1020); 18 values saturated (fewer with",
                "                  --scale gain)",
            ],
        ),
        (
            60,
            [
                "edge-sobel-x.png",
                "  (9x18, int16 from 0 to 1020); 18 values saturated (fewer",
                "  with --scale gain)",
            ],
        ),
        (
            30,
            [
                "edge-sobel-x.png",
                "  (9x18, int16 from 0 to",
                "  1020); 18 values saturated",
                "  (fewer with --scale gain)",
            ],
        ),
    ],
)
def test_a_narrow_terminal_wraps_the_hint(
    terminal: Runner, in_folder: Path, columns: int, lines: list[str]
) -> None:
    edge = np.repeat(np.array([[0, 255]], np.uint8), 9, axis=1).repeat(9, axis=0)
    Image.fromarray(edge).save(in_folder / "edge.png")
    ran = terminal("apply", "edge.png", "--filter", "sobel-x", columns=columns)
    assert ran.out.splitlines() == lines


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (80, ["convcli: a  b.png: no such file or directory"]),
        (30, ["convcli: a  b.png: no such", "  file or directory"]),
        (10, ["convcli:", "  a  b.png:", "  no such", "  file or", "  directory"]),
    ],
)
def test_messages_on_a_terminal_are_wrapped_between_words(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, columns: int, lines: list[str]
) -> None:
    monkeypatch.setattr("convcli.cli.terminal.output.stderr_is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    ran = convcli("apply", "a  b.png", "--filter", "box")
    assert (ran.code, ran.out, ran.err.splitlines()) == (1, "", lines)


@pytest.mark.usefixtures("photo")
def test_json_tells_of_failures(convcli: Runner, in_folder: Path) -> None:
    (in_folder / "photo-box.png").write_bytes(b"precious")
    (in_folder / "bad\n.png").write_bytes(b"no picture")
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "bad\n.png", "none.png", "--filter", "box", "--json", "-j", 1)
    why = "is not an image; supported are PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000 and JPEG XL"
    assert ran.code == 1
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {
            "input": "photo.png",
            "output": "photo-box.png",
            "error": "exists; use --force to overwrite it",
        },
        {"input": "bad\n.png", "output": None, "error": why},
        {"input": "none.png", "output": None, "error": "no such file or directory"},
    ]
    assert len(ran.err.splitlines()) == 4


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("output", ["photo.png", "./photo.png", "{folder}/photo.png", "soft.png", "hard.png"])
def test_output_that_is_the_input(
    convcli: Runner, in_folder: Path, output: str, force: tuple[str, ...]
) -> None:
    (in_folder / "soft.png").symlink_to("photo.png")
    (in_folder / "hard.png").hardlink_to("photo.png")
    output = output.format(folder=in_folder)
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "-o", output, *force)
    why = "is an input, and inputs are never overwritten; choose another name"
    assert ran.all == (1, "", f"convcli: {output}: {why}\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("source", ["soft.png", "hard.png"])
def test_input_by_a_link_is_not_overwritten_either(convcli: Runner, in_folder: Path, source: str) -> None:
    (in_folder / "soft.png").symlink_to("photo.png")
    (in_folder / "hard.png").hardlink_to("photo.png")
    with nothing_changes(in_folder):
        ran = convcli("apply", source, "--filter", "box", "-o", "photo.png", "--force")
    why = "is an input, and inputs are never overwritten; choose another name"
    assert ran.all == (1, "", f"convcli: photo.png: {why}\n")


def test_derived_name_that_is_another_input_is_not_overwritten(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "a.png", noise((5, 5)))
    pixels = noise((5, 5), seed=1)
    save(in_folder / "a-identity.png", pixels)
    ran = convcli("apply", "a.png", "a-identity.png", "--filter", "identity", "--force")
    why = "is an input, and inputs are never overwritten; choose another name"
    errors = f"convcli: a-identity.png: {why}\nconvcli: 2 inputs: 1 done, 1 failed\n"
    assert ran.all == (1, "a-identity-identity.png\n", errors)
    assert (opened("a-identity.png") == pixels).all()
    assert (opened("a-identity-identity.png") == pixels).all()


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("out.xyz", "unknown extension '.xyz'"),
        ("out.psd", "unknown extension '.psd'"),
        ("out", "has no extension"),
    ],
)
def test_unknown_extension(convcli: Runner, in_folder: Path, name: str, why: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "-o", name)
    assert_failed(ran, 2, f"{name}: {why}; the extension selects the format: png, jpeg, ")


@pytest.mark.usefixtures("photo")
def test_kernel_larger_than_the_image(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "--size", "9", "--padding", "valid")
    arithmetic = "filter 9 on input 7: gives floor((7 + 2·0 - 9)/1) + 1 = -1"
    why = "the filter is larger than the padded input (9 > 7)"
    advice = "use a padding of at least 1 or a filter of at most 7"
    assert ran.all == (1, "", f"convcli: photo.png: {arithmetic}, because {why}; {advice}\n")


@pytest.mark.usefixtures("photo")
def test_dilated_kernel_larger_than_the_image(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "sobel-x", "--dilation", "4", "--padding", "valid")
    arithmetic = "filter 3 on input 7: gives floor((7 + 2·0 - (4·(3 - 1) + 1))/1) + 1 = -1, because "
    assert_failed(ran, 1, f"photo.png: {arithmetic}")


# What else can go wrong -----------------------------------------------------------------------------------


def test_no_input(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "--filter", "box")
    assert_failed(ran, 2, "IMAGE: missing; for example: convcli apply photo.png --filter sobel-x")


@pytest.mark.usefixtures("gray")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("apply", "gray.png", "--fliter", "box"),
            "--fliter: no such option: did you mean --filter?",
        ),
        (("apply", "gray.png", "--filter"), "--filter: requires a value; --help describes it"),
        (("aply", "gray.png"), "aply: unknown command: did you mean apply?"),
    ],
)
def test_wrong_usage(convcli: Runner, in_folder: Path, arguments: tuple[str, ...], line: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli(*arguments)
    assert ran.all == (2, "", f"convcli: {line}\n")


@pytest.mark.usefixtures("photo", "gray")
def test_two_inputs_for_one_output(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "gray.png", "--filter", "box", "-o", "out.png")
    assert ran.all == (2, "", "convcli: out.png: is a single file for 2 results; use --out-dir\n")


def test_two_inputs_of_one_stem(convcli: Runner, photo: Array, in_folder: Path) -> None:
    save(in_folder / "other" / "photo.jpg", photo)
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "other/photo.jpg", "--filter", "box", "--out-dir", "results")
    why = "2 results have this output; rename an input, or run them separately"
    assert ran.all == (2, "", f"convcli: results/photo-box: {why}\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("again", ["photo.png", "./photo.png"])
def test_same_input_twice(convcli: Runner, in_folder: Path, again: str) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", again, "--filter", "box")
    why = "2 results have this output; rename an input, or run them separately"
    assert ran.all == (2, "", f"convcli: photo-box: {why}\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    "options", [("--filter", "box", "--filter", "box"), ("--kernel", "1 0 -1", "--kernel", "1 2 1")]
)
def test_two_filters_of_one_name(convcli: Runner, in_folder: Path, options: tuple[str, ...]) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", *options)
    label = "box" if "box" in options else "kernel"
    why = "2 results have this output; rename an input, or run them separately"
    assert ran.all == (2, "", f"convcli: photo-{label}: {why}\n")


def test_bad_file_does_not_stop_the_others(
    convcli: Runner, photo: Array, gray: Array, in_folder: Path
) -> None:
    (in_folder / "bad.png").write_bytes(b"no picture")
    ran = convcli("apply", "photo.png", "bad.png", "none.png", "gray.png", "--filter", "identity")
    why = "is not an image; supported are PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000 and JPEG XL"
    errors = f"convcli: bad.png: {why}\nconvcli: none.png: no such file or directory\n"
    errors += "convcli: 4 inputs: 2 done, 2 failed\n"
    assert ran.all == (1, "photo-identity.png\ngray-identity.png\n", errors)
    assert (opened("photo-identity.png") == photo).all()
    assert (opened("gray-identity.png") == gray).all()


def test_failing_filter_does_not_stop_the_others(convcli: Runner, photo: Array, in_folder: Path) -> None:
    (in_folder / "photo-box.png").write_bytes(b"precious")
    ran = convcli("apply", "photo.png", "--filter", "box", "--filter", "identity")
    error = "convcli: photo-box.png: exists; use --force to overwrite it\n"
    assert ran.all == (1, "photo-identity.png\n", error)
    assert (in_folder / "photo-box.png").read_bytes() == b"precious"
    assert (opened("photo-identity.png") == photo).all()


@pytest.mark.usefixtures("photo")
def test_missing_folder_of_the_output(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "-o", "none/out.png")
    assert ran.all == (1, "", f"convcli: none/out.png: there is no folder {in_folder / 'none'}\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("name", ["out.png", "edges", "edges/", "none/"])
def test_output_that_is_a_folder(convcli: Runner, in_folder: Path, name: str) -> None:
    (in_folder / "out.png").mkdir()
    (in_folder / "edges").mkdir()
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "-o", name, "--force")
    assert ran.all == (2, "", f"convcli: {name}: is a folder; use --out-dir to write into it\n")


@pytest.mark.usefixtures("photo")
def test_out_dir_that_is_a_file(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "--out-dir", "photo.png")
    assert ran.all == (1, "", "convcli: photo.png: is not a folder\n")


@pytest.mark.usefixtures("photo")
def test_output_and_out_dir(convcli: Runner, in_folder: Path) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", "photo.png", "--filter", "box", "--out-dir", "a", "-o", "b.png")
    why = "applies only to derived names, but -o names the output; leave out one of them"
    assert ran.all == (2, "", f"convcli: --out-dir: {why}\n")


def test_content_counts_not_the_name(convcli: Runner, in_folder: Path) -> None:
    save(in_folder / "camera.png", noise((16, 16)), format="JPEG")
    assert convcli("apply", "camera.png", "--filter", "identity").all == (0, "camera-identity.png\n", "")
    assert (opened("camera-identity.png") == opened("camera.png")).all()


# Names that are hard to show ------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", ["two\nlines", "red\x1b[31m", "[bold]rich", "tab\t", "ünïcödé", "a b"])
def test_strange_name_is_exact_in_a_pipe(convcli: Runner, in_folder: Path, stem: str) -> None:
    save(in_folder / f"{stem}.png", noise((4, 5)))
    assert convcli("apply", f"{stem}.png", "--filter", "box").all == (0, f"{stem}-box.png\n", "")
    assert (in_folder / f"{stem}-box.png").is_file()


@pytest.mark.parametrize("stem", ["two\nlines", "red\x1b[31m", "[bold]rich", "ünïcödé"])
def test_strange_name_is_exact_in_json(convcli: Runner, in_folder: Path, stem: str) -> None:
    save(in_folder / f"{stem}.png", noise((4, 5)))
    ran = convcli("apply", f"{stem}.png", "--filter", "box", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    record = json.loads(ran.out)
    assert (record["input"], record["output"]) == (f"{stem}.png", f"{stem}-box.png")


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("two\nlines.png", "two\\nlines.png"),
        ("red\x1b[31m.png", "red\\x1b[31m.png"),
        ("[bold]rich.png", "[bold]rich.png"),
        ("left\u202eright.png", "left\\u202eright.png"),
        ("ünïcödé.png", "ünïcödé.png"),
    ],
)
def test_strange_name_is_escaped_in_messages(
    convcli: Runner, in_folder: Path, name: str, escaped: str
) -> None:
    with nothing_changes(in_folder):
        ran = convcli("apply", name, "--filter", "box")
    assert ran.all == (1, "", f"convcli: {escaped}: no such file or directory\n")


def test_strange_name_is_escaped_on_a_terminal(terminal: Runner, in_folder: Path) -> None:
    save(in_folder / "red\x1b[31m[b]\n.png", np.zeros((2, 2), np.uint8))
    ran = terminal("apply", "red\x1b[31m[b]\n.png", "--filter", "identity")
    assert ran.all == (0, "red\\x1b[31m[b]\\n-identity.png  (2x2, int16 from 0 to 0)\n", "")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take names in UTF-8 only")
def test_undecodable_name(in_folder: Path) -> None:
    names = [os.fsdecode(name) for name in (b"caf\xe9.png", b"none\xe9.png")]
    pixels = noise((4, 5))
    save(in_folder / names[0], pixels)
    command = [sys.executable, "-m", "convcli", "apply", *names, "--filter", "identity"]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout == b"caf\xe9-identity.png\n"
    why = b"no such file or directory\nconvcli: 2 inputs: 1 done, 1 failed\n"
    assert ran.stderr == b"convcli: none\\udce9.png: " + why
    assert (opened(os.fsdecode(b"caf\xe9-identity.png")) == pixels).all()


def test_undecodable_name_in_json(convcli: Runner, in_folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    save(in_folder / name, noise((4, 5)))
    ran = convcli("apply", name, "--filter", "box", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["input"] == name


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("arguments", [("-x.png",), ("photo.png", "-x.png"), ("-x.png", "photo.png")])
def test_a_file_that_looks_like_an_option_is_pointed_at(
    convcli: Runner, in_folder: Path, arguments: tuple[str, ...]
) -> None:
    (in_folder / "photo.png").rename("-x.png")
    with nothing_changes(in_folder):
        ran = convcli("apply", *arguments, "--filter", "box")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("; write ./-x.png if you mean the file -x.png\n")
    assert convcli("apply", "--filter", "box", "--", "-x.png").all == (0, "-x-box.png\n", "")
