"""Several frames: each is filtered on its own, and all are written to one file of the same kind."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import convcli as library
from convcli import Picture, filter_file, filter_picture, pool_file, pool_picture, read_picture
from convcli.errors import ConvcliError, ImageError, OutputError, UsageError
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes

pytestmark = pytest.mark.usefixtures("in_folder")
Array = NDArray[Any]
DURATIONS = [100, 50, 200, 30, 70]
BLUR = "1 2 1"


def noise(seed: int, *shape: int, dtype: type = np.uint8) -> Array:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def images(mode: str, count: int = 5) -> list[Image.Image]:
    """Return different pictures; their alpha is on or off, as GIF has it."""
    shape = (4, 6) if mode == "L" else (4, 6, len(mode))
    arrays = [noise(seed, *shape) for seed in range(count)]
    if mode == "RGBA":
        for array in arrays:
            array[..., 3] = np.where(array[..., 3] < 128, 0, 255)
    return [Image.fromarray(array) for array in arrays]


def save_all(name: str, frames: list[Image.Image], **options: Any) -> None:
    frames[0].save(name, save_all=True, append_images=frames[1:], **options)


def save_animation(name: str, mode: str) -> None:
    options: dict[str, Any] = {"disposal": 2} if name.endswith("gif") else {}
    if name.endswith("webp"):
        options = {"lossless": True, "exact": True}
    if not name.endswith("tiff"):
        options |= {"duration": DURATIONS, "loop": 3}
    save_all(name, images(mode), **options)


def decoded(name: str) -> tuple[list[Array], list[float], int | None]:
    """Return the frames as RGBA, their durations and the loop count, by Pillow."""
    frames, durations = [], []
    with Image.open(name) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.array(image.convert("RGBA")))
            durations.append(image.info.get("duration", -1))
        return frames, durations, image.info.get("loop")


def rgba(picture: Picture) -> Array:
    pixels = picture.pixels if picture.pixels.ndim == 3 else np.repeat(picture.pixels[..., None], 3, 2)
    alpha = np.full(pixels.shape[:2], 255, np.uint8) if picture.alpha is None else picture.alpha
    return np.dstack((pixels, alpha))


def same_look(one: Array, other: Array) -> bool:
    """Whether two RGBA pictures look the same: colors of transparent pixels do not count."""
    seen = one[..., 3] > 0
    return bool((one[..., 3] == other[..., 3]).all() and (one[seen] == other[seen]).all())


# Containers -----------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
@pytest.mark.parametrize("target", ["gif", "png", "webp", "tiff"])
def test_each_frame_is_filtered_alone_and_written_to_any_container(kind: str, target: str, mode: str) -> None:
    name = f"moving.{kind}"
    save_animation(name, mode)
    result = pool_file(name, size=(1, 2), frame="all", output=f"small.{target}")
    frames, durations, loop = decoded(f"small.{target}")
    assert result.record["frames"] == len(frames) == 5
    for number, frame in enumerate(frames):
        assert same_look(frame, rgba(pool_picture(read_picture(name, frame=number), size=(1, 2))))
    if target != "tiff":
        assert durations == (DURATIONS if kind != "tiff" else [100] * 5)
        plays = 0 if kind == "tiff" else 4 if kind == "gif" else 3  # a GIF counts repetitions
        assert loop == (plays - (target == "gif" and plays > 0) if plays != 1 else None)


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff", "npy"])
def test_the_container_stays_if_no_other_is_asked_for(convcli: Runner, kind: str) -> None:
    if kind == "npy":
        np.save("moving.npy", noise(1, 5, 4, 6))
    else:
        save_animation(f"moving.{kind}", "RGB")
    ran = convcli("apply", f"moving.{kind}", "--filter", "sobel-x", "--frame", "all")
    assert ran.all == (0, f"moving-sobel-x.{kind}\n", "")
    if kind == "npy":
        expected = [
            library.filter_picture(Picture(array), "sobel-x", signed="raw").pixels
            for array in np.load("moving.npy")
        ]
        assert np.array_equal(np.load("moving-sobel-x.npy"), expected)
        return
    for number, frame in enumerate(decoded(f"moving-sobel-x.{kind}")[0]):
        alone = filter_picture(read_picture(f"moving.{kind}", frame=number), "sobel-x")
        assert same_look(frame, rgba(alone))


def test_an_avif_sequence_becomes_one_and_a_stack() -> None:
    save_all("moving.avif", images("RGB"), duration=DURATIONS, quality=100)
    filter_file("moving.avif", "identity", frame="all", output="all.npy")
    alone = [read_picture("moving.avif", frame=number).pixels for number in range(5)]
    assert np.array_equal(np.load("all.npy"), alone)
    filter_file("moving.avif", "identity", frame="1..3", output="some.avif")
    frames, durations, _ = decoded("some.avif")
    assert durations == DURATIONS[1:4]
    for frame, pixels in zip(frames, alone[1:4], strict=True):
        assert np.abs(frame[..., :3].astype(int) - pixels).mean() < 12  # AVIF is lossy


def test_an_array_that_may_be_a_stack_is_noted(convcli: Runner) -> None:
    np.save("stack.npy", noise(1, 3, 4, 5))
    ran = convcli("apply", "stack.npy", "--filter", "box", "-o", "whole.npy")
    how = "is read as one picture of 5 channels; --frame all reads 3 of 4x5"
    assert ran.all == (0, "whole.npy\n", f"convcli: note: stack.npy: {how}\n")
    for shape in ((3, 5, 4), (4, 4, 5), (5, 4, 5)):  # colors and alpha; maps of a layer
        np.save("maps.npy", noise(1, *shape))
        assert read_picture("maps.npy").notes == ()
    assert convcli("apply", "stack.npy", "--filter", "box", "--frame", "2..2", "-o", "third.npy").code == 0
    third = filter_picture(Picture(noise(1, 3, 4, 5)[2]), "box", signed="raw").pixels
    assert np.array_equal(np.squeeze(np.load("third.npy")), third)


def test_a_terminal_shows_the_number_of_frames_and_nan_are_not_saturated(convcli: Runner) -> None:
    values = np.full((2, 3, 4), 30, np.float32)
    values[0, 0, 0] = np.nan
    values[1, 0, 0] = 300
    np.save("stack.npy", values)
    arguments = ("--frame", "all", "--signed", "abs", "--text", "-o", "out.png")
    ran = convcli("apply", "stack.npy", "--filter", "identity", *arguments)
    assert ran.out == "out.png  (2 frames of 3x4, float32 from 30 to 300); 1 value saturated\n"


def test_apng_is_an_extension_of_png(convcli: Runner) -> None:
    save_all("moving.apng", [Image.fromarray(noise(seed, 4, 5)) for seed in range(3)], format="PNG")
    filter_file("moving.apng", "identity", frame="all", output="out.apng")
    assert Path("out.apng").read_bytes().startswith(b"\x89PNG")
    assert [read_picture("out.apng", frame=number).pixels.tolist() for number in range(3)] == [
        noise(seed, 4, 5).tolist() for seed in range(3)
    ]
    assert filter_file("moving.apng", "identity", frame="all").output == "moving-identity.png"
    Path("folder").mkdir()
    Path("moving.apng").rename("folder/moving.apng")
    ran = convcli("apply", "--recursive", "folder", "--filter", "box", "--frame", "all", "--out-dir", "boxes")
    assert ran.all == (0, "boxes/moving-box.png\n", "")


def test_sixteen_bits_stay_in_png_tiff_and_npy() -> None:
    arrays = [noise(seed, 4, 6, dtype=np.uint16) for seed in range(3)]
    save_all("deep.tiff", [Image.fromarray(array) for array in arrays])
    for target in ("deep.png", "all.tiff", "all.npy"):
        filter_file("deep.tiff", "identity", frame="all", output=target)
    assert np.array_equal(np.load("all.npy"), arrays)
    assert np.array_equal(tifffile.imread("all.tiff"), arrays)
    for number, array in enumerate(arrays):
        assert np.array_equal(read_picture("deep.png", frame=number).pixels, array)


def test_pages_of_different_sizes_and_kinds(convcli: Runner) -> None:
    pages = [noise(1, 4, 5), noise(2, 3, 7, 3), noise(3, 6, 2, dtype=np.uint16)]
    save_all("pages.tiff", [Image.fromarray(page) for page in pages])
    assert (
        convcli("apply", "pages.tiff", "--filter", "identity", "--frame", "all", "-o", "out.tiff").code == 0
    )
    with tifffile.TiffFile("out.tiff") as file:
        assert [page.asarray().tolist() for page in file.pages] == [page.tolist() for page in pages]
    for target, why in (
        ("out.png", "frame 1 is 3x7 RGB of 8 bits, but the first is 4x5 grayscale of 8 bits, and all frames "
                    "of a png must be alike; use tiff"),
        ("out.npy", "frame 1 is 3x7x3, but the first is 4x5, and all frames of a stack must be alike; use tiff"),
        ("out.webp", "frame 1 is 3x7, but the first is 4x5, and all frames of a webp must be alike; use tiff"),
    ):  # fmt: skip
        with nothing_changes(Path()):
            ran = convcli("apply", "pages.tiff", "--filter", "identity", "--frame", "all", "-o", target)
            assert_failed(ran, 1, f"{target}: {why}")


@pytest.mark.parametrize("metadata", [None, {}], ids=["description", "description and layout"])
def test_a_page_keeps_its_resolution_profile_name_and_description(metadata: dict[str, str] | None) -> None:
    profile = bytes(16) + b"GRAY" + bytes(60)
    with tifffile.TiffWriter("pages.tiff") as writer:
        for number in range(3):
            writer.write(
                noise(number, 8, 9), metadata=metadata, description=f"The page {number}", iccprofile=profile,
                resolution=(100 + number, 50), resolutionunit="inch",
                extratags=[(285, "s", 0, f"page {number}", True)],
            )  # fmt: skip
    result = filter_file("pages.tiff", "identity", frame="1..2", output="out.tiff")
    assert result.notes == ()
    with tifffile.TiffFile("out.tiff") as file:
        assert len(file.pages) == 2
        for number, page in enumerate(file.pages, 1):
            assert np.array_equal(page.asarray(), noise(number, 8, 9))
            tags = page.tags  # type: ignore[union-attr]
            assert tags["ImageDescription"].value == f"The page {number}"
            assert tags["PageName"].value == f"page {number}"
            assert tags["XResolution"].value == (100 + number, 1)
            assert tags["InterColorProfile"].value == profile
    lost = filter_file("pages.tiff", "identity", frame="1..2", output="out.npy").notes
    assert lost == (
        "npy cannot hold the color profile",
        "npy cannot hold the names and descriptions of pages",
    )


def test_pictures_of_a_multi_picture_jpeg_become_pages(convcli: Runner) -> None:
    first, *others = (Image.fromarray(noise(seed, 8 + 8 * seed, 16, 3)) for seed in range(3))
    first.save("photo.jpg", "MPO", save_all=True, append_images=others)
    ran = convcli("apply", "photo.jpg", "--filter", "identity", "--frame", "all")
    assert ran.all == (0, "photo-identity.tiff\n", "")
    with tifffile.TiffFile("photo-identity.tiff") as file:
        for number, page in enumerate(file.pages):
            assert np.array_equal(page.asarray(), read_picture("photo.jpg", frame=number).pixels)


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 4, 5), (3, 4, 5, 2), (4, 5)])
def test_stacks_of_arrays(shape: tuple[int, ...]) -> None:
    stack = np.random.default_rng(1).random(shape)
    np.save("stack.npy", stack)
    result = filter_file("stack.npy", np.ones((2, 2)), padding="valid", frame="all", output="out.npy")
    frames = stack[None] if stack.ndim == 2 else stack
    expected = np.array([library.convolve(frame, np.ones((2, 2)), padding="valid") for frame in frames])
    assert np.allclose(np.load("out.npy"), expected[0] if stack.ndim == 2 else expected, atol=1e-12)
    assert result.record["frames"] == len(frames)


def test_a_bank_gives_a_map_per_frame_and_filter() -> None:
    np.save("stack.npy", noise(1, 3, 4, 5))
    bank = noise(2, 3, 3, 1, 2).astype(int)
    filter_file("stack.npy", bank, frame="all", output="maps.npy")
    expected = [library.filter_picture(Picture(array), bank).pixels for array in np.load("stack.npy")]
    assert np.array_equal(np.load("maps.npy"), expected)
    assert np.load("maps.npy").shape == (3, 4, 5, 2)
    filter_file("stack.npy", bank, frame="all", output="maps.tiff")
    found = np.array([tifffile.imread("maps.tiff", key=page) for page in range(6)]).reshape(3, 2, 4, 5)
    assert np.array_equal(found, np.moveaxis(np.array(expected), 3, 1))


@pytest.mark.parametrize("target", ["x.jpg", "x.bmp", "x.pnm", "x.csv"])
def test_a_format_of_one_picture_is_refused_before_decoding(convcli: Runner, target: str) -> None:
    save_animation("moving.gif", "L")
    with nothing_changes(Path()):
        ran = convcli("apply", "moving.gif", "--filter", "box", "--frame", "all", "-o", target)
    kind = {"x.jpg": "jpeg"}.get(target, target[2:])
    why = f"{kind} holds one picture, not 5 frames; use gif, png (APNG), webp, tiff, avif or npy, or choose one "
    assert_failed(ran, 1, f"{target}: {why}frame, as in --frame 0")


def test_one_picture_is_one_frame(convcli: Runner) -> None:
    Image.fromarray(noise(1, 4, 5)).save("photo.png")
    Image.fromarray(noise(2, 4, 5)).save("still.gif")
    Image.fromarray(noise(3, 4, 5)).save("scan.bmp")
    names = ("photo.png", "still.gif", "scan.bmp")
    ran = convcli("apply", *names, "--filter", "sobel-x", "--frame", "all", "--json", "-j", "1")
    assert (ran.code, ran.err) == (0, "")
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [record["output"] for record in records] == [
        "photo-sobel-x.png", "still-sobel-x.gif", "scan-sobel-x.png",
    ]  # fmt: skip
    for name, record in zip(names, records, strict=True):
        assert record["frames"] == 1
        expected = filter_picture(read_picture(name), "sobel-x")
        assert same_look(decoded(record["output"])[0][0], rgba(expected))
    assert convcli("apply", "photo.png", "--filter", "box", "--frame", "all", "-o", "photo.jpg").code == 0
    Path("matrix.csv").write_text("1,2\n3,4\n")
    ran = convcli("apply", "matrix.csv", "--filter", "identity", "--frame", "all")
    assert ran.all == (0, "1 2\n3 4\n", "")


def test_what_is_said_of_all_frames_together(convcli: Runner) -> None:
    stack = noise(1, 3, 4, 5)
    np.save("stack.npy", stack)
    ran = convcli("apply", "stack.npy", "--kernel", "-1 0 1", "--frame", "1..2", "--signed", "abs", "--json")
    record = json.loads(ran.out)
    results = np.array(
        [library.convolve(array, [[-1, 0, 1]], padding="same", border="edge") for array in stack[1:]]
    )
    assert (record["shape_in"], record["shape_out"], record["frames"]) == ("4x5", "4x5", 2)
    assert (record["output"], record["dtype"]) == ("stack-kernel.tiff", "int16")
    assert (record["min"], record["max"]) == (results.min(), results.max())
    assert record["mean"] == pytest.approx(results.mean(), abs=1e-12)
    assert record["saturated"] == (abs(results) > 255).sum()
    assert np.array_equal(tifffile.imread("stack-kernel.tiff"), abs(results).clip(0, 255))


# Composition ----------------------------------------------------------------------------------------------

COLORS = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
GIF_HEAD = struct.pack("<6sHHBBB", b"GIF89a", 4, 1, 0x81, 0, 0) + bytes(sum(COLORS, ()))


def gif_frame(part: tuple[int, int, int, int], color: int, disposal: int, transparent: int | None) -> bytes:
    """Return a frame of one color that covers a part (left, top, width, height)."""
    left, top, width, height = part
    image = Image.new("P", (width, height), color)
    image.putpalette([value for each in COLORS for value in each])
    memory = io.BytesIO()
    image.save(memory, "GIF", optimize=False)
    data = memory.getvalue()
    table = 13 + (3 << (data[10] & 7) + 1)
    pixels = data[data.index(b",", table) + 10 : -1]
    flags = disposal << 2 | (transparent is not None)
    control = struct.pack("<2sBBHBB", b"!\xf9", 4, flags, 7, transparent or 0, 0)
    return control + struct.pack("<sHHHHB", b",", left, top, width, height, 0) + pixels


def moving_gif() -> bytes:
    """Build frames of which all but the first cover a part, with each way of disposal."""
    return GIF_HEAD + b"".join(
        [
            gif_frame((0, 0, 4, 1), 1, disposal=1, transparent=0),
            gif_frame((1, 0, 2, 1), 2, disposal=2, transparent=0),  # cleared
            gif_frame((0, 0, 1, 1), 3, disposal=3, transparent=0),  # what was there comes back
            gif_frame((2, 0, 2, 1), 2, disposal=1, transparent=2),  # nothing is visible
            gif_frame((3, 0, 1, 1), 2, disposal=1, transparent=0),
            b";",
        ]
    )


R, G, B, NONE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
COMPOSED = [[R, R, R, R], [R, G, G, R], [B, NONE, NONE, R], [R, NONE, NONE, R], [R, NONE, NONE, G]]


@pytest.mark.parametrize("target", ["out.gif", "out.png", "out.webp", "out.tiff"])
def test_frames_of_a_gif_are_composed_first(target: str) -> None:
    Path("moving.gif").write_bytes(moving_gif())
    filter_file("moving.gif", "identity", frame="all", output=target)
    frames, durations, loop = decoded(target)
    for frame, expected in zip(frames, COMPOSED, strict=True):
        assert same_look(frame, np.array([expected]))
    if target != "out.tiff":
        assert (durations, loop) == ([70] * 5, None if target == "out.gif" else 1)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        # By ImageMagick, ffmpeg and libvips, or by all of these but one and Pillow.
        ([((0, 4), 1, 1, None), ((1, 2), 2, 2, 0), ((0, 1), 3, 1, 0)], ["RRRR", "RGGR", "B..R"]),
        ([((0, 4), 1, 1, None), ((1, 2), 2, 2, None), ((0, 1), 3, 1, None)], ["RRRR", "RGGR", "BKKR"]),
        (
            [((0, 4), 1, 1, 0), ((1, 1), 2, 2, 0), ((2, 1), 3, 0, 0), ((3, 1), 2, 0, 0)],
            ["RRRR", "RGRR", "R.BR", "R.BG"],
        ),
        ([((1, 2), 1, 1, None), ((0, 1), 2, 1, None)], ["KRRK", "GRRK"]),
        ([((1, 2), 1, 1, 0), ((0, 1), 2, 1, 0)], [".RR.", "GRR."]),
        ([((0, 4), 1, 3, 0), ((0, 1), 2, 1, 0)], ["RRRR", "G..."]),
        ([((0, 4), 1, 3, None), ((0, 1), 2, 1, None)], ["RRRR", "GKKK"]),
    ],
)
def test_frames_of_a_gif_look_as_in_most_programs(
    frames: list[tuple[tuple[int, int], int, int, int | None]], expected: list[str]
) -> None:
    parts = [
        gif_frame((left, 0, width, 1), color, disposal, transparent)
        for (left, width), color, disposal, transparent in frames
    ]
    Path("moving.gif").write_bytes(GIF_HEAD + b"".join([*parts, b";"]))
    filter_file("moving.gif", "identity", frame="all", output="out.png")
    letters = {R: "R", G: "G", B: "B", NONE: ".", (0, 0, 0, 255): "K"}
    found = ["".join(letters[tuple(pixel)] for pixel in frame[0].tolist()) for frame in decoded("out.png")[0]]
    assert found == expected
    for number, row in enumerate(expected[1:], 1):
        alone = rgba(read_picture("moving.gif", frame=number))
        assert "".join(letters[tuple(pixel)] for pixel in alone[0].tolist()) == row


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


Row = Sequence[tuple[int, ...]]


def animated_png(*frames: tuple[int, int, int, Row], exif: bytes = b"") -> bytes:
    """Build an animation of rows; a frame is its left side, disposal, blending, and pixels of a row."""
    width, channels = len(frames[0][3]), len(frames[0][3][0])
    color = {1: 0, 3: 2, 4: 6}[channels]
    parts = [
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, 8, color, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", len(frames), 5)),
        chunk(b"eXIf", exif) if exif else b"",
    ]
    number = 0
    for left, disposal, blending, row in frames:
        parts.append(
            chunk(b"fcTL", struct.pack(">5I2H2B", number, len(row), 1, left, 0, 1, 30, disposal, blending))
        )
        number += 1
        data = zlib.compress(b"\0" + bytes(value for pixel in row for value in pixel))
        if number == 1:
            parts.append(chunk(b"IDAT", data))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join([*parts, chunk(b"IEND", b"")])


def test_frames_of_an_apng_are_composed_first() -> None:
    half, other = (200, 0, 0, 128), (0, 0, 100, 255)
    Path("moving.png").write_bytes(
        animated_png(
            (0, 0, 0, [other, NONE, R, R]),
            (0, 1, 1, [half, half, NONE]),  # over what was before, then cleared
            (2, 2, 0, [half, NONE]),  # replaces what was before, which comes back
            (3, 0, 1, [G]),
        )
    )
    filter_file("moving.png", "identity", frame="all", output="out.png")
    frames, durations, loop = decoded("out.png")
    # 200 * 128/255 = 100.4; 100 * 127/255 = 49.8
    expected = [
        [other, NONE, R, R],
        [(100, 0, 50, 255), half, R, R],
        [NONE, NONE, half, NONE],
        [NONE, NONE, NONE, G],
    ]
    assert [frame.tolist() for frame in frames] == [[[list(pixel) for pixel in row]] for row in expected]
    assert durations == pytest.approx([1000 / 30] * 4)
    assert loop == 5


def test_an_opaque_apng_that_clears_a_part_gets_alpha() -> None:
    red, green = (255, 0, 0), (0, 255, 0)
    frames = (0, 0, 0, [red] * 3), (1, 1, 0, [green]), (2, 0, 0, [green])
    Path("moving.png").write_bytes(animated_png(*frames))
    filter_file("moving.png", "identity", frame="all", output="out.png")
    assert decoded("out.png")[0][2].tolist() == [[list(R), list(NONE), list(G)]]


def test_an_orientation_holds_for_all_frames() -> None:
    exif = Image.Exif()
    exif[274] = 6
    rows = [(1,), (2,), (3,)], [(4,), (5,), (6,)]
    Path("moving.png").write_bytes(animated_png(*((0, 0, 0, row) for row in rows), exif=exif.tobytes()[6:]))
    filter_file("moving.png", "identity", frame="all", output="out.npy")
    assert np.load("out.npy").tolist() == [[[1], [2], [3]], [[4], [5], [6]]]


def test_a_default_picture_stays_outside_of_the_animation() -> None:
    save_all("moving.png", images("RGB", 4), duration=40, default_image=True)
    filter_file("moving.png", "identity", frame="all", output="out.png")
    with Image.open("out.png") as image:
        assert (image.n_frames, image.info["default_image"]) == (4, True)  # type: ignore[attr-defined]
        for number, frame in enumerate(images("RGB", 4)):
            image.seek(number)
            assert np.array_equal(np.array(image), np.array(frame))


# GIF ------------------------------------------------------------------------------------------------------


def test_a_gif_of_gray_is_exact(convcli: Runner) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(gray).save("gray.png")
    assert convcli("apply", "gray.png", "--filter", "identity", "-o", "gray.gif").all == (0, "gray.gif\n", "")
    with Image.open("gray.gif") as image:
        assert np.array_equal(np.array(image.convert("L")), gray)


def test_a_gif_of_few_colors_is_exact_and_of_many_is_near(convcli: Runner) -> None:
    many = noise(1, 30, 30, 4)
    few = many[:8].copy()
    few[..., 3] = np.where(few[..., 3] < 128, 0, 255)
    for name, pixels in (("few", few), ("many", many)):
        Image.fromarray(pixels).save(f"{name}.png")
    assert convcli("apply", "few.png", "--filter", "identity", "-o", "few.gif").err == ""
    assert same_look(decoded("few.gif")[0][0], few)
    ran = convcli("apply", "many.png", "--filter", "identity", "-o", "many.gif")
    notes = ("alpha is reduced to on or off", "colors are reduced to 255")
    assert ran.err == "".join(f"convcli: note: many.png: {note}\n" for note in notes)
    found = decoded("many.gif")[0][0]
    assert np.array_equal(found[..., 3], np.where(many[..., 3] < 128, 0, 255))
    assert np.abs(found[..., :3].astype(int) - many[..., :3])[many[..., 3] >= 128].mean() < 16


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_frames_of_16_rows_and_more_are_exact_in_a_gif(channels: int) -> None:
    """Pillow interlaces GIF files of this size, which an animation of them would have to repeat."""
    shades = noise(1, 3, 17, 19) & 3
    colors = noise(2, 4, channels)
    if channels == 4:
        colors[:, 3] = (0, 255, 255, 255)
    frames = [Image.fromarray(colors[shade].squeeze()) for shade in shades]
    save_all("moving.png", frames)
    filter_file("moving.png", "identity", frame="all", output="moving.gif")
    written = decoded("moving.gif")[0]
    assert len(written) == 3
    for image, frame in zip(frames, written, strict=True):
        assert same_look(np.array(image.convert("RGBA")), frame)


def test_a_note_is_given_once_for_all_frames(convcli: Runner) -> None:
    save_all(
        "moving.webp",
        [Image.fromarray(noise(seed, 20, 20, 3)) for seed in range(3)],
        lossless=True,
        duration=25,
    )
    ran = convcli("apply", "moving.webp", "--filter", "identity", "--frame", "all", "-o", "out.gif")
    notes = ("colors are reduced to 256", "durations are rounded to 10 ms")
    assert ran.all == (0, "out.gif\n", "".join(f"convcli: note: moving.webp: {note}\n" for note in notes))
    ran = convcli("pool", "moving.webp", "--frame", "all", "-o", "out.npy")
    assert ran.err == "convcli: note: moving.webp: npy cannot hold the durations of frames\n"


# Which frames ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "offset", "why"),
    [
        ("first", 0, "holds no picture"),
        ("first", 1 << 62, "frame 0 is damaged or truncated"),
        ("next", 1 << 62, "frame 1 is damaged or truncated"),
        ("next", (1 << 64) - 1, "frame 1 cannot be decoded: Unable to seek to frame"),
    ],
)
def test_pages_that_are_not_there_are_not_left_out(
    convcli: Runner, where: str, offset: int, why: str
) -> None:
    tifffile.imwrite("page.tif", noise(1, 4, 5), bigtiff=True, photometric="minisblack", byteorder="<")
    content = bytearray(Path("page.tif").read_bytes())
    first = int.from_bytes(content[8:16], "little")
    entries = int.from_bytes(content[first : first + 8], "little")
    place = 8 if where == "first" else first + 8 + 20 * entries
    content[place : place + 8] = offset.to_bytes(8, "little")
    Path("page.tif").write_bytes(content)
    ran = convcli("apply", "page.tif", "--filter", "identity", "--frame", "all", "-o", "out.tif")
    assert_failed(ran, 1, f"page.tif: {why}\n")
    assert not Path("out.tif").exists()


@pytest.mark.parametrize("shape", [(), (3,), (0, 4, 5), (2, 0, 5), (2, 2, 2, 2, 2)])
def test_a_stack_of_another_shape_is_refused(convcli: Runner, shape: tuple[int, ...]) -> None:
    np.save("odd.npy", np.zeros(shape, np.uint8))
    ran = convcli("apply", "odd.npy", "--filter", "box", "--frame", "all", "-o", "out.npy")
    why = f"odd.npy: array of shape {shape}: a stack is (N, H, W) or (N, H, W, C), and not empty\n"
    assert_failed(ran, 1, why)
    assert not Path("out.npy").exists()


def test_a_single_frame_of_a_stack(convcli: Runner) -> None:
    np.save("stack.npy", noise(1, 3, 4, 5))
    ran = convcli("apply", "stack.npy", "--filter", "identity", "--frame", "1")
    why = (
        "has no frame 1: a matrix has a single frame (a range, as in apply --frame 1..1, reads it as a stack)"
    )
    assert_failed(ran, 1, f"stack.npy: {why}\n")
    assert convcli("apply", "stack.npy", "--filter", "identity", "--frame", "1..1", "-o", "out.npy").code == 0
    assert np.array_equal(np.load("out.npy"), np.load("stack.npy")[1:2])


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff", "avif"])
def test_a_range_beyond_the_last_frame(convcli: Runner, kind: str) -> None:
    save_all(f"moving.{kind}", images("RGB"))
    with nothing_changes(Path()):
        ran = convcli("apply", f"moving.{kind}", "--filter", "box", "--frame", "3..7")
    assert_failed(ran, 1, f"moving.{kind}: has no frame 7: it has 5 frames, counted from 0\n")
    Image.fromarray(noise(1, 4, 4)).save(f"still.{kind}")
    ran = convcli("apply", f"still.{kind}", "--filter", "box", "--frame", "0..1")
    assert_failed(ran, 1, f"still.{kind}: has no frame 1: it has a single frame\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5..2", "ends before it begins; write 2..5"),
        ("2..", "must be a whole number, at least 0, a range such as 2..5, or all"),
        ("-1..3", "must be a whole number, at least 0, a range such as 2..5, or all"),
        ("some", "must be a whole number, at least 0, a range such as 2..5, or all"),
    ],
)
def test_frames_that_are_none(convcli: Runner, text: str, why: str) -> None:
    save_animation("moving.gif", "L")
    assert_refused(
        convcli("apply", "moving.gif", "--filter", "box", "--frame", text), f"--frame {text}: {why}\n"
    )
    with pytest.raises(UsageError, match=f"frame {text}: {why}"):
        pool_file("moving.gif", frame=text)


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("--sheet=s.png", "--sheet draws one"),
        ("--direction=d.png", "--direction draws one"),
        ("--preview", "--preview shows one"),
    ],
)
def test_figures_show_one_frame(convcli: Runner, option: str, what: str) -> None:
    save_animation("moving.gif", "L")
    with nothing_changes(Path()):
        ran = convcli("apply", "moving.gif", "--filter", "sobel", "--frame", "all", option)
    assert_refused(ran, f"--frame all: gives several pictures, and {what}; choose one frame\n")


def test_frames_of_standard_input_to_standard_output() -> None:
    save_animation("moving.gif", "RGB")
    command = [sys.executable, "-m", "convcli", "pool", "-", "--frame", "all", "--format", "gif", "-o", "-"]
    ended = subprocess.run(command, input=Path("moving.gif").read_bytes(), capture_output=True, check=True)
    Path("out.gif").write_bytes(ended.stdout)
    assert len(decoded("out.gif")[0]) == 5


# Damage and limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_a_file_that_is_cut_in_a_later_frame_gives_no_output(convcli: Runner, kind: str) -> None:
    frames = [Image.fromarray(noise(seed, 30, 40, 3)) for seed in range(5)]
    save_all(f"whole.{kind}", frames, **({"lossless": True} if kind == "webp" else {}))
    data = Path(f"whole.{kind}").read_bytes()
    Path(f"cut.{kind}").write_bytes(data[: len(data) * 7 // 10])
    with nothing_changes(Path()):
        ran = convcli("apply", f"cut.{kind}", "--filter", "box", "--frame", "all", "-o", f"out.{kind}")
    assert_failed(ran, 1, f"cut.{kind}: ")


def test_a_damaged_frame_is_named(convcli: Runner) -> None:
    frames = [(0, 0, 0, [(1,), (2,), (3,)])] * 3
    data = animated_png(*frames)
    old = chunk(b"fdAT", struct.pack(">I", 4) + zlib.compress(b"\0\1\2\3"))
    assert old in data
    Path("short.png").write_bytes(
        data.replace(old, chunk(b"fdAT", struct.pack(">I", 4) + zlib.compress(b"\0\1")))
    )
    with nothing_changes(Path()):
        ran = convcli("apply", "short.png", "--filter", "box", "--frame", "all")
    assert_failed(ran, 1, "short.png: frame 2 ")
    Path("lies.png").write_bytes(
        data.replace(chunk(b"acTL", struct.pack(">II", 3, 5)), chunk(b"acTL", struct.pack(">II", 2**31, 5)))
    )
    ran = convcli("apply", "lies.png", "--filter", "box", "--frame", "all")
    assert_failed(ran, 1, f"lies.png: is damaged: it promises {2**31} frames, but holds 3\n")


def test_a_page_that_is_too_small_fails_one_filter_only(convcli: Runner) -> None:
    save_all("pages.tiff", [Image.fromarray(noise(seed, side, 9)) for seed, side in ((1, 9), (2, 2))])
    ran = convcli(
        "apply", "pages.tiff", "--filter", "box", "--kernel", "1 1", "--padding", "valid", "--frame", "all",
    )  # fmt: skip
    assert (ran.code, ran.out) == (1, "pages-kernel.tiff\n")
    assert ran.err.startswith("convcli: pages.tiff: frame 1: ")


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff", "npy"])
def test_the_results_of_all_frames_count_for_the_limit_of_memory(convcli: Runner, kind: str) -> None:
    frames = [np.full((200, 300), value, np.uint8) for value in range(0, 250, 2)]
    if kind == "npy":
        np.save("moving.npy", frames)
    else:
        save_all(f"moving.{kind}", [Image.fromarray(frame) for frame in frames])
    arguments = ["apply", f"moving.{kind}", "--filter", "box", "--signed", "abs", "--frame"]
    limit = ["--max-memory", "6M"]
    with nothing_changes(Path()):
        ran = convcli(*arguments, "all", *limit)
    assert_failed(ran, 1, f"moving.{kind}: ")
    assert "needs about" in ran.err
    assert "may use only 6 MB" in ran.err
    if kind != "npy":  # it is read as a whole
        assert convcli(*arguments, "7..9", *limit).code == 0


def test_an_error_is_of_the_right_kind_in_python() -> None:
    save_animation("moving.gif", "L")
    with pytest.raises(OutputError, match="jpeg holds one picture, not 5 frames"):
        filter_file("moving.gif", "box", frame="all", output="x.jpg")
    with pytest.raises(ImageError, match="has no frame 9"):
        filter_file("moving.gif", "box", frame="0..9")
    with pytest.raises(ConvcliError, match=r"frame 1\.5: must be a whole number"):
        filter_file("moving.gif", "box", frame=1.5)  # type: ignore[arg-type]


def test_a_file_without_a_picture_is_refused(convcli: Runner) -> None:
    np.save("none.npy", np.zeros((0, 4, 5)))
    Path("none.tiff").write_bytes(b"II*\0\0\0\0\0")
    Path("none.gif").write_bytes(GIF_HEAD + b";")
    for name, why in (
        ("none.npy", "array of shape (0, 4, 5): "),
        ("none.tiff", "holds no picture"),
        ("none.gif", ""),
    ):
        with nothing_changes(Path()):
            ran = convcli("apply", name, "--filter", "box", "--frame", "all")
        assert_failed(ran, 1, f"{name}: {why}")


def test_a_terminal_shows_how_many_frames_there_are(terminal: Runner) -> None:
    np.save("stack.npy", np.arange(60).reshape(3, 4, 5))
    ran = terminal("apply", "stack.npy", "--filter", "identity", "--frame", "all")
    assert ran.all == (0, "stack-identity.npy  (3 frames of 4x5, int16 from 0 to 59)\n", "")


# Deep pages and batches -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint16", "float64", "float16", "int64"])
def test_deep_pages_are_read_and_written_by_the_extra(dtype: str) -> None:
    stack = np.random.default_rng(1).integers(0, 1000, (3, 4, 5, 3)).astype(dtype)
    tifffile.imwrite("deep.tiff", stack, photometric="rgb")
    for target in ("all.tiff", "all.npy"):
        filter_file("deep.tiff", [[0, 1, 0]], channels="each", frame="all", output=target)
    expected = stack.astype("float32") if dtype == "float16" else stack
    assert np.array_equal(np.load("all.npy"), expected)
    assert np.array_equal([tifffile.imread("all.tiff", key=page) for page in range(3)], expected)


def test_a_batch_in_processes_and_what_exists_is_skipped(convcli: Runner) -> None:
    for name in ("one.gif", "two.gif", "three.gif"):
        save_animation(name, "L")
    Path("two-box.gif").write_bytes(b"")
    command = ("apply", "one.gif", "two.gif", "three.gif", "--filter", "box", "--frame", "1..3", "-j", "2")
    ran = convcli(*command, "--skip-existing")
    assert ran.all == (0, "one-box.gif\nthree-box.gif\n", "")
    assert Path("two-box.gif").read_bytes() == b""
    assert len(decoded("one-box.gif")[0]) == len(decoded("three-box.gif")[0]) == 3
    with nothing_changes(Path()):
        assert_refused(convcli(*command, "-o", "all.gif"), "all.gif: is a single file for 3 results")


def test_frames_lose_their_alpha_to_a_background(convcli: Runner) -> None:
    save_animation("moving.png", "RGBA")
    ran = convcli(
        "pool", "moving.png", "--f", "1", "--frame", "all", "--background", "#102030", "-o", "x.webp"
    )
    assert ran.all == (0, "x.webp\n", "")
    for frame, image in zip(decoded("x.webp")[0], images("RGBA"), strict=True):
        pixels = np.array(image)
        expected = np.where(pixels[..., 3:] > 0, pixels[..., :3], [16, 32, 48])
        assert np.array_equal(frame, np.dstack((expected, np.full((4, 6), 255))))
