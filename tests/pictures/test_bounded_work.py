"""Small files that ask for much work or memory: what is done for them is counted, never timed."""

import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.errors import ImageError
from convcli.pictures import limits as limits_module
from convcli.pictures.damage import jpeg as jpeg_damage
from convcli.pictures.damage import png_metadata
from convcli.pictures.damage.jpeg import check_fill, find_scans
from convcli.pictures.formats.frame_reading.opening import open_frames
from convcli.pictures.formats.pillow import estimates
from convcli.pictures.formats.pillow.decoder import decode
from convcli.pictures.frames import FrameRange
from convcli.pictures.headers.av1 import coded_pixels
from convcli.pictures.headers.avif import avif_bits
from convcli.pictures.headers.tiff_pages import page_offset, page_offsets
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.picture import Picture
from convcli.pictures.raster import held_bytes
from convcli.pictures.reading import load_picture
from tests.pictures.test_reading import TEN_BIT_AVIF
from tests.support.engines import Engine

MEGABYTE = 1 << 20


class Counted(io.BytesIO):
    """A stream that counts how often it is read, and how many bytes."""

    reads = 0
    length = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.length += len(data)
        return data


def picture_of(data: bytes, limits: Limits = DEFAULT_LIMITS, frame: int | None = None) -> Picture:
    return load_picture(io.BytesIO(data), "x", limits, frame=frame)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, file_format, **options)
    return memory.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)


# JPEG -----------------------------------------------------------------------------------------------------

PROGRESSIVE = saved(gradient(), "JPEG", progressive=True)
BASELINE = saved(gradient(), "JPEG", restart_marker_blocks=2)


def with_fill(data: bytes, count: int) -> bytes:
    """Put fill bytes before every marker but the first."""
    return data[:2] + re.sub(rb"\xff(?=[^\x00\xff])", b"\xff" * (count + 1), data[2:])


def with_fill_at_end(data: bytes, count: int) -> bytes:
    return data[:-2] + b"\xff" * count + data[-2:]


@pytest.mark.parametrize("data", [PROGRESSIVE, BASELINE], ids=["progressive", "restart markers"])
@pytest.mark.parametrize("add", [with_fill_at_end, with_fill])
@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_a_jpeg_with_fill_bytes_is_read(data: bytes, add: Any, count: int) -> None:
    assert np.array_equal(picture_of(add(data, count)).pixels, picture_of(data).pixels)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_fill_bytes_on_the_border_of_two_blocks_belong_to_the_marker(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = find_scans(io.BytesIO(PROGRESSIVE), "x")
    monkeypatch.setattr(jpeg_damage, "BLOCK", block)
    found = find_scans(io.BytesIO(with_fill_at_end(PROGRESSIVE, 10)), "x")
    assert found == whole
    filled = with_fill(PROGRESSIVE, 2)
    ends = find_scans(io.BytesIO(filled), "x").ends
    assert len(ends) == len(whole.ends)
    assert all(filled[end - 1] != 0xFF and filled[end : end + 3] == b"\xff" * 3 for end in ends)


def test_a_jpeg_whose_corner_is_gray_and_has_a_fill_byte_is_read() -> None:
    image = gradient()
    image.paste((128, 128, 128), (16, 16, 40, 30))
    data = with_fill_at_end(saved(image, "JPEG"), 1)
    assert picture_of(data).pixels[-1, -1].tolist() == [128, 128, 128]


@pytest.mark.parametrize("filler", [b"\xff", b"\0"], ids=["fill bytes", "zeros"])
def test_bytes_between_segments_are_not_skipped_one_by_one(
    filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_damage, "MAX_FILL", 1000)
    start = BASELINE.index(b"\xff\xda")
    few, many = (BASELINE[:start] + filler * count + BASELINE[start:] for count in (1000, 1001))
    assert np.array_equal(picture_of(few).pixels, picture_of(BASELINE).pixels)
    stream = Counted(many)
    with pytest.raises(ImageError, match="has more than 1000 fill bytes"):
        check_fill(stream, "x")
    assert stream.reads < 60
    with pytest.raises(ImageError, match="has more than 1000 fill bytes"):
        picture_of(many)


def test_a_long_run_of_fill_bytes_between_scans_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_damage, "MAX_FILL", 1000)
    monkeypatch.setattr(jpeg_damage, "BLOCK", 100)
    picture_of(with_fill_at_end(PROGRESSIVE, 800))
    with pytest.raises(ImageError, match="has more than 1000 fill bytes, which would take long to decode"):
        picture_of(with_fill_at_end(PROGRESSIVE, 2000))


