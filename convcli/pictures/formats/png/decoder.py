"""Decodes plain PNG files with the compiled core: 8 bits, gray or color, with or without alpha.

It takes less than half the time that Pillow takes, which need not be loaded. What is not plain, such as a
palette, a color profile, EXIF data or an animation, and what is damaged in any way, is left to Pillow.
"""

from __future__ import annotations

import io
import struct
import zlib
from itertools import islice
from typing import BinaryIO, NamedTuple

from convcli.compiled.engine import is_compiled
from convcli.pictures.damage.png import CHANNELS
from convcli.pictures.headers.png_chunks import MAX_SIDE, METERS_PER_INCH, SIGNATURE, Chunk, find_chunks
from convcli.pictures.limits import Limits
from convcli.pictures.picture import Picture, sound_resolution
from convcli.pictures.raster import Raster

__all__ = ["EXTENSIONS", "FORMATS", "decode"]

FORMATS = ("PNG",)
EXTENSIONS = (".png",)

MODES = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}
"""Pillow's names of the color types; palettes are not plain."""
PLAIN_METHODS = bytes(3)  # of compression and filters, and no interlacing
CHECKSUM_BYTES, PHYS_BYTES = 4, 9
MAX_CHUNKS = 1 << 16
MAX_SMALL_CHUNK = 1 << 16  # bytes of a chunk that is not of pixels
MAX_GROWTH, MIN_COMPRESSED = 1.1, 1 << 12  # compressed data that is larger than pixels is no encoder's
PADDING = 8  # bytes that the core wants behind the data
ROUNDS = 8  # of 128 KiB: a few milliseconds, after which Ctrl-C is noticed
METERS = 1  # unit of pHYs
ANYWHERE = {b"IEND", b"tEXt", b"tIME"}  # chunks that may follow the pixels
IGNORED = {b"tIME", b"bKGD", b"sBIT", b"hIST"}  # chunks of which nothing is kept or reported
USUAL = {  # chunks that are ignored, too, if they have these values
    b"gAMA": struct.pack(">I", 45455),
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
}
TEXTS = {  # other texts may hold EXIF data or XMP, or change what Pillow reads
    b"Title", b"Author", b"Description", b"Copyright", b"Creation Time", b"Software", b"Disclaimer",
    b"Warning", b"Source", b"Comment", b"date:create", b"date:modify", b"date:timestamp",
}  # fmt: skip


