"""Pictures that are easily misread: each has the result that it should, or is refused."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tests.hostile.run_convcli import Nursery, assert_refused_with
from tests.pictures.test_reading import png_bytes, png_chunk, tiff_bytes
from tests.support import oracles as reference

Array = NDArray[Any]

UNCHANGED = {"apply": ("--filter", "identity"), "pool": ("--f", "1")}
COMMANDS = list(UNCHANGED)
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
AROUND = ((1, 1), (1, 1))
DEEP = np.array([[0, 1, 255], [256, 40001, 65535]], np.uint16)
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = SRGB_PROFILE[:16] + b"GRAY" + SRGB_PROFILE[20:]
SEVERAL = "has several frames; the first is used (--frame selects another, --frame all filters all)"
GREY, PALETTE = 0, 3  # colour types of PNG

both = pytest.mark.parametrize("command", COMMANDS)


def noise(*shape: int) -> Array:
    return np.random.default_rng(11).integers(0, 256, shape, np.uint8)


def save(name: str, pixels: Array, **options: Any) -> None:
    Image.fromarray(pixels).save(name, **options)


def opened(name: str) -> Array:
    if name.endswith(".npy"):
        return np.asarray(np.load(name))
    with Image.open(name) as image:
        return np.array(image)


def info(name: str) -> dict[Any, Any]:
    with Image.open(name) as image:
        image.load()
        return {**image.info, "mode": image.mode}


def made(
    hostile: Nursery, command: str, source: str, target: str, *options: str, note: str | None = None
) -> Array:
    """Run a command that is to succeed, with this note or none, and return what it made."""
    settings = options if "--filter" in options or "--f" in options else (*UNCHANGED[command], *options)
    ended = hostile(command, source, *settings, "-o", target)
    assert (ended.code, ended.printed, set(ended.changed)) == (0, [target], {target}), ended
    assert ended.err.decode() == ("" if note is None else f"convcli: note: {source}: {note}\n")
    return opened(target)


def refused(
    hostile: Nursery, command: str, source: str, target: str, *options: str, start: str, why: str = ""
) -> None:
    settings = options if "--filter" in options or "--f" in options else (*UNCHANGED[command], *options)
    assert_refused_with(hostile(command, source, *settings, "-o", target), 1, start, why)


# Depth ----------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@both
@pytest.mark.parametrize("source", ["png", "tiff", "pgm"])
@pytest.mark.parametrize("target", ["png", "tiff", "pgm", "npy"])
def test_sixteen_bit_grey_keeps_sixteen_bits(
    hostile: Nursery, command: str, source: str, target: str
) -> None:
    save(f"deep.{source}", DEEP)
    result = made(hostile, command, f"deep.{source}", f"out.{target}")
    assert result.tolist() == DEEP.tolist()


def test_sixteen_bit_grey_is_rendered_with_sixteen_bits(hostile: Nursery) -> None:
    save("deep.png", DEEP)
    result = made(hostile, "apply", "deep.png", "out.png", "--filter", "sobel-x", "--signed", "center")
    exact = reference.convolve(DEEP, SOBEL_X, amounts=AROUND, border="edge")
    wanted = [min(max(value + 32768, 0), 65535) for value in exact.ravel()]
    assert result.ravel().tolist() == wanted


@both
@pytest.mark.parametrize("extension", ["jpg", "webp", "bmp", "avif"])
def test_a_format_that_cannot_hold_sixteen_bits_is_refused(
    hostile: Nursery, command: str, extension: str
) -> None:
    save("deep.png", DEEP)
    refused(hostile, command, "deep.png", f"out.{extension}", start=f"out.{extension}: ", why="16-bit pixels")


@both
@pytest.mark.parametrize(
    ("name", "data", "pixel"),
    [
        ("rgb.png", png_bytes(1, 1, 16, 2, [b"\1\2\3\4\5\6"]), [0x102, 0x304, 0x506]),
        ("rgba.png", png_bytes(1, 1, 16, 6, [b"\1\2\3\4\5\6\7\x08"]), [0x102, 0x304, 0x506, 0x708]),
        ("grey-and-alpha.png", png_bytes(1, 1, 16, 4, [b"\1\2\3\4"]), [0x102, 0x304]),
        (
            "rgb.tiff",
            tiff_bytes("<", (1, 1), [16] * 3, [b"\1\2\3\4\5\6"], photometric=2),
            [0x201, 0x403, 0x605],
        ),
        ("rgb.ppm", b"P6 1 1 65535\n\1\2\3\4\5\6", [0x102, 0x304, 0x506]),
    ],
)
def test_sixteen_bit_colour_keeps_sixteen_bits(
    hostile: Nursery, command: str, name: str, data: bytes, pixel: list[int]
) -> None:
    Path(name).write_bytes(data)
    ended = hostile(command, name, *UNCHANGED[command], "-o", "out.png")
    assert (ended.code, ended.printed, ended.err) == (0, ["out.png"], b"")
    assert imagecodecs.png_decode(Path("out.png").read_bytes()).tolist() == [[pixel]]


@both
def test_numbers_for_a_format_of_pixels_are_wrong_usage(hostile: Nursery, command: str) -> None:
    save("numbers.tiff", np.array([[0.5, 2]], np.float32))
    if command == "apply":
        ended = hostile("apply", "gone.png", "--filter", "box", "--signed", "raw", "-o", "out.jpg")
        assert_refused_with(ended, 2, "--signed raw: ", "jpeg holds pixels")
    else:
        refused(hostile, "pool", "numbers.tiff", "out.jpg", start="out.jpg: ", why="jpeg holds pixels")


@both
@pytest.mark.parametrize("extension", ["png", "tiff", "bmp", "pbm", "gif"])
def test_one_bit_becomes_black_and_white(hostile: Nursery, command: str, extension: str) -> None:
    bits = np.array([[1, 0, 1, 1, 0, 0, 0, 1, 1], [0, 1, 0, 0, 0, 1, 0, 1, 0]], bool)
    save(f"bits.{extension}", bits, **({"compression": "group4"} if extension == "tiff" else {}))
    result = made(hostile, command, f"bits.{extension}", "out.png")
    assert result.dtype == np.uint8
    assert result.tolist() == (bits * 255).tolist()


INTEGERS = np.array([[-(2**31), 0, 2**31 - 1], [5, -6, 16777217]], np.int32)
FLOATS = np.array([[-1e30, 0.1, np.nan], [np.inf, -np.inf, 3e-39]], np.float32)


@both
@pytest.mark.parametrize("numbers", [INTEGERS, FLOATS], ids=["integers", "floats"])
@pytest.mark.parametrize("target", ["tiff", "npy"])
def test_thirty_two_bit_numbers_stay_what_they_are(
    hostile: Nursery, command: str, numbers: Array, target: str
) -> None:
    save("numbers.tiff", numbers)
    result = made(hostile, command, "numbers.tiff", f"out.{target}")
    assert np.array_equal(result, numbers, equal_nan=True)


def test_thirty_two_bit_numbers_are_saturated_as_pixels(hostile: Nursery) -> None:
    save("numbers.tiff", INTEGERS)
    note = (
        "{} % of the pixels saturate; --signed stretch or --scale {} shows them, -o x.npy keeps the numbers"
    )
    made_of_integers = made(hostile, "apply", "numbers.tiff", "out.png", note=note.format(50, "1e-07"))
    assert made_of_integers.tolist() == [[255, 0, 255], [5, 6, 255]]
    save("floats.tiff", FLOATS)
    nan_note = (
        "1 NaN was written as 0; --nan ignore leaves NaN out of the windows\nconvcli: note: floats.tiff: "
    )
    notes = nan_note + note.format(50, "2e-28")
    made_of_floats = made(hostile, "apply", "floats.tiff", "floats.png", note=notes)
    assert made_of_floats.tolist() == [[255, 0, 0], [255, 255, 0]]


# Colours and alpha ----------------------------------------------------------------------------------------


def palette_file(name: str, **options: Any) -> None:
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(name, **options)


@both
@pytest.mark.parametrize(
    ("name", "transparency", "alpha"),
    [("p.png", b"\x05\x80", [5, 128, 255]), ("p.png", 1, [255, 0, 255]), ("p.gif", 2, [255, 255, 0])],
)
def test_a_palette_with_transparency_becomes_colours_and_alpha(
    hostile: Nursery, command: str, name: str, transparency: object, alpha: list[int]
) -> None:
    palette_file(name, transparency=transparency)
    result = made(hostile, command, name, "out.png")
    assert result[..., :3].tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert result[..., 3].tolist() == [alpha]


@both
def test_a_palette_png_without_its_palette_is_refused(hostile: Nursery, command: str) -> None:
    Path("lost.png").write_bytes(png_bytes(3, 1, 8, PALETTE, [b"\0\1\2"]))
    refused(hostile, command, "lost.png", "out.png", start="lost.png: ", why="palette")


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("target", ["png", "tiff", "webp"])
@pytest.mark.parametrize("name", ["sobel-x", "gaussian:sigma=3"])
def test_alpha_is_kept_byte_for_byte(hostile: Nursery, channels: int, target: str, name: str) -> None:
    pixels = noise(5, 6, channels)
    pixels[0, :, -1], pixels[1, :, -1] = 0, 255
    save("glass.png", pixels)
    result = made(hostile, "apply", "glass.png", f"out.{target}", "--filter", name)
    assert result[..., -1].tobytes() == pixels[..., -1].tobytes()
    if name == "sobel-x":
        for channel in range(channels - 1):
            exact = reference.convolve(pixels[..., channel], SOBEL_X, amounts=AROUND, border="edge")
            assert result[..., channel].tolist() == np.minimum(np.abs(exact), 255).tolist()


@both
@pytest.mark.parametrize("channels", [2, 4])
def test_colour_under_transparency_is_kept(hostile: Nursery, command: str, channels: int) -> None:
    pixels = noise(5, 6, channels)
    pixels[::2, :, -1] = 0
    save("glass.png", pixels)
    assert (made(hostile, command, "glass.png", "out.png") == pixels).all()


def test_alpha_is_pooled_as_the_other_channels(hostile: Nursery) -> None:
    pixels = noise(4, 6, 4)
    save("glass.png", pixels)
    result = made(hostile, "pool", "glass.png", "out.png", "--f", "2")
    assert (result == pixels.reshape(2, 2, 3, 2, 4).max((1, 3))).all()


@both
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("extension", ["jpg", "bmp", "avif", "pnm"])
def test_alpha_is_not_dropped_silently(hostile: Nursery, command: str, channels: int, extension: str) -> None:
    save("glass.png", noise(5, 6, channels))
    target = f"out.{extension}"
    refused(hostile, command, "glass.png", target, start=f"{target}: ", why="--background white")


@both
def test_alpha_is_laid_over_a_colour_where_that_is_asked_for(hostile: Nursery, command: str) -> None:
    pixels = noise(5, 6, 4)
    save("glass.png", pixels)
    colour, alpha = pixels[..., :3].astype(int), pixels[..., 3:].astype(int)
    laid = ((colour * alpha + (255 - alpha) * np.array([255, 136, 0]) + 127) // 255).astype(np.uint8)
    assert (made(hostile, command, "glass.png", "out.bmp", "--background", "#ff8800") == laid).all()
    made(hostile, command, "glass.png", "out.jpg", "--background", "#ff8800")
    assert Path("out.jpg").read_bytes() == jpeg_bytes(laid)


def jpeg_bytes(pixels: Array) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "JPEG", quality=92, subsampling=0)
    return memory.getvalue()


@both
@pytest.mark.parametrize("shape", [(16, 24), (16, 24, 3)])
def test_jpeg_is_written_at_quality_92_with_full_colour(
    hostile: Nursery, command: str, shape: tuple[int, ...]
) -> None:
    pixels = noise(*shape)
    save("photo.png", pixels)
    made(hostile, command, "photo.png", "out.jpg")
    assert Path("out.jpg").read_bytes() == jpeg_bytes(pixels)


CYAN = Image.new("CMYK", (16, 16), (255, 0, 0, 0))


@both
def test_an_inverted_cmyk_jpeg_becomes_its_colour(hostile: Nursery, command: str) -> None:
    CYAN.save("ink.jpg", quality=100)  # as Adobe's programs do, which Pillow follows: 0 is all ink
    result = made(hostile, command, "ink.jpg", "out.png", note="CMYK was converted to RGB")
    assert np.abs(result.astype(int) - [0, 255, 255]).max() <= 2


@both
def test_a_cmyk_jpeg_without_adobes_marker_is_the_same_color(hostile: Nursery, command: str) -> None:
    memory = io.BytesIO()
    CYAN.save(memory, "JPEG", quality=100)
    data = memory.getvalue()
    marker = data.index(b"\xff\xee")
    end = marker + 2 + int.from_bytes(data[marker + 2 : marker + 4])
    Path("ink.jpg").write_bytes(data[:marker] + data[end:])
    result = made(hostile, command, "ink.jpg", "out.png", note="CMYK was converted to RGB")
    assert np.abs(result.astype(int) - [0, 255, 255]).max() <= 2


@both
def test_a_cmyk_tiff_loses_its_profile_with_a_note(hostile: Nursery, command: str) -> None:
    CYAN.save("ink.tiff", icc_profile=b"ink")
    note = "CMYK was converted to RGB, and its color profile was dropped"
    result = made(hostile, command, "ink.tiff", "out.png", note=note)
    assert np.unique(result.reshape(-1, 3), axis=0).tolist() == [[0, 255, 255]]
    assert "icc_profile" not in info("out.png")


# Orientation ----------------------------------------------------------------------------------------------


def upright(pixels: Array, orientation: int) -> Array:
    """Return what lies as EXIF says: 0th row and column at left or right, top or bottom."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return turned[::rows, ::columns]