def with_scans(count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    last = PROGRESSIVE.rindex(b"\xff\xda")
    tables = PROGRESSIVE.rindex(b"\xff\xc4", 0, last)
    return PROGRESSIVE[:-2] + PROGRESSIVE[tables:-2] * (count - PROGRESSIVE.count(b"\xff\xda")) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("pixels", "most"), [(1 << 40, 500), (1200 * 30, 30), (1200 * 5, 20)], ids=["small", "large", "huge"]
)
def test_a_jpeg_has_as_many_scans_as_its_size_allows(
    pixels: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_damage, "MAX_PIXELS_SCANNED", pixels)
    assert len(find_scans(io.BytesIO(with_scans(most)), "x").ends) == most
    loaded = []
    monkeypatch.setattr(Image.Image, "load", lambda image: loaded.append(image))
    with pytest.raises(ImageError, match=f"has more than {most} scans, which would take long to decode"):
        picture_of(with_scans(most + 2))
    assert loaded == []


# PNG ------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png(*chunks: bytes, after: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\1\2"))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + after + chunk(b"IEND", b"")


def profile(length: int, fill: bytes = b"\0") -> bytes:
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(fill * length, 9))


@pytest.fixture
def decompressed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how many bytes each call of zlib gives for texts and profiles."""
    lengths: list[int] = []

    class Inflater:
        def __init__(self) -> None:
            self.inflater = zlib.decompressobj()

        def decompress(self, data: bytes, most: int) -> bytes:
            plain = self.inflater.decompress(data, most)
            lengths.append(len(plain))
            return plain

    class Zlib:
        decompressobj = Inflater
        error = zlib.error

    monkeypatch.setattr(png_metadata, "zlib", Zlib)
    return lengths


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "bulk",
    [
        profile(15 * MEGABYTE) * 20,
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20 * MEGABYTE), 9)) * 20,
        chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MEGABYTE), 9)) * 40,
        chunk(b"iTXt", b"a\0\1\0en\0b\0" + zlib.compress(bytes(MEGABYTE), 9)) * 40,
        chunk(b"tEXt", b"a\0" + bytes(2 * MEGABYTE)) * 3,
    ],
    ids=["profiles", "long texts", "texts", "international texts", "plain text"],
)
def test_bulky_texts_and_profiles_are_left_out(bulk: bytes, place: str, decompressed: list[int]) -> None:
    data = png(bulk) if place == "before" else png(after=bulk)
    assert picture_of(data).pixels.tolist() == [[1, 2]]
    assert sum(decompressed) <= 34 * MEGABYTE
    stream, _ = png_metadata.without_bulky_metadata(io.BytesIO(data))
    assert len(stream.read()) < min(len(data), len(bulk)) + 100


def test_the_first_profile_is_kept_whatever_follows() -> None:
    assert picture_of(png(profile(300, b"x"))).profile == b"x" * 300
    assert picture_of(png(profile(300, b"x"), profile(300, b"y"))).profile == b"x" * 300
    large = picture_of(png(profile(2 * MEGABYTE, b"xy")))
    assert large.profile == b"xy" * 2 * MEGABYTE
    assert picture_of(png(profile(17 * MEGABYTE))).profile is None


def test_a_png_with_little_text_is_read_as_it_is() -> None:
    data = png(chunk(b"tEXt", b"a\0b"), chunk(b"iTXt", b"a\0\0\0\0\0b"), profile(300))
    stream = io.BytesIO(data)
    assert png_metadata.without_bulky_metadata(stream) == (stream, None)


# TIFF -----------------------------------------------------------------------------------------------------


def directory(entries: dict[int, tuple[int, int]], following: int = 0) -> bytes:
    """Return a directory of tags, each with its type and its only value."""
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in entries.items())
    return struct.pack("<H", len(entries)) + body + struct.pack("<I", following)


def tiff(side: int, data: bytes) -> bytes:
    """Return a gray TIFF of a single pixel and one tile."""
    tags = {
        256: (4, 1), 257: (4, 1), 258: (3, 8), 259: (3, 8), 262: (3, 1), 277: (3, 1),
        322: (4, side), 323: (4, side), 324: (4, 8), 325: (4, len(data)),
    }  # fmt: skip
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory(tags)


def pages(count: int, sizes: tuple[tuple[int, int], ...]) -> bytes:
    """Return a TIFF of gray pages, and as many empty directories between the first and the second."""
    parts, offset = [b"II*\0\x08\0\0\0"], 8
    for number, (width, height) in enumerate(sizes):
        tags = {
            256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, 1), 262: (3, 1),
            273: (4, offset + 102), 278: (4, height), 279: (4, width * height),
        }  # fmt: skip
        end = offset + 102 + width * height
        is_last = number == len(sizes) - 1
        parts += [directory(tags, 0 if is_last else end), bytes([number + 1]) * (width * height)]
        offset = end
        for _ in range(0 if number or is_last else count):
            offset += 6
            parts.append(struct.pack("<HI", 0, offset))
    return b"".join(parts)


def test_a_late_page_takes_two_reads_for_each_before_it() -> None:
    data = pages(5000, ((8, 8), (3, 2)))
    stream = Counted(data)
    assert page_offset(stream, "x", 5001) == len(data) - 108
    assert stream.reads <= 2 * 5001 + 3
    assert picture_of(data, frame=5001).pixels.tolist() == [[2, 2, 2]] * 2
    with pytest.raises(ImageError, match="has no frame 5002: it has 5002 frames, counted from 0"):
        picture_of(data, frame=5002)


def test_a_chain_of_pages_ends_where_it_closes_a_circle() -> None:
    data = bytearray(pages(0, ((8, 8), (3, 2))))
    data[-10:-6] = struct.pack("<I", 8)
    assert len(list(page_offsets(io.BytesIO(data)))) == 2
    with pytest.raises(ImageError, match="has no frame 2: it has 2 frames"):
        picture_of(bytes(data), frame=2)


def test_a_page_is_judged_by_its_own_size() -> None:
    data = pages(0, ((80, 80), (3, 2)))
    assert picture_of(data, Limits(pixels=6), frame=1).pixels.shape == (2, 3)
    with pytest.raises(ImageError, match="has 80x80 = 6400 pixels, more than 6"):
        picture_of(data, Limits(pixels=6), frame=0)
    with pytest.raises(ImageError, match="has 3x2 = 6 pixels, more than 5"):
        picture_of(data, Limits(pixels=5), frame=1)


def test_a_tile_larger_than_the_picture_counts() -> None:
    data = tiff(5008, zlib.compress(bytes(5008 * 5008), 9))
    assert picture_of(data).pixels.tolist() == [[0]]
    with pytest.raises(ImageError, match="has tiles of 5008x5008 = 25080064 pixels, more than 100;"):
        picture_of(data, Limits(pixels=100))
    with pytest.raises(ImageError, match=r"needs about 25\.1 MB of memory but may use only 20 MB"):
        picture_of(data, Limits(memory=20_000_000))
    small = tiff(512, zlib.compress(bytes(512 * 512), 9))
    assert picture_of(small, Limits(pixels=1)).pixels.tolist() == [[0]]  # tiles are not so small


@pytest.mark.parametrize("cut", [2, 40, 200])
def test_truncated_jpeg_data_in_a_tiff_is_noticed(cut: int) -> None:
    data = saved(gradient("L", (64, 64)), "TIFF", compression="jpeg")
    assert picture_of(data).pixels.shape == (64, 64)
    end = data.index(b"\xff\xd9", data.index(b"\xff\xda")) + 2
    damaged = data[: end - cut] + bytes(cut) + data[end:]
    with pytest.raises(ImageError, match="is truncated: its end is missing"):
        picture_of(damaged)


# GIF ------------------------------------------------------------------------------------------------------


def gif_with_large_frame() -> bytes:
    """Three frames of 4x4 pixels, the second of which claims to be larger."""
    frames = [Image.new("P", (4, 4), color) for color in (1, 2, 3)]
    for frame in frames:
        frame.putpalette(range(12))
    data = bytearray(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    second = [match.start() for match in re.finditer(rb",\0\0\0\0\x04\0\x04\0", data)][1]
    data[second + 5 : second + 9] = struct.pack("<HH", 60_000, 60_000)
    return bytes(data)


def test_a_later_frame_of_a_gif_cannot_enlarge_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    data = gif_with_large_frame()
    assert picture_of(data, frame=0).pixels.shape[:2] == (4, 4)
    for frame in (1, 2):
        with pytest.raises(ImageError, match="frame 1 is larger than the picture"):
            picture_of(data, frame=frame)


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("frame", [1, FrameRange(), FrameRange(0, 1), FrameRange(1, 1)])
def test_frames_that_lie_over_each_other_are_limited(
    file_format: str, frame: int | FrameRange, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.new("RGB", (10, 10), color) for color in ("red", "green")]
    data = saved(frames[0], file_format, save_all=True, append_images=frames[1:])

    def read(limits: Limits) -> None:
        if isinstance(frame, int):
            picture_of(data, limits, frame)
        else:
            opened = open_frames(io.BytesIO(data), "x", limits, frame)
            assert opened is not None
            assert [picture.pixels.shape for picture, _ in opened.pictures]

    monkeypatch.setattr(limits_module, "MAX_PICTURES_COMPOSED", 2)
    read(Limits(pixels=100))
    monkeypatch.setattr(limits_module, "MAX_PICTURES_COMPOSED", 1)
    with pytest.raises(
        ImageError, match="has 2 frames of 10x10 pixels that lie over each other, which would"
    ):
        read(Limits(pixels=199))
    read(Limits(pixels=200))
    assert picture_of(data, Limits(pixels=100)).pixels.shape == (10, 10, 3)
    with pytest.raises(ImageError, match="has no frame 99: it has 2 frames, counted from 0"):
        picture_of(data, Limits(pixels=200), frame=99)


# AVIF -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        saved(gradient("L", (123, 77)), "AVIF"),
        saved(gradient("RGBA", (123, 77)), "AVIF"),
        saved(gradient("RGB", (123, 77)), "AVIF", subsampling="4:4:4", quality=100),
        saved(gradient("RGB", (123, 77)), "AVIF", save_all=True, append_images=[gradient("RGB", (123, 77))]),
        TEN_BIT_AVIF,
    ],
    ids=["gray", "alpha", "lossless", "animation", "ten bits"],
)
def test_the_size_of_what_is_coded_is_found(data: bytes) -> None:
    size = Image.open(io.BytesIO(data)).size
    assert coded_pixels(io.BytesIO(data)) == size[0] * size[1]
    for length in range(0, len(data), 7):  # whatever is cut
        assert coded_pixels(io.BytesIO(data[:length])) in {0, size[0] * size[1]}


def test_a_picture_in_an_avif_that_is_larger_than_its_size_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(saved(gradient(), "AVIF"))
    size = data.index(b"ispe") + 8
    assert struct.unpack_from(">II", data, size) == (40, 30)
    struct.pack_into(">II", data, size, 8, 8)
    monkeypatch.setattr(estimates, "MAX_PART_PIXELS", 100)
    with pytest.raises(ImageError, match="holds a picture of 1200 pixels, more than 100; raise the limit"):
        picture_of(bytes(data), Limits(pixels=100))
    with pytest.raises(ImageError, match=r"needs about 1\d\.\d kB of memory but may use only 10 kB"):
        picture_of(bytes(data), Limits(memory=10_000))


def test_the_bit_depth_is_found_behind_a_long_box() -> None:
    first = int.from_bytes(TEN_BIT_AVIF[:4])
    free = (100_000).to_bytes(4) + b"free" + bytes(99_992)
    assert avif_bits(io.BytesIO(TEN_BIT_AVIF[:first] + free + TEN_BIT_AVIF[first:])) == 10
    eight = saved(gradient(), "AVIF")
    assert avif_bits(io.BytesIO(eight[:32] + free + eight[32:])) == 8


# Memory ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "per_pixel"),
    [
        (saved(gradient(), "JPEG", progressive=True, subsampling=0), 4 + 4 + 6),
        (saved(gradient(), "JPEG", progressive=True), 4 + 4 + 3),
        (saved(gradient("L"), "JPEG", progressive=True), 1 + 1 + 2),
        (saved(gradient(), "JPEG"), 4),
        (saved(gradient(), "PNG"), 4),
        (saved(gradient("L"), "BMP"), 1),
        (saved(gradient("P"), "PNG"), 1 + 3),
        (saved(gradient("F"), "TIFF"), 4 + 4),
        (b"P6\n40 30\n200\n" + bytes(3600), 4 + 6),
    ],
)
def test_estimates_are_what_was_measured(
    data: bytes, per_pixel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimates: list[int] = []
    monkeypatch.setattr(Limits, "check_bytes", lambda *given: estimates.append(given[2]))
    decode(io.BytesIO(data), "x", Limits(), None)
    others = 30 * 12 + 2 * len(data) + 40 * len(data)  # rows, files, words of a text
    assert per_pixel * 1200 <= max(estimates) <= 1.35 * per_pixel * 1200 + others


PEAK = """
import sys
from convcli.compiled.engine import is_compiled
from convcli.pictures.limits import Limits
from convcli.pictures.reading import load_picture
from tests.support.engines import Engine
from tests.support.memory_peak import peak_bytes

