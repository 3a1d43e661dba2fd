"""Picture files built byte by byte, for conventions that no encoder lets one choose."""

import struct
from collections.abc import Mapping, Sequence

Tags = Mapping[int, tuple[str, Sequence[int]]]
"""TIFF tags: the type (a letter of `struct`, RATIONAL or UNDEFINED) and the numbers: two per rational."""

TIFF_TYPES = {"B": 1, "H": 3, "L": 4, "RATIONAL": 5, "UNDEFINED": 7}


def packed(samples: Sequence[int], bits: int) -> bytes:
    """Return samples as a row of a TIFF or PNG: high bits first, filled up to a whole byte."""
    text = "".join(f"{sample:0{bits}b}" for sample in samples)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def tiff(
    width: int,
    bits: Sequence[int],
    data: bytes,
    *,
    height: int = 1,
    order: str = "<",
    photometric: int = 1,
    sample_format: int | None = None,
    extra: Sequence[int] = (),
    compression: int = 1,
    tags: Tags | None = None,
) -> bytes:
    """Build a TIFF of a single strip; `data` is what the strip holds, `extra` the meaning of extra samples."""
    found: dict[int, tuple[str, Sequence[int]]] = {
        256: ("L", [width]),
        257: ("L", [height]),
        258: ("H", bits),
        259: ("H", [compression]),
        262: ("H", [photometric]),
        273: ("L", [0]),
        277: ("H", [len(bits)]),
        278: ("L", [height]),
        279: ("L", [len(data)]),
    }
    if sample_format is not None:
        found[339] = ("H", [sample_format] * len(bits))
    if extra:
        found[338] = ("H", extra)
    found |= tags or {}
    start = 8 + 2 + 12 * len(found) + 4
    directory, values = b"", b""
    for tag, (kind, numbers) in sorted(found.items()):
        letter = {"RATIONAL": "L", "UNDEFINED": "B"}.get(kind, kind)
        field = b"DATA" if tag == 273 else struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(field) > 4:
            values += b"\0" * (len(values) % 2)
            field, values = struct.pack(f"{order}L", start + len(values)), values + field
        count = len(numbers) // 2 if kind == "RATIONAL" else len(numbers)
        directory += struct.pack(f"{order}HHL", tag, TIFF_TYPES[kind], count) + field.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HLH", 42, 8, len(found))
    directory = directory.replace(b"DATA", struct.pack(f"{order}L", start + len(values)))
    return head + directory + struct.pack(f"{order}L", 0) + values + data


def bmp(width: int, bits: int, pixels: bytes, *, masks: Sequence[int] = (), header_bytes: int = 40) -> bytes:
    """Build a BMP of one row, which is a multiple of four bytes long; masks are of red, green, blue and alpha."""
    table = struct.pack(f"<{len(masks)}L", *masks)
    compression = 3 if masks else 0
    header = struct.pack(
        "<LllHHLLllLL", header_bytes, width, 1, 1, bits, compression, len(pixels), 0, 0, 0, 0
    )
    header = (header + table).ljust(header_bytes, b"\0")
    start = 14 + len(header)
    return b"BM" + struct.pack("<LHHL", start + len(pixels), 0, 0, start) + header + pixels


def gif(
    indices: Sequence[int],
    colors: Sequence[tuple[int, int, int]],
    *,
    width: int | None = None,
    left: int = 0,
    local: Sequence[tuple[int, int, int]] = (),
    transparent: int | None = None,
    background: int = 0,
    disposal: int = 0,
) -> bytes:
    """Build a GIF of one row, with four colors for the file and, if given, four others for the frame."""
    data = b"GIF89a" + struct.pack("<HHBBB", width or len(indices), 1, 0xF1, background, 0) + _table(colors)
    if transparent is not None or disposal:
        flags = disposal << 2 | (transparent is not None)
        data += b"\x21\xf9\x04" + bytes([flags, 0, 0, transparent or 0, 0])
    data += b"\x2c" + struct.pack("<4HB", left, 0, len(indices), 1, 0x81 if local else 0) + _table(local)
    clear, end, bits = 4, 5, 3  # cleared before each pixel, a code never grows longer
    codes = [code for index in indices for code in (clear, index)] + [end]
    value = sum(code << (bits * place) for place, code in enumerate(codes))
    pixels = value.to_bytes(-(-bits * len(codes) // 8), "little")
    return data + b"\2" + bytes([len(pixels)]) + pixels + b"\0;"


def gif_of(first: bytes, *others: bytes) -> bytes:
    """Join GIF files of `gif` to an animation with the size, colors and background of the first."""
    header = 13 + 3 * 4
    return first[:-1] + b"".join(other[header:-1] for other in others) + b";"


def avif_with(data: bytes, transformation: bytes) -> bytes:
    """Add an essential property, ``irot`` or ``imir`` with its value, to an AVIF of one item."""
    added = struct.pack(">L", 4 + len(transformation)) + transformation
    for box, growth in (
        (b"meta", len(added) + 1),
        (b"iprp", len(added) + 1),
        (b"ipco", len(added)),
        (b"ipma", 1),
    ):
        start = data.index(box) - 4
        size = int.from_bytes(data[start : start + 4])
        data = data[:start] + struct.pack(">L", size + growth) + data[start + 4 :]
    end, place, count = data.index(b"ipma") - 4, data.index(b"ipco") + 4, 1
    while place < end:
        place += int.from_bytes(data[place : place + 4])
        count += 1
    data = data[:end] + added + data[end:]
    listed = data.index(b"ipma") + 14  # after version, flags, number of items, and the item
    after = listed + 1 + data[listed]
    data = (
        data[:listed]
        + bytes([data[listed] + 1])
        + data[listed + 1 : after]
        + bytes([0x80 | count])
        + data[after:]
    )
    pixels = data.index(b"mdat") + 4
    old = struct.pack(">L", pixels - len(added) - 1)
    offset = data.index(old, data.index(b"iloc"))
    return data[:offset] + struct.pack(">L", pixels) + data[offset + 4 :]


def _table(colors: Sequence[tuple[int, int, int]]) -> bytes:
    return bytes(part for color in colors for part in color)
