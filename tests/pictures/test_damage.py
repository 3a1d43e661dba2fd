"""Damage that decoders accept: markers of a JPEG, parts and directories of a TIFF."""

import io
import re
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.errors import ImageError
from convcli.pictures.damage.jpeg import find_scans, pad_scans
from convcli.pictures.damage.tiff import check_directory, check_parts
from convcli.pictures.formats.frame_reading.opening import open_frames
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS
from convcli.pictures.reading import load_picture
from tests.support.command_line import SAMPLES

PHOTOGRAPH = np.array(Image.open(SAMPLES / "chelsea.png"))


def jpeg(shape: tuple[int, int] = (70, 90), *, gray: bool = False, **options: Any) -> bytes:
    pixels = PHOTOGRAPH[: shape[0], : shape[1]]
    memory = io.BytesIO()
    Image.fromarray(pixels[..., 0] if gray else pixels).save(memory, "JPEG", **options)
    return memory.getvalue()


# JPEG -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "scans"),
    [
        ({}, 1),
        ({"gray": True}, 1),
        ({"progressive": True}, 10),
        ({"progressive": True, "gray": True}, 6),
        ({"restart_marker_blocks": 2}, 1),
        ({"restart_marker_rows": 1, "subsampling": 0}, 1),
        ({"progressive": True, "restart_marker_blocks": 3}, 10),
    ],
)
@pytest.mark.parametrize("shape", [(70, 90), (8, 8), (1, 1), (17, 33)])
def test_whole_files_pass_and_bits_behind_their_scans_change_nothing(
    options: dict[str, Any], scans: int, shape: tuple[int, int]
) -> None:
    content = jpeg(shape, **options)
    ends, _ = find_scans(io.BytesIO(content), "x")
    assert len(ends) == scans
    longer = pad_scans(io.BytesIO(content), ends)
    assert len(longer) == len(content) + 64 * scans
    with Image.open(io.BytesIO(content)) as one, Image.open(io.BytesIO(longer)) as other:
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("subsampling", "units"),
    [(0, 9 * 12), (1, 9 * 6), (2, 5 * 6)],  # of 8x8, 16x8 and 16x16 pixels
)
def test_one_restart_marker_less_than_there_must_be(subsampling: int, units: int) -> None:
    content = jpeg((70, 90), subsampling=subsampling, restart_marker_blocks=1)
    markers = [match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", content)]
    assert len(markers) == units - 1
    find_scans(io.BytesIO(content), "x")
    with pytest.raises(ImageError, match="some of its pixels are missing"):
        find_scans(io.BytesIO(content[: markers[-1]] + content[markers[-1] + 2 :]), "x")


@pytest.mark.parametrize("options", [{"restart_marker_blocks": 2}, {"restart_marker_rows": 1}])
def test_a_restart_interval_that_is_missing_is_missed(options: dict[str, Any]) -> None:
    content = jpeg(**options)
    first = content.index(b"\xff\xd1")
    second = content.index(b"\xff\xd2")
    with pytest.raises(ImageError, match="some of its pixels are missing"):
        find_scans(io.BytesIO(content[:first] + content[second:]), "x")


@pytest.mark.parametrize(
    "damaged",
    [
        jpeg()[:-2],
        jpeg()[:-2] + b"\0\0",
        jpeg()[: jpeg().index(b"\xff\xda")],
        jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9",
        b"\xff\xd8",
        b"\xff\xd8\xff\x01\xff",
    ],
)
def test_a_file_without_an_end_is_cut(damaged: bytes) -> None:
    with pytest.raises(ImageError, match="is truncated: its end is missing"):
        find_scans(io.BytesIO(damaged), "x")


def test_a_marker_on_the_border_of_two_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    content = jpeg(restart_marker_blocks=1)
    whole = find_scans(io.BytesIO(content), "x")
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("convcli.pictures.damage.jpeg.BLOCK", size)
        assert find_scans(io.BytesIO(content), "x") == whole


# PNG ------------------------------------------------------------------------------------------------------


def with_chunk(kind: bytes, data: bytes) -> bytes:
    """Put a chunk before the pixels of a PNG."""
    memory = io.BytesIO()
    Image.new("L", (3, 2), 7).save(memory, "PNG")
    content = memory.getvalue()
    chunk = struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
    return content[:33] + chunk + content[33:]


def short_header() -> bytes:
    content = with_chunk(b"tEXt", b"a")
    short = content[16:20]
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + short))
    return content[:8] + struct.pack(">I4s", 4, b"IHDR") + short + checksum + content[33:]


