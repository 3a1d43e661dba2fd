"""Plain PNG files, decoded without Pillow: exactly as Pillow decodes them; all others are left to it."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from convcli.errors import ImageError
from convcli.pictures.formats.pillow import decoder as pillow
from convcli.pictures.formats.png import decoder as png
from convcli.pictures.headers.png_chunks import SIGNATURE, make_chunk
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.picture import Picture
from tests.support.engines import NEEDS_CORE, Engine, use_engine

pytestmark = [NEEDS_CORE, pytest.mark.usefixtures("compiled_engine")]

MODES = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}


def saved(image: Image.Image, **options: Any) -> bytes:
    """Return a picture as a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def noise(mode: str, height: int = 23, width: int = 31) -> Image.Image:
    """Return noise over a ramp, for which encoders choose different filters."""
    shape = (height, width, *MODES[mode])
    ramp = np.arange(np.prod(shape)).reshape(shape) // 7
    return Image.fromarray((ramp + np.random.default_rng(3).integers(0, 9, shape)).astype(np.uint8), mode)


def with_chunks(content: bytes, *chunks: tuple[bytes, bytes], at: int = 33) -> bytes:
    """Insert chunks behind the header, or elsewhere."""
    return content[:at] + b"".join(b"".join(make_chunk(*chunk)) for chunk in chunks) + content[at:]


def decoded(content: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture | None:
    found = png.decode(io.BytesIO(content), "in.png", limits, None)
    return None if found is None else found.to_picture("in.png")


def assert_as_pillow(content: bytes) -> None:
    """Check that a file is decoded, and exactly as Pillow decodes it."""
    ours = decoded(content)
    by_pillow = pillow.decode(io.BytesIO(content), "in.png", DEFAULT_LIMITS, None)
    assert ours is not None
    assert by_pillow is not None
    expected = by_pillow.to_picture("in.png")
    assert (ours.kind, ours.notes, ours.profile) == (expected.kind, expected.notes, expected.profile)
    assert ours.resolution == expected.resolution
    np.testing.assert_array_equal(ours.pixels, expected.pixels)
    assert ours.has_alpha == expected.has_alpha
    if expected.alpha is not None:
        np.testing.assert_array_equal(ours.alpha, expected.alpha)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (300, 1), (97, 211), (700, 500)])
def test_pixels_and_alpha(mode: str, size: tuple[int, int]) -> None:
    for level in (0, 1, 9):
        assert_as_pillow(saved(noise(mode, *size), compress_level=level))


