"""Picture files made byte by byte, or by Pillow and then damaged."""

import io
import struct
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features

__all__ = [
    "COLORS",
    "GIF_HEAD",
    "GREY",
    "IMAGE",
    "LONG",
    "PIXELS",
    "PNGS",
    "SHORT",
    "TURNED",
    "WHOLE",
    "adam7",
    "as_array",
    "gif",
    "gif_frame",
    "npy",
    "patched",
    "pixels",
    "pixels_of",
    "png",
    "png_chunk",
    "rows",
    "saved",
    "size_of",
    "tiff",
    "tiff_pages",
    "with_size",
]

PIXELS = np.random.default_rng(2024).integers(1, 256, (6, 9, 3), np.uint8)
SHORT, LONG, LONG8 = 3, 4, 16  # types of TIFF values
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
GIF_HEAD = b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + b"\x0a\x14\x1e\xc8\x64\x32"
Tag = tuple[int, Sequence[int]]


def pixels(height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    """Return a grey picture's noise, the same for a height and width each time."""
    return np.random.default_rng(height).integers(0, 256, (height, width)).astype(np.uint8)


def size_of(data: bytes) -> tuple[int, int]:
    """Return the size that Pillow sees in a file, which may be damaged, or that tifffile sees if Pillow fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                return image.size
        except UnidentifiedImageError:
            page = tifffile.TiffFile(io.BytesIO(data)).pages.first
            return page.imagewidth, page.imagelength


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    """Return the file that Pillow makes."""
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def as_array(data: bytes) -> NDArray[Any]:
    """Return the pixels that Pillow sees in a whole file: grey, RGB or RGBA."""
    with Image.open(io.BytesIO(data)) as image:
        clear = image.mode in {"LA", "PA", "RGBA"} or "transparency" in image.info
        mode = "RGBA" if clear else "L" if image.mode in {"1", "L"} else "RGB"
        return np.asarray(image.convert(mode))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """Return data with some of its bytes replaced."""
    return data[:at] + new + data[at + len(new) :]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png(
    size: tuple[int, int],
    raw: bytes,
    *,
    depth: int = 8,
    color: int = 0,
    interlaced: int = 0,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Return a PNG; `raw` are its rows with their filter types, `before` and `after` chunks beside them."""
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, interlaced)
    chunks = (png_chunk(b"IHDR", header), before, png_chunk(b"IDAT", zlib.compress(raw)), after)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def adam7(pixels: NDArray[np.uint8]) -> bytes:
    """Return the rows of an interlaced PNG, unfiltered."""
    passes = (pixels[top::down, left::across] for top, left, down, across in ADAM7)
    return b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)


def tiff(
    tags: Mapping[int, Tag] | None = None,
    data: bytes = b"\1\2\3\4\5\6",
    *,
    big: bool = False,
    following: int = 0,
    first: int | None = None,
) -> bytes:
    """Return a TIFF of 3 x 2 grey pixels in one strip, with some tags set otherwise.

    Parameters
    ----------
    tags : mapping of int to (type, values), optional
    big : bool
        A BigTIFF, with offsets of 64 bits.
    following : int
        Offset of the next directory.
    first : int, optional
        Offset of the first; where it is unless given.
    """
    offset, pointer, count = (16, "Q", "Q") if big else (8, "L", "H")
    word = 8 if big else 4
    start = offset + len(data)
    entries: dict[int, Tag] = {
        256: (LONG, [3]),
        257: (LONG, [2]),
        258: (SHORT, [8]),
        259: (SHORT, [1]),
        262: (SHORT, [1]),
        273: (LONG8 if big else LONG, [offset]),
        277: (SHORT, [1]),
        278: (LONG, [2]),
        279: (LONG8 if big else LONG, [6]),
    }
    entries.update(tags or {})
    directory = struct.pack("<" + count, len(entries))
    outside = b""
    beyond = start + len(directory) + len(entries) * (12 + 2 * (word - 4)) + word
    for number, (kind, values) in sorted(entries.items()):
        packed = struct.pack(
            f"<{len(values)}{'H' if kind == SHORT else 'L' if kind == LONG else 'Q'}", *values
        )
        if len(packed) > word:
            packed, outside = struct.pack("<" + pointer, beyond + len(outside)), outside + packed
        directory += struct.pack("<HH" + pointer, number, kind, len(values)) + packed.ljust(word, b"\0")
    head = b"II+\0\x08\0\0\0" if big else b"II*\0"
    where = struct.pack("<" + pointer, start if first is None else first)
    return head + where + data + directory + struct.pack("<" + pointer, following) + outside


def tiff_pages(*following: int | None) -> bytes:
    """Return a TIFF of pages that are all the same; of each the number of its next page, or None."""
    page = tiff()
    start = int.from_bytes(page[4:8], "little")
    directory = page[start:-4]
    starts = [start + number * (len(directory) + 4) for number in range(len(following))]
    nexts = (0 if number is None else starts[number] for number in following)
    return page[:start] + b"".join(directory + struct.pack("<L", offset) for offset in nexts)


def gif_frame(indices: bytes = b"\x44\x0a", size: tuple[int, int] = (2, 1)) -> bytes:
    """Return a frame; `indices` are compressed: as it is the first and then the second colour."""
    return b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\2" + bytes([len(indices)]) + indices + b"\0"


def gif(*frames: bytes) -> bytes:
    """Return a GIF of two pixels and two colours."""
    return GIF_HEAD + b"".join(frames) + b";"


