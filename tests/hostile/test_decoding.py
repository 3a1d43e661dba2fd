"""Files that are no pictures, damaged ones, and headers that lie."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.damaged_pictures import (
    COLORS,
    GIF_HEAD,
    GREY,
    IMAGE,
    LONG,
    PNGS,
    SHORT,
    TURNED,
    WHOLE,
    as_array,
    gif,
    gif_frame,
    patched,
    pixels_of,
    png,
    png_chunk,
    rows,
    saved,
    size_of,
    tiff,
    tiff_pages,
    with_size,
)
from tests.hostile.run_convcli import Ended, Nursery, assert_refused_with

IDENTITY = ("--filter", "identity")
MOMENT = 5.0  # processor seconds: most runs take a hundredth of it
SMALL = 1 << 28  # bytes of memory, of which loading convcli takes an eighth
ADDRESS_SPACE = 400 << 20
IS_NO_IMAGE = (
    "is not an image; supported are PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000 and JPEG XL"
)


# Many files in one run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sorted:
    """What became of many files: for each either pixels, or why it was refused."""

    made: dict[str, NDArray[Any]]
    refused: dict[str, str]


def run_all(hostile: Nursery, files: Mapping[str, bytes], *options: object, **how: Any) -> Sorted:
    """Apply nothing to all files, and check that each is either made or refused, by one line."""
    Path("in").mkdir()
    for name, data in files.items():
        Path("in", name).write_bytes(data)
    where = ("--out-dir", "out", "--format", "png", "--name", "{stem}.{ext}", "-j", 1)
    names = [f"in/{name}" for name in files]
    ended = hostile("apply", *names, *IDENTITY, *where, *map(str, options), changes=True, **how)
    made = {name: as_array(Path("out", f"{name}.png").read_bytes()) for name in names_made(files)}
    assert ended.printed == [f"out/{name}.png" for name in made], ended
    said = [read_line(line) for line in ended.err.decode().splitlines()]
    refused = {name: why for name, why in said if name in files.keys() - made.keys()}
    assert made.keys() | refused.keys() == files.keys()
    assert ended.code == bool(refused)
    if refused and len(files) > 1:
        assert said.pop() == (f"{len(files)} inputs", f"{len(made)} done, {len(refused)} failed")
    assert len(said) == len({name for name, _ in said}), said
    return Sorted(made, refused)


def read_line(line: str) -> tuple[str, str]:
    """Split a message into the name of an input, also where it was its output that failed, and why."""
    name, why = line.removeprefix("convcli: ").removeprefix("note: ").split(": ", 1)
    return name.removeprefix("in/") if name.startswith("in/") else Path(name).stem, why


def names_made(files: Mapping[str, bytes]) -> list[str]:
    return [name for name in files if Path("out", f"{name}.png").exists()]


def run_one(hostile: Nursery, data: bytes, *options: object, **how: Any) -> Ended:
    Path("x").write_bytes(data)
    return hostile("apply", "x", *IDENTITY, "-o", "y.png", *map(str, options), **how)


def made_of(hostile: Nursery, data: bytes, *options: object, **how: Any) -> NDArray[Any]:
    """Return the pixels of a file that is to be read; a note may be printed."""
    ended = run_one(hostile, data, *options, **how)
    assert (ended.code, set(ended.changed)) == (0, {"y.png"}), ended
    return as_array(Path("y.png").read_bytes())


# No pictures ----------------------------------------------------------------------------------------------


def test_an_empty_file_is_said_to_be_empty(hostile: Nursery) -> None:
    names = ["x.png", "x.jpg", "x.npy", "x.csv", "x.txt", "x"]
    for name in names:
        Path(name).touch()
        assert_refused_with(hostile("apply", name, *IDENTITY, "-o", "y.png"), 1, f"{name}: is empty")
    ended = hostile("apply", "-", *IDENTITY, "-o", "y.png")
    assert (ended.code, ended.out, ended.message.endswith(": is empty")) == (1, b"", True)


@pytest.mark.parametrize("text", [b"no picture", b"1 2\n3 4\n", "grün\n".encode(), b"\n" + PNGS["png"]])
def test_text_named_png_is_no_image(hostile: Nursery, text: bytes) -> None:
    Path("x.png").write_bytes(text)
    assert_refused_with(hostile("apply", "x.png", *IDENTITY, "-o", "y.png"), 1, f"x.png: {IS_NO_IMAGE}")


@pytest.mark.thorough(every=4)
@pytest.mark.parametrize("kind", WHOLE)
def test_content_decides_not_the_name(hostile: Nursery, kind: str) -> None:
    for name in ("x.png", "x.jpg"):
        Path(name).write_bytes(WHOLE[kind])
        ended = hostile("apply", name, *IDENTITY, "-o", "y.png", "--force")
        assert (ended.code, ended.out, set(ended.changed)) == (0, b"y.png\n", {"y.png"})
        assert np.array_equal(as_array(Path("y.png").read_bytes()), pixels_of(kind))
        Path("y.png").unlink()


DRAWINGS = {
    "eps.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    "dos.eps": b"\xc5\xd0\xd3\xc6" + struct.pack("<6L", 32, 40, 0, 0, 0, 0) + b"\0" * 4 + b"%!PS-Adobe-3.0\n",
    "ps.ps": b"%!PS\n(x) run showpage\n",
    "pdf.pdf": saved(IMAGE, "PDF"),
    "psd.psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 8, 3) + bytes(40),
    "svg.svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "wmf.wmf": b"\xd7\xcd\xc6\x9a\0\0"
    + bytes(8)
    + struct.pack("<H", 72)
    + bytes(6)
    + b"\1\0\t\0"
    + bytes(40),
    "emf.emf": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60),
    "xcf.xcf": b"gimp xcf file\0" + bytes(40),
    "ico.ico": saved(IMAGE, "ICO"),
    "tga.tga": saved(IMAGE, "TGA"),
}


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("named", ["by its format", "png"])
def test_a_format_that_is_not_read_starts_no_program(
    hostile: Nursery, named: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trace = tmp_path_factory.mktemp("trace") / "calls"
    files = {name if named != "png" else f"{name}.png": data for name, data in DRAWINGS.items()}
    tracer = ["-o", str(trace), "-e", "trace=execve,execveat,fork,vfork,unlink"]
    ran = run_all(hostile, files, tracer=tracer)
    assert ran.refused == dict.fromkeys(files, IS_NO_IMAGE)
    assert not [line for line in trace.read_text().splitlines() if "exec" in line or "fork" in line]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_format_that_is_not_read_is_refused_from_standard_input(hostile: Nursery, name: str) -> None:
    ended = hostile("apply", "-", *IDENTITY, "-o", "y.png", stdin=DRAWINGS[name])
    assert (ended.code, ended.out) == (1, b"")
    assert ": is not an image, and not a matrix either: " in ended.message


# Cut files ------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize("kind", WHOLE)
def test_a_file_cut_at_any_byte_is_refused_or_gives_all_its_pixels(hostile: Nursery, kind: str) -> None:
    data = WHOLE[kind]
    head, tail = min(len(data), 260), max(len(data) - 30, 260)
    lengths = [*range(1, head), *range(head, tail, 5), *range(tail, len(data)), len(data)]
    ran = run_all(hostile, {f"{length:05}": data[:length] for length in lengths})
    assert f"{len(data):05}" in ran.made
    for name, pixels in ran.made.items():
        assert np.array_equal(pixels, pixels_of(kind)), name


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "tiff, lzw", "npy", "ppm"])
def test_a_cut_file_is_refused_from_standard_input(hostile: Nursery, kind: str) -> None:
    for length in (10, len(WHOLE[kind]) // 2, len(WHOLE[kind]) - 3):
        ended = hostile("apply", "-", *IDENTITY, "-o", "y.png", stdin=WHOLE[kind][:length])
        assert_refused_with(ended, 1, "standard input: ")


def test_a_png_or_jpeg_without_its_end_is_refused(hostile: Nursery) -> None:
    files = {kind: data[:-12] for kind, data in PNGS.items()}
    assert set(run_all(hostile, files).refused.values()) == {"is truncated: its end is missing"}
    Path("x.jpg").write_bytes(WHOLE["jpeg"][:-2])
    assert_refused_with(hostile("apply", "x.jpg", *IDENTITY), 1, "x.jpg: is truncated: its end is missing")


def test_a_cut_plain_text_picture_misses_no_number(hostile: Nursery) -> None:
    data = b"P2 3 2 255\n1 20 30\n40 50 160\n"
    files = {f"{length:05}": data[:length] for length in range(1, len(data) + 1)}
    for name, pixels in run_all(hostile, files).made.items():
        assert pixels[:, :].ravel()[:5].tolist() == [1, 20, 30, 40, 50], name
        assert pixels[1, 2] in (1, 16, 160)  # of a number of which all digits are gone but some, nobody knows


def test_a_cut_matrix_is_refused_or_holds_rows_from_the_top(hostile: Nursery) -> None:
    text = "1 20 30\n40 50 60\n"
    for length in range(1, len(text) + 1):
        Path("x.csv").write_text(text[:length])
        ended = hostile("apply", "x.csv", *IDENTITY)
        if ended.code:
            assert_refused_with(ended, 1, "x.csv: row 2 has ")
        else:
            assert text.startswith(ended.out.decode().rstrip("\n"))


# Damaged files --------------------------------------------------------------------------------------------

DEPTHS = [
    (1, 0, 2),
    (2, 0, 3),
    (8, 0, 9),
    (16, 0, 18),
    (8, 2, 27),
    (2, 3, 3),
    (8, 3, 9),
    (8, 4, 18),
    (8, 6, 36),
]


@pytest.mark.parametrize("interlaced", [0, 1])
def test_pixels_that_end_early_inside_a_valid_stream_are_missed(hostile: Nursery, interlaced: int) -> None:
    files = {}
    for depth, color, width in DEPTHS:
        row = b"\0" + b"\1" * width
        for count in (1, 3, 5):
            for rest in (b"", row[:-1]):
                data = row * count + rest
                files[f"{depth}-{color}-{count}-{len(rest)}"] = png(
                    (9, 6), data, depth=depth, color=color, interlaced=interlaced,
                    before=COLORS if color == 3 else b"",
                )  # fmt: skip
    whys = run_all(hostile, files).refused
    assert whys.keys() == files.keys()
    assert all("are missing" in why or "truncated" in why for why in whys.values())


def two_frames(second: bytes) -> bytes:
    """Return a PNG of 2 x 4 grey pixels whose second frame is compressed in `second`."""
    controls = [
        png_chunk(b"fcTL", struct.pack(">5L2H2B", number, 2, 4, 0, 0, 1, 10, 0, 0)) for number in (0, 1)
    ]
    frame = controls[1] + png_chunk(b"fdAT", struct.pack(">L", 2) + second)
    before = png_chunk(b"acTL", struct.pack(">2L", 2, 0)) + controls[0]
    return png((2, 4), b"\0\1\1" * 4, before=before, after=frame)


def test_pixels_of_a_later_frame_that_end_early_are_missed(hostile: Nursery) -> None:
    whole = made_of(hostile, two_frames(zlib.compress(b"\0\7\7" * 4)), "--frame", 1)
    assert whole.tolist() == [[7, 7]] * 4
    Path("y.png").unlink()
    ended = run_one(hostile, two_frames(zlib.compress(b"\0\7\7" * 2)), "--frame", 1)
    assert_refused_with(ended, 1, "x: ", "missing")


FLIPPED = PNGS | {
    "png, turned": png((9, 6), rows(GREY), before=TURNED),
    "png, turned at last": png((9, 6), rows(GREY), after=TURNED),
}


def flipped(data: bytes, start: int = 0, stop: int | None = None, step: int = 1) -> dict[str, bytes]:
    """Return files in each of which a bit is flipped: one of each byte."""
    places = range(start, len(data) if stop is None else stop, step)
    return {f"{at:05}": patched(data, at, bytes([data[at] ^ 1 << (at * 5 + 1) % 8])) for at in places}


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("kind", FLIPPED)
def test_a_flipped_bit_in_a_png_is_noticed_or_changes_nothing(hostile: Nursery, kind: str) -> None:
    ran = run_all(hostile, {"whole": FLIPPED[kind], **flipped(FLIPPED[kind])})
    for name, pixels in ran.made.items():
        assert np.array_equal(pixels, ran.made["whole"]), name


def test_a_flipped_bit_in_a_later_frame_is_noticed_or_changes_nothing(hostile: Nursery) -> None:
    data = two_frames(zlib.compress(b"\0\7\7" * 4))
    start = data.rindex(b"fcTL")
    ran = run_all(hostile, flipped(data, start, len(data) - 12), "--frame", 1)
    assert all(pixels.tolist() == [[7, 7]] * 4 for pixels in ran.made.values())
    assert len(ran.refused) > 30


def test_a_flipped_bit_in_compressed_tiff_pixels_is_noticed(hostile: Nursery) -> None:
    data = tiff({259: (SHORT, [8]), 279: (LONG, [14])}, zlib.compress(bytes([1, 2, 3, 4, 5, 6])))
    ran = run_all(hostile, flipped(data, 8, 22))
    assert all(pixels.tolist() == [[1, 2, 3], [4, 5, 6]] for pixels in ran.made.values())
    assert len(ran.refused) > 9


@pytest.mark.thorough(every=9)
@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind not in PNGS])
def test_a_flipped_bit_leaves_a_picture_of_its_size_or_a_refusal(hostile: Nursery, kind: str) -> None:
    files = flipped(WHOLE[kind], step=1 + len(WHOLE[kind]) // 80)
    ran = run_all(hostile, files, "--max-pixels", 10_000)
    for name, pixels in ran.made.items():
        if kind != "npy":
            assert sorted(pixels.shape[:2]) == sorted(size_of(files[name])), name
    assert ran.refused


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png((4, 1), b"\0\0\1\2\3", color=3), id="no palette"),
        pytest.param(png((2, 2), b"\0\1\2\7\3\4"), id="no such row filter"),
        pytest.param(png((8, 1), b"\0\1", depth=3), id="3 bits"),
        pytest.param(png((2, 1), b"\0\1\2", color=1), id="no such colour type"),
        pytest.param(png((2, 1), b"\0\1\2", interlaced=2), id="no such interlacing"),
        pytest.param(PNGS["png"][:33] + PNGS["png"][-12:], id="no pixels"),
        pytest.param(PNGS["png"][:8] + PNGS["png"][33:], id="no header"),
        pytest.param(PNGS["png"][:33] + b"\x80\0\0\0tEXt" + PNGS["png"][33:], id="a chunk of 2^31"),
        pytest.param(
            PNGS["png"][:-12] + b"\xff" * 4 + b"tEXt" + PNGS["png"][-12:], id="a late chunk of 2^32"
        ),
        pytest.param(gif(), id="a gif without a frame"),
        pytest.param(gif(gif_frame(size=(2, 9))), id="a gif that ends early"),
        pytest.param(gif(gif_frame()).replace(b"\2\2\x44", b"\x0d\2\x44"), id="a gif of 13 bits"),
        pytest.param(GIF_HEAD + b"x" * 10**6, id="a gif of rubbish"),
    ],
)
def test_a_file_that_breaks_its_format_is_refused(hostile: Nursery, data: bytes) -> None:
    assert_refused_with(run_one(hostile, data), 1, "x: ")


LARGER = saved(Image.fromarray(np.random.default_rng(7).integers(0, 256, (48, 64), np.uint8)), "JPEG")


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_jpeg_whose_end_became_zeros_is_refused(hostile: Nursery, share: float) -> None:
    length = int(len(LARGER) * share)
    ended = run_one(hostile, LARGER[:length] + bytes(len(LARGER) - length))
    assert_refused_with(ended, 1, "x: ")


# Sizes that headers claim ---------------------------------------------------------------------------------

ALL = ["png", "tiff", "big tiff", "bmp", "jpeg", "gif", "animated webp", "P1", "P2", "P3", "P4", "P5", "P6"]
UNBOUNDED = ["png", "tiff", "big tiff", "bmp", "P1", "P2", "P3", "P4", "P5", "P6"]


def assert_quick(ended: Ended) -> None:
    assert ended.seconds < MOMENT, ended
    assert ended.peak < SMALL, ended


@pytest.mark.parametrize("kind", [*ALL, "npy"])
def test_60000_pixels_square_are_refused_at_once(hostile: Nursery, kind: str) -> None:
    why = "x: has 60000x60000 = 3600000000 pixels, more than 268435456; raise the limit with --max-pixels"
    ended = run_one(hostile, with_size(kind, 60000, 60000))
    assert_refused_with(ended, 1, why)
    assert_quick(ended)


def test_60000_pixels_square_are_refused_at_once_where_the_decoder_knows(hostile: Nursery) -> None:
    ended = run_one(hostile, with_size("avif", 60000, 60000))
    assert_refused_with(ended, 1, "x: ")
    assert_quick(ended)


@pytest.mark.thorough(every=4)
@pytest.mark.parametrize("kind", UNBOUNDED)
@pytest.mark.parametrize(
    "size", [(2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 2**31 - 1)], ids=lambda size: f"{size[0]:x}"
)
def test_sides_of_2_to_the_31_are_refused_at_once(hostile: Nursery, kind: str, size: tuple[int, int]) -> None:
    ended = run_one(hostile, with_size(kind, *size))
    assert_refused_with(
        ended, 1, f"x: has {size[0]}x{size[1]} = {size[0] * size[1]} pixels, more than 268435456"
    )
    assert_quick(ended)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("kind", [*UNBOUNDED, "jpeg", "avif", "npy"])
def test_a_picture_without_rows_or_columns_is_refused(hostile: Nursery, kind: str) -> None:
    for size in ((0, 6), (9, 0), (0, 0)):
        ended = run_one(hostile, with_size(kind, *size))
        assert_refused_with(ended, 1, "x: ")
        assert_quick(ended)


@pytest.mark.parametrize("kind", ["png", "tiff", "bmp", "P5", "P6", "npy"])
def test_a_lie_within_the_limit_takes_no_memory(hostile: Nursery, kind: str) -> None:
    ended = run_one(hostile, with_size(kind, 16000, 16000))
    assert_refused_with(ended, 1, "x: ")
    assert_quick(ended)


@pytest.mark.parametrize("kind", ["bmp", "P5", "png"])
def test_a_tall_lie_takes_no_more_memory_than_it_may(hostile: Nursery, kind: str) -> None:
    ended = run_one(hostile, with_size(kind, 1, 2**28 - 1), "--max-memory", "1G")
    assert_refused_with(ended, 1, "x: ")
    assert ended.peak < 1_200_000_000


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_size_that_the_pixels_do_not_fill_is_refused(hostile: Nursery, kind: str) -> None:
    ended = run_one(hostile, with_size(kind, 1000, 700))
    assert_refused_with(ended, 1, "x: ")


SIZED = {kind: data for kind, data in WHOLE.items() if kind != "tiff, big"}


def test_one_pixel_more_than_allowed_names_the_option(hostile: Nursery) -> None:
    ran = run_all(hostile, SIZED, "--max-pixels", 53)
    why = "has 9x6 = 54 pixels, more than 53; raise the limit with --max-pixels"
    in_parts = ", or write a .tif or .zarr, which is done in parts, or read less with --region or --level"
    assert {kind: text.removesuffix(in_parts) for kind, text in ran.refused.items()} == dict.fromkeys(
        SIZED, why
    )
    assert {kind for kind, text in ran.refused.items() if text.endswith(in_parts)} == {
        kind for kind in SIZED if kind.startswith(("tiff", "npy")) and kind != "tiff, fax"
    }


def test_as_many_pixels_as_allowed_are_read(hostile: Nursery) -> None:
    ran = run_all(hostile, SIZED, "--max-pixels", 54)
    assert all(np.array_equal(pixels, pixels_of(kind)) for kind, pixels in ran.made.items())
    assert ran.refused == {}


def test_one_number_of_a_matrix_more_than_allowed_names_the_option(hostile: Nursery) -> None:
    Path("x.csv").write_text("1 2 3\n4 5 6\n")
    assert_refused_with(hostile("apply", "x.csv", *IDENTITY, "--max-pixels", 5), 1, "x.csv: ", "--max-pixels")
    assert hostile("apply", "x.csv", *IDENTITY, "--max-pixels", 6).out == b"1 2 3\n4 5 6\n"


# Bombs ----------------------------------------------------------------------------------------------------

ZEROS = zlib.compress(bytes(1 << 26), 9)
BOMBS = {
    "text": png_chunk(b"zTXt", b"Comment\0\0" + ZEROS),
    "international text": png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + ZEROS),
    "profile": png_chunk(b"iCCP", b"profile\0\0" + ZEROS),
    "many texts": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10**6), 9)) * 300,
}


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_compressed_text_is_not_unpacked_without_a_limit(hostile: Nursery, bomb: str, place: str) -> None:
    before, after = (BOMBS[bomb], b"") if place == "before" else (b"", BOMBS[bomb])
    ended = run_one(hostile, png((2, 1), b"\0\1\2", before=before, after=after))
    assert ended.code == 0
    assert as_array(Path("y.png").read_bytes()).tolist() == [[1, 2]]
    assert_quick(ended)


def test_a_profile_that_is_no_profile_harms_no_picture(hostile: Nursery) -> None:
    for profile in (b"rubbish", zlib.compress(bytes(1000))[:9], zlib.compress(b"x" * 200)):
        chunk = png_chunk(b"iCCP", b"profile\0\0" + profile)
        assert made_of(hostile, png((2, 1), b"\0\1\2", before=chunk)).tolist() == [[1, 2]]
        Path("y.png").unlink()


@pytest.mark.parametrize("frames", [20_000, pytest.param(100_000, marks=pytest.mark.thorough)])
def test_a_gif_of_many_frames_is_read_in_bounded_time(hostile: Nursery, frames: int) -> None:
    data = gif(*[gif_frame()] * (frames - 1), gif_frame(b"\x0c\x0a"))
    first = [[[10, 20, 30], [200, 100, 50]]]
    ended = run_one(hostile, data)
    assert (ended.code, ended.message) == (
        0,
        "note: x: has several frames; the first is used (--frame selects another, --frame all filters all)",
    )
    assert as_array(Path("y.png").read_bytes()).tolist() == first
    assert_quick(ended)
    Path("y.png").unlink()
    assert made_of(hostile, data, "--frame", frames - 1).tolist() == [first[0][::-1]]
    Path("y.png").unlink()
    ended = run_one(hostile, data, "--frame", 10**30)
    assert_refused_with(ended, 1, f"x: has no frame {10**30}: it has {frames} frames, counted from 0")


def test_a_gif_of_100000_comments_is_read(hostile: Nursery) -> None:
    comments = b"!\xfe\1a\0" * 100_000 + b"!\xfe" + (b"\xff" + b"a" * 255) * 10_000 + b"\0"
    assert made_of(hostile, GIF_HEAD + comments + gif_frame() + b";")[0, 0].tolist() == [10, 20, 30]


def test_a_png_that_promises_2_to_the_31_frames_is_read(hostile: Nursery) -> None:
    data = two_frames(zlib.compress(b"\0\7\7" * 4))
    promised = png_chunk(b"acTL", struct.pack(">2L", 2**31 - 1, 0))
    data = data.replace(png_chunk(b"acTL", struct.pack(">2L", 2, 0)), promised)
    assert made_of(hostile, data).tolist() == [[1, 1]] * 4
    Path("y.png").unlink()
    ended = run_one(hostile, data, "--frame", 2**31 - 2)
    assert_refused_with(ended, 1, "x: ")
    assert_quick(ended)


# TIFF -----------------------------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("following", [(0,), (1, 0), (1, 1), (1, 2, 1), (1, 2, 2), (1, 2, 0)])
def test_pages_in_a_circle_are_counted_once(hostile: Nursery, following: tuple[int, ...]) -> None:
    data = tiff_pages(*following)
    for frame in range(len(following)):
        assert made_of(hostile, data, "--frame", frame).tolist() == [[1, 2, 3], [4, 5, 6]]
        Path("y.png").unlink()
    pages = "a single frame" if len(following) == 1 else f"{len(following)} frames, counted from 0"
    for frame in (len(following), 100_000):
        assert_refused_with(
            run_one(hostile, data, "--frame", frame), 1, f"x: has no frame {frame}: it has {pages}"
        )


def test_pages_of_a_big_tiff_in_a_circle_are_counted_once(hostile: Nursery) -> None:
    data = tiff(big=True, following=22)
    assert made_of(hostile, data).tolist() == [[1, 2, 3], [4, 5, 6]]
    Path("y.png").unlink()
    assert_refused_with(run_one(hostile, data, "--frame", 5), 1, "x: has no frame 5: it has a single frame")


@pytest.mark.parametrize("tag", [330, 34665, 34853, 40965])
@pytest.mark.parametrize("offset", [14, 2**32 - 1])
def test_other_directories_are_not_followed(hostile: Nursery, tag: int, offset: int) -> None:
    assert made_of(hostile, tiff({tag: (LONG, [offset])})).tolist() == [[1, 2, 3], [4, 5, 6]]


COMPRESSED = {
    "none": {},
    "deflate": {259: (SHORT, [8])},
    "lzw": {259: (SHORT, [5])},
    "packbits": {259: (SHORT, [32773])},
}


@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize("offset", [9999, 2**31, 2**32 - 1])
def test_strips_in_the_wild_are_refused(hostile: Nursery, compression: str, offset: int) -> None:
    ended = run_one(hostile, tiff({**COMPRESSED[compression], 273: (LONG, [offset])}))
    assert_refused_with(ended, 1, "x: ")
    assert_quick(ended)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("first", [0, 1, 2**31, 2**32 - 1])
def test_directories_in_the_wild_are_refused(hostile: Nursery, first: int, big: bool) -> None:
    assert_refused_with(run_one(hostile, tiff(big=big, first=first)), 1, "x: ")
    if big:
        assert_refused_with(run_one(hostile, tiff(big=big, first=first << 32 | 1 << 63)), 1, "x: ")


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("compression", COMPRESSED)
@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({279: (LONG, [2**32 - 1])}, id="a strip of 2^32 - 1 bytes"),
        pytest.param({278: (LONG, [2**32 - 1]), 279: (LONG, [2**31])}, id="all rows in 2^31 bytes"),
        pytest.param(
            {322: (LONG, [2**31]), 323: (LONG, [2**31]), 324: (LONG, [8]), 325: (LONG, [6])}, id="a tile"
        ),
        pytest.param({277: (SHORT, [65535])}, id="65535 samples"),
        pytest.param({258: (SHORT, [65535])}, id="65535 bits"),
    ],
)
def test_a_huge_strip_takes_no_memory(hostile: Nursery, compression: str, tags: Any) -> None:
    ended = run_one(hostile, tiff({**COMPRESSED[compression], **tags}))
    assert_quick(ended)
    if ended.code:
        assert_refused_with(ended, 1, "x: ")
    else:
        assert as_array(Path("y.png").read_bytes()).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("number", range(9))
def test_a_tag_of_2_to_the_28_values_takes_no_memory(hostile: Nursery, number: int) -> None:
    data = tiff()
    entry = int.from_bytes(data[4:8], "little") + 2 + 12 * number
    for count in (2**28, 2**32 - 1):
        ended = run_one(hostile, patched(data, entry + 4, struct.pack("<L", count)), "--force")
        assert_quick(ended)
        assert ended.code or as_array(Path("y.png").read_bytes()).shape == (2, 3)
        Path("y.png").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("tags", "data"),
    [
        pytest.param({278: (LONG, [1]), 279: (LONG, [3])}, b"\1\2\3", id="a strip"),
        pytest.param({257: (LONG, [1000]), 278: (LONG, [2])}, bytes(range(1, 7)), id="499 strips"),
        pytest.param(
            {256: (LONG, [32]), 257: (LONG, [16]), 322: (LONG, [16]), 323: (LONG, [16])}
            | {324: (LONG, [8]), 325: (LONG, [256])},
            b"\1" * 256,
            id="a tile",
        ),
        pytest.param(
            {277: (SHORT, [3]), 258: (SHORT, [8, 8, 8]), 262: (SHORT, [2]), 284: (SHORT, [2])},
            bytes(range(1, 7)),
            id="two planes",
        ),
    ],
)
def test_a_tiff_that_does_not_say_where_a_part_lies_is_refused(
    hostile: Nursery, tags: Any, data: bytes
) -> None:
    assert_refused_with(run_one(hostile, tiff(tags, data)), 1, "x: ")


# Memory, and what stands behind ---------------------------------------------------------------------------


def test_small_pictures_are_read_in_400_megabytes(hostile: Nursery) -> None:
    ran = run_all(hostile, WHOLE, limits={"RLIMIT_AS": ADDRESS_SPACE})
    assert all(np.array_equal(pixels, pixels_of(kind)) for kind, pixels in ran.made.items())
    assert ran.refused == {}


@pytest.mark.parametrize("kind", ["png", "avif", "webp", "tiff, lzw"])
def test_a_new_process_reads_a_small_picture_in_400_megabytes(in_folder: Path, kind: str) -> None:
    (in_folder / "x").write_bytes(WHOLE[kind])
    line = f'ulimit -v {ADDRESS_SPACE >> 10}; exec "$0" -m convcli apply x --filter identity -o y.png'
    ran = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"y.png\n", b"")
    assert np.array_equal(as_array(Path("y.png").read_bytes()), pixels_of(kind))


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("kind", ["png", "tiff", "bmp", "jpeg", "gif", "webp", "avif", "P5", "P6", "npy"])
@pytest.mark.parametrize("size", [(16000, 16000), (16383, 16000)], ids=str)
def test_a_large_picture_is_refused_in_400_megabytes(
    hostile: Nursery, kind: str, size: tuple[int, int]
) -> None:
    ended = run_one(hostile, with_size(kind, *size), limits={"RLIMIT_AS": ADDRESS_SPACE})
    assert_refused_with(ended, 1, "x: ")
    assert_quick(ended)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_a_large_whole_picture_is_refused_in_400_megabytes(hostile: Nursery, kind: str) -> None:
    side = 12_000
    strip = zlib.compress(bytes(side * (side + (kind == "png"))))
    tags = {256: (LONG, [side]), 257: (LONG, [side]), 278: (LONG, [side]), 279: (LONG, [len(strip)])}
    data = (
        tiff({**tags, 259: (SHORT, [8])}, strip)
        if kind == "tiff"
        else png((side, side), bytes(side * side + side))
    )
    ended = run_one(hostile, data, limits={"RLIMIT_AS": ADDRESS_SPACE})
    assert_refused_with(ended, 1, "x: ", "memory")
    assert ended.peak < ADDRESS_SPACE


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    "junk", [b"\n", b"\0" * 5000, b"\xff" * 99, PNGS["png"], WHOLE["jpeg"], b"<html>x; y</html>"],
    ids=["a line end", "zeros", "ones", "a png", "a jpeg", "text"],
)  # fmt: skip
def test_what_stands_behind_a_picture_does_no_harm(hostile: Nursery, junk: bytes) -> None:
    files = {kind: data + junk for kind, data in WHOLE.items() if kind != "pbm, plain" or junk == b"\n"}
    ran = run_all(hostile, files)
    assert ran.refused == {}
    for kind, pixels in ran.made.items():
        assert np.array_equal(pixels, pixels_of(kind)), kind