class PngDecoded(NamedTuple):
    """A decoded picture; see `Decoded`."""

    samples: Raster
    mode: str
    resolution: tuple[float, float] | None

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise ImageError if the picture is larger than the limits allow."""
        height, width = self.samples.shape[:2]
        taken = self.samples.samples.nbytes
        limits.check(name, (height, width, self.samples.channels or 1), 1, taken_bytes=taken)

    def to_picture(self, name: str) -> Picture:  # noqa: ARG002 -- the name is for errors, which there are none
        """Return the picture, with alpha apart."""
        pixels, alpha = self.samples, None
        if self.mode in ("LA", "RGBA"):
            height, width, samples = pixels.samples.shape or ()
            flat = pixels.samples.cast("B")
            alpha = Raster.packed(flat[samples - 1 :: samples].tobytes(), height, width)
            if self.mode == "LA":
                pixels = Raster.packed(flat[::samples].tobytes(), height, width)
            else:
                pixels = pixels.with_channels(3)
        return Picture(pixels, alpha, resolution=self.resolution)


def decode(stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> PngDecoded | None:
    """Decode a plain picture, or return None if the file is anything else; see `Decoder.decode`."""
    if frame is not None or not is_compiled() or stream.read(len(SIGNATURE)) != SIGNATURE:
        return None
    start = stream.read(25)
    if start[4:8] == b"IHDR" and start[21:] == zlib.crc32(start[4:21]).to_bytes(4, "big"):
        width, height = struct.unpack_from(">II", start, 8)
        if width * height > limits.pixels:  # before the file, which may be far away, is looked through
            limits.check(name, (height, width, 1), 1)
    file = _read_file(stream)
    if file is None:
        return None
    width, height, depth, color = struct.unpack_from(">IIBB", file.header)
    is_plain = depth == 8 and color in MODES and file.header[10:] == PLAIN_METHODS
    if not is_plain or not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return None
    channels = CHANNELS[color]
    apart_bytes = 2 * width * height if MODES[color] == "LA" else 0  # once the file has been let go of
    limits.check(name, (height, width, channels), 1, decoder_bytes=max(file.length, apart_bytes))
    from convcli.compiled import core  # late: it may not be installed

    samples = Raster.empty(height, width, channels if channels > 1 else None)
    if sum(chunk.length for chunk in file.pixels) > MAX_GROWTH * samples.samples.nbytes + MIN_COMPRESSED:
        return None
    try:
        decoder = core.png_decoder(_compressed(stream, file.pixels), samples.samples, channels)
        while not core.png_decode(decoder, ROUNDS):
            pass
    except ValueError:  # the data is damaged, or is not exactly that of the pixels
        return None
    return PngDecoded(samples, MODES[color], file.resolution)


class _File(NamedTuple):
    """The header of a plain file, where its pixels are, dots per inch, and its length in bytes."""

    header: bytes
    pixels: list[Chunk]
    resolution: tuple[float, float] | None
    length: int


def _read_file(stream: BinaryIO) -> _File | None:
    """Read all but the pixels; return None if a chunk is damaged, or is not plain where it is."""
    length = stream.seek(0, io.SEEK_END)
    chunks = list(islice(find_chunks(stream), MAX_CHUNKS))
    kinds = [chunk.kind for chunk in chunks]
    count = kinds.count(b"IDAT")
    if not count or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or chunks[-1].end + CHECKSUM_BYTES != length:
        return None
    first = kinds.index(b"IDAT")
    if kinds[first : first + count] != [b"IDAT"] * count:
        return None
    header, resolution = b"", None
    seen = set[bytes]()
    for number, chunk in enumerate(chunks):
        if chunk.kind == b"IDAT":
            continue
        data = _small_chunk(stream, chunk)
        if data is None or chunk.kind in seen or (number > first and chunk.kind not in ANYWHERE):
            return None
        if chunk.kind != b"tEXt":
            seen.add(chunk.kind)
        if chunk.kind == b"IHDR":
            header = data
        elif chunk.kind == b"pHYs" and len(data) == PHYS_BYTES:
            resolution = _read_resolution(data)
        elif not _says_nothing(chunk.kind, data):
            return None
    return _File(header, chunks[first : first + count], resolution, length) if len(header) == 13 else None


def _says_nothing(kind: bytes, data: bytes) -> bool:
    """Whether nothing of a chunk is kept or reported."""
    if kind == b"tEXt":
        return data.partition(b"\0")[0] in TEXTS
    if kind == b"sRGB":
        return bool(data)  # Pillow reads its intent
    return kind in IGNORED or (kind in USUAL and data == USUAL[kind]) or (kind == b"IEND" and not data)


def _read_resolution(data: bytes) -> tuple[float, float] | None:
    across, down, unit = struct.unpack(">IIB", data)
    return sound_resolution(across * METERS_PER_INCH, down * METERS_PER_INCH) if unit == METERS else None


def _small_chunk(stream: BinaryIO, chunk: Chunk) -> bytes | None:
    """Return the data of a chunk, or None if it is large or damaged."""
    if chunk.length > MAX_SMALL_CHUNK:
        return None
    stream.seek(chunk.start)
    data, checksum = stream.read(chunk.length), stream.read(CHECKSUM_BYTES)
    return data if zlib.crc32(data, zlib.crc32(chunk.kind)).to_bytes(4) == checksum else None


def _compressed(stream: BinaryIO, chunks: list[Chunk]) -> bytearray:
    """Return the data of the chunks, with padding.

    Raises
    ------
    ValueError
        A checksum is wrong.
    """
    data = bytearray(sum(chunk.length for chunk in chunks) + PADDING)
    end = 0
    with memoryview(data) as whole:
        for chunk in chunks:
            stream.seek(chunk.start)
            part = whole[end : end + chunk.length]
            end += stream.readinto(part)  # type: ignore[attr-defined] # all streams that are read have it
            if stream.read(CHECKSUM_BYTES) != zlib.crc32(part, zlib.crc32(chunk.kind)).to_bytes(4):
                raise ValueError("the checksum is wrong")
    return data