def lying(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["png", "tiff", "webp", "jpg", "avif"])
def test_orientation_is_applied_once_and_cleared(hostile: Nursery, extension: str, orientation: int) -> None:
    rows, columns = np.mgrid[:4, :6]
    pixels = np.stack([rows * 60, columns * 40, 100 + 0 * rows], -1).astype(np.uint8)
    options: dict[str, Any] = {"lossless": True} if extension == "webp" else {"quality": 100}
    options |= {"subsampling": "4:4:4"} if extension in ("jpg", "avif") else {}
    options = {} if extension in ("png", "tiff") else options
    save(f"lies.{extension}", pixels, exif=lying(orientation), **options)
    for command in COMMANDS:
        result = made(hostile, command, f"lies.{extension}", f"{command}.png")
        wanted = upright(pixels, orientation).astype(int)
        assert result.shape == wanted.shape
        assert np.abs(result - wanted).max() <= (6 if extension in ("jpg", "avif") else 0)
        with Image.open(f"{command}.png") as image:
            assert 0x0112 not in image.getexif()


@both
def test_alpha_and_resolution_turn_with_the_picture(hostile: Nursery, command: str) -> None:
    pixels = noise(3, 5, 4)
    save("lies.png", pixels, exif=lying(6), dpi=(72, 144))
    assert (made(hostile, command, "lies.png", "out.png") == upright(pixels, 6)).all()
    assert np.allclose(info("out.png")["dpi"], (144, 72), atol=0.02)
    save("deep.tiff", DEEP, exif=lying(8))
    assert made(hostile, command, "deep.tiff", "deep.png").tolist() == upright(DEEP, 8).tolist()


