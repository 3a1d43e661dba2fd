"""The PNG writer against Pillow, zlib and pngcheck."""

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from convcli import convolve as convolved
from convcli import kernel as kernel_named
from convcli import png, read_image, render
from convcli.png import encode_png
from tests.conftest import SAMPLES

Array = NDArray[Any]
SIDES = st.integers(1, 40)
IMAGES = (
    hnp.arrays(np.uint8, st.tuples(SIDES, SIDES))
    | hnp.arrays(np.uint16, st.tuples(SIDES, SIDES))
    | hnp.arrays(np.uint8, st.tuples(SIDES, SIDES, st.integers(2, 4)))
)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of every chunk; checksums are checked."""
    found = []
    place = 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        content = data[place + 8 : place + 8 + length]
        assert data[place + 8 + length : place + 12 + length] == zlib.crc32(kind + content).to_bytes(4)
        found.append((kind, content))
        place += 12 + length
    return found


def drawing() -> Array:
    """Return a flat drawing: a pattern of a few colours again and again, where runs are short."""
    return np.tile(np.random.default_rng(5).integers(0, 4, (8, 64, 3), np.uint8) * 80, (60, 10, 1))


def photograph() -> Array:
    return render(convolved(read_image(SAMPLES / "camera.png"), kernel_named("sobel-x")))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(image=IMAGES, way=st.sampled_from(png.WAYS), strip=st.integers(1, 3000))
def test_every_way_and_strip_is_read_back(
    monkeypatch: pytest.MonkeyPatch, image: Array, way: tuple[int, int, int], strip: int
) -> None:
    monkeypatch.setattr(png, "_best_way", lambda *_: way)
    monkeypatch.setattr(png, "STRIP_BYTES", strip)
    data = encode_png(image)
    with Image.open(io.BytesIO(data)) as read:
        assert np.array_equal(np.asarray(read), image)
    parts = [content for kind, content in chunks(data) if kind == b"IDAT"]
    stream = zlib.decompressobj()
    raw = stream.decompress(b"".join(parts))
    assert stream.eof
    assert not stream.unused_data
    assert len(raw) == image.shape[0] * (1 + image[0].nbytes)


def test_profile_and_resolution_are_written() -> None:
    data = encode_png(np.zeros((2, 3), np.uint8), profile=b"a profile", resolution=(72, 300))
    with Image.open(io.BytesIO(data)) as read:
        assert read.info["icc_profile"] == b"a profile"
        assert read.info["dpi"] == pytest.approx((72, 300), abs=0.02)
    assert [kind for kind, _ in chunks(data)] == [b"IHDR", b"iCCP", b"pHYs", b"IDAT", b"IEND"]


def test_a_drawing_is_not_left_to_runs() -> None:
    quick = min(
        len(png._compress_strip(drawing().reshape(480, -1), 3, way, 480, 0)[0]) for way in png.WAYS[:2]
    )
    assert len(encode_png(drawing())) < quick / 2


def test_a_photograph_is_left_to_runs() -> None:
    edges = photograph()
    assert png._best_way(edges, 1, 256) in png.WAYS[:2]
    level_6 = io.BytesIO()
    Image.fromarray(edges).save(level_6, "PNG", compress_level=6)
    assert len(encode_png(edges)) < 1.25 * len(level_6.getvalue())


def test_checksums_of_parts_are_joined() -> None:
    first, second = bytes(range(256)) * 300, b"\xff" * 70_001
    joined = png._joined_checksums(zlib.adler32(first), zlib.adler32(second), len(second))
    assert joined == zlib.adler32(first + second)


def test_the_file_does_not_depend_on_the_number_of_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.tile(photograph(), (5, 2))
    files = []
    for count in (1, 2, 7):
        monkeypatch.setattr(png, "threads_for", lambda *_, count=count: count)
        files.append(encode_png(image))
    assert files[0] == files[1] == files[2]
    assert len([kind for kind, _ in chunks(files[0]) if kind == b"IDAT"]) > 2


@pytest.mark.skipif(shutil.which("pngcheck") is None, reason="pngcheck is not installed")
@pytest.mark.parametrize("shape", [(700, 900), (700, 900, 2), (500, 400, 3), (3, 1, 4)])
def test_pngcheck_finds_nothing_wrong(tmp_path: Path, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(6).integers(0, 256, shape, np.uint8)
    (tmp_path / "x.png").write_bytes(encode_png(image, resolution=(72, 72)))
    ran = subprocess.run(["pngcheck", "-v", tmp_path / "x.png"], capture_output=True, text=True, check=False)
    assert (ran.returncode, "No errors detected" in ran.stdout) == (0, True)
