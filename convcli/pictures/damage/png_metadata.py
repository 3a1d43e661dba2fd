"""Removes texts and profiles that would take long to decompress from PNG files.

Source: W3C, Portable Network Graphics (PNG) Specification, third edition (2025), section 11.3.
"""

import io
import zlib
from typing import BinaryIO

from convcli.pictures.headers.png_chunks import find_chunks

__all__ = ["without_bulky_metadata"]

PROFILE = b"iCCP"
TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
MAX_BYTES = 1 << 20  # of a decompressed text or profile: Pillow refuses longer ones
MAX_PROFILE = 1 << 24  # bytes of a decompressed profile
MAX_WORK = 1 << 25  # bytes decompressed per file


def without_bulky_metadata(stream: BinaryIO) -> tuple[BinaryIO, bytes | None]:
    """Return a PNG without long texts and without second profiles, and its profile if that is left out, too.

    The stream itself is returned if there is nothing to leave out, as in most files.
    """
    kept, start = list[tuple[int, int]](), 0
    work, profiles, profile = 0, 0, None
    for chunk in find_chunks(stream):
        kind, length = chunk.kind, chunk.length
        if kind == PROFILE or kind in TEXTS:
            is_first_profile = kind == PROFILE and not profiles
            allowed = min(MAX_PROFILE if is_first_profile else MAX_BYTES, MAX_WORK - work)
            profiles += kind == PROFILE
            fits = length <= allowed and (is_first_profile or kind != PROFILE)
            plain = _plain(kind, stream.read(length), allowed) if fits else None
            work += allowed if plain is None else len(plain)
            if plain is None or len(plain) > MAX_BYTES:
                profile = plain if is_first_profile else profile
                kept.append((start, chunk.start - 8))
                start = chunk.end + 4
    if not kept:
        return stream, None
    parts = list[bytes]()
    for begin, end in kept:
        stream.seek(begin)
        parts.append(stream.read(end - begin))
    stream.seek(start)
    return io.BytesIO(b"".join([*parts, stream.read()])), profile


def _plain(kind: bytes, data: bytes, allowed: int) -> bytes | None:
    """Return a text or profile decompressed, or None if it is damaged or longer than allowed."""
    _, _, rest = data.partition(b"\0")
    if kind == b"iTXt" and rest[:1] != b"\0":  # the language and the translated keyword follow the method
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    elif kind in {b"zTXt", PROFILE}:
        rest = rest[1:]
    else:
        return data
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(rest, allowed + 1)
    except zlib.error:
        return None  # Pillow ignores it, too
    return None if len(plain) > allowed else plain