# Frames ---------------------------------------------------------------------------------------------------

COLOURS = [(200, 10, 20), (30, 220, 40), (50, 60, 240)]


def save_frames(name: str, count: int = 3) -> None:
    frames = [Image.new("RGB", (5, 4), colour) for colour in COLOURS[:count]]
    options: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
    frames[0].save(name, save_all=True, append_images=frames[1:], **options)


frame_formats = pytest.mark.parametrize("extension", ["gif", "png", "webp", "tiff"])


@pytest.mark.thorough(every=3)
@both
@frame_formats
def test_the_first_frame_is_taken_with_a_note_and_another_where_asked_for(
    hostile: Nursery, command: str, extension: str
) -> None:
    name = f"moves.{extension}"
    save_frames(name)
    assert (made(hostile, command, name, "out.png", note=SEVERAL) == COLOURS[0]).all()
    for frame, colour in enumerate(COLOURS):
        result = made(hostile, command, name, f"{frame}.png", "--frame", str(frame))
        assert (result == colour).all()
        assert result.shape == (4, 5, 3)


@pytest.mark.thorough(every=3)
@both
@frame_formats
@pytest.mark.parametrize("count", [1, 3])
def test_a_frame_that_is_not_there_is_refused(
    hostile: Nursery, command: str, extension: str, count: int
) -> None:
    name = f"moves.{extension}"
    save_frames(name, count)
    for frame in (count, 10**30):
        why = f"has no frame {frame}"
        refused(hostile, command, name, "out.png", "--frame", str(frame), start=f"{name}: ", why=why)
    if count == 1:
        assert (made(hostile, command, name, "out.png") == COLOURS[0]).all()