def test_resolution_and_what_says_nothing() -> None:
    texts = PngInfo()
    texts.add_text("Software", "convcli")
    texts.add_text("Comment", "two")
    content = saved(noise("RGB"), dpi=(72, 300), pnginfo=texts)
    assert_as_pillow(content)
    assert_as_pillow(
        with_chunks(
            content,
            (b"gAMA", struct.pack(">I", 45455)),
            (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
            (b"sRGB", b"\0"), (b"bKGD", bytes(6)), (b"tIME", bytes(7)), (b"sBIT", bytes([8, 8, 8])),
        )
    )  # fmt: skip
    for unit, side in ((0, 2835), (1, 0), (1, 2**31), (1, 1)):
        assert_as_pillow(with_chunks(saved(noise("L")), (b"pHYs", struct.pack(">IIB", side, side, unit))))


def not_plain() -> dict[str, bytes]:
    """Return files that are left to Pillow."""
    rgb, gray = noise("RGB"), noise("L")
    content = saved(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    texts = PngInfo()
    texts.add_text("Raw profile type exif", "exif")
    second = content.index(b"IDAT") - 4
    return {
        "palette": saved(rgb.quantize(16)), "one bit": saved(gray.convert("1")), "profile": saved(rgb, icc_profile=b"profile"),
        "16 bits": saved(Image.fromarray(np.arange(25, dtype=np.uint16).reshape(5, 5) * 1000)),
        "exif": saved(rgb, exif=exif), "raw exif": saved(rgb, pnginfo=texts),
        "transparent color": saved(rgb, transparency=(1, 2, 3)),
        "animation": saved(rgb, save_all=True, append_images=[noise("RGB")]),
        "gamma": with_chunks(content, (b"gAMA", struct.pack(">I", 100000))),
        "empty sRGB": with_chunks(content, (b"sRGB", b"")),
        "unknown chunk": with_chunks(content, (b"abCd", b"")), "critical chunk": with_chunks(content, (b"ABCD", b"")),
        "two headers": with_chunks(content, (b"IHDR", content[16:29])),
        "chunk between pixels": with_chunks(content, (b"IDAT", b""), (b"tIME", bytes(7)), at=second),
        "trailing": content + b"x", "no end": content[:-12], "cut": content[: len(content) // 2],
        "signature only": SIGNATURE, "empty": b"", "jpeg": b"\xff\xd8\xff\xe0",
        "wrong checksum": content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
        "too few rows": with_header(content, height=24), "too many rows": with_header(content, height=22),
        "interlaced": with_header(content, interlaced=1), "no rows": with_header(content, height=0),
        "unknown filter": with_pixels(content, bytes([9]) + bytes(31 * 3)),
    }  # fmt: skip


def with_header(content: bytes, *, height: int = 23, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", 31, height, 8, 2, 0, 0, interlaced)
    return content[:8] + b"".join(make_chunk(b"IHDR", header)) + content[33:]


def with_pixels(content: bytes, row: bytes) -> bytes:
    pixels = b"".join(make_chunk(b"IDAT", zlib.compress(row * 23)))
    return content[:33] + pixels + b"".join(make_chunk(b"IEND", b""))


@pytest.mark.parametrize("name", not_plain())
def test_all_else_is_left_to_pillow(name: str) -> None:
    assert decoded(not_plain()[name]) is None


@given(st.sampled_from(sorted(MODES)), st.data())
def test_a_damaged_file_is_left_to_pillow_or_decoded_as_it_decodes_it(mode: str, data: st.DataObject) -> None:
    content = bytearray(saved(noise(mode), compress_level=data.draw(st.sampled_from([0, 6]))))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    if decoded(bytes(content)) is not None:
        assert_as_pillow(bytes(content))


def test_limits_are_checked_before_pixels_are_decoded() -> None:
    content = saved(noise("RGB"))
    with pytest.raises(ImageError, match="31x23 = 713 pixels, more than 700"):
        decoded(content, Limits(pixels=700))
    found = png.decode(io.BytesIO(content), "in.png", DEFAULT_LIMITS, None)
    assert found is not None
    with pytest.raises(ImageError, match="31x23 = 713 pixels, more than 700"):
        found.check_size("in.png", Limits(pixels=700))
    huge = with_header(content, height=900_000)
    with pytest.raises(ImageError, match="needs about"):
        decoded(huge, Limits(memory=10_000_000))


@pytest.mark.parametrize(
    ("mode", "held", "apart"), [("RGBA", 5, 0), ("RGB", 4, 0), ("LA", 2, 2), ("L", 1, 0)]
)
def test_it_takes_the_pixels_and_the_file_or_a_copy(mode: str, held: int, apart: int) -> None:
    content = saved(noise(mode, 400, 300))
    needed = held * 120_000 + max(len(content), apart * 120_000)
    assert decoded(content, Limits(memory=needed)) is not None
    with pytest.raises(ImageError, match="needs about"):
        decoded(content, Limits(memory=needed - 1))


def test_frames_and_numpy_are_left_to_pillow() -> None:
    content = saved(noise("L"))
    assert png.decode(io.BytesIO(content), "in.png", DEFAULT_LIMITS, 0) is None
    with use_engine(Engine.NUMPY):
        assert decoded(content) is None