def npy(shape: str, kind: str = "|u1", data: bytes = b"") -> bytes:
    """Return an array file whose header says what it likes."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def with_size(kind: str, width: int, height: int) -> bytes:
    """Return a small file of some kind whose header claims a size."""
    image = Image.fromarray(PIXELS)
    if kind == "png":
        return png((width, height), b"")
    if kind == "tiff":
        return tiff({256: (LONG, [width]), 257: (LONG, [height])})
    if kind == "big tiff":
        return tiff({256: (LONG, [width]), 257: (LONG, [height])}, big=True)
    if kind == "bmp":
        return patched(saved(image, "BMP"), 18, struct.pack("<LL", width, height))
    if kind == "jpeg":
        data = saved(image, "JPEG")
        return patched(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))
    if kind == "gif":
        return gif(gif_frame(size=(width, height)))
    if kind == "webp":
        data = saved(image, "WEBP", lossless=True)
        sides = (width - 1) | (height - 1) << 14
        return patched(data, data.index(b"VP8L") + 9, struct.pack("<L", sides))
    if kind == "animated webp":
        data = saved(image, "WEBP", save_all=True, append_images=[image.rotate(180)])
        sides = (width - 1) | (height - 1) << 24
        return patched(data, data.index(b"VP8X") + 12, sides.to_bytes(6, "little"))
    if kind == "avif":
        data = saved(image, "AVIF")
        return patched(data, data.index(b"ispe") + 8, struct.pack(">LL", width, height))
    if kind == "npy":
        return npy(f"({height}, {width})")
    return f"{kind} {width} {height} 255 1".encode()


IMAGE, OTHER = Image.fromarray(PIXELS), Image.fromarray(PIXELS[::-1])
GREY = PIXELS[..., 0]
BLACK_BELOW = Image.fromarray(np.where(np.arange(6)[:, None, None] < 3, PIXELS, 0).astype(np.uint8))
CLEAR = Image.fromarray(np.dstack([PIXELS, GREY]))
FRAMES = {"save_all": True, "append_images": [OTHER]}
TURNED = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
COLORS = png_chunk(b"PLTE", bytes(range(100, 112)))


def saved_array(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def rows(pixels: NDArray[Any]) -> bytes:
    """Return the rows of a PNG, unfiltered."""
    return b"".join(b"\0" + row.tobytes() for row in pixels)


PNGS = {
    "png": saved(IMAGE, "PNG"),
    "png, black below": saved(BLACK_BELOW, "PNG"),
    "png, interlaced": png((9, 6), adam7(GREY), interlaced=1),
    "png, palette": png((9, 6), rows(GREY % 4), color=3, before=COLORS + png_chunk(b"tRNS", b"\0\x80")),
    "png, colour key": png((9, 6), rows(PIXELS), color=2, before=png_chunk(b"tRNS", bytes(6))),
    "png, two frames": saved(IMAGE, "PNG", **FRAMES),
}
WHOLE = PNGS | {
    "jpeg": saved(IMAGE, "JPEG"),
    "jpeg, progressive": saved(IMAGE, "JPEG", progressive=True),
    "jpeg, restarts": saved(IMAGE, "JPEG", restart_marker_blocks=1),
    "jpeg, grey": saved(IMAGE.convert("L"), "JPEG"),
    "jpeg, inks": saved(IMAGE.convert("CMYK"), "JPEG"),
    "webp": saved(IMAGE, "WEBP"),
    "webp, lossless": saved(IMAGE, "WEBP", lossless=True),
    "webp, alpha": saved(CLEAR, "WEBP"),
    "webp, two frames": saved(IMAGE, "WEBP", **FRAMES),
    "gif": saved(IMAGE.quantize(32), "GIF"),
    "gif, interlaced": saved(IMAGE.quantize(32), "GIF", interlace=1),
    "gif, two frames": saved(IMAGE.quantize(16), "GIF", save_all=True, append_images=[OTHER.quantize(16)]),
    "tiff": saved(IMAGE, "TIFF"),
    "tiff, deflate": saved(IMAGE, "TIFF", compression="tiff_adobe_deflate"),
    "tiff, lzw": saved(IMAGE, "TIFF", compression="tiff_lzw"),
    "tiff, packbits": saved(IMAGE, "TIFF", compression="packbits"),
    "tiff, jpeg": saved(IMAGE, "TIFF", compression="jpeg"),
    "tiff, fax": saved(IMAGE.convert("1"), "TIFF", compression="group4"),
    "tiff, big": tiff(big=True),
    "tiff, two pages": saved(IMAGE, "TIFF", **FRAMES),
    "bmp": saved(IMAGE, "BMP"),
    "bmp, 1 bit": saved(IMAGE.convert("1"), "BMP"),
    "pbm": saved(IMAGE.convert("1"), "PPM"),
    "pgm": saved(IMAGE.convert("L"), "PPM"),
    "ppm": saved(IMAGE, "PPM"),
    "pbm, plain": b"P1 9 6\n" + b" ".join(b"%d" % (value & 1) for value in GREY.ravel()) + b"\n",
    "npy": saved_array(PIXELS),
}
if features.check("avif"):
    WHOLE["avif"] = saved(IMAGE, "AVIF")
    WHOLE["avif, alpha"] = saved(CLEAR, "AVIF")


def pixels_of(kind: str) -> NDArray[Any]:
    return PIXELS if kind == "npy" else as_array(WHOLE[kind])