@both
@pytest.mark.parametrize("name", ["matrix.csv", "array.npy"])
def test_a_matrix_has_one_frame(hostile: Nursery, command: str, name: str) -> None:
    Path("matrix.csv").write_text("1 2\n3 4\n")
    np.save("array.npy", np.eye(2))
    refused(hostile, command, name, "out.npy", "--frame", "5", start=f"{name}: ", why="has no frame 5")


@both
def test_pages_may_differ_in_size_and_kind(hostile: Nursery, command: str) -> None:
    pages = [noise(4, 5), DEEP, noise(6, 3, 3)]
    images = [Image.fromarray(page) for page in pages]
    images[0].save("pages.tiff", save_all=True, append_images=images[1:])
    for frame, page in enumerate(pages):
        result = made(hostile, command, "pages.tiff", f"{frame}.png", "--frame", str(frame))
        assert result.tolist() == page.tolist()


def animated_png(second: bytes, *, good_checksum: bool = True) -> bytes:
    """Build an animation of 4x3 grey pixels: a frame of 50, and one of these rows."""

    def control(number: int) -> bytes:
        return png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, 4, 3, 0, 0, 1, 10, 0, 0))

    data = png_chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(second))
    data = data if good_checksum else data[:-1] + bytes([data[-1] ^ 1])
    still = png_bytes(4, 3, 8, GREY, [b"2222"] * 3, png_chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0))
    end = still.index(b"IEND") - 4
    return still[:end] + control(1) + data + still[end:]