estimates = []
Limits.check_bytes = lambda self, name, needed, taken=0: estimates.append(needed)


def load(path):
    picture = load_picture(path, "x")
    return picture if is_compiled() else picture.pixels  # numpy's engine copies colors into an array


load(sys.argv[2])  # a small file of the format, which loads what it needs
estimates.clear()
peak = peak_bytes(lambda: load(sys.argv[1]))
print(max(estimates), peak)
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGB", "x.jpg", {}),
        ("RGB", "x.jpg", {"progressive": True}),
        ("RGB", "x.jpg", {"progressive": True, "subsampling": 0}),
        ("CMYK", "x.jpg", {"progressive": True}),
        ("L", "x.jpg", {"progressive": True}),
        ("RGB", "x.png", {}),
        ("P", "x.png", {}),
        ("1", "x.png", {}),
        ("RGBA", "x.webp", {"method": 0}),
        ("RGB", "x.avif", {"speed": 10}),
        ("RGB", "x.avif", {"speed": 10, "subsampling": "4:4:4"}),
        ("L", "x.avif", {"speed": 10}),
        ("RGB", "x.bmp", {}),
        ("1", "x.bmp", {}),
        ("RGB", "x.ppm", {}),
        ("L", "x.pgm", {}),
        ("P", "x.gif", {}),
        ("F", "x.tif", {}),
        ("RGB", "x.tif", {"compression": "tiff_lzw"}),
        ("CMYK", "x.tif", {"compression": "tiff_lzw"}),
    ],
)
def test_estimates_are_upper_bounds_within_half_of_the_peak(
    mode: str, name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    for folder, size in (("large", (2500, 2000)), ("small", (16, 16))):
        (tmp_path / folder).mkdir()
        gradient(mode, size).save(tmp_path / folder / name, **options)
    command = [sys.executable, "-c", PEAK, str(tmp_path / "large" / name), str(tmp_path / "small" / name)]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=True)
    estimate, peak = map(int, ran.stdout.split())
    buffers = 4_000_000  # which do not grow with the picture
    assert peak - buffers <= estimate <= 1.5 * peak + buffers


