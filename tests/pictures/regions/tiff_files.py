"""TIFF files of all kinds, as tifffile writes them."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.support.picture_files import packed
from tests.support.picture_files import tiff as built_tiff

__all__ = ["KINDS", "random_samples", "smooth_samples", "tiff"]

HEIGHT, WIDTH = 37, 50
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
COLORS: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "gray": (1, "minisblack", ()),
    "white is zero": (1, "miniswhite", ()),
    "gray, alpha": (2, "minisblack", ("unassalpha",)),
    "gray, associated": (2, "minisblack", ("assocalpha",)),
    "rgb": (3, "rgb", ()),
    "rgba": (4, "rgb", ("unassalpha",)),
    "rgb, associated": (4, "rgb", ("assocalpha",)),
    "bands": (5, "minisblack", ("unspecified",) * 4),
    "cmyk": (4, "separated", ()),
}


def random_samples(dtype: str, *shape: int) -> NDArray[Any]:
    generator = np.random.default_rng(7)
    if dtype[0] == "f":
        return generator.random(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def smooth_samples(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """Return 8-bit colors without sharp edges, as JPEG likes them."""
    rows, columns = np.mgrid[:height, :width]
    planes = [
        128 + 90 * np.sin((rows + 3 * place) / 9) * np.cos(columns / (7 + place)) for place in range(channels)
    ]
    return np.dstack(planes).astype(np.uint8)


def tiff(array: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def _colored(dtype: str, color: str, planar: str, **options: Any) -> bytes:
    samples, photometric, extra = COLORS[color]
    array = random_samples(dtype, HEIGHT, WIDTH, samples)
    if samples == 1:
        return tiff(array[..., 0], photometric=photometric, **options)
    stored = array if planar == "contig" else np.ascontiguousarray(np.moveaxis(array, -1, 0))
    return tiff(stored, photometric=photometric, planarconfig=planar, extrasamples=extra, **options)


def _packed(bits: int, photometric: int, colors: int = 0) -> bytes:
    generator = np.random.default_rng(bits)
    rows = [packed(generator.integers(0, 1 << bits, WIDTH).tolist(), bits) for _ in range(HEIGHT)]
    tags = {320: ("H", generator.integers(0, colors, 3 << bits).tolist())} if colors else {}
    return built_tiff(WIDTH, [bits], b"".join(rows), height=HEIGHT, photometric=photometric, tags=tags)


def _jpeg(photometric: str, **options: Any) -> bytes:
    array = smooth_samples(HEIGHT, WIDTH)
    array = array[..., 0] if photometric == "minisblack" else array
    return tiff(array, compression="jpeg", photometric=photometric, **options)


STORED: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 32)},
    "big-endian strips": {"rowsperstrip": 5, "byteorder": ">"},
    "big-endian tiles": {"tile": (16, 32), "byteorder": ">"},
    **{f"{name} tiles": {"tile": (16, 16), "compression": name} for name in ("lzw", "zlib", "zstd", "lzma", "packbits")},
    "lzw strips": {"rowsperstrip": 7, "compression": "lzw"},
    "one deflated strip": {"rowsperstrip": HEIGHT, "compression": "zlib"},
    "lzw, predicted": {"tile": (16, 16), "compression": "lzw", "predictor": True},
    "zstd, predicted, big-endian": {"rowsperstrip": 9, "compression": "zstd", "predictor": True, "byteorder": ">"},
}  # fmt: skip

KINDS: dict[str, Callable[[], bytes]] = {
    f"{color} of {dtype}, {planar}": partial(_colored, dtype, color, planar)
    for color in COLORS
    for dtype in DTYPES
    for planar in ("contig", "separate")
    if COLORS[color][0] > 1 or planar == "contig"
}
for color, dtype, planar in (("gray", "u1", "contig"), ("rgba", "u2", "contig"), ("rgb", "f4", "separate")):
    for name, options in STORED.items():
        KINDS[f"{color} of {dtype}, {planar}, {name}"] = partial(_colored, dtype, color, planar, **options)
for bits in (1, 2, 4, 6, 10, 12, 14):
    for kind in (0, 1):
        KINDS[f"{bits} bits, photometric {kind}"] = partial(_packed, bits, kind)
for bits in (1, 2, 4, 8):
    for colors in (256, 65536):
        KINDS[f"palette of {bits} bits, entries below {colors}"] = partial(_packed, bits, 3, colors)
for form in ("ycbcr", "rgb", "minisblack"):
    KINDS[f"JPEG tiles, {form}"] = partial(_jpeg, form, tile=(16, 16))
    KINDS[f"JPEG strips, {form}"] = partial(_jpeg, form, rowsperstrip=16)
KINDS["JPEG subsampled"] = partial(_jpeg, "ycbcr", subsampling=(2, 2), tile=(32, 32))
for name, dtype in (("jpeg2000", "u2"), ("jpegxl", "u1")):
    KINDS[name] = partial(_colored, dtype, "gray", "contig", compression=name, tile=(16, 16))


def two_pages() -> bytes:
    """Return two pages of one size."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in (random_samples("u1", HEIGHT, WIDTH), random_samples("u2", HEIGHT, WIDTH)):
            writer.write(page, contiguous=False)
    return stream.getvalue()


KINDS["two pages of one size"] = two_pages