@both
def test_a_frame_of_an_animated_png_is_read(hostile: Nursery, command: str) -> None:
    Path("moves.png").write_bytes(animated_png(b"\0cccc" * 3))
    assert (made(hostile, command, "moves.png", "out.png", "--frame", "1") == ord("c")).all()


@both
@pytest.mark.parametrize(
    ("rows", "good_checksum"), [(b"\0cccc", True), (b"\0cccc" * 3, False)], ids=["short", "checksum"]
)
def test_a_damaged_frame_of_an_animated_png_is_refused(
    hostile: Nursery, command: str, rows: bytes, good_checksum: bool
) -> None:
    Path("moves.png").write_bytes(animated_png(rows, good_checksum=good_checksum))
    refused(hostile, command, "moves.png", "out.png", "--frame", "1", start="moves.png: ")


# Profiles -------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@both
@pytest.mark.parametrize("source", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize("target", ["png", "jpg", "tiff", "webp", "avif"])
def test_a_profile_is_kept_byte_for_byte(hostile: Nursery, command: str, source: str, target: str) -> None:
    save(f"photo.{source}", noise(8, 9, 3), icc_profile=SRGB_PROFILE)
    made(hostile, command, f"photo.{source}", f"out.{target}")
    assert info(f"out.{target}")["icc_profile"] == SRGB_PROFILE


def test_a_profile_of_colours_does_not_stay_with_a_grey_result(hostile: Nursery) -> None:
    dropped = "the color profile does not fit the result and is dropped"
    save("photo.png", noise(8, 9, 3), icc_profile=SRGB_PROFILE)
    made(hostile, "apply", "photo.png", "out.png", "--channels", "gray", note=dropped)
    assert (info("out.png")["mode"], "icc_profile" in info("out.png")) == ("L", False)
    save("grey.png", noise(8, 9), icc_profile=SRGB_PROFILE)
    made(hostile, "pool", "grey.png", "small.png", note=dropped)
    assert "icc_profile" not in info("small.png")


@both
@pytest.mark.parametrize("target", ["png", "jpg", "tiff", "webp", "avif"])
def test_a_profile_of_grey_stays_with_grey_pixels_alone(hostile: Nursery, command: str, target: str) -> None:
    save("grey.png", noise(8, 9), icc_profile=GREY_PROFILE)
    ended = hostile(command, "grey.png", *UNCHANGED[command], "-o", f"out.{target}")
    assert (ended.code, set(ended.changed)) == (0, {f"out.{target}"}), ended
    found = info(f"out.{target}")
    kept = found.get("icc_profile") == GREY_PROFILE
    assert kept == (found["mode"] == "L")
    assert ended.err == b"" if kept else b"profile" in ended.err


@both
@pytest.mark.parametrize(("target", "name"), [("bmp", "bmp"), ("ppm", "pnm"), ("npy", "npy")])
def test_a_profile_that_a_format_cannot_hold_is_said(
    hostile: Nursery, command: str, target: str, name: str
) -> None:
    pixels = noise(8, 9, 3)
    save("photo.png", pixels, icc_profile=SRGB_PROFILE)
    note = f"{name} cannot hold the color profile"
    assert (made(hostile, command, "photo.png", f"out.{target}", note=note) == pixels).all()


# Sizes ----------------------------------------------------------------------------------------------------

THIN = [(1, 1), (1, 9), (9, 1), (1, 9, 3), (9, 1, 3)]


@pytest.mark.parametrize("shape", THIN)
@pytest.mark.parametrize("border", ["zero", "edge", "reflect", "symmetric", "wrap", "constant:7"])
def test_the_thinnest_pictures_are_filtered(hostile: Nursery, shape: tuple[int, ...], border: str) -> None:
    pixels = noise(*shape)
    save("thin.png", pixels)
    result = made(hostile, "apply", "thin.png", "out.png", "--filter", "sobel-x", "--border", border)
    exact = reference.convolve(pixels, SOBEL_X, amounts=AROUND, border=border)
    assert result.tolist() == np.minimum(np.abs(exact), 255).tolist()


@pytest.mark.parametrize("shape", THIN)
def test_the_thinnest_pictures_are_pooled_where_a_window_fits(
    hostile: Nursery, shape: tuple[int, ...]
) -> None:
    pixels = noise(*shape)
    save("thin.png", pixels)
    assert (made(hostile, "pool", "thin.png", "same.png") == pixels).all()
    refused(
        hostile,
        "pool",
        "thin.png",
        "out.png",
        "--f",
        "2",
        start="thin.png: filter 2 on input 1: gives floor(",
    )
    result = made(hostile, "pool", "thin.png", "out.png", "--f", "9", "--ceil")
    assert result.tolist() == pixels.max((0, 1), keepdims=True).tolist()


def test_a_filter_larger_than_the_picture(hostile: Nursery) -> None:
    pixels = noise(4, 5)
    save("small.png", pixels)
    box = ("--filter", "box:size=11", "--scale", "121")  # taps of 1
    result = made(hostile, "apply", "small.png", "out.npy", *box, "--border", "reflect")
    exact = reference.convolve(pixels, np.ones((11, 11), int), amounts=((5, 5), (5, 5)), border="reflect")
    assert np.allclose(result, exact.astype(float), rtol=1e-5)
    arithmetic = "small.png: filter 11 on input 4: gives floor((4 + 2·0 - 11)/1) + 1 = -6, because "
    larger = "the filter is larger than the padded input (11 > 4); use a padding of at least 4"
    refused(hostile, "apply", "small.png", "no.png", *box, "--p", "valid", start=arithmetic, why=larger)
    pooled = "small.png: filter 11 on input 4: gives floor((4 + 2·0 - 11)/11) + 1 = 0, because "
    refused(hostile, "pool", "small.png", "no.png", "--f", "11", start=pooled, why=larger)


# Extensions -----------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=4)
@both
@pytest.mark.parametrize("source", ["missing.png", "damaged.png", "good.png", "-"])
@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("out.xyz", "unknown extension '.xyz'"),
        ("out.ico", "unknown extension '.ico'"),
        ("out.png ", "unknown extension '.png '"),
        ("out", "has no extension"),
        (".png", "has no extension"),
    ],
)
def test_an_unknown_extension_is_wrong_usage_whatever_the_input(
    hostile: Nursery, command: str, source: str, target: str, why: str
) -> None:
    Path("damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    save("good.png", noise(2, 2))
    settings = UNCHANGED[command]
    assert_refused_with(hostile(command, source, *settings, "-o", target), 2, f"{target}: ", why)
    name = ("--out-dir", "made", "--name", "{stem}" + target)
    if target != ".png":
        assert_refused_with(hostile(command, source, *settings, *name), 2, "{stem}" + target, why)


@both
def test_an_unknown_format_is_wrong_usage_whatever_the_input(hostile: Nursery, command: str) -> None:
    for name in ("xyz", "ico", ""):
        ended = hostile(command, "missing.png", *UNCHANGED[command], "--format", name)
        assert_refused_with(ended, 2, f"format '{name}': ", "is not one of png, jpeg, tiff")
    ended = hostile(command, "missing.png", *UNCHANGED[command], "--format", "png", "-o", "out.jpg")
    assert_refused_with(ended, 2, "out.jpg: ", "ends in .jpg, but --format is png")
