"""What decoding deep pictures takes is estimated before it is taken."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tests.pictures.test_bounded_work import PEAK

DEEP_FILES: dict[str, Callable[[NDArray[Any]], bytes | bytearray]] = {
    "x.png": imagecodecs.png_encode,
    "x.jp2": lambda pixels: imagecodecs.jpeg2k_encode(pixels, 30),
    "x.jpg": lambda pixels: imagecodecs.jpeg8_encode(pixels >> 4, bitspersample=12),
    "x.avif": lambda pixels: imagecodecs.avif_encode(pixels >> 6, bitspersample=10, speed=10),
    "x.ppm": lambda pixels: b"P6 %d %d 65535\n%b" % (*pixels.shape[1::-1], pixels.astype(">u2").tobytes()),
    "raw.tif": lambda pixels: written_tiff(pixels),
    "lzw.tif": lambda pixels: written_tiff(pixels, compression="lzw", rowsperstrip=16),
    "tiles.tif": lambda pixels: written_tiff(pixels, compression="zlib", tile=(256, 256)),
    "turned.tif": lambda pixels: written_tiff(pixels, extratags=[(274, 3, 1, 6, True)]),
    "one_strip.tif": lambda pixels: written_tiff(pixels, compression="zlib", rowsperstrip=len(pixels)),
}


def written_tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="rgb", **options)
    return stream.getvalue()


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("name", DEEP_FILES)
def test_estimates_of_deep_pictures_are_upper_bounds(name: str, tmp_path: Path) -> None:
    for folder, height, width in (("large", 2500, 4000), ("small", 16, 16)):
        slope = np.add.outer(np.arange(height) * 7, np.arange(width) * 5)
        pixels = np.repeat(slope[..., np.newaxis], 3, axis=2).astype(np.uint16)
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(DEEP_FILES[name](pixels))
    command = [sys.executable, "-c", PEAK, str(tmp_path / "large" / name), str(tmp_path / "small" / name)]
    ran = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=True)
    estimate, peak = map(int, ran.stdout.split())
    buffers = 40_000_000 if name.endswith(".tif") else 10_000_000  # which do not grow with the picture
    assert peak - 4_000_000 <= estimate <= 1.5 * peak + buffers
