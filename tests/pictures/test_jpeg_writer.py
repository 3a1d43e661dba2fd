"""JPEG files that are encoded by bands have the pixels of those that are encoded as a whole."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli.pictures.formats import jpeg_writer
from convcli.pictures.formats.jpeg_writer import encode_jpeg
from convcli.pictures.formats.pillow.rasters import new_raster
from convcli.pictures.raster import Raster
from convcli.pictures.reading import load_picture
from convcli.pictures.writing import write_picture

OPTIONS: dict[str, Any] = {"format": "JPEG", "quality": 92, "subsampling": 0}
SHAPES = [
    (1, 1), (8, 8), (1048, 1000), (2096, 1000), (2097, 1001), (3001, 1007), (65, 40_000), (17, 65_500),
    (65_500, 33),
]  # fmt: skip


def noise(shape: tuple[int, ...]) -> Any:
    """Make pixels of every value, with some structure."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 20, shape) + np.linspace(0, 255, shape[1]).reshape(-1, *(1,) * (len(shape) - 2))
    return values.clip(0, 255).astype(np.uint8)


def by_pillow(pixels: Any, **options: Any) -> bytes:
    """Encode as a whole."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, **OPTIONS | options)
    return memory.getvalue()


def decoded(content: bytes) -> Any:
    """Decode a file."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_pixels_are_those_of_pillow(shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    pixels = noise((*shape, *channels))
    content, expected = b"".join(encode_jpeg(Raster.of(pixels), quality=92)), by_pillow(pixels)
    assert np.array_equal(decoded(content), decoded(expected))
    assert len(content) < 1.001 * len(expected)


def test_small_files_are_those_of_pillow() -> None:
    pixels = noise((500, 700, 3))
    assert b"".join(encode_jpeg(Raster.of(pixels), quality=92)) == by_pillow(pixels)


def test_padded_pixels_give_the_same_file() -> None:
    pixels = noise((2500, 1000, 3))
    raster: Any = new_raster("RGB", (1000, 2500))
    raster.array()[:] = pixels
    files = {
        b"".join(encode_jpeg(of, quality=92, jobs=jobs))
        for of in (raster, Raster.of(pixels))
        for jobs in (1, 2, 5)
    }
    assert len(files) == 1


def test_bands_are_joined_by_restart_markers_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_writer, "BAND_PIXELS", 800)
    content = b"".join(encode_jpeg(Raster.of(noise((90, 100))), quality=92))
    scan = content[content.index(b"\xff\xda") :]
    markers = [scan[at + 1] for at in range(1, len(scan) - 1) if scan[at] == 0xFF and scan[at + 1]]
    assert markers == [*range(0xD0, 0xD8), 0xD0, 0xD1, 0xD2, 0xD9]
    interval = content.index(b"\xff\xdd\0\4")
    assert int.from_bytes(content[interval + 4 : interval + 6]) == 13  # blocks in a band of 8 rows


def test_profile_and_resolution_are_written_once() -> None:
    pixels = noise((2500, 1000, 3))
    profile = bytes(range(256)) * 300  # in several segments
    content = b"".join(encode_jpeg(Raster.of(pixels), quality=92, icc_profile=profile, dpi=(300, 150)))
    assert content.count(b"ICC_PROFILE") == 2
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == (300, 150)
        assert np.array_equal(np.asarray(image), decoded(by_pillow(pixels)))


def test_files_in_bands_are_read_back(tmp_path: Any) -> None:
    picture = load_picture("sample_images/rocket.jpg", "rocket")
    large = picture.changed(pixels=np.tile(picture.pixels, (5, 3, 1)), profile=None)
    write_picture(tmp_path / "large.jpg", large)
    read = load_picture(tmp_path / "large.jpg", "large")
    assert read.notes == ()
    assert np.abs(read.pixels.astype(int) - large.pixels).mean() < 2


def test_incomplete_files_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size)[:-1]

    monkeypatch.setattr(jpeg_writer, "_open_memory", Full)
    with pytest.raises(OSError, match="not all bytes could be written"):
        encode_jpeg(Raster.empty(8, 8), quality=92)
