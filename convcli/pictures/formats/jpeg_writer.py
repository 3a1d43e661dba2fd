"""Writes JPEG files on all CPU cores.

Pillow encodes bands of rows, which become one file: a restart marker between two bands resets what a decoder
remembers of the pixels before. So a file has the same pixels as one that is encoded as a whole.

Source: ITU-T T.81, Digital compression and coding of continuous-tone still images (1992), annexes B and F.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image, JpegImagePlugin

from convcli.parallel import WorkQueue, parallel_for, thread_count
from convcli.pictures.formats.pillow.rasters import image_of
from convcli.pictures.raster import Raster

__all__ = ["encode_jpeg"]

BLOCK = 8  # rows and columns of a block
BAND_PIXELS = 1 << 20  # the blocks of a band are counted in 16 bits
FRAMES = {0xC0, 0xC1}  # markers
SCAN, FIRST_RESTART = 0xDA, 0xD0
RESTARTS = 8
END = b"\xff\xd9"


def encode_jpeg(
    raster: Raster,
    *,
    quality: int,
    icc_profile: bytes = b"",
    dpi: tuple[float, float] = (0, 0),
    jobs: int | None = None,
) -> Sequence[bytes | memoryview]:
    """Return a JPEG file as a list of parts, to be written one after another.

    The file does not depend on the number of threads.

    Parameters
    ----------
    raster : Raster (H, W) or (H, W, 3)
        8-bit pixels.
    quality, icc_profile, dpi
        As for Pillow's `save`. Colors are not subsampled, and all bands use the same standard Huffman codes.
    jobs : int, optional
        Maximum number of threads (default: one per available CPU core).

    Raises
    ------
    OSError
        The encoder fails.

    Examples
    --------
    >>> b"".join(encode_jpeg(Raster.empty(2, 3), quality=92))[:4].hex()
    'ffd8ffe0'
    """
    height, width = raster.shape[:2]
    rows = max(1, BAND_PIXELS // width // BLOCK) * BLOCK
    tops = range(0, height, rows)
    options = {"quality": quality, "subsampling": 0, "dpi": dpi}
    if len(tops) == 1:
        return [_encode(raster, options | {"icc_profile": icc_profile})]
    bands = [b""] * len(tops)
    blocks = rows // BLOCK * math.ceil(width / BLOCK)

    def encode_bands(queue: WorkQueue) -> None:
        for number in queue:
            top = tops[number]
            band = raster._replace(samples=raster.samples[top : top + rows])
            profile = b"" if number else icc_profile
            bands[number] = _encode(band, options | {"icc_profile": profile, "restart_marker_blocks": blocks})

    parallel_for(range(len(bands)), encode_bands, thread_count(jobs, len(bands)))
    return _join(bands, height)


def _encode(raster: Raster, options: dict[str, Any]) -> bytes:
    """Return a JPEG file. Pillow releases the interpreter's lock while it writes to a real file."""
    image = image_of(raster)
    image.encoderinfo = options
    image.encoderconfig = ()
    with _open_memory() as stream:
        Image.SAVE[JpegImagePlugin.JpegImageFile.format](image, stream, "")
        stream.seek(0)
        content = stream.read()
    if not content.endswith(END):  # Pillow does not notice when only a part is written
        raise OSError("not all bytes could be written")
    return content


def _open_memory() -> IO[bytes]:
    """Open an anonymous file, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("jpeg"), "w+b", buffering=0)
    import tempfile  # late: only some systems need it

    return tempfile.TemporaryFile(buffering=0)


def _join(bands: Sequence[bytes], height: int) -> list[bytes | memoryview]:
    """Return the parts of the file whose scan is that of all bands."""
    first = bands[0]
    frame, _ = _find_parts(first)
    rows = frame + 5  # behind the marker, its length and the bits per sample
    parts: list[bytes | memoryview] = [
        first[:rows],
        height.to_bytes(2),
        memoryview(first)[rows + 2 : -len(END)],
    ]
    for number, band in enumerate(bands[1:]):
        _, scan = _find_parts(band)
        parts += [bytes([0xFF, FIRST_RESTART + number % RESTARTS]), memoryview(band)[scan : -len(END)]]
    return [*parts, END]


def _find_parts(content: bytes) -> tuple[int, int]:
    """Return where the marker of the frame is, which gives the size, and where the data of the scan start."""
    frame, position = 0, 2
    while (marker := content[position + 1]) != SCAN:
        if marker in FRAMES:
            frame = position
        position += 2 + int.from_bytes(content[position + 2 : position + 4])
    return frame, position + 2 + int.from_bytes(content[position + 2 : position + 4])
