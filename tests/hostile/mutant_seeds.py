"""One small file of each format and mode that matters: what mutants are made of."""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

__all__ = ["Seed", "chunk", "seeds"]

HEIGHT, WIDTH = 18, 22
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
PROFILE = bytes(16) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(88) + b"profile" * 9
BYTE, ASCII, SHORT, LONG, RATIONAL = 1, 2, 3, 4, 5  # types of a TIFF's tags
Tags = Mapping[int, tuple[int, Sequence[int]]]


@dataclass(frozen=True)
class Seed:
    """A file that convcli reads; its name starts with its format."""

    name: str
    extension: str
    content: bytes

    @property
    def format(self) -> str:
        return self.name.partition("-")[0]


def seeds() -> list[Seed]:
    """Return all seeds, the same each time."""
    makers = (_pngs(), _jpegs(), _tiffs(), _webps(), _bmps(), _gifs(), _pnms(), _avifs(), _numbers(), _deep())
    return [Seed(name, name.partition("-")[0], content) for maker in makers for name, content in maker]


def _pixels(channels: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Return a slope with noise, which has no zeros: what a decoder leaves out shows."""
    slope = np.add.outer(np.arange(height) * 5, np.arange(width) * 4)[..., np.newaxis]
    noise = np.random.default_rng(channels).integers(1, 16, (height, width, channels))
    return (slope % 200 + 40 * np.arange(channels) // channels + noise).astype(np.uint8)


def _image(mode: str) -> Image.Image:
    color = Image.fromarray(_pixels(3))
    if mode == "RGBA":
        return Image.fromarray(_pixels(4))
    return color.quantize(16) if mode == "P" else color.convert(mode)


def _saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def _frames() -> dict[str, Any]:
    turned = [Image.fromarray(_pixels(3)[::-1].copy()), Image.fromarray(_pixels(3)[:, ::-1].copy())]
    return {"save_all": True, "append_images": turned}


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    exif[0x010E] = "a description"
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file with its true checksum."""
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def _png(samples: NDArray[Any], depth: int, color: int, *extra: bytes, interlaced: bool = False) -> bytes:
    """Write a PNG file of samples (height, width, channels), of so many bits each."""
    height, width, _ = samples.shape
    lines = b"".join(
        b"\0" + _packed(row, depth)
        for left, top, across, down in (ADAM7 if interlaced else ((0, 0, 1, 1),))
        for row in samples[top::down, left::across]
        if row.size
    )
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def _packed(row: NDArray[Any], depth: int) -> bytes:
    if depth >= 8:
        return row.astype(f">u{depth // 8}").tobytes()
    bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
    return np.packbits(bits).tobytes()


def _pngs() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "LA", "RGB", "RGBA", "1", "I;16"):
        yield f"png-{mode}", _saved(_image(mode), "PNG")
    yield "png-palette", _saved(_image("P"), "PNG", transparency=bytes(range(0, 256, 16)))
    yield "png-palette-2", _saved(Image.fromarray(_pixels(3)).quantize(4), "PNG", bits=2)
    yield "png-animated", _saved(_image("RGB"), "PNG", **_frames())
    info = PngInfo()
    info.add_text("Title", "a text")
    info.add_text("Comment", "a text " * 20, zip=True)
    info.add_itxt("Author", "a text", "de", "Autor", zip=True)
    extras = {"pnginfo": info, "icc_profile": PROFILE, "exif": _exif(6), "dpi": (72, 100)}
    yield "png-metadata", _saved(_image("RGB"), "PNG", **extras)
    for depth in (1, 2, 4):
        transparent = chunk(b"tRNS", b"\0\1")
        yield f"png-grey-{depth}", _png(_pixels(1) % (1 << depth), depth, 0, transparent)
    yield "png-interlaced", _png(_pixels(3), 8, 2, interlaced=True)
    yield "png-interlaced-1", _png(_pixels(1) % 2, 1, 0, interlaced=True)
    yield "png-interlaced-16", _png(_pixels(1).astype(np.uint16) * 251, 16, 0, interlaced=True)
    yield "png-rgb-transparent", _png(_pixels(3), 8, 2, chunk(b"tRNS", b"\0\1\0\2\0\3"))