def test_a_decoded_picture_is_not_counted_twice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "MIN_CHECKED_BYTES", 0)
    decoded = decode(io.BytesIO(saved(gradient("P"), "PNG")), "x", Limits(), None)
    assert decoded is not None
    taken = 1200 * 2 + 30 * 12
    copied = taken if engine == Engine.COMPILED else 1200 * 4  # numpy packs colors of four samples
    needed = copied + held_bytes((30, 40, 3), 1)
    for free, fits in ((needed - taken, True), (needed - taken - 1, False)):
        monkeypatch.setattr(limits_module, "free_memory", lambda free=free: free)
        if fits:
            decoded.check_size("x", Limits())
        else:
            with pytest.raises(ImageError, match=r"needs about [678]"):
                decoded.check_size("x", Limits())
    decoded.check_size("x", Limits(memory=needed))
    with pytest.raises(ImageError, match=r"needs about [678]"):
        decoded.check_size("x", Limits(memory=needed - 1))


@pytest.mark.parametrize("message", ["out of memory error when reading image file", "decoder error -9"])
def test_lack_of_memory_is_not_blamed_on_the_file(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError(message)

    data = saved(gradient(), "BMP")
    monkeypatch.setattr("PIL.BmpImagePlugin.BmpImageFile.load", fail)
    with pytest.raises(ImageError, match="x: cannot be read: there is not enough memory"):
        picture_of(data)
    monkeypatch.setattr(estimates, "OUT_OF_MEMORY", ())
    with pytest.raises(ImageError, match=f"x: cannot be decoded: {message}"):
        picture_of(data)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "AVIF"])
def test_a_decoder_that_fails_after_closing_its_file_is_reported(
    file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(image: Any) -> None:
        image.fp = None
        raise RuntimeError

    # Pillow decodes PNG files with a palette in both engines.
    data = saved(gradient().convert("P") if file_format == "PNG" else gradient(), file_format)
    monkeypatch.setattr(type(Image.open(io.BytesIO(data))), "load", fail)
    with pytest.raises(ImageError, match="x: is damaged or truncated"):
        picture_of(data)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limited address space")
def test_a_decoder_that_lacks_address_space_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    gradient("RGB", (2000, 2000)).save(tmp_path / "x.jpg", progressive=True, subsampling=0)
    program = """if True:
        import resource
        from pathlib import Path
        import numpy
        from convcli.pictures.limits import Limits
        from convcli.pictures.reading import load_picture

        load_picture("small.jpg", "x")
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + 30_000_000  # the image takes 16 MB, its coefficients 24 MB
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            load_picture("x.jpg", "x", Limits(memory=1 << 40))
        except ValueError as error:
            print(error)
        """
    gradient().save(tmp_path / "small.jpg", progressive=True)
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout == b"x: cannot be read: there is not enough memory\n"