@pytest.mark.parametrize(
    "data", [with_chunk(b"eXIf", b"\0\1\0\2\0\3"), short_header()], ids=["exif", "header"]
)
@pytest.mark.parametrize("selected", [None, 0, 1, FrameRange()])
def test_damaged_exif_data_and_headers_are_refused(data: bytes, selected: int | FrameRange | None) -> None:
    def read() -> None:
        if isinstance(selected, FrameRange):
            open_frames(io.BytesIO(data), "x", DEFAULT_LIMITS, selected)
        else:
            load_picture(io.BytesIO(data), "x", frame=selected)

    with pytest.raises(ImageError, match=r"x: .*(damaged|decoded)"):
        read()


# TIFF -----------------------------------------------------------------------------------------------------

STRIPS = {256: 10, 257: 7, 278: 2, 273: (8, 28, 48, 68), 279: (20, 20, 20, 10)}
TILES = {256: 33, 257: 16, 322: 16, 323: 16, 324: (8, 300, 600), 325: (256,) * 3}


@pytest.mark.parametrize(
    "tags",
    [
        STRIPS,
        TILES,
        {256: 10, 257: 7, 273: (8,)},
        STRIPS | {278: 1 << 32 - 1, 273: (8,), 279: (70,)},
        STRIPS | {284: 2, 277: 1},
        STRIPS | {284: 1, 277: 3},
        {256: 10, 257: 7, 278: 7, 284: 2, 277: 3, 273: (8, 78, 148), 279: (70,) * 3},
        STRIPS | {273: (8, 28, 48, 68, 88), 279: (20,) * 5},
    ],
)
def test_pages_that_name_all_their_parts_pass(tags: dict[int, Any]) -> None:
    check_parts(tags, "x")


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (STRIPS | {273: (8, 28, 48)}, "it lists 3 of its 4 parts"),
        (STRIPS | {279: (20, 20)}, "it lists 2 of its 4 parts"),
        (STRIPS | {273: (8, 28, 0, 68)}, "it lists 4 of its 4 parts"),
        (STRIPS | {284: 2, 277: 3}, "it lists 4 of its 12 parts"),
        (TILES | {324: (8, 300)}, "it lists 2 of its 3 parts"),
        (STRIPS | {278: 0}, "its strips or tiles have no size"),
        (TILES | {322: 0}, "its strips or tiles have no size"),
        (TILES | {322: 16.5}, "its strips or tiles have no size"),
        ({256: 10, 257: 7}, "its strips or tiles have no size"),
    ],
)
def test_pages_that_do_not_are_damaged(tags: dict[int, Any], why: str) -> None:
    with pytest.raises(ImageError, match=f"is damaged: {why}"):
        check_parts(tags, "x")


def directory(order: str, *, big: bool, entries: list[tuple[int, int, int, int]], cut: int = 0) -> bytes:
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    count, entry = ("Q", "HHQQ") if big else ("H", "HHII")
    start = struct.pack(f"{order}HHQ" if big else f"{order}I", *((8, 0, 16) if big else (8,)))
    body = struct.pack(f"{order}{count}", len(entries)) + b"".join(
        struct.pack(f"{order}{entry}", *one) for one in entries
    )
    content = head + start + body
    return content[: len(content) - cut]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_directory_that_points_beyond_the_file_is_refused(order: str, *, big: bool) -> None:
    offset = 16 if big else 8
    fits = [(256, 4, 1, 5), (270, 2, 8, 2)]

    def check(content: bytes) -> None:
        check_directory(io.BytesIO(content), "x", offset)

    check(directory(order, big=big, entries=fits))
    check(directory(order, big=big, entries=[(65000, 99, 1 << 30, 1 << 30)]))  # of no known type
    for cut in (1, 13, 30):
        with pytest.raises(ImageError, match="its directory points beyond the end of the file"):
            check(directory(order, big=big, entries=fits, cut=cut))
    with pytest.raises(ImageError, match="its directory points beyond the end of the file"):
        check(directory(order, big=big, entries=[*fits, (270, 2, 500, 20)]))
    with pytest.raises(ImageError, match="its directory points beyond the end of the file"):
        check_directory(io.BytesIO(directory(order, big=big, entries=fits)), "x", 1 << 20)