def _jpegs() -> Iterator[tuple[str, bytes]]:
    large = Image.fromarray(_pixels(3, 40, 48))
    yield "jpg-baseline", _saved(large, "JPEG")
    yield "jpg-whole-chroma", _saved(large, "JPEG", subsampling=0, quality=95)
    yield "jpg-progressive", _saved(large, "JPEG", progressive=True)
    yield "jpg-restarts", _saved(large, "JPEG", restart_marker_blocks=2)
    yield "jpg-grey", _saved(large.convert("L"), "JPEG", optimize=True)
    yield "jpg-cmyk", _saved(large.convert("CMYK"), "JPEG")
    yield (
        "jpg-turned",
        _saved(large, "JPEG", exif=_exif(6), icc_profile=PROFILE, dpi=(72, 100), comment="one"),
    )


def _tiff(order: Literal["<", ">"], tags: Tags, blocks: Sequence[bytes], *, tiled: bool = False) -> bytes:
    """Write a TIFF file of one page, whose strips or tiles are `blocks`."""
    starts = np.cumsum([8, *map(len, blocks)]).tolist()
    places, counts = (324, 325) if tiled else (273, 279)
    tags = {**tags, places: (LONG, starts[:-1]), counts: (LONG, [len(block) for block in blocks])}
    directory = starts[-1] + starts[-1] % 2
    free = directory + 2 + 12 * len(tags) + 4
    entries, values = [], b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{ {BYTE: 'B', SHORT: 'H', LONG: 'I'}[kind] }", *numbers)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack(f"{order}I", free + len(values))
            values += packed
        entries.append(struct.pack(f"{order}HHI", tag, kind, len(numbers)) + field)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    count = struct.pack(f"{order}H", len(entries))
    return (head + b"".join(blocks)).ljust(directory, b"\0") + count + b"".join(entries) + bytes(4) + values


def _tags(bits: Sequence[int], photometric: int, **others: int) -> dict[int, tuple[int, Sequence[int]]]:
    tags: dict[int, tuple[int, Sequence[int]]] = {
        256: (SHORT, [WIDTH]), 257: (SHORT, [HEIGHT]), 258: (SHORT, bits), 259: (SHORT, [1]),
        262: (SHORT, [photometric]), 277: (SHORT, [len(bits)]),
    }  # fmt: skip
    numbers = {"rows": 278, "planar": 284, "across": 322, "down": 323, "sample": 339}
    return tags | {numbers[name]: (SHORT, [value]) for name, value in others.items()}


def _tiffs() -> Iterator[tuple[str, bytes]]:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd", "lzma"):
        yield (
            f"tiff-{compression.removeprefix('tiff_')}",
            _saved(_image("RGB"), "TIFF", compression=compression),
        )
    for compression in ("group3", "group4"):
        yield f"tiff-{compression}", _saved(_image("1"), "TIFF", compression=compression)
    for mode in ("I;16", "F", "I", "RGBA", "LA", "P", "CMYK"):
        yield f"tiff-{mode}", _saved(_image(mode), "TIFF", compression="tiff_lzw" if mode == "F" else "raw")
    yield "tiff-pages", _saved(_image("RGB"), "TIFF", compression="tiff_lzw", **_frames())
    turned = {"compression": "tiff_lzw", "exif": _exif(8), "icc_profile": PROFILE, "dpi": (72, 100)}
    yield "tiff-turned", _saved(_image("RGB"), "TIFF", **turned)
    pixels = _pixels(3)
    strips = [pixels[top : top + 5].tobytes() for top in range(0, HEIGHT, 5)]
    yield "tiff-big-endian", _tiff(">", _tags([8, 8, 8], 2, rows=5), strips)
    planes = [pixels[..., channel].tobytes() for channel in range(3)]
    yield "tiff-planes", _tiff("<", _tags([8, 8, 8], 2, rows=HEIGHT, planar=2), planes)
    padded = np.pad(pixels, ((0, 32 - HEIGHT), (0, 32 - WIDTH), (0, 0)))
    tiles = [padded[top : top + 16, left : left + 16].tobytes() for top in (0, 16) for left in (0, 16)]
    yield "tiff-tiled", _tiff("<", _tags([8, 8, 8], 2, across=16, down=16), tiles, tiled=True)
    packed = [zlib.compress(tile) for tile in tiles]
    tags = {**_tags([8, 8, 8], 2, across=16, down=16), 259: (SHORT, [8])}
    yield "tiff-tiled-deflate", _tiff(">", tags, packed, tiled=True)
    deep = _pixels(1).astype("<u2") * 251
    yield "tiff-white-is-zero", _tiff("<", _tags([16], 0, rows=HEIGHT), [deep.tobytes()])
    yield "tiff-signed", _tiff("<", _tags([8], 1, rows=HEIGHT, sample=2), [_pixels(1).tobytes()])


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "webp-lossy", _saved(_image("RGB"), "WEBP")
    yield "webp-lossless", _saved(_image("RGB"), "WEBP", lossless=True)
    yield "webp-alpha", _saved(_image("RGBA"), "WEBP")
    yield "webp-animated", _saved(_image("RGB"), "WEBP", **_frames())
    yield "webp-turned", _saved(_image("RGB"), "WEBP", exif=_exif(3), icc_profile=PROFILE)


def _bmp(bits: int, data: bytes, *, compression: int = 0, extra: bytes = b"") -> bytes:
    """Write a BMP file; `extra` are its masks or colours."""
    start = 54 + len(extra)
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    colors = len(extra) // 4 if bits <= 8 else 0
    fields = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, compression, len(data), 2835, 2835, colors, 0
    )
    return head + fields + extra + data


def _bmps() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"bmp-{mode}", _saved(_image(mode), "BMP")
    colors = np.arange(64, dtype=np.uint8).repeat(1).tobytes()
    nibbles = np.packbits(np.unpackbits(_pixels(1).reshape(-1, 1) % 16, axis=1)[:, 4:]).reshape(HEIGHT, -1)
    yield "bmp-4", _bmp(4, np.pad(nibbles, ((0, 0), (0, -nibbles.shape[1] % 4))).tobytes(), extra=colors)
    deep = (_pixels(1).astype("<u2") * 251).tobytes()
    yield "bmp-555", _bmp(16, deep)
    yield "bmp-565", _bmp(16, deep, compression=3, extra=struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    rows = [bytes([9, 3, 0, 5, *range(5), 0, WIDTH - 14, row]) for row in range(HEIGHT)]
    lines = b"".join(row + b"\0\0" for row in rows)
    yield "bmp-rle8", _bmp(8, lines + b"\0\1", compression=1, extra=colors * 16)
    halves = b"".join(bytes([WIDTH - 4, 0x3A + row, 0, 4, 0x12, 0x34, 0, 0]) for row in range(HEIGHT))
    yield "bmp-rle4", _bmp(4, halves + b"\0\1", compression=2, extra=colors)


def _gifs() -> Iterator[tuple[str, bytes]]:
    yield "gif-plain", _saved(_image("P"), "GIF", interlace=0)
    yield "gif-interlaced", _saved(_image("P"), "GIF", interlace=1, transparency=3, comment=b"one")
    yield "gif-animated", _saved(_image("RGB"), "GIF", **_frames())


def _pnms() -> Iterator[tuple[str, bytes]]:
    size = f"{WIDTH} {HEIGHT}".encode()
    grey, color = _pixels(1)[..., 0], _pixels(3)
    plain = {"P1": grey % 2, "P2": grey, "P3": color.reshape(HEIGHT, -1)}
    for magic, samples in plain.items():
        most = b"" if magic == "P1" else b"255\n"
        lines = b"".join(b" ".join(b"%d" % value for value in row) + b"\n" for row in samples)
        yield f"pnm-{magic}-plain", magic.encode() + b"\n# made\n" + size + b"\n" + most + lines
    yield "pnm-P4", b"P4 " + size + b"\n" + np.packbits(grey % 2, axis=1).tobytes()
    yield "pnm-P5", b"P5 " + size + b" 255\n" + grey.tobytes()
    yield "pnm-P5-low", b"P5 " + size + b" 100\n" + (grey % 101).tobytes()
    yield "pnm-P5-16", b"P5 " + size + b" 65535\n" + (grey.astype(">u2") * 251).tobytes()
    yield "pnm-P6", b"P6 " + size + b" 255\n" + color.tobytes()
    yield "pnm-Pf", b"Pf\n" + size + b"\n-1.0\n" + (grey / 7).astype("<f4").tobytes()


def _avifs() -> Iterator[tuple[str, bytes]]:
    yield "avif-rgb", _saved(_image("RGB"), "AVIF", max_threads=1)
    yield "avif-alpha", _saved(_image("RGBA"), "AVIF", max_threads=1, icc_profile=PROFILE)
    yield "avif-animated", _saved(_image("RGB"), "AVIF", max_threads=1, **_frames())


def _deep() -> Iterator[tuple[str, bytes]]:
    """Yield files that Pillow would cut, or does not read."""
    gray_alpha, color, four = (_pixels(count).astype(np.uint16) * 251 for count in (2, 3, 4))
    yield "png-LA-16", _png(gray_alpha, 16, 4)
    yield "png-RGB-16", _png(color, 16, 2, chunk(b"iCCP", b"name\0\0" + zlib.compress(PROFILE)))
    yield "png-RGBA-16", _png(four, 16, 6, interlaced=True)
    size = f"{WIDTH} {HEIGHT}".encode()
    yield "pnm-P6-16", b"P6 " + size + b" 65535\n" + color.astype(">u2").tobytes()
    lines = b"".join(b" ".join(b"%d" % value for value in row) + b"\n" for row in color.reshape(HEIGHT, -1))
    yield "pnm-P3-16-plain", b"P3\n# made\n" + size + b"\n65535\n" + lines
    yield (
        "jpg-12",
        bytes(imagecodecs.jpeg8_encode(_pixels(3, 40, 48).astype(np.uint16) * 16, bitspersample=12)),
    )
    yield "avif-10", bytes(imagecodecs.avif_encode(color >> 6, bitspersample=10, speed=9, numthreads=1))
    yield "jp2-RGBA", bytes(imagecodecs.jpeg2k_encode(four, 0, reversible=True, codecformat="jp2"))
    yield "jp2-stream", bytes(imagecodecs.jpeg2k_encode(color, 30, codecformat="j2k"))
    yield "jxl-RGB", bytes(imagecodecs.jpegxl_encode(color, lossless=True))
    yield "jxl-lossy", bytes(imagecodecs.jpegxl_encode(_pixels(4), distance=1.0, usecontainer=True))
    parts = {"rowsperstrip": 5, "photometric": "rgb", "resolution": (72, 100)}
    yield "tiff-RGB-16", _deep_tiff(color, **parts, byteorder=">")
    yield "tiff-RGB-16-lzw", _deep_tiff(color, **parts, compression="lzw", predictor=True)
    tiled = {
        "tile": (16, 16),
        "photometric": "rgb",
        "planarconfig": "separate",
        "extrasamples": ["assocalpha"],
    }
    yield "tiff-RGBA-16-tiled", _deep_tiff(np.moveaxis(four, -1, 0), **tiled, compression="zlib")
    yield "tiff-f8", _deep_tiff(_pixels(1)[..., 0] / 7, bigtiff=True)
    yield "tiff-f2-zstd", _deep_tiff((_pixels(1)[..., 0] / 7).astype("f2"), compression="zstd")
    yield "tiff-i8-lzma", _deep_tiff(_pixels(1)[..., 0].astype("i8") << 40, compression="lzma")
    yield (
        "tiff-bands",
        _deep_tiff(_pixels(5), photometric="minisblack", planarconfig="contig", compression="packbits"),
    )
    yield "tiff-jpeg2000", _deep_tiff(_pixels(3), photometric="rgb", compression="jpeg2000", rowsperstrip=5)
    twelve = {"compression": "jpeg", "compressionargs": {"bitspersample": 12}, "bitspersample": 12}
    yield "tiff-jpeg-12", _deep_tiff(_pixels(3).astype(np.uint16) * 16, photometric="rgb", **twelve)


def _deep_tiff(samples: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, samples, software="", metadata=None, **options)
    return stream.getvalue()


def _numbers() -> Iterator[tuple[str, bytes]]:
    for kind in ("u1", "?", "<i2", ">u4", "<i8", "<f2", ">f4", "<f8"):
        stream = io.BytesIO()
        np.save(stream, _pixels(3 if kind == "u1" else 1).astype(kind))
        yield f"npy-{kind.strip('<>?') or 'bool'}", stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(_pixels(1)[..., 0]))
    yield "npy-columns", stream.getvalue()
    rows = _pixels(1)[:6, :7, 0].astype(int) - 99
    yield "csv-whole", "".join(",".join(map(str, row)) + "\n" for row in rows).encode()
    yield (
        "txt-fractions",
        b"# rows\n"
        + b"".join(" ".join(f"{value / 8} {value}/9" for value in row).encode() + b"\n" for row in rows),
    )
